//! Looks up what an experiment runs on: HDF5, MPI, machine, launcher, and the file system of a path.

pub mod cgroup;
pub mod container;
mod elsewhere;
pub mod filesystem;
pub mod hdf5;
pub mod launcher;
pub mod machine;
pub mod mountinfo;
pub mod mpi;
mod settings;
mod stripe;

use std::io;
use std::path::Path;

use h5lab_core::host::{Host, HostWarning};

pub use elsewhere::elsewhere;

/// Answers what an environment variable is; tests answer from a table.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The process's own environment; a variable that is not UTF-8 counts as unset.
pub fn process_env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Looks up everything; with a path, also the file system under it or its nearest existing parent.
///
/// Collective in nothing: each rank may call it alone, before or after MPI is initialised.
///
/// # Errors
/// When the path cannot be looked at.
pub fn collect(path: Option<&Path>) -> io::Result<Host> {
    let file_system = path.map(filesystem::describe).transpose()?;
    let launcher = launcher::of_this_process();
    let kind = file_system.as_ref().and_then(|fs| fs.type_name());
    Ok(Host {
        hdf5: hdf5::collect(&process_env),
        mpi: mpi::collect(&process_env, kind, launcher.kind.started_rank()),
        machine: machine::collect(&process_env),
        launcher,
        file_system,
    })
}

/// The warning that this process's launcher is of another MPI than its library: may be asked before MPI starts.
pub fn mpi_differs() -> Option<HostWarning> {
    let library = mpi::collect(&process_env, None, true).library?;
    h5lab_core::host::mpi_differs(&launcher::of_this_process(), &library)
}

/// The text of a file, if it can be read.
fn read(path: impl AsRef<Path>) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An environment of these variables only.
    pub(super) fn table<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_string())
    }

    #[test]
    fn this_host_can_be_collected_and_printed() {
        let host = collect(Some(Path::new("."))).expect("the working directory can be looked at");
        let text = h5lab_core::host::text(&host);
        for section in ["HDF5\n", "\nMPI\n", "\nHost\n", "\nLauncher\n", "\nPath\n"] {
            assert!(text.contains(section), "{section:?} in\n{text}");
        }
        println!("{text}");
    }

    #[test]
    fn without_a_path_there_is_no_file_system() {
        assert_eq!(collect(None).expect("nothing can fail").file_system, None);
    }
}
