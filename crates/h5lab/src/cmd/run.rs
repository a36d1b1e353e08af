//! `h5lab run`: a sweep, from its plan to its tables; `h5lab rerun`: one cell of it again.

mod execute;
mod forecast;
mod presets;

use crate::cli::{Output, Rerun, Run};
use crate::launch::Runner;
use crate::output::{context, mismatch, note, warnings};
use execute::Execution;
use h5lab_core::experiment::{Direction, Experiment};
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::prediction::Conditions;
use h5lab_core::record::Record;
use h5lab_core::report::sweep::{explanations, sweep_table};
use h5lab_core::sweep::{Batch, Cell, DataChoice, FileCells, OnError, Skipped, Sweep, from_toml};
use h5lab_io::{journal, values};
use std::path::Path;

/// Runs a sweep.
pub fn run(args: Run, output: &Output) -> Result<()> {
    if args.presets {
        presets::list();
        return Ok(());
    }
    let sweep = sweep(&args)?;
    let runner = Runner::new(&sweep.np)?;
    let (mut batches, skipped) = sweep.batches(&|experiment| {
        values::of(&experiment.dataset)?;
        h5lab_io::engine::supports(experiment, runner.has_mpi())
    })?;
    if let Some(ranks) = runner.fixed_count() {
        batches = only_with(ranks, batches, &sweep.np)?;
    }
    if batches.is_empty() {
        let why = skipped.iter().map(|s| format!("{}: {}", s.what, s.why)).collect::<Vec<_>>().join("; ");
        return Err(crate::usage(format!("no cell of this plan can be measured here: {why}")).mend("change the plan"));
    }
    let held = if args.resume { held(args.save.as_deref())? } else { Vec::new() };
    let here = execute::identity()?;
    let batches: Vec<Batch> = batches.into_iter().filter_map(|b| left_to_do(b, &held, &here)).collect();
    let speaks = runner.speaks();
    if speaks {
        say_what_is_left_out(&skipped, &held, output);
    }
    if args.dry_run {
        if speaks {
            forecast::print(&batches, &|e| Conditions::expected(e, here.hdf5(), runner.has_mpi()), output);
        }
        return forecast::check_room(&batches);
    }
    forecast::check_room(&batches)?;
    let execution = Execution { runner: &runner, output, on_error: sweep.on_error, save: args.save.as_deref() };
    let records = execution.all(&batches)?;
    if !speaks {
        return Ok(());
    }
    show(&records, output);
    verdict(&records)
}

/// Plan or preset, then the flags.
fn sweep(args: &Run) -> Result<Sweep> {
    // Left empty to tell whether anybody set them.
    let base = Sweep { shape: Vec::new(), dtype: Vec::new(), ..Sweep::default() };
    let mut sweep = match (&args.plan, &args.preset) {
        (Some(path), _) => {
            let text = std::fs::read_to_string(path).map_err(|e| {
                let kind =
                    if e.kind() == std::io::ErrorKind::NotFound { FailureKind::Input } else { FailureKind::Storage };
                Failure::new(kind, format!("the plan can't be read: {e}"))
                    .at(path)
                    .mend("name a TOML file, or use --preset")
            })?;
            from_toml(&text, base).map_err(|f| f.at(path))?
        }
        (None, Some(name)) => presets::find(name)?,
        (None, None) => base,
    };
    for (key, values) in &args.keys.given {
        sweep.set(key, values).map_err(|mut failure| {
            failure.message = format!("--{}", failure.message);
            failure
        })?;
    }
    complete(&mut sweep)?;
    Ok(sweep)
}

/// Gives a sweep that has no shape or element type those of its source, if it has one, or else the default's.
fn complete(sweep: &mut Sweep) -> Result<()> {
    let mut sources = Vec::new();
    for data in &sweep.data {
        if let DataChoice::From(source) = data {
            sources.push(values::whole(source)?);
        }
    }
    let Sweep { shape, dtype, .. } = Sweep::default();
    if sweep.shape.is_empty() {
        sweep.shape = sources.first().map_or(shape, |source| vec![source.shape.clone()]);
    }
    if sweep.dtype.is_empty() {
        sweep.dtype = sources.first().map_or(dtype, |source| vec![source.dtype]);
    }
    Ok(())
}

