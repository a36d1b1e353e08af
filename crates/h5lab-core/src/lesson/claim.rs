//! One sentence of an answer, with the numbers that it rests on; and how two measurements are compared.

use crate::record::Record;
use crate::report::{seconds, significant};
use crate::stats;
use serde::Serialize;
use std::collections::BTreeMap;

/// A sentence of an answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Claim {
    /// What it is about; scripts know it by this word.
    pub about: &'static str,
    /// The sentence.
    pub text: String,
    /// The numbers in it by name: seconds, bytes, MiB/s, and ratios, not rounded.
    pub numbers: BTreeMap<String, f64>,
}

impl Claim {
    /// A claim without numbers yet.
    pub fn new(about: &'static str, text: impl Into<String>) -> Self {
        Claim { about, text: text.into(), numbers: BTreeMap::new() }
    }

    /// Adds a number.
    pub fn with(mut self, name: impl Into<String>, value: f64) -> Self {
        self.numbers.insert(name.into(), value);
        self
    }
}

/// What is compared of a record: one number a repeat, more is worse.
pub type Cost = fn(&crate::record::Sample) -> f64;

/// Seconds of the transfer alone.
pub const TRANSFER: Cost = |sample| sample.duration().transfer;

/// Seconds from open to close.
pub const TOTAL: Cost = |sample| sample.total();

/// The median over the repeats.
pub fn median(record: &Record, cost: Cost) -> f64 {
    let each: Vec<f64> = record.samples.iter().map(cost).collect();
    stats::median(&each).unwrap_or(f64::NAN)
}

/// How one record compares with another, for the same bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// This one's rate over the base's: above 1, this one is faster.
    pub times_as_fast: f64,
    /// Whether the repeats of the two lie apart, so that the difference is more than what repeats differ by.
    pub apart: bool,
}

/// Differences below this share are not called differences, however well the repeats agree.
const MARGIN: f64 = 0.1;

impl Ratio {
    /// Of `record` against `base`, by the medians of their rates, as tables have them.
    pub fn of(record: &Record, base: &Record, cost: Cost) -> Self {
        let (rates, base_rates) = (rates(record, cost), rates(base, cost));
        let median = |rates: &[f64]| stats::median(rates).unwrap_or(f64::NAN);
        let ((low, high), (base_low, base_high)) = (interval(&rates), interval(&base_rates));
        Ratio { times_as_fast: median(&rates) / median(&base_rates), apart: high < base_low || base_high < low }
    }

    /// Whether it is faster than the base, slower, or neither (`Equal`).
    pub fn verdict(&self) -> std::cmp::Ordering {
        use std::cmp::Ordering::{Equal, Greater, Less};
        match self.times_as_fast {
            ratio if !self.apart || (ratio - 1.0).abs() < MARGIN || !ratio.is_finite() => Equal,
            ratio if ratio > 1.0 => Greater,
            _ => Less,
        }
    }

    /// `2.31 times as fast as THE OTHER`, and whether the repeats bear it out.
    pub fn against(&self, other: &str) -> String {
        let caution = match (self.apart, (self.times_as_fast - 1.0).abs() < MARGIN) {
            (true, _) | (false, true) => "",
            (false, false) => ", but the repeats differ as much among themselves",
        };
        format!("{} times as fast as {other}{caution}", significant(self.times_as_fast))
    }
}

/// `1 rank`, `2 ranks`.
pub fn ranks(np: usize) -> String {
    if np == 1 { "1 rank".into() } else { format!("{np} ranks") }
}

/// One over the cost of each repeat.
fn rates(record: &Record, cost: Cost) -> Vec<f64> {
    record.samples.iter().map(cost).filter(|&cost| cost > 0.0).map(|cost| 1.0 / cost).collect()
}

/// Where the median lies: the bootstrap's interval, or all samples where they are too few for one.
fn interval(samples: &[f64]) -> (f64, f64) {
    let all = || (samples.iter().copied().fold(f64::INFINITY, f64::min), samples.iter().copied().fold(0.0, f64::max));
    stats::median_interval(samples, 0.95).unwrap_or_else(all)
}

/// `0.123 s`.
pub fn time(record: &Record, cost: Cost) -> String {
    format!("{} s", seconds(median(record, cost)))
}

/// A list in words: `a`, `a and b`, `a, b and c`.
pub fn join(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [head @ .., last] => format!("{} and {last}", head.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Ordering;

    #[test]
    fn small_or_unsteady_differences_are_none() {
        let verdict = |times_as_fast, apart| Ratio { times_as_fast, apart }.verdict();
        assert_eq!(verdict(1.5, true), Ordering::Greater);
        assert_eq!(verdict(0.5, true), Ordering::Less);
        assert_eq!(verdict(1.05, true), Ordering::Equal);
        assert_eq!(verdict(1.5, false), Ordering::Equal);
        assert_eq!(verdict(f64::NAN, true), Ordering::Equal);
        let told = |times_as_fast, apart| Ratio { times_as_fast, apart }.against("ext4");
        assert_eq!(told(1.5, false), "1.50 times as fast as ext4, but the repeats differ as much among themselves");
        assert_eq!(
            (told(1.5, true), told(1.05, false)),
            ("1.50 times as fast as ext4".into(), "1.05 times as fast as ext4".into())
        );
        assert_eq!((ranks(1), ranks(16)), ("1 rank".into(), "16 ranks".into()));
    }

    #[test]
    fn lists_read_as_sentences_do() {
        let words = |list: &[&str]| join(&list.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!((words(&[]), words(&["a"]), words(&["a", "b"])), (String::new(), "a".into(), "a and b".into()));
        assert_eq!(words(&["a", "b", "c"]), "a, b and c");
    }
}
