//! A file written anew with other layouts: everything else in it is carried over as it is.
//!
//! The order of things: look at all objects, decide what becomes of each dataset, make the structure beside the new name,
//! carry attributes, move values, compare if that is wanted, sync, rename. The source is only read.
//!
//! With `split` each rank has a file of its own, besides: parts take their names first, and the file that shows them last.

mod crew;
mod hands;
mod job;
mod library;
mod mover;
mod output;
mod parts;
mod predict;
mod sides;
mod source;
mod split;
mod survey;
mod target;
mod together;
mod verify;

use crate::comm::{Solo, all_gather};
use crate::engine::final_name;
use crate::fault::Fault;
use crate::identity::Identity;
use crate::progress::Progress;
use crate::run::{Beside, Team, followed, remove_all_scratch};
use crew::Work;
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::repack_plan::receipt::Receipt;
use h5lab_core::repack_plan::rules::Rule;
use job::Job;
use output::Output;
use serde::{Deserialize, Serialize};
use sides::Opened;
use split::Split;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use survey::Survey;
use together::Ranks;

/// What is to be done.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    /// The file that is read.
    pub input: PathBuf,
    /// The file that is written; the same as the input's, if it is to be replaced.
    pub output: PathBuf,
    /// True if the input is to be replaced.
    pub in_place: bool,
    /// True if an output that is there may be replaced.
    pub force: bool,
    /// Which datasets get which layout.
    pub rules: Vec<Rule>,
    /// Filters are asked for no dataset with fewer bytes of values than this.
    pub minimum: u64,
    /// True if virtual datasets get values of their own.
    pub materialize: bool,
    /// True if each rank writes a file of its own, with its part of each dataset that is written anew; the output shows them.
    pub split: bool,
    /// Most bytes of memory for data, of each rank.
    pub memory: u64,
    /// Threads that work; `None`: as many as there are cores for this rank.
    pub threads: Option<usize>,
    /// True if every value is to be compared afterwards.
    pub verify: bool,
}

