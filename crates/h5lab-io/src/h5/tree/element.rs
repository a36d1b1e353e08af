//! What an element is made of: which of its bytes are values, and which point to something else.

use crate::h5::{Id, check};
use hdf5_metno as hdf5;
use hdf5_metno_sys as sys;
use sys::h5i::hid_t;
use sys::h5t::H5T_class_t as Class;

/// An element in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Element {
    /// Bytes that are values.
    Plain(usize),
    /// A pointer to a string that ends in a zero.
    Text,
    /// A count and a pointer to as many elements (`hvl_t`).
    Sequence(Box<Element>),
    /// An address in the file.
    ObjectReference,
    /// A dataset and a selection of its elements, kept in a heap of the file.
    RegionReference,
    /// Members at their offsets.
    Compound(usize, Vec<(usize, Element)>),
    /// So many of the same.
    Array(usize, Box<Element>),
}

/// How references are translated, or named.
pub trait References {
    /// An object reference is at hand.
    fn object(&mut self, reference: &mut [u8; 8]) -> hdf5::Result<()>;
    /// A region reference is at hand.
    fn region(&mut self, reference: &mut [u8; 12]) -> hdf5::Result<()>;
}

impl Element {
    /// What an element of an open type is made of.
    pub(super) fn of(stored: hid_t) -> hdf5::Result<Element> {
        // SAFETY: the type is open; so are those that HDF5 returns, and they are owned.
        unsafe {
            let size = check(|| sys::h5t::H5Tget_size(stored) as isize)? as usize;
            Ok(match hdf5::sync::sync(|| sys::h5t::H5Tget_class(stored)) {
                Class::H5T_STRING if check(|| sys::h5t::H5Tis_variable_str(stored))? > 0 => Element::Text,
                Class::H5T_VLEN => {
                    let inner = Id::new(|| sys::h5t::H5Tget_super(stored))?;
                    Element::Sequence(Box::new(Element::of(inner.0)?))
                }
                Class::H5T_REFERENCE if check(|| sys::h5t::H5Tequal(stored, *hdf5::globals::H5T_STD_REF_OBJ))? > 0 => {
                    Element::ObjectReference
                }
                Class::H5T_REFERENCE
                    if check(|| sys::h5t::H5Tequal(stored, *hdf5::globals::H5T_STD_REF_DSETREG))? > 0 =>
                {
                    Element::RegionReference
                }
                Class::H5T_REFERENCE => {
                    return Err(hdf5::Error::Internal(
                        "references of the kind that HDF5 1.12 brought are not carried over".into(),
                    ));
                }
                Class::H5T_ARRAY => {
                    let inner = Id::new(|| sys::h5t::H5Tget_super(stored))?;
                    let each = check(|| sys::h5t::H5Tget_size(inner.0) as isize)? as usize;
                    Element::array(size / each.max(1), Element::of(inner.0)?)
                }
                Class::H5T_COMPOUND => Element::compound(stored, size)?,
                _ => Element::Plain(size),
            })
        }
    }

    fn compound(stored: hid_t, size: usize) -> hdf5::Result<Element> {
        // SAFETY: as in `of`; members are counted from 0.
        unsafe {
            let count = check(|| sys::h5t::H5Tget_nmembers(stored))? as u32;
            let mut members = Vec::new();
            for n in 0..count {
                let inner = Id::new(|| sys::h5t::H5Tget_member_type(stored, n))?;
                let offset = hdf5::sync::sync(|| sys::h5t::H5Tget_member_offset(stored, n));
                members.push((offset, Element::of(inner.0)?));
            }
            let plain = members.iter().all(|(_, member)| member.is_plain());
            Ok(if plain { Element::Plain(size) } else { Element::Compound(size, members) })
        }
    }

    fn array(count: usize, of: Element) -> Element {
        match of {
            Element::Plain(size) => Element::Plain(count * size),
            other => Element::Array(count, Box::new(other)),
        }
    }

    /// True if all its bytes are values: the same in any file.
    pub fn is_plain(&self) -> bool {
        matches!(self, Element::Plain(_))
    }

