//! Chunks written and read as they are stored: HDF5 finds their place, and filters nothing (H5Dwrite_chunk, H5Dread_chunk).

use super::check;
use hdf5_metno as hdf5;
use hdf5_metno_sys as sys;

/// Writes a chunk that has passed through the dataset's filters, but for those whose bit is set in `mask`. `offset` are the
/// coordinates of its first element.
///
/// # Errors
/// HDF5's.
pub fn write(to: &hdf5::Dataset, offset: &[u64], mask: u32, stored: &[u8]) -> hdf5::Result<()> {
    let list = sys::h5p::H5P_DEFAULT;
    // SAFETY: the dataset is open and has as many axes as `offset`; `stored` outlives the call.
    check(|| unsafe {
        sys::h5d::H5Dwrite_chunk(to.id(), list, mask, offset.as_ptr(), stored.len(), stored.as_ptr().cast())
    })?;
    Ok(())
}

/// Reads a chunk that is there into `stored`, whose length is what it takes in the file; returns its filter mask.
///
/// # Errors
/// HDF5's.
pub fn read(from: &hdf5::Dataset, offset: &[u64], stored: &mut [u8]) -> hdf5::Result<u32> {
    let (list, mut mask) = (sys::h5p::H5P_DEFAULT, 0);
    // SAFETY: as above; the caller knows how long the chunk is, which nobody changes meanwhile.
    check(|| unsafe {
        sys::h5d::H5Dread_chunk1(from.id(), list, offset.as_ptr(), &mut mask, stored.as_mut_ptr().cast())
    })?;
    Ok(mask)
}
