//! Attributes, carried over with their types, extents, character sets and order.

use super::create::Copied;
use super::data::Values;
use super::element::References;
use crate::h5::{Id, by_address, check};
use hdf5_metno as hdf5;
use hdf5_metno_sys as sys;
use std::ffi::{CString, c_uint};
use sys::h5::{H5_index_t, H5_iter_order_t};

/// Makes all attributes of one object in another: in the order in which they were made, where the object knows it.
///
/// # Errors
/// HDF5's.
pub fn copy_attributes(from: u64, to: u64, copied: &mut Copied<'_>) -> hdf5::Result<()> {
    let source = super::open(copied.source, from)?;
    let target = super::open(copied.target, to)?;
    let index = if tracks_order(&source)? { H5_index_t::H5_INDEX_CRT_ORDER } else { H5_index_t::H5_INDEX_NAME };
    for n in 0..count(&source)? {
        let attribute = at(&source, index, n)?;
        one(&attribute, &target, copied)?;
    }
    Ok(())
}

fn one(attribute: &Id, target: &Id, copied: &mut Copied<'_>) -> hdf5::Result<()> {
    let name = name(attribute)?;
    // SAFETY: the attribute is open; what HDF5 returns is owned, and the name ends in a zero.
    let (stored, made) = unsafe {
        let stored = copied.datatype(Id::new(|| sys::h5a::H5Aget_type(attribute.0))?)?;
        let space = Id::new(|| sys::h5a::H5Aget_space(attribute.0))?;
        let list = Id::new(|| sys::h5a::H5Aget_create_plist(attribute.0))?;
        let standard = sys::h5p::H5P_DEFAULT;
        let make = || sys::h5a::H5Acreate2(target.0, name.as_ptr(), stored.0, space.0, list.0, standard);
        (Id::new(|| sys::h5t::H5Tcopy(stored.0))?, Id::new(make)?)
    };
    let mut values = Values::of_attribute(attribute)?;
    values.each_reference(copied)?;
    values.write_attribute(&made, &stored)
}

/// All attributes of an object by name, with their values made comparable.
pub(super) fn flat(
    file: &hdf5::File,
    address: u64,
    names: &mut dyn References,
) -> hdf5::Result<Vec<(CString, Vec<u8>)>> {
    let object = super::open(file, address)?;
    let mut one = |n| {
        let attribute = at(&object, H5_index_t::H5_INDEX_NAME, n)?;
        let mut values = Values::of_attribute(&attribute)?;
        values.each_reference(names)?;
        Ok((name(&attribute)?, values.flat()))
    };
    (0..count(&object)?).map(&mut one).collect()
}

fn tracks_order(object: &Id) -> hdf5::Result<bool> {
    let mut flags: c_uint = 0;
    // SAFETY: the object is open; its list is owned, and the result outlives the call.
    unsafe {
        let list = Id::new(|| match hdf5::sync::sync(|| sys::h5i::H5Iget_type(object.0)) {
            sys::h5i::H5I_type_t::H5I_GROUP => sys::h5g::H5Gget_create_plist(object.0),
            sys::h5i::H5I_type_t::H5I_DATASET => sys::h5d::H5Dget_create_plist(object.0),
            _ => sys::h5t::H5Tget_create_plist(object.0),
        })?;
        check(|| sys::h5p::H5Pget_attr_creation_order(list.0, &mut flags))?;
    }
    Ok(flags & 1 != 0)
}

fn count(of: &Id) -> hdf5::Result<u64> {
    Ok(by_address::facts(of.0)?.attributes)
}

fn at(object: &Id, index: H5_index_t, n: u64) -> hdf5::Result<Id> {
    let (order, standard) = (H5_iter_order_t::H5_ITER_INC, sys::h5p::H5P_DEFAULT);
    // SAFETY: the object is open, and the name ends in a zero.
    Id::new(|| unsafe { sys::h5a::H5Aopen_by_idx(object.0, c".".as_ptr(), index, order, n, standard, standard) })
}

fn name(attribute: &Id) -> hdf5::Result<CString> {
    // SAFETY: the attribute is open; without room for the name HDF5 answers with its length.
    let length = check(|| unsafe { sys::h5a::H5Aget_name(attribute.0, 0, std::ptr::null_mut()) })?;
    let mut bytes = vec![0u8; length as usize + 1];
    // SAFETY: there is room for the name and the zero behind it.
    check(|| unsafe { sys::h5a::H5Aget_name(attribute.0, bytes.len(), bytes.as_mut_ptr().cast()) })?;
    bytes.pop();
    CString::new(bytes).map_err(|e| hdf5::Error::Internal(e.to_string()))
}
