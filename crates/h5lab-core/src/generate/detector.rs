//! Detector counts: Poisson noise on a broad beam, a dozen bright peaks, and dead pixels.
//!
//! The last two axes are the image (y, x); the axes before them number images of the same scene, and 1-D data are
//! an image of one row. The mean of the pixel (y, x) is
//!
//! ```text
//! 1 + 19 / (1 + rho^2)^3 + sum over peaks of height / (1 + r^2 / width^2)^3
//! ```
//!
//! where rho is the distance to the beam's centre in thirds of the image, and r the distance to the peak in pixels:
//! Moffat profiles (Astronomy and Astrophysics 3, 455, 1969), which look like Gaussians but need no exponential,
//! whose rounding differs between machines. All that is drawn once for the scene comes from NumPy's
//! `Philox(key=[seed, 1])`, the noise from `Philox(key=seed)`. `detector.py` beside this file makes the same counts.

use super::element::Element;
use super::philox::Philox;
use super::pieces::PIECE;
use super::poisson::Poisson;

const PEAKS: usize = 12;
/// How far from its centre a peak adds to the mean, in pixels along each axis.
const REACH: u64 = 10;
/// The beam's mean is taken once for this many pixels of a row, in their middle: its division and square root,
/// taken for each pixel, would be most of the work.
const CELL: u64 = 32;
/// Of every so many pixels of an image, in C order, one is dead.
const DEAD_GROUP: u64 = 1024;
/// The beam's mean far from its centre, and what its centre has above that: chosen so that `u16` counts shrink
/// 4 to 5 times under shuffle and gzip, as those of real detectors do.
const BEAM_FLOOR: f64 = 1.0;
const BEAM_HEIGHT: f64 = 19.0;
/// Blocks of the scene's stream: the beam's, the peaks', then one for each group of pixels.
const BEAM_BLOCK: u64 = 0;
const PEAK_BLOCKS: u64 = 1;
const DEAD_BLOCKS: u64 = 64;

/// Makes the counts of every pixel in every image.
pub(super) struct Detector {
    noise: Philox,
    scene: Scene,
    /// The uniforms of one piece. Kept from piece to piece, which may be as short as one element.
    uniforms: Vec<u32>,
}

/// What stands in front of the detector: the same in every image.
struct Scene {
    random: Philox,
    height: u64,
    width: u64,
    beam: Beam,
    peaks: [Peak; PEAKS],
}

struct Beam {
    centre: [f64; 2],
    /// One over a third of the image's size along each axis.
    scale: [f64; 2],
}

struct Peak {
    centre: [u64; 2],
    height: f64,
    /// One over the square of the width in pixels.
    narrowness: f64,
}

impl Detector {
    pub(super) fn new(seed: u64, shape: &[u64]) -> Self {
        Detector { noise: Philox::new([seed, 0]), scene: Scene::new(seed, shape), uniforms: vec![0; PIECE] }
    }

    /// The counts of the elements from the global index `first` on.
    ///
    /// # Panics
    /// If these are more than [`PIECE`].
    pub(super) fn fill<T: Element>(&mut self, first: u64, out: &mut [T]) {
        let uniforms = &mut self.uniforms[..out.len()];
        self.noise.bytes(first * size_of::<u32>() as u64, bytemuck::cast_slice_mut(uniforms));
        u32::uniform_from_stream(uniforms);
        let image = self.scene.height * self.scene.width;
        let mut pixel = first % image;
        let mut from = 0;
        while from < out.len() {
            let to = out.len().min(from.saturating_add((image - pixel) as usize));
            self.scene.fill_in_image(pixel, &uniforms[from..to], &mut out[from..to]);
            (from, pixel) = (to, 0);
        }
    }
}

impl Scene {
    fn new(seed: u64, shape: &[u64]) -> Self {
        let size = match *shape {
            [] => [1, 1],
            [width] => [1, width],
            [.., height, width] => [height, width],
        };
        let random = Philox::new([seed, 1]);
        let beam = Beam::new(random.block(BEAM_BLOCK), size);
        let peaks = std::array::from_fn(|i| Peak::new(random.block(PEAK_BLOCKS + i as u64), size));
        Scene { random, height: size[0], width: size[1], beam, peaks }
    }

