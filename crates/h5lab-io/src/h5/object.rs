//! What HDF5 tells of a file, and of links, whatever they lead to.

use super::check;
use hdf5_metno as hdf5;
use hdf5_metno_sys as sys;
use std::ffi::{CStr, CString, c_char};

/// What the head of a file says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Version of the superblock.
    pub superblock: Option<u32>,
    /// Bytes before it.
    pub user_block: u64,
    /// Bytes in the file's own list of free space.
    pub free_bytes: u64,
}

/// What the head of a file says; what HDF5 does not tell is left open.
pub fn head(file: &hdf5::File) -> Head {
    let mut info = sys::h5f::H5F_info2_t::default();
    // SAFETY: the file is open; the struct is HDF5's own.
    let superblock =
        check(|| unsafe { sys::h5f::H5Fget_info2(file.id(), &mut info) }).ok().map(|_| info.super_.version);
    // SAFETY: the file is open.
    let free = check(|| unsafe { sys::h5f::H5Fget_freespace(file.id()) }).unwrap_or(0);
    Head { superblock, user_block: file.userblock(), free_bytes: free as u64 }
}

/// The path that a soft link leads to.
pub fn soft_target(group: &hdf5::Group, name: &str) -> Option<String> {
    let value = link_value(group, name)?;
    let end = value.iter().position(|&byte| byte == 0).unwrap_or(value.len());
    Some(String::from_utf8_lossy(&value[..end]).into_owned())
}

/// The file and the path in it that an external link leads to.
pub fn external_target(group: &hdf5::Group, name: &str) -> Option<(String, String)> {
    let value = link_value(group, name)?;
    let (mut flags, mut file, mut path): (u32, *const c_char, *const c_char) = (0, std::ptr::null(), std::ptr::null());
    // SAFETY: the value is that of an external link; HDF5 checks it, and points into it.
    check(|| unsafe {
        sys::h5l::H5Lunpack_elink_val(value.as_ptr().cast(), value.len(), &mut flags, &mut file, &mut path)
    })
    .ok()?;
    // SAFETY: both point at texts that end in a zero within `value`, which lives.
    let owned = |at: *const c_char| unsafe { CStr::from_ptr(at) }.to_string_lossy().into_owned();
    (!file.is_null() && !path.is_null()).then(|| (owned(file), owned(path)))
}

/// Longer values no link has: a path has at most 64 KiB.
const LONGEST: usize = 1 << 17;

fn link_value(group: &hdf5::Group, name: &str) -> Option<Vec<u8>> {
    let name = CString::new(name).ok()?;
    let mut value = vec![0u8; LONGEST];
    // SAFETY: the group is open, the name ends in a zero, and HDF5 writes no more than there is room for.
    check(|| unsafe {
        sys::h5l::H5Lget_val(group.id(), name.as_ptr(), value.as_mut_ptr().cast(), value.len(), sys::h5p::H5P_DEFAULT)
    })
    .ok()?;
    Some(value)
}
