//! What HDF5 must read from the file to give an experiment its data, computed without touching a file.

use crate::chunk_cache::{CacheSize, CacheStats, ChunkCache, version_number};
use crate::experiment::{Direction, Experiment};
use crate::layout::Layout;
use crate::method::Method;
use crate::mpi_sieve::{self, Pieces};
use crate::plan::Plan;
use crate::record::Record;
use crate::region::{Region, strides};
use crate::sieve::{DEFAULT_SIEVE_BYTES, Reads, Sieve};
use crate::spans::{Spans, piece_elements};
use crate::tunables::MpiIo;
use std::collections::HashSet;

/// What decides, besides the experiment, which bytes HDF5 reads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conditions {
    /// The chunk cache in force.
    pub cache: CacheSize,
    /// What does MPI-IO, if the file is read through the MPI-IO driver.
    pub mpi_io: Option<MpiIo>,
    /// Whether the ranks share one open dataset, and so its cache: threads do, MPI ranks do not.
    pub shared: bool,
    /// Whether the method `direct` reads the values itself; HDF5 reads what it can't find or convert.
    pub own_reads: bool,
    /// Whether chunks too large for the cache are read through the sieve buffer (HDF5 2.1 and later).
    pub sieves_chunks: bool,
    /// Steps (chunks or runs read) to simulate at most; what is beyond is taken to go on in the same way.
    pub most_steps: u64,
}

/// Steps that take some tenths of a second.
const MOST_STEPS: u64 = 1_000_000;

impl Conditions {
    /// Those that an experiment is going to meet: with this version of HDF5, and ranks that have MPI or have not.
    pub fn expected(experiment: &Experiment, hdf5: &str, ranks_have_mpi: bool) -> Self {
        let default = CacheSize::of_hdf5(hdf5);
        let tunables = &experiment.tunables;
        let mpi = ranks_have_mpi && matches!(experiment.method, Method::Independent | Method::Collective);
        let cache = CacheSize {
            bytes: tunables.chunk_cache_bytes.unwrap_or(default.bytes),
            slots: tunables.chunk_cache_slots.unwrap_or(default.slots),
            ..default
        };
        Conditions {
            cache,
            mpi_io: mpi.then(|| tunables.mpi_io.unwrap_or(MpiIo::Ompio)),
            shared: !ranks_have_mpi || experiment.method == Method::Gather,
            own_reads: experiment.method == Method::Direct,
            sieves_chunks: version_number(hdf5).is_some_and(|version| version >= (2, 1)),
            most_steps: MOST_STEPS,
        }
    }

    /// Those that a record says were in force.
    pub fn met(record: &Record) -> Self {
        let (actual, host) = (&record.actual, &record.host);
        let expected = Self::expected(&record.experiment, &host.hdf5.version, host.mpi.library.is_some());
        let told = |name: &str| actual.in_force.get(name).and_then(|value| value.parse().ok());
        let cache = CacheSize {
            bytes: told("chunk-cache-bytes").unwrap_or(expected.cache.bytes),
            slots: told("chunk-cache-slots").unwrap_or(expected.cache.slots),
            ..expected.cache
        };
        let mpi_io = match actual.in_force.get("mpi-io").map(String::as_str) {
            Some("romio") => MpiIo::Romio,
            Some("ompio") => MpiIo::Ompio,
            _ => record.experiment.tunables.mpi_io.unwrap_or(MpiIo::Ompio),
        };
        let own_reads = expected.own_reads && !actual.in_force.get("moved-by").is_some_and(|by| by.starts_with("HDF5"));
        Conditions { cache, mpi_io: (actual.driver == "mpio").then_some(mpi_io), own_reads, ..expected }
    }
}