    /// The counts of an image's pixels from the C-order index `pixel` on; none are of the next image.
    fn fill_in_image<T: Element>(&self, pixel: u64, uniforms: &[u32], out: &mut [T]) {
        let (mut y, mut x) = (pixel / self.width, pixel % self.width);
        let mut from = 0;
        while from < out.len() {
            let to = out.len().min(from.saturating_add((self.width - x) as usize));
            self.fill_in_row(y, x, &uniforms[from..to], &mut out[from..to]);
            (from, y, x) = (to, y + 1, 0);
        }
        self.kill_pixels(pixel, out);
    }

    /// The counts of a row's pixels from (y, x) on.
    fn fill_in_row<T: Element>(&self, y: u64, x: u64, uniforms: &[u32], out: &mut [T]) {
        let beam_row = self.beam.row(y);
        let mut at = x;
        let (mut u_rest, mut out_rest) = (uniforms, &mut *out);
        while !out_rest.is_empty() {
            let length = out_rest.len().min((CELL - at % CELL) as usize);
            let (u, u_after) = u_rest.split_at(length);
            let (cell, out_after) = out_rest.split_at_mut(length);
            let poisson = Poisson::of(self.beam.mean(beam_row, at));
            for (place, u) in cell.iter_mut().zip(u) {
                *place = T::from_count(poisson.count(*u));
            }
            (u_rest, out_rest, at) = (u_after, out_after, at + length as u64);
        }
        self.add_peaks(y, x, uniforms, out);
    }

    /// Makes those counts of a row anew that peaks reach.
    fn add_peaks<T: Element>(&self, y: u64, x: u64, uniforms: &[u32], out: &mut [T]) {
        let end = x + out.len() as u64;
        for peak in self.peaks.iter().filter(|peak| peak.centre[0].abs_diff(y) <= REACH) {
            let reached = x.max(peak.centre[1].saturating_sub(REACH))..end.min(peak.centre[1] + REACH + 1);
            for at in reached {
                let place = (at - x) as usize;
                out[place] = T::from_count(Poisson::of(self.mean(y, at)).count(uniforms[place]));
            }
        }
    }

    /// The mean count of a live pixel.
    fn mean(&self, y: u64, x: u64) -> f64 {
        let peaks: f64 = self.peaks.iter().map(|peak| peak.mean(y, x)).sum();
        self.beam.mean(self.beam.row(y), x) + peaks
    }

    /// Sets the dead ones of an image's pixels from the C-order index `pixel` on to 0.
    fn kill_pixels<T: Element>(&self, pixel: u64, out: &mut [T]) {
        let last = pixel + out.len() as u64 - 1;
        for group in pixel / DEAD_GROUP..=last / DEAD_GROUP {
            let dead = group * DEAD_GROUP + self.random.block(DEAD_BLOCKS + group)[0] % DEAD_GROUP;
            if (pixel..=last).contains(&dead) {
                out[(dead - pixel) as usize] = T::from_count(0);
            }
        }
    }
}

impl Beam {
    /// A beam whose centre is in the middle fifth of the image.
    fn new(random: [u64; 4], size: [u64; 2]) -> Self {
        let centre = [0, 1].map(|d| (0.4 + 0.2 * fraction(random[d])) * size[d] as f64);
        Beam { centre, scale: size.map(|n| 3.0 / n as f64) }
    }

    /// The row's share of `rho^2`.
    fn row(&self, y: u64) -> f64 {
        let dy = (y as f64 - self.centre[0]) * self.scale[0];
        dy * dy
    }

    /// The mean in the cell of pixel `x`.
    #[inline(always)]
    fn mean(&self, row: f64, x: u64) -> f64 {
        let middle = (x - x % CELL + CELL / 2) as f64;
        let dx = (middle - self.centre[1]) * self.scale[1];
        BEAM_FLOOR + moffat(BEAM_HEIGHT, row + dx * dx)
    }
}

impl Peak {
    /// A peak anywhere in the image, 200 to 3800 counts high and 1 to 3 pixels wide; high ones are rarer.
    fn new(random: [u64; 4], size: [u64; 2]) -> Self {
        let place = |d: usize| ((u128::from(random[d]) * u128::from(size[d])) >> 64) as u64;
        let (brightness, breadth) = (fraction(random[2]), 1.0 + 2.0 * fraction(random[3]));
        let height = 200.0 + 3600.0 * brightness * brightness;
        Peak { centre: [place(0), place(1)], height, narrowness: 1.0 / (breadth * breadth) }
    }

    fn mean(&self, y: u64, x: u64) -> f64 {
        let (dy, dx) = (self.centre[0].abs_diff(y), self.centre[1].abs_diff(x));
        if dy.max(dx) > REACH {
            return 0.0;
        }
        moffat(self.height, (dy * dy + dx * dx) as f64 * self.narrowness)
    }
}

