//! Why a result is what it is: rules over a record, each with a measured trigger, a number, and a next step.
//!
//! A rule looks at the facts of one record and finds something or not; it never measures and never guesses what was not
//! recorded. Thresholds are constants beside their rule, with the reason.

mod chunks;
mod facts;
mod limits;
mod ranks;
mod suggest;
mod surroundings;

use crate::method::Method;
use crate::record::Record;
use facts::Facts;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What explains a number; scripts know it by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// HDF5 did not transfer collectively, although it was asked to.
    CollectiveBroken,
    /// Much more had to be read than was asked for.
    ReadAmplification,
    /// A chunk does not fit the chunk cache, and is needed more than once.
    ChunkExceedsCache,
    /// Chunks so small that their overhead counts.
    TinyChunks,
    /// Transfers begin or end within blocks of the file system.
    Misaligned,
    /// Filters keep the CPU busy, and the storage waits.
    FilterBound,
    /// As fast as the storage.
    StorageBound,
    /// Opening and closing takes much of the time.
    MetadataBound,
    /// One rank takes much longer than the others.
    Imbalance,
    /// Memory was measured, not the device.
    PageCache,
    /// Filters that do not make the data smaller.
    Incompressible,
    /// Ranks share cores.
    MoreRanksThanCores,
    /// HDF5 locks a file on a network file system.
    NetworkLocking,
}

impl Code {
    /// Every code.
    pub const ALL: [Code; 13] = [
        Code::CollectiveBroken,
        Code::ReadAmplification,
        Code::ChunkExceedsCache,
        Code::TinyChunks,
        Code::Misaligned,
        Code::FilterBound,
        Code::StorageBound,
        Code::MetadataBound,
        Code::Imbalance,
        Code::PageCache,
        Code::Incompressible,
        Code::MoreRanksThanCores,
        Code::NetworkLocking,
    ];

    /// The name that records and scripts use.
    pub const fn name(self) -> &'static str {
        match self {
            Code::CollectiveBroken => "collective-broken",
            Code::ReadAmplification => "read-amplification",
            Code::ChunkExceedsCache => "chunk-exceeds-cache",
            Code::TinyChunks => "tiny-chunks",
            Code::Misaligned => "misaligned",
            Code::FilterBound => "filter-bound",
            Code::StorageBound => "storage-bound",
            Code::MetadataBound => "metadata-bound",
            Code::Imbalance => "imbalance",
            Code::PageCache => "page-cache",
            Code::Incompressible => "incompressible",
            Code::MoreRanksThanCores => "more-ranks-than-cores",
            Code::NetworkLocking => "network-locking",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One reason for a result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// Which rule.
    pub code: Code,
    /// What was found, with its number.
    pub text: String,
    /// What to do next.
    pub next: String,
    /// How important it is: about the factor by which it makes the result slower, or wrong. Below 1: good to know.
    pub weight: f64,
}

/// `text; next`.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.text, self.next)
    }
}

/// A rule: what it has to say about a record, if anything.
type Rule = fn(&Facts<'_>) -> Option<Explanation>;

const RULES: [Rule; 13] = [
    ranks::collective_broken,
    chunks::read_amplification,
    chunks::chunk_exceeds_cache,
    chunks::tiny_chunks,
    limits::misaligned,
    limits::filter_bound,
    limits::storage_bound,
    limits::metadata_bound,
    ranks::imbalance,
    surroundings::page_cache,
    surroundings::incompressible,
    ranks::more_ranks_than_cores,
    surroundings::network_locking,
];

/// The codes of what explains a record's numbers, for [`Record::explained_by`].
pub fn codes(record: &Record) -> Vec<String> {
    explain(record).iter().map(|explanation| explanation.code.name().to_owned()).collect()
}

/// What explains a record's numbers, most important first; each code at most once. Nothing for what failed, for a record
/// without samples, and for the method `null`, which moves nothing.
pub fn explain(record: &Record) -> Vec<Explanation> {
    if record.failure.is_some() || record.samples.is_empty() || record.experiment.method == Method::Null {
        return Vec::new();
    }
    let facts = Facts::of(record);
    let mut found: Vec<Explanation> = RULES.iter().filter_map(|rule| rule(&facts)).collect();
    found.sort_by(|a, b| b.weight.total_cmp(&a.weight).then(a.code.cmp(&b.code)));
    found
}
