//! How bytes reach the file: one engine a method.

mod direct;
mod files;
mod gather;
mod hdf5_file;
mod null;
mod per_process;
pub mod posix;
mod shared;
mod subfiling;
mod support;

pub(crate) use direct::share_of_cores;
pub use files::{PARTIAL, companions, files_behind, files_of, files_with_values, final_name, subfiles};
pub(crate) use files::{is_part_of, part_name, unfinished_parts};
pub(crate) use per_process::missing as missing_part;
pub use support::supports;

use crate::comm::Comm;
use crate::h5::settings::Settings;
use h5lab_core::experiment::Experiment;
use h5lab_core::failure::Result;
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
    /// Makes ready what a session needs besides the file, such as memory. Not collective, and not timed.
    fn prepare(&self, opening: &Opening<'_>) {
        let _ = opening;
    }

    /// Opens the file and the dataset; makes both anew for a write. Collective.
    ///
    /// # Errors
    /// The failure of this rank, or of rank 0 where the others depend on it.
    fn open<'a>(&'a self, opening: &Opening<'a>) -> Result<Box<dyn Session + 'a>>;

    /// True if every rank must make every transfer call, those without data with an empty region.
    fn collective(&self) -> bool {
        false
    }

    /// False if other threads than a rank's own and its [`Session::helpers`] do its I/O: what the kernel counts for the rank is then not its I/O.
    fn own_thread(&self) -> bool {
        true
    }
}

/// An open file, on one rank.
pub trait Session {
    /// Makes ready what the next read needs besides the file. Not collective, and not timed.
    ///
    /// # Errors
    /// What stands in its way.
    fn before_read(&mut self, region: &Region) -> Result<()> {
        let _ = region;
        Ok(())
    }

    /// The system's numbers for the threads that do this session's I/O besides the rank's own, and nobody else's.
    fn helpers(&self) -> &[i32] {
        &[]
    }

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

    /// Settings that are really in force, as the libraries report them; a rank that knows none returns none. Collective,
    /// and not timed: called once, after the transfers.
    ///
    /// # Errors
    /// `Environment` if a tunable is not in force although it was asked for.
    fn in_force(&mut self) -> Result<Settings> {
        Ok(Settings::new())
    }

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

/// The engine of a method for these ranks.
///
/// # Errors
/// `Environment` if the method needs what these ranks do not have.
pub fn engine(method: Method, comm: &dyn Comm) -> Result<Box<dyn Engine>> {
    support::method_has_what_it_needs(method, comm.mpi().is_some())?;
    Ok(match method {
        Method::Independent => Box::new(shared::Shared::independent()),
        Method::Collective => Box::new(shared::Shared::collective()),
        Method::Gather => Box::new(gather::Gather),
        Method::PerProcess => Box::new(per_process::PerProcess),
        Method::Subfiling => Box::new(subfiling::Subfiling),
        Method::Direct => Box::new(direct::Direct::new(comm)?),
        Method::Posix => Box::new(posix::Posix::at_their_place()),
        Method::Null => Box::new(null::Null),
    })
}

#[cfg(test)]
mod tests;
