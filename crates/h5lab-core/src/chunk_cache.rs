//! HDF5's raw data chunk cache, simulated: which chunks are found in memory, and which must be read again.
//!
//! What HDF5 1.10 to 2.2 do, as its sources (`H5Dchunk.c`) and its reference manual (`H5Pset_chunk_cache`) have it:
//! - A hash table holds one chunk a slot. A chunk's slot is its coordinates (counted in chunks), each shifted by the
//!   bits that the axes after it need, combined by exclusive or, modulo the number of slots.
//! - A chunk whose slot is taken puts the occupant out, whatever room there is elsewhere.
//! - When there is not enough room, a walk over the list of chunks, least recently used first, puts out those that were
//!   read completely; once it has come past the share `w0` of the list, a second walk puts out any.
//! - A chunk that is found moves up the list by one place only.
//! - A chunk larger than the whole cache is never kept.

use crate::tunables::{DEFAULT_CHUNK_CACHE_BYTES, DEFAULT_CHUNK_CACHE_SLOTS};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// The size of a dataset's chunk cache (H5Pset_chunk_cache).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CacheSize {
    /// Most bytes that it holds.
    pub bytes: u64,
    /// Slots of its hash table: most chunks that it holds.
    pub slots: u64,
    /// Preemption weight, 0 to 1: how much chunks that were read completely are put out before others.
    pub w0: f64,
}

/// HDF5's default preemption weight.
const DEFAULT_W0: f64 = 0.75;

impl Default for CacheSize {
    /// The default of HDF5 before 2.0.
    fn default() -> Self {
        CacheSize { bytes: DEFAULT_CHUNK_CACHE_BYTES, slots: DEFAULT_CHUNK_CACHE_SLOTS, w0: DEFAULT_W0 }
    }
}

impl CacheSize {
    /// The default of an HDF5 version, such as `1.10.8`: 1 MiB and 521 slots, from 2.0 on 8 MiB and 8191 slots.
    pub fn of_hdf5(version: &str) -> Self {
        match version_number(version) {
            Some((major, _)) if major >= 2 => CacheSize { bytes: 8 << 20, slots: 8191, w0: DEFAULT_W0 },
            _ => CacheSize::default(),
        }
    }

    /// True if a chunk of this size can be kept.
    pub fn holds(&self, chunk_bytes: u64) -> bool {
        self.slots > 0 && chunk_bytes <= self.bytes
    }
}

/// Major and minor of a version such as `1.10.8`.
pub(crate) fn version_number(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??))
}

/// What a cache did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStats {
    /// Chunks that were found.
    pub hits: u64,
    /// Chunks that had to be read.
    pub misses: u64,
    /// Chunks put out because another one had the same slot.
    pub collisions: u64,
    /// Chunks put out to make room.
    pub preemptions: u64,
}

impl CacheStats {
    /// What this one and another cache did.
    pub fn plus(&self, other: &CacheStats) -> CacheStats {
        CacheStats {
            hits: self.hits + other.hits,
            misses: self.misses + other.misses,
            collisions: self.collisions + other.collisions,
            preemptions: self.preemptions + other.preemptions,
        }
    }
}

/// The chunk cache of one open dataset.
pub struct ChunkCache {
    size: CacheSize,
    chunk_bytes: u64,
    /// Bits by which the coordinates so far are shifted before an axis's own are added.
    bits: Vec<u32>,
    slots: HashMap<u64, usize>,
    entries: Vec<Entry>,
    free: Vec<usize>,
    head: Option<usize>,
    tail: Option<usize>,
    kept: u64,
    stats: CacheStats,
}

/// A chunk in the cache, and its neighbours in the list.
struct Entry {
    chunk: Vec<u64>,
    slot: u64,
    /// Bytes that were not yet read.
    left: u64,
    previous: Option<usize>,
    next: Option<usize>,
}

impl ChunkCache {
    /// An empty cache for a dataset with this many chunks along each axis, each of `chunk_bytes` bytes in memory.
    pub fn new(size: CacheSize, chunks: &[u64], chunk_bytes: u64) -> Self {
        let bits = chunks.iter().map(|n| n.max(&1).next_power_of_two().ilog2()).collect();
        ChunkCache {
            size,
            chunk_bytes,
            bits,
            slots: HashMap::new(),
            entries: Vec::new(),
            free: Vec::new(),
            head: None,
            tail: None,
            kept: 0,
            stats: CacheStats::default(),
        }
    }

