//! How HDF5 stores a dataset of any kind: space, layout, filters with their settings, chunks, other files.

use super::{Id, check, filters};
use h5lab_core::filter::{Filter, Stage};
use h5lab_core::inspect::{ChunkFacts, Elsewhere, FilterFact, Space, Stored};
use hdf5_metno as hdf5;
use hdf5_metno_sys as sys;
use std::collections::BTreeMap;
use std::path::Path;
use sys::h5d::H5D_layout_t;

/// A shape.
///
/// # Errors
/// HDF5's.
pub fn space(of: &hdf5::Dataspace) -> hdf5::Result<Space> {
    Ok(if of.is_null() {
        Space::Null
    } else if of.is_scalar() {
        Space::Scalar
    } else {
        Space::Simple(of.shape().into_iter().map(|n| n as u64).collect())
    })
}

/// The property list that a dataset was made with.
pub struct Creation(Id);

impl Creation {
    /// That of an open dataset.
    ///
    /// # Errors
    /// HDF5's.
    pub fn of(dataset: &hdf5::Dataset) -> hdf5::Result<Self> {
        // SAFETY: the dataset is open; the result is checked and owned.
        Ok(Creation(Id(check(|| unsafe { sys::h5d::H5Dget_create_plist(dataset.id()) })?)))
    }

    /// Where the bytes are. `beside` is the file's folder, in which others are looked for.
    ///
    /// # Errors
    /// HDF5's.
    pub fn layout(&self, axes: usize, beside: &Path) -> hdf5::Result<Stored> {
        // SAFETY: the list is open and of datasets, here and below.
        let files = check(|| unsafe { sys::h5p::H5Pget_external_count(self.0.0) }).unwrap_or(0);
        if files > 0 {
            return Ok(Stored::External { files: self.external(files as u32, beside) });
        }
        Ok(match unsafe { sys::h5p::H5Pget_layout(self.0.0) } {
            H5D_layout_t::H5D_COMPACT => Stored::Compact,
            H5D_layout_t::H5D_CHUNKED => {
                let mut chunk = vec![0; axes.max(1)];
                // SAFETY: there is room for all axes.
                check(|| unsafe { sys::h5p::H5Pget_chunk(self.0.0, axes as i32, chunk.as_mut_ptr()) })?;
                Stored::Chunked { chunk }
            }
            H5D_layout_t::H5D_VIRTUAL => self.virtual_sources(beside)?,
            H5D_layout_t::H5D_CONTIGUOUS => Stored::Contiguous,
            _ => return Err("a layout that this HDF5 does not know".into()),
        })
    }

    fn external(&self, count: u32, beside: &Path) -> Vec<Elsewhere> {
        let name = |index: u32| {
            let (mut name, mut offset, mut size) = (vec![0u8; 4096], 0, 0);
            // SAFETY: HDF5 writes no more of the name than there is room for.
            check(|| unsafe {
                sys::h5p::H5Pget_external(
                    self.0.0,
                    index,
                    name.len() - 1,
                    name.as_mut_ptr().cast(),
                    &mut offset,
                    &mut size,
                )
            })
            .ok()?;
            Some(until_zero(&name))
        };
        (0..count).filter_map(name).map(|file| elsewhere(file, beside)).collect()
    }

    fn virtual_sources(&self, beside: &Path) -> hdf5::Result<Stored> {
        let mut count = 0;
        // SAFETY: the number is HDF5's to set.
        check(|| unsafe { sys::h5p::H5Pget_virtual_count(self.0.0, &mut count) })?;
        let mut files = BTreeMap::new();
        for index in 0..count {
            let mut name = vec![0u8; 4096];
            // SAFETY: HDF5 writes no more of the name than there is room for.
            check(|| unsafe {
                sys::h5p::H5Pget_virtual_filename(self.0.0, index, name.as_mut_ptr().cast(), name.len())
            })?;
            let file = until_zero(&name);
            files.entry(file.clone()).or_insert_with(|| elsewhere(file, beside));
        }
        Ok(Stored::Virtual { sources: files.into_values().collect(), mappings: count as u64 })
    }
}

