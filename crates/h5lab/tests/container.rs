//! What h5lab says in a container: which one it is, and what to do where MPI inside and outside do not fit.

mod common;

use common::{Folder, MPI, Run};
use h5lab_core::failure::FailureKind;
use h5lab_core::host::Host;

/// The environment of a container that Apptainer made.
fn contained(run: Run) -> Run {
    run.env("APPTAINER_CONTAINER", "/images/h5lab.sif").env("APPTAINER_NAME", "h5lab.sif")
}

/// The same, of one of two ranks that a launcher outside started for another MPI.
fn stranger(run: Run) -> Run {
    contained(run).env("OMPI_COMM_WORLD_SIZE", "2").env("OMPI_COMM_WORLD_RANK", "0").env("PMIX_VERSION", "9.0.0")
}

fn refused(run: Run, says: &[&str]) {
    let told = run.run();
    assert_eq!(told.code, Some(i32::from(FailureKind::Environment.exit_code())), "{told}");
    says.iter().for_each(|text| assert!(told.stderr.contains(text), "{text:?} in {told}"));
}

#[test]
fn env_and_records_name_the_container_and_its_image() {
    let folder = Folder::new();
    let shown = contained(folder.h5lab("env .")).ok().stdout;
    assert!(shown.contains("container              Apptainer\n"), "{shown}");
    assert!(shown.contains("image                  /images/h5lab.sif\n"), "{shown}");
    contained(folder.h5lab("write 3 4 --no-ceiling --save results.jsonl")).ok();
    let machine = &folder.records("results.jsonl")[0].host.machine;
    assert_eq!(machine.container_image.as_deref(), Some("/images/h5lab.sif"));
}

#[test]
fn env_warns_of_an_mpi_outside_that_does_not_fit() {
    let folder = Folder::new();
    // The same version as the library's, so that only the ranks can tell.
    let host: Host = serde_json::from_str(&folder.h5lab("env --json .").ok().stdout).expect("a host");
    let version = host.mpi.library.and_then(|library| library.version).unwrap_or_default();
    let shown = stranger(folder.h5lab("env .")).env("OMPI_VERSION", &version).ok().stdout;
    let says = if MPI {
        ["ranks-apart: 2 ranks were started by mpirun (Open MPI): Open MPI ", "sees each of them alone"]
    } else {
        ["no-mpi-inside: Started by mpirun (Open MPI)", "MPI is not in this build"]
    };
    says.iter().for_each(|text| assert!(shown.contains(text), "{text:?} in {shown}"));
}

#[test]
fn ranks_from_outside_that_do_not_see_each_other() {
    let folder = Folder::new();
    let says = if MPI { "make the container with the host's MPI" } else { "this container has a build without MPI" };
    refused(stranger(folder.h5lab("write 3 4")), &[says, "leave out the launcher"]);
}

/// Open MPI 4 does not even start under some mpirun of Open MPI 5: the warning must come before.
#[cfg(feature = "mpi")]
#[test]
fn an_mpi_that_would_not_start_is_told_before_it_does() {
    let folder = Folder::new();
    // No such Open MPI will ever be linked, and no component is in an empty folder.
    let alien = |words: &str| {
        let run = stranger(folder.h5lab(words)).env("OMPI_VERSION", "99.0.0");
        run.env("OMPI_MCA_mca_base_component_path", "/nowhere")
    };
    let shown = alien("env .").ok().stdout;
    let says = "mpi-differs: Ranks are started by mpirun (Open MPI): Open MPI 99.0.0, PMIx 9.0.0, but h5lab runs with";
    assert!(shown.contains(says) && !shown.contains("ranks MPI sees"), "{shown}");
    let told = alien("write 3 4").run();
    assert_ne!(told.code, Some(0), "{told}");
    assert!(told.stderr.contains("warning: Ranks are started by mpirun (Open MPI): Open MPI 99.0.0"), "{told}");
}

#[cfg(feature = "mpi")]
#[test]
fn a_container_without_mpirun() {
    let folder = Folder::new();
    let says = ["mpirun not found", "this container has none: ", "containers/h5lab.def makes an image"];
    refused(contained(folder.h5lab("write 3 4 --np 2")).env("PATH", ""), &says);
}
