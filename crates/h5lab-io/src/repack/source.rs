//! Where tiles come from: stored chunks, a run of bytes in the file, or HDF5 itself.

use super::hands::Hands;
use crate::filter::{ChunkPlace, Pipeline};
use crate::h5::chunk_index::ChunkIndex;
use crate::h5::chunk_io;
use crate::h5::tree::{self, Values};
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::region::Region;
use h5lab_core::report::printable;
use hdf5_metno as hdf5;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Gives a dataset's tiles. All threads ask at once.
pub(super) trait Source: Sync {
    /// False if the tile was never written: its elements are the fill value.
    fn has(&self, tile: &Region) -> Result<bool>;

    /// Elements of the buffer that [`Source::read`] fills, along each axis.
    fn sizes<'a>(&'a self, tile: &'a Region) -> &'a [u64];

    /// Fills `out`, which has an element for each of [`Source::sizes`].
    fn read(&self, tile: &Region, hands: &mut Hands, out: &mut [u8]) -> Result<()>;
}

/// A chunked dataset of a file.
pub(super) struct StoredChunks<'a> {
    pub(super) dataset: &'a hdf5::Dataset,
    /// Its path in the file, for messages.
    pub(super) name: &'a str,
    pub(super) file: &'a File,
    pub(super) path: &'a Path,
    /// Where the chunks are; `None` where this HDF5 can't say so in reasonable time, and hands out their bytes itself.
    pub(super) index: Option<ChunkIndex>,
    pub(super) chunk: Vec<u64>,
    pub(super) pipeline: Pipeline,
    pub(super) edges_unfiltered: bool,
}

impl StoredChunks<'_> {
    /// The chunk as it is stored, into `hands.stored`; its filter mask, and where it lies in the file.
    pub(super) fn stored(&self, tile: &Region, hands: &mut Hands) -> Result<(u32, Option<u64>)> {
        let Some(index) = &self.index else {
            let fail = |e: hdf5::Error| self.at(tile, None, crate::h5::failure(&e, "read a chunk", self.path));
            let bytes = tree::stored_size_at(self.dataset, &tile.start).map_err(fail)?;
            hands.stored.resize(bytes as usize, 0);
            let mask = chunk_io::read(self.dataset, &tile.start, &mut hands.stored).map_err(fail)?;
            return Ok((mask, None));
        };
        let found = index.get(index.number(&self.place(tile))).expect("only chunks that are there are asked for");
        let length = self.file.metadata().map_err(|e| Failure::io("read a chunk", self.path, &e))?.len();
        if found.address.checked_add(found.bytes).is_none_or(|end| end > length) {
            let why = format!("{} bytes are said to be there, and the file ends at {length}", found.bytes);
            return Err(self.at(tile, Some(found.address), Failure::new(FailureKind::Input, why)));
        }
        hands.stored.resize(found.bytes as usize, 0);
        let read = self.file.read_exact_at(&mut hands.stored, found.address);
        read.map_err(|e| self.at(tile, Some(found.address), Failure::io("read a chunk", self.path, &e)))?;
        Ok((found.mask, Some(found.address)))
    }

    fn place(&self, tile: &Region) -> Vec<u64> {
        tile.start.iter().zip(&self.chunk).map(|(s, c)| s / c).collect()
    }

    /// Chunks over the edge may be stored as they are.
    pub(super) fn unfiltered(&self, tile: &Region) -> bool {
        self.edges_unfiltered && tile.count != self.chunk
    }

    /// A failure that names dataset, chunk and place in the file.
    fn at(&self, tile: &Region, address: Option<u64>, failure: Failure) -> Failure {
        let start = tile.start.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
        let place = address.map_or(String::new(), |address| format!(" at byte {address} of the file"));
        let message = format!("dataset '{}', chunk [{start}]{place}: {}", printable(self.name), failure.message);
        Failure { message, ..failure }.during("read a chunk").at(self.path)
    }
}

