//! What a group of ranks does together: the same code on MPI ranks and on local threads.

use h5lab_core::access::Access;
use h5lab_core::amplification::Computed;
use h5lab_core::dataset::{Dataset, Dtype, Shape};
use h5lab_core::experiment::{CacheWanted, Direction, Experiment};
use h5lab_core::explain;
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::generate::{Data, DataKind};
use h5lab_core::host::StorageClass;
use h5lab_core::layout::Layout;
use h5lab_core::method::Method;
use h5lab_core::record::{Record, SCHEMA, Verification};
use h5lab_core::repack_plan::receipt::Receipt;
use h5lab_core::split::Split;
use h5lab_core::tunables::Tunables;
use h5lab_core::warning::Warning;
use h5lab_io::comm::from_rank_0;
use h5lab_io::engine;
use h5lab_io::h5;
use h5lab_io::repack::Order;
use h5lab_io::run::{self, Options, Outcome, Team, View};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A task, resolved on rank 0 alone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Task {
    /// The demo `write`.
    Write(WriteTask),
    /// The demo `read`.
    Read(ReadTask),
    /// The demo `simple`.
    Simple(SimpleTask),
    /// Cells of a sweep.
    Batch(BatchTask),
    /// A file written anew.
    Repack(Box<RepackTask>),
}

impl Task {
    /// The file that it writes, if it writes one that stays.
    pub fn target(&self) -> Option<&Path> {
        match self {
            Task::Write(task) => Some(&task.file),
            Task::Simple(task) => Some(&task.file),
            Task::Repack(task) => (!task.dry_run).then_some(&task.order.output),
            Task::Read(_) | Task::Batch(_) => None,
        }
    }

    /// The file that it writes or reads; a batch has many, in a folder of its own.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Task::Read(task) => Some(&task.file),
            _ => self.target(),
        }
    }

    /// Whether its ranks have threads that move data: then no rank is to be bound to one core.
    pub fn has_threads(&self) -> bool {
        match self {
            Task::Write(WriteTask { settings, .. }) | Task::Read(ReadTask { settings, .. }) => {
                settings.method == Method::Direct
            }
            Task::Batch(task) => task.threads,
            Task::Repack(_) => true,
            Task::Simple(_) => false,
        }
    }
}

/// What a task leaves, on rank 0.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "of")]
pub enum Done {
    /// A measurement.
    Record(Box<Record>),
    /// The demo `simple`.
    Simple(SimpleDone),
    /// A file written anew.
    Repack(Box<Receipt>),
    /// A cell of a sweep is about to be measured once.
    Began {
        /// The cell's number.
        index: usize,
    },
    /// A cell of a sweep was measured in some rounds; more are to come.
    SoFar {
        /// What would be its record if the sweep ended here.
        record: Box<Record>,
    },
    /// A cell of a sweep was measured in all rounds, or failed.
    Cell {
        /// The cell's number.
        index: usize,
        /// Its record.
        record: Box<Record>,
    },
}

/// Settings that `write` and `read` share.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    pub method: Method,
    pub tunables: Tunables,
    pub repeat: usize,
    pub buffer: u64,
    pub ceiling: bool,
    pub command: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WriteTask {
    pub file: PathBuf,
    pub shape: Vec<u64>,
    pub seed: u64,
    pub fsync: bool,
    pub force: bool,
    pub ignore_free_space: bool,
    pub settings: Settings,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReadTask {
    pub file: PathBuf,
    pub dataset: Option<String>,
    pub view: Option<View>,
    pub cache: CacheWanted,
    pub settings: Settings,
}

/// A batch of a sweep, which a file holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BatchTask {
    /// The file: a [`crate::cmd::batch::Order`] as JSON.
    pub file: PathBuf,
    /// Whether a cell's ranks have threads that move data.
    pub threads: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SimpleTask {
    pub file: PathBuf,
    pub force: bool,
}

/// A repack by several ranks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RepackTask {
    pub order: Order,
    pub dry_run: bool,
}

/// What `simple` did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SimpleDone {
    pub np: usize,
    #[serde(serialize_with = "h5lab_core::lossy::path")]
    pub file: PathBuf,
    /// What each rank wrote.
    pub written: Vec<u32>,
    /// The dataset, read back.
    pub data: Vec<u32>,
}

/// Does the task with these ranks; rank 0 emits what comes out.
pub fn perform(task: &Task, team: Team<'_>, emit: &dyn Fn(Done)) -> Result<()> {
    let done = match task {
        Task::Write(task) => write(task, team)?.map(|record| Done::Record(Box::new(record))),
        Task::Read(task) => read(task, team)?.map(|record| Done::Record(Box::new(record))),
        Task::Simple(task) => crate::cmd::simple::perform(task, team)?,
        Task::Repack(task) => crate::cmd::repack::perform(task, team)?,
        Task::Batch(task) => return crate::cmd::batch::perform(task, team, emit),
    };
    done.into_iter().for_each(emit);
    Ok(())
}

