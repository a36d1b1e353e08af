//! What a host has that spoils experiments or results, and what to do about each.

use serde::{Deserialize, Serialize};

use crate::report::bytes;

use super::{FileSystem, Host, Limit, StorageClass};

/// Below this much free space, in bytes, a file system counts as nearly full.
const LOW_SPACE_BYTES: u64 = 1 << 30;
/// Below this share of free space (one part in so many) too.
const LOW_SPACE_SHARE: u64 = 20;
/// Below this many free inodes as well.
const LOW_INODES: u64 = 1000;

/// Something about the host that the user should know before measuring.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "kebab-case")]
pub enum HostWarning {
    /// File locks on a file system where they fail or stall.
    FileLocking {
        /// Type of the file system.
        kind: String,
    },
    /// File locks that other machines do not see.
    LocalLocks {
        /// Type of the file system.
        kind: String,
        /// The mount option that says so.
        option: String,
    },
    /// uid 0 on NFS.
    NfsRootSquash,
    /// The path is memory.
    MemoryFileSystem {
        /// Type of the file system.
        kind: String,
    },
    /// The path is no storage at all.
    NotStorage {
        /// Type of the file system.
        kind: String,
    },
    /// The path is a container's own layer.
    ContainerLayer,
    /// The path belongs to the machine that hosts this virtual one.
    HostShare {
        /// Type of the file system.
        kind: String,
    },
    /// A FUSE daemon stands in the way.
    UserSpaceFileSystem {
        /// Type of the file system.
        kind: String,
    },
    /// Every write waits for the storage.
    SynchronousMount,
    /// Mounted read-only.
    ReadOnly,
    /// Little space left.
    SpaceLow {
        /// Space left, bytes.
        free_bytes: u64,
        /// Size, bytes.
        total_bytes: u64,
    },
    /// Few inodes left.
    InodesLow {
        /// Files that can still be made.
        free_inodes: u64,
    },
    /// Mount table and `statfs` name different types.
    TypesDisagree {
        /// The mount table's.
        kind: String,
        /// `statfs`'s.
        magic: String,
    },
    /// A launcher started several ranks, and MPI sees each of them alone.
    RanksApart {
        /// Ranks started.
        started: usize,
        /// The launcher, and what is known of its MPI.
        launcher: String,
        /// The library that h5lab runs with.
        library: String,
    },
    /// The launcher is of another MPI than the library.
    MpiDiffers {
        /// The launcher, and what is known of its MPI.
        launcher: String,
        /// The library that h5lab runs with.
        library: String,
    },
    /// An MPI launcher started a build without MPI.
    NoMpiInside {
        /// The launcher.
        launcher: String,
    },
    /// The control group allows less time than the cores suggest.
    CpuQuota {
        /// Cores' worth of time allowed.
        quota_cores: f64,
        /// Cores in the affinity mask.
        cores: usize,
    },
    /// The HDF5 that runs is not the one h5lab was compiled against.
    Hdf5VersionDiffers {
        /// The one that runs.
        version: String,
        /// The one compiled against.
        compiled_version: String,
    },
}

impl Host {
    /// All that is to be warned of, most consequential first.
    pub fn warnings(&self) -> Vec<HostWarning> {
        let mut warnings = self.file_system.as_ref().map_or_else(Vec::new, |fs| self.storage_warnings(fs));
        warnings.extend(super::container::mpi_warning(self));
        warnings.extend(self.quota_warning());
        warnings.extend(self.version_warning());
        warnings
    }

    fn storage_warnings(&self, fs: &FileSystem) -> Vec<HostWarning> {
        [read_only(fs), space_low(fs), inodes_low(fs), medium(fs), synchronous(fs)]
            .into_iter()
            .chain([self.root_squash(fs), self.file_locking(fs), self.local_locks(fs), types_disagree(fs)])
            .flatten()
            .collect()
    }

    fn root_squash(&self, fs: &FileSystem) -> Option<HostWarning> {
        let nfs = matches!(fs.type_name(), Some("nfs" | "nfs4"));
        (nfs && self.machine.superuser).then_some(HostWarning::NfsRootSquash)
    }

    fn file_locking(&self, fs: &FileSystem) -> Option<HostWarning> {
        let kind = fs.type_name()?;
        let locks_work = (kind == "lustre" && fs.has_option("flock")) || local_locks_option(fs).is_some();
        let risky = fs.class() == Some(StorageClass::Network) && !locks_work;
        (risky && !self.hdf5.locking_disabled()).then(|| HostWarning::FileLocking { kind: kind.into() })
    }