/// Under a launcher: only the batches for the ranks that it started.
fn only_with(ranks: usize, batches: Vec<Batch>, asked: &[usize]) -> Result<Vec<Batch>> {
    let fitting: Vec<Batch> = batches.into_iter().filter(|batch| batch.np == ranks).collect();
    if fitting.is_empty() {
        let why = format!("the launcher started {ranks} ranks, but the plan has np = {asked:?}");
        return Err(
            crate::usage(why).mend("start h5lab without a launcher, or with one of these rank counts, or add --np")
        );
    }
    Ok(fitting)
}

/// The records that need not be measured again.
fn held(save: Option<&Path>) -> Result<Vec<Record>> {
    match save {
        Some(path) if path.exists() => {
            let (records, bad) = journal::read(path)?;
            if bad > 0 {
                note(&format!("{}: {bad} lines are no records and are passed over", path.display()));
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

fn say_what_is_left_out(skipped: &[Skipped], held: &[Record], output: &Output) {
    if output.quiet || output.json {
        return;
    }
    for skip in skipped {
        eprintln!("skipped: {}: {}", skip.what, skip.why);
    }
    if !held.is_empty() {
        note(&format!(
            "--resume: the result file holds {} records; cells that are among them are left out",
            held.len()
        ));
    }
}

/// A table for each folder and rank count, with what explains it.
fn show(records: &[Record], output: &Output) {
    if output.json || output.quiet || records.is_empty() {
        return;
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
        println!("\n{}", context(members[0]));
        print!("\n{}", sweep_table(members));
        print!("{}", explanations(members));
    }
    warnings(records);
}

/// The first failure of a cell, or a mismatch.
fn verdict(records: &[Record]) -> Result<()> {
    mismatch(records)?;
    let failed: Vec<&Failure> = records.iter().filter_map(|r| r.failure.as_ref()).collect();
    match failed.first() {
        None => Ok(()),
        Some(&first) => {
            let mut failure = first.clone();
            failure.message =
                format!("{} of {} cells failed; the first: {}", failed.len(), records.len(), first.message);
            Err(failure)
        }
    }
}

/// Measures one record's experiment again, and shows both.
pub fn rerun(args: Rerun, output: &Output) -> Result<()> {
    let (records, _) = journal::read(&args.records)?;
    let old = records.get(args.cell as usize - 1).cloned().ok_or_else(|| {
        Failure::new(FailureKind::Input, format!("there is no record {}: the file holds {}", args.cell, records.len()))
            .at(&args.records)
            .mend("count from 1; `h5lab run --save` writes one record a line")
    })?;
    let runner = Runner::new(&[old.experiment.np])?;
    let execution = Execution { runner: &runner, output, on_error: OnError::Stop, save: args.save.as_deref() };
    let new = execution.all(&[batch_of(&old)?])?;
    if runner.speaks() && !output.json && !output.quiet {
        let both: Vec<&Record> = std::iter::once(&old).chain(&new).collect();
        println!("\n{}", context(&old));
        print!("\n{}", sweep_table(&both));
        print!("{}", explanations(&both));
        println!("\nfirst row: the record of {}; second row: now", old.created);
    }
    verdict(&new)
}

/// A batch that measures this record's experiment alone.
fn batch_of(record: &Record) -> Result<Batch> {
    let e = &record.experiment;
    let folder = if record.file.is_dir() {
        record.file.clone()
    } else {
        record.file.parent().map(Path::to_owned).unwrap_or_default()
    };
    let folder = if folder.as_os_str().is_empty() { ".".into() } else { folder };
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
    Ok(Batch { folder, np: e.np, mpi_io: e.tunables.mpi_io, repeat: e.repeat, ceiling, files: vec![file] })
}
