//! How bytes reach the file: one engine a method.

mod null;
pub mod posix;
mod shared;

use crate::comm::{self, Comm};
use h5lab_core::experiment::Experiment;
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::method::Method;
use h5lab_core::record::Actual;
use h5lab_core::region::Region;
use std::path::Path;

/// What a session is opened for. All ranks pass the same.
#[derive(Clone, Copy)]
pub struct Opening<'a> {
    /// What is measured; its direction says whether the file is made or read.
    pub experiment: &'a Experiment,
    /// The file.
    pub path: &'a Path,
    /// The ranks that share it.
    pub comm: &'a dyn Comm,
}

/// A method: it opens sessions.
pub trait Engine: Sync {
    /// Opens the file and the dataset; makes both anew for a write. Collective.
    ///
    /// # Errors
    /// The failure of this rank, or of rank 0 where the others depend on it.
    fn open<'a>(&'a self, opening: &Opening<'a>) -> Result<Box<dyn Session + 'a>>;

    /// True if every rank must make every transfer call, those without data with an empty region.
    fn collective(&self) -> bool {
        false
    }
}

/// An open file, on one rank.
pub trait Session {
    /// Writes a region; `data` is in C order and this machine's byte order.
    ///
    /// # Errors
    /// What the file system or HDF5 says.
    fn write(&mut self, region: &Region, data: &[u8]) -> Result<()>;

    /// Reads a region, as [`Session::write`] takes it.
    ///
    /// # Errors
    /// What the file system or HDF5 says.
    fn read(&mut self, region: &Region, data: &mut [u8]) -> Result<()>;

    /// Moves everything written to the device. Collective.
    ///
    /// # Errors
    /// What the file system or HDF5 says.
    fn sync(&mut self) -> Result<()>;

    /// Closes the file. Collective.
    ///
    /// # Errors
    /// What the file system or HDF5 says: some methods write only now.
    fn close(self: Box<Self>) -> Result<Closed>;
}

/// What a session knew when it was closed.
#[derive(Clone, Debug, Default)]
pub struct Closed {
    /// What really ran; `calls` is left for the runner.
    pub actual: Actual,
    /// Bytes that the dataset takes in the file, if known.
    pub stored_bytes: Option<u64>,
}

/// Says whether an experiment can run with these ranks, before any file is opened.
///
/// # Errors
/// `Environment` or `Usage`, with the reason.
pub fn supports(experiment: &Experiment, ranks_have_mpi: bool) -> Result<()> {
    match experiment.method {
        Method::Collective if !ranks_have_mpi => {
            Err(Failure::new(FailureKind::Environment, "collective transfers need MPI, which these ranks do not have"))
        }
        Method::Gather | Method::PerProcess => {
            Err(Failure::new(FailureKind::Environment, format!("{} is not in this build", experiment.method)))
        }
        _ => Ok(()),
    }
}

/// The engine of a method for these ranks.
///
/// # Errors
/// `Environment` if the method needs what these ranks do not have.
pub fn engine(method: Method, comm: &dyn Comm) -> Result<Box<dyn Engine>> {
    Ok(match method {
        Method::Independent => Box::new(shared::Shared::independent()),
        Method::Collective if comm.mpi().is_some() => Box::new(shared::Shared::collective()),
        Method::Collective => {
            let why = if comm::mpi::AVAILABLE { "these ranks have no MPI" } else { "MPI is not in this build" };
            return Err(Failure::new(FailureKind::Environment, format!("collective transfers need MPI, but {why}"))
                .mend("leave out --collective, or build with the default features"));
        }
        Method::Gather | Method::PerProcess => {
            return Err(Failure::new(FailureKind::Internal, format!("{method} has no engine yet")));
        }
        Method::Posix => Box::new(posix::Posix::at_their_place()),
        Method::Null => Box::new(null::Null),
    })
}