impl Source for StoredChunks<'_> {
    fn has(&self, tile: &Region) -> Result<bool> {
        match &self.index {
            Some(index) => Ok(index.get(index.number(&self.place(tile))).is_some()),
            // A chunk that is not there may be answered with a failure.
            None => Ok(tree::stored_size_at(self.dataset, &tile.start).unwrap_or(0) > 0),
        }
    }

    fn sizes<'a>(&'a self, _: &'a Region) -> &'a [u64] {
        &self.chunk
    }

    fn read(&self, tile: &Region, hands: &mut Hands, out: &mut [u8]) -> Result<()> {
        let (mask, address) = self.stored(tile, hands)?;
        // A mask that leaves out every filter.
        let mask = if self.unfiltered(tile) { u32::MAX } else { mask };
        self.pipeline.decode(&hands.stored, mask, out, &mut hands.scratch).map_err(|e| {
            e.at(ChunkPlace { path: self.path, dataset: self.name, offset: &tile.start, address })
                .during("read a chunk")
        })
    }
}

/// A dataset that is one run of bytes.
pub(super) struct Run<'a> {
    pub(super) file: &'a File,
    pub(super) path: &'a Path,
    /// Where it begins.
    pub(super) offset: u64,
    pub(super) shape: Vec<u64>,
    pub(super) element: usize,
}

impl Source for Run<'_> {
    fn has(&self, _: &Region) -> Result<bool> {
        Ok(true)
    }

    fn sizes<'a>(&'a self, tile: &'a Region) -> &'a [u64] {
        &tile.count
    }

    fn read(&self, tile: &Region, _: &mut Hands, out: &mut [u8]) -> Result<()> {
        let mut at = 0;
        for (first, length) in tile.runs(&self.shape) {
            let (offset, bytes) = (self.offset + first * self.element as u64, length as usize * self.element);
            let read = self.file.read_exact_at(&mut out[at..at + bytes], offset);
            read.map_err(|e| {
                Failure::io("read the values", self.path, &e)
                    .mend("the file is damaged or was cut short: copy it again")
            })?;
            at += bytes;
        }
        Ok(())
    }
}

/// A dataset whose values HDF5 alone finds, or decodes.
pub(super) struct Library<'a> {
    pub(super) dataset: &'a hdf5::Dataset,
    pub(super) name: &'a str,
    pub(super) path: &'a Path,
}

impl Source for Library<'_> {
    fn has(&self, _: &Region) -> Result<bool> {
        Ok(true)
    }

    fn sizes<'a>(&'a self, tile: &'a Region) -> &'a [u64] {
        &tile.count
    }

    fn read(&self, tile: &Region, _: &mut Hands, out: &mut [u8]) -> Result<()> {
        let operation = format!("read dataset '{}'", printable(self.name));
        let values =
            Values::of_region(self.dataset, tile).map_err(|e| crate::h5::failure(&e, &operation, self.path))?;
        out.copy_from_slice(values.bytes());
        Ok(())
    }
}

/// A part of a dataset, asked by the whole dataset's elements.
pub(super) struct Shifted<'a> {
    pub(super) part: &'a dyn Source,
    /// The part's first element.
    pub(super) start: &'a [u64],
}

impl Source for Shifted<'_> {
    fn has(&self, tile: &Region) -> Result<bool> {
        self.part.has(&within(tile, self.start))
    }

    fn sizes<'a>(&'a self, tile: &'a Region) -> &'a [u64] {
        self.part.sizes(tile)
    }

    fn read(&self, tile: &Region, hands: &mut Hands, out: &mut [u8]) -> Result<()> {
        self.part.read(&within(tile, self.start), hands, out)
    }
}

/// A tile as it is counted from the first element of the part that it lies in.
pub(super) fn within(tile: &Region, start: &[u64]) -> Region {
    Region::new(tile.start.iter().zip(start).map(|(at, start)| at - start).collect(), tile.count.clone())
}
