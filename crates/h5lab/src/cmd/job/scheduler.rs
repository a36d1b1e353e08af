//! The scheduler's own commands: submitting a script, and asking how a job is.

use crate::usage;
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::job::{BatchSystem, TaskState, from_qacct, from_qstat, from_sacct, from_scontrol};
use h5lab_io::host::mpi::on_path;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The scheduler whose commands are on the search path.
///
/// # Errors
/// `Environment` if there is none, `Usage` if there are two.
pub fn detect() -> Result<BatchSystem> {
    let path = std::env::var("PATH").unwrap_or_default();
    let has = |name: &str| on_path(&path, name).is_some();
    // PBS has a qsub, too, and Slurm may have one for those who are used to it; qconf is Grid Engine's alone.
    match (has("sbatch"), has("qsub") && has("qconf")) {
        (true, false) => Ok(BatchSystem::Slurm),
        (false, true) => Ok(BatchSystem::GridEngine),
        (true, true) => match [BatchSystem::Slurm, BatchSystem::GridEngine].map(answers) {
            [true, false] => Ok(BatchSystem::Slurm),
            [false, true] => Ok(BatchSystem::GridEngine),
            _ => Err(usage("both Slurm and Grid Engine are here").mend("say which: --scheduler slurm or grid-engine")),
        },
        (false, false) => {
            let why =
                "no scheduler found: neither sbatch (Slurm) nor qsub with qconf (Grid Engine) is on the search path";
            Err(Failure::new(FailureKind::Environment, why)
                .mend("load the scheduler's module; to write a script for elsewhere, name it: --scheduler slurm"))
        }
    }
}

/// Whether a scheduler is up, and can be asked from here.
fn answers(system: BatchSystem) -> bool {
    lists(system).iter().all(|(_, command)| listed(command).is_some())
}

/// Submits a script from this folder; returns the job's number.
///
/// # Errors
/// `Usage` with the scheduler's own words if it refuses the script, and what it has; `Environment` if it is not there.
pub fn submit(system: BatchSystem, script: &Path, folder: &Path) -> Result<String> {
    let plain = match system {
        BatchSystem::Slurm => "--parsable",
        BatchSystem::GridEngine => "-terse",
    };
    // An absolute path is no option, whatever it begins with.
    let script = folder.join(script);
    let mut command = Command::new(system.submit());
    command.arg(plain).arg(&script).current_dir(folder);
    let output = output(command)?;
    let said = String::from_utf8_lossy(&output.stdout);
    // `12`, `12;cluster`, `12.1-3:1`, after warnings if there are any.
    let number = said.lines().rev().find_map(|line| line.trim().split([';', '.']).next().filter(|id| is_number(id)));
    match number {
        Some(number) if output.status.success() => Ok(number.to_owned()),
        _ => Err(refused(system, &words_of(&output)).at(&script)),
    }
}

/// True if a word is the number of a job.
pub fn is_number(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit())
}

fn refused(system: BatchSystem, words: &str) -> Failure {
    let there: Vec<String> =
        lists(system).iter().filter_map(|(what, command)| Some(format!("{what}: {}", listed(command)?))).collect();
    let why = format!("{} refuses the script: {words}", system.submit());
    if there.is_empty() {
        let mend = format!("see whether {} is up, and whether it is used from here", system.name());
        return Failure::new(FailureKind::Environment, why).mend(mend);
    }
    usage(why).mend(format!("ask for what there is. {}", there.join("; ")))
}

/// What a job may ask for, and the commands that list it.
fn lists(system: BatchSystem) -> &'static [(&'static str, &'static [&'static str])] {
    match system {
        BatchSystem::Slurm => &[("partitions", &["sinfo", "--noheader", "--format=%R"])],
        BatchSystem::GridEngine => &[("queues", &["qconf", "-sql"]), ("parallel environments", &["qconf", "-spl"])],
    }
}

fn listed(command: &[&str]) -> Option<String> {
    let mut lister = Command::new(command[0]);
    lister.args(&command[1..]);
    let output = output(lister).ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).split_whitespace().collect::<Vec<_>>().join(", "))
}

/// How a job's tasks are; none if the scheduler does not (or not yet) remember it.
///
/// # Errors
/// `Environment` if the scheduler can't be asked.
pub fn states(system: BatchSystem, id: &str) -> Result<Vec<TaskState>> {
    let ask = |program: &str, words: &[&str]| {
        let mut command = Command::new(program);
        command.args(words);
        output(command)
    };
    match system {
        BatchSystem::Slurm => {
            let asked = ask("scontrol", &["--oneliner", "show", "job", id])?;
            let found = from_scontrol(&String::from_utf8_lossy(&asked.stdout));
            if !found.is_empty() || asked.status.success() {
                return Ok(found);
            }
            let accounted =
                ask("sacct", &["--noheader", "--allocations", "--parsable2", "--format=State,ExitCode", "-j", id]);
            let found = accounted.map(|asked| from_sacct(&String::from_utf8_lossy(&asked.stdout))).unwrap_or_default();
            let forgotten = words_of(&asked).contains("Invalid job id");
            if found.is_empty() && !forgotten { Err(silent(system, &words_of(&asked))) } else { Ok(found) }
        }
        BatchSystem::GridEngine => {
            let asked = ask("qstat", &[])?;
            if !asked.status.success() {
                return Err(silent(system, &words_of(&asked)));
            }
            let found = from_qstat(&String::from_utf8_lossy(&asked.stdout), id);
            if !found.is_empty() {
                return Ok(found);
            }
            // That of a job that has just ended comes some seconds later.
            let accounted = ask("qacct", &["-j", id]);
            Ok(accounted.map(|asked| from_qacct(&String::from_utf8_lossy(&asked.stdout))).unwrap_or_default())
        }
    }
}

fn silent(system: BatchSystem, words: &str) -> Failure {
    Failure::new(FailureKind::Environment, format!("{} does not answer: {words}", system.name()))
        .mend("see whether it is up; the job goes on without being followed")
}

fn output(mut command: Command) -> Result<Output> {
    let name = command.get_program().to_string_lossy().into_owned();
    // One message is one line, for those who read it.
    command.env("SGE_SINGLE_LINE", "1").stdin(Stdio::null()).output().map_err(|e| {
        Failure::new(FailureKind::Environment, format!("{name} can't be started: {e}"))
            .mend("load the scheduler's module; without --submit the script is only written")
    })
}

/// What a command said, in a line.
fn words_of(output: &Output) -> String {
    let text = [&output.stderr[..], b"\n", &output.stdout[..]].concat();
    let text = String::from_utf8_lossy(&text);
    let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}