    /// Reads `bytes` bytes of the chunk with these coordinates (counted in chunks); true if it was found, false if all
    /// of it had to be read from the file.
    pub fn read(&mut self, chunk: &[u64], bytes: u64) -> bool {
        let slot = self.slot(chunk);
        let found = slot.and_then(|s| self.slots.get(&s).copied()).filter(|&at| self.entries[at].chunk == chunk);
        let at = match found {
            Some(at) => {
                self.stats.hits += 1;
                self.move_up(at);
                Some(at)
            }
            None => {
                self.stats.misses += 1;
                slot.filter(|_| self.size.holds(self.chunk_bytes)).map(|slot| self.keep(chunk, slot))
            }
        };
        if let Some(at) = at {
            self.entries[at].left = self.entries[at].left.saturating_sub(bytes);
        }
        found.is_some()
    }

    /// What it did so far.
    pub fn stats(&self) -> CacheStats {
        self.stats
    }

    /// The slot of a chunk; `None` if there are no slots at all.
    fn slot(&self, chunk: &[u64]) -> Option<u64> {
        let mixed = chunk.iter().zip(&self.bits).enumerate().fold(0u64, |mixed, (axis, (&at, &bits))| {
            let shifted = if axis == 0 { 0 } else { mixed.checked_shl(bits).unwrap_or(0) };
            shifted ^ at
        });
        mixed.checked_rem(self.size.slots)
    }

    /// Takes a chunk that was just read into the cache.
    fn keep(&mut self, chunk: &[u64], slot: u64) -> usize {
        if let Some(&occupant) = self.slots.get(&slot) {
            self.stats.collisions += 1;
            self.put_out(occupant);
        }
        self.make_room();
        let entry = Entry { chunk: chunk.to_vec(), slot, left: self.chunk_bytes, previous: self.tail, next: None };
        let at = match self.free.pop() {
            Some(at) => {
                self.entries[at] = entry;
                at
            }
            None => {
                self.entries.push(entry);
                self.entries.len() - 1
            }
        };
        match self.tail {
            Some(tail) => self.entries[tail].next = Some(at),
            None => self.head = Some(at),
        }
        self.tail = Some(at);
        self.slots.insert(slot, at);
        self.kept += 1;
        at
    }

    fn is_full(&self) -> bool {
        (self.kept + 1) * self.chunk_bytes > self.size.bytes
    }

    /// Two walkers go down the list. The first one puts out what was read completely; the second one sets out when the
    /// first has come past the share `w0`, and puts out whatever it meets.
    fn make_room(&mut self) {
        let head_start = (self.kept as f64 * self.size.w0) as u64;
        let (mut gentle, mut ruthless) = (self.head, None);
        let mut step = 0;
        while self.is_full() {
            if gentle.is_none() && ruthless.is_none() {
                return;
            }
            if step == head_start {
                ruthless = self.head;
            }
            let mut next = [self.after(gentle), self.after(ruthless)];
            if let Some(at) = gentle.filter(|&at| self.entries[at].left == 0) {
                self.preempt(at, &mut next);
                ruthless = ruthless.filter(|&other| other != at);
            }
            if let Some(at) = ruthless.filter(|_| self.is_full()) {
                self.preempt(at, &mut next);
            }
            [gentle, ruthless] = next;
            step += 1;
        }
    }

    fn after(&self, at: Option<usize>) -> Option<usize> {
        at.and_then(|at| self.entries[at].next)
    }

    /// Puts a chunk out; walkers that were to go to it next go to the one behind it.
    fn preempt(&mut self, at: usize, next: &mut [Option<usize>; 2]) {
        self.stats.preemptions += 1;
        let behind = self.entries[at].next;
        next.iter_mut().filter(|n| **n == Some(at)).for_each(|n| *n = behind);
        self.put_out(at);
    }

    fn put_out(&mut self, at: usize) {
        let (previous, next, slot) = (self.entries[at].previous, self.entries[at].next, self.entries[at].slot);
        match previous {
            Some(previous) => self.entries[previous].next = next,
            None => self.head = next,
        }
        match next {
            Some(next) => self.entries[next].previous = previous,
            None => self.tail = previous,
        }
        self.slots.remove(&slot);
        self.free.push(at);
        self.kept -= 1;
    }

