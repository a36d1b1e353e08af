//! Moves one dataset's values: the way that its job names.

use super::crew::{Crew, Work};
use super::hands::Hands;
use super::job::{Job, Way};
use super::library;
use super::sides::{self, Made, Opened};
use super::source::StoredChunks;
use super::target::{Coded, Store};
use super::together::{self, Here, Mailbox, Ranks};
use crate::comm::from_rank_0;
use crate::filter::Pipeline;
use crate::h5::chunk_index::ChunkIndex;
use crate::h5::chunk_io;
use crate::h5::tree::{Copied, StorageKind, WantedStorage};
use h5lab_core::failure::Result;
use h5lab_core::region::Region;
use h5lab_core::repack_plan::receipt::Groups;
use h5lab_core::repack_plan::{Budget, GroupPlan, Tilings, grown, run_tile, tiles};
use h5lab_core::report::bytes;
use hdf5_metno as hdf5;
use std::path::Path;
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
    ranks: Ranks<'_>,
) -> Result<()> {
    let from = || sides::dataset(source, job.address);
    let to = || sides::dataset(target, address);
    match job.way {
        Way::None => Ok(()),
        Way::Chunks => chunks(job, source, target, address, work),
        Way::Tiles => by_tiles(job, source, Some((target, address)), target.path, work, ranks),
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
        index: ChunkIndex::if_listed(&from, source.path)?.ok(),
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

/// Through h5lab's own filters: all ranks have a part in it, and rank 0 has the `target`, the new file and the dataset's
/// address there. Collective.
pub(super) fn by_tiles(
    job: &Job,
    source: &Opened<'_>,
    target: Option<(&Opened<'_>, u64)>,
    path: &Path,
    work: &Work<'_>,
    ranks: Ranks<'_>,
) -> Result<()> {
    let from_dataset = sides::dataset(source, job.address)?;
    let from = sides::from(source, &from_dataset, &job.name, &job.now, work)?;
    if from.empty {
        return Ok(());
    }
    let to = target.map(|(to, address)| Ok((to, new_dataset(&from_dataset, to, address)?))).transpose()?;
    let store = to.as_ref().map(|(opened, dataset)| sides::store(opened, dataset, &job.now.shape, job)).transpose()?;
    // Who has failed by now is heard here.
    ranks.agree(Ok(()))?;
    let made = from_rank_0(ranks.comm, || {
        let (_, dataset) = to.as_ref().expect("rank 0 has the new file");
        Made::of(dataset, path, job, run_for(&from.tile, job, work))
    })?;
    let same = if made.number == job.number { Ok(()) } else { Err(super::output::written_meanwhile(source.path)) };
    ranks.agree(same)?;
    let coder = made.coder(job, path)?;
    let (shape, element) = (job.now.shape.clone(), job.now.element.size() as u64);
    let (budget, plan) = plan(Tilings { shape, source: from.tile, target: made.tile, element }, work)?;
    let crew = |store, done| Crew {
        plan: &plan,
        groups: work.share(&plan),
        source: &*from.source,
        target: store,
        fill: &job.now.fill,
        threads: budget.threads,
        limit: budget.groups,
        done,
    };
    if work.ranks == 1 {
        let store = store.as_deref().expect("the only rank has the new file");
        return crew(&Coded { coder: &coder, store }, work.done).run();
    }
    let mailbox = Mailbox::new(mailbox_bytes(&plan.tilings, work));
    let here = store.as_deref().map(|store| Here { store, mailbox: &mailbox });
    let own: &dyn Store = here.as_ref().map_or(&mailbox, |here| here);
    let nobody = |_: u64| {};
    let done: &(dyn Fn(u64) + Sync) = if here.is_some() { work.done } else { &nobody };
    let coded = Coded { coder: &coder, store: own };
    together::work(crew(&coded, done), &mailbox, store.as_deref(), work.done, ranks)
}

/// Opens a dataset of the new file; one without chunks has its space there.
pub(super) fn new_dataset(from: &hdf5::Dataset, target: &Opened<'_>, address: u64) -> Result<hdf5::Dataset> {
    let dataset = sides::dataset(target, address)?;
    if dataset.is_chunked() {
        return Ok(dataset);
    }
    sides::allocate(from, dataset, target.path)?;
    sides::dataset(target, address)
}

/// Bytes of a rank's mailbox. Rank 0 holds one more of them.
fn mailbox_bytes(tilings: &Tilings, work: &Work<'_>) -> u64 {
    (work.memory / 16).min(16 << 20).max(tilings.bytes(&tilings.target))
}

/// The groups in which a dataset is moved, and the memory that they have.
pub(super) fn plan(tilings: Tilings, work: &Work<'_>) -> Result<(Budget, GroupPlan)> {
    let mail = if work.ranks > 1 { 2 * mailbox_bytes(&tilings, work) } else { 0 };
    let budget = Budget::new(&tilings, work.memory.saturating_sub(mail), work.threads).map_err(|failure| {
        let more = format!("raise --memory: it holds {} of mail between ranks, too", bytes(mail));
        if mail > 0 { failure.mend(more) } else { failure }
    })?;
    let plan = GroupPlan::shared(tilings, budget.groups, work.ranks as u64)?;
    Ok((budget, plan))
}

/// Tiles of a new dataset without chunks: it takes any, and those that suit the source's best.
fn run_for(from_tile: &[u64], job: &Job, work: &Work<'_>) -> Vec<u64> {
    grown(from_tile, &job.now.shape, job.now.element.size() as u64, sides::run_bytes(work))
}

/// How a dataset that is moved by tiles is tiled, before and afterwards.
pub(super) fn tilings(job: &Job, work: &Work<'_>) -> Tilings {
    let (shape, element) = (job.now.shape.clone(), job.now.element.size() as u64);
    let source = match &job.now.kind {
        StorageKind::Chunked(chunk) => chunk.clone(),
        _ => run_tile(&shape, element, sides::run_bytes(work)),
    };
    let target = match &job.wanted {
        WantedStorage::Chunked(chunk, _) => chunk.clone(),
        _ => run_for(&source, job, work),
    };
    Tilings { shape, source, target, element }
}

/// The groups of a dataset that is moved by tiles, for the receipt.
pub(super) fn groups(job: &Job, work: &Work<'_>) -> Result<Option<Groups>> {
    if job.way != Way::Tiles {
        return Ok(None);
    }
    let (_, plan) = plan(tilings(job, work), work)?;
    Ok(Some(Groups {
        count: plan.count(),
        bytes: plan.group_bytes(),
        source_tiles: plan.source_tiles(),
        decodes: plan.decodes(),
        shape: plan.group,
    }))
}