    fn local_locks(&self, fs: &FileSystem) -> Option<HostWarning> {
        let (kind, option) = (fs.type_name()?.to_owned(), local_locks_option(fs)?.to_owned());
        (!self.hdf5.locking_disabled()).then_some(HostWarning::LocalLocks { kind, option })
    }

    fn quota_warning(&self) -> Option<HostWarning> {
        let (Some(Limit::At(quota_cores)), Some(cores)) = (self.machine.cpu_quota_cores, self.machine.cores) else {
            return None;
        };
        (quota_cores < cores as f64).then_some(HostWarning::CpuQuota { quota_cores, cores })
    }

    fn version_warning(&self) -> Option<HostWarning> {
        let (version, compiled_version) = (self.hdf5.version.clone(), self.hdf5.compiled_version.clone());
        (version != compiled_version).then_some(HostWarning::Hdf5VersionDiffers { version, compiled_version })
    }
}

/// The option by which locks stay on this machine: HDF5 locks whole files with `flock`, see nfs(5) and mount.lustre(8).
fn local_locks_option(fs: &FileSystem) -> Option<&str> {
    const OPTIONS: [(&str, &str); 5] = [
        ("nfs", "local_lock=all"),
        ("nfs", "local_lock=flock"),
        ("nfs", "nolock"),
        ("nfs4", "local_lock=all"),
        ("lustre", "localflock"),
    ];
    let set = |(kind, option): &(&str, &str)| {
        fs.type_name() == Some(*kind) && fs.mount_options.iter().any(|there| there == option)
    };
    OPTIONS.iter().find(|option| set(option)).map(|(_, option)| *option)
}

fn read_only(fs: &FileSystem) -> Option<HostWarning> {
    fs.read_only.then_some(HostWarning::ReadOnly)
}

fn space_low(fs: &FileSystem) -> Option<HostWarning> {
    // A small file system that is nearly empty is not full.
    let little = fs.free_bytes < LOW_SPACE_BYTES && fs.free_bytes < fs.total_bytes / 2;
    let low = little || fs.free_bytes < fs.total_bytes / LOW_SPACE_SHARE;
    let warning = HostWarning::SpaceLow { free_bytes: fs.free_bytes, total_bytes: fs.total_bytes };
    let storage = fs.class() != Some(StorageClass::Kernel);
    (low && storage && !fs.read_only).then_some(warning)
}

fn inodes_low(fs: &FileSystem) -> Option<HostWarning> {
    let free_inodes = fs.free_inodes?;
    (free_inodes < LOW_INODES && !fs.read_only).then_some(HostWarning::InodesLow { free_inodes })
}

fn medium(fs: &FileSystem) -> Option<HostWarning> {
    let kind = fs.type_name()?.to_string();
    match fs.class() {
        Some(StorageClass::Memory) => Some(HostWarning::MemoryFileSystem { kind }),
        Some(StorageClass::HostShare) => Some(HostWarning::HostShare { kind }),
        Some(StorageClass::Kernel) => Some(HostWarning::NotStorage { kind }),
        _ if kind == "overlay" => Some(HostWarning::ContainerLayer),
        _ if kind.starts_with("fuse") => Some(HostWarning::UserSpaceFileSystem { kind }),
        _ => None,
    }
}

fn synchronous(fs: &FileSystem) -> Option<HostWarning> {
    fs.has_option("sync").then_some(HostWarning::SynchronousMount)
}

fn types_disagree(fs: &FileSystem) -> Option<HostWarning> {
    let (kind, magic) = (fs.kind.clone()?, fs.magic.clone()?);
    fs.types_disagree().then_some(HostWarning::TypesDisagree { kind, magic })
}

