//! A record without what only one of its kind needs: what was measured, and the numbers.

use super::Foreign;
use crate::amplification::Amplification;
use crate::experiment::{CacheWanted, Direction, Experiment};
use crate::explain::{Code, Explanation};
use crate::record::{CacheState, MIB, Phases, Record, Sample, Verification};
use crate::stats;
use std::path::PathBuf;

/// One repeat.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Repeat {
    /// How long each phase took.
    pub phases: Phases,
    /// Share of the file's pages in the page cache before the open; unknown is `None`.
    pub resident: Option<f64>,
    /// Bytes that read calls returned to all ranks; `None` if it was not counted.
    pub read_bytes: Option<u64>,
}

/// A record, digested.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Index of its file among the sources.
    pub source: usize,
    /// Its line there, counted from 1.
    pub line: usize,
    /// When it was made.
    pub created: String,
    /// Index of the command line that made it.
    pub command: usize,
    /// What was asked for.
    pub experiment: Experiment,
    /// Names in it that only a newer h5lab knows: [`Cell::method_word`] and the like have them.
    pub foreign: Option<Box<Foreign>>,
    /// The folder that was measured in.
    pub folder: PathBuf,
    /// Index of what surrounded it.
    pub surroundings: usize,
    /// Logical bytes that all ranks asked for in one repeat.
    pub bytes: u64,
    /// Every repeat, in order.
    pub repeats: Vec<Repeat>,
    /// Bandwidths of the ceiling, MiB/s, a repeat each; empty if it was not measured.
    pub ceiling: Vec<f64>,
    /// State of the page cache that it met.
    pub cache: CacheState,
    /// Whether the values were checked, and what came out.
    pub verified: Option<bool>,
    /// Why it failed, in a line.
    pub failure: Option<String>,
    /// Bytes that the dataset takes in the file.
    pub stored_bytes: Option<u64>,
    /// Size of the file.
    pub file_bytes: Option<u64>,
    /// Bytes read for bytes asked, of a read.
    pub amplification: Option<Amplification>,
    /// Seconds of transfer that were predicted before it was measured.
    pub predicted: Option<f64>,
    /// Codes of what explains the numbers.
    pub codes: Vec<Code>,
    /// The same in words, of the first cells.
    pub explanations: Vec<Explanation>,
}

impl Cell {
    /// Of a record, out of which it takes what it keeps; where that stands, and what surrounded it, is for the results to say.
    pub(super) fn of(record: &mut Record) -> Self {
        let (bytes, direction) = (record.bytes_asked(), record.experiment.direction);
        let ceiling = record.ceiling.as_ref().map_or_else(Vec::new, |ceiling| {
            ceiling.samples.iter().filter_map(|s| rate(ceiling.bytes, moving(direction, &s.duration()))).collect()
        });
        let code = |name: &String| Code::ALL.into_iter().find(|code| code.name() == name);
        Cell {
            source: 0,
            line: 0,
            folder: folder(record),
            surroundings: 0,
            bytes,
            repeats: record.samples.iter().map(Repeat::of).collect(),
            ceiling,
            cache: record.cache_state(),
            verified: match record.verification {
                Verification::Passed => Some(true),
                Verification::Failed { .. } => Some(false),
                Verification::NotRead | Verification::NothingToCompare => None,
            },
            failure: record.failure.as_ref().map(|f| f.message.lines().next().unwrap_or("failed").to_owned()),
            stored_bytes: record.stored_bytes,
            file_bytes: record.file_bytes,
            amplification: Amplification::of(record),
            predicted: record.predicted,
            codes: record.explained_by.iter().filter_map(code).collect(),
            explanations: Vec::new(),
            command: 0,
            foreign: None,
            created: std::mem::take(&mut record.created),
            experiment: record.experiment.clone(),
        }
    }

    /// Whether its numbers can be trusted: measured, and not of wrong values.
    pub fn is_sound(&self) -> bool {
        self.failure.is_none() && self.verified != Some(false) && !self.repeats.is_empty()
    }

    /// Whether bytes were read.
    pub fn reads(&self) -> bool {
        self.experiment.direction == Direction::Read
    }

    /// Whether its files are HDF5, as are those of a method that is not known here, most likely.
    pub fn is_hdf5(&self) -> bool {
        self.experiment.method.is_hdf5()
    }

    /// The method's name.
    pub fn method_word(&self) -> &str {
        let foreign = self.foreign.as_ref().and_then(|foreign| foreign.method.as_deref());
        foreign.unwrap_or_else(|| self.experiment.method.name())
    }

    /// The access, in words.
    pub fn access_word(&self) -> String {
        let foreign = self.foreign.as_ref().and_then(|foreign| foreign.access.clone());
        foreign.unwrap_or_else(|| self.experiment.access.to_string())
    }

