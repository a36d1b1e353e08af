//! Rules about what limits a transfer: blocks, filters, storage, metadata.

use super::facts::Facts;
use super::surroundings::page_cache;
use super::{Code, Explanation};
use crate::experiment::Direction;
use crate::host::StorageClass;
use crate::layout::Layout;
use crate::method::Method;
use crate::plan::Plan;
use crate::record::{CacheState, Sample};
use crate::region::{Region, strides};
use crate::report::{bytes, seconds, significant};
use crate::stats;

/// Blocks may be touched for a quarter more bytes than were asked for: less does not show in a measurement.
const MOST_WASTE: f64 = 0.25;
/// Pieces looked at of each rank.
const PIECES: usize = 1000;

pub(super) fn misaligned(facts: &Facts<'_>) -> Option<Explanation> {
    let block = block_bytes(facts)?;
    let pieces = pieces(facts)?;
    // What is smaller than a block can't be aligned to it: that is another matter.
    let pieces: Vec<(u64, u64)> = pieces.into_iter().filter(|&(_, length)| length >= block).collect();
    let off = pieces.iter().filter(|(at, length)| !at.is_multiple_of(block) || !length.is_multiple_of(block)).count();
    let touched = |&(at, length): &(u64, u64)| ((at + length).div_ceil(block) - at / block) * block;
    let waste = pieces.iter().map(touched).sum::<u64>() as f64 / pieces.iter().map(|p| p.1).sum::<u64>().max(1) as f64;
    let share = off as f64 / pieces.len().max(1) as f64;
    (waste > 1.0 + MOST_WASTE && share > 0.5).then(|| Explanation {
        code: Code::Misaligned,
        text: format!(
            "{:.0} % of the transfers begin or end within a block of {}: blocks of {} times the bytes are touched",
            share * 100.0,
            bytes(block),
            significant(waste)
        ),
        next: match facts.chunk() {
            Some(_) => format!("use chunks of a multiple of {} and alignment = {block}", bytes(block)),
            None => format!("use rows, or parts of ranks, of a multiple of {}", bytes(block)),
        },
        weight: if network(facts) { waste } else { 1.0 + (waste - 1.0) * LOCAL_COST },
    })
}

/// On a local file system the page cache evens most of it out; a network file system reads, locks and writes blocks.
const LOCAL_COST: f64 = 0.25;

fn network(facts: &Facts<'_>) -> bool {
    let class = facts.record.host.file_system.as_ref().and_then(|fs| fs.class());
    class == Some(StorageClass::Network)
}

/// The block that matters: what a network file system wants to move at once (its stripe or block), else the block.
fn block_bytes(facts: &Facts<'_>) -> Option<u64> {
    let fs = facts.record.host.file_system.as_ref()?;
    Some(if network(facts) { fs.optimal_io_bytes.max(fs.block_bytes) } else { fs.block_bytes })
        .filter(|&block| block > 1)
}

/// Where pieces of the data lie, counted from its beginning: runs of a contiguous dataset, or chunks. Chunks that were
/// compressed lie anywhere: `None`.
fn pieces(facts: &Facts<'_>) -> Option<Vec<(u64, u64)>> {
    let e = facts.experiment;
    let size = e.dataset.dtype.size() as u64;
    match (&e.layout, facts.chunk()) {
        (Layout::Chunked { filters, .. }, Some(chunk)) => {
            let length = facts.bytes_of(chunk);
            // An aligned chunk begins at a block's beginning; else each begins where the one before ended.
            let aligned = e.tunables.alignment.is_some_and(|alignment| alignment > 1);
            let at = |k: u64| if aligned { 0 } else { k * length };
            filters
                .is_empty()
                .then(|| (0..facts.chunks_in_dataset().min(PIECES as u64)).map(|k| (at(k), length)).collect())
        }
        _ => {
            let plan = Plan::new(e);
            let of = |rank| plan.steps(rank).flat_map(|step| merged(&step, &e.dataset.shape.0)).take(PIECES);
            Some((0..e.np).flat_map(of).map(|(first, count)| (first * size, count * size)).collect())
        }
    }
}

/// The runs of a step; the whole of it if it is one.
fn merged(step: &Region, shape: &[u64]) -> Vec<(u64, u64)> {
    let first: u64 = step.start.iter().zip(strides(shape)).map(|(s, k)| s * k).sum();
    let runs: Vec<(u64, u64)> = step.runs(shape).take(PIECES).collect();
    if runs.len() == 1 { vec![(first, step.elements())] } else { runs }
}

/// A core counts as busy from here on: the rest is waiting for the storage.
const BUSY: f64 = 0.8;
/// If nothing came from the device, the rest is waiting for a core that others use.
const BUSY_WITHOUT_DEVICE: f64 = 0.4;
/// Below half of the ceiling there is something to gain.
const FAR_FROM_CEILING: f64 = 0.5;

pub(super) fn filter_bound(facts: &Facts<'_>) -> Option<Explanation> {
    let (counted, transfer) = (facts.counted?, facts.slowest.transfer);
    let far = facts.ceiling_share.is_none_or(|share| share < FAR_FROM_CEILING);
    if !facts.filtered() || transfer <= 0.0 || !far {
        return None;
    }
    let busy = counted.cpu_seconds / (transfer * workers(facts) as f64);
    let filters = crate::filter::joined(facts.experiment.layout.filters());
    let doing = if facts.reads() { "decoding" } else { "encoding" };
    let share =
        facts.ceiling_share.map_or(String::new(), |share| format!(", at {:.1} % of the posix ceiling", share * 100.0));
    let no_device = matches!(facts.record.cache_state(), CacheState::Warm(_)) && counted.device_read_bytes == 0;
    (busy > if no_device { BUSY_WITHOUT_DEVICE } else { BUSY }).then(|| Explanation {
        code: Code::FilterBound,
        text: format!(
            "the CPU was busy {:.0} % of the transfer{share}: {doing} {filters}, not the storage, sets the pace",
            (busy * 100.0).min(100.0)
        ),
        next: faster_filter(facts),
        weight: facts.ceiling_share.map_or(2.0, |share| 1.0 / share),
    })
}

