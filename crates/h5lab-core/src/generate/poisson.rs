//! Poisson samples by inversion: the count of a uniform 32-bit `u` is the smallest k with
//! `(u + 0.5) / 2^32 <= P(X <= k)`, which is SciPy's `poisson.ppf`.
//!
//! Means are quantised to levels, `mean = (level / 8)^2`: even steps of the square root are even steps of the
//! distribution's width. The low byte of `u`, which hardly tells in the count, rounds to the level below or above: so
//! a slow change of the mean leaves no contour lines. A guide table (Chen and Asau 1974; Devroye, "Non-Uniform Random Variate Generation",
//! III.2.4) says where the search begins. Only additions, multiplications, divisions and square roots are used,
//! which IEEE 754 rounds alike everywhere: no machine makes other counts.

use super::element::Element;
use std::iter::successors;
use std::sync::OnceLock;

/// Levels for each unit of the mean's square root.
pub(super) const LEVELS_PER_ROOT: f64 = 8.0;
/// Number of levels: means up to (511 / 8)^2 = 4080.
const LEVELS: usize = 512;
/// Bits of `u` that choose the guide's entry.
const GUIDE_BITS: u32 = 10;

/// The distribution of one level's mean.
struct Poisson {
    /// The smallest count whose chance is not lost in rounding.
    lowest: u32,
    /// `2^32 * P(X <= lowest + k)`, rounded, for as long as it is below 2^32.
    thresholds: Vec<u32>,
    /// For the top bits of `u`: how many thresholds are surely passed.
    guide: Box<[u16; 1 << GUIDE_BITS]>,
}

/// The counts of pixels that have these levels (with a fraction), from one uniform each.
///
/// Levels beyond the highest, which is a mean of 4080, are taken as the highest.
pub(super) fn draw<T: Element>(levels: &[f32], uniforms: &[u32], out: &mut [T]) {
    for ((place, level), u) in out.iter_mut().zip(levels).zip(uniforms) {
        let level = ((level * 256.0) as i32 + (u & 0xFF) as i32) >> 8;
        *place = T::from_count(Poisson::of(level as usize).count(*u));
    }
}

impl Poisson {
    /// The distribution of a level's mean; made when it is first asked for.
    #[inline(always)]
    fn of(level: usize) -> &'static Poisson {
        static ALL: [OnceLock<Poisson>; LEVELS] = [const { OnceLock::new() }; LEVELS];
        let level = level.min(LEVELS - 1);
        ALL[level].get_or_init(|| Poisson::new(level_mean(level)))
    }

    fn new(mean: f64) -> Self {
        let (lowest, weights) = weights(mean);
        let total: f64 = weights.iter().sum();
        let mut below = 0.0;
        let thresholds: Vec<u32> = weights
            .iter()
            .map(|weight| {
                below += weight;
                (below / total * (1u64 << 32) as f64 + 0.5) as u64
            })
            .map_while(|threshold| u32::try_from(threshold).ok())
            .collect();
        let guide = |entry: usize| {
            let smallest = (entry as u32) << (32 - GUIDE_BITS);
            thresholds.partition_point(|threshold| smallest >= *threshold) as u16
        };
        let guide = Box::new(std::array::from_fn(guide));
        Poisson { lowest, thresholds, guide }
    }

    /// The count that belongs to the uniform `u`.
    #[inline(always)]
    fn count(&self, u: u32) -> u32 {
        let mut passed = usize::from(self.guide[(u >> (32 - GUIDE_BITS)) as usize]);
        while self.thresholds.get(passed).is_some_and(|threshold| u >= *threshold) {
            passed += 1;
        }
        self.lowest + passed as u32
    }
}

/// The mean that a level stands for.
fn level_mean(level: usize) -> f64 {
    let root = level as f64 / LEVELS_PER_ROOT;
    root * root
}

