//! `h5lab run`: a sweep, from its plan to its tables; `h5lab rerun`: one cell of it again.

pub mod execute;
mod forecast;
mod live;
mod presets;
mod progress;

use crate::cli::{Output, Rerun, Run};
use crate::launch::{self, Runner};
use crate::output::{context, line, mismatch, note, print, say, warnings};
use execute::Execution;
use h5lab_core::experiment::{Direction, Experiment};
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::prediction::Conditions;
use h5lab_core::record::Record;
use h5lab_core::report::sweep::{explanations, sweep_table};
use h5lab_core::report::{counted, printable};
use h5lab_core::sweep::{Batch, Cell, DataChoice, FileCells, OnError, Skipped, Sweep, from_toml};
use h5lab_io::comm::mpi;
use h5lab_io::identity::same_file;
use h5lab_io::{journal, values};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Runs a sweep.
pub fn run(args: Run, output: &Output) -> Result<()> {
    if args.presets {
        return presets::list();
    }
    let sweep = sweep(&args)?;
    let runner = Runner::new(&sweep.np)?;
    let (batches, skipped) = possible(&sweep, &runner)?;
    let held = if args.resume { held(args.save.as_deref())? } else { Vec::new() };
    let here = execute::identity()?;
    let asked = count(&batches);
    let batches: Vec<Batch> = batches.into_iter().filter_map(|b| left_to_do(b, &held, &here)).collect();
    let speaks = runner.speaks();
    if speaks {
        say_what_is_left_out(&skipped, args.resume.then_some((asked - count(&batches), asked)), output);
    }
    if args.dry_run {
        if speaks {
            forecast::print(&batches, &|e| Conditions::expected(e, here.hdf5(), runner.has_mpi()), output)?;
        }
        return forecast::check_folders(&batches);
    }
    forecast::check_folders(&batches)?;
    let live = (args.live && speaks).then(|| live::Live::start(count(&batches))).transpose()?;
    if let Some(live) = &live {
        note(&format!("live page, for this machine alone: {}", live.url()));
    }
    let (on_error, save, live) = (sweep.on_error, args.save.as_deref(), live.as_ref());
    let execution = Execution { runner: &runner, output, on_error, save, live };
    let records = execution.all(&batches)?;
    if let Some(live) = live {
        live.finish();
    }
    if !speaks {
        return Ok(());
    }
    show(&records, output)?;
    verdict(&records)
}

/// A sweep that can be measured here, for whoever shows its records in a way of their own.
pub struct Ready {
    runner: Runner,
    batches: Vec<Batch>,
    skipped: Vec<Skipped>,
    on_error: OnError,
}

impl Ready {
    /// Finds out whether it can.
    ///
    /// # Errors
    /// What keeps it from being measured at all.
    pub fn new(sweep: &Sweep) -> Result<Self> {
        let runner = Runner::new(&sweep.np)?;
        let (batches, skipped) = possible(sweep, &runner)?;
        forecast::check_folders(&batches)?;
        Ok(Ready { runner, batches, skipped, on_error: sweep.on_error })
    }

    /// Measures all of it, and returns the records, failed cells included.
    ///
    /// # Errors
    /// What stops the sweep as a whole.
    pub fn measure(&self, save: Option<&Path>, output: &Output) -> Result<Vec<Record>> {
        say_what_is_left_out(&self.skipped, None, output);
        Execution { runner: &self.runner, output, on_error: self.on_error, save, live: None }.all(&self.batches)
    }
}

/// The batches that can be measured here, and what is left out.
fn possible(sweep: &Sweep, runner: &Runner) -> Result<(Vec<Batch>, Vec<Skipped>)> {
    let (sweep, mut skipped) = sweep.without_repeats(&same_file);
    let (mut batches, others) = sweep.batches(&|experiment| can_run(experiment, runner.has_mpi()))?;
    skipped.extend(others);
    if let Some(ranks) = runner.fixed_count() {
        batches = only_with(ranks, batches, &sweep.np, &mut skipped)?;
    }
    if batches.is_empty() {
        return Err(nothing_to_measure(&skipped));
    }
    Ok((batches, skipped))
}

/// The cells that a sweep has: of a job that has not begun. `anywhere`: not only what this build can run.
///
/// # Errors
/// What is wrong with the plan.
pub fn cells(args: &Run, anywhere: bool) -> Result<Vec<Experiment>> {
    let (sweep, _) = sweep(args)?.without_repeats(&same_file);
    let (batches, skipped) =
        sweep.batches(&|experiment| if anywhere { Ok(()) } else { can_run(experiment, mpi::AVAILABLE) })?;
    if batches.is_empty() {
        return Err(nothing_to_measure(&skipped));
    }
    Ok(batches.iter().flat_map(Batch::cells).map(|cell| cell.experiment.clone()).collect())
}

fn can_run(experiment: &Experiment, has_mpi: bool) -> Result<()> {
    values::of(&experiment.dataset)?;
    h5lab_io::engine::supports(experiment, has_mpi)
}

