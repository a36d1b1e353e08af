//! Datasets in files: making them as an experiment asks, and finding out what those of other people are.

use super::links::{self, Found};
use super::{check, failure, filters, provenance};
use h5lab_core::dataset::{Dataset, Dtype, Shape};
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::filter::Filter;
use h5lab_core::layout::Layout;
use h5lab_core::report::printable;
use h5lab_core::tunables::{AllocationTime, FillTime, Tunables};
use hdf5::plist::dataset_create;
use hdf5::types::{FloatSize, IntSize, TypeDescriptor};
use hdf5_metno as hdf5;
use hdf5_metno_sys as sys;
use std::ffi::CString;
use std::path::Path;

/// Makes an empty dataset in an open file; collective over all ranks that opened it.
///
/// What `tunables` leaves open is HDF5's default for the file's driver, but for fill values: none are written.
///
/// # Errors
/// HDF5's.
pub fn create(
    file: &hdf5::File,
    dataset: &Dataset,
    layout: &Layout,
    tunables: &Tunables,
    path: &Path,
) -> Result<hdf5::Dataset> {
    let mut builder = empty(file, dataset).fill_time(fill_time(tunables.fill_time.unwrap_or(FillTime::Never)));
    if let Some(time) = tunables.allocation_time {
        builder = builder.alloc_time(Some(allocation_time(time)));
    }
    if let Layout::Chunked { chunk, filters } = layout {
        builder = builder.chunk(chunk.iter().map(|&n| n as usize).collect::<Vec<_>>());
        for filter in filters {
            builder = match filter {
                Filter::Shuffle => builder.shuffle(),
                Filter::Gzip(level) => builder.deflate(*level),
                Filter::Fletcher32 => builder.fletcher32(),
                // What depends on the dataset, the filter itself adds (its set_local).
                filter => builder.add_filter(filter.id() as i32, &filter.parameters()),
            };
        }
    } else {
        builder = builder.no_chunk();
    }
    if let Some((slots, bytes)) = chunk_cache(tunables) {
        builder = builder.chunk_cache(slots, bytes, PREEMPTION);
    }
    builder.create(dataset.name.as_str()).map_err(|e| failure(&e, "create the dataset", path))
}

/// A builder that knows element type and shape.
pub(super) fn empty(file: &hdf5::File, dataset: &Dataset) -> hdf5::DatasetBuilderEmptyShape {
    let shape: Vec<usize> = dataset.shape.0.iter().map(|&n| n as usize).collect();
    file.new_dataset_builder().empty_as(descriptor(dataset.dtype)).shape(shape)
}

/// Opens a dataset, with the settings of `tunables` that belong to open datasets: the chunk cache.
///
/// # Errors
/// HDF5's.
pub fn open(file: &hdf5::File, name: &str, tunables: &Tunables, path: &Path) -> Result<hdf5::Dataset> {
    let opened = || match chunk_cache(tunables) {
        None => file.dataset(name),
        Some((slots, bytes)) => {
            let access = hdf5::plist::DatasetAccess::build().chunk_cache(slots, bytes, PREEMPTION).finish()?;
            let name = CString::new(name).map_err(|e| hdf5::Error::Internal(e.to_string()))?;
            // SAFETY: file and property list are open, the name ends in a zero; the result is checked and owned.
            let id = check(|| unsafe { sys::h5d::H5Dopen2(file.id(), name.as_ptr(), access.id()) })?;
            // SAFETY: the identifier is that of a dataset, and nobody else's.
            unsafe { hdf5::from_id(id) }
        }
    };
    opened().map_err(|e| failure(&e, "open the dataset", path))
}

/// H5D_CHUNK_CACHE_W0_DEFAULT: the file's setting stands.
const PREEMPTION: f64 = -1.0;

/// Slots and bytes of the chunk cache, if either is set; the other is then left to the library.
fn chunk_cache(tunables: &Tunables) -> Option<(usize, usize)> {
    use sys::h5d::{H5D_CHUNK_CACHE_NBYTES_DEFAULT, H5D_CHUNK_CACHE_NSLOTS_DEFAULT};
    let (slots, bytes) = (tunables.chunk_cache_slots, tunables.chunk_cache_bytes);
    (slots.is_some() || bytes.is_some()).then(|| {
        let slots = slots.map_or(H5D_CHUNK_CACHE_NSLOTS_DEFAULT, |n| n as usize);
        (slots, bytes.map_or(H5D_CHUNK_CACHE_NBYTES_DEFAULT, |n| n as usize))
    })
}

