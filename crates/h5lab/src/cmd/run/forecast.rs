//! What a sweep will take, before anything is opened: cells, bytes, disk, memory, time.

use crate::cli::Output;
use crate::output::{json, line};
use h5lab_core::amplification::Computed;
use h5lab_core::experiment::{Direction, Experiment};
use h5lab_core::failure::Result;
use h5lab_core::filter::{Filter, Packing};
use h5lab_core::plan::Plan;
use h5lab_core::prediction::Conditions;
use h5lab_core::report::{Table, bytes, counted, printable, seconds, significant};
use h5lab_core::sweep::Batch;
use h5lab_io::run;
use std::collections::BTreeMap;
use std::path::Path;

/// Bytes of a file beyond its dataset's, and of edge chunks, as a share of the dataset.
const OVERHEAD: f64 = 1.1;

/// Assumed when the time is guessed: what one core and a middling disk do. The result is labelled as a guess.
const TRANSFER: f64 = 500e6;
const START: f64 = 1.0;
const CALL: f64 = 100e-6;

/// What a batch takes.
#[derive(Default)]
struct Forecast {
    cells: u64,
    written: u64,
    peak_disk: u64,
    peak_memory: u64,
    seconds: f64,
}

fn forecast(batch: &Batch) -> Forecast {
    let mut all = Forecast { cells: batch.cells().count() as u64, seconds: START, ..Forecast::default() };
    let twice = if batch.ceiling { 2 } else { 1 };
    for file in &batch.files {
        let write = &file.write.experiment;
        let size = (write.dataset.bytes() as f64 * OVERHEAD) as u64;
        let rounds = batch.repeat as u64;
        all.written += write.dataset.bytes() * rounds * if file.write_measured { twice } else { 1 };
        all.peak_disk = all.peak_disk.max(size * if file.write_measured { twice } else { 1 });
        all.seconds += once(write, batch.ceiling && file.write_measured) * rounds as f64;
        for read in &file.reads {
            let e = &read.experiment;
            all.seconds += once(e, batch.ceiling) * rounds as f64;
        }
        let memory = |e: &Experiment| (0..e.np).map(|rank| Plan::new(e).largest_step(rank)).sum::<u64>();
        let most = file.reads.iter().map(|c| memory(&c.experiment)).chain([memory(write)]).max();
        all.peak_memory = all.peak_memory.max(most.unwrap_or(0));
    }
    all
}

/// A guess of the seconds that measuring an experiment once takes, with its ceiling.
pub fn once(e: &Experiment, ceiling: bool) -> f64 {
    duration(e)
        * match (ceiling, e.direction) {
            (false, _) => 1.0,
            (true, Direction::Write) => 2.0,
            (true, Direction::Read) => 1.5,
        }
}

/// A guess of the seconds that one pass takes.
fn duration(e: &Experiment) -> f64 {
    let demand = Plan::new(e).total();
    let paces = e.layout.filters().iter().map(|filter| pace(filter, e.direction)).chain([TRANSFER]);
    let rate = paces.fold(f64::INFINITY, f64::min);
    demand.bytes_touched as f64 / rate + (demand.steps + demand.chunks_touched) as f64 * CALL
}

/// Assumed as well: bytes a second that a core writes or reads through a filter of libhdf5.
fn pace(filter: &Filter, direction: Direction) -> f64 {
    let (write, read) = match filter {
        Filter::Shuffle | Filter::Fletcher32 | Filter::Bitshuffle(Packing::None) => (2e9, 2e9),
        Filter::Lz4 | Filter::Bitshuffle(Packing::Lz4) => (500e6, 1e9),
        Filter::Lzf | Filter::Zstd(..4) | Filter::Bitshuffle(Packing::Zstd(..4)) => (200e6, 500e6),
        Filter::Gzip(_) | Filter::Zstd(_) | Filter::Bitshuffle(_) | Filter::Unknown { .. } => (30e6, 200e6),
    };
    if direction == Direction::Write { write } else { read }
}

