//! Which chunk it was: HDF5 says that a filter failed, but not on what.

use super::chunk_index::{ChunkIndex, StoredChunk};
use super::{filters, raw_data};
use crate::filter::{ChunkPlace, FilterError, Pipeline, Scratch};
use h5lab_core::failure::Failure;
use h5lab_core::region::Region;
use hdf5_metno as hdf5;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The failure to decode the first damaged chunk that has elements of `region`: it names dataset, chunk and file offset.
/// `None` if there is none, or if that can't be told without HDF5: filters that h5lab has no codec for, more than one file.
///
/// Not collective; the file is read past HDF5.
pub fn find(dataset: &hdf5::Dataset, name: &str, region: &Region, path: &Path) -> Option<Failure> {
    let index = ChunkIndex::of(dataset, path).ok()?;
    let file = File::open(raw_data::file_of(dataset).ok()?).ok()?;
    let elements = index.chunk().iter().product::<u64>() as usize;
    let bytes = elements.checked_mul(dataset.dtype().ok()?.size())?;
    let pipeline = Pipeline::of(&filters::stages(dataset).ok()?, bytes).ok()?;
    let (mut raw, mut scratch) = (vec![0; bytes], Scratch::default());
    index.stored().iter().find_map(|chunk| {
        let offset: Vec<u64> =
            index.coordinates(chunk.number).iter().zip(index.chunk()).map(|(at, n)| at * n).collect();
        Region::new(offset.clone(), index.chunk().to_vec()).intersect(region)?;
        let error = decode(&file, chunk, &pipeline, &mut raw, &mut scratch).err()?;
        Some(error.at(ChunkPlace { path, dataset: name, offset: &offset, address: Some(chunk.address) }))
    })
}

fn decode(
    file: &File,
    chunk: &StoredChunk,
    pipeline: &Pipeline,
    raw: &mut [u8],
    scratch: &mut Scratch,
) -> Result<(), FilterError> {
    let wrong = |why: String| FilterError::Corrupt { filter: "chunk", why };
    // No writer makes so much of a chunk.
    let bytes = usize::try_from(chunk.bytes).ok().filter(|&bytes| bytes <= 2 * pipeline.bound());
    let mut stored = vec![0; bytes.ok_or_else(|| wrong(format!("takes {} bytes, which is too many", chunk.bytes)))?];
    file.read_exact_at(&mut stored, chunk.address).map_err(|e| wrong(e.to_string()))?;
    pipeline.decode(&stored, chunk.mask, raw, scratch)
}
