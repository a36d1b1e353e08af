//! A file written anew with other layouts: everything else in it is carried over as it is.
//!
//! The order of things: look at all objects, decide what becomes of each dataset, make the structure beside the new name,
//! carry attributes, move values, compare if that is wanted, sync, rename. The source is only read.

mod crew;
mod hands;
mod job;
mod library;
mod mover;
mod output;
mod predict;
mod sides;
mod source;
mod target;
mod together;
mod verify;

use crate::comm::{Solo, all_gather};
use crate::fault::Fault;
use crate::h5::tree::{self, Copied, Kind, StorageNow, Tree, WantedStorage, copy_attributes};
use crate::identity::{Identity, identity};
use crate::progress::Progress;
use crate::run::{Beside, Team, followed, remove_all_scratch};
use crew::Work;
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::repack_plan::receipt::{Change, Receipt};
use h5lab_core::repack_plan::rules::{Rule, Rules};
use h5lab_core::report::printable;
use hdf5_metno as hdf5;
use job::{Job, Way};
use output::Output;
use serde::{Deserialize, Serialize};
use sides::Opened;
use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
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
    /// Most bytes of memory for data.
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
    let mut receipt = survey.receipt(order, crew, &|_| None)?;
    receipt.dry_run = true;
    let source = Opened { file: &survey.file, bytes: &survey.bytes, path: &order.input };
    let nobody = |_: u64| {};
    for job in &survey.jobs {
        receipt.seconds += predict::seconds(job, &source, &crew.work(order, &nobody))?;
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
        let claim = || Output::claim(&order.input, &order.output, order.force, order.in_place);
        Ok((before, survey, (rank == 0).then(claim).transpose()?))
    };
    let (before, survey, output) = ranks.agree(prepared())?;
    let crew = Together::of(order, team)?;
    let (notes, made) =
        ranks.agree(strike("transfer").and_then(|()| survey.write(order, partial, crew, team, ranks)))?;
    let flushed = if rank == 0 { output::sync(partial) } else { Ok(()) };
    ranks.agree(strike("flush").and(flushed))?;
    let verified = Instant::now();
    let sizes = ranks.agree(survey.look_at(order, partial, crew, team.progress))?;
    let verify_seconds = order.verify.then(|| verified.elapsed().as_secs_f64());
    ranks.agree(strike("close"))?;
    let Some(output) = output else { return Ok(None) };
    output::unchanged(&order.input, &before)?;
    output.keep(made, order.in_place.then_some(&before))?;
    let mut receipt = survey.receipt(order, crew, &|address| sizes.get(&address).copied())?;
    receipt.input_bytes = before.len();
    receipt.output_bytes = Some(output::state(&order.output)?.len());
    receipt.seconds = begun.elapsed().as_secs_f64();
    receipt.verify_seconds = verify_seconds;
    receipt.notes.extend(notes);
    Ok(Some(receipt))
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

    fn work<'a>(&self, order: &Order, done: &'a (dyn Fn(u64) + Sync)) -> Work<'a> {
        Work { memory: order.memory, threads: self.threads, done, rank: self.rank, ranks: self.ranks }
    }
}

/// A failure that happened to the file beside the output is told of the output; a full disk is told as such.
fn named(mut failure: Failure, partial: &Path, order: &Order) -> Failure {
    if failure.path.as_deref() == Some(partial) {
        failure.path = Some(order.output.clone());
    }
    let full = failure.kind == FailureKind::Storage && failure.message.contains("No space left");
    if full {
        failure.message = crate::h5::DISK_FULL.to_owned();
    }
    if failure.message == crate::h5::DISK_FULL {
        return failure.mend("free space, or choose another place; the new file was removed, the old one is untouched");
    }
    failure
}

/// The source, and what becomes of each of its datasets.
struct Survey {
    file: hdf5::File,
    bytes: File,
    tree: Tree,
    jobs: Vec<Job>,
}

