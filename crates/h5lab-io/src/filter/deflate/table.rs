//! Tables of the codes of a deflate block: what its next bits stand for.

use super::inflate::{Fault, Result};

/// Bits that the tables are looked up by. Longer codes take a second look.
pub(super) const LITERAL_BITS: u32 = 11;
pub(super) const DISTANCE_BITS: u32 = 8;
const LONGEST_CODE: usize = 15;

/// What a look into a table finds.
///
/// One to three literals: in the lowest six bits how many bits their codes have; the literals; in the highest two bits how
/// many they are. All else has zeros in those lowest and highest bits, so that whoever takes it for literals stays where he
/// is; then come three bits of kind, 16 of value, and five that say how many bits the code has.
#[derive(Clone, Copy, Default)]
pub(super) struct Entry(u32);

pub(super) const BAD: u32 = 0;
pub(super) const LITERAL: u32 = 1;
pub(super) const LENGTH: u32 = 2;
pub(super) const END: u32 = 3;
/// The code goes on: the value is where its second table begins, times 8, and the bits that it is looked up by.
pub(super) const LONGER: u32 = 4;

impl Entry {
    /// No code, and no reason to look at the next one.
    pub(super) const NOTHING_ELSE: Entry = Entry(1 << 30);

    fn new(kind: u32, bits: u32, value: u32) -> Self {
        match kind {
            LITERAL => Entry(bits | value << 6 | 1 << 30),
            _ => Entry(kind << 6 | value << 9 | bits << 25),
        }
    }

    /// How many literals they are; 0: it is something else.
    #[inline(always)]
    pub(super) fn count(self) -> u32 {
        self.0 >> 30
    }

    /// How many bits the codes of literals have.
    #[inline(always)]
    pub(super) fn literal_bits(self) -> u32 {
        self.0 & 63
    }

    /// All of it, of which the lowest six bits are [`Entry::literal_bits`].
    #[inline(always)]
    pub(super) fn all(self) -> u32 {
        self.0
    }

    /// The literals, and bytes of no meaning.
    #[inline(always)]
    pub(super) fn literals(self) -> [u8; 4] {
        (self.0 >> 6).to_le_bytes()
    }

    /// How many bits the code of anything else has.
    pub(super) fn bits(self) -> u32 {
        self.0 >> 25 & 31
    }

    pub(super) fn kind(self) -> u32 {
        self.0 >> 6 & 7
    }

    pub(super) fn value(self) -> u32 {
        self.0 >> 9 & 0xffff
    }
}

/// A code's tables: one of `2^bits` entries, then the second tables of codes that are longer.
#[derive(Default)]
pub(super) struct Table {
    entries: Vec<Entry>,
    bits: u32,
}

impl Table {
    /// Of the lengths of each symbol's code, and what a symbol means (kind and value).
    pub(super) fn fill(
        &mut self,
        lengths: &[u8],
        bits: u32,
        may_lack: bool,
        means: impl Fn(usize) -> (u32, u32),
    ) -> Result<()> {
        let mut of_length = [0u32; LONGEST_CODE + 1];
        lengths.iter().for_each(|length| of_length[usize::from(*length)] += 1);
        of_length[0] = 0;
        let taken: u32 = (1..=LONGEST_CODE).map(|length| of_length[length] << (LONGEST_CODE - length)).sum();
        let single = of_length.iter().sum::<u32>() <= 1;
        // All codes are in use, but for a single one of one bit, or none, where that may be.
        if taken != 1 << LONGEST_CODE && !(may_lack && single && taken <= 1 << (LONGEST_CODE - 1)) {
            return Err(Fault::Unsound);
        }
        self.bits = bits;
        self.entries.clear();
        self.entries.resize(1 << bits, Entry::default());
        let mut next = [0u32; LONGEST_CODE + 2];
        for length in 1..=LONGEST_CODE {
            next[length + 1] = (next[length] + of_length[length]) << 1;
        }
        let longest = (1..=LONGEST_CODE).rev().find(|length| of_length[*length] > 0).unwrap_or(1) as u32;
        for (symbol, length) in lengths.iter().enumerate().filter(|(_, length)| **length > 0) {
            let length = u32::from(*length);
            let code = next[length as usize].reverse_bits() >> (32 - length);
            next[length as usize] += 1;
            let (kind, value) = means(symbol);
            self.enter(code, length, longest, Entry::new(kind, length, value));
        }
        Ok(())
    }

