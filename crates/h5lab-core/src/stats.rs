//! Statistics of samples; recomputed from the raw samples, never stored in place of them.

/// The median; the mean of the middle two for an even number; `None` of nothing.
pub fn median(samples: &[f64]) -> Option<f64> {
    quantile(samples, 0.5)
}

/// The quantile `q` in 0..=1, linear between neighbours (Hyndman and Fan 1996, type 7: NumPy's default).
pub fn quantile(samples: &[f64], q: f64) -> Option<f64> {
    quantile_of_sorted(&sorted(samples), q)
}

/// The largest sample; `None` of nothing.
pub fn largest(samples: &[f64]) -> Option<f64> {
    samples.iter().copied().max_by(f64::total_cmp)
}

/// The middle one of the samples themselves, the lower of the two middle ones for an even number; `None` of nothing.
///
/// Where the median must be somebody's: of two ranks it is the faster one.
pub fn lower_median(samples: &[f64]) -> Option<f64> {
    let sorted = sorted(samples);
    Some(sorted[sorted.len().checked_sub(1)? / 2])
}

/// Fewer samples than this have no interval.
const FEWEST_FOR_AN_INTERVAL: usize = 3;
/// Up to this many samples, all resamples there are (5^5 = 3125) are taken: the interval is then exact.
const MOST_TO_ENUMERATE: usize = 5;
/// Random resamples of larger sets. Efron and Tibshirani ask for at least 1000 for an interval's ends.
const RESAMPLES: usize = 2000;

/// The interval that holds the median with this confidence (0.95, say): percentile bootstrap (Efron 1979; Efron and
/// Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13). `None` for fewer than three samples.
///
/// Deterministic: the same samples, in any order, have the same interval.
pub fn median_interval(samples: &[f64], confidence: f64) -> Option<(f64, f64)> {
    let samples = sorted(samples);
    let mut medians = match samples.len() {
        n if n < FEWEST_FOR_AN_INTERVAL => return None,
        n if n <= MOST_TO_ENUMERATE => all_medians(&samples),
        _ => random_medians(&samples),
    };
    medians.sort_by(f64::total_cmp);
    let tail = (1.0 - confidence.clamp(0.0, 1.0)) / 2.0;
    quantile_of_sorted(&medians, tail).zip(quantile_of_sorted(&medians, 1.0 - tail))
}

/// The medians of all `n^n` resamples: the numbers below `n^n`, written to base `n`, are the indices.
fn all_medians(samples: &[f64]) -> Vec<f64> {
    let n = samples.len();
    (0..n.pow(n as u32))
        .map(|k| median_of((0..n as u32).map(|digit| samples[k / n.pow(digit) % n]).collect()))
        .collect()
}

/// The medians of random resamples, by a generator with a fixed seed (splitmix64: Steele, Lea, Flood 2014).
fn random_medians(samples: &[f64]) -> Vec<f64> {
    let mut state = 0u64;
    let mut draw = |_| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        samples[((u128::from(z ^ (z >> 31)) * samples.len() as u128) >> 64) as usize]
    };
    (0..RESAMPLES).map(|_| median_of((0..samples.len()).map(&mut draw).collect())).collect()
}

/// Tukey's factor: a sample further than this many interquartile ranges from the quartiles is an outlier.
const FENCE: f64 = 1.5;

/// Indices of the outliers: samples beyond 1.5 interquartile ranges from the quartiles (Tukey 1977, "Exploratory Data
/// Analysis"). To be flagged, never dropped: a slow repeat is a fact about the storage.
pub fn outliers(samples: &[f64]) -> Vec<usize> {
    let Some((low, high)) = quantile(samples, 0.25).zip(quantile(samples, 0.75)) else { return Vec::new() };
    let reach = FENCE * (high - low);
    let outside = |&at: &usize| samples[at] < low - reach || samples[at] > high + reach;
    (0..samples.len()).filter(outside).collect()
}

fn sorted(samples: &[f64]) -> Vec<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

fn median_of(mut samples: Vec<f64>) -> f64 {
    samples.sort_unstable_by(f64::total_cmp);
    quantile_of_sorted(&samples, 0.5).unwrap_or(f64::NAN)
}

fn quantile_of_sorted(sorted: &[f64], q: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let at = q.clamp(0.0, 1.0) * last as f64;
    let (below, above) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    Some(below + (above - below) * at.fract())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quantiles_are_numpys() {
        let samples = [4.0, 1.0, 3.0, 2.0];
        assert_eq!(median(&samples), Some(2.5));
        assert_eq!(quantile(&samples, 0.25), Some(1.75));
        assert_eq!(quantile(&samples, 1.0), Some(4.0));
        assert_eq!(median(&[]), None);
        assert_eq!(largest(&samples), Some(4.0));
        assert_eq!(lower_median(&samples), Some(2.0));
        assert_eq!(lower_median(&[]), None);
    }

    #[test]
    fn few_samples_have_their_exact_interval() {
        assert_eq!(median_interval(&[1.0, 2.0], 0.95), None);
        // Three samples: the median of a resample is the smallest in 7 of 27 cases, the largest in 7.
        assert_eq!(median_interval(&[3.0, 1.0, 2.0], 0.95), Some((1.0, 3.0)));
        assert_eq!(median_interval(&[3.0, 1.0, 2.0], 0.4), Some((2.0, 2.0)));
        // Five: each end in 181 of 3125 cases (5.8 %).
        assert_eq!(median_interval(&[1.0, 2.0, 3.0, 4.0, 50.0], 0.95), Some((1.0, 50.0)));
        assert_eq!(median_interval(&[1.0, 2.0, 3.0, 4.0, 50.0], 0.88), Some((2.0, 4.0)));
    }

    #[test]
    fn an_interval_covers_the_median_as_often_as_it_says() {
        let mut state = 1u64;
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        let covered = (0..300).filter(|_| {
            let samples: Vec<f64> = (0..21).map(|_| uniform()).collect();
            median_interval(&samples, 0.95).is_some_and(|(low, high)| low <= 0.5 && 0.5 <= high)
        });
        let share = covered.count() as f64 / 300.0;
        assert!((0.91..=0.99).contains(&share), "{share}");
    }

    #[test]
    fn only_what_lies_outside_the_fences_is_an_outlier() {
        assert_eq!(outliers(&[1.0, 9.0, 1.1, 1.2, 0.9, 1.0]), [1]);
        assert!(outliers(&[1.0, 1.1, 1.2, 1.3]).is_empty());
        assert!(outliers(&[2.0; 5]).is_empty());
        assert!(outliers(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn an_interval_lies_within_the_samples_and_forgets_their_order(
            mut samples in prop::collection::vec(0.0f64..1e3, 3..20),
        ) {
            let (low, high) = median_interval(&samples, 0.95).unwrap();
            prop_assert!(low <= high && low <= median(&samples).unwrap() && median(&samples).unwrap() <= high);
            prop_assert!(samples.iter().any(|&s| s <= low) && samples.iter().any(|&s| s >= high));
            samples.reverse();
            prop_assert_eq!(median_interval(&samples, 0.95), Some((low, high)));
        }
    }
}
