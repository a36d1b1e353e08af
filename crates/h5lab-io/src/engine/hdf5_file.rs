//! An HDF5 file with the dataset that is measured: what the HDF5 methods are made of.

use super::files::subfiles;
use super::{Closed, Session, subfiling};
use crate::comm::Comm;
use crate::h5::{self, Mode, failure, provenance, settings, transfer};
use h5lab_core::dataset::{Dataset, Dtype};
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::layout::Layout;
use h5lab_core::record::Actual;
use h5lab_core::region::Region;
use h5lab_core::tunables::{AllocationTime, Tunables};
use hdf5_metno as hdf5;
use settings::Settings;
use std::path::{Path, PathBuf};

/// How a file is to be opened.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    /// Where.
    pub(super) path: &'a Path,
    /// The ranks that open it together, through the MPI-IO driver if they have MPI; `None`: this rank alone, with sec2.
    pub(super) ranks: Option<&'a dyn Comm>,
    /// Through the subfiling driver instead; then there are ranks, and they have MPI.
    pub(super) subfiling: bool,
    /// Transfers of one rank, or of all together.
    pub(super) transfer: transfer::Mode,
    /// What else is set.
    pub(super) tunables: &'a Tunables,
}

/// HDF5's driver of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Driver {
    Sec2,
    Mpio,
    Subfiling,
}

impl Driver {
    /// As records have it.
    fn name(self) -> &'static str {
        match self {
            Driver::Sec2 => "sec2",
            Driver::Mpio => "mpio",
            Driver::Subfiling => "subfiling",
        }
    }
}

/// An open file, with its dataset.
pub(super) struct Hdf5File {
    file: hdf5::File,
    dataset: hdf5::Dataset,
    transfer: transfer::Transfer,
    dtype: Dtype,
    path: PathBuf,
    driver: Driver,
    asked: Settings,
    hints: Vec<String>,
    /// Whether all its space was there as soon as the dataset was made.
    allocated: bool,
}

impl Place<'_> {
    /// Makes the file, the dataset, and the attributes that say who made it and (if that is known of this very dataset)
    /// where its values come from.
    pub(super) fn create(&self, dataset: &Dataset, layout: &Layout) -> Result<Hdf5File> {
        let file = self.file(Mode::Create)?;
        let made = h5::dataset::create(&file, dataset, layout, self.tunables, self.path)?;
        provenance::write(&made, dataset, self.path)?;
        let allocated = settings::is_allocated(&made);
        Ok(Hdf5File { allocated, ..self.opened(file, made, dataset.dtype, asked(self.tunables, true))? })
    }

    /// Opens a file and a dataset that are there.
    pub(super) fn join(&self, dataset: &Dataset, mode: Mode) -> Result<Hdf5File> {
        let file = self.file(mode)?;
        let found = h5::dataset::open(&file, &dataset.name, self.tunables, self.path)?;
        self.opened(file, found, dataset.dtype, asked(self.tunables, mode == Mode::ReadWrite))
    }

    fn file(&self, mode: Mode) -> Result<hdf5::File> {
        match self.ranks {
            Some(ranks) if self.subfiling => h5::subfiling::open(self.path, mode, ranks, self.tunables),
            ranks => h5::open_with(self.path, mode, ranks, self.tunables),
        }
    }

    fn driver(&self) -> Driver {
        match self.ranks {
            Some(_) if self.subfiling => Driver::Subfiling,
            Some(ranks) if ranks.mpi().is_some() => Driver::Mpio,
            _ => Driver::Sec2,
        }
    }

    fn opened(&self, file: hdf5::File, dataset: hdf5::Dataset, dtype: Dtype, asked: Settings) -> Result<Hdf5File> {
        let transfer = transfer::Transfer::new(self.transfer).map_err(|e| failure(&e, "open", self.path))?;
        let hints = self.tunables.hints.keys().map(|name| format!("hint.{name}")).collect();
        let (path, driver) = (self.path.to_owned(), self.driver());
        Ok(Hdf5File { file, dataset, transfer, dtype, path, driver, asked, hints, allocated: false })
    }
}

/// The tunables as [`settings::in_force`] names them. A dataset that is only read has the times, and the subfiles, with
/// which it was made.
fn asked(tunables: &Tunables, writes: bool) -> Settings {
    let Tunables { alignment, chunk_cache_bytes, chunk_cache_slots, collective_metadata, .. } = tunables;
    let mut asked = Settings::new();
    let mut say = |name: &str, value: Option<String>| value.map(|value| asked.insert(name.to_owned(), value));
    say("alignment", alignment.map(|n| n.to_string()));
    say("chunk-cache-bytes", chunk_cache_bytes.map(|n| n.to_string()));
    say("chunk-cache-slots", chunk_cache_slots.map(|n| n.to_string()));
    say("collective-metadata", collective_metadata.map(|yes| yes.to_string()));
    say("mpi-io", tunables.mpi_io.map(|component| component.name().to_owned()));
    if writes {
        say("allocation-time", tunables.allocation_time.map(|time| time.name().to_owned()));
        say("fill-time", tunables.fill_time.map(|time| time.name().to_owned()));
        say("subfiles", tunables.subfiles.map(|n| n.to_string()));
        say("subfile-stripe", tunables.subfile_stripe.map(|n| n.to_string()));
    }
    // MPI may disregard a hint: what it makes of it is in the record.
    asked
}

