//! Elements in memory that HDF5 has read, whatever they point to.

use super::element::{Element, References};
use crate::h5::{Id, by_address, check};
use h5lab_core::region::Region;
use hdf5_metno as hdf5;
use hdf5_metno_sys as sys;
use sys::h5::{herr_t, hsize_t};
use sys::h5i::hid_t;

/// Elements of a dataset or an attribute. What HDF5 allocated for them is given back when they are dropped.
pub struct Values {
    bytes: Vec<u8>,
    element: Element,
    /// Their type in memory, and how many there are, as HDF5 wants to know them.
    stored: Id,
    space: Id,
    count: usize,
}

impl Values {
    /// No values yet, for `count` elements of a type.
    fn empty(stored: Id, space: Id, count: usize) -> hdf5::Result<Values> {
        let element = Element::of(stored.0)?;
        // SAFETY: the type is open.
        let size = check(|| unsafe { sys::h5t::H5Tget_size(stored.0) as isize })? as usize;
        let bytes = vec![0u8; size * count];
        Ok(Values { bytes, element, stored, space, count })
    }

    /// All values of an attribute; none if its dataspace is null.
    pub(super) fn of_attribute(attribute: &Id) -> hdf5::Result<Values> {
        // SAFETY: the attribute is open; what HDF5 returns is owned. The buffer has room for all elements.
        unsafe {
            let stored = Id::new(|| sys::h5a::H5Aget_type(attribute.0))?;
            let space = Id::new(|| sys::h5a::H5Aget_space(attribute.0))?;
            let count = check(|| sys::h5s::H5Sget_simple_extent_npoints(space.0))? as usize;
            let mut values = Values::empty(stored, space, count)?;
            if count > 0 {
                check(|| sys::h5a::H5Aread(attribute.0, values.stored.0, values.bytes.as_mut_ptr().cast()))?;
            }
            Ok(values)
        }
    }

    /// Writes them to an attribute of the same type and extent.
    pub(super) fn write_attribute(&self, attribute: &Id, stored: &Id) -> hdf5::Result<()> {
        if self.count > 0 {
            // SAFETY: the attribute is open, and the buffer holds all its elements.
            check(|| unsafe { sys::h5a::H5Awrite(attribute.0, stored.0, self.bytes.as_ptr().cast()) })?;
        }
        Ok(())
    }

    /// The elements of a region of a dataset; a scalar is the region without axes.
    ///
    /// # Errors
    /// HDF5's.
    pub fn of_region(dataset: &hdf5::Dataset, region: &Region) -> hdf5::Result<Values> {
        // SAFETY: the dataset is open; what HDF5 returns is owned. The buffer has room for the region's elements.
        unsafe {
            let stored = Id::new(|| sys::h5d::H5Dget_type(dataset.id()))?;
            let space = memory_space(region)?;
            let mut values = Values::empty(stored, space, region.elements() as usize)?;
            if values.count > 0 {
                let there = selected(dataset, region)?;
                let out = values.bytes.as_mut_ptr().cast();
                let standard = sys::h5p::H5P_DEFAULT;
                check(|| sys::h5d::H5Dread(dataset.id(), values.stored.0, values.space.0, there.0, standard, out))?;
            }
            Ok(values)
        }
    }

    /// Writes them to the same region of a dataset of the same type.
    ///
    /// # Errors
    /// HDF5's.
    pub fn write(&self, dataset: &hdf5::Dataset, region: &Region) -> hdf5::Result<()> {
        // SAFETY: the dataset is open; the buffer holds the region's elements.
        unsafe {
            let stored = Id::new(|| sys::h5d::H5Dget_type(dataset.id()))?;
            let there = selected(dataset, region)?;
            let (bytes, standard) = (self.bytes.as_ptr().cast(), sys::h5p::H5P_DEFAULT);
            check(|| sys::h5d::H5Dwrite(dataset.id(), stored.0, self.space.0, there.0, standard, bytes))?;
        }
        Ok(())
    }

    /// Shows each reference among them to `references`, which may change it.
    ///
    /// # Errors
    /// Those of `references`.
    pub fn each_reference(&mut self, references: &mut dyn References) -> hdf5::Result<()> {
        if !self.element.has_references() {
            return Ok(());
        }
        let size = self.bytes.len() / self.count.max(1);
        // SAFETY: the elements were read by HDF5, and are this value's alone.
        (0..self.count)
            .try_for_each(|n| unsafe { self.element.each_reference(self.bytes.as_mut_ptr().add(n * size), references) })
    }

    /// What equal values of different files have in common, once references are named alike.
    pub fn flat(&self) -> Vec<u8> {
        let size = self.bytes.len() / self.count.max(1);
        let mut out = Vec::with_capacity(self.bytes.len());
        // SAFETY: as above.
        (0..self.count).for_each(|n| unsafe { self.element.flatten(self.bytes.as_ptr().add(n * size), &mut out) });
        out
    }

    /// The bytes of plain elements.
    pub fn bytes(&self) -> &[u8] {
        debug_assert!(self.element.is_plain());
        &self.bytes
    }
}

impl Drop for Values {
    fn drop(&mut self) {
        if self.element.owns_memory() && self.count > 0 {
            // SAFETY: HDF5 allocated what the elements point to, or they are zero; nobody uses them any more.
            let _ = unsafe { by_address::reclaim(self.stored.0, self.space.0, self.bytes.as_mut_ptr().cast()) };
        }
    }
}

fn memory_space(region: &Region) -> hdf5::Result<Id> {
    // SAFETY: the counts outlive the call.
    Id::new(|| unsafe {
        match region.axes() {
            0 => sys::h5s::H5Screate(sys::h5s::H5S_class_t::H5S_SCALAR),
            axes => sys::h5s::H5Screate_simple(axes as i32, region.count.as_ptr(), std::ptr::null()),
        }
    })
}

/// The dataset's space, with the region selected.
fn selected(dataset: &hdf5::Dataset, region: &Region) -> hdf5::Result<Id> {
    // SAFETY: the dataset is open; start and count have an element for each of its axes.
    unsafe {
        let space = Id::new(|| sys::h5d::H5Dget_space(dataset.id()))?;
        if region.axes() > 0 {
            let (set, none) = (sys::h5s::H5S_seloper_t::H5S_SELECT_SET, std::ptr::null());
            let (start, count) = (region.start.as_ptr(), region.count.as_ptr());
            check(|| sys::h5s::H5Sselect_hyperslab(space.0, set, start, none, count, none))?;
        }
        Ok(space)
    }
}

/// Bytes of the chunk that begins there, as stored; 0 if it is not there. This call finds a chunk without a walk through
/// the index.
///
/// # Errors
/// HDF5's.
pub fn stored_size_at(dataset: &hdf5::Dataset, start: &[u64]) -> hdf5::Result<u64> {
    let mut bytes = 0;
    // SAFETY: the dataset is open; `start` has an element for each of its axes.
    check(|| unsafe { H5Dget_chunk_storage_size(dataset.id(), start.as_ptr(), &mut bytes) })?;
    Ok(bytes)
}

unsafe extern "C" {
    /// There since HDF5 1.10.2, but hdf5-metno-sys does not know it.
    fn H5Dget_chunk_storage_size(dataset: hid_t, offset: *const hsize_t, bytes: *mut hsize_t) -> herr_t;
}
