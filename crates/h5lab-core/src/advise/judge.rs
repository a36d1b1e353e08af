//! What the proofs say: which layout to take, how sure that is, and what it costs each kind of read.

use super::{Limits, Origin, Workload};
use crate::layout::Layout;
use crate::model::{Calibration, Estimate};
use crate::stats;
use serde::{Deserialize, Serialize};

/// What was measured of a layout, on the sample.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// For each access, the seconds of one read, a round each.
    pub reads: Vec<Vec<f64>>,
    /// Seconds to write the sample, a round each.
    pub writes: Vec<f64>,
    /// Bytes that the sample takes in its file.
    pub stored: Option<u64>,
}

impl Measured {
    /// Rounds that are complete.
    pub fn rounds(&self) -> usize {
        self.reads.iter().map(Vec::len).min().unwrap_or(0)
    }
}

/// A layout on the list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The layout.
    pub layout: Layout,
    /// Why it is on the list.
    pub origin: Origin,
    /// What the model says of the whole dataset.
    pub predicted: Estimate,
    /// What the model says of the sample.
    pub on_sample: Estimate,
    /// What was measured on the sample; `None` if nothing was.
    pub measured: Option<Measured>,
    /// Why it could not be measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

impl Row {
    /// Seconds of an average read of the whole dataset in each round: what was measured on the sample, times what the
    /// model makes of the difference.
    pub fn rounds(&self, shares: &[f64]) -> Vec<f64> {
        let Some(measured) = &self.measured else { return Vec::new() };
        let scaled = |round: usize| -> f64 {
            (0..shares.len()).map(|i| shares[i] * measured.reads[i][round] * self.scale(i)).sum()
        };
        (0..measured.rounds()).map(scaled).collect()
    }

    /// How many times as long a read of the whole dataset takes as one of the sample.
    fn scale(&self, access: usize) -> f64 {
        self.predicted.reads[access] / self.on_sample.reads[access].max(1e-12)
    }

    /// Seconds of an average read.
    pub fn read(&self, shares: &[f64]) -> f64 {
        stats::median(&self.rounds(shares)).unwrap_or(self.predicted.read)
    }

    /// The interval of that, if there were rounds enough.
    pub fn interval(&self, shares: &[f64]) -> Option<(f64, f64)> {
        stats::median_interval(&self.rounds(shares), 0.95)
    }

    /// Seconds of one read of an access.
    pub fn read_of(&self, access: usize) -> f64 {
        let measured = self.measured.as_ref().filter(|m| m.rounds() > 0).and_then(|m| stats::median(&m.reads[access]));
        measured.map_or(self.predicted.reads[access], |seconds| seconds * self.scale(access))
    }

    /// Bytes in the file.
    pub fn stored(&self) -> u64 {
        let measured = self.measured.as_ref().and_then(|m| m.stored).filter(|_| self.on_sample.stored > 0);
        measured.map_or(self.predicted.stored, |stored| {
            (self.predicted.stored as f64 * stored as f64 / self.on_sample.stored as f64) as u64
        })
    }

    /// Seconds to write all of it.
    pub fn write(&self) -> f64 {
        let measured = self.measured.as_ref().and_then(|m| stats::median(&m.writes));
        measured
            .map_or(self.predicted.write, |seconds| seconds * self.predicted.write / self.on_sample.write.max(1e-12))
    }

    /// Each access's prediction on the sample over what was measured there, less one: 0.1 is 10 % too much.
    pub fn errors(&self) -> Vec<f64> {
        let Some(measured) = self.measured.as_ref().filter(|m| m.rounds() > 0) else { return Vec::new() };
        let error = |(access, rounds): (usize, &Vec<f64>)| {
            Some(self.on_sample.reads[access] / stats::median(rounds)?.max(1e-12) - 1.0)
        };
        measured.reads.iter().enumerate().filter_map(error).collect()
    }

    /// The same for an average read.
    pub fn error(&self, shares: &[f64]) -> Option<f64> {
        let measured = self.measured.as_ref().filter(|m| m.rounds() > 0)?;
        let each = measured.reads.iter().map(|rounds| stats::median(rounds));
        let all: Option<f64> = each.zip(shares).map(|(seconds, share)| Some(seconds? * share)).sum();
        let predicted: f64 = self.on_sample.reads.iter().zip(shares).map(|(seconds, share)| seconds * share).sum();
        Some(predicted / all?.max(1e-12) - 1.0)
    }
}

