//! The methods `independent` and `collective`: one shared HDF5 file.
//!
//! MPI ranks open it together through the MPI-IO driver (HDF5 User Guide, "Parallel HDF5"). Local threads, and a single
//! rank without MPI, use the sec2 driver; threads then share one file in the library, and its global lock. So does a
//! single MPI rank that transfers filtered chunks independently: through MPI-IO, HDF5 1.10 writes those collectively alone.
//! And so do ranks that read a virtual dataset, each for itself.

use super::hdf5_file::{Hdf5File, Place};
use super::{Engine, Opening, Session};
use crate::comm::agree;
use crate::h5::{Mode, transfer, virtual_dataset};
use h5lab_core::dataset::Dataset;
use h5lab_core::experiment::{Direction, Experiment};
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::method::Method;

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

/// True for the single rank that transfers filtered chunks independently.
pub(super) fn passes_mpi_io_by(experiment: &Experiment) -> bool {
    experiment.np == 1 && experiment.method == Method::Independent && !experiment.layout.filters().is_empty()
}

impl Shared {
    /// Opens a file to be read. HDF5 reads no virtual dataset through MPI-IO (`H5D__virtual_read`): each rank then opens it
    /// anew for itself, through sec2.
    fn joined(&self, place: Place<'_>, dataset: &Dataset) -> Result<Hdf5File> {
        let file = place.join(dataset, Mode::Read)?;
        if !file.is_mpio() || !virtual_dataset::is_virtual(file.dataset()) {
            return Ok(file);
        }
        Box::new(file).close()?;
        if self.mode == transfer::Mode::Collective {
            let why = format!("dataset '{}' is virtual: HDF5 does not read it collectively", dataset.name);
            return Err(Failure::new(FailureKind::Usage, why)
                .at(place.path)
                .mend("use the method independent, per-process or direct"));
        }
        Place { ranks: None, ..place }.join(dataset, Mode::Read)
    }
}

impl Engine for Shared {
    fn open<'a>(&'a self, opening: &Opening<'a>) -> Result<Box<dyn Session + 'a>> {
        let Opening { experiment, path, comm } = *opening;
        let dataset = &experiment.dataset;
        let ranks = (!passes_mpi_io_by(experiment)).then_some(comm);
        let place = Place { path, ranks, subfiling: false, transfer: self.mode, tunables: &experiment.tunables };
        let create = || place.create(dataset, &experiment.layout);
        let file = match experiment.direction {
            Direction::Write if comm.mpi().is_some() || comm.size() == 1 => create()?,
            Direction::Write => {
                let first = if comm.rank() == 0 { create().map(Some) } else { Ok(None) };
                match agree(comm, first, &|_| ())? {
                    Some(made) => made,
                    None => place.join(dataset, Mode::ReadWrite)?,
                }
            }
            Direction::Read => self.joined(place, dataset)?,
        };
        Ok(Box::new(file))
    }

    fn collective(&self) -> bool {
        self.mode == transfer::Mode::Collective
    }
}
