//! Where the values of a dataset lie, and what has to be done to them: what whoever moves them without HDF5 must know.

use super::{Id, check, chunk_index::UNDEFINED, transfer};
use h5lab_core::dataset::Dtype;
use hdf5_metno as hdf5;
use hdf5_metno_sys as sys;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use sys::h5i::hid_t;

/// The file that holds a dataset: another one than that which was opened, if an external link led to it.
///
/// # Errors
/// HDF5's.
pub fn file_of(dataset: &hdf5::Dataset) -> hdf5::Result<PathBuf> {
    // SAFETY: the dataset is open; without room for the name HDF5 answers with its length.
    let length = check(|| unsafe { sys::h5f::H5Fget_name(dataset.id(), std::ptr::null_mut(), 0) })?;
    let mut name = vec![0u8; length as usize + 1];
    // SAFETY: there is room for the name and the zero behind it.
    check(|| unsafe { sys::h5f::H5Fget_name(dataset.id(), name.as_mut_ptr().cast(), name.len()) })?;
    name.pop();
    Ok(PathBuf::from(OsString::from_vec(name)))
}

/// Bytes of an address and of a length in the dataset's file.
pub(super) fn sizes(dataset: &hdf5::Dataset) -> hdf5::Result<(usize, usize)> {
    let (mut offset, mut length) = (0, 0);
    let list = creation_of_file(dataset)?;
    // SAFETY: the list is a file creation property list, and both results outlive the call.
    check(|| unsafe { sys::h5p::H5Pget_sizes(list.0, &mut offset, &mut length) })?;
    Ok((offset, length))
}

/// Bytes of the user block of the dataset's file: before them there is nothing of HDF5's.
pub(super) fn user_block(dataset: &hdf5::Dataset) -> hdf5::Result<u64> {
    let mut bytes = 0;
    let list = creation_of_file(dataset)?;
    // SAFETY: as above.
    check(|| unsafe { sys::h5p::H5Pget_userblock(list.0, &mut bytes) })?;
    Ok(bytes)
}

/// Address of the dataset's object header, counted from the end of the user block.
#[cfg(not(feature = "bundled"))]
pub(super) fn header_address(dataset: &hdf5::Dataset) -> hdf5::Result<u64> {
    Ok(super::by_address::facts(dataset.id())?.address)
}

/// Address of the dataset's object header, counted from the end of the user block. The HDF5 that is built in has no
/// deprecated functions: its objects have tokens, which the native file format turns into addresses.
#[cfg(feature = "bundled")]
pub(super) fn header_address(dataset: &hdf5::Dataset) -> hdf5::Result<u64> {
    let (mut info, mut address) = (token::Info::default(), 0);
    // SAFETY: the dataset is open, the results outlive the calls, and the structure is that of HDF5's H5Opublic.h.
    check(|| unsafe { token::H5Oget_info3(dataset.id(), &mut info, token::BASIC) })?;
    check(|| unsafe { token::H5VLnative_token_to_addr(dataset.id(), info.token, &mut address) })?;
    Ok(address)
}

/// What hdf5-metno-sys lacks of H5Opublic.h and H5VLnative.h (HDF5 1.12 and later).
#[cfg(feature = "bundled")]
mod token {
    use hdf5_metno_sys::h5::{haddr_t, herr_t, hsize_t};
    use hdf5_metno_sys::h5i::hid_t;
    use libc::{c_int, c_uint, c_ulong, time_t};

    /// `H5O_INFO_BASIC`.
    pub(super) const BASIC: c_uint = 1;

    /// `H5O_token_t`.
    #[derive(Clone, Copy, Default)]
    #[repr(C)]
    pub(super) struct Token([u8; 16]);

    /// `H5O_info2_t`.
    #[derive(Default)]
    #[repr(C)]
    pub(super) struct Info {
        file: c_ulong,
        pub(super) token: Token,
        kind: c_int,
        references: c_uint,
        times: [time_t; 4],
        attributes: hsize_t,
    }

    unsafe extern "C" {
        pub(super) fn H5Oget_info3(object: hid_t, info: *mut Info, fields: c_uint) -> herr_t;
        pub(super) fn H5VLnative_token_to_addr(location: hid_t, token: Token, address: *mut haddr_t) -> herr_t;
    }
}

fn creation_of_file(dataset: &hdf5::Dataset) -> hdf5::Result<Id> {
    // SAFETY: the dataset is open; the results are checked and owned.
    unsafe {
        let file = Id::new(|| sys::h5i::H5Iget_file_id(dataset.id()))?;
        Id::new(|| sys::h5f::H5Fget_create_plist(file.0))
    }
}

/// Why a dataset's file is not one plain file, in which an address is an offset; `None` if it is.
pub(super) fn not_one_file(dataset: &hdf5::Dataset) -> hdf5::Result<Option<String>> {
    // SAFETY: the dataset is open; the results are checked and owned.
    let driver = unsafe {
        let file = Id::new(|| sys::h5i::H5Iget_file_id(dataset.id()))?;
        let access = Id::new(|| sys::h5f::H5Fget_access_plist(file.0))?;
        check(|| sys::h5p::H5Pget_driver(access.0))?
    };
    let plain = [*hdf5::globals::H5FD_SEC2, *hdf5::globals::H5FD_STDIO].contains(&driver) || is_mpio(driver);
    Ok((!plain).then(|| "this HDF5 driver does not put all bytes at their place in one file".to_owned()))
}

