//! Running an experiment: the phases, their clocks, the ceiling beside them, and what is left on the disk.

mod batch;
mod files;
mod pass;
mod span;

pub use batch::{Step, run_batch};
pub use files::{
    Beside, ScratchFolder, check_folder, check_name, check_room, claim_target, followed, remove_all_scratch,
    watch_scratch_of,
};
pub(crate) use files::{discard, take_after};

use crate::comm::{Comm, agree, all_gather, from_rank_0};
use crate::engine::posix::Posix;
use crate::engine::{self, Engine};
use crate::fault::Fault;
use crate::progress::Progress;
use crate::{buffer::Buffer, cache};
use files::Scratch;
use h5lab_core::experiment::{CacheWanted, Direction, Experiment};
use h5lab_core::failure::{Failure, Result};
use h5lab_core::plan::Plan;
use h5lab_core::record::{Actual, Ceiling, RankView, Sample, Verification};
use h5lab_core::warning::Warning;
use pass::{Pass, PassResult};
use std::path::{Path, PathBuf};

/// What a rank is asked to show of a dataset while it reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum View {
    /// Its own part: memory that stays when the file is closed.
    Process,
    /// The whole dataset: there only while the file is open.
    Global,
}

/// How an experiment is run, apart from what it measures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Options {
    /// Measure the ceiling beside every repeat.
    pub ceiling: bool,
    /// Show what each rank sees (reads only).
    pub view: Option<View>,
    /// The numbers are compared with others: a write into the page cache of a virtual machine finds its memory first.
    pub compared: bool,
    /// Warm reads find the data in memory, but not in the processors' caches: as they do where there is much of it.
    pub from_memory: bool,
    /// Write to the file itself, not to one beside it that then takes its name: for files that nobody keeps.
    pub in_place: bool,
}

/// What a run found out; the same on every rank.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// When it began, RFC 3339.
    pub created: String,
    /// What really ran.
    pub actual: Actual,
    /// Every repeat.
    pub samples: Vec<Sample>,
    /// The ceiling, if it was asked for and could be measured.
    pub ceiling: Option<Ceiling>,
    /// Whether the values were checked.
    pub verification: Verification,
    /// Bytes that the dataset takes in the file.
    pub stored_bytes: Option<u64>,
    /// Size of the file; of all that hold its values, if there are several.
    pub file_bytes: Option<u64>,
    /// What each rank saw.
    pub views: Vec<RankView>,
    /// What came up while it ran; the runner's caller adds what the numbers tell.
    pub warnings: Vec<Warning>,
}

/// The ranks that run an experiment, and who listens.
#[derive(Clone, Copy)]
pub struct Team<'a> {
    /// The ranks.
    pub comm: &'a dyn Comm,
    /// Who listens.
    pub progress: &'a dyn Progress,
    /// A fault that a test asked for.
    pub fault: Option<&'a Fault>,
}

/// Runs an experiment on the file at `path`: every repeat, with the ceiling in between. Collective.
///
/// A write goes to a file beside `path` which takes its name when all repeats are done; whatever fails, what stood at
/// `path` before still stands there, and nothing else is left behind. See [`claim_target`] for whether it may go.
///
/// # Errors
/// The first failing rank's failure, on all ranks.
pub fn run(experiment: &Experiment, path: &Path, options: Options, team: Team<'_>) -> Result<Outcome> {
    team.fault.map_or(Ok(()), |fault| fault.check([experiment]))?;
    let all_repeats = |target: &Path, scratch: &Scratch, last_words: &dyn Fn(&Failure)| {
        Run { experiment, target, scratch, options, team, last_words }.all_repeats()
    };
    if experiment.direction == Direction::Write && !options.in_place {
        return in_place_of(experiment, path, team, all_repeats);
    }
    let outcome = all_repeats(path, &Scratch::watched(path), &|failure| team.progress.last_words(failure));
    outcome.map_err(|failure| files::full_disk(failure, experiment, path))
}

/// Lets `body` write the file of an experiment, or its files, beside `path`, whose name it then takes. Collective.
///
/// # Errors
/// What `body` returns, on all ranks; then nothing is left behind.
pub fn replace<T>(
    experiment: &Experiment,
    path: &Path,
    team: Team<'_>,
    body: impl FnOnce(&Path, &dyn Fn(&Failure)) -> Result<T>,
) -> Result<T> {
    in_place_of(experiment, path, team, |target, _, last_words| body(target, last_words))
}

fn in_place_of<T>(
    experiment: &Experiment,
    path: &Path,
    team: Team<'_>,
    body: impl FnOnce(&Path, &Scratch, &dyn Fn(&Failure)) -> Result<T>,
) -> Result<T> {
    let path = &followed(path);
    let scratch = Scratch::of(experiment, path);
    // While what was written is still there.
    let full_disk = |failure| files::full_disk(failure, experiment, &scratch.partial);
    let last_words = |failure: &Failure| {
        let failure = full_disk(failure.clone());
        scratch.remove();
        team.progress.last_words(&named(failure, &scratch.partial, path));
    };
    let written = body(&scratch.partial, &scratch, &last_words).map_err(full_disk).and_then(|value| {
        let kept = if team.comm.rank() == 0 { scratch.keep(path) } else { Ok(()) };
        agree(team.comm, kept, &last_words)?;
        Ok(value)
    });
    if team.comm.rank() == 0 {
        scratch.remove();
    }
    written.map_err(|failure| named(failure, &scratch.partial, path))
}

