//! In which groups a dataset is taken from one tiling to another, so that each stored piece is decoded as seldom as the
//! memory allows.
//!
//! A *tile* is what is read or written as a whole: a chunk, or a run of a contiguous dataset. A *group* is a box of whole
//! target tiles. All source tiles that touch a group are read, decoded and scattered into the group's target tiles; a
//! source tile that reaches into several groups is decoded once for each. The memory that a group takes is that of its
//! target tiles.

mod copy;
pub mod receipt;
pub mod rules;
mod search;
mod slabs;

pub use copy::{Tile, copy_overlap};
pub use slabs::Slabs;

use crate::failure::{Failure, FailureKind, Result};
use crate::region::Region;
use crate::report;

/// A dataset, how it is tiled where it comes from, and how it is to be tiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tilings {
    /// Elements along each axis; at least one axis.
    pub shape: Vec<u64>,
    /// Elements of a source tile along each axis.
    pub source: Vec<u64>,
    /// Elements of a target tile along each axis.
    pub target: Vec<u64>,
    /// Bytes of an element.
    pub element: u64,
}

/// The groups of one dataset, in C order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupPlan {
    /// What is taken from where to where.
    pub tilings: Tilings,
    /// Elements of a group along each axis: whole target tiles.
    pub group: Vec<u64>,
}

impl GroupPlan {
    /// Chooses the groups that read the fewest source tiles with at most `limit` bytes a group; of those the smallest.
    ///
    /// # Errors
    /// `Usage` if not even one target tile fits into `limit`: the message says how much it takes.
    pub fn new(tilings: Tilings, limit: u64) -> Result<Self> {
        let tile = tilings.bytes(&tilings.target);
        let group = search::best(&tilings, limit / tilings.element.max(1)).ok_or_else(|| {
            let (needs, has) = (report::bytes(tile), report::bytes(limit));
            Failure::new(
                FailureKind::Usage,
                format!("a chunk of the new layout takes {needs}, and there is {has} for it"),
            )
            .mend("raise --memory, or choose a smaller --chunk")
        })?;
        Ok(GroupPlan { tilings, group })
    }

    /// As [`GroupPlan::new`] for groups that `ranks` share: smaller ones, if all ranks are done sooner then, though they read
    /// more in all.
    ///
    /// # Errors
    /// As [`GroupPlan::new`].
    pub fn shared(tilings: Tilings, limit: u64, ranks: u64) -> Result<Self> {
        let mut best = GroupPlan::new(tilings, limit)?;
        let mut limit = best.group_bytes();
        while best.count() < ranks {
            limit /= 2;
            let Ok(smaller) = GroupPlan::new(best.tilings.clone(), limit) else { break };
            if smaller.longest_share(ranks) >= best.longest_share(ranks) {
                break;
            }
            best = smaller;
        }
        Ok(best)
    }

    /// Bytes that the rank with the most groups decodes and encodes.
    fn longest_share(&self, ranks: u64) -> f64 {
        let share = self.count().div_ceil(ranks) as f64 / self.count().max(1) as f64;
        let decoded = self.decodes() as f64 * self.tilings.bytes(&self.tilings.source) as f64;
        share * (decoded + self.tilings.bytes(&self.tilings.shape) as f64)
    }

    /// The groups, in C order: disjoint, and covering the dataset.
    pub fn groups(&self) -> impl Iterator<Item = Region> + '_ {
        tiles(&Region::whole(&self.tilings.shape), &self.group, &self.tilings.shape)
    }

    /// How many groups there are.
    pub fn count(&self) -> u64 {
        count(&self.tilings.shape, &self.group)
    }

    /// How many source tiles are read and decoded in all, counting each as often as that happens.
    pub fn decodes(&self) -> u64 {
        let axes = 0..self.group.len();
        axes.map(|d| search::touched(self.tilings.shape[d], self.tilings.source[d], self.group[d])).product()
    }

    /// How many source tiles there are.
    pub fn source_tiles(&self) -> u64 {
        count(&self.tilings.shape, &self.tilings.source)
    }

    /// How many target tiles there are.
    pub fn target_tiles(&self) -> u64 {
        count(&self.tilings.shape, &self.tilings.target)
    }

    /// Bytes of the largest group: those of its target tiles, which reach over the dataset's edge.
    pub fn group_bytes(&self) -> u64 {
        self.tilings.bytes(&search::clamped(&self.group, &self.tilings))
    }
}

/// How a limit of memory is shared out: what threads hold besides the groups' target tiles, and what is left for these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Threads that may work.
    pub threads: usize,
    /// Bytes for the target tiles of all groups that are under way.
    pub groups: u64,
}

