//! LZF: HDF5 filter 32000, h5py's own. Parameters: the revision of the filter (4), that of LibLZF (0x0105), the bytes of a
//! chunk. The filter is described in `lzf_filter.c` of <https://github.com/h5py/h5py>.
//!
//! A chunk is a row of literals and matches (LibLZF, `lzf_d.c`). A byte below 32 says that one literal more than it
//! follow. Any other holds in its upper 3 bits the length of a match less 2 (7: the next byte is to be added), and in the
//! lower 5, with the byte after, how far back it is, less 1. A chunk that does not become smaller is stored without the
//! filter.

use super::scratch::Tools;
use super::{Codec, FilterError};

const NAME: &str = "lzf";
const MOST_LITERALS: usize = 32;
const FARTHEST: usize = 1 << 13;
const SHORTEST: usize = 3;
const LONGEST: usize = 7 + 255 + 2;
const HASH_BITS: u32 = 15;

pub(super) struct Lzf {
    /// Bytes of a chunk, if the file says.
    chunk: Option<u64>,
}

impl Lzf {
    pub(super) fn new(parameters: &[u32]) -> Self {
        Lzf { chunk: parameters.get(2).copied().filter(|&bytes| bytes > 0).map(u64::from) }
    }
}

impl Codec for Lzf {
    fn name(&self) -> &'static str {
        NAME
    }

    fn bound(&self, raw: usize) -> usize {
        raw + raw / MOST_LITERALS + 1
    }

    fn encode(&self, raw: &[u8], stored: &mut [u8], tools: &mut Tools) -> Result<Option<usize>, FilterError> {
        // One byte less than it has, or it is not worth it.
        let most = raw.len().saturating_sub(1).min(stored.len());
        Ok(compress(raw, &mut stored[..most], &mut tools.seen))
    }

    fn decode(&self, stored: &[u8], raw: &mut [u8], _: &mut Tools) -> Result<usize, FilterError> {
        decompress(stored, raw)
    }

    fn announced(&self, _stored: &[u8]) -> Option<u64> {
        self.chunk
    }
}

/// Where compressed bytes go; full, it says so.
struct Output<'a> {
    to: &'a mut [u8],
    at: usize,
}

impl Output<'_> {
    fn bytes(&mut self, bytes: &[u8]) -> Option<()> {
        self.to.get_mut(self.at..self.at + bytes.len())?.copy_from_slice(bytes);
        self.at += bytes.len();
        Some(())
    }

    fn literals(&mut self, all: &[u8]) -> Option<()> {
        all.chunks(MOST_LITERALS).try_for_each(|some| {
            self.bytes(&[some.len() as u8 - 1])?;
            self.bytes(some)
        })
    }

    fn matched(&mut self, length: usize, back: usize) -> Option<()> {
        let (length, back) = (length - 2, back - 1);
        let (high, low) = ((back >> 8) as u8, back as u8);
        match length {
            0..7 => self.bytes(&[(length as u8) << 5 | high, low]),
            _ => self.bytes(&[7 << 5 | high, (length - 7) as u8, low]),
        }
    }
}

/// The compressed bytes of `raw`; `None` if they do not fit.
fn compress(raw: &[u8], stored: &mut [u8], seen: &mut Vec<u32>) -> Option<usize> {
    seen.clear();
    seen.resize(1 << HASH_BITS, 0);
    let mut output = Output { to: stored, at: 0 };
    let (mut at, mut literals_from) = (0, 0);
    while at + SHORTEST <= raw.len() {
        let Some((back, length)) = find(raw, at, seen) else {
            at += 1;
            continue;
        };
        output.literals(&raw[literals_from..at])?;
        output.matched(length, back)?;
        // So that what comes next can be found from the match's end.
        let end = at + length;
        for inside in end - 2..end {
            find(raw, inside, seen);
        }
        (at, literals_from) = (end, end);
    }
    output.literals(&raw[literals_from..])?;
    Some(output.at)
}

/// The last match of what is at `at`: how far back, and how long. Remembers `at`.
fn find(raw: &[u8], at: usize, seen: &mut [u32]) -> Option<(usize, usize)> {
    let here = raw.get(at..at + SHORTEST)?;
    let three = u32::from(here[0]) | u32::from(here[1]) << 8 | u32::from(here[2]) << 16;
    let slot = &mut seen[(three.wrapping_mul(0x9E37_79B1) >> (32 - HASH_BITS)) as usize];
    // Zero is nowhere.
    let before = std::mem::replace(slot, at as u32 + 1).checked_sub(1)? as usize;
    let back = at - before;
    if back == 0 || back > FARTHEST || raw[before..before + SHORTEST] != *here {
        return None;
    }
    let most = LONGEST.min(raw.len() - at);
    let same = raw[before..].iter().zip(&raw[at..at + most]).take_while(|(a, b)| a == b).count();
    Some((back, same))
}

/// Fills the beginning of `raw`; returns how much.
fn decompress(stored: &[u8], raw: &mut [u8]) -> Result<usize, FilterError> {
    let overflow = FilterError::overflow(NAME, raw.len());
    let (mut rest, mut to) = (stored, 0);
    while let Some((&control, after)) = rest.split_first() {
        let control = usize::from(control);
        if control < MOST_LITERALS {
            let literals = after.split_at_checked(control + 1);
            let (literals, after) = literals.ok_or_else(|| FilterError::corrupt(NAME, "ends within literals"))?;
            raw.get_mut(to..to + literals.len()).ok_or_else(|| overflow.clone())?.copy_from_slice(literals);
            to += literals.len();
            rest = after;
            continue;
        }
        let (length, back, after) =
            matched(control, after).ok_or_else(|| FilterError::corrupt(NAME, "ends within a match"))?;
        if back > to {
            return Err(FilterError::corrupt(NAME, format!("refers to {back} bytes before, where there are {to}")));
        }
        repeat(raw.get_mut(..to + length).ok_or_else(|| overflow.clone())?, to, back);
        to += length;
        rest = after;
    }
    Ok(to)
}

/// Length and distance of a match, and what comes after it.
fn matched(control: usize, after: &[u8]) -> Option<(usize, usize, &[u8])> {
    let (more, after) = match control >> 5 {
        7 => after.split_first().map(|(&byte, after)| (usize::from(byte), after))?,
        _ => (0, after),
    };
    let (&low, after) = after.split_first()?;
    Some(((control >> 5) + more + 2, ((control & 31) << 8 | usize::from(low)) + 1, after))
}

/// Fills `raw` from `to` on with what is `back` bytes before each.
fn repeat(raw: &mut [u8], to: usize, back: usize) {
    if back >= raw.len() - to {
        raw.copy_within(to - back..raw.len() - back, to);
    } else if back == 1 {
        let byte = raw[to - 1];
        raw[to..].fill(byte);
    } else {
        (to..raw.len()).for_each(|at| raw[at] = raw[at - back]);
    }
}
