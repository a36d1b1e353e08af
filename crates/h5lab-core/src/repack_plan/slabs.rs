//! Which part of a dataset each rank writes to a file of its own: a slab of whole target tiles along one axis.
//!
//! No target tile is shared by two ranks: a chunk is stored once, by one of them. Where that costs nothing, slabs end where
//! groups do. A source tile over the edge between two slabs is decoded for both.

use super::{GroupPlan, search, tiles};
use crate::region::Region;

/// A dataset's slabs, one a rank; and its groups, cut where slabs end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slabs {
    /// The groups, as if one rank did it all.
    pub plan: GroupPlan,
    /// The axis that is cut.
    axis: usize,
    /// Where each rank's slab ends along that axis; the last ones may be empty.
    ends: Vec<u64>,
}

impl Slabs {
    /// Cuts along the axis that has all ranks done soonest: the longest slab counts, then what is decoded in all.
    ///
    /// A dataset with fewer target tiles along each axis than there are ranks has nothing for the last ranks.
    pub fn new(plan: GroupPlan, ranks: usize) -> Slabs {
        let axes = 0..plan.group.len();
        let cuts = axes.flat_map(|axis| [(axis, plan.group[axis]), (axis, plan.tilings.target[axis])]);
        let slabs = cuts.map(|(axis, unit)| {
            let ends = ends(plan.tilings.shape[axis], unit, ranks.max(1) as u64);
            Slabs { plan: plan.clone(), axis, ends }
        });
        let cost = |slabs: &Slabs| {
            let longest = (0..slabs.ranks()).map(|rank| slabs.bytes(rank)).max();
            (longest, slabs.decodes(), slabs.axis)
        };
        slabs.min_by_key(cost).expect("a dataset with values has an axis")
    }

    /// How many ranks share the dataset, those without a part of it among them.
    pub fn ranks(&self) -> usize {
        self.ends.len()
    }

    /// The elements that a rank writes; none, if there are too few for it.
    pub fn part(&self, rank: usize) -> Region {
        let (from, to) = self.along(rank);
        let whole = Region::whole(&self.plan.tilings.shape);
        if from == to { Region::empty(whole.axes()) } else { whole.slab(self.axis, from, to) }
    }

    /// The groups of a rank: disjoint boxes of whole target tiles that cover its part.
    pub fn groups(&self, rank: usize) -> impl Iterator<Item = Region> + use<> {
        let part = self.part(rank);
        let all = tiles(&part, &self.plan.group, &self.plan.tilings.shape);
        all.filter_map(move |group| group.intersect(&part))
    }

    /// How many groups all ranks have.
    pub fn count(&self) -> u64 {
        let axes = 0..self.plan.group.len();
        axes.map(|d| {
            let (n, group) = (self.plan.tilings.shape[d], self.plan.group[d]);
            n.div_ceil(group) + if d == self.axis { self.cuts(|at| at % group != 0) } else { 0 }
        })
        .product()
    }

    /// How many source tiles all ranks read and decode, counting each as often as that happens.
    pub fn decodes(&self) -> u64 {
        (0..self.ranks()).map(|rank| self.decodes_of(rank)).sum()
    }

    /// Where a rank's slab begins and ends.
    fn along(&self, rank: usize) -> (u64, u64) {
        (rank.checked_sub(1).map_or(0, |before| self.ends[before]), self.ends[rank])
    }

    /// Ends of slabs, within the dataset, of which this is true.
    fn cuts(&self, of: impl Fn(u64) -> bool) -> u64 {
        let n = self.plan.tilings.shape[self.axis];
        let mut inside: Vec<u64> = self.ends.iter().copied().filter(|&end| end > 0 && end < n).collect();
        inside.dedup();
        inside.into_iter().filter(|&end| of(end)).count() as u64
    }

    fn decodes_of(&self, rank: usize) -> u64 {
        let (from, to) = self.along(rank);
        let tilings = &self.plan.tilings;
        let touched =
            |n: u64, d: usize| if n == 0 { 0 } else { search::touched(n, tilings.source[d], self.plan.group[d]) };
        let axes = 0..self.plan.group.len();
        axes.map(|d| {
            if d != self.axis {
                return touched(tilings.shape[d], d);
            }
            // A group and a source tile over the slab's beginning are the last rank's as well.
            let both = from % tilings.source[d] != 0 && from % self.plan.group[d] != 0;
            touched(to, d) - touched(from, d) + u64::from(both && from < to)
        })
        .product()
    }

    /// Bytes that a rank decodes and encodes.
    fn bytes(&self, rank: usize) -> u128 {
        let tilings = &self.plan.tilings;
        let decoded = u128::from(self.decodes_of(rank)) * u128::from(tilings.bytes(&tilings.source));
        decoded + u128::from(self.part(rank).elements()) * u128::from(tilings.element)
    }
}