fn fill_time(time: FillTime) -> dataset_create::FillTime {
    match time {
        FillTime::Never => dataset_create::FillTime::Never,
        FillTime::IfSet => dataset_create::FillTime::IfSet,
        FillTime::Alloc => dataset_create::FillTime::Alloc,
    }
}

fn allocation_time(time: AllocationTime) -> dataset_create::AllocTime {
    match time {
        AllocationTime::Early => dataset_create::AllocTime::Early,
        AllocationTime::Late => dataset_create::AllocTime::Late,
        AllocationTime::Incremental => dataset_create::AllocTime::Incr,
    }
}

/// What a dataset of a file is: shape, element type, layout, and the rule or the source file that made its values, if
/// h5lab wrote it.
///
/// `wanted` is its path; without it the file's only dataset is taken.
///
/// # Errors
/// `Input` if there is no such dataset (the message lists what is there), if it is not numeric, or scalar.
pub fn describe(file: &hdf5::File, wanted: Option<&str>, path: &Path) -> Result<(Dataset, Layout)> {
    let name = choose(file, wanted, path)?;
    let found = file.dataset(&name).map_err(|e| failure(&e, "open the dataset", path))?;
    let input = |why: String| Failure::new(FailureKind::Input, format!("dataset '{name}' {why}")).at(path);
    let stored =
        found.dtype().and_then(|t| t.to_descriptor()).map_err(|e| failure(&e, "read the type of the dataset", path));
    let dtype = stored.ok().as_ref().and_then(dtype_of).ok_or_else(|| {
        let known: Vec<_> = Dtype::ALL.iter().map(|d| d.numpy()).collect();
        let mend = format!("choose another with --dataset; h5lab reads {}", known.join(", "));
        match convertible(&found) {
            None => input("is of a type that h5lab does not read".into()).mend(mend),
            Some((stored, as_type)) => input(format!("is of a type that h5lab does not read, {stored}")).mend(format!(
                "{mend}; or store a copy with h5py: f['as_{as_type}'] = f['{name}'].astype('{as_type}')[...]"
            )),
        }
    })?;
    let shape = Shape(found.shape().into_iter().map(|n| n as u64).collect());
    if found.space().is_ok_and(|space| space.is_null()) {
        return Err(input("is empty: it has a type, but no elements".into()).mend("choose another with --dataset"));
    }
    if shape.0.is_empty() {
        return Err(input("is a scalar: it has no rows to share out".into()).mend("choose another with --dataset"));
    }
    if shape.bytes(dtype).is_none() {
        return Err(input(format!("has a shape that overflows: {shape}")));
    }
    let layout = layout_of(&found).map_err(|e| failure(&e, "read the layout of the dataset", path))?;
    let (data, from) = (provenance::read(&found), provenance::source(&found));
    Ok((Dataset { name, shape, dtype, data, from }, layout))
}

/// What h5py calls a type that it stores and h5lab does not read, and the nearest that h5lab does.
fn convertible(of: &hdf5::Dataset) -> Option<(&'static str, &'static str)> {
    let stored = of.dtype().ok()?;
    // SAFETY: the type is open.
    match unsafe { sys::h5t::H5Tget_class(stored.id()) } {
        sys::h5t::H5T_class_t::H5T_FLOAT if stored.size() == 2 => Some(("float16", "float32")),
        sys::h5t::H5T_class_t::H5T_ENUM if stored.size() == 1 => Some(("bool or another enumeration", "uint8")),
        _ => None,
    }
}

/// What HDF5 says of a link that leads nowhere: where it names a file, that.
fn what_is_missing(failure: Failure) -> String {
    let named = failure.stack.iter().find(|frame| frame.contains("name = '"));
    named.and_then(|frame| frame.split_once(": ")).map_or(failure.message, |(_, text)| text.to_owned())
}

