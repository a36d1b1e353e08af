//! A thin safe layer over hdf5-metno for what it lacks: checked closes, transfer property lists, HDF5's own account
//! of what it did, and errors that keep HDF5's error stack. All `unsafe` that HDF5 needs lives in this folder.

pub mod attribute;
mod by_address;
mod chunk_btree;
pub mod chunk_index;
pub mod chunk_io;
pub mod damage;
pub mod dataset;
pub mod datatype;
pub mod filters;
mod links;
pub mod object;
pub mod provenance;
pub mod raw_data;
pub mod settings;
pub mod storage;
pub mod subfiling;
pub mod transfer;
pub mod tree;
pub mod virtual_dataset;

use crate::comm::Comm;
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::tunables::Tunables;
use hdf5_metno as hdf5;
use hdf5_metno_sys as sys;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What a failure says where there is no space left.
pub const DISK_FULL: &str = "no space left on the device";

/// What HDF5 says where a filter can't make sense of a chunk (H5Z_pipeline).
pub const DAMAGED: &str = "filter returned failure during read";

/// Turns an HDF5 error into a failure that names the operation and the file and keeps the whole error stack.
pub fn failure(error: &hdf5::Error, operation: &str, path: &Path) -> Failure {
    let frames: Vec<String> = error
        .stack()
        .map(|stack| stack.iter().map(|f| format!("{}: {}", f.func(), f.desc())).collect())
        .unwrap_or_default();
    let told = if frames.is_empty() { error.to_string() } else { frames.join("; ") };
    let (kind, message, mend) = classify(&told);
    let message = message.map_or_else(|| innermost(&frames, error), str::to_owned);
    let failure = Failure::new(kind, message).during(operation).at(path).with_stack(frames);
    match mend {
        Some(mend) => failure.mend(mend),
        None => failure,
    }
}

fn innermost(frames: &[String], error: &hdf5::Error) -> String {
    frames.last().and_then(|f| f.split_once(": ")).map_or_else(|| error.to_string(), |(_, text)| text.to_owned())
}

/// What HDF5's texts mean: kind, message in our words, mend.
fn classify(told: &str) -> (FailureKind, Option<&'static str>, Option<&'static str>) {
    let says = |words: &[&str]| words.iter().any(|word| told.contains(word));
    if says(&["errno = 28,", "MPI_ERR_NO_SPACE", "No space left"]) {
        (FailureKind::Storage, Some(DISK_FULL), Some("free space, or choose another path"))
    } else if says(&["errno = 122,", "MPI_ERR_QUOTA", "Disk quota"]) {
        (FailureKind::Storage, Some("the disk quota is used up"), Some("free space, or choose another path"))
    } else if says(&["errno = 13,", "errno = 1,", "MPI_ERR_ACCESS"]) {
        (FailureKind::Storage, Some("permission denied"), Some("check the permissions of the file and its folder"))
    } else if says(&["errno = 30,", "MPI_ERR_READ_ONLY"]) {
        (FailureKind::Storage, Some("the file system is read-only"), Some("choose a path that can be written"))
    } else if says(&["errno = 11,", "unable to lock file"]) {
        (
            FailureKind::Storage,
            Some("the file is locked by another process"),
            Some("close it there, or set HDF5_USE_FILE_LOCKING=FALSE if the file system has no locks"),
        )
    } else if says(&["truncated file"]) {
        (FailureKind::Input, Some("the file is truncated"), Some("copy or write it again; its end is missing"))
    } else if says(&["file signature not found", "not an HDF5 file"]) {
        (FailureKind::Input, Some("not an HDF5 file"), Some("name an HDF5 file; `file PATH` says what it is"))
    } else if says(&[DAMAGED]) {
        (FailureKind::Input, None, Some("copy or write the file again: a chunk is damaged"))
    } else if says(&["required filter", "filter is not available", "not registered"]) {
        (
            FailureKind::Input,
            Some("the dataset needs a filter that this HDF5 does not have"),
            Some("point HDF5_PLUGIN_PATH at the filter plugins (hdf5plugin's, for example); `h5lab env` lists filters"),
        )
    } else {
        (FailureKind::Storage, None, None)
    }
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Made anew; what stood there is gone.
    Create,
    /// For reading and writing.
    ReadWrite,
    /// For reading.
    Read,
}