    /// True if HDF5 allocates memory for what it points to.
    pub fn owns_memory(&self) -> bool {
        match self {
            Element::Text | Element::Sequence(_) => true,
            Element::Compound(_, members) => members.iter().any(|(_, member)| member.owns_memory()),
            Element::Array(_, of) => of.owns_memory(),
            Element::Plain(_) | Element::ObjectReference | Element::RegionReference => false,
        }
    }

    /// Bytes of it in memory.
    pub fn size(&self) -> usize {
        match self {
            Element::Plain(size) | Element::Compound(size, _) => *size,
            Element::Text => size_of::<*const u8>(),
            Element::Sequence(_) => size_of::<sys::h5t::hvl_t>(),
            Element::ObjectReference => 8,
            Element::RegionReference => 12,
            Element::Array(count, of) => count * of.size(),
        }
    }

    /// Shows each reference in it to `references`.
    ///
    /// # Safety
    /// `at` is an element of this kind that HDF5 has read, and nobody else touches it.
    pub(super) unsafe fn each_reference(&self, at: *mut u8, references: &mut dyn References) -> hdf5::Result<()> {
        // SAFETY: members lie within the element; a sequence's pointer leads to as many elements as it counts.
        unsafe {
            match self {
                Element::Plain(_) | Element::Text => Ok(()),
                Element::ObjectReference => references.object(&mut *at.cast()),
                Element::RegionReference => references.region(&mut *at.cast()),
                Element::Compound(_, members) => {
                    members.iter().try_for_each(|(offset, member)| member.each_reference(at.add(*offset), references))
                }
                Element::Array(count, of) => {
                    (0..*count).try_for_each(|n| of.each_reference(at.add(n * of.size()), references))
                }
                Element::Sequence(of) if of.has_references() => {
                    let sequence = at.cast::<sys::h5t::hvl_t>().read_unaligned();
                    (0..sequence.len)
                        .try_for_each(|n| of.each_reference(sequence.p.cast::<u8>().add(n * of.size()), references))
                }
                Element::Sequence(_) => Ok(()),
            }
        }
    }

    /// True if there are references in it.
    pub fn has_references(&self) -> bool {
        match self {
            Element::Plain(_) | Element::Text => false,
            Element::ObjectReference | Element::RegionReference => true,
            Element::Compound(_, members) => members.iter().any(|(_, member)| member.has_references()),
            Element::Sequence(of) | Element::Array(_, of) => of.has_references(),
        }
    }

    /// Appends the element's values without any pointer: what is the same for equal elements of different files.
    ///
    /// # Safety
    /// As [`Element::each_reference`].
    pub(super) unsafe fn flatten(&self, at: *const u8, out: &mut Vec<u8>) {
        // SAFETY: as there; a string ends in a zero, and an absent one is a null pointer.
        unsafe {
            match self {
                Element::Plain(_) | Element::ObjectReference | Element::RegionReference => {
                    out.extend_from_slice(std::slice::from_raw_parts(at, self.size()));
                }
                Element::Text => {
                    let text = at.cast::<*const std::ffi::c_char>().read_unaligned();
                    let bytes = if text.is_null() { b"" } else { std::ffi::CStr::from_ptr(text).to_bytes() };
                    out.push(u8::from(text.is_null()));
                    out.extend_from_slice(bytes);
                    out.push(0);
                }
                Element::Sequence(of) => {
                    let sequence = at.cast::<sys::h5t::hvl_t>().read_unaligned();
                    out.extend_from_slice(&sequence.len.to_ne_bytes());
                    (0..sequence.len).for_each(|n| of.flatten(sequence.p.cast::<u8>().add(n * of.size()), out));
                }
                // Bytes between members are nobody's.
                Element::Compound(_, members) => {
                    members.iter().for_each(|(offset, member)| member.flatten(at.add(*offset), out));
                }
                Element::Array(count, of) => (0..*count).for_each(|n| of.flatten(at.add(n * of.size()), out)),
            }
        }
    }
}
