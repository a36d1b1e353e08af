//! Where the time goes: open, transfer, flush and close of each cell, stacked.

use super::{Material, Section, told};
use crate::record::Phases;
use crate::report::figure::{Axis, Bars, Chart, Figure};
use crate::report::grid::Grid;
use crate::report::seconds;
use crate::results::Cell;

/// So many cells are drawn: those that take longest.
const MOST: usize = 24;

pub(super) fn section(material: &Material<'_>) -> Option<Section> {
    let mut cells: Vec<(f64, &Cell)> =
        material.sound.iter().map(|cell| (cell.phases().seconds().iter().sum(), *cell)).collect();
    cells.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (all, cells) = (cells.len(), cells.into_iter().take(MOST).map(|(_, cell)| cell).collect::<Vec<_>>());
    let mut section = Section::new("phases", "Where the time goes")
        .say("Seconds of each phase: the median over the repeats of how long it took until the slowest rank was done.");
    if all > cells.len() {
        section = section.say(format!("The {} of {all} cells that take longest.", cells.len()));
    }
    (!cells.is_empty()).then(|| section.figures([figure(material, &cells)]))
}

fn figure(material: &Material<'_>, cells: &[&Cell]) -> Figure {
    let rows: Vec<String> = cells.iter().map(|cell| material.labels.label(cell)).collect();
    let phases: Vec<[f64; 4]> = cells.iter().map(|cell| cell.phases().seconds()).collect();
    let used = |phase: &usize| phases.iter().any(|p| p[*phase] > 0.0);
    let shown: Vec<usize> = (0..4).filter(used).collect();
    let series = shown.iter().map(|&phase| Bars {
        name: Phases::NAMES[phase].into(),
        values: phases.iter().map(|p| Some(p[phase])).collect(),
        hover: cells.iter().zip(&rows).map(|(cell, row)| hover(cell, row, phase)).collect(),
        idle: false,
    });
    let mut table = Grid::new(&["cell", "#open s", "#transfer s", "#flush s", "#close s", "#n"]);
    for ((cell, row), p) in cells.iter().zip(&rows).zip(&phases) {
        let times = p.iter().map(|s| seconds(*s));
        table.row(std::iter::once(row.clone()).chain(times).chain([cell.repeats.len().to_string()]));
    }
    let series: Vec<Bars> = series.collect();
    Figure {
        id: "phases".into(),
        title: "Phases: where the time goes".into(),
        alt: format!("Stacked bars of the seconds that {} take in {} cells.", names(&shown), rows.len()),
        chart: Chart::Bars { value: Axis::linear("time (s)"), row: "cell", rows, series, stacked: true },
        table,
    }
}

fn hover(cell: &Cell, row: &str, phase: usize) -> String {
    let samples: Vec<f64> = cell.repeats.iter().map(|repeat| repeat.phases.seconds()[phase]).collect();
    let whole = cell.seconds().map_or(String::new(), |whole| format!("\nfrom open to close {} s", seconds(whole)));
    format!("{row}\n{}: {}{whole}", Phases::NAMES[phase], told(&samples, "s"))
}

fn names(phases: &[usize]) -> String {
    phases.iter().map(|&phase| Phases::NAMES[phase]).collect::<Vec<_>>().join(", ")
}