/// Refuses a sweep in folders that are not there or have no room for it.
///
/// # Errors
/// `Storage`, naming what is needed and what is free.
pub fn check_folders(batches: &[Batch]) -> Result<()> {
    let mut needed: BTreeMap<&Path, u64> = BTreeMap::new();
    for batch in batches {
        let most = needed.entry(&batch.folder).or_default();
        *most = (*most).max(forecast(batch).peak_disk);
    }
    needed.into_iter().try_for_each(|(folder, bytes)| {
        run::check_folder(folder)?;
        run::check_room(folder, bytes).map_err(|f| f.mend("choose another --path, a smaller --shape, or free space"))
    })
}

/// The conditions that an experiment is going to meet.
type Expected<'a> = &'a dyn Fn(&Experiment) -> Conditions;

/// Prints every batch with its cells, and the sums. As JSON, each batch has what was `computed` for its cells, in order.
///
/// # Errors
/// Those of [`crate::output::print`].
pub fn print(batches: &[Batch], expected: Expected<'_>, output: &Output) -> Result<()> {
    if output.quiet {
        return Ok(());
    }
    let computed: Vec<Vec<Computed>> = batches
        .iter()
        .map(|batch| batch.cells().map(|c| Computed::of(&c.experiment, &expected(&c.experiment), None)).collect())
        .collect();
    if output.json {
        for (batch, computed) in batches.iter().zip(computed) {
            json(&Shown { batch, computed })?;
        }
        return Ok(());
    }
    crate::output::print(cells(batches, &computed))?;
    let sum = batches.iter().map(forecast).fold(Forecast::default(), |a, b| Forecast {
        cells: a.cells + b.cells,
        written: a.written + b.written,
        peak_disk: a.peak_disk.max(b.peak_disk),
        peak_memory: a.peak_memory.max(b.peak_memory),
        seconds: a.seconds + b.seconds,
    });
    let rounds = batches.iter().map(|b| b.repeat).max().unwrap_or(0);
    let of_batch = |(batch, cells): (&Batch, &Vec<Computed>)| {
        cells.iter().filter_map(|c| c.bytes_to_read).sum::<u64>() * batch.repeat as u64
    };
    let read: u64 = batches.iter().zip(&computed).map(of_batch).sum();
    let (batches, rounds) = (counted(batches.len(), "batch"), counted(rounds, "round"));
    line(format_args!("\ncells           {} in {batches}, {rounds} each", sum.cells))?;
    line(format_args!("to be written   {} (ceilings included)", bytes(sum.written)))?;
    line(format_args!("to be read      {} (compressed chunks with their size before)", bytes(read)))?;
    line(format_args!("peak disk       {}", bytes(sum.peak_disk)))?;
    line(format_args!("peak memory     {} of data, all ranks together", bytes(sum.peak_memory)))?;
    line(format_args!(
        "time            about {} s, a guess from typical speeds, not from this machine",
        seconds(sum.seconds)
    ))
}

#[derive(serde::Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    batch: &'a Batch,
    computed: Vec<Computed>,
}

fn cells(batches: &[Batch], computed: &[Vec<Computed>]) -> String {
    let mut table = Table::new()
        .number("cell")
        .word("path")
        .number("np")
        .word("")
        .word("method")
        .word("layout")
        .word("access")
        .word("cache")
        .number("chunks")
        .number("asked")
        .number("to read")
        .number("read ampl.");
    let mut count = 0;
    for (batch, computed) in batches.iter().zip(computed) {
        for (cell, computed) in batch.cells().zip(computed) {
            count += 1;
            let e = &cell.experiment;
            let write = e.direction == Direction::Write;
            let about = if computed.extrapolated { "~" } else { "" };
            let number = |value: Option<String>| value.map_or("-".into(), |text| format!("{about}{text}"));
            table.row([
                count.to_string(),
                printable(&batch.folder.display().to_string()),
                batch.np.to_string(),
                if write { "write" } else { "read" }.into(),
                e.method.to_string(),
                e.layout.to_string(),
                e.access.to_string(),
                if write { "-".into() } else { format!("{:?}", e.cache).to_lowercase() },
                if computed.chunks_touched == 0 { "-".into() } else { computed.chunks_touched.to_string() },
                bytes(computed.bytes_asked),
                number(computed.bytes_to_read.map(bytes)),
                number(computed.amplification().map(significant)),
            ]);
        }
    }
    table.render()
}
