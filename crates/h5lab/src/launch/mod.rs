//! Who runs the ranks: a launcher that started this process, h5lab's own mpirun, or local threads.

mod mpirun;
mod worker;

use crate::cli::{Output, Ranks};
use crate::task::{Done, Task, perform};
use crate::usage;
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::host::Launcher;
use h5lab_io::comm::{mpi, threads};
use h5lab_io::fault::Fault;
use h5lab_io::host::{launcher, process_env};
use h5lab_io::run::Team;
use std::any::Any;

/// Called with what each rank count left, as soon as it is there.
pub type OnDone<'a> = &'a mut dyn FnMut(Done) -> Result<()>;

/// Runs a task with each rank count that was asked for, in the way that fits this process and this build.
///
/// # Errors
/// The first failure; what was done before it has been handed to `on_done`.
pub fn run(task: &Task, ranks: &Ranks, output: &Output, on_done: OnDone<'_>) -> Result<()> {
    let launcher = launcher::detect(&process_env);
    let asked: Vec<usize> = ranks.np.iter().map(|&np| np as usize).collect();
    if let Some(np) = output.worker {
        return worker::run(task, np);
    }
    match (&asked[..], launcher.kind.started_rank(), mpi::AVAILABLE) {
        (_, true, true) => under_a_launcher(task, &asked, &launcher, output, on_done),
        (_, true, false) if launcher.ranks.unwrap_or(1) > 1 => Err(no_mpi_here(&launcher)),
        ([], _, true) => alone(task, output, on_done),
        (_, false, true) => mpirun::each(&asked, output, on_done),
        (_, _, false) => on_threads(task, &asked, output, on_done),
    }
}

fn no_mpi_here(launcher: &Launcher) -> Failure {
    let why = format!(
        "started by {} as one of {} ranks, but MPI is not in this build",
        launcher.kind.name(),
        launcher.ranks.unwrap_or(1)
    );
    silent_twins(launcher, Failure::new(FailureKind::Environment, why).mend("use a build with the default features"))
}

/// This process is a rank that a launcher started.
fn under_a_launcher(
    task: &Task,
    asked: &[usize],
    launcher: &Launcher,
    output: &Output,
    on_done: OnDone<'_>,
) -> Result<()> {
    let world = mpi::World::init()?;
    let comm = world.comm();
    let started = launcher.ranks.unwrap_or(comm.size());
    if comm.size() == 1 && started > 1 {
        return Err(silent_twins(launcher, singletons(launcher, started)));
    }
    if !asked.is_empty() && asked != [comm.size()] {
        let why = format!("--np {} was asked for, but the launcher started {} ranks", list(asked), comm.size());
        let failure = usage(why).mend("leave out --np under a launcher, or start h5lab without one");
        return if comm.rank() == 0 { Err(failure) } else { Err(quiet(failure)) };
    }
    let bar = crate::output::Bar::new(output);
    let fault = Fault::from_env()?;
    let team = Team { comm, progress: &bar, fault: fault.as_ref() };
    let done = worker::guarded(task, team);
    bar.clear();
    match done {
        Ok(Some(done)) => on_done(done),
        Ok(None) => Ok(()),
        Err(failure) if comm.rank() == 0 => Err(failure),
        Err(failure) => Err(quiet(failure)),
    }
}

/// One rank, without a launcher: MPI calls that a singleton.
fn alone(task: &Task, output: &Output, on_done: OnDone<'_>) -> Result<()> {
    under_a_launcher(task, &[], &Launcher::default(), output, on_done)
}

fn on_threads(task: &Task, asked: &[usize], output: &Output, on_done: OnDone<'_>) -> Result<()> {
    let fault = Fault::from_env()?;
    let counts = if asked.is_empty() { &[1] } else { asked };
    for &np in counts {
        let bar = crate::output::Bar::new(output);
        let done = threads::run(np, |comm| perform(task, Team { comm, progress: &bar, fault: fault.as_ref() }));
        bar.clear();
        on_done(done?.expect("rank 0 returns what came out"))?;
    }
    Ok(())
}

fn singletons(launcher: &Launcher, started: usize) -> Failure {
    let name = launcher.kind.name();
    let why =
        format!("{name} started {started} processes, but MPI sees each of them alone: all would write the same file");
    Failure::new(FailureKind::Environment, why).mend(
        "the launcher does not belong to the MPI that h5lab was built with (`h5lab env` names it): \
         use that MPI's own mpirun; under Slurm try srun --mpi=pmix",
    )
}

/// Of processes that all fail alike, only the launcher's first one speaks.
fn silent_twins(launcher: &Launcher, failure: Failure) -> Failure {
    if launcher.rank.unwrap_or(0) == 0 { failure } else { quiet(failure) }
}

/// The same failure with nothing to say: another rank says it.
fn quiet(failure: Failure) -> Failure {
    Failure { message: String::new(), ..failure }
}

fn list(numbers: &[usize]) -> String {
    numbers.iter().map(usize::to_string).collect::<Vec<_>>().join(",")
}

/// Ctrl-C and SIGTERM remove what a run has made so far, and end the process.
pub fn watch_signals() {
    let stop = || {
        h5lab_io::run::remove_all_scratch();
        std::process::exit(i32::from(FailureKind::Interrupted.exit_code()));
    };
    // A second handler can't be there: this is the only call.
    let _ = ctrlc::set_handler(stop);
}

/// What a panic says, as a failure.
pub fn panic_failure(panic: &(dyn Any + Send)) -> Failure {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Failure::new(FailureKind::Internal, format!("panicked: {}", text.unwrap_or("without a message")))
        .mend("this is a defect in h5lab: please report it with the command line")
}
