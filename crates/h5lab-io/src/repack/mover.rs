//! Moves one dataset's values: the way that its job names.

use super::crew::{Crew, Work};
use super::hands::Hands;
use super::job::{Job, Way};
use super::library;
use super::sides::{self, Opened};
use super::source::StoredChunks;
use crate::filter::Pipeline;
use crate::h5::chunk_io;
use crate::h5::tree::{Copied, StorageKind, WantedStorage};
use h5lab_core::failure::Result;
use h5lab_core::region::Region;
use h5lab_core::repack_plan::receipt::Groups;
use h5lab_core::repack_plan::{Budget, GroupPlan, Tilings, grown, run_tile, tiles};
use std::sync::Mutex;

/// Moves the values of a dataset from `source` to `target`, where it has this address.
///
/// # Errors
/// The first that any thread meets: HDF5's, the file system's, a damaged chunk.
pub(super) fn values(
    job: &Job,
    source: &Opened<'_>,
    target: &Opened<'_>,
    address: u64,
    copied: &mut Copied<'_>,
    work: &Work<'_>,
) -> Result<()> {
    let from = || sides::dataset(source, job.address);
    let to = || sides::dataset(target, address);
    match job.way {
        Way::None => Ok(()),
        Way::Chunks => chunks(job, source, target, address, work),
        Way::Tiles => by_tiles(job, source, target, address, work),
        Way::Library => library::copy(job, (source, &from()?), (target, &to()?), copied, work),
    }
}

/// Stored chunks, as they are.
fn chunks(job: &Job, source: &Opened<'_>, target: &Opened<'_>, address: u64, work: &Work<'_>) -> Result<()> {
    let StorageKind::Chunked(chunk) = &job.now.kind else { return Ok(()) };
    let (from, to) = (sides::dataset(source, job.address)?, sides::dataset(target, address)?);
    let stored = StoredChunks {
        dataset: &from,
        name: &job.name,
        file: source.bytes,
        path: source.path,
        index: sides::chunk_index(&from, source.path)?,
        chunk: chunk.clone(),
        pipeline: Pipeline::of(&[], 0).expect("no filters are always there"),
        edges_unfiltered: false,
    };
    let all: Box<dyn Iterator<Item = Region> + Send + '_> = match &stored.index {
        Some(index) => Box::new(index.stored().iter().map(|found| {
            let start = index.coordinates(found.number).iter().zip(chunk).map(|(i, c)| i * c).collect();
            Region::new(start, chunk.clone())
        })),
        None => Box::new(tiles(&Region::whole(&job.now.shape), chunk, &job.now.shape)),
    };
    let next = Mutex::new(all);
    each_thread(work.threads, &|| {
        let mut hands = Hands::default();
        loop {
            let Some(tile) = next.lock().unwrap_or_else(|e| e.into_inner()).next() else { return Ok(()) };
            if stored.index.is_none() && !super::source::Source::has(&stored, &tile)? {
                continue;
            }
            let (mask, _) = stored.stored(&tile, &mut hands)?;
            let written = chunk_io::write(&to, &tile.start, mask, &hands.stored);
            written.map_err(|e| crate::h5::failure(&e, "write a chunk", target.path))?;
            (work.done)(hands.stored.len() as u64);
        }
    })
}

/// Runs the same on each of so many threads; the first failure is that of all.
fn each_thread(threads: usize, body: &(dyn Fn() -> Result<()> + Sync)) -> Result<()> {
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(body)).collect();
        let mine = body();
        let theirs = others.into_iter().map(|thread| match thread.join() {
            Ok(outcome) => outcome,
            Err(panic) => Err(crate::panic::failure(panic.as_ref())),
        });
        std::iter::once(mine).chain(theirs).collect()
    })
}

fn by_tiles(job: &Job, source: &Opened<'_>, target: &Opened<'_>, address: u64, work: &Work<'_>) -> Result<()> {
    let from_dataset = sides::dataset(source, job.address)?;
    let from = sides::from(source, &from_dataset, &job.name, &job.now, work)?;
    if from.empty {
        return Ok(());
    }
    let mut to_dataset = sides::dataset(target, address)?;
    if !to_dataset.is_chunked() {
        sides::allocate(&from_dataset, to_dataset, target.path)?;
        to_dataset = sides::dataset(target, address)?;
    }
    let to = sides::to(target, &to_dataset, job, &from.tile, work)?;
    let tilings = Tilings {
        shape: job.now.shape.clone(),
        source: from.tile,
        target: to.tile,
        element: job.now.element.size() as u64,
    };
    let (budget, plan) = plan(tilings, work)?;
    let (fill, limit) = (&job.now.fill[..], budget.groups);
    let crew = Crew {
        plan: &plan,
        source: &*from.source,
        target: &*to.target,
        fill,
        threads: budget.threads,
        limit,
        done: work.done,
    };
    crew.run()
}

/// The groups in which a dataset is moved, and the memory that they have.
pub(super) fn plan(tilings: Tilings, work: &Work<'_>) -> Result<(Budget, GroupPlan)> {
    let budget = Budget::new(&tilings, work.memory, work.threads)?;
    let plan = GroupPlan::new(tilings, budget.groups)?;
    Ok((budget, plan))
}

/// The groups of a dataset that is moved by tiles, for the receipt.
pub(super) fn groups(job: &Job, work: &Work<'_>) -> Result<Option<Groups>> {
    if job.way != Way::Tiles {
        return Ok(None);
    }
    let (shape, element) = (job.now.shape.clone(), job.now.element.size() as u64);
    let run = run_tile(&shape, element, sides::run_bytes(work));
    let source = match &job.now.kind {
        StorageKind::Chunked(chunk) => chunk.clone(),
        _ => run,
    };
    let target = match &job.wanted {
        WantedStorage::Chunked(chunk, _) => chunk.clone(),
        _ => grown(&source, &shape, element, sides::run_bytes(work)),
    };
    let (_, plan) = plan(Tilings { shape, source, target, element }, work)?;
    Ok(Some(Groups {
        count: plan.count(),
        bytes: plan.group_bytes(),
        source_tiles: plan.source_tiles(),
        decodes: plan.decodes(),
        shape: plan.group,
    }))
}
