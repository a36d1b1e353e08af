//! Following a job to its end.

use super::scheduler;
use super::ticket::Ticket;
use crate::cli::Output;
use crate::output::{json, note, report};
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::job::{Ended, State, TaskState};
use h5lab_core::report::printable;
use serde::Serialize;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Between two questions to the scheduler: soon at first, for jobs that are short; then seldom, to spare it.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// How long a scheduler may not answer, or not know how a job ended.
const PATIENCE: Duration = Duration::from_secs(120);

/// How it came out, for `--json`.
#[derive(Serialize)]
struct Outcome<'a> {
    job: &'a Ticket,
    state: String,
    exit_code: u8,
    records: Option<usize>,
}

/// Follows a job; returns its exit code.
///
/// # Errors
/// `Environment` if the scheduler no longer says how the job is; the job itself goes on.
pub fn follow(ticket: &Ticket, output: &Output) -> Result<ExitCode> {
    let loud = !output.quiet && !output.json;
    if loud {
        let cancel = ticket.scheduler.cancel();
        note(&format!("following job {0}; Ctrl-C ends that, and {cancel} {0} ends the job", ticket.job));
    }
    let mut said = String::new();
    let ends = until_over(ticket, &mut |tasks| {
        let now = format!("job {}: {}", ticket.job, [in_words(tasks), ticket.progress()].join(", "));
        if loud && now != said {
            note(now.trim_end_matches(", "));
            said = now;
        }
    })?;
    let worst = ends.into_iter().max_by_key(|end| (end.exit_code() != 0, end.exit_code())).unwrap_or(Ended::Exit(0));
    tell(ticket, &worst, output)?;
    Ok(ExitCode::from(worst.exit_code()))
}

/// Waits until all tasks are over.
fn until_over(ticket: &Ticket, see: &mut dyn FnMut(&[TaskState])) -> Result<Vec<Ended>> {
    let (mut pause, mut heard) = (FIRST_PAUSE, Instant::now());
    loop {
        let asked = scheduler::states(ticket.scheduler, &ticket.job);
        let tasks = asked.as_deref().unwrap_or_default();
        let ends: Vec<Ended> = tasks.iter().filter_map(ended).collect();
        // How it came out is told at the end.
        if !tasks.is_empty() && ends.len() < ticket.tasks {
            see(tasks);
        }
        if ends.len() >= ticket.tasks {
            return Ok(ends);
        }
        if tasks.iter().any(|task| task.state == State::Faulty) {
            return Err(faulty(ticket));
        }
        if tasks.len() > ends.len() {
            heard = Instant::now();
        } else if heard.elapsed() > PATIENCE {
            return Err(asked.err().unwrap_or_else(|| forgotten(ticket)));
        } else {
            pause = FIRST_PAUSE; // it is over: how it ended is about to be known
        }
        std::thread::sleep(pause);
        pause = (pause * 5 / 4).min(LONGEST_PAUSE);
    }
}

fn ended(task: &TaskState) -> Option<Ended> {
    match &task.state {
        State::Over(ended) => Some(ended.clone()),
        _ => None,
    }
}

/// `running`, `waiting (Resources)`; of an array `1 done, 1 running, 2 waiting`.
pub fn in_words(tasks: &[TaskState]) -> String {
    let mut words: Vec<(String, usize)> = Vec::new();
    for task in tasks {
        let reason = task.reason.as_ref().filter(|_| !matches!(task.state, State::Over(_) | State::Running));
        let word = reason.map_or_else(|| task.state.to_string(), |reason| format!("{} ({reason})", task.state));
        match words.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count += 1,
            None => words.push((word, 1)),
        }
    }
    let several = tasks.len() > 1;
    let each = words.into_iter().map(|(word, count)| if several { format!("{count} {word}") } else { word });
    each.collect::<Vec<_>>().join(", ")
}

fn faulty(ticket: &Ticket) -> Failure {
    let (job, cancel) = (&ticket.job, ticket.scheduler.cancel());
    Failure::new(
        FailureKind::Environment,
        format!("the scheduler could not start job {job}, and keeps it in an error state"),
    )
    .mend(format!("see why (qstat -j {job}), then {cancel} {job}"))
}

fn forgotten(ticket: &Ticket) -> Failure {
    let why = format!("{} does not say how job {} ended", ticket.scheduler.name(), ticket.job);
    Failure::new(FailureKind::Environment, why)
        .mend(format!("see {}, and the result file", printable(&ticket.log.display().to_string())))
}

/// Says how it came out.
fn tell(ticket: &Ticket, end: &Ended, output: &Output) -> Result<()> {
    let records = ticket.done().ok().flatten();
    if output.json {
        return json(&Outcome { job: ticket, state: end.to_string(), exit_code: end.exit_code(), records });
    }
    let log = printable(&ticket.log.display().to_string());
    if *end == Ended::Exit(0) {
        if !output.quiet {
            note(&format!(
                "job {}: {}; its log is {log}",
                ticket.job,
                [end.to_string(), ticket.progress()].join(", ").trim_end_matches(", ")
            ));
        }
        return Ok(());
    }
    let kind = FailureKind::ALL.into_iter().find(|kind| kind.exit_code() == end.exit_code());
    let mut failure =
        Failure::new(kind.unwrap_or(FailureKind::Internal), format!("job {}: {end}{}", ticket.job, tail(ticket)));
    let again = format!("{} {}", ticket.scheduler.submit(), printable(&ticket.script.display().to_string()));
    failure = failure.mend(match kind {
        Some(FailureKind::TimeUp | FailureKind::Interrupted) => {
            format!("submit it again to go on where it was: {again}")
        }
        _ => format!("see {log}; then submit it again: {again}"),
    });
    report(&failure);
    Ok(())
}

/// The last lines that the job printed.
fn tail(ticket: &Ticket) -> String {
    const LINES: usize = 4;
    let text = std::fs::read(&ticket.log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(LINES)..];
    last.iter().map(|line| format!("\n    {}", printable(line))).collect()
}
