//! Tables of the codes of a deflate block: what its next bits stand for.

use super::inflate::{Fault, Result};

/// Bits that the tables are looked up by. Longer codes take a second look.
pub(super) const LITERAL_BITS: u32 = 11;
pub(super) const DISTANCE_BITS: u32 = 8;
const LONGEST_CODE: usize = 15;

/// What a look into a table finds. The lowest five bits: how many bits the code has (or the codes of all the literals); the
/// next three: what it is; then 24 bits of value.
#[derive(Clone, Copy, Default)]
pub(super) struct Entry(u32);

/// One to three literals have this as their kind, and are the value.
pub(super) const LENGTH: u32 = 4;
pub(super) const END: u32 = 5;
/// The code goes on: the value is where its second table begins, times 16, and the bits that it is looked up by.
pub(super) const LONGER: u32 = 6;
pub(super) const BAD: u32 = 0;

impl Entry {
    fn new(kind: u32, bits: u32, value: u32) -> Self {
        Entry(bits | kind << 5 | value << 8)
    }

    pub(super) fn bits(self) -> u32 {
        self.0 & 31
    }

    pub(super) fn kind(self) -> u32 {
        self.0 >> 5 & 7
    }

    pub(super) fn value(self) -> u32 {
        self.0 >> 8
    }

    pub(super) fn literals(self) -> bool {
        (1..=3).contains(&self.kind())
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
        if self.entries[first].kind() != LONGER {
            self.entries[first] = Entry::new(LONGER, self.bits, (self.entries.len() as u32) << 4 | more);
            self.entries.resize(self.entries.len() + (1 << more), Entry::default());
        }
        let second = (self.entries[first].value() >> 4) as usize;
        let table = &mut self.entries[second..second + (1 << more)];
        table[rest as usize..].iter_mut().step_by(1 << (length - self.bits)).for_each(|e| *e = entry);
    }

    /// Has each look find as many literals as its bits hold, three at most.
    pub(super) fn join_literals(&mut self) {
        let single: Vec<Entry> = self.entries[..1 << self.bits].to_vec();
        for (index, entry) in single.iter().enumerate().filter(|(_, entry)| entry.kind() == 1) {
            let (mut all, mut at) = (*entry, entry.bits());
            while all.kind() < 3 {
                let next = single[index >> at];
                if next.kind() != 1 || at + next.bits() > self.bits {
                    break;
                }
                at += next.bits();
                all = Entry::new(all.kind() + 1, at, all.value() | next.value() << (8 * all.kind()));
            }
            self.entries[index] = all;
        }
    }

    #[inline(always)]
    pub(super) fn look(&self, held: u64) -> Entry {
        self.entries[(held & ((1 << self.bits) - 1)) as usize]
    }

    /// The entry for a code longer than the table's bits, of which those are in it.
    pub(super) fn look_further(&self, longer: Entry, held: u64) -> Entry {
        let (second, more) = (longer.value() >> 4, longer.value() & 15);
        self.entries[second as usize + (held >> self.bits & ((1 << more) - 1)) as usize]
    }
}

/// What a symbol of the first code means (RFC 1951, 3.2.5): a length's least, times 16, and how many bits are added to it.
pub(super) fn meaning(symbol: usize) -> (u32, u32) {
    match symbol as u32 {
        byte @ 0..=255 => (1, byte),
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

/// What a symbol of the second code means: likewise, for distances.
pub(super) fn distance(symbol: usize) -> (u32, u32) {
    match symbol as u32 {
        symbol @ 0..=3 => (LENGTH, (symbol + 1) << 4),
        symbol @ 4..=29 => {
            let more = symbol / 2 - 1;
            (LENGTH, (1 + ((2 + symbol % 2) << more)) << 4 | more)
        }
        _ => (BAD, 0),
    }
}
