//! Pairing: each cell of the base with the cell of another group that means the same.

use super::key::{Dimension, Key};
use super::{Group, Metric};
use crate::record::CacheState;
use crate::results::Cell;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// Cells that were not compared, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// What they are.
    pub what: String,
    /// Why they are not alike.
    pub why: String,
}

/// A cell of the base and its like.
pub(super) struct Pair<'a> {
    pub(super) key: Vec<String>,
    pub(super) group: usize,
    /// Bandwidths of the base and of the other.
    pub(super) samples: [Vec<f64>; 2],
    /// The cells themselves, of both.
    pub(super) cells: [Vec<&'a Cell>; 2],
}

/// What came of pairing.
pub(super) struct Paired<'a> {
    pub(super) pairs: Vec<Pair<'a>>,
    pub(super) refused: Vec<Refusal>,
    pub(super) alone: Vec<usize>,
    pub(super) lacking: Vec<String>,
    pub(super) failed: Vec<String>,
    /// Whether the pairs have several values of each dimension.
    pub(super) varying: Vec<bool>,
}

/// The cells of a group by what they mean; what was measured twice is taken together.
type ByMeaning<'a> = BTreeMap<Vec<String>, Vec<&'a Cell>>;

/// Pairs the first group's cells with those of each other group.
pub(super) fn pair<'a>(key: &Key<'_>, groups: &[Group<'a>], metric: Metric) -> Paired<'a> {
    let by_meaning: Vec<ByMeaning<'a>> = groups.iter().map(|group| meanings(key, group)).collect();
    let mut paired = Paired {
        pairs: Vec::new(),
        refused: Vec::new(),
        alone: vec![0; groups.len()],
        lacking: Vec::new(),
        failed: Vec::new(),
        varying: vec![],
    };
    let base = &by_meaning[0];
    for (group, others) in by_meaning.iter().enumerate().skip(1) {
        for (values, cells) in base {
            if let Some(others) = others.get(values) {
                paired.take(key, group, values, [cells, others], metric);
            }
        }
        paired.alone[group] = others.keys().filter(|values| !base.contains_key(*values)).count();
        paired.tell_near_misses(key, &groups[group].name, base, others);
    }
    let has_like = |values: &Vec<String>| by_meaning[1..].iter().any(|others| others.contains_key(values));
    paired.lacking = base.keys().filter(|values| !has_like(values)).map(|values| key.words(values, |_| true)).collect();
    paired.alone[0] = paired.lacking.len();
    paired.varying = (0..key.dimensions.len())
        .map(|index| paired.pairs.iter().any(|pair| pair.key[index] != paired.pairs[0].key[index]))
        .collect();
    paired
}

fn meanings<'a>(key: &Key<'_>, group: &Group<'a>) -> ByMeaning<'a> {
    let mut cells = ByMeaning::new();
    for cell in &group.cells {
        cells.entry(key.values(cell)).or_default().push(cell);
    }
    cells
}

impl<'a> Paired<'a> {
    /// Takes a pair, unless its numbers can't be compared.
    fn take(&mut self, key: &Key<'_>, group: usize, values: &[String], cells: [&[&'a Cell]; 2], metric: Metric) {
        let what = || key.words(values, |_| true);
        let sound = cells.map(|side| side.iter().copied().filter(|cell| cell.is_sound()).collect::<Vec<_>>());
        if !sound[0].is_empty() && sound[1].is_empty() {
            self.failed.push(format!("{}: {}", what(), why_unsound(cells[1][0])));
        }
        let refusal = match &sound {
            [a, b] if a.is_empty() || b.is_empty() => {
                let bad = if a.is_empty() { cells[0][0] } else { cells[1][0] };
                Some(why_unsound(bad))
            }
            [a, b] => cache_refusal(a, b),
        };
        if let Some(why) = refusal {
            self.refused.push(Refusal { what: what(), why });
            return;
        }
        let samples = [0, 1].map(|side| sound[side].iter().flat_map(|cell| metric.samples(cell)).collect());
        self.pairs.push(Pair { key: values.to_vec(), group, samples, cells: sound });
    }

    /// Says of cells without their like in what alone they differ from one that is there.
    fn tell_near_misses(&mut self, key: &Key<'_>, name: &str, base: &ByMeaning<'_>, others: &ByMeaning<'_>) {
        let without = |values: &[String], index: usize| -> Vec<String> {
            values.iter().enumerate().filter(|(at, _)| *at != index).map(|(_, value)| value.clone()).collect()
        };
        let lonely = |these: &ByMeaning<'_>, those: &ByMeaning<'_>| -> Vec<Vec<String>> {
            these.keys().filter(|values| !those.contains_key(*values)).cloned().collect()
        };
        let (left, right) = (lonely(base, others), lonely(others, base));
        let mut told = vec![false; left.len()];
        for (index, dimension) in key.dimensions.iter().enumerate().filter(|(_, d)| tells(**d)) {
            let near: HashMap<Vec<String>, &Vec<String>> = right.iter().map(|v| (without(v, index), v)).collect();
            for (values, told) in left.iter().zip(&mut told).filter(|(_, told)| !**told) {
                let Some(found) = near.get(&without(values, index)) else { continue };
                let (what, name_of) = (key.words(values, |at| at != index), dimension.name());
                let why = format!("{name_of} {} against {} in {name}", values[index], found[index]);
                self.refused.push(Refusal { what, why: crate::report::printable(&why) });
                *told = true;
            }
        }
    }
}

/// The dimensions whose difference is worth a line: one would have expected them to be equal.
fn tells(dimension: Dimension) -> bool {
    matches!(
        dimension,
        Dimension::Size
            | Dimension::Cache
            | Dimension::Data
            | Dimension::Split
            | Dimension::Buffer
            | Dimension::Settings
    )
}

fn why_unsound(cell: &Cell) -> String {
    match (&cell.failure, cell.verified) {
        (Some(why), _) => crate::report::printable(&format!("failed: {why}")),
        (None, Some(false)) => "the values read were wrong".into(),
        (None, _) => "no samples".into(),
    }
}

/// Why two cells that asked for the same state of the page cache can't be compared: they met different ones.
fn cache_refusal(base: &[&Cell], other: &[&Cell]) -> Option<String> {
    let state = |cell: &Cell| match cell.cache {
        CacheState::Unverified => None,
        _ if !cell.reads() => None,
        _ => Some(cell.met_word()),
    };
    let met = |cells: &[&Cell]| -> Vec<&'static str> { cells.iter().filter_map(|cell| state(cell)).collect() };
    let (a, b) = (met(base), met(other));
    let first = *a.first()?;
    let differs = a.iter().chain(&b).find(|word| **word != first)?;
    Some(format!("the page cache was {first} in one and {differs} in the other"))
}
