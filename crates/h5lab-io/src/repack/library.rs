//! The way through HDF5, for what points elsewhere in the file, and for filters that only HDF5 has: piece by piece.

use super::crew::Work;
use super::job::Job;
use super::sides::{Opened, run_bytes};
use crate::h5::chunk_index::ChunkIndex;
use crate::h5::tree::{Copied, StorageKind, Values, WantedStorage, stored_size_at};
use h5lab_core::failure::Result;
use h5lab_core::region::Region;
use h5lab_core::repack_plan::{GroupPlan, Tilings, run_tile, tiles};
use hdf5_metno as hdf5;

/// What an element that points to others may take besides its own bytes: a guess, so that a piece's memory is bounded
/// for all but the longest strings.
const POINTED_TO: u64 = 240;

/// Copies a dataset's values.
pub(super) fn copy(
    job: &Job,
    from: (&Opened<'_>, &hdf5::Dataset),
    to: (&Opened<'_>, &hdf5::Dataset),
    copied: &mut Copied<'_>,
    work: &Work<'_>,
) -> Result<()> {
    let read = |e: hdf5::Error| crate::h5::failure(&e, &format!("read dataset '{}'", job.name), from.0.path);
    let write = |e: hdf5::Error| crate::h5::failure(&e, &format!("write dataset '{}'", job.name), to.0.path);
    for region in pieces(job, from.1, from.0, work)? {
        let mut values = Values::of_region(from.1, &region).map_err(read)?;
        values.each_reference(copied).map_err(read)?;
        values.write(to.1, &region).map_err(write)?;
        (work.done)(region.elements() * job.now.element.size() as u64);
    }
    Ok(())
}

/// The regions in which a dataset is moved or compared; those that were never written are left out.
pub(super) fn pieces(job: &Job, dataset: &hdf5::Dataset, opened: &Opened<'_>, work: &Work<'_>) -> Result<Vec<Region>> {
    let now = &job.now;
    if now.shape.is_empty() {
        return Ok(vec![Region::whole(&[])]);
    }
    if now.kind == StorageKind::Contiguous && now.stored_bytes == 0 {
        return Ok(Vec::new());
    }
    let own = now.element.size() as u64;
    let element = if now.element.owns_memory() { own + POINTED_TO } else { own };
    let run = run_tile(&now.shape, element, run_bytes(work));
    let source = if let StorageKind::Chunked(chunk) = &now.kind { chunk.clone() } else { run.clone() };
    let target = match &job.wanted {
        WantedStorage::Chunked(chunk, _) => chunk.clone(),
        WantedStorage::Same => source.clone(),
        _ => run,
    };
    let tilings = Tilings { shape: now.shape.clone(), source, target, element };
    let smaller = Tilings { target: run_tile(&now.shape, element, run_bytes(work)), ..tilings.clone() };
    // HDF5 takes parts of chunks, too.
    let plan = GroupPlan::new(tilings, work.memory).or_else(|_| GroupPlan::new(smaller, work.memory))?;
    let StorageKind::Chunked(_) = now.kind else { return Ok(plan.groups().collect()) };
    let index = ChunkIndex::if_listed(dataset, opened.path)?.ok();
    let mut pieces = Vec::new();
    for group in plan.groups() {
        let sources: Vec<Region> = tiles(&group, &plan.tilings.source, &now.shape).collect();
        let there = sources.iter().filter(|tile| stored(dataset, index.as_ref(), tile, &plan.tilings.source)).count();
        if there == sources.len() {
            pieces.push(group);
        } else if there > 0 {
            // Target chunks that nothing was written to stay away.
            pieces.extend(tiles(&group, &plan.tilings.target, &now.shape).filter(|target| {
                let mut touching = tiles(target, &plan.tilings.source, &now.shape);
                touching.any(|tile| stored(dataset, index.as_ref(), &tile, &plan.tilings.source))
            }));
        }
    }
    Ok(pieces)
}

fn stored(dataset: &hdf5::Dataset, index: Option<&ChunkIndex>, tile: &Region, chunk: &[u64]) -> bool {
    match index {
        Some(index) => {
            let at: Vec<u64> = tile.start.iter().zip(chunk).map(|(s, c)| s / c).collect();
            index.get(index.number(&at)).is_some()
        }
        None => stored_size_at(dataset, &tile.start).unwrap_or(0) > 0,
    }
}