/// Median and 90th percentile of |predicted - measured| / measured over all reads of all layouts; `None` without any.
pub fn model_errors(rows: &[Row]) -> Option<(f64, f64)> {
    let all: Vec<f64> = rows.iter().flat_map(Row::errors).map(f64::abs).collect();
    Some((stats::median(&all)?, stats::quantile(&all, 0.9)?))
}

/// Slower than the best by this factor, a layout is out at once.
const OUT: f64 = 2.0;

/// The layouts that are worth another round: the better half, at least two, and none that is out of the question.
pub fn survivors(rows: &[Row], shares: &[f64], among: &[usize]) -> Vec<usize> {
    let mut ranked: Vec<usize> = among.iter().copied().filter(|&i| rows[i].measured.is_some()).collect();
    ranked.sort_by(|&a, &b| rows[a].read(shares).total_cmp(&rows[b].read(shares)));
    let half = ranked.len().div_ceil(2).max(2);
    let best = ranked.first().map_or(0.0, |&i| rows[i].read(shares));
    ranked.truncate(half);
    let keep = |(place, &i): (usize, &usize)| place < 2 || rows[i].read(shares) <= best * OUT;
    ranked.iter().enumerate().filter(|x| keep(*x)).map(|(_, &i)| i).collect()
}

/// True if the best one's interval lies below all others'.
pub fn clearly_best(rows: &[Row], shares: &[f64], among: &[usize]) -> bool {
    let mut intervals: Vec<(f64, f64)> = among.iter().filter_map(|&i| rows[i].interval(shares)).collect();
    intervals.sort_by(|a, b| a.0.total_cmp(&b.0));
    match intervals[..] {
        [] | [_] => intervals.len() == among.len(),
        [first, second, ..] => intervals.len() == among.len() && first.1 < second.0,
    }
}

/// What was measured on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SampleInfo {
    /// Its shape.
    pub shape: Vec<u64>,
    /// Its bytes.
    pub bytes: u64,
    /// Its share of the dataset.
    pub share: f64,
}

/// What is to be said about the result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "code")]
pub enum Verdict {
    /// The recommended layout reads faster than what is there.
    Faster {
        /// How many times.
        times: f64,
        /// Its bytes over those of today.
        size: f64,
    },
    /// There is nothing to compare with: the fastest within the limits.
    Fastest,
    /// What is there is as good as anything.
    NothingToGain {
        /// How much faster the best one is, 0.05 being 5 %.
        gain: f64,
    },
    /// Others are as fast, as far as could be measured; the smallest of them is recommended.
    NotSeparated {
        /// How many.
        others: usize,
    },
    /// Kinds of reads want different layouts.
    Conflict {
        /// For each read, how many times as long it takes as in the layout that suits it best.
        costs: Vec<(String, f64)>,
    },
    /// A part of the dataset was measured, and the rest is the model's.
    Sample {
        /// The part's share.
        share: f64,
    },
    /// The sample was too small to tell.
    SmallSample {
        /// Why.
        why: String,
    },
    /// Nothing was measured.
    ModelOnly {
        /// Why.
        why: String,
    },
    /// No time was left to try some filters.
    Untried {
        /// Which: `shuffle+gzip=4`.
        filters: Vec<String>,
    },
    /// The time was up before the winner was clear.
    TimeUp {
        /// Rounds that the first two had.
        rounds: usize,
    },
    /// Compression was asked for by the limit on size.
    KeptSmall {
        /// Most bytes.
        most: u64,
    },
}

/// All that comes out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Advice {
    /// What it is about: `scan.h5:entry/data`, or a shape.
    pub subject: String,
    /// The whole dataset's shape and type: `1801x2160x2560 u16`.
    pub dataset: String,
    /// The reads.
    pub workload: Workload,
    /// Who reads: `h5py` or `h5lab`.
    pub reader: String,
    /// Readers at a time.
    pub np: usize,
    /// Whether reads come from the device.
    pub cold: bool,
    /// The recommended layout first, then by the time of an average read.
    pub rows: Vec<Row>,
    /// Rows, by number, that no other one beats in read time, size and write time at once.
    pub front: Vec<usize>,
    /// What is to be said.
    pub verdicts: Vec<Verdict>,
    /// What was measured on; `None` if nothing was.
    pub sample: Option<SampleInfo>,
    /// What the model knew.
    pub calibration: Calibration,
    /// Layouts that were scored.
    pub scored: usize,
    /// Seconds that all of it took.
    pub seconds: f64,
    /// Median and 90th percentile of the model's relative error.
    pub model_error: Option<(f64, f64)>,
}

