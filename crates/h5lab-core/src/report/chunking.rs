//! The comparison of layouts: a table, and what it teaches, in sentences made from its numbers.

use super::table::{cache, verified};
use super::{Table, bytes, seconds, significant};
use crate::record::{CacheState, Record, Verification};

/// One layout of one kind of data: written, and its tiles read from a warm and from a cold cache.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The write, image by image.
    pub written: Record,
    /// The tiles, read from the page cache.
    pub warm: Record,
    /// The tiles, read from the device.
    pub cold: Record,
}

impl Comparison {
    fn data(&self) -> String {
        self.written.experiment.dataset.data.map_or("-".into(), |d| d.kind.to_string())
    }

    fn filtered(&self) -> bool {
        !self.written.experiment.layout.filters().is_empty()
    }

    fn ratio(&self) -> Option<f64> {
        self.written.compression_ratio()
    }
}

/// Seconds from open to close, median over the repeats.
fn total(record: &Record) -> f64 {
    record.duration().seconds().iter().sum()
}

/// One row a layout: write and read times from open to close, sizes, and what a tile costs.
pub fn comparison_table(comparisons: &[Comparison]) -> String {
    let mut table = Table::new()
        .word("\ndata")
        .word("\nlayout")
        .number("logical\nsize")
        .number("file\nsize")
        .number("\nratio")
        .number("write\ns")
        .number("read s\nwarm")
        .number("read s\ncold")
        .number("cold\ncache")
        .number("chunks\na tile")
        .number("touched\na tile")
        .word("\nverified");
    for c in comparisons {
        table.row(row(c));
    }
    table.render()
}

fn row(c: &Comparison) -> Vec<String> {
    let demand = c.warm.demand();
    let requests = demand.requests.max(1);
    let chunked = c.written.experiment.layout != crate::layout::Layout::Contiguous;
    vec![
        c.data(),
        c.written.experiment.layout.to_string(),
        bytes(c.written.experiment.dataset.bytes()),
        c.written.file_bytes.map_or("-".into(), bytes),
        c.ratio().map_or("-".into(), significant),
        seconds(total(&c.written)),
        seconds(total(&c.warm)),
        seconds(total(&c.cold)),
        cache(&c.cold),
        if chunked { significant_count(demand.chunks_touched, requests) } else { "-".into() },
        bytes(demand.bytes_touched / requests),
        both_verified(c).to_owned(),
    ]
}

fn significant_count(sum: u64, parts: u64) -> String {
    if sum.is_multiple_of(parts) { (sum / parts).to_string() } else { significant(sum as f64 / parts as f64) }
}

fn both_verified(c: &Comparison) -> &'static str {
    match (&c.warm.verification, &c.cold.verification) {
        (Verification::Passed, cold) => verified(cold),
        (warm, _) => verified(warm),
    }
}

/// Times that differ by less are called the same.
const MARGIN: f64 = 0.1;

/// What the numbers teach, kind of data by kind of data.
pub fn lessons(comparisons: &[Comparison]) -> Vec<String> {
    let mut kinds: Vec<String> = comparisons.iter().map(Comparison::data).collect();
    kinds.dedup();
    kinds.iter().filter_map(|kind| lesson(comparisons, kind)).collect()
}

/// What a compression ratio does to a dataset.
fn change(ratio: f64) -> String {
    if ratio < 1.0 {
        format!("makes the dataset {} times as large", significant(1.0 / ratio))
    } else {
        format!("shrinks the dataset {} times", significant(ratio))
    }
}

fn lesson(comparisons: &[Comparison], kind: &str) -> Option<String> {
    let of = |filtered: bool, chunked: bool| {
        comparisons.iter().find(|c| {
            let layout = &c.written.experiment.layout;
            c.data() == kind && c.filtered() == filtered && (*layout != crate::layout::Layout::Contiguous) == chunked
        })
    };
    let (plain, packed) = (of(false, true)?, of(true, true)?);
    let ratio = packed.ratio()?;
    let times = |of: fn(&Comparison) -> f64| of(packed) / of(plain).max(1e-9);
    let (write, warm, cold) = (times(|c| total(&c.written)), times(|c| total(&c.warm)), times(|c| total(&c.cold)));
    let cold_enough = [plain, packed].iter().all(|c| matches!(c.cold.cache_state(), CacheState::Cold(_)));
    let verdict = if ratio < 1.2 {
        "it saves no space worth having: leave such data uncompressed"
    } else if !cold_enough {
        "it pays in space; what it does to cold reads can't be measured here: these were not cold"
    } else if cold < 1.0 - MARGIN {
        "it pays in space and in cold reads"
    } else if cold <= 1.0 + MARGIN {
        "it pays in space, and cold reads take as long"
    } else {
        "it pays in space, and is paid for in time"
    };
    let caution =
        if packed.cold.samples.len() < 3 { " (few repeats: add --repeat 5 before you trust this)" } else { "" };
    Some(format!(
        "{kind}: {} {}; against plain chunks the write takes {} times as long, the warm read \
         {}, the cold read {}: {verdict}{caution}.",
        packed.written.experiment.layout,
        change(ratio),
        significant(write),
        significant(warm),
        significant(cold)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grows_is_not_said_to_shrink() {
        assert_eq!(change(4.66), "shrinks the dataset 4.66 times");
        assert_eq!(change(0.5), "makes the dataset 2.00 times as large");
    }
}
