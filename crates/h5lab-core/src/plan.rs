//! The steps of an experiment, rank by rank: prediction and execution walk the same ones.

use crate::experiment::Experiment;
use crate::region::Region;

/// The steps of an experiment. Cheap: steps are made as they are walked.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// The experiment it carries out.
    pub experiment: &'a Experiment,
}

/// What a plan asks for in all, computed without touching a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// Requests of the access pattern.
    pub requests: u64,
    /// Transfer calls: requests cut to the buffer's size.
    pub steps: u64,
    /// Logical bytes asked for.
    pub bytes_asked: u64,
    /// Logical bytes of all chunks that must be read or written for them; each request counts by itself.
    pub bytes_touched: u64,
    /// Chunks touched, each request counted by itself; for a contiguous dataset the number of requests.
    pub chunks_touched: u64,
}

impl<'a> Plan<'a> {
    /// The plan of an experiment.
    pub fn new(experiment: &'a Experiment) -> Self {
        Plan { experiment }
    }

    /// The regions that `rank` moves, one call each, in order; each fits the buffer.
    pub fn steps(&self, rank: usize) -> impl Iterator<Item = Region> + 'a {
        let e = self.experiment;
        let limit = self.step_elements();
        e.access.requests(&e.dataset.shape.0, e.split, rank, e.np).flat_map(move |request| request.split(limit))
    }

    /// Number of steps of the rank that has most: in a collective method every rank makes as many calls.
    pub fn rounds(&self) -> u64 {
        (0..self.experiment.np).map(|rank| self.demand(rank).steps).max().unwrap_or(0)
    }

    /// Most elements that one step moves.
    pub fn step_elements(&self) -> u64 {
        (self.experiment.buffer / self.experiment.dataset.dtype.size() as u64).max(1)
    }

    /// Bytes of the largest step of `rank`: the buffer it needs.
    pub fn largest_step(&self, rank: usize) -> u64 {
        let e = self.experiment;
        let largest =
            e.access.requests(&e.dataset.shape.0, e.split, rank, e.np).map(|r| r.elements()).max().unwrap_or(0);
        largest.min(self.step_elements()) * e.dataset.dtype.size() as u64
    }

    /// What `rank` asks for.
    pub fn demand(&self, rank: usize) -> Demand {
        let e = self.experiment;
        let limit = self.step_elements();
        e.access.requests(&e.dataset.shape.0, e.split, rank, e.np).fold(Demand::default(), |sum, request| Demand {
            requests: sum.requests + 1,
            steps: sum.steps + request.split(limit).total(),
            bytes_asked: sum.bytes_asked + request.elements() * e.dataset.dtype.size() as u64,
            bytes_touched: sum.bytes_touched + e.layout.bytes_touched(&request, e.dataset.dtype),
            chunks_touched: sum.chunks_touched + e.layout.chunks_touched(&request),
        })
    }

    /// What all ranks ask for together.
    pub fn total(&self) -> Demand {
        (0..self.experiment.np).map(|rank| self.demand(rank)).fold(Demand::default(), |a, b| Demand {
            requests: a.requests + b.requests,
            steps: a.steps + b.steps,
            bytes_asked: a.bytes_asked + b.bytes_asked,
            bytes_touched: a.bytes_touched + b.bytes_touched,
            chunks_touched: a.chunks_touched + b.chunks_touched,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Access;
    use crate::dataset::{Dataset, Dtype, Shape};
    use crate::experiment::{CacheWanted, Direction};
    use crate::layout::Layout;
    use crate::method::Method;
    use crate::split::Split;
    use proptest::prelude::*;

    fn experiment(shape: Vec<u64>, access: Access, np: usize, buffer: u64) -> Experiment {
        Experiment {
            direction: Direction::Write,
            dataset: Dataset { name: "test".into(), shape: Shape(shape), dtype: Dtype::F32, data: None, from: None },
            layout: Layout::Contiguous,
            access,
            split: Split::Axis(0),
            method: Method::Independent,
            np,
            cache: CacheWanted::AsFound,
            fsync: false,
            repeat: 1,
            buffer,
            tunables: Default::default(),
        }
    }

    proptest! {
        #[test]
        fn all_ranks_together_move_every_element_once(
            shape in prop::collection::vec(1u64..8, 1..=4), np in 1usize..9, buffer in 4u64..200, rows: bool,
        ) {
            let access = if rows { Access::Rows } else { Access::PROJECTION };
            let e = experiment(shape.clone(), access, np, buffer);
            let plan = Plan::new(&e);
            let mut seen: Vec<u64> = Vec::new();
            for rank in 0..np {
                let steps: Vec<_> = plan.steps(rank).collect();
                prop_assert_eq!(steps.len() as u64, plan.demand(rank).steps);
                prop_assert!(steps.iter().all(|s| s.elements() * 4 <= buffer.max(4) && s.elements() * 4 <= plan.largest_step(rank)));
                seen.extend(steps.iter().flat_map(|s| s.runs(&shape).collect::<Vec<_>>()).flat_map(|(f, n)| f..f + n));
            }
            prop_assert_eq!(seen, (0..shape.iter().product()).collect::<Vec<_>>());
            prop_assert_eq!(plan.total().bytes_asked, e.dataset.bytes());
        }
    }

    #[test]
    fn a_tile_of_every_image_touches_whole_chunks() {
        let mut e = experiment(vec![500, 768, 1366], Access::Roi { offset: [0, 0], size: [200, 200] }, 1, 1 << 26);
        e.dataset.dtype = Dtype::F64;
        e.layout = Layout::Chunked { chunk: vec![1, 200, 200], filters: vec![] };
        let total = Plan::new(&e).total();
        assert_eq!((total.requests, total.chunks_touched), (500, 500));
        assert_eq!((total.bytes_asked, total.bytes_touched), (160_000_000, 160_000_000));
    }
}
