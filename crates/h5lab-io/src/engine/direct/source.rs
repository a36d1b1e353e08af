//! A dataset whose values are moved without HDF5: where they lie, and how they are read.

use super::ahead::{Enough, Span, look_ahead};
use super::crew::{Crew, Desk, Hand, sized};
use super::grid::{self, Grid, Part};
use super::memory::Shared;
use super::raw_file::{For, RawFile};
use super::runs::{self, At};
use crate::buffer::Buffer;
use crate::engine::per_process::missing;
use crate::filter::{ChunkPlace, FilterError, Pipeline};
use crate::h5::chunk_index::{ChunkIndex, StoredChunk};
use crate::h5::raw_data::{self, Conversion, Storage};
use crate::h5::virtual_dataset::{self, Mapping};
use crate::h5::{self, failure};
use h5lab_core::dataset::{Dataset, Dtype};
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::region::Region;
use h5lab_core::spans::{Spans, piece_elements};
use hdf5_metno as hdf5;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An open dataset.
pub(super) struct Source {
    pub(super) file: RawFile,
    pub(super) shape: Vec<u64>,
    /// Bytes of an element.
    pub(super) element: usize,
    pub(super) values: Values,
    conversion: Conversion,
    /// An element where nothing was written.
    fill: Vec<u8>,
}

/// Where the values lie.
pub(super) enum Values {
    /// In one run of bytes; `None` if there is none yet.
    Contiguous(Option<u64>),
    /// In chunks, which may have passed through filters.
    Chunks { grid: Grid, index: ChunkIndex, filters: Option<Box<Filters>> },
    /// In datasets of other files.
    Virtual(Vec<Shown>),
}

/// A box of a virtual dataset, and where its values are.
pub(super) struct Shown {
    region: Region,
    /// The first of its elements in the other dataset.
    start: Vec<u64>,
    source: Arc<Source>,
}

/// What chunks have passed through.
pub(super) struct Filters {
    pipeline: Pipeline,
    /// Whether those that stick out of the dataset have not.
    edges_unfiltered: bool,
    /// The dataset's name, to tell whose chunk is damaged.
    dataset: String,
}

/// A chunk of the file, and what is wanted of it.
struct Coming<'a> {
    chunk: &'a StoredChunk,
    part: Part,
}

/// What stands in the way of moving a dataset's values without HDF5.
pub(super) struct Reason(pub(super) String);

/// A box of elements that lie in one array of the file, and are moved by one thread.
pub(super) struct Piece {
    /// Where the array begins in the file; `None` if it has no space there.
    pub(super) address: Option<u64>,
    /// The array's first element.
    pub(super) origin: Vec<u64>,
    /// The elements.
    pub(super) region: Region,
    /// Whether they are all elements that the dataset has in this array.
    pub(super) all: bool,
}

/// What is read, and where it goes.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    /// The elements of the dataset.
    pub(super) asked: &'a Region,
    /// The array that takes them.
    pub(super) memory: Shared<'a>,
    /// Where in the array.
    pub(super) at: At<'a>,
}

impl Target<'_> {
    /// Where a part of what is asked for goes.
    fn start_of(&self, part: &Region) -> Vec<u64> {
        grid::from(&self.asked.start, part).iter().zip(self.at.start).map(|(offset, start)| offset + start).collect()
    }
}

impl Source {
    /// Looks at an open dataset; its file is opened once more.
    ///
    /// # Errors
    /// HDF5's and the file system's. `Ok(Err(reason))` if only HDF5 can move these values.
    pub(super) fn of(found: &hdf5::Dataset, dtype: Dtype, path: &Path, how: (For, bool)) -> Result<Found<Source>> {
        Self::at_depth(found, dtype, path, how, 0)
    }

