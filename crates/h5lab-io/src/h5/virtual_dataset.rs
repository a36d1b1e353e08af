//! Virtual datasets: one dataset that is put together from datasets of other files (HDF5 RFC "Virtual Dataset").

use super::{Id, check, dataset, failure};
use h5lab_core::dataset::Dataset;
use h5lab_core::failure::Result;
use h5lab_core::region::Region;
use hdf5::{Hyperslab, Selection, SliceOrIndex};
use hdf5_metno as hdf5;
use hdf5_metno_sys as sys;
use std::ffi::{CStr, CString};
use std::path::{Path, PathBuf};

/// A dataset of another file that is all of a region of the virtual one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The file's name, as it is written down: relative to the folder of the virtual dataset's file.
    pub file: String,
    /// Where its elements stand.
    pub region: Region,
}

/// Makes a virtual dataset; each source holds a dataset of the same name.
///
/// # Errors
/// HDF5's.
pub fn create(file: &hdf5::File, of: &Dataset, sources: &[Source], path: &Path) -> Result<hdf5::Dataset> {
    let whole: Vec<usize> = of.shape.0.iter().map(|&n| n as usize).collect();
    let builder = sources.iter().fold(dataset::empty(file, of), |builder, source| {
        let part: Vec<usize> = source.region.count.iter().map(|&n| n as usize).collect();
        let (file, name) = (literal(&source.file), literal(&of.name));
        builder.virtual_map(file, name, part, Selection::All, whole.clone(), selection(&source.region))
    });
    builder.create(of.name.as_str()).map_err(|e| failure(&e, "create the virtual dataset", path))
}

/// A name in which HDF5 shall replace nothing: it reads `%b` as the number of a block, and `%%` as one `%`.
fn literal(name: &str) -> String {
    name.replace('%', "%%")
}

/// The same of a name of any bytes.
pub(super) fn literal_bytes(name: &CStr) -> CString {
    let bytes = name.to_bytes().iter().flat_map(|&byte| std::iter::repeat_n(byte, if byte == b'%' { 2 } else { 1 }));
    CString::new(bytes.collect::<Vec<u8>>()).expect("no zero was added")
}

fn selection(region: &Region) -> Selection {
    let along = |(&start, &count): (&u64, &u64)| SliceOrIndex::SliceCount {
        start: start as usize,
        step: 1,
        count: count as usize,
        block: 1,
    };
    Hyperslab::from(region.start.iter().zip(&region.count).map(along).collect::<Vec<_>>()).into()
}

/// The files that hold a dataset's values: those of a virtual dataset's sources, else its own file alone.
///
/// # Errors
/// HDF5's.
pub fn files(of: &hdf5::Dataset, path: &Path) -> Result<Vec<PathBuf>> {
    let names = source_files(of).map_err(|e| failure(&e, "read the layout of the dataset", path))?;
    let mut files: Vec<PathBuf> = names.iter().map(|name| beside(path, name)).collect();
    files.dedup();
    if files.is_empty() {
        files.push(path.to_owned());
    }
    Ok(files)
}

/// True if a dataset is put together from others.
pub fn is_virtual(of: &hdf5::Dataset) -> bool {
    of.create_plist().is_ok_and(|creation| creation.layout() == hdf5::dataset::Layout::Virtual)
}

/// A box of a virtual dataset, and the box of another file's dataset that it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The other file.
    pub file: PathBuf,
    /// The dataset in it.
    pub dataset: String,
    /// The elements of the virtual dataset.
    pub region: Region,
    /// The elements of the other one, in the same order; `None`: all, however many they are.
    pub source: Option<Region>,
}

/// What a virtual dataset is put together from; `None` if not all mappings are of one box to one box of the same shape.
///
/// # Errors
/// HDF5's.
pub fn mappings(of: &hdf5::Dataset, path: &Path) -> Result<Option<Vec<Mapping>>> {
    let names = source_files(of).map_err(|e| failure(&e, "read the layout of the dataset", path))?;
    let mut found = Vec::new();
    for (n, name) in names.iter().enumerate() {
        let boxes = boxes(of, n).map_err(|e| failure(&e, "read the layout of the dataset", path))?;
        let fits = |(region, source): (&Region, &Option<Region>)| {
            source.as_ref().is_none_or(|source| source.count == region.count)
        };
        let Some((region, source, dataset)) = boxes.filter(|(region, source, _)| fits((region, source))) else {
            return Ok(None);
        };
        found.push(Mapping { file: beside(path, name), dataset, region, source });
    }
    Ok(Some(found))
}

