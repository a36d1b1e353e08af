//! Who runs the ranks: a launcher that started this process, h5lab's own mpirun, or local threads.

mod mend;
mod mpirun;
pub mod probe;
pub mod signals;
mod worker;

use crate::cli::{Output, Ranks};
use crate::task::{Done, Task, perform};
use crate::usage;
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::host::{Launcher, LauncherKind, Scheduler, SchedulerKind};
use h5lab_core::tunables::MpiIo;
use h5lab_io::comm::{Comm, mpi, threads};
use h5lab_io::fault::Fault;
use h5lab_io::host::{launcher, machine, process_env};
use h5lab_io::run::Team;
use std::path::Path;
use std::sync::Mutex;

/// Called with what ranks leave, as soon as it is there.
pub type OnDone<'a> = &'a mut (dyn FnMut(Done) -> Result<()> + Send);

/// Runs a task with each rank count that was asked for, in the way that fits this process and this build.
///
/// # Errors
/// The first failure; what was done before it has been handed to `on_done`.
pub fn run(task: &Task, ranks: &Ranks, output: &Output, on_done: OnDone<'_>) -> Result<()> {
    if let Some(np) = output.worker {
        return worker::run(task, np);
    }
    // MPI crashes without one.
    std::env::current_dir().map_err(|e| {
        Failure::io("look at", Path::new("."), &e).mend("change into a folder that is there: this one was removed")
    })?;
    let asked = ranks.counts();
    let runner = Runner::new(&asked)?;
    let mut done = Vec::new();
    for np in runner.counts(&asked)? {
        if done.contains(&np) {
            if !output.quiet {
                crate::output::note(&format!("--np has {np} more than once: it is measured once"));
            }
            continue;
        }
        done.push(np);
        runner.run(task, np, None, output, on_done)?;
    }
    Ok(())
}

/// The way in which ranks are run here.
pub enum Runner {
    /// This process is one of the ranks; or the only one.
    World(mpi::World),
    /// h5lab starts mpirun.
    Mpirun(mpirun::Mpirun),
    /// Ranks are local threads.
    Threads,
}

impl Runner {
    /// Finds the way that fits this process and this build, for these rank counts (none: what there is).
    ///
    /// # Errors
    /// `Environment` if there is none, or the launcher started strangers.
    pub fn new(asked: &[usize]) -> Result<Runner> {
        check(asked)?;
        let launcher = launcher::detect(&process_env);
        match (launcher.kind.started_rank(), mpi::AVAILABLE) {
            (true, true) => world(&launcher).map(Runner::World),
            (true, false) if launcher.ranks.unwrap_or(1) > 1 => Err(no_mpi_here(&launcher)),
            (_, false) => Ok(Runner::Threads),
            (false, true) if asked.is_empty() => world(&launcher).map(Runner::World),
            (false, true) => mpirun::Mpirun::find().map(Runner::Mpirun),
        }
    }

    /// True if ranks have MPI.
    pub fn has_mpi(&self) -> bool {
        !matches!(self, Runner::Threads)
    }

    /// The only rank count that can be had: the launcher started these ranks.
    pub fn fixed_count(&self) -> Option<usize> {
        match self {
            Runner::World(world) => Some(world.comm().size()),
            _ => None,
        }
    }

    /// True if this process speaks to the user: of ranks, the first.
    pub fn speaks(&self) -> bool {
        match self {
            Runner::World(world) => world.comm().rank() == 0,
            _ => true,
        }
    }

    /// True if ranks that ended can be started anew.
    pub fn can_restart(&self) -> bool {
        !matches!(self, Runner::World(_))
    }

    /// The rank counts to run with.
    ///
    /// # Errors
    /// `Usage` if a launcher started another number of ranks than was asked for.
    pub fn counts(&self, asked: &[usize]) -> Result<Vec<usize>> {
        let Runner::World(world) = self else {
            return Ok(if asked.is_empty() { vec![1] } else { asked.to_vec() });
        };
        let comm = world.comm();
        if asked.is_empty() || asked == [comm.size()] {
            return Ok(vec![comm.size()]);
        }
        let why = format!("--np {} was asked for, but the launcher started {} ranks", list(asked), comm.size());
        let failure = usage(why).mend("leave out --np under a launcher, or start h5lab without one");
        Err(told_by_rank_0(comm, failure))
    }

