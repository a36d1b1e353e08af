//! Proofs: layouts really written and read, interleaved, round by round, the worse half left out as soon as it is known.

use super::told;
use crate::cmd::batch::record_of;
use crate::cmd::run::execute::Execution;
use crate::launch::Runner;
use crate::output::Show;
use crate::task::Settings;
use h5lab_core::access::Access;
use h5lab_core::advise::{Measured, Row, Verdict, Workload, clearly_best, survivors};
use h5lab_core::dataset::Dataset;
use h5lab_core::experiment::{CacheWanted, Direction, Experiment};
use h5lab_core::failure::Result;
use h5lab_core::layout::Layout;
use h5lab_core::method::Method;
use h5lab_core::record::Record;
use h5lab_core::split::Split;
use h5lab_core::sweep::{Batch, Cell, FileCells, OnError};
use h5lab_core::tunables::{DEFAULT_CHUNK_CACHE_BYTES, Tunables};
use h5lab_core::warning::Warning;
use h5lab_io::advise::aligned_buffer;
use h5lab_io::comm::Solo;
use h5lab_io::progress::Silent;
use h5lab_io::run::{Step, Team, run_batch};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

/// What proofs need to know.
pub struct Prover<'a> {
    pub workload: &'a Workload,
    /// The sample, whose values are in a file.
    pub sample: &'a Dataset,
    /// What it is a sample of.
    pub whole: &'a Dataset,
    pub method: Method,
    pub np: usize,
    pub cold: bool,
    pub max_memory: u64,
    /// Where layouts are written: a folder that is gone when all is proven.
    pub folder: &'a Path,
    /// The folder that it is in.
    pub place: &'a Path,
    pub deadline: Instant,
}

/// Rounds after which nothing more is learned.
const MOST_ROUNDS: usize = 11;
/// Rounds that the first two must have had before one is called the winner.
const LEAST_ROUNDS: usize = 3;
/// Rounds of all before the first are left out.
const FIRST_ROUNDS: usize = 2;

/// How often a file is read in a round: a write costs more than a read, and a read more than once tells what is noise.
const READS: usize = 3;

/// The layout on a smaller dataset.
pub fn clipped(layout: &Layout, shape: &[u64]) -> Layout {
    match layout {
        Layout::Contiguous => Layout::Contiguous,
        Layout::Chunked { chunk, filters } => Layout::Chunked {
            chunk: chunk.iter().zip(shape).map(|(c, n)| *c.min(n)).collect(),
            filters: filters.clone(),
        },
    }
}

