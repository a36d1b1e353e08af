//! A batch of a sweep: its cells measured in turns, round by round.

use super::files::discard;
use super::{Options, Outcome, Team, run};
use crate::comm::{agree, from_rank_0};
use h5lab_core::experiment::Experiment;
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::record::Verification;
use h5lab_core::sweep::{Batch, Cell, FileCells, OnError};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// Rounds that took less than this together are measured again sooner than they are told of.
const WORTH_TELLING: Duration = Duration::from_secs(1);

/// What a batch reports while it runs, on every rank.
pub enum Step<'a> {
    /// A cell is about to be measured once.
    Began(&'a Cell),
    /// What was measured of a cell in the rounds so far; more are to come.
    SoFar(&'a Cell, Box<Outcome>),
    /// A cell was measured in all rounds, or failed: then with what was measured before, if anything.
    Finished(&'a Cell, Option<Box<Outcome>>, Option<Failure>),
}

/// What is known of a cell so far.
#[derive(Default)]
struct Progressed {
    outcome: Option<Box<Outcome>>,
    failure: Option<Failure>,
}

/// Runs a batch in `scratch`, an empty folder of its own. Collective; `report` is called on every rank alike.
///
/// A cell that fails is reported at once, and left out of the rounds that follow; so are the reads of a file that could
/// not be written. With [`OnError::Stop`] the batch ends there.
///
/// # Errors
/// `RankLost` if the ranks can't go on together, or what `report` returns. Failures of cells are reported, not returned.
pub fn run_batch(
    batch: &Batch,
    scratch: &Path,
    on_error: OnError,
    team: Team<'_>,
    report: &mut dyn FnMut(Step<'_>) -> Result<()>,
) -> Result<()> {
    let mut cells: BTreeMap<usize, Progressed> = BTreeMap::new();
    let mut told = Instant::now();
    for round in 0..batch.repeat {
        for (number, file) in batch.files.iter().enumerate() {
            let folder = scratch.join(format!("file-{number}"));
            let mut one =
                OneFile { batch, file, folder: &folder, last: round + 1 == batch.repeat, team, cells: &mut cells };
            let went_well = one.round(report);
            clear(&folder, team)?;
            if !went_well? && on_error == OnError::Stop {
                return Ok(());
            }
        }
        let more = round + 1 < batch.repeat;
        if more && from_rank_0(team.comm, || Ok(told.elapsed() >= WORTH_TELLING))? {
            so_far(batch, &cells, report)?;
            told = Instant::now();
        }
    }
    Ok(())
}

fn so_far(
    batch: &Batch,
    cells: &BTreeMap<usize, Progressed>,
    report: &mut dyn FnMut(Step<'_>) -> Result<()>,
) -> Result<()> {
    let outcome_of = |cell: &Cell| cells.get(&cell.index)?.outcome.clone();
    let mut known = batch.cells().filter_map(|cell| Some((cell, outcome_of(cell)?)));
    known.try_for_each(|(cell, outcome)| report(Step::SoFar(cell, outcome)))
}

/// One file in one round.
struct OneFile<'a> {
    batch: &'a Batch,
    file: &'a FileCells,
    folder: &'a Path,
    last: bool,
    team: Team<'a>,
    cells: &'a mut BTreeMap<usize, Progressed>,
}

impl OneFile<'_> {
    /// False if a cell failed in this round.
    fn round(&mut self, report: &mut dyn FnMut(Step<'_>) -> Result<()>) -> Result<bool> {
        let file = self.file;
        if self.failed(&file.write) {
            return Ok(true);
        }
        make(self.folder, self.team)?;
        if let Some(failure) = self.measure(&file.write, file.write_measured, report)? {
            for read in &file.reads {
                let mut why = failure.clone();
                why.message = format!("its file could not be written: {}", why.message);
                self.fail(read, why, report)?;
            }
            return Ok(false);
        }
        let mut well = true;
        for read in &file.reads {
            if !self.failed(read) {
                well &= self.measure(read, true, report)?.is_none();
            }
        }
        Ok(well)
    }

    fn failed(&self, cell: &Cell) -> bool {
        self.cells.get(&cell.index).is_some_and(|c| c.failure.is_some())
    }

    /// Measures a cell once; returns the failure if there is one. An unmeasured write is made all the same.
    fn measure(
        &mut self,
        cell: &Cell,
        counts: bool,
        report: &mut dyn FnMut(Step<'_>) -> Result<()>,
    ) -> Result<Option<Failure>> {
        report(Step::Began(cell))?;
        let once = Experiment { repeat: 1, ..cell.experiment.clone() };
        let ceiling = self.batch.ceiling && counts && once.method != h5lab_core::method::Method::Null;
        let options =
            Options { ceiling, compared: true, from_memory: self.batch.from_memory, view: None, in_place: true };
        match run(&once, &self.folder.join("data.h5"), options, self.team) {
            Err(failure) if failure.kind == FailureKind::RankLost => Err(failure),
            Err(failure) => {
                if counts {
                    self.fail(cell, failure.clone(), report)?;
                }
                Ok(Some(failure))
            }
            Ok(outcome) => {
                if counts {
                    self.add(cell, outcome, report)?;
                }
                Ok(None)
            }
        }
    }

    fn add(&mut self, cell: &Cell, outcome: Outcome, report: &mut dyn FnMut(Step<'_>) -> Result<()>) -> Result<()> {
        let known = self.cells.entry(cell.index).or_default();
        known.outcome = Some(Box::new(match known.outcome.take() {
            Some(before) => join(*before, outcome),
            None => outcome,
        }));
        if self.last { report(Step::Finished(cell, known.outcome.take(), None)) } else { Ok(()) }
    }

    fn fail(&mut self, cell: &Cell, failure: Failure, report: &mut dyn FnMut(Step<'_>) -> Result<()>) -> Result<()> {
        let known = self.cells.entry(cell.index).or_default();
        known.failure = Some(failure.clone());
        report(Step::Finished(cell, known.outcome.take(), Some(failure)))
    }
}

/// Two rounds' outcomes as one.
fn join(mut before: Outcome, mut now: Outcome) -> Outcome {
    before.samples.append(&mut now.samples);
    if let (Some(all), Some(mut more)) = (&mut before.ceiling, now.ceiling.take()) {
        all.samples.append(&mut more.samples);
    }
    if !matches!(before.verification, Verification::Failed { .. }) {
        before.verification = now.verification;
    }
    Outcome {
        created: before.created,
        samples: before.samples,
        ceiling: before.ceiling,
        verification: before.verification,
        ..now
    }
}

fn make(folder: &Path, team: Team<'_>) -> Result<()> {
    // Not its parents: once a signal has removed them, nothing is to be made any more.
    let made = match if team.comm.rank() == 0 { std::fs::create_dir(folder) } else { Ok(()) } {
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    };
    agree(team.comm, made.map_err(|e| Failure::io("make", folder, &e)), &|failure| team.progress.last_words(failure))
}

fn clear(folder: &Path, team: Team<'_>) -> Result<()> {
    team.comm.barrier()?;
    if team.comm.rank() == 0 {
        discard(folder);
    }
    Ok(())
}
