//! Sessions that write chunks through filters.
//!
//! Each thread gathers a chunk, takes it through the filters, and hands it to HDF5, which gives it a place in the file
//! (H5Dwrite_chunk) and lets one thread in at a time: that is all that threads wait for. What is in flight is one chunk a
//! thread: who waits for HDF5 begins no other one.
//!
//! A chunk of which a call has a part only is kept in memory until the rest has come. When these chunks take more than
//! [`MOST_PENDING`], the one that was longest without news goes to the file as it is. If more of it comes later, it is read
//! back. So the order in which regions come makes no difference to what is in the file in the end.
//!
//! Ranks that are threads of one process write to one session's file: see [`ChunkWriter::shared`].

use super::crew::{Crew, Desk, Hand, sized};
use super::grid::{self, Grid, Part};
use super::runs::{self, At};
use crate::engine::hdf5_file::{Hdf5File, Place};
use crate::engine::{Closed, Session};
use crate::filter::{ChunkPlace, FilterError, Pipeline};
use crate::h5::{self, chunk_io, failure, settings::Settings};
use h5lab_core::dataset::Dataset;
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::layout::Layout;
use h5lab_core::record::Actual;
use h5lab_core::region::Region;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

/// Bytes of chunks that wait for their rest.
const MOST_PENDING: usize = 256 << 20;

/// Locks for chunks: more than threads by far.
const STRIPES: u64 = 1024;

/// A dataset with filters that is being written.
pub(super) struct ChunkWriter {
    /// `None` once it is closed.
    file: Mutex<Option<Box<Hdf5File>>>,
    dataset: hdf5_metno::Dataset,
    pipeline: Pipeline,
    grid: Grid,
    element: usize,
    name: String,
    path: PathBuf,
    /// Whoever works at a chunk holds the lock of its number.
    stripes: Vec<Mutex<()>>,
    pending: Mutex<Pending>,
    /// Bytes that the chunks in the file take, by number.
    written: Mutex<HashMap<u64, usize>>,
}

/// Chunks that wait for their rest.
#[derive(Default)]
struct Pending {
    chunks: HashMap<u64, Incomplete>,
    bytes: usize,
    /// Counts what came.
    clock: u64,
}

/// A chunk as it is in memory, with zeros where nothing has come yet.
struct Incomplete {
    raw: Vec<u8>,
    /// Elements that have come; an element that comes twice counts twice.
    came: u64,
    /// When the last ones came.
    last: u64,
}

/// Writers that ranks of this process share, by the file's name.
static OPEN: Mutex<Vec<(PathBuf, Weak<ChunkWriter>)>> = Mutex::new(Vec::new());

impl ChunkWriter {
    /// Makes the file and the dataset.
    ///
    /// # Errors
    /// HDF5's.
    pub(super) fn create(place: &Place<'_>, dataset: &Dataset, layout: &Layout) -> Result<Arc<ChunkWriter>> {
        let Layout::Chunked { chunk, .. } = layout else {
            return Err(Failure::new(FailureKind::Internal, "a dataset without chunks has no filters").at(place.path));
        };
        let file = Box::new(place.create(dataset, layout)?);
        let made = file.dataset().clone();
        let grid = Grid::new(&dataset.shape.0, chunk);
        let bytes = grid.chunk_elements() as usize * dataset.dtype.size();
        let stages = h5::filters::stages(&made).map_err(|e| failure(&e, "look at the dataset", place.path))?;
        let unknown = |why: FilterError| Failure::new(FailureKind::Usage, why.to_string()).at(place.path);
        let writer = Arc::new(ChunkWriter {
            pipeline: Pipeline::of(&stages, bytes).map_err(unknown)?,
            dataset: made,
            file: Mutex::new(Some(file)),
            grid,
            element: dataset.dtype.size(),
            name: dataset.name.clone(),
            path: place.path.to_owned(),
            stripes: (0..STRIPES).map(|_| Mutex::new(())).collect(),
            pending: Mutex::default(),
            written: Mutex::default(),
        });
        let mut open = lock(&OPEN);
        open.retain(|(_, writer)| writer.strong_count() > 0);
        open.push((place.path.to_owned(), Arc::downgrade(&writer)));
        Ok(writer)
    }

