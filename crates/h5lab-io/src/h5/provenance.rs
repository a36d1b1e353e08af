//! How a file says that h5lab wrote it, and by which rule its values were made: attributes on the dataset.
//!
//! `h5lab_version` (string), `generator` (string), `seed` (64-bit unsigned), `np` (64-bit unsigned; 0 where no rank
//! stamped its rows). Strings have a fixed length, so that every rank can write them alike.

use super::{Mode, failure, open};
use h5lab_core::failure::Result;
use h5lab_core::generate::{Data, DataKind};
use hdf5::types::FixedAscii;
use hdf5_metno as hdf5;
use std::path::Path;

type Text = FixedAscii<48>;

/// Writes the attributes; without a rule only that h5lab wrote it. Collective over all ranks that opened the file.
///
/// # Errors
/// HDF5's.
pub fn write(dataset: &hdf5::Dataset, data: Option<&Data>, path: &Path) -> Result<()> {
    let text = |name: &str, value: &str| {
        let value = Text::from_ascii(value).map_err(|e| hdf5::Error::Internal(e.to_string()))?;
        dataset.new_attr::<Text>().create(name)?.write_scalar(&value)
    };
    let number = |name: &str, value: u64| dataset.new_attr::<u64>().create(name)?.write_scalar(&value);
    let all = || -> hdf5::Result<()> {
        text("h5lab_version", env!("CARGO_PKG_VERSION"))?;
        let Some(data) = data else { return Ok(()) };
        text("generator", data.generator_id())?;
        number("seed", data.seed)?;
        number("np", data.stamp_ranks.unwrap_or(0) as u64)
    };
    all().map_err(|e| failure(&e, "write the attributes", path))
}

/// The rule that made the dataset's values; `None` if h5lab did not write it, or a newer h5lab with a rule unknown here.
pub fn read(dataset: &hdf5::Dataset) -> Option<Data> {
    let text = |name: &str| dataset.attr(name).ok()?.read_scalar::<Text>().ok();
    let number = |name: &str| dataset.attr(name).ok()?.read_scalar::<u64>().ok();
    text("h5lab_version")?;
    let kind = DataKind::from_generator_id(text("generator")?.as_str())?;
    let np = number("np")? as usize;
    Some(Data { kind, seed: number("seed")?, stamp_ranks: (np > 0).then_some(np) })
}

/// True if this is an HDF5 file with nothing in it but datasets that h5lab wrote: it can be made again.
pub fn made_by_h5lab(path: &Path) -> bool {
    let all_ours = || -> Option<bool> {
        let file = open(path, Mode::Read, None).ok()?;
        let datasets = file.datasets().ok()?;
        let ours = |d: &hdf5::Dataset| d.attr("h5lab_version").is_ok();
        Some(!datasets.is_empty() && datasets.len() as u64 == file.len() && datasets.iter().all(ours))
    };
    all_ours().unwrap_or(false)
}