/// Moffat's profile of exponent 3, at a squared distance in widths.
#[inline(always)]
fn moffat(height: f64, squared: f64) -> f64 {
    let spread = 1.0 + squared;
    height / (spread * spread * spread)
}

/// A random word as a number in [0, 1).
fn fraction(word: u64) -> f64 {
    (word >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with `python detector.py 42 4 768 1366` and `7 4 50 70`: dead, bright, middling and dim pixels.
    #[test]
    fn counts_are_those_of_the_independent_program() {
        let cases = [
            (42, [4, 768, 1366], [0, 331], [0, 0, 0, 0]),
            (42, [4, 768, 1366], [1, 355], [0, 0, 0, 0]),
            (42, [4, 768, 1366], [19, 474], [3626, 3563, 3589, 3611]),
            (42, [4, 768, 1366], [283, 1306], [836, 931, 827, 866]),
            (42, [4, 768, 1366], [283, 1311], [36, 39, 39, 31]),
            (42, [4, 768, 1366], [384, 0], [1, 0, 0, 0]),
            (7, [4, 50, 70], [23, 5], [3450, 3698, 3574, 3587]),
            (7, [4, 50, 70], [2, 59], [68, 54, 63, 56]),
            (7, [4, 50, 70], [25, 0], [7, 8, 4, 11]),
        ];
        for (seed, shape, [y, x], wanted) in cases {
            let counts = pixel_counts(&mut Detector::new(seed, &shape), shape, y, x);
            assert_eq!(counts, wanted.map(f64::from), "seed {seed} shape {shape:?} pixel ({y}, {x})");
        }
    }

    const SHAPE: [u64; 3] = [200, 48, 70];

    /// The counts of one pixel in all images.
    fn pixel_counts(detector: &mut Detector, shape: [u64; 3], y: u64, x: u64) -> Vec<f64> {
        let mut count = |image: u64| {
            let mut out = [0f64];
            detector.fill((image * shape[1] + y) * shape[2] + x, &mut out);
            out[0]
        };
        (0..shape[0]).map(&mut count).collect()
    }

    #[test]
    fn pixels_are_dead_in_all_images_or_poisson_around_their_mean() {
        let mut detector = Detector::new(5, &SHAPE);
        let (mut dead, mut scores) = (0, Vec::new());
        for (y, x) in (0..SHAPE[1]).flat_map(|y| (0..SHAPE[2]).map(move |x| (y, x))) {
            let counts = pixel_counts(&mut detector, SHAPE, y, x);
            let mean = counts.iter().sum::<f64>() / counts.len() as f64;
            if mean == 0.0 {
                dead += 1;
                continue;
            }
            let wanted = detector.scene.mean(y, x).min(4000.0);
            let variance = counts.iter().map(|c| (c - mean).powi(2)).sum::<f64>() / (counts.len() - 1) as f64;
            assert!((mean / wanted - 1.0).abs() < 0.35, "({y}, {x}): mean {mean}, wanted {wanted}");
            scores.push(variance / wanted);
        }
        assert!((2..=4).contains(&dead), "{dead} dead of {}", SHAPE[1] * SHAPE[2]);
        let score = scores.iter().sum::<f64>() / scores.len() as f64;
        assert!((score - 1.0).abs() < 0.02, "variance over mean: {score}");
    }

    #[test]
    fn a_scene_has_a_background_of_1_to_20_and_bright_peaks() {
        for seed in 0..20 {
            let scene = Scene::new(seed, &[512, 512]);
            let corner = scene.beam.mean(scene.beam.row(0), 0);
            assert!((1.0..3.0).contains(&corner), "{corner}");
            let [y, x] = scene.beam.centre.map(|c| c as u64);
            assert!((19.0..=20.0).contains(&scene.beam.mean(scene.beam.row(y), x)));
            assert!(scene.peaks.iter().all(|p| scene.mean(p.centre[0], p.centre[1]) > 200.0));
        }
    }

    #[test]
    fn counts_are_clamped_at_the_types_largest_value() {
        let shape = [64, 64];
        let mut detector = Detector::new(1, &shape);
        let [y, x] = detector.scene.peaks.iter().max_by(|a, b| a.height.total_cmp(&b.height)).unwrap().centre;
        let mut out = [0u8];
        detector.fill(y * shape[1] + x, &mut out);
        assert_eq!(out, [255]);
    }
}