/// Layouts within this of the best, or whose intervals overlap, count as equally fast: the smaller one is then better.
const SAME: f64 = 1.05;
/// A gain below this is not worth a repack.
const WORTH: f64 = 1.1;
/// A read that takes so many times as long as it could is a conflict.
const CONFLICT: f64 = 1.5;

/// Puts the recommended layout first, the others by read time, and says what is to be said. Today's layout is compared
/// with, but can't be recommended, unless `today_may_stay`: if the user asked for other filters than it has.
pub fn judge(
    mut rows: Vec<Row>,
    shares: &[f64],
    names: &[String],
    limits: &Limits,
    today_may_stay: bool,
) -> (Vec<Row>, Vec<Verdict>) {
    rows.sort_by(|a, b| a.read(shares).total_cmp(&b.read(shares)));
    let mut verdicts = Vec::new();
    let proven = rows.iter().any(|row| row.measured.is_some());
    let counts = |row: &Row| {
        row.failure.is_none()
            && (today_may_stay || row.origin != Origin::Today)
            && (row.measured.is_some() || !proven)
            && limits.max_size.is_none_or(|most| row.stored() <= most + most / 50)
    };
    let Some(best) = rows.iter().position(counts) else { return (rows, verdicts) };
    let equal = equals(&rows, best, shares, &counts);
    let mut choice = equal
        .iter()
        .copied()
        .min_by_key(|&i| (rows[i].stored() / (rows[best].stored() / 20).max(1), i))
        .unwrap_or(best);
    let today = rows.iter().position(|row| row.origin == Origin::Today && row.failure.is_none());
    if let Some(today) = today {
        let (ours, theirs) = (rows[choice].read(shares), rows[today].read(shares));
        let size = rows[choice].stored() as f64 / rows[today].stored().max(1) as f64;
        // Much smaller and as fast is a gain, too.
        if counts(&rows[today]) && theirs < ours * WORTH && size > 0.8 {
            verdicts.push(Verdict::NothingToGain { gain: (theirs / rows[best].read(shares) - 1.0).max(0.0) });
            choice = today;
        } else {
            verdicts.push(Verdict::Faster { times: theirs / ours.max(1e-12), size });
        }
    } else {
        verdicts.push(Verdict::Fastest);
    }
    if equal.len() > 1 && proven && today != Some(choice) {
        verdicts.push(Verdict::NotSeparated { others: equal.len() - 1 });
    }
    verdicts.extend(conflict(&rows, choice, names));
    let chosen = rows.remove(choice);
    rows.insert(0, chosen);
    (rows, verdicts)
}

/// The layouts that are as fast as the best one, as far as is known.
fn equals(rows: &[Row], best: usize, shares: &[f64], counts: &dyn Fn(&Row) -> bool) -> Vec<usize> {
    let (time, interval) = (rows[best].read(shares), rows[best].interval(shares));
    let same = |row: &Row| {
        let near = row.read(shares) <= time * SAME;
        // Wide intervals of noisy rounds make nobody equal who is clearly behind.
        let overlap = interval.zip(row.interval(shares)).is_some_and(|(ours, theirs)| theirs.0 <= ours.1);
        near || (overlap && row.read(shares) <= time * WORTH)
    };
    (0..rows.len()).filter(|&i| i == best || (counts(&rows[i]) && same(&rows[i]))).collect()
}

