//! A repack to several files: each rank writes its part of each dataset to a file of its own, and the new file shows the
//! parts as one (VDS).
//!
//! Nothing passes between ranks but votes: each reads, decodes and encodes groups of its own, and stores them where no other
//! rank writes. What is not shared out rank 0 carries over into the new file, alone.

use super::crew::{Crew, Work};
use super::job::Job;
use super::mover;
use super::parts::Parts;
use super::sides::{self, Made, Opened};
use super::source::within;
use super::survey::Survey;
use super::target::{Coded, Store};
use super::together::{Apart, Ranks};
use super::verify;
use super::{Order, Together, Written};
use crate::comm::all_gather;
use crate::h5::tree::{self, Shown, Tree, WantedStorage};
use crate::h5::{provenance, virtual_dataset};
use crate::identity::identity;
use crate::progress::Progress;
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::region::Region;
use h5lab_core::repack_plan::receipt::{Groups, PartFile};
use h5lab_core::repack_plan::{Budget, Slabs};
use hdf5_metno as hdf5;
use std::collections::{BTreeMap, HashMap};
use std::ffi::CString;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Which ranks write what of which dataset, and where.
pub(super) struct Split {
    /// By a dataset's number in the source's tree.
    shares: BTreeMap<usize, Share>,
    pub(super) parts: Parts,
    /// The name that the new file gets.
    target: PathBuf,
    rank: usize,
    threads: usize,
}

/// How a dataset is shared out.
pub(super) struct Share {
    pub(super) slabs: Slabs,
    pub(super) budget: Budget,
}

impl Split {
    /// Shares out each dataset that is written anew; the same on all ranks.
    ///
    /// # Errors
    /// `Usage` if there is none, or its chunks do not fit into the memory.
    pub(super) fn of(survey: &Survey, order: &Order, crew: Together) -> Result<Split> {
        let nobody = |_: u64| {};
        let work = crew.alone().work(order, &nobody);
        let mut shares = BTreeMap::new();
        for job in survey.jobs.iter().filter(|job| job.can_be_split()) {
            let (budget, plan) = mover::plan(mover::tilings(job, &work), &work)?;
            shares.insert(job.number, Share { slabs: Slabs::new(plan, crew.ranks), budget });
        }
        if shares.is_empty() {
            return Err(nothing_to_split(survey, order));
        }
        let with_values = |rank: &usize| shares.values().any(|share| !share.slabs.part(*rank).is_empty());
        let count = (0..crew.ranks).filter(with_values).count();
        let target = crate::run::followed(&order.output);
        let parts = Parts::new(&target, count);
        Ok(Split { shares, parts, target, rank: crew.rank, threads: crew.threads })
    }

    /// How a dataset is shared out; `None` if it is not.
    pub(super) fn share(&self, job: &Job) -> Option<&Share> {
        self.shares.get(&job.number)
    }

    /// How many parts show a dataset.
    pub(super) fn count(&self, job: &Job) -> usize {
        self.share(job).map_or(0, |share| boxes(&share.slabs).len())
    }

    /// The groups of a dataset that is shared out, for the receipt.
    pub(super) fn groups(&self, job: &Job) -> Option<Groups> {
        self.share(job).map(|Share { slabs, .. }| Groups {
            count: slabs.count(),
            bytes: slabs.plan.group_bytes(),
            source_tiles: slabs.plan.source_tiles(),
            decodes: slabs.decodes(),
            shape: slabs.plan.group.clone(),
        })
    }

    /// The part files, for the receipt.
    pub(super) fn files(&self) -> Vec<PartFile> {
        let size = |path: &Path| std::fs::metadata(path).map(|found| found.len()).ok();
        self.parts.all_finished().map(|file| PartFile { bytes: size(&file), file }).collect()
    }

    /// Writes all files, whole and closed; rank 0 knows which one the new file is, and the parts' inodes. Collective.
    pub(super) fn write(
        &self,
        survey: &Survey,
        order: &Order,
        partial: &Path,
        progress: &dyn Progress,
        ranks: Ranks<'_>,
    ) -> Result<Written> {
        let apart = Apart::new();
        let total = survey.jobs.iter().map(Job::bytes).sum();
        let tell = |moved: u64| progress.moved("repack", moved, total);
        let done = |bytes: u64| apart.done(bytes);
        let work = Work { memory: order.memory, threads: self.threads, done: &done, rank: 0, ranks: 1 };
        let (notes, made, part) = apart.work(&tell, ranks, || {
            let part = self.write_part(survey, order, &work, &apart)?;
            if self.rank > 0 {
                return Ok((Vec::new(), None, part));
            }
            let (notes, made) = survey.write(order, partial, &self.shown(survey), &work, Ranks::ALONE)?;
            Ok((notes, made, part))
        })?;
        Ok(Written { notes, made, parts: all_gather(ranks.comm, &part)? })
    }

