//! Attributes as text: names, types, shapes, and the first values.

use super::datatype::{self, Class};
use super::{check, storage};
use h5lab_core::inspect::{Attribute, Space};
use hdf5_metno as hdf5;
use hdf5_metno_sys as sys;
use std::ffi::{CStr, c_char};

/// Values beyond this many are not shown.
const MOST_SHOWN: usize = 8;
/// Values of an attribute of more bytes are not read.
const MOST_BYTES: u64 = 1 << 20;

/// All attributes of an object; those that can't be opened say so in their type.
pub fn all(of: &hdf5::Location) -> Vec<Attribute> {
    let names = of.attr_names().unwrap_or_default();
    names.into_iter().map(|name| one(of, &name)).collect()
}

/// The values of an attribute of texts; `None` if it is not there, or of another type.
pub fn texts(of: &hdf5::Location, name: &str) -> Option<Vec<String>> {
    let attribute = of.attr(name).ok()?;
    let kind = attribute.dtype().and_then(|kind| datatype::describe(&kind)).ok()?;
    let count = attribute.size();
    if !matches!(kind.class, Class::FixedText | Class::VariableText) || count as u64 * kind.bytes > MOST_BYTES {
        return None;
    }
    let values = values(&attribute, kind.class, kind.bytes as usize, count)?;
    Some(values.into_iter().map(|value| value.trim_matches('"').to_owned()).collect())
}

fn one(of: &hdf5::Location, name: &str) -> Attribute {
    let unknown = |why: &hdf5::Error| Attribute {
        name: name.to_owned(),
        element: format!("can't be opened: {why}"),
        space: Space::Null,
        value: None,
    };
    let opened = of.attr(name).and_then(|attribute| {
        let kind = attribute.dtype().and_then(|kind| datatype::describe(&kind))?;
        let space = storage::space(&attribute.space()?)?;
        Ok((attribute, kind, space))
    });
    match opened {
        Err(error) => unknown(&error),
        Ok((attribute, kind, space)) => {
            let count: u64 = space.shape().map_or(0, |shape| shape.iter().product());
            let small = count.saturating_mul(kind.bytes) <= MOST_BYTES;
            let values = if small { values(&attribute, kind.class, kind.bytes as usize, count as usize) } else { None };
            let value = values.map(|values| shown(values, &space));
            Attribute { name: name.to_owned(), element: kind.words, space, value }
        }
    }
}

fn shown(mut values: Vec<String>, space: &Space) -> String {
    if *space == Space::Scalar {
        return values.pop().unwrap_or_default();
    }
    let more = values.len() > MOST_SHOWN;
    values.truncate(MOST_SHOWN);
    format!("[{}{}]", values.join(", "), if more { ", ..." } else { "" })
}

/// The values as text; `None` of a type that has none.
fn values(attribute: &hdf5::Attribute, class: Class, bytes: usize, count: usize) -> Option<Vec<String>> {
    if count == 0 {
        return Some(Vec::new());
    }
    let integers = |signed: bool| {
        let kind = if signed { *hdf5::globals::H5T_NATIVE_INT64 } else { *hdf5::globals::H5T_NATIVE_UINT64 };
        let words = read(attribute, kind, count * 8)?;
        let words = words.chunks_exact(8).map(|word| <[u8; 8]>::try_from(word).expect("eight bytes"));
        Some(
            words
                .map(|w| if signed { i64::from_ne_bytes(w).to_string() } else { u64::from_ne_bytes(w).to_string() })
                .collect(),
        )
    };
    match class {
        Class::Integer { signed } => integers(signed),
        Class::Float => {
            let words = read(attribute, *hdf5::globals::H5T_NATIVE_DOUBLE, count * 8)?;
            let numbers = words.chunks_exact(8).map(|w| f64::from_ne_bytes(w.try_into().expect("eight bytes")));
            Some(numbers.map(|number| number.to_string()).collect())
        }
        Class::Boolean => {
            let kind = attribute.dtype().ok()?;
            let bytes = read(attribute, kind.id(), count)?;
            Some(bytes.into_iter().map(|byte| (byte != 0).to_string()).collect())
        }
        Class::FixedText => {
            let kind = attribute.dtype().ok()?;
            let text = read(attribute, kind.id(), count * bytes)?;
            Some(text.chunks_exact(bytes.max(1)).map(fixed).collect())
        }
        Class::VariableText => variable(attribute, count),
        Class::Other => None,
    }
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

fn fixed(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    quoted(String::from_utf8_lossy(&bytes[..end]).trim_end())
}

fn read(attribute: &hdf5::Attribute, kind: sys::h5i::hid_t, bytes: usize) -> Option<Vec<u8>> {
    let mut buffer = vec![0u8; bytes];
    // SAFETY: attribute and type are open, and there is room for all elements of that type.
    check(|| unsafe { sys::h5a::H5Aread(attribute.id(), kind, buffer.as_mut_ptr().cast()) }).ok()?;
    Some(buffer)
}

fn variable(attribute: &hdf5::Attribute, count: usize) -> Option<Vec<String>> {
    let (kind, space) = (attribute.dtype().ok()?, attribute.space().ok()?);
    let mut pointers: Vec<*mut c_char> = vec![std::ptr::null_mut(); count];
    // SAFETY: attribute, type and space are open; the type is text of variable length, so that an element is a pointer,
    // which HDF5 allocates and takes back below. Each is null or the beginning of a text that ends in a zero.
    check(|| unsafe { sys::h5a::H5Aread(attribute.id(), kind.id(), pointers.as_mut_ptr().cast()) }).ok()?;
    let text = |&at: &*mut c_char| {
        if at.is_null() { quoted("") } else { quoted(&unsafe { CStr::from_ptr(at) }.to_string_lossy()) }
    };
    let texts = pointers.iter().map(text).collect();
    // SAFETY: as above; the texts were copied.
    let _ = unsafe { super::by_address::reclaim(kind.id(), space.id(), pointers.as_mut_ptr().cast()) };
    Some(texts)
}
