//! Projections of a phantom: what a tomography beamline's camera records while the sample turns by 180 degrees.
//!
//! Axis 0 is the angle, the last two axes are the detector's rows and columns, and axes between repeat each projection
//! with other noise. 2-D data are the sinogram of the middle row, 1-D data that row of the projection at 0 degrees.
//!
//! The sample is a head after Shepp and Logan, in three dimensions (Kak and Slaney, "Principles of Computerized
//! Tomographic Imaging", IEEE Press 1988, chapter 3), with more contrast, its parts moved to where the middle row crosses
//! them, and with a dozen dense grains in it. It turns about an axis along the detector's columns; lengths are in halves of the detector's width, and along
//! the axis of rotation in halves of its height, so the sample fills a detector of any shape. A ray's path through an
//! ellipsoid has a closed form: with the half axes `a` and `b` across the axis of rotation, `c` along it, at an angle
//! `t` from the ellipsoid's own, `w^2 = (a cos t)^2 + (b sin t)^2`, at the height `z` and at the distance `d` from the
//! centre's shadow,
//!
//! ```text
//! length = 2 a b / w^2 * sqrt(w^2 * (1 - (z / c)^2) - d^2)
//! ```
//!
//! A pixel counts Poisson noise on `2500 * exp(-sum of attenuation * length)` (Beer and Lambert; 196 instead of 2500 for
//! types of one byte), drawn from NumPy's `Philox(key=seed)`, the grains from `Philox(key=[seed, 1])`. Sine, cosine and
//! exponential are polynomials here, in the fixed order of operations that IEEE 754 rounds alike everywhere.
//! `tomography.py` beside this file makes the same counts.

use super::element::Element;
use super::frame::{Frame, Row};
use super::philox::{Philox, fraction};
use super::pieces::PIECE;
use super::poisson::{self, LEVELS_PER_ROOT};
use std::f64::consts::PI;

/// What the head attenuates for each unit of contrast, per half of the detector's width.
const HEAD: f64 = 3.0;
const GRAINS: usize = 12;
/// Blocks of the sample's stream that each grain takes.
const GRAIN_BLOCKS: u64 = 2;
/// Half axes of the box in the head where grains have their centres.
const GRAIN_BOX: [f64; 3] = [0.38, 0.5, 0.42];

/// Makes the counts of every pixel at every angle.
pub(super) struct Tomography {
    noise: Philox,
    sample: [Ellipsoid; SHEPP_LOGAN.len() + GRAINS],
    frame: Frame,
    angles: u64,
    /// Images that each angle has.
    repeats: u64,
    /// The angle whose shadows are at hand.
    angle: Option<u64>,
    shadows: Vec<Shadow>,
    /// The uniforms and the levels of one piece. Kept from piece to piece, which may be as short as one element.
    uniforms: Vec<u32>,
    levels: Vec<f32>,
}

#[derive(Clone, Copy)]
struct Ellipsoid {
    attenuation: f64,
    /// Half axes; the first two turned away from x and y by the angle with this cosine and sine, the third along z,
    /// the axis of rotation.
    axes: [f64; 3],
    turn: [f64; 2],
    centre: [f64; 3],
}

/// An ellipsoid as the rays of one angle see it.
struct Shadow {
    /// Of its centre, on the detector.
    centre: f64,
    z: f64,
    /// One over its half height.
    narrowness: f64,
    /// Square of its half width at its centre's height.
    width_squared: f64,
    /// Attenuation times `2 a b / w^2`.
    strength: f64,
}

#[rustfmt::skip]
const SHEPP_LOGAN: [Ellipsoid; 10] = {
    const AHEAD: [f64; 2] = [1.0, 0.0];
    /// 72, 108 and 90 degrees.
    const LEFT: [f64; 2] = [0.309_016_994_374_947_45, 0.951_056_516_295_153_5];
    const RIGHT: [f64; 2] = [-LEFT[0], LEFT[1]];
    const ACROSS: [f64; 2] = [0.0, 1.0];
    const fn part(contrast: f64, axes: [f64; 3], centre: [f64; 3], turn: [f64; 2]) -> Ellipsoid {
        Ellipsoid { attenuation: HEAD * contrast, axes, turn, centre }
    }
    [
        part( 1.0, [0.69,   0.92,  0.9  ], [ 0.0,   0.0,    0.0  ], AHEAD),
        part(-0.8, [0.6624, 0.874, 0.88 ], [ 0.0,   0.0,    0.0  ], AHEAD),
        part(-0.2, [0.41,   0.16,  0.21 ], [-0.22,  0.0,   -0.1  ], RIGHT),
        part(-0.2, [0.31,   0.11,  0.22 ], [ 0.22,  0.0,   -0.1  ], LEFT),
        part( 0.2, [0.21,   0.25,  0.5  ], [ 0.0,   0.35,  -0.1  ], AHEAD),
        part( 0.2, [0.046,  0.046, 0.046], [ 0.0,   0.1,    0.0  ], AHEAD),
        part( 0.1, [0.046,  0.023, 0.02 ], [-0.08, -0.65,   0.0  ], AHEAD),
        part( 0.1, [0.046,  0.023, 0.02 ], [ 0.06, -0.65,   0.0  ], ACROSS),
        part( 0.2, [0.056,  0.04,  0.1  ], [ 0.06, -0.105,  0.625], ACROSS),
        part(-0.2, [0.056,  0.056, 0.1  ], [ 0.0,   0.1,    0.625], AHEAD),
    ]
};

