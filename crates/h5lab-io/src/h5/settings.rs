//! Which settings are in force in an open file and dataset, as the libraries themselves report them.

use super::check;
use h5lab_core::tunables::{AllocationTime, FillTime};
use hdf5::plist::dataset_create;
use hdf5_metno as hdf5;
use hdf5_metno_sys as sys;
use std::collections::BTreeMap;

/// Settings by name: those of tunables have the names that plans use.
pub type Settings = BTreeMap<String, String>;

/// Reads back what is in force. Collective over all ranks that opened the file: property lists of the MPI-IO driver
/// duplicate its communicator.
///
/// What the library can't tell is left out: unknown. Hints are `hint.NAME`.
///
/// # Errors
/// HDF5's.
pub fn in_force(file: &hdf5::File, dataset: &hdf5::Dataset) -> hdf5::Result<Settings> {
    let mut found = Settings::new();
    let mut say = |name: &str, value: String| found.insert(name.to_owned(), value);
    let access = file.access_plist()?;
    let alignment = access.get_alignment()?;
    say("alignment", alignment.alignment.to_string());
    say("alignment-threshold", alignment.threshold.to_string());
    let creation = dataset.create_plist()?;
    say("allocation-time", allocation_time(creation.get_alloc_time()?).name().to_owned());
    say("fill-time", fill_time(creation.get_fill_time()?).name().to_owned());
    if dataset.is_chunked() {
        let cache = dataset.access_plist()?.get_chunk_cache()?;
        say("chunk-cache-bytes", cache.nbytes.to_string());
        say("chunk-cache-slots", cache.nslots.to_string());
    }
    if is_mpio(&access) {
        found.extend(parallel(file, &access)?);
    } else if let Some(locks) = file_locking(&access) {
        found.insert("file-locking".to_owned(), locks.to_string());
    }
    Ok(found)
}

/// True if all of the dataset's space is there: of one that was just made, that it was allocated early.
pub fn is_allocated(dataset: &hdf5::Dataset) -> bool {
    let mut status = sys::h5d::H5D_space_status_t::H5D_SPACE_STATUS_ERROR;
    // SAFETY: the dataset is open, and the result outlives the call.
    let told = check(|| unsafe { sys::h5d::H5Dget_space_status(dataset.id(), &mut status) });
    told.is_ok() && status == sys::h5d::H5D_space_status_t::H5D_SPACE_STATUS_ALLOCATED
}

fn allocation_time(time: dataset_create::AllocTime) -> AllocationTime {
    match time {
        dataset_create::AllocTime::Early => AllocationTime::Early,
        dataset_create::AllocTime::Late => AllocationTime::Late,
        dataset_create::AllocTime::Incr => AllocationTime::Incremental,
    }
}

fn fill_time(time: dataset_create::FillTime) -> FillTime {
    match time {
        dataset_create::FillTime::Never => FillTime::Never,
        dataset_create::FillTime::IfSet => FillTime::IfSet,
        dataset_create::FillTime::Alloc => FillTime::Alloc,
    }
}

/// Whether HDF5 locks the file; older libraries (before 1.10.7, and 1.12.0) do not tell.
fn file_locking(access: &hdf5::plist::FileAccess) -> Option<bool> {
    let getter = file_locking_getter()?;
    let (mut used, mut ignored) = (Default::default(), Default::default());
    // SAFETY: the list is a file access property list, and both results outlive the call.
    check(|| unsafe { getter(access.id(), &mut used, &mut ignored) }).ok()?;
    Some(used != 0)
}

/// H5Pget_file_locking.
type FileLockingGetter = unsafe extern "C" fn(sys::h5i::hid_t, *mut sys::h5::hbool_t, *mut sys::h5::hbool_t) -> i32;

#[cfg(feature = "bundled")]
fn file_locking_getter() -> Option<FileLockingGetter> {
    Some(sys::h5p::H5Pget_file_locking)
}

/// A shared library may be too old to have it.
#[cfg(not(feature = "bundled"))]
fn file_locking_getter() -> Option<FileLockingGetter> {
    // SAFETY: a lookup by name.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"H5Pget_file_locking".as_ptr()) };
    // SAFETY: the function has had this signature since it exists.
    (!found.is_null()).then(|| unsafe { std::mem::transmute::<*mut libc::c_void, FileLockingGetter>(found) })
}

#[cfg(not(feature = "mpi"))]
fn is_mpio(_access: &hdf5::plist::FileAccess) -> bool {
    false
}

#[cfg(not(feature = "mpi"))]
fn parallel(_file: &hdf5::File, _access: &hdf5::plist::FileAccess) -> hdf5::Result<Settings> {
    Ok(Settings::new())
}

#[cfg(feature = "mpi")]
fn is_mpio(access: &hdf5::plist::FileAccess) -> bool {
    // SAFETY: the list is a file access property list.
    let driver = check(|| unsafe { sys::h5p::H5Pget_driver(access.id()) });
    driver.is_ok_and(|driver| driver == *hdf5::globals::H5FD_MPIO)
}

/// What MPI-IO alone has: collective metadata, hints, the component.
#[cfg(feature = "mpi")]
fn parallel(file: &hdf5::File, access: &hdf5::plist::FileAccess) -> hdf5::Result<Settings> {
    let together = match (access.get_all_coll_metadata_ops()?, access.get_coll_metadata_write()?) {
        (true, true) => "true",
        (false, false) => "false",
        (true, false) => "reads",
        (false, true) => "writes",
    };
    let mut found = Settings::from([("collective-metadata".to_owned(), together.to_owned())]);
    let mut handle = std::ptr::null_mut();
    // SAFETY: the file is open; its default handle is asked for.
    check(|| unsafe { sys::h5f::H5Fget_vfd_handle(file.id(), sys::h5p::H5P_DEFAULT, &mut handle) })?;
    // SAFETY: the MPI-IO driver's handle points to the MPI_File that it has opened (H5FDmpio.c), and the file is open.
    let hints = unsafe { crate::comm::mpi::hints_of(*handle.cast()) };
    if let Some(component) = crate::comm::mpi::mpi_io_component() {
        found.insert("mpi-io".to_owned(), component.name().to_owned());
    }
    found.extend(hints.into_iter().map(|(name, value)| (format!("hint.{name}"), value)));
    Ok(found)
}