/// What the choice costs each kind of read, if it costs two of them much.
fn conflict(rows: &[Row], choice: usize, names: &[String]) -> Option<Verdict> {
    if names.len() < 2 {
        return None;
    }
    let cost = |access: usize| {
        let least = rows.iter().map(|row| row.read_of(access)).fold(f64::INFINITY, f64::min);
        (names[access].clone(), rows[choice].read_of(access) / least.max(1e-12))
    };
    let costs: Vec<(String, f64)> = (0..names.len()).map(cost).collect();
    let apart = (0..names.len()).any(|access| {
        let fastest = rows.iter().min_by(|a, b| a.read_of(access).total_cmp(&b.read_of(access)));
        fastest.is_some_and(|row| {
            (0..names.len()).any(|other| {
                let least = rows.iter().map(|r| r.read_of(other)).fold(f64::INFINITY, f64::min);
                row.read_of(other) > least * CONFLICT * 2.0
            })
        })
    });
    (apart && costs.iter().any(|(_, times)| *times > CONFLICT)).then_some(Verdict::Conflict { costs })
}

impl Advice {
    /// Rows that no other one beats in read time, size and write time at once.
    pub fn front_of(rows: &[Row], shares: &[f64]) -> Vec<usize> {
        let of = |row: &Row| [row.read(shares), row.stored() as f64, row.write()];
        let beats = |a: &Row, b: &Row| {
            let (a, b) = (of(a), of(b));
            (0..3).all(|i| a[i] <= b[i]) && (0..3).any(|i| a[i] < b[i])
        };
        let counts = |row: &Row| row.failure.is_none();
        (0..rows.len())
            .filter(|&i| counts(&rows[i]) && !rows.iter().any(|other| counts(other) && beats(other, &rows[i])))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Filter;

    fn row(chunk: u64, origin: Origin, reads: [&[f64]; 2], stored: u64) -> Row {
        let estimate = |scale: f64| Estimate {
            passes: vec![8.0 * scale, 8.0 * scale],
            reads: vec![scale, scale],
            amplification: vec![1.0, 2.0],
            read: scale,
            write: 1.0,
            stored: 1000,
        };
        Row {
            layout: Layout::Chunked { chunk: vec![chunk, 8, 8], filters: vec![Filter::Gzip(1)] },
            origin,
            predicted: estimate(10.0),
            on_sample: estimate(1.0),
            measured: Some(Measured {
                reads: reads.map(<[f64]>::to_vec).to_vec(),
                writes: vec![2.0],
                stored: Some(stored),
            }),
            failure: None,
        }
    }

    const EVEN: [f64; 2] = [0.5, 0.5];
    const LIMITS: Limits = Limits { max_size: None, max_memory: u64::MAX };

    fn names() -> Vec<String> {
        vec!["projection".into(), "sinogram".into()]
    }

    fn steady(seconds: f64) -> Vec<f64> {
        (0..6).map(|i| seconds * (1.0 + 0.001 * f64::from(i))).collect()
    }

    #[test]
    fn what_is_measured_on_the_sample_is_scaled_to_the_whole() {
        let row = row(1, Origin::Proposed, [&[1.0, 2.0, 3.0], &[2.0, 2.0, 2.0]], 500);
        assert_eq!(row.rounds(&EVEN), [15.0, 20.0, 25.0]);
        assert_eq!((row.read(&EVEN), row.read_of(1), row.stored(), row.write()), (20.0, 20.0, 500, 2.0));
        assert_eq!(row.errors(), [-0.5, -0.5]);
        assert_eq!(row.error(&EVEN), Some(-0.5));
    }

    #[test]
    fn the_fastest_is_first_and_today_is_told_apart() {
        let (fast, slow) = (steady(1.0), steady(3.0));
        let rows = vec![
            row(1, Origin::Today, [&slow, &slow], 900),
            row(2, Origin::Proposed, [&fast, &fast], 900),
            row(4, Origin::Auto, [&steady(2.0), &slow], 900),
        ];
        let (rows, verdicts) = judge(rows, &EVEN, &names(), &LIMITS, true);
        assert_eq!(rows[0].layout.to_string(), "2x8x8 gzip=1");
        assert!(matches!(verdicts[..], [Verdict::Faster { times, .. }] if (times - 3.0).abs() < 0.01), "{verdicts:?}");
    }

    #[test]
    fn what_is_as_good_stays() {
        let rows = vec![
            row(1, Origin::Today, [&steady(1.05), &steady(1.05)], 900),
            row(2, Origin::Proposed, [&steady(1.0), &steady(1.0)], 900),
        ];
        let (rows, verdicts) = judge(rows, &EVEN, &names(), &LIMITS, true);
        assert_eq!(rows[0].origin, Origin::Today);
        assert!(
            matches!(verdicts[..], [Verdict::NothingToGain { gain }] if (gain - 0.05).abs() < 0.01),
            "{verdicts:?}"
        );
    }

    #[test]
    fn what_is_not_asked_for_does_not_stay() {
        let rows = || {
            vec![
                row(1, Origin::Today, [&steady(1.0), &steady(1.0)], 900),
                row(2, Origin::Proposed, [&steady(2.0), &steady(2.0)], 300),
            ]
        };
        assert_eq!(judge(rows(), &EVEN, &names(), &LIMITS, true).0[0].origin, Origin::Today);
        assert_eq!(judge(rows(), &EVEN, &names(), &LIMITS, false).0[0].stored(), 300);
        let small = Limits { max_size: Some(400), ..LIMITS };
        assert_eq!(judge(rows(), &EVEN, &names(), &small, true).0[0].stored(), 300);
    }

    #[test]
    fn of_those_that_are_equally_fast_the_smallest_is_taken() {
        let rows = vec![
            row(1, Origin::Proposed, [&steady(1.0), &steady(1.0)], 900),
            row(2, Origin::Proposed, [&steady(1.02), &steady(1.02)], 300),
            row(4, Origin::Proposed, [&steady(1.4), &steady(1.4)], 100),
        ];
        let (rows, verdicts) = judge(rows, &EVEN, &names(), &LIMITS, true);
        assert_eq!(rows[0].stored(), 300);
        assert!(verdicts.contains(&Verdict::NotSeparated { others: 1 }), "{verdicts:?}");
    }

    #[test]
    fn reads_that_want_different_layouts_are_told_what_it_costs() {
        let rows = vec![
            row(1, Origin::Proposed, [&steady(1.0), &steady(50.0)], 900),
            row(2, Origin::Proposed, [&steady(3.0), &steady(3.0)], 900),
            row(4, Origin::Proposed, [&steady(50.0), &steady(1.0)], 900),
        ];
        let (_, verdicts) = judge(rows, &EVEN, &names(), &LIMITS, true);
        let Some(Verdict::Conflict { costs }) = verdicts.iter().find(|v| matches!(v, Verdict::Conflict { .. })) else {
            panic!("{verdicts:?}")
        };
        assert!(costs.iter().all(|(_, times)| (times - 3.0).abs() < 0.1), "{costs:?}");
    }

    #[test]
    fn a_limit_on_the_size_rules_out_what_is_larger() {
        let rows = vec![
            row(1, Origin::Proposed, [&steady(1.0), &steady(1.0)], 900),
            row(2, Origin::Proposed, [&steady(2.0), &steady(2.0)], 300),
        ];
        let (rows, _) = judge(rows, &EVEN, &names(), &Limits { max_size: Some(400), ..LIMITS }, true);
        assert_eq!(rows[0].stored(), 300);
    }

    #[test]
    fn halving_keeps_the_better_half_until_the_winner_is_clear() {
        let rows: Vec<Row> =
            [1.0, 1.2, 1.5, 5.0].iter().map(|&s| row(1, Origin::Proposed, [&steady(s), &steady(s)], 900)).collect();
        assert_eq!(survivors(&rows, &EVEN, &[3, 2, 1, 0]), [0, 1]);
        assert!(clearly_best(&rows, &EVEN, &[0, 1]));
        let noisy =
            vec![rows[0].clone(), row(1, Origin::Proposed, [&[0.9, 1.0, 1.1, 1.3], &[0.9, 1.0, 1.1, 1.3]], 900)];
        assert!(!clearly_best(&noisy, &EVEN, &[0, 1]));
    }

    #[test]
    fn the_front_has_what_nothing_beats() {
        let rows = vec![
            row(1, Origin::Proposed, [&steady(1.0), &steady(1.0)], 900),
            row(2, Origin::Proposed, [&steady(2.0), &steady(2.0)], 300),
            row(4, Origin::Proposed, [&steady(3.0), &steady(3.0)], 400),
        ];
        assert_eq!(Advice::front_of(&rows, &EVEN), [0, 1]);
    }
}