impl Survey {
    fn of(order: &Order) -> Result<Survey> {
        let path = &order.input;
        let file = crate::h5::open_existing(path)?;
        let bytes = File::open(path).map_err(|e| Failure::io("open", path, &e))?;
        crate::h5::filters::register().map_err(|e| crate::h5::failure(&e, "register filters", path))?;
        let tree = Tree::of(&file, path)?;
        let rules = Rules::new(order.rules.clone())?;
        refuse_unmatched(&rules, &tree, path)?;
        let mut jobs = Vec::new();
        for (number, object) in tree.datasets() {
            let name = object.name();
            let now = tree::open_dataset(&file, object.address).and_then(|dataset| StorageNow::of(&dataset));
            let now =
                now.map_err(|e| crate::h5::failure(&e, &format!("look at dataset '{}'", printable(&name)), path))?;
            let mut wish = rules.wish(&object.names());
            if now.bytes() < order.minimum {
                wish.filters = None;
            }
            jobs.push(Job::new(number, object, now, &wish, order.materialize, path)?);
        }
        Ok(Survey { file, bytes, tree, jobs })
    }

    /// Writes the new file, whole and closed; rank 0 knows which one it is. Collective.
    fn write(
        &self,
        order: &Order,
        partial: &Path,
        crew: Together,
        team: Team<'_>,
        ranks: Ranks<'_>,
    ) -> Result<(Vec<String>, Option<Identity>)> {
        let (moved, total) = (AtomicU64::new(0), self.jobs.iter().map(Job::bytes).sum());
        let done = |bytes: u64| team.progress.moved("repack", moved.fetch_add(bytes, Ordering::Relaxed) + bytes, total);
        let work = crew.work(order, &done);
        if crew.rank > 0 {
            return self.help(order, partial, &work, ranks).map(|()| (Vec::new(), None));
        }
        let fail = |what: &str| {
            let what = what.to_owned();
            move |e: hdf5::Error| crate::h5::failure(&e, &what, partial)
        };
        let target = tree::create_file(&self.file, partial).map_err(fail("create"))?;
        let made = identity(partial);
        let outcome = self.fill(order, &target, partial, &work, ranks);
        let flushed = outcome.and_then(|notes| target.flush().map_err(fail("write")).map(|()| notes));
        let closed = crate::h5::close_file(target, partial);
        let notes = flushed.and_then(|notes| closed.map(|()| notes))?;
        let block = self.file.userblock();
        output::user_block(&order.input, partial, block)?;
        Ok((notes, made))
    }

    /// What ranks other than 0 do: their groups of each dataset that passes by HDF5.
    fn help(&self, order: &Order, partial: &Path, work: &Work<'_>, ranks: Ranks<'_>) -> Result<()> {
        let source = Opened { file: &self.file, bytes: &self.bytes, path: &order.input };
        let mut shared = self.jobs.iter().filter(|job| job.way == Way::Tiles);
        shared.try_for_each(|job| mover::by_tiles(job, &source, None, partial, work, ranks))
    }

    fn fill(
        &self,
        order: &Order,
        target: &hdf5::File,
        partial: &Path,
        work: &Work<'_>,
        ranks: Ranks<'_>,
    ) -> Result<Vec<String>> {
        let wanted: HashMap<usize, WantedStorage> =
            self.jobs.iter().map(|job| (job.number, job.wanted.clone())).collect();
        let at = |what: &str, name: &str| format!("{what} '{}'", printable(name));
        let mut copied = Copied::structure(&self.file, target, &self.tree, &wanted)
            .map_err(|(name, e)| crate::h5::failure(&e, &at("make", &name), partial))?;
        for object in &self.tree.objects {
            let made = copied.address(object.address).expect("every object was made");
            copy_attributes(object.address, made, &mut copied)
                .map_err(|e| crate::h5::failure(&e, &at("copy the attributes of", &object.name()), partial))?;
        }
        // Metadata first: where a contiguous dataset begins is known only once it is there.
        let bytes =
            File::options().read(true).write(true).open(partial).map_err(|e| Failure::io("open", partial, &e))?;
        let source = Opened { file: &self.file, bytes: &self.bytes, path: &order.input };
        let target = Opened { file: target, bytes: &bytes, path: partial };
        for job in &self.jobs {
            let address = copied.address(job.address).expect("every object was made");
            mover::values(job, &source, &target, address, &mut copied, work, ranks)?;
        }
        Ok(notes(&copied, order, &self.jobs))
    }

