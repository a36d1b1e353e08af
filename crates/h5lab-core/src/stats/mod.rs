//! Statistics of samples; recomputed from the raw samples, never stored in place of them.

mod interval;
mod ratio;
#[cfg(test)]
pub(crate) mod simulation;

pub use interval::median_interval;
pub use ratio::{Corrected, Ratio, holm};

/// The median; the mean of the middle two for an even number; `None` of nothing.
pub fn median(samples: &[f64]) -> Option<f64> {
    quantile(samples, 0.5)
}

/// The quantile `q` in 0..=1, linear between neighbours (Hyndman and Fan 1996, type 7: NumPy's default).
pub fn quantile(samples: &[f64], q: f64) -> Option<f64> {
    quantile_of_sorted(&sorted(samples), q)
}

/// The middle one of the samples themselves, the lower of the two middle ones for an even number; `None` of nothing.
///
/// Where the median must be somebody's: of two ranks it is the faster one.
pub fn lower_median(samples: &[f64]) -> Option<f64> {
    let sorted = sorted(samples);
    Some(sorted[sorted.len().checked_sub(1)? / 2])
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

fn quantile_of_sorted(sorted: &[f64], q: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let at = q.clamp(0.0, 1.0) * last as f64;
    let (below, above) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    Some(below + (above - below) * at.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_numpys() {
        let samples = [4.0, 1.0, 3.0, 2.0];
        assert_eq!(median(&samples), Some(2.5));
        assert_eq!(quantile(&samples, 0.25), Some(1.75));
        assert_eq!(quantile(&samples, 1.0), Some(4.0));
        assert_eq!(median(&[]), None);
        assert_eq!(lower_median(&samples), Some(2.0));
        assert_eq!(lower_median(&[]), None);
    }

    #[test]
    fn only_what_lies_outside_the_fences_is_an_outlier() {
        assert_eq!(outliers(&[1.0, 9.0, 1.1, 1.2, 0.9, 1.0]), [1]);
        assert!(outliers(&[1.0, 1.1, 1.2, 1.3]).is_empty());
        assert!(outliers(&[2.0; 5]).is_empty());
        assert!(outliers(&[]).is_empty());
    }
}