/// The filters of a dataset with their settings, in order.
///
/// # Errors
/// HDF5's.
pub fn filters(dataset: &hdf5::Dataset) -> hdf5::Result<Vec<FilterFact>> {
    filters::register()?;
    let fact = |stage: &Stage| {
        let filter = Filter::of(stage);
        // SAFETY: any number may be asked for.
        let available = unsafe { sys::h5z::H5Zfilter_avail(stage.id as i32) } > 0;
        FilterFact { name: filter.to_string(), filter, available }
    };
    Ok(hdf5::sync::sync(|| filters::stages(dataset))?.iter().map(fact).collect())
}

fn until_zero(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// A file that is named in another one; `.` is that one itself, and a name with a `%b` in it is many.
fn elsewhere(file: String, beside: &Path) -> Elsewhere {
    let missing = file != "." && !file.contains("%b") && !beside.join(&file).exists() && !Path::new(&file).exists();
    Elsewhere { file, missing }
}

/// Chunks of which so many are looked at one by one, evenly spread.
const MOST_EXAMINED: u64 = 1000;

/// What is known of a dataset's chunks without reading any.
pub fn chunks(dataset: &hdf5::Dataset, shape: &[u64], chunk: &[u64], element_bytes: u64, filters: usize) -> ChunkFacts {
    let grid: Vec<u64> = shape.iter().zip(chunk).map(|(n, c)| n.div_ceil((*c).max(1))).collect();
    let there = grid.iter().product();
    let bytes = chunk.iter().product::<u64>() * element_bytes;
    let allocated = allocated(dataset);
    let mut facts = ChunkFacts { bytes, there, allocated, examined: 0, unfiltered: 0 };
    if filters > 0 && allocated.is_some_and(|n| n > 0) {
        examine(dataset, &grid, chunk, &mut facts);
    }
    facts
}

/// Chunks that have space in the file. HDF5 1.10 wants the dataset's own dataspace, not H5S_ALL.
fn allocated(dataset: &hdf5::Dataset) -> Option<u64> {
    let (space, mut count) = (dataset.space().ok()?, 0);
    // SAFETY: dataset and space are open.
    check(|| unsafe { sys::h5d::H5Dget_num_chunks(dataset.id(), space.id(), &mut count) }).ok()?;
    Some(count)
}

/// Looks at the filter masks of some chunks.
fn examine(dataset: &hdf5::Dataset, grid: &[u64], chunk: &[u64], facts: &mut ChunkFacts) {
    let samples = facts.there.min(MOST_EXAMINED);
    for k in 0..samples {
        let mut index = (u128::from(k) * u128::from(facts.there) / u128::from(samples)) as u64;
        let mut offset = vec![0; grid.len()];
        for axis in (0..grid.len()).rev() {
            offset[axis] = index % grid[axis] * chunk[axis];
            index /= grid[axis];
        }
        let (mut mask, mut address, mut size) = (0, 0, 0);
        // SAFETY: the dataset is open, and the offset has all its axes.
        let found = check(|| unsafe {
            sys::h5d::H5Dget_chunk_info_by_coord(dataset.id(), offset.as_ptr(), &mut mask, &mut address, &mut size)
        });
        if found.is_ok() && size > 0 {
            facts.examined += 1;
            facts.unfiltered += u64::from(mask != 0);
        }
    }
}

/// Bytes that the dataset takes in its file.
pub fn stored_bytes(dataset: &hdf5::Dataset) -> u64 {
    // SAFETY: the dataset is open. 0 is also the answer when it can't be known.
    hdf5::sync::sync(|| unsafe { sys::h5d::H5Dget_storage_size(dataset.id()) })
}
