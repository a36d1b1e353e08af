//! The threads that take a dataset from one tiling to another: who decodes, who encodes, who waits.
//!
//! Each thread takes what is there to do: first a target tile that has all its elements (encoding frees memory), else the
//! next source tile. A group is begun while the memory of all groups that are under way stays within the limit, so that
//! decoding the next group overlaps with encoding the last. Nobody waits unless memory or work has run out.

use super::hands::Hands;
use super::source::Source;
use super::target::Target;
use h5lab_core::failure::{Failure, Result};
use h5lab_core::region::Region;
use h5lab_core::repack_plan::{GroupPlan, Tile, copy_overlap, tiles};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

/// What the whole work may use, and who is told of it.
pub(super) struct Work<'a> {
    /// Most bytes of memory for data.
    pub(super) memory: u64,
    pub(super) threads: usize,
    /// Told of bytes that are done.
    pub(super) done: &'a (dyn Fn(u64) + Sync),
    /// This rank, and how many there are: they share the groups.
    pub(super) rank: usize,
    pub(super) ranks: usize,
}

impl Work<'_> {
    /// The groups that are this rank's: every so manieth.
    pub(super) fn share<'p>(&self, plan: &'p GroupPlan) -> Groups<'p> {
        Box::new(plan.groups().skip(self.rank).step_by(self.ranks))
    }
}

/// Groups of a plan, one after another.
pub(super) type Groups<'a> = Box<dyn Iterator<Item = Region> + Send + Sync + 'a>;

/// A dataset's way from source to target.
pub(super) struct Crew<'a> {
    pub(super) plan: &'a GroupPlan,
    /// The groups of the plan that are its own.
    pub(super) groups: Groups<'a>,
    pub(super) source: &'a dyn Source,
    pub(super) target: &'a dyn Target,
    /// An element that was never written.
    pub(super) fill: &'a [u8],
    pub(super) threads: usize,
    /// Most bytes of target tiles at a time.
    pub(super) limit: u64,
    /// Told of the bytes of each target tile that is done.
    pub(super) done: &'a (dyn Fn(u64) + Sync),
}

/// A target tile on its way.
struct Part {
    region: Region,
    /// Source tiles that are still to come.
    missing: AtomicUsize,
    /// True if some of its elements come from no source tile.
    holes: bool,
    /// False if nothing comes to it, and it stays away from the target, too.
    wanted: bool,
    buffer: Mutex<Option<Vec<u8>>>,
}

/// A group on its way.
struct Group {
    region: Region,
    parts: Vec<Part>,
    /// Target tiles along each axis.
    grid: Vec<u64>,
    /// Source tiles, and the next one to be read.
    sources: Vec<Region>,
    unfinished: AtomicUsize,
    /// Bytes of its target tiles.
    bytes: u64,
}

/// What all threads share.
struct State<'a> {
    groups: Groups<'a>,
    /// The group whose source tiles are handed out, and the next of them.
    current: Option<(Arc<Group>, usize)>,
    /// A group that waits for memory.
    waiting: Option<Arc<Group>>,
    ready: VecDeque<(Arc<Group>, usize)>,
    live_bytes: u64,
    live_groups: usize,
    pool: Vec<Vec<u8>>,
    failure: Option<Failure>,
}

enum Task {
    Read(Arc<Group>, usize),
    Write(Arc<Group>, usize),
}

