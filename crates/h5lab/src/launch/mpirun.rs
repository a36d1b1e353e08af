//! h5lab starts mpirun itself: once for each rank count, listening to the ranks' events.

use super::OnDone;
use super::mend;
use super::worker::{Event, lost, not_started};
use crate::cli::Output;
use crate::output::{Bar, note, say};
use crate::task::{Done, Task};
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::host;
use h5lab_core::tunables::MpiIo;
use h5lab_io::host::{launcher, machine, mpi, process_env};
use h5lab_io::progress::Progress;
use rustix::process::{Pid, Resource, Rlimit, Signal, WaitId, WaitIdOptions, kill_process, prlimit, waitid};
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::{Duration, Instant};

/// The mpirun that runs now: its process id, or 0.
static RUNNING: AtomicI32 = AtomicI32::new(0);

/// The variable that chooses how hwloc finds out about this machine.
const HWLOC: &str = "HWLOC_COMPONENTS";

/// Whether the user has been told what is set for root.
static ROOT_TOLD: AtomicBool = AtomicBool::new(false);

/// Ends the ranks that run now, and waits until they have ended: for a signal handler.
pub fn end_ranks() {
    // Shorter than what a scheduler gives between its warning and its end: scratch is to be removed after this.
    const PATIENCE: Duration = Duration::from_secs(3);
    let Some(pid) = Pid::from_raw(RUNNING.load(Ordering::SeqCst)) else { return };
    dump_no_core(pid);
    let _ = kill_process(pid, Signal::TERM);
    let begun = Instant::now();
    while !has_ended(pid) && begun.elapsed() < PATIENCE * 2 {
        std::thread::sleep(Duration::from_millis(20));
        if begun.elapsed() > PATIENCE {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// Whether mpirun has ended. It is left to the main thread to collect, which may not come to that: it may wait to save a
/// record, where the signal handler lets nobody begin to.
fn has_ended(mpirun: Pid) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    // An error: it has been collected.
    !matches!(waitid(WaitId::Pid(mpirun), options), Ok(None))
}

/// The mpirun to use; or what stands for it.
pub struct Mpirun {
    path: PathBuf,
    kind: Kind,
    /// Ranks that may run without oversubscription: what the scheduler granted, or the cores.
    slots: Option<usize>,
}

/// Whose flags it takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Open MPI's mpirun.
    OpenMpi,
    /// Another MPI's mpirun or mpiexec.
    Other,
    /// Slurm's srun: some sites have no mpirun.
    Srun,
}

impl Mpirun {
    /// Finds it on the search path.
    ///
    /// # Errors
    /// `Environment` if there is none.
    pub fn find() -> Result<Mpirun> {
        let scheduler = launcher::detect(&process_env).scheduler;
        let host::Mpirun::Found { path, version } = mpi::mpirun(&process_env) else {
            if let Some(srun) = srun(scheduler.as_ref()) {
                return Ok(Mpirun { path: srun, kind: Kind::Srun, slots: None });
            }
            let why = "mpirun not found: neither mpirun nor mpiexec is on the search path";
            return Err(Failure::new(FailureKind::Environment, why).mend(mend::no_mpirun()));
        };
        let open_mpi = version.as_deref().is_none_or(|v| v.contains("Open MPI") || v.contains("OpenRTE"));
        let kind = if open_mpi { Kind::OpenMpi } else { Kind::Other };
        // Beyond what a scheduler granted nothing gets here: see `check`.
        let slots = scheduler.and_then(|s| s.slots).or_else(|| machine::collect(&process_env).cores);
        Ok(Mpirun { path: path.into(), kind, slots })
    }

    /// Runs a task under mpirun, listening to the ranks' events until it ends.
    ///
    /// # Errors
    /// The first failing rank's failure, `RankLost` if ranks ended without a word, or that of `on_done`.
    pub fn run(
        &self,
        task: &Task,
        np: usize,
        mpi_io: Option<MpiIo>,
        output: &Output,
        on_done: OnDone<'_>,
    ) -> Result<()> {
        if !output.quiet && !output.json && !matches!(task, Task::Batch(_)) {
            note(&self.describe(task, np, ROOT_TOLD.swap(true, Ordering::SeqCst)));
        }
        if let Some(target) = task.target() {
            h5lab_io::run::watch_scratch_of(target, np);
        }
        let mut command = self.command(task, np, mpi_io);
        let mut child = command.spawn().map_err(|e| {
            let how = self.how(np);
            Failure::new(FailureKind::Environment, format!("{how} can't be started: {e}"))
                .mend(format!("check that `{how} true` works here"))
        })?;
        RUNNING.store(child.id() as i32, Ordering::SeqCst);
        let stderr = child.stderr.take().expect("stderr is piped");
        let complaints = std::thread::spawn(move || collect(stderr));
        let mut started = false;
        let heard = listen(&mut child, output, &mut started, on_done);
        let status = child.wait();
        RUNNING.store(0, Ordering::SeqCst);
        let status = status.map_err(|e| Failure::new(FailureKind::Internal, format!("waiting for mpirun: {e}")))?;
        let complaints = complaints.join().unwrap_or_default();
        let ended_as = |kind: FailureKind| status.code() == Some(i32::from(kind.exit_code()));
        if ended_as(FailureKind::Interrupted) || ended_as(FailureKind::TimeUp) {
            // A signal ended the ranks. If it is for this process, too, it comes any moment.
            std::thread::sleep(Duration::from_millis(500));
        }
        super::signals::wait_if_stopped();
        if heard.is_err() {
            // Ranks that were ended in the middle may have had no time to.
            h5lab_io::run::remove_all_scratch();
        }
        heard?;
        if ended_as(FailureKind::TimeUp) {
            return Err(Failure::new(FailureKind::TimeUp, "the scheduler ended the ranks")
                .mend("submit the job again: with --resume it goes on with what is missing"));
        }
        // An mpirun that starts nothing may end well.
        if !status.success() || !started {
            let told = if started { lost } else { not_started };
            return Err(told(&self.how(np), status.code(), &complaints));
        }
        if !complaints.is_empty() {
            say(complaints.trim_end());
        }
        Ok(())
    }

    fn command(&self, task: &Task, np: usize, mpi_io: Option<MpiIo>) -> Command {
        let mut command = Command::new(&self.path);
        match self.kind {
            Kind::Srun => {
                command.args(pmi()).args(task.has_threads().then_some("--cpu-bind=none")).args(["-n", &np.to_string()])
            }
            _ => command.args(["-np", &np.to_string()]),
        };
        if self.kind == Kind::OpenMpi {
            if is_root() {
                command.envs([("OMPI_ALLOW_RUN_AS_ROOT", "1"), ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")]);
            }
            if self.oversubscribed(np) {
                command.arg("--oversubscribe");
            }
            if task.has_threads() {
                // Open MPI binds each rank to one core, where all its threads would take turns.
                command.args(["--bind-to", "none"]);
            }
            if !mpi::may_have_fabric() && process_env(HWLOC).is_none() {
                // mpirun looks at every PCI and I/O device, to place ranks near to fabrics: half of the time it starts in.
                command.env(HWLOC, "-pci,-linuxio");
            }
        }
        match mpi_io {
            // As variables, since srun has no --mca.
            Some(MpiIo::Ompio) => command.env("OMPI_MCA_io", "ompio"),
            Some(MpiIo::Romio) => command.env("OMPI_MCA_io", "^ompio"),
            None => &mut command,
        };
        command.arg(std::env::current_exe().unwrap_or_else(|_| "h5lab".into()));
        command.args(arguments(task, np));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn oversubscribed(&self, np: usize) -> bool {
        self.slots.is_none_or(|slots| np > slots)
    }

    /// How ranks are started, as a user would type it.
    fn how(&self, np: usize) -> String {
        let name = if self.kind == Kind::Srun { "srun -n" } else { "mpirun -np" };
        format!("{name} {np}")
    }

    /// What is being started, and why with these flags.
    fn describe(&self, task: &Task, np: usize, root_told: bool) -> String {
        let flag = if self.kind == Kind::Srun { "-n" } else { "-np" };
        let mut text = format!("starting {} {flag} {np}", self.path.display());
        if self.kind == Kind::OpenMpi && self.oversubscribed(np) {
            let there = self.slots.map_or("unknown slots".into(), |s| format!("{s} slots"));
            text += &format!("; --oversubscribe: {np} ranks on {there}");
        }
        if self.kind == Kind::OpenMpi && task.has_threads() {
            text += "; --bind-to none: ranks have threads";
        }
        if self.kind == Kind::OpenMpi && is_root() && !root_told {
            text += "; OMPI_ALLOW_RUN_AS_ROOT(_CONFIRM)=1: you are root";
        }
        text
    }
}

/// Slurm's own launcher, within a job of Slurm's.
fn srun(job: Option<&host::Scheduler>) -> Option<PathBuf> {
    job.filter(|job| job.kind == host::SchedulerKind::Slurm)?;
    mpi::on_path(&process_env("PATH")?, "srun")
}

/// How srun lets ranks find each other: Open MPI wants PMIx; what others want, the site has set as srun's default.
fn pmi() -> Option<&'static str> {
    (super::mpi_library().as_deref() == Some("Open MPI")).then_some("--mpi=pmix")
}

/// What the ranks are called with: this very command, or the batch that a file holds.
fn arguments(task: &Task, np: usize) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = match task {
        Task::Batch(task) => vec!["batch".into(), task.file.clone().into()],
        _ => std::env::args_os().skip(1).collect(),
    };
    // What follows `--` is no option.
    let end = arguments.iter().position(|argument| argument == "--").unwrap_or(arguments.len());
    arguments.splice(end..end, ["--worker".into(), np.to_string().into()]);
    arguments
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Hands on the ranks' results until they end; returns the first failure. Lines that are no events are passed on.
fn listen(child: &mut Child, output: &Output, started: &mut bool, on_done: OnDone<'_>) -> Result<()> {
    let mut outcome = Ok(());
    let bar = Bar::new(output);
    let job = launcher::detect(&process_env).scheduler;
    let stdout = child.stdout.take().expect("stdout is piped");
    for line in BufReader::new(stdout).lines().map_while(|line| line.ok()) {
        let step: Result<()> = match serde_json::from_str(&line) {
            Ok(Event::Started) => {
                *started = true;
                dump_no_core(Pid::from_child(child));
                Ok(())
            }
            Ok(Event::Moved { what, done, total }) => {
                bar.moved(&what, done, total);
                Ok(())
            }
            Ok(Event::Done { done }) if outcome.is_ok() => {
                bar.suspended(|| on_done(as_granted(*done, job.as_ref()))).inspect_err(|_| {
                    // What can't be kept or shown need not be measured.
                    let _ = kill_process(Pid::from_child(child), Signal::TERM);
                })
            }
            Ok(Event::Done { .. }) => Ok(()),
            Ok(Event::Failed { failure }) => Err(failure),
            // Of an event that was cut, as its rank was ended, nobody has anything.
            Err(_) if line.starts_with("{\"h5lab-event\"") => Ok(()),
            Err(_) => {
                say(line);
                Ok(())
            }
        };
        outcome = outcome.and(step);
    }
    bar.clear();
    outcome
}

/// Open MPI 4.1's mpirun that is told to end may finalize PMIx twice, and crash once its ranks are gone. Where core dumps
/// are kept, as in a job of Grid Engine, that would leave one in the user's folder. Ranks that have started keep their
/// own limit.
fn dump_no_core(mpirun: Pid) {
    let _ = prlimit(Some(mpirun), Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}

/// The same with the job as it is seen here: mpirun's ranks may see the step in which its daemons run.
fn as_granted(mut done: Done, job: Option<&host::Scheduler>) -> Done {
    if let Done::Record(record) | Done::Cell { record, .. } | Done::SoFar { record } = &mut done {
        record.host.launcher.scheduler = job.cloned();
    }
    done
}

fn collect(mut stderr: ChildStderr) -> String {
    let mut text = Vec::new();
    let _ = stderr.read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}
