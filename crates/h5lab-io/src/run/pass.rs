//! One repeat: open, transfer, flush, close, each on the clock of each rank.

use super::span::{self, Stamps, Steps};
use super::{Team, View, prepare_cache};
use crate::buffer::Buffer;
use crate::comm::{agree, all_gather};
use crate::counters;
use crate::engine::{self, Closed, Engine, Opening, Session};
use crate::fault::Fault;
use crate::h5::settings::Settings;
use crate::memory;
use crate::values::{self, Values};
use h5lab_core::experiment::{Direction, Experiment};
use h5lab_core::failure::{Failure, Result};
use h5lab_core::generate::Mismatch;
use h5lab_core::plan::Plan;
use h5lab_core::record::{Actual, Counters, Phases, RankView, Sample, Verification};
use h5lab_core::region::Region;
use h5lab_core::report::element;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// One repeat of an experiment by one engine.
pub(super) struct Pass<'a> {
    pub(super) engine: &'a dyn Engine,
    pub(super) experiment: &'a Experiment,
    pub(super) path: &'a Path,
    /// For a read: the files that hold the values.
    pub(super) files: &'a [PathBuf],
    pub(super) what: &'a str,
    pub(super) fault: Option<&'a Fault>,
    /// Whether a write finds the memory that its pages need: see [`memory::find`].
    pub(super) find_memory: bool,
    /// See [`super::Options::from_memory`].
    pub(super) from_memory: bool,
    pub(super) team: Team<'a>,
    pub(super) last_words: &'a dyn Fn(&Failure),
}

/// What a repeat leaves; the same on every rank.
pub(super) struct PassResult {
    pub(super) sample: Sample,
    pub(super) actual: Actual,
    pub(super) verification: Verification,
    pub(super) stored_bytes: Option<u64>,
    pub(super) views: Vec<RankView>,
}

/// What one rank's transfers took and found.
#[derive(Default, serde::Serialize, serde::Deserialize)]
struct Moved {
    seconds: f64,
    counters: Option<Counters>,
    generate: f64,
    verify: f64,
    mismatch: Option<Mismatch>,
    first: Option<String>,
}

/// What each rank tells the others at the end.
#[derive(serde::Serialize, serde::Deserialize)]
struct Account {
    phases: Phases,
    /// When this rank began and ended to open, flush and close.
    stamps: [Option<Stamps>; 3],
    /// What clock the stamps are from.
    clock: Option<String>,
    moved: Moved,
    view: Option<RankView>,
    in_force: Settings,
    stored_bytes: Option<u64>,
}

/// A session that a panic does not close where closing takes all ranks: the others would not come, and the rank could not
/// tell that it panicked.
struct Held<'a> {
    session: Option<Box<dyn Session + 'a>>,
    close_alone: bool,
}

impl<'a> Held<'a> {
    fn get(&mut self) -> &mut (dyn Session + 'a) {
        self.session.as_deref_mut().expect("a session is there until it is taken")
    }

    fn take(&mut self) -> Box<dyn Session + 'a> {
        self.session.take().expect("a session is taken once")
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() && !self.close_alone {
            std::mem::forget(self.session.take());
        }
    }
}

