//! Inflate, for streams as [`super::runs`] makes them: up to three literals by one look into a table. Those streams are one
//! literal after another, each of a few bits, which decoders that take one at a time wait for one at a time. Where repeats
//! lie between, so that how many literals come next can't be foreseen, libdeflate is faster: see [`suits`].
//! The format: RFC 1951 in RFC 1950.

use super::block::ORDER;
use super::table::{BAD, DISTANCE_BITS, END, Entry, LENGTH, LITERAL_BITS, LONGER, Table, distance, meaning};
use libdeflater::Adler32;

/// Why a stream can't be decoded.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It breaks the format's rules, or its checksum does not fit.
    Unsound,
    /// It holds more than there is room for.
    TooLong,
}

pub(super) type Result<T> = std::result::Result<T, Fault>;

/// Input that a look at most moves on by, and output that a turn of the fast loop at most makes.
const MARGIN_IN: usize = 16;
const MARGIN_OUT: usize = 280;

/// Whether a zlib stream is of the kind that this is fast at: its first block has codes of its own, and a code for no other
/// distance than 1. Other streams are decoded too.
pub(super) fn suits(stored: &[u8]) -> bool {
    matches!(stored, [_, _, first, second, ..] if first >> 1 & 3 == 2 && second & 31 == 0)
}

/// What a thread keeps of one stream for the next.
#[derive(Default)]
pub(in super::super) struct Inflate {
    literals: Table,
    distances: Table,
}

impl Inflate {
    /// The bytes of a zlib stream, and how many they are.
    pub(super) fn zlib(&mut self, stored: &[u8], raw: &mut [u8]) -> Result<usize> {
        let [method, flags, ..] = stored else { return Err(Fault::Unsound) };
        let head = u16::from_be_bytes([*method, *flags]);
        if method & 15 != 8 || method >> 4 > 7 || head % 31 != 0 || flags & 32 != 0 {
            return Err(Fault::Unsound);
        }
        let mut bits = Bits { from: stored, at: 2, held: 0, count: 0 };
        let mut made = 0;
        loop {
            bits.refill();
            let (last, kind) = (bits.take(1), bits.take(2));
            made = match kind {
                0 => stored_block(&mut bits, raw, made)?,
                1 => {
                    self.fixed()?;
                    self.block(&mut bits, raw, made)?
                }
                2 => {
                    self.dynamic(&mut bits)?;
                    self.block(&mut bits, raw, made)?
                }
                _ => return Err(Fault::Unsound),
            };
            if last == 1 {
                break;
            }
        }
        let rest = bits.rest()?;
        let sum: [u8; 4] = rest.get(..4).and_then(|sum| sum.try_into().ok()).ok_or(Fault::Unsound)?;
        let mut adler = Adler32::new();
        adler.update(&raw[..made]);
        if adler.sum() == u32::from_be_bytes(sum) { Ok(made) } else { Err(Fault::Unsound) }
    }

    /// The codes of RFC 1951, 3.2.6.
    fn fixed(&mut self) -> Result<()> {
        let mut lengths = [8; 288];
        lengths[144..256].fill(9);
        lengths[256..280].fill(7);
        self.literals.fill(&lengths, LITERAL_BITS, false, meaning)?;
        self.literals.join_literals();
        self.distances.fill(&[5; 32], DISTANCE_BITS, false, distance)
    }

