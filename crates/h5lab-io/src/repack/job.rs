//! What becomes of each dataset: how it is stored now, how it is to be stored, and which way its values take.

use crate::filter::Pipeline;
use crate::h5::tree::{Object, StorageKind, StorageNow, WantedStorage, has_filter};
use h5lab_core::dataset::Shape;
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::filter::{Filter, Stage};
use h5lab_core::layout::{Layout, guess_chunk_of};
use h5lab_core::repack_plan::receipt::{Stored, Touched};
use h5lab_core::repack_plan::rules::{NewFilter, NewLayout, Wish};
use h5lab_core::report::{bytes, printable};
use std::ffi::CString;
use std::path::Path;

/// One dataset's part of the work.
#[derive(Debug)]
pub(super) struct Job {
    /// Its number in the source's tree.
    pub(super) number: usize,
    /// Its address in the source.
    pub(super) address: u64,
    /// Its path.
    pub(super) path: CString,
    /// Its path, for people.
    pub(super) name: String,
    pub(super) now: StorageNow,
    pub(super) wanted: WantedStorage,
    pub(super) way: Way,
}

/// Which way values take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// There are none in this file: null, without elements, virtual, external.
    None,
    /// Stored chunks as they are.
    Chunks,
    /// Through h5lab's own filters, by all threads; or past them where there are none.
    Tiles,
    /// Through HDF5: what points elsewhere, and what only HDF5 encodes or decodes.
    Library,
}

impl Job {
    /// Decides what becomes of a dataset.
    ///
    /// # Errors
    /// `Usage` or `Input` if a rule names it and can't be followed; then the mend says what can be.
    pub(super) fn new(
        number: usize,
        object: &Object,
        now: StorageNow,
        wish: &Wish,
        materialize: bool,
        path: &Path,
    ) -> Result<Job> {
        let name = object.name();
        let refuse = |(why, mend): (String, String)| {
            Failure::new(FailureKind::Usage, format!("dataset '{}' {why}", printable(&name))).at(path).mend(mend)
        };
        let virtual_here = matches!(now.kind, StorageKind::Virtual | StorageKind::External) && materialize;
        let wanted = match wanted(&now, wish, virtual_here) {
            Ok(wanted) => wanted,
            Err(why) if wish.named => return Err(refuse(why)),
            // What was said of all datasets is done where it can be.
            Err(_) if virtual_here && can_grow(&now) => WantedStorage::Chunked(automatic(&now), Vec::new()),
            Err(_) if virtual_here => WantedStorage::Contiguous,
            Err(_) => WantedStorage::Same,
        };
        let way = way(&now, &wanted);
        if let Some(stage) =
            missing_filter(way, &now, &wanted).map_err(|e| crate::h5::failure(&e, "look at filters", path))?
        {
            let why = format!("needs a filter that neither h5lab nor this HDF5 has: {}", Filter::of(&stage));
            let mend =
                "point HDF5_PLUGIN_PATH at its plugin (hdf5plugin's, for example), or leave the dataset as it is";
            return Err(Failure { kind: FailureKind::Input, ..refuse((why, mend.to_owned())) });
        }
        let here = object.paths[0].clone();
        Ok(Job { number, address: object.address, path: here, name, now, wanted, way })
    }

    /// Bytes that are moved: what progress counts in.
    pub(super) fn bytes(&self) -> u64 {
        match self.way {
            Way::None => 0,
            Way::Chunks => self.now.stored_bytes,
            Way::Tiles | Way::Library => self.now.bytes(),
        }
    }

    /// True if it is stored otherwise than before.
    pub(super) fn changes(&self) -> bool {
        self.wanted != WantedStorage::Same
    }

    /// True if its values can be shared out to several files: they are written anew, and pass by HDF5.
    pub(super) fn can_be_split(&self) -> bool {
        self.changes() && self.way == Way::Tiles
    }

    /// True if its values are in other files, and stay there.
    pub(super) fn leads_elsewhere(&self) -> bool {
        matches!(self.now.kind, StorageKind::Virtual | StorageKind::External) && !self.changes()
    }

    /// How it is stored before.
    pub(super) fn before(&self) -> Stored {
        stored(&self.now.kind, &self.now.filters, &self.now.shape, Some(self.now.stored_bytes))
    }

