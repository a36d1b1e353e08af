//! The stub of a build without MPI: it answers "not in this build".

use super::Comm;
use h5lab_core::failure::{Failure, FailureKind, Result};

/// True if this build has MPI.
pub const AVAILABLE: bool = false;

/// True if this process is, or was, one of a world's ranks.
pub fn was_started() -> bool {
    false
}

/// There is no communicator in this build.
#[derive(Clone, Copy, Debug)]
pub enum RawComm {}

/// There are no MPI ranks in this build.
pub enum World {}

impl World {
    /// Always an error: this build has no MPI.
    ///
    /// # Errors
    /// `Environment`.
    pub fn init() -> Result<World> {
        Err(Failure::new(FailureKind::Environment, "MPI is not in this build")
            .mend("build with the default features (cargo build --release), or use --np for local threads"))
    }

    /// Unreachable: there is no world.
    pub fn comm(&self) -> &dyn Comm {
        match *self {}
    }
}

/// True if threads of a rank may call MPI at any time: there are no ranks here.
pub fn threads_may_call() -> bool {
    false
}

/// Ends the process.
pub fn abort(exit_code: u8) -> ! {
    std::process::exit(i32::from(exit_code))
}
