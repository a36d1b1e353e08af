//! A file as what it is made of, objects and the links that lead to them, and the same made again in another file.

mod attributes;
mod compare;
mod create;
mod data;
mod element;
mod links;
mod part;
mod placeholder;
mod storage;

pub use attributes::copy_attributes;
pub use compare::{Named, same_attributes, same_type};
pub use create::{Copied, create_file};
pub use data::{Values, stored_size_at};
pub use element::{Element, References};
pub use links::{Link, To};
pub use part::{create_part, create_part_file};
pub use placeholder::has as has_filter;
pub use storage::{Shown, StorageKind, StorageNow, WantedStorage};

use super::{Id, by_address, failure};
use h5lab_core::failure::Result;
use hdf5_metno as hdf5;
use hdf5_metno_sys as sys;
use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::path::Path;
use sys::h5i::hid_t;

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A group.
    Group,
    /// A dataset.
    Dataset,
    /// A committed (named) datatype.
    Datatype,
}

/// An object of a file.
#[derive(Clone, Debug)]
pub struct Object {
    /// Its address: what tells it from others, and what object references hold.
    pub address: u64,
    /// What it is.
    pub kind: Kind,
    /// Paths of all hard links to it, with a leading slash; below a group that has several, its first alone.
    pub paths: Vec<CString>,
    /// A group's links, in the order in which they were made where the group knows it, else in that of their names.
    pub links: Vec<Link>,
}

impl Object {
    /// Its first path, for people.
    pub fn name(&self) -> String {
        self.paths.first().map_or_else(String::new, |path| path.to_string_lossy().into_owned())
    }

    /// All its paths, for people.
    pub fn names(&self) -> Vec<String> {
        self.paths.iter().map(|path| path.to_string_lossy().into_owned()).collect()
    }
}

/// All objects that hard links lead to from the root group, which is the first.
#[derive(Debug)]
pub struct Tree {
    /// A group comes before what its links lead to.
    pub objects: Vec<Object>,
    /// Which object has which address.
    pub by_address: HashMap<u64, usize>,
}

impl Tree {
    /// Walks through a file.
    ///
    /// # Errors
    /// HDF5's: a group that can't be listed, or an object whose header can't be read.
    pub fn of(file: &hdf5::File, path: &Path) -> Result<Tree> {
        let mut tree = Tree { objects: Vec::new(), by_address: HashMap::new() };
        let root = open_name(file.id(), c"/").and_then(|root| info(&root)).map_err(|e| failure(&e, "open", path))?;
        tree.add(root, c"/".to_owned());
        let mut next = 0;
        while next < tree.objects.len() {
            if tree.objects[next].kind == Kind::Group {
                tree.list(file, next)
                    .map_err(|e| failure(&e, &format!("list the group {}", tree.objects[next].name()), path))?;
            }
            next += 1;
        }
        Ok(tree)
    }

    fn add(&mut self, (address, kind): (u64, Kind), path: CString) -> usize {
        let next = self.objects.len();
        let index = *self.by_address.entry(address).or_insert(next);
        if index == next {
            self.objects.push(Object { address, kind, paths: vec![path], links: Vec::new() });
        } else if !self.objects[index].paths.contains(&path) {
            self.objects[index].paths.push(path);
        }
        index
    }

    fn list(&mut self, file: &hdf5::File, index: usize) -> hdf5::Result<()> {
        let group = open(file, self.objects[index].address)?;
        let mut found = links::of(&group)?;
        for link in &mut found {
            if let To::Unresolved = link.to {
                let object = open_name(group.0, &link.name).and_then(|object| info(&object))?;
                let path = joined(&self.objects[index].paths[0], &link.name);
                link.to = To::Object(self.add(object, path));
            }
        }
        self.objects[index].links = found;
        Ok(())
    }

    /// The datasets, each once.
    pub fn datasets(&self) -> impl Iterator<Item = (usize, &Object)> {
        self.objects.iter().enumerate().filter(|(_, object)| object.kind == Kind::Dataset)
    }
}

fn joined(folder: &CStr, name: &CStr) -> CString {
    let mut path = folder.to_bytes().to_vec();
    if path.last() != Some(&b'/') {
        path.push(b'/');
    }
    path.extend(name.to_bytes());
    CString::new(path).expect("neither holds a zero")
}

/// Opens the object at an address.
pub(super) fn open(file: &hdf5::File, address: u64) -> hdf5::Result<Id> {
    by_address::open(file.id(), address)
}

/// Opens a dataset by its address.
///
/// # Errors
/// HDF5's.
pub fn open_dataset(file: &hdf5::File, address: u64) -> hdf5::Result<hdf5::Dataset> {
    let id = open(file, address)?;
    let raw = id.0;
    std::mem::forget(id);
    // SAFETY: the identifier is that of an object, and nobody else's; the type is checked.
    unsafe { hdf5::from_id(raw) }
}

fn open_name(place: hid_t, name: &CStr) -> hdf5::Result<Id> {
    // SAFETY: the place is open, and the name ends in a zero.
    Id::new(|| unsafe { sys::h5o::H5Oopen(place, name.as_ptr(), sys::h5p::H5P_DEFAULT) })
}

/// Address and kind of an open object.
pub(super) fn info(object: &Id) -> hdf5::Result<(u64, Kind)> {
    let facts = by_address::facts(object.0)?;
    let kind = match facts.kind {
        sys::h5o::H5O_type_t::H5O_TYPE_GROUP => Kind::Group,
        sys::h5o::H5O_type_t::H5O_TYPE_DATASET => Kind::Dataset,
        sys::h5o::H5O_type_t::H5O_TYPE_NAMED_DATATYPE => Kind::Datatype,
        _ => return Err(hdf5::Error::Internal("an object of an unknown kind".into())),
    };
    Ok((facts.address, kind))
}
