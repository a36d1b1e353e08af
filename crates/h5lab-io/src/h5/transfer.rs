//! Moving regions between memory and a dataset, and asking HDF5 afterwards how it did it.

use super::{Id, check};
use h5lab_core::dataset::Dtype;
use h5lab_core::region::Region;
use hdf5_metno as hdf5;
use hdf5_metno_sys as sys;
use sys::h5i::hid_t;

/// Whether ranks transfer each for itself or together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Each rank for itself; the only mode without MPI.
    Independent,
    /// All ranks together: every rank makes the same calls, those without data with an empty region.
    Collective,
}

/// A dataset transfer property list.
pub struct Transfer {
    list: Id,
}

impl Transfer {
    /// A property list for this mode. Independent transfers need no MPI.
    ///
    /// # Errors
    /// HDF5's, also if collective transfers are asked for in a build without MPI.
    pub fn new(mode: Mode) -> hdf5::Result<Self> {
        // SAFETY: the class identifier is HDF5's own; the result is checked and owned.
        let list = Id(check(|| unsafe { sys::h5p::H5Pcreate(*hdf5::globals::H5P_DATASET_XFER) })?);
        set_mode(&list, mode)?;
        Ok(Transfer { list })
    }

    /// Writes `data`, in C order and this machine's byte order, to `region`. An empty region writes nothing, but takes
    /// part in a collective call.
    ///
    /// # Errors
    /// HDF5's.
    ///
    /// # Panics
    /// If `data` is not exactly the region's size.
    pub fn write(&self, to: &hdf5::Dataset, dtype: Dtype, region: &Region, data: &[u8]) -> hdf5::Result<()> {
        assert_eq!(data.len() as u64, region.elements() * dtype.size() as u64, "data of the region's size");
        let (memory, file) = spaces(to, region)?;
        let kind = native(dtype);
        // SAFETY: `data` holds exactly the elements that `memory` selects, of the type that `kind` names.
        check(|| unsafe { sys::h5d::H5Dwrite(to.id(), kind, memory.0, file.0, self.list.0, data.as_ptr().cast()) })?;
        Ok(())
    }

    /// Reads `region` into `data`, in C order and this machine's byte order, converting from the file's type.
    ///
    /// # Errors
    /// HDF5's.
    ///
    /// # Panics
    /// If `data` is not exactly the region's size.
    pub fn read(&self, from: &hdf5::Dataset, dtype: Dtype, region: &Region, data: &mut [u8]) -> hdf5::Result<()> {
        assert_eq!(data.len() as u64, region.elements() * dtype.size() as u64, "data of the region's size");
        let (memory, file) = spaces(from, region)?;
        let kind = native(dtype);
        // SAFETY: `data` has room for exactly the elements that `memory` selects, of the type that `kind` names.
        check(|| unsafe {
            sys::h5d::H5Dread(from.id(), kind, memory.0, file.0, self.list.0, data.as_mut_ptr().cast())
        })?;
        Ok(())
    }

    /// What HDF5 says it did in the last transfer: the I/O mode, and why it broke collective I/O if it did.
    ///
    /// `None` where it can't say (no MPI).
    pub fn actual(&self) -> Option<(String, Vec<String>)> {
        actual_mode(&self.list)
    }
}

/// The memory and the file dataspace that select `region`.
fn spaces(dataset: &hdf5::Dataset, region: &Region) -> hdf5::Result<(Id, Id)> {
    // SAFETY: `dataset` is open; all pointers are to arrays of the dataspace's number of axes and outlive the calls.
    let file = Id(check(|| unsafe { sys::h5d::H5Dget_space(dataset.id()) })?);
    // Memory has the region's own shape. One axis of as many elements would do as well, but then HDF5 maps the selection
    // to chunks element by element.
    let axes = region.axes() as i32;
    let memory = Id(check(|| unsafe { sys::h5s::H5Screate_simple(axes, region.count.as_ptr(), std::ptr::null()) })?);
    if region.is_empty() {
        check(|| unsafe { sys::h5s::H5Sselect_none(memory.0) })?;
        check(|| unsafe { sys::h5s::H5Sselect_none(file.0) })?;
    } else if region.axes() > 0 {
        check(|| unsafe {
            sys::h5s::H5Sselect_hyperslab(
                file.0,
                sys::h5s::H5S_SELECT_SET,
                region.start.as_ptr(),
                std::ptr::null(),
                region.count.as_ptr(),
                std::ptr::null(),
            )
        })?;
    }
    Ok((memory, file))
}