impl Hdf5File {
    /// The dataset.
    pub(super) fn dataset(&self) -> &hdf5::Dataset {
        &self.dataset
    }

    /// The files that hold the dataset's values: those behind a virtual dataset, else the file itself.
    pub(super) fn files(&self) -> Result<Vec<PathBuf>> {
        h5::virtual_dataset::files(&self.dataset, &self.path)
    }

    /// The files and the datasets in them that hold the dataset's values: those of a virtual dataset that is made of boxes,
    /// else itself.
    pub(super) fn sources(&self) -> Result<Vec<(PathBuf, String)>> {
        let mappings = h5::virtual_dataset::mappings(&self.dataset, &self.path)?.unwrap_or_default();
        let mut sources: Vec<_> = mappings.into_iter().map(|mapping| (mapping.file, mapping.dataset)).collect();
        sources.dedup();
        if sources.is_empty() {
            sources.push((self.path.clone(), self.dataset.name()));
        }
        Ok(sources)
    }

    /// True if it was opened through the MPI-IO driver.
    pub(super) fn is_mpio(&self) -> bool {
        self.driver == Driver::Mpio
    }

    /// Names the chunk that a filter failed on.
    fn which_chunk(&self, failure: Failure, region: &Region) -> Failure {
        let filtered = failure.stack.iter().any(|frame| frame.contains(h5::DAMAGED));
        let found =
            filtered.then(|| h5::damage::find(&self.dataset, &self.dataset.name(), region, &self.path)).flatten();
        found.map_or_else(|| failure.clone(), |found| found.during("transfer").with_stack(failure.stack.clone()))
    }

    /// Refuses to call a measurement one of settings that are not in force.
    fn check(&self, found: &Settings) -> Result<()> {
        let differs = |(name, asked): &(&String, &String)| found.get(*name).is_some_and(|found| found != *asked);
        match self.asked.iter().find(differs) {
            None => Ok(()),
            Some((name, asked)) => {
                let why = format!("{name} = {asked} was asked for, but {} is in force", found[name]);
                Err(Failure::new(FailureKind::Environment, why)
                    .at(&self.path)
                    .mend(format!("leave {name} to the library, or use one that does as it is told")))
            }
        }
    }
}

impl Session for Hdf5File {
    fn write(&mut self, region: &Region, data: &[u8]) -> Result<()> {
        self.transfer.write(&self.dataset, self.dtype, region, data).map_err(|e| failure(&e, "transfer", &self.path))
    }

    fn read(&mut self, region: &Region, data: &mut [u8]) -> Result<()> {
        let read = self.transfer.read(&self.dataset, self.dtype, region, data);
        read.map_err(|e| self.which_chunk(failure(&e, "transfer", &self.path), region))
    }

    fn in_force(&mut self) -> Result<Settings> {
        let found = settings::in_force(&self.file, &self.dataset);
        let mut found = found.map_err(|e| failure(&e, "read back the settings", &self.path))?;
        if self.allocated {
            // With drivers for MPI, HDF5 does so whatever the property list says.
            found.insert("allocation-time".to_owned(), AllocationTime::Early.name().to_owned());
        }
        if self.driver == Driver::Subfiling {
            // That is of the list, not of the subfiles, which the driver does not lock.
            found.remove("file-locking");
            found.extend(subfiling::striping(&self.path, !self.file.is_read_only())?);
        }
        self.check(&found)?;
        // A hint that MPI-IO does not report is one that it does not use.
        for name in &self.hints {
            found.entry(name.clone()).or_insert_with(|| "ignored".to_owned());
        }
        Ok(found)
    }

    fn sync(&mut self) -> Result<()> {
        self.file.flush().map_err(|e| failure(&e, "flush", &self.path))?;
        let files = match self.driver {
            Driver::Sec2 => vec![self.path.clone()],
            // Its flush is MPI_File_sync, which reaches the device; that of the others does not.
            Driver::Mpio => Vec::new(),
            // On every rank: what a node has in its cache, only that node can write.
            Driver::Subfiling => subfiles(&self.path),
        };
        files.iter().try_for_each(|path| {
            let synced = std::fs::File::open(path).and_then(|file| file.sync_all());
            synced.map_err(|e| Failure::io("flush", path, &e))
        })
    }

    fn close(self: Box<Self>) -> Result<Closed> {
        let Hdf5File { file, dataset, transfer, path, driver, .. } = *self;
        let (io_mode, no_collective_cause) = transfer.actual().map_or((None, Vec::new()), |(m, c)| (Some(m), c));
        if driver == Driver::Sec2 && !file.is_read_only() {
            // Chunks that are in the cache have no place in the file yet: closing would write them as well.
            h5::flush_dataset(&dataset, &path)?;
        }
        let stored_bytes = Some(dataset.storage_size()).filter(|&bytes| bytes > 0);
        h5::close_dataset(dataset, &path)?;
        file.close().map_err(|e| failure(&e, "close", &path))?;
        let actual = Actual { driver: driver.name().into(), io_mode, no_collective_cause, ..Actual::default() };
        Ok(Closed { actual, stored_bytes })
    }
}
