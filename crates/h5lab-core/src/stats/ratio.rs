//! The ratio of two medians, how certain it is, and what is left of that when there are many.

use super::interval::tails;
use super::{median, sorted};
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// Fewer samples than this on either side have no certainty.
const FEWEST: usize = 3;

/// The ratio of two medians, with what is known of its error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// The second median over the first.
    pub value: f64,
    /// Standard error of the ratio's logarithm.
    error: f64,
    /// Degrees of freedom of that error.
    freedom: f64,
}

impl Ratio {
    /// The median of `other` over that of `base`; `None` for fewer than three samples on a side, or samples that are not
    /// positive.
    ///
    /// Price and Bonett 2002, "Distribution-free confidence intervals for difference and ratio of medians", Journal of
    /// Statistical Computation and Simulation 72, 119-124: the error of a median's logarithm comes from the distance of two
    /// order statistics, and so bears outliers. Their normal quantile is replaced by Student's t, with the degrees of
    /// freedom of Welch 1947: with 5 to 10 samples the error itself is uncertain.
    pub fn of(base: &[f64], other: &[f64]) -> Option<Self> {
        let ((a, a_error), (b, b_error)) = (log_median(base)?, log_median(other)?);
        let (a2, b2) = (a_error * a_error, b_error * b_error);
        let part = |square: f64, n: usize| square * square / (n - 1) as f64;
        let parts = part(a2, base.len()) + part(b2, other.len());
        let freedom = if parts > 0.0 { (a2 + b2) * (a2 + b2) / parts } else { 1.0 };
        Some(Ratio { value: (b - a).exp(), error: (a2 + b2).sqrt(), freedom })
    }

    /// The interval that holds the ratio with this confidence.
    pub fn interval(&self, confidence: f64) -> (f64, f64) {
        let tail = ((1.0 - confidence) / 2.0).clamp(f64::MIN_POSITIVE, 0.5);
        let reach = (-self.student().inverse_cdf(tail) * self.error).exp();
        (self.value / reach, self.value * reach)
    }

    /// The probability of a ratio at least as far from 1, if there is no difference.
    pub fn probability(&self) -> f64 {
        let distance = self.value.ln().abs();
        match (distance > 0.0, self.error > 0.0) {
            (false, _) => 1.0,
            (true, false) => 0.0,
            (true, true) => (2.0 * self.student().cdf(-distance / self.error)).clamp(0.0, 1.0),
        }
    }

    fn student(&self) -> StudentsT {
        StudentsT::new(0.0, 1.0, self.freedom).expect("degrees of freedom are positive")
    }
}

/// The logarithm of the median, and its standard error.
fn log_median(samples: &[f64]) -> Option<(f64, f64)> {
    let n = samples.len();
    if n < FEWEST || samples.iter().any(|&s| s <= 0.0 || !s.is_finite()) {
        return None;
    }
    let x = sorted(samples);
    // The order statistics that lie about a standard error off the median in ranks.
    let depth = ((n as f64 + 1.0) / 2.0 - (n as f64).sqrt()).round().max(1.0) as usize;
    let outside = tails(n).nth(depth - 1)?;
    let deviations = -Normal::standard().inverse_cdf(outside);
    let error = (x[n - depth].ln() - x[depth - 1].ln()) / (2.0 * deviations);
    Some((median(samples)?.ln(), error * calibration(n)))
}

/// The true standard deviation of the median of `n` normal samples over the root mean square of the estimate from two order
/// statistics, which is too large for few samples. Simulated, 60 000 cases each; a test simulates what comes of it.
fn calibration(n: usize) -> f64 {
    const FROM_THREE: [f64; 14] =
        [0.802, 0.747, 0.804, 0.743, 0.781, 0.821, 0.861, 0.819, 0.889, 0.853, 0.884, 0.871, 0.905, 0.875];
    FROM_THREE.get(n.saturating_sub(FEWEST)).copied().unwrap_or(1.0 - 0.4 / (n as f64).sqrt())
}

/// What Holm makes of the probabilities of many comparisons: in their order, each one's own probability, corrected, and
/// the confidence with which its interval is to be made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Corrected {
    /// The corrected probability: a difference is certain where it is at most `level`.
    pub probability: f64,
    /// The confidence whose interval leaves out 1 just where the difference is certain.
    pub confidence: f64,
}

