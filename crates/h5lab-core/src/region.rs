//! Regions: boxes of elements (a start and a count along each axis), their splits and their intersections.

use serde::{Deserialize, Serialize};

/// A box of elements: `start[d] .. start[d] + count[d]` along each axis `d`, slowest axis first (C order).
///
/// The same as a regular HDF5 hyperslab of stride 1 and block 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Region {
    /// First element along each axis.
    pub start: Vec<u64>,
    /// Number of elements along each axis; the same length as `start`.
    pub count: Vec<u64>,
}

impl Region {
    /// The region of `count` elements from `start` on.
    ///
    /// # Panics
    /// If the two differ in length.
    pub fn new(start: Vec<u64>, count: Vec<u64>) -> Self {
        assert_eq!(start.len(), count.len(), "a region's start and count have the same number of axes");
        Region { start, count }
    }

    /// All of a dataset of this shape.
    pub fn whole(shape: &[u64]) -> Self {
        Region::new(vec![0; shape.len()], shape.to_vec())
    }

    /// No element of a dataset with `axes` axes.
    pub fn empty(axes: usize) -> Self {
        Region::new(vec![0; axes], vec![0; axes])
    }

    /// Number of axes.
    pub fn axes(&self) -> usize {
        self.count.len()
    }

    /// Number of elements.
    pub fn elements(&self) -> u64 {
        self.count.iter().product()
    }

    /// True if it holds no element.
    pub fn is_empty(&self) -> bool {
        self.count.contains(&0)
    }

    /// True if it lies within a dataset of this shape.
    pub fn fits(&self, shape: &[u64]) -> bool {
        self.axes() == shape.len()
            && (0..shape.len()).all(|d| self.start[d].checked_add(self.count[d]).is_some_and(|end| end <= shape[d]))
    }

    /// The elements that both hold; `None` if there is none.
    pub fn intersect(&self, other: &Region) -> Option<Region> {
        let start: Vec<u64> = self.start.iter().zip(&other.start).map(|(a, b)| *a.max(b)).collect();
        let count: Vec<u64> = (0..self.axes())
            .map(|d| {
                let end = (self.start[d] + self.count[d]).min(other.start[d] + other.count[d]);
                end.saturating_sub(start[d])
            })
            .collect();
        let both = Region::new(start, count);
        (!both.is_empty()).then_some(both)
    }

    /// The part with `self.start[axis] + from .. + to` along one axis.
    pub fn slab(&self, axis: usize, from: u64, to: u64) -> Region {
        let mut slab = self.clone();
        slab.start[axis] += from;
        slab.count[axis] = to - from;
        slab
    }

    /// Contiguous runs of this region within a dataset of `shape`, as (global index of the first element, length), in C order.
    pub fn runs(&self, shape: &[u64]) -> impl Iterator<Item = (u64, u64)> {
        let strides = strides(shape);
        let (length, outer_axes) = self.run_length(shape);
        let limits = self.count[..outer_axes].to_vec();
        let mut index = vec![0; outer_axes];
        let base: u64 = self.start.iter().zip(&strides).map(|(s, k)| s * k).sum();
        let mut next = (!self.is_empty()).then_some(base);
        // An odometer without an allocation a run: runs may be as short as one element.
        std::iter::from_fn(move || {
            let first = next.take()?;
            let mut following = first;
            for d in (0..index.len()).rev() {
                index[d] += 1;
                following += strides[d];
                if index[d] < limits[d] {
                    next = Some(following);
                    break;
                }
                following -= limits[d] * strides[d];
                index[d] = 0;
            }
            Some((first, length))
        })
    }

    /// The length of each contiguous run in a dataset of `shape`, and the number of axes that are outside of it.
    fn run_length(&self, shape: &[u64]) -> (u64, usize) {
        let mut length = 1;
        let mut axis = self.axes();
        while axis > 0 {
            axis -= 1;
            length *= self.count[axis];
            if self.count[axis] != shape[axis] {
                break;
            }
        }
        (length, axis)
    }

    /// Cuts the region into boxes of at most `limit` elements (at least one), in C order, disjoint and covering.
    ///
    /// Each box is as long as it can be along the outermost axis on which more than one element fits.
    pub fn split(&self, limit: u64) -> Split {
        Split::new(self.clone(), limit.max(1))
    }
}

/// Distance in elements between neighbours along each axis of a dataset of `shape`, in C order.
pub fn strides(shape: &[u64]) -> Vec<u64> {
    let mut strides = vec![1; shape.len()];
    for d in (0..shape.len().saturating_sub(1)).rev() {
        strides[d] = strides[d + 1] * shape[d + 1];
    }
    strides
}

/// Rows `[rank*n/ranks, (rank+1)*n/ranks)`: every row exactly once for any `n` and `ranks`, sizes differing by at most one.
pub fn block(n: u64, rank: usize, ranks: usize) -> (u64, u64) {
    let edge = |r: usize| (u128::from(n) * r as u128 / ranks as u128) as u64;
    (edge(rank), edge(rank + 1))
}

/// The rank whose [`block`] holds `row`.
pub fn block_owner(n: u64, row: u64, ranks: usize) -> usize {
    debug_assert!(row < n);
    // The largest r with r*n/ranks <= row: from (row+1)*ranks/n, rounded up, minus one.
    ((u128::from(row) + 1) * ranks as u128).div_ceil(u128::from(n)) as usize - 1
}

/// Counts through all index tuples below `limits`, last axis fastest.
struct Odometer {
    limits: Vec<u64>,
    next: Option<Vec<u64>>,
}