    /// The codes at the head of a block (RFC 1951, 3.2.7).
    fn dynamic(&mut self, bits: &mut Bits) -> Result<()> {
        bits.refill();
        let (literals, distances, sent) = (bits.take(5) + 257, bits.take(5) + 1, bits.take(4) + 4);
        if literals > 286 || distances > 30 {
            return Err(Fault::Unsound);
        }
        let mut of_lengths = [0; 19];
        for symbol in &ORDER[..sent as usize] {
            bits.refill();
            of_lengths[*symbol] = bits.take(3) as u8;
        }
        let mut table = Table::default();
        table.fill(&of_lengths, 7, false, |symbol| (1, symbol as u32))?;
        let mut lengths = [0; 286 + 30];
        let all = (literals + distances) as usize;
        let mut at = 0;
        while at < all {
            bits.refill();
            let entry = table.look(bits.held);
            bits.skip(entry.bits());
            let (length, times) = match entry.value() {
                _ if entry.kind() == BAD => return Err(Fault::Unsound),
                16 if at == 0 => return Err(Fault::Unsound),
                16 => (lengths[at - 1], 3 + bits.take(2)),
                17 => (0, 3 + bits.take(3)),
                18 => (0, 11 + bits.take(7)),
                length => (length as u8, 1),
            };
            lengths[..all].get_mut(at..at + times as usize).ok_or(Fault::Unsound)?.fill(length);
            at += times as usize;
            bits.check()?;
        }
        let (literals, distances) = lengths[..all].split_at(literals as usize);
        if literals[256] == 0 {
            return Err(Fault::Unsound);
        }
        self.literals.fill(literals, LITERAL_BITS, false, meaning)?;
        self.literals.join_literals();
        self.distances.fill(distances, DISTANCE_BITS, true, distance)
    }

    /// What a block's codes stand for, from `made` on; how much there is then.
    fn block(&self, bits: &mut Bits, raw: &mut [u8], mut made: usize) -> Result<usize> {
        while bits.at + MARGIN_IN <= bits.from.len() && made + MARGIN_OUT <= raw.len() {
            bits.refill();
            let mut entry = self.literals.look(bits.held);
            // Four looks of eleven bits each are surely held.
            for _ in 0..3 {
                if !entry.literals() {
                    break;
                }
                made = put_literals(entry, bits, raw, made);
                entry = self.literals.look(bits.held);
            }
            if entry.literals() {
                made = put_literals(entry, bits, raw, made);
                continue;
            }
            match self.other(entry, bits, raw, made)? {
                Some(more) => made = more,
                None => return Ok(made),
            }
        }
        self.slow(bits, raw, made)
    }

    /// The same, one code at a time, up to the very end.
    fn slow(&self, bits: &mut Bits, raw: &mut [u8], mut made: usize) -> Result<usize> {
        loop {
            bits.refill();
            let entry = self.literals.look(bits.held);
            if entry.literals() {
                let count = entry.kind() as usize;
                bits.skip(entry.bits());
                bits.check()?;
                let to = raw.get_mut(made..made + count).ok_or(Fault::TooLong)?;
                to.copy_from_slice(&entry.value().to_le_bytes()[..count]);
                made += count;
                continue;
            }
            match self.other(entry, bits, raw, made)? {
                Some(more) => made = more,
                None => return Ok(made),
            }
        }
    }

    /// A code that is not of a literal, or longer than the table's bits; none at the end of the block.
    #[inline(always)]
    fn other(&self, mut entry: Entry, bits: &mut Bits, raw: &mut [u8], made: usize) -> Result<Option<usize>> {
        if entry.kind() == LONGER {
            entry = self.literals.look_further(entry, bits.held);
        }
        bits.skip(entry.bits());
        match entry.kind() {
            1 => {
                bits.check()?;
                *raw.get_mut(made).ok_or(Fault::TooLong)? = entry.value() as u8;
                Ok(Some(made + 1))
            }
            LENGTH => {
                let (least, more) = (entry.value() >> 4, entry.value() & 15);
                let length = (least + bits.take(more)) as usize;
                bits.refill();
                let mut entry = self.distances.look(bits.held);
                if entry.kind() == LONGER {
                    entry = self.distances.look_further(entry, bits.held);
                }
                if entry.kind() == BAD {
                    return Err(Fault::Unsound);
                }
                bits.skip(entry.bits());
                let (least, more) = (entry.value() >> 4, entry.value() & 15);
                let distance = (least + bits.take(more)) as usize;
                bits.check()?;
                repeat(raw, made, distance, length).map(Some)
            }
            END => bits.check().map(|()| None),
            _ => Err(Fault::Unsound),
        }
    }
}