    /// Looks at the new file: what each dataset takes there, and whether every value is what it was, if that is asked for.
    /// Ranks share the values, and do not wait for each other.
    fn look_at(
        &self,
        order: &Order,
        partial: &Path,
        crew: Together,
        progress: &dyn Progress,
    ) -> Result<HashMap<u64, u64>> {
        let mut sizes = HashMap::new();
        if crew.rank > 0 && !order.verify {
            return Ok(sizes);
        }
        let file = crate::h5::open_existing(partial)?;
        let bytes = File::open(partial).map_err(|e| Failure::io("open", partial, &e))?;
        let tree = Tree::of(&file, partial)?;
        let source = Opened { file: &self.file, bytes: &self.bytes, path: &order.input };
        let target = Opened { file: &file, bytes: &bytes, path: partial };
        if order.verify {
            let (seen, total) = (AtomicU64::new(0), self.jobs.iter().map(|job| job.now.bytes()).sum());
            let done = |bytes: u64| progress.moved("compare", seen.fetch_add(bytes, Ordering::Relaxed) + bytes, total);
            let work = crew.work(order, &done);
            verify::compare((&source, &self.tree), (&target, &tree), &self.jobs, &work)?;
        }
        for job in &self.jobs {
            let address = tree.objects.get(job.number).map_or(0, |object| object.address);
            let dataset = sides::dataset(&target, address)?;
            sizes.insert(job.address, dataset.storage_size());
        }
        Ok(sizes)
    }

    fn receipt(&self, order: &Order, crew: Together, stored: &dyn Fn(u64) -> Option<u64>) -> Result<Receipt> {
        let count = |kind: Kind| self.tree.objects.iter().filter(|object| object.kind == kind).count() as u64;
        let nobody = |_: u64| {};
        let work = crew.work(order, &nobody);
        let mut changes = Vec::new();
        for job in self.jobs.iter().filter(|job| job.changes()) {
            changes.push(Change {
                dataset: job.name.clone(),
                shape: job.now.shape.clone(),
                bytes: job.now.bytes(),
                before: job.before(),
                after: job.after(stored(job.address)),
                groups: mover::groups(job, &work)?,
            });
        }
        Ok(Receipt {
            h5lab: env!("CARGO_PKG_VERSION").into(),
            dry_run: false,
            input: order.input.clone(),
            output: order.output.clone(),
            input_bytes: output::state(&order.input).map_or(0, |found| found.len()),
            output_bytes: None,
            bytes: self.jobs.iter().map(|job| job.now.bytes()).sum(),
            changes,
            groups: count(Kind::Group),
            datasets: count(Kind::Dataset),
            datatypes: count(Kind::Datatype),
            threads: crew.threads,
            ranks: crew.ranks,
            memory: order.memory,
            seconds: 0.0,
            verify_seconds: None,
            notes: Vec::new(),
        })
    }
}

/// What should be known of a file that was carried over.
fn notes(copied: &Copied<'_>, order: &Order, jobs: &[Job]) -> Vec<String> {
    let mut notes = Vec::new();
    if copied.dangling > 0 {
        notes.push(format!("{} references lead to objects that are gone: they are null now", copied.dangling));
    }
    for path in &copied.skipped {
        notes.push(format!("the link '{}' is of a class that a program defined for itself: left out", printable(path)));
    }
    let folder = |path: &Path| std::path::absolute(path).ok().and_then(|p| p.parent().map(Path::to_owned));
    let elsewhere = jobs.iter().any(|job| job.leads_elsewhere()) || copied.leads_elsewhere();
    if elsewhere && folder(&order.input) != folder(&order.output) {
        notes.push("external links, virtual or external datasets name other files: seen from the new folder".into());
    }
    notes
}

fn refuse_unmatched(rules: &Rules, tree: &Tree, path: &Path) -> Result<()> {
    let paths: Vec<String> = tree.datasets().flat_map(|(_, object)| object.names()).collect();
    let Some(name) = rules.unmatched(&paths).first().map(|name| printable(name)) else { return Ok(()) };
    let mut shown: Vec<String> = paths.iter().take(40).map(|path| printable(path)).collect();
    if paths.len() > shown.len() {
        shown.push(format!("and {} more", paths.len() - shown.len()));
    }
    let there =
        if shown.is_empty() { "it has no dataset at all".into() } else { format!("it has: {}", shown.join(", ")) };
    Err(Failure::new(FailureKind::Input, format!("no dataset fits '{name}'"))
        .at(path)
        .mend(format!("name another; {there}")))
}
