//! From values to pixels, and where ticks are.

use crate::report::figure::Axis;

/// An axis with its range on the canvas.
pub(super) struct Scale {
    log: bool,
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    pub(super) ticks: Vec<f64>,
}

impl Scale {
    /// Of these values, drawn from pixel `from` to pixel `to`.
    pub(super) fn new(axis: &Axis, values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let values: Vec<f64> = values.filter(|v| v.is_finite() && (!axis.log || *v > 0.0)).collect();
        let largest = values.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        let smallest = values.iter().copied().fold(largest, f64::min);
        if !axis.log {
            let ticks = if axis.ticks.is_empty() { round_ticks(largest) } else { axis.ticks.clone() };
            let high = ticks.last().copied().unwrap_or(1.0).max(largest);
            return Scale { log: false, low: 0.0, high, from, to, ticks };
        }
        let (low, high) = (smallest / 1.15, largest * 1.15);
        let ticks = match axis.ticks.is_empty() {
            true => log_ticks(low, high),
            false => axis.ticks.clone(),
        };
        Scale { log: true, low, high, from, to, ticks }
    }

    /// The pixel of a value.
    pub(super) fn at(&self, value: f64) -> f64 {
        let share = match self.log {
            true => (value.max(f64::MIN_POSITIVE) / self.low).ln() / (self.high / self.low).ln(),
            false => (value - self.low) / (self.high - self.low),
        };
        self.from + share.clamp(-0.02, 1.02) * (self.to - self.from)
    }
}

/// Ticks from 0 to just above the largest value, at 1, 2 or 5 times a power of ten.
fn round_ticks(largest: f64) -> Vec<f64> {
    let rough = largest / 5.0;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|step| *step >= rough).unwrap_or(rough);
    (0..=(largest / step).ceil() as usize).map(|k| k as f64 * step).collect()
}

/// Ticks at 1, 2 and 5 times powers of ten; at the powers alone if these are many, at more of them if those are few.
fn log_ticks(low: f64, high: f64) -> Vec<f64> {
    const FACTORS: [&[f64]; 3] = [&[1.0], &[1.0, 2.0, 5.0], &[1.0, 1.5, 2.0, 3.0, 5.0, 7.0]];
    let powers = low.log10().floor() as i32..=high.log10().ceil() as i32;
    let ticks = |factors: &[f64]| -> Vec<f64> {
        let all = powers.clone().flat_map(|power| factors.iter().map(move |factor| factor * 10f64.powi(power)));
        all.filter(|tick| (low..=high).contains(tick)).collect()
    };
    FACTORS.iter().map(|factors| ticks(factors)).find(|ticks| ticks.len() > 2).unwrap_or_else(|| ticks(FACTORS[2]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_reach_the_values() {
        assert_eq!(round_ticks(9.3), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(round_ticks(0.5), [0.0, 0.1, 0.2, 0.30000000000000004, 0.4, 0.5]);
        assert_eq!(log_ticks(0.9, 25.0), [1.0, 2.0, 5.0, 10.0, 20.0]);
        assert_eq!(log_ticks(0.9, 2500.0), [1.0, 10.0, 100.0, 1000.0]);
        assert_eq!(log_ticks(1.1, 6.0), [1.5, 2.0, 3.0, 5.0]);
    }
}