    fn at_depth(
        found: &hdf5::Dataset,
        dtype: Dtype,
        path: &Path,
        how: (For, bool),
        depth: usize,
    ) -> Result<Found<Source>> {
        let fail = |e: hdf5::Error| failure(&e, "look at the dataset", path);
        let storage = match raw_data::storage(found).map_err(fail)? {
            Storage::Elsewhere(why) => return Ok(Err(Reason(why))),
            storage => storage,
        };
        let Some(conversion) = raw_data::conversion(found, dtype).map_err(fail)? else {
            return Ok(Err(Reason("elements that HDF5 converts".into())));
        };
        let shape: Vec<u64> = found.shape().into_iter().map(|n| n as u64).collect();
        let values = match storage {
            Storage::Contiguous(offset) => Values::Contiguous(offset),
            Storage::Virtual => match shown(found, dtype, path, how, depth)? {
                Err(reason) => return Ok(Err(reason)),
                Ok(parts) => Values::Virtual(parts),
            },
            _ => match Filters::of(found, dtype, path)? {
                Err(reason) => return Ok(Err(reason)),
                Ok(filters) => {
                    let index = match ChunkIndex::if_listed(found, path)? {
                        Ok(index) => index,
                        Err(why) => return Ok(Err(Reason(format!("chunks that can't be listed: {why}")))),
                    };
                    Values::Chunks { grid: Grid::new(&shape, index.chunk()), index, filters }
                }
            },
        };
        let file = RawFile::open(&raw_data::file_of(found).map_err(fail)?, how.0, how.1)?;
        let fill = raw_data::fill_value(found, dtype).map_err(fail)?;
        Ok(Ok(Source { file, shape, element: dtype.size(), values, conversion, fill }))
    }

    /// Opens a dataset of a file that is there.
    ///
    /// # Errors
    /// As [`Source::of`]; it is a defect if only HDF5 can move the values.
    pub(super) fn open(dataset: &Dataset, path: &Path, how: (For, bool)) -> Result<Source> {
        let file = h5::open(path, h5::Mode::Read, None)?;
        let found = h5::dataset::open(&file, &dataset.name, &Default::default(), path)?;
        let source = Source::of(&found, dataset.dtype, path, how)?;
        source.map_err(|Reason(why)| Failure::new(FailureKind::Internal, format!("HDF5 alone moves {why}")).at(path))
    }

    /// Bytes that the values take in the file.
    pub(super) fn stored_bytes(&self) -> Option<u64> {
        match &self.values {
            Values::Contiguous(None) => None,
            Values::Contiguous(Some(_)) => Some(self.shape.iter().product::<u64>() * self.element as u64),
            Values::Chunks { index, .. } => Some(index.stored_bytes()),
            Values::Virtual(parts) => {
                let different = |n: &usize| !parts[..*n].iter().any(|p| Arc::ptr_eq(&p.source, &parts[*n].source));
                (0..parts.len()).filter(different).map(|n| parts[n].source.stored_bytes()).sum()
            }
        }
    }

    /// The shape of the arrays that the values lie in: chunks, or the whole dataset.
    pub(super) fn array(&self) -> &[u64] {
        match &self.values {
            Values::Contiguous(_) | Values::Virtual(_) => &self.shape,
            Values::Chunks { grid, .. } => grid.chunk(),
        }
    }

    /// Cuts a region into pieces of work.
    pub(super) fn pieces(&self, region: &Region) -> Vec<Piece> {
        let limit = piece_elements(self.element);
        match &self.values {
            Values::Contiguous(address) => {
                let origin = vec![0; self.shape.len()];
                let piece = |region| Piece { address: *address, origin: origin.clone(), region, all: false };
                region.split(limit).map(piece).collect()
            }
            // Each part cuts its own.
            Values::Virtual(_) => Vec::new(),
            Values::Chunks { grid, index, .. } => {
                let touched = grid.touched(region);
                let parts = (0..touched.total()).map(|nth| grid.part(&touched, nth, region));
                let pieces = |Part { number, origin, region, all, .. }: Part| {
                    let address = index.get(number).map(|chunk| chunk.address);
                    let whole = region.elements();
                    region.split(limit).map(move |region| {
                        let all = all && region.elements() == whole;
                        Piece { address, origin: origin.clone(), region, all }
                    })
                };
                parts.flat_map(pieces).collect()
            }
        }
    }

