//! Filters and libhdf5: what a dataset's creation property list has, and h5lab's codecs as filters of the library.

use super::check;
use crate::filter::{FilterError, Scratch, Single};
use h5lab_core::filter::{self, Stage, bitshuffle_parameters, lzf_parameters};
use hdf5_metno as hdf5;
use hdf5_metno_sys as sys;
use std::cell::RefCell;
use std::ffi::{CStr, c_int, c_uint, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use sys::h5i::hid_t;
use sys::h5z::{H5Z_FILTER_CONFIG_DECODE_ENABLED, H5Z_FLAG_OPTIONAL, H5Z_FLAG_REVERSE, H5Z_class2_t};

/// More parameters than any known filter has.
const MOST_PARAMETERS: usize = 256;

/// The filters of a dataset, in the order in which a write applies them.
///
/// # Errors
/// HDF5's.
pub fn stages(dataset: &hdf5::Dataset) -> hdf5::Result<Vec<Stage>> {
    let list = dataset.dcpl()?;
    // SAFETY: the list is a dataset creation property list.
    let count = check(|| unsafe { sys::h5p::H5Pget_nfilters(list.id()) })?;
    (0..count).map(|index| stage(list.id(), index as c_uint)).collect()
}

fn stage(list: hid_t, index: c_uint) -> hdf5::Result<Stage> {
    let (mut flags, mut parameters, mut name) = (0, vec![0; MOST_PARAMETERS], [0u8; 256]);
    let mut count = parameters.len();
    // SAFETY: all pointers are to room of the sizes that are told, and outlive the call.
    let id = check(|| unsafe {
        sys::h5p::H5Pget_filter2(
            list,
            index,
            &mut flags,
            &mut count,
            parameters.as_mut_ptr(),
            name.len(),
            name.as_mut_ptr().cast(),
            std::ptr::null_mut(),
        )
    })?;
    if count > parameters.len() {
        return Err(format!("filter {id} has {count} parameters").into());
    }
    parameters.truncate(count);
    let name = CStr::from_bytes_until_nul(&name).map_or(String::new(), |name| name.to_string_lossy().into_owned());
    Ok(Stage { id: id as u32, name, optional: flags & H5Z_FLAG_OPTIONAL != 0, parameters })
}

/// Makes h5lab's codecs filters of libhdf5: those that the library does not have itself. Once a process; a plugin with
/// the same number is then not looked for.
///
/// # Errors
/// HDF5's.
pub fn register() -> hdf5::Result<()> {
    static DONE: OnceLock<Result<(), String>> = OnceLock::new();
    let register_all = || {
        // SAFETY: the classes and their names live for ever.
        let mut each =
            CLASSES.iter().map(|class| check(|| unsafe { sys::h5z::H5Zregister((&raw const class.0).cast()) }));
        each.try_for_each(|done| done.map(|_| ()).map_err(|e| e.to_string()))
    };
    DONE.get_or_init(register_all).clone().map_err(hdf5::Error::from)
}

/// A filter as libhdf5 knows it.
struct Class(H5Z_class2_t);

// SAFETY: nothing in it changes.
unsafe impl Sync for Class {}

type SetLocal = extern "C" fn(hid_t, hid_t, hid_t) -> c_int;

const fn class<const ID: u32>(name: &'static CStr, set_local: Option<SetLocal>) -> Class {
    Class(H5Z_class2_t {
        version: sys::h5z::H5Z_CLASS_T_VERS as c_int,
        id: ID as c_int,
        encoder_present: 1,
        decoder_present: H5Z_FILTER_CONFIG_DECODE_ENABLED,
        name: name.as_ptr(),
        can_apply: None,
        set_local,
        filter: Some(filter::<ID>),
    })
}

/// Deflate, shuffle and fletcher32 are the library's own: their numbers can't be registered.
static CLASSES: [Class; 4] = [
    class::<{ filter::LZF }>(c"lzf", Some(set_lzf)),
    class::<{ filter::LZ4 }>(c"lz4", None),
    class::<{ filter::ZSTD }>(c"zstd", None),
    class::<{ filter::BITSHUFFLE }>(c"bitshuffle", Some(set_bitshuffle)),
];

thread_local! {
    /// HDF5 calls a filter on the thread that called HDF5.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// H5Z_func_t: codes `nbytes` of `*buf`, and puts a buffer of its own in its place. Returns how many bytes that has; 0 if
/// it failed, which leaves all as it is.
///
/// # Safety
/// As HDF5 calls it: `cd_values` has `cd_nelmts` numbers; `*buf` has `*buf_size` bytes, `nbytes` of them in use, and is
/// HDF5's to free.
unsafe extern "C" fn filter<const ID: u32>(
    flags: c_uint,
    cd_nelmts: usize,
    cd_values: *const c_uint,
    nbytes: usize,
    buf_size: *mut usize,
    buf: *mut *mut c_void,
) -> usize {
    // A panic must not reach C. What it leaves behind is only scratch.
    let coded = catch_unwind(AssertUnwindSafe(|| {
        let parameters = match cd_nelmts {
            0 => &[],
            // SAFETY: the caller's promise.
            _ => unsafe { std::slice::from_raw_parts(cd_values, cd_nelmts) },
        };
        // SAFETY: the caller's promise; nobody writes to the buffer meanwhile.
        let bytes = unsafe { std::slice::from_raw_parts((*buf).cast::<u8>(), nbytes) };
        SCRATCH.with_borrow_mut(|scratch| {
            let single = Single::new(ID, parameters)?;
            let coded = match flags & H5Z_FLAG_REVERSE {
                0 => single.encode(bytes, scratch)?,
                _ => Some(single.decode(bytes, scratch)?),
            };
            // SAFETY: the caller's promise.
            Ok(coded.map_or(0, |coded| unsafe { replace(coded, buf_size, buf) }))
        })
    }));
    match coded {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(error)) => tell(&error),
        Err(_) => 0,
    }
}

/// Puts a copy of `coded` in the place of HDF5's buffer. Returns its length; 0 if there is no memory.
///
/// # Safety
/// `*buf` is HDF5's to free, and there is nothing that refers to it.
unsafe fn replace(coded: &[u8], buf_size: *mut usize, buf: *mut *mut c_void) -> usize {
    // SAFETY: the new buffer is HDF5's own, and of the length that is copied; the old one is HDF5's to free.
    unsafe {
        let copy = sys::h5::H5allocate_memory(coded.len(), 0);
        if copy.is_null() {
            return 0;
        }
        std::ptr::copy_nonoverlapping(coded.as_ptr(), copy.cast(), coded.len());
        sys::h5::H5free_memory(*buf);
        (*buf, *buf_size) = (copy, coded.len());
    }
    coded.len()
}

/// Puts an error on HDF5's stack, where the caller of HDF5 finds it; returns what a filter that failed does.
fn tell(error: &FilterError) -> usize {
    let text = std::ffi::CString::new(error.to_string()).unwrap_or_default();
    let (class, pipeline) = (*hdf5::globals::H5E_ERR_CLS, *hdf5::globals::H5E_PLINE);
    let minor = *hdf5::globals::H5E_CANTFILTER;
    // SAFETY: all strings end in a zero and outlive the call; the format has one `%s`, for the one string after it.
    unsafe {
        sys::h5e::H5Epush2(
            sys::h5e::H5E_DEFAULT,
            c"filters.rs".as_ptr(),
            c"filter".as_ptr(),
            line!(),
            class,
            pipeline,
            minor,
            c"%s".as_ptr(),
            text.as_ptr(),
        );
    }
    0
}

/// H5Z_set_local_func_t: adds the size of a chunk.
extern "C" fn set_lzf(list: hid_t, kind: hid_t, _space: hid_t) -> c_int {
    let mut chunk = [0; 33];
    // SAFETY: the list and the type are open; there is room for more axes than HDF5 has.
    let (axes, element) = unsafe {
        let axes = sys::h5p::H5Pget_chunk(list, chunk.len() as c_int, chunk.as_mut_ptr());
        (axes, sys::h5t::H5Tget_size(kind))
    };
    let Some(chunk) = usize::try_from(axes).ok().and_then(|axes| chunk.get(..axes)) else { return -1 };
    let bytes = chunk.iter().try_fold(element as u64, |bytes, &n| bytes.checked_mul(n));
    modify::<{ filter::LZF }>(list, |_| lzf_parameters(bytes.and_then(|bytes| bytes.try_into().ok()).unwrap_or(0)))
}

/// H5Z_set_local_func_t: adds the version and the size of an element.
extern "C" fn set_bitshuffle(list: hid_t, kind: hid_t, _space: hid_t) -> c_int {
    // SAFETY: the type is open.
    let element = unsafe { sys::h5t::H5Tget_size(kind) };
    if element == 0 {
        return -1;
    }
    modify::<{ filter::BITSHUFFLE }>(list, |asked| bitshuffle_parameters(asked, element as u32))
}

/// Gives a filter of a property list other parameters.
fn modify<const ID: u32>(list: hid_t, change: impl FnOnce(&[u32]) -> Vec<u32>) -> c_int {
    let (mut flags, mut parameters) = (0, [0; 16]);
    let mut count = parameters.len();
    let nothing = std::ptr::null_mut();
    // SAFETY: the list is open; there is room for as many parameters as is told.
    let found = unsafe {
        let parameters = parameters.as_mut_ptr();
        sys::h5p::H5Pget_filter_by_id2(
            list,
            ID as c_int,
            &mut flags,
            &mut count,
            parameters,
            0,
            nothing,
            nothing.cast(),
        )
    };
    let Some(asked) = parameters.get(..count).filter(|_| found >= 0) else { return -1 };
    let changed = change(asked);
    // SAFETY: the list is open; there are as many parameters as is told.
    unsafe { sys::h5p::H5Pmodify_filter(list, ID as c_int, flags, changed.len(), changed.as_ptr()) }
}