impl Budget {
    /// Shares out `memory` bytes among at most `threads` threads, which together take at most half of it if it is not too
    /// little for one.
    ///
    /// A thread holds a source tile as it is stored and as it is decoded, and one more between two filters; or two target
    /// tiles between filters.
    ///
    /// # Errors
    /// `Usage` if one thread and one target tile do not fit: the message says how much they take.
    pub fn new(tilings: &Tilings, memory: u64, threads: usize) -> Result<Self> {
        let (source, target) = (tilings.bytes(&tilings.source), tilings.bytes(&tilings.target));
        let hands = source.saturating_mul(2).saturating_add(source.max(target.saturating_mul(2)));
        let least = hands.saturating_add(target);
        if least > memory {
            let why = format!(
                "chunks of {} and {} take at least {}",
                report::bytes(source),
                report::bytes(target),
                report::bytes(least)
            );
            return Err(Failure::new(FailureKind::Usage, format!("{why}, and --memory is {}", report::bytes(memory)))
                .mend(format!("raise --memory to at least {least} bytes, or choose smaller chunks")));
        }
        let threads = (memory / 2 / hands.max(1)).clamp(1, threads.max(1) as u64);
        Ok(Budget { threads: threads as usize, groups: memory - threads * hands })
    }
}

impl Tilings {
    /// Bytes of a box of these sizes.
    pub fn bytes(&self, sizes: &[u64]) -> u64 {
        sizes.iter().fold(self.element, |bytes, &n| bytes.saturating_mul(n))
    }
}

/// How many tiles of this size cover a shape.
fn count(shape: &[u64], tile: &[u64]) -> u64 {
    shape.iter().zip(tile).map(|(n, t)| n.div_ceil(*t)).product()
}

/// The tiles of size `tile` that touch `region`, each cut at the dataset's edge, in C order.
pub fn tiles(region: &Region, tile: &[u64], shape: &[u64]) -> impl Iterator<Item = Region> + use<> {
    let axes = region.axes();
    let first: Vec<u64> = (0..axes).map(|d| region.start[d] / tile[d]).collect();
    let counts = (0..axes).map(|d| (region.start[d] + region.count[d]).div_ceil(tile[d]).saturating_sub(first[d]));
    let grid = if region.is_empty() { Region::empty(axes) } else { Region::new(first.clone(), counts.collect()) };
    let (tile, shape) = (tile.to_vec(), shape.to_vec());
    grid.split(1).map(move |at| {
        let start: Vec<u64> = at.start.iter().zip(&tile).map(|(i, t)| i * t).collect();
        let count = start.iter().zip(&tile).zip(&shape).map(|((s, t), n)| (*t).min(n - s)).collect();
        Region::new(start, count)
    })
}

/// The tile in which a dataset without chunks is moved: whole trailing axes, so that a tile is one run of bytes in the
/// file, of at most `limit` bytes where an element is not larger.
pub fn run_tile(shape: &[u64], element: u64, limit: u64) -> Vec<u64> {
    grown(&vec![1; shape.len()], shape, element, limit)
}