/// Corrects for many comparisons (Holm 1979, "A simple sequentially rejective multiple test procedure", Scandinavian
/// Journal of Statistics 6, 65-70): where nothing differs, the probability that any difference is called certain is at
/// most `level`, however many there are.
pub fn holm(probabilities: &[f64], level: f64) -> Vec<Corrected> {
    let count = probabilities.len();
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b]));
    let mut corrected = vec![Corrected { probability: 1.0, confidence: 1.0 - level }; count];
    let (mut worst, mut stopped_at) = (0.0f64, None);
    for (step, &at) in order.iter().enumerate() {
        let tests = (count - step) as f64;
        worst = worst.max((probabilities[at] * tests).min(1.0));
        if worst > level && stopped_at.is_none() {
            stopped_at = Some(tests);
        }
        let confidence = 1.0 - level / stopped_at.unwrap_or(tests);
        corrected[at] = Corrected { probability: worst, confidence };
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::super::simulation::{Distribution, Simulation};
    use super::*;

    const LEVEL: f64 = 0.05;

    #[test]
    fn the_ratio_is_that_of_the_medians() {
        let ratio = Ratio::of(&[1.0, 2.0, 4.0], &[3.0, 6.0, 7.0]).unwrap();
        assert!((ratio.value - 3.0).abs() < 1e-12);
        let (low, high) = ratio.interval(0.95);
        assert!(low < 3.0 && 3.0 < high && (low * high - 9.0).abs() < 1e-9, "{low} {high}");
    }

    #[test]
    fn samples_that_say_nothing_have_no_ratio() {
        for bad in [&[1.0, 2.0][..], &[], &[0.0, 1.0, 2.0], &[f64::NAN, 1.0, 2.0], &[f64::INFINITY, 1.0, 1.0]] {
            assert_eq!(Ratio::of(bad, &[1.0, 2.0, 3.0]), None, "{bad:?}");
            assert_eq!(Ratio::of(&[1.0, 2.0, 3.0], bad), None, "{bad:?}");
        }
    }

    #[test]
    fn samples_without_spread_differ_or_not() {
        assert_eq!(Ratio::of(&[2.0; 5], &[2.0; 5]).unwrap().probability(), 1.0);
        assert_eq!(Ratio::of(&[2.0; 5], &[3.0; 5]).unwrap().probability(), 0.0);
        let (low, high) = Ratio::of(&[2.0; 5], &[3.0; 5]).unwrap().interval(0.95);
        assert!(low == high && (low - 1.5).abs() < 1e-12);
    }

    #[test]
    fn an_interval_leaves_out_1_just_where_the_probability_says_so() {
        let mut simulation = Simulation::new(5);
        for _ in 0..2000 {
            let (a, b) = (simulation.samples(Distribution::LogNormal, 6), simulation.samples(Distribution::Normal, 9));
            let ratio = Ratio::of(&a, &b).unwrap();
            for confidence in [0.9, 0.95, 0.999] {
                let (low, high) = ratio.interval(confidence);
                assert_eq!(ratio.probability() < 1.0 - confidence, low > 1.0 || high < 1.0);
            }
        }
    }

    /// In 93 to 97 % of all cases; in more with samples far off, and few: then it errs on the safe side.
    #[test]
    fn the_interval_of_a_ratio_covers_it_as_often_as_it_says() {
        let mut simulation = Simulation::new(2);
        for distribution in Distribution::ALL {
            for n in [5, 7, 10, 20] {
                let cases = 10_000;
                let covered = (0..cases).filter(|_| {
                    let (a, b) = (simulation.samples(distribution, n), simulation.samples(distribution, n));
                    let (low, high) = Ratio::of(&a, &b).unwrap().interval(0.95);
                    low <= 1.0 && 1.0 <= high
                });
                let share = covered.count() as f64 / f64::from(cases);
                let most = if matches!(distribution, Distribution::Contaminated) { 0.99 } else { 0.97 };
                assert!((0.93..=most).contains(&share), "{distribution:?}, {n} samples: {share}");
            }
        }
    }

    #[test]
    fn holm_steps_down() {
        let corrected = holm(&[0.04, 0.01, 0.03, 0.005], LEVEL);
        let probabilities: Vec<f64> = corrected.iter().map(|c| (c.probability * 1000.0).round() / 1000.0).collect();
        assert_eq!(probabilities, [0.06, 0.03, 0.06, 0.02], "as R's p.adjust has it");
        assert!((corrected[3].confidence - (1.0 - 0.05 / 4.0)).abs() < 1e-12);
        assert!((corrected[0].confidence - (1.0 - 0.05 / 2.0)).abs() < 1e-12, "where it stopped");
        assert!(holm(&[], LEVEL).is_empty());
    }
}
