//! How a dataset is stored, and the creation property list that stores it otherwise.

use super::element::Element;
use super::placeholder;
use crate::h5::{Id, check, filters, virtual_dataset};
use h5lab_core::filter::Stage;
use h5lab_core::region::Region;
use hdf5_metno as hdf5;
use hdf5_metno_sys as sys;
use std::ffi::{CString, c_int, c_uint};
use sys::h5d::{H5D_fill_value_t, H5D_layout_t};

/// Where a dataset's values are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StorageKind {
    /// It has no elements to store: a null dataspace.
    Null,
    /// In its object header.
    Compact,
    /// In one run of bytes.
    Contiguous,
    /// In one run of bytes in files of its own (H5Pset_external).
    External,
    /// In chunks of this shape.
    Chunked(Vec<u64>),
    /// In other datasets (VDS).
    Virtual,
}

/// How a dataset is stored now.
#[derive(Clone, Debug)]
pub struct StorageNow {
    /// Where its values are.
    pub kind: StorageKind,
    /// Its filters, in the order in which a write applies them.
    pub filters: Vec<Stage>,
    /// Elements along each axis; none for a scalar.
    pub shape: Vec<u64>,
    /// Most elements that it may grow to along each axis; `u64::MAX` where there is no limit.
    pub limits: Vec<u64>,
    /// What its elements are made of.
    pub element: Element,
    /// The bytes of an element that was never written; of a plain element alone.
    pub fill: Vec<u8>,
    /// True if chunks over the dataset's edge are stored without their filters.
    pub edges_unfiltered: bool,
    /// Bytes that its values take in the file.
    pub stored_bytes: u64,
}

impl StorageNow {
    /// Looks at an open dataset.
    ///
    /// # Errors
    /// HDF5's.
    pub fn of(dataset: &hdf5::Dataset) -> hdf5::Result<StorageNow> {
        let shape: Vec<u64> = dataset.shape().into_iter().map(|n| n as u64).collect();
        let stored_bytes = dataset.storage_size();
        // SAFETY: the dataset is open; what HDF5 returns is owned.
        unsafe {
            let stored = Id::new(|| sys::h5d::H5Dget_type(dataset.id()))?;
            let element = Element::of(stored.0)?;
            let list = Id::new(|| sys::h5d::H5Dget_create_plist(dataset.id()))?;
            let kind = if dataset.space()?.is_null() { StorageKind::Null } else { kind(&list, shape.len())? };
            let mut options: c_uint = 0;
            if let StorageKind::Chunked(_) = kind {
                check(|| sys::h5p::H5Pget_chunk_opts(list.0, &mut options))?;
            }
            let fill = if element.is_plain() { fill(&list, &stored, element.size())? } else { Vec::new() };
            let filters = filters::stages(dataset)?;
            let limits = limits(dataset, shape.len())?;
            let edges_unfiltered = options & sys::h5d::H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS != 0;
            Ok(StorageNow { kind, filters, shape, limits, element, fill, edges_unfiltered, stored_bytes })
        }
    }

    /// Bytes of all its elements in memory.
    pub fn bytes(&self) -> u64 {
        match self.kind {
            StorageKind::Null => 0,
            _ => Region::whole(&self.shape).elements() * self.element.size() as u64,
        }
    }
}

/// H5S_UNLIMITED is `u64::MAX` here.
fn limits(dataset: &hdf5::Dataset, axes: usize) -> hdf5::Result<Vec<u64>> {
    let (mut sizes, mut limits) = (vec![0; axes], vec![0; axes]);
    // SAFETY: the dataset is open; there is room for both sizes of each axis.
    unsafe {
        let space = Id::new(|| sys::h5d::H5Dget_space(dataset.id()))?;
        check(|| sys::h5s::H5Sget_simple_extent_dims(space.0, sizes.as_mut_ptr(), limits.as_mut_ptr()))?;
    }
    Ok(limits)
}

