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
use std::path::Path;

/// What the parent orders its ranks to measure.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    /// The cells.
    pub batch: Batch,
    /// What happens after a failure.
    pub on_error: OnError,
    /// The user's command line, for the records.
    pub command: Vec<String>,
}

/// `h5lab batch FILE`: how h5lab's own mpirun starts ranks for a batch.
pub fn run(args: Args, output: &Output) -> Result<()> {
    let task = Task::Batch(BatchTask { file: args.file, threads: false });
    let ranks = crate::cli::Ranks { np: Vec::new() };
    launch::run(&task, &ranks, output, &mut |_| Ok(()))
}

/// Measures the batch in the folder that its file lies in.
pub fn perform(task: &BatchTask, team: Team<'_>, emit: &dyn Fn(Done)) -> Result<()> {
    // Under a launcher the first rank alone knows the file. As OsString, which may hold any bytes when it is sent.
    let (order, scratch) = from_rank_0(team.comm, || {
        let scratch = task.file.parent().unwrap_or(Path::new("."));
        Ok((read(&task.file)?, scratch.as_os_str().to_owned()))
    })?;
    let scratch = Path::new(&scratch);
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
            Step::Finished(cell, outcome, failure) => {
                if let Some(record) = record(cell, outcome, failure, &order.batch, &settings, team)? {
                    emit(Done::Cell { index: cell.index, record: Box::new(record) });
                }
            }
        }
        Ok(())
    })
}

fn read(file: &Path) -> Result<Order> {
    let bytes = std::fs::read(file).map_err(|e| Failure::io("read the order", file, &e))?;
    serde_json::from_slice(&bytes).map_err(|e| Failure::new(FailureKind::Internal, format!("the order: {e}")).at(file))
}

/// The record of a cell, on rank 0. Its file is the folder: the file itself is gone.
fn record(
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
