//! The methods `independent` and `collective`: one shared HDF5 file.
//!
//! MPI ranks open it together through the MPI-IO driver (HDF5 User Guide, "Parallel HDF5"). Local threads, and a single
//! rank without MPI, use the sec2 driver; threads then share one file in the library, and its global lock.

use super::{Closed, Engine, Opening, Session};
use crate::comm::{Comm, agree};
use crate::h5::{self, Mode, failure, provenance, transfer};
use h5lab_core::dataset::Dtype;
use h5lab_core::experiment::Direction;
use h5lab_core::failure::{Failure, Result};
use h5lab_core::record::Actual;
use h5lab_core::region::Region;
use hdf5_metno as hdf5;
use std::path::Path;

/// One shared file.
pub(super) struct Shared {
    mode: transfer::Mode,
}

impl Shared {
    /// Each rank transfers for itself.
    pub(super) fn independent() -> Self {
        Shared { mode: transfer::Mode::Independent }
    }

    /// All ranks transfer together.
    pub(super) fn collective() -> Self {
        Shared { mode: transfer::Mode::Collective }
    }
}

struct SharedSession<'a> {
    file: hdf5::File,
    dataset: hdf5::Dataset,
    transfer: transfer::Transfer,
    dtype: Dtype,
    path: &'a Path,
    comm: &'a dyn Comm,
}

impl Engine for Shared {
    fn open<'a>(&'a self, opening: &Opening<'a>) -> Result<Box<dyn Session + 'a>> {
        let Opening { experiment, path, comm } = *opening;
        let (file, dataset) = match experiment.direction {
            Direction::Write if comm.mpi().is_some() || comm.size() == 1 => create(opening)?,
            Direction::Write => {
                let first = if comm.rank() == 0 { create(opening).map(Some) } else { Ok(None) };
                match agree(comm, first, &|_| ())? {
                    Some(made) => made,
                    None => join(opening, Mode::ReadWrite)?,
                }
            }
            Direction::Read => join(opening, Mode::Read)?,
        };
        let transfer = transfer::Transfer::new(self.mode).map_err(|e| failure(&e, "open", path))?;
        Ok(Box::new(SharedSession { file, dataset, transfer, dtype: experiment.dataset.dtype, path, comm }))
    }

    fn collective(&self) -> bool {
        self.mode == transfer::Mode::Collective
    }
}

/// Makes the file, the dataset and its provenance.
fn create(opening: &Opening<'_>) -> Result<(hdf5::File, hdf5::Dataset)> {
    let Opening { experiment, path, comm } = *opening;
    let file = h5::open(path, Mode::Create, Some(comm))?;
    let dataset = h5::dataset::create(&file, &experiment.dataset, &experiment.layout, path)?;
    provenance::write(&dataset, experiment.dataset.data.as_ref(), path)?;
    Ok((file, dataset))
}

/// Opens a file and a dataset that are there.
fn join(opening: &Opening<'_>, mode: Mode) -> Result<(hdf5::File, hdf5::Dataset)> {
    let Opening { experiment, path, comm } = *opening;
    let file = h5::open(path, mode, Some(comm))?;
    let dataset = file.dataset(&experiment.dataset.name).map_err(|e| failure(&e, "open the dataset", path))?;
    Ok((file, dataset))
}

impl Session for SharedSession<'_> {
    fn write(&mut self, region: &Region, data: &[u8]) -> Result<()> {
        self.transfer.write(&self.dataset, self.dtype, region, data).map_err(|e| failure(&e, "transfer", self.path))
    }

    fn read(&mut self, region: &Region, data: &mut [u8]) -> Result<()> {
        self.transfer.read(&self.dataset, self.dtype, region, data).map_err(|e| failure(&e, "transfer", self.path))
    }

    fn sync(&mut self) -> Result<()> {
        // The MPI-IO driver's flush is MPI_File_sync, which reaches the device; sec2's is not.
        self.file.flush().map_err(|e| failure(&e, "flush", self.path))?;
        if self.comm.mpi().is_some() {
            return Ok(());
        }
        let synced = std::fs::File::open(self.path).and_then(|file| file.sync_all());
        synced.map_err(|e| Failure::io("flush", self.path, &e))
    }

    fn close(self: Box<Self>) -> Result<Closed> {
        let (io_mode, no_collective_cause) = self.transfer.actual().map_or((None, Vec::new()), |(m, c)| (Some(m), c));
        let driver = if self.comm.mpi().is_some() { "mpio" } else { "sec2" };
        let stored_bytes = stored_bytes(&self.dataset);
        let SharedSession { file, dataset, path, .. } = *self;
        h5::close_dataset(dataset, path)?;
        file.close().map_err(|e| failure(&e, "close", path))?;
        let actual = Actual { driver: driver.into(), io_mode, no_collective_cause, ..Actual::default() };
        Ok(Closed { actual, stored_bytes })
    }
}

/// Bytes that the dataset takes in the file; before its last chunks are written it may say too little.
fn stored_bytes(dataset: &hdf5::Dataset) -> Option<u64> {
    Some(dataset.storage_size()).filter(|&bytes| bytes > 0)
}