/// Looks at everything, and writes nothing: what so many ranks would do.
///
/// # Errors
/// As [`repack`], but for those of writing.
pub fn predict(order: &Order, ranks: usize) -> Result<Receipt> {
    let crew = Together { rank: 0, ranks, threads: order.threads.unwrap_or_else(|| cores() / ranks).max(1) };
    let survey = Survey::of(order)?;
    let split = order.split.then(|| Split::of(&survey, order, crew)).transpose()?;
    let mut receipt = survey.receipt(order, crew, split.as_ref(), &|_| None)?;
    receipt.dry_run = true;
    let source = Opened { file: &survey.file, bytes: &survey.bytes, path: &order.input };
    let nobody = |_: u64| {};
    for job in &survey.jobs {
        receipt.seconds += match split.as_ref().map(|split| split.count(job)) {
            None => predict::seconds(job, &source, &crew.work(order, &nobody))?,
            Some(parts) => predict::seconds(job, &source, &crew.alone().work(order, &nobody))? / parts.max(1) as f64,
        };
    }
    Ok(receipt)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Writes the file anew, in this process alone.
///
/// # Errors
/// `Usage` for what can't be; `Input` for a source that can't be read, is damaged, or was written meanwhile; `Refused` for
/// an output that is there; `Storage` for what the file system refuses; `Mismatch` if values differ afterwards. Whatever
/// it is, the source is as it was, and nothing of the new file is left.
pub fn repack(order: &Order, progress: &dyn Progress) -> Result<Receipt> {
    let done = repack_together(order, Team { comm: &Solo, progress, fault: None })?;
    Ok(done.expect("the only rank is rank 0"))
}

/// Writes the file anew: ranks share the groups of each dataset, and rank 0, whose receipt it is, writes. Collective.
///
/// # Errors
/// Those of [`repack`], of the first rank that failed, on all ranks.
pub fn repack_together(order: &Order, team: Team<'_>) -> Result<Option<Receipt>> {
    let beside = Beside::new(&followed(&order.output));
    let last_words = |failure: &Failure| {
        remove_all_scratch();
        team.progress.last_words(&named(failure.clone(), beside.path(), order));
    };
    let ranks = Ranks { comm: team.comm, last_words: &last_words };
    let made = anew(order, beside.path(), team, ranks);
    // A rank that fails alone tells the others now.
    let made = ranks.agree(made);
    made.map_err(|failure| named(failure, beside.path(), order))
}

/// Does it all; a failure is not told yet to ranks that wait.
fn anew(order: &Order, partial: &Path, team: Team<'_>, ranks: Ranks<'_>) -> Result<Option<Receipt>> {
    let (begun, rank) = (Instant::now(), team.comm.rank());
    let strike = |phase: &str| Fault::strike(team.fault, phase, rank);
    let prepared = || {
        strike("open")?;
        let before = output::state(&order.input)
            .or_else(|_| crate::h5::open_existing(&order.input).and(output::state(&order.input)))?;
        let survey = Survey::of(order)?;
        let claim = || {
            let Order { input, output, force, in_place, .. } = order;
            Output::claim(input, output, *force, *in_place, &survey.files)
        };
        let output = (rank == 0).then(claim).transpose()?;
        Ok((before, survey, output))
    };
    let (before, survey, mut output) = ranks.agree(prepared())?;
    let crew = Together::of(order, team)?;
    let split = ranks.agree(order.split.then(|| shared_out(&survey, order, crew, output.as_mut())).transpose())?;
    let Written { notes, made, parts } = ranks
        .agree(strike("transfer").and_then(|()| write(&survey, order, split.as_ref(), partial, crew, team, ranks)))?;
    output.iter_mut().for_each(|output| output.parts_made(parts.clone()));
    let flushed = if rank == 0 { output::sync(partial) } else { Ok(()) };
    ranks.agree(strike("flush").and(flushed))?;
    let verified = Instant::now();
    let sizes = ranks.agree(look_at(&survey, order, split.as_ref(), partial, crew, team, ranks))?;
    let verify_seconds = order.verify.then(|| verified.elapsed().as_secs_f64());
    ranks.agree(strike("close"))?;
    let Some(output) = output else { return Ok(None) };
    output::unchanged(&order.input, &before)?;
    output.keep(made, order.in_place.then_some(&before))?;
    let mut receipt = survey.receipt(order, crew, split.as_ref(), &|address| sizes.get(&address).copied())?;
    receipt.input_bytes = before.len();
    receipt.output_bytes = Some(output::state(&order.output)?.len() + receipt.part_bytes());
    receipt.seconds = begun.elapsed().as_secs_f64();
    receipt.verify_seconds = verify_seconds;
    receipt.notes.extend(notes);
    Ok(Some(receipt))
}

/// How datasets are shared out to files of their own; `output`, on rank 0, has a claim on the names of these.
fn shared_out(survey: &Survey, order: &Order, crew: Together, output: Option<&mut Output>) -> Result<Split> {
    let split = Split::of(survey, order, crew)?;
    if let Some(output) = output {
        split.parts.claim(order.force, &survey.files, output.old())?;
        output.with_parts(&split.parts);
    }
    Ok(split)
}

/// What is there once all is written.
struct Written {
    notes: Vec<String>,
    /// Which file the new one is, on rank 0.
    made: Option<Identity>,
    /// The inodes of the part files.
    parts: Vec<Option<u64>>,
}

/// Writes the new file, or the parts and the file that shows them. Collective.
fn write(
    survey: &Survey,
    order: &Order,
    split: Option<&Split>,
    partial: &Path,
    crew: Together,
    team: Team<'_>,
    ranks: Ranks<'_>,
) -> Result<Written> {
    if let Some(split) = split {
        return split.write(survey, order, partial, team.progress, ranks);
    }
    let (moved, total) = (AtomicU64::new(0), survey.jobs.iter().map(Job::bytes).sum());
    let done = |bytes: u64| team.progress.moved("repack", moved.fetch_add(bytes, Ordering::Relaxed) + bytes, total);
    let work = crew.work(order, &done);
    let nothing = Written { notes: Vec::new(), made: None, parts: Vec::new() };
    if crew.rank > 0 {
        return survey.help(order, partial, &work, ranks).map(|()| nothing);
    }
    let (notes, made) = survey.write(order, partial, &HashMap::new(), &work, ranks)?;
    Ok(Written { notes, made, ..nothing })
}

/// Looks at what was written: what each dataset takes there, and whether every value is what it was, if that is asked for.
fn look_at(
    survey: &Survey,
    order: &Order,
    split: Option<&Split>,
    partial: &Path,
    crew: Together,
    team: Team<'_>,
    ranks: Ranks<'_>,
) -> Result<HashMap<u64, u64>> {
    if let Some(split) = split {
        return split.look_at(survey, order, partial, team.progress, ranks);
    }
    let (seen, total) = (AtomicU64::new(0), survey.jobs.iter().map(|job| job.now.bytes()).sum());
    let done = |bytes: u64| team.progress.moved("compare", seen.fetch_add(bytes, Ordering::Relaxed) + bytes, total);
    survey.look_at(order, partial, None, &crew.work(order, &done))
}

/// The ranks that share the work, and what each has for it.
#[derive(Clone, Copy)]
struct Together {
    rank: usize,
    ranks: usize,
    threads: usize,
}

impl Together {
    /// All ranks have as many threads: they plan alike. Collective.
    fn of(order: &Order, team: Team<'_>) -> Result<Together> {
        let share = crate::engine::share_of_cores(team.comm)?;
        let threads = order.threads.unwrap_or(share);
        let threads = all_gather(team.comm, &threads)?.into_iter().min().unwrap_or(1).max(1);
        Ok(Together { rank: team.comm.rank(), ranks: team.comm.size(), threads })
    }

    /// The same rank as if there were no other.
    fn alone(&self) -> Together {
        Together { rank: 0, ranks: 1, threads: self.threads }
    }

    fn work<'a>(&self, order: &Order, done: &'a (dyn Fn(u64) + Sync)) -> Work<'a> {
        Work { memory: order.memory, threads: self.threads, done, rank: self.rank, ranks: self.ranks }
    }
}

/// A failure that happened to a file beside the output, or to a part of it, is told by the name that it would have got; a full
/// disk is told as such.
fn named(mut failure: Failure, partial: &Path, order: &Order) -> Failure {
    failure.path = failure.path.map(|path| if path == partial { order.output.clone() } else { final_name(&path) });
    let full = failure.kind == FailureKind::Storage && failure.message.contains("No space left");
    if full {
        failure.message = crate::h5::DISK_FULL.to_owned();
    }
    if failure.message == crate::h5::DISK_FULL {
        return failure.mend("free space, or choose another place; the new file was removed, the old one is untouched");
    }
    failure
}
