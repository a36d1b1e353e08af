//! Bits of a deflate stream, as a decoder takes them.

use super::inflate::{Fault, Result};

/// The bits of a stream, the lowest first.
#[derive(Clone, Copy)]
pub(super) struct Bits<'a> {
    pub(super) from: &'a [u8],
    /// The next byte that is not yet wholly held. May lie beyond the end, where there are zeros: see `check`.
    pub(super) at: usize,
    pub(super) held: u64,
    pub(super) count: u32,
}

impl<'a> Bits<'a> {
    /// Those from a byte on.
    pub(super) fn from(from: &'a [u8], at: usize) -> Self {
        Bits { from, at, held: 0, count: 0 }
    }

    /// Holds 56 bits at least.
    #[inline(always)]
    pub(super) fn refill(&mut self) {
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
    pub(super) fn skip(&mut self, count: u32) {
        self.held >>= count;
        self.count -= count;
    }

    #[inline(always)]
    pub(super) fn take(&mut self, count: u32) -> u32 {
        let bits = self.held & ((1 << count) - 1);
        self.skip(count);
        bits as u32
    }

    /// Have only bits been taken that there are?
    #[inline(always)]
    pub(super) fn check(&self) -> Result<()> {
        if self.at - (self.count / 8) as usize <= self.from.len() { Ok(()) } else { Err(Fault::Unsound) }
    }

    /// What follows, from the next whole byte on.
    pub(super) fn rest(&self) -> Result<&'a [u8]> {
        self.from.get(self.at - (self.count / 8) as usize..).ok_or(Fault::Unsound)
    }
}
