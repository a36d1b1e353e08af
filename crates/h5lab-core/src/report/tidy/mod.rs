//! Tidy tables: a row a sample, a column a variable, for pandas, polars, R and spreadsheets.

mod columns;
mod csv;
mod parquet;

pub use columns::{COLUMNS, Column, Kind};
pub use csv::csv;
pub use parquet::{GROUP, parquet};

use crate::results::{Cell, Repeat, Results, Surroundings};

/// What a row is made of.
pub struct Row<'a> {
    results: &'a Results,
    cell: &'a Cell,
    /// The repeat and its number, counted from 1; `None` for a cell that has none.
    repeat: Option<(usize, &'a Repeat)>,
}

/// A value; unknown ones are `None`.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text.
    Text(Option<String>),
    /// A whole number.
    Whole(Option<i64>),
    /// A number.
    Number(Option<f64>),
    /// Yes or no.
    Truth(Option<bool>),
}

impl<'a> Row<'a> {
    fn around(&self) -> &'a Surroundings {
        self.results.around(self.cell)
    }

    fn fact(&self, name: &str) -> Option<String> {
        Some(self.around().get(name)).filter(|value| *value != "unknown").map(str::to_owned)
    }

    fn repeat(&self) -> Option<&'a Repeat> {
        self.repeat.map(|(_, repeat)| repeat)
    }
}

/// Every sample of every record, in order; a record without samples has one row.
pub fn rows(results: &Results) -> impl Iterator<Item = Row<'_>> {
    results.cells.iter().flat_map(move |cell| {
        let numbered = cell.repeats.iter().enumerate().map(|(index, repeat)| Some((index + 1, repeat)));
        let none = cell.repeats.is_empty().then_some(None);
        numbered.chain(none).map(move |repeat| Row { results, cell, repeat })
    })
}