/// Opens an HDF5 file; collectively through the MPI-IO driver if `comm` has MPI behind it, else with sec2.
///
/// # Errors
/// What HDF5 says, with its error stack.
pub fn open(path: &Path, mode: Mode, comm: Option<&dyn Comm>) -> Result<hdf5::File> {
    open_with(path, mode, comm, &Tunables::default())
}

/// As [`open`], with the settings of `tunables` that belong to files: alignment, collective metadata, hints.
///
/// # Errors
/// What HDF5 says, with its error stack.
pub fn open_with(path: &Path, mode: Mode, comm: Option<&dyn Comm>, tunables: &Tunables) -> Result<hdf5::File> {
    let mut builder = hdf5::File::with_options();
    if let Some(alignment) = tunables.alignment {
        builder.with_fapl(|fapl| fapl.alignment(alignment, alignment));
    }
    #[cfg(feature = "mpi")]
    if let Some(raw) = comm.and_then(|c| c.mpi()) {
        let hints = crate::comm::mpi::Hints::new(&tunables.hints)?;
        builder.with_fapl(|fapl| fapl.mpio(raw, hints.raw()));
        if let Some(together) = tunables.collective_metadata {
            builder.with_fapl(|fapl| fapl.all_coll_metadata_ops(together).coll_metadata_write(together));
        }
    }
    #[cfg(not(feature = "mpi"))]
    let _ = comm;
    builder.fapl().finish().and_then(|fapl| open_as(path, mode, &fapl)).map_err(|e| failure(&e, "open", path))
}

/// hdf5-metno's own way takes names of UTF-8 alone; a file's may be any bytes.
fn open_as(path: &Path, mode: Mode, fapl: &hdf5::plist::FileAccess) -> hdf5::Result<hdf5::File> {
    use sys::h5f::{H5F_ACC_RDONLY, H5F_ACC_RDWR, H5F_ACC_TRUNC, H5Fcreate, H5Fopen};
    filters::register()?;
    let name = CString::new(path.as_os_str().as_bytes()).map_err(|e| hdf5::Error::Internal(e.to_string()))?;
    // SAFETY: the name ends in a zero and the property list is open; the result is checked.
    let id = check(|| unsafe {
        match mode {
            Mode::Create => H5Fcreate(name.as_ptr(), H5F_ACC_TRUNC, sys::h5p::H5P_DEFAULT, fapl.id()),
            Mode::ReadWrite => H5Fopen(name.as_ptr(), H5F_ACC_RDWR, fapl.id()),
            Mode::Read => H5Fopen(name.as_ptr(), H5F_ACC_RDONLY, fapl.id()),
        }
    })?;
    // SAFETY: the identifier is that of a file, and nobody else's.
    unsafe { hdf5::from_id(id) }
}

/// Opens a file that is there for reading, without ranks; says first what the file system knows.
///
/// # Errors
/// `Input` if there is no such file, it is a folder, or it is not HDF5; `Storage` if it may not be read.
pub fn open_existing(path: &Path) -> Result<hdf5::File> {
    let input = |why: &str, mend: &str| Failure::new(FailureKind::Input, why).at(path).mend(mend);
    match std::fs::metadata(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Err(input("no such file", "check the name, or make one: h5lab write"));
        }
        Err(e) => {
            let mend = "check each part of the path: one is no folder, a link in a circle, or closed to you";
            return Err(Failure::io("open", path, &e).mend(mend));
        }
        Ok(found) if found.is_dir() => {
            return Err(input("is a directory", "name an HDF5 file in it"));
        }
        Ok(found) if !found.is_file() => {
            return Err(input("is a device, a pipe or a socket, not an HDF5 file", "name an HDF5 file on a disk"));
        }
        Ok(_) => std::fs::File::open(path)
            .map_err(|e| Failure::io("open", path, &e).mend("check the permissions of the file and its folder"))?,
    };
    open(path, Mode::Read, None).map_err(|failure| match failure.mend {
        // The file is there and can be read: what HDF5 stumbles over is in it.
        None if failure.kind == FailureKind::Storage => Failure {
            kind: FailureKind::Input,
            message: format!("the HDF5 file is damaged ({})", failure.message),
            ..failure
        }
        .mend("copy or write it again"),
        _ => failure,
    })
}