impl Tomography {
    pub(super) fn new(seed: u64, shape: &[u64]) -> Self {
        let (angles, between, frame): (_, &[u64], _) = match *shape {
            [] => (1, &[], Frame { height: 1, width: 1 }),
            [width] => (1, &[], Frame { height: 1, width }),
            [angles, width] => (angles, &[], Frame { height: 1, width }),
            [angles, ref between @ .., height, width] => (angles, between, Frame { height, width }),
        };
        Tomography {
            noise: Philox::new([seed, 0]),
            sample: sample(seed),
            frame,
            angles,
            repeats: between.iter().product(),
            angle: None,
            shadows: Vec::new(),
            uniforms: vec![0; PIECE],
            levels: vec![0.0; PIECE],
        }
    }

    /// The counts of the elements from the global index `first` on.
    ///
    /// # Panics
    /// If these are more than [`PIECE`].
    pub(super) fn fill<T: Element>(&mut self, first: u64, out: &mut [T]) {
        let length = out.len();
        self.noise.uniforms(first, &mut self.uniforms[..length]);
        for row in self.frame.rows(first, length) {
            self.face(row.image / self.repeats);
            let z = centred(row.y, self.frame.height);
            let levels = &mut self.levels[row.place.clone()];
            levels.fill(0.0);
            for shadow in &self.shadows {
                shadow.attenuate(z, row.x, self.frame.width, levels);
            }
        }
        let flat = (LEVELS_PER_ROOT * flat_root::<T>()) as f32;
        for level in &mut self.levels[..length] {
            *level = flat * root_of_transmission(*level);
        }
        poisson::draw(&self.levels[..length], &self.uniforms[..length], out);
    }

    /// Makes the shadows of an angle, unless they are at hand.
    fn face(&mut self, angle: u64) {
        if self.angle != Some(angle) {
            let direction = cosine_and_sine(angle as f64 / self.angles as f64);
            self.shadows.clear();
            self.shadows.extend(self.sample.iter().map(|ellipsoid| ellipsoid.shadow(direction)));
            self.angle = Some(angle);
        }
    }
}

/// The head and this seed's grains.
fn sample(seed: u64) -> [Ellipsoid; SHEPP_LOGAN.len() + GRAINS] {
    let random = Philox::new([seed, 1]);
    let grain = |i: usize| {
        let block = GRAIN_BLOCKS * i as u64;
        Ellipsoid::grain(random.block(block).map(fraction), random.block(block + 1).map(fraction))
    };
    std::array::from_fn(|i| SHEPP_LOGAN.get(i).copied().unwrap_or_else(|| grain(i - SHEPP_LOGAN.len())))
}

impl Ellipsoid {
    /// A dense grain in the head, half an axis long 0.01 to 0.05; large ones are rarer.
    fn grain(place: [f64; 4], form: [f64; 4]) -> Self {
        let size = 0.01 + 0.04 * place[3] * place[3];
        // Half the angle's tangent from 0 to 1 makes any angle from 0 to 90 degrees.
        let (t, spread) = (form[2], 1.0 + form[2] * form[2]);
        Ellipsoid {
            attenuation: 3.0 + 5.0 * form[3],
            axes: [size, size * (0.5 + 0.5 * form[0]), size * (0.5 + 0.5 * form[1])],
            turn: [(1.0 - t * t) / spread, 2.0 * t / spread],
            centre: std::array::from_fn(|d| GRAIN_BOX[d] * (2.0 * place[d] - 1.0)),
        }
    }

