//! How bytes reach the file.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A way to move a dataset's bytes to or from a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// One shared HDF5 file, independent transfers. Over MPI ranks through the MPI-IO driver; local threads share
    /// one handle and HDF5's global lock.
    Independent,
    /// One shared HDF5 file through the MPI-IO driver, collective transfers.
    Collective,
    /// No HDF5: plain pwrite and pread of the same bytes. The ceiling.
    Posix,
    /// No I/O at all: tests the laboratory itself.
    Null,
}

impl Method {
    /// Every method.
    pub const ALL: [Method; 4] = [Method::Independent, Method::Collective, Method::Posix, Method::Null];

    /// The name that flags, plans and records use.
    pub const fn name(self) -> &'static str {
        match self {
            Method::Independent => "independent",
            Method::Collective => "collective",
            Method::Posix => "posix",
            Method::Null => "null",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