/// A failure that happened to the file beside `path` is told of `path`: its user knows no other.
fn named(mut failure: Failure, partial: &Path, path: &Path) -> Failure {
    if failure.path.as_deref() == Some(partial) {
        failure.path = Some(path.to_owned());
    }
    failure
}

/// Logical cores that these ranks may use together, over all their nodes; unknown is `None`. Collective.
///
/// A launcher may bind each rank to a core of its own: what one rank may use says nothing about the group.
///
/// # Errors
/// `RankLost` if a rank can't come any more.
pub fn cores_of(comm: &dyn Comm) -> Result<Option<usize>> {
    let node = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let all: Vec<(String, Option<Vec<usize>>)> = all_gather(comm, &(node, crate::host::machine::allowed_cpus()))?;
    let mut cores = std::collections::BTreeSet::new();
    for (node, cpus) in all {
        let Some(cpus) = cpus else { return Ok(None) };
        cores.extend(cpus.into_iter().map(|cpu| (node.clone(), cpu)));
    }
    Ok(Some(cores.len()))
}

/// Why a read from a cold cache, as it was found, has no ceiling.
const COLD_AS_FOUND: &str = "the read has just warmed the cache that its ceiling would meet; use --cache cold or warm";

/// A run under way.
struct Run<'a> {
    experiment: &'a Experiment,
    target: &'a Path,
    scratch: &'a Scratch,
    options: Options,
    team: Team<'a>,
    last_words: &'a dyn Fn(&Failure),
}