/// What must be read for an experiment, or for one rank of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Prediction {
    /// Logical bytes asked for.
    pub bytes_asked: u64,
    /// Logical bytes of data that must be read from the file; what chunks with filters have before they are compressed.
    pub bytes_to_read: u64,
    /// Read calls for data.
    pub reads: u64,
    /// Whole chunks that must be read, and decoded if they have filters.
    pub chunk_reads: u64,
    /// How often a chunk was touched by a step.
    pub chunk_touches: u64,
    /// How many different chunks were touched.
    pub chunks: u64,
    /// What the chunk cache did.
    pub cache: CacheStats,
    /// Most bytes of the chunk index that are read besides the data, each node once.
    pub index_bytes: u64,
    /// Whether only the first steps were simulated, and the rest extrapolated.
    pub extrapolated: bool,
}

impl Prediction {
    /// Bytes that must be read over bytes asked for.
    pub fn amplification(&self) -> f64 {
        if self.bytes_asked == 0 { 1.0 } else { self.bytes_to_read as f64 / self.bytes_asked as f64 }
    }
}

/// What one rank of an experiment must read, if it has a cache of its own. `None` for writes, and for the methods
/// `subfiling` and `null`.
pub fn predict(experiment: &Experiment, rank: usize, conditions: &Conditions) -> Option<Prediction> {
    predict_ranks(experiment, &[rank], conditions)
}

/// What one rank must read for these requests, one after the other, whatever the experiment's access is.
pub fn predict_requests(experiment: &Experiment, requests: &[Region], conditions: &Conditions) -> Prediction {
    let mut reader = Reader::new(experiment, conditions);
    requests.iter().filter(|request| !request.is_empty()).for_each(|request| reader.read(request));
    let asked = reader.so_far.bytes_asked;
    reader.finish(asked, true)
}

/// What all ranks must read together. Ranks that share a cache take turns, step by step.
pub fn predict_all(experiment: &Experiment, conditions: &Conditions) -> Option<Prediction> {
    let ranks: Vec<usize> = (0..experiment.np).collect();
    if conditions.shared || together(experiment, conditions).is_some() {
        return predict_ranks(experiment, &ranks, conditions);
    }
    let budget = Conditions { most_steps: conditions.most_steps / experiment.np.max(1) as u64, ..*conditions };
    ranks.iter().map(|&rank| predict(experiment, rank, &budget)).reduce(|a, b| Some(a?.plus(&b?)))?
}

/// Logical bytes of all chunks of the files that hold the dataset, each of them whole; 0 without chunks.
pub fn bytes_of_all_chunks(experiment: &Experiment) -> u64 {
    let size = experiment.dataset.dtype.size() as u64;
    stores(experiment)
        .iter()
        .filter_map(|store| Some(store.grid()?.iter().product::<u64>() * store.chunk_bytes(size)))
        .sum()
}

fn predict_ranks(experiment: &Experiment, ranks: &[usize], conditions: &Conditions) -> Option<Prediction> {
    // What the threads of the subfiling driver read is not known.
    if experiment.direction == Direction::Write || matches!(experiment.method, Method::Null | Method::Subfiling) {
        return None;
    }
    // Past the page cache whole blocks are read, and where they begin is not known.
    if experiment.tunables.direct_io == Some(true) {
        return None;
    }
    let plan = Plan::new(experiment);
    let nothing = || Region::empty(experiment.dataset.shape.0.len());
    let mut reader = Reader::new(experiment, conditions);
    let mut steps: Vec<_> = ranks.iter().map(|&rank| plan.steps(rank)).collect();
    let mut done = false;
    while !done && reader.steps < conditions.most_steps {
        let round: Vec<Region> = steps.iter_mut().map(|s| s.next().unwrap_or_else(nothing)).collect();
        done = round.iter().all(Region::is_empty);
        match together(experiment, conditions) {
            Some(by) => reader.read_together(&round, by),
            None => round.iter().filter(|step| !step.is_empty()).for_each(|step| reader.read(step)),
        }
    }
    let asked = ranks.iter().map(|&rank| plan.demand(rank).bytes_asked).sum();
    Some(reader.finish(asked, done))
}

