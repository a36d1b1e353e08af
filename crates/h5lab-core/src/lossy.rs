//! Paths as JSON can hold them: text. Bytes that are no UTF-8 become U+FFFD.

use serde::Serializer;
use std::path::{Path, PathBuf};

/// A path, for `#[serde(serialize_with)]`.
///
/// # Errors
/// The serializer's.
pub fn path<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&path.to_string_lossy())
}

/// A path that may be absent, for `#[serde(serialize_with)]`.
///
/// # Errors
/// The serializer's.
pub fn optional_path<S: Serializer>(path: &Option<PathBuf>, to: S) -> Result<S::Ok, S::Error> {
    match path {
        Some(path) => to.serialize_some(&path.to_string_lossy()),
        None => to.serialize_none(),
    }
}
