//! The images of a dataset: which rows of them a run of elements crosses.

use std::ops::Range;

/// Columns are counted from the last multiple of this, so that they are small numbers in datasets of any width.
const CELL: u64 = 1024;

/// The size of an image, in pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) height: u64,
    pub(super) width: u64,
}

/// Pixels of one row of one image that follow each other.
pub(super) struct Row {
    /// Number of the image, in C order of the axes before the last two.
    pub(super) image: u64,
    pub(super) y: u64,
    /// The first pixel's column.
    pub(super) x: u64,
    /// Where the pixels stand in the run.
    pub(super) place: Range<usize>,
}

impl Frame {
    /// The rows that the `length` elements from the global index `first` on cross, in C order.
    pub(super) fn rows(self, first: u64, length: usize) -> impl Iterator<Item = Row> {
        let Frame { height, width } = self;
        let (line, mut x) = (first / width, first % width);
        let (mut image, mut y, mut from) = (line / height, line % height, 0);
        std::iter::from_fn(move || {
            if from == length {
                return None;
            }
            let to = length.min(from.saturating_add((width - x) as usize));
            let row = Row { image, y, x, place: from..to };
            (x, y, from) = (0, y + 1, to);
            if y == height {
                (image, y) = (image + 1, 0);
            }
            Some(row)
        })
    }
}

impl Row {
    /// Pixels from column `x` on, cut where columns are counted anew: each part with the column from which they are
    /// counted there, and its own first column, counted so.
    pub(super) fn cells(x: u64, pixels: &mut [f32]) -> impl Iterator<Item = (u64, i32, &mut [f32])> {
        let (head, rest) = pixels.split_at_mut(pixels.len().min((CELL - x % CELL) as usize));
        let next = x + head.len() as u64;
        let rest = rest.chunks_mut(CELL as usize).zip(0..).map(move |(part, i)| (next + i * CELL, 0, part));
        std::iter::once((x - x % CELL, (x % CELL) as i32, head)).chain(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_follow_each_other_over_images() {
        let rows: Vec<_> = Frame { height: 2, width: 3 }
            .rows(4, 10)
            .map(|row| (row.image, row.y, row.x, row.place.start, row.place.end))
            .collect();
        assert_eq!(rows, [(0, 1, 1, 0, 2), (1, 0, 0, 2, 5), (1, 1, 0, 5, 8), (2, 0, 0, 8, 10)]);
        assert_eq!(Frame { height: 2, width: 3 }.rows(4, 0).count(), 0);
    }

    #[test]
    fn cells_count_columns_from_multiples() {
        let mut pixels = vec![0.0; 3000];
        let cells: Vec<_> = Row::cells(2000, &mut pixels).map(|(from, x, part)| (from, x, part.len())).collect();
        assert_eq!(cells, [(1024, 976, 48), (2048, 0, 1024), (3072, 0, 1024), (4096, 0, 904)]);
    }
}
