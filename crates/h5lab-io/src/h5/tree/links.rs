//! The links of a group, and links like them in another.

use crate::h5::{Id, check};
use hdf5_metno as hdf5;
use hdf5_metno_sys as sys;
use std::ffi::{CStr, CString, c_int, c_uint, c_void};
use sys::h5::herr_t;
use sys::h5i::hid_t;

/// What HDF5 says of a link: later records have a token where this one has an address, and are alike otherwise.
#[cfg(not(feature = "bundled"))]
type LinkInfo = sys::h5l::H5L_info1_t;
#[cfg(feature = "bundled")]
type LinkInfo = sys::h5l::H5L_info2_t;

/// A link of a group.
#[derive(Clone, Debug)]
pub struct Link {
    /// Its name.
    pub name: CString,
    /// The character set of its name (H5T_cset_t).
    pub charset: c_int,
    /// What it leads to.
    pub to: To,
}

impl Link {
    /// True if no HDF5 can make such a link without the program that defined its class.
    pub fn is_foreign(&self) -> bool {
        matches!(self.to, To::Other(_))
    }
}

/// What a link leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    /// A hard link's object, by its number in the tree.
    Object(usize),
    /// A hard link whose object was not looked up yet.
    Unresolved,
    /// A soft link's path.
    Soft(CString),
    /// An external link's file and path.
    External(CString, CString),
    /// A link of a class that a program defined for itself.
    Other(c_int),
}

const SOFT: c_int = 1;
const EXTERNAL: c_int = 64;

/// The links of a group: in the order in which they were made, where the group knows it.
pub(super) fn of(group: &Id) -> hdf5::Result<Vec<Link>> {
    let index =
        if tracks_order(group)? { sys::h5::H5_index_t::H5_INDEX_CRT_ORDER } else { sys::h5::H5_index_t::H5_INDEX_NAME };
    let mut seen: Vec<(CString, c_int, c_int, usize)> = Vec::new();
    // SAFETY: `one_link` takes the data to be this vector, which outlives the call; nobody else touches it meanwhile.
    check(|| unsafe { iterate(group.0, index, (&raw mut seen).cast()) })?;
    let link = |(name, charset, class, size): (CString, c_int, c_int, usize)| {
        let to = match class {
            0 => To::Unresolved,
            SOFT => To::Soft(c_string(value(group, &name, size)?)),
            EXTERNAL => external(&value(group, &name, size)?)?,
            other => To::Other(other),
        };
        Ok(Link { name, charset, to })
    };
    seen.into_iter().map(link).collect()
}

#[cfg(not(feature = "bundled"))]
#[allow(deprecated, reason = "what takes its place is not there before HDF5 1.12")]
unsafe fn iterate(group: hid_t, index: sys::h5::H5_index_t, seen: *mut c_void) -> herr_t {
    let (order, from) = (sys::h5::H5_iter_order_t::H5_ITER_INC, std::ptr::null_mut());
    // SAFETY: as the caller says.
    unsafe { sys::h5l::H5Literate1(group, index, order, from, Some(one_link), seen) }
}

#[cfg(feature = "bundled")]
unsafe fn iterate(group: hid_t, index: sys::h5::H5_index_t, seen: *mut c_void) -> herr_t {
    let (order, from) = (sys::h5::H5_iter_order_t::H5_ITER_INC, std::ptr::null_mut());
    // SAFETY: as the caller says.
    unsafe { sys::h5l::H5Literate2(group, index, order, from, Some(one_link), seen) }
}

unsafe extern "C" fn one_link(
    _: hid_t,
    name: *const std::ffi::c_char,
    info: *const LinkInfo,
    seen: *mut c_void,
) -> herr_t {
    // SAFETY: HDF5 hands over a name that ends in a zero, a filled-in record, and the vector of `of`. The class is read as a
    // number: a program may have defined its own.
    unsafe {
        let seen = &mut *seen.cast::<Vec<(CString, c_int, c_int, usize)>>();
        let class = (&raw const (*info).type_).cast::<c_int>().read();
        let charset = (&raw const (*info).cset).cast::<c_int>().read();
        let size = if class == 0 { 0 } else { (&raw const (*info).u).cast::<usize>().read() };
        seen.push((CStr::from_ptr(name).to_owned(), charset, class, size));
    }
    0
}