/// `tile`, made larger by whole multiples from the last axis on while it has at most `limit` bytes: an axis grows only
/// once those behind it are whole.
pub fn grown(tile: &[u64], shape: &[u64], element: u64, limit: u64) -> Vec<u64> {
    let mut grown = tile.to_vec();
    for d in (0..grown.len()).rev() {
        let rest: u64 =
            grown.iter().enumerate().filter(|(a, _)| *a != d).fold(element, |b, (_, n)| b.saturating_mul(*n));
        let most = (limit / rest.max(1)).min(shape[d]);
        grown[d] = if most >= shape[d] { shape[d].max(1) } else { (most / tile[d] * tile[d]).max(tile[d]) };
        if grown[d] < shape[d] {
            break;
        }
    }
    grown
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    /// Shapes of 1 to 4 axes, with any two tilings.
    fn tilings() -> impl Strategy<Value = Tilings> {
        let axis = (1u64..14, 1u64..9, 1u64..9);
        (prop::collection::vec(axis, 1..=4), prop::sample::select(vec![1u64, 2, 3, 8])).prop_map(|(axes, element)| {
            let shape = axes.iter().map(|a| a.0).collect();
            let (source, target) = (axes.iter().map(|a| a.1).collect(), axes.iter().map(|a| a.2).collect());
            Tilings { shape, source, target, element }
        })
    }

    /// Source tiles that touch groups of this size, counted one by one.
    fn decodes_of(tilings: &Tilings, group: &[u64]) -> u64 {
        let groups = tiles(&Region::whole(&tilings.shape), group, &tilings.shape);
        groups.map(|group| tiles(&group, &tilings.source, &tilings.shape).count() as u64).sum()
    }

    /// Every possible group, by brute force.
    fn all_groups(tilings: &Tilings) -> Vec<Vec<u64>> {
        let most: Vec<u64> = tilings.shape.iter().zip(&tilings.target).map(|(n, t)| n.div_ceil(*t)).collect();
        let scale = |at: Region| at.start.iter().zip(&tilings.target).map(|(k, t)| (k + 1) * t).collect();
        Region::whole(&most).split(1).map(scale).collect()
    }

    proptest! {
        #[test]
        fn every_target_tile_is_made_once_from_all_its_elements(tilings in tilings(), share in 1u64..40) {
            let limit = tilings.bytes(&tilings.target) * share;
            let plan = GroupPlan::new(tilings.clone(), limit).unwrap();
            prop_assert!(plan.group_bytes() <= limit, "{} > {}", plan.group_bytes(), limit);
            let mut made: HashMap<Vec<u64>, u64> = HashMap::new();
            let mut decodes = 0;
            for group in plan.groups() {
                let sources: Vec<Region> = tiles(&group, &tilings.source, &tilings.shape).collect();
                decodes += sources.len() as u64;
                for target in tiles(&group, &tilings.target, &tilings.shape) {
                    let from: u64 = sources.iter().filter_map(|s| s.intersect(&target)).map(|r| r.elements()).sum();
                    prop_assert_eq!(from, target.elements());
                    *made.entry(target.start).or_default() += 1;
                }
            }
            prop_assert_eq!(made.len() as u64, plan.target_tiles());
            prop_assert!(made.values().all(|&times| times == 1));
            prop_assert_eq!(decodes, plan.decodes());
        }

        #[test]
        fn no_group_of_that_memory_decodes_less(tilings in tilings(), share in 1u64..40) {
            let limit = tilings.bytes(&tilings.target) * share;
            let plan = GroupPlan::new(tilings.clone(), limit).unwrap();
            let within = all_groups(&tilings).into_iter().filter(|g| tilings.bytes(&search::clamped(g, &tilings)) <= limit);
            let least = within.map(|group| decodes_of(&tilings, &group)).min().unwrap();
            prop_assert_eq!(plan.decodes(), least);
        }

        #[test]
        fn shared_groups_never_take_a_rank_longer(tilings in tilings(), share in 1u64..40, ranks in 1u64..9) {
            let limit = tilings.bytes(&tilings.target) * share;
            let alone = GroupPlan::new(tilings.clone(), limit).unwrap();
            let shared = GroupPlan::shared(tilings, limit, ranks).unwrap();
            prop_assert!(shared.group_bytes() <= limit);
            prop_assert!(shared.longest_share(ranks) <= alone.longest_share(ranks));
            prop_assert!(ranks > 1 || shared == alone);
        }

        #[test]
        fn each_source_tile_is_decoded_once_where_all_fits(tilings in tilings()) {
            let plan = GroupPlan::new(tilings, u64::MAX).unwrap();
            prop_assert_eq!(plan.decodes(), plan.source_tiles());
        }

        #[test]
        fn run_tiles_are_one_run_and_keep_the_limit(shape in prop::collection::vec(1u64..20, 1..=4), limit in 8u64..4000) {
            let tile = run_tile(&shape, 8, limit);
            prop_assert!(tile.iter().product::<u64>() * 8 <= limit);
            for region in tiles(&Region::whole(&shape), &tile, &shape) {
                prop_assert_eq!(region.runs(&shape).map(|run| run.1).max(), Some(region.elements()));
            }
        }
    }

    #[test]
    fn images_to_blocks_of_rows_take_twenty_images_a_group() {
        let tilings =
            Tilings { shape: vec![200, 768, 1366], source: vec![1, 768, 1366], target: vec![20, 64, 1366], element: 2 };
        let plan = GroupPlan::new(tilings.clone(), 256 << 20).unwrap();
        assert_eq!((plan.group.clone(), plan.decodes()), (vec![20, 768, 1366], 200));
        // With less than that, images are decoded again for each half of their rows.
        let plan = GroupPlan::new(tilings.clone(), 21 << 20).unwrap();
        assert_eq!((plan.group.clone(), plan.decodes()), (vec![20, 384, 1366], 400));
        let refusal = GroupPlan::new(tilings, 1 << 20).unwrap_err();
        assert_eq!(refusal.kind, FailureKind::Usage);
        assert!(refusal.message.contains("3.33 MiB"), "{refusal}");
    }

    #[test]
    fn a_budget_is_never_overdrawn() {
        let tilings =
            Tilings { shape: vec![200, 768, 1366], source: vec![1, 768, 1366], target: vec![20, 64, 1366], element: 2 };
        let hands = 2 * tilings.bytes(&tilings.source) + 2 * tilings.bytes(&tilings.target);
        for (memory, threads, granted) in [(512 << 20, 2, 2), (512 << 20, 64, 23), (64 << 20, 8, 2), (16 << 20, 8, 1)] {
            let budget = Budget::new(&tilings, memory, threads).unwrap();
            assert_eq!(budget.threads, granted, "{memory}");
            assert!(budget.groups + hands * granted as u64 <= memory);
            assert!(GroupPlan::new(tilings.clone(), budget.groups).is_ok());
        }
        let refusal = Budget::new(&tilings, 1 << 20, 8).unwrap_err();
        assert!(refusal.mend.unwrap().contains(&(hands + tilings.bytes(&tilings.target)).to_string()));
    }

    #[test]
    fn tiles_of_millions_along_an_axis_are_planned_at_once() {
        let tilings =
            Tilings { shape: vec![1 << 40, 1 << 20], source: vec![1, 7919], target: vec![1009, 64], element: 4 };
        let plan = GroupPlan::new(tilings, 1 << 28).unwrap();
        assert!(plan.group_bytes() <= 1 << 28);
    }
}
