//! What the rules look at, computed once a record.

use crate::experiment::{Direction, Experiment};
use crate::layout::Layout;
use crate::plan::{Demand, Plan};
use crate::prediction::{Conditions, Prediction, predict_all};
use crate::record::{Counters, Phases, Record};
use crate::region::Region;
use crate::stats;
use crate::warning::Warning;

/// The facts of one record.
pub(super) struct Facts<'a> {
    pub(super) record: &'a Record,
    pub(super) experiment: &'a Experiment,
    /// What all ranks asked for.
    pub(super) demand: Demand,
    /// Median over the repeats of each phase of the slowest rank.
    pub(super) slowest: Phases,
    pub(super) conditions: Conditions,
    /// What HDF5 had to read; for reads of one shared file.
    pub(super) prediction: Option<Prediction>,
    /// What was counted during the transfers of all ranks in one repeat; the median over the repeats, key by key.
    pub(super) counted: Option<Counters>,
    /// Transfer bandwidth as a share of the ceiling's, if that was measured.
    pub(super) ceiling_share: Option<f64>,
}

impl<'a> Facts<'a> {
    pub(super) fn of(record: &'a Record) -> Self {
        let experiment = &record.experiment;
        let conditions = Conditions::met(record);
        Facts {
            record,
            experiment,
            demand: Plan::new(experiment).total(),
            slowest: record.slowest(),
            conditions,
            prediction: predict_all(experiment, &conditions).filter(|p| p.bytes_asked > 0),
            counted: counted(record),
            ceiling_share: record.ceiling_share().filter(|share| share.is_finite() && *share > 0.0),
        }
    }

    /// Whether bytes are read.
    pub(super) fn reads(&self) -> bool {
        self.experiment.direction == Direction::Read
    }

    /// The chunk's shape, if the file is HDF5 and the dataset chunked.
    pub(super) fn chunk(&self) -> Option<&'a [u64]> {
        match &self.experiment.layout {
            Layout::Chunked { chunk, .. } if self.experiment.method.is_hdf5() => Some(chunk),
            _ => None,
        }
    }

    /// Logical bytes of a chunk of this shape.
    pub(super) fn bytes_of(&self, chunk: &[u64]) -> u64 {
        chunk.iter().product::<u64>() * self.experiment.dataset.dtype.size() as u64
    }

    /// Whether chunks pass through filters.
    pub(super) fn filtered(&self) -> bool {
        self.chunk().is_some() && !self.experiment.layout.filters().is_empty()
    }

    /// How many chunks the dataset has.
    pub(super) fn chunks_in_dataset(&self) -> u64 {
        self.experiment.layout.chunks_touched(&Region::whole(&self.experiment.dataset.shape.0))
    }

    /// What a typical request asks for: the first one that asks for something.
    pub(super) fn request(&self) -> Option<Region> {
        let e = self.experiment;
        let first = |rank| e.access.requests(&e.dataset.shape.0, e.split, rank, e.np).find(|r| !r.is_empty());
        (0..e.np).find_map(first)
    }

    /// Cores that the ranks may use together, if that is known.
    pub(super) fn cores(&self) -> Option<usize> {
        let warned = self.record.warnings.iter().find_map(|warning| match warning {
            Warning::MoreRanksThanCores { cores, .. } => Some(*cores),
            _ => None,
        });
        // A launcher may bind each rank to a core: what one MPI rank may use says nothing about all of them.
        let has_mpi = self.record.host.mpi.library.is_some();
        warned.or(self.record.host.machine.cores.filter(|&cores| !has_mpi || cores >= self.experiment.np))
    }

    /// Whether the file was opened through the MPI-IO driver.
    pub(super) fn mpi(&self) -> bool {
        self.record.actual.driver == "mpio"
    }

    /// Median over the repeats of each rank's transfer seconds, rank 0 first.
    pub(super) fn rank_transfers(&self) -> Vec<f64> {
        let ranks = self.record.samples.iter().map(|s| s.ranks.len()).min().unwrap_or(0);
        let of = |rank: usize| -> Vec<f64> { self.record.samples.iter().map(|s| s.ranks[rank].transfer).collect() };
        (0..ranks).map(|rank| stats::median(&of(rank)).unwrap_or(0.0)).collect()
    }
}

fn counted(record: &Record) -> Option<Counters> {
    let whole: Vec<&[Counters]> =
        record.samples.iter().map(|s| s.counters.as_slice()).filter(|c| !c.is_empty()).collect();
    let median = |of: fn(&Counters) -> f64| {
        stats::median(&whole.iter().map(|ranks| ranks.iter().map(of).sum()).collect::<Vec<f64>>())
    };
    Some(Counters {
        read_bytes: median(|c| c.read_bytes as f64)? as u64,
        written_bytes: median(|c| c.written_bytes as f64)? as u64,
        read_calls: median(|c| c.read_calls as f64)? as u64,
        write_calls: median(|c| c.write_calls as f64)? as u64,
        device_read_bytes: median(|c| c.device_read_bytes as f64)? as u64,
        cpu_seconds: median(|c| c.cpu_seconds)?,
    })
}