fn nothing_to_measure(skipped: &[Skipped]) -> Failure {
    let why = skipped.iter().map(|s| format!("{}: {}", s.what, s.why)).collect::<Vec<_>>().join("; ");
    crate::usage(format!("no cell of this plan can be measured here: {why}")).mend("change the plan")
}

/// Plan or preset, then the flags.
fn sweep(args: &Run) -> Result<Sweep> {
    // Left empty to tell whether anybody set them.
    let base = Sweep { shape: Vec::new(), dtype: Vec::new(), np: Vec::new(), ..Sweep::default() };
    let mut sweep = match (&args.plan, &args.preset) {
        (Some(path), _) => {
            let text = plan_text(path)?;
            from_toml(&text, base).map_err(|f| f.at(path))?
        }
        (None, Some(name)) => presets::find(name)?,
        (None, None) => base,
    };
    args.keys.apply(&mut sweep)?;
    complete(&mut sweep)?;
    Ok(sweep)
}

fn plan_text(path: &Path) -> Result<String> {
    use std::io::ErrorKind;
    std::fs::read_to_string(path).map_err(|e| {
        let why = match e.kind() {
            ErrorKind::NotFound => "no such plan",
            ErrorKind::IsADirectory => "is a directory, not a plan",
            ErrorKind::InvalidData => "is not text in UTF-8, as TOML has to be",
            _ => return Failure::io("read the plan", path, &e),
        };
        Failure::new(FailureKind::Input, why).at(path).mend("name a TOML file, or use --preset")
    })
}

/// Gives a sweep that has no shape or element type those of its source, if it has one, or else the default's; and one
/// without rank counts that of the launcher, if there is one.
fn complete(sweep: &mut Sweep) -> Result<()> {
    let mut sources = Vec::new();
    for data in &mut sweep.data {
        if let DataChoice::From(source) = data {
            *source = values::located(source);
            sources.push(values::whole(source)?);
        }
    }
    let Sweep { shape, dtype, np, .. } = Sweep::default();
    if sweep.shape.is_empty() {
        sweep.shape = sources.first().map_or(shape, |source| vec![source.shape.clone()]);
    }
    if sweep.dtype.is_empty() {
        sweep.dtype = sources.first().map_or(dtype, |source| vec![source.dtype]);
    }
    if sweep.np.is_empty() {
        sweep.np = launch::ranks().map_or(np, |ranks| vec![ranks]);
    }
    Ok(())
}

fn count(batches: &[Batch]) -> usize {
    batches.iter().map(|batch| batch.cells().count()).sum()
}

/// Under a launcher: only the batches for the ranks that it started.
fn only_with(ranks: usize, batches: Vec<Batch>, asked: &[usize], skipped: &mut Vec<Skipped>) -> Result<Vec<Batch>> {
    let (fitting, others): (Vec<Batch>, Vec<Batch>) = batches.into_iter().partition(|batch| batch.np == ranks);
    if fitting.is_empty() {
        let why = format!("the launcher started {ranks} ranks, but the plan has np = {asked:?}");
        return Err(
            crate::usage(why).mend("start h5lab without a launcher, or with one of these rank counts, or add --np")
        );
    }
    for np in others.iter().map(|batch| batch.np).collect::<BTreeSet<_>>() {
        skipped.push(Skipped { what: format!("np {np}"), why: format!("the launcher started {ranks} ranks") });
    }
    Ok(fitting)
}

/// The records that need not be measured again.
fn held(save: Option<&Path>) -> Result<Vec<Record>> {
    match save {
        Some(path) if path.exists() => {
            let (records, bad) = journal::read(path)?;
            if bad > 0 {
                let lines = if bad == 1 { "line is no record" } else { "lines are no records" };
                note(&format!("{}: {bad} {lines}, and passed over", path.display()));
            }
            Ok(records)
        }
        _ => Ok(Vec::new()),
    }
}

fn left_to_do(batch: Batch, held: &[Record], here: &execute::Identity) -> Option<Batch> {
    let folder = std::path::absolute(&batch.folder).unwrap_or_else(|_| batch.folder.clone());
    let done = |cell: &Cell| {
        held.iter()
            .any(|r| r.failure.is_none() && r.file == folder && r.experiment == cell.experiment && here.matches(r))
    };
    batch.retain(|cell| !done(cell))
}

/// `done` is how many cells the result file holds, of how many.
fn say_what_is_left_out(skipped: &[Skipped], done: Option<(usize, usize)>, output: &Output) {
    if output.quiet || output.json {
        return;
    }
    for skip in skipped {
        say(format_args!("skipped: {}: {}", skip.what, skip.why));
    }
    match done {
        Some((done, asked)) if done == asked => {
            note(&format!("--resume: the result file holds all {}", counted(asked, "cell")))
        }
        Some((done, asked)) => note(&format!("--resume: the result file holds {done} of {}", counted(asked, "cell"))),
        None => {}
    }
}

