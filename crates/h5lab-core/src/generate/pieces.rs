//! Cuts a region's runs into pieces: contiguous, small enough to stay in cache, and of one rank's stamp.

use crate::region::{Region, block, block_owner};

/// Most elements in a piece: 16 KiB of the largest type, so a second pass over it finds it in cache.
pub(super) const PIECE: usize = 2048;

/// Elements that follow each other in the dataset and in the region's buffer.
pub(super) struct Piece {
    /// Global index of the first element.
    pub(super) first: u64,
    /// Where the first element stands in the region's buffer.
    pub(super) offset: usize,
    /// Number of elements, at most [`PIECE`].
    pub(super) length: usize,
    /// What is added to each value; 0 without stamps.
    pub(super) stamp: u64,
}

/// The pieces of `region`, in C order.
pub(super) fn pieces(shape: &[u64], region: &Region, stamp_ranks: Option<usize>) -> impl Iterator<Item = Piece> {
    let mut stamps = Stamps::new(shape, stamp_ranks);
    let mut runs = region.runs(shape);
    let (mut at, mut end, mut offset) = (0, 0, 0);
    std::iter::from_fn(move || {
        if at == end {
            let (first, length) = runs.next()?;
            (at, end) = (first, first + length);
        }
        let (stamp, stamp_end) = stamps.at(at);
        // Cut at multiples of PIECE, which are edges of blocks: no block is then made twice in a run.
        let stop = end.min((at / PIECE as u64 + 1) * PIECE as u64).min(stamp_end);
        let piece = Piece { first: at, offset, length: (stop - at) as usize, stamp };
        offset += piece.length;
        at = stop;
        Some(piece)
    })
}

/// Finds an element's stamp; remembers the last rank's elements, since neighbours mostly share their rank.
struct Stamps {
    ranks: Option<usize>,
    rows: u64,
    row_elements: u64,
    /// First element, end, and stamp of the rank that was found last.
    last: (u64, u64, u64),
}

impl Stamps {
    fn new(shape: &[u64], ranks: Option<usize>) -> Self {
        let last = if ranks.is_some() { (0, 0, 0) } else { (0, u64::MAX, 0) };
        let rows = shape.first().copied().unwrap_or(1);
        Stamps { ranks, rows, row_elements: shape.iter().skip(1).product(), last }
    }

    /// The stamp of the element `index`, and the index where that stamp ends.
    fn at(&mut self, index: u64) -> (u64, u64) {
        let (from, to, _) = self.last;
        if let Some(ranks) = self.ranks
            && !(from..to).contains(&index)
        {
            let rank = block_owner(self.rows, index / self.row_elements, ranks);
            let (first_row, end_row) = block(self.rows, rank, ranks);
            self.last = (first_row * self.row_elements, end_row * self.row_elements, 1000 * (rank as u64 + 1));
        }
        (self.last.2, self.last.1)
    }
}