impl Crew<'_> {
    /// Does it all.
    ///
    /// # Errors
    /// The first failure of any thread.
    pub(super) fn run(mut self) -> Result<()> {
        let state = State {
            groups: std::mem::replace(&mut self.groups, Box::new(std::iter::empty())),
            current: None,
            waiting: None,
            ready: VecDeque::new(),
            live_bytes: 0,
            live_groups: 0,
            pool: Vec::new(),
            failure: None,
        };
        let shared = (Mutex::new(state), Condvar::new());
        std::thread::scope(|scope| {
            let all = &self;
            for _ in 1..self.threads {
                scope.spawn(|| all.work(&shared));
            }
            all.work(&shared);
        });
        let state = shared.0.into_inner().unwrap_or_else(|e| e.into_inner());
        state.failure.map_or(Ok(()), Err)
    }

    fn work(&self, shared: &(Mutex<State<'_>>, Condvar)) {
        let mut hands = Hands::default();
        let all = catch_unwind(AssertUnwindSafe(|| {
            while let Some(task) = self.next(shared)? {
                match task {
                    Task::Read(group, n) => self.read(&group, n, &mut hands, shared)?,
                    Task::Write(group, n) => self.write(&group, n, &mut hands, shared)?,
                }
            }
            Ok(())
        }));
        let outcome = all.unwrap_or_else(|panic| Err(crate::panic::failure(panic.as_ref())));
        if let Err(failure) = outcome {
            lock(&shared.0).failure.get_or_insert(failure);
            shared.1.notify_all();
        }
    }

    /// The next task; `None` when all is done, or somebody has failed.
    fn next(&self, shared: &(Mutex<State<'_>>, Condvar)) -> Result<Option<Task>> {
        let mut state = lock(&shared.0);
        loop {
            if state.failure.is_some() {
                return Ok(None);
            }
            if let Some((group, n)) = state.ready.pop_front() {
                return Ok(Some(Task::Write(group, n)));
            }
            if let Some((group, n)) = state.current.take() {
                if n + 1 < group.sources.len() {
                    state.current = Some((group.clone(), n + 1));
                }
                return Ok(Some(Task::Read(group, n)));
            }
            if !self.begin_group(&mut state, &shared.1)? {
                if state.live_groups == 0 {
                    shared.1.notify_all();
                    return Ok(None);
                }
                state = shared.1.wait(state).unwrap_or_else(|e| e.into_inner());
            }
        }
    }

    /// Begins the next group if there is one, and memory for it. False if not.
    fn begin_group(&self, state: &mut State<'_>, wake: &Condvar) -> Result<bool> {
        let next = match state.waiting.take() {
            Some(group) => group,
            None => match state.groups.next() {
                Some(region) => Arc::new(self.group(region)?),
                None => return Ok(false),
            },
        };
        if next.bytes == 0 {
            return Ok(true);
        }
        if state.live_groups > 0 && state.live_bytes + next.bytes > self.limit {
            state.waiting = Some(next);
            return Ok(false);
        }
        state.live_bytes += next.bytes;
        state.live_groups += 1;
        let alone = |part: &Part| part.wanted && part.missing.load(Ordering::Relaxed) == 0;
        let filled = next.parts.iter().enumerate().filter(|(_, part)| alone(part));
        state.ready.extend(filled.map(|(n, _)| (next.clone(), n)));
        state.current = (!next.sources.is_empty()).then_some((next, 0));
        wake.notify_all();
        Ok(true)
    }

    /// A group: its source tiles that are there, and its target tiles that something comes to.
    fn group(&self, region: Region) -> Result<Group> {
        let tilings = &self.plan.tilings;
        let mut sources = Vec::new();
        for tile in tiles(&region, &tilings.source, &tilings.shape) {
            if self.source.has(&tile)? {
                sources.push(tile);
            }
        }
        let grid: Vec<u64> = region.count.iter().zip(&tilings.target).map(|(n, t)| n.div_ceil(*t)).collect();
        let mut expected = vec![(0usize, 0u64); grid.iter().product::<u64>() as usize];
        for source in &sources {
            self.each_overlap(&region, &grid, source, |n, both| {
                expected[n].0 += 1;
                expected[n].1 += both.elements();
            });
        }
        let parts: Vec<Part> = tiles(&region, &tilings.target, &tilings.shape)
            .zip(&expected)
            .map(|(region, (pieces, elements))| {
                Ok(Part {
                    holes: *elements < self.target.sizes(&region).iter().product(),
                    wanted: *pieces > 0 || self.target.wants(&region)?,
                    region,
                    missing: AtomicUsize::new(*pieces),
                    buffer: Mutex::new(None),
                })
            })
            .collect::<Result<_>>()?;
        let wanted = parts.iter().filter(|part| part.wanted).count();
        let bytes = tilings.bytes(&tilings.target) * wanted as u64;
        Ok(Group { region, grid, parts, sources, unfinished: AtomicUsize::new(wanted), bytes })
    }

    /// Calls `each` for every target tile of a group that a source tile touches, with its number and the overlap.
    fn each_overlap(&self, group: &Region, grid: &[u64], source: &Region, mut each: impl FnMut(usize, &Region)) {
        let tilings = &self.plan.tilings;
        let Some(inside) = source.intersect(group) else { return };
        for target in tiles(&inside, &tilings.target, &tilings.shape) {
            let number =
                (0..grid.len()).fold(0, |n, d| n * grid[d] + (target.start[d] - group.start[d]) / tilings.target[d]);
            if let Some(both) = source.intersect(&target) {
                each(number as usize, &both);
            }
        }
    }

    fn read(
        &self,
        group: &Arc<Group>,
        n: usize,
        hands: &mut Hands,
        shared: &(Mutex<State<'_>>, Condvar),
    ) -> Result<()> {
        let tile = &group.sources[n];
        let sizes = self.source.sizes(tile);
        let bytes = self.plan.tilings.bytes(sizes) as usize;
        let mut raw = std::mem::take(&mut hands.raw);
        raw.resize(bytes, 0);
        self.source.read(tile, hands, &mut raw)?;
        let mut complete = Vec::new();
        self.each_overlap(&group.region, &group.grid, tile, |number, both| {
            let part = &group.parts[number];
            let target = Tile { start: &part.region.start, sizes: self.target.sizes(&part.region) };
            let mut buffer = lock(&part.buffer);
            if *tile == part.region && target.sizes == sizes {
                // The same tile: its buffer changes hands.
                let other = lock(&shared.0).pool.pop().unwrap_or_default();
                *buffer = Some(std::mem::replace(&mut raw, other));
            } else {
                let buffer = buffer.get_or_insert_with(|| self.fresh(part, shared));
                copy_overlap(both, self.fill.len(), (Tile { start: &tile.start, sizes }, &raw), (target, buffer));
            }
            if part.missing.fetch_sub(1, Ordering::AcqRel) == 1 {
                complete.push(number);
            }
        });
        hands.raw = raw;
        if !complete.is_empty() {
            lock(&shared.0).ready.extend(complete.into_iter().map(|number| (group.clone(), number)));
            shared.1.notify_all();
        }
        Ok(())
    }

    /// A buffer for a target tile; where nothing will be scattered it holds the fill value.
    fn fresh(&self, part: &Part, shared: &(Mutex<State<'_>>, Condvar)) -> Vec<u8> {
        let bytes = self.plan.tilings.bytes(self.target.sizes(&part.region)) as usize;
        let mut buffer = lock(&shared.0).pool.pop().unwrap_or_default();
        buffer.resize(bytes, 0);
        if part.holes {
            self.fill_all(&mut buffer);
        }
        buffer
    }

    fn fill_all(&self, buffer: &mut [u8]) {
        if self.fill.iter().all(|&byte| byte == 0) {
            buffer.fill(0);
        } else {
            buffer.chunks_exact_mut(self.fill.len()).for_each(|element| element.copy_from_slice(self.fill));
        }
    }

    fn write(
        &self,
        group: &Arc<Group>,
        n: usize,
        hands: &mut Hands,
        shared: &(Mutex<State<'_>>, Condvar),
    ) -> Result<()> {
        let part = &group.parts[n];
        let taken = lock(&part.buffer).take();
        let buffer = taken.unwrap_or_else(|| self.fresh(part, shared));
        self.target.write(&part.region, hands, &buffer)?;
        (self.done)(part.region.elements() * self.fill.len() as u64);
        let last = group.unfinished.fetch_sub(1, Ordering::AcqRel) == 1;
        let mut state = lock(&shared.0);
        state.pool.push(buffer);
        state.live_bytes -= self.plan.tilings.bytes(&self.plan.tilings.target);
        state.live_groups -= usize::from(last);
        shared.1.notify_all();
        Ok(())
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(|e| e.into_inner())
}