/// What does MPI-IO, if HDF5 leaves it all pieces of a call of all ranks. Filtered chunks it reads itself.
fn together(experiment: &Experiment, conditions: &Conditions) -> Option<MpiIo> {
    let pieces = experiment.method == Method::Collective && experiment.layout.filters().is_empty();
    conditions.mpi_io.filter(|_| pieces)
}

/// A dataset in a file, which holds all of the experiment's dataset or a part of it.
struct Store {
    part: Region,
    chunk: Option<Vec<u64>>,
}

/// Where the data lies: in one dataset; with `per-process`, in one for each rank that wrote a part. So it is with `direct`
/// where several ranks wrote chunks with filters: that makes no difference to what is read of them.
fn stores(experiment: &Experiment) -> Vec<Store> {
    let chunk = chunk_of(&experiment.layout).filter(|_| experiment.method.is_hdf5());
    let whole = Region::whole(&experiment.dataset.shape.0);
    if experiment.method != Method::PerProcess {
        return vec![Store { part: whole, chunk: chunk.map(<[u64]>::to_vec) }];
    }
    let parts = (0..experiment.np).map(|rank| experiment.split.part(&whole, rank, experiment.np));
    // Chunks are no larger than the part.
    let clipped = |part: &Region| chunk.map(|chunk| chunk.iter().zip(&part.count).map(|(c, n)| *c.min(n)).collect());
    parts.filter(|part| !part.is_empty()).map(|part| Store { chunk: clipped(&part), part }).collect()
}

impl Store {
    /// Chunks along each axis.
    fn grid(&self) -> Option<Vec<u64>> {
        let chunk = self.chunk.as_ref()?;
        Some(self.part.count.iter().zip(chunk).map(|(n, c)| n.div_ceil(*c)).collect())
    }

    fn chunk_bytes(&self, size: u64) -> u64 {
        self.chunk.as_ref().map_or(0, |chunk| chunk.iter().product::<u64>() * size)
    }

    /// The part of a region that lies here, counted from this dataset's own origin.
    fn local(&self, region: &Region) -> Option<Region> {
        let inside = self.part.intersect(region)?;
        let start = inside.start.iter().zip(&self.part.start).map(|(a, b)| a - b).collect();
        Some(Region::new(start, inside.count))
    }
}

/// How the bytes of a step are got.
enum Way {
    /// As they were asked for: the driver reads nothing else.
    AsAsked,
    /// Contiguous data, run by run, through the sieve buffer if there is one.
    Sieved(Sieve),
    /// Chunks through the cache.
    Cached(ChunkCache),
    /// Whole chunks, anew in every step.
    Whole,
    /// The selected runs of each chunk.
    Runs(Sieve),
    /// Runs that lie close together in one call: as the method `direct` reads what has no filters.
    Spans,
}

/// Walks through an experiment's steps as HDF5 does.
struct Reader {
    stores: Vec<StoreReader>,
    index_bytes: u64,
    steps: u64,
    so_far: Prediction,
    /// Bytes of an element.
    size: u64,
}

/// One of the datasets, being read.
struct StoreReader {
    store: Store,
    way: Way,
    seen: HashSet<Vec<u64>>,
}

impl Reader {
    fn new(experiment: &Experiment, conditions: &Conditions) -> Self {
        let size = experiment.dataset.dtype.size() as u64;
        let stores = stores(experiment);
        // In a collective call each rank looks into the index.
        let readers = together(experiment, conditions).map_or(1, |_| experiment.np as u64);
        let index_bytes = stores.iter().map(index_bytes).sum::<u64>() * readers;
        let read = |store: Store| StoreReader { way: way(experiment, &store, conditions), store, seen: HashSet::new() };
        let stores = stores.into_iter().map(read).collect();
        Reader { stores, index_bytes, steps: 0, so_far: Prediction::default(), size }
    }

    fn read(&mut self, step: &Region) {
        self.so_far.bytes_asked += step.elements() * self.size;
        for store in &mut self.stores {
            if let Some(local) = store.store.local(step) {
                self.steps += store.read(&local, &step.count, self.size, &mut self.so_far);
            }
        }
    }

