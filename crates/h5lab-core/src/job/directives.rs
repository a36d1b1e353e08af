//! The lines by which a script tells the scheduler what it needs: `#SBATCH ...` of sbatch(1), `#$ ...` of qsub(1).

use super::{BatchSystem, Job};
use crate::failure::{Failure, FailureKind, Result};
use crate::report::printable;

/// Bytes in a MiB.
const MIB: u64 = 1 << 20;

/// Characters besides letters and digits that names of accounts, partitions, queues and environments are made of, in
/// lists of them and in Grid Engine's patterns, too. None of them ends a word of a directive.
const IN_NAMES: &str = "_-.,:@+=/*!&|";

/// Checks a name that is to stand in a directive.
fn name<'a>(option: &str, text: &'a str) -> Result<&'a str> {
    let fits = |c: char| c.is_alphanumeric() || IN_NAMES.contains(c);
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(fits) {
        return Ok(text);
    }
    let why = format!("{option} '{}': no scheduler has such a name", printable(text));
    Err(Failure::new(FailureKind::Usage, why).mend(format!("use letters, digits and any of {IN_NAMES}")))
}

/// Checks the job's own name: it becomes the log's file name, too.
fn job_name(text: &str) -> Result<&str> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    // Grid Engine: not a digit first.
    if text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(fits) {
        return Ok(text);
    }
    let why = format!("--name '{}' can't be a job's name", printable(text));
    Err(Failure::new(FailureKind::Usage, why)
        .mend("begin with a letter, and go on with letters, digits and any of _-."))
}

/// Checks an option that the user wrote in the scheduler's own words.
fn own(text: &str) -> Result<&str> {
    if text.starts_with('-') && !text.chars().any(char::is_control) {
        return Ok(text);
    }
    let why = format!("--directive '{}' is no line of options", printable(text));
    Err(Failure::new(FailureKind::Usage, why)
        .mend("write one option as the scheduler takes it, in one line: --directive=--constraint=ib"))
}

/// All lines, in the order in which a reader looks for them.
///
/// # Errors
/// `Usage`: a name or an option that can't stand in such a line.
pub fn directives(job: &Job) -> Result<Vec<String>> {
    let (mark, mut options) = match job.system {
        BatchSystem::Slurm => ("#SBATCH", slurm(job)?),
        BatchSystem::GridEngine => ("#$", grid_engine(job)?),
    };
    for directive in &job.directives {
        options.push(own(directive)?.to_owned());
    }
    Ok(options.into_iter().map(|option| format!("{mark} {option}")).collect())
}

fn slurm(job: &Job) -> Result<Vec<String>> {
    let mut options = vec![format!("--job-name={}", job_name(&job.name)?), format!("--output={}", job.log())];
    options.extend(job.nodes.map(|nodes| format!("--nodes={nodes}")));
    options.push(format!("--ntasks={}", job.slots()));
    if job.array {
        options.push(format!("--array=0-{}%1", job.np.len() - 1));
    }
    options.extend(job.time.map(|time| format!("--time={time}")));
    // To the script alone: the ranks are ended by h5lab, which still has to tidy up after them.
    options.push(format!("--signal=B:USR1@{}", job.time.map_or(60, |time| time.notice())));
    options.extend(job.memory.map(|bytes| format!("--mem={}M", bytes.div_ceil(MIB))));
    if let Some(project) = &job.project {
        options.push(format!("--account={}", name("--project", project)?));
    }
    if let Some(queue) = &job.queue {
        options.push(format!("--partition={}", name("--queue", queue)?));
    }
    Ok(options)
}

fn grid_engine(job: &Job) -> Result<Vec<String>> {
    let mut options = vec![
        format!("-N {}", job_name(&job.name)?),
        "-S /bin/bash".into(),
        "-cwd".into(),
        "-V".into(),
        "-j y".into(),
        format!("-o {}", job.log()),
    ];
    if let Some(pe) = &job.pe {
        options.push(format!("-pe {} {}", name("--pe", pe)?, job.slots()));
    }
    if job.array {
        options.push(format!("-t 1-{}", job.np.len()));
        options.push("-tc 1".into());
    }
    if let Some(time) = job.time {
        options.push(format!("-l h_rt={time}"));
        // SIGUSR1 then.
        options.push(format!("-l s_rt={}", time.before_notice()));
    }
    // SIGUSR2 before a qdel kills.
    options.push("-notify".into());
    options.extend(job.memory.map(|bytes| format!("-l mem_free={}M", bytes.div_ceil(MIB))));
    if let Some(project) = &job.project {
        options.push(format!("-P {}", name("--project", project)?));
    }
    if let Some(queue) = &job.queue {
        options.push(format!("-q {}", name("--queue", queue)?));
    }
    Ok(options)
}