/// HDF5's identifier of the type in memory.
pub(super) fn native(dtype: Dtype) -> hid_t {
    use hdf5::globals::{
        H5T_NATIVE_DOUBLE, H5T_NATIVE_FLOAT, H5T_NATIVE_INT8, H5T_NATIVE_INT16, H5T_NATIVE_INT32, H5T_NATIVE_INT64,
        H5T_NATIVE_UINT8, H5T_NATIVE_UINT16, H5T_NATIVE_UINT32, H5T_NATIVE_UINT64,
    };
    match dtype {
        Dtype::U8 => *H5T_NATIVE_UINT8,
        Dtype::U16 => *H5T_NATIVE_UINT16,
        Dtype::U32 => *H5T_NATIVE_UINT32,
        Dtype::U64 => *H5T_NATIVE_UINT64,
        Dtype::I8 => *H5T_NATIVE_INT8,
        Dtype::I16 => *H5T_NATIVE_INT16,
        Dtype::I32 => *H5T_NATIVE_INT32,
        Dtype::I64 => *H5T_NATIVE_INT64,
        Dtype::F32 => *H5T_NATIVE_FLOAT,
        Dtype::F64 => *H5T_NATIVE_DOUBLE,
    }
}

#[cfg(feature = "mpi")]
fn set_mode(list: &Id, mode: Mode) -> hdf5::Result<()> {
    use sys::h5p::H5FD_mpio_xfer_t::{H5FD_MPIO_COLLECTIVE, H5FD_MPIO_INDEPENDENT};
    let mode = match mode {
        Mode::Independent => H5FD_MPIO_INDEPENDENT,
        Mode::Collective => H5FD_MPIO_COLLECTIVE,
    };
    // SAFETY: the list is a dataset transfer property list.
    check(|| unsafe { sys::h5p::H5Pset_dxpl_mpio(list.0, mode) }).map(|_| ())
}

#[cfg(not(feature = "mpi"))]
fn set_mode(_list: &Id, mode: Mode) -> hdf5::Result<()> {
    match mode {
        Mode::Independent => Ok(()),
        Mode::Collective => Err("collective transfers need MPI, which is not in this build".into()),
    }
}

#[cfg(not(feature = "mpi"))]
fn actual_mode(_list: &Id) -> Option<(String, Vec<String>)> {
    None
}

#[cfg(feature = "mpi")]
fn actual_mode(list: &Id) -> Option<(String, Vec<String>)> {
    // hdf5-metno-sys does not bind these two (HDF5 reference manual, H5P: dataset transfer properties).
    unsafe extern "C" {
        fn H5Pget_mpio_actual_io_mode(list: hid_t, mode: *mut i32) -> i32;
        fn H5Pget_mpio_no_collective_cause(list: hid_t, local: *mut u32, global: *mut u32) -> i32;
    }
    let (mut mode, mut local, mut global) = (0, 0, 0);
    // SAFETY: the list is a dataset transfer property list; the enum is an int and the causes are 32-bit masks.
    check(|| unsafe { H5Pget_mpio_actual_io_mode(list.0, &mut mode) }).ok()?;
    check(|| unsafe { H5Pget_mpio_no_collective_cause(list.0, &mut local, &mut global) }).ok()?;
    Some((io_mode_name(mode).to_owned(), causes(global)))
}

/// `H5D_mpio_actual_io_mode_t` in words.
#[cfg(feature = "mpi")]
fn io_mode_name(mode: i32) -> &'static str {
    match mode {
        0 => "no collective",
        1 => "chunk independent",
        2 => "chunk collective",
        3 => "chunk mixed",
        4 => "contiguous collective",
        _ => "unknown",
    }
}

/// The bits of `H5D_mpio_no_collective_cause_t` in words.
#[cfg(feature = "mpi")]
fn causes(mask: u32) -> Vec<String> {
    const NAMES: [&str; 11] = [
        "independent transfers were asked for",
        "a datatype conversion",
        "a data transform",
        "MPI types are disabled for the file driver",
        "a selection that is not simple or scalar",
        "a layout that is neither contiguous nor chunked",
        "filters in parallel are disabled",
        "an error while checking",
        "I/O flags",
        "no selection I/O",
        "a driver without collective support",
    ];
    (0..NAMES.len()).filter(|bit| mask & (1 << bit) != 0).map(|bit| NAMES[bit].to_owned()).collect()
}