    /// One collective call of all ranks.
    fn read_together(&mut self, round: &[Region], by: MpiIo) {
        let (store, gathered) = (&mut self.stores[0], mpi_sieve::gathers(by, round.len()));
        let pieces: Vec<Pieces> =
            round.iter().map(|step| store.pieces(step, gathered, self.size, &mut self.so_far)).collect();
        self.so_far.bytes_asked += round.iter().map(Region::elements).sum::<u64>() * self.size;
        self.so_far.add(mpi_sieve::reads(by, &pieces));
        self.steps += pieces.iter().map(Pieces::count).sum::<u64>() + 1;
    }

    /// The whole account, when all or the first of `asked` bytes were simulated.
    fn finish(mut self, asked: u64, all: bool) -> Prediction {
        for store in &self.stores {
            if let Way::Cached(cache) = &store.way {
                self.so_far.cache = self.so_far.cache.plus(&cache.stats());
            }
            self.so_far.chunks += store.seen.len() as u64;
        }
        self.so_far.index_bytes = self.index_bytes;
        self.so_far.extrapolated = !all && asked > self.so_far.bytes_asked;
        if self.so_far.extrapolated {
            let factor = asked as f64 / self.so_far.bytes_asked.max(1) as f64;
            let there: u64 =
                self.stores.iter().filter_map(|s| s.store.grid()).map(|grid| grid.iter().product::<u64>()).sum();
            self.so_far = self.so_far.times(factor);
            (self.so_far.bytes_asked, self.so_far.chunks) = (asked, self.so_far.chunks.min(there));
        }
        self.so_far
    }
}

impl StoreReader {
    /// Reads a region of this dataset into memory of the shape `memory`; returns the steps that it took.
    fn read(&mut self, region: &Region, memory: &[u64], size: u64, account: &mut Prediction) -> u64 {
        let mut steps = 0;
        match (&mut self.way, &self.store.chunk) {
            (Way::AsAsked, _) => {
                account.add(Reads { calls: 1, bytes: region.elements() * size });
                steps += 1;
            }
            (Way::Sieved(sieve), _) => {
                for (first, count) in region.runs(&self.store.part.count) {
                    account.add(sieve.read(first * size, count * size));
                    steps += 1;
                }
            }
            (Way::Spans, None) => {
                for piece in region.split(piece_elements(size as usize)) {
                    steps += read_spans(size, account, |visit| {
                        piece.runs(&self.store.part.count).for_each(|(first, count)| visit(first, count));
                    });
                }
            }
            (way, Some(chunk)) => for_each_chunk(region, chunk, |at| {
                if !self.seen.contains(at) {
                    self.seen.insert(at.to_vec());
                }
                steps += read_chunk(way, at, chunk, (region, memory), size, account);
            }),
            (_, None) => unreachable!("only chunks are read as chunks"),
        }
        steps
    }
}

impl StoreReader {
    /// Where a region's pieces lie: what is contiguous in the file, and in memory as well unless others gather it.
    fn pieces(&mut self, region: &Region, gathered: bool, size: u64, account: &mut Prediction) -> Pieces {
        let mut pieces = Pieces::default();
        let Some((chunk, grid)) = self.store.chunk.as_ref().zip(self.store.grid()) else {
            region.runs(&self.store.part.count).for_each(|(first, count)| pieces.add(first * size, count * size));
            return pieces;
        };
        let (bytes, memory) = (self.store.chunk_bytes(size), if gathered { chunk } else { &region.count });
        for_each_chunk(region, chunk, |at| {
            // Parallel HDF5 allocates all chunks at once, one after the other.
            let index: u64 = at.iter().zip(strides(&grid)).map(|(i, k)| i * k).sum();
            account.chunk_touches += 1;
            self.seen.insert(at.to_vec());
            for_each_piece(at, chunk, (region, memory), |first, count| {
                pieces.add(index * bytes + first * size, count * size);
            });
        });
        pieces
    }
}

