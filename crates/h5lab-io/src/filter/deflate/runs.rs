//! Deflate by Huffman codes and runs of one byte, with no search for other matches: several times as fast. What shuffled
//! counts have in common is how often each byte occurs and that the upper bytes are all zero, which is all that this sees.
//! The format: RFC 1951 in RFC 1950.

use super::block::Writer;
use super::huffman::{self, Code};
use libdeflater::Adler32;
use std::ops::Range;

/// Literals, the end of a block, and lengths.
pub(super) const SYMBOLS: usize = 286;
pub(super) const END: usize = 256;
/// The longest code: what decoders find by one look into their tables.
const LONGEST_CODE: u8 = 11;
/// Bytes whose statistics are taken together. A block is as many such pieces as are alike.
const PIECE: usize = 16 << 10;
const SHORTEST_RUN: usize = 3;
const LONGEST_RUN: usize = 258;

/// The zlib stream of `raw` (not empty), and its length in bytes; none if `stored` has no room for it.
pub(super) fn encode(raw: &[u8], stored: &mut [u8]) -> Option<usize> {
    let mut writer = Writer::new(stored);
    writer.bytes(&[0x78, 0x01])?;
    let mut block = Block::of(raw, 0);
    while block.range.end < raw.len() {
        let next = Block::of(raw, block.range.end);
        let both = block.and(&next);
        if both.bits <= block.bits + next.bits {
            block = both;
        } else {
            block.write(raw, &mut writer)?;
            block = next;
        }
    }
    block.write(raw, &mut writer)?;
    let mut sum = Adler32::new();
    sum.update(raw);
    writer.bytes(&sum.sum().to_be_bytes())?;
    Some(writer.written())
}

/// Part of the chunk that has one set of codes.
struct Block {
    range: Range<usize>,
    counts: [u32; SYMBOLS],
    /// Bits that are sent beside the codes: a run's distance, and what its symbol leaves open of its length.
    beside: u64,
    /// What it takes in all, about: by the entropy of the symbols, and some bits to tell the code of each.
    bits: f32,
}

impl Block {
    fn of(raw: &[u8], from: usize) -> Self {
        let range = from..raw.len().min(from + PIECE);
        let mut census = Census { literals: [[0; 256]; 4], lengths: [0; SYMBOLS - END], beside: 0 };
        walk(raw, range.clone(), &mut census);
        let mut counts = [0; SYMBOLS];
        for (byte, count) in counts[..END].iter_mut().enumerate() {
            *count = census.literals.iter().map(|counts| counts[byte]).sum();
        }
        counts[END..].copy_from_slice(&census.lengths);
        counts[END] = 1;
        Block { range, bits: bits(&counts, census.beside), counts, beside: census.beside }
    }

    /// This and the next as one.
    fn and(&self, next: &Block) -> Block {
        let mut counts = self.counts;
        counts.iter_mut().zip(&next.counts).for_each(|(count, more)| *count += more);
        counts[END] = 1;
        let beside = self.beside + next.beside;
        Block { range: self.range.start..next.range.end, bits: bits(&counts, beside), counts, beside }
    }

    fn write(&self, raw: &[u8], writer: &mut Writer) -> Option<()> {
        let last = self.range.end == raw.len();
        let codes = huffman::codes(&self.counts, LONGEST_CODE);
        let bits: u64 = self.counts.iter().zip(&codes).map(|(n, code)| u64::from(*n) * u64::from(code.length)).sum();
        let bytes = (bits + self.beside).div_ceil(8) as usize;
        if bytes >= self.range.len() {
            return writer.stored_block(&raw[self.range.clone()], last);
        }
        writer.head(&codes, last)?;
        writer.has_room(bytes)?;
        let mut text = Text { writer, codes: &codes };
        // Piece by piece, as they were counted: a run ends where its piece does.
        for from in self.range.clone().step_by(PIECE) {
            walk(raw, from..self.range.end.min(from + PIECE), &mut text);
        }
        text.symbol(END);
        text.writer.flush();
        Some(())
    }
}

fn bits(counts: &[u32; SYMBOLS], beside: u64) -> f32 {
    let total: u32 = counts.iter().sum();
    let entropy = n_log_n(total) - counts.iter().map(|n| n_log_n(*n)).sum::<f32>();
    let told = counts.iter().filter(|n| **n > 0).count();
    entropy + beside as f32 + 4.0 * told as f32 + 100.0
}

/// `n` times its logarithm of base 2, to a hundredth: a parabola through the logarithm at 1, 1.5 and 2 is near enough.
fn n_log_n(n: u32) -> f32 {
    let bits = (n.max(1) as f32).to_bits();
    let exponent = (bits >> 23) as f32 - 127.0;
    let mantissa = f32::from_bits(bits & 0x007f_ffff | 0x3f80_0000);
    n as f32 * (exponent + ((mantissa * -0.3398) + 2.0194) * mantissa - 1.6796)
}

/// Who hears of what a piece consists of.
trait Reader {
    fn literal(&mut self, byte: u8);
    /// Eight literals, the first the lowest.
    fn literals(&mut self, word: u64);
    /// The byte before, so many times more.
    fn run(&mut self, length: usize);
}

/// A piece as runs and literals: a run begins where eight bytes are what the byte before them is.
#[inline(always)]
fn walk(raw: &[u8], piece: Range<usize>, reader: &mut impl Reader) {
    let mut at = piece.start;
    if at == 0 {
        reader.literal(raw[0]);
        at = 1;
    }
    while at + 8 <= piece.end {
        let word = load(raw, at);
        if word != load(raw, at - 1) {
            reader.literals(word);
            at += 8;
            continue;
        }
        let end = end_of_run(raw, at + 8, piece.end, word);
        while at < end {
            let left = end - at;
            let rest = left.saturating_sub(LONGEST_RUN);
            // What is left must be long enough for a run too.
            let length = if (1..SHORTEST_RUN).contains(&rest) { left - SHORTEST_RUN } else { left - rest };
            reader.run(length);
            at += length;
        }
    }
    raw[at..piece.end].iter().for_each(|byte| reader.literal(*byte));
}