impl Pass<'_> {
    pub(super) fn run(&self, buffer: &mut Buffer, view: Option<View>) -> Result<PassResult> {
        let comm = self.team.comm;
        let mut values = agree(comm, values::of(&self.experiment.dataset), self.last_words)?;
        let resident = match self.experiment.direction {
            Direction::Read => prepare_cache(self.experiment, self.files, self.from_memory, comm, self.last_words)?,
            Direction::Write => None,
        };
        let opening = Opening { experiment: self.experiment, path: self.path, comm };
        if self.experiment.direction == Direction::Write && comm.rank() == 0 {
            let files = engine::files_of(self.experiment.method, self.path, self.experiment.np);
            files.iter().for_each(|file| super::discard(file));
        }
        self.engine.prepare(&opening);
        if self.find_memory && self.experiment.direction == Direction::Write {
            memory::find(Plan::new(self.experiment).demand(comm.rank()).bytes_asked, comm.size());
        }
        let (opened, session) = self.phase("open", || self.engine.open(&opening))?;
        let mut session = Held { session: Some(session), close_alone: comm.mpi().is_none() };
        let moved = self.transfer(session.get(), values.as_deref_mut(), buffer);
        let (moved, transfer) = moved.map_err(|failure| self.make_room(failure))?;
        let view = self.look(view, session.get(), &moved)?;
        let in_force = agree(comm, session.get().in_force(), self.last_words)?;
        let flushed = if self.experiment.fsync {
            let flushed = self.phase("flush", || session.get().sync());
            Some(flushed.map_err(|failure| self.make_room(failure))?.0)
        } else {
            None
        };
        let (shut, closed) = self.phase("close", || session.take().close())?;
        let phases = Phases {
            open: span::seconds(opened),
            transfer: moved.seconds,
            flush: flushed.map_or(0.0, span::seconds),
            close: span::seconds(shut),
        };
        let (stamps, clock) = ([Some(opened), flushed, Some(shut)], span::clock());
        let account = Account { phases, stamps, clock, moved, view, in_force, stored_bytes: closed.stored_bytes };
        Ok(self.sum_up(all_gather(comm, &account)?, closed, resident, transfer))
    }

    /// Empties what was written in vain, before it is closed. HDF5 1.10 crashes at the end of the program if it could not
    /// write what it still holds of a file, and on a full disk it could not.
    fn make_room(&self, failure: Failure) -> Failure {
        let comm = self.team.comm;
        if failure.agreed && self.experiment.direction == Direction::Write {
            if comm.rank() == 0 {
                let files = engine::files_of(self.experiment.method, self.path, self.experiment.np);
                let empty = |file: &PathBuf| File::options().write(true).truncate(true).open(file);
                files.iter().for_each(|file| drop(empty(file)));
            }
            // Who does not come has failed otherwise, and that failure is told.
            let _ = comm.barrier();
        }
        failure
    }

    /// A phase: all ranks begin together, and all leave together if one fails.
    fn phase<T>(&self, name: &str, body: impl FnOnce() -> Result<T>) -> Result<(Stamps, T)> {
        self.team.comm.barrier()?;
        let begun = span::now();
        let done = Fault::strike(self.fault, name, self.team.comm.rank()).and_then(|()| body());
        let stamps = [begun, span::now()];
        let done = done.map_err(|f| f.during(name).at(self.path));
        Ok((stamps, agree(self.team.comm, done, self.last_words)?))
    }

    /// All of this rank's steps. Before each, and after it if values are known, all ranks wait for each other: making
    /// and verifying data is never timed, and a rank that does so does not slow down one that moves data. The wait is also
    /// the vote on whether a rank failed. Also returns how long all ranks together took.
    fn transfer(
        &self,
        session: &mut dyn Session,
        mut values: Option<&mut (dyn Values + '_)>,
        buffer: &mut Buffer,
    ) -> Result<(Moved, f64)> {
        let (comm, plan) = (self.team.comm, Plan::new(self.experiment));
        let mut steps = plan.steps(comm.rank());
        let (mut moved, mut bytes, total) = (Moved::default(), 0, plan.total().bytes_asked);
        let mut fault = Fault::strike(self.fault, "transfer", comm.rank()).err();
        let (mut outcome, mut together) = (Ok(()), Steps::new(comm));
        for _ in 0..plan.rounds() {
            let step = steps.next();
            let size = step.as_ref().map_or(0, |s| s.elements() as usize * self.experiment.dataset.dtype.size());
            let data = buffer.bytes_mut(size);
            if let (Some(step), Some(values), Ok(())) = (&step, &mut values, &outcome) {
                outcome = self.make(step, *values, data, &mut moved);
            }
            agree(comm, outcome, self.last_words)?;
            together.settle_many()?;
            let moving = match fault.take() {
                Some(failure) => Err(failure.at(self.path)),
                None => self.step(session, step.as_ref(), data, &mut moved),
            };
            outcome = moving.map(|stamps| together.add(stamps));
            if let Some(values) = &mut values {
                agree(comm, outcome, self.last_words)?;
                outcome = step.as_ref().map_or(Ok(()), |step| self.check(step, *values, data, &mut moved));
            }
            self.keep_first(data, &mut moved);
            bytes += size as u64;
            if comm.rank() == 0 {
                self.team.progress.moved(self.what, (bytes * comm.size() as u64).min(total), total);
            }
        }
        agree(comm, fault.map_or(outcome, Err), self.last_words)?;
        Ok((moved, together.finish()?))
    }

    /// For a write: fills the buffer.
    fn make(&self, step: &Region, values: &mut dyn Values, data: &mut [u8], moved: &mut Moved) -> Result<()> {
        if self.experiment.direction == Direction::Write {
            let begun = Instant::now();
            values.fill(step, data)?;
            moved.generate += begun.elapsed().as_secs_f64();
        }
        Ok(())
    }

    /// One transfer call; for a rank without data an empty one, if the engine wants every rank to call. Returns when it
    /// began and ended, if there was one.
    fn step(
        &self,
        session: &mut dyn Session,
        step: Option<&Region>,
        data: &mut [u8],
        moved: &mut Moved,
    ) -> Result<Option<Stamps>> {
        let nothing = Region::empty(self.experiment.dataset.shape.0.len());
        let region = match step {
            Some(step) => step,
            None if self.engine.collective() => &nothing,
            None => return Ok(None),
        };
        if self.experiment.direction == Direction::Read {
            session.before_read(region)?;
        }
        let helpers = session.helpers().to_vec();
        let count = || if self.engine.own_thread() { counters::now(&helpers) } else { None };
        let (before, begun) = (count(), span::now());
        match self.experiment.direction {
            Direction::Write => session.write(region, data),
            Direction::Read => session.read(region, data),
        }?;
        let stamps = [begun, span::now()];
        moved.seconds += span::seconds(stamps);
        moved.counters = counters::add(moved.counters, before, count());
        Ok(Some(stamps))
    }

    /// For a read: compares with what the values should be, until one is not.
    fn check(&self, step: &Region, values: &mut dyn Values, data: &[u8], moved: &mut Moved) -> Result<()> {
        if self.experiment.direction == Direction::Read && moved.mismatch.is_none() {
            let begun = Instant::now();
            moved.mismatch = values.verify(step, data)?;
            moved.verify += begun.elapsed().as_secs_f64();
        }
        Ok(())
    }

    /// For a read: keeps the first element of all.
    fn keep_first(&self, data: &[u8], moved: &mut Moved) {
        if self.experiment.direction == Direction::Read && moved.first.is_none() {
            moved.first = element(self.experiment.dataset.dtype, data);
        }
    }

    /// What this rank sees of the dataset; not timed.
    fn look(&self, view: Option<View>, session: &mut dyn Session, moved: &Moved) -> Result<Option<RankView>> {
        let (comm, dataset) = (self.team.comm, &self.experiment.dataset);
        let shape = &dataset.shape.0;
        match view {
            None => Ok(None),
            Some(View::Process) => {
                let mut own = shape.clone();
                let (from, to) = h5lab_core::region::block(shape[0], comm.rank(), comm.size());
                own[0] = to - from;
                Ok(Some(RankView { rank: comm.rank(), shape: own, first: moved.first.clone() }))
            }
            Some(View::Global) => {
                let mut corner = Region::whole(shape);
                corner.count.iter_mut().for_each(|n| *n = (*n).min(1));
                let mut value = Buffer::touched(dataset.dtype.size());
                let bytes = value.bytes_mut(corner.elements() as usize * dataset.dtype.size());
                let read = session.before_read(&corner).and_then(|()| session.read(&corner, bytes));
                agree(comm, read, self.last_words)?;
                let first = element(dataset.dtype, bytes);
                Ok(Some(RankView { rank: comm.rank(), shape: shape.clone(), first }))
            }
        }
    }

    fn sum_up(&self, accounts: Vec<Account>, closed: Closed, resident: Option<f64>, transfer: f64) -> PassResult {
        let plan = Plan::new(self.experiment);
        let slowest = |of: fn(&Moved) -> f64| accounts.iter().map(|a| of(&a.moved)).fold(0.0, f64::max);
        let verification = self.verdict(&accounts);
        let calls = if self.engine.collective() { plan.rounds() * accounts.len() as u64 } else { plan.total().steps };
        PassResult {
            sample: Sample {
                ranks: accounts.iter().map(|a| a.phases).collect(),
                together: together(&accounts, transfer),
                generate: slowest(|m| m.generate),
                verify: slowest(|m| m.verify),
                resident,
                counters: counters_of(&accounts),
            },
            actual: Actual { calls, in_force: first_told(&accounts), ..closed.actual },
            verification,
            stored_bytes: accounts.iter().filter_map(|a| a.stored_bytes).max(),
            views: accounts.into_iter().filter_map(|a| a.view).collect(),
        }
    }

    fn verdict(&self, accounts: &[Account]) -> Verification {
        let first = accounts.iter().filter_map(|a| a.moved.mismatch.clone()).min_by(|a, b| a.index.cmp(&b.index));
        match (self.experiment.direction, self.experiment.dataset.has_known_values(), first) {
            (Direction::Write, _, _) => Verification::NotRead,
            (Direction::Read, false, _) => Verification::NothingToCompare,
            (Direction::Read, true, None) => Verification::Passed,
            (Direction::Read, true, Some(first)) => Verification::Failed { first },
        }
    }
}

/// How long all ranks together took for each phase; unknown if they do not share a clock.
fn together(accounts: &[Account], transfer: f64) -> Option<Phases> {
    let of = |phase: usize| span::together(accounts.iter().filter_map(|a| a.stamps[phase]));
    span::is_one(accounts.iter().map(|a| a.clock.as_ref())).then(|| Phases {
        open: of(0),
        transfer,
        flush: of(1),
        close: of(2),
    })
}

/// What was counted on each rank; a rank without a step counted nothing. Empty if no rank could count.
fn counters_of(accounts: &[Account]) -> Vec<Counters> {
    match accounts.iter().any(|a| a.moved.counters.is_some()) {
        true => accounts.iter().map(|a| a.moved.counters.unwrap_or_default()).collect(),
        false => Vec::new(),
    }
}

/// The settings in force, as the lowest rank that knows them tells.
fn first_told(accounts: &[Account]) -> Settings {
    accounts.iter().map(|a| &a.in_force).find(|found| !found.is_empty()).cloned().unwrap_or_default()
}
