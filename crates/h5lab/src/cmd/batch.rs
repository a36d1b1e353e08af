//! The ranks' side of `h5lab run`: a batch of cells, measured in turns.

use crate::cli::{Batch as Args, Output};
use crate::launch;
use crate::task::{BatchTask, Done, Settings, Task, finish};
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::method::Method;
use h5lab_core::record::{Actual, Record, Verification};
use h5lab_core::sweep::{Batch, Cell, OnError};
use h5lab_core::tunables::Tunables;
use h5lab_io::comm::from_rank_0;
use h5lab_io::run::{Outcome, Step, Team, run_batch};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What the parent orders its ranks to do, as a file holds it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ordered {
    /// Cells of a sweep.
    Batch(Box<Order>),
    /// A task that no command line of the user's own stands for.
    Task(Box<Task>),
}

/// Which cells the parent orders its ranks to measure.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    /// The cells.
    pub batch: Batch,
    /// What happens after a failure.
    pub on_error: OnError,
    /// The user's command line, for the records.
    pub command: Vec<String>,
}

impl Ordered {
    /// Writes it into a folder, and returns the file.
    ///
    /// # Errors
    /// `Storage` if it can't be written.
    pub fn write(&self, folder: &Path) -> Result<PathBuf> {
        let file = folder.join("order.json");
        let text = serde_json::to_vec(self).expect("plain data");
        std::fs::write(&file, text).map_err(|e| Failure::io("write the order", &file, &e))?;
        Ok(file)
    }
}

/// `h5lab batch FILE`: how h5lab's own mpirun starts ranks for a batch.
pub fn run(args: Args, output: &Output) -> Result<()> {
    let task = Task::Batch(BatchTask { file: args.file, threads: false });
    let ranks = crate::cli::Ranks { np: Vec::new() };
    launch::run(&task, &ranks, output, &mut |_| Ok(()))
}

/// Does what the file orders; measures a batch in the folder that the file lies in.
pub fn perform(task: &BatchTask, team: Team<'_>, emit: &dyn Fn(Done)) -> Result<()> {
    // Under a launcher the first rank alone knows the file. As OsString, which may hold any bytes when it is sent.
    let (ordered, scratch) = from_rank_0(team.comm, || {
        let scratch = task.file.parent().unwrap_or(Path::new("."));
        Ok((read(&task.file)?, scratch.as_os_str().to_owned()))
    })?;
    let scratch = Path::new(&scratch);
    let order = match ordered {
        Ordered::Batch(order) => *order,
        Ordered::Task(task) => return crate::task::perform(&task, team, emit),
    };
    team.fault.map_or(Ok(()), |fault| fault.check(order.batch.cells().map(|cell| &cell.experiment)))?;
    let settings = Settings {
        method: Method::Independent,
        tunables: Tunables::default(),
        repeat: order.batch.repeat,
        buffer: 0,
        ceiling: order.batch.ceiling,
        command: order.command.clone(),
    };
    run_batch(&order.batch, scratch, order.on_error, team, &mut |step| {
        match step {
            Step::Began(cell) if team.comm.rank() == 0 => emit(Done::Began { index: cell.index }),
            Step::Began(_) => {}
            Step::SoFar(cell, outcome) => {
                let stopped = stopped(outcome.samples.len(), order.batch.repeat);
                if let Some(record) = record_of(cell, Some(outcome), Some(stopped), &order.batch, &settings, team)? {
                    emit(Done::SoFar { record: Box::new(record) });
                }
            }
            Step::Finished(cell, outcome, failure) => {
                if let Some(record) = record_of(cell, outcome, failure, &order.batch, &settings, team)? {
                    emit(Done::Cell { index: cell.index, record: Box::new(record) });
                }
            }
        }
        Ok(())
    })
}

fn read(file: &Path) -> Result<Ordered> {
    let bytes = std::fs::read(file).map_err(|e| Failure::io("read the order", file, &e))?;
    serde_json::from_slice(&bytes).map_err(|e| Failure::new(FailureKind::Internal, format!("the order: {e}")).at(file))
}

/// The record of a cell, on rank 0. Its file is the folder: the file itself is gone.
pub fn record_of(
    cell: &Cell,
    outcome: Option<Box<Outcome>>,
    failure: Option<Failure>,
    batch: &Batch,
    settings: &Settings,
    team: Team<'_>,
) -> Result<Option<Record>> {
    let outcome = outcome.map_or_else(nothing, |outcome| *outcome);
    let mut record = finish(cell.experiment.clone(), &batch.folder, settings, outcome, team)?;
    if let Some(record) = &mut record {
        record.failure = failure;
        if record.failure.is_some() {
            record.warnings.clear();
            record.explained_by.clear();
        }
    }
    Ok(record)
}

/// Why a cell has not all samples if the sweep ends now.
fn stopped(rounds: usize, of: usize) -> Failure {
    Failure::new(FailureKind::Interrupted, format!("the sweep ended after {rounds} of {of} rounds"))
        .mend("measure it again with --resume")
}

/// What a cell leaves that failed in its first round.
fn nothing() -> Outcome {
    Outcome {
        created: h5lab_io::now(),
        actual: Actual::default(),
        samples: Vec::new(),
        ceiling: None,
        verification: Verification::NotRead,
        stored_bytes: None,
        file_bytes: None,
        views: Vec::new(),
        warnings: Vec::new(),
    }
}
