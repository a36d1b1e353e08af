//! The objects of one file made again in another: groups, committed types, empty datasets, and all links.

use super::element::References;
use super::links::{self, To};
use super::storage::{self, WantedStorage};
use super::{Kind, Link, Tree};
use crate::h5::{Id, check};
use hdf5_metno as hdf5;
use hdf5_metno_sys as sys;
use std::collections::HashMap;
use std::ffi::{CString, c_int, c_uint};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use sys::h5f::H5F_libver_t;

/// A file under copy: what has been made of the source's objects.
pub struct Copied<'a> {
    /// Where objects come from.
    pub source: &'a hdf5::File,
    /// Where they are made.
    pub target: &'a hdf5::File,
    /// The source's objects.
    pub tree: &'a Tree,
    /// By the address in the source: the address in the target.
    made: HashMap<u64, u64>,
    /// Committed types that have no link in the source, kept open until something uses them.
    unlinked: HashMap<u64, Id>,
    /// References whose object is not there: they become null.
    pub dangling: u64,
    /// Links of classes that no HDF5 knows, by path: they can't be made.
    pub skipped: Vec<String>,
}

/// Makes an empty file with the source's creation properties: user block, sizes, file space strategy, the root group's
/// order of links; and in the oldest format that is no older than the source's.
///
/// # Errors
/// HDF5's.
pub fn create_file(source: &hdf5::File, target: &Path) -> hdf5::Result<hdf5::File> {
    let name = CString::new(target.as_os_str().as_bytes()).map_err(|e| hdf5::Error::Internal(e.to_string()))?;
    // SAFETY: the source is open, the name ends in a zero; what HDF5 returns is checked and owned.
    unsafe {
        let list = Id::new(|| sys::h5f::H5Fget_create_plist(source.id()))?;
        let root = super::open_name(source.id(), c"/")?;
        let like = Id::new(|| sys::h5g::H5Gget_create_plist(root.0))?;
        group_properties(&like, &list)?;
        let access = Id::new(|| sys::h5p::H5Pcreate(*hdf5::globals::H5P_FILE_ACCESS))?;
        check(|| sys::h5p::H5Pset_libver_bounds(access.0, format_of(source), sys::h5f::H5F_LIBVER_LATEST))?;
        let id = check(|| sys::h5f::H5Fcreate(name.as_ptr(), sys::h5f::H5F_ACC_TRUNC, list.0, access.0))?;
        hdf5::from_id(id)
    }
}

/// Sets on one list what a group of another list's kind has. A group's own list can't be used for a second group: it holds
/// the places of the first one's heap and indexes.
unsafe fn group_properties(of: &Id, to: &Id) -> hdf5::Result<()> {
    let (mut order, mut attributes, mut times): (c_uint, c_uint, _) = (0, 0, Default::default());
    let (mut first, mut second): (c_uint, c_uint) = (0, 0);
    // SAFETY: both lists are open, and the results outlive the calls.
    unsafe {
        check(|| sys::h5p::H5Pget_link_creation_order(of.0, &mut order))?;
        check(|| sys::h5p::H5Pset_link_creation_order(to.0, order))?;
        check(|| sys::h5p::H5Pget_link_phase_change(of.0, &mut first, &mut second))?;
        check(|| sys::h5p::H5Pset_link_phase_change(to.0, first, second))?;
        check(|| sys::h5p::H5Pget_est_link_info(of.0, &mut first, &mut second))?;
        check(|| sys::h5p::H5Pset_est_link_info(to.0, first, second))?;
        check(|| sys::h5p::H5Pget_attr_creation_order(of.0, &mut attributes))?;
        check(|| sys::h5p::H5Pset_attr_creation_order(to.0, attributes))?;
        check(|| sys::h5p::H5Pget_attr_phase_change(of.0, &mut first, &mut second))?;
        check(|| sys::h5p::H5Pset_attr_phase_change(to.0, first, second))?;
        check(|| sys::h5p::H5Pget_obj_track_times(of.0, &mut times))?;
        check(|| sys::h5p::H5Pset_obj_track_times(to.0, times))?;
    }
    Ok(())
}

