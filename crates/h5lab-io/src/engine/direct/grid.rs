//! The chunks of a dataset: which of them hold elements of a region, and which of its elements each holds.

use h5lab_core::region::{Region, strides};

/// How a dataset is cut into chunks.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    shape: Vec<u64>,
    chunk: Vec<u64>,
    strides: Vec<u64>,
}

/// The chunks that hold elements of a region: a box of the grid.
pub(super) struct Touched {
    first: Vec<u64>,
    count: Vec<u64>,
}

/// What a region has of one chunk.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// The chunk's number in the grid, in C order.
    pub(super) number: u64,
    /// The chunk's first element.
    pub(super) origin: Vec<u64>,
    /// The elements that chunk and region share.
    pub(super) region: Region,
    /// Whether these are all elements that the dataset has in this chunk.
    pub(super) all: bool,
    /// Whether the chunk sticks out of the dataset.
    pub(super) ragged: bool,
}

impl Grid {
    pub(super) fn new(shape: &[u64], chunk: &[u64]) -> Self {
        let grid: Vec<u64> = shape.iter().zip(chunk).map(|(n, c)| n.div_ceil(*c)).collect();
        Grid { shape: shape.to_vec(), chunk: chunk.to_vec(), strides: strides(&grid) }
    }

    /// Elements of a chunk along each axis.
    pub(super) fn chunk(&self) -> &[u64] {
        &self.chunk
    }

    /// Elements of a chunk.
    pub(super) fn chunk_elements(&self) -> u64 {
        self.chunk.iter().product()
    }

    /// The chunks that a region touches.
    pub(super) fn touched(&self, region: &Region) -> Touched {
        let first: Vec<u64> = region.start.iter().zip(&self.chunk).map(|(start, c)| start / c).collect();
        let last = |d: usize| (region.start[d] + region.count[d]).div_ceil(self.chunk[d]);
        let count = (0..first.len()).map(|d| if region.is_empty() { 0 } else { last(d) - first[d] }).collect();
        Touched { first, count }
    }

    /// What a region has of the chunk that comes `nth` among those it touches.
    pub(super) fn part(&self, touched: &Touched, nth: u64, region: &Region) -> Part {
        let mut at = touched.first.clone();
        let mut rest = nth;
        for axis in (0..at.len()).rev() {
            at[axis] += rest % touched.count[axis];
            rest /= touched.count[axis];
        }
        let number = at.iter().zip(&self.strides).map(|(i, k)| i * k).sum();
        let origin: Vec<u64> = at.iter().zip(&self.chunk).map(|(i, c)| i * c).collect();
        let valid = self.valid(&origin);
        let ragged = valid != self.chunk;
        let region = Region::new(origin.clone(), valid.clone()).intersect(region).expect("a chunk that is touched");
        Part { number, all: region.count == valid, origin, region, ragged }
    }

    /// The first element of the chunk of this number.
    pub(super) fn origin(&self, number: u64) -> Vec<u64> {
        let mut rest = number;
        let mut at = |(stride, chunk): (&u64, &u64)| {
            let index = rest / stride;
            rest %= stride;
            index * chunk
        };
        self.strides.iter().zip(&self.chunk).map(&mut at).collect()
    }

    /// Elements that the dataset has in the chunk that begins at `origin`, along each axis.
    pub(super) fn valid(&self, origin: &[u64]) -> Vec<u64> {
        (0..origin.len()).map(|d| self.chunk[d].min(self.shape[d] - origin[d])).collect()
    }
}

impl Touched {
    /// How many chunks they are.
    pub(super) fn total(&self) -> u64 {
        self.count.iter().product()
    }
}

/// A region's start, counted from `origin`.
pub(super) fn from(origin: &[u64], region: &Region) -> Vec<u64> {
    region.start.iter().zip(origin).map(|(start, origin)| start - origin).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn parts_are_disjoint_and_cover_the_region(
            axes in prop::collection::vec((1u64..9, 1u64..5, 0.0f64..1.0, 0.0f64..1.0), 1..=3),
        ) {
            let shape: Vec<u64> = axes.iter().map(|a| a.0).collect();
            let chunk: Vec<u64> = axes.iter().map(|a| a.1.min(a.0)).collect();
            let start: Vec<u64> = axes.iter().map(|a| (a.0 as f64 * a.2) as u64).collect();
            let count = axes.iter().zip(&start).map(|(a, s)| ((a.0 - s) as f64 * a.3) as u64).collect();
            let (grid, region) = (Grid::new(&shape, &chunk), Region::new(start, count));
            let touched = grid.touched(&region);
            let parts: Vec<Part> = (0..touched.total()).map(|nth| grid.part(&touched, nth, &region)).collect();
            let mut elements: Vec<u64> =
                parts.iter().flat_map(|p| p.region.runs(&shape)).flat_map(|(first, n)| first..first + n).collect();
            elements.sort_unstable();
            let expected: Vec<u64> = region.runs(&shape).flat_map(|(first, n)| first..first + n).collect();
            prop_assert_eq!(elements, expected);
            for part in &parts {
                prop_assert_eq!(&grid.origin(part.number), &part.origin);
                let valid: u64 = grid.valid(&part.origin).iter().product();
                prop_assert_eq!(part.all, part.region.elements() == valid);
                prop_assert_eq!(part.ragged, valid != grid.chunk_elements());
            }
        }
    }
}