    /// Transfer bandwidth of every repeat, MiB/s.
    pub fn transfer(&self) -> Vec<f64> {
        self.repeats.iter().filter_map(|r| rate(self.bytes, r.phases.transfer)).collect()
    }

    /// What cells are ranked by: the bandwidth at which bytes moved in every repeat, MiB/s. Of a read that is its transfer's;
    /// of a write the one from the transfer's begin to the end of the close, since a chunk may stay in HDF5's chunk cache, and
    /// be filtered and written only then.
    pub fn bandwidth(&self) -> Vec<f64> {
        self.repeats.iter().filter_map(|r| self.bandwidth_of(r)).collect()
    }

    /// That of one repeat.
    pub fn bandwidth_of(&self, repeat: &Repeat) -> Option<f64> {
        rate(self.bytes, moving(self.experiment.direction, &repeat.phases))
    }

    /// Bandwidth from open to close of every repeat, MiB/s.
    pub fn total(&self) -> Vec<f64> {
        self.repeats.iter().filter_map(|r| rate(self.bytes, r.seconds())).collect()
    }

    /// Median of the ceiling's bandwidths, MiB/s.
    pub fn ceiling(&self) -> Option<f64> {
        stats::median(&self.ceiling)
    }

    /// Median bandwidth as a share of the ceiling's.
    pub fn ceiling_share(&self) -> Option<f64> {
        Some(stats::median(&self.bandwidth())? / self.ceiling()?)
    }

    /// Median over the repeats of each phase's duration.
    pub fn phases(&self) -> Phases {
        let of = |pick: fn(&Phases) -> f64| {
            stats::median(&self.repeats.iter().map(|r| pick(&r.phases)).collect::<Vec<_>>()).unwrap_or(0.0)
        };
        Phases { open: of(|p| p.open), transfer: of(|p| p.transfer), flush: of(|p| p.flush), close: of(|p| p.close) }
    }

    /// Median seconds from open to close.
    pub fn seconds(&self) -> Option<f64> {
        stats::median(&self.repeats.iter().map(Repeat::seconds).collect::<Vec<_>>())
    }

    /// The page cache in a word: of a read, what was asked for if it met that, or else what it met; of a write, where it
    /// ended.
    pub fn cache_word(&self) -> &'static str {
        match (self.experiment.direction, self.experiment.cache) {
            (Direction::Write, _) if self.experiment.fsync => "fsynced",
            (Direction::Write, _) => "not fsynced",
            (_, CacheWanted::Warm) => "warm",
            // As on a file system that lives in memory.
            (_, CacheWanted::Cold) if matches!(self.cache, CacheState::Warm(_) | CacheState::Mixed(_)) => "not cold",
            (_, CacheWanted::Cold) => "cold",
            (_, CacheWanted::AsFound) => self.met_word(),
        }
    }

    /// The state of the page cache that was met, in a word.
    pub fn met_word(&self) -> &'static str {
        match self.cache {
            CacheState::Cold(_) => "cold",
            CacheState::Warm(_) => "warm",
            CacheState::Mixed(_) => "partly cached",
            CacheState::Unverified => "unverified",
        }
    }

    /// The dataset's size in words: `180x540x640 u16`.
    pub fn size_word(&self) -> String {
        format!("{} {}", self.experiment.dataset.shape, self.experiment.dataset.dtype)
    }

    /// The kind of data in a word, or two.
    pub fn data_word(&self) -> String {
        let dataset = &self.experiment.dataset;
        match (&dataset.data, &dataset.from) {
            (Some(data), _) => data.kind.to_string(),
            (None, Some(_)) => "from a file".into(),
            (None, None) => "of somebody else".into(),
        }
    }
}

impl Repeat {
    fn of(sample: &Sample) -> Self {
        let counted = (!sample.counters.is_empty()).then(|| sample.counters.iter().map(|c| c.read_bytes).sum());
        Repeat { phases: sample.duration(), resident: sample.resident, read_bytes: counted }
    }

    /// Seconds from open to close.
    pub fn seconds(&self) -> f64 {
        self.phases.seconds().iter().sum()
    }
}

/// Seconds in which bytes moved: see [`Cell::bandwidth`].
fn moving(direction: Direction, phases: &Phases) -> f64 {
    match direction {
        Direction::Read => phases.transfer,
        Direction::Write => phases.transfer + phases.flush + phases.close,
    }
}

/// MiB/s; `None` where no time went by.
pub(crate) fn rate(bytes: u64, seconds: f64) -> Option<f64> {
    (seconds > 0.0).then(|| bytes as f64 / MIB / seconds)
}

/// The folder that a record was measured in: some commands name a file in it, the others the folder itself.
pub(super) fn folder(record: &Record) -> PathBuf {
    let names_a_file = matches!(record.command.get(1).map(String::as_str), Some("write" | "read" | "chunking"));
    match record.file.parent() {
        Some(parent) if names_a_file => parent.to_owned(),
        _ => record.file.clone(),
    }
}