impl Odometer {
    fn new(limits: Vec<u64>, empty: bool) -> Self {
        let next = (!empty && !limits.contains(&0)).then(|| vec![0; limits.len()]);
        Odometer { limits, next }
    }
}

impl Iterator for Odometer {
    type Item = Vec<u64>;

    fn next(&mut self) -> Option<Vec<u64>> {
        let current = self.next.take()?;
        let mut following = current.clone();
        for d in (0..following.len()).rev() {
            following[d] += 1;
            if following[d] < self.limits[d] {
                self.next = Some(following);
                break;
            }
            following[d] = 0;
        }
        Some(current)
    }
}

/// The iterator of [`Region::split`].
pub struct Split {
    region: Region,
    /// The axis that is cut; the axes before it are walked one by one, those after it are whole.
    axis: usize,
    /// How many elements of `axis` go into one box.
    thickness: u64,
    outer: Odometer,
    at: Option<(Vec<u64>, u64)>,
}

impl Split {
    fn new(region: Region, limit: u64) -> Self {
        let mut inner = 1u64;
        let mut axis = region.axes();
        while axis > 1 && inner.saturating_mul(region.count[axis - 1]) <= limit {
            axis -= 1;
            inner *= region.count[axis];
        }
        let axis = axis.saturating_sub(1);
        let thickness = (limit / inner.max(1)).max(1);
        let mut outer = Odometer::new(region.count[..axis].to_vec(), region.is_empty());
        let at = outer.next().map(|index| (index, 0));
        Split { region, axis, thickness, outer, at }
    }

    /// How many boxes there are in all.
    pub fn total(&self) -> u64 {
        if self.region.is_empty() {
            return 0;
        }
        let outer: u64 = self.region.count[..self.axis].iter().product();
        outer * self.region.count.get(self.axis).map_or(1, |n| n.div_ceil(self.thickness))
    }
}

impl Iterator for Split {
    type Item = Region;

    fn next(&mut self) -> Option<Region> {
        let (index, from) = self.at.take()?;
        let mut part = self.region.clone();
        for (d, i) in index.iter().enumerate() {
            part.start[d] += i;
            part.count[d] = 1;
        }
        if part.axes() == 0 {
            return Some(part);
        }
        let to = (from + self.thickness).min(self.region.count[self.axis]);
        self.at = if to < self.region.count[self.axis] {
            Some((index, to))
        } else {
            self.outer.next().map(|index| (index, 0))
        };
        Some(part.slab(self.axis, from, to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn indices(region: &Region, shape: &[u64]) -> Vec<u64> {
        region.runs(shape).flat_map(|(first, length)| first..first + length).collect()
    }

    /// A shape of 1 to 5 axes and a region in it.
    fn shape_and_region() -> impl Strategy<Value = (Vec<u64>, Region)> {
        prop::collection::vec(1u64..6, 1..=5).prop_flat_map(|shape| {
            let axes: Vec<_> = shape.iter().map(|&n| (0..n).prop_flat_map(move |s| (Just(s), 0..=n - s))).collect();
            (Just(shape), axes).prop_map(|(shape, axes)| {
                let (start, count) = axes.into_iter().unzip();
                (shape, Region::new(start, count))
            })
        })
    }

    proptest! {
        #[test]
        fn blocks_are_disjoint_cover_and_know_their_owner(n in 0u64..200, ranks in 1usize..40) {
            let mut next = 0;
            for rank in 0..ranks {
                let (from, to) = block(n, rank, ranks);
                prop_assert_eq!(from, next);
                prop_assert!(to - from <= n / ranks as u64 + 1);
                for row in from..to {
                    prop_assert_eq!(block_owner(n, row, ranks), rank);
                }
                next = to;
            }
            prop_assert_eq!(next, n);
        }

        #[test]
        fn blocks_do_not_overflow(n in (u64::MAX - 5)..=u64::MAX, ranks in 1usize..5000) {
            prop_assert_eq!(block(n, ranks - 1, ranks).1, n);
            prop_assert_eq!(block_owner(n, n - 1, ranks), ranks - 1);
        }

        #[test]
        fn a_split_is_disjoint_covers_and_keeps_the_limit((shape, region) in shape_and_region(), limit in 1u64..50) {
            let mut seen = Vec::new();
            let split = region.split(limit);
            let total = split.total();
            let mut boxes = 0;
            for part in split {
                prop_assert!(part.elements() <= limit && !part.is_empty());
                seen.extend(indices(&part, &shape));
                boxes += 1;
            }
            prop_assert_eq!(boxes, total);
            prop_assert_eq!(seen, indices(&region, &shape));
        }

        #[test]
        fn runs_name_each_element_once((shape, region) in shape_and_region()) {
            let all = indices(&region, &shape);
            prop_assert_eq!(all.len() as u64, region.elements());
            prop_assert!(all.is_sorted());
            prop_assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
        }

        #[test]
        fn an_intersection_holds_what_both_hold((shape, a) in shape_and_region(), seed in 0u64..1000) {
            let b = Region::new(
                shape.iter().map(|n| seed % n).collect(),
                shape.iter().map(|n| (seed / 7) % (n - seed % n + 1)).collect(),
            );
            let of = |r: &Region| indices(r, &shape).into_iter().collect::<HashSet<_>>();
            let expected: HashSet<u64> = of(&a).intersection(&of(&b)).copied().collect();
            let got = a.intersect(&b).map(|r| of(&r)).unwrap_or_default();
            prop_assert_eq!(got, expected);
        }
    }

    #[test]
    fn a_scalar_is_one_box() {
        let scalar = Region::whole(&[]);
        assert_eq!(scalar.elements(), 1);
        assert_eq!(scalar.split(10).collect::<Vec<_>>(), vec![scalar]);
    }
}