/// Where slabs of whole units end: the first ones have one unit more, if they can't all have as many.
fn ends(n: u64, unit: u64, ranks: u64) -> Vec<u64> {
    let units = n.div_ceil(unit);
    let (each, more) = (units / ranks, units % ranks);
    (1..=ranks).map(|rank| ((rank * each + rank.min(more)) * unit).min(n)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repack_plan::Tilings;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn slabs() -> impl Strategy<Value = Slabs> {
        let axis = (1u64..14, 1u64..9, 1u64..9);
        (prop::collection::vec(axis, 1..=4), 1u64..20, 1usize..9).prop_map(|(axes, share, ranks)| {
            let shape = axes.iter().map(|a| a.0).collect();
            let (source, target) = (axes.iter().map(|a| a.1).collect(), axes.iter().map(|a| a.2).collect());
            let tilings = Tilings { shape, source, target, element: 2 };
            let limit = tilings.bytes(&tilings.target) * share;
            Slabs::new(GroupPlan::new(tilings, limit).unwrap(), ranks)
        })
    }

    proptest! {
        #[test]
        fn each_element_is_one_rank_s_and_no_chunk_two_ranks(slabs in slabs()) {
            let (shape, target) = (&slabs.plan.tilings.shape, &slabs.plan.tilings.target);
            let mut written: HashMap<Vec<u64>, usize> = HashMap::new();
            let mut owner: HashMap<Vec<u64>, usize> = HashMap::new();
            for rank in 0..slabs.ranks() {
                for at in slabs.part(rank).split(1).filter(|at| !at.is_empty()) {
                    let chunk = at.start.iter().zip(target).map(|(i, t)| i / t).collect();
                    prop_assert_eq!(*owner.entry(chunk).or_insert(rank), rank);
                    *written.entry(at.start).or_default() += 1;
                }
            }
            prop_assert_eq!(written.len() as u64, Region::whole(shape).elements());
            prop_assert!(written.values().all(|&times| times == 1));
        }

        #[test]
        fn a_rank_s_groups_are_whole_chunks_that_cover_its_part(slabs in slabs()) {
            let (shape, target) = (&slabs.plan.tilings.shape, &slabs.plan.tilings.target);
            let (mut groups, mut decodes) = (0, 0);
            for rank in 0..slabs.ranks() {
                let part = slabs.part(rank);
                let mut elements = 0;
                for group in slabs.groups(rank) {
                    for tile in tiles(&group, target, shape) {
                        prop_assert_eq!(tile.intersect(&group), Some(tile.clone()));
                        prop_assert_eq!(tile.intersect(&part), Some(tile));
                    }
                    groups += 1;
                    elements += group.elements();
                    decodes += tiles(&group, &slabs.plan.tilings.source, shape).count() as u64;
                    prop_assert!(group.elements() * 2 <= slabs.plan.group_bytes());
                }
                prop_assert_eq!(elements, part.elements());
            }
            prop_assert_eq!((groups, decodes), (slabs.count(), slabs.decodes()));
        }

        #[test]
        fn ranks_without_a_part_are_the_last_ones(slabs in slabs()) {
            let empty: Vec<bool> = (0..slabs.ranks()).map(|rank| slabs.part(rank).is_empty()).collect();
            prop_assert!(!empty[0] && empty.is_sorted(), "{empty:?}");
        }
    }

    fn images(ranks: usize, target: &[u64]) -> Slabs {
        let (shape, source) = (vec![200, 768, 1366], vec![1, 768, 1366]);
        let tilings = Tilings { shape, source, target: target.to_vec(), element: 2 };
        Slabs::new(GroupPlan::new(tilings, 256 << 20).unwrap(), ranks)
    }

    #[test]
    fn images_are_cut_where_groups_end_and_decoded_once() {
        let slabs = images(2, &[20, 64, 1366]);
        assert_eq!(slabs.part(1), Region::new(vec![100, 0, 0], vec![100, 768, 1366]));
        assert_eq!((slabs.count(), slabs.decodes()), (10, 200));
        let slabs = images(16, &[20, 64, 1366]);
        assert_eq!(slabs.part(9).count, [20, 768, 1366]);
        assert!(slabs.part(10).is_empty());
    }

    #[test]
    fn chunks_as_deep_as_the_dataset_are_cut_along_another_axis() {
        let slabs = images(2, &[200, 64, 64]);
        assert_eq!(slabs.part(0).count[0], 200);
        assert!(!slabs.part(1).is_empty());
    }
}