    /// Runs a task with `np` ranks.
    ///
    /// # Errors
    /// The first failing rank's failure, or that of `on_done`.
    pub fn run(
        &self,
        task: &Task,
        np: usize,
        mpi_io: Option<MpiIo>,
        output: &Output,
        on_done: OnDone<'_>,
    ) -> Result<()> {
        let fault = Fault::from_env()?;
        match self {
            Runner::World(world) => in_world(world, task, output, fault.as_ref(), on_done),
            Runner::Mpirun(mpirun) => mpirun.run(task, np, mpi_io, output, on_done),
            Runner::Threads => on_threads(task, np, output, fault.as_ref(), on_done),
        }
    }
}

/// More ranks than this on a core are a slip of the pen.
const MOST_A_CORE: usize = 500;

/// Refuses rank counts that can't be had here: before anything is written.
///
/// # Errors
/// `Usage` if there are more ranks than the scheduler granted, or more than any machine like this one is meant to run.
pub fn check(asked: &[usize]) -> Result<()> {
    let launcher = launcher::detect(&process_env);
    let Some(&np) = asked.iter().max() else { return Ok(()) };
    if launcher.kind.started_rank() {
        return Ok(()); // they are there already
    }
    if let Some((job, slots)) = launcher.scheduler.as_ref().and_then(|job| Some((job, granted(job)?))) {
        return if np > slots { Err(above_grant(np, slots, job)) } else { Ok(()) };
    }
    let cores = machine::collect(&process_env).cores.unwrap_or(1);
    let most = cores.saturating_mul(MOST_A_CORE);
    if np <= most {
        return Ok(());
    }
    Err(usage(format!("--np {np}: that is more than {MOST_A_CORE} ranks on each of the {cores} cores"))
        .mend(format!("use about as many ranks as cores; {most} at most")))
}

/// Ranks that a job may run: MPI ranks a slot, threads a core of this node.
pub fn granted(job: &Scheduler) -> Option<usize> {
    if mpi::AVAILABLE { job.slots } else { job.cpus_on_node.or(job.slots) }
}

fn above_grant(np: usize, slots: usize, job: &Scheduler) -> Failure {
    let ask = match job.kind {
        SchedulerKind::Slurm => {
            format!("salloc or sbatch --ntasks={np} (h5lab runs a rank a task, however many CPUs it has)")
        }
        SchedulerKind::GridEngine => {
            format!("qrsh or qsub -pe {} {np}", job.parallel_environment.as_deref().unwrap_or("NAME"))
        }
        SchedulerKind::Pbs => format!("qsub -l select={np}"),
        SchedulerKind::Lsf => format!("bsub -n {np}"),
    };
    usage(format!("--np {np}: the scheduler granted {}", job.grant()))
        .mend(format!("use --np {slots} or less, or ask for more: {ask}"))
}

/// All ranks that the launcher started; or this process alone.
fn world(launcher: &Launcher) -> Result<mpi::World> {
    if left_without_pmi(launcher) {
        return Err(no_pmi(launcher));
    }
    if let Some(warning) = h5lab_io::host::mpi_differs().filter(|_| launcher.rank == Some(0)) {
        // Before MPI starts: where it does not, it ends this process with words of its own.
        crate::output::say(format!("warning: {} {}", warning.text(), warning.next_step()));
    }
    let world = start(launcher)?;
    // Not all say how many they started; rank 1 is not alone in any case.
    let started = launcher.ranks.or(launcher.rank.map(|rank| rank + 1));
    match started {
        Some(started) if started > 1 && world.comm().size() == 1 => Err(singletons(launcher, started)),
        _ => Ok(world),
    }
}

/// Starts MPI in a process that a launcher may have started. Open MPI ends a process in which it can't start.
///
/// # Errors
/// Those of MPI.
pub fn start(launcher: &Launcher) -> Result<mpi::World> {
    let open_mpi = || mpi_library().as_deref() == Some("Open MPI");
    if launcher.kind == LauncherKind::Srun && launcher.rank == Some(0) && !launcher::left_pmix() && open_mpi() {
        crate::output::note("srun offers PMI, and not PMIx: if Open MPI does not start now, use srun --mpi=pmix");
    }
    mpi::World::init()
}

/// The name of the MPI library.
fn mpi_library() -> Option<String> {
    h5lab_io::host::mpi::collect(&process_env, None, true).library?.name
}

