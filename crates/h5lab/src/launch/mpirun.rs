//! h5lab starts mpirun itself: once for each rank count, listening to the ranks' events.

use super::worker::{Event, lost};
use super::{OnDone, list};
use crate::cli::Output;
use crate::output::{Bar, note};
use crate::task::Done;
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::host::Mpirun;
use h5lab_io::host::{self, process_env};
use h5lab_io::progress::Progress;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Command, Stdio};

/// Runs this very command with each rank count.
///
/// # Errors
/// The first failure.
pub fn each(counts: &[usize], output: &Output, on_done: OnDone<'_>) -> Result<()> {
    let launcher = find()?;
    let slots = slots();
    for &np in counts {
        let mut command = command(&launcher, np, slots);
        if !output.quiet && !output.json {
            note(&describe(&launcher, np, slots, counts));
        }
        on_done(one(&mut command, np, output)?)?;
    }
    Ok(())
}

/// The mpirun to use, and its version text.
struct Found {
    path: std::path::PathBuf,
    open_mpi: bool,
}

fn find() -> Result<Found> {
    match host::mpi::mpirun(&process_env) {
        Mpirun::Found { path, version } => {
            let open_mpi = version.as_deref().is_none_or(|v| v.contains("Open MPI") || v.contains("OpenRTE"));
            Ok(Found { path: path.into(), open_mpi })
        }
        _ => Err(Failure::new(
            FailureKind::Environment,
            "mpirun not found: neither mpirun nor mpiexec is on the search path",
        )
        .mend("scripts/setup installs Open MPI; on a cluster load its module (module load openmpi)")),
    }
}

/// Ranks that may run without oversubscription: what the scheduler granted, or the cores.
fn slots() -> Option<usize> {
    let launcher = host::launcher::detect(&process_env);
    launcher.scheduler.and_then(|s| s.slots).or_else(|| host::machine::collect(&process_env).cores)
}

fn command(launcher: &Found, np: usize, slots: Option<usize>) -> Command {
    let mut command = Command::new(&launcher.path);
    command.args(["-np", &np.to_string()]);
    if launcher.open_mpi {
        if is_root() {
            command.envs([("OMPI_ALLOW_RUN_AS_ROOT", "1"), ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")]);
        }
        if slots.is_none_or(|slots| np > slots) {
            command.arg("--oversubscribe");
        }
    }
    command.arg(std::env::current_exe().unwrap_or_else(|_| "h5lab".into()));
    command.args(std::env::args_os().skip(1)).args(["--worker", &np.to_string()]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// What is being started, and why with these flags.
fn describe(launcher: &Found, np: usize, slots: Option<usize>, counts: &[usize]) -> String {
    let mut text = format!("starting {} -np {np}", launcher.path.display());
    if counts.len() > 1 {
        text += &format!(" (of {})", list(counts));
    }
    if launcher.open_mpi && slots.is_none_or(|slots| np > slots) {
        let there = slots.map_or("unknown slots".into(), |s| format!("{s} slots"));
        text += &format!("; --oversubscribe: {np} ranks on {there}");
    }
    if launcher.open_mpi && is_root() {
        text += "; OMPI_ALLOW_RUN_AS_ROOT(_CONFIRM)=1: you are root";
    }
    text
}

/// Starts mpirun, listens until it ends, and returns what came out.
fn one(command: &mut Command, np: usize, output: &Output) -> Result<Done> {
    let mut child = command.spawn().map_err(|e| {
        Failure::new(FailureKind::Environment, format!("mpirun can't be started: {e}"))
            .mend("check that `mpirun -np 1 true` works here")
    })?;
    let stderr = child.stderr.take().expect("stderr is piped");
    let complaints = std::thread::spawn(move || collect(stderr));
    let (done, failure) = listen(&mut child, output);
    let status = child.wait().map_err(|e| Failure::new(FailureKind::Internal, format!("waiting for mpirun: {e}")))?;
    let complaints = complaints.join().unwrap_or_default();
    match (failure, done, status.success()) {
        (Some(failure), _, _) => Err(failure),
        (None, Some(done), true) => {
            eprint!("{complaints}");
            Ok(done)
        }
        _ => Err(lost(np, status.code(), &complaints)),
    }
}

/// Reads the ranks' events; lines that are none are passed on.
fn listen(child: &mut Child, output: &Output) -> (Option<Done>, Option<Failure>) {
    let (mut result, mut first_failure) = (None, None);
    let bar = Bar::new(output);
    let stdout = child.stdout.take().expect("stdout is piped");
    for line in BufReader::new(stdout).lines().map_while(|line| line.ok()) {
        match serde_json::from_str(&line) {
            Ok(Event::Moved { what, done, total }) => bar.moved(&what, done, total),
            Ok(Event::Done { done }) => result = Some(done),
            Ok(Event::Failed { failure }) => {
                first_failure.get_or_insert(failure);
            }
            Err(_) => eprintln!("{line}"),
        }
    }
    bar.clear();
    (result, first_failure)
}

fn collect(mut stderr: ChildStderr) -> String {
    let mut text = Vec::new();
    let _ = stderr.read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}
