//! A rank that h5lab's own mpirun started: it speaks to its parent in events, one JSON object a line on stdout.

use crate::task::{Done, Task, perform};
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_io::comm::mpi;
use h5lab_io::fault::Fault;
use h5lab_io::progress::Progress;
use h5lab_io::run::Team;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// What a worker tells its parent.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "h5lab-event")]
pub enum Event {
    /// MPI has started.
    Started,
    /// Bytes that were moved so far.
    Moved { what: String, done: u64, total: u64 },
    /// What came out.
    Done { done: Box<Done> },
    /// The failure that ends this worker.
    Failed { failure: Failure },
}

/// Runs a task as one of `np` ranks.
///
/// # Errors
/// The failure, already told to the parent: it has nothing more to say.
pub fn run(task: &Task, np: usize) -> Result<()> {
    let world = mpi::World::init()?;
    let comm = world.comm();
    let teller = Teller::default();
    if comm.rank() == 0 {
        tell(&Event::Started);
    }
    let outcome = if comm.size() == np { work(task, &world, &teller) } else { Err(other_count(np, comm.size())) };
    outcome.map_err(|failure| {
        if comm.rank() == 0 {
            tell(&Event::Failed { failure: failure.clone() });
        }
        super::quiet(failure)
    })
}

fn work(task: &Task, world: &mpi::World, teller: &Teller) -> Result<()> {
    let fault = Fault::from_env()?;
    let team = Team { comm: world.comm(), progress: teller, fault: fault.as_ref() };
    guarded(task, team, &|done| tell(&Event::Done { done: Box::new(done) }))
}

fn other_count(np: usize, found: usize) -> Failure {
    let why = format!("{np} ranks were asked for, but MPI started {found}");
    Failure::new(FailureKind::Environment, why)
        .mend("mpirun does not belong to the MPI that h5lab was built with: `h5lab env` names both")
}

/// Performs a task on an MPI rank; a panic ends all ranks, since the others may wait for this one for ever.
pub fn guarded(task: &Task, team: Team<'_>, emit: &dyn Fn(Done)) -> Result<()> {
    catch_unwind(AssertUnwindSafe(|| perform(task, team, emit))).unwrap_or_else(|panic| {
        let failure = h5lab_io::panic::failure(panic.as_ref()).on_rank(team.comm.rank());
        h5lab_io::run::remove_all_scratch();
        team.progress.last_words(&failure);
        mpi::abort(failure.kind.exit_code())
    })
}

fn tell(event: &Event) {
    let line = serde_json::to_string(event).expect("an event is plain data");
    let mut out = std::io::stdout().lock();
    // A parent that is gone can't be told anything.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Tells the parent how far the work is, ten times a second at most.
#[derive(Default)]
struct Teller {
    last: Mutex<Option<Instant>>,
}

impl Progress for Teller {
    fn moved(&self, what: &str, done: u64, total: u64) {
        let mut last = self.last.lock().unwrap_or_else(|e| e.into_inner());
        if done == total || last.is_none_or(|at| at.elapsed() > Duration::from_millis(100)) {
            *last = Some(Instant::now());
            tell(&Event::Moved { what: what.into(), done, total });
        }
    }

    fn last_words(&self, failure: &Failure) {
        tell(&Event::Failed { failure: failure.clone() });
    }
}

/// The failure of ranks that never were.
///
/// `started`: how, such as `mpirun -np 4`.
pub fn not_started(started: &str, code: Option<i32>, stderr: &str) -> Failure {
    let how = code.map_or("was killed".into(), |code| format!("ended with exit code {code}"));
    let why = format!("{started} {how} before MPI had started: {}", super::probe::reason(stderr));
    let mend = if stderr.contains("plm_rsh_agent") {
        "install ssh, which Open MPI looks for even on one node, or export OMPI_MCA_plm=isolated to do without".into()
    } else {
        format!("check that `{started} hostname` works here, and what `h5lab env` says of MPI")
    };
    Failure::new(FailureKind::Environment, why).mend(mend)
}

/// The failure of ranks that ended without a word.
///
/// `started`: how, such as `mpirun -np 4`.
pub fn lost(started: &str, code: Option<i32>, stderr: &str) -> Failure {
    let rank = stderr.split("process rank ").nth(1).and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    let how = stderr
        .split("exited on ")
        .nth(1)
        .and_then(|rest| rest.lines().next())
        .map(|text| format!(" ({})", text.trim_end_matches('.')));
    let what = match (rank, code) {
        (Some(_), _) => format!("the rank was lost{}, and all of {started} with it", how.unwrap_or_default()),
        (None, Some(code)) => format!("{started} ended with exit code {code} and no word from h5lab"),
        (None, None) => format!("{started} was killed"),
    };
    let mut failure = Failure::new(FailureKind::RankLost, what);
    failure.rank = rank;
    let said =
        stderr.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with("---")).take(8).collect::<Vec<_>>();
    if rank.is_none() && !said.is_empty() {
        failure.message += &format!("; it said:\n    {}", said.join("\n    "));
    }
    failure.mend("look for the out-of-memory killer (dmesg) or for the message above; what was saved before is kept")
}