fn write(task: &WriteTask, team: Team<'_>) -> Result<Option<Record>> {
    let np = team.comm.size();
    let has_mpi = team.comm.mpi().is_some();
    let prepared = from_rank_0(team.comm, || {
        check_method(task.settings.method)?;
        let experiment = write_experiment(task, np)?;
        engine::supports(&experiment, has_mpi)?;
        run::claim_target(&task.file, task.force)?;
        let ceiling = room(task, &experiment)?;
        Ok((experiment, ceiling))
    })?;
    let (experiment, ceiling) = prepared;
    let options = Options {
        ceiling: ceiling.is_ok(),
        compared: ceiling.is_ok() || task.settings.repeat > 1,
        ..Options::default()
    };
    let mut outcome = run::run(&experiment, &task.file, options, team)?;
    outcome.warnings.extend(ceiling.err());
    finish(experiment, &task.file, &task.settings, outcome, team)
}

fn write_experiment(task: &WriteTask, np: usize) -> Result<Experiment> {
    let shape = Shape::to_create(task.shape.clone(), Dtype::F32)?;
    let data = Data { kind: DataKind::Uniform, seed: task.seed, stamp_ranks: Some(np) };
    let experiment = Experiment {
        direction: Direction::Write,
        dataset: Dataset { name: "test".into(), shape, dtype: Dtype::F32, data: Some(data), from: None },
        layout: Layout::Contiguous,
        access: Access::Rows,
        split: Split::Axis(0),
        method: task.settings.method,
        np,
        cache: CacheWanted::AsFound,
        fsync: task.fsync,
        repeat: task.settings.repeat,
        buffer: task.settings.buffer,
        tunables: task.settings.tunables.clone(),
    };
    experiment.check()?;
    Ok(experiment)
}

/// Bytes of a file beyond its dataset's: superblock, headers, attributes, generously.
const METADATA: u64 = 1 << 16;

/// Room for the file is a must; the ceiling is left out, with a warning, if there is none for it.
fn room(task: &WriteTask, experiment: &Experiment) -> Result<Result<(), Warning>> {
    let needed = experiment.dataset.bytes() + METADATA;
    if !task.ignore_free_space {
        run::check_room(&task.file, needed)?;
    }
    if !task.settings.ceiling {
        return Ok(Err(Warning::NoCeiling { reason: "--no-ceiling".into() }));
    }
    let second = run::check_room(&task.file, needed * 2);
    Ok(second.map_err(|_| Warning::NoCeiling { reason: "there is no room for a second file of this size".into() }))
}

fn read(task: &ReadTask, team: Team<'_>) -> Result<Option<Record>> {
    let np = team.comm.size();
    let has_mpi = team.comm.mpi().is_some();
    let experiment = from_rank_0(team.comm, || {
        check_method(task.settings.method)?;
        let experiment = read_experiment(task, np)?;
        engine::supports(&experiment, has_mpi)?;
        Ok(experiment)
    })?;
    let options = Options { ceiling: task.settings.ceiling, view: task.view, ..Options::default() };
    let outcome = run::run(&experiment, &task.file, options, team)?;
    finish(experiment, &task.file, &task.settings, outcome, team)
}

fn read_experiment(task: &ReadTask, np: usize) -> Result<Experiment> {
    refuse_subfiles(&task.file)?;
    let file = h5::open_existing(&task.file)?;
    let (dataset, layout) = h5::dataset::describe(&file, task.dataset.as_deref(), &task.file)?;
    let experiment = Experiment {
        direction: Direction::Read,
        dataset,
        layout,
        access: Access::Rows,
        split: Split::Axis(0),
        method: task.settings.method,
        np,
        cache: task.cache,
        fsync: false,
        repeat: task.settings.repeat,
        buffer: task.settings.buffer,
        tunables: task.settings.tunables.clone(),
    };
    experiment.check()?;
    Ok(experiment)
}

/// A stub has metadata and no values: without the subfiling driver nothing in it is what was written.
fn refuse_subfiles(file: &Path) -> Result<()> {
    if h5lab_io::engine::subfiles(file).is_empty() {
        return Ok(());
    }
    Err(Failure::new(FailureKind::Input, "its values are in subfiles (HDF5's subfiling driver), and not in this file")
        .at(file)
        .mend("make a plain file of them with HDF5's h5fuse, and read that; `h5lab run` measures subfiling"))
}

