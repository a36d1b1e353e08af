//! Blocks of deflate, bit by bit (RFC 1951, section 3.2).

use super::huffman::{self, Code};
use super::runs::{END, SYMBOLS};

/// The most bytes of a stored block.
const STORED: usize = 0xffff;
/// The order in which the lengths of the codes for lengths are sent.
pub(super) const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// Writes bits, the lowest first, up to the end of a buffer.
pub(super) struct Writer<'a> {
    to: &'a mut [u8],
    at: usize,
    held: u64,
    bits: u32,
}

impl<'a> Writer<'a> {
    pub(super) fn new(to: &'a mut [u8]) -> Self {
        Writer { to, at: 0, held: 0, bits: 0 }
    }

    /// Whole bytes that were written.
    pub(super) fn written(&self) -> usize {
        self.at
    }

    /// Adds `count` bits to those held, which are 64 at most.
    #[inline(always)]
    pub(super) fn put(&mut self, value: u64, count: u32) {
        self.held |= value << self.bits;
        self.bits += count;
    }

    /// Writes what whole bytes are held: fewer than eight.
    #[inline(always)]
    pub(super) fn flush(&mut self) {
        let held = self.held.to_le_bytes();
        match self.to.get_mut(self.at..self.at + 8) {
            Some(to) => to.copy_from_slice(&held),
            None => {
                let whole = (self.bits / 8) as usize;
                self.to[self.at..self.at + whole].copy_from_slice(&held[..whole]);
            }
        }
        self.at += (self.bits / 8) as usize;
        self.held >>= self.bits & !7;
        self.bits &= 7;
    }

    /// None if so many bytes, and the bits held, find no room.
    pub(super) fn has_room(&self, bytes: usize) -> Option<()> {
        (self.at + bytes + 2 <= self.to.len()).then_some(())
    }

    /// Bytes, from the next whole byte on.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Option<()> {
        self.bits = self.bits.next_multiple_of(8);
        let from = self.at + (self.bits / 8) as usize;
        if from + bytes.len() > self.to.len() {
            return None;
        }
        self.flush();
        self.to[from..from + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
        Some(())
    }

    /// `raw` as it is.
    pub(super) fn stored_block(&mut self, raw: &[u8], last: bool) -> Option<()> {
        let blocks = raw.len().div_ceil(STORED);
        for (index, part) in raw.chunks(STORED).enumerate() {
            self.put((last && index + 1 == blocks).into(), 3);
            let length = part.len() as u16;
            let [a, b] = length.to_le_bytes();
            let [c, d] = (!length).to_le_bytes();
            self.bytes(&[a, b, c, d])?;
            self.bytes(part)?;
        }
        Some(())
    }

    /// The head of a block with codes of its own, and one code for a distance: that of 1.
    pub(super) fn head(&mut self, codes: &[Code; SYMBOLS], last: bool) -> Option<()> {
        let used = codes.iter().rposition(|code| code.length > 0).unwrap_or(END) + 1;
        let mut lengths: Vec<u8> = codes[..used].iter().map(|code| code.length).collect();
        lengths.push(1);
        let told = told(&lengths);
        let mut counts = [0; 19];
        told.iter().for_each(|(symbol, ..)| counts[*symbol] += 1);
        let of_lengths = huffman::codes(&counts, 7);
        let sent = ORDER.iter().rposition(|symbol| of_lengths[*symbol].length > 0).unwrap_or(0).max(3) + 1;
        let head: u32 = told.iter().map(|(symbol, _, more)| u32::from(of_lengths[*symbol].length) + more).sum();
        self.has_room((head as usize + 17 + 3 * sent).div_ceil(8))?;
        self.put(u64::from(last) | 2 << 1, 3);
        self.put((used - END - 1) as u64, 5);
        self.put(0, 5);
        self.put(sent as u64 - 4, 4);
        self.flush();
        for symbol in &ORDER[..sent] {
            self.put(of_lengths[*symbol].length.into(), 3);
            self.flush();
        }
        for (symbol, value, more) in told {
            self.put(of_lengths[symbol].bits.into(), of_lengths[symbol].length.into());
            self.put(value, more);
            self.flush();
        }
        Some(())
    }
}

/// Lengths of codes as they are sent: each as a symbol, and a value of so many bits more. 16 repeats the one before 3 to 6
/// times, 17 is 3 to 10 zeros, 18 is 11 to 138.
fn told(lengths: &[u8]) -> Vec<(usize, u64, u32)> {
    let mut told = Vec::new();
    for same in lengths.chunk_by(|a, b| a == b) {
        let length = usize::from(same[0]);
        let mut left = same.len();
        if length > 0 {
            told.push((length, 0, 0));
            left -= 1;
        }
        while left >= 3 {
            let (symbol, least, most, bits) = match (length, left) {
                (0, 11..) => (18, 11, 138, 7),
                (0, _) => (17, 3, 10, 3),
                _ => (16, 3, 6, 2),
            };
            let times = left.min(most);
            told.push((symbol, (times - least) as u64, bits));
            left -= times;
        }
        told.extend(std::iter::repeat_n((length, 0, 0), left));
    }
    told
}
