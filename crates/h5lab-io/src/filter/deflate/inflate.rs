//! Inflate, for streams as [`super::runs`] makes them: up to three literals by one look into a table. Those streams are one
//! literal after another, each of a few bits. A decoder waits for each look before it knows where the next one is: two
//! streams at a time wait for half as long (see [`super::lanes`]). Where repeats lie between, so that how many literals
//! come next can't be foreseen, libdeflate is faster: see [`suits`].
//! The format: RFC 1951 in RFC 1950.

use super::bits::Bits;
use super::block::ORDER;
use super::lanes::{self, Lane};
use super::table::{
    BAD, DISTANCE_BITS, END, Entry, LENGTH, LITERAL_BITS, LONGER, Table, distance, distance_of, meaning,
};
use libdeflater::Adler32;

/// Why a stream can't be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It breaks the format's rules, or its checksum does not fit.
    Unsound,
    /// It holds more than there is room for.
    TooLong,
}

pub(super) type Result<T> = std::result::Result<T, Fault>;

/// Whether a zlib stream is of the kind that this is fast at: its first block has codes of its own, and a code for no other
/// distance than 1. Other streams are decoded too.
pub(super) fn suits(stored: &[u8]) -> bool {
    matches!(stored, [_, _, first, second, ..] if first >> 1 & 3 == 2 && second & 31 == 0)
}

/// What a thread keeps of its streams for the next ones.
#[derive(Default)]
pub(in super::super) struct Inflate {
    tables: [Tables; 2],
}

impl Inflate {
    /// The bytes of a zlib stream, and how many they are.
    pub(super) fn zlib(&mut self, stored: &[u8], raw: &mut [u8]) -> Result<usize> {
        Stream::new(stored, raw, &mut self.tables[0]).finish()
    }

    /// Two at once. What is wrong with one of them does the other no harm.
    pub(super) fn zlib_two(&mut self, stored: [&[u8]; 2], raw: [&mut [u8]; 2]) -> [Result<usize>; 2] {
        let ([first, second], [raw_a, raw_b]) = (&mut self.tables, raw);
        let (mut a, mut b) = (Stream::new(stored[0], raw_a, first), Stream::new(stored[1], raw_b, second));
        while a.is_ready() && b.is_ready() {
            let [found_a, found_b] = lanes::turns([a.lane(), b.lane()]);
            a.go_on(found_a);
            b.go_on(found_b);
        }
        [a.finish(), b.finish()]
    }
}

/// A stream that is being decoded.
struct Stream<'a> {
    bits: Bits<'a>,
    raw: &'a mut [u8],
    made: usize,
    /// The checksum of the first bytes, and how many they are: taken while a block is still in the cache.
    sum: Adler32,
    summed: usize,
    tables: &'a mut Tables,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the head of a block.
    Between,
    /// Within a block that has codes; whether it is the last.
    Coded {
        last: bool,
    },
    /// The last block is over.
    Over,
    Failed(Fault),
}

impl<'a> Stream<'a> {
    fn new(stored: &'a [u8], raw: &'a mut [u8], tables: &'a mut Tables) -> Self {
        let sound = matches!(*stored, [method, flags, ..]
            if method & 15 == 8 && method >> 4 <= 7 && u16::from_be_bytes([method, flags]) % 31 == 0 && flags & 32 == 0);
        let state = if sound { State::Between } else { State::Failed(Fault::Unsound) };
        Stream { bits: Bits::from(stored, 2), raw, made: 0, sum: Adler32::new(), summed: 0, tables, state }
    }

    /// All that is left of it.
    fn finish(mut self) -> Result<usize> {
        while self.is_ready() {
            let [found] = lanes::turns([self.lane()]);
            self.go_on(found);
        }
        match self.state {
            State::Failed(fault) => Err(fault),
            _ => Ok(self.made),
        }
    }

    /// Moves on to where the fast loop can take over; false: there is no such place any more.
    fn is_ready(&mut self) -> bool {
        loop {
            let next = match self.state {
                State::Coded { .. } if lanes::has_margin(&self.bits, self.raw, self.made) => return true,
                State::Coded { last } => self.slow().and_then(|()| self.end_block(last)),
                State::Between => self.begin_block(),
                State::Over | State::Failed(_) => return false,
            };
            self.state = next.unwrap_or_else(State::Failed);
        }
    }