fn kind(list: &Id, axes: usize) -> hdf5::Result<StorageKind> {
    // SAFETY: the list is a dataset creation property list; there is room for a size of each axis.
    unsafe {
        Ok(match hdf5::sync::sync(|| sys::h5p::H5Pget_layout(list.0)) {
            H5D_layout_t::H5D_COMPACT => StorageKind::Compact,
            H5D_layout_t::H5D_CHUNKED => {
                let mut chunk = vec![0; axes];
                check(|| sys::h5p::H5Pget_chunk(list.0, axes as c_int, chunk.as_mut_ptr()))?;
                StorageKind::Chunked(chunk)
            }
            H5D_layout_t::H5D_VIRTUAL => StorageKind::Virtual,
            _ if check(|| sys::h5p::H5Pget_external_count(list.0))? > 0 => StorageKind::External,
            _ => StorageKind::Contiguous,
        })
    }
}

/// H5Z_FLAG_OPTIONAL.
const OPTIONAL: c_uint = 1;

fn fill(list: &Id, stored: &Id, size: usize) -> hdf5::Result<Vec<u8>> {
    let (mut value, mut status) = (vec![0u8; size], H5D_fill_value_t::H5D_FILL_VALUE_UNDEFINED);
    // SAFETY: list and type are open, and there is room for one element.
    unsafe {
        check(|| sys::h5p::H5Pfill_value_defined(list.0, &mut status))?;
        if status == H5D_fill_value_t::H5D_FILL_VALUE_USER_DEFINED {
            check(|| sys::h5p::H5Pget_fill_value(list.0, stored.0, value.as_mut_ptr().cast()))?;
        }
    }
    Ok(value)
}

/// How a dataset is to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WantedStorage {
    /// As it is.
    Same,
    /// In one run of bytes.
    Contiguous,
    /// In its object header.
    Compact,
    /// In chunks of this shape, which pass through these filters.
    Chunked(Vec<u64>, Vec<Stage>),
    /// In datasets of other files (VDS): so many boxes of it.
    Virtual(Vec<Shown>),
}

/// A box of a virtual dataset, which is all of another file's dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The elements of the virtual dataset.
    pub region: Region,
    /// The other file, by a name relative to the folder of this one.
    pub file: CString,
    /// The dataset's path in it.
    pub dataset: CString,
}

/// What a list has that does not belong to its layout. HDF5 can't take external files out of a list.
unsafe fn without_layout(old: &Id, dataset: &hdf5::Dataset) -> hdf5::Result<Id> {
    let (mut order, mut first, mut second): (c_uint, c_uint, c_uint) = (0, 0, 0);
    let (mut times, mut status) = (Default::default(), H5D_fill_value_t::H5D_FILL_VALUE_UNDEFINED);
    let mut fill_time = sys::h5d::H5D_fill_time_t::H5D_FILL_TIME_IFSET;
    // SAFETY: list and dataset are open, what HDF5 returns is owned, and the results outlive the calls.
    unsafe {
        let list = Id::new(|| sys::h5p::H5Pcreate(*hdf5::globals::H5P_DATASET_CREATE))?;
        check(|| sys::h5p::H5Pget_attr_creation_order(old.0, &mut order))?;
        check(|| sys::h5p::H5Pset_attr_creation_order(list.0, order))?;
        check(|| sys::h5p::H5Pget_attr_phase_change(old.0, &mut first, &mut second))?;
        check(|| sys::h5p::H5Pset_attr_phase_change(list.0, first, second))?;
        check(|| sys::h5p::H5Pget_obj_track_times(old.0, &mut times))?;
        check(|| sys::h5p::H5Pset_obj_track_times(list.0, times))?;
        check(|| sys::h5p::H5Pget_fill_time(old.0, &mut fill_time))?;
        check(|| sys::h5p::H5Pset_fill_time(list.0, fill_time))?;
        check(|| sys::h5p::H5Pfill_value_defined(old.0, &mut status))?;
        if status == H5D_fill_value_t::H5D_FILL_VALUE_USER_DEFINED {
            let stored = Id::new(|| sys::h5d::H5Dget_type(dataset.id()))?;
            let mut value = vec![0u8; check(|| sys::h5t::H5Tget_size(stored.0) as isize)? as usize];
            check(|| sys::h5p::H5Pget_fill_value(old.0, stored.0, value.as_mut_ptr().cast()))?;
            check(|| sys::h5p::H5Pset_fill_value(list.0, stored.0, value.as_ptr().cast()))?;
        }
        Ok(list)
    }
}

