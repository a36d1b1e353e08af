//! What a run's surroundings were: HDF5, MPI, machine, launcher and file system, as plain data.
//!
//! Everything here is a mirror type: h5lab-io fills it in, records store it, reports read it. Unknown
//! is `None`, and is printed "unknown", never "no".

mod container;
mod file_system;
mod launcher;
pub mod node_list;
mod text;
mod warning;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use container::{Container, LauncherMpi, MpiRuntime, mpi_differs};
pub use file_system::{FileSystem, StorageClass, Stripe, type_family};
pub use launcher::{Launcher, LauncherKind, NodeSlots, Scheduler, SchedulerKind};
pub use text::text;
pub use warning::HostWarning;

/// All that is looked up before an experiment, and kept with its results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Host {
    /// The HDF5 library this process runs.
    pub hdf5: Hdf5,
    /// The MPI library this process runs.
    pub mpi: Mpi,
    /// The machine: cores, memory, and the limits on them.
    pub machine: Machine,
    /// Who started this process, and on whose slots.
    pub launcher: Launcher,
    /// The file system under the path asked about; `None` when no path was asked about.
    pub file_system: Option<FileSystem>,
}

/// The HDF5 library.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hdf5 {
    /// Version of the library that runs, such as `1.10.8`.
    pub version: String,
    /// Version of the headers h5lab was compiled against.
    pub compiled_version: String,
    /// Whether it has the MPI-IO driver.
    pub parallel: Option<bool>,
    /// Whether the library says it is thread-safe.
    pub thread_safe: Option<bool>,
    /// How the library came into this process.
    pub linkage: Option<Linkage>,
    /// Whether the subfiling driver is in it.
    pub subfiling: Option<bool>,
    /// File drivers known to be in it.
    pub drivers: Vec<String>,
    /// Whether files are locked unless `HDF5_USE_FILE_LOCKING` says otherwise, in the library's words.
    pub file_locking_default: Option<String>,
    /// The filters asked about, and whether they are there.
    pub filters: Vec<FilterSupport>,
    /// Environment variables that change what HDF5 does, those that are set.
    pub environment: BTreeMap<String, String>,
}

/// How a library came into this process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Linkage {
    /// A shared library, loaded from this file.
    Shared {
        /// Path of the library.
        file: String,
    },
    /// Linked statically into the executable.
    CompiledIn,
}

/// Whether one filter of the HDF5 registry can be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilterSupport {
    /// Identifier in the [registry of filters](https://github.com/HDFGroup/hdf5_plugins/blob/master/docs/RegisteredFilterPlugins.md).
    pub id: i32,
    /// Its usual name.
    pub name: String,
    /// Whether HDF5 has it built in, registered, or as a plugin it can load.
    pub available: bool,
    /// Whether it can write.
    pub encodes: bool,
    /// Whether it can read.
    pub decodes: bool,
}

/// MPI: the library, if this build has one, and the launcher on the search path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mpi {
    /// The library; `None` when there is none, for the reason in `absent`.
    pub library: Option<MpiLibrary>,
    /// Why there is no library.
    pub absent: Option<String>,
    /// `mpirun` or `mpiexec` on the search path.
    pub mpirun: Mpirun,
}

/// The MPI library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MpiLibrary {
    /// Name, such as `Open MPI`.
    pub name: Option<String>,
    /// Version, such as `4.1.4`.
    pub version: Option<String>,
    /// First line of what `MPI_Get_library_version` says.
    pub description: String,
    /// Version of the MPI standard, such as `3.1`.
    pub standard: String,
    /// Thread level provided; known only between `MPI_Init` and `MPI_Finalize`.
    pub thread_level: Option<ThreadLevel>,
    /// Why MPI does not start here, where that was tried and failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_failure: Option<String>,
    /// What does MPI-IO.
    pub io: MpiIo,
}

/// The support for threads that an MPI library grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ThreadLevel {
    /// `MPI_THREAD_SINGLE`.
    Single,
    /// `MPI_THREAD_FUNNELED`.
    Funneled,
    /// `MPI_THREAD_SERIALIZED`.
    Serialized,
    /// `MPI_THREAD_MULTIPLE`.
    Multiple,
}

/// The MPI-IO implementation in force, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MpiIo {
    /// Component, such as `ompio` or `romio321`.
    pub component: Option<String>,
    /// What decided it.
    pub source: MpiIoSource,
}

/// What decides the MPI-IO implementation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MpiIoSource {
    /// An environment variable.
    Variable {
        /// Name of the variable.
        name: String,
        /// Its value.
        value: String,
    },
    /// A parameter file.
    File {
        /// Path of the file.
        path: String,
        /// The parameter and its value.
        setting: String,
    },
    /// The library's documented default; no setting was found.
    Default,
    /// Nothing that can be known before a file is open.
    Unknown,
}

/// The MPI launcher on the search path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mpirun {
    /// Not looked for: an MPI rank must not fork.
    NotSearched,
    /// Neither `mpirun` nor `mpiexec` is on the search path.
    NotFound,
    /// Found.
    Found {
        /// Path of the command.
        path: String,
        /// What it says its version is.
        version: Option<String>,
    },
}

/// The machine this process runs on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Name of the node.
    pub hostname: String,
    /// The operating system's name for itself.
    pub os: Option<String>,
    /// Kernel name and release.
    pub kernel: String,
    /// Instruction set, such as `x86_64`.
    pub architecture: String,
    /// Model of the processor.
    pub cpu_model: Option<String>,
    /// Processor packages.
    pub sockets: Option<usize>,
    /// Logical cores this process may run on (its affinity mask).
    pub cores: Option<usize>,
    /// Cores' worth of time that the control group allows.
    pub cpu_quota_cores: Option<Limit<f64>>,
    /// Memory of the machine, bytes.
    pub memory_total_bytes: Option<u64>,
    /// Memory that could be had without swapping, bytes.
    pub memory_available_bytes: Option<u64>,
    /// Memory that the control group allows, bytes.
    pub memory_limit_bytes: Option<Limit<u64>>,
    /// The container this process runs in; `None` when no sign of one was seen.
    pub container: Option<Container>,
    /// The container's image, as its runtime names it; `None` also where it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_image: Option<String>,
    /// Whether this process runs as uid 0.
    pub superuser: bool,
}

/// A limit that may be absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit<T> {
    /// No limit is set.
    Unlimited,
    /// The limit.
    At(T),
}

impl Hdf5 {
    /// The value of a variable that changes what HDF5 does, if it is set.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str)
    }

    /// Whether `HDF5_USE_FILE_LOCKING` switches file locking off.
    pub fn locking_disabled(&self) -> bool {
        matches!(self.variable("HDF5_USE_FILE_LOCKING"), Some("FALSE" | "0"))
    }
}