/// The dataset that is wanted, or the file's only one.
pub(crate) fn choose(file: &hdf5::File, wanted: Option<&str>, path: &Path) -> Result<String> {
    let wanted = wanted.map(|name| name.trim_matches('/'));
    // First of all: whatever else is in the file does not matter to it.
    if let Some(name) = wanted.filter(|name| file.dataset(name).is_ok()) {
        return Ok(name.to_owned());
    }
    let mut there = links::walk(file, path)?;
    let input = |why: String| Failure::new(FailureKind::Input, why).at(path);
    let one_of = || format!("choose one with --dataset; {}", listing(&there));
    match wanted {
        Some("") => Err(input("--dataset names no dataset, but the file's root".into()).mend(one_of())),
        Some(name) if links::is_broken(file, name) => {
            let why = file.dataset(name).err().map_or_else(String::new, |e| what_is_missing(failure(&e, "open", path)));
            Err(input(format!("'{}' is a link that leads nowhere ({why})", printable(name)))
                .mend(format!("put there what it leads to, or {}", one_of())))
        }
        Some(name) => Err(input(format!("no dataset '{}'", printable(name))).mend(one_of())),
        None if there.datasets.len() == 1 => Ok(there.datasets.remove(0)),
        None if there.datasets.is_empty() && !there.broken.is_empty() => {
            Err(input(format!("there is no dataset in this file; links that lead nowhere: {}", names(&there.broken)))
                .mend("put there what they lead to, or name another file"))
        }
        None if there.datasets.is_empty() => {
            Err(input("there is no dataset in this file".into()).mend("name another file"))
        }
        None => Err(input(format!("{} datasets, and none was chosen", there.datasets.len())).mend(one_of())),
    }
}

/// What can be chosen.
fn listing(there: &Found) -> String {
    let mut sorted = there.datasets.clone();
    sorted.sort();
    let mut text = match &sorted[..] {
        [] => "it has no dataset at all".to_owned(),
        datasets => format!("it has: {}", names(datasets)),
    };
    if !there.broken.is_empty() {
        text += &format!("; links that lead nowhere: {}", names(&there.broken));
    }
    text
}

fn names(all: &[String]) -> String {
    /// More than this nobody reads.
    const MOST: usize = 40;
    let mut shown: Vec<String> = all.iter().take(MOST).map(|name| printable(name)).collect();
    if all.len() > MOST {
        shown.push(format!("and {} more", all.len() - MOST));
    }
    shown.join(", ")
}

/// The element type of a file's numeric type, whatever its byte order; `None` for all others.
pub(crate) fn dtype_of(descriptor: &TypeDescriptor) -> Option<Dtype> {
    Some(match descriptor {
        TypeDescriptor::Unsigned(IntSize::U1) => Dtype::U8,
        TypeDescriptor::Unsigned(IntSize::U2) => Dtype::U16,
        TypeDescriptor::Unsigned(IntSize::U4) => Dtype::U32,
        TypeDescriptor::Unsigned(IntSize::U8) => Dtype::U64,
        TypeDescriptor::Integer(IntSize::U1) => Dtype::I8,
        TypeDescriptor::Integer(IntSize::U2) => Dtype::I16,
        TypeDescriptor::Integer(IntSize::U4) => Dtype::I32,
        TypeDescriptor::Integer(IntSize::U8) => Dtype::I64,
        TypeDescriptor::Float(FloatSize::U4) => Dtype::F32,
        TypeDescriptor::Float(FloatSize::U8) => Dtype::F64,
        _ => return None,
    })
}

fn descriptor(dtype: Dtype) -> TypeDescriptor {
    match dtype {
        Dtype::U8 => TypeDescriptor::Unsigned(IntSize::U1),
        Dtype::U16 => TypeDescriptor::Unsigned(IntSize::U2),
        Dtype::U32 => TypeDescriptor::Unsigned(IntSize::U4),
        Dtype::U64 => TypeDescriptor::Unsigned(IntSize::U8),
        Dtype::I8 => TypeDescriptor::Integer(IntSize::U1),
        Dtype::I16 => TypeDescriptor::Integer(IntSize::U2),
        Dtype::I32 => TypeDescriptor::Integer(IntSize::U4),
        Dtype::I64 => TypeDescriptor::Integer(IntSize::U8),
        Dtype::F32 => TypeDescriptor::Float(FloatSize::U4),
        Dtype::F64 => TypeDescriptor::Float(FloatSize::U8),
    }
}

/// The layout in h5lab's terms.
fn layout_of(dataset: &hdf5::Dataset) -> hdf5::Result<Layout> {
    let Some(chunk) = dataset.chunk() else {
        return Ok(Layout::Contiguous);
    };
    let filters = filters::stages(dataset)?.iter().map(Filter::of).collect();
    Ok(Layout::Chunked { chunk: chunk.into_iter().map(|n| n as u64).collect(), filters })
}