/// Up to three literals of one look; four bytes are written, the last of which count for nothing yet.
#[inline(always)]
fn put_literals(entry: Entry, bits: &mut Bits, raw: &mut [u8], made: usize) -> usize {
    raw[made..made + 4].copy_from_slice(&entry.value().to_le_bytes());
    bits.skip(entry.bits());
    made + entry.kind() as usize
}

/// So many bytes again that were made at that distance before.
#[inline(always)]
fn repeat(raw: &mut [u8], made: usize, distance: usize, length: usize) -> Result<usize> {
    let end = made + length;
    if distance > made {
        return Err(Fault::Unsound);
    }
    if end > raw.len() {
        return Err(Fault::TooLong);
    }
    if distance == 1 {
        let byte = raw[made - 1];
        raw[made..end].fill(byte);
    } else if distance >= 8 && end + 8 <= raw.len() {
        // Eight bytes at a time, and some beyond the end, which count for nothing yet.
        for at in (made..end).step_by(8) {
            let eight: [u8; 8] = raw[at - distance..at - distance + 8].try_into().expect("eight bytes");
            raw[at..at + 8].copy_from_slice(&eight);
        }
    } else {
        (made..end).for_each(|at| raw[at] = raw[at - distance]);
    }
    Ok(end)
}

/// A block that is stored as it is.
fn stored_block(bits: &mut Bits, raw: &mut [u8], made: usize) -> Result<usize> {
    let rest = bits.rest()?;
    let [a, b, c, d, rest @ ..] = rest else { return Err(Fault::Unsound) };
    let length = u16::from_le_bytes([*a, *b]);
    if length != !u16::from_le_bytes([*c, *d]) {
        return Err(Fault::Unsound);
    }
    let length = usize::from(length);
    let from = rest.get(..length).ok_or(Fault::Unsound)?;
    raw.get_mut(made..made + length).ok_or(Fault::TooLong)?.copy_from_slice(from);
    *bits = Bits { at: bits.from.len() - rest.len() + length, held: 0, count: 0, ..*bits };
    Ok(made + length)
}

