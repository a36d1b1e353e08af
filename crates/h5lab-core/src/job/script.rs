//! The job script: directives, modules, folder, and the command, for people to read and change.

use super::directives::directives;
use super::{BatchSystem, Image, Job, Start, line, quoted};
use crate::failure::{FailureKind, Result};
use std::ffi::OsStr;
use std::fmt::Write;

/// The second line of every script: by it h5lab knows its own.
pub const MARK: &str = "# Written by h5lab job. Change what you like.";

/// Writes the script.
///
/// # Errors
/// `Usage`: something that this scheduler has no word for, or a name that can't stand in a directive.
pub fn script(job: &Job) -> Result<String> {
    job.check()?;
    let mut text = format!("#!/bin/bash\n{MARK}\n# Made by: {}\n", line(&job.made_by));
    for directive in directives(job)? {
        text += &directive;
        text.push('\n');
    }
    text += &modules(&job.modules);
    let folder = quoted(&job.folder);
    let storage = FailureKind::Storage.exit_code();
    write!(text, "\ncd -- {folder} || exit {storage}\n").expect("a String grows");
    if job.array {
        text += &one_count(job);
    }
    text += &match (&job.container, &job.start) {
        (None, Start::ByItself) => by_itself(job),
        (image, start) => in_turns(job, image.as_ref(), start),
    };
    Ok(text)
}

fn modules(modules: &[String]) -> String {
    if modules.is_empty() {
        return String::new();
    }
    let code = FailureKind::Environment.exit_code();
    format!(
        "\n# A batch shell may not know `module` yet.\n\
         type module >/dev/null 2>&1 || . /etc/profile\n\
         module load {} || exit {code}\n",
        line(modules)
    )
}

/// Of an array: the rank count of this task.
fn one_count(job: &Job) -> String {
    let (which, first) = match job.system {
        BatchSystem::Slurm => ("SLURM_ARRAY_TASK_ID", ""),
        BatchSystem::GridEngine => ("SGE_TASK_ID", " - 1"),
    };
    format!("\n# This task's rank count.\ncounts=({})\nnp=${{counts[{which}{first}]}}\n", counts(job, " "))
}

fn counts(job: &Job, between: &str) -> String {
    job.np.iter().map(u64::to_string).collect::<Vec<_>>().join(between)
}

fn resumes(job: &Job) -> &'static str {
    let resume = job.words.iter().any(|word| word == "--resume");
    if resume { ";\n# submitted again, this script goes on where it was (--resume)" } else { "" }
}

/// h5lab takes the shell's place, so that it gets the scheduler's signals.
fn by_itself(job: &Job) -> String {
    let np = if job.array { "\"$np\"".into() } else { counts(job, ",") };
    let when = match job.system {
        BatchSystem::Slurm => "Before the time limit Slurm sends SIGUSR1",
        BatchSystem::GridEngine => "Before the time limit Grid Engine sends SIGUSR1, and before a qdel SIGUSR2",
    };
    let code = FailureKind::TimeUp.exit_code();
    format!(
        "\n# h5lab starts mpirun for each rank count.\n\
         # {when}:\n# h5lab ends, with code {code}. What was measured is saved{}.\n\
         exec {} --np {np}\n",
        resumes(job),
        line(std::iter::once(&job.program).chain(&job.words)),
    )
}

/// A launcher starts the ranks, in a container if there is one.
fn in_turns(job: &Job, image: Option<&Image>, start: &Start) -> String {
    let launch = match start {
        Start::ByItself | Start::Mpirun => "mpirun -np",
        Start::Srun => "srun --mpi=pmix -n",
    };
    let within = image.map_or_else(String::new, within);
    let environment = FailureKind::Environment.exit_code();
    let runtime = image.map_or_else(String::new, |_| {
        format!(
            "\nruntime=$(command -v apptainer || command -v singularity) || {{\n    \
             echo 'h5lab: neither apptainer nor singularity is on the search path' >&2\n    exit {environment}\n}}\n"
        )
    });
    let these = if job.array { "\"$np\"".into() } else { counts(job, " ") };
    let code = FailureKind::TimeUp.exit_code();
    format!(
        "{runtime}\n\
         # The scheduler's signals reach this shell: it ends the ranks, and says so with code {code}.\n\
         # What was measured is saved{}.\n\
         stopped='' ranks='' status=0\n\
         trap 'stopped=1; [ -z \"$ranks\" ] || kill -TERM \"$ranks\"' TERM USR1 USR2\n\n\
         for np in {these}; do\n    \
         {launch} \"$np\" {within}{} --np \"$np\" &\n    \
         ranks=$!\n    \
         [ -z \"$stopped\" ] || kill -TERM \"$ranks\"\n    \
         wait \"$ranks\"\n    \
         ended=$?\n    \
         # A signal interrupts `wait`: the ranks may still be tidying up.\n    \
         while kill -0 \"$ranks\" 2>/dev/null; do\n        \
         wait \"$ranks\"\n        \
         ended=$?\n    \
         done\n    \
         [ -z \"$stopped\" ] || exit {code}\n    \
         [ \"$ended\" -eq 0 ] || status=$ended\n\
         done\n\
         exit \"$status\"\n",
        resumes(job),
        line(std::iter::once(&job.program).chain(&job.words)),
    )
}

fn within(image: &Image) -> String {
    let binds = image.binds.iter().flat_map(|bind| [OsStr::new("--bind"), bind]);
    let words: Vec<&OsStr> = binds.chain([image.image.as_os_str()]).collect();
    format!("\"$runtime\" exec {} ", line(words))
}