/// True if `srun` started this process and left nothing by which MPI could find the others: Open MPI would end it.
pub fn left_without_pmi(launcher: &Launcher) -> bool {
    launcher.kind == LauncherKind::Srun && !launcher::left_pmi()
}

fn in_world(
    world: &mpi::World,
    task: &Task,
    output: &Output,
    fault: Option<&Fault>,
    on_done: OnDone<'_>,
) -> Result<()> {
    let comm = world.comm();
    let bar = crate::output::Bar::new(output);
    let emit = Emit::new(on_done);
    let done = worker::guarded(task, Team { comm, progress: &bar, fault }, &|done| bar.suspended(|| emit.done(done)));
    bar.clear();
    done.map_err(|failure| told_by_rank_0(comm, failure))?;
    emit.outcome()
}

/// A failure that all ranks have: rank 0 tells it before any of them leaves, since mpirun ends the others when one does.
fn told_by_rank_0(comm: &dyn Comm, failure: Failure) -> Failure {
    if comm.rank() == 0 {
        crate::output::report(&failure);
    }
    let _ = comm.barrier();
    quiet(failure)
}

fn on_threads(task: &Task, np: usize, output: &Output, fault: Option<&Fault>, on_done: OnDone<'_>) -> Result<()> {
    let bar = crate::output::Bar::new(output);
    let emit = Emit::new(on_done);
    let done = threads::run(np, |comm| {
        perform(task, Team { comm, progress: &bar, fault }, &|done| bar.suspended(|| emit.done(done)))
    });
    bar.clear();
    if done.is_err() {
        // A rank that panicked had no time to.
        h5lab_io::run::remove_all_scratch();
    }
    done.and_then(|()| emit.outcome())
}

/// Hands results on; keeps the first failure to do so.
struct Emit<'a> {
    to: Mutex<(OnDone<'a>, Result<()>)>,
}

impl<'a> Emit<'a> {
    fn new(on_done: OnDone<'a>) -> Self {
        Emit { to: Mutex::new((on_done, Ok(()))) }
    }

    fn done(&self, done: Done) {
        let mut to = self.to.lock().unwrap_or_else(|e| e.into_inner());
        if to.1.is_ok() {
            to.1 = (to.0)(done);
        }
        if to.1.as_ref().is_err_and(|failure| failure.kind == FailureKind::Unread) {
            // Ranks within this process can't be told to stop.
            h5lab_io::run::remove_all_scratch();
            std::process::exit(i32::from(FailureKind::Unread.exit_code()));
        }
    }

    fn outcome(self) -> Result<()> {
        self.to.into_inner().unwrap_or_else(|e| e.into_inner()).1
    }
}

fn no_mpi_here(launcher: &Launcher) -> Failure {
    let (name, ranks) = (launcher.kind.name(), launcher.ranks.unwrap_or(1));
    let why = format!("started by {name} as one of {ranks} ranks, but MPI is not in this build");
    Failure::new(FailureKind::Environment, why).mend(mend::no_mpi())
}

fn no_pmi(launcher: &Launcher) -> Failure {
    let ranks = launcher.ranks.unwrap_or(1);
    let what = if ranks == 1 { "process" } else { "processes" };
    let why = format!(
        "srun started {ranks} {what} and gave MPI no way to find them (no PMI): each would be alone, and all would do \
         the same work"
    );
    Failure::new(FailureKind::Environment, why).mend(
        "use srun --mpi=pmix (srun --mpi=list shows what there is), or no srun: h5lab --np starts the ranks itself",
    )
}

fn singletons(launcher: &Launcher, started: usize) -> Failure {
    let name = launcher.kind.name();
    let least = if launcher.ranks.is_none() { "at least " } else { "" };
    let why = format!(
        "{name} started {least}{started} processes, but MPI sees each of them alone: all would write the same file"
    );
    Failure::new(FailureKind::Environment, why).mend(mend::strangers())
}

/// This process's rank, as its launcher says; `None` if no launcher started it.
pub fn rank() -> Option<usize> {
    launcher::detect(&process_env).rank
}

/// How many ranks the launcher started; `None` if none did, or it does not say.
pub fn ranks() -> Option<usize> {
    launcher::detect(&process_env).ranks
}

/// The same failure with nothing to say: another rank says it.
fn quiet(failure: Failure) -> Failure {
    Failure { message: String::new(), ..failure }
}

fn list(numbers: &[usize]) -> String {
    numbers.iter().map(usize::to_string).collect::<Vec<_>>().join(",")
}