    /// Enters a code wherever its bits lead.
    fn enter(&mut self, code: u32, length: u32, longest: u32, entry: Entry) {
        if length <= self.bits {
            self.entries[code as usize..1 << self.bits].iter_mut().step_by(1 << length).for_each(|e| *e = entry);
            return;
        }
        let (first, rest) = ((code & ((1 << self.bits) - 1)) as usize, code >> self.bits);
        let more = longest - self.bits;
        // Nothing else begins as this code does.
        if self.entries[first].kind() != LONGER {
            self.entries[first] = Entry::new(LONGER, self.bits, (self.entries.len() as u32) << 3 | more);
            self.entries.resize(self.entries.len() + (1 << more), Entry::default());
        }
        let second = (self.entries[first].value() >> 3) as usize;
        let table = &mut self.entries[second..second + (1 << more)];
        table[rest as usize..].iter_mut().step_by(1 << (length - self.bits)).for_each(|e| *e = entry);
    }

    /// Has each look find as many literals as its bits hold, three at most.
    ///
    /// How many that are is as random as the data: there is no branch that depends on it.
    pub(super) fn join_literals(&mut self) {
        /// More bits than any look holds.
        const TOO_MANY: u32 = 63;
        const LITERAL: u32 = 255 << 6;
        const SIZE: usize = 1 << LITERAL_BITS;
        let single = self.first().map(|entry| if entry.count() == 1 { entry.0 } else { TOO_MANY });
        // A literal more: how many it is moves up, and so do its bits; the literal goes to the nth place.
        let more = |joined: u32, bits: u32, nth: u32| {
            let next = single[bits as usize & (SIZE - 1)];
            let all = (joined & 63) + (next & 63);
            let added = next & !LITERAL | (next & LITERAL) << (8 * nth);
            joined + (added & u32::from(all <= LITERAL_BITS).wrapping_neg())
        };
        for (index, (entry, first)) in self.entries.iter_mut().zip(single).enumerate() {
            let two = more(first, (index as u32).wrapping_shr(first), 1);
            // If the second did not fit, it does not fit now.
            let three = more(two, (index as u32).wrapping_shr(two), 2);
            let joins = u32::from(first != TOO_MANY).wrapping_neg();
            entry.0 = entry.0 & !joins | three & joins;
        }
    }

    /// The first table of a code that is looked up by [`LITERAL_BITS`].
    #[inline(always)]
    pub(super) fn first(&self) -> &[Entry; 1 << LITERAL_BITS] {
        self.entries.first_chunk().expect("a table of literals")
    }

    #[inline(always)]
    pub(super) fn look(&self, held: u64) -> Entry {
        self.entries[(held & ((1 << self.bits) - 1)) as usize]
    }

    /// The entry for a code longer than the table's bits, of which those are in it.
    pub(super) fn look_further(&self, longer: Entry, held: u64) -> Entry {
        let (second, more) = (longer.value() >> 3, longer.value() & 7);
        self.entries[second as usize + (held >> self.bits & ((1 << more) - 1)) as usize]
    }
}

/// What a symbol of the first code means (RFC 1951, 3.2.5): a length's least, times 16, and how many bits are added to it.
pub(super) fn meaning(symbol: usize) -> (u32, u32) {
    match symbol as u32 {
        byte @ 0..=255 => (LITERAL, byte),
        256 => (END, 0),
        symbol @ 257..=264 => (LENGTH, (symbol - 254) << 4),
        285 => (LENGTH, 258 << 4),
        symbol @ 265..=284 => {
            let more = (symbol - 261) / 4;
            (LENGTH, (3 + ((4 + (symbol - 261) % 4) << more)) << 4 | more)
        }
        _ => (BAD, 0),
    }
}

/// A symbol of the second code.
pub(super) fn distance(symbol: usize) -> (u32, u32) {
    if symbol < 30 { (LENGTH, symbol as u32) } else { (BAD, 0) }
}

/// What such a symbol means (RFC 1951, 3.2.5): a distance's least, and how many bits are added to it.
pub(super) fn distance_of(symbol: u32) -> (u32, u32) {
    if symbol < 4 {
        return (symbol + 1, 0);
    }
    let more = symbol / 2 - 1;
    (1 + ((2 + symbol % 2) << more), more)
}