    /// What the fast loop works on.
    fn lane(&mut self) -> Lane<'_, 'a> {
        let Stream { bits, raw, made, tables, .. } = self;
        Lane { bits, raw, made, first: tables.literals.first() }
    }

    /// What the fast loop could not take.
    fn go_on(&mut self, found: Entry) {
        if found.count() > 0 {
            return;
        }
        let next = match (self.others(found), self.state) {
            (Ok(true), state) => Ok(state),
            (Ok(false), State::Coded { last }) => self.end_block(last),
            (Ok(false), state) => Ok(state),
            (Err(fault), _) => Err(fault),
        };
        self.state = next.unwrap_or_else(State::Failed);
    }

    /// Codes that are not of literals, as many as come; false: the block is over.
    fn others(&mut self, mut found: Entry) -> Result<bool> {
        while let Some(more) = self.tables.other(found, &mut self.bits, self.raw, self.made)? {
            self.made = more;
            self.bits.refill();
            found = self.tables.literals.look(self.bits.held);
            if found.count() > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The rest of a block, one code at a time, up to the very end.
    fn slow(&mut self) -> Result<()> {
        loop {
            self.bits.refill();
            let found = self.tables.literals.look(self.bits.held);
            if found.count() > 0 {
                let count = found.count() as usize;
                self.bits.skip(found.literal_bits());
                self.bits.check()?;
                let to = self.raw.get_mut(self.made..self.made + count).ok_or(Fault::TooLong)?;
                to.copy_from_slice(&found.literals()[..count]);
                self.made += count;
                continue;
            }
            match self.tables.other(found, &mut self.bits, self.raw, self.made)? {
                Some(more) => self.made = more,
                None => return Ok(()),
            }
        }
    }

    /// Reads the head of a block; all of it, if it has no codes.
    fn begin_block(&mut self) -> Result<State> {
        self.bits.refill();
        let (last, kind) = (self.bits.take(1) == 1, self.bits.take(2));
        match kind {
            0 => {
                self.made = stored_block(&mut self.bits, self.raw, self.made)?;
                return self.end_block(last);
            }
            1 => self.tables.fixed()?,
            2 => self.tables.dynamic(&mut self.bits)?,
            _ => return Err(Fault::Unsound),
        }
        Ok(State::Coded { last })
    }

    /// Takes a block into the checksum, which comes behind the last one.
    fn end_block(&mut self, last: bool) -> Result<State> {
        self.sum.update(&self.raw[self.summed..self.made]);
        self.summed = self.made;
        if !last {
            return Ok(State::Between);
        }
        let told = self.bits.rest()?.first_chunk().ok_or(Fault::Unsound)?;
        if self.sum.sum() == u32::from_be_bytes(*told) { Ok(State::Over) } else { Err(Fault::Unsound) }
    }
}

/// The codes of a block.
#[derive(Default)]
struct Tables {
    literals: Table,
    distances: Table,
    /// For the lengths of the codes.
    lengths: Table,
}

impl Tables {
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
        self.lengths.fill(&of_lengths, 7, false, |symbol| (LENGTH, symbol as u32))?;
        let mut lengths = [0; 286 + 30];
        let all = (literals + distances) as usize;
        let mut at = 0;
        while at < all {
            bits.refill();
            let entry = self.lengths.look(bits.held);
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

    /// A code that is not of a literal, or longer than the table's bits; none at the end of the block.
    #[inline(always)]
    fn other(&self, mut entry: Entry, bits: &mut Bits, raw: &mut [u8], made: usize) -> Result<Option<usize>> {
        if entry.kind() == LONGER {
            entry = self.literals.look_further(entry, bits.held);
            if entry.count() > 0 {
                bits.skip(entry.literal_bits());
                bits.check()?;
                *raw.get_mut(made).ok_or(Fault::TooLong)? = entry.literals()[0];
                return Ok(Some(made + 1));
            }
        }
        bits.skip(entry.bits());
        match entry.kind() {
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
                let (least, more) = distance_of(entry.value());
                let distance = (least + bits.take(more)) as usize;
                bits.check()?;
                repeat(raw, made, distance, length).map(Some)
            }
            END => bits.check().map(|()| None),
            _ => Err(Fault::Unsound),
        }
    }
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
    *bits = Bits::from(bits.from, bits.from.len() - rest.len() + length);
    Ok(made + length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compress, Compression, FlushCompress};
    use proptest::prelude::*;

    fn inflate_one(stored: &[u8], most: usize) -> Result<Vec<u8>> {
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
                assert!(inflate_one(&stored, raw.len()).unwrap() == raw);
                assert!(inflate_one(&stored, raw.len() + 1000).unwrap() == raw);
                if !raw.is_empty() {
                    assert_eq!(inflate_one(&stored, raw.len() - 1), Err(Fault::TooLong));
                }
                assert_eq!(inflate_one(&stored[..stored.len() - 1], raw.len()), Err(Fault::Unsound));
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
        assert!(inflate_one(&stored[..bytes], counts.len()).unwrap() == counts);
    }

    /// Whatever the two are, and wherever one of them ends or fails: each is as it is alone.
    #[test]
    fn two_streams_are_decoded_as_one_alone() {
        // Short enough for all pairs of them, and of different lengths.
        let shortened = |(nth, raw): (usize, Vec<u8>)| raw[..raw.len().min(10_000 + 1000 * nth)].to_vec();
        let samples = samples().into_iter().enumerate().map(shortened);
        let streams: Vec<Vec<u8>> = samples.flat_map(|raw| [zlib(&raw, 6), libdeflate(&raw, 1)]).collect();
        let mut inflate = Inflate::default();
        for (a, b) in streams.iter().flat_map(|a| streams.iter().map(move |b| (a, b))) {
            for (cut_a, cut_b, most) in [(0, 0, 20_000), (1, 0, 20_000), (0, 5, 20_000), (0, 0, 9000)] {
                let (a, b) = (&a[..a.len() - cut_a], &b[..b.len() - cut_b]);
                let mut raw = [vec![0; most], vec![0; most]];
                let [first, second] = &mut raw;
                let made = inflate.zlib_two([a, b], [first, second]);
                for ((stored, raw), made) in [a, b].into_iter().zip(raw).zip(made) {
                    assert!(made.map(|made| raw[..made].to_vec()) == inflate_one(stored, most));
                }
            }
        }
    }

    proptest! {
        /// What is damaged in one stream is seen, and does the other no harm.
        #[test]
        fn damage_stays_in_its_stream(which in 1..7usize, first in any::<bool>(), damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
            let raw = &samples()[which];
            let sound = zlib(&raw[..raw.len().min(20_000)], 6);
            let mut stored = sound.clone();
            for (at, byte) in &damage {
                let at = at.index(stored.len());
                stored[at] = *byte;
            }
            let mut both = [vec![0; 30_000], vec![0; 30_000]];
            let [to_damaged, to_sound] = &mut both;
            let made = if first {
                Inflate::default().zlib_two([&stored, &sound], [to_damaged, to_sound])
            } else {
                let [sound, damaged] = Inflate::default().zlib_two([&sound, &stored], [to_sound, to_damaged]);
                [damaged, sound]
            };
            let [damaged, whole] = both;
            prop_assert_eq!(made[0].map(|made| damaged[..made].to_vec()), inflate_one(&stored, 30_000));
            prop_assert_eq!(made[1].map(|made| whole[..made].to_vec()), inflate_one(&sound, 30_000));
        }

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
            let ours = inflate_one(&stored, 30_000);
            prop_assert_eq!(ours.is_ok(), bytes.is_ok());
            if let (Ok(ours), Ok(bytes)) = (ours, bytes) {
                prop_assert!(ours == theirs[..bytes]);
            }
        }

        #[test]
        fn any_bytes_end_in_a_result(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
            let mut stored = vec![0x78, 0x01];
            stored.extend(bytes);
            let _ = inflate_one(&stored, 5000);
        }
    }
}
