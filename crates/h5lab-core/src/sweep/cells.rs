//! From lists to cells: what is measured, in which order, and what is left out and why.

use super::{ChunkChoice, DataChoice, Interleave, Sweep};
use crate::access::Access;
use crate::dataset::{Dataset, Dtype, Shape};
use crate::experiment::{CacheWanted, Direction, Experiment};
use crate::failure::{Failure, Result};
use crate::generate::Data;
use crate::layout::{Layout, guess_chunk};
use crate::method::Method;
use crate::tunables::{AllocationTime, MpiIo, Tunables};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// One experiment of a sweep, in one folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Its number, counted from 0 in the order of the sweep.
    pub index: usize,
    /// What is measured.
    pub experiment: Experiment,
}

/// The cells of one file: its write, and the reads that follow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FileCells {
    /// How the file is written.
    pub write: Cell,
    /// False if the write is only made because reads need its file.
    pub write_measured: bool,
    /// How it is read, warm reads before cold ones.
    pub reads: Vec<Cell>,
}

/// Cells that are measured in turns, round by round, by one group of ranks in one folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// The folder.
    #[serde(serialize_with = "crate::lossy::path")]
    pub folder: PathBuf,
    /// Ranks.
    pub np: usize,
    /// MPI-IO component, which is chosen when the ranks start.
    pub mpi_io: Option<MpiIo>,
    /// Rounds.
    pub repeat: usize,
    /// Whether the posix ceiling is measured beside each cell.
    pub ceiling: bool,
    /// Whether warm reads find the data in memory, but not in the processors' caches.
    pub from_memory: bool,
    /// The files, one after the other in each round.
    pub files: Vec<FileCells>,
}

/// A combination that is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// What it is.
    pub what: String,
    /// Why it cannot be.
    pub why: String,
}

impl Batch {
    /// All measured cells.
    pub fn cells(&self) -> impl Iterator<Item = &Cell> {
        self.files.iter().flat_map(|f| f.write_measured.then_some(&f.write).into_iter().chain(&f.reads))
    }

    /// The measured cells that fail if this one does: itself, and the reads of the file that it writes.
    pub fn depending_on(&self, index: usize) -> Vec<&Cell> {
        let file = self.files.iter().find(|f| f.write.index == index);
        match file {
            Some(file) => file.write_measured.then_some(&file.write).into_iter().chain(&file.reads).collect(),
            None => self.cells().filter(|cell| cell.index == index).collect(),
        }
    }

    /// Only the cells that `wanted` holds for; `None` if there are none left.
    pub fn retain(mut self, wanted: impl Fn(&Cell) -> bool) -> Option<Batch> {
        for file in &mut self.files {
            file.write_measured &= wanted(&file.write);
            file.reads.retain(&wanted);
        }
        self.files.retain(|file| file.write_measured || !file.reads.is_empty());
        (!self.files.is_empty()).then_some(self)
    }
}

/// The settings of one file of a sweep.
struct FileSettings<'a> {
    method: Method,
    layout: Layout,
    dataset: &'a Dataset,
    split: crate::split::Split,
    fsync: bool,
    buffer: u64,
    tunables: Tunables,
}

impl Sweep {
    /// The batches of the sweep, and what is left out. `supports` says whether an experiment can run here at all.
    ///
    /// In a batch the methods, accesses and cache states of one layout, or of all, are measured in turns, round by round,
    /// so that drift hits them alike; what is compared across batches is compared by its share of the ceiling, which is
    /// measured in each of them. A batch of one layout is done sooner, so less is lost if the sweep is stopped.
    ///
    /// # Errors
    /// The first shape that cannot be made.
    pub fn batches(&self, supports: &dyn Fn(&Experiment) -> Result<()>) -> Result<(Vec<Batch>, Vec<Skipped>)> {
        let (mut batches, mut skipped, mut next) = (Vec::new(), Vec::new(), 0);
        for (folder, np, mpi_io) in product3(&self.path, &self.np, &self.mpi_io) {
            for dataset in self.datasets()? {
                for (number, layout) in self.layouts(&dataset, &mut skipped).into_iter().enumerate() {
                    let files: Vec<FileCells> = self
                        .settings(&dataset, &layout, mpi_io)
                        .into_iter()
                        // A method without layouts is measured once.
                        .filter(|settings| settings.method.is_hdf5() || number == 0)
                        .filter_map(|settings| self.file(settings, np, supports, &mut next, &mut skipped))
                        .collect();
                    let (folder, repeat, ceiling) = (folder.clone(), self.repeat, self.ceiling);
                    self.add(&mut batches, Batch { folder, np, mpi_io, repeat, ceiling, from_memory: false, files });
                }
            }
        }
        Ok((batches, skipped))
    }

    /// Adds a batch, or its files to the last one if they are to be measured in turns with that.
    fn add(&self, batches: &mut Vec<Batch>, batch: Batch) {
        let group = |b: &Batch| (b.folder.clone(), b.np, b.mpi_io);
        match batches.last_mut() {
            _ if batch.files.is_empty() => {}
            Some(last) if self.interleave == Interleave::Plan && group(last) == group(&batch) => {
                last.files.extend(batch.files)
            }
            _ => batches.push(batch),
        }
    }

