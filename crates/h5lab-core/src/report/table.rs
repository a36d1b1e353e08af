//! Aligned tables: one row a measurement.

use super::{bytes, seconds, significant};
use crate::experiment::Direction;
use crate::record::{CacheState, Record, Verification, scaling};
use comfy_table::{CellAlignment, ContentArrangement, presets};

/// An aligned table: column heads, then rows; numbers to the right.
#[derive(Clone, Debug, Default)]
pub struct Table {
    heads: Vec<String>,
    left: Vec<bool>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without columns.
    pub fn new() -> Self {
        Table::default()
    }

    /// Adds a column of numbers; a line break in its head makes a second head line.
    pub fn number(mut self, head: &str) -> Self {
        self.heads.push(head.to_owned());
        self.left.push(false);
        self
    }

    /// Adds a column of words.
    pub fn word(mut self, head: &str) -> Self {
        self.heads.push(head.to_owned());
        self.left.push(true);
        self
    }

    /// Adds a row; as many cells as there are columns.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The table as lines, without trailing blanks.
    pub fn render(&self) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(&self.heads);
        for row in &self.rows {
            table.add_row(row);
        }
        for (index, left) in self.left.iter().enumerate() {
            if let Some(column) = table.column_mut(index) {
                column.set_cell_alignment(if *left { CellAlignment::Left } else { CellAlignment::Right });
            }
        }
        table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
    }
}

/// The table of `write` and `read`: a row a rank count; each phase as slowest rank / median rank.
///
/// The flush is shown where one was asked for; speed-up and efficiency where there is more than one rank count.
pub fn measurement_table(records: &[Record]) -> String {
    let flushed = records.iter().any(|r| r.experiment.fsync);
    let several = records.iter().any(|r| r.experiment.np != records[0].experiment.np);
    let mut table = Table::new().number("\nnp").number("logical\nsize").number("open s\nslow/med");
    table = table.number("transfer s\nslow/med");
    if flushed {
        table = table.number("flush s\nslow/med");
    }
    table =
        table.number("close s\nslow/med").number("transfer\nMiB/s").number("total\nMiB/s").number("of posix\nceiling");
    if several {
        table = table.number("speed\nup").number("effi-\nciency");
    }
    table = table.word("\nverified").word("\ncache");
    for (record, scale) in records.iter().zip(scaling(records)) {
        table.row(measurement_row(record, scale, flushed, several));
    }
    table.render()
}

/// What explains each row of [`measurement_table`].
pub fn measurement_explanations(records: &[Record]) -> String {
    let rows: Vec<(String, &Record)> = records.iter().map(|r| (format!("np {}", r.experiment.np), r)).collect();
    super::why::why(&rows)
}

fn measurement_row(record: &Record, scale: Option<(f64, f64)>, flushed: bool, several: bool) -> Vec<String> {
    let (slowest, median) = (record.duration().seconds(), record.median_rank().seconds());
    let phase = |i: usize| match record.experiment.np {
        1 => seconds(slowest[i]),
        _ => format!("{}/{}", seconds(slowest[i]), seconds(median[i])),
    };
    let flush = if record.experiment.fsync { phase(2) } else { "-".into() };
    let rate = |value: Option<f64>| value.map_or("-".into(), super::rate);
    let mut cells =
        vec![record.experiment.np.to_string(), bytes(record.experiment.dataset.bytes()), phase(0), phase(1)];
    cells.extend(flushed.then_some(flush));
    cells.extend([phase(3), rate(record.transfer_bandwidth()), rate(record.total_bandwidth())]);
    cells.push(percent(record.ceiling_share()));
    if several {
        cells.push(scale.map_or("-".into(), |(speed_up, _)| significant(speed_up)));
        cells.push(percent(scale.map(|(_, efficiency)| efficiency)));
    }
    cells.extend([verified(&record.verification).to_owned(), cache(record)]);
    cells
}

fn percent(value: Option<f64>) -> String {
    value.map_or("-".into(), |v| format!("{:.0} %", v * 100.0))
}

/// The verification in a word.
pub(super) fn verified(verification: &Verification) -> &'static str {
    match verification {
        Verification::NotRead => "-",
        Verification::NothingToCompare => "no reference",
        Verification::Passed => "yes",
        Verification::Failed { .. } => "NO",
    }
}

/// The state of the page cache in a word or two: of a read, what it met; of a write, where it ended.
pub(super) fn cache(record: &Record) -> String {
    match (record.experiment.direction, record.cache_state()) {
        (Direction::Write, _) if record.experiment.fsync => "fsynced".into(),
        (Direction::Write, _) => "not fsynced".into(),
        (_, CacheState::Cold(_)) => "cold".into(),
        (_, CacheState::Warm(_)) => "warm".into(),
        (_, CacheState::Mixed(share)) => format!("{:.0} % cached", share * 100.0),
        (_, CacheState::Unverified) => "unverified".into(),
    }
}