/// The chances of the counts from the lowest one on, as multiples of the most likely one's.
///
/// From the recurrence P(k) = P(k - 1) * mean / k, walked both ways from the mode, where nothing underflows.
fn weights(mean: f64) -> (u32, Vec<f64>) {
    /// Far below one step of a 32-bit uniform.
    const NEGLIGIBLE: f64 = 1e-15;
    let kept = |&(_, weight): &(u32, f64)| weight > NEGLIGIBLE;
    let mode = (mean as u32, 1.0);
    let down = |&(k, weight): &(u32, f64)| (k > 0).then(|| (k - 1, weight * f64::from(k) / mean));
    let up = |&(k, weight): &(u32, f64)| Some((k + 1, weight * mean / f64::from(k + 1)));
    let mut all: Vec<(u32, f64)> = successors(Some(mode), down).take_while(kept).collect();
    all.reverse();
    all.extend(successors(Some(mode), up).take_while(kept).skip(1));
    (all[0].0, all.into_iter().map(|(_, weight)| weight).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean and variance of the counts over evenly spaced uniforms.
    fn moments(poisson: &Poisson) -> (f64, f64) {
        const SAMPLES: u32 = 1 << 20;
        let count = |i: u32| f64::from(poisson.count((2 * i + 1) * (1 << 11)));
        let mean = (0..SAMPLES).map(count).sum::<f64>() / f64::from(SAMPLES);
        let variance = (0..SAMPLES).map(|i| (count(i) - mean).powi(2)).sum::<f64>() / f64::from(SAMPLES);
        (mean, variance)
    }

    #[test]
    fn mean_and_variance_are_the_levels_mean() {
        for level in [1, 2, 5, 8, 14, 22, 36, 57, 80, 160, 300, LEVELS - 1] {
            let wanted = level_mean(level);
            let (mean, variance) = moments(Poisson::of(level));
            assert!((mean / wanted - 1.0).abs() < 2e-3, "level {level}: mean {mean}, wanted {wanted}");
            assert!((variance / wanted - 1.0).abs() < 5e-3, "level {level}: variance {variance}, wanted {wanted}");
        }
    }

    /// Made with `scipy.stats.poisson.ppf((u + 0.5) / 2**32, mean)`.
    #[test]
    fn counts_are_scipys_quantiles() {
        let cases = [
            (1.0, 0, 0),
            (1.0, 12345, 0),
            (1.0, 1073741824, 0),
            (1.0, 2147483648, 1),
            (1.0, 3221225479, 2),
            (1.0, 4294963200, 9),
            (1.0, 4294967295, 12),
            (3.0625, 0, 0),
            (3.0625, 12345, 0),
            (3.0625, 1073741824, 2),
            (3.0625, 2147483648, 3),
            (3.0625, 3221225479, 4),
            (3.0625, 4294963200, 14),
            (3.0625, 4294967295, 20),
            (20.25, 0, 0),
            (20.25, 12345, 4),
            (20.25, 1073741824, 17),
            (20.25, 2147483648, 20),
            (20.25, 3221225479, 23),
            (20.25, 4294963200, 45),
            (20.25, 4294967295, 55),
            (100.0, 0, 44),
            (100.0, 12345, 58),
            (100.0, 1073741824, 93),
            (100.0, 2147483648, 100),
            (100.0, 3221225479, 107),
            (100.0, 4294963200, 151),
            (100.0, 4294967295, 170),
            (1024.0, 0, 828),
            (1024.0, 12345, 882),
            (1024.0, 1073741824, 1002),
            (1024.0, 2147483648, 1024),
            (1024.0, 3221225479, 1045),
            (1024.0, 4294963200, 1180),
            (1024.0, 4294967295, 1233),
            (3906.25, 0, 3517),
            (3906.25, 12345, 3626),
            (3906.25, 1073741824, 3864),
            (3906.25, 2147483648, 3906),
            (3906.25, 3221225479, 3948),
            (3906.25, 4294963200, 4208),
            (3906.25, 4294967295, 4309),
        ];
        for (mean, u, count) in cases {
            let level = (LEVELS_PER_ROOT * f64::sqrt(mean)) as usize;
            assert_eq!(level_mean(level), mean);
            assert_eq!(Poisson::of(level).count(u), count, "mean {mean}, u {u}");
        }
    }

    #[test]
    fn the_extremes_of_the_uniform_are_counts_too() {
        assert_eq!(Poisson::of(0).count(u32::MAX), 0);
        assert_eq!(Poisson::of(usize::MAX).lowest, Poisson::of(LEVELS - 1).lowest);
        for level in 0..LEVELS {
            let poisson = Poisson::of(level);
            assert!(poisson.count(0) <= poisson.count(u32::MAX));
        }
    }

    #[test]
    fn a_level_between_two_has_the_mean_between() {
        const SAMPLES: u32 = 1 << 20;
        let uniforms: Vec<u32> = (0..SAMPLES).map(|i| i.wrapping_mul(0x9E37_79B9)).collect();
        for level in [3.25f32, 20.5, 100.75, 300.5] {
            let mut counts = vec![0f64; SAMPLES as usize];
            draw(&vec![level; SAMPLES as usize], &uniforms, &mut counts);
            let mean = counts.iter().sum::<f64>() / f64::from(SAMPLES);
            let wanted = level_mean(1) * f64::from(level) * f64::from(level);
            // The square of a level between two is a little below the mean of their squares.
            assert!((0.0..5e-3).contains(&(mean - wanted)), "level {level}: mean {mean}, wanted {wanted}");
        }
    }
}