    fn datasets(&self) -> Result<Vec<Dataset>> {
        let mut datasets = Vec::new();
        for (shape, dtype, data) in product3(&self.shape, &self.dtype, &self.data) {
            datasets.push(self.dataset(&shape, dtype, &data)?);
        }
        Ok(datasets)
    }

    fn dataset(&self, shape: &Shape, dtype: Dtype, data: &DataChoice) -> Result<Dataset> {
        let (data, from) = match data {
            DataChoice::Kind(kind) => (Some(Data { kind: *kind, seed: self.seed, stamp_ranks: None }), None),
            DataChoice::From(source) => (None, Some(source.clone())),
        };
        Ok(Dataset { name: "data".into(), shape: Shape::to_create(shape.0.clone(), dtype)?, dtype, data, from })
    }

    /// The layouts that fit the dataset, each once.
    fn layouts(&self, dataset: &Dataset, skipped: &mut Vec<Skipped>) -> Vec<Layout> {
        let mut layouts: Vec<Layout> = Vec::new();
        for chunk in &self.chunk {
            for filters in &self.filter {
                let layout = match chunk {
                    ChunkChoice::Contiguous if filters.is_empty() || self.filter.len() > 1 => Layout::Contiguous,
                    ChunkChoice::Contiguous => {
                        let what = format!("contiguous with {}", crate::filter::joined(filters));
                        skip(skipped, what, "a contiguous dataset has no filters".into());
                        continue;
                    }
                    ChunkChoice::Auto => {
                        Layout::Chunked { chunk: guess_chunk(&dataset.shape, dataset.dtype), filters: filters.clone() }
                    }
                    ChunkChoice::Shape(shape) => Layout::Chunked { chunk: shape.0.clone(), filters: filters.clone() },
                };
                match layout.check(&dataset.shape, dataset.dtype) {
                    Ok(()) if layouts.contains(&layout) => {}
                    Ok(()) => layouts.push(layout),
                    Err(why) => skip(skipped, format!("{} {} as {layout}", dataset.shape, dataset.dtype), why.message),
                }
            }
        }
        layouts
    }

    fn settings<'a>(&self, dataset: &'a Dataset, layout: &Layout, mpi_io: Option<MpiIo>) -> Vec<FileSettings<'a>> {
        let mut all = Vec::new();
        for (method, split, fsync) in product3(&self.method, &self.split, &self.fsync) {
            for (buffer, alignment, allocation_time) in product3(&self.buffer, &self.alignment, &self.allocation_time) {
                let tunables = self.tunables(alignment, allocation_time, mpi_io);
                all.extend(tunables.into_iter().map(|tunables| FileSettings {
                    method,
                    layout: if method.is_hdf5() { layout.clone() } else { Layout::Contiguous },
                    dataset,
                    split,
                    fsync,
                    buffer,
                    tunables,
                }));
            }
        }
        all
    }

    /// The products of all other tunables with these.
    fn tunables(
        &self,
        alignment: Option<u64>,
        allocation_time: Option<AllocationTime>,
        mpi_io: Option<MpiIo>,
    ) -> Vec<Tunables> {
        let mut all = Vec::new();
        for (chunk_cache_bytes, chunk_cache_slots, collective_metadata) in
            product3(&self.chunk_cache_bytes, &self.chunk_cache_slots, &self.collective_metadata)
        {
            for (fill_time, subfiles, subfile_stripe) in product3(&self.fill_time, &self.subfiles, &self.subfile_stripe)
            {
                all.extend(product3(&self.threads, &self.direct_io, &[()]).into_iter().map(
                    |(threads, direct_io, ())| Tunables {
                        alignment,
                        chunk_cache_bytes,
                        chunk_cache_slots,
                        collective_metadata,
                        allocation_time,
                        fill_time,
                        mpi_io,
                        subfiles,
                        subfile_stripe,
                        threads,
                        direct_io,
                        hints: self.hints.clone(),
                    },
                ));
            }
        }
        all
    }

    /// The cells of one file; `None` if it can't be written here.
    fn file(
        &self,
        settings: FileSettings<'_>,
        np: usize,
        supports: &dyn Fn(&Experiment) -> Result<()>,
        next: &mut usize,
        skipped: &mut Vec<Skipped>,
    ) -> Option<FileCells> {
        let write = self.experiment(&settings, np, Direction::Write, &self.write, CacheWanted::AsFound);
        if let Err(why) = possible(&write, supports) {
            skip(skipped, write.in_words(), why.message);
            return None;
        }
        let mut number = |experiment| {
            *next += 1;
            Cell { index: *next - 1, experiment }
        };
        let write = number(write);
        let mut caches = self.cache.clone();
        caches.sort_by_key(|cache| *cache == CacheWanted::Cold);
        let mut reads = Vec::new();
        for cache in caches {
            for access in &self.access {
                let read = self.experiment(&settings, np, Direction::Read, access, cache);
                match possible(&read, supports) {
                    Ok(()) => reads.push(number(read)),
                    Err(why) => skip(skipped, read.in_words(), why.message),
                }
            }
        }
        Some(FileCells { write, write_measured: true, reads })
    }

    fn experiment(
        &self,
        settings: &FileSettings<'_>,
        np: usize,
        direction: Direction,
        access: &Access,
        cache: CacheWanted,
    ) -> Experiment {
        Experiment {
            direction,
            dataset: settings.dataset.clone(),
            layout: settings.layout.clone(),
            access: access.clone(),
            split: settings.split,
            method: settings.method,
            np,
            cache,
            fsync: settings.fsync && direction == Direction::Write,
            repeat: self.repeat,
            buffer: settings.buffer,
            tunables: settings.tunables.clone(),
        }
    }
}