/// Closes a dataset and says if that failed: chunks that were still in the cache are written only now.
///
/// # Errors
/// What HDF5 says.
pub fn close_dataset(dataset: hdf5::Dataset, path: &Path) -> Result<()> {
    hdf5::sync::sync(|| {
        let id = dataset.id();
        // SAFETY: the id is valid while `dataset` lives; the extra reference keeps it so after the drop, and the one
        // close below gives it back.
        let closed = unsafe {
            sys::h5i::H5Iinc_ref(id);
            drop(dataset);
            sys::h5d::H5Dclose(id)
        };
        if closed < 0 { Err(hdf5::Error::query().unwrap_or_else(|e| e)) } else { Ok(()) }
    })
    .map_err(|e| failure(&e, "close", path))
}

/// Closes a file and says if that failed: what HDF5 still held is written only now. All its objects must be closed.
///
/// # Errors
/// What HDF5 says.
pub fn close_file(file: hdf5::File, path: &Path) -> Result<()> {
    hdf5::sync::sync(|| {
        let id = file.id();
        // SAFETY: the id is valid while `file` lives; the extra reference keeps it so after the drop, and the one close below
        // gives it back.
        let closed = unsafe {
            sys::h5i::H5Iinc_ref(id);
            drop(file);
            sys::h5f::H5Fclose(id)
        };
        if closed < 0 { Err(hdf5::Error::query().unwrap_or_else(|e| e)) } else { Ok(()) }
    })
    .map_err(|e| failure(&e, "close", path))
}

/// Writes the chunks of a dataset that are still in its cache to the file (H5Dflush): its storage size is then exact.
///
/// # Errors
/// What HDF5 says.
pub fn flush_dataset(dataset: &hdf5::Dataset, path: &Path) -> Result<()> {
    // SAFETY: the identifier is valid while `dataset` lives.
    check(|| unsafe { sys::h5d::H5Dflush(dataset.id()) }).map_err(|e| failure(&e, "close", path))?;
    Ok(())
}

/// The version of the HDF5 library.
pub fn library_version() -> (u8, u8, u8) {
    hdf5::library_version()
}

/// Runs an HDF5 call that answers with a negative number on failure.
pub(crate) fn check<N: Copy + PartialOrd + Default>(call: impl FnOnce() -> N) -> hdf5::Result<N> {
    hdf5::sync::sync(|| {
        let answer = call();
        if answer < N::default() { Err(hdf5::Error::query().unwrap_or_else(|e| e)) } else { Ok(answer) }
    })
}

/// An HDF5 identifier that is given back when it is dropped.
struct Id(sys::h5i::hid_t);

impl Id {
    /// Owns the identifier that a call returns.
    fn new(call: impl FnOnce() -> sys::h5i::hid_t) -> hdf5::Result<Id> {
        check(call).map(Id)
    }
}

impl Drop for Id {
    fn drop(&mut self) {
        // SAFETY: the identifier is owned by this value alone.
        let _ = check(|| unsafe { sys::h5i::H5Idec_ref(self.0) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hdf5s_own_texts_are_understood() {
        for (told, kind) in [
            (
                "H5FD_sec2_write: file write failed: errno = 28, error message = 'No space left on device'",
                FailureKind::Storage,
            ),
            ("H5F__super_read: truncated file: eof = 5, stored_eof = 9", FailureKind::Input),
            ("H5F__super_read: file signature not found", FailureKind::Input),
            ("H5Z_pipeline: required filter 'zstd' is not registered", FailureKind::Input),
            ("H5FD_sec2_open: unable to open file: name = 'x', errno = 13, error message", FailureKind::Storage),
        ] {
            let (found, message, mend) = classify(told);
            assert_eq!(found, kind, "{told}");
            assert!(message.is_some() && mend.is_some(), "{told}");
        }
    }
}
