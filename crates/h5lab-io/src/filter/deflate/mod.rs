//! Deflate: HDF5 filter 1, h5py's `gzip`. Parameter: the level, 0 to 9. A chunk is one zlib stream (RFC 1950).
//!
//! Coded by [`runs`] or by libdeflate, whose levels are not zlib's. How they compare depends on the data: on shuffled counts
//! codes and runs alone pack a tenth tighter than zlib's level 4 does, at ten times its speed; on masks it takes
//! libdeflate's level 6 to do so; where repeats are short and many, zlib finds what libdeflate does not look for. So a
//! sample of a chunk is given to zlib, at the level that was asked for; then to the others, from the fastest up. The first
//! that makes the sample no larger than zlib does is used, or zlib. It is looked for again after [`EVERY`] chunks, and
//! when chunks shrink otherwise than they did.

mod bits;
mod block;
mod huffman;
mod inflate;
mod lanes;
mod runs;
mod table;

pub(super) use inflate::Inflate;

use super::scratch::{Tools, room};
use super::{Codec, FilterError};
use flate2::{Compress, Compression, FlushCompress, Status};
use inflate::Fault;
use libdeflater::DecompressionError;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

const NAME: &str = "gzip";
/// As h5py, where a file does not say.
const USUAL_LEVEL: u32 = 4;
/// libdeflate's levels that are tried. On most data 3 and 4 are no faster than 5, and those above 9 are slower than zlib.
const LADDER: [i32; 7] = [1, 2, 5, 6, 7, 8, 9];
/// Chunks are coded by [`runs`].
const RUNS: i32 = 13;
/// Chunks are coded by zlib, at the level that was asked for.
const ZLIB: i32 = 14;
/// Chunks for which a level stands.
const EVERY: u32 = 64;
/// A sample is so many pieces, spread over the chunk; in shuffled chunks they are of different bytes.
const PIECES: usize = 4;
const PIECE: usize = 16 << 10;
/// As long as a sample.
const STRETCH: usize = PIECES * PIECE;
/// Ratios are compared as parts of so many; chunks are no longer alike if theirs differs by more than an eighth.
const UNIT: u32 = 1 << 16;

pub(super) struct Deflate {
    asked: u32,
    /// One of [`LADDER`], [`RUNS`] or [`ZLIB`]; 0: to be chosen.
    level: AtomicU32,
    /// The least and the most stored bytes of chunks that it was chosen for, in parts of [`UNIT`].
    ratios: [AtomicU32; 2],
    /// Chunks that it may still be used for.
    left: AtomicU32,
}

impl Deflate {
    pub(super) fn new(parameters: &[u32]) -> Result<Self, FilterError> {
        let asked = parameters.first().copied().unwrap_or(USUAL_LEVEL);
        if asked > 9 {
            let why = format!("level {asked}, but there are 0 to 9");
            return Err(FilterError::Parameters { filter: NAME, why });
        }
        Ok(Deflate { asked, level: AtomicU32::new(0), ratios: Default::default(), left: AtomicU32::new(0) })
    }

    /// The level for this chunk, and how it came to it. Threads that ask at once each choose.
    fn level(&self, raw: &[u8], tools: &mut Tools) -> Result<(i32, Chosen), FilterError> {
        if self.asked == 0 || raw.is_empty() {
            return Ok((0, Chosen::Before));
        }
        let level = self.level.load(Relaxed);
        let spent = self.left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_err();
        if level > 0 && !spent { Ok((level as i32, Chosen::Before)) } else { self.choose(raw, tools) }
    }

    fn choose(&self, raw: &[u8], tools: &mut Tools) -> Result<(i32, Chosen), FilterError> {
        let level = choose(raw, self.asked, tools)?;
        let before = self.level.swap(level as u32, Relaxed);
        self.left.store(EVERY, Relaxed);
        Ok((level, if before == level as u32 { Chosen::Again } else { Chosen::Other }))
    }

