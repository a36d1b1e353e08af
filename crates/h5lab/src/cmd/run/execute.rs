//! Running batches: each in ranks of its own, every record kept as soon as it is there.

use super::live::Live;
use super::progress::Progress;
use crate::cli::Output;
use crate::cmd::batch::{Order, Ordered};
use crate::launch::Runner;
use crate::output::Show;
use crate::task::{BatchTask, Done, Task};
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::host::Host;
use h5lab_core::method::Method;
use h5lab_core::record::Record;
use h5lab_core::report::{counted, printable};
use h5lab_core::sweep::{Batch, Cell, OnError};
use h5lab_io::run::ScratchFolder;
use std::collections::BTreeSet;
use std::path::Path;

/// What a held record must have in common with this machine to count as done.
#[derive(PartialEq, Eq)]
pub struct Identity {
    h5lab: String,
    machine: String,
    hdf5: String,
    mpi: Option<String>,
}

/// This machine and these versions.
///
/// # Errors
/// `Storage` if the machine can't be looked at.
pub fn identity() -> Result<Identity> {
    let host = h5lab_io::host::collect(None).map_err(|e| Failure::io("look at the machine", Path::new("."), &e))?;
    Ok(Identity::of(env!("CARGO_PKG_VERSION"), &host))
}

impl Identity {
    /// The version of HDF5.
    pub fn hdf5(&self) -> &str {
        &self.hdf5
    }

    fn of(h5lab: &str, host: &Host) -> Self {
        Identity {
            h5lab: h5lab.to_owned(),
            machine: machine(host),
            hdf5: host.hdf5.version.clone(),
            mpi: host.mpi.library.as_ref().map(|library| library.description.clone()),
        }
    }

    /// True if the record was measured here, with these versions.
    pub fn matches(&self, record: &Record) -> bool {
        *self == Identity::of(&record.h5lab, &record.host)
    }
}

/// The machine that counts as the same: by name; but a scheduler's next job may run on another node, and then it is the
/// same kind of node under the same scheduler.
fn machine(host: &Host) -> String {
    let Some(job) = &host.launcher.scheduler else { return host.machine.hostname.clone() };
    let cpu = host.machine.cpu_model.as_deref().unwrap_or("unknown processor");
    format!("a node of {} with {cpu}", job.kind.name())
}

/// How batches are run.
pub struct Execution<'a> {
    pub runner: &'a Runner,
    pub output: &'a Output,
    pub on_error: OnError,
    pub save: Option<&'a Path>,
    pub live: Option<&'a Live>,
}

/// What is known of a batch under way.
#[derive(Default)]
struct Attempt {
    finished: BTreeSet<usize>,
    current: Option<usize>,
    /// A record could not be kept: that is no cell's failure.
    broken: bool,
}

