//! Element types in words, whatever they are: `u16`, `string, utf-8, variable`, `compound {a: f64, b: i32}`.

use super::{Id, check};
use hdf5_metno as hdf5;
use hdf5_metno_sys as sys;
use std::ffi::{CStr, c_char};
use sys::h5i::hid_t;
use sys::h5t::{H5T_class_t, H5T_cset_t, H5T_order_t, H5T_sign_t};

/// An element type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElementType {
    /// In words.
    pub words: String,
    /// Bytes of an element in the file.
    pub bytes: u64,
    /// What it is at the top.
    pub class: Class,
    /// Whether values lie in a heap of their own.
    pub in_heap: bool,
}

/// What a type is, as far as reading its values as text goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Integers of up to eight bytes.
    Integer {
        /// Whether they can be negative.
        signed: bool,
    },
    /// Floating-point numbers of up to eight bytes.
    Float,
    /// Text of a fixed number of bytes.
    FixedText,
    /// Text of any length.
    VariableText,
    /// An enumeration of no and yes, as h5py stores booleans.
    Boolean,
    /// Anything else.
    Other,
}

/// Members of a compound or an enumeration beyond this many are not named.
const MOST_MEMBERS: usize = 12;
/// Types in types in types: deeper ones are not described.
const MOST_DEPTH: usize = 4;

/// Describes a type.
///
/// # Errors
/// HDF5's.
pub fn describe(kind: &hdf5::Datatype) -> hdf5::Result<ElementType> {
    hdf5::sync::sync(|| of(kind.id(), 0))
}

pub(super) fn of(id: hid_t, depth: usize) -> hdf5::Result<ElementType> {
    // SAFETY: the identifier is that of an open type, here and in all helpers below.
    let (class, bytes) = unsafe { (sys::h5t::H5Tget_class(id), sys::h5t::H5Tget_size(id) as u64) };
    let plain = |words: String, class: Class| Ok(ElementType { words, bytes, class, in_heap: false });
    match class {
        H5T_class_t::H5T_INTEGER => {
            // SAFETY: as above.
            let signed = unsafe { sys::h5t::H5Tget_sign(id) } != H5T_sign_t::H5T_SGN_NONE;
            let class = if bytes <= 8 { Class::Integer { signed } } else { Class::Other };
            plain(format!("{}{}{}", order(id, bytes), if signed { 'i' } else { 'u' }, bytes * 8), class)
        }
        H5T_class_t::H5T_FLOAT => {
            plain(format!("{}f{}", order(id, bytes), bytes * 8), if bytes <= 8 { Class::Float } else { Class::Other })
        }
        H5T_class_t::H5T_STRING => Ok(text(id, bytes)),
        H5T_class_t::H5T_TIME => plain(format!("time, {} bits", bytes * 8), Class::Other),
        H5T_class_t::H5T_BITFIELD => plain(format!("bits, {}", bytes * 8), Class::Other),
        H5T_class_t::H5T_OPAQUE => plain(format!("opaque, {bytes} bytes"), Class::Other),
        H5T_class_t::H5T_REFERENCE => Ok(reference(id, bytes)),
        H5T_class_t::H5T_ENUM => enumeration(id, bytes, depth),
        H5T_class_t::H5T_COMPOUND => compound(id, bytes, depth),
        H5T_class_t::H5T_VLEN => {
            let base = within(id, depth)?;
            Ok(ElementType {
                words: format!("variable length of {}", base.words),
                bytes,
                class: Class::Other,
                in_heap: true,
            })
        }
        H5T_class_t::H5T_ARRAY => array(id, bytes, depth),
        _ => plain(format!("unknown, {bytes} bytes"), Class::Other),
    }
}

/// `>` before big-endian types of more than a byte.
fn order(id: hid_t, bytes: u64) -> &'static str {
    // SAFETY: see `of`.
    let big = unsafe { sys::h5t::H5Tget_order(id) } == H5T_order_t::H5T_ORDER_BE;
    if big && bytes > 1 { ">" } else { "" }
}

fn text(id: hid_t, bytes: u64) -> ElementType {
    // SAFETY: see `of`.
    let (variable, set) = unsafe { (sys::h5t::H5Tis_variable_str(id) > 0, sys::h5t::H5Tget_cset(id)) };
    let set = if set == H5T_cset_t::H5T_CSET_UTF8 { "utf-8" } else { "ascii" };
    let (length, class) = if variable {
        ("variable".to_owned(), Class::VariableText)
    } else {
        (format!("{bytes} bytes"), Class::FixedText)
    };
    ElementType { words: format!("string, {set}, {length}"), bytes, class, in_heap: variable }
}