    /// Its shadow in rays across the direction with this cosine and sine.
    fn shadow(&self, [cosine, sine]: [f64; 2]) -> Shadow {
        let [a, b, c] = self.axes;
        let along = a * (cosine * self.turn[0] + sine * self.turn[1]);
        let across = b * (sine * self.turn[0] - cosine * self.turn[1]);
        let width_squared = along * along + across * across;
        Shadow {
            centre: self.centre[0] * cosine + self.centre[1] * sine,
            z: self.centre[2],
            narrowness: 1.0 / c,
            width_squared,
            strength: self.attenuation * 2.0 * a * b / width_squared,
        }
    }
}

impl Shadow {
    /// Adds what rays lose in it to the pixels of a row at the height `z`, from column `first` of `width` on.
    fn attenuate(&self, z: f64, first: u64, width: u64, losses: &mut [f32]) {
        let height = (z - self.z) * self.narrowness;
        let square = self.width_squared * (1.0 - height * height);
        if square <= 0.0 {
            return;
        }
        let reach = square.sqrt();
        let (from, to) = (column(self.centre - reach, width), column(self.centre + reach, width) + 1);
        let (from, to) = (from.max(first), to.min(first + losses.len() as u64));
        if from >= to {
            return;
        }
        let (square, strength, step) = (square as f32, self.strength as f32, 2.0 / width as f32);
        for (origin, x, cell) in Row::cells(from, &mut losses[(from - first) as usize..(to - first) as usize]) {
            let origin = (centred(origin, width) - self.centre) as f32;
            for (i, loss) in cell.iter_mut().enumerate() {
                let distance = origin + (x + i as i32) as f32 * step;
                *loss += strength * (square - distance * distance).max(0.0).sqrt();
            }
        }
    }
}

/// The place of a pixel's middle among `n` that reach from -1 to 1.
fn centred(pixel: u64, n: u64) -> f64 {
    (2 * pixel + 1) as f64 / n as f64 - 1.0
}

/// The pixel at this place among `n` that reach from -1 to 1; the last one for places beyond.
fn column(place: f64, n: u64) -> u64 {
    (((place + 1.0) * 0.5 * n as f64) as u64).min(n - 1)
}

/// The square root of the mean count where nothing is in the way. Types of one byte hold few more counts than the second.
const fn flat_root<T: Element>() -> f64 {
    if size_of::<T>() == 1 { 14.0 } else { 50.0 }
}

/// Half of the attenuation's exponential: the root of what passes. For losses up to 4, to five digits.
#[inline(always)]
fn root_of_transmission(loss: f32) -> f32 {
    let x = loss.min(4.0) * (-1.0 / 16.0);
    let eighth = 1.0 + x * (1.0 + x * (0.5 + x * (1.0 / 6.0 + x * (1.0 / 24.0 + x * (1.0 / 120.0)))));
    let fourth = eighth * eighth;
    let half = fourth * fourth;
    half * half
}