/// Reads what a region has of one chunk; returns the steps that it took.
fn read_chunk(
    way: &mut Way,
    at: &[u64],
    chunk: &[u64],
    (region, memory): (&Region, &[u64]),
    size: u64,
    account: &mut Prediction,
) -> u64 {
    account.chunk_touches += 1;
    let mut steps = 1;
    let whole = match way {
        Way::Cached(cache) => !cache.read(at, part_of(at, chunk, region).elements() * size),
        Way::Whole => true,
        Way::Runs(sieve) => {
            sieve.clear();
            steps += for_each_piece(at, chunk, (region, memory), |first, count| {
                account.add(sieve.read(first * size, count * size));
            });
            false
        }
        Way::Spans => {
            for piece in part_of(at, chunk, region).split(piece_elements(size as usize)) {
                steps += read_spans(size, account, |visit| {
                    for_each_piece(at, chunk, (&piece, memory), visit);
                });
            }
            false
        }
        Way::AsAsked | Way::Sieved(_) => false,
    };
    if whole {
        account.chunk_reads += 1;
        account.add(Reads { calls: 1, bytes: chunk.iter().product::<u64>() * size });
    }
    steps
}

/// Reads runs, which `each` visits with first element and count, in spans; returns the steps that it took.
fn read_spans(size: u64, account: &mut Prediction, each: impl FnOnce(&mut dyn FnMut(u64, u64))) -> u64 {
    let (mut spans, mut steps) = (Spans::to_read(), 0);
    let mut read = |span: Option<(u64, u64)>| {
        if let Some((from, to)) = span {
            account.add(Reads { calls: 1, bytes: to - from });
        }
    };
    each(&mut |first, count| {
        steps += 1;
        read(spans.add(first * size, count * size));
    });
    read(spans.finish());
    steps
}

/// The part of a region that lies in the chunk at these coordinates.
fn part_of(at: &[u64], chunk: &[u64], region: &Region) -> Region {
    let origin: Vec<u64> = at.iter().zip(chunk).map(|(i, c)| i * c).collect();
    Region::new(origin, chunk.to_vec()).intersect(region).expect("a chunk that is touched")
}

/// Calls `visit` with first element and count of what is contiguous in the chunk as well as in memory; returns how often.
fn for_each_piece(
    at: &[u64],
    chunk: &[u64],
    (region, memory): (&Region, &[u64]),
    mut visit: impl FnMut(u64, u64),
) -> u64 {
    let part = part_of(at, chunk, region);
    let start = part.start.iter().zip(at.iter().zip(chunk)).map(|(a, (i, c))| a - i * c).collect();
    let in_chunk = Region::new(start, part.count.clone());
    let (piece, mut pieces) = (piece(&part, memory, chunk), 0);
    for (first, count) in in_chunk.runs(chunk) {
        for at in (first..first + count).step_by(piece as usize) {
            visit(at, piece);
            pieces += 1;
        }
    }
    pieces
}

impl Prediction {
    fn add(&mut self, reads: Reads) {
        self.reads += reads.calls;
        self.bytes_to_read += reads.bytes;
    }

    /// This one and another rank's.
    fn plus(&self, other: &Prediction) -> Prediction {
        Prediction {
            bytes_asked: self.bytes_asked + other.bytes_asked,
            bytes_to_read: self.bytes_to_read + other.bytes_to_read,
            reads: self.reads + other.reads,
            chunk_reads: self.chunk_reads + other.chunk_reads,
            chunk_touches: self.chunk_touches + other.chunk_touches,
            chunks: self.chunks + other.chunks,
            cache: self.cache.plus(&other.cache),
            index_bytes: self.index_bytes + other.index_bytes,
            extrapolated: self.extrapolated || other.extrapolated,
        }
    }