impl HostWarning {
    /// Stable name for scripts; the same as the `code` in a record.
    pub fn code(&self) -> &'static str {
        match self {
            Self::FileLocking { .. } => "file-locking",
            Self::LocalLocks { .. } => "local-locks",
            Self::NfsRootSquash => "nfs-root-squash",
            Self::MemoryFileSystem { .. } => "memory-file-system",
            Self::NotStorage { .. } => "not-storage",
            Self::ContainerLayer => "container-layer",
            Self::HostShare { .. } => "host-share",
            Self::UserSpaceFileSystem { .. } => "user-space-file-system",
            Self::SynchronousMount => "synchronous-mount",
            Self::ReadOnly => "read-only",
            Self::SpaceLow { .. } => "space-low",
            Self::InodesLow { .. } => "inodes-low",
            Self::TypesDisagree { .. } => "types-disagree",
            Self::RanksApart { .. } => "ranks-apart",
            Self::MpiDiffers { .. } => "mpi-differs",
            Self::NoMpiInside { .. } => "no-mpi-inside",
            Self::CpuQuota { .. } => "cpu-quota",
            Self::Hdf5VersionDiffers { .. } => "hdf5-version-differs",
        }
    }

    /// What is the matter, in one sentence.
    pub fn text(&self) -> String {
        match self {
            Self::FileLocking { kind } => format!("HDF5 locks files it opens without the MPI-IO driver; on {kind} locks may fail or stall."),
            Self::LocalLocks { kind, option } => format!("HDF5's locks on files hold on this machine alone: this {kind} is mounted with {option}."),
            Self::NfsRootSquash => "This is NFS, and servers usually turn root into nobody: writing may be denied.".into(),
            Self::MemoryFileSystem { kind } => format!("{kind} is memory, not storage: numbers measured here are the memory's, and files use it up."),
            Self::NotStorage { kind } => format!("{kind} is no storage: the kernel makes up what is read here, and no file can be made."),
            Self::ContainerLayer => "This is a container's own layer (overlay), not your storage: it is slower, and gone with the container.".into(),
            Self::HostShare { kind } => format!("{kind} passes through to the machine that hosts this one: its caches and its storage are what is measured."),
            Self::UserSpaceFileSystem { kind } => format!("{kind} is served by a user-space daemon: each transfer is copied through it."),
            Self::SynchronousMount => "The mount option sync makes every write wait for the storage.".into(),
            Self::ReadOnly => "This file system is mounted read-only: nothing can be written.".into(),
            Self::SpaceLow { free_bytes, total_bytes } => format!("Only {} of {} are free; nearly full file systems are slower, and writing may fail.", bytes(*free_bytes), bytes(*total_bytes)),
            Self::InodesLow { free_inodes } => format!("Only {free_inodes} more files can be made here."),
            Self::TypesDisagree { kind, magic } => format!("The mount table says {kind}, statfs says {magic}: what is mounted here is not certain."),
            Self::RanksApart { started, launcher, library } => format!("{started} ranks were started by {launcher}, but {library}, with which h5lab runs, sees each of them alone."),
            Self::MpiDiffers { launcher, library } => format!("Ranks are started by {launcher}, but h5lab runs with {library}: they may not find each other, or not even start."),
            Self::NoMpiInside { launcher } => format!("Started by {launcher}, but MPI is not in this build: each rank would be alone."),
            Self::CpuQuota { quota_cores, cores } => format!("The control group allows {quota_cores:.1} cores' worth of time on {cores} cores: more workers than that are throttled."),
            Self::Hdf5VersionDiffers { version, compiled_version } => format!("HDF5 {version} runs, but h5lab was compiled against {compiled_version}."),
        }
    }

    /// What to do next.
    pub fn next_step(&self) -> &'static str {
        match self {
            Self::FileLocking { .. } => {
                "If an open fails with \"unable to lock file\" or hangs, export HDF5_USE_FILE_LOCKING=FALSE, and let no one else write the file."
            }
            Self::LocalLocks { .. } => "See to it that no other machine writes a file while it is open here.",
            Self::NfsRootSquash => "Run as the user who owns the directory.",
            Self::MemoryFileSystem { .. } => {
                "Give a path on the storage you mean to measure; keep this one for testing."
            }
            Self::NotStorage { .. } => "Give a path on a file system that holds files.",
            Self::ContainerLayer => {
                "Bind a directory of the host into the container (apptainer --bind DIR, docker -v DIR:DIR), and give that path."
            }
            Self::HostShare { .. } => "Measure on the host itself, or compare only runs within this virtual machine.",
            Self::UserSpaceFileSystem { .. } => "Compare with a kernel mount of the same storage, if there is one.",
            Self::SynchronousMount => "Ask for a mount without sync, or read the write figures as synchronous ones.",
            Self::ReadOnly => "Give a path that is mounted rw; reading existing files works here.",
            Self::SpaceLow { .. } => "Free some space, make the dataset smaller, or give another path.",
            Self::InodesLow { .. } => "Remove files, or avoid the method per-process, which makes one a rank.",
            Self::TypesDisagree { .. } => {
                "Look at `findmnt -T PATH` and `stat -f PATH`, and name the file system when you report results."
            }
            Self::RanksApart { .. } | Self::MpiDiffers { .. } => {
                "Use the mpirun of the MPI that h5lab runs with (of a container: the one inside, by --np), or an h5lab built with the launcher's MPI; under Slurm try srun --mpi=pmix."
            }
            Self::NoMpiInside { .. } => {
                "Use a build with the default features, or start this one alone: --np means threads."
            }
            Self::CpuQuota { .. } => "Use no more workers than the quota, or ask for more cores.",
            Self::Hdf5VersionDiffers { .. } => "Rebuild h5lab, or load the HDF5 module it was built with.",
        }
    }
}
