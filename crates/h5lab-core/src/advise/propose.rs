//! Layouts worth a look: chunk shapes made from the accesses, scored by the model, and the few that are worth proving.

use crate::dataset::{Dtype, Shape};
use crate::filter::Filter;
use crate::layout::{Layout, guess_chunk};
use crate::model::cost::estimate_works;
use crate::model::{Calibration, Estimate, Setting, estimate};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Why a layout is on the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The model proposes it.
    Proposed,
    /// The dataset has it.
    Today,
    /// h5py chooses it for `chunks=True`.
    Auto,
}

/// A layout with what it is expected to cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// The layout.
    pub layout: Layout,
    /// Why it is here.
    pub origin: Origin,
    /// What it is expected to cost.
    pub estimate: Estimate,
}

/// What a layout may not exceed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes in the file.
    pub max_size: Option<u64>,
    /// Bytes that a writer keeps until its chunks are full.
    pub max_memory: u64,
}

/// Smaller chunks cost more to find than to read.
const LEAST_CHUNK: u64 = 4 << 10;
/// Larger ones no reader wants to have in memory.
const MOST_CHUNK: u64 = 64 << 20;
/// So many chunks a dataset may have: an index of more is a burden by itself.
const MOST_CHUNKS: u64 = 4_000_000;

/// Chunk shapes: along each axis the extents that the accesses ask for, and halves, quarters and so on of them. With up to
/// three axes also thirds of those; with more than four every other one.
pub fn shapes(setting: &Setting) -> Vec<Vec<u64>> {
    let axes = setting.shape.len();
    let ladders: Vec<Vec<u64>> = (0..axes).map(|axis| ladder(setting, axis)).collect();
    let mut all = vec![vec![]];
    for ladder in &ladders {
        all = all
            .into_iter()
            .flat_map(|shape: Vec<u64>| ladder.iter().map(move |&size| [shape.as_slice(), &[size]].concat()))
            // What is too large already does not get smaller.
            .filter(|shape| shape.iter().product::<u64>() * setting.element <= MOST_CHUNK)
            .collect();
    }
    let whole = setting.shape.iter().product::<u64>() * setting.element;
    all.retain(|chunk| {
        let bytes = chunk.iter().product::<u64>() * setting.element;
        let count: u64 = setting.shape.iter().zip(chunk).map(|(n, c)| n.div_ceil(*c)).product();
        bytes >= LEAST_CHUNK.min(whole) && count <= MOST_CHUNKS
    });
    all
}

fn ladder(setting: &Setting, axis: usize) -> Vec<u64> {
    let axes = setting.shape.len();
    let extents = setting.passes.iter().flatten().map(|request| request.count[axis]);
    let spans: BTreeSet<u64> = extents.chain([setting.shape[axis]]).filter(|&span| span > 1).collect();
    let thirds: &[u64] = if axes <= 3 { &[1, 3] } else { &[1] };
    let factor = if axes > 4 { 4 } else { 2 };
    let mut sizes = BTreeSet::from([1]);
    for (&span, &third) in spans.iter().flat_map(|span| thirds.iter().map(move |third| (span, third))) {
        let mut parts = third;
        while parts < span {
            sizes.insert(span.div_ceil(parts));
            parts *= factor;
        }
    }
    sizes.into_iter().collect()
}

/// All layouts within the limits, best first; those of `also` among them, whatever their size.
pub fn propose(
    setting: &Setting,
    calibration: &Calibration,
    pipelines: &[Vec<Filter>],
    also: &[(Layout, Origin)],
    limits: &Limits,
) -> Vec<Proposal> {
    let mut all: Vec<Proposal> = also
        .iter()
        .filter_map(|(layout, origin)| {
            let estimate = estimate(setting, calibration, layout)?;
            Some(Proposal { layout: layout.clone(), origin: *origin, estimate })
        })
        .collect();
    let known: Vec<Layout> = all.iter().map(|proposal| proposal.layout.clone()).collect();
    let mut add = |layout: Layout, estimate: Option<Estimate>| {
        let fits = |e: &Estimate| limits.max_size.is_none_or(|most| e.stored <= most);
        if let Some(estimate) = estimate.filter(fits).filter(|_| !known.contains(&layout)) {
            all.push(Proposal { layout, origin: Origin::Proposed, estimate });
        }
    };
    if pipelines.iter().any(Vec::is_empty) {
        add(Layout::Contiguous, estimate(setting, calibration, &Layout::Contiguous));
    }
    for chunk in shapes(setting).into_iter().filter(|chunk| writer_bytes(setting, chunk) <= limits.max_memory) {
        let (plain, filtered) = (setting.works(Some(&chunk), false), setting.works(Some(&chunk), true));
        for filters in pipelines {
            let works = if filters.is_empty() { &plain } else { &filtered };
            let estimate = estimate_works(setting, calibration, Some(&chunk), filters, works);
            add(Layout::Chunked { chunk: chunk.clone(), filters: filters.clone() }, estimate);
        }
    }
    all.sort_by(|a, b| a.estimate.read.total_cmp(&b.estimate.read));
    all
}

/// Bytes of the chunks that a writer has begun when it writes image by image: all of one layer.
fn writer_bytes(setting: &Setting, chunk: &[u64]) -> u64 {
    let layer: u64 = setting.shape[1..].iter().zip(&chunk[1..]).map(|(n, c)| n.div_ceil(*c) * c).product();
    layer * chunk[0] * setting.element
}

/// The chunks that h5py would choose, with these filters.
pub fn guess(shape: &[u64], dtype: Dtype, filters: Vec<Filter>) -> Layout {
    Layout::Chunked { chunk: guess_chunk(&Shape(shape.to_vec()), dtype), filters }
}