    /// Reads elements of the dataset.
    ///
    /// # Errors
    /// The file system's.
    pub(super) fn read(&self, crew: &Crew, target: Target<'_>) -> Result<()> {
        if let Values::Chunks { grid, index, filters: Some(filters) } = &self.values {
            let touched = grid.touched(target.asked);
            // Two chunks to a thread, unless another would have none.
            let twos = filters.pipeline.gains_by_twos() && touched.total() > crew.size() as u64;
            let at_once = if twos { 2 } else { 1 };
            return crew.each(touched.total().div_ceil(at_once), |hand, nth| {
                look_ahead(&self.file, (nth * at_once, touched.total()), &mut hand.ahead, |nth, each| {
                    let chunk = index.get(grid.part(&touched, nth, target.asked).number);
                    chunk.map_or(Ok(()), |chunk| each((chunk.address, chunk.address.saturating_add(chunk.bytes))))
                });
                let mut one = None;
                for nth in nth * at_once..touched.total().min((nth + 1) * at_once) {
                    let part = grid.part(&touched, nth, target.asked);
                    let Some(chunk) = index.get(part.number) else {
                        self.fill_in(&part.region, &target);
                        continue;
                    };
                    let chunk = Coming { chunk, part };
                    one = match one.take() {
                        None => Some(chunk),
                        Some(first) => {
                            self.read_two(hand, [&first, &chunk], filters, &target)?;
                            None
                        }
                    };
                }
                one.map_or(Ok(()), |chunk| self.read_chunk(hand, &chunk, filters, &target))
            });
        }
        if let Values::Virtual(parts) = &self.values {
            return self.read_parts(crew, parts, &target);
        }
        let pieces = self.pieces(target.asked);
        crew.each(pieces.len() as u64, |hand, nth| {
            look_ahead(&self.file, (nth, pieces.len() as u64), &mut hand.ahead, |nth, each| {
                self.spans_of(&pieces[nth as usize], &target, each)
            });
            self.read_piece(hand, &pieces[nth as usize], &target)
        })
    }

    /// What of the file will be read for a piece.
    fn spans_of(
        &self,
        piece: &Piece,
        target: &Target<'_>,
        each: &mut dyn FnMut(Span) -> std::result::Result<(), Enough>,
    ) -> std::result::Result<(), Enough> {
        let mut spans = Spans::to_read();
        self.runs_of(piece, target, |from, _, bytes| spans.add(from, bytes).map_or(Ok(()), &mut *each))?;
        spans.finish().map_or(Ok(()), each)
    }

    /// Calls `visit` with the offset in the file, the offset in memory and the bytes of each run of a piece. None of a piece
    /// that has no space in the file.
    fn runs_of<E>(
        &self,
        piece: &Piece,
        target: &Target<'_>,
        mut visit: impl FnMut(u64, u64, u64) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let Some(address) = piece.address else { return Ok(()) };
        let (start, there) = (grid::from(&piece.origin, &piece.region), target.start_of(&piece.region));
        let in_file = At { start: &start, shape: self.array() };
        let in_memory = At { start: &there, shape: target.at.shape };
        runs::for_each(&piece.region.count, in_file, in_memory, self.element, |from, to, bytes| {
            visit(address + from, to, bytes)
        })
    }

    /// Part by part, each by all threads. Where there is no part, there are fill values.
    fn read_parts(&self, crew: &Crew, parts: &[Shown], target: &Target<'_>) -> Result<()> {
        let inside = |part: &Shown| part.region.intersect(target.asked);
        let covered: u64 = parts.iter().filter_map(inside).map(|region| region.elements()).sum();
        if covered < target.asked.elements() {
            self.fill_in(target.asked, target);
        }
        for part in parts {
            let Some(region) = inside(part) else { continue };
            let offset = grid::from(&part.region.start, &region);
            let start = offset.iter().zip(&part.start).map(|(at, start)| at + start).collect();
            let asked = Region::new(start, region.count.clone());
            let there = target.start_of(&region);
            let at = At { start: &there, shape: target.at.shape };
            part.source.read(crew, Target { asked: &asked, memory: target.memory, at })?;
        }
        Ok(())
    }

