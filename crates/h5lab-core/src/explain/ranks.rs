//! Rules about ranks: what they did together, and how evenly.

use super::facts::Facts;
use super::{Code, Explanation};
use crate::method::Method;
use crate::plan::Plan;
use crate::report::{seconds, significant};
use crate::stats;

/// What breaking collective I/O costs, where nothing better is known: each rank then goes to the file by itself.
const BROKEN_COST: f64 = 3.0;

pub(super) fn collective_broken(facts: &Facts<'_>) -> Option<Explanation> {
    let actual = &facts.record.actual;
    let causes = &actual.no_collective_cause;
    let mode = actual.io_mode.as_deref().unwrap_or("unknown");
    let broken = !causes.is_empty() || matches!(mode, "no collective" | "chunk independent");
    let asked = facts.experiment.method == Method::Collective && facts.mpi();
    (asked && broken && facts.demand.bytes_asked > 0).then(|| Explanation {
        code: Code::CollectiveBroken,
        text: format!(
            "collective transfers were asked for, but the last of {} was \"{mode}\"; HDF5's cause: {}",
            actual.calls,
            if causes.is_empty() { "none given".into() } else { causes.join(", ") }
        ),
        next: mend_collective(causes).into(),
        weight: facts.ceiling_share.map_or(BROKEN_COST, |share| (1.0 / share).max(BROKEN_COST)),
    })
}

fn mend_collective(causes: &[String]) -> &'static str {
    let is = |words: &str| causes.iter().any(|cause| cause.contains(words));
    if is("conversion") || is("transform") {
        "store the type and byte order that programs have in memory, without data transforms"
    } else if is("filter") {
        "use an HDF5 of 1.10.2 or later, which writes filtered chunks collectively, or no filter"
    } else if is("selection") {
        "ask for one regular hyperslab a call"
    } else if is("layout") {
        "use a contiguous or chunked dataset in one file"
    } else if is("driver") || is("MPI types") {
        "open the file with the MPI-IO driver"
    } else {
        "compare with the method independent, and with fewer, larger chunks"
    }
}

/// A rank that takes half as long again as the median rank keeps the others waiting noticeably.
const MOST_IMBALANCE: f64 = 1.5;
/// Below a millisecond the operating system's own noise decides who is last.
const SHORTEST: f64 = 1e-3;
/// An imbalance counts at most this much: the idle ranks' time is lost, not the whole group's.
const IMBALANCE_COST: f64 = 10.0;

pub(super) fn imbalance(facts: &Facts<'_>) -> Option<Explanation> {
    let times = facts.rank_transfers();
    let slowest = (0..times.len()).max_by(|&a, &b| times[a].total_cmp(&times[b]))?;
    let (most, median) = (times[slowest], stats::lower_median(&times)?);
    let others = if median > 0.0 {
        format!("{} times the median rank's {} s", significant(most / median), seconds(median))
    } else {
        "while the median rank moved nothing".into()
    };
    let found =
        times.len() > 1 && most >= SHORTEST && most > MOST_IMBALANCE * median && again_and_again(facts, slowest);
    found.then(|| Explanation {
        code: Code::Imbalance,
        text: format!("rank {slowest} transferred for {} s, {others}", seconds(most)),
        next: even_out(facts, slowest),
        weight: (most / median).min(IMBALANCE_COST),
    })
}

/// Whether this rank lagged behind in most of the repeats: now one and then the other is noise.
fn again_and_again(facts: &Facts<'_>, rank: usize) -> bool {
    let samples = &facts.record.samples;
    let lags = samples.iter().filter(|sample| {
        let times: Vec<f64> = sample.ranks.iter().map(|phases| phases.transfer).collect();
        stats::lower_median(&times).is_some_and(|median| times[rank] > MOST_IMBALANCE * median)
    });
    lags.count() * 2 > samples.len()
}

fn even_out(facts: &Facts<'_>, slowest: usize) -> String {
    let plan = Plan::new(facts.experiment);
    let asked: Vec<f64> = (0..facts.experiment.np).map(|rank| plan.demand(rank).bytes_asked as f64).collect();
    let typical = stats::lower_median(&asked).unwrap_or(0.0);
    if asked[slowest] > typical * MOST_IMBALANCE.sqrt() {
        let shape = &facts.experiment.dataset.shape;
        format!("it had more to move than others: choose --np or --split so that {shape} is shared out evenly")
    } else {
        "it had no more to move than others: see what else its node or core is doing".into()
    }
}

pub(super) fn more_ranks_than_cores(facts: &Facts<'_>) -> Option<Explanation> {
    let (np, cores) = (facts.experiment.np, facts.cores()?);
    (np > cores && cores > 0).then(|| Explanation {
        code: Code::MoreRanksThanCores,
        text: format!("{np} ranks share {cores} cores: they wait for time slices, and for each other"),
        next: format!("use at most --np {cores} here, or more nodes"),
        weight: np as f64 / cores as f64,
    })
}