impl Prover<'_> {
    /// Measures the rows in turns until the winner is clear or the time is up.
    pub fn prove(&self, mut rows: Vec<Row>, verdicts: &mut Vec<Verdict>, show: &mut Show<'_>) -> Result<Vec<Row>> {
        let shares = self.workload.shares();
        let mut records: BTreeMap<usize, Record> = BTreeMap::new();
        let mut among: Vec<usize> = (0..rows.len()).collect();
        let mut time_up = false;
        for round in 1..=MOST_ROUNDS {
            let begun = Instant::now();
            self.round(&mut rows, &among, &mut records)?;
            among.retain(|&i| rows[i].failure.is_none());
            if round >= FIRST_ROUNDS && round % 2 == 0 {
                among = survivors(&rows, &shares, &among);
            }
            if round >= LEAST_ROUNDS && clearly_best(&rows, &shares, &among) {
                break;
            }
            let left = self.deadline.saturating_duration_since(Instant::now()).as_secs_f64();
            // The next round has the same or fewer layouts.
            if left < begun.elapsed().as_secs_f64() * 1.1 {
                time_up = round < LEAST_ROUNDS;
                break;
            }
        }
        if time_up {
            let rounds = among.iter().filter_map(|&i| rows[i].measured.as_ref().map(Measured::rounds)).min();
            verdicts.push(Verdict::TimeUp { rounds: rounds.unwrap_or(0) });
        }
        for (_, record) in records {
            show.keep(self.lasting(record))?;
        }
        Ok(rows)
    }

    /// A record without the names of files that are gone: it can be measured again with values of the whole.
    fn lasting(&self, mut record: Record) -> Record {
        let dataset = &mut record.experiment.dataset;
        (dataset.data, dataset.from) = (self.whole.data, self.whole.from.clone());
        Record { file: self.place.to_owned(), ..record }
    }

    /// Measures each of these rows once.
    fn round(&self, rows: &mut [Row], among: &[usize], records: &mut BTreeMap<usize, Record>) -> Result<()> {
        let kinds = self.workload.reads.len();
        let cells_of_a_file = 1 + kinds * READS;
        let accesses = self.workload.accesses(&self.sample.shape.0)?;
        let files = among.iter().map(|&i| self.file(&rows[i], i * cells_of_a_file, &accesses)).collect();
        let batch = Batch {
            folder: self.folder.to_owned(),
            np: self.np,
            mpi_io: None,
            repeat: 1,
            ceiling: false,
            // The sample is small; what it stands for may not be.
            from_memory: true,
            files,
        };
        for (index, record) in self.measure(&batch)? {
            let (number, cell) = (index / cells_of_a_file, index % cells_of_a_file);
            // Repeated reads are one cell.
            let cell = if cell == 0 { 0 } else { 1 + (cell - 1) % kinds };
            let row = &mut rows[number];
            take(row, cell, &record, kinds);
            keep(records, number * cells_of_a_file + cell, record, predicted(row, cell));
        }
        Ok(())
    }

    fn file(&self, row: &Row, first: usize, accesses: &[Access]) -> FileCells {
        let layout = clipped(&row.layout, &self.sample.shape.0);
        let write = self.write(&layout);
        let read = |access: &Access| Experiment {
            direction: Direction::Read,
            access: access.clone(),
            cache: if self.cold { CacheWanted::Cold } else { CacheWanted::Warm },
            buffer: 1 << 30,
            tunables: Tunables::default(),
            ..write.clone()
        };
        let all = std::iter::repeat_n(accesses, READS).flatten();
        let reads = all.enumerate().map(|(k, access)| Cell { index: first + 1 + k, experiment: read(access) });
        FileCells {
            reads: reads.collect(),
            write: Cell { index: first, experiment: write.clone() },
            write_measured: true,
        }
    }

    /// The write of a writer who knows the chunks: its cache holds all that it has begun.
    fn write(&self, layout: &Layout) -> Experiment {
        let (shape, element) = (&self.sample.shape.0, self.sample.dtype.size() as u64);
        let mut tunables = Tunables::default();
        if let Layout::Chunked { chunk, .. } = layout {
            let padded: u64 = shape.iter().zip(chunk).skip(1).map(|(n, c)| n.div_ceil(*c) * c).product();
            let layer = padded * chunk[0] * element;
            let chunks: u64 = shape.iter().zip(chunk).map(|(n, c)| n.div_ceil(*c)).product();
            if layer > DEFAULT_CHUNK_CACHE_BYTES && self.np == 1 {
                tunables.chunk_cache_bytes = Some(layer.min(self.max_memory));
                tunables.chunk_cache_slots = Some(chunks.next_power_of_two().clamp(521, 1 << 22) + 1);
            }
        }
        Experiment {
            direction: Direction::Write,
            dataset: self.sample.clone(),
            layout: layout.clone(),
            access: self.workload.writes.clone(),
            split: Split::Axis(0),
            // Filters are written in parallel only together.
            method: if self.np > 1 { Method::Collective } else { self.method },
            np: self.np,
            cache: CacheWanted::AsFound,
            fsync: false,
            repeat: 1,
            buffer: aligned_buffer(shape, element, layout),
            tunables,
        }
    }

    fn measure(&self, batch: &Batch) -> Result<Vec<(usize, Record)>> {
        let settings = Settings {
            method: self.method,
            tunables: Tunables::default(),
            repeat: 1,
            buffer: 0,
            ceiling: false,
            command: crate::cmd::command_line(),
        };
        let mut found = Vec::new();
        if self.np > 1 {
            return Execution::records(&Runner::new(&[self.np])?, batch);
        }
        let team = Team { comm: &Solo, progress: &Silent, fault: None };
        run_batch(batch, self.folder, OnError::Continue, team, &mut |step| {
            if let Step::Finished(cell, outcome, failure) = step
                && let Some(record) = record_of(cell, outcome, failure, batch, &settings, team)?
            {
                found.push((cell.index, record));
            }
            Ok(())
        })?;
        Ok(found)
    }
}

/// Seconds of transfer that the model predicted for a cell.
fn predicted(row: &Row, cell: usize) -> f64 {
    if cell == 0 { row.on_sample.write } else { row.on_sample.passes[cell - 1] }
}

/// Adds a measurement to a row.
fn take(row: &mut Row, cell: usize, record: &Record, reads: usize) {
    if let Some(failure) = &record.failure {
        row.failure = Some(told(failure));
        return;
    }
    let Some(seconds) = record.samples.last().map(|sample| sample.duration().transfer) else { return };
    let measured =
        row.measured.get_or_insert_with(|| Measured { reads: vec![Vec::new(); reads], ..Measured::default() });
    if cell == 0 {
        // What is written into the cache is compressed when the file is closed.
        let close = record.samples.last().map_or(0.0, |sample| sample.duration().close);
        measured.writes.push(seconds + close);
        measured.stored = record.stored_bytes;
    } else {
        measured.reads[cell - 1].push(seconds / record.demand().requests.max(1) as f64);
    }
}

/// One record a cell, with the samples of all rounds.
fn keep(records: &mut BTreeMap<usize, Record>, index: usize, mut record: Record, predicted: f64) {
    record.predicted = Some(predicted);
    match records.get_mut(&index) {
        Some(before) => {
            before.samples.append(&mut record.samples);
            before.experiment.repeat += 1;
            before.warnings.retain(|warning| *warning != Warning::SingleSample);
            if before.failure.is_none() {
                before.failure = record.failure;
            }
        }
        None => {
            records.insert(index, record);
        }
    }
}
