//! Running batches: each in ranks of its own, every record kept as soon as it is there.

use crate::cli::Output;
use crate::cmd::batch::Order;
use crate::launch::Runner;
use crate::output::{Show, note};
use crate::task::{BatchTask, Done, Task};
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::record::Record;
use h5lab_core::report::printable;
use h5lab_core::sweep::{Batch, Cell, OnError};
use h5lab_io::run::ScratchFolder;
use std::collections::BTreeSet;
use std::path::Path;

/// What a held record must have in common with this machine to count as done.
pub struct Identity {
    h5lab: String,
    hostname: String,
    hdf5: String,
}

/// This machine and these versions.
///
/// # Errors
/// `Storage` if the machine can't be looked at.
pub fn identity() -> Result<Identity> {
    let host = h5lab_io::host::collect(None).map_err(|e| Failure::io("look at the machine", Path::new("."), &e))?;
    Ok(Identity { h5lab: env!("CARGO_PKG_VERSION").into(), hostname: host.machine.hostname, hdf5: host.hdf5.version })
}

impl Identity {
    /// The version of HDF5.
    pub fn hdf5(&self) -> &str {
        &self.hdf5
    }

    /// True if the record was measured here, with these versions.
    pub fn matches(&self, record: &Record) -> bool {
        self.h5lab == record.h5lab
            && self.hostname == record.host.machine.hostname
            && self.hdf5 == record.host.hdf5.version
    }
}

/// How batches are run.
pub struct Execution<'a> {
    pub runner: &'a Runner,
    pub output: &'a Output,
    pub on_error: OnError,
    pub save: Option<&'a Path>,
}

impl Execution<'_> {
    /// Runs all batches; returns the records of all cells, failed ones included.
    ///
    /// # Errors
    /// What stops the sweep as a whole. What was measured before is in the result file.
    pub fn all(&self, batches: &[Batch]) -> Result<Vec<Record>> {
        let mut show = Show::new(self.output, self.save.filter(|_| self.runner.speaks()), true)?;
        for (number, batch) in batches.iter().enumerate() {
            if self.runner.speaks() && !self.output.quiet && !self.output.json {
                note(&describe(number, batches));
            }
            self.one(batch, &mut show)?;
            if self.on_error == OnError::Stop && show.records().iter().any(|r| r.failure.is_some()) {
                break;
            }
        }
        Ok(show.into_records())
    }

    /// Runs a batch. If its ranks are lost, the cell that they were at is recorded as failed, and the batch begins again
    /// without it.
    fn one(&self, batch: &Batch, show: &mut Show<'_>) -> Result<()> {
        let mut left = Some(batch.clone());
        while let Some(batch) = left.take() {
            let mut finished = BTreeSet::new();
            let mut current = None;
            let lost = match self.once(&batch, show, &mut finished, &mut current) {
                Ok(()) => return Ok(()),
                Err(failure) if failure.kind == FailureKind::RankLost || failure.kind == FailureKind::Internal => {
                    failure
                }
                Err(failure) => return Err(failure),
            };
            let Some(current) = current.filter(|_| self.runner.can_restart()) else { return Err(lost) };
            for cell in batch.depending_on(current).into_iter().filter(|cell| !finished.contains(&cell.index)) {
                show.keep(self.failed(cell, &batch, &lost)?)?;
            }
            finished.extend(batch.depending_on(current).iter().map(|cell| cell.index));
            if self.on_error == OnError::Stop {
                return Ok(());
            }
            note(&format!("cell {current}: {}; going on without it", lost.message));
            left = batch.retain(|cell| !finished.contains(&cell.index));
        }
        Ok(())
    }

    fn once(
        &self,
        batch: &Batch,
        show: &mut Show<'_>,
        finished: &mut BTreeSet<usize>,
        current: &mut Option<usize>,
    ) -> Result<()> {
        let order = Order { batch: batch.clone(), on_error: self.on_error, command: crate::cmd::command_line() };
        let scratch = self.runner.speaks().then(|| ScratchFolder::inside(&batch.folder)).transpose()?;
        let file = match &scratch {
            Some(scratch) => write_order(scratch.path(), &order)?,
            None => Default::default(),
        };
        let task = Task::Batch(BatchTask { file });
        self.runner.run(&task, batch.np, batch.mpi_io, self.output, &mut |done| {
            match done {
                Done::Began { index } => *current = Some(index),
                Done::Cell { index, record } => {
                    finished.insert(index);
                    show.keep(*record)?;
                }
                Done::Record(_) | Done::Simple(_) => {}
            }
            Ok(())
        })
    }

    /// The record of a cell whose ranks were lost.
    fn failed(&self, cell: &Cell, batch: &Batch, lost: &Failure) -> Result<Record> {
        crate::task::lost_record(cell.experiment.clone(), &batch.folder, crate::cmd::command_line(), lost.clone())
    }
}

fn write_order(folder: &Path, order: &Order) -> Result<std::path::PathBuf> {
    let file = folder.join("order.json");
    let text = serde_json::to_vec(order).expect("plain data");
    std::fs::write(&file, text).map_err(|e| Failure::io("write the order", &file, &e))?;
    Ok(file)
}

fn describe(number: usize, batches: &[Batch]) -> String {
    let batch = &batches[number];
    let layout = batch.files.first().map_or_else(String::new, |f| f.write.experiment.layout.to_string());
    let folder = printable(&batch.folder.display().to_string());
    format!(
        "batch {} of {}: {} cells, {} rounds, np {}, {layout}, in {folder}",
        number + 1,
        batches.len(),
        batch.cells().count(),
        batch.repeat,
        batch.np
    )
}
