//! The method `per-process`: every rank writes a file of its own, with its part of the dataset; a virtual dataset in a
//! master file makes one of them again. The way detectors write.
//!
//! A rank's part is what the experiment's split gives it. Writes need no MPI-IO and no lock that ranks share. The master
//! names the parts relative to its own folder: all of them may be moved together. Reads go through the master, so any
//! rank may read any region, whoever wrote it, however many they were.

use super::files::{final_name, part_name};
use super::hdf5_file::{Hdf5File, Place};
use super::{Closed, Engine, Opening, Session};
use crate::comm::{agree, all_gather};
use crate::h5::{self, Mode, failure, provenance, settings::Settings, transfer, virtual_dataset};
use h5lab_core::dataset::{Dataset, Shape};
use h5lab_core::experiment::{Direction, Experiment};
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::layout::Layout;
use h5lab_core::record::Actual;
use h5lab_core::region::Region;
use std::path::{Path, PathBuf};

/// One file a rank, and a master.
pub(super) struct PerProcess;

/// The elements that `rank` writes.
pub(super) fn part(experiment: &Experiment, rank: usize) -> Region {
    experiment.split.part(&Region::whole(&experiment.dataset.shape.0), rank, experiment.np)
}

/// Refuses writes of which a rank has to make some outside of its own part.
///
/// # Errors
/// `Usage`, naming access and split.
pub(super) fn check(experiment: &Experiment) -> Result<()> {
    let Experiment { method, access, split, dataset, np, .. } = experiment;
    let stays = |rank: usize| {
        let part = part(experiment, rank);
        access.requests(&dataset.shape.0, *split, rank, *np).all(|request| local(&request, &part).is_some())
    };
    if experiment.direction == Direction::Read || (0..*np).all(stays) {
        return Ok(());
    }
    let why =
        format!("{method}: with the access {access} and the split {split}, ranks write elements of other ranks' files");
    Err(Failure::new(FailureKind::Usage, why).mend("write with the access rows or full; any access can read it back"))
}

/// A region within a part, counted from the part's start.
fn local(region: &Region, part: &Region) -> Option<Region> {
    let inside = region.is_empty() || region.intersect(part).as_ref() == Some(region);
    inside.then(|| {
        let start = region.start.iter().zip(&part.start).map(|(a, b)| a.saturating_sub(*b)).collect();
        Region::new(start, region.count.clone())
    })
}

/// The layout of a part: chunks are no larger than the part.
fn clipped(layout: &Layout, part: &Region) -> Layout {
    match layout {
        Layout::Contiguous => Layout::Contiguous,
        Layout::Chunked { chunk, filters } => Layout::Chunked {
            chunk: chunk.iter().zip(&part.count).map(|(&c, &n)| c.min(n)).collect(),
            filters: filters.clone(),
        },
    }
}

impl Engine for PerProcess {
    fn open<'a>(&'a self, opening: &Opening<'a>) -> Result<Box<dyn Session + 'a>> {
        match opening.experiment.direction {
            Direction::Write => Ok(Box::new(Writer::open(*opening, "sec2", |place, dataset, layout| {
                Ok(Box::new(place.create(dataset, layout)?))
            })?)),
            Direction::Read => Ok(Box::new(Reader::open(*opening)?)),
        }
    }
}

fn place<'a>(opening: &Opening<'a>, path: &'a Path) -> Place<'a> {
    let transfer = transfer::Mode::Independent;
    Place { path, ranks: None, subfiling: false, transfer, tunables: &opening.experiment.tunables }
}

/// A rank that writes its part.
pub(super) struct Writer<'a> {
    opening: Opening<'a>,
    part: Region,
    /// `None` if the part is empty.
    file: Option<Box<dyn Session + 'a>>,
    /// How records name what writes the part.
    driver: &'static str,
}

impl<'a> Writer<'a> {
    /// Opens a rank's part, which `make` makes: one that it writes with `driver`.
    pub(super) fn open(
        opening: Opening<'a>,
        driver: &'static str,
        make: impl FnOnce(&Place<'_>, &Dataset, &Layout) -> Result<Box<dyn Session + 'a>>,
    ) -> Result<Self> {
        let Opening { experiment, path, comm } = opening;
        let part = part(experiment, comm.rank());
        if part.is_empty() {
            return Ok(Writer { opening, part, file: None, driver });
        }
        let dataset = Dataset { shape: Shape(part.count.clone()), ..experiment.dataset.of_unknown_values() };
        let name = part_name(path, comm.rank());
        let file = make(&place(&opening, &name), &dataset, &clipped(&experiment.layout, &part))?;
        Ok(Writer { opening, part, file: Some(file), driver })
    }

    fn outside(&self, region: &Region) -> Failure {
        let (rank, path) = (self.opening.comm.rank(), self.opening.path);
        let why = format!("{region:?} is not in the part {:?} that rank {rank} writes", self.part);
        Failure::new(FailureKind::Internal, why).during("transfer").at(path)
    }

    /// The file that joins the parts.
    fn write_master(&self) -> Result<()> {
        let Opening { experiment, path, .. } = self.opening;
        let sources: Vec<_> = (0..experiment.np)
            .map(|rank| (rank, part(experiment, rank)))
            .filter(|(_, part)| !part.is_empty())
            .map(|(rank, region)| {
                let name = final_name(&part_name(path, rank));
                let file = name.file_name().unwrap_or_default().to_string_lossy().into_owned();
                virtual_dataset::Source { file, region }
            })
            .collect();
        let file = h5::open(path, Mode::Create, None)?;
        let master = virtual_dataset::create(&file, &experiment.dataset, &sources, path)?;
        provenance::write(&master, &experiment.dataset, path)?;
        h5::close_dataset(master, path)?;
        file.close().map_err(|e| failure(&e, "close", path))
    }
}

impl Session for Writer<'_> {
    fn write(&mut self, region: &Region, data: &[u8]) -> Result<()> {
        let local = local(region, &self.part).ok_or_else(|| self.outside(region))?;
        match &mut self.file {
            Some(file) if !local.is_empty() => file.write(&local, data),
            _ => Ok(()),
        }
    }