/// The library version that a file of this superblock needs: files for old readers stay such.
pub(super) fn format_of(file: &hdf5::File) -> H5F_libver_t {
    let mut info = sys::h5f::H5F_info2_t::default();
    // SAFETY: the file is open, and the result outlives the call.
    let asked = check(|| unsafe { sys::h5f::H5Fget_info2(file.id(), &mut info) });
    match info.super_.version {
        _ if asked.is_err() => H5F_libver_t::H5F_LIBVER_EARLIEST,
        0 | 1 => H5F_libver_t::H5F_LIBVER_EARLIEST,
        2 => H5F_libver_t::H5F_LIBVER_V18,
        _ => H5F_libver_t::H5F_LIBVER_V110,
    }
}

impl<'a> Copied<'a> {
    /// Makes all groups, committed types, datasets without values, and links.
    ///
    /// `wanted` says how each dataset, by its number in the tree, is to be stored.
    ///
    /// # Errors
    /// HDF5's, with the path of the object.
    pub fn structure(
        source: &'a hdf5::File,
        target: &'a hdf5::File,
        tree: &'a Tree,
        wanted: &HashMap<usize, WantedStorage>,
    ) -> Result<Copied<'a>, (String, hdf5::Error)> {
        let mut copied = Copied {
            source,
            target,
            tree,
            made: HashMap::new(),
            unlinked: HashMap::new(),
            dangling: 0,
            skipped: Vec::new(),
        };
        let root = super::open_name(target.id(), c"/").and_then(|root| super::info(&root));
        copied.made.insert(tree.objects[0].address, root.map_err(|e| ("/".to_owned(), e))?.0);
        for group in tree.objects.iter().filter(|object| object.kind == Kind::Group) {
            for link in &group.links {
                let name = || format!("{}/{}", group.name().trim_end_matches('/'), link.name.to_string_lossy());
                copied.link(group.address, link, wanted).map_err(|e| (name(), e))?;
                if let To::Other(_) = link.to {
                    copied.skipped.push(name());
                }
            }
        }
        Ok(copied)
    }

    /// The address in the target of the object that has this one in the source.
    pub fn address(&self, source: u64) -> Option<u64> {
        self.made.get(&source).copied()
    }

    /// True if a link leads to another file.
    pub fn leads_elsewhere(&self) -> bool {
        let mut links = self.tree.objects.iter().flat_map(|object| &object.links);
        links.any(|link| matches!(link.to, To::External(..)))
    }

    fn link(&mut self, group: u64, link: &Link, wanted: &HashMap<usize, WantedStorage>) -> hdf5::Result<()> {
        let place = super::open(self.target, self.made[&group])?;
        match link.to {
            To::Object(number) => {
                let address = self.tree.objects[number].address;
                match self.made.get(&address) {
                    Some(&made) => links::create_hard(&super::open(self.target, made)?, &place, link),
                    None => self.object(number, &place, link, wanted.get(&number).unwrap_or(&WantedStorage::Same)),
                }
            }
            To::Soft(_) | To::External(..) => links::create(&place, link),
            To::Other(_) | To::Unresolved => Ok(()),
        }
    }

    /// Makes an object under its first link.
    fn object(&mut self, number: usize, place: &Id, link: &Link, wanted: &WantedStorage) -> hdf5::Result<()> {
        let object = &self.tree.objects[number];
        let source = super::open(self.source, object.address)?;
        let made = match object.kind {
            Kind::Group => group_like(&source, place, link)?,
            Kind::Datatype => {
                let made = self.commit(&source)?;
                links::create_hard(&made, place, link)?;
                made
            }
            Kind::Dataset => {
                let dataset = super::open_dataset(self.source, object.address)?;
                self.dataset_like(&dataset, place, link, wanted)?
            }
        };
        let address = super::info(&made)?.0;
        self.made.insert(object.address, address);
        Ok(())
    }

    fn dataset_like(
        &mut self,
        source: &hdf5::Dataset,
        place: &Id,
        link: &Link,
        wanted: &WantedStorage,
    ) -> hdf5::Result<Id> {
        let names = links::creation_list(link.charset)?;
        let list = storage::creation_list(source, wanted)?;
        // SAFETY: all identifiers are open, what HDF5 returns is owned, and the name ends in a zero.
        unsafe {
            let stored = self.datatype(Id::new(|| sys::h5d::H5Dget_type(source.id()))?)?;
            let space = Id::new(|| sys::h5d::H5Dget_space(source.id()))?;
            let (name, standard) = (link.name.as_ptr(), sys::h5p::H5P_DEFAULT);
            Id::new(|| sys::h5d::H5Dcreate2(place.0, name, stored.0, space.0, names.0, list.0, standard))
        }
    }

    /// The type to make something with: the target's own where the source's is a committed one.
    pub(super) fn datatype(&mut self, source: Id) -> hdf5::Result<Id> {
        // SAFETY: the type is open.
        if check(|| unsafe { sys::h5t::H5Tcommitted(source.0) })? == 0 {
            return Ok(source);
        }
        let address = super::info(&source)?.0;
        let made = match self.made.get(&address) {
            Some(&made) => super::open(self.target, made),
            None => {
                let made = self.commit(&source)?;
                self.made.insert(address, super::info(&made)?.0);
                // Without a link it would be gone when it is closed.
                let again = super::open(self.target, self.made[&address])?;
                self.unlinked.insert(address, made);
                Ok(again)
            }
        }?;
        Ok(made)
    }

    /// A committed type like this one, without a link.
    fn commit(&self, source: &Id) -> hdf5::Result<Id> {
        // SAFETY: type and file are open; what HDF5 returns is owned.
        unsafe {
            let list = Id::new(|| sys::h5t::H5Tget_create_plist(source.0))?;
            let copy = Id::new(|| sys::h5t::H5Tcopy(source.0))?;
            check(|| sys::h5t::H5Tcommit_anon(self.target.id(), copy.0, list.0, sys::h5p::H5P_DEFAULT))?;
            Ok(copy)
        }
    }
}

