//! Samples of known distributions, for tests of what statistics promise.

use std::f64::consts::PI;

/// Distributions as timings have them, and worse.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Distribution {
    /// 100 with a standard deviation of 3: a quiet machine.
    Normal,
    /// Skewed to the right, its logarithm with a standard deviation of 0.3: a shared storage.
    LogNormal,
    /// 80 and an exponential tail of mean 20.
    Exponential,
    /// Normal, but one sample in ten has six times the deviation: other users come and go.
    Contaminated,
}

impl Distribution {
    pub(crate) const ALL: [Distribution; 4] =
        [Distribution::Normal, Distribution::LogNormal, Distribution::Exponential, Distribution::Contaminated];

    pub(crate) fn median(self) -> f64 {
        match self {
            Distribution::Exponential => 80.0 + 20.0 * std::f64::consts::LN_2,
            _ => 100.0,
        }
    }
}

/// A stream of samples that is the same in every run of a test (splitmix64: Steele, Lea, Flood 2014).
pub(crate) struct Simulation {
    state: u64,
}

impl Simulation {
    pub(crate) fn new(seed: u64) -> Self {
        Simulation { state: seed }
    }

    /// Uniform in (0, 1].
    fn uniform(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((z ^ (z >> 31)) >> 11) + 1) as f64 / (1u64 << 53) as f64
    }

    /// Box and Muller 1958.
    fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (2.0 * PI * self.uniform()).cos()
    }

    fn one(&mut self, distribution: Distribution) -> f64 {
        match distribution {
            Distribution::Normal => 100.0 + 3.0 * self.normal(),
            Distribution::LogNormal => 100.0 * (0.3 * self.normal()).exp(),
            Distribution::Exponential => 80.0 - 20.0 * self.uniform().ln(),
            Distribution::Contaminated => {
                let deviation = if self.uniform() < 0.1 { 18.0 } else { 3.0 };
                100.0 + deviation * self.normal()
            }
        }
    }

    pub(crate) fn samples(&mut self, distribution: Distribution, n: usize) -> Vec<f64> {
        (0..n).map(|_| self.one(distribution)).collect()
    }
}