fn load(raw: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(raw[at..at + 8].try_into().expect("eight bytes"))
}

/// Where the bytes from `at` are no longer those of `word`, which are all alike.
fn end_of_run(raw: &[u8], mut at: usize, end: usize, word: u64) -> usize {
    while at + 8 <= end {
        let differs = load(raw, at) ^ word;
        if differs != 0 {
            return at + differs.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    at + raw[at..end].iter().take_while(|byte| **byte == word as u8).count()
}

/// The symbol of a run's length, and how many bits more tell which length it is.
fn length_symbol(length: usize) -> (usize, u32) {
    let over = length - SHORTEST_RUN;
    if length == LONGEST_RUN {
        return (SYMBOLS - 1, 0);
    }
    if over < 8 {
        return (END + 1 + over, 0);
    }
    let bits = over.ilog2() - 2;
    (END + 1 + 4 * bits as usize + (over >> bits), bits)
}

/// Counts symbols. Four counts of each literal, as the same one twice in a row would have to wait for itself.
struct Census {
    literals: [[u32; 256]; 4],
    lengths: [u32; SYMBOLS - END],
    beside: u64,
}

impl Reader for Census {
    fn literal(&mut self, byte: u8) {
        self.literals[0][usize::from(byte)] += 1;
    }

    #[inline(always)]
    fn literals(&mut self, word: u64) {
        for (at, byte) in word.to_le_bytes().into_iter().enumerate() {
            self.literals[at % 4][usize::from(byte)] += 1;
        }
    }

    fn run(&mut self, length: usize) {
        let (symbol, bits) = length_symbol(length);
        self.lengths[symbol - END] += 1;
        self.beside += u64::from(bits) + 1;
    }
}

/// Writes symbols.
struct Text<'a, 'b> {
    writer: &'a mut Writer<'b>,
    codes: &'a [Code; SYMBOLS],
}

impl Text<'_, '_> {
    #[inline(always)]
    fn symbol(&mut self, symbol: usize) {
        let code = self.codes[symbol];
        self.writer.put(code.bits.into(), code.length.into());
    }
}

impl Reader for Text<'_, '_> {
    fn literal(&mut self, byte: u8) {
        self.symbol(byte.into());
        self.writer.flush();
    }

    #[inline(always)]
    fn literals(&mut self, word: u64) {
        const { assert!(7 + 4 * LONGEST_CODE <= 64) };
        for four in [word as u32, (word >> 32) as u32] {
            four.to_le_bytes().into_iter().for_each(|byte| self.symbol(byte.into()));
            self.writer.flush();
        }
    }

    fn run(&mut self, length: usize) {
        let (symbol, bits) = length_symbol(length);
        self.symbol(symbol);
        self.writer.put((length - SHORTEST_RUN) as u64 & ((1 << bits) - 1), bits);
        // The only distance there is, 1, has the only code, 0.
        self.writer.put(0, 1);
        self.writer.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(raw: &[u8]) -> usize {
        let mut stored = vec![0; raw.len() + raw.len() / 16 + 64];
        let bytes = encode(raw, &mut stored).unwrap();
        let (mut zlib, mut deflate) = (vec![0; raw.len()], vec![0; raw.len()]);
        let mut inflate = flate2::Decompress::new(true);
        let status = inflate.decompress(&stored[..bytes], &mut zlib, flate2::FlushDecompress::Finish).unwrap();
        assert_eq!((status, inflate.total_in()), (flate2::Status::StreamEnd, bytes as u64));
        libdeflater::Decompressor::new().zlib_decompress(&stored[..bytes], &mut deflate).unwrap();
        assert!(zlib == raw && deflate == raw, "not what went in");
        // With one byte less it says so.
        assert_eq!(encode(raw, &mut stored[..bytes - 1]), None);
        bytes
    }

    #[test]
    fn runs_of_every_length_come_back() {
        for length in 0..600 {
            let mut raw = vec![7; 1 + length];
            raw.extend([1, 2, 3]);
            check(&raw);
        }
    }

    #[test]
    fn noise_is_stored_and_zeros_shrink_to_two_bits_a_run() {
        let noise: Vec<u8> = (0..200_000u64).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect();
        assert!(check(&noise) <= noise.len() + 5 * 4 + 6);
        assert!(check(&vec![0; 1 << 20]) < (1 << 20) / LONGEST_RUN / 4 + 1200);
    }

    #[test]
    fn parts_that_differ_have_blocks_of_their_own() {
        let plane = |few: u64| (0..1u64 << 16).map(move |i| (i.wrapping_mul(i) >> 7 & few) as u8 + few as u8);
        let (low, high): (Vec<u8>, Vec<u8>) = (plane(3).collect(), plane(15).collect());
        let alone = check(&low) + check(&high);
        let both = check(&[low, high].concat());
        assert!(both < alone + 100, "{both} bytes for what takes {alone} in two");
    }

    proptest! {
        #[test]
        fn all_comes_back(parts in prop::collection::vec((any::<u8>(), 0..40u8, 1..400usize), 1..200)) {
            let raw: Vec<u8> = parts.iter().flat_map(|(byte, step, n)| {
                (0..*n).map(move |i| byte.wrapping_add(if *step < 20 { 0 } else { step.wrapping_mul(i as u8) }))
            }).collect();
            check(&raw);
        }
    }
}