    /// How it is stored afterwards.
    pub(super) fn after(&self, stored_bytes: Option<u64>) -> Stored {
        let none = Vec::new();
        let (kind, filters) = match &self.wanted {
            WantedStorage::Same => (self.now.kind.clone(), &self.now.filters),
            WantedStorage::Contiguous => (StorageKind::Contiguous, &none),
            WantedStorage::Compact => (StorageKind::Compact, &none),
            WantedStorage::Chunked(chunk, filters) => (StorageKind::Chunked(chunk.clone()), filters),
            WantedStorage::Virtual(_) => (StorageKind::Virtual, &none),
        };
        stored(&kind, filters, &self.now.shape, stored_bytes)
    }
}

fn stored(kind: &StorageKind, filters: &[Stage], shape: &[u64], bytes: Option<u64>) -> Stored {
    let (words, layout) = match kind {
        StorageKind::Chunked(chunk) => {
            (Shape(chunk.clone()).to_string(), Layout::Chunked { chunk: chunk.clone(), filters: Vec::new() })
        }
        StorageKind::Null => ("null".into(), Layout::Contiguous),
        StorageKind::Compact => ("compact".into(), Layout::Contiguous),
        StorageKind::Contiguous => ("contiguous".into(), Layout::Contiguous),
        StorageKind::External => ("external".into(), Layout::Contiguous),
        StorageKind::Virtual => ("virtual".into(), Layout::Contiguous),
    };
    let here = matches!(kind, StorageKind::Chunked(_) | StorageKind::Contiguous | StorageKind::Compact);
    let touched = if here { Touched::of(&layout, shape) } else { Touched::default() };
    Stored { layout: words, filters: filter_words(filters), bytes, touched }
}

fn filter_words(filters: &[Stage]) -> String {
    if filters.is_empty() {
        return "none".into();
    }
    h5lab_core::filter::joined(&filters.iter().map(Filter::of).collect::<Vec<_>>())
}

/// Why something can't be done, and what can.
type Refusal = (String, String);

fn wanted(now: &StorageNow, wish: &Wish, materialize: bool) -> Result<WantedStorage, Refusal> {
    if wish.is_keep() && !materialize {
        return Ok(WantedStorage::Same);
    }
    let refuse = |why: &str, mend: &str| Err((why.to_owned(), mend.to_owned()));
    match now.kind {
        StorageKind::Null => return refuse("is empty: it has a type, but no elements", "leave it out"),
        StorageKind::Virtual | StorageKind::External if !materialize => {
            return refuse("has its values in other files", "add --materialize, or leave it out");
        }
        _ if now.shape.is_empty() && wish.layout != NewLayout::Compact => {
            return if materialize {
                Ok(WantedStorage::Contiguous)
            } else {
                refuse("is a scalar: it has no chunks", "leave it out")
            };
        }
        _ => {}
    }
    let chunk = match &wish.layout {
        NewLayout::Contiguous => return unchunked(now, wish, WantedStorage::Contiguous),
        NewLayout::Compact => return unchunked(now, wish, WantedStorage::Compact),
        NewLayout::Keep => match &now.kind {
            StorageKind::Chunked(chunk) => chunk.clone(),
            // Only chunks can grow.
            _ if materialize && can_grow(now) => automatic(now),
            _ if wish.filters.as_ref().is_none_or(Vec::is_empty) => {
                return Ok(if materialize { WantedStorage::Contiguous } else { WantedStorage::Same });
            }
            _ => automatic(now),
        },
        NewLayout::Auto => automatic(now),
        NewLayout::Chunk(chunk) if chunk.len() != now.shape.len() => {
            let shape = Shape(now.shape.clone());
            return refuse(
                &format!(
                    "has {} axes ({shape}), and the chunk {} has {}",
                    now.shape.len(),
                    Shape(chunk.clone()),
                    chunk.len()
                ),
                "give --chunk one size for each axis",
            );
        }
        // No chunk is larger than its dataset, but where that can grow.
        NewLayout::Chunk(chunk) => chunk.iter().zip(&now.limits).map(|(c, most)| *c.min(most).max(&1)).collect(),
    };
    let size = chunk.iter().fold(now.element.size() as u64, |b, &n| b.saturating_mul(n));
    if size >= 1 << 32 {
        return refuse(
            &format!("would have chunks of {}, and HDF5 takes less than 4 GiB", bytes(size)),
            "choose a smaller --chunk",
        );
    }
    let filters = match &wish.filters {
        None => now.filters.clone(),
        Some(filters) => filters.iter().map(new_filter).collect(),
    };
    let same_chunk = now.kind == StorageKind::Chunked(chunk.clone());
    let same = same_chunk && same_filters(&now.filters, &filters);
    Ok(if same { WantedStorage::Same } else { WantedStorage::Chunked(chunk, filters) })
}

