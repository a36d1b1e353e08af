//! What is wrong with a file or a dataset, and what to do about it.

use super::{DatasetFacts, Elsewhere, Inspection, Kind, Stored};
use crate::report::{bytes, printable, significant};
use crate::tunables::DEFAULT_CHUNK_CACHE_BYTES;
use serde::Serialize;
use std::fmt;

/// Something that costs time, space or values.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "code")]
pub enum Flag {
    /// A chunk does not fit HDF5's default chunk cache.
    ChunkBeyondCache {
        /// Bytes of a chunk before filters.
        chunk_bytes: u64,
        /// Whether it has filters: then every read of a part decodes all of it.
        filtered: bool,
    },
    /// Many small chunks.
    TinyChunks {
        /// Bytes of a chunk before filters.
        chunk_bytes: u64,
        /// How many there are.
        chunks: u64,
        /// Most bytes that their index takes.
        index_bytes: u64,
    },
    /// A large stack in one run.
    ContiguousStack {
        /// Its size.
        bytes: u64,
    },
    /// Filters that save nothing.
    FiltersInVain {
        /// Bytes before for each byte stored.
        ratio: f64,
    },
    /// Chunks whose filters were left out.
    UnfilteredChunks {
        /// How many.
        unfiltered: u64,
        /// Of how many that were looked at.
        examined: u64,
    },
    /// Chunks that were never written.
    Unallocated {
        /// Chunks with space in the file.
        allocated: u64,
        /// Chunks that the shape has room for.
        there: u64,
    },
    /// A filter that this HDF5 does not have.
    FilterMissing {
        /// Its registered number.
        id: u32,
        /// Its name.
        name: String,
    },
    /// Files of a virtual dataset, or of external storage, that are not there.
    MissingSources {
        /// How many.
        missing: u64,
        /// Of how many.
        of: u64,
        /// The first of them.
        first: String,
    },
    /// Space in the file that holds nothing.
    UnusedSpace {
        /// How much, at least.
        bytes: u64,
        /// Its share of the file.
        share: f64,
    },
    /// An old file format, where it costs something.
    OldFormat {
        /// Version of the superblock.
        superblock: u32,
        /// What it costs.
        cost: String,
    },
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Flag::ChunkBeyondCache { chunk_bytes, filtered: true } => write!(
                f,
                "a chunk of {} does not fit HDF5's default cache of 1 MiB: each read of a part of it decodes all of it \
                 again; open with a larger cache (h5py: rdcc_nbytes={}), or repack with smaller chunks",
                bytes(*chunk_bytes),
                chunk_bytes.next_power_of_two().max(1 << 20) * 4
            ),
            Flag::ChunkBeyondCache { chunk_bytes, filtered: false } => write!(
                f,
                "a chunk of {} does not fit HDF5's default cache of 1 MiB: parts of it are read from the file piece by \
                 piece, each time anew; repack with smaller chunks if parts are what you read",
                bytes(*chunk_bytes)
            ),
            Flag::TinyChunks { chunk_bytes, chunks, index_bytes } => write!(
                f,
                "{chunks} chunks of {} only: finding them takes as long as reading them, and their index takes up to {}; \
                 repack with chunks of 64 KiB to 1 MiB",
                bytes(*chunk_bytes),
                bytes(*index_bytes)
            ),
            Flag::ContiguousStack { bytes: size } => write!(
                f,
                "{} in one run: it can't be compressed nor grow, and a sinogram or a spectrum takes a row or a pixel of \
                 every image; see h5lab advise",
                bytes(*size)
            ),
            Flag::FiltersInVain { ratio } => write!(
                f,
                "filters shrink it {} times only, and every read pays for them: store such data without, or see h5lab advise",
                significant(*ratio)
            ),
            Flag::UnfilteredChunks { unfiltered, examined } => write!(
                f,
                "{unfiltered} of {examined} chunks are stored with a filter left out, since it did not shrink them or was \
                 not at hand; repack, or store such data without filters"
            ),
            Flag::Unallocated { allocated, there } => write!(
                f,
                "{} of {there} chunks were never written and read as the fill value: make sure that nothing is missing",
                there - allocated
            ),
            Flag::FilterMissing { id, name } => write!(
                f,
                "{} is not available here, so its values can't be read: point HDF5_PLUGIN_PATH at the filter \
                 plugins (hdf5plugin's, for example)",
                crate::filter::title(*id, name)
            ),
            Flag::MissingSources { missing, of, first } => write!(
                f,
                "{missing} of {of} files that hold its values are not there (the first: {}), and read as the fill value: \
                 put them beside this file",
                printable(first)
            ),
            Flag::UnusedSpace { bytes: size, share } => write!(
                f,
                "{} of the file ({:.0} %) hold no object: space of what was deleted or written anew; h5repack, or h5lab \
                 repack, gives it back",
                bytes(*size),
                share * 100.0
            ),
            Flag::OldFormat { superblock, cost } => write!(
                f,
                "old file format (superblock {superblock}): {cost}; libver='latest' (h5py) or h5repack --latest makes files \
                 of a newer one"
            ),
        }
    }
}

