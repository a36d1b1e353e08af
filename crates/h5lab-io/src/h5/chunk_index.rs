//! Where the chunks of a dataset lie in its file: coordinates, address, stored bytes and filter mask of each.
//!
//! HDF5 from 1.14 on lists all chunks in one pass (H5Dchunk_iter). Older libraries have no such call: asked for one chunk,
//! by number or by coordinates, they walk through the index from its start, which for all chunks together takes time with
//! the square of their number. There the index is read from the file itself, by `chunk_btree`.

use super::{check, chunk_btree, failure, raw_data};
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::region::strides;
use hdf5_metno as hdf5;
use hdf5_metno_sys as sys;
use std::ffi::{c_int, c_uint, c_void};
use std::path::Path;
use sys::h5::{haddr_t, hsize_t};
use sys::h5i::hid_t;

/// A chunk that has space in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredChunk {
    /// Its place in the grid of chunks, counted in C order.
    pub number: u64,
    /// Its first byte, counted from the file's beginning: a user block is counted in.
    pub address: u64,
    /// Bytes that it takes there.
    pub bytes: u64,
    /// Bit `n` is set if it did not pass through filter `n` of the pipeline.
    pub mask: u32,
}

/// All allocated chunks of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkIndex {
    /// Elements of a chunk along each axis.
    chunk: Vec<u64>,
    /// Chunks along each axis.
    grid: Vec<u64>,
    /// Distance between neighbours in the grid, along each axis.
    strides: Vec<u64>,
    /// By number.
    stored: Vec<StoredChunk>,
}

impl ChunkIndex {
    /// The chunks of an open dataset as they are in the file: what the library still holds in memory must be flushed before.
    /// Not collective: any rank may ask for itself.
    ///
    /// # Errors
    /// `Usage` if the dataset has no chunks; `Environment` if its file is not one plain file, or this HDF5 can't list the
    /// chunks of such an index in reasonable time; else what HDF5 says.
    pub fn of(dataset: &hdf5::Dataset, path: &Path) -> Result<ChunkIndex> {
        let fail = |e: hdf5::Error| failure(&e, "list the chunks", path);
        let Some(chunk) = dataset.chunk() else {
            return Err(Failure::new(FailureKind::Usage, "the dataset has no chunks").at(path));
        };
        if let Some(why) = raw_data::not_one_file(dataset).map_err(fail)? {
            return Err(Failure::new(FailureKind::Environment, why).during("list the chunks").at(path));
        }
        let shape: Vec<u64> = dataset.shape().into_iter().map(|n| n as u64).collect();
        let mut index = ChunkIndex::empty(&shape, chunk.into_iter().map(|n| n as u64).collect());
        if index.grid.iter().try_fold(1u64, |all, &n| all.checked_mul(n)).is_none() {
            return Err(Failure::new(FailureKind::Input, "more chunks than can be counted").at(path));
        }
        index.fill(dataset, path)?;
        index.stored.sort_unstable_by_key(|chunk| chunk.number);
        Ok(index)
    }

    /// The same, or why this HDF5 can't list the chunks in reasonable time: it can read them all the same.
    ///
    /// # Errors
    /// As [`ChunkIndex::of`], but for `Environment`.
    pub fn if_listed(dataset: &hdf5::Dataset, path: &Path) -> Result<std::result::Result<ChunkIndex, String>> {
        match ChunkIndex::of(dataset, path) {
            Err(Failure { kind: FailureKind::Environment, message, .. }) => Ok(Err(message)),
            index => index.map(Ok),
        }
    }

    fn empty(shape: &[u64], chunk: Vec<u64>) -> Self {
        let grid: Vec<u64> = shape.iter().zip(&chunk).map(|(n, c)| n.div_ceil(*c)).collect();
        ChunkIndex { strides: strides(&grid), grid, chunk, stored: Vec::new() }
    }

    fn fill(&mut self, dataset: &hdf5::Dataset, path: &Path) -> Result<()> {
        let fail = |e: hdf5::Error| failure(&e, "list the chunks", path);
        let base = raw_data::user_block(dataset).map_err(fail)?;
        if let Some(iterate) = chunk_iter() {
            // From 1.14.4 on addresses count from the file's beginning, before that from the end of its user block.
            let base = if super::library_version() >= (1, 14, 4) { 0 } else { base };
            return self.iterate(dataset, iterate, base).map_err(fail);
        }
        let file = raw_data::file_of(dataset).map_err(fail)?;
        let sizes = raw_data::sizes(dataset).map_err(fail)?;
        let header = raw_data::header_address(dataset).map_err(fail)?;
        let place = chunk_btree::Place { base, offset_size: sizes.0, length_size: sizes.1 };
        let walked = chunk_btree::walk(&file, place, header, self.grid.len(), &mut |offset, mask, address, bytes| {
            self.add(offset, mask, address, bytes);
        });
        match walked {
            Ok(true) => Ok(()),
            Ok(false) => self.ask_for_each(dataset, base, path),
            Err(e) => Err(Failure::io("list the chunks", &file, &e)),
        }
    }

    /// Takes in a chunk whose first element has these coordinates. Chunks outside of the dataset are left out: a file has
    /// some if its dataset was made smaller.
    fn add(&mut self, offset: &[u64], mask: u32, address: u64, bytes: u64) {
        let at = |axis: usize| offset[axis] / self.chunk[axis];
        if (0..self.grid.len()).all(|axis| at(axis) < self.grid[axis]) {
            let number = (0..self.grid.len()).map(|axis| at(axis) * self.strides[axis]).sum();
            self.stored.push(StoredChunk { number, address, bytes, mask });
        }
    }