fn tracks_order(group: &Id) -> hdf5::Result<bool> {
    let mut flags: c_uint = 0;
    // SAFETY: the identifier is that of a group; its list is owned, and the result outlives the call.
    unsafe {
        let list = Id::new(|| sys::h5g::H5Gget_create_plist(group.0))?;
        check(|| sys::h5p::H5Pget_link_creation_order(list.0, &mut flags))?;
    }
    Ok(flags & 1 != 0)
}

/// What a soft, external or other link holds.
fn value(group: &Id, name: &CStr, size: usize) -> hdf5::Result<Vec<u8>> {
    let mut bytes = vec![0u8; size];
    // SAFETY: the name ends in a zero, and there is room for as many bytes as are said.
    check(|| unsafe {
        sys::h5l::H5Lget_val(group.0, name.as_ptr(), bytes.as_mut_ptr().cast(), size, sys::h5p::H5P_DEFAULT)
    })?;
    Ok(bytes)
}

fn external(value: &[u8]) -> hdf5::Result<To> {
    // H5L_extern: a byte of version and flags, the file's name, the object's path; both end in a zero.
    let mut parts = value.get(1..).unwrap_or_default().splitn(3, |&byte| byte == 0);
    match (parts.next(), parts.next()) {
        (Some(file), Some(path)) => Ok(To::External(c_string(file.to_vec()), c_string(path.to_vec()))),
        _ => Err(hdf5::Error::Internal("an external link without a file and a path".into())),
    }
}

/// The bytes before the first zero.
fn c_string(mut bytes: Vec<u8>) -> CString {
    bytes.truncate(bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len()));
    CString::new(bytes).expect("no zero is left")
}

/// A link creation list for a name of this character set.
pub(super) fn creation_list(charset: c_int) -> hdf5::Result<Id> {
    use sys::h5t::H5T_cset_t::{H5T_CSET_ASCII, H5T_CSET_UTF8};
    let charset = if charset == 1 { H5T_CSET_UTF8 } else { H5T_CSET_ASCII };
    // SAFETY: the class is the library's own; the list is owned.
    unsafe {
        let list = Id::new(|| sys::h5p::H5Pcreate(*hdf5::globals::H5P_LINK_CREATE))?;
        check(|| sys::h5p::H5Pset_char_encoding(list.0, charset))?;
        Ok(list)
    }
}

/// Makes a soft or external link.
pub(super) fn create(group: &Id, link: &Link) -> hdf5::Result<()> {
    let list = creation_list(link.charset)?;
    let (name, standard) = (link.name.as_ptr(), sys::h5p::H5P_DEFAULT);
    // SAFETY: group and list are open, and all names end in a zero.
    check(|| unsafe {
        match &link.to {
            To::Soft(path) => sys::h5l::H5Lcreate_soft(path.as_ptr(), group.0, name, list.0, standard),
            To::External(file, path) => {
                sys::h5l::H5Lcreate_external(file.as_ptr(), path.as_ptr(), group.0, name, list.0, standard)
            }
            _ => -1,
        }
    })?;
    Ok(())
}

/// Makes one more hard link to an open object.
pub(super) fn create_hard(object: &Id, group: &Id, link: &Link) -> hdf5::Result<()> {
    let list = creation_list(link.charset)?;
    // SAFETY: object, group and list are open, and the name ends in a zero.
    check(|| unsafe { sys::h5o::H5Olink(object.0, group.0, link.name.as_ptr(), list.0, sys::h5p::H5P_DEFAULT) })?;
    Ok(())
}
