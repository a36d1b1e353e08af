//! What was measured on the machine, the path and the data, before any layout is scored.

use super::fit::CallCosts;
use crate::filter::{Filter, Packing};
use serde::{Deserialize, Serialize};

/// Seconds of one call, by its size: a table of measured sizes, straight lines between them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transfers(pub Vec<(u64, f64)>);

impl Transfers {
    /// Seconds of a call of so many bytes. Beyond the table the last line goes on; below it the first size stands.
    pub fn seconds(&self, bytes: f64) -> f64 {
        let table = &self.0;
        let Some(&(first, least)) = table.first() else { return 0.0 };
        if bytes <= first as f64 || table.len() == 1 {
            return least;
        }
        let above = table.iter().position(|&(size, _)| size as f64 >= bytes).unwrap_or(table.len() - 1);
        let ((x0, y0), (x1, y1)) = (table[above - 1], table[above]);
        let slope = ((y1 - y0) / (x1 - x0) as f64).max(0.0);
        y0 + slope * (bytes - x0 as f64)
    }

    /// Bytes a second of the largest size.
    pub fn bandwidth(&self) -> Option<f64> {
        self.0.last().map(|&(bytes, seconds)| bytes as f64 / seconds.max(1e-12))
    }
}

/// What a pipeline does with chunks of one size.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FilterPoint {
    /// Bytes of a chunk before filters.
    pub chunk_bytes: u64,
    /// Bytes before for each byte after.
    pub ratio: f64,
    /// Seconds to encode a byte.
    pub encode: f64,
    /// Seconds to decode a byte.
    pub decode: f64,
}

/// What a pipeline of filters costs on the data, by the size of the chunks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FilterCost {
    /// The pipeline.
    pub filters: Vec<Filter>,
    /// What was measured, smallest chunks first.
    pub points: Vec<FilterPoint>,
}

impl FilterCost {
    /// What a pipeline takes on a typical machine (one core of a 2020s server), if it shrinks the data by `ratio`: where
    /// nothing can be measured.
    pub fn typical(filters: &[Filter], ratio: f64) -> Self {
        let seconds = |filter: &Filter| match filter {
            Filter::Gzip(level) => (8e-9 + 4e-9 * f64::from(*level), 4e-9),
            Filter::Zstd(level) | Filter::Bitshuffle(Packing::Zstd(level)) => (2e-9 + 1e-9 * f64::from(*level), 1.5e-9),
            Filter::Lzf => (4e-9, 2e-9),
            _ => (1e-9, 5e-10),
        };
        let all = filters.iter().map(seconds);
        let (encode, decode) = all.fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        let ratio = if filters.iter().any(Filter::compresses) { ratio } else { 1.0 };
        let point = FilterPoint { chunk_bytes: 128 << 10, ratio, encode, decode };
        FilterCost { filters: filters.to_vec(), points: if filters.is_empty() { vec![] } else { vec![point] } }
    }

    /// What is to be expected of chunks of this size: between the measured ones by the logarithm of the size.
    pub fn at(&self, chunk_bytes: u64) -> FilterPoint {
        let nothing = FilterPoint { chunk_bytes, ratio: 1.0, encode: 0.0, decode: 0.0 };
        let Some(above) = self.points.iter().position(|point| point.chunk_bytes >= chunk_bytes) else {
            return FilterPoint { chunk_bytes, ..self.points.last().copied().unwrap_or(nothing) };
        };
        let high = self.points[above];
        let Some(low) = above.checked_sub(1).map(|below| self.points[below]) else {
            return FilterPoint { chunk_bytes, ..high };
        };
        let log = |bytes: u64| (bytes.max(1) as f64).ln();
        let share = (log(chunk_bytes) - log(low.chunk_bytes)) / (log(high.chunk_bytes) - log(low.chunk_bytes));
        let between = |a: f64, b: f64| a + (b - a) * share;
        FilterPoint {
            chunk_bytes,
            ratio: between(low.ratio, high.ratio),
            encode: between(low.encode, high.encode),
            decode: between(low.decode, high.decode),
        }
    }
}