/// Chunks below this size, if there are many.
const TINY: u64 = 16 << 10;
/// So many are many.
const MANY: u64 = 1024;
/// With so many, even somewhat larger ones are too small.
const VERY_MANY: u64 = 100_000;
/// A dataset of at least this size is a stack worth a layout.
const LARGE: u64 = 16 << 20;

/// What is wrong with a dataset.
pub fn flags_of_dataset(facts: &DatasetFacts) -> Vec<Flag> {
    let mut flags = Vec::new();
    let missing = |filter: &&super::FilterFact| !filter.available;
    flags.extend(
        facts.filters.iter().filter(missing).map(|f| Flag::FilterMissing { id: f.filter.id(), name: f.name.clone() }),
    );
    match &facts.layout {
        Stored::Contiguous => {
            let axes = facts.space.shape().map_or(0, <[u64]>::len);
            if let Some(bytes) = facts.logical_bytes.filter(|&bytes| axes >= 3 && bytes >= LARGE) {
                flags.push(Flag::ContiguousStack { bytes });
            }
        }
        Stored::Virtual { sources: files, .. } | Stored::External { files } => flags.extend(missing_files(files)),
        Stored::Chunked { chunk } => flags.extend(flags_of_chunks(facts, chunk.len())),
        Stored::Compact => {}
    }
    flags
}

fn missing_files(files: &[Elsewhere]) -> Option<Flag> {
    let mut missing = files.iter().filter(|file| file.missing);
    let first = missing.next()?.file.clone();
    Some(Flag::MissingSources { missing: 1 + missing.count() as u64, of: files.len() as u64, first })
}

fn flags_of_chunks(facts: &DatasetFacts, axes: usize) -> Vec<Flag> {
    let Some(chunks) = &facts.chunks else { return Vec::new() };
    let (filtered, count) = (!facts.filters.is_empty(), chunks.allocated.unwrap_or(chunks.there));
    let mut flags = Vec::new();
    if chunks.bytes > DEFAULT_CHUNK_CACHE_BYTES && count > 0 {
        flags.push(Flag::ChunkBeyondCache { chunk_bytes: chunks.bytes, filtered });
    }
    if (count >= MANY && chunks.bytes < TINY) || (count >= VERY_MANY && chunks.bytes < 4 * TINY) {
        let index_bytes = crate::prediction::index_bytes_of(count, axes);
        flags.push(Flag::TinyChunks { chunk_bytes: chunks.bytes, chunks: count, index_bytes });
    }
    let large = facts.logical_bytes.is_some_and(|bytes| bytes >= LARGE / 16);
    if let Some(ratio) = facts.ratio().filter(|&ratio| filtered && large && ratio < 1.1) {
        flags.push(Flag::FiltersInVain { ratio });
    }
    if chunks.unfiltered * 10 > chunks.examined {
        flags.push(Flag::UnfilteredChunks { unfiltered: chunks.unfiltered, examined: chunks.examined });
    }
    if let Some(allocated) = chunks.allocated.filter(|&allocated| allocated < chunks.there) {
        flags.push(Flag::Unallocated { allocated, there: chunks.there });
    }
    flags
}

/// What is wrong with the file as a whole.
pub fn flags_of_file(file: &Inspection) -> Vec<Flag> {
    unused_space(file).into_iter().chain(old_format(file)).collect()
}

/// Bytes of metadata that any object may take without being remarked on.
const METADATA_OF_AN_OBJECT: u64 = 8 << 10;

/// What neither datasets nor, by a generous guess, metadata take. What lies in heaps is not known, so nothing is said of
/// files that have such.
fn unused_space(file: &Inspection) -> Option<Flag> {
    let datasets =
        || file.nodes.iter().filter_map(|node| if let Kind::Dataset(d) = &node.kind { Some(d) } else { None });
    if datasets().any(|d| d.in_heap) {
        return None;
    }
    let data: u64 = datasets().filter(|d| !matches!(d.layout, Stored::External { .. })).map(|d| d.stored_bytes).sum();
    let index: u64 = datasets()
        .filter_map(|d| d.chunks.as_ref().map(|c| (c, d.space.shape().map_or(0, <[u64]>::len))))
        .map(|(chunks, axes)| crate::prediction::index_bytes_of(chunks.allocated.unwrap_or(0), axes))
        .sum();
    let attributes: u64 = file.nodes.iter().map(|node| node.attribute_count).sum();
    let metadata = (file.nodes.len() as u64 + attributes) * METADATA_OF_AN_OBJECT + index + (64 << 10);
    let unused = file.bytes.saturating_sub(data + metadata + file.user_block).max(file.free_bytes);
    let share = unused as f64 / file.bytes.max(1) as f64;
    (unused >= 1 << 20 && share > 0.1).then_some(Flag::UnusedSpace { bytes: unused, share })
}

