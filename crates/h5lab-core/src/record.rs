//! What a measurement leaves behind: everything needed to recompute its numbers and to run it again.
//!
//! A record is one JSON object on one line; `docs/record-format.md` describes each key. All raw samples are kept;
//! every statistic is computed from them when it is shown.

use crate::amplification::Computed;
use crate::experiment::{CacheWanted, Experiment};
use crate::failure::Failure;
use crate::generate::Mismatch;
use crate::host::Host;
use crate::plan::{Demand, Plan};
use crate::stats;
use crate::warning::Warning;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The version of the record format that this h5lab writes.
pub const SCHEMA: u32 = 1;

/// One measured experiment. Who reads many records of one host parses each without it, and adds it ([`Record::at`]).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record<H = Host> {
    /// Version of the record format.
    pub schema: u32,
    /// Version of the h5lab that measured.
    pub h5lab: String,
    /// When the measurement began, RFC 3339 with offset.
    pub created: String,
    /// The command line that ran it.
    pub command: Vec<String>,
    /// What was asked for.
    pub experiment: Experiment,
    /// The file that was written or read.
    #[serde(serialize_with = "crate::lossy::path")]
    pub file: PathBuf,
    /// What really ran.
    pub actual: Actual,
    /// Every repeat, in the order in which they ran.
    pub samples: Vec<Sample>,
    /// The same bytes moved by plain POSIX calls in the same session; absent if it was not measured.
    pub ceiling: Option<Ceiling>,
    /// Whether the values were checked.
    pub verification: Verification,
    /// Bytes that the dataset takes in the file; unknown until it was closed.
    pub stored_bytes: Option<u64>,
    /// Size of the file in bytes after the last repeat.
    pub file_bytes: Option<u64>,
    /// What each rank saw, if a view was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub views: Vec<RankView>,
    /// What the reader of these numbers should know.
    pub warnings: Vec<Warning>,
    /// Why there are no (or not all) samples, if the experiment failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// What was needed, computed from the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub computed: Option<Computed>,
    /// Seconds of transfer of one repeat that the cost model predicted before it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicted: Option<f64>,
    /// Codes of what explains the numbers, most important first; recomputed when shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub explained_by: Vec<String>,
    /// The machine, its libraries and the file system.
    pub host: H,
}

impl<H> Record<H> {
    /// The same, measured on this host.
    pub fn at<Other>(self, host: Other) -> Record<Other> {
        let Record { schema, h5lab, created, command, experiment, file, actual, samples, ceiling, .. } = self;
        let Record { verification, stored_bytes, file_bytes, views, warnings, failure, computed, .. } = self;
        let Record { predicted, explained_by, .. } = self;
        Record {
            schema,
            h5lab,
            created,
            command,
            experiment,
            file,
            actual,
            samples,
            ceiling,
            verification,
            stored_bytes,
            file_bytes,
            views,
            warnings,
            failure,
            computed,
            predicted,
            explained_by,
            host,
        }
    }
}

/// What really ran, as the libraries themselves report it. Unknown is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actual {
    /// The file driver: `mpio`, `sec2`, or `posix` and `none` where HDF5 had no part.
    pub driver: String,
    /// What HDF5 says it did (H5Pget_mpio_actual_io_mode): `contiguous collective`, `no collective`, ...
    pub io_mode: Option<String>,
    /// Why HDF5 broke collective I/O (H5Pget_mpio_no_collective_cause); empty if it did not.
    pub no_collective_cause: Vec<String>,
    /// Transfer calls that all ranks made in one repeat.
    pub calls: u64,
    /// Settings really in force, as the libraries report them after the file was opened.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub in_force: BTreeMap<String, String>,
}

/// What the operating system counted while a rank transferred: from `/proc/thread-self/io` (proc(5)) and the thread's
/// CPU clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counters {
    /// Bytes that read calls returned, from the page cache or not (`rchar`).
    pub read_bytes: u64,
    /// Bytes that write calls took (`wchar`).
    pub written_bytes: u64,
    /// Read calls (`syscr`).
    pub read_calls: u64,
    /// Write calls (`syscw`).
    pub write_calls: u64,
    /// Bytes fetched from the device for this rank (`read_bytes`); 0 on network file systems.
    pub device_read_bytes: u64,
    /// CPU seconds, user and system.
    pub cpu_seconds: f64,
}

