//! Containers, and the MPI outside of one: whether a launcher out there can start the ranks in here.

use serde::{Deserialize, Serialize};

use super::{Host, HostWarning, Launcher, LauncherKind, MpiLibrary};

/// Container runtimes that leave signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Container {
    /// Apptainer.
    Apptainer,
    /// SingularityCE, or Singularity before Apptainer.
    Singularity,
    /// Docker.
    Docker,
    /// Podman.
    Podman,
    /// A pod of Kubernetes.
    Kubernetes,
    /// LXC, LXD or Incus.
    Lxc,
    /// systemd-nspawn.
    SystemdNspawn,
    /// Another one, that sets the variable `container`.
    Other,
}

impl Container {
    /// Its usual name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Apptainer => "Apptainer",
            Self::Singularity => "Singularity",
            Self::Docker => "Docker",
            Self::Podman => "Podman",
            Self::Kubernetes => "Kubernetes",
            Self::Lxc => "LXC",
            Self::SystemdNspawn => "systemd-nspawn",
            Self::Other => "yes, of an unknown kind",
        }
    }
}

/// What a launcher left in the environment about the MPI that it belongs to, which may be another than h5lab's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LauncherMpi {
    /// What runs the ranks, where it is Open MPI's.
    pub runtime: Option<MpiRuntime>,
    /// Version of Open MPI, where it says so: from 5 on.
    pub version: Option<String>,
    /// Version of the PMIx by which ranks find each other.
    pub pmix: Option<String>,
}

/// What runs the ranks of Open MPI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MpiRuntime {
    /// ORTE: Open MPI up to 4.
    Orte,
    /// PRRTE: Open MPI from 5 on.
    Prrte,
}

impl LauncherMpi {
    /// What can be said of it, such as `Open MPI 4 or older, PMIx 4.2.2`; `None` if nothing.
    pub fn describe(&self) -> Option<String> {
        let open_mpi = match (&self.version, self.runtime) {
            (Some(version), _) => Some(format!("Open MPI {version}")),
            (None, Some(MpiRuntime::Orte)) => Some("Open MPI 4 or older".into()),
            (None, Some(MpiRuntime::Prrte)) => Some("Open MPI 5 or newer".into()),
            (None, None) => None,
        };
        let pmix = self.pmix.as_ref().map(|version| format!("PMIx {version}"));
        let known: Vec<_> = open_mpi.into_iter().chain(pmix).collect();
        (!known.is_empty()).then(|| known.join(", "))
    }

    /// Whether an Open MPI of this version is of another generation.
    fn differs_from(&self, version: &str) -> bool {
        let major = |version: &str| version.split('.').next()?.parse::<u32>().ok();
        match (self.version.as_deref().and_then(major), self.runtime, major(version)) {
            (Some(outside), _, Some(inside)) => outside != inside,
            (None, Some(MpiRuntime::Orte), Some(inside)) => inside > 4,
            (None, Some(MpiRuntime::Prrte), Some(inside)) => inside < 5,
            _ => false,
        }
    }
}

/// The warning that ranks which this launcher starts may not, or do not, find each other with this library.
pub(super) fn mpi_warning(host: &Host) -> Option<HostWarning> {
    let launcher = &host.launcher;
    if !launcher.kind.started_rank() {
        return None;
    }
    let Some(library) = &host.mpi.library else {
        return Some(HostWarning::NoMpiInside { launcher: launcher.kind.name().into() });
    };
    match (launcher.ranks, launcher.mpi_ranks) {
        (Some(started), Some(1)) if started > 1 => {
            Some(HostWarning::RanksApart { started, launcher: outside(launcher), library: inside(library) })
        }
        _ => mpi_differs(launcher, library),
    }
}

/// The warning that the launcher is of another MPI than this library, which can be known before MPI starts, and before it
/// fails to.
pub fn mpi_differs(launcher: &Launcher, library: &MpiLibrary) -> Option<HostWarning> {
    differ(launcher, library).then(|| HostWarning::MpiDiffers { launcher: outside(launcher), library: inside(library) })
}

fn inside(library: &MpiLibrary) -> String {
    match (&library.name, &library.version) {
        (Some(name), Some(version)) => format!("{name} {version}"),
        _ => library.description.clone(),
    }
}

/// The launcher, and what is known of its MPI.
fn outside(launcher: &Launcher) -> String {
    let known = launcher.mpi.as_ref().and_then(LauncherMpi::describe);
    known.map_or(launcher.kind.name().into(), |known| format!("{}: {known}", launcher.kind.name()))
}

/// Whether what is known of both speaks against their being one MPI.
fn differ(launcher: &Launcher, library: &MpiLibrary) -> bool {
    let Some(name) = library.name.as_deref() else { return false };
    let open_mpi = matches!(name, "Open MPI" | "IBM Spectrum MPI");
    match launcher.kind {
        LauncherKind::OpenMpi if name == "Open MPI" => {
            let version = library.version.as_deref().unwrap_or_default();
            launcher.mpi.as_ref().is_some_and(|mpi| mpi.differs_from(version))
        }
        LauncherKind::OpenMpi => !open_mpi,
        LauncherKind::Hydra | LauncherKind::Mvapich => open_mpi,
        // They may speak any language of ranks: only the ranks can tell.
        LauncherKind::Srun | LauncherKind::Pmix | LauncherKind::None => false,
    }
}

#[cfg(test)]
#[path = "container_tests.rs"]
mod tests;
