//! Where tiles go: chunks that are encoded and stored, a run of bytes in the file, or HDF5 itself.

use super::hands::Hands;
use crate::filter::{ChunkPlace, Pipeline};
use crate::h5::chunk_io;
use h5lab_core::failure::{Failure, Result};
use h5lab_core::region::Region;
use hdf5_metno as hdf5;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Takes a dataset's tiles. All threads hand them over at once.
pub(super) trait Target: Sync {
    /// Elements of a tile's buffer along each axis.
    fn sizes<'a>(&'a self, tile: &'a Region) -> &'a [u64];

    /// True if this tile must be handed over though nothing of it was ever written: filled with the fill value.
    fn wants(&self, tile: &Region) -> Result<bool>;

    /// Stores a tile; `bytes` has an element for each of [`Target::sizes`].
    fn write(&self, tile: &Region, hands: &mut Hands, bytes: &[u8]) -> Result<()>;
}

/// Chunks.
pub(super) struct NewChunks<'a> {
    pub(super) dataset: &'a hdf5::Dataset,
    /// Its path in the file, for messages.
    pub(super) name: &'a str,
    pub(super) path: &'a Path,
    pub(super) chunk: Vec<u64>,
    pub(super) pipeline: Pipeline,
}

impl Target for NewChunks<'_> {
    fn sizes<'a>(&'a self, _: &'a Region) -> &'a [u64] {
        &self.chunk
    }

    fn wants(&self, _: &Region) -> Result<bool> {
        Ok(false)
    }

    fn write(&self, tile: &Region, hands: &mut Hands, bytes: &[u8]) -> Result<()> {
        let fail = |e: hdf5::Error| crate::h5::failure(&e, "write a chunk", self.path);
        let stored = self.pipeline.encode(bytes, &mut hands.scratch).map_err(|e| {
            let place = ChunkPlace { path: self.path, dataset: self.name, offset: &tile.start, address: None };
            e.at(place).during("write a chunk")
        })?;
        chunk_io::write(self.dataset, &tile.start, stored.mask, stored.bytes).map_err(fail)
    }
}

/// One run of bytes, which has its space in the file.
pub(super) struct NewRun<'a> {
    pub(super) file: &'a File,
    pub(super) path: &'a Path,
    pub(super) offset: u64,
    pub(super) shape: Vec<u64>,
    pub(super) element: usize,
}

impl Target for NewRun<'_> {
    fn sizes<'a>(&'a self, tile: &'a Region) -> &'a [u64] {
        &tile.count
    }

    fn wants(&self, _: &Region) -> Result<bool> {
        Ok(true)
    }

    fn write(&self, tile: &Region, _: &mut Hands, bytes: &[u8]) -> Result<()> {
        let mut at = 0;
        for (first, length) in tile.runs(&self.shape) {
            let (offset, count) = (self.offset + first * self.element as u64, length as usize * self.element);
            let written = self.file.write_all_at(&bytes[at..at + count], offset);
            written.map_err(|e| Failure::io("write the values", self.path, &e))?;
            at += count;
        }
        Ok(())
    }
}
