//! Filters that this HDF5 does not have, for datasets whose chunks are only copied.
//!
//! HDF5 makes no dataset with a filter that it does not know. Stored chunks can be copied without any filter at all: so a
//! filter by that number is registered which fails if anybody asks it to code something.

use crate::h5::check;
use h5lab_core::filter::Stage;
use hdf5_metno as hdf5;
use hdf5_metno_sys as sys;
use std::ffi::{c_char, c_int, c_uint, c_void};

/// `H5Z_class2_t` (H5Zpublic.h).
#[repr(C)]
struct Class {
    version: c_int,
    id: c_int,
    encoder: c_uint,
    decoder: c_uint,
    name: *const c_char,
    can_apply: *const c_void,
    set_local: *const c_void,
    filter: unsafe extern "C" fn(c_uint, usize, *const c_uint, usize, *mut usize, *mut *mut c_void) -> usize,
}

/// True if HDF5 has this filter, or finds it among its plugins.
///
/// # Errors
/// HDF5's.
pub fn has(stage: &Stage) -> hdf5::Result<bool> {
    // SAFETY: a question by number.
    Ok(check(|| unsafe { sys::h5z::H5Zfilter_avail(stage.id as c_int) })? > 0)
}

/// Registers a placeholder for each of these filters that HDF5 neither has nor finds among its plugins.
pub(super) fn register(filters: &[Stage]) -> hdf5::Result<()> {
    for stage in filters {
        if has(stage)? {
            continue;
        }
        let class = Class {
            version: 1,
            id: stage.id as c_int,
            encoder: 1,
            decoder: 1,
            name: c"a filter that is not there".as_ptr(),
            can_apply: std::ptr::null(),
            set_local: std::ptr::null(),
            filter: refuse,
        };
        // SAFETY: the record has HDF5's own form; HDF5 copies it, and its name is static.
        check(|| unsafe { sys::h5z::H5Zregister((&raw const class).cast()) })?;
    }
    Ok(())
}

/// 0 means that the filter failed.
unsafe extern "C" fn refuse(
    _: c_uint,
    _: usize,
    _: *const c_uint,
    _: usize,
    _: *mut usize,
    _: *mut *mut c_void,
) -> usize {
    0
}