/// The boxes of a mapping, and the source's name; `None` if a selection is no box, or has no end.
fn boxes(of: &hdf5::Dataset, n: usize) -> hdf5::Result<Option<(Region, Option<Region>, String)>> {
    let creation = of.create_plist()?;
    // SAFETY: the list is that of a virtual dataset with more than `n` mappings; the results are checked and owned.
    let (ours, theirs) = unsafe {
        (
            Id::new(|| sys::h5p::H5Pget_virtual_vspace(creation.id(), n))?,
            Id::new(|| sys::h5p::H5Pget_virtual_srcspace(creation.id(), n))?,
        )
    };
    // SAFETY: as above; without room for the name HDF5 answers with its length.
    let length = check(|| unsafe { sys::h5p::H5Pget_virtual_dsetname(creation.id(), n, std::ptr::null_mut(), 0) })?;
    let mut name = vec![0u8; length as usize + 1];
    // SAFETY: there is room for the name and the zero behind it.
    check(|| unsafe { sys::h5p::H5Pget_virtual_dsetname(creation.id(), n, name.as_mut_ptr().cast(), name.len()) })?;
    name.pop();
    let name = String::from_utf8_lossy(&name).replace("%%", "%");
    // A file does not tell the shape of a source that is taken whole.
    // SAFETY: the dataspace is open.
    let all = check(|| unsafe { sys::h5s::H5Sget_select_type(theirs.0) } as i32)?
        == sys::h5s::H5S_sel_type::H5S_SEL_ALL as i32;
    let theirs = if all { Some(None) } else { box_of(&theirs)?.map(Some) };
    Ok(box_of(&ours)?.zip(theirs).map(|(ours, theirs)| (ours, theirs, name)))
}

/// The box that a dataspace selects; `None` if it is none.
fn box_of(space: &Id) -> hdf5::Result<Option<Region>> {
    use sys::h5s::{H5Sget_select_bounds, H5Sget_select_npoints, H5Sget_simple_extent_ndims};
    // SAFETY: the dataspace is open.
    let axes = check(|| unsafe { H5Sget_simple_extent_ndims(space.0) })? as usize;
    let (mut start, mut last) = (vec![0; axes], vec![0; axes]);
    // SAFETY: as above; both results have an element for each axis. A selection without end has no bounds.
    if check(|| unsafe { H5Sget_select_bounds(space.0, start.as_mut_ptr(), last.as_mut_ptr()) }).is_err() {
        return Ok(None);
    }
    // SAFETY: the dataspace is open.
    let points = check(|| unsafe { H5Sget_select_npoints(space.0) })?;
    let count = start.iter().zip(&last).map(|(start, last)| last - start + 1).collect();
    let region = Region::new(start, count);
    Ok((region.elements() == points as u64).then_some(region))
}

/// Where a source's name leads, as a mapping has it.
fn beside(path: &Path, name: &str) -> PathBuf {
    match name {
        // HDF5's word for the file itself.
        "." => path.to_owned(),
        name => path.with_file_name(name.replace("%%", "%")),
    }
}

/// The file names of all mappings. (hdf5-metno reads them along with the selections, and does not take those that HDF5
/// has simplified.)
fn source_files(of: &hdf5::Dataset) -> hdf5::Result<Vec<String>> {
    let (creation, mut count) = (of.create_plist()?, 0);
    if creation.layout() != hdf5::dataset::Layout::Virtual {
        return Ok(Vec::new());
    }
    // SAFETY: the list is a dataset creation property list of a virtual dataset.
    check(|| unsafe { sys::h5p::H5Pget_virtual_count(creation.id(), &mut count) })?;
    let name = |n: usize| {
        // SAFETY: as above; without room for the name HDF5 answers with its length.
        let length = check(|| unsafe { sys::h5p::H5Pget_virtual_filename(creation.id(), n, std::ptr::null_mut(), 0) })?;
        let mut text = vec![0u8; length as usize + 1];
        // SAFETY: there is room for the name and the zero behind it.
        check(|| unsafe { sys::h5p::H5Pget_virtual_filename(creation.id(), n, text.as_mut_ptr().cast(), text.len()) })?;
        text.pop();
        Ok(String::from_utf8_lossy(&text).into_owned())
    };
    (0..count).map(name).collect()
}
