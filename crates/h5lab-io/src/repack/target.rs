//! Where tiles go: a coder makes of a tile what is stored, and a store takes that: chunks, a run of bytes, another rank.

use super::hands::Hands;
use crate::filter::{ChunkPlace, Pipeline, Scratch};
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

/// Takes tiles as they are stored. All threads hand them over at once.
pub(super) trait Store: Sync {
    /// Takes a tile; `mask` has a bit for each filter that did not pay.
    fn store(&self, tile: &Region, mask: u32, stored: &[u8]) -> Result<()>;
}

/// A new dataset: how its tiles are coded, and who takes them then.
pub(super) struct Coded<'a> {
    pub(super) coder: &'a Coder<'a>,
    pub(super) store: &'a dyn Store,
}

/// Makes of a tile what is stored.
pub(super) struct Coder<'a> {
    /// The dataset's path in the file, for messages.
    pub(super) name: &'a str,
    pub(super) path: &'a Path,
    /// The chunk, and what it passes through; `None` for a run of bytes.
    pub(super) chunks: Option<(Vec<u64>, Pipeline)>,
}

impl Coder<'_> {
    fn encode<'h>(&self, tile: &Region, scratch: &'h mut Scratch, bytes: &'h [u8]) -> Result<(u32, &'h [u8])> {
        let Some((_, pipeline)) = &self.chunks else { return Ok((0, bytes)) };
        let stored = pipeline.encode(bytes, scratch).map_err(|e| {
            let place = ChunkPlace { path: self.path, dataset: self.name, offset: &tile.start, address: None };
            e.at(place).during("write a chunk")
        })?;
        Ok((stored.mask, stored.bytes))
    }
}

impl Target for Coded<'_> {
    fn sizes<'a>(&'a self, tile: &'a Region) -> &'a [u64] {
        self.coder.chunks.as_ref().map_or(&tile.count, |(chunk, _)| chunk)
    }

    /// A run of bytes is whole, and chunks that nothing was written to stay away.
    fn wants(&self, _: &Region) -> Result<bool> {
        Ok(self.coder.chunks.is_none())
    }

    fn write(&self, tile: &Region, hands: &mut Hands, bytes: &[u8]) -> Result<()> {
        let (mask, stored) = self.coder.encode(tile, &mut hands.scratch, bytes)?;
        self.store.store(tile, mask, stored)
    }
}

/// Chunks.
pub(super) struct NewChunks<'a> {
    pub(super) dataset: &'a hdf5::Dataset,
    pub(super) path: &'a Path,
}

impl Store for NewChunks<'_> {
    fn store(&self, tile: &Region, mask: u32, stored: &[u8]) -> Result<()> {
        let written = chunk_io::write(self.dataset, &tile.start, mask, stored);
        written.map_err(|e| crate::h5::failure(&e, "write a chunk", self.path))
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

impl Store for NewRun<'_> {
    fn store(&self, tile: &Region, _: u32, bytes: &[u8]) -> Result<()> {
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