    fn read(&mut self, region: &Region, data: &mut [u8]) -> Result<()> {
        let local = local(region, &self.part).ok_or_else(|| self.outside(region))?;
        match &mut self.file {
            Some(file) if !local.is_empty() => file.read(&local, data),
            _ => Ok(()),
        }
    }

    fn helpers(&self) -> &[i32] {
        self.file.as_ref().map_or(&[], |file| file.helpers())
    }

    fn in_force(&mut self) -> Result<Settings> {
        self.file.as_mut().map_or_else(|| Ok(Settings::new()), |file| file.in_force())
    }

    fn sync(&mut self) -> Result<()> {
        self.file.as_mut().map_or(Ok(()), |file| file.sync())
    }

    /// All ranks close their parts; then rank 0 writes the master, which makes them one dataset: that belongs to the
    /// close, since nobody can read what was written before it is done.
    fn close(mut self: Box<Self>) -> Result<Closed> {
        let comm = self.opening.comm;
        let mine = self.file.take().map(|file| file.close()).transpose();
        let mine = agree(comm, mine, &|_| ())?;
        let stored = all_gather(comm, &mine.map_or(Some(0), |closed| closed.stored_bytes))?;
        if comm.rank() == 0 {
            self.write_master()?;
        }
        let actual = Actual { driver: self.driver.into(), ..Actual::default() };
        Ok(Closed { actual, stored_bytes: stored.into_iter().sum() })
    }
}

/// The failure to find a part.
pub(crate) fn missing(part: &Path) -> Failure {
    Failure::new(FailureKind::Input, "a part of the dataset is missing")
        .at(part)
        .mend("keep the parts in the master's folder, under the names they were written with")
}

/// A rank that reads through the master.
struct Reader<'a> {
    opening: Opening<'a>,
    master: Box<Hdf5File>,
    stored_bytes: Option<u64>,
}

impl<'a> Reader<'a> {
    fn open(opening: Opening<'a>) -> Result<Self> {
        let master = Box::new(place(&opening, opening.path).join(&opening.experiment.dataset, Mode::Read)?);
        let reader = Reader { opening, master, stored_bytes: None };
        agree(opening.comm, reader.check_parts(), &|_| ())?;
        Ok(reader)
    }

    /// HDF5 would read zeros where a part is missing.
    fn check_parts(&self) -> Result<()> {
        match self.parts()?.iter().find(|part| !part.exists()) {
            None => Ok(()),
            Some(part) => Err(missing(part)),
        }
    }

    /// The parts, on rank 0: one rank is enough to look at them.
    fn parts(&self) -> Result<Vec<PathBuf>> {
        if self.opening.comm.rank() == 0 { self.master.files() } else { Ok(Vec::new()) }
    }
}

impl Session for Reader<'_> {
    fn write(&mut self, _region: &Region, _data: &[u8]) -> Result<()> {
        Err(Failure::new(FailureKind::Internal, "the master was opened to be read").at(self.opening.path))
    }

    fn read(&mut self, region: &Region, data: &mut [u8]) -> Result<()> {
        if region.is_empty() { Ok(()) } else { self.master.read(region, data) }
    }

    /// A virtual dataset has no chunk cache, no allocation time and no storage of its own: these are those of its parts,
    /// which HDF5 opens with the master's settings.
    fn in_force(&mut self) -> Result<Settings> {
        let (mut found, mut stored) = (Settings::new(), Some(0));
        let sources = if self.opening.comm.rank() == 0 { self.master.sources()? } else { Vec::new() };
        for (part, name) in sources {
            let dataset = Dataset { name, ..self.opening.experiment.dataset.of_unknown_values() };
            let mut part = Box::new(place(&self.opening, &part).join(&dataset, Mode::Read)?);
            found = part.in_force()?;
            stored = stored.zip(part.close()?.stored_bytes).map(|(sum, bytes)| sum + bytes);
        }
        self.stored_bytes = stored.filter(|&bytes| bytes > 0);
        Ok(found)
    }

    fn sync(&mut self) -> Result<()> {
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<Closed> {
        Ok(Closed { stored_bytes: self.stored_bytes, ..self.master.close()? })
    }
}