/// Everything that the model knows of machine, path and data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Reads from the device, at places far apart.
    pub cold: Transfers,
    /// What HDF5 takes for each thing that it does when it reads.
    pub reading: CallCosts,
    /// The same of writing, into the page cache.
    pub writing: CallCosts,
    /// The pipelines that were tried on the data.
    pub filters: Vec<FilterCost>,
    /// Cores that may be used.
    pub cores: usize,
    /// False if numbers typical of a machine stand in for measured ones.
    pub measured: bool,
}

impl Calibration {
    /// Numbers of a typical machine (2020s server, local disk): where nothing can be measured, and for tests.
    pub fn typical() -> Self {
        let line = |latency: f64, bandwidth: f64| {
            Transfers(
                [4096u64, 65536, 1 << 20, 8 << 20].map(|bytes| (bytes, latency + bytes as f64 / bandwidth)).to_vec(),
            )
        };
        Calibration {
            cold: line(2e-4, 5e8),
            reading: CallCosts {
                request: 2e-5,
                chunk: 3e-6,
                piece: 3e-8,
                copied: 1e-10,
                call: 5e-7,
                read: 2e-10,
                whole: 1e-10,
                node: 2e-5,
            },
            writing: CallCosts {
                request: 2e-5,
                chunk: 8e-6,
                piece: 3e-8,
                copied: 1e-10,
                call: 1e-6,
                read: 4e-10,
                whole: 1e-10,
                node: 0.0,
            },
            filters: vec![FilterCost { filters: vec![], points: vec![] }],
            cores: 1,
            measured: false,
        }
    }

    /// What is known of a pipeline.
    pub fn filter(&self, filters: &[Filter]) -> Option<&FilterCost> {
        self.filters.iter().find(|cost| cost.filters == filters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_between_measured_sizes_lie_on_lines() {
        let table = Transfers(vec![(1000, 1.0), (2000, 3.0), (4000, 5.0)]);
        for (bytes, seconds) in [(1.0, 1.0), (1000.0, 1.0), (1500.0, 2.0), (3000.0, 4.0), (8000.0, 9.0)] {
            assert!((table.seconds(bytes) - seconds).abs() < 1e-12, "{bytes}");
        }
        assert_eq!(Transfers(vec![]).seconds(5.0), 0.0);
        assert_eq!(Transfers(vec![(8, 2.0)]).seconds(100.0), 2.0);
    }

    #[test]
    fn a_typical_machine_encodes_slower_than_it_decodes() {
        let cost = |filters: &[Filter]| FilterCost::typical(filters, 3.0).at(1 << 20);
        let (light, strong) = (cost(&[Filter::Shuffle, Filter::Gzip(1)]), cost(&[Filter::Shuffle, Filter::Gzip(9)]));
        assert!(light.ratio == 3.0 && light.encode > light.decode && strong.encode > light.encode);
        assert_eq!(cost(&[Filter::Shuffle]).ratio, 1.0, "no compression");
        assert_eq!((cost(&[]).ratio, cost(&[]).decode), (1.0, 0.0));
    }

    #[test]
    fn filters_are_interpolated_by_the_logarithm() {
        let point = |chunk_bytes, ratio| FilterPoint { chunk_bytes, ratio, encode: 0.0, decode: ratio };
        let cost = FilterCost { filters: vec![], points: vec![point(1 << 10, 2.0), point(1 << 14, 4.0)] };
        for (bytes, ratio) in [(1, 2.0), (1 << 10, 2.0), (1 << 12, 3.0), (1 << 14, 4.0), (1 << 20, 4.0)] {
            assert!((cost.at(bytes).ratio - ratio).abs() < 1e-12, "{bytes}");
        }
        assert_eq!(FilterCost { filters: vec![], points: vec![] }.at(100).ratio, 1.0);
    }
}