/// A proposal that is slower than the best by more than this factor is not proven for its own sake.
const HOPELESS: f64 = 4.0;

/// The few that are worth proving: what is there today and h5py's guess; the best of all; the best of each pipeline that
/// saves space; then the next best ones that are not much like those already chosen.
pub fn pick(all: &[Proposal], count: usize) -> Vec<Proposal> {
    let mut chosen: Vec<&Proposal> = all.iter().filter(|p| p.origin != Origin::Proposed).collect();
    let fixed = chosen.len();
    let Some(best) = all.first() else { return Vec::new() };
    let room = |chosen: &Vec<&Proposal>| chosen.len() < fixed + count;
    let mut smallest = u64::MAX;
    let mut seen: Vec<&[Filter]> = Vec::new();
    for proposal in all.iter().filter(|p| p.origin == Origin::Proposed) {
        let first_of_its_filters = !seen.contains(&proposal.layout.filters());
        if first_of_its_filters {
            seen.push(proposal.layout.filters());
            // A pipeline that is slower and saves nothing is not worth a proof.
            if room(&chosen) && (chosen.len() == fixed || proposal.estimate.stored * 10 < smallest / 10 * 95) {
                chosen.push(proposal);
                smallest = smallest.min(proposal.estimate.stored);
            }
        }
    }
    for proposal in all.iter().filter(|p| p.origin == Origin::Proposed) {
        if !room(&chosen) || proposal.estimate.read > best.estimate.read * HOPELESS {
            break;
        }
        if chosen.iter().all(|other| !alike(&other.layout, &proposal.layout)) {
            chosen.push(proposal);
        }
    }
    chosen.into_iter().cloned().collect()
}

/// True if the layouts have the same filters, and chunks that differ by less than 1.9 along every axis.
fn alike(a: &Layout, b: &Layout) -> bool {
    match (a, b) {
        (Layout::Chunked { chunk: a, filters: f }, Layout::Chunked { chunk: b, filters: g }) => {
            let near = |(&a, &b): (&u64, &u64)| a.max(b) * 10 < a.min(b) * 19;
            f == g && a.iter().zip(b).all(near)
        }
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Workload;
    use super::*;
    use crate::model::{FilterCost, FilterPoint};

    fn setting(shape: &[u64], reads: &str) -> Setting {
        let workload = Workload::parse(reads, shape).unwrap();
        Setting {
            shape: shape.to_vec(),
            element: 2,
            cache_bytes: 1 << 20,
            cold: false,
            np: 1,
            decoders: 1,
            sieve: true,
            passes: workload.passes(shape).unwrap(),
            weights: workload.shares(),
        }
    }

    fn calibration() -> Calibration {
        let mut calibration = Calibration::typical();
        let point = FilterPoint { chunk_bytes: 1 << 18, ratio: 4.0, encode: 1e-8, decode: 4e-9 };
        calibration.filters.push(FilterCost { filters: vec![Filter::Gzip(1)], points: vec![point] });
        calibration
    }

    const LIMITS: Limits = Limits { max_size: None, max_memory: 1 << 30 };

    #[test]
    fn shapes_come_from_the_accesses() {
        let shapes = shapes(&setting(&[1801, 2160, 2560], "projection,roi:200x300"));
        assert!(shapes.len() > 1000, "{}", shapes.len());
        let has = |chunk: [u64; 3]| shapes.contains(&chunk.to_vec());
        assert!(has([1, 2160, 2560]) && has([1, 200, 300]) && has([1, 100, 150]) && has([57, 68, 40]));
    }

    #[test]
    fn thousands_are_scored_and_the_best_is_first() {
        let setting = setting(&[1801, 2160, 2560], "tomography");
        let pipelines = [vec![], vec![Filter::Gzip(1)]];
        let all = propose(&setting, &calibration(), &pipelines, &[(Layout::Contiguous, Origin::Today)], &LIMITS);
        assert!(all.len() > 2000, "{}", all.len());
        assert!(all.is_sorted_by(|a, b| a.estimate.read <= b.estimate.read));
        assert_eq!(all.iter().filter(|p| p.layout == Layout::Contiguous).count(), 1);
        let few = pick(&all, 6);
        assert_eq!(few.len(), 7);
        assert!(few.contains(&all[0]) && few.iter().any(|p| !p.layout.filters().is_empty()));
    }

    #[test]
    fn reads_of_one_kind_get_chunks_of_that_kind() {
        let best = |reads: &str| {
            let all =
                propose(&setting(&[180, 540, 640], reads), &calibration(), &[vec![Filter::Gzip(1)]], &[], &LIMITS);
            let Layout::Chunked { chunk, .. } =
                all.iter().find(|p| p.layout != Layout::Contiguous).unwrap().layout.clone()
            else {
                unreachable!()
            };
            chunk
        };
        assert_eq!(best("projection")[0], 1);
        assert_eq!(best("sinogram")[1], 1);
        let mixed = best("projection,sinogram");
        assert!(mixed[0] < 20 && mixed[1] < 20, "neither an image nor a sinogram: {mixed:?}");
    }

    #[test]
    fn limits_are_kept() {
        let setting = setting(&[180, 540, 640], "tomography");
        let limits = Limits { max_size: Some(40 << 20), max_memory: 4 << 20 };
        let all = propose(&setting, &calibration(), &[vec![], vec![Filter::Gzip(1)]], &[], &limits);
        assert!(!all.is_empty());
        for proposal in all {
            assert!(proposal.estimate.stored <= 40 << 20);
            let Layout::Chunked { chunk, .. } = proposal.layout else { panic!("too large") };
            assert!(writer_bytes(&setting, &chunk) <= 4 << 20);
        }
    }
}
