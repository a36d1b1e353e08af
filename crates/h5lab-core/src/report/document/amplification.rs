//! Read amplification: bytes read for each byte asked for, computed and measured.

use super::{Material, Section, told};
use crate::amplification::Amplification;
use crate::report::figure::{Axis, Bars, Chart, Figure};
use crate::report::grid::Grid;
use crate::report::significant;
use crate::results::Cell;

/// So many cells are drawn: those that read most in vain.
const MOST: usize = 20;
/// What is read but for the index of chunks and the like is no amplification to draw.
const LEAST: f64 = 1.05;

pub(super) fn section(material: &Material<'_>) -> Option<Section> {
    let most = |a: &Amplification| a.computed.unwrap_or(0.0).max(a.measured.unwrap_or(0.0));
    let mut cells: Vec<(&Cell, Amplification)> = material
        .sound
        .iter()
        .filter_map(|cell| Some((*cell, cell.amplification?)))
        .filter(|(_, a)| most(a) > LEAST)
        .collect();
    cells.sort_by(|(_, a), (_, b)| most(b).total_cmp(&most(a)));
    cells.truncate(MOST);
    let (first, _) = cells.first()?;
    let rows: Vec<String> = cells.iter().map(|(cell, _)| material.labels.label(cell)).collect();
    let series = |name: &str, of: fn(&Amplification) -> Option<f64>, hover: fn(&Cell, &Amplification) -> String| Bars {
        name: name.into(),
        values: cells.iter().map(|(_, a)| of(a)).collect(),
        hover: cells.iter().zip(&rows).map(|((cell, a), row)| format!("{row}\n{name}: {}", hover(cell, a))).collect(),
        idle: false,
    };
    let mut table = Grid::new(&["cell", "#computed", "#measured"]);
    for ((_, a), row) in cells.iter().zip(&rows) {
        let about = if a.extrapolated { "~" } else { "" };
        let number = |value: Option<f64>| value.map_or("-".into(), significant);
        table.row([row.clone(), format!("{about}{}", number(a.computed)), number(a.measured)]);
    }
    let figure = Figure {
        id: "read-amplification".into(),
        title: "Read amplification".into(),
        alt: format!(
            "Bytes read for each byte asked for, computed and measured. Most for {}.",
            material.labels.label(first)
        ),
        chart: Chart::Bars {
            value: Axis::linear("bytes read for each byte asked for"),
            row: "cell",
            series: vec![
                series("computed from the plan", |a| a.computed, |_, a| a.computed.map_or("-".into(), significant)),
                series("measured", |a| a.measured, |cell, _| told(&measured(cell), "")),
            ],
            rows,
            stacked: false,
        },
        table,
    };
    let section = Section::new("amplification", "Read amplification");
    Some(section.say("1 is best. What lies above it was read in vain: whole chunks for a part of them, chunks that fell out of the cache.").figures([figure]))
}

/// Bytes that were read for each byte asked for, a repeat each.
fn measured(cell: &Cell) -> Vec<f64> {
    let read = cell.repeats.iter().filter_map(|repeat| repeat.read_bytes);
    read.map(|bytes| bytes as f64 / cell.bytes as f64).collect()
}
