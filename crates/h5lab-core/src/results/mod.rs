//! What result files hold, digested: every record as a cell with its numbers, its surroundings told once.
//!
//! Records are taken one at a time and let go, so that a hundred thousand of them fit into memory.

mod cell;
#[cfg(test)]
pub(crate) mod sample;
mod surroundings;

pub(crate) use cell::rate;
pub use cell::{Cell, Repeat};
pub use surroundings::Surroundings;

use crate::explain::explain;
use crate::record::{Phases, Record, SCHEMA, Sample};
use crate::report::printable;
use std::collections::{BTreeMap, BTreeSet};

/// So many records get their explanations in words; of the others only the codes are kept. Computing them walks plans.
const EXPLAINED: usize = 200;
/// So many different warnings and remarks are kept.
const TOLD: usize = 50;

/// The records of some result files.
#[derive(Clone, Debug, Default)]
pub struct Results {
    /// The names of the files.
    pub sources: Vec<String>,
    /// The records, in the order in which they were read.
    pub cells: Vec<Cell>,
    /// What differs between machines, libraries and file systems; cells say which one is theirs.
    pub surroundings: Vec<Surroundings>,
    /// What the records warn of, each once.
    pub warnings: Vec<String>,
    /// What was wrong with the files.
    pub remarks: Vec<String>,
    /// Settings that the libraries report to be in force, and their different values.
    pub in_force: BTreeMap<String, BTreeSet<String>>,
    /// The repeat in which ranks waited longest for another one.
    pub waiting: Option<Waiting>,
}

/// One repeat of one record, rank by rank.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// Whose it is.
    pub cell: usize,
    /// Which repeat, counted from 1.
    pub repeat: usize,
    /// Seconds of each rank in each phase, rank 0 first.
    pub ranks: Vec<Phases>,
    /// Share of all ranks' time that was spent on waiting for the slowest one.
    share: f64,
}

impl Results {
    /// Nothing yet.
    pub fn new() -> Self {
        Results::default()
    }

    /// Begins a file: the records that follow are its.
    pub fn source(&mut self, name: impl Into<String>) {
        self.sources.push(name.into());
    }

    /// Takes the record of a line of the file that was begun last; lines are counted from 1.
    pub fn take(&mut self, line: usize, record: &Record) {
        let source = self.sources.len().saturating_sub(1);
        if record.schema > SCHEMA {
            self.remark(format!(
                "record of format {}, newer than this h5lab's {SCHEMA}: parts may be missed",
                record.schema
            ));
        }
        let surroundings = self.intern(Surroundings::of(record));
        let mut cell = Cell::of(record, source, line, surroundings);
        if self.cells.len() < EXPLAINED {
            cell.explanations = explain(record);
        }
        for warning in record.warnings.iter().map(|w| printable(&w.to_string())) {
            if self.warnings.len() < TOLD && !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
        for (name, value) in &record.actual.in_force {
            let values = self.in_force.entry(name.clone()).or_default();
            if values.len() < TOLD {
                values.insert(value.clone());
            }
        }
        self.notice_waiting(record);
        self.cells.push(cell);
    }

    /// Takes note of a line that is no record.
    pub fn skip(&mut self, line: usize, why: &str) {
        let source = self.sources.last().map_or("", String::as_str);
        self.remark(format!("{source}, line {line}: passed over: {why}"));
    }

    /// Takes note of something that the reader should know.
    pub fn remark(&mut self, text: String) {
        let text = printable(&text);
        if self.remarks.len() < TOLD && !self.remarks.contains(&text) {
            self.remarks.push(text);
        }
    }

    /// What surrounded a cell.
    pub fn around(&self, cell: &Cell) -> &Surroundings {
        &self.surroundings[cell.surroundings]
    }

    /// The cells with samples that can be trusted: neither failed nor wrong.
    pub fn sound(&self) -> impl Iterator<Item = &Cell> {
        self.cells.iter().filter(|cell| cell.is_sound())
    }

    fn intern(&mut self, surroundings: Surroundings) -> usize {
        // Most often those of the record before.
        let known = self.surroundings.iter().rposition(|known| *known == surroundings);
        known.unwrap_or_else(|| {
            self.surroundings.push(surroundings);
            self.surroundings.len() - 1
        })
    }

    fn notice_waiting(&mut self, record: &Record) {
        let hdf5 = record.experiment.method.is_hdf5();
        if record.experiment.np < 2 || record.failure.is_some() || !hdf5 {
            return;
        }
        for (number, sample) in record.samples.iter().enumerate() {
            let share = waiting_share(sample);
            if self.waiting.as_ref().is_none_or(|w| share > w.share) && sample.ranks.len() > 1 {
                let (cell, ranks) = (self.cells.len(), sample.ranks.clone());
                self.waiting = Some(Waiting { cell, repeat: number + 1, ranks, share });
            }
        }
    }
}

/// Share of all ranks' time from open to close that went by waiting for the slowest rank of each phase.
fn waiting_share(sample: &Sample) -> f64 {
    let slowest: f64 = sample.slowest().seconds().iter().sum();
    let busy: f64 = sample.ranks.iter().flat_map(|rank| rank.seconds()).sum();
    let all = slowest * sample.ranks.len() as f64;
    if all > 0.0 { 1.0 - busy / all } else { 0.0 }
}