fn reference(id: hid_t, bytes: u64) -> ElementType {
    // SAFETY: see `of`; the other types are HDF5's own.
    let is = |other: hid_t| unsafe { sys::h5t::H5Tequal(id, other) > 0 };
    let (words, in_heap) = if is(*hdf5::globals::H5T_STD_REF_OBJ) {
        ("reference to an object", false)
    } else if is(*hdf5::globals::H5T_STD_REF_DSETREG) {
        ("reference to a region", true)
    } else {
        ("reference", true)
    };
    ElementType { words: words.into(), bytes, class: Class::Other, in_heap }
}

fn within(id: hid_t, depth: usize) -> hdf5::Result<ElementType> {
    if depth >= MOST_DEPTH {
        return Ok(ElementType { words: "...".into(), bytes: 0, class: Class::Other, in_heap: true });
    }
    // SAFETY: see `of`; the result is checked and owned.
    let base = Id(check(|| unsafe { sys::h5t::H5Tget_super(id) })?);
    of(base.0, depth + 1)
}

fn array(id: hid_t, bytes: u64, depth: usize) -> hdf5::Result<ElementType> {
    let base = within(id, depth)?;
    // SAFETY: see `of`.
    let axes = check(|| unsafe { sys::h5t::H5Tget_array_ndims(id) })?;
    let mut sizes = vec![0; axes as usize];
    // SAFETY: there is room for all axes.
    check(|| unsafe { sys::h5t::H5Tget_array_dims2(id, sizes.as_mut_ptr()) })?;
    let sizes = h5lab_core::dataset::Shape(sizes);
    Ok(ElementType {
        words: format!("array {sizes} of {}", base.words),
        bytes,
        class: Class::Other,
        in_heap: base.in_heap,
    })
}

fn enumeration(id: hid_t, bytes: u64, depth: usize) -> hdf5::Result<ElementType> {
    let names = (0..members(id)?).map(|member| member_name(id, member)).collect::<Vec<_>>();
    if names == ["FALSE", "TRUE"] && bytes == 1 {
        return Ok(ElementType { words: "bool".into(), bytes, class: Class::Boolean, in_heap: false });
    }
    let base = within(id, depth)?;
    let words = format!("enum of {} {{{}}}", base.words, listed(names));
    Ok(ElementType { words, bytes, class: Class::Other, in_heap: false })
}

fn compound(id: hid_t, bytes: u64, depth: usize) -> hdf5::Result<ElementType> {
    let mut in_heap = depth >= MOST_DEPTH;
    let mut parts = Vec::new();
    for member in 0..members(id)? {
        let mut words = member_name(id, member);
        if depth < MOST_DEPTH {
            // SAFETY: see `of`; the result is checked and owned.
            let kind = Id(check(|| unsafe { sys::h5t::H5Tget_member_type(id, member) })?);
            let kind = of(kind.0, depth + 1)?;
            in_heap |= kind.in_heap;
            words += &format!(": {}", kind.words);
        }
        parts.push(words);
    }
    let words = format!("compound {{{}}}", listed(parts));
    Ok(ElementType { words, bytes, class: Class::Other, in_heap })
}

fn listed(mut names: Vec<String>) -> String {
    if names.len() > MOST_MEMBERS {
        let more = format!("{} more", names.len() - MOST_MEMBERS);
        names.truncate(MOST_MEMBERS);
        names.push(more);
    }
    names.join(", ")
}

fn members(id: hid_t) -> hdf5::Result<u32> {
    // SAFETY: see `of`.
    Ok(check(|| unsafe { sys::h5t::H5Tget_nmembers(id) })? as u32)
}

fn member_name(id: hid_t, member: u32) -> String {
    hdf5::sync::sync(|| {
        // SAFETY: see `of`; HDF5 allocates the name, which is copied and given back.
        unsafe {
            let name: *mut c_char = sys::h5t::H5Tget_member_name(id, member);
            if name.is_null() {
                return "?".to_owned();
            }
            let owned = CStr::from_ptr(name).to_string_lossy().into_owned();
            sys::h5::H5free_memory(name.cast());
            owned
        }
    })
}