    fn times(&self, factor: f64) -> Prediction {
        let times = |count: u64| (count as f64 * factor).round() as u64;
        Prediction {
            bytes_asked: times(self.bytes_asked),
            bytes_to_read: times(self.bytes_to_read),
            reads: times(self.reads),
            chunk_reads: times(self.chunk_reads),
            chunk_touches: times(self.chunk_touches),
            chunks: times(self.chunks),
            cache: CacheStats {
                hits: times(self.cache.hits),
                misses: times(self.cache.misses),
                collisions: times(self.cache.collisions),
                preemptions: times(self.cache.preemptions),
            },
            ..*self
        }
    }
}

/// How HDF5 reads this experiment's bytes from one dataset.
///
/// The method `direct` reads chunks with filters whole, and keeps none. Of all else it reads what is asked for.
///
/// HDF5 must have chunks with filters whole. Chunks without go through the cache if they fit it; else only what is selected
/// is read. Collective transfers pass the cache by, and leave it to MPI-IO what is read between the pieces. A contiguous dataset has a sieve buffer if its driver allows one.
fn way(experiment: &Experiment, store: &Store, conditions: &Conditions) -> Way {
    let size = experiment.dataset.dtype.size() as u64;
    let collective = experiment.method == Method::Collective;
    let filtered = !experiment.layout.filters().is_empty();
    if conditions.own_reads {
        return if filtered { Way::Whole } else { Way::Spans };
    }
    let sieve_bytes = if conditions.mpi_io.is_some() { 0 } else { DEFAULT_SIEVE_BYTES };
    match store.grid() {
        _ if !experiment.method.is_hdf5() => Way::Sieved(Sieve::new(0, store.part.elements() * size)),
        None if conditions.mpi_io.is_some() => Way::AsAsked,
        None => Way::Sieved(Sieve::new(sieve_bytes, store.part.elements() * size)),
        Some(_) if filtered && collective => Way::Whole,
        Some(grid) if filtered || (conditions.cache.holds(store.chunk_bytes(size)) && !collective) => {
            Way::Cached(ChunkCache::new(conditions.cache, &grid, store.chunk_bytes(size)))
        }
        Some(_) => {
            Way::Runs(Sieve::new(if conditions.sieves_chunks { sieve_bytes } else { 0 }, store.chunk_bytes(size)))
        }
    }
}

fn chunk_of(layout: &Layout) -> Option<&[u64]> {
    match layout {
        Layout::Contiguous => None,
        Layout::Chunked { chunk, .. } => Some(chunk),
    }
}

/// Most entries of a node of the chunk index are 64, fewest 32 (but for the root): HDF5's default, H5Pset_istore_k.
const FEWEST_ENTRIES: u64 = 32;

/// Most bytes of a chunk index: a version 1 B-tree, HDF5's index unless a file asks for newer formats (HDF5 File Format
/// Specification, III.A.1). A node has 24 bytes, 65 keys and 64 addresses of 8 bytes; a key has 8 bytes, and 8 for each
/// axis and the element.
pub fn index_bytes_of(chunks: u64, axes: usize) -> u64 {
    if chunks == 0 {
        return 0;
    }
    let mut nodes = 0;
    let mut level = chunks;
    while level > 1 || nodes == 0 {
        level = level.div_ceil(FEWEST_ENTRIES);
        nodes += level;
    }
    nodes * index_node_bytes(axes)
}

/// Bytes of a node of the index.
pub fn index_node_bytes(axes: usize) -> u64 {
    24 + 65 * (8 + 8 * (axes as u64 + 1)) + 64 * 8
}

fn index_bytes(store: &Store) -> u64 {
    store.grid().map_or(0, |grid| index_bytes_of(grid.iter().product(), grid.len()))
}

/// Elements that are contiguous in the chunk and in memory: what one read of a part of a chunk gets. All axes but the
/// first of them are whole in both.
fn piece(part: &Region, memory: &[u64], chunk: &[u64]) -> u64 {
    let mut piece = 1;
    for axis in (0..part.axes()).rev() {
        piece *= part.count[axis];
        if part.count[axis] != memory[axis] || part.count[axis] != chunk[axis] {
            break;
        }
    }
    piece
}

