//! What two files have in common, whatever addresses their objects have.

use super::Tree;
use super::attributes;
use super::create::region_of;
use super::element::References;
use crate::h5::{Id, check};
use hdf5_metno as hdf5;
use hdf5_metno_sys as sys;

/// Puts the number of an object in its tree in the place of each reference to it: that is the same in both files.
pub struct Named<'a> {
    file: &'a hdf5::File,
    tree: &'a Tree,
}

impl<'a> Named<'a> {
    /// The names of a file's objects.
    pub fn new(file: &'a hdf5::File, tree: &'a Tree) -> Self {
        Named { file, tree }
    }

    /// Numbers begin at 1; 0 is what leads nowhere.
    fn number(&self, address: u64) -> u64 {
        self.tree.by_address.get(&address).map_or(0, |&number| number as u64 + 1)
    }
}

impl References for Named<'_> {
    fn object(&mut self, reference: &mut [u8; 8]) -> hdf5::Result<()> {
        *reference = self.number(u64::from_ne_bytes(*reference)).to_ne_bytes();
        Ok(())
    }

    fn region(&mut self, reference: &mut [u8; 12]) -> hdf5::Result<()> {
        if *reference == [0; 12] {
            return Ok(());
        }
        let (number, selection) = match region_of(self.file, reference)? {
            Some((address, space)) if self.number(address) > 0 => (self.number(address), selection_of(&space)?),
            _ => {
                *reference = [0; 12];
                return Ok(());
            }
        };
        reference[..8].copy_from_slice(&(number ^ selection).to_ne_bytes());
        reference[8..].fill(0);
        Ok(())
    }
}

/// A number that selections of the same elements have in common.
fn selection_of(space: &Id) -> hdf5::Result<u64> {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    // SAFETY: the space is open; there is room for the bounds of as many axes as HDF5 has.
    unsafe {
        let (mut low, mut high) = ([0; 32], [0; 32]);
        let points = check(|| sys::h5s::H5Sget_select_npoints(space.0))?;
        if points > 0 {
            check(|| sys::h5s::H5Sget_select_bounds(space.0, low.as_mut_ptr(), high.as_mut_ptr()))?;
        }
        (points, low, high).hash(&mut hasher);
    }
    // The upper half alone: the number of the object stays readable in the lower.
    Ok(hasher.finish() & 0xffff_ffff_0000_0000)
}

/// The first attribute that two objects do not have in common; `None` if all are alike.
///
/// # Errors
/// HDF5's.
pub fn same_attributes(one: (u64, &mut Named<'_>), other: (u64, &mut Named<'_>)) -> hdf5::Result<Option<String>> {
    let a = attributes::flat(one.1.file, one.0, one.1)?;
    let b = attributes::flat(other.1.file, other.0, other.1)?;
    let name = |at: usize| a.get(at).or(b.get(at)).map(|(name, _)| name.to_string_lossy().into_owned());
    Ok((0..a.len().max(b.len())).find(|&at| a.get(at) != b.get(at)).and_then(name))
}

/// True if two datasets have the same type.
///
/// # Errors
/// HDF5's.
pub fn same_type(a: &hdf5::Dataset, b: &hdf5::Dataset) -> hdf5::Result<bool> {
    // SAFETY: both datasets are open; the types are owned.
    unsafe {
        let one = Id::new(|| sys::h5d::H5Dget_type(a.id()))?;
        let other = Id::new(|| sys::h5d::H5Dget_type(b.id()))?;
        Ok(check(|| sys::h5t::H5Tequal(one.0, other.0))? > 0)
    }
}