/// A table for each folder and rank count, with what explains it.
fn show(records: &[Record], output: &Output) -> Result<()> {
    if output.json || output.quiet || records.is_empty() {
        return Ok(());
    }
    let group = |r: &Record| (r.file.clone(), r.experiment.np, r.experiment.dataset.clone());
    let mut groups: Vec<Vec<&Record>> = Vec::new();
    for record in records {
        match groups.iter_mut().find(|g| group(g[0]) == group(record)) {
            Some(members) => members.push(record),
            None => groups.push(vec![record]),
        }
    }
    for members in &groups {
        line(format_args!("\n{}, {}", dataset(members[0]), context(members)))?;
        print(format_args!("\n{}", sweep_table(members)))?;
        print(explanations(members))?;
    }
    warnings(records);
    Ok(())
}

/// Shape, element type and data, which all records of a table have in common.
fn dataset(record: &Record) -> String {
    let dataset = &record.experiment.dataset;
    let of = match (&dataset.data, &dataset.from) {
        (_, Some(source)) => format!("from {source}"),
        (Some(data), None) => data.kind.to_string(),
        (None, None) => "data".to_owned(),
    };
    printable(&format!("{} {} {of}", dataset.shape, dataset.dtype))
}

/// The first failure of a cell, or a mismatch.
pub fn verdict(records: &[Record]) -> Result<()> {
    mismatch(records)?;
    let mut failed = records.iter().filter_map(|r| Some((r, r.failure.as_ref()?)));
    let Some((record, first)) = failed.next() else { return Ok(()) };
    let (number, what) = (1 + failed.count(), record.experiment.in_words());
    let bare = Failure { stack: Vec::new(), mend: None, ..first.clone() };
    let why = format!("{number} of {} failed; the first, {what}: {bare}", counted(records.len(), "cell"));
    Err(Failure { stack: first.stack.clone(), mend: first.mend.clone(), ..Failure::new(first.kind, why) })
}

/// Measures one record's experiment again, and shows both.
pub fn rerun(args: Rerun, output: &Output) -> Result<()> {
    let lines = journal::lines(&args.records)?;
    let input = |why: String| Err(Failure::new(FailureKind::Input, why).at(&args.records));
    let old = match lines.get(args.cell as usize - 1) {
        Some(Some(record)) => record.clone(),
        Some(None) => {
            return input(format!("line {} is no record, or one of a newer h5lab", args.cell))
                .map_err(|f| f.mend("choose another --cell"));
        }
        None => {
            return input(format!("there is no record {}: the file holds {}", args.cell, lines.len()))
                .map_err(|f| f.mend("count from 1; `h5lab run --save` writes one record a line"));
        }
    };
    let runner = Runner::new(&[old.experiment.np])?;
    let execution =
        Execution { runner: &runner, output, on_error: OnError::Stop, save: args.save.as_deref(), live: None };
    let batch = batch_of(&old)?;
    h5lab_io::engine::supports(&old.experiment, runner.has_mpi())?;
    forecast::check_folders(std::slice::from_ref(&batch))?;
    let new = execution.all(&[batch])?;
    if runner.speaks() && !output.json && !output.quiet {
        let both: Vec<&Record> = std::iter::once(&old).chain(&new).collect();
        line(format_args!("\n{}", context(&both)))?;
        print(format_args!("\n{}", sweep_table(&both)))?;
        print(explanations(&both))?;
        line(format_args!("\nfirst row: the record of {}; second row: now", old.created))?;
    }
    verdict(&new)
}

/// A batch that measures this record's experiment alone.
fn batch_of(record: &Record) -> Result<Batch> {
    let e = &record.experiment;
    let folder = folder_of(record);
    let reads = e.direction == Direction::Read;
    let write = Experiment {
        direction: Direction::Write,
        access: h5lab_core::access::Access::Rows,
        cache: h5lab_core::experiment::CacheWanted::AsFound,
        ..e.clone()
    };
    if !e.dataset.has_known_values() {
        return Err(Failure::new(FailureKind::Input, "this record's data is not h5lab's own: it can't be made again"));
    }
    let file = FileCells {
        write: Cell { index: 0, experiment: if reads { write } else { e.clone() } },
        write_measured: !reads,
        reads: if reads { vec![Cell { index: 1, experiment: e.clone() }] } else { vec![] },
    };
    let ceiling = record.ceiling.is_some();
    Ok(Batch {
        folder,
        np: e.np,
        mpi_io: e.tunables.mpi_io,
        repeat: e.repeat,
        ceiling,
        from_memory: false,
        files: vec![file],
    })
}

/// Where a record's files were: those of a sweep have its folder as their file, others are named.
fn folder_of(record: &Record) -> PathBuf {
    let of_a_sweep = matches!(record.command.get(1).map(String::as_str), Some("run" | "rerun"));
    match record.file.parent() {
        Some(parent) if !of_a_sweep && !record.file.is_dir() => parent.to_owned(),
        _ => record.file.clone(),
    }
}