    /// What the new file shows of each dataset that is shared out.
    fn shown(&self, survey: &Survey) -> HashMap<usize, WantedStorage> {
        let of = |(number, share): (&usize, &Share)| {
            let job = survey.jobs.iter().find(|job| job.number == *number).expect("it was made of these");
            let shown = boxes(&share.slabs).into_iter().map(|(rank, region)| {
                let file = self.parts.finished(rank);
                let name = file.file_name().unwrap_or_default().as_bytes();
                let file = CString::new(name).expect("a path holds no zero");
                Shown { region, file, dataset: job.path.clone() }
            });
            (*number, WantedStorage::Virtual(shown.collect()))
        };
        self.shares.iter().map(of).collect()
    }

    /// This rank's part, if it has one; its inode.
    fn write_part(&self, survey: &Survey, order: &Order, work: &Work<'_>, apart: &Apart) -> Result<Option<u64>> {
        let Some(path) = self.parts.unfinished(self.rank) else { return Ok(None) };
        let fail = |what: &str| {
            let what = what.to_owned();
            move |e: hdf5::Error| crate::h5::failure(&e, &what, path)
        };
        let file = tree::create_part_file(&survey.file, path).map_err(fail("create"))?;
        let made = identity(path).map(|(_, inode)| inode);
        let outcome = self.fill_part(survey, order, (&file, path), work, apart);
        let flushed = outcome.and_then(|()| file.flush().map_err(fail("write")));
        let closed = crate::h5::close_file(file, path);
        flushed.and(closed)?;
        super::output::sync(path)?;
        Ok(made)
    }

    fn fill_part(
        &self,
        survey: &Survey,
        order: &Order,
        (file, path): (&hdf5::File, &Path),
        work: &Work<'_>,
        apart: &Apart,
    ) -> Result<()> {
        provenance::mark_part(file, &self.target, path)?;
        let bytes = File::options().read(true).write(true).open(path).map_err(|e| Failure::io("open", path, &e))?;
        let source = Opened { file: &survey.file, bytes: &survey.bytes, path: &order.input };
        let part = Opened { file, bytes: &bytes, path };
        for job in &survey.jobs {
            let Some(share) = self.share(job) else { continue };
            let region = share.slabs.part(self.rank);
            if region.is_empty() {
                continue;
            }
            let from = sides::dataset(&source, job.address)?;
            let made = tree::create_part(&from, file, &job.path, &region, &job.wanted);
            let address = made.map_err(|e| crate::h5::failure(&e, &format!("make '{}'", job.name), path))?;
            self.slab(job, share, &source, (&part, address), work, apart)?;
        }
        Ok(())
    }