impl Run<'_> {
    fn all_repeats(&self) -> Result<Outcome> {
        let (comm, created) = (self.team.comm, crate::now());
        let engine = agree(comm, engine::engine(self.experiment.method, comm), self.last_words)?;
        let mut buffer = Buffer::touched(Plan::new(self.experiment).largest_step(comm.rank()) as usize);
        let files = self.files_to_read()?;
        let mut samples = Vec::new();
        let (mut ceiling_experiment, mut ceiling, mut warnings) = (self.ceiling_experiment(), Vec::new(), Vec::new());
        let mut last = None;
        self.warm_up(engine.as_ref(), &files, &mut buffer)?;
        for repeat in 0..self.experiment.repeat {
            // In turns: what follows the other's dirty pages is not always the same one.
            let ceiling_first = repeat % 2 == 1;
            let (before, after) =
                if ceiling_first { (&ceiling_experiment, &None) } else { (&None, &ceiling_experiment) };
            ceiling.extend(self.ceiling_pass(before.as_ref(), &files, &mut buffer)?);
            let what = format!("np {}: {}", comm.size(), word(self.experiment.direction));
            let ours = self.pass(engine.as_ref(), self.experiment, self.target, &files, &what, self.team.fault);
            let result = ours.run(&mut buffer, self.view_of(repeat))?;
            if self.changed_by_reading(&result.sample) {
                warnings = vec![Warning::NoCeiling { reason: COLD_AS_FOUND.into() }];
                ceiling_experiment = None;
                ceiling.clear();
            } else {
                ceiling.extend(self.ceiling_pass(after.as_ref(), &files, &mut buffer)?);
            }
            samples.push(result.sample.clone());
            last = Some(merge(last, result));
        }
        let last = last.expect("an experiment has at least one repeat");
        let ceiling = (!ceiling.is_empty())
            .then(|| Ceiling { bytes: Plan::new(self.experiment).total().bytes_asked, samples: ceiling });
        Ok(Outcome {
            created,
            actual: last.actual,
            samples,
            ceiling,
            verification: last.verification,
            stored_bytes: last.stored_bytes,
            file_bytes: from_rank_0(comm, || Ok(self.file_bytes()))?,
            views: last.views,
            warnings,
        })
    }

    /// The experiment that the ceiling runs: the same bytes in the same requests, on nobody's layout.
    fn ceiling_experiment(&self) -> Option<Experiment> {
        self.options.ceiling.then(|| {
            let mut experiment = self.experiment.clone();
            experiment.method = h5lab_core::method::Method::Posix;
            experiment.layout = h5lab_core::layout::Layout::Contiguous;
            if experiment.direction == Direction::Read {
                experiment.dataset = experiment.dataset.of_unknown_values();
            }
            experiment
        })
    }

    /// True if a read that takes the cache as it is found has changed it: its ceiling would meet another one.
    fn changed_by_reading(&self, sample: &Sample) -> bool {
        let as_found = self.experiment.direction == Direction::Read && self.experiment.cache == CacheWanted::AsFound;
        as_found && self.options.ceiling && sample.resident.is_none_or(|share| share < 0.99)
    }

    /// The files that hold what is read; of a write none. One rank looks.
    fn files_to_read(&self) -> Result<Vec<PathBuf>> {
        let Experiment { method, dataset, direction, .. } = self.experiment;
        match direction {
            Direction::Write => Ok(Vec::new()),
            Direction::Read => {
                // As OsString, which may hold any bytes when it is sent: a path may not.
                let names = from_rank_0(self.team.comm, || {
                    let files = engine::files_with_values(*method, self.target, &dataset.name)?;
                    Ok(files.into_iter().map(PathBuf::into_os_string).collect::<Vec<_>>())
                })?;
                Ok(names.into_iter().map(PathBuf::from).collect())
            }
        }
    }

    /// Bytes of the file, or of all that hold its values.
    fn file_bytes(&self) -> Option<u64> {
        let Experiment { method, dataset, .. } = self.experiment;
        let files = engine::files_with_values(*method, self.target, &dataset.name).ok()?;
        files.iter().map(|file| std::fs::metadata(file).ok().map(|m| m.len())).sum()
    }

    fn ceiling_pass(
        &self,
        experiment: Option<&Experiment>,
        files: &[PathBuf],
        buffer: &mut Buffer,
    ) -> Result<Option<Sample>> {
        let Some(experiment) = experiment else { return Ok(None) };
        let posix = Posix::packed(files.to_vec());
        let target = match experiment.direction {
            Direction::Write => self.scratch.ceiling.as_path(),
            Direction::Read => self.target,
        };
        let what = format!("np {}: posix ceiling", self.team.comm.size());
        let result = self.pass(&posix, experiment, target, files, &what, None).run(buffer, None)?;
        if experiment.direction == Direction::Write && self.team.comm.rank() == 0 {
            discard(&self.scratch.ceiling);
        }
        Ok(Some(result.sample))
    }

    fn pass<'p>(
        &'p self,
        engine: &'p dyn Engine,
        experiment: &'p Experiment,
        path: &'p Path,
        files: &'p [PathBuf],
        what: &'p str,
        fault: Option<&'p Fault>,
    ) -> Pass<'p> {
        let Run { options, team, last_words, .. } = *self;
        let Options { compared: find_memory, from_memory, .. } = options;
        Pass { engine, experiment, path, files, what, fault, find_memory, from_memory, team, last_words }
    }

    /// The view is taken in the first repeat alone.
    fn view_of(&self, repeat: usize) -> Option<View> {
        self.options.view.filter(|_| repeat == 0)
    }

    /// For a warm read: one pass that is not measured.
    fn warm_up(&self, engine: &dyn Engine, files: &[PathBuf], buffer: &mut Buffer) -> Result<()> {
        let warm = || cache::resident_share(files).is_some_and(|share| share >= 1.0);
        let wanted = self.experiment.direction == Direction::Read && self.experiment.cache == CacheWanted::Warm;
        // A file that was just written is warm as it is.
        if wanted && !all_gather(self.team.comm, &warm())?.into_iter().all(|warm| warm) {
            let mut experiment = self.experiment.clone();
            experiment.dataset = experiment.dataset.of_unknown_values();
            let what = format!("np {}: warming the cache", self.team.comm.size());
            self.pass(engine, &experiment, self.target, files, &what, None).run(buffer, None)?;
        }
        Ok(())
    }
}

fn word(direction: Direction) -> &'static str {
    match direction {
        Direction::Write => "writing",
        Direction::Read => "reading",
    }
}

/// The last repeat's account, but the first repeat's views and any repeat's mismatch.
fn merge(before: Option<PassResult>, mut now: PassResult) -> PassResult {
    if let Some(before) = before {
        now.views = before.views;
        if matches!(before.verification, Verification::Failed { .. }) {
            now.verification = before.verification;
        }
    }
    now
}

/// Brings the page cache into the state that a read wants, on every node; returns the share of the files that is then
/// resident. Collective; the answer is the worst of all ranks' nodes.
fn prepare_cache(
    experiment: &Experiment,
    files: &[PathBuf],
    from_memory: bool,
    comm: &dyn Comm,
    last_words: &dyn Fn(&Failure),
) -> Result<Option<f64>> {
    let cold = experiment.cache == CacheWanted::Cold;
    let prepared = match experiment.cache {
        CacheWanted::Cold => cache::drop_files(files),
        CacheWanted::Warm if from_memory => cache::leave_processor(files),
        CacheWanted::Warm | CacheWanted::AsFound => Ok(()),
    };
    agree(comm, prepared, last_words)?;
    // What is in the page cache is counted, not touched.
    let shares = all_gather(comm, &cache::resident_share(files))?;
    let worst = |a: f64, b: f64| if cold { a.max(b) } else { a.min(b) };
    Ok(shares.into_iter().collect::<Option<Vec<f64>>>().and_then(|all| all.into_iter().reduce(worst)))
}