/// Refuses the methods that make or read other files than the demos' one HDF5 file.
fn check_method(method: Method) -> Result<()> {
    match method {
        Method::Subfiling | Method::Posix | Method::Null => {
            let why = format!("the method {method} is no way to move one HDF5 file: it is for h5lab run");
            Err(Failure::new(FailureKind::Usage, why)
                .mend("use independent, collective, gather, per-process or direct, or measure it with h5lab run"))
        }
        _ => Ok(()),
    }
}

/// Makes the record of a measurement, on rank 0.
pub fn finish(
    experiment: Experiment,
    file: &Path,
    settings: &Settings,
    outcome: Outcome,
    team: Team<'_>,
) -> Result<Option<Record>> {
    let cores = run::cores_of(team.comm)?;
    if team.comm.rank() != 0 {
        return Ok(None);
    }
    let host = h5lab_io::host::collect(Some(file)).map_err(|e| Failure::io("look at", file, &e))?;
    let Outcome { created, actual, samples, ceiling, verification, stored_bytes, file_bytes, views, warnings } =
        outcome;
    let mut record = Record {
        schema: SCHEMA,
        h5lab: env!("CARGO_PKG_VERSION").into(),
        created,
        command: settings.command.clone(),
        experiment,
        file: std::path::absolute(file).unwrap_or_else(|_| file.to_owned()),
        actual,
        samples,
        ceiling,
        verification,
        stored_bytes,
        file_bytes,
        views,
        warnings,
        failure: None,
        computed: None,
        predicted: None,
        explained_by: Vec::new(),
        host,
    };
    let found = warnings_of(&record, cores);
    record.warnings.extend(found);
    if record.experiment.method != Method::Null {
        record.computed = Some(Computed::of_record(&record));
    }
    record.explained_by = explain::codes(&record);
    Ok(Some(record))
}

/// The record of an experiment whose ranks were lost.
pub fn lost_record(experiment: Experiment, file: &Path, command: Vec<String>, lost: Failure) -> Result<Record> {
    let host = h5lab_io::host::collect(Some(file)).map_err(|e| Failure::io("look at", file, &e))?;
    Ok(Record {
        schema: SCHEMA,
        h5lab: env!("CARGO_PKG_VERSION").into(),
        created: h5lab_io::now(),
        command,
        experiment,
        file: std::path::absolute(file).unwrap_or_else(|_| file.to_owned()),
        actual: Default::default(),
        samples: Vec::new(),
        ceiling: None,
        verification: Verification::NotRead,
        stored_bytes: None,
        file_bytes: None,
        views: Vec::new(),
        warnings: Vec::new(),
        failure: Some(lost),
        computed: None,
        predicted: None,
        explained_by: Vec::new(),
        host,
    })
}

/// What the numbers and the host tell that a reader should know.
fn warnings_of(record: &Record, cores: Option<usize>) -> Vec<Warning> {
    let experiment = &record.experiment;
    let mut warnings = Vec::new();
    if experiment.direction == Direction::Write && !experiment.fsync {
        warnings.push(Warning::NotSynced);
    }
    if record.verification == Verification::NothingToCompare {
        let reason = h5::provenance::why_unknown(&record.file, &experiment.dataset.name);
        warnings.push(Warning::NothingToVerify { reason });
    }
    if record.cache_missed() {
        let wanted = if experiment.cache == CacheWanted::Cold { "cold" } else { "warm" };
        let resident = record.samples.iter().filter_map(|s| s.resident).reduce(f64::max);
        warnings.push(Warning::CacheUnverified { wanted: wanted.into(), resident });
    }
    warnings.extend(rank_warnings(experiment, cores));
    if let Some(fs) = record.host.file_system.as_ref().filter(|fs| fs.class() == Some(StorageClass::Memory)) {
        warnings.push(Warning::MemoryFileSystem { kind: fs.kind.clone().unwrap_or_else(|| "this file system".into()) });
    }
    if let Some(share) = record.ceiling_share().filter(|&share| share > 1.25) {
        warnings.push(Warning::AboveCeiling { share });
    }
    if experiment.repeat == 1 {
        warnings.push(Warning::SingleSample);
    }
    warnings
}

fn rank_warnings(experiment: &Experiment, cores: Option<usize>) -> Vec<Warning> {
    let (ranks, rows) = (experiment.np, experiment.dataset.shape.0[0]);
    let mut warnings = Vec::new();
    if let Some(cores) = cores.filter(|&cores| ranks > cores) {
        warnings.push(Warning::MoreRanksThanCores { ranks, cores });
    }
    if ranks as u64 > rows {
        warnings.push(Warning::IdleRanks { idle: ranks - rows as usize, rows });
    }
    warnings
}