    /// Moves this rank's values of a dataset to its part, where the dataset has this address.
    fn slab(
        &self,
        job: &Job,
        share: &Share,
        source: &Opened<'_>,
        (part, address): (&Opened<'_>, u64),
        work: &Work<'_>,
        apart: &Apart,
    ) -> Result<()> {
        let Share { slabs, budget } = share;
        let from_dataset = sides::dataset(source, job.address)?;
        let from = sides::from(source, &from_dataset, &job.name, &job.now, work)?;
        if from.empty {
            return Ok(());
        }
        if from.tile != slabs.plan.tilings.source {
            return Err(super::output::written_meanwhile(source.path));
        }
        let region = slabs.part(self.rank);
        let dataset = mover::new_dataset(&from_dataset, part, address)?;
        let store = sides::store(part, &dataset, &region.count, job)?;
        let coder = Made::of(&dataset, part.path, job, slabs.plan.tilings.target.clone())?.coder(job, part.path)?;
        let moved = Moved { store: &*store, start: &region.start };
        let store = apart.while_all_go_on(&moved);
        let crew = Crew {
            plan: &slabs.plan,
            groups: Box::new(slabs.groups(self.rank)),
            source: &*from.source,
            target: &Coded { coder: &coder, store: &store },
            fill: &job.now.fill,
            threads: budget.threads,
            limit: budget.groups,
            done: work.done,
        };
        crew.run()
    }

    /// Looks at what was written: the bytes that each dataset takes, on rank 0; and whether every value is what it was, if
    /// that is asked for: each rank compares its own part, and rank 0 what the new file has, and that it shows the parts.
    /// Collective; ranks do not wait for each other but at the end.
    pub(super) fn look_at(
        &self,
        survey: &Survey,
        order: &Order,
        partial: &Path,
        progress: &dyn Progress,
        ranks: Ranks<'_>,
    ) -> Result<HashMap<u64, u64>> {
        let (seen, total) = (AtomicU64::new(0), survey.jobs.iter().map(|job| job.now.bytes()).sum::<u64>());
        let of_all = self.parts.count() as u64;
        let done = |bytes: u64| {
            // Parts are alike: rank 0 tells its progress for all.
            let bytes = seen.fetch_add(bytes * of_all, Ordering::Relaxed) + bytes * of_all;
            progress.moved("compare", bytes.min(total), total);
        };
        let work = Work { memory: order.memory, threads: self.threads, done: &done, rank: 0, ranks: 1 };
        let looked = || {
            let mine = self.look_at_part(survey, order, &work)?;
            let whole = (self.rank == 0).then(|| survey.look_at(order, partial, Some(self), &work)).transpose()?;
            Ok((mine, whole.unwrap_or_default()))
        };
        let (mine, mut sizes) = ranks.agree(looked())?;
        for (number, bytes) in all_gather(ranks.comm, &mine)?.into_iter().flatten() {
            let job = survey.jobs.iter().find(|job| job.number == number);
            job.into_iter().for_each(|job| *sizes.entry(job.address).or_default() += bytes);
        }
        Ok(sizes)
    }

    /// The bytes that each dataset takes in this rank's part, by its number.
    fn look_at_part(&self, survey: &Survey, order: &Order, work: &Work<'_>) -> Result<Vec<(usize, u64)>> {
        let Some(path) = self.parts.unfinished(self.rank) else { return Ok(Vec::new()) };
        let file = crate::h5::open_existing(path)?;
        let bytes = File::open(path).map_err(|e| Failure::io("open", path, &e))?;
        let tree = Tree::of(&file, path)?;
        let source = Opened { file: &survey.file, bytes: &survey.bytes, path: &order.input };
        let part = Opened { file: &file, bytes: &bytes, path };
        let mut sizes = Vec::new();
        for job in &survey.jobs {
            let Some(share) = self.share(job).filter(|share| !share.slabs.part(self.rank).is_empty()) else { continue };
            let found = tree.datasets().find(|(_, object)| object.paths.contains(&job.path));
            let (_, object) = found.ok_or_else(|| {
                Failure::new(FailureKind::Internal, format!("dataset '{}' was not made", job.name)).at(path)
            })?;
            let dataset = sides::dataset(&part, object.address)?;
            if order.verify {
                verify::part(job, share, self.rank, &source, (&part, &dataset), work)?;
            }
            sizes.push((job.number, dataset.storage_size()));
        }
        Ok(sizes)
    }

    /// Whether the new file's dataset shows just the parts that were written of it.
    pub(super) fn shows(&self, job: &Job, dataset: &hdf5::Dataset, path: &Path) -> Result<bool> {
        let Some(share) = self.share(job) else { return Ok(false) };
        let Some(found) = virtual_dataset::mappings(dataset, path)? else { return Ok(false) };
        let expected = boxes(&share.slabs);
        let same = |(mapping, (rank, region)): (&virtual_dataset::Mapping, &(usize, Region))| {
            mapping.region == *region
                && mapping.dataset == job.path.to_string_lossy()
                && mapping.file.to_string_lossy() == self.parts.finished(*rank).to_string_lossy()
                && mapping.source.as_ref().is_none_or(|source| *source == Region::whole(&region.count))
        };
        Ok(found.len() == expected.len() && found.iter().zip(&expected).all(same))
    }
}

/// The parts of a dataset that have elements, with their ranks.
fn boxes(slabs: &Slabs) -> Vec<(usize, Region)> {
    (0..slabs.ranks()).map(|rank| (rank, slabs.part(rank))).filter(|(_, part)| !part.is_empty()).collect()
}

fn nothing_to_split(survey: &Survey, order: &Order) -> Failure {
    let refuse = |why: &str, mend: &str| Failure::new(FailureKind::Usage, why).at(&order.input).mend(mend);
    if survey.jobs.iter().any(Job::changes) {
        let why = "--split: HDF5 itself has to move the values of each dataset that is written anew, and that is not shared \
                   out (scalars, compact datasets, strings of variable length, references, filters that h5lab lacks)";
        return refuse(why, "leave out --split");
    }
    refuse(
        "--split: no dataset is written anew, so there is nothing to share out",
        "say with --chunk or --filter what is to change, or leave out --split",
    )
}

/// Tiles of the whole dataset, stored in a part of it.
struct Moved<'a> {
    store: &'a dyn Store,
    /// The part's first element.
    start: &'a [u64],
}

impl Store for Moved<'_> {
    fn store(&self, tile: &Region, mask: u32, stored: &[u8]) -> Result<()> {
        self.store.store(&within(tile, self.start), mask, stored)
    }
}
