//! A dataset as a place where tiles come from, or go to: which kind it is, and how it is tiled.

use super::crew::Work;
use super::job::Job;
use super::source::{Library, Run, Source, StoredChunks};
use super::target::{Coder, NewChunks, NewRun, Store};
use crate::filter::Pipeline;
use crate::h5::chunk_index::ChunkIndex;
use crate::h5::raw_data::{self, Storage};
use crate::h5::tree::{self, StorageKind, StorageNow, Values};
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::filter::Stage;
use h5lab_core::region::Region;
use h5lab_core::repack_plan::run_tile;
use hdf5_metno as hdf5;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::path::Path;

/// Most bytes of a tile of a dataset that has no chunks: large enough for any disk, small enough for the memory.
pub(super) fn run_bytes(work: &Work<'_>) -> u64 {
    (work.memory / 16).min(4 << 20)
}

/// An open file: as HDF5 has it, as bytes, and by name.
pub(super) struct Opened<'a> {
    pub(super) file: &'a hdf5::File,
    pub(super) bytes: &'a File,
    pub(super) path: &'a Path,
}

/// An open dataset that tiles are read from.
pub(super) struct From<'a> {
    pub(super) source: Box<dyn Source + 'a>,
    /// Elements of a tile along each axis.
    pub(super) tile: Vec<u64>,
    /// True if nothing was ever written: all its elements are the fill value.
    pub(super) empty: bool,
}

/// Opens the source side of a dataset with plain elements.
pub(super) fn from<'a>(
    opened: &'a Opened<'a>,
    dataset: &'a hdf5::Dataset,
    name: &'a str,
    now: &StorageNow,
    work: &Work<'_>,
) -> Result<From<'a>> {
    let (shape, element) = (now.shape.clone(), now.element.size());
    let run = run_tile(&shape, element as u64, run_bytes(work));
    let (path, file) = (opened.path, opened.bytes);
    let library = |tile| From { source: Box::new(Library { dataset, name, path }), tile, empty: false };
    match &now.kind {
        StorageKind::Chunked(chunk) => {
            let chunk_bytes = chunk.iter().product::<u64>() as usize * element;
            let Ok(pipeline) = Pipeline::of(&now.filters, chunk_bytes) else {
                // HDF5 decodes a whole chunk for any part of it.
                return Ok(library(chunk.clone()));
            };
            let index = ChunkIndex::if_listed(dataset, path)?.ok();
            let empty = index.as_ref().is_some_and(|index| index.stored().is_empty());
            let (chunk, edges_unfiltered) = (chunk.clone(), now.edges_unfiltered);
            let tile = chunk.clone();
            let source = StoredChunks { dataset, name, file, path, index, chunk, pipeline, edges_unfiltered };
            Ok(From { source: Box::new(source), tile, empty })
        }
        StorageKind::Contiguous => {
            let storage = raw_data::storage(dataset).map_err(|e| crate::h5::failure(&e, "find the values", path))?;
            match storage {
                Storage::Contiguous(None) => Ok(From { empty: true, ..library(run) }),
                Storage::Contiguous(Some(offset)) => {
                    let source = Run { file, path, offset, shape, element };
                    Ok(From { source: Box::new(source), tile: run, empty: false })
                }
                _ => Ok(library(run)),
            }
        }
        _ => Ok(library(run)),
    }
}

/// How a new dataset is tiled and coded: what all ranks must know of it, which rank 0 alone has open.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Made {
    /// The dataset's number, so that ranks never speak of different ones.
    pub(super) number: usize,
    pub(super) tile: Vec<u64>,
    /// The filters that a chunk passes through; `None` for a run of bytes.
    filters: Option<Vec<Stage>>,
}

impl Made {
    /// Looks at a new dataset with plain elements.
    ///
    /// `run` is how it is tiled if it has no chunks.
    pub(super) fn of(dataset: &hdf5::Dataset, path: &Path, job: &Job, run: Vec<u64>) -> Result<Made> {
        let made = StorageNow::of(dataset).map_err(|e| crate::h5::failure(&e, "look at the new dataset", path))?;
        Ok(match made.kind {
            StorageKind::Chunked(chunk) => Made { number: job.number, tile: chunk, filters: Some(made.filters) },
            _ => Made { number: job.number, tile: run, filters: None },
        })
    }

    /// How its tiles are coded; `path` is the new file, for messages.
    pub(super) fn coder<'a>(&self, job: &'a Job, path: &'a Path) -> Result<Coder<'a>> {
        let bytes = self.tile.iter().product::<u64>() as usize * job.now.element.size();
        let pipeline = self.filters.as_ref().map(|filters| Pipeline::of(filters, bytes)).transpose();
        let pipeline = pipeline.map_err(|e| Failure::new(FailureKind::Input, e.to_string()).at(path))?;
        Ok(Coder { name: &job.name, path, chunks: pipeline.map(|pipeline| (self.tile.clone(), pipeline)) })
    }
}

/// Where a new dataset's tiles are stored.
///
/// `shape` is the new dataset's: a part has fewer elements than the source.
pub(super) fn store<'a>(
    opened: &'a Opened<'a>,
    dataset: &'a hdf5::Dataset,
    shape: &[u64],
    job: &Job,
) -> Result<Box<dyn Store + 'a>> {
    let path = opened.path;
    if dataset.is_chunked() {
        return Ok(Box::new(NewChunks { dataset, path }));
    }
    let storage = raw_data::storage(dataset).map_err(|e| crate::h5::failure(&e, "look at the new dataset", path))?;
    let Storage::Contiguous(Some(offset)) = storage else {
        let why = "a contiguous dataset without a place in the file";
        return Err(Failure::new(FailureKind::Internal, why).at(path));
    };
    let (shape, element) = (shape.to_vec(), job.now.element.size());
    Ok(Box::new(NewRun { file: opened.bytes, path, offset, shape, element }))
}

/// Lets HDF5 give a contiguous dataset its space in the file: it does so with the first element that is written.
///
/// The dataset must be opened anew afterwards: so no piece of it is left in HDF5's sieve buffer.
pub(super) fn allocate(source: &hdf5::Dataset, target: hdf5::Dataset, path: &Path) -> Result<()> {
    let axes = source.shape().len();
    let first = Region::new(vec![0; axes], vec![1; axes]);
    let written = Values::of_region(source, &first).and_then(|values| values.write(&target, &first));
    written.map_err(|e| crate::h5::failure(&e, "allocate the dataset", path))?;
    crate::h5::flush_dataset(&target, path)?;
    crate::h5::close_dataset(target, path)
}

/// Opens a dataset of an open file.
pub(super) fn dataset(opened: &Opened<'_>, address: u64) -> Result<hdf5::Dataset> {
    tree::open_dataset(opened.file, address).map_err(|e| crate::h5::failure(&e, "open a dataset", opened.path))
}