    fn iterate(&mut self, dataset: &hdf5::Dataset, iterate: ChunkIter, base: u64) -> hdf5::Result<()> {
        let mut visit = Visit { index: self, base };
        // SAFETY: `one_chunk` takes the data to be a `Visit`, which outlives the call, and nobody else touches it meanwhile.
        check(|| unsafe { iterate(dataset.id(), sys::h5p::H5P_DEFAULT, Some(one_chunk), (&raw mut visit).cast()) })?;
        Ok(())
    }

    /// One call a chunk, of which each walks through the index: for a few chunks.
    fn ask_for_each(&mut self, dataset: &hdf5::Dataset, base: u64, path: &Path) -> Result<()> {
        /// Some tenths of a second.
        const MOST: u64 = 3000;
        let fail = |e: hdf5::Error| failure(&e, "list the chunks", path);
        let all: u64 = self.grid.iter().product();
        if all > MOST {
            let (major, minor, micro) = super::library_version();
            let why = format!("HDF5 {major}.{minor}.{micro} takes too long to list {all} chunks of this kind of index");
            return Err(Failure::new(FailureKind::Environment, why)
                .during("list the chunks")
                .at(path)
                .mend("use an h5lab that is built with HDF5 1.14 or later"));
        }
        for number in 0..all {
            let offset: Vec<u64> = self.coordinates(number).iter().zip(&self.chunk).map(|(i, c)| i * c).collect();
            let (mut mask, mut address, mut bytes) = (0 as c_uint, 0 as haddr_t, 0 as hsize_t);
            // SAFETY: the dataset is open; `offset` has an element for each of its axes, and the results outlive the call.
            check(|| unsafe {
                sys::h5d::H5Dget_chunk_info_by_coord(dataset.id(), offset.as_ptr(), &mut mask, &mut address, &mut bytes)
            })
            .map_err(fail)?;
            if bytes > 0 && address != UNDEFINED {
                self.add(&offset, mask, base + address, bytes);
            }
        }
        Ok(())
    }

    /// Elements of a chunk along each axis.
    pub fn chunk(&self) -> &[u64] {
        &self.chunk
    }

    /// Chunks along each axis.
    pub fn grid(&self) -> &[u64] {
        &self.grid
    }

    /// Place in the grid, along each axis, of the chunk of this number.
    pub fn coordinates(&self, number: u64) -> Vec<u64> {
        self.strides.iter().zip(&self.grid).map(|(k, n)| number / k % n).collect()
    }

    /// The number of the chunk at this place in the grid.
    pub fn number(&self, at: &[u64]) -> u64 {
        at.iter().zip(&self.strides).map(|(i, k)| i * k).sum()
    }

    /// The chunk of this number; `None` if it has no space in the file: its values are the fill value.
    pub fn get(&self, number: u64) -> Option<&StoredChunk> {
        // Nearly always all chunks are there.
        let guess = self.stored.get(number as usize).filter(|chunk| chunk.number == number);
        guess.or_else(|| {
            let found = self.stored.binary_search_by_key(&number, |chunk| chunk.number);
            found.ok().map(|at| &self.stored[at])
        })
    }

    /// All chunks that have space in the file, in the order of their numbers.
    pub fn stored(&self) -> &[StoredChunk] {
        &self.stored
    }

    /// Bytes that all of them take.
    pub fn stored_bytes(&self) -> u64 {
        self.stored.iter().map(|chunk| chunk.bytes).sum()
    }
}

/// HADDR_UNDEF.
pub(super) const UNDEFINED: haddr_t = haddr_t::MAX;

/// What H5Dchunk_iter hands to [`one_chunk`].
struct Visit<'a> {
    index: &'a mut ChunkIndex,
    /// What has to be added to an address.
    base: u64,
}

unsafe extern "C" fn one_chunk(
    offset: *const hsize_t,
    mask: c_uint,
    address: haddr_t,
    bytes: hsize_t,
    visit: *mut c_void,
) -> c_int {
    // SAFETY: `iterate` hands over a `Visit` of its own; HDF5 gives one coordinate for each axis.
    let (visit, offset) = unsafe {
        let visit = &mut *visit.cast::<Visit<'_>>();
        let axes = visit.index.grid.len();
        (visit, std::slice::from_raw_parts(offset, axes))
    };
    if address != UNDEFINED {
        visit.index.add(offset, mask, visit.base + address, bytes);
    }
    0
}

type OneChunk = unsafe extern "C" fn(*const hsize_t, c_uint, haddr_t, hsize_t, *mut c_void) -> c_int;

/// H5Dchunk_iter, as it is from 1.14 on; before, it gave other coordinates.
type ChunkIter = unsafe extern "C" fn(hid_t, hid_t, Option<OneChunk>, *mut c_void) -> sys::h5::herr_t;

#[cfg(feature = "bundled")]
fn chunk_iter() -> Option<ChunkIter> {
    Some(sys::h5d::H5Dchunk_iter)
}

/// A shared library may be too old to have it.
#[cfg(not(feature = "bundled"))]
fn chunk_iter() -> Option<ChunkIter> {
    if super::library_version() < (1, 14, 0) {
        return None;
    }
    // SAFETY: a lookup by name.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"H5Dchunk_iter".as_ptr()) };
    // SAFETY: the function has had this signature since 1.14.
    (!found.is_null()).then(|| unsafe { std::mem::transmute::<*mut libc::c_void, ChunkIter>(found) })
}