    /// The writer that another rank of this process has made.
    ///
    /// # Errors
    /// `Internal` if there is none.
    pub(super) fn shared(path: &Path) -> Result<Arc<ChunkWriter>> {
        let open = lock(&OPEN);
        let found = open.iter().rev().filter(|(name, _)| name == path).find_map(|(_, writer)| writer.upgrade());
        found.ok_or_else(|| Failure::new(FailureKind::Internal, "no rank of this process has made it").at(path))
    }

    /// The settings in force.
    ///
    /// # Errors
    /// HDF5's.
    pub(super) fn in_force(&self) -> Result<Settings> {
        self.with_file(|file| file.in_force())
    }

    fn place<'a>(&'a self, offset: &'a [u64]) -> ChunkPlace<'a> {
        ChunkPlace { path: &self.path, dataset: &self.name, offset, address: None }
    }

    fn chunk_bytes(&self) -> usize {
        self.grid.chunk_elements() as usize * self.element
    }

    fn hold(&self, number: u64) -> MutexGuard<'_, ()> {
        lock(&self.stripes[(number % STRIPES) as usize])
    }

    /// Writes what a region has of one chunk.
    fn write(&self, hand: &mut Hand, part: &Part, region: &Region, data: &[u8]) -> Result<()> {
        let there = grid::from(&region.start, &part.region);
        let in_data = At { start: &there, shape: &region.count };
        let held = self.hold(part.number);
        if part.all {
            // What was there is of no use any more.
            drop(self.take_pending(part.number));
            self.write_whole(hand, part, data, in_data)
        } else {
            let complete = self.merge(hand, part, data, in_data)?;
            if let Some(raw) = complete {
                self.encode(hand, part.number, &raw)?;
            }
            drop(held);
            self.make_room(hand)
        }
    }

    /// All of a chunk: without a copy, if it lies in the caller's array as it does in the file.
    fn write_whole(&self, hand: &mut Hand, part: &Part, data: &[u8], in_data: At<'_>) -> Result<()> {
        let (start, bytes) = (grid::from(&part.origin, &part.region), self.chunk_bytes());
        let in_chunk = At { start: &start, shape: self.grid.chunk() };
        if let Some(at) = runs::one(&part.region.count, in_data, self.element).filter(|_| !part.ragged) {
            return self.encode(hand, part.number, &data[at..at + bytes]);
        }
        // Taken out of the hand, which the filters need.
        let mut raw = std::mem::take(&mut hand.desk.raw);
        let chunk = sized(&mut raw, bytes);
        if part.ragged {
            chunk.fill(0);
        }
        runs::copy(&part.region.count, (data, in_data), (chunk, in_chunk), self.element);
        let encoded = self.encode(hand, part.number, chunk);
        hand.desk.raw = raw;
        encoded
    }

    /// Puts a part to what has come of its chunk; returns the chunk when nothing is missing any more.
    fn merge(&self, hand: &mut Hand, part: &Part, data: &[u8], in_data: At<'_>) -> Result<Option<Vec<u8>>> {
        let mut chunk = match self.take_pending(part.number) {
            Some(chunk) => chunk,
            None => Incomplete { raw: self.read_back(hand, part.number)?, came: 0, last: 0 },
        };
        let start = grid::from(&part.origin, &part.region);
        let in_chunk = At { start: &start, shape: self.grid.chunk() };
        runs::copy(&part.region.count, (data, in_data), (&mut chunk.raw, in_chunk), self.element);
        chunk.came += part.region.elements();
        if chunk.came >= self.grid.valid(&part.origin).iter().product() {
            return Ok(Some(chunk.raw));
        }
        let mut pending = lock(&self.pending);
        pending.clock += 1;
        chunk.last = pending.clock;
        pending.bytes += chunk.raw.len();
        pending.chunks.insert(part.number, chunk);
        Ok(None)
    }

    fn take_pending(&self, number: u64) -> Option<Incomplete> {
        let mut pending = lock(&self.pending);
        let taken = pending.chunks.remove(&number)?;
        pending.bytes -= taken.raw.len();
        Some(taken)
    }

    /// A chunk as the file has it; zeros if it has none.
    fn read_back(&self, hand: &mut Hand, number: u64) -> Result<Vec<u8>> {
        let mut raw = vec![0; self.chunk_bytes()];
        let Some(bytes) = lock(&self.written).get(&number).copied() else { return Ok(raw) };
        let Desk { stored, scratch, .. } = &mut hand.desk;
        let (stored, origin) = (sized(stored, bytes), self.grid.origin(number));
        let mask =
            chunk_io::read(&self.dataset, &origin, stored).map_err(|e| failure(&e, "read a chunk back", &self.path))?;
        self.pipeline.decode(stored, mask, &mut raw, scratch).map_err(|e| e.at(self.place(&origin)))?;
        Ok(raw)
    }

    /// Takes a chunk through the filters and to the file. Its lock is held.
    fn encode(&self, hand: &mut Hand, number: u64, raw: &[u8]) -> Result<()> {
        let origin = self.grid.origin(number);
        let stored = self.pipeline.encode(raw, &mut hand.desk.scratch).map_err(|e| e.at(self.place(&origin)))?;
        chunk_io::write(&self.dataset, &origin, stored.mask, stored.bytes)
            .map_err(|e| failure(&e, "transfer", &self.path))?;
        lock(&self.written).insert(number, stored.bytes.len());
        Ok(())
    }

    /// Sends chunks to the file that were long without news, until what waits is within its limit. No lock is held.
    fn make_room(&self, hand: &mut Hand) -> Result<()> {
        let oldest = || {
            let pending = lock(&self.pending);
            let over = pending.bytes > MOST_PENDING;
            over.then(|| pending.chunks.iter().min_by_key(|(_, chunk)| chunk.last).map(|(&number, _)| number)).flatten()
        };
        while let Some(number) = oldest() {
            self.send(hand, number)?;
        }
        Ok(())
    }

    /// Sends a chunk that waits to the file, unless somebody else has done so.
    fn send(&self, hand: &mut Hand, number: u64) -> Result<()> {
        let _held = self.hold(number);
        match self.take_pending(number) {
            Some(chunk) => self.encode(hand, number, &chunk.raw),
            None => Ok(()),
        }
    }

    /// Sends all chunks that wait.
    fn flush(&self, crew: &Crew) -> Result<()> {
        let mut waiting: Vec<u64> = lock(&self.pending).chunks.keys().copied().collect();
        waiting.sort_unstable();
        crew.each(waiting.len() as u64, |hand, nth| self.send(hand, waiting[nth as usize]))
    }

    /// The open file, or what it means that there is none.
    fn with_file<T>(&self, work: impl FnOnce(&mut Hdf5File) -> Result<T>) -> Result<T> {
        let mut file = lock(&self.file);
        let open = file.as_deref_mut();
        work(open.ok_or_else(|| Failure::new(FailureKind::Internal, "the file is closed already").at(&self.path))?)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

/// A rank's session.
pub(super) struct Filtered {
    pub(super) writer: Arc<ChunkWriter>,
    pub(super) crew: Arc<Crew>,
    pub(super) in_force: Settings,
}

impl Session for Filtered {
    fn write(&mut self, region: &Region, data: &[u8]) -> Result<()> {
        let (writer, touched) = (&self.writer, self.writer.grid.touched(region));
        self.crew.each(touched.total(), |hand, nth| {
            writer.write(hand, &writer.grid.part(&touched, nth, region), region, data)
        })
    }

    fn read(&mut self, region: &Region, data: &mut [u8]) -> Result<()> {
        self.writer.flush(&self.crew)?;
        if region.is_empty() { Ok(()) } else { self.writer.with_file(|file| file.read(region, data)) }
    }

    fn helpers(&self) -> &[i32] {
        self.crew.identifiers()
    }

    fn in_force(&mut self) -> Result<Settings> {
        Ok(self.in_force.clone())
    }

    fn sync(&mut self) -> Result<()> {
        self.writer.flush(&self.crew)?;
        self.writer.with_file(|file| file.sync())
    }

    /// The last rank of a process closes the file.
    fn close(self: Box<Self>) -> Result<Closed> {
        let Filtered { writer, crew, .. } = *self;
        writer.flush(&crew)?;
        let actual = Actual { driver: super::DRIVER.into(), ..Actual::default() };
        let stored_bytes = Some(writer.dataset.storage_size()).filter(|&bytes| bytes > 0);
        let last = Arc::into_inner(writer).map(|writer| writer.file.into_inner().unwrap_or_else(|e| e.into_inner()));
        match last.flatten() {
            Some(file) => Ok(Closed { actual, ..file.close()? }),
            None => Ok(Closed { actual, stored_bytes }),
        }
    }
}