fn old_format(file: &Inspection) -> Option<Flag> {
    let superblock = file.superblock.filter(|&version| version < 2)?;
    let chunks = file.nodes.iter().filter_map(|node| match &node.kind {
        Kind::Dataset(d) => d.chunks.as_ref()?.allocated,
        _ => None,
    });
    let members =
        file.nodes.iter().filter_map(|node| if let Kind::Group { members } = node.kind { Some(members) } else { None });
    let cost = match (chunks.max().unwrap_or(0), members.max().unwrap_or(0)) {
        (chunks, _) if chunks >= VERY_MANY => format!("the index of {chunks} chunks is a version 1 B-tree"),
        (_, members) if members >= 10_000 => format!("a group of {members} members is a symbol table"),
        _ => return None,
    };
    Some(Flag::OldFormat { superblock, cost })
}

#[cfg(test)]
mod tests {
    use super::super::{ChunkFacts, FilterFact, Space};
    use super::*;
    use crate::filter::Filter;

    fn chunked(bytes: u64, there: u64, allocated: u64, stored: u64, filters: &[(&str, bool)]) -> DatasetFacts {
        let filter = |(name, available): &(&str, bool)| FilterFact {
            filter: Filter::Gzip(4),
            name: (*name).into(),
            available: *available,
        };
        DatasetFacts {
            space: Space::Simple(vec![there, 1, bytes / 2]),
            most: vec![],
            element: "u16".into(),
            element_bytes: 2,
            dtype: None,
            in_heap: false,
            layout: Stored::Chunked { chunk: vec![1, 1, bytes / 2] },
            filters: filters.iter().map(filter).collect(),
            stored_bytes: stored,
            logical_bytes: Some(there * bytes),
            chunks: Some(ChunkFacts { bytes, there, allocated: Some(allocated), examined: 100, unfiltered: 0 }),
            accesses: vec![],
        }
    }

    fn codes(facts: &DatasetFacts) -> Vec<String> {
        let code = |flag: &Flag| serde_json::to_value(flag).unwrap()["code"].as_str().unwrap().to_owned();
        flags_of_dataset(facts).iter().map(code).collect()
    }

    #[test]
    fn each_fault_is_flagged_and_nothing_else() {
        let gzip = [("gzip=4", true)];
        assert_eq!(codes(&chunked(1 << 19, 100, 100, 10 << 20, &gzip)), [""; 0]);
        assert_eq!(codes(&chunked(1 << 21, 100, 100, 10 << 20, &gzip)), ["chunk-beyond-cache"]);
        assert_eq!(codes(&chunked(1 << 12, 5000, 5000, 5 << 20, &gzip)), ["tiny-chunks"]);
        assert_eq!(codes(&chunked(1 << 19, 100, 100, 50 << 20, &gzip)), ["filters-in-vain"]);
        assert_eq!(codes(&chunked(1 << 19, 100, 60, 10 << 20, &gzip)), ["unallocated"]);
        assert_eq!(codes(&chunked(1 << 19, 100, 100, 10 << 20, &[("zstd", false)])), ["filter-missing"]);
        let mut skipped = chunked(1 << 19, 100, 100, 10 << 20, &gzip);
        skipped.chunks.as_mut().unwrap().unfiltered = 50;
        assert_eq!(codes(&skipped), ["unfiltered-chunks"]);
        let mut stack = chunked(1 << 19, 100, 100, 50 << 20, &[]);
        (stack.layout, stack.chunks) = (Stored::Contiguous, None);
        assert_eq!(codes(&stack), ["contiguous-stack"]);
        let files =
            vec![Elsewhere { file: "a.h5".into(), missing: false }, Elsewhere { file: "b.h5".into(), missing: true }];
        (stack.layout, stack.filters) = (Stored::Virtual { sources: files, mappings: 2 }, vec![]);
        assert_eq!(codes(&stack), ["missing-sources"]);
    }

    #[test]
    fn every_flag_says_what_to_do() {
        let flags = [
            Flag::ChunkBeyondCache { chunk_bytes: 3 << 20, filtered: true },
            Flag::ChunkBeyondCache { chunk_bytes: 3 << 20, filtered: false },
            Flag::TinyChunks { chunk_bytes: 100, chunks: 5000, index_bytes: 1 << 20 },
            Flag::ContiguousStack { bytes: 1 << 30 },
            Flag::FiltersInVain { ratio: 1.03 },
            Flag::UnfilteredChunks { unfiltered: 5, examined: 10 },
            Flag::Unallocated { allocated: 5, there: 10 },
            Flag::FilterMissing { id: 32015, name: "zstd".into() },
            Flag::MissingSources { missing: 1, of: 2, first: "a.h5".into() },
            Flag::UnusedSpace { bytes: 2 << 20, share: 0.5 },
            Flag::OldFormat { superblock: 0, cost: "slow".into() },
        ];
        for flag in flags {
            let text = flag.to_string();
            let does =
                ["open with", "repack", "see h5lab", "store such", "make sure", "point HDF5", "put them", "libver"];
            assert!(does.iter().any(|word| text.contains(word)), "{text}");
        }
    }
}
