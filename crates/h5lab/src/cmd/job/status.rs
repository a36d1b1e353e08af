//! `h5lab job status`: how the jobs are that were submitted from here.

use super::ticket::Ticket;
use super::{follow, scheduler};
use crate::cli::Output;
use crate::output::{json, note, print};
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::report::{Table, printable};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A job with what is known of it, for `--json`.
#[derive(Serialize)]
struct Status {
    #[serde(flatten)]
    ticket: Ticket,
    state: String,
    done: Option<usize>,
    /// Why the state is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

/// Shows the jobs with these numbers or scripts; all of the current folder's if there are none.
pub fn run(which: &[String], output: &Output) -> Result<()> {
    let statuses: Vec<Status> = tickets(which)?.into_iter().map(status).collect();
    if output.json {
        return statuses.iter().try_for_each(json);
    }
    if output.quiet {
        return Ok(());
    }
    let mut table =
        Table::new().number("job").word("scheduler").word("state").word("records").word("script").word("log");
    for Status { ticket, state, .. } in &statuses {
        let shown = |path: &Path| printable(&path.display().to_string());
        let (script, log) = (shown(&ticket.script), shown(&ticket.log));
        table.row([ticket.job.clone(), ticket.scheduler.name().into(), state.clone(), ticket.progress(), script, log]);
    }
    print(table.render())?;
    let failures: BTreeSet<&String> = statuses.iter().filter_map(|status| status.failure.as_ref()).collect();
    failures.into_iter().for_each(|why| note(why));
    Ok(())
}

fn status(ticket: Ticket) -> Status {
    let (state, failure) = match scheduler::states(ticket.scheduler, &ticket.job) {
        Ok(tasks) if tasks.is_empty() => ("over: the scheduler has forgotten it".into(), None),
        Ok(tasks) => (follow::in_words(&tasks), None),
        Err(failure) => ("unknown".into(), Some(failure.message)),
    };
    let done = ticket.done().ok().flatten();
    Status { ticket, state, done, failure }
}

fn tickets(which: &[String]) -> Result<Vec<Ticket>> {
    let here = Ticket::all_in(Path::new("."))?;
    if which.is_empty() {
        if here.is_empty() {
            return Err(Failure::new(FailureKind::Input, "no job was submitted from this folder")
                .mend("h5lab job ... --submit does; or name a script elsewhere: h5lab job status FOLDER/NAME.sh"));
        }
        return here.iter().map(|file| Ticket::read(file)).collect();
    }
    which.iter().map(|word| if scheduler::is_number(word) { numbered(word, &here) } else { of_script(word) }).collect()
}

fn numbered(number: &str, here: &[PathBuf]) -> Result<Ticket> {
    let found = here.iter().filter_map(|file| Ticket::read(file).ok()).find(|ticket| ticket.job == number);
    found.ok_or_else(|| {
        Failure::new(
            FailureKind::Input,
            format!("job {number} was not submitted from this folder, or another one after it"),
        )
        .mend("h5lab job status shows those that were; squeue or qstat show all jobs")
    })
}

fn of_script(word: &str) -> Result<Ticket> {
    Ticket::read(&Ticket::file_of(Path::new(word)))
}
