//! All results in a table.

use super::{Block, Material, Section, interval_cell, mib};
use crate::amplification::Amplification;
use crate::report::grid::{Grid, MOST_ROWS};
use crate::results::Cell;
use crate::stats::median;

pub(super) fn section(material: &Material<'_>) -> Option<Section> {
    let heads = [
        "file",
        "#line",
        "",
        "access",
        "method",
        "layout",
        "#ranks",
        "cache",
        "path",
        "#transfer MiB/s",
        "#95 % interval",
        "#n",
        "#total MiB/s",
        "#of ceiling",
        "#read ampl. comp/meas",
        "verified",
    ];
    let mut grid = Grid::large(&heads[unnamed(material)..]);
    let cells = &material.results.cells;
    for cell in cells.iter().take(MOST_ROWS) {
        grid.row(row(material, cell));
    }
    grid.left_out = cells.len() - grid.rows.len();
    let section = Section::new("results", "All results")
        .say("`line` is the record's line in its result file; of writes, the share of the ceiling is that of the bandwidth from transfer to close. Bandwidths are medians over the repeats; docs/method.md of h5lab defines every number.");
    section.show(Block::Table(grid)).unless_empty()
}

/// How many columns are left out: that of files, where there is one.
fn unnamed(material: &Material<'_>) -> usize {
    usize::from(material.results.sources.len() < 2)
}

fn row(material: &Material<'_>, cell: &Cell) -> Vec<String> {
    let e = &cell.experiment;
    let samples = cell.transfer();
    let outcome = match (&cell.failure, cell.verified) {
        (Some(why), _) => format!("FAILED: {why}"),
        (None, Some(true)) => "yes".into(),
        (None, Some(false)) => "NO".into(),
        (None, None) => "-".into(),
    };
    let all = vec![
        material.results.sources[cell.source].clone(),
        cell.line.to_string(),
        if cell.reads() { "read" } else { "write" }.into(),
        cell.access_word(),
        cell.method_word().into(),
        e.layout.to_string(),
        e.np.to_string(),
        if cell.reads() { cell.met_word() } else { cell.cache_word() }.into(),
        material.results.around(cell).get("path").to_owned(),
        mib(median(&samples)),
        interval_cell(&samples),
        samples.len().to_string(),
        mib(median(&cell.total())),
        cell.ceiling_share().map_or("-".into(), |share| format!("{:.0} %", share * 100.0)),
        cell.amplification.as_ref().map_or("-".into(), Amplification::to_string),
        outcome,
    ];
    all.into_iter().skip(unnamed(material)).collect()
}
