//! What result files hold, digested: every record as a cell with its numbers, its surroundings told once.
//!
//! Records are taken one at a time and let go, so that a hundred thousand of them fit into memory.

mod cell;
mod impossible;
mod passed;
#[cfg(test)]
pub(crate) mod sample;
mod surroundings;

pub(crate) use cell::rate;
pub use cell::{Cell, Repeat};
pub use surroundings::Surroundings;

use crate::explain::explain;
use crate::record::{Phases, Record, SCHEMA, Sample};
use crate::report::printable;
use passed::PassedOver;
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
    /// What else the reader should know.
    remarks: Vec<String>,
    /// What was wrong with the files.
    passed_over: PassedOver,
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
    /// Seconds of each rank in each phase, rank 0 first, of every repeat.
    pub repeats: Vec<Vec<Phases>>,
    /// Share of all ranks' time that was spent on waiting for the slowest one.
    share: f64,
}

impl Waiting {
    /// Seconds of each rank in each phase, rank 0 first, of this repeat.
    pub fn ranks(&self) -> &[Phases] {
        &self.repeats[self.repeat - 1]
    }
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
        match Digest::of(line, record) {
            Ok(digest) => self.add(line, digest),
            Err(why) => self.skip(line, &why),
        }
    }

    /// Takes what [`Digest::of`] made of a record: as [`Results::take`], with the work done elsewhere.
    pub fn add(&mut self, line: usize, digest: Digest) {
        if digest.schema > SCHEMA {
            self.remark(format!(
                "record of format {}, newer than this h5lab's {SCHEMA}: parts may be missed",
                digest.schema
            ));
        }
        for warning in digest.warnings {
            if self.warnings.len() < TOLD && !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
        for (name, value) in digest.in_force {
            let values = self.in_force.entry(name).or_default();
            if values.len() < TOLD {
                values.insert(value);
            }
        }
        let index = self.cells.len();
        if let Some(waiting) = digest.waiting
            && self.waiting.as_ref().is_none_or(|known| waiting.share > known.share)
        {
            self.waiting = Some(Waiting { cell: index, ..waiting });
        }
        let mut cell = digest.cell;
        (cell.line, cell.source) = (line, self.sources.len().saturating_sub(1));
        cell.surroundings = self.intern(digest.surroundings);
        if index >= EXPLAINED {
            cell.explanations.clear();
        }
        self.cells.push(cell);
    }

    /// Takes note of a line that is no record, or none that can be.
    pub fn skip(&mut self, line: usize, why: &str) {
        self.passed_over.add(self.sources.len().saturating_sub(1), line, why.to_owned());
    }

    /// What was wrong with the files, and what else the reader should know: sentences without their full stops.
    pub fn remarks(&self) -> Vec<String> {
        let passed = self.passed_over.told(&self.sources);
        passed.iter().map(|text| printable(text)).chain(self.remarks.iter().cloned()).collect()
    }

    /// Takes note of something that the reader should know.
    fn remark(&mut self, text: String) {
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
}

/// What results keep of a record. Making it is most of the work, and needs nothing but the record: cores can share it.
pub struct Digest {
    schema: u32,
    cell: Cell,
    surroundings: Surroundings,
    warnings: Vec<String>,
    in_force: Vec<(String, String)>,
    waiting: Option<Waiting>,
}

impl Digest {
    /// Digests the record of a line. Those of the first lines are explained in words.
    ///
    /// # Errors
    /// Why the record cannot be: nobody measured it.
    pub fn of(line: usize, record: &Record) -> Result<Self, String> {
        if let Some(why) = impossible::why(record) {
            return Err(why);
        }
        let mut cell = Cell::of(record);
        if line <= EXPLAINED {
            cell.explanations = explain(record);
        }
        Ok(Digest {
            schema: record.schema,
            cell,
            surroundings: Surroundings::of(record),
            warnings: record.warnings.iter().map(|w| printable(&w.to_string())).collect(),
            in_force: record.actual.in_force.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            waiting: longest_waiting(record),
        })
    }
}

/// The repeat in which the ranks of a record waited longest, as a share of their time; the first of several.
fn longest_waiting(record: &Record) -> Option<Waiting> {
    if record.experiment.np < 2 || record.failure.is_some() || !record.experiment.method.is_hdf5() {
        return None;
    }
    let several = record.samples.iter().enumerate().filter(|(_, sample)| sample.ranks.len() > 1);
    let shares = several.map(|(number, sample)| (number, waiting_share(sample)));
    let (number, share) = shares.reduce(|a, b| if b.1 > a.1 { b } else { a })?;
    let repeats = record.samples.iter().map(|sample| sample.ranks.clone()).collect();
    Some(Waiting { cell: 0, repeat: number + 1, repeats, share })
}

/// Share of all ranks' time from open to close that went by waiting for the slowest rank of each phase.
fn waiting_share(sample: &Sample) -> f64 {
    let slowest: f64 = sample.slowest().seconds().iter().sum();
    let busy: f64 = sample.ranks.iter().flat_map(|rank| rank.seconds()).sum();
    let all = slowest * sample.ranks.len() as f64;
    if all > 0.0 { 1.0 - busy / all } else { 0.0 }
}
