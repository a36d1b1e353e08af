//! What to do where MPI is missing or does not fit: in a container, the other half of the answer lies outside.

use h5lab_io::host::{container, process_env};

/// No mpirun on the search path.
pub fn no_mpirun() -> &'static str {
    here(
        "scripts/setup installs Open MPI; on a cluster load its module (module load openmpi)",
        "this container has none: scripts/setup installs Open MPI, and containers/h5lab.def makes an image that has it; or \
         let the host's mpirun start the ranks, and leave out --np",
    )
}

/// A launcher started several ranks of a build without MPI.
pub fn no_mpi() -> &'static str {
    here(
        "use a build with the default features",
        "this container has a build without MPI: make it from containers/h5lab.def; or leave out the launcher, and \
         --np means threads",
    )
}

/// A launcher started ranks that do not see each other.
pub fn strangers() -> &'static str {
    here(
        "the launcher does not belong to the MPI that h5lab was built with (`h5lab env` names it): \
         use that MPI's own mpirun; under Slurm try srun --mpi=pmix",
        "the MPI inside this container does not fit the launcher outside (`h5lab env` names both): make the container \
         with the host's MPI, under Slurm try srun --mpi=pmix, or leave out the launcher: --np starts the mpirun inside",
    )
}

fn here(outside: &'static str, inside: &'static str) -> &'static str {
    if container::detect(&process_env).is_some() { inside } else { outside }
}
