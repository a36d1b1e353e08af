//! Small experiments through the engines, one rank, to find out what HDF5 takes for what it does.

use crate::comm::Solo;
use crate::progress::Silent;
use crate::run::{self, Options, Outcome, Team};
use h5lab_core::access::Access;
use h5lab_core::dataset::Dataset;
use h5lab_core::experiment::{CacheWanted, Direction, Experiment};
use h5lab_core::failure::Result;
use h5lab_core::layout::Layout;
use h5lab_core::method::Method;
use h5lab_core::region::Region;
use h5lab_core::split::Split;
use h5lab_core::stats;
use h5lab_core::tunables::Tunables;
use std::path::Path;

/// A small file: written once, then read.
pub struct SmallFile<'a> {
    pub path: &'a Path,
    pub dataset: &'a Dataset,
    pub layout: Layout,
    pub method: Method,
}

/// What a write took.
pub struct Written {
    pub seconds: f64,
    pub stored: u64,
}

impl SmallFile<'_> {
    fn experiment(&self, direction: Direction, access: Access, repeat: usize) -> Experiment {
        Experiment {
            direction,
            dataset: self.dataset.clone(),
            layout: self.layout.clone(),
            access,
            split: Split::Axis(0),
            method: self.method,
            np: 1,
            cache: if direction == Direction::Read { CacheWanted::Warm } else { CacheWanted::AsFound },
            fsync: false,
            repeat,
            buffer: aligned_buffer(&self.dataset.shape.0, self.dataset.dtype.size() as u64, &self.layout),
            tunables: Tunables::default(),
        }
    }

    /// Writes it, chunk row by chunk row.
    pub fn write(&self, repeat: usize) -> Result<Written> {
        let outcome = self.run(&self.experiment(Direction::Write, Access::Rows, repeat))?;
        Ok(Written { seconds: transfer(&outcome), stored: outcome.stored_bytes.unwrap_or(0) })
    }

    /// Reads it warm; returns the seconds of a pass, and its requests.
    ///
    /// Of several repeats the shortest counts: what else the processor did meanwhile is no part of it.
    pub fn read(&self, access: Access, repeat: usize) -> Result<(f64, Vec<Region>)> {
        let requests = access.requests(&self.dataset.shape.0, Split::Axis(0), 0, 1).collect();
        let mut experiment = self.experiment(Direction::Read, access, repeat);
        experiment.buffer = u64::MAX >> 1;
        experiment.dataset = experiment.dataset.of_unknown_values();
        let outcome = self.run(&experiment)?;
        let least = outcome.samples.iter().map(|sample| sample.duration().transfer).reduce(f64::min);
        Ok((least.unwrap_or(0.0), requests))
    }

    fn run(&self, experiment: &Experiment) -> Result<Outcome> {
        let team = Team { comm: &Solo, progress: &Silent, fault: None };
        run::run(experiment, self.path, Options { in_place: true, from_memory: true, ..Options::default() }, team)
    }
}

/// Seconds of transfer, in the median.
fn transfer(outcome: &Outcome) -> f64 {
    let all: Vec<f64> = outcome.samples.iter().map(|sample| sample.duration().transfer).collect();
    stats::median(&all).unwrap_or(0.0)
}

/// The buffer with which a write by rows moves whole rows of chunks, 32 MiB at once or one row.
pub fn aligned_buffer(shape: &[u64], element: u64, layout: &Layout) -> u64 {
    const WANTED: u64 = 32 << 20;
    let deep = match layout {
        Layout::Contiguous => 1,
        Layout::Chunked { chunk, .. } => chunk[0],
    };
    let row = (shape[1..].iter().product::<u64>() * element * deep).max(element);
    row * (WANTED / row).max(1)
}