    fn read_piece(&self, hand: &mut Hand, piece: &Piece, target: &Target<'_>) -> Result<()> {
        if piece.address.is_none() {
            self.fill_in(&piece.region, target);
            return Ok(());
        }
        let mut spans = Spans::to_read();
        hand.runs.clear();
        self.runs_of(piece, target, |from, to, bytes| {
            if let Some(span) = spans.add(from, bytes) {
                self.read_span(hand, span, target)?;
            }
            hand.runs.push((from, to, bytes));
            Ok(())
        })?;
        spans.finish().map_or(Ok(()), |span| self.read_span(hand, span, target))
    }

    /// Reads the runs that a thread has at hand, which lie in one span: straight to their place if it is one run.
    fn read_span(&self, hand: &mut Hand, (from, to): (u64, u64), target: &Target<'_>) -> Result<()> {
        let Hand { desk: Desk { raw, .. }, aligned, runs, .. } = hand;
        if let [(_, at, bytes)] = runs[..] {
            // SAFETY: pieces are disjoint, and each is read by one thread.
            let memory = unsafe { target.memory.part(at as usize, bytes as usize) };
            self.file.read(aligned, memory, from)?;
            self.convert(memory);
        } else {
            let span = sized(raw, (to - from) as usize);
            self.file.read(aligned, span, from)?;
            for &(offset, at, bytes) in runs.iter() {
                // SAFETY: as above.
                let memory = unsafe { target.memory.part(at as usize, bytes as usize) };
                memory.copy_from_slice(&span[(offset - from) as usize..][..bytes as usize]);
                self.convert(memory);
            }
        }
        runs.clear();
        Ok(())
    }

    /// Reads a chunk whole, and decodes it.
    fn read_chunk(&self, hand: &mut Hand, coming: &Coming<'_>, filters: &Filters, target: &Target<'_>) -> Result<()> {
        let Hand { desk: Desk { stored, raw, scratch }, aligned, .. } = hand;
        let stored = self.fetch(aligned, stored, coming, filters)?;
        let raw = self.room(raw, coming, filters, target);
        let decoded = filters.pipeline.decode(stored, filters.mask(coming), raw, scratch);
        decoded.map_err(|e| filters.damaged(e, coming, self.file.path()))?;
        self.hand_over(raw, coming, target)
    }

