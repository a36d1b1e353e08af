//! Objects by their address in the file. What HDF5 up to 1.10 calls an address is a token from 1.12 on; in a file on a disk
//! that is the address again (H5VLnative_token.c: little-endian, and zeros behind it).

use super::{Id, check};
use hdf5_metno as hdf5;
use hdf5_metno_sys as sys;
use sys::h5i::hid_t;
use sys::h5o::H5O_type_t;

/// What HDF5 knows of an object.
pub(super) struct Facts {
    /// Where its header is, counted from the end of the user block.
    pub(super) address: u64,
    pub(super) kind: H5O_type_t,
    pub(super) attributes: u64,
}

/// Looks at an open object.
#[cfg(not(feature = "bundled"))]
pub(super) fn facts(object: hid_t) -> hdf5::Result<Facts> {
    let mut info = sys::h5o::H5O_info1_t::default();
    // SAFETY: the object is open, and the result outlives the call.
    #[allow(deprecated, reason = "what takes its place is not there before HDF5 1.12")]
    check(|| unsafe { sys::h5o::H5Oget_info1(object, &mut info) })?;
    Ok(Facts { address: info.addr, kind: info.type_, attributes: info.num_attrs })
}

/// Opens the object at an address of a file.
#[cfg(not(feature = "bundled"))]
pub(super) fn open(file: hid_t, address: u64) -> hdf5::Result<Id> {
    // SAFETY: the file is open; HDF5 checks that there is an object header.
    Id::new(|| unsafe { sys::h5o::H5Oopen_by_addr(file, address) })
}

/// Looks at an open object. (The HDF5 that is compiled in has no deprecated functions.)
#[cfg(feature = "bundled")]
pub(super) fn facts(object: hid_t) -> hdf5::Result<Facts> {
    /// H5O_INFO_BASIC and H5O_INFO_NUM_ATTRS.
    const FIELDS: u32 = 1 | 4;
    // SAFETY: the object is open, and the result, of which all zeros is a value, outlives the call. A token is 16 bytes.
    let (info, token) = unsafe {
        let mut info = std::mem::zeroed::<sys::h5o::H5O_info2_t>();
        check(|| sys::h5o::H5Oget_info3(object, &mut info, FIELDS))?;
        (info, std::mem::transmute::<sys::h5o::H5O_token_t, [u8; 16]>(info.token))
    };
    let address = u64::from_le_bytes(token[..8].try_into().expect("eight bytes"));
    Ok(Facts { address, kind: info.type_, attributes: info.num_attrs })
}

/// Opens the object at an address of a file.
#[cfg(feature = "bundled")]
pub(super) fn open(file: hid_t, address: u64) -> hdf5::Result<Id> {
    let mut bytes = [0u8; 16];
    bytes[..8].copy_from_slice(&address.to_le_bytes());
    // SAFETY: a token is 16 bytes, whatever they are; the file is open, and HDF5 checks that there is an object header.
    Id::new(|| unsafe {
        sys::h5o::H5Oopen_by_token(file, std::mem::transmute::<[u8; 16], sys::h5o::H5O_token_t>(bytes))
    })
}

/// Gives back the memory that HDF5 allocated for what elements point to.
///
/// # Safety
/// `elements` are of this type and as many as `space` has, and HDF5 has read them; what they point to is not used any more.
pub(super) unsafe fn reclaim(kind: hid_t, space: hid_t, elements: *mut std::ffi::c_void) -> hdf5::Result<()> {
    // SAFETY: as the caller says.
    check(|| unsafe { give_back(kind, space, elements) })?;
    Ok(())
}

#[cfg(not(feature = "bundled"))]
#[allow(deprecated, reason = "what takes its place is not there before HDF5 1.12")]
unsafe fn give_back(kind: hid_t, space: hid_t, elements: *mut std::ffi::c_void) -> i32 {
    // SAFETY: as the caller says.
    unsafe { sys::h5d::H5Dvlen_reclaim(kind, space, sys::h5p::H5P_DEFAULT, elements) }
}

#[cfg(feature = "bundled")]
unsafe fn give_back(kind: hid_t, space: hid_t, elements: *mut std::ffi::c_void) -> i32 {
    // SAFETY: as the caller says.
    unsafe { sys::h5t::H5Treclaim(kind, space, sys::h5p::H5P_DEFAULT, elements) }
}
