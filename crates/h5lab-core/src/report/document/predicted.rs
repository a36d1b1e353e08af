//! Predicted against measured time: how far the cost model can be trusted here.

use super::{Material, Section, told};
use crate::report::figure::{Axis, Chart, Figure, Line, Point};
use crate::report::grid::Grid;
use crate::report::{seconds, significant};
use crate::results::Cell;
use crate::stats::median;

pub(super) fn section(material: &Material<'_>) -> Option<Section> {
    let cells: Vec<(&Cell, f64, f64)> = material
        .sound
        .iter()
        .filter_map(|cell| {
            Some((*cell, cell.predicted.filter(|p| *p > 0.0)?, Some(cell.phases().transfer).filter(|s| *s > 0.0)?))
        })
        .take(500)
        .collect();
    if cells.is_empty() {
        return None;
    }
    let factors: Vec<f64> = cells.iter().map(|(_, p, m)| (p / m).max(m / p)).collect();
    let typical = significant(median(&factors)?);
    let mut table = Grid::new(&["cell", "#predicted s", "#measured s", "#predicted / measured"]);
    for (cell, predicted, measured) in &cells {
        table.row([
            material.labels.label(cell),
            seconds(*predicted),
            seconds(*measured),
            significant(predicted / measured),
        ]);
    }
    let both = cells.iter().flat_map(|(_, p, m)| [*p, *m]);
    let (low, high) = both.fold((f64::MAX, 0.0f64), |(low, high), v| (low.min(v), high.max(v)));
    let end = |at: f64| Point { x: at, y: at, interval: None, hover: "as predicted".into() };
    let figure = Figure {
        id: "predicted".into(),
        title: "Predicted against measured".into(),
        alt: format!(
            "Predicted against measured seconds of {} cells; typically off by a factor of {typical}.",
            cells.len()
        ),
        chart: Chart::Points {
            x: Axis::log("measured transfer (s)"),
            y: Axis::log("predicted transfer (s)"),
            groups: groups(material, &cells),
            guide: Some(Line { name: "as predicted".into(), dashed: true, points: vec![end(low), end(high)] }),
        },
        table,
    };
    let section = Section::new("predicted", "Predicted against measured");
    Some(
        section
            .say(format!(
                "Seconds of the transfer. Half of the predictions are off by a factor of less than {typical}."
            ))
            .figures([figure]),
    )
}

fn groups(material: &Material<'_>, cells: &[(&Cell, f64, f64)]) -> Vec<Line> {
    let mut groups: Vec<Line> = Vec::new();
    for (cell, predicted, measured) in cells {
        let name = if cell.reads() { format!("read, {}", cell.cache_word()) } else { "write".into() };
        let label = material.labels.label(cell);
        let samples: Vec<f64> = cell.repeats.iter().map(|repeat| repeat.phases.transfer).collect();
        let hover = format!("{label}\npredicted {} s\nmeasured: {}", seconds(*predicted), told(&samples, "s"));
        let point = Point { x: *measured, y: *predicted, interval: None, hover };
        match groups.iter_mut().find(|group| group.name == name) {
            Some(group) => group.points.push(point),
            None => groups.push(Line { name, dashed: false, points: vec![point] }),
        }
    }
    groups
}
