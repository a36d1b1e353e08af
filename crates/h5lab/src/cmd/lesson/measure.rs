//! How a lesson measures: its plan with the user's changes, run as `h5lab run`, `write` and `read` run things.

use super::room::{fitted, within_grant};
use crate::cli::{Lesson as Args, Output, Ranks};
use crate::cmd::batch::Ordered;
use crate::cmd::{command_line, run};
use crate::output::{Show, note};
use crate::task::{BatchTask, Done, ReadTask, Settings, Task, WriteTask};
use crate::{launch, usage};
use h5lab_core::dataset::{Dtype, Shape};
use h5lab_core::experiment::CacheWanted;
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::lesson::{Course, Lesson, Rows};
use h5lab_core::method::Method;
use h5lab_core::record::Record;
use h5lab_core::sweep::Sweep;
use h5lab_io::host::{elsewhere, process_env};
use h5lab_io::run::{ScratchFolder, View, check_room};
use std::path::{Path, PathBuf};

/// Keys that the lesson on views has a use for.
const KEYS_OF_VIEWS: [&str; 6] = ["shape", "np", "path", "seed", "repeat", "ceiling"];

/// The lesson's plan with the user's keys, in folders that exist, at a size that fits.
pub fn prepared(lesson: &Lesson, args: &Args, speaks: bool) -> Result<Sweep> {
    let mut sweep = lesson.sweep()?;
    args.keys.apply(&mut sweep)?;
    let given = |key: &str| args.keys.given.iter().any(|(name, _)| *name == key);
    if lesson.course == Course::Views {
        refuse_what_views_ignore(args)?;
    }
    if lesson.rows == Rows::FileSystems && !given("path") {
        sweep.path.extend(others(&sweep.path[0], speaks));
    }
    sweep.path.iter().try_for_each(|folder| h5lab_io::run::check_folder(folder))?;
    if !given("np") {
        within_grant(&mut sweep, speaks);
    }
    if args.full {
        sweep.shape = vec![lesson.full.parse::<Shape>()?];
    } else if !given("shape") {
        fitted(&mut sweep, speaks)?;
    }
    Ok(sweep)
}

fn refuse_what_views_ignore(args: &Args) -> Result<()> {
    let ignored = args.keys.given.iter().find(|(key, _)| !KEYS_OF_VIEWS.contains(key));
    ignored.map_or(Ok(()), |(key, _)| {
        let known = KEYS_OF_VIEWS.map(|key| format!("--{key}")).join(", ");
        Err(usage(format!("--{key} changes nothing in this lesson")).mend(format!("leave it out; it takes {known}")))
    })
}

/// Folders on other file systems than that of `here`, the user being told which.
fn others(here: &Path, speaks: bool) -> Vec<PathBuf> {
    let found = elsewhere(here, &process_env);
    if speaks {
        let names: Vec<String> =
            found.iter().map(|fs| format!("{} ({})", fs.path, fs.type_name().unwrap_or("unknown"))).collect();
        note(&match &names[..] {
            [] => "no other file system here can be written to: add --path A,B to compare".to_owned(),
            _ => format!("besides the current folder: {}; --path A,B names others", names.join(", ")),
        });
    }
    found.into_iter().map(|fs| PathBuf::from(fs.path)).collect()
}

/// A lesson that can be measured here.
pub enum Ready {
    /// As `h5lab run` does it.
    Sweep(run::Ready),
    /// As `h5lab write` and `h5lab read` do it.
    Views(Box<Sweep>),
}

impl Ready {
    /// Finds out whether it can.
    ///
    /// # Errors
    /// What keeps it from being measured at all.
    pub fn new(lesson: &Lesson, sweep: Sweep) -> Result<Self> {
        if lesson.course == Course::Sweep {
            return run::Ready::new(&sweep).map(Ready::Sweep);
        }
        let largest = sweep.shape.iter().map(|shape| shape.bytes(Dtype::F32).unwrap_or(u64::MAX)).max().unwrap_or(0);
        sweep.path.iter().try_for_each(|folder| check_room(folder, largest))?;
        Ok(Ready::Views(Box::new(sweep)))
    }

    /// Measures what the lesson is about.
    ///
    /// # Errors
    /// What stops it.
    pub fn measure(&self, save: Option<&Path>, output: &Output) -> Result<Vec<Record>> {
        match self {
            Ready::Sweep(ready) => ready.measure(save, output),
            Ready::Views(sweep) => views(sweep, save, output),
        }
    }
}

/// In each folder, with each rank count: a write, and a read with either view.
fn views(sweep: &Sweep, save: Option<&Path>, output: &Output) -> Result<Vec<Record>> {
    let mut show = Show::new(output, save, true)?;
    for folder in &sweep.path {
        for &np in &sweep.np {
            for shape in &sweep.shape {
                let scratch = ScratchFolder::inside(folder)?;
                for task in tasks(sweep, shape, &scratch.path().join("test.h5")) {
                    one(task, np, scratch.path(), output, &mut show)?;
                }
            }
        }
    }
    Ok(show.into_records())
}

/// Ranks get the task in a file: the command line, `h5lab lesson 3`, does not tell which of them it is.
fn one(task: Task, np: usize, scratch: &Path, output: &Output, show: &mut Show<'_>) -> Result<()> {
    let file = Ordered::Task(Box::new(task)).write(scratch)?;
    let task = Task::Batch(BatchTask { file, threads: false });
    let ranks = Ranks { np: vec![np as u64] };
    launch::run(&task, &ranks, output, &mut |done| match done {
        Done::Record(record) => show.keep(*record),
        _ => Err(Failure::new(FailureKind::Internal, "a measurement leaves a record")),
    })
}

fn tasks(sweep: &Sweep, shape: &Shape, file: &Path) -> [Task; 3] {
    let settings = Settings {
        method: Method::Independent,
        tunables: Default::default(),
        repeat: sweep.repeat,
        buffer: sweep.buffer[0],
        ceiling: sweep.ceiling,
        command: command_line(),
    };
    let write = WriteTask {
        file: file.to_owned(),
        shape: shape.0.clone(),
        seed: sweep.seed,
        fsync: false,
        force: false,
        ignore_free_space: false,
        settings: settings.clone(),
    };
    let read = |view| {
        let (file, settings) = (file.to_owned(), settings.clone());
        Task::Read(ReadTask { file, dataset: None, view: Some(view), cache: CacheWanted::AsFound, settings })
    };
    [Task::Write(write), read(View::Process), read(View::Global)]
}