/// Seconds that one rank spent in each phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Phases {
    /// Open or create the file and the dataset.
    pub open: f64,
    /// The sum of the rank's own transfer calls.
    pub transfer: f64,
    /// Flush to the device; 0 if it was not asked for.
    pub flush: f64,
    /// Close dataset and file.
    pub close: f64,
}

impl Phases {
    /// The phases' names, in order.
    pub const NAMES: [&'static str; 4] = ["open", "transfer", "flush", "close"];

    /// The phases' seconds, in the order of [`Phases::NAMES`].
    pub fn seconds(&self) -> [f64; 4] {
        [self.open, self.transfer, self.flush, self.close]
    }

    fn from_seconds([open, transfer, flush, close]: [f64; 4]) -> Self {
        Phases { open, transfer, flush, close }
    }
}

/// One repeat.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Each rank's own times, rank 0 first.
    pub ranks: Vec<Phases>,
    /// How long all ranks together took for each phase, from the first one's beginning to the last one's end; for
    /// transfer, the sum over the steps. Absent where ranks on several nodes have no common clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub together: Option<Phases>,
    /// Seconds that the slowest rank spent on making data; not part of any phase.
    pub generate: f64,
    /// Seconds that the slowest rank spent on verifying; not part of any phase.
    pub verify: f64,
    /// Share of the file's pages that were in the page cache when the measurement began, 0 to 1; unknown is `None`.
    pub resident: Option<f64>,
    /// What was counted during each rank's transfers, rank 0 first; empty where the system does not say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counters: Vec<Counters>,
}

impl Sample {
    /// Each phase as long as its slowest rank took.
    pub fn slowest(&self) -> Phases {
        let larger = |a: [f64; 4], b: [f64; 4]| std::array::from_fn(|phase| a[phase].max(b[phase]));
        Phases::from_seconds(self.ranks.iter().map(Phases::seconds).reduce(larger).unwrap_or_default())
    }

    /// Each phase as the median rank saw it.
    pub fn median_rank(&self) -> Phases {
        self.over_ranks(|seconds| stats::median(seconds).unwrap_or(0.0))
    }

    /// How long each phase took: all ranks together, where that is known; else as long as its slowest rank.
    pub fn duration(&self) -> Phases {
        self.together.unwrap_or_else(|| self.slowest())
    }

    /// Seconds from open to close: the sum of the phases' durations.
    pub fn total(&self) -> f64 {
        self.duration().seconds().iter().sum()
    }

    fn over_ranks(&self, pick: impl Fn(&[f64]) -> f64) -> Phases {
        let of = |phase: usize| pick(&self.ranks.iter().map(|r| r.seconds()[phase]).collect::<Vec<_>>());
        Phases::from_seconds([of(0), of(1), of(2), of(3)])
    }
}

/// The same bytes, the same workers, the same session, without HDF5.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ceiling {
    /// Bytes that all ranks moved in one repeat.
    pub bytes: u64,
    /// Every repeat, interleaved with the record's own.
    pub samples: Vec<Sample>,
}

/// Whether the values were checked, and what came out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "result")]
pub enum Verification {
    /// Nothing was read back.
    NotRead,
    /// There is no rule to check against: somebody else's data.
    NothingToCompare,
    /// Every value read is the value that was to be there.
    Passed,
    /// Values differ.
    Failed {
        /// The first one, in C order.
        first: Mismatch,
    },
}

/// What one rank sees of the dataset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RankView {
    /// The rank.
    pub rank: usize,
    /// Shape of what it sees: its own part, or the whole dataset.
    pub shape: Vec<u64>,
    /// The first element as text; `None` if the view holds none.
    pub first: Option<String>,
}

/// State of the page cache that a read met.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CacheState {
    /// At most 1 % of the file's pages were resident, checked.
    Cold(f64),
    /// At least 99 % were resident, checked.
    Warm(f64),
    /// Something between.
    Mixed(f64),
    /// It could not be checked.
    Unverified,
}

impl Record {
    /// What the experiment asked for in all.
    pub fn demand(&self) -> Demand {
        Plan::new(&self.experiment).total()
    }

    /// Logical bytes that all ranks asked for in one repeat: as recorded, or else computed.
    pub fn bytes_asked(&self) -> u64 {
        self.computed.map_or_else(|| self.demand().bytes_asked, |computed| computed.bytes_asked)
    }

    /// Median over the repeats of each phase of the slowest rank.
    pub fn slowest(&self) -> Phases {
        over_samples(&self.samples, Sample::slowest)
    }

