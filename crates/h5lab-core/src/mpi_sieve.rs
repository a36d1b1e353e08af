//! Collective reads through MPI-IO, simulated: who reads for whom, and what is read besides what was asked for.
//!
//! A process that needs many pieces reads what lies between them as well (data sieving). Open MPI's ompio does so if they
//! are close to each other (`ompi_info --param fbtl posix --level 9`), ROMIO always (ROMIO's User's Guide, `romio_ds_read`).
//! Both let few processes read for all (collective buffering): ompio from three ranks on, which is about what its cost
//! model comes to on one node; ROMIO where the ranks' accesses interleave.

use crate::sieve::Reads;
use crate::tunables::MpiIo;

/// What one rank needs in one collective call.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pieces {
    count: u64,
    bytes: u64,
    first: u64,
    last: u64,
    end: u64,
}

impl Pieces {
    /// Adds `length` bytes at `offset`.
    pub fn add(&mut self, offset: u64, length: u64) {
        self.join(&Pieces { count: 1, bytes: length, first: offset, last: offset, end: offset + length });
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    fn join(&mut self, other: &Pieces) {
        self.first = if self.count == 0 { other.first } else { self.first.min(other.first) };
        self.last = self.last.max(other.last);
        self.end = self.end.max(other.end);
        self.count += other.count;
        self.bytes += other.bytes;
    }

    /// What one process reads to have them.
    fn reads(&self, by: MpiIo) -> Reads {
        /// From the beginning of a piece to that of the next one, on average.
        const MOST_DISTANCE: u64 = 4096;
        const LONGEST_PIECE: u64 = 1 << 20;
        let (count, gaps) = (self.count.max(1), self.count.max(2) - 1);
        let close = (self.last - self.first) / gaps < MOST_DISTANCE && self.bytes / count <= LONGEST_PIECE;
        if self.count > 1 && (by == MpiIo::Romio || close) {
            Reads { calls: 1, bytes: self.end - self.first }
        } else {
            Reads { calls: self.count, bytes: self.bytes }
        }
    }
}

/// Whether ompio lets one process read for all: a piece is then contiguous in the file alone, not in memory as well.
pub fn gathers(by: MpiIo, ranks: usize) -> bool {
    by == MpiIo::Ompio && ranks > 2
}

/// What is read in one collective call, in which each rank needs its pieces.
pub fn reads(by: MpiIo, ranks: &[Pieces]) -> Reads {
    let busy: Vec<&Pieces> = ranks.iter().filter(|pieces| pieces.count > 0).collect();
    let interleaved = busy.windows(2).any(|pair| pair[1].first < pair[0].end);
    if gathers(by, ranks.len()) || (by == MpiIo::Romio && interleaved) {
        let mut all = Pieces::default();
        busy.into_iter().for_each(|pieces| all.join(pieces));
        return all.reads(by);
    }
    busy.iter()
        .map(|pieces| pieces.reads(by))
        .fold(Reads::default(), |sum, reads| Reads { calls: sum.calls + reads.calls, bytes: sum.bytes + reads.bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Offset and length of the pieces of each rank.
    fn check(ranks: &[&[(u64, u64)]], ompio: (u64, u64), romio: (u64, u64)) {
        let pieces = |of: &&[(u64, u64)]| {
            let mut pieces = Pieces::default();
            of.iter().for_each(|&(offset, length)| pieces.add(offset, length));
            pieces
        };
        let all: Vec<Pieces> = ranks.iter().map(pieces).collect();
        for (by, expected) in [(MpiIo::Ompio, ompio), (MpiIo::Romio, romio)] {
            let got = reads(by, &all);
            assert_eq!((got.calls, got.bytes), expected, "{by:?} {ranks:?}");
        }
    }

    #[test]
    fn what_lies_close_is_read_together() {
        check(&[&[(100, 10), (300, 10)]], (1, 210), (1, 210));
        check(&[&[(0, 10), (100_000, 10)]], (2, 20), (1, 100_010));
        check(&[&[(0, 2 << 20), (2 << 20, 2 << 20)]], (2, 4 << 20), (1, 4 << 20));
        check(&[&[(70, 10)], &[]], (1, 10), (1, 10));
        check(&[&[]], (0, 0), (0, 0));
    }

    #[test]
    fn one_reads_for_all() {
        check(&[&[(0, 10), (200, 10)], &[(100, 10), (300, 10)]], (2, 420), (1, 310));
        check(&[&[(0, 10), (200, 10)], &[(1000, 10), (1200, 10)]], (2, 420), (2, 420));
        check(&[&[(0, 10), (200, 10)], &[(1000, 10), (1200, 10)], &[(2000, 10)]], (1, 2010), (3, 430));
    }
}
