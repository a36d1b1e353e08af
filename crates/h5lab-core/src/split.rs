//! How the elements of a dataset are shared out over ranks.

use crate::failure::{Failure, FailureKind, Result};
use crate::region::{Region, block};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How ranks share a dataset: every element belongs to exactly one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Split {
    /// Contiguous blocks along this axis.
    Axis(usize),
    /// Boxes: a grid of ranks over all axes, as near to cubes as the rank count allows.
    Blocks,
}

impl Split {
    /// The part of `whole` that belongs to `rank`; it may be empty. The parts are disjoint and cover `whole`.
    pub fn part(&self, whole: &Region, rank: usize, ranks: usize) -> Region {
        match *self {
            _ if whole.axes() == 0 => {
                if rank == 0 {
                    whole.clone()
                } else {
                    Region::empty(0)
                }
            }
            Split::Axis(axis) => {
                let axis = axis.min(whole.axes() - 1);
                let (from, to) = block(whole.count[axis], rank, ranks);
                whole.slab(axis, from, to)
            }
            Split::Blocks => {
                let grid = grid(&whole.count, ranks);
                let mut part = whole.clone();
                let mut rest = rank;
                for axis in (0..grid.len()).rev() {
                    let (from, to) = block(whole.count[axis], rest % grid[axis], grid[axis]);
                    part = part.slab(axis, from, to);
                    rest /= grid[axis];
                }
                part
            }
        }
    }
}

/// Ranks along each axis; their product is `ranks`. Each prime factor, largest first, goes to the axis whose parts are
/// then the longest (the idea of MPI_Dims_create, which does not know the shape).
fn grid(shape: &[u64], ranks: usize) -> Vec<usize> {
    let mut grid = vec![1usize; shape.len()];
    for factor in prime_factors(ranks) {
        let longest = (0..shape.len())
            .max_by(|&a, &b| {
                (shape[a] as f64 / grid[a] as f64).total_cmp(&(shape[b] as f64 / grid[b] as f64)).then(b.cmp(&a))
            })
            .expect("a shape with axes");
        grid[longest] *= factor;
    }
    grid
}

/// The prime factors of `n`, largest first.
fn prime_factors(mut n: usize) -> Vec<usize> {
    let mut factors = Vec::new();
    let mut divisor = 2;
    while n > 1 {
        while n.is_multiple_of(divisor) {
            factors.push(divisor);
            n /= divisor;
        }
        divisor += 1;
    }
    factors.reverse();
    factors
}

/// `axis0`, `axis1`, ..., `blocks`.
impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Split::Axis(axis) => f.pad(&format!("axis{axis}")),
            Split::Blocks => f.pad("blocks"),
        }
    }
}

impl From<Split> for String {
    fn from(split: Split) -> String {
        split.to_string()
    }
}

impl TryFrom<String> for Split {
    type Error = Failure;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl FromStr for Split {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self> {
        match text.strip_prefix("axis").map(str::parse) {
            _ if text == "blocks" => Ok(Split::Blocks),
            Some(Ok(axis)) => Ok(Split::Axis(axis)),
            _ => Err(Failure::new(FailureKind::Usage, format!("unknown split '{text}'"))
                .mend("use axis0 (the slowest), axis1, ... or blocks")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn parts_are_disjoint_and_cover(
            shape in prop::collection::vec(1u64..7, 1..=5), ranks in 1usize..13, axis in 0usize..6,
        ) {
            for split in [Split::Axis(axis), Split::Blocks] {
                let whole = Region::whole(&shape);
                let mut seen: Vec<u64> = (0..ranks)
                    .flat_map(|rank| split.part(&whole, rank, ranks).runs(&shape).collect::<Vec<_>>())
                    .flat_map(|(first, n)| first..first + n)
                    .collect();
                seen.sort_unstable();
                prop_assert_eq!(seen, (0..shape.iter().product()).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn blocks_are_near_cubes() {
        assert_eq!(grid(&[100, 100, 100], 8), [2, 2, 2]);
        assert_eq!(grid(&[1000, 10], 6), [6, 1]);
        assert_eq!(grid(&[4, 4], 1), [1, 1]);
    }
}
