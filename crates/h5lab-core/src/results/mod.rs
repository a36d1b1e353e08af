//! What result files hold, digested: every record as a cell with its numbers, its surroundings told once.
//!
//! Records are taken one at a time and let go, so that a hundred thousand of them fit into memory.

mod cell;
mod foreign;
mod impossible;
mod lines;
mod passed;
#[cfg(test)]
pub(crate) mod sample;
mod surroundings;

pub(crate) use cell::rate;
pub use cell::{Cell, Repeat};
pub use foreign::Foreign;
pub use lines::Lines;
pub use surroundings::Surroundings;

use crate::explain::explain;
use crate::record::{Phases, Record, SCHEMA, Sample};
use crate::report::printable;
use crate::warning::{Warning, above_ceiling};
use foreign::Understood;
use passed::PassedOver;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

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
    /// The command lines that made them, each once; cells say which one is theirs.
    pub commands: Vec<Vec<String>>,
    /// What differs between machines, libraries and file systems; cells say which one is theirs.
    pub surroundings: Vec<Surroundings>,
    /// What the records warn of, each once, but for bandwidths above the ceiling.
    warnings: Vec<String>,
    /// Of those, how many there are, and the least and the most, as shares of the ceiling.
    above_ceiling: Option<(usize, f64, f64)>,
    /// Names that only a newer h5lab knows.
    unknown: BTreeSet<String>,
    /// Where surroundings and commands stand.
    places: [Places; 2],
    /// What was wrong with the files.
    passed_over: PassedOver,
    /// Settings that the libraries report to be in force, the file driver among them, and their different values.
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
    /// Seconds that all ranks together waited for the slowest one.
    seconds: f64,
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
        match Digest::of(line, &mut record.clone()) {
            Ok(digest) => self.add(line, digest),
            Err(why) => self.skip(line, &why),
        }
    }

    /// Takes what [`Lines::digest`] made of a record: as [`Results::take`], with the work done elsewhere.
    pub fn add(&mut self, line: usize, digest: Digest) {
        self.unknown.extend(digest.unknown.into_iter().take(TOLD.saturating_sub(self.unknown.len())));
        for share in digest.above_ceiling {
            let (count, least, most) = self.above_ceiling.unwrap_or((0, share, share));
            self.above_ceiling = Some((count + 1, least.min(share), most.max(share)));
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
            && self.waiting.as_ref().is_none_or(|known| waiting.seconds > known.seconds)
        {
            self.waiting = Some(Waiting { cell: index, ..waiting });
        }
        let mut cell = digest.cell;
        (cell.line, cell.source) = (line, self.sources.len().saturating_sub(1));
        cell.surroundings = self.places[0].of(&mut self.surroundings, digest.surroundings);
        cell.command = self.places[1].of(&mut self.commands, digest.command);
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
        let mut all: Vec<String> = passed.iter().map(|text| printable(text)).collect();
        if !self.unknown.is_empty() {
            let names: Vec<&str> = self.unknown.iter().map(String::as_str).collect();
            all.push(format!(
                "records of a newer h5lab have names that this one does not know, and shows as they stand: {}",
                names.join(", ")
            ));
        }
        all
    }

    /// What the records warn of, each once: sentences without their full stops.
    pub fn warnings(&self) -> Vec<String> {
        let above = self.above_ceiling.map(|(count, least, most)| above_ceiling(count, least, most));
        self.warnings.iter().cloned().chain(above).collect()
    }

    /// What surrounded a cell.
    pub fn around(&self, cell: &Cell) -> &Surroundings {
        &self.surroundings[cell.surroundings]
    }

    /// The cells with samples that can be trusted: neither failed nor wrong.
    pub fn sound(&self) -> impl Iterator<Item = &Cell> {
        self.cells.iter().filter(|cell| cell.is_sound())
    }
}

/// Where things stand in a list that has each once.
#[derive(Clone, Debug, Default)]
struct Places {
    by_hash: HashMap<u64, usize>,
    /// The places that were asked for last: most often it is one of them again.
    recent: [usize; 4],
}

impl Places {
    /// The place of one in its list, to which it is added if it is new.
    fn of<T: Hash + PartialEq>(&mut self, list: &mut Vec<T>, one: T) -> usize {
        if let Some(known) = self.recent.into_iter().find(|place| list.get(*place) == Some(&one)) {
            return known;
        }
        let mut hasher = DefaultHasher::new();
        one.hash(&mut hasher);
        let place = self.by_hash.entry(hasher.finish()).or_insert(list.len());
        if list.get(*place) != Some(&one) {
            // New, or of one hash with another.
            *place = list.len();
            list.push(one);
        }
        self.recent.rotate_right(1);
        self.recent[0] = *place;
        *place
    }
}