fn possible(experiment: &Experiment, supports: &dyn Fn(&Experiment) -> Result<()>) -> Result<(), Failure> {
    experiment.check()?;
    supports(experiment)
}

fn skip(skipped: &mut Vec<Skipped>, what: String, why: String) {
    let entry = Skipped { what, why };
    if !skipped.contains(&entry) {
        skipped.push(entry);
    }
}

/// All triples, the last list fastest.
fn product3<A: Clone, B: Clone, C: Clone>(a: &[A], b: &[B], c: &[C]) -> Vec<(A, B, C)> {
    let mut all = Vec::with_capacity(a.len() * b.len() * c.len());
    for a in a {
        for b in b {
            all.extend(c.iter().map(|c| (a.clone(), b.clone(), c.clone())));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::FailureKind;

    fn sweep(plan: &str) -> Sweep {
        super::super::from_toml(plan, Sweep::default()).unwrap()
    }

    #[test]
    fn lists_multiply() {
        let sweep = sweep(
            "shape='20x40x50'\nmethod=['independent','posix']\nchunk=['contiguous','1x40x50']\naccess=['projection','sinogram']\n\
             np=[1,2]\ncache=['cold','warm']",
        );
        let (batches, skipped) = sweep.batches(&|_| Ok(())).unwrap();
        assert_eq!((batches.len(), skipped.len()), (4, 0));
        let cells: Vec<_> = batches.iter().flat_map(Batch::cells).collect();
        assert_eq!(cells.len(), (2 + 1) * 2 * (1 + 4), "posix has no layouts: it is measured once");
        assert!(cells.iter().enumerate().all(|(k, cell)| cell.index == k));
        let caches: Vec<_> = batches[0].files[0].reads.iter().map(|c| c.experiment.cache).collect();
        assert_eq!(caches, [CacheWanted::Warm, CacheWanted::Warm, CacheWanted::Cold, CacheWanted::Cold]);
    }

    #[test]
    fn a_plan_is_interleaved_as_a_whole_if_it_says_so() {
        let plan = "shape='20x40x50'\nmethod=['independent','posix']\nchunk=['contiguous','1x40x50']\nnp=[1,2]\npath=['a','b']\n";
        let (apart, _) = sweep(plan).batches(&|_| Ok(())).unwrap();
        let (together, _) = sweep(&format!("{plan}interleave='plan'")).batches(&|_| Ok(())).unwrap();
        assert_eq!((apart.len(), together.len()), (8, 4), "a folder and a rank count each");
        let cells = |batches: &[Batch]| batches.iter().flat_map(Batch::cells).cloned().collect::<Vec<_>>();
        assert_eq!(cells(&apart), cells(&together));
    }

    #[test]
    fn what_cannot_be_is_left_out_with_the_reason() {
        let sweep = sweep(
            "shape='20x40'\nmethod=['independent']\nchunk=['5x5x5','10x10']\nfilter=['none','gzip=1']\naccess=['roi:2x2']\nnp=2",
        );
        let no_filters = |e: &Experiment| match e.layout.filters() {
            [] => Ok(()),
            _ => Err(Failure::new(FailureKind::Usage, "independent + filter")),
        };
        let (batches, skipped) = sweep.batches(&no_filters).unwrap();
        let told = skipped.iter().map(|s| format!("{}: {}", s.what, s.why)).collect::<Vec<_>>().join("\n");
        assert!(told.contains("3 axes, but the dataset 20x40 has 2"), "{told}");
        assert!(told.contains("independent + filter"), "{told}");
        assert!(told.contains("roi:2x2@0x0 does not fit"), "{told}");
        assert_eq!(batches.iter().flat_map(Batch::cells).count(), 1);
    }

    #[test]
    fn cells_that_are_done_are_left_out_but_their_file_is_still_written() {
        let sweep = sweep("shape='20x40x50'\naccess=['projection','sinogram']");
        let (mut batches, _) = sweep.batches(&|_| Ok(())).unwrap();
        let left = batches.remove(0).retain(|cell| cell.index == 2).unwrap();
        assert_eq!(left.cells().map(|c| c.index).collect::<Vec<_>>(), [2]);
        assert!(!left.files[0].write_measured);
        assert!(left.retain(|_| false).is_none());
    }
}
