//! Records that cannot be: times that no clock shows, samples of other ranks than ran, shapes that contradict each other.
//!
//! Nobody measured them: a file was edited, or damaged. A picture of them would be nonsense, and a plan of them endless.

use crate::method::Method;
use crate::record::{Phases, Record, Sample};

/// More ranks than any machine has.
const MOST_RANKS: usize = 1 << 24;

/// Longer than any measurement: 30 years, in seconds.
const MOST_SECONDS: f64 = 1e9;

/// Faster than any storage, and any memory: bytes a second.
const MOST_BANDWIDTH: f64 = 1e16;

/// Why a record cannot be; `None` if it can. Few different words, so that they can be counted.
pub(super) fn why(record: &Record) -> Option<String> {
    let experiment = &record.experiment;
    if experiment.dataset.shape.bytes(experiment.dataset.dtype).is_none() {
        return Some("its dataset has more bytes than can be counted".into());
    }
    if let Err(failure) = experiment.check() {
        return Some(format!("its settings contradict each other: {}", failure.message));
    }
    impossible_samples(record).map(str::to_owned)
}

fn impossible_samples(record: &Record) -> Option<&'static str> {
    let np = record.experiment.np;
    let ceiling = record.ceiling.as_ref().map_or(&[][..], |ceiling| &ceiling.samples);
    if np > MOST_RANKS {
        return Some("it has more ranks than any machine");
    }
    if record.samples.is_empty() && record.failure.is_none() {
        return Some("it has neither samples nor a failure");
    }
    if let Some(why) = record.samples.iter().chain(ceiling).find_map(impossible_numbers) {
        return Some(why);
    }
    if record.samples.iter().any(|sample| sample.ranks.len() != np) {
        return Some("its samples have times of more or fewer ranks than ran");
    }
    let moved = record.experiment.method != Method::Null && record.bytes_asked() > 0;
    let no_time = moved && record.samples.iter().any(|sample| sample.duration().transfer == 0.0);
    if no_time {
        return Some("bytes were transferred in no time");
    }
    let bandwidth = |sample: &Sample| record.bytes_asked() as f64 / sample.duration().transfer;
    let too_fast = moved && record.samples.iter().any(|sample| bandwidth(sample) > MOST_BANDWIDTH);
    too_fast.then_some("bytes were transferred faster than any machine can")
}

fn impossible_numbers(sample: &Sample) -> Option<&'static str> {
    let times = || {
        let phases = sample.ranks.iter().chain(&sample.together).flat_map(Phases::seconds);
        let counted = sample.counters.iter().map(|counters| counters.cpu_seconds);
        phases.chain([sample.generate, sample.verify]).chain(counted)
    };
    if times().any(|time| !time.is_finite()) {
        return Some("a time of it is not finite");
    }
    if times().any(|time| time < 0.0) {
        return Some("a time of it is negative");
    }
    if times().any(|time| time > MOST_SECONDS) {
        return Some("a time of it is longer than 30 years");
    }
    let share = sample.resident.is_some_and(|share| !(0.0..=1.0).contains(&share));
    share.then_some("a share of its file is not between 0 and 1")
}