/// Calls `visit` with the coordinates of each chunk that holds elements of `region`, in C order: HDF5's order.
fn for_each_chunk(region: &Region, chunk: &[u64], mut visit: impl FnMut(&[u64])) {
    if region.is_empty() {
        return;
    }
    let first: Vec<u64> = region.start.iter().zip(chunk).map(|(s, c)| s / c).collect();
    let last: Vec<u64> = (0..chunk.len()).map(|d| (region.start[d] + region.count[d] - 1) / chunk[d]).collect();
    let mut at = first.clone();
    loop {
        visit(&at);
        let Some(axis) = (0..at.len()).rev().find(|&d| at[d] < last[d]) else { return };
        at[axis] += 1;
        at[axis + 1..].copy_from_slice(&first[axis + 1..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Dataset, Dtype, Shape};
    use crate::experiment::CacheWanted;
    use crate::filter::Filter;
    use crate::split::Split;
    use proptest::prelude::*;

    fn read(layout: &str, access: &str, np: usize) -> Experiment {
        Experiment {
            direction: Direction::Read,
            dataset: Dataset {
                name: "d".into(),
                shape: Shape(vec![24, 64, 80]),
                dtype: Dtype::U16,
                data: None,
                from: None,
            },
            layout: layout_of(layout),
            access: access.parse().unwrap(),
            split: Split::Axis(0),
            method: Method::Independent,
            np,
            cache: CacheWanted::AsFound,
            fsync: false,
            repeat: 1,
            buffer: 1 << 20,
            tunables: Default::default(),
        }
    }

    fn layout_of(text: &str) -> Layout {
        let (chunk, filters) = match text.split_once(' ') {
            Some((chunk, _)) => (chunk, vec![Filter::Gzip(4)]),
            None => (text, vec![]),
        };
        match chunk {
            "contiguous" => Layout::Contiguous,
            chunk => Layout::Chunked { chunk: chunk.parse::<Shape>().unwrap().0, filters },
        }
    }

    fn with_cache(bytes: u64) -> impl Fn(&Experiment) -> Prediction {
        move |experiment| {
            let mut conditions = Conditions::expected(experiment, "1.10.8", false);
            conditions.cache.bytes = bytes;
            predict_all(experiment, &conditions).unwrap()
        }
    }

    #[test]
    fn image_chunks_serve_projections_and_a_small_cache_ruins_sinograms() {
        let all = 24 * 64 * 80 * 2;
        let check = |layout: &str, access: &str, cache: u64, bytes: u64, calls: u64| {
            let got = with_cache(cache)(&read(layout, access, 1));
            assert_eq!((got.bytes_to_read, got.reads), (bytes, calls), "{layout} {access} {cache}");
        };
        check("1x64x80", "projection", 1 << 20, all, 24);
        check("1x64x80", "sinogram", 1 << 20, all, 24);
        check("1x64x80", "sinogram", 100_000, all * 64, 24 * 64);
        // As strace saw it: chunks of 800 bytes, found in a default cache; without one only what is asked for.
        check("1x20x20", "sinogram", 1 << 20, 384 * 800, 384);
        check("1x20x20", "sinogram", 0, all, 6144);
        check("24x64x80", "sinogram", 1000, all, 1536);
        // With a filter all of the chunk is needed for each.
        check("24x64x80 gzip", "sinogram", 1000, all * 64, 64);
        check("24x64x80 gzip", "sinogram", 1 << 20, all, 1);
        check("contiguous", "projection", 1 << 20, 3 * 65_536 + 6 * 10_240, 4);
    }

    #[test]
    fn the_mpi_io_driver_has_no_sieve_and_collective_calls_no_cache() {
        let mut experiment = read("1x64x80", "sinogram", 2);
        let conditions = Conditions::expected(&experiment, "1.10.8", true);
        let bytes = |e: &Experiment| predict_all(e, &conditions).unwrap().bytes_to_read;
        assert_eq!(bytes(&experiment), 2 * 24 * 64 * 80 * 2);
        experiment.method = Method::Collective;
        assert_eq!(bytes(&experiment), 24 * 64 * 80 * 2);
        experiment.layout = layout_of("1x64x80 gzip");
        assert_eq!(bytes(&experiment), 64 * 24 * 64 * 80 * 2);
        experiment.layout = Layout::Contiguous;
        assert_eq!(bytes(&experiment), 24 * 64 * 80 * 2);
    }

    #[test]
    fn threads_share_a_cache_and_mpi_ranks_do_not() {
        let experiment = read("24x64x80", "projection", 3);
        let chunk_reads =
            |mpi| predict_all(&experiment, &Conditions::expected(&experiment, "1.10.8", mpi)).unwrap().chunk_reads;
        assert_eq!((chunk_reads(false), chunk_reads(true)), (1, 3));
    }

    #[test]
    fn hdf5_since_2_1_sieves_chunks_that_are_too_large() {
        let experiment = read("24x64x80", "spectrum:1", 1);
        let reads = |version| {
            let mut conditions = Conditions::expected(&experiment, version, false);
            conditions.cache.bytes = 1000;
            predict(&experiment, 0, &conditions).unwrap().reads
        };
        assert_eq!((reads("1.10.8"), reads("2.0.0"), reads("2.2.0")), (24, 24, 4));
    }

    #[test]
    fn there_is_nothing_to_predict_for_writes_and_nothing_to_read_for_nobody() {
        let mut experiment = read("1x64x80", "projection", 25);
        let conditions = Conditions::expected(&experiment, "1.10.8", true);
        assert_eq!(predict(&experiment, 0, &conditions).unwrap().reads, 0);
        experiment.direction = Direction::Write;
        assert_eq!(predict(&experiment, 0, &conditions), None);
    }

    proptest! {
        #[test]
        fn what_is_asked_for_is_the_plans(
            layout in prop::sample::select(&["contiguous", "1x64x80", "1x20x20", "8x16x16", "24x64x80 gzip", "5x7x9"][..]),
            access in prop::sample::select(&["rows", "projection", "sinogram", "roi:20x20@3x5", "spectrum:5", "random:9:3x4x5", "full"][..]),
            np in 1usize..4, mpi: bool, cache in 0u64..100_000,
        ) {
            let experiment = read(layout, access, np);
            let mut conditions = Conditions::expected(&experiment, "1.10.8", mpi);
            conditions.cache.bytes = cache;
            let got = predict_all(&experiment, &conditions).unwrap();
            let demand = Plan::new(&experiment).total();
            prop_assert_eq!(got.bytes_asked, demand.bytes_asked);
            prop_assert!(got.chunk_reads <= demand.chunks_touched && got.chunks <= got.chunk_touches);
            prop_assert!(got.bytes_to_read <= demand.bytes_touched.max(demand.bytes_asked) || experiment.layout == Layout::Contiguous);
            // What is not simulated to the end comes out about the same.
            conditions.most_steps = 200;
            let guess = predict_all(&experiment, &conditions).unwrap();
            prop_assert_eq!(guess.bytes_asked, demand.bytes_asked);
            prop_assert!(guess.extrapolated || guess == got);
        }

        #[test]
        fn every_chunk_that_is_touched_is_visited(
            chunk in prop::collection::vec(1u64..5, 3), start in prop::collection::vec(0u64..7, 3), count in prop::collection::vec(0u64..6, 3),
        ) {
            let region = Region::new(start, count);
            let mut visited = Vec::new();
            for_each_chunk(&region, &chunk, |at| visited.push(at.to_vec()));
            prop_assert!(visited.is_sorted());
            let layout = Layout::Chunked { chunk, filters: vec![] };
            prop_assert_eq!(visited.len() as u64, layout.chunks_touched(&region));
        }
    }
}
