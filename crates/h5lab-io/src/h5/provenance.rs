//! How a file says that h5lab wrote it, and by which rule its values were made: attributes on the dataset.
//!
//! `h5lab_version` (string), `generator` (string), `seed` (64-bit unsigned), `np` (64-bit unsigned; 0 where no rank
//! stamped its rows). Values taken from another file have the `generator` "from file", `source` (string, `FILE:DATASET`
//! with the whole path), `source_bytes` and `source_modified` (64-bit unsigned; the file's size, and when it was last
//! modified in seconds since 1970) instead. Strings have a fixed length, so that every rank can write them alike.
//!
//! A part file of a split repack has `h5lab_version` and `part_of` (string, the name of the file that shows it) on its root
//! group.

use super::{Mode, failure, open};
use h5lab_core::dataset::{Dataset, SourceFile};
use h5lab_core::failure::{Failure, Result};
use h5lab_core::generate::{Data, DataKind};
use h5lab_core::report::printable;
use hdf5::LinkType;
use hdf5::types::{FixedAscii, FixedUnicode, TypeDescriptor};
use hdf5_metno as hdf5;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Room for names and versions. In the file a text is as long as it has to be.
type Text = FixedAscii<48>;
/// Room for the longest path that can be opened, and a dataset's name.
type LongText = FixedUnicode<8192>;

const VERSION: &str = "h5lab_version";
const PART_OF: &str = "part_of";
const FROM_FILE: &str = "from file";

/// Writes the attributes; of values that nothing is known of only that h5lab wrote them. Collective over all ranks that
/// opened the file.
///
/// # Errors
/// HDF5's, or those of the source file.
pub fn write(dataset: &hdf5::Dataset, written: &Dataset, path: &Path) -> Result<()> {
    let source = written.from.as_ref().map(|source| Ok((source, state(source)?))).transpose()?;
    let text = |name: &str, value: &str| short_text(dataset, name, value);
    let number = |name: &str, value: u64| dataset.new_attr::<u64>().create(name)?.write_scalar(&value);
    let all = || -> hdf5::Result<()> {
        text(VERSION, env!("CARGO_PKG_VERSION"))?;
        if let Some((source, state)) = source {
            text("generator", FROM_FILE)?;
            long_text(dataset, "source", &absolute(source).to_string())?;
            number("source_bytes", state.bytes)?;
            number("source_modified", state.modified)?;
        }
        let Some(data) = &written.data else { return Ok(()) };
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
    text(VERSION)?;
    let kind = DataKind::from_generator_id(text("generator")?.as_str())?;
    let np = number("np")? as usize;
    Some(Data { kind, seed: number("seed")?, stamp_ranks: (np > 0).then_some(np) })
}

/// The file that the dataset's values were taken from, if it is there as it was then.
pub fn source(dataset: &hdf5::Dataset) -> Option<SourceFile> {
    let number = |name: &str| dataset.attr(name).ok()?.read_scalar::<u64>().ok();
    let generator = dataset.attr("generator").ok()?.read_scalar::<Text>().ok()?;
    let source = dataset.attr("source").ok()?.read_scalar::<LongText>().ok()?;
    let source: SourceFile = (generator.as_str() == FROM_FILE).then(|| source.as_str().parse().ok())??;
    let source = crate::values::located(&source);
    let then = State { bytes: number("source_bytes")?, modified: number("source_modified")? };
    (state(&source).ok()? == then).then_some(source)
}

/// Why nothing is known of a dataset's values, in a few words; `None` if the file can't be looked at any more.
pub fn why_unknown(path: &Path, name: &str) -> Option<String> {
    let dataset = open(path, Mode::Read, None).ok()?.dataset(name).ok()?;
    let text = |name: &str| dataset.attr(name).ok()?.read_scalar::<Text>().ok();
    if text(VERSION).is_none() {
        return Some("h5lab did not write the dataset".into());
    }
    let generator = text("generator");
    Some(match generator.as_ref().map(|generator| generator.as_str()) {
        None => "the file does not say how its values were made".into(),
        Some(FROM_FILE) => {
            let source = dataset.attr("source").ok().and_then(|source| source.read_scalar::<LongText>().ok());
            let source = source.map_or("the file that its values were taken from".into(), |s| printable(s.as_str()));
            format!("{source} is gone or has changed")
        }
        Some(known) if DataKind::from_generator_id(known).is_some() => "its attributes seed and np are damaged".into(),
        Some(other) => {
            let other = printable(other);
            format!(
                "another version of h5lab made it, by the generator '{other}': read it with that one, or write it anew"
            )
        }
    })
}

/// What tells a source file that was changed from one that was not.
#[derive(PartialEq, Eq)]
struct State {
    bytes: u64,
    modified: u64,
}

fn state(source: &SourceFile) -> Result<State> {
    let found = std::fs::metadata(&source.file).map_err(|e| Failure::io("read the source", &source.file, &e))?;
    Ok(State { bytes: found.len(), modified: found.mtime().max(0) as u64 })
}

/// The source by a name that means the same in any folder.
fn absolute(source: &SourceFile) -> SourceFile {
    let file = std::path::absolute(&source.file).unwrap_or_else(|_| source.file.clone());
    SourceFile { file, dataset: source.dataset.clone() }
}

fn short_text(at: &hdf5::Location, name: &str, value: &str) -> hdf5::Result<()> {
    let stored = TypeDescriptor::FixedAscii(value.len());
    let value = Text::from_ascii(value).map_err(|e| hdf5::Error::Internal(e.to_string()))?;
    at.new_attr_builder().empty_as(&stored).create(name)?.write_scalar(&value)
}

fn long_text(at: &hdf5::Location, name: &str, value: &str) -> hdf5::Result<()> {
    let stored = TypeDescriptor::FixedUnicode(value.len());
    let value = value.parse::<LongText>().map_err(|e| hdf5::Error::Internal(e.to_string()))?;
    at.new_attr_builder().empty_as(&stored).create(name)?.write_scalar(&value)
}

/// Says of an open file that h5lab made it as a part of another one.
///
/// # Errors
/// HDF5's.
pub fn mark_part(file: &hdf5::File, master: &Path, path: &Path) -> Result<()> {
    let all = || -> hdf5::Result<()> {
        short_text(file, VERSION, env!("CARGO_PKG_VERSION"))?;
        long_text(file, PART_OF, &master.file_name().unwrap_or_default().to_string_lossy())
    };
    all().map_err(|e| failure(&e, "write the attributes", path))
}

/// True if h5lab made this file as a part of another one, for a split repack.
pub fn is_part(path: &Path) -> bool {
    open(path, Mode::Read, None).is_ok_and(|file| file.attr(VERSION).is_ok() && file.attr(PART_OF).is_ok())
}

/// True if this is an HDF5 file with nothing in it but datasets that h5lab wrote: it can be made again.
pub fn made_by_h5lab(path: &Path) -> bool {
    let all_ours = || -> Option<bool> {
        let file = open(path, Mode::Read, None).ok()?;
        let mut members = Vec::new();
        file.iter_visit_default(|name, link| {
            members.push((name.to_owned(), link.link_type));
            Ok(())
        })
        .ok()?;
        // What a link leads to is not in this file: the link is somebody's work.
        let ours = |(name, link): &(String, LinkType)| {
            *link == LinkType::Hard && file.dataset(name).is_ok_and(|dataset| dataset.attr(VERSION).is_ok())
        };
        Some(!members.is_empty() && members.iter().all(ours))
    };
    all_ours().unwrap_or(false)
}