fn group_like(source: &Id, place: &Id, link: &Link) -> hdf5::Result<Id> {
    let names = links::creation_list(link.charset)?;
    // SAFETY: all identifiers are open, what HDF5 returns is owned, and the name ends in a zero.
    unsafe {
        let like = Id::new(|| sys::h5g::H5Gget_create_plist(source.0))?;
        let list = Id::new(|| sys::h5p::H5Pcreate(*hdf5::globals::H5P_GROUP_CREATE))?;
        group_properties(&like, &list)?;
        let (name, standard) = (link.name.as_ptr(), sys::h5p::H5P_DEFAULT);
        Id::new(|| sys::h5g::H5Gcreate2(place.0, name, names.0, list.0, standard))
    }
}

/// References are made to lead to the same objects in the target.
impl References for Copied<'_> {
    fn object(&mut self, reference: &mut [u8; 8]) -> hdf5::Result<()> {
        let address = u64::from_ne_bytes(*reference);
        if address != 0 && address != u64::MAX {
            let made = self.made.get(&address).copied();
            self.dangling += u64::from(made.is_none());
            *reference = made.unwrap_or(0).to_ne_bytes();
        }
        Ok(())
    }

    fn region(&mut self, reference: &mut [u8; 12]) -> hdf5::Result<()> {
        if *reference == [0; 12] {
            return Ok(());
        }
        let Some((address, space)) = region_of(self.source, reference)? else {
            self.dangling += 1;
            *reference = [0; 12];
            return Ok(());
        };
        let Some(&made) = self.made.get(&address) else {
            self.dangling += 1;
            *reference = [0; 12];
            return Ok(());
        };
        let object = super::open(self.target, made)?;
        // SAFETY: object and selection are open; there is room for a region reference, which is written whole.
        check(|| unsafe {
            let kind = region_kind();
            sys::h5r::H5Rcreate(reference.as_mut_ptr().cast(), object.0, c".".as_ptr(), kind, space.0)
        })?;
        Ok(())
    }
}

/// The dataset's address and the selection of a region reference; `None` if it leads nowhere.
pub(super) fn region_of(file: &hdf5::File, reference: &[u8; 12]) -> hdf5::Result<Option<(u64, Id)>> {
    let (at, kind, standard) = (reference.as_ptr().cast(), region_kind(), sys::h5p::H5P_DEFAULT);
    // SAFETY: the file is open, and the reference was read from it; what HDF5 returns is owned.
    unsafe {
        let Ok(object) = Id::new(|| sys::h5r::H5Rdereference2(file.id(), standard, kind, at)) else { return Ok(None) };
        let space = Id::new(|| sys::h5r::H5Rget_region(file.id(), kind, at))?;
        Ok(Some((super::info(&object)?.0, space)))
    }
}

/// H5R_DATASET_REGION, which later libraries name H5R_DATASET_REGION1.
fn region_kind() -> sys::h5r::H5R_type_t {
    const DATASET_REGION: c_int = 1;
    // SAFETY: 1 is a value of the enumeration in every version.
    unsafe { std::mem::transmute::<c_int, sys::h5r::H5R_type_t>(DATASET_REGION) }
}
