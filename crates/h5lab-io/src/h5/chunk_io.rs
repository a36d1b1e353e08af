//! Chunks written and read as they are stored: HDF5 finds their place, and filters nothing (H5Dwrite_chunk, H5Dread_chunk).

use super::check;
use hdf5_metno as hdf5;
use hdf5_metno_sys as sys;
use sys::h5::herr_t;
use sys::h5i::hid_t;

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
    let mut mask = 0;
    // SAFETY: as above; there is room for as many bytes as the chunk takes, which nobody changes meanwhile.
    check(|| unsafe { read_chunk(from.id(), offset, &mut mask, stored) })?;
    Ok(mask)
}

#[cfg(not(feature = "bundled"))]
unsafe fn read_chunk(dataset: hid_t, start: &[u64], mask: &mut u32, out: &mut [u8]) -> herr_t {
    // SAFETY: as the caller says.
    unsafe { sys::h5d::H5Dread_chunk1(dataset, sys::h5p::H5P_DEFAULT, start.as_ptr(), mask, out.as_mut_ptr().cast()) }
}

/// (The HDF5 that is compiled in has no deprecated functions.)
#[cfg(feature = "bundled")]
unsafe fn read_chunk(dataset: hid_t, start: &[u64], mask: &mut u32, out: &mut [u8]) -> herr_t {
    let (mut size, standard, start) = (out.len(), sys::h5p::H5P_DEFAULT, start.as_ptr());
    // SAFETY: as the caller says.
    unsafe { sys::h5d::H5Dread_chunk2(dataset, standard, start, mask, out.as_mut_ptr().cast(), &mut size) }
}