impl Execution<'_> {
    /// Runs all batches; returns the records of all cells, failed ones included.
    ///
    /// # Errors
    /// What stops the sweep as a whole. What was measured before is in the result file.
    pub fn all(&self, batches: &[Batch]) -> Result<Vec<Record>> {
        let mut show = Show::new(self.output, self.save.filter(|_| self.runner.speaks()), true)?;
        let loud = self.runner.speaks() && !self.output.quiet && !self.output.json;
        let mut progress = Progress::new(batches, loud);
        for (number, batch) in batches.iter().enumerate() {
            progress.remark(&describe(number, batches));
            self.one(batch, &mut show, &mut progress)?;
            if self.on_error == OnError::Stop && show.records().iter().any(|r| r.failure.is_some()) {
                let cells = batches.iter().map(|b| b.cells().count()).sum::<usize>();
                let left = cells - show.records().len();
                progress.remark(&format!("on-error = stop: not measured: {left} of {}", counted(cells, "cell")));
                break;
            }
        }
        Ok(show.into_records())
    }

    /// Runs one batch without showing anything; returns the records of its cells, by their numbers.
    ///
    /// # Errors
    /// What stops the batch as a whole.
    pub fn records(runner: &Runner, batch: &Batch) -> Result<Vec<(usize, Record)>> {
        let silent = Output { quiet: true, json: false, worker: None };
        let execution = Execution { runner, output: &silent, on_error: OnError::Continue, save: None, live: None };
        let records = execution.all(std::slice::from_ref(batch))?;
        // Records come as cells are finished; each tells which cell it is of by what it measured.
        let index =
            |record: &Record| batch.cells().find(|cell| cell.experiment == record.experiment).map(|cell| cell.index);
        Ok(records.into_iter().filter_map(|record| Some((index(&record)?, record))).collect())
    }

    /// Runs a batch. If its ranks end before it is done, the cell that they were at is recorded as failed, and the batch
    /// begins again without it.
    fn one(&self, batch: &Batch, show: &mut Show<'_>, progress: &mut Progress) -> Result<()> {
        let mut left = Some(batch.clone());
        while let Some(batch) = left.take() {
            let mut attempt = Attempt::default();
            let Err(ended) = self.once(&batch, show, progress, &mut attempt) else { return Ok(()) };
            let Attempt { mut finished, current, broken } = attempt;
            // No cell's fault, and no time to begin again.
            let time_up = ended.kind == FailureKind::TimeUp;
            let current = current.filter(|_| !broken && !time_up && self.runner.can_restart());
            let Some(current) = current else { return Err(ended) };
            for cell in batch.depending_on(current) {
                if finished.insert(cell.index) {
                    let record = self.failed(cell, &batch, &ended)?;
                    progress.finished(cell.index, &record);
                    keep(self.live, record, show)?;
                }
            }
            if self.on_error == OnError::Stop {
                return Ok(());
            }
            left = batch.retain(|cell| !finished.contains(&cell.index));
            if let Some(left) = &left {
                progress.again(left);
                progress.remark("the ranks are started again without the cell that failed");
            }
        }
        Ok(())
    }

    fn once(&self, batch: &Batch, show: &mut Show<'_>, progress: &mut Progress, attempt: &mut Attempt) -> Result<()> {
        let order = Order { batch: batch.clone(), on_error: self.on_error, command: crate::cmd::command_line() };
        let scratch = self.runner.speaks().then(|| ScratchFolder::inside(&batch.folder)).transpose()?;
        let threads = batch.files.iter().any(|file| file.write.experiment.method == Method::Direct);
        let file = match &scratch {
            Some(scratch) => Ordered::Batch(Box::new(order)).write(scratch.path())?,
            None => Default::default(),
        };
        let task = Task::Batch(BatchTask { file, threads });
        // The sweep's own progress stands for that of each transfer.
        let silent = Output { quiet: true, ..self.output.clone() };
        let live = self.live;
        self.runner.run(&task, batch.np, batch.mpi_io, &silent, &mut |done| {
            match done {
                Done::Began { index } => {
                    attempt.current = Some(index);
                    progress.began(index);
                }
                Done::Cell { index, record } => {
                    attempt.finished.insert(index);
                    progress.finished(index, &record);
                    keep(live, *record, show).inspect_err(|_| attempt.broken = true)?;
                }
                Done::Record(_) | Done::Simple(_) | Done::Repack(_) => {}
                Done::SoFar { record } => show.remember(&record),
            }
            Ok(())
        })
    }

    /// The record of a cell whose ranks were lost.
    fn failed(&self, cell: &Cell, batch: &Batch, lost: &Failure) -> Result<Record> {
        crate::task::lost_record(cell.experiment.clone(), &batch.folder, crate::cmd::command_line(), lost.clone())
    }
}

fn keep(live: Option<&Live>, record: Record, show: &mut Show<'_>) -> Result<()> {
    if let Some(live) = live {
        live.take(&record);
    }
    show.keep(record)
}

fn describe(number: usize, batches: &[Batch]) -> String {
    let batch = &batches[number];
    let layouts: Vec<_> = batch.files.iter().map(|file| &file.write.experiment.layout).collect();
    let layout = match layouts.iter().all(|layout| *layout == layouts[0]) {
        true => layouts.first().map_or_else(String::new, ToString::to_string),
        false => "layouts in turns".to_owned(),
    };
    let folder = printable(&batch.folder.display().to_string());
    format!(
        "batch {} of {}: {}, {}, np {}, {layout}, in {folder}",
        number + 1,
        batches.len(),
        counted(batch.cells().count(), "cell"),
        counted(batch.repeat, "round"),
        batch.np
    )
}
