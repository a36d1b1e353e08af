//! `h5lab env`: what one looks up before experimenting.

use crate::cli::{Env, Output};
use crate::launch;
use crate::output::{json, print};
use h5lab_core::failure::{Failure, Result};
use h5lab_core::host::Host;
use h5lab_io::comm::mpi;
use h5lab_io::host::{launcher, process_env};

/// Prints what there is here; of ranks, the first one does.
pub fn run(args: Env, output: &Output) -> Result<()> {
    let launched = launch::rank().is_some();
    let launcher = launcher::detect(&process_env);
    let alone = launch::left_without_pmi(&launcher);
    // Under a launcher MPI must start in all ranks, or in none.
    // One that may fail to start, and end this process, is not started: to tell why is what this command is for.
    let starts = launched && mpi::AVAILABLE && !alone && h5lab_io::host::mpi_differs().is_none();
    let world = if starts { Some(launch::start(&launcher)?) } else { None };
    if launch::rank().unwrap_or(0) != 0 {
        return Ok(());
    }
    let mut host = h5lab_io::host::collect(Some(&args.path))
        .map_err(|e| Failure::io("look at", &args.path, &e).mend("name a path that you may look at"))?;
    host.launcher.mpi_ranks = world.as_ref().map(|world| world.comm().size()).or(alone.then_some(1));
    if !launched {
        start_mpi(&mut host);
    } else if let Some(library) = host.mpi.library.as_mut().filter(|_| alone) {
        library.start_failure = Some("srun left it no PMI".into());
    }
    if output.json {
        json(&host)
    } else if !output.quiet {
        print(h5lab_core::host::text(&host))
    } else {
        Ok(())
    }
}

/// Finds out what only a started MPI tells.
fn start_mpi(host: &mut Host) {
    let Some(library) = &mut host.mpi.library else { return };
    match launch::probe::probe() {
        Ok(level) => library.thread_level = Some(level),
        Err(why) => library.start_failure = Some(why),
    }
}