/// What results keep of a record. Making it is most of the work, and needs nothing but the record: cores can share it.
pub struct Digest {
    cell: Cell,
    command: Vec<String>,
    surroundings: Surroundings,
    warnings: Vec<String>,
    above_ceiling: Vec<f64>,
    in_force: Vec<(String, String)>,
    waiting: Option<Waiting>,
    /// Names that only a newer h5lab knows.
    unknown: Vec<String>,
}

/// Whether records of this version of the format can be read.
///
/// # Errors
/// Why they are passed over: a key of theirs means something else.
fn check_schema(schema: u32) -> Result<(), String> {
    match schema {
        SCHEMA => Ok(()),
        other => {
            Err(format!("it is of record format {other}, and this h5lab reads {SCHEMA}: use the h5lab that wrote it"))
        }
    }
}

impl Digest {
    /// Digests the record of a line, out of which it takes what it keeps. Those of the first lines are explained in words.
    ///
    /// # Errors
    /// Why the record cannot be: nobody measured it.
    fn of(line: usize, record: &mut Record) -> Result<Self, String> {
        check_schema(record.schema)?;
        if let Some(why) = impossible::why(record) {
            return Err(why);
        }
        let explanations = if line <= EXPLAINED { explain(record) } else { Vec::new() };
        let share = |warning: &Warning| if let Warning::AboveCeiling { share } = warning { Some(*share) } else { None };
        let above_ceiling = record.warnings.iter().filter_map(share).collect();
        let others = record.warnings.iter().filter(|warning| share(warning).is_none());
        let warnings = others.map(|warning| printable(&warning.to_string())).collect();
        let surroundings = Surroundings::of(record);
        let cell = Cell { explanations, ..Cell::of(record) };
        let waiting = longest_waiting(record);
        let driver = Some(std::mem::take(&mut record.actual.driver)).filter(|driver| !driver.is_empty());
        let driver = driver.map(|driver| ("file driver".to_owned(), driver));
        let settings = std::mem::take(&mut record.actual.in_force);
        Ok(Digest {
            cell,
            command: std::mem::take(&mut record.command),
            surroundings,
            warnings,
            above_ceiling,
            in_force: driver.into_iter().chain(settings).collect(),
            waiting,
            unknown: Vec::new(),
        })
    }

    /// The same of a record with names that are not known here. What depends on their meaning is left out.
    ///
    /// # Errors
    /// As [`Digest::of`].
    fn of_foreign(line: usize, mut found: Understood) -> Result<Self, String> {
        let mut digest = Digest::of(line, &mut found.record)?;
        let cell = &mut digest.cell;
        if found.foreign.is_some() {
            cell.explanations.clear();
            cell.amplification = cell.amplification.filter(|_| found.record.computed.is_some());
        }
        cell.foreign = found.foreign;
        digest.warnings.extend(found.warnings);
        digest.unknown = found.names;
        Ok(digest)
    }
}

/// The repeat in which the ranks of a record waited longest; the first of several. Takes the ranks' times out of the record.
fn longest_waiting(record: &mut Record) -> Option<Waiting> {
    if record.experiment.np < 2 || record.failure.is_some() || !record.experiment.method.is_hdf5() {
        return None;
    }
    let several = record.samples.iter().enumerate().filter(|(_, sample)| sample.ranks.len() > 1);
    let waited = several.map(|(number, sample)| (number, waiting_seconds(sample)));
    let (number, seconds) = waited.reduce(|a, b| if b.1 > a.1 { b } else { a })?;
    let repeats = record.samples.iter_mut().map(|sample| std::mem::take(&mut sample.ranks)).collect();
    Some(Waiting { cell: 0, repeat: number + 1, repeats, seconds })
}

/// Seconds that all ranks together waited for the slowest rank of each phase, from open to close.
fn waiting_seconds(sample: &Sample) -> f64 {
    let slowest: f64 = sample.slowest().seconds().iter().sum();
    let busy: f64 = sample.ranks.iter().flat_map(|rank| rank.seconds()).sum();
    slowest * sample.ranks.len() as f64 - busy
}
