//! Virtual datasets: one dataset that is put together from datasets of other files (HDF5 RFC "Virtual Dataset").

use super::{check, dataset, failure};
use h5lab_core::dataset::Dataset;
use h5lab_core::failure::Result;
use h5lab_core::region::Region;
use hdf5::{Hyperslab, Selection, SliceOrIndex};
use hdf5_metno as hdf5;
use hdf5_metno_sys as sys;
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
    let beside = |name: &str| match name {
        // HDF5's word for the file itself.
        "." => path.to_owned(),
        name => path.with_file_name(name.replace("%%", "%")),
    };
    let mut files: Vec<PathBuf> = names.iter().map(|name| beside(name)).collect();
    files.dedup();
    if files.is_empty() {
        files.push(path.to_owned());
    }
    Ok(files)
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