fn unchunked(now: &StorageNow, wish: &Wish, wanted: WantedStorage) -> Result<WantedStorage, Refusal> {
    /// H5Pset_layout: a compact dataset's values fit into an object header message.
    const MOST_COMPACT: u64 = 65_520;
    let refuse = |why: String, mend: &str| Err((why, mend.to_owned()));
    if wish.filters.as_ref().is_some_and(|filters| !filters.is_empty()) {
        return refuse("can't have filters without chunks".into(), "add --filter none, or choose a --chunk");
    }
    if can_grow(now) {
        return refuse(
            "can grow (its maxshape is larger than its shape), and only chunks can".into(),
            "choose a --chunk",
        );
    }
    if wanted == WantedStorage::Compact && now.bytes() > MOST_COMPACT {
        return refuse(
            format!("has {}, and a compact dataset has at most 64 KiB", bytes(now.bytes())),
            "choose contiguous",
        );
    }
    let same = match now.kind {
        StorageKind::Contiguous => wanted == WantedStorage::Contiguous,
        StorageKind::Compact => wanted == WantedStorage::Compact,
        _ => false,
    };
    Ok(if same { WantedStorage::Same } else { wanted })
}

fn can_grow(now: &StorageNow) -> bool {
    now.limits.iter().zip(&now.shape).any(|(most, n)| most > n)
}

fn automatic(now: &StorageNow) -> Vec<u64> {
    guess_chunk_of(&Shape(now.shape.clone()), now.element.size() as u64)
}

/// A filter that is asked for, as HDF5 takes it: what depends on the dataset the filter adds itself.
fn new_filter(filter: &NewFilter) -> Stage {
    match filter {
        NewFilter::Known(filter) => Stage { parameters: filter.parameters(), ..filter.stage(1, 1) },
        NewFilter::Numbered(stage) => stage.clone(),
    }
}

/// Whether two pipelines do the same, whatever parameters filters have added for the dataset.
fn same_filters(there: &[Stage], asked: &[Stage]) -> bool {
    let words = |stages: &[Stage]| stages.iter().map(Filter::of).collect::<Vec<_>>();
    words(there) == words(asked)
}

fn way(now: &StorageNow, wanted: &WantedStorage) -> Way {
    let same = *wanted == WantedStorage::Same;
    match now.kind {
        StorageKind::Null => Way::None,
        _ if now.bytes() == 0 => Way::None,
        StorageKind::Virtual | StorageKind::External if same => Way::None,
        _ if !now.element.is_plain() || now.shape.is_empty() => Way::Library,
        StorageKind::Chunked(_) if same => Way::Chunks,
        StorageKind::Compact if same => Way::Library,
        _ => match wanted {
            WantedStorage::Compact => Way::Library,
            WantedStorage::Chunked(chunk, filters) if !encodable(filters, now, chunk) => Way::Library,
            _ => Way::Tiles,
        },
    }
}

/// The first filter that HDF5 would have to apply, and can't.
fn missing_filter(way: Way, now: &StorageNow, wanted: &WantedStorage) -> hdf5_metno::Result<Option<Stage>> {
    let decoded = match &now.kind {
        StorageKind::Chunked(chunk) if way == Way::Tiles => {
            let bytes = chunk.iter().product::<u64>() as usize * now.element.size();
            Pipeline::of(&now.filters, bytes).is_ok()
        }
        _ => way != Way::Library,
    };
    let old: &[Stage] = if decoded { &[] } else { &now.filters };
    let new: &[Stage] = match wanted {
        WantedStorage::Chunked(_, filters) => filters,
        _ => &[],
    };
    for stage in old.iter().chain(new) {
        if !has_filter(stage)? {
            return Ok(Some(stage.clone()));
        }
    }
    Ok(None)
}

fn encodable(filters: &[Stage], now: &StorageNow, chunk: &[u64]) -> bool {
    let bytes = chunk.iter().product::<u64>() as usize * now.element.size();
    let stages: Vec<Stage> = filters.iter().map(|filter| Filter::of(filter).stage(now.element.size(), bytes)).collect();
    Pipeline::of(&stages, bytes).is_ok()
}
