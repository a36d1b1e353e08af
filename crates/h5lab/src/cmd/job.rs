//! `h5lab job`: a script for the scheduler, submitted and followed if that is wanted.

mod command;
mod follow;
mod scheduler;
mod status;
mod ticket;

use crate::cli::Output;
use crate::cli::job::{Job as Args, JobCommand, LauncherName};
use crate::output::{json, line, note, print};
use command::Checked;
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::job::{BatchSystem, Image, Job, MARK, Start, line as as_line, script};
use h5lab_core::report::printable;
use h5lab_io::journal::Journal;
use serde::Serialize;
use std::ffi::OsString;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use ticket::Ticket;

/// What came out, for `--json`.
#[derive(Serialize)]
struct Written<'a> {
    #[serde(serialize_with = "h5lab_core::lossy::path")]
    script: PathBuf,
    job: Option<&'a Ticket>,
}

/// Commands that are one process, which starts ranks when it needs them.
const STARTS_RANKS: [&str; 3] = ["lesson", "advise", "tune"];

/// Writes a script, or shows how jobs are. Returns 0, or the exit code of a job that was followed.
pub fn run(args: Args, output: &Output) -> Result<ExitCode> {
    if let Some(JobCommand::Status { which }) = &args.command {
        return status::run(which, output).map(|()| ExitCode::SUCCESS);
    }
    let system = args.scheduler.map_or_else(scheduler::detect, Ok)?;
    let checked = command::check(&args.words, &args.np, args.container.is_some())?;
    let job = job(&args, system, &checked)?;
    let text = script(&job)?;
    if args.dry_run {
        return print(text).map(|()| ExitCode::SUCCESS);
    }
    let file = args.script.clone().unwrap_or_else(|| format!("{}.sh", job.name).into());
    write(&file, &text, args.force)?;
    if !args.submit && !args.wait {
        announce(&file, &job, output)?;
        return Ok(ExitCode::SUCCESS);
    }
    let ticket = submit(&job, &file, &checked)?;
    if output.json && !args.wait {
        json(&Written { script: file, job: Some(&ticket) })?;
    } else if !output.json && !output.quiet {
        line(format_args!(
            "submitted job {}; its log will be {}",
            ticket.job,
            printable(&ticket.log.display().to_string())
        ))?;
    }
    if args.wait { follow::follow(&ticket, output) } else { Ok(ExitCode::SUCCESS) }
}

fn job(args: &Args, system: BatchSystem, checked: &Checked) -> Result<Job> {
    let folder = std::env::current_dir().map_err(|e| Failure::io("look at", Path::new("."), &e))?;
    let program = match &args.container {
        Some(_) => "h5lab".into(),
        None => std::env::current_exe().map_or_else(|_| "h5lab".into(), PathBuf::into_os_string),
    };
    let start = match (args.launcher, &args.container) {
        (Some(LauncherName::Srun), _) => Start::Srun,
        (Some(LauncherName::Mpirun), _) | (None, Some(_)) => Start::Mpirun,
        (None, None) => Start::ByItself,
    };
    let command = checked.words[0].to_string_lossy();
    if !matches!(start, Start::ByItself) && STARTS_RANKS.contains(&&*command) {
        return Err(crate::usage(format!("{command} starts its ranks itself, and can't be started as ranks"))
            .mend("leave out --launcher and --container; in a container, run it by hand within an allocation"));
    }
    let name = args.name.clone().unwrap_or_else(|| format!("h5lab-{}", checked.words[0].to_string_lossy()));
    Ok(Job {
        system,
        name,
        nodes: args.nodes,
        np: args.np.clone(),
        time: args.time,
        memory: args.memory,
        project: args.project.clone(),
        queue: args.queue.clone(),
        pe: args.pe.clone(),
        directives: args.directive.clone(),
        modules: args.module.clone(),
        container: args.container.clone().map(|image| Image { image, binds: args.bind.clone() }),
        start,
        array: args.array,
        folder,
        program,
        words: checked.words.clone(),
        made_by: std::iter::once(OsString::from("h5lab")).chain(std::env::args_os().skip(1)).collect(),
    })
}

/// Writes the script beside where it belongs, then renames it.
fn write(file: &Path, text: &str, force: bool) -> Result<()> {
    let is_own = |old: Vec<u8>| old.split(|&byte| byte == b'\n').nth(1) == Some(MARK.as_bytes());
    if !force && file.exists() && !std::fs::read(file).is_ok_and(is_own) {
        return Err(Failure::new(FailureKind::Refused, "exists already, and h5lab did not write it")
            .at(file)
            .mend("choose another --script or --name, or add --force"));
    }
    let fail = |e: std::io::Error| {
        Failure::io("write the script", file, &e).mend("name a file that can be written with --script")
    };
    let mut partial = file.as_os_str().to_owned();
    partial.push(".h5lab-partial");
    let open = || std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o755).open(&partial);
    let written = open().and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    let renamed = written.and_then(|()| std::fs::rename(&partial, file));
    renamed.map_err(|e| {
        let _ = std::fs::remove_file(&partial);
        fail(e)
    })
}

fn announce(file: &Path, job: &Job, output: &Output) -> Result<()> {
    if output.json {
        return json(&Written { script: file.to_owned(), job: None });
    }
    if output.quiet {
        return Ok(());
    }
    line(format_args!(
        "{} is written; submit it: {}",
        printable(&file.display().to_string()),
        as_line([job.system.submit().as_ref(), file.as_os_str()])
    ))
}

/// Submits the script, and keeps what is needed to follow it.
fn submit(job: &Job, file: &Path, checked: &Checked) -> Result<Ticket> {
    let results = results(job, checked)?;
    let (before, held) = results.as_deref().map_or(Ok((0, 0)), |results| ticket::held(results, &checked.cells))?;
    let records = checked.records - held;
    if records == 0 {
        note("the result file holds all cells already: the job will find nothing to do");
    }
    let id = scheduler::submit(job.system, file, &job.folder)?;
    let tasks = if job.array { job.np.len() } else { 1 };
    let ticket = Ticket {
        scheduler: job.system,
        log: job.folder.join(job.log_of(&id)),
        job: id,
        script: file.to_owned(),
        results,
        before,
        records,
        tasks,
    };
    ticket.save()?;
    Ok(ticket)
}

/// The result file, if it can be seen from here: a container may see it elsewhere. That it can be written is found out now.
fn results(job: &Job, checked: &Checked) -> Result<Option<PathBuf>> {
    let Some(save) = &checked.save else { return Ok(None) };
    let results = job.folder.join(save);
    if job.container.is_some() && !results.parent().is_some_and(Path::is_dir) {
        return Ok(None);
    }
    Journal::open(&results)?;
    Ok(Some(results))
}
