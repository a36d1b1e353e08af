//! Elements from one tile's buffer to another's, in runs as long as both allow.

use crate::region::{Region, strides};

/// A buffer in C order, and the box of the dataset that it holds.
#[derive(Clone, Copy, Debug)]
pub struct Tile<'a> {
    /// The dataset's element that the buffer begins with.
    pub start: &'a [u64],
    /// Elements of the buffer along each axis; over the dataset's edge, too.
    pub sizes: &'a [u64],
}

/// Copies the elements of `region`, which lies in both tiles.
///
/// # Panics
/// If it does not, or a buffer is shorter than its tile.
pub fn copy_overlap(region: &Region, element: usize, from: (Tile<'_>, &[u8]), to: (Tile<'_>, &mut [u8])) {
    let (source, bytes) = from;
    let (target, out) = to;
    let (run, outer) = run(region, source.sizes, target.sizes);
    let run = run as usize * element;
    let (from_strides, to_strides) = (strides(source.sizes), strides(target.sizes));
    let first = |tile: &Tile<'_>, strides: &[u64]| -> u64 {
        (0..region.axes()).map(|d| (region.start[d] - tile.start[d]) * strides[d]).sum()
    };
    let (mut at, mut to) = (first(&source, &from_strides), first(&target, &to_strides));
    let mut index = vec![0u64; outer];
    loop {
        let (read, write) = (at as usize * element, to as usize * element);
        out[write..write + run].copy_from_slice(&bytes[read..read + run]);
        let mut d = outer;
        loop {
            if d == 0 {
                return;
            }
            d -= 1;
            index[d] += 1;
            (at, to) = (at + from_strides[d], to + to_strides[d]);
            if index[d] < region.count[d] {
                break;
            }
            (at, to) = (at - region.count[d] * from_strides[d], to - region.count[d] * to_strides[d]);
            index[d] = 0;
        }
    }
}

/// Elements of a run that is contiguous in both, and the axes that are outside of it.
fn run(region: &Region, from: &[u64], to: &[u64]) -> (u64, usize) {
    let (mut length, mut axis) = (1, region.axes());
    while axis > 0 {
        axis -= 1;
        length *= region.count[axis];
        if region.count[axis] != from[axis] || region.count[axis] != to[axis] {
            break;
        }
    }
    (length, axis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repack_plan::tiles;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn elements_keep_their_places_from_any_tiles_to_any_others(
            axes in prop::collection::vec((1u64..7, 1u64..6, 1u64..6), 1..=4), element in 1usize..4,
        ) {
            let shape: Vec<u64> = axes.iter().map(|a| a.0).collect();
            let (source, target): (Vec<u64>, Vec<u64>) = axes.iter().map(|a| (a.1, a.2)).unzip();
            let whole = Region::whole(&shape);
            let index = strides(&shape);
            // Each element's value is its own number.
            let value = |at: &[u64]| at.iter().zip(&index).map(|(i, k)| i * k).sum::<u64>() as u8;
            let bytes_of = |start: &[u64], sizes: &[u64]| -> Vec<u8> {
                Region::whole(sizes).split(1).flat_map(|at| {
                    let global: Vec<u64> = at.start.iter().zip(start).map(|(a, b)| a + b).collect();
                    let inside = global.iter().zip(&shape).all(|(i, n)| i < n);
                    vec![if inside { value(&global) } else { 0 }; element]
                }).collect()
            };
            for to in tiles(&whole, &target, &shape) {
                let mut out = vec![0u8; target.iter().product::<u64>() as usize * element];
                for from in tiles(&to, &source, &shape) {
                    let both = from.intersect(&to).unwrap();
                    let bytes = bytes_of(&from.start, &source);
                    let target = Tile { start: &to.start, sizes: &target };
                    copy_overlap(&both, element, (Tile { start: &from.start, sizes: &source }, &bytes), (target, &mut out));
                }
                prop_assert_eq!(&out, &bytes_of(&to.start, &target));
            }
        }
    }
}