    /// Two chunks: what takes long is done for both at once.
    fn read_two(
        &self,
        hand: &mut Hand,
        [first, second]: [&Coming<'_>; 2],
        filters: &Filters,
        target: &Target<'_>,
    ) -> Result<()> {
        let Hand { desk: a, second: b, aligned, .. } = hand;
        let stored_a = (self.fetch(aligned, &mut a.stored, first, filters)?, filters.mask(first));
        let stored_b = (self.fetch(aligned, &mut b.stored, second, filters)?, filters.mask(second));
        let raw_a = self.room(&mut a.raw, first, filters, target);
        let raw_b = self.room(&mut b.raw, second, filters, target);
        let (raws, scratches) = ([&mut *raw_a, &mut *raw_b], [&mut a.scratch, &mut b.scratch]);
        let [decoded_a, decoded_b] = filters.pipeline.decode_two([stored_a, stored_b], raws, scratches);
        decoded_a.map_err(|e| filters.damaged(e, first, self.file.path()))?;
        decoded_b.map_err(|e| filters.damaged(e, second, self.file.path()))?;
        self.hand_over(raw_a, first, target)?;
        self.hand_over(raw_b, second, target)
    }

    /// Reads a chunk's bytes as they are in the file.
    fn fetch<'b>(
        &self,
        aligned: &mut Option<Buffer>,
        stored: &'b mut Vec<u8>,
        coming: &Coming<'_>,
        filters: &Filters,
    ) -> Result<&'b [u8]> {
        let Coming { chunk, .. } = coming;
        // An index that leads behind the file's end must not take memory for what is not there.
        let Some(bytes) = usize::try_from(chunk.bytes).ok().filter(|_| chunk.bytes <= self.file.bytes()) else {
            let error = FilterError::Corrupt { filter: "index", why: "it is larger than its file".into() };
            return Err(filters.damaged(error, coming, self.file.path()));
        };
        let stored = sized(stored, bytes);
        self.file.read(aligned, stored, chunk.address).map_err(|e| filters.with_place(e, coming))?;
        Ok(stored)
    }

    /// Where a chunk is decoded to: straight to its place, if it is one run there; else the memory given.
    fn room<'b>(
        &self,
        raw: &'b mut Vec<u8>,
        coming: &Coming<'_>,
        filters: &Filters,
        target: &'b Target<'_>,
    ) -> &'b mut [u8] {
        let bytes = filters.pipeline.chunk_bytes();
        match self.place(coming, target) {
            // SAFETY: chunks are disjoint, and each is read by one thread.
            Some(at) => unsafe { target.memory.part(at, bytes) },
            None => sized(raw, bytes),
        }
    }

    /// Where all of a chunk is one run in memory, if it is.
    fn place(&self, Coming { part, .. }: &Coming<'_>, target: &Target<'_>) -> Option<usize> {
        let there = target.start_of(&part.region);
        let in_memory = At { start: &there, shape: target.at.shape };
        runs::one(&part.region.count, in_memory, self.element).filter(|_| part.region.count == self.array())
    }

    /// Takes the values to their place in memory, if they are not there, and to this machine's byte order.
    fn hand_over(&self, raw: &mut [u8], coming: &Coming<'_>, target: &Target<'_>) -> Result<()> {
        if self.place(coming, target).is_some() {
            self.convert(raw);
            return Ok(());
        }
        let Coming { part, .. } = coming;
        let (start, there) = (grid::from(&part.origin, &part.region), target.start_of(&part.region));
        let in_chunk = At { start: &start, shape: self.array() };
        let in_memory = At { start: &there, shape: target.at.shape };
        runs::for_each(&part.region.count, in_chunk, in_memory, self.element, |from, to, bytes| {
            // SAFETY: as in `room`.
            let memory = unsafe { target.memory.part(to as usize, bytes as usize) };
            memory.copy_from_slice(&raw[from as usize..][..bytes as usize]);
            self.convert(memory);
            Ok(())
        })
    }

    /// Elements that have no space in the file.
    fn fill_in(&self, region: &Region, target: &Target<'_>) {
        let there = target.start_of(region);
        let at = At { start: &there, shape: target.at.shape };
        let filled: std::result::Result<(), std::convert::Infallible> =
            runs::for_each(&region.count, at, at, self.element, |at, _, bytes| {
                // SAFETY: pieces are disjoint, and each is filled by one thread.
                runs::fill(unsafe { target.memory.part(at as usize, bytes as usize) }, &self.fill);
                Ok(())
            });
        let Ok(()) = filled;
    }

    /// From the file's byte order to this machine's.
    fn convert(&self, elements: &mut [u8]) {
        match (self.conversion, self.element) {
            (Conversion::None, _) | (_, 1) => {}
            (Conversion::Swap, 2) => swap::<2>(elements),
            (Conversion::Swap, 4) => swap::<4>(elements),
            (Conversion::Swap, size) => elements.chunks_exact_mut(size).for_each(<[u8]>::reverse),
        }
    }
}

/// What is found, or why HDF5 alone can move it.
type Found<T> = std::result::Result<T, Reason>;