#[cfg(feature = "mpi")]
fn is_mpio(driver: hid_t) -> bool {
    driver == *hdf5::globals::H5FD_MPIO
}

#[cfg(not(feature = "mpi"))]
fn is_mpio(_driver: hid_t) -> bool {
    false
}

/// Where values lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Storage {
    /// In one run of bytes that begins at this offset of the file; `None` if there is no space for them yet.
    Contiguous(Option<u64>),
    /// In chunks.
    Chunked,
    /// In datasets of other files, or of the same one.
    Virtual,
    /// Somewhere that HDF5 alone finds: why.
    Elsewhere(String),
}

/// Where the values of a dataset lie.
///
/// # Errors
/// HDF5's.
pub fn storage(dataset: &hdf5::Dataset) -> hdf5::Result<Storage> {
    let creation = dataset.create_plist()?;
    let elsewhere = |why: &str| Ok(Storage::Elsewhere(why.to_owned()));
    if let Some(why) = not_one_file(dataset)? {
        return elsewhere(&why);
    }
    match creation.layout() {
        hdf5::dataset::Layout::Chunked => return Ok(Storage::Chunked),
        hdf5::dataset::Layout::Compact => return elsewhere("a compact dataset: its values are in its header"),
        hdf5::dataset::Layout::Virtual => return Ok(Storage::Virtual),
        hdf5::dataset::Layout::Contiguous => {}
    }
    // SAFETY: the list is a dataset creation property list.
    if check(|| unsafe { sys::h5p::H5Pget_external_count(creation.id()) })? > 0 {
        return elsewhere("its values are in external files");
    }
    // This one answers with a number that is no error however large it is; user blocks are counted in.
    // SAFETY: the dataset is open.
    let offset = hdf5::sync::sync(|| unsafe { sys::h5d::H5Dget_offset(dataset.id()) });
    // HDF5 1.10 adds the user block to an offset that is not there, too.
    let there = offset != UNDEFINED && dataset.storage_size() > 0;
    Ok(Storage::Contiguous(there.then_some(offset)))
}

/// How the bytes of an element in the file become those of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conversion {
    /// They are the same.
    None,
    /// In the reverse order.
    Swap,
}

/// The conversion of a dataset's elements to `dtype` in this machine's byte order; `None` if it takes more than a reversal.
///
/// # Errors
/// HDF5's.
pub fn conversion(dataset: &hdf5::Dataset, dtype: Dtype) -> hdf5::Result<Option<Conversion>> {
    let native = transfer::native(dtype);
    let equal = |a: hid_t, b: hid_t| {
        // SAFETY: both are identifiers of types that are open.
        check(|| unsafe { sys::h5t::H5Tequal(a, b) }).map(|equal| equal > 0)
    };
    // SAFETY: the dataset is open; the result is checked and owned.
    let stored = unsafe { Id::new(|| sys::h5d::H5Dget_type(dataset.id())) }?;
    if equal(stored.0, native)? {
        return Ok(Some(Conversion::None));
    }
    // SAFETY: the copy is owned, and may be changed.
    let swapped = unsafe { Id::new(|| sys::h5t::H5Tcopy(native)) }?;
    let reverse = if cfg!(target_endian = "little") {
        sys::h5t::H5T_order_t::H5T_ORDER_BE
    } else {
        sys::h5t::H5T_order_t::H5T_ORDER_LE
    };
    // SAFETY: as above.
    check(|| unsafe { sys::h5t::H5Tset_order(swapped.0, reverse) })?;
    Ok(equal(stored.0, swapped.0)?.then_some(Conversion::Swap))
}

/// The bytes of one element where nothing was written, in this machine's byte order: the dataset's fill value; zeros if it
/// has none.
///
/// # Errors
/// HDF5's.
pub fn fill_value(dataset: &hdf5::Dataset, dtype: Dtype) -> hdf5::Result<Vec<u8>> {
    let creation = dataset.create_plist()?;
    let mut value = vec![0u8; dtype.size()];
    let mut status = sys::h5d::H5D_fill_value_t::H5D_FILL_VALUE_UNDEFINED;
    // SAFETY: the list is a dataset creation property list, and the result outlives the call.
    check(|| unsafe { sys::h5p::H5Pfill_value_defined(creation.id(), &mut status) })?;
    if status != sys::h5d::H5D_fill_value_t::H5D_FILL_VALUE_UNDEFINED {
        // SAFETY: there is room for one element of the type.
        check(|| unsafe {
            sys::h5p::H5Pget_fill_value(creation.id(), transfer::native(dtype), value.as_mut_ptr().cast())
        })?;
    }
    Ok(value)
}

/// Whether chunks that stick out of the dataset are stored without their filters (H5Pset_chunk_opts).
///
/// # Errors
/// HDF5's.
pub fn edges_unfiltered(dataset: &hdf5::Dataset) -> hdf5::Result<bool> {
    const DONT_FILTER_PARTIAL_CHUNKS: u32 = 2;
    let creation = dataset.create_plist()?;
    let mut options = 0;
    // SAFETY: the list is a dataset creation property list with chunks, and the result outlives the call.
    check(|| unsafe { sys::h5p::H5Pget_chunk_opts(creation.id(), &mut options) })?;
    Ok(options & DONT_FILTER_PARTIAL_CHUNKS != 0)
}