    /// Chooses the level anew if chunks are not what they were. To choose costs more than to code a small chunk: where
    /// chunks of two kinds take turns, as those at the edges of images and others do, and one level suits both, it is known
    /// to do so.
    fn watch(&self, raw: &[u8], stored: usize, mut chosen: Chosen, tools: &mut Tools) -> Result<(), FilterError> {
        if self.asked == 0 || raw.is_empty() {
            return Ok(());
        }
        let ratio = (stored as u64 * u64::from(UNIT) / raw.len() as u64) as u32;
        let [least, most] = &self.ratios;
        if chosen == Chosen::Before {
            let (least, most) = (least.load(Relaxed), most.load(Relaxed));
            if least.saturating_sub(ratio).max(ratio.saturating_sub(most)) <= ratio / 8 {
                return Ok(());
            }
            chosen = self.choose(raw, tools)?.1;
        }
        if chosen == Chosen::Again {
            least.fetch_min(ratio, Relaxed);
            most.fetch_max(ratio, Relaxed);
        } else {
            self.ratios.iter().for_each(|end| end.store(ratio, Relaxed));
        }
        Ok(())
    }
}

/// How a chunk came to its level.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Chosen {
    /// For a chunk before it.
    Before,
    /// For this chunk: the same as before.
    Again,
    /// For this chunk: another than before.
    Other,
}

/// The fastest level that makes a sample of the chunk no larger than zlib does at the level `asked`.
fn choose(raw: &[u8], asked: u32, tools: &mut Tools) -> Result<i32, FilterError> {
    let Tools { block: sample, planes: packed, deflate, .. } = tools;
    let sample = take_sample(raw, sample);
    let packed = room(packed, bound(sample.len()));
    let most = zlib(asked, sample, packed)?.unwrap_or(sample.len());
    if most >= sample.len() {
        // Noise, which no level shrinks.
        return Ok(RUNS);
    }
    // A sample hides matches between its pieces, which zlib would find, its higher levels the more.
    let by_runs = runs::encode(sample, packed);
    if by_runs.is_some_and(|bytes| bytes <= most - most / 50) {
        return Ok(RUNS);
    }
    // Where matches are of no use to zlib, as in noise of which some bits are always alike, that hides none: a stretch of
    // twice deflate's window tells.
    if most > sample.len() / 4 * 3 && by_runs.is_some_and(|bytes| bytes <= most) {
        let stretch = middle(raw, STRETCH);
        let most = zlib(asked, stretch, packed)?.unwrap_or(stretch.len());
        if runs::encode(stretch, packed).is_some_and(|bytes| bytes <= most) {
            return Ok(RUNS);
        }
    }
    let most = if asked > 4 { most - most / 100 } else { most };
    // Above that they are slower than zlib at the level asked.
    let highest = asked as i32 + 1;
    let mut fits = |level: &i32| deflate.encoder(*level).zlib_compress(sample, packed).is_ok_and(|bytes| bytes <= most);
    Ok(LADDER.into_iter().filter(|level| *level <= highest).find(&mut fits).unwrap_or(ZLIB))
}

/// The length of zlib's stream; none if it finds no room.
fn zlib(level: u32, raw: &[u8], stored: &mut [u8]) -> Result<Option<usize>, FilterError> {
    let mut zlib = Compress::new(Compression::new(level), true);
    let status = zlib.compress(raw, stored, FlushCompress::Finish);
    let status = status.map_err(|e| FilterError::Unfit { filter: NAME, why: e.to_string() })?;
    Ok((status == Status::StreamEnd).then(|| zlib.total_out() as usize))
}

/// Pieces of the chunk, as many and as long as there are; all of a small one.
fn take_sample<'a>(raw: &'a [u8], buffer: &'a mut Vec<u8>) -> &'a [u8] {
    if raw.len() <= PIECES * PIECE {
        return raw;
    }
    let sample = room(buffer, PIECES * PIECE);
    for (index, piece) in sample.chunks_exact_mut(PIECE).enumerate() {
        // From the middle of each part: the beginning of an image is often its dark edge.
        let from = (2 * index + 1) * raw.len() / (2 * PIECES) - PIECE / 2;
        piece.copy_from_slice(&raw[from..from + PIECE]);
    }
    sample
}

/// So many bytes from the middle of a chunk, or all of a smaller one.
fn middle(raw: &[u8], bytes: usize) -> &[u8] {
    let bytes = bytes.min(raw.len());
    &raw[(raw.len() - bytes) / 2..][..bytes]
}

