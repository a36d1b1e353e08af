//! All results in a table.

use super::{Block, Material, Section, interval_cell, mib};
use crate::amplification::Amplification;
use crate::compare::Dimension;
use crate::report::grid::{Grid, MOST_ROWS};
use crate::results::Cell;
use crate::stats::median;

/// What the column of settings has: what else is set, and of the rest what differs between cells.
const SETTINGS: [Dimension; 4] = [Dimension::Settings, Dimension::Data, Dimension::Split, Dimension::Buffer];

/// A column: its heading, and what it has of a cell.
type Column<'a> = (&'static str, Box<dyn Fn(&Cell) -> String + 'a>);

pub(super) fn section(material: &Material<'_>) -> Option<Section> {
    let columns = columns(material);
    let heads: Vec<&str> = columns.iter().map(|(head, _)| *head).collect();
    let mut grid = Grid::large(&heads);
    let cells = &material.results.cells;
    for cell in cells.iter().take(MOST_ROWS) {
        grid.row(columns.iter().map(|(_, of)| of(cell)));
    }
    grid.left_out = cells.len() - grid.rows.len();
    let section = Section::new("results", "All results")
        .say("`line` is the record's line in its result file; of writes, the share of the ceiling is that of the bandwidth from transfer to close. Bandwidths are medians over the repeats; docs/method.md of h5lab defines every number.");
    section.show(Block::Table(grid)).unless_empty()
}

/// The columns. Those of files, shapes and settings only where there is something to tell apart.
fn columns<'a>(material: &'a Material<'_>) -> Vec<Column<'a>> {
    let (results, labels) = (material.results, &material.labels);
    let mut columns: Vec<Column<'a>> = Vec::new();
    let mut add = |shown: bool, head, of: Box<dyn Fn(&Cell) -> String + 'a>| {
        if shown {
            columns.push((head, of));
        }
    };
    let settings = move |cell: &Cell| labels.only(cell, &SETTINGS);
    let size = |cell: &'a Cell| (&cell.experiment.dataset.shape, cell.experiment.dataset.dtype);
    let sizes = results.cells.iter().any(|cell| size(cell) != size(&results.cells[0]));
    add(results.sources.len() > 1, "file", Box::new(|c| results.sources[c.source].clone()));
    add(true, "#line", Box::new(|c| c.line.to_string()));
    add(true, "", Box::new(|c| if c.reads() { "read" } else { "write" }.into()));
    add(true, "access", Box::new(Cell::access_word));
    add(true, "method", Box::new(|c| c.method_word().into()));
    add(true, "layout", Box::new(|c| c.experiment.layout.to_string()));
    add(sizes, "shape", Box::new(Cell::size_word));
    add(results.cells.iter().any(|c| !settings(c).is_empty()), "settings", Box::new(settings));
    add(true, "#ranks", Box::new(|c| c.experiment.np.to_string()));
    add(true, "cache", Box::new(|c| c.cache_word().into()));
    add(true, "path", Box::new(|c| results.around(c).get("path").to_owned()));
    add(true, "#transfer MiB/s", Box::new(|c| mib(median(&c.transfer()))));
    add(true, "#95 % interval", Box::new(|c| interval_cell(&c.transfer())));
    add(true, "#n", Box::new(|c| c.transfer().len().to_string()));
    add(true, "#total MiB/s", Box::new(|c| mib(median(&c.total()))));
    add(true, "#of ceiling", Box::new(|c| c.ceiling_share().map_or("-".into(), |s| format!("{:.0} %", s * 100.0))));
    let amplification = |c: &Cell| c.amplification.as_ref().map_or("-".into(), Amplification::to_string);
    add(true, "#read ampl. comp/meas", Box::new(amplification));
    add(true, "verified", Box::new(outcome));
    columns
}

/// Whether the values of a cell were right, or why it failed.
fn outcome(cell: &Cell) -> String {
    match (&cell.failure, cell.verified) {
        (Some(why), _) => format!("FAILED: {why}"),
        (None, Some(true)) => "yes".into(),
        (None, Some(false)) => "NO".into(),
        (None, None) => "-".into(),
    }
}