    /// Median over the repeats of each phase's duration.
    pub fn duration(&self) -> Phases {
        over_samples(&self.samples, Sample::duration)
    }

    /// Median over the repeats of each phase of the median rank.
    pub fn median_rank(&self) -> Phases {
        over_samples(&self.samples, Sample::median_rank)
    }

    /// Transfer bandwidth in MiB/s: logical bytes of all ranks over the transfer's duration; median over the repeats.
    pub fn transfer_bandwidth(&self) -> Option<f64> {
        bandwidth(self.demand().bytes_asked, &self.samples, |s| s.duration().transfer)
    }

    /// The 95 % interval of the median of [`Record::transfer_bandwidth`], by order statistics; `None` below three repeats.
    pub fn transfer_interval(&self) -> Option<(f64, f64)> {
        let bytes = self.demand().bytes_asked as f64 / MIB;
        let each: Vec<f64> =
            self.samples.iter().map(|s| s.duration().transfer).filter(|&s| s > 0.0).map(|s| bytes / s).collect();
        stats::median_interval(&each, 0.95)
    }

    /// Total bandwidth in MiB/s: logical bytes over open to close; median over the repeats.
    pub fn total_bandwidth(&self) -> Option<f64> {
        bandwidth(self.demand().bytes_asked, &self.samples, Sample::total)
    }

    /// Transfer bandwidth as a share of the ceiling's; 1 is as fast as plain POSIX.
    pub fn ceiling_share(&self) -> Option<f64> {
        let ceiling = self.ceiling.as_ref()?;
        Some(self.transfer_bandwidth()? / bandwidth(ceiling.bytes, &ceiling.samples, |s| s.duration().transfer)?)
    }

    /// The state of the page cache that the reads met; the median over the repeats.
    pub fn cache_state(&self) -> CacheState {
        let resident: Option<Vec<f64>> = self.samples.iter().map(|s| s.resident).collect();
        match resident.and_then(|r| stats::median(&r)) {
            None => CacheState::Unverified,
            Some(share) if share <= 0.01 => CacheState::Cold(share),
            Some(share) if share >= 0.99 => CacheState::Warm(share),
            Some(share) => CacheState::Mixed(share),
        }
    }

    /// True if a cache state was asked for and another one was met.
    pub fn cache_missed(&self) -> bool {
        match self.experiment.cache {
            CacheWanted::AsFound => false,
            CacheWanted::Warm => !matches!(self.cache_state(), CacheState::Warm(_)),
            CacheWanted::Cold => !matches!(self.cache_state(), CacheState::Cold(_)),
        }
    }

    /// Logical size over stored size; `None` if the stored size is unknown or zero.
    pub fn compression_ratio(&self) -> Option<f64> {
        let stored = self.stored_bytes.filter(|&bytes| bytes > 0)?;
        Some(self.experiment.dataset.bytes() as f64 / stored as f64)
    }
}

/// Bytes in a MiB.
pub const MIB: f64 = (1u64 << 20) as f64;

fn bandwidth(bytes: u64, samples: &[Sample], seconds: impl Fn(&Sample) -> f64) -> Option<f64> {
    let each: Vec<f64> = samples.iter().map(seconds).filter(|&s| s > 0.0).map(|s| bytes as f64 / MIB / s).collect();
    stats::median(&each)
}

fn over_samples(samples: &[Sample], of: impl Fn(&Sample) -> Phases) -> Phases {
    let each: Vec<[f64; 4]> = samples.iter().map(|s| of(s).seconds()).collect();
    let median = |phase: usize| stats::median(&each.iter().map(|s| s[phase]).collect::<Vec<_>>()).unwrap_or(0.0);
    Phases::from_seconds([median(0), median(1), median(2), median(3)])
}

/// Speed-up and efficiency of each record against the one with the fewest ranks, by transfer bandwidth.
///
/// Speed-up is the ratio of bandwidths; efficiency is the speed-up over the ratio of the rank counts.
pub fn scaling(records: &[Record]) -> Vec<Option<(f64, f64)>> {
    let base = records.iter().min_by_key(|r| r.experiment.np);
    records
        .iter()
        .map(|record| {
            let base = base?;
            let speed_up = record.transfer_bandwidth()? / base.transfer_bandwidth()?;
            Some((speed_up, speed_up * base.experiment.np as f64 / record.experiment.np as f64))
        })
        .collect()
}
