//! What HDF5 takes for a request, a chunk, a piece and a byte: fitted to what small experiments took.

use super::work::Work;
use serde::{Deserialize, Serialize};

/// Seconds that HDF5, the system and the processor take for one of each, besides the device and the filters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CallCosts {
    /// A request (H5Dread, H5Dwrite).
    pub request: f64,
    /// A chunk that is touched: found in the index and in the cache.
    pub chunk: f64,
    /// A piece that is copied.
    pub piece: f64,
    /// A byte that is copied between HDF5's own memory and the caller's.
    #[serde(default)]
    pub copied: f64,
    /// A call to the driver.
    pub call: f64,
    /// A byte that calls move.
    #[serde(default)]
    pub read: f64,
    /// A byte of the memory that chunks take which are read or written whole.
    #[serde(default)]
    pub whole: f64,
    /// A node of the chunk index that is met for the first time: fetched and taken apart.
    #[serde(default)]
    pub node: f64,
}

impl CallCosts {
    /// Seconds for this work.
    pub fn seconds(&self, work: &Work) -> f64 {
        let counts = counts(work);
        self.parts().iter().zip(counts).map(|(cost, count)| cost * count).sum()
    }

    fn parts(&self) -> [f64; PARTS] {
        [self.request, self.chunk, self.piece, self.copied, self.call, self.read, self.whole, self.node]
    }
}

/// How many costs there are.
const PARTS: usize = 8;

fn counts(work: &Work) -> [f64; PARTS] {
    [work.requests, work.chunks, work.pieces, work.copied, work.calls, work.read, work.whole, work.nodes]
}

/// A small experiment: what was done, and what it took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observation {
    /// What was done.
    pub work: Work,
    /// Seconds.
    pub seconds: f64,
}

/// Passes of the descent; it is exact to many digits long before.
const PASSES: usize = 10_000;

/// The costs, none of them negative, whose sum of squared relative errors is least: coordinate descent (Friedman, Hastie,
/// Höfling, Tibshirani 2007, "Pathwise coordinate optimization", without penalty, cut at zero).
pub fn fit(observations: &[Observation]) -> CallCosts {
    let rows: Vec<[f64; PARTS]> = observations
        .iter()
        .filter(|o| o.seconds > 0.0)
        .map(|o| counts(&o.work).map(|count| count / o.seconds))
        .collect();
    let mut costs = [0.0; PARTS];
    for _ in 0..PASSES {
        for part in 0..costs.len() {
            let (mut above, mut below) = (0.0, 0.0);
            for row in &rows {
                let others: f64 = (0..costs.len()).filter(|&p| p != part).map(|p| row[p] * costs[p]).sum();
                above += row[part] * (1.0 - others);
                below += row[part] * row[part];
            }
            costs[part] = if below > 0.0 { (above / below).max(0.0) } else { 0.0 };
        }
    }
    let [request, chunk, piece, copied, call, read, whole, node] = costs;
    CallCosts { request, chunk, piece, copied, call, read, whole, node }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_experiments_took_is_found_again() {
        let truth = CallCosts { request: 2e-5, chunk: 5e-6, piece: 4e-8, copied: 2e-10, ..CallCosts::default() };
        let work = |requests: f64, chunks: f64, pieces: f64, copied: f64| Work {
            requests,
            chunks,
            pieces,
            copied,
            ..Work::default()
        };
        let all = [
            work(1.0, 16.0, 16.0, 16e6),
            work(1.0, 4000.0, 4000.0, 16e6),
            work(1.0, 64.0, 1e6, 4e6),
            work(1000.0, 1000.0, 1000.0, 1e6),
            work(10.0, 0.0, 10.0, 16e6),
        ];
        let observations: Vec<_> = all.iter().map(|w| Observation { work: *w, seconds: truth.seconds(w) }).collect();
        let found = fit(&observations);
        for (found, truth) in found.parts().iter().zip(truth.parts()) {
            assert!((found - truth).abs() <= truth * 0.01 + 1e-12, "{found} {truth}");
        }
    }

    #[test]
    fn nothing_is_paid_back() {
        let work = |requests: f64, copied: f64| Work { requests, copied, ..Work::default() };
        let observations = [(1.0, 1e6, 1e-3), (1000.0, 1e6, 0.5e-3)]
            .map(|(requests, copied, seconds)| Observation { work: work(requests, copied), seconds });
        assert!(fit(&observations).parts().iter().all(|cost| *cost >= 0.0));
        assert_eq!(fit(&[]), CallCosts::default());
    }
}
