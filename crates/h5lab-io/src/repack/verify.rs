//! Compares two files, object by object and value by value: nothing but the layout may differ.

use super::crew::{Crew, Work};
use super::hands::Hands;
use super::job::{Job, Way};
use super::sides::{self, Opened};
use super::source::{Shifted, Source};
use super::split::{Share, Split};
use super::target::Target;
use super::{library, mover};
use crate::h5::tree::{self, Named, StorageNow, Tree, Values};
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::region::Region;
use h5lab_core::repack_plan::{Tile, Tilings, copy_overlap};
use h5lab_core::report::printable;
use hdf5_metno as hdf5;
use std::path::Path;

/// Compares links, types, extents, attributes and this rank's share of the values; what HDF5 has to read, rank 0 compares.
/// Rank 0 tells its progress for all ranks: they have shares alike.
///
/// # Errors
/// `Mismatch` with the first difference; else what reading fails with.
pub(super) fn compare(
    source: (&Opened<'_>, &Tree),
    target: (&Opened<'_>, &Tree),
    jobs: &[Job],
    split: Option<&Split>,
    work: &Work<'_>,
) -> Result<()> {
    let path = target.0.path;
    structure(source.1, target.1, path)?;
    let mut names = (Named::new(source.0.file, source.1), Named::new(target.0.file, target.1));
    for (a, b) in source.1.objects.iter().zip(&target.1.objects) {
        let same = tree::same_attributes((a.address, &mut names.0), (b.address, &mut names.1));
        let same = same.map_err(|e| crate::h5::failure(&e, "compare the attributes", path))?;
        if let Some(name) = same {
            return Err(differs(path, &format!("attribute '{}' of '{}'", printable(&name), printable(&a.name()))));
        }
    }
    for job in jobs {
        let address = target.1.objects[job.number].address;
        dataset(job, source.0, (target.0, address), split, &mut names, work)?;
    }
    Ok(())
}

fn differs(path: &Path, what: &str) -> Failure {
    Failure::new(FailureKind::Mismatch, format!("{what} is not what it was: the new file is not kept"))
        .at(path)
        .mend("check the memory and the disk of this machine; if they are sound, this is a defect in h5lab: report it")
}

/// The same objects with the same names and links?
fn structure(a: &Tree, b: &Tree, path: &Path) -> Result<()> {
    if a.objects.len() != b.objects.len() {
        return Err(differs(path, "the number of objects"));
    }
    for (one, other) in a.objects.iter().zip(&b.objects) {
        let same_links = || {
            let kept = one.links.iter().filter(|link| !link.is_foreign());
            kept.clone().count() == other.links.len()
                && kept.zip(&other.links).all(|(x, y)| (&x.name, x.charset, &x.to) == (&y.name, y.charset, &y.to))
        };
        if one.kind != other.kind || one.paths != other.paths || !same_links() {
            return Err(differs(path, &format!("'{}' with its links", printable(&one.name()))));
        }
    }
    Ok(())
}

fn dataset(
    job: &Job,
    source: &Opened<'_>,
    (target, address): (&Opened<'_>, u64),
    split: Option<&Split>,
    names: &mut (Named<'_>, Named<'_>),
    work: &Work<'_>,
) -> Result<()> {
    let (a, b) = (sides::dataset(source, job.address)?, sides::dataset(target, address)?);
    let look = |e: hdf5::Error| crate::h5::failure(&e, "compare", target.path);
    let now = StorageNow::of(&b).map_err(look)?;
    let same_type = tree::same_type(&a, &b).map_err(look)?;
    if !same_type || now.shape != job.now.shape || now.limits != job.now.limits || now.fill != job.now.fill {
        return Err(differs(target.path, &format!("type, shape or fill value of dataset '{}'", printable(&job.name))));
    }
    if let Some(split) = split.filter(|split| split.share(job).is_some()) {
        let shows = split.shows(job, &b, target.path)?;
        let what = || format!("the parts that dataset '{}' shows", printable(&job.name));
        return if shows { Ok(()) } else { Err(differs(target.path, &what())) };
    }
    match job.way {
        Way::None => Ok(()),
        Way::Library if work.rank > 0 => Ok(()),
        Way::Library => by_library(job, (source, &a), &b, names, work, target.path),
        Way::Chunks | Way::Tiles => by_tiles(job, (source, &a), (target, &b), &now, work),
    }
}

fn by_library(
    job: &Job,
    a: (&Opened<'_>, &hdf5::Dataset),
    b: &hdf5::Dataset,
    names: &mut (Named<'_>, Named<'_>),
    work: &Work<'_>,
    path: &Path,
) -> Result<()> {
    let read = |e: hdf5::Error| crate::h5::failure(&e, &format!("compare dataset '{}'", printable(&job.name)), path);
    for region in library::pieces(job, a.1, a.0, work)? {
        let mut one = Values::of_region(a.1, &region).map_err(read)?;
        let mut other = Values::of_region(b, &region).map_err(read)?;
        one.each_reference(&mut names.0).map_err(read)?;
        other.each_reference(&mut names.1).map_err(read)?;
        if one.flat() != other.flat() {
            return Err(differs(path, &format!("dataset '{}' at {:?}", printable(&job.name), region.start)));
        }
        (work.done)(region.elements() * job.now.element.size() as u64);
    }
    Ok(())
}

fn by_tiles(
    job: &Job,
    a: (&Opened<'_>, &hdf5::Dataset),
    b: (&Opened<'_>, &hdf5::Dataset),
    now: &StorageNow,
    work: &Work<'_>,
) -> Result<()> {
    let from = sides::from(a.0, a.1, &job.name, &job.now, work)?;
    let to = sides::from(b.0, b.1, &job.name, now, work)?;
    if from.empty && to.empty {
        return Ok(());
    }
    let element = job.now.element.size();
    let tilings = Tilings { shape: job.now.shape.clone(), source: from.tile, target: to.tile, element: element as u64 };
    let (budget, plan) = mover::plan(tilings, work)?;
    let target = Comparison { there: &*to.source, element, job, path: b.0.path };
    let fill = &job.now.fill[..];
    let done = |bytes: u64| (work.done)(bytes * work.ranks as u64);
    let crew = Crew {
        plan: &plan,
        groups: work.share(&plan),
        source: &*from.source,
        target: &target,
        fill,
        threads: budget.threads,
        limit: budget.groups,
        done: &done,
    };
    crew.run()
}

/// Compares a rank's part of a dataset with the same elements of the source.
///
/// # Errors
/// As [`compare`].
pub(super) fn part(
    job: &Job,
    share: &Share,
    rank: usize,
    source: &Opened<'_>,
    (part, dataset): (&Opened<'_>, &hdf5::Dataset),
    work: &Work<'_>,
) -> Result<()> {
    let now = StorageNow::of(dataset).map_err(|e| crate::h5::failure(&e, "compare", part.path))?;
    let from_dataset = sides::dataset(source, job.address)?;
    let region = share.slabs.part(rank);
    if now.shape != region.count || now.element != job.now.element || now.fill != job.now.fill {
        return Err(differs(part.path, &format!("type, shape or fill value of dataset '{}'", printable(&job.name))));
    }
    let from = sides::from(source, &from_dataset, &job.name, &job.now, work)?;
    let to = sides::from(part, dataset, &job.name, &now, work)?;
    if from.empty && to.empty {
        return Ok(());
    }
    let there = Shifted { part: &*to.source, start: &region.start };
    let target = Comparison { there: &there, element: job.now.element.size(), job, path: part.path };
    let crew = Crew {
        plan: &share.slabs.plan,
        groups: Box::new(share.slabs.groups(rank)),
        source: &*from.source,
        target: &target,
        fill: &job.now.fill,
        threads: share.budget.threads,
        limit: share.budget.groups,
        done: work.done,
    };
    crew.run()
}

/// Takes the tiles of one dataset, and compares each with that of another.
struct Comparison<'a> {
    there: &'a dyn Source,
    element: usize,
    job: &'a Job,
    path: &'a Path,
}

impl Target for Comparison<'_> {
    fn sizes<'a>(&'a self, tile: &'a Region) -> &'a [u64] {
        &tile.count
    }

    fn wants(&self, tile: &Region) -> Result<bool> {
        self.there.has(tile)
    }

    fn write(&self, tile: &Region, hands: &mut Hands, bytes: &[u8]) -> Result<()> {
        let sizes = self.there.sizes(tile);
        let mut other = std::mem::take(&mut hands.raw);
        other.resize(sizes.iter().product::<u64>() as usize * self.element, 0);
        if self.there.has(tile)? {
            self.there.read(tile, hands, &mut other)?;
        } else {
            other.chunks_exact_mut(self.element).for_each(|element| element.copy_from_slice(&self.job.now.fill));
        }
        if sizes != tile.count {
            // What lies over the dataset's edge is nobody's.
            let mut inside = vec![0; bytes.len()];
            let cut = Tile { start: &tile.start, sizes: &tile.count };
            copy_overlap(tile, self.element, (Tile { start: &tile.start, sizes }, &other), (cut, &mut inside));
            other.clone_from(&inside);
        }
        let same = bytes == &other[..bytes.len()];
        hands.raw = other;
        if same {
            Ok(())
        } else {
            Err(differs(self.path, &format!("dataset '{}' at {:?}", printable(&self.job.name), tile.start)))
        }
    }
}