/// The parts of a virtual dataset.
fn shown(
    found: &hdf5::Dataset,
    dtype: Dtype,
    path: &Path,
    how: (For, bool),
    depth: usize,
) -> Result<Found<Vec<Shown>>> {
    /// Each is an open file, of which a process may have a thousand or so.
    const MOST_PARTS: usize = 500;
    /// Parts may be virtual themselves, but not for ever.
    const MOST_DEPTH: usize = 3;
    let reason = |why: &str| Ok(Err(Reason(format!("a virtual dataset {why}"))));
    let elsewhere = std::env::var_os("HDF5_VDS_PREFIX").is_some_and(|prefix| !prefix.is_empty());
    let Some(mappings) = virtual_dataset::mappings(found, path)?.filter(|_| !elsewhere) else {
        return reason("that is not put together from boxes beside it");
    };
    if mappings.len() > MOST_PARTS || depth == MOST_DEPTH {
        return reason("of many parts");
    }
    let mut parts: Vec<Shown> = Vec::new();
    let mut open: HashMap<(PathBuf, String), Arc<Source>> = HashMap::new();
    for Mapping { file, dataset, region, source } in mappings {
        let place = (file, dataset);
        if !open.contains_key(&place) {
            let (file, dataset) = &place;
            let there = if file.exists() { h5::open(file, h5::Mode::Read, None)? } else { return Err(missing(file)) };
            let there = h5::dataset::open(&there, dataset, &Default::default(), file)?;
            match Source::at_depth(&there, dtype, file, how, depth + 1)? {
                Err(Reason(why)) => return reason(&format!("of {why}")),
                Ok(source) => open.insert(place.clone(), Arc::new(source)),
            };
        }
        let there = open[&place].clone();
        let source = source.unwrap_or_else(|| Region::whole(&there.shape));
        if source.count != region.count || !source.fits(&there.shape) {
            return reason("whose parts have another shape");
        }
        parts.push(Shown { region, start: source.start, source: there });
    }
    Ok(Ok(parts))
}

impl Filters {
    /// Those of a dataset; `None` if it has none.
    fn of(found: &hdf5::Dataset, dtype: Dtype, path: &Path) -> Result<Found<Option<Box<Filters>>>> {
        let fail = |e: hdf5::Error| failure(&e, "look at the dataset", path);
        let stages = h5::filters::stages(found).map_err(fail)?;
        if stages.is_empty() {
            return Ok(Ok(None));
        }
        let elements: usize = found.chunk().unwrap_or_default().iter().product();
        let pipeline = match Pipeline::of(&stages, elements * dtype.size()) {
            Ok(pipeline) => pipeline,
            Err(why) => return Ok(Err(Reason(why.to_string()))),
        };
        let edges_unfiltered = raw_data::edges_unfiltered(found).map_err(fail)?;
        let dataset = found.name().trim_start_matches('/').to_owned();
        Ok(Ok(Some(Box::new(Filters { pipeline, edges_unfiltered, dataset }))))
    }

    /// The filters that were left out for a chunk.
    fn mask(&self, Coming { chunk, part }: &Coming<'_>) -> u32 {
        if part.ragged && self.edges_unfiltered { u32::MAX } else { chunk.mask }
    }

    /// What is wrong with a chunk, and where it is.
    fn damaged(&self, error: FilterError, Coming { chunk, part }: &Coming<'_>, path: &Path) -> Failure {
        error.at(ChunkPlace { path, dataset: &self.dataset, offset: &part.origin, address: Some(chunk.address) })
    }

    /// A failure to read, with the chunk that could not be read.
    fn with_place(&self, failure: Failure, Coming { chunk, part }: &Coming<'_>) -> Failure {
        let message = format!(
            "dataset '{}', chunk at {:?}, file offset {}: {}",
            self.dataset, part.origin, chunk.address, failure.message
        );
        Failure { message, ..failure }
    }
}

fn swap<const SIZE: usize>(elements: &mut [u8]) {
    for element in elements.as_chunks_mut::<SIZE>().0 {
        element.reverse();
    }
}