/// Cosine and sine of a part (0 to 1) of 180 degrees, from Taylor's series about 90 degrees.
fn cosine_and_sine(part: f64) -> [f64; 2] {
    let x = PI * (part - 0.5);
    let square = x * x;
    let series = |first: f64, from: u32| {
        let terms = (from..from + 24).step_by(2);
        let next = |term: f64, k: u32| -term * square / f64::from(k * (k + 1));
        terms.fold((first, first), |(sum, term), k| (sum + next(term, k), next(term, k))).0
    };
    [-series(x, 2), series(1.0, 1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosine_sine_and_exponential_are_those_of_the_library() {
        for i in 0..=360 {
            let part = f64::from(i) / 360.0;
            let [cosine, sine] = cosine_and_sine(part);
            assert!((cosine - (PI * part).cos()).abs() < 1e-15 && (sine - (PI * part).sin()).abs() < 1e-15, "{part}");
            let loss = 4.0 * part;
            let wanted = (-loss / 2.0).exp();
            assert!((f64::from(root_of_transmission(loss as f32)) / wanted - 1.0).abs() < 5e-6, "{loss}");
        }
    }

    /// Made with `python tomography.py 42 5 270 320`.
    #[test]
    fn counts_are_those_of_the_independent_program() {
        let (shape, mut tomography) = ([5, 270, 320], Tomography::new(42, &[5, 270, 320]));
        for ([y, x], wanted) in [
            ([0, 0], [2474, 2537, 2491, 2601, 2403]),
            ([135, 160], [444, 787, 1291, 1269, 856]),
            ([101, 200], [892, 722, 822, 825, 792]),
            ([168, 120], [742, 858, 1009, 1003, 832]),
            ([168, 240], [969, 1009, 1027, 990, 1012]),
            ([236, 80], [2486, 2624, 2573, 2525, 2512]),
        ] {
            let counts = [0, 1, 2, 3, 4].map(|angle| {
                let mut out = [0u16];
                tomography.fill((angle * shape[1] + y) * shape[2] + x, &mut out);
                out[0]
            });
            assert_eq!(counts, wanted, "({y}, {x})");
        }
    }

    /// What rays lose on their way to a row's pixels.
    fn losses(tomography: &mut Tomography, angle: u64, y: u64) -> Vec<f32> {
        let Frame { height, width } = tomography.frame;
        let mut losses = vec![0.0; width as usize];
        tomography.face(angle);
        for shadow in &tomography.shadows {
            shadow.attenuate(centred(y, height), 0, width, &mut losses);
        }
        losses
    }

    /// Steps along the ray through the pixel, and adds up what attenuates there.
    fn marched(tomography: &Tomography, angle: u64, y: u64, x: u64) -> f64 {
        const STEPS: i32 = 4000;
        let Frame { height, width } = tomography.frame;
        let (sine, cosine) = (PI * angle as f64 / tomography.angles as f64).sin_cos();
        let (u, z) = (centred(x, width), centred(y, height));
        let step = |i: i32| {
            let v = (f64::from(i) + 0.5) * 2.0 / f64::from(STEPS) - 1.0;
            let point = [u * cosine - v * sine, u * sine + v * cosine, z];
            let inside = |e: &&Ellipsoid| {
                let [dx, dy, dz] = std::array::from_fn(|d| point[d] - e.centre[d]);
                let own = [dx * e.turn[0] + dy * e.turn[1], dy * e.turn[0] - dx * e.turn[1], dz];
                (0..3).map(|d| (own[d] / e.axes[d]).powi(2)).sum::<f64>() < 1.0
            };
            tomography.sample.iter().filter(inside).map(|e| e.attenuation).sum::<f64>()
        };
        (0..STEPS).map(step).sum::<f64>() * 2.0 / f64::from(STEPS)
    }

    #[test]
    fn losses_are_those_along_the_ray() {
        let mut tomography = Tomography::new(3, &[7, 9, 40]);
        let mut most = 0.0f64;
        for (angle, y) in [(0, 4), (1, 4), (3, 3), (5, 7), (6, 0)] {
            let losses = losses(&mut tomography, angle, y);
            for x in 0..40 {
                let wanted = marched(&tomography, angle, y, x);
                let found = f64::from(losses[x as usize]);
                assert!((found - wanted).abs() < 8e-3, "angle {angle}, ({y}, {x}): {found}, wanted {wanted}");
                most = most.max(found);
            }
        }
        assert!((1.0..3.0).contains(&most), "{most}");
    }

    #[test]
    fn nothing_is_darker_than_the_exponential_can_tell() {
        for seed in 0..10 {
            let mut tomography = Tomography::new(seed, &[6, 24, 128]);
            for (angle, y) in (0..6).flat_map(|a| (0..24).map(move |y| (a, y))) {
                let losses = losses(&mut tomography, angle, y);
                assert!(losses.iter().all(|loss| (-1e-4..4.0).contains(loss)), "seed {seed}");
                assert!(losses[0] == 0.0 && losses[127] == 0.0, "the sample is within the detector");
            }
        }
    }

    #[test]
    fn the_middle_row_is_a_sinogram_of_its_own() {
        let mut stack = Tomography::new(1, &[5, 1, 30]);
        let mut sinogram = Tomography::new(1, &[5, 30]);
        let (mut a, mut b) = ([0u16; 150], [0u16; 150]);
        stack.fill(0, &mut a);
        sinogram.fill(0, &mut b);
        assert_eq!(a, b);
        let mut row = [0u16; 30];
        Tomography::new(1, &[30]).fill(0, &mut row);
        assert_eq!(row, a[..30]);
    }

    #[test]
    fn counts_are_clamped_at_the_types_largest_value() {
        let mut counts = [0u8; 2000];
        Tomography::new(1, &[1, 2000]).fill(0, &mut counts);
        let flat = &counts[..60];
        let mean = flat.iter().map(|c| f64::from(*c)).sum::<f64>() / 60.0;
        assert!((190.0..202.0).contains(&mean), "{mean}");
        assert!(counts.iter().all(|c| *c > 5));
    }
}
