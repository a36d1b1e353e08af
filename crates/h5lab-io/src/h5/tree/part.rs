//! A box of a dataset in a file of its own: what a virtual dataset is put together from.

use super::create::format_of;
use super::storage::{self, WantedStorage};
use crate::h5::{Id, check};
use h5lab_core::region::Region;
use hdf5_metno as hdf5;
use hdf5_metno_sys as sys;
use std::ffi::{CStr, CString, c_int};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Makes an empty file for parts, in the oldest format that is no older than the source's: whoever can read that can read
/// the parts.
///
/// # Errors
/// HDF5's.
pub fn create_part_file(source: &hdf5::File, path: &Path) -> hdf5::Result<hdf5::File> {
    let name = CString::new(path.as_os_str().as_bytes()).map_err(|e| hdf5::Error::Internal(e.to_string()))?;
    // SAFETY: the name ends in a zero; what HDF5 returns is checked and owned.
    unsafe {
        let access = Id::new(|| sys::h5p::H5Pcreate(*hdf5::globals::H5P_FILE_ACCESS))?;
        check(|| sys::h5p::H5Pset_libver_bounds(access.0, format_of(source), sys::h5f::H5F_LIBVER_LATEST))?;
        let (new, standard) = (sys::h5f::H5F_ACC_TRUNC, sys::h5p::H5P_DEFAULT);
        let id = check(|| sys::h5f::H5Fcreate(name.as_ptr(), new, standard, access.0))?;
        hdf5::from_id(id)
    }
}

/// Makes a dataset in `file` for the elements of `region` of `source`, under this path: the same type and fill value,
/// stored as is wanted. Groups on the way to it are made. Returns its address.
///
/// # Errors
/// HDF5's.
pub fn create_part(
    source: &hdf5::Dataset,
    file: &hdf5::File,
    path: &CStr,
    region: &Region,
    wanted: &WantedStorage,
) -> hdf5::Result<u64> {
    let list = storage::creation_list(source, wanted)?;
    let limits: Vec<u64> = match wanted {
        // HDF5 makes no chunk that is larger than its dataset can become.
        WantedStorage::Chunked(chunk, _) => region.count.iter().zip(chunk).map(|(n, c)| *n.max(c)).collect(),
        _ => region.count.clone(),
    };
    // SAFETY: all identifiers are open, what HDF5 returns is owned, the sizes have an element for each axis, and the path ends
    // in a zero.
    unsafe {
        let links = Id::new(|| sys::h5p::H5Pcreate(*hdf5::globals::H5P_LINK_CREATE))?;
        check(|| sys::h5p::H5Pset_create_intermediate_group(links.0, 1))?;
        let stored = Id::new(|| sys::h5d::H5Dget_type(source.id()))?;
        // A committed type belongs to the source's file: the part has a copy of its own.
        let own = Id::new(|| sys::h5t::H5Tcopy(stored.0))?;
        let (axes, count) = (region.axes() as c_int, region.count.as_ptr());
        let space = Id::new(|| sys::h5s::H5Screate_simple(axes, count, limits.as_ptr()))?;
        let (name, standard) = (path.as_ptr(), sys::h5p::H5P_DEFAULT);
        let made = Id::new(|| sys::h5d::H5Dcreate2(file.id(), name, own.0, space.0, links.0, list.0, standard))?;
        Ok(super::info(&made)?.0)
    }
}