/// libdeflate needs 5 bytes a block of 5000 bytes and more; zlib, with small blocks, 5 bytes for 127 at worst.
fn bound(raw: usize) -> usize {
    raw + raw / 16 + 64
}

fn told(fault: Fault, room: usize) -> FilterError {
    match fault {
        Fault::Unsound => unsound(),
        Fault::TooLong => FilterError::overflow(NAME, room),
    }
}

fn unsound() -> FilterError {
    FilterError::corrupt(NAME, "not a sound zlib stream")
}

impl Codec for Deflate {
    fn name(&self) -> &'static str {
        NAME
    }

    fn bound(&self, raw: usize) -> usize {
        bound(raw)
    }

    fn encode(&self, raw: &[u8], stored: &mut [u8], tools: &mut Tools) -> Result<Option<usize>, FilterError> {
        let (level, chosen) = self.level(raw, tools)?;
        let encoded = match level {
            RUNS => runs::encode(raw, stored),
            ZLIB => zlib(self.asked, raw, stored)?,
            _ => tools.deflate.encoder(level).zlib_compress(raw, stored).ok(),
        };
        if let Some(bytes) = encoded {
            self.watch(raw, bytes, chosen, tools)?;
        }
        Ok(encoded)
    }

    fn decode(&self, stored: &[u8], raw: &mut [u8], tools: &mut Tools) -> Result<usize, FilterError> {
        if inflate::suits(stored) {
            return tools.inflate.zlib(stored, raw).map_err(|fault| told(fault, raw.len()));
        }
        tools.deflate.decoder().zlib_decompress(stored, raw).map_err(|error| match error {
            DecompressionError::BadData => unsound(),
            DecompressionError::InsufficientSpace => FilterError::overflow(NAME, raw.len()),
        })
    }

    fn decode_two(
        &self,
        stored: [&[u8]; 2],
        raw: [&mut [u8]; 2],
        tools: &mut Tools,
    ) -> [Result<usize, FilterError>; 2] {
        let [first, second] = raw;
        if !stored.into_iter().all(inflate::suits) {
            return [self.decode(stored[0], first, tools), self.decode(stored[1], second, tools)];
        }
        let rooms = [first.len(), second.len()];
        let [a, b] = tools.inflate.zlib_two(stored, [first, second]);
        [a.map_err(|fault| told(fault, rooms[0])), b.map_err(|fault| told(fault, rooms[1]))]
    }

    fn gains_by_twos(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Pipeline, Scratch};
    use super::*;
    use h5lab_core::dataset::Dtype;
    use h5lab_core::filter::Filter;
    use h5lab_core::generate::{Data, DataKind};
    use h5lab_core::region::Region;

    /// Images as h5lab makes them, and nearly empty ones, as of a detector that counts single photons.
    fn images() -> Vec<(String, Dtype, Vec<u8>)> {
        let shape = [2, 160, 256];
        let mut all = Vec::new();
        for (kind, dtype) in [
            (DataKind::Detector, Dtype::U16),
            (DataKind::Detector, Dtype::U32),
            (DataKind::Detector, Dtype::F64),
            (DataKind::Tomography, Dtype::U16),
            (DataKind::Tomography, Dtype::F32),
            (DataKind::Ramp, Dtype::U32),
        ] {
            let mut bytes = vec![0; 2 * 160 * 256 * dtype.size()];
            Data { kind, seed: 3, stamp_ranks: None }.fill(&shape, dtype, &Region::whole(&shape), &mut bytes);
            all.push((format!("{kind} {dtype}"), dtype, bytes));
        }
        let photons = all[0].2.chunks(2).flat_map(|count| [u8::from(count[0] > 12), 0]).collect();
        all.push(("photons u16".into(), Dtype::U16, photons));
        all
    }

    fn zlib_length(raw: &[u8], level: u8) -> usize {
        zlib(level.into(), raw, &mut vec![0; bound(raw.len())]).unwrap().unwrap()
    }

    /// To half a part in a hundred, which is what a sample can tell.
    #[test]
    fn chunks_are_no_larger_than_zlib_makes_them() {
        let mut scratch = Scratch::default();
        for (name, dtype, images) in images() {
            let chunk = images.len() / 2;
            let shuffle = Pipeline::new(&[Filter::Shuffle], dtype.size(), chunk).unwrap();
            for level in [1, 4, 6, 9] {
                let both = Pipeline::new(&[Filter::Shuffle, Filter::Gzip(level)], dtype.size(), chunk).unwrap();
                let alone = Pipeline::new(&[Filter::Gzip(level)], dtype.size(), chunk).unwrap();
                let (mut ours, mut theirs) = ([0, 0], [0, 0]);
                for raw in images.chunks(chunk) {
                    let shuffled = shuffle.encode(raw, &mut scratch).unwrap().bytes.to_vec();
                    theirs[0] += zlib_length(&shuffled, level);
                    theirs[1] += zlib_length(raw, level);
                    ours[0] += both.encode(raw, &mut scratch).unwrap().bytes.len();
                    ours[1] += alone.encode(raw, &mut scratch).unwrap().bytes.len();
                }
                for (what, ours, theirs) in [("shuffled", ours[0], theirs[0]), ("plain", ours[1], theirs[1])] {
                    let share = ours as f64 / theirs as f64;
                    assert!(share < 1.005, "{name} {what}, level {level}: {share:.4} of what zlib makes");
                }
            }
        }
    }

    /// What is random but for some bits of each element has no matches; what repeats within deflate's window has.
    #[test]
    fn noise_is_coded_without_a_search_for_matches() {
        let noise = |elements: u64| -> Vec<u8> {
            let mixed = |x: u64| (x ^ x >> 31).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let fraction = |i: u64| (mixed(mixed(mixed(i + 1))) >> 11) as f64 / (1u64 << 53) as f64;
            (0..elements).flat_map(|i| fraction(i).to_le_bytes()).collect()
        };
        let mut scratch = Scratch::default();
        let random = noise(100_000);
        assert_eq!(choose(&random, 4, &mut scratch.tools).unwrap(), RUNS);
        let mut stored = vec![0; bound(random.len())];
        assert!(runs::encode(&random, &mut stored).unwrap() <= zlib_length(&random, 4));
        let repeated = noise(3000).repeat(30);
        assert_ne!(choose(&repeated, 4, &mut scratch.tools).unwrap(), RUNS);
    }

    #[test]
    fn a_level_is_chosen_again_when_chunks_change() {
        let mut scratch = Scratch::default();
        let [counts, photons] = [0, 6].map(|at| images().swap_remove(at).2);
        let codec = Deflate::new(&[4]).unwrap();
        let mut stored = vec![0; bound(counts.len())];
        let mut encode = |raw: &[u8]| {
            codec.encode(raw, &mut stored, &mut scratch.tools).unwrap();
            codec.left.load(Relaxed)
        };
        assert_eq!(encode(&counts), EVERY);
        assert_eq!(encode(&counts), EVERY - 1);
        assert_eq!(encode(&photons), EVERY, "chosen again, for they are not what it was chosen for");
        assert_eq!(encode(&photons), EVERY - 1);
    }

    #[test]
    fn one_level_for_two_kinds_of_chunks_is_not_chosen_again_and_again() {
        let mut scratch = Scratch::default();
        let random =
            |i: u64| (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23).wrapping_mul(0xd6e8_feb8_6659_fd93);
        let full: Vec<u8> = (0..100_000).map(|i| (random(i) >> 60) as u8).collect();
        let edge = [&full[..60_000], &[0; 40_000]].concat();
        let codec = Deflate::new(&[4]).unwrap();
        let mut stored = vec![0; bound(full.len())];
        let left: Vec<u32> = (0..8)
            .map(|nth| {
                codec.encode(if nth % 2 == 0 { &full } else { &edge }, &mut stored, &mut scratch.tools).unwrap();
                codec.left.load(Relaxed)
            })
            .collect();
        assert_eq!(left[..2], [EVERY; 2], "the edge's ratio is another one");
        let counted: Vec<u32> = (1..7).map(|n| EVERY - n).collect();
        assert_eq!(left[2..], counted, "both are known");
    }
}
