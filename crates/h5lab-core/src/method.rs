//! How bytes reach the file.

use crate::failure::{Failure, FailureKind, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A way to move a dataset's bytes to or from a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// One shared HDF5 file, independent transfers. Over MPI ranks through the MPI-IO driver; local threads share
    /// one handle and HDF5's global lock.
    Independent,
    /// One shared HDF5 file through the MPI-IO driver, collective transfers.
    Collective,
    /// Every rank sends its data to rank 0, which writes alone; reads the other way round. The naive baseline.
    Gather,
    /// One HDF5 file a rank, joined by a virtual dataset (VDS) in a master file: the way detectors write.
    PerProcess,
    /// One HDF5 file whose bytes HDF5's subfiling driver stripes over several files, each written by a rank that is its
    /// I/O concentrator.
    Subfiling,
    /// Metadata by HDF5; values by threads of h5lab's own: at the dataset's place in the file, or whole chunks, which pass
    /// through h5lab's own filters.
    Direct,
    /// No HDF5: plain pwrite and pread of the same bytes. The ceiling.
    Posix,
    /// No I/O at all: tests the laboratory itself.
    Null,
}

impl Method {
    /// Every method.
    pub const ALL: [Method; 8] = [
        Method::Independent,
        Method::Collective,
        Method::Gather,
        Method::PerProcess,
        Method::Subfiling,
        Method::Direct,
        Method::Posix,
        Method::Null,
    ];

    /// The name that flags, plans and records use.
    pub const fn name(self) -> &'static str {
        match self {
            Method::Independent => "independent",
            Method::Collective => "collective",
            Method::Gather => "gather",
            Method::PerProcess => "per-process",
            Method::Subfiling => "subfiling",
            Method::Direct => "direct",
            Method::Posix => "posix",
            Method::Null => "null",
        }
    }

    /// True if its files are HDF5, so that layouts and filters mean something.
    pub const fn is_hdf5(self) -> bool {
        !matches!(self, Method::Posix | Method::Null)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Method {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self> {
        Method::ALL.into_iter().find(|method| method.name() == text).ok_or_else(|| {
            let known: Vec<_> = Method::ALL.iter().map(|m| m.name()).collect();
            Failure::new(FailureKind::Usage, format!("unknown method '{text}'"))
                .mend(format!("use {}", known.join(", ")))
        })
    }
}
