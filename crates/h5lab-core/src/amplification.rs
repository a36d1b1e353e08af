//! Read amplification: bytes read from a file for each byte asked for, computed from the plan and counted by the system.

use crate::experiment::{Direction, Experiment};
use crate::method::Method;
use crate::plan::Plan;
use crate::prediction::{Conditions, bytes_of_all_chunks, predict_all};
use crate::record::{Counters, Record};
use crate::report::significant;
use crate::stats;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What an experiment needs, computed without touching a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Computed {
    /// Chunks touched, each request counted by itself; 0 for a contiguous dataset.
    pub chunks_touched: u64,
    /// Logical bytes asked for.
    pub bytes_asked: u64,
    /// Bytes that must be read from the file: of chunks with filters as many as they take there, if that is known. `None`
    /// for writes, and for `subfiling`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_to_read: Option<u64>,
    /// Whether only the first part of `bytes_to_read` was simulated, and the rest taken to be alike.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub extrapolated: bool,
}

impl Computed {
    /// Computes it; `stored` are the bytes that the dataset takes in the file. Unknown, compressed chunks count with the
    /// size that they have before.
    pub fn of(experiment: &Experiment, conditions: &Conditions, stored: Option<u64>) -> Self {
        let demand = Plan::new(experiment).total();
        let prediction = predict_all(experiment, conditions);
        let chunked = experiment.layout != crate::layout::Layout::Contiguous && experiment.method.is_hdf5();
        Computed {
            chunks_touched: if chunked { demand.chunks_touched } else { 0 },
            bytes_asked: demand.bytes_asked,
            bytes_to_read: prediction.map(|p| in_file(experiment, p.bytes_to_read, stored)),
            extrapolated: prediction.is_some_and(|p| p.extrapolated),
        }
    }

    /// What the record has, or else what the same rules make of it.
    pub fn of_record(record: &Record) -> Self {
        let compute = || Computed::of(&record.experiment, &Conditions::met(record), record.stored_bytes);
        record.computed.unwrap_or_else(compute)
    }

    /// Bytes that must be read over bytes asked for.
    pub fn amplification(&self) -> Option<f64> {
        self.bytes_to_read.filter(|_| self.bytes_asked > 0).map(|bytes| bytes as f64 / self.bytes_asked as f64)
    }
}

/// Logical bytes of chunks as bytes of the file: compressed chunks take their even share of what all of them take.
fn in_file(experiment: &Experiment, logical: u64, stored: Option<u64>) -> u64 {
    match stored.filter(|_| !experiment.layout.filters().is_empty() && experiment.method.is_hdf5()) {
        Some(stored) => (logical as f64 * stored as f64 / bytes_of_all_chunks(experiment).max(1) as f64) as u64,
        None => logical,
    }
}

/// Bytes read over bytes asked for, both ways.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Amplification {
    /// Computed from plan, layout and caches.
    pub computed: Option<f64>,
    /// Whether `computed` is extrapolated.
    pub extrapolated: bool,
    /// What read calls returned to the ranks, metadata included; median over the repeats. `None` if it was not counted.
    pub measured: Option<f64>,
}

impl Amplification {
    /// That of a read; `None` for writes.
    pub fn of(record: &Record) -> Option<Self> {
        let computed = Computed::of_record(record);
        (record.experiment.direction == Direction::Read && !record.samples.is_empty()).then(|| Amplification {
            computed: computed.amplification(),
            extrapolated: computed.extrapolated,
            measured: measured(record, computed.bytes_asked),
        })
    }
}

/// Computed bytes are met by the counted ones up to this share; chunks with filters differ in size.
const TOLERANCE: f64 = 0.05;
const TOLERANCE_FILTERED: f64 = 0.10;
/// What a rank reads of a file's metadata besides the chunk index: heads of objects, in pieces of up to a few KiB.
const OTHER_METADATA: u64 = 4096;

/// What was counted beside what was computed, in bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reads {
    /// Of values, computed.
    pub computed: u64,
    /// Counted; median over the repeats.
    pub counted: u64,
    /// Most bytes of metadata that can be among the counted ones: the chunk index, and the heads of objects.
    pub metadata: u64,
    tolerance: f64,
}

impl Reads {
    /// Those of a read that was counted and simulated to its end.
    pub fn of(record: &Record) -> Option<Self> {
        let found = Amplification::of(record).filter(|found| !found.extrapolated)?;
        let computed = Computed::of_record(record);
        let experiment = &record.experiment;
        // Who reads through a virtual dataset opens the files behind it.
        let files = if experiment.method == Method::PerProcess { experiment.np } else { 1 };
        let index = predict_all(experiment, &Conditions::met(record))?.index_bytes;
        Some(Reads {
            computed: computed.bytes_to_read?,
            counted: (found.measured? * computed.bytes_asked as f64).round() as u64,
            metadata: index + OTHER_METADATA * (experiment.np * files) as u64,
            tolerance: if experiment.layout.filters().is_empty() { TOLERANCE } else { TOLERANCE_FILTERED },
        })
    }

    /// Whether the two are the same to a few percent, as they stand in a table.
    pub fn same(&self) -> bool {
        self.counted.abs_diff(self.computed) as f64 <= self.computed as f64 * self.tolerance
    }

    /// Whether metadata explain what was read beyond what was computed. Less may be read: threads find what others left.
    pub fn explained(&self) -> bool {
        self.counted as f64 <= self.computed as f64 * (1.0 + self.tolerance) + self.metadata as f64
    }
}

fn measured(record: &Record, asked: u64) -> Option<f64> {
    let read = |counters: &[Counters]| counters.iter().map(|c| c.read_bytes).sum::<u64>() as f64;
    let each: Vec<f64> = record.samples.iter().filter(|s| !s.counters.is_empty()).map(|s| read(&s.counters)).collect();
    stats::median(&each).filter(|_| asked > 0).map(|bytes| bytes / asked as f64)
}

/// `1.02/1.03`: computed, then measured; `~` before what is extrapolated, `-` for what is not known.
impl fmt::Display for Amplification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |value: Option<f64>| value.map_or("-".into(), significant);
        let about = if self.extrapolated { "~" } else { "" };
        f.pad(&format!("{about}{}/{}", number(self.computed), number(self.measured)))
    }
}
