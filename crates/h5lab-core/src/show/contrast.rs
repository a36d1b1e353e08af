//! From values to colours: between which values the contrast lies, whatever a few bright or dead pixels have.

use super::Slice;
use crate::stats;

/// The values that are drawn darkest and brightest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contrast {
    /// Drawn darkest; what is below, too.
    pub low: f64,
    /// Drawn brightest; what is above, too.
    pub high: f64,
    /// Smallest and largest finite value.
    pub range: (f64, f64),
    /// Values that are not finite.
    pub not_finite: usize,
}

/// Shares of the values that are drawn darkest and brightest.
const CUT: f64 = 0.01;

/// More values than this are not sorted: every so-many-th is taken.
const MOST_SORTED: usize = 200_000;

/// The contrast from the 1st to the 99th percentile of what is finite; from smallest to largest where these are the same.
/// `None` if nothing is finite.
pub fn contrast(slice: &Slice) -> Option<Contrast> {
    let finite = || slice.values.iter().copied().filter(|value| value.is_finite());
    let range = finite().fold(None, |range: Option<(f64, f64)>, value| {
        Some(range.map_or((value, value), |(low, high)| (low.min(value), high.max(value))))
    })?;
    let step = slice.values.len().div_ceil(MOST_SORTED).max(1);
    let sample: Vec<f64> = finite().step_by(step).collect();
    let (low, high) = (stats::quantile(&sample, CUT)?, stats::quantile(&sample, 1.0 - CUT)?);
    let (low, high) = if high > low { (low, high) } else { range };
    Some(Contrast { low, high, range, not_finite: slice.values.len() - finite().count() })
}

impl Contrast {
    /// Where a value stands between darkest (0) and brightest (1); `None` if it is not finite.
    pub fn share(&self, value: f64) -> Option<f64> {
        if !value.is_finite() {
            return None;
        }
        let width = self.high - self.low;
        Some(if width > 0.0 { ((value - self.low) / width).clamp(0.0, 1.0) } else { 0.5 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: Vec<f64>) -> Option<Contrast> {
        contrast(&Slice {
            size: [1, values.len()],
            values,
            title: String::new(),
            labels: Default::default(),
            origin: [0, 0],
        })
    }

    #[test]
    fn a_few_bright_pixels_do_not_darken_the_rest() {
        let mut values: Vec<f64> = (0..1000).map(|i| f64::from(i % 100)).collect();
        (values[3], values[500], values[700]) = (1e9, -1e9, f64::NAN);
        let contrast = of(values).unwrap();
        assert!(contrast.low >= 0.0 && contrast.high <= 99.0, "{contrast:?}");
        assert_eq!((contrast.range, contrast.not_finite), ((-1e9, 1e9), 1));
        assert_eq!((contrast.share(1e9), contrast.share(-1e9), contrast.share(f64::NAN)), (Some(1.0), Some(0.0), None));
    }

    #[test]
    fn what_is_all_the_same_or_nothing_is_no_trouble() {
        assert_eq!(of(vec![4.0; 10]).unwrap().share(4.0), Some(0.5));
        // Mostly zeros: the percentiles do not tell, the range does.
        let mut sparse = vec![0.0; 1000];
        sparse[7] = 5.0;
        assert_eq!(of(sparse).map(|c| (c.low, c.high)), Some((0.0, 5.0)));
        assert_eq!(of(vec![f64::NAN; 3]), None);
    }
}