/// The bits of a stream, the lowest first.
#[derive(Clone, Copy)]
struct Bits<'a> {
    from: &'a [u8],
    /// The next byte that is not yet wholly held. May lie beyond the end, where there are zeros: see `check`.
    at: usize,
    held: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    /// Holds 56 bits at least.
    #[inline(always)]
    fn refill(&mut self) {
        let bytes = match self.from.get(self.at..self.at + 8) {
            Some(bytes) => bytes.try_into().expect("eight bytes"),
            None => self.last_bytes(),
        };
        self.held |= u64::from_le_bytes(bytes) << self.count;
        self.at += ((63 - self.count) >> 3) as usize;
        self.count |= 56;
    }

    #[cold]
    fn last_bytes(&self) -> [u8; 8] {
        let mut bytes = [0; 8];
        let rest = self.from.get(self.at..).unwrap_or_default();
        bytes[..rest.len()].copy_from_slice(rest);
        bytes
    }

    #[inline(always)]
    fn skip(&mut self, count: u32) {
        self.held >>= count;
        self.count -= count;
    }

    #[inline(always)]
    fn take(&mut self, count: u32) -> u32 {
        let bits = self.held & ((1 << count) - 1);
        self.skip(count);
        bits as u32
    }

    /// Have only bits been taken that there are?
    #[inline(always)]
    fn check(&self) -> Result<()> {
        if self.at - (self.count / 8) as usize <= self.from.len() { Ok(()) } else { Err(Fault::Unsound) }
    }

    /// What follows, from the next whole byte on.
    fn rest(&self) -> Result<&'a [u8]> {
        self.from.get(self.at - (self.count / 8) as usize..).ok_or(Fault::Unsound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compress, Compression, FlushCompress};
    use proptest::prelude::*;

    fn inflate(stored: &[u8], most: usize) -> Result<Vec<u8>> {
        let mut raw = vec![0; most];
        let made = Inflate::default().zlib(stored, &mut raw)?;
        raw.truncate(made);
        Ok(raw)
    }

    fn zlib(raw: &[u8], level: u32) -> Vec<u8> {
        let mut stored = Vec::with_capacity(2 * raw.len() + 64);
        Compress::new(Compression::new(level), true).compress_vec(raw, &mut stored, FlushCompress::Finish).unwrap();
        stored
    }

    fn libdeflate(raw: &[u8], level: i32) -> Vec<u8> {
        let mut stored = vec![0; 2 * raw.len() + 64];
        let level = libdeflater::CompressionLvl::new(level).unwrap();
        let bytes = libdeflater::Compressor::new(level).zlib_compress(raw, &mut stored).unwrap();
        stored.truncate(bytes);
        stored
    }

    /// Text whose repeats lie near and far, noise, few values, skewed ones (long codes), and nothing.
    fn samples() -> Vec<Vec<u8>> {
        let noise = |n: u64, shift: u32| (0..n).map(move |i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> shift) as u8);
        let text = (0..40_000u64).flat_map(|i| format!("{} {};", i * i % 977, i / 7).into_bytes()).collect();
        let skewed = (0..300_000u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15).leading_zeros() as u8).collect();
        vec![vec![], vec![7], noise(100_000, 56).collect(), noise(100_000, 61).collect(), text, skewed, vec![0; 70_000]]
    }

    #[test]
    fn streams_of_others_are_read() {
        for raw in samples() {
            let streams = [0, 1, 6, 9].map(|level| zlib(&raw, level)).into_iter();
            for stored in streams.chain([0, 1, 6, 12].map(|level| libdeflate(&raw, level))) {
                assert!(inflate(&stored, raw.len()).unwrap() == raw);
                assert!(inflate(&stored, raw.len() + 1000).unwrap() == raw);
                if !raw.is_empty() {
                    assert_eq!(inflate(&stored, raw.len() - 1), Err(Fault::TooLong));
                }
                assert_eq!(inflate(&stored[..stored.len() - 1], raw.len()), Err(Fault::Unsound));
            }
        }
    }

    #[test]
    fn what_runs_makes_is_decoded_here_and_what_zlib_makes_is_not() {
        let counts: Vec<u8> =
            (0..100_000u64).map(|i| 7 + (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 60) as u8).collect();
        let mut stored = vec![0; 200_000];
        let bytes = super::super::runs::encode(&counts, &mut stored).unwrap();
        assert!(suits(&stored[..bytes]) && !suits(&zlib(&counts, 4)) && !suits(&[]));
        assert!(inflate(&stored[..bytes], counts.len()).unwrap() == counts);
    }

    proptest! {
        /// What is damaged, libdeflate and this call damaged alike, or decode alike.
        #[test]
        fn damage_is_seen_as_libdeflate_sees_it(which in 1..7usize, level in 1..=9u32, damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
            let raw = &samples()[which];
            let mut stored = zlib(&raw[..raw.len().min(20_000)], level);
            for (at, byte) in &damage {
                let at = at.index(stored.len());
                stored[at] = *byte;
            }
            let mut theirs = vec![0; 30_000];
            let bytes = libdeflater::Decompressor::new().zlib_decompress(&stored, &mut theirs);
            let ours = inflate(&stored, 30_000);
            prop_assert_eq!(ours.is_ok(), bytes.is_ok());
            if let (Ok(ours), Ok(bytes)) = (ours, bytes) {
                prop_assert!(ours == theirs[..bytes]);
            }
        }

        #[test]
        fn any_bytes_end_in_a_result(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
            let mut stored = vec![0x78, 0x01];
            stored.extend(bytes);
            let _ = inflate(&stored, 5000);
        }
    }
}