    /// Changes places with the next one in the list.
    fn move_up(&mut self, at: usize) {
        let Some(next) = self.entries[at].next else { return };
        let (previous, behind) = (self.entries[at].previous, self.entries[next].next);
        match previous {
            Some(previous) => self.entries[previous].next = Some(next),
            None => self.head = Some(next),
        }
        match behind {
            Some(behind) => self.entries[behind].previous = Some(at),
            None => self.tail = Some(at),
        }
        (self.entries[next].previous, self.entries[next].next) = (previous, Some(at));
        (self.entries[at].previous, self.entries[at].next) = (Some(next), behind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cache(bytes: u64, slots: u64, chunks: &[u64]) -> ChunkCache {
        ChunkCache::new(CacheSize { bytes, slots, w0: 0.75 }, chunks, 100)
    }

    /// Which of these chunks (by their index along one axis) are found when each is read in part.
    fn found(cache: &mut ChunkCache, chunks: &[u64], bytes: u64) -> Vec<bool> {
        chunks.iter().map(|&at| cache.read(&[at], bytes)).collect()
    }

    #[test]
    fn what_fits_is_read_once() {
        let mut cache = cache(300, 10, &[10]);
        assert_eq!(found(&mut cache, &[0, 1, 2, 0, 1, 2], 10), [false, false, false, true, true, true]);
        assert_eq!(cache.stats(), CacheStats { hits: 3, misses: 3, collisions: 0, preemptions: 0 });
    }

    #[test]
    fn the_same_slot_puts_the_occupant_out() {
        let mut cache = cache(1000, 4, &[10]);
        assert_eq!(found(&mut cache, &[0, 4, 0, 1, 0], 10), [false, false, false, false, true]);
        assert_eq!((cache.stats().collisions, cache.stats().preemptions), (2, 0));
    }

    #[test]
    fn a_cyclic_walk_over_one_chunk_too_many_finds_nothing() {
        let mut cache = cache(300, 100, &[10]);
        assert!(!found(&mut cache, &[0, 1, 2, 3, 0, 1, 2, 3], 10).contains(&true));
        assert_eq!(cache.stats().preemptions, 5);
    }

    #[test]
    fn what_was_read_completely_goes_first() {
        let mut cache = cache(300, 100, &[10]);
        found(&mut cache, &[0], 10);
        found(&mut cache, &[1], 100);
        // Chunk 1 has to go for chunk 3, though chunk 0 is older.
        assert_eq!(found(&mut cache, &[2, 3, 0, 1], 10), [false, false, true, false]);
    }

    #[test]
    fn a_chunk_that_is_found_moves_up_by_one_place_only() {
        let mut cache = cache(300, 100, &[10]);
        // 0 1 2 becomes 1 0 2, so that 1 goes for 3.
        assert_eq!(found(&mut cache, &[0, 1, 2, 0], 10), [false, false, false, true]);
        assert_eq!(found(&mut cache, &[3, 0, 2], 10), [false, true, true]);
    }

    #[test]
    fn a_chunk_larger_than_the_cache_is_never_kept() {
        for (bytes, slots) in [(99, 10), (0, 0), (1000, 0)] {
            assert!(!found(&mut cache(bytes, slots, &[10]), &[0, 0], 10).contains(&true));
        }
    }

    #[test]
    fn slots_mix_the_coordinates_as_hdf5_does() {
        // 5 chunks along the last axis need 3 bits, 20 along the one before 5.
        let cache = cache(1000, 521, &[7, 20, 5]);
        assert_eq!(cache.slot(&[0, 0, 4]), Some(4));
        assert_eq!(cache.slot(&[0, 3, 4]), Some((3 << 3) ^ 4));
        assert_eq!(cache.slot(&[6, 19, 4]), Some(((6 << 8) ^ (19 << 3) ^ 4) % 521));
    }

    #[test]
    fn versions_have_their_defaults() {
        assert_eq!(CacheSize::of_hdf5("1.10.8"), CacheSize { bytes: 1 << 20, slots: 521, w0: 0.75 });
        assert_eq!(CacheSize::of_hdf5("2.0.0").bytes, 8 << 20);
        assert_eq!(CacheSize::of_hdf5("unknown"), CacheSize::default());
    }

    proptest! {
        #[test]
        fn the_cache_keeps_its_books(
            reads in prop::collection::vec((0u64..6, 0u64..6, 1u64..120), 0..200), room in 0u64..9, slots in 0u64..40, w0 in 0.0f64..1.0,
        ) {
            let mut cache = ChunkCache::new(CacheSize { bytes: room * 100 + 50, slots, w0 }, &[6, 6], 100);
            for (y, x, bytes) in &reads {
                cache.read(&[*y, *x], *bytes);
                let forward: Vec<usize> = std::iter::successors(cache.head, |&at| cache.entries[at].next).collect();
                let mut backward: Vec<usize> = std::iter::successors(cache.tail, |&at| cache.entries[at].previous).collect();
                backward.reverse();
                prop_assert_eq!(&forward, &backward);
                prop_assert_eq!(forward.len() as u64, cache.kept);
                prop_assert_eq!(forward.len(), cache.slots.len());
                prop_assert!(forward.iter().all(|&at| cache.slots[&cache.entries[at].slot] == at));
                prop_assert!(cache.kept <= room && cache.kept <= slots);
            }
            let stats = cache.stats();
            prop_assert_eq!(stats.hits + stats.misses, reads.len() as u64);
            if room > 0 && slots > 0 {
                prop_assert_eq!(stats.misses, stats.collisions + stats.preemptions + cache.kept);
            }
        }
    }
}