/// The creation property list of a dataset like this one, stored as is wanted.
pub(super) fn creation_list(dataset: &hdf5::Dataset, wanted: &WantedStorage) -> hdf5::Result<Id> {
    const ALL_FILTERS: c_int = 0;
    // SAFETY: the dataset is open, and the list is owned.
    unsafe {
        let old = Id::new(|| sys::h5d::H5Dget_create_plist(dataset.id()))?;
        if *wanted == WantedStorage::Same {
            placeholder::register(&filters::stages(dataset)?)?;
            return Ok(old);
        }
        let external = check(|| sys::h5p::H5Pget_external_count(old.0))? > 0;
        // A list with a virtual layout takes no more mappings of another shape.
        let virtual_now = matches!(wanted, WantedStorage::Virtual(_));
        let list = if external || virtual_now { without_layout(&old, dataset)? } else { old };
        let id = list.0;
        check(|| sys::h5p::H5Premove_filter(id, ALL_FILTERS))?;
        match wanted {
            WantedStorage::Contiguous => check(|| sys::h5p::H5Pset_layout(id, H5D_layout_t::H5D_CONTIGUOUS))?,
            WantedStorage::Compact => check(|| sys::h5p::H5Pset_layout(id, H5D_layout_t::H5D_COMPACT))?,
            WantedStorage::Chunked(chunk, filters) => {
                check(|| sys::h5p::H5Pset_chunk(id, chunk.len() as c_int, chunk.as_ptr()))?;
                check(|| sys::h5p::H5Pset_chunk_opts(id, 0))?;
                for filter in filters {
                    let (count, parameters) = (filter.parameters.len(), filter.parameters.as_ptr());
                    let flags = if filter.optional { OPTIONAL } else { 0 };
                    check(|| sys::h5p::H5Pset_filter(id, filter.id as c_int, flags, count, parameters))?;
                }
                0
            }
            WantedStorage::Virtual(parts) => {
                let whole = Id::new(|| sys::h5d::H5Dget_space(dataset.id()))?;
                parts.iter().try_for_each(|part| show(&list, &whole, part))?;
                0
            }
            WantedStorage::Same => 0,
        };
        allocation_time(id, wanted)?;
        Ok(list)
    }
}

/// Puts a box of another file's dataset into a virtual one with this space.
unsafe fn show(list: &Id, whole: &Id, part: &Shown) -> hdf5::Result<()> {
    let (set, none) = (sys::h5s::H5S_seloper_t::H5S_SELECT_SET, std::ptr::null());
    let (start, count) = (part.region.start.as_ptr(), part.region.count.as_ptr());
    let (file, dataset) = (virtual_dataset::literal_bytes(&part.file), virtual_dataset::literal_bytes(&part.dataset));
    // SAFETY: list and space are open; the region has the dataset's axes, and the names end in a zero.
    unsafe {
        let theirs = Id::new(|| sys::h5s::H5Screate_simple(part.region.axes() as c_int, count, none))?;
        let ours = Id::new(|| sys::h5s::H5Scopy(whole.0))?;
        check(|| sys::h5s::H5Sselect_hyperslab(ours.0, set, start, none, count, none))?;
        check(|| sys::h5p::H5Pset_virtual(list.0, ours.0, file.as_ptr(), dataset.as_ptr(), theirs.0))?;
    }
    Ok(())
}

/// HDF5 wants compact datasets allocated early; the time that belonged to the old layout does not belong to the new one.
unsafe fn allocation_time(list: sys::h5i::hid_t, wanted: &WantedStorage) -> hdf5::Result<()> {
    use sys::h5d::H5D_alloc_time_t::{H5D_ALLOC_TIME_DEFAULT, H5D_ALLOC_TIME_EARLY};
    let time = if *wanted == WantedStorage::Compact { H5D_ALLOC_TIME_EARLY } else { H5D_ALLOC_TIME_DEFAULT };
    // SAFETY: the list is a dataset creation property list, as the caller says.
    check(|| unsafe { sys::h5p::H5Pset_alloc_time(list, time) })?;
    Ok(())
}