/// Many ranks that write chunks with filters: bench `direct` has one shared file beside a file a rank.
const FILE_A_RANK: &str = "the method direct (a file a rank, joined by a virtual dataset: with two ranks and gzip ten times as \
                           fast as one shared file)";

fn faster_filter(facts: &Facts<'_>) -> String {
    let direct = facts.experiment.method == Method::Direct;
    let more = match facts.cores() {
        Some(cores) if direct && cores > facts.experiment.np * threads(facts) => "more threads",
        _ if direct => "more cores",
        _ if serialized(facts) => "MPI ranks instead of threads (HDF5 lets one thread in at a time)",
        Some(cores) if cores <= facts.experiment.np => "more cores",
        _ => "more ranks",
    };
    // HDF5 filters one chunk at a time in each rank, and with slower codecs.
    let shared = facts.mpi() && facts.experiment.np > 1 && !facts.reads();
    let by_direct = if shared { FILE_A_RANK } else { "the method direct" };
    let more = if direct { more.into() } else { format!("{by_direct}, {more}") };
    match facts.reads() {
        true => format!("use {more}, a faster filter, or chunks of which less is decoded for nothing"),
        false => format!("use {more}, a lower gzip level, or a faster filter"),
    }
}

/// Threads of a rank that filter.
fn threads(facts: &Facts<'_>) -> usize {
    facts.record.actual.in_force.get("threads").and_then(|n| n.parse().ok()).unwrap_or(1)
}

/// Threads that can use a core at the same time.
fn workers(facts: &Facts<'_>) -> usize {
    let np = facts.experiment.np;
    let cores = facts.cores().unwrap_or(np).max(1);
    let at_once = if serialized(facts) || facts.experiment.method == Method::Gather { 1 } else { np * threads(facts) };
    at_once.min(cores).max(1)
}

/// Threads in HDF5 wait for its global lock: one works at a time.
fn serialized(facts: &Facts<'_>) -> bool {
    let in_hdf5 = facts.experiment.method.is_hdf5() && !facts.conditions.own_reads;
    facts.experiment.np > 1 && in_hdf5 && facts.record.host.mpi.library.is_none()
}

/// From here on there is little left to gain without other storage.
const NEAR_CEILING: f64 = 0.8;
/// A result that beats the ceiling by more than noise can was not limited by what the ceiling measured.
const ABOVE_CEILING: f64 = 1.25;
/// Good to know, but nothing to mend.
const GOOD_NEWS: f64 = 0.5;

/// Only where the storage was measured: near the ceiling of the page cache, memory is the limit.
pub(super) fn storage_bound(facts: &Facts<'_>) -> Option<Explanation> {
    let (ours, ceiling) = (moving(&facts.record.samples)?, moving(&facts.record.ceiling.as_ref()?.samples)?);
    let share = ceiling / ours;
    let near = (NEAR_CEILING..=ABOVE_CEILING).contains(&share);
    let flushed = if facts.experiment.fsync { ", flush included" } else { "" };
    (near && facts.experiment.method.is_hdf5() && !memory_was_measured(facts)).then(|| Explanation {
        code: Code::StorageBound,
        text: format!(
            "at {:.0} % of the posix ceiling ({} s, ceiling {} s{flushed}): the storage sets the pace",
            share * 100.0,
            seconds(ours),
            seconds(ceiling)
        ),
        next: "only faster storage, more nodes, or fewer bytes (a filter) can make it faster".into(),
        weight: GOOD_NEWS,
    })
}

/// Seconds that the slowest rank took to move the bytes, to the device if that was asked for; median over the repeats.
fn moving(samples: &[Sample]) -> Option<f64> {
    let each: Vec<f64> = samples.iter().map(Sample::slowest).map(|phases| phases.transfer + phases.flush).collect();
    stats::median(&each).filter(|&seconds| seconds > 0.0)
}

fn memory_was_measured(facts: &Facts<'_>) -> bool {
    let class = facts.record.host.file_system.as_ref().and_then(|fs| fs.class());
    class == Some(StorageClass::Memory) || page_cache(facts).is_some()
}

/// A fifth of the time for opening and closing is more than a user expects of it.
const MOST_METADATA: f64 = 0.2;

pub(super) fn metadata_bound(facts: &Facts<'_>) -> Option<Explanation> {
    let phases = facts.slowest;
    let total: f64 = phases.seconds().iter().sum();
    let share = (phases.open + phases.close) / total;
    (total > 0.0 && share > MOST_METADATA).then(|| Explanation {
        code: Code::MetadataBound,
        text: format!(
            "open ({} s) and close ({} s) take {:.0} % of the total {} s",
            seconds(phases.open),
            seconds(phases.close),
            share * 100.0,
            seconds(total)
        ),
        next: match facts.experiment.direction {
            Direction::Write if facts.chunk().is_some() && !facts.mpi() => {
                "write more at a time into fewer files; close also writes what the chunk cache still holds".into()
            }
            Direction::Write => "write more at a time into fewer files".into(),
            Direction::Read => "keep files open, and read more at a time from fewer files".into(),
        },
        weight: 1.0 / (1.0 - share).max(0.01),
    })
}
