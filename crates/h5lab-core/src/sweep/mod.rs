//! A plan that spans many experiments: lists of settings that multiply into cells.

mod cells;
mod keys;
mod parse;
mod repeats;

pub use cells::{Batch, Cell, FileCells, Skipped};
pub use keys::KEYS;
pub use parse::from_toml;

use crate::access::Access;
use crate::dataset::{Dtype, Shape, SourceFile};
use crate::experiment::CacheWanted;
use crate::filter::Filter;
use crate::generate::DataKind;
use crate::method::Method;
use crate::split::Split;
use crate::tunables::{AllocationTime, FillTime, MpiIo};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// How a dataset is cut, before its shape is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChunkChoice {
    /// Not at all.
    Contiguous,
    /// As h5py does for `chunks=True`.
    Auto,
    /// Into chunks of this shape, cut to the dataset's.
    Shape(Shape),
}

/// Where the values come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DataChoice {
    /// A rule.
    Kind(DataKind),
    /// A dataset of another file.
    From(SourceFile),
}

/// What happens to the rest of a sweep when a cell fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnError {
    /// It goes on.
    Continue,
    /// It ends.
    Stop,
}

/// What is measured in turns, round by round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Interleave {
    /// The cells of one layout; then those of the next.
    Layout,
    /// All cells that one group of ranks can measure in one folder.
    Plan,
}

/// A sweep: every list holds at least one value; the product of all lists are its cells.
///
/// Files are written with each method, layout, rank count and so on, and then read with each access and cache state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sweep {
    /// Shapes of the dataset.
    pub shape: Vec<Shape>,
    /// Element types.
    pub dtype: Vec<Dtype>,
    /// Where the values come from.
    pub data: Vec<DataChoice>,
    /// Seed of the values.
    pub seed: u64,
    /// Methods.
    pub method: Vec<Method>,
    /// Chunks.
    pub chunk: Vec<ChunkChoice>,
    /// Filter pipelines; contiguous datasets have none.
    pub filter: Vec<Vec<Filter>>,
    /// How files are written: rows, projection, full.
    pub write: Access,
    /// How they are read; with none, only writes are measured.
    pub access: Vec<Access>,
    /// How ranks share a dataset.
    pub split: Vec<Split>,
    /// Rank counts.
    pub np: Vec<usize>,
    /// Cache states of the reads.
    pub cache: Vec<CacheWanted>,
    /// Whether writes are flushed to the device.
    pub fsync: Vec<bool>,
    /// Folders to measure in.
    pub path: Vec<PathBuf>,
    /// Most bytes that a rank moves at once.
    pub buffer: Vec<u64>,
    /// Alignment of objects in the file.
    pub alignment: Vec<Option<u64>>,
    /// Chunk cache in bytes.
    pub chunk_cache_bytes: Vec<Option<u64>>,
    /// Slots of the chunk cache.
    pub chunk_cache_slots: Vec<Option<u64>>,
    /// Collective metadata.
    pub collective_metadata: Vec<Option<bool>>,
    /// Allocation time.
    pub allocation_time: Vec<Option<AllocationTime>>,
    /// Fill time.
    pub fill_time: Vec<Option<FillTime>>,
    /// MPI-IO component.
    pub mpi_io: Vec<Option<MpiIo>>,
    /// Number of subfiles.
    pub subfiles: Vec<Option<u32>>,
    /// Bytes of a subfile's stripe.
    pub subfile_stripe: Vec<Option<u64>>,
    /// Threads of a rank.
    pub threads: Vec<Option<u32>>,
    /// Whether the page cache is passed by.
    pub direct_io: Vec<Option<bool>>,
    /// MPI-IO hints.
    pub hints: BTreeMap<String, String>,
    /// How often each cell is measured.
    pub repeat: usize,
    /// Whether the posix ceiling is measured beside each cell.
    pub ceiling: bool,
    /// What is measured in turns.
    pub interleave: Interleave,
    /// What happens after a failure.
    pub on_error: OnError,
}

impl Default for Sweep {
    /// A small stack of images, written and read whole by one rank in the current folder.
    fn default() -> Self {
        Sweep {
            shape: vec![Shape(vec![64, 540, 640])],
            dtype: vec![Dtype::U16],
            data: vec![DataChoice::Kind(DataKind::Detector)],
            seed: 1,
            method: vec![Method::Independent],
            chunk: vec![ChunkChoice::Contiguous],
            filter: vec![vec![]],
            write: Access::Rows,
            access: vec![],
            split: vec![Split::Axis(0)],
            np: vec![1],
            cache: vec![CacheWanted::Warm],
            fsync: vec![false],
            path: vec![PathBuf::from(".")],
            buffer: vec![64 << 20],
            alignment: vec![None],
            chunk_cache_bytes: vec![None],
            chunk_cache_slots: vec![None],
            collective_metadata: vec![None],
            allocation_time: vec![None],
            fill_time: vec![None],
            mpi_io: vec![None],
            subfiles: vec![None],
            subfile_stripe: vec![None],
            threads: vec![None],
            direct_io: vec![None],
            hints: BTreeMap::new(),
            repeat: 5,
            ceiling: true,
            interleave: Interleave::Layout,
            on_error: OnError::Continue,
        }
    }
}
