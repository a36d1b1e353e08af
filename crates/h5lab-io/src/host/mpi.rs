//! Describes the MPI library of this process, what does its MPI-IO, and the launcher on the search path.
//!
//! The library may be asked for its version before it is initialised, and is not initialised here.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use h5lab_core::host::{Mpi, Mpirun, ThreadLevel};

use super::Env;

/// Describes MPI. `file_system` is the type of file system asked about; a `rank` must not fork, so no
/// launcher is looked for in one.
pub fn collect(env: Env, file_system: Option<&str>, rank: bool) -> Mpi {
    let library = library::describe(env, file_system);
    let absent = library.is_none().then(|| "not in this build".to_string());
    let mpirun = if rank { Mpirun::NotSearched } else { mpirun(env) };
    Mpi { library, absent, mpirun }
}

/// The support for threads that MPI grants this process; known only where it is initialised.
pub fn thread_level() -> Option<ThreadLevel> {
    library::thread_level()
}

/// Looks for `mpirun`, then `mpiexec`, on the search path, and asks its version.
pub fn mpirun(env: Env) -> Mpirun {
    let path = env("PATH").unwrap_or_default();
    let found = ["mpirun", "mpiexec"].iter().find_map(|name| on_path(&path, name));
    found
        .map_or(Mpirun::NotFound, |file| Mpirun::Found { path: file.display().to_string(), version: version_of(&file) })
}

/// False if this machine has none of the fabrics that an MPI looks for; true if it has one, or cannot tell.
pub fn may_have_fabric() -> bool {
    /// How the devices of fabrics begin: InfiniBand verbs and EFA, Omni-Path, True Scale, Slingshot, Aries.
    const FABRICS: [&str; 5] = ["infiniband", "hfi1", "ipath", "cxi", "kgni"];
    let is_fabric = |name: &str| FABRICS.iter().any(|fabric| name.starts_with(fabric));
    let Ok(devices) = std::fs::read_dir("/dev") else { return true };
    devices.flatten().any(|device| device.file_name().to_str().is_none_or(is_fabric))
}

/// Where the search path has a program.
pub fn on_path(path: &str, name: &str) -> Option<PathBuf> {
    std::env::split_paths(path).map(|folder| folder.join(name)).find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    file.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

fn version_of(mpirun: &Path) -> Option<String> {
    let output = Command::new(mpirun).arg("--version").stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| version_line(&String::from_utf8_lossy(&output.stdout))).flatten()
}

/// The line that tells the version: the first, but for Hydra, which has a title above it.
fn version_line(text: &str) -> Option<String> {
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines().next()?;
    let version = lines().find(|line| first.starts_with("HYDRA") && line.starts_with("Version:"));
    let words = version.map_or(first.to_string(), |line| format!("Hydra {}", &line["Version:".len()..]));
    Some(words.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(feature = "mpi")]
#[path = "mpi_library.rs"]
mod library;

/// Stands in for the MPI library in builds that have none.
#[cfg(not(feature = "mpi"))]
mod library {
    use h5lab_core::host::MpiLibrary;

    pub(super) fn describe(_: super::Env, _: Option<&str>) -> Option<MpiLibrary> {
        None
    }

    pub(super) fn thread_level() -> Option<h5lab_core::host::ThreadLevel> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::table;
    use super::*;

    #[test]
    fn the_version_is_one_line_of_what_mpirun_prints() {
        let check = |text, want: Option<&str>| assert_eq!(version_line(text).as_deref(), want);
        check("mpirun (Open MPI) 4.1.4\n\nReport bugs to ...\n", Some("mpirun (Open MPI) 4.1.4"));
        check("HYDRA build details:\n    Version:           4.0.2\n    CC: gcc\n", Some("Hydra 4.0.2"));
        check("\n\n", None);
    }

    #[test]
    fn the_first_executable_on_the_path_is_found() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let (mpirun, path) = (folder.path().join("mpirun"), format!("/nowhere:{}", folder.path().display()));
        assert_eq!(super::mpirun(&table(&[("PATH", &path)])), Mpirun::NotFound);
        std::fs::write(&mpirun, "#!/bin/sh\necho mpirun 9\n").expect("a script");
        assert_eq!(super::mpirun(&table(&[("PATH", &path)])), Mpirun::NotFound);
        std::fs::set_permissions(&mpirun, PermissionsExt::from_mode(0o755)).expect("its mode");
        let want = Mpirun::Found { path: mpirun.display().to_string(), version: Some("mpirun 9".into()) };
        assert_eq!(super::mpirun(&table(&[("PATH", &path)])), want);
    }

    #[test]
    fn a_rank_does_not_fork() {
        assert_eq!(collect(&|_| None, None, true).mpirun, Mpirun::NotSearched);
    }

    #[test]
    fn a_build_without_mpi_says_so() {
        let mpi = collect(&|_| None, None, true);
        assert_eq!(mpi.library.is_some(), cfg!(feature = "mpi"));
        assert_eq!(mpi.absent.is_some(), !cfg!(feature = "mpi"));
    }
}
