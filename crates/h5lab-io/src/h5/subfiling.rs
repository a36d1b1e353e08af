//! HDF5's subfiling driver (H5FDsubfiling.h, from HDF5 1.14 on): one file whose bytes lie in stripes in several subfiles.
//!
//! hdf5-metno-sys does not bind it, and most libraries are built without it: its functions are looked up at run time.

#[cfg(feature = "mpi")]
pub use with_mpi::{available, open};
#[cfg(not(feature = "mpi"))]
pub use without_mpi::{available, open};

#[cfg(feature = "mpi")]
mod with_mpi {
    use crate::comm::Comm;
    use crate::h5::{Mode, check, failure};
    use h5lab_core::failure::{Failure, FailureKind, Result};
    use h5lab_core::tunables::Tunables;
    use hdf5_metno as hdf5;
    use hdf5_metno_sys as sys;
    use std::ffi::{CStr, CString};
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;
    use sys::h5i::hid_t;

    /// H5FD_subfiling_config_t.
    #[repr(C)]
    struct Config {
        magic: u32,
        version: u32,
        /// How subfiles are opened: a file access property list, which whoever asked for it gives back.
        ioc_fapl: hid_t,
        require_ioc: bool,
        shared: Params,
    }

    /// H5FD_subfiling_params_t.
    #[repr(C)]
    struct Params {
        ioc_selection: i32,
        stripe_size: i64,
        stripe_count: i32,
    }

    type Get = unsafe extern "C" fn(hid_t, *mut Config) -> sys::h5::herr_t;
    type Set = unsafe extern "C" fn(hid_t, *const Config) -> sys::h5::herr_t;

    /// H5Pget_fapl_subfiling and H5Pset_fapl_subfiling.
    fn functions() -> Option<(Get, Set)> {
        // Linkers leave out a library of which a program names nothing.
        std::hint::black_box(sys::h5::H5get_libversion as *const ());
        // SAFETY: a lookup by name.
        let find = |name: &CStr| unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
        let (get, set) = (find(c"H5Pget_fapl_subfiling"), find(c"H5Pset_fapl_subfiling"));
        // SAFETY: the functions have had these signatures since they exist.
        (!get.is_null() && !set.is_null()).then(|| unsafe {
            (std::mem::transmute::<*mut libc::c_void, Get>(get), std::mem::transmute::<*mut libc::c_void, Set>(set))
        })
    }

    /// True if this HDF5 has the driver. It needs MPI_THREAD_MULTIPLE.
    pub fn available() -> bool {
        functions().is_some()
    }

    /// Opens a file through the driver, collectively over `comm`, which has MPI behind it.
    ///
    /// # Errors
    /// What HDF5 says, with its error stack; `Environment` if it has no such driver.
    pub fn open(path: &Path, mode: Mode, comm: &dyn Comm, tunables: &Tunables) -> Result<hdf5::File> {
        let Some((raw, functions)) = comm.mpi().zip(functions()) else {
            return Err(Failure::new(FailureKind::Environment, "HDF5 or these ranks have no subfiling").at(path));
        };
        let access = || {
            let mut access = hdf5::plist::FileAccess::build();
            // The MPI-IO driver leaves its communicator in the list; the subfiling driver then takes its place.
            access.mpio(raw, None);
            if let Some(alignment) = tunables.alignment {
                access.alignment(alignment, alignment);
            }
            let access = access.finish()?;
            set(access.id(), functions, tunables)?;
            Ok(access)
        };
        let opened = access().and_then(|access| open_with(path, mode, &access));
        opened.map_err(|e| failure(&e, "open", path))
    }

    /// Makes the subfiling driver that of an access list.
    fn set(access: hid_t, (get, set): (Get, Set), tunables: &Tunables) -> hdf5::Result<()> {
        let shared = Params { ioc_selection: 0, stripe_size: 0, stripe_count: 0 };
        let mut config = Config { magic: 0, version: 0, ioc_fapl: -1, require_ioc: false, shared };
        // SAFETY: the list is a file access property list; `config` outlives the calls, and its list is given back once.
        unsafe {
            check(|| get(access, &mut config))?;
            if let Some(subfiles) = tunables.subfiles {
                config.shared.stripe_count = i32::try_from(subfiles).unwrap_or(i32::MAX);
            }
            if let Some(stripe) = tunables.subfile_stripe {
                config.shared.stripe_size = i64::try_from(stripe).unwrap_or(i64::MAX);
            }
            let done = check(|| set(access, &config));
            check(|| sys::h5i::H5Idec_ref(config.ioc_fapl))?;
            done.map(|_| ())
        }
    }

    fn open_with(path: &Path, mode: Mode, access: &hdf5::plist::FileAccess) -> hdf5::Result<hdf5::File> {
        use sys::h5f::{H5F_ACC_RDONLY, H5F_ACC_RDWR, H5F_ACC_TRUNC, H5Fcreate, H5Fopen};
        crate::h5::filters::register()?;
        let name = CString::new(path.as_os_str().as_bytes()).map_err(|e| hdf5::Error::Internal(e.to_string()))?;
        // SAFETY: the name ends in a zero and the list is open; the result is checked.
        let id = check(|| unsafe {
            match mode {
                Mode::Create => H5Fcreate(name.as_ptr(), H5F_ACC_TRUNC, sys::h5p::H5P_DEFAULT, access.id()),
                Mode::ReadWrite => H5Fopen(name.as_ptr(), H5F_ACC_RDWR, access.id()),
                Mode::Read => H5Fopen(name.as_ptr(), H5F_ACC_RDONLY, access.id()),
            }
        })?;
        // SAFETY: the identifier is that of a file, and nobody else's.
        unsafe { hdf5::from_id(id) }
    }
}

#[cfg(not(feature = "mpi"))]
mod without_mpi {
    use crate::comm::Comm;
    use crate::h5::Mode;
    use h5lab_core::failure::{Failure, FailureKind, Result};
    use h5lab_core::tunables::Tunables;
    use hdf5_metno as hdf5;
    use std::path::Path;

    /// True if this HDF5 has the driver: not without MPI.
    pub fn available() -> bool {
        false
    }

    /// Always an error: the driver needs MPI.
    ///
    /// # Errors
    /// `Environment`.
    pub fn open(path: &Path, _mode: Mode, _comm: &dyn Comm, _tunables: &Tunables) -> Result<hdf5::File> {
        Err(Failure::new(FailureKind::Environment, "subfiling needs MPI, which is not in this build").at(path))
    }
}
