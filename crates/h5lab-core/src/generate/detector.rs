//! Detector counts: Poisson noise on a broad beam, a dozen bright peaks, and dead pixels.
//!
//! The last two axes are the image (y, x); the axes before them number images of the same scene, and 1-D data are
//! an image of one row. The mean of the pixel (y, x) is
//!
//! ```text
//! 1 + 19 / (1 + rho^2)^3 + sum over peaks of height / (1 + r^2 / width^2)^3 * (1 - r^2 / 16^2)^2
//! ```
//!
//! where rho is the distance to the beam's centre in thirds of the image, and r < 16 the distance to the peak in
//! pixels: Moffat profiles (Astronomy and Astrophysics 3, 455, 1969), which look like Gaussians but need no
//! exponential, whose rounding differs between machines. The last factor lets a peak end without an edge. All that is
//! drawn once for the scene comes from NumPy's `Philox(key=[seed, 1])`, the noise from `Philox(key=seed)`.
//! `detector.py` beside this file makes the same counts.

use super::element::Element;
use super::frame::{Frame, Row};
use super::philox::{Philox, fraction};
use super::pieces::PIECE;
use super::poisson::{self, LEVELS_PER_ROOT};

const PEAKS: usize = 12;
/// How far from its centre a peak adds to the mean, in pixels.
const REACH: f64 = 16.0;
/// Of every so many pixels of an image, in C order, one is dead.
const DEAD_GROUP: u64 = 1024;
/// The beam's mean far from its centre, and what its centre has above that: chosen so that `u16` counts shrink
/// 4 to 5 times under shuffle and gzip, as those of real detectors do.
const BEAM_FLOOR: f32 = 1.0;
const BEAM_HEIGHT: f32 = 19.0;
/// Blocks of the scene's stream: the beam's, the peaks', then one for each group of pixels.
const BEAM_BLOCK: u64 = 0;
const PEAK_BLOCKS: u64 = 1;
const DEAD_BLOCKS: u64 = 64;

/// Makes the counts of every pixel in every image.
pub(super) struct Detector {
    noise: Philox,
    scene: Scene,
    /// The uniforms and the levels of one piece. Kept from piece to piece, which may be as short as one element.
    uniforms: Vec<u32>,
    levels: Vec<f32>,
}

/// What stands in front of the detector: the same in every image.
struct Scene {
    random: Philox,
    frame: Frame,
    beam: Beam,
    peaks: [Peak; PEAKS],
}

struct Beam {
    centre: [f64; 2],
    /// One over a third of the image's size along each axis.
    scale: [f64; 2],
}

#[derive(Clone, Copy)]
struct Peak {
    centre: [f64; 2],
    height: f64,
    /// One over the square of the width in pixels.
    narrowness: f64,
}

impl Detector {
    pub(super) fn new(seed: u64, shape: &[u64]) -> Self {
        let (uniforms, levels) = (vec![0; PIECE], vec![0.0; PIECE]);
        Detector { noise: Philox::new([seed, 0]), scene: Scene::new(seed, shape), uniforms, levels }
    }

    /// The counts of the elements from the global index `first` on.
    ///
    /// # Panics
    /// If these are more than [`PIECE`].
    pub(super) fn fill<T: Element>(&mut self, first: u64, out: &mut [T]) {
        let (uniforms, levels) = (&mut self.uniforms[..out.len()], &mut self.levels[..out.len()]);
        self.noise.uniforms(first, uniforms);
        for row in self.scene.frame.rows(first, out.len()) {
            self.scene.levels(&row, &mut levels[row.place.clone()]);
        }
        poisson::draw(levels, uniforms, out);
        self.scene.kill_pixels(first, out);
    }
}

impl Scene {
    fn new(seed: u64, shape: &[u64]) -> Self {
        let (height, width) = match *shape {
            [] => (1, 1),
            [width] => (1, width),
            [.., height, width] => (height, width),
        };
        let random = Philox::new([seed, 1]);
        let beam = Beam::new(random.block(BEAM_BLOCK), [height, width]);
        let peaks = std::array::from_fn(|i| Peak::new(random.block(PEAK_BLOCKS + i as u64), [height, width]));
        Scene { random, frame: Frame { height, width }, beam, peaks }
    }

    /// The Poisson levels of a row's live pixels.
    fn levels(&self, row: &Row, out: &mut [f32]) {
        self.beam.means(row, out);
        for peak in &self.peaks {
            peak.add_means(row, out);
        }
        for mean in out {
            *mean = LEVELS_PER_ROOT as f32 * mean.sqrt();
        }
    }

    /// Sets the dead ones of the pixels from the global index `first` on to 0.
    fn kill_pixels<T: Element>(&self, first: u64, out: &mut [T]) {
        let image = self.frame.height * self.frame.width;
        let mut pixel = first % image;
        let mut rest = out;
        while !rest.is_empty() {
            let in_image = (image - pixel).min(rest.len() as u64) as usize;
            let (here, after) = rest.split_at_mut(in_image);
            self.kill_pixels_of_image(pixel, here);
            (rest, pixel) = (after, (pixel + in_image as u64) % image);
        }
    }

    /// The same for pixels of one image, from its pixel `pixel` (in C order) on.
    fn kill_pixels_of_image<T: Element>(&self, pixel: u64, out: &mut [T]) {
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

    /// The means of a row's pixels.
    fn means(&self, row: &Row, out: &mut [f32]) {
        let dy = (row.y as f64 - self.centre[0]) * self.scale[0];
        let (rest, step) = ((1.0 + dy * dy) as f32, self.scale[1] as f32);
        for (from, x, cell) in Row::cells(row.x, out) {
            let origin = ((from as f64 - self.centre[1]) * self.scale[1]) as f32;
            for (i, mean) in cell.iter_mut().enumerate() {
                let dx = origin + (x + i as i32) as f32 * step;
                let spread = rest + dx * dx;
                *mean = BEAM_FLOOR + BEAM_HEIGHT / (spread * spread * spread);
            }
        }
    }
}

impl Peak {
    /// A peak anywhere in the image, 200 to 3800 counts high and 1 to 3 pixels wide; high ones are rarer.
    fn new(random: [u64; 4], size: [u64; 2]) -> Self {
        let centre = [0, 1].map(|d| fraction(random[d]) * size[d] as f64 - 0.5);
        let (brightness, breadth) = (fraction(random[2]), 1.0 + 2.0 * fraction(random[3]));
        let height = 200.0 + 3600.0 * brightness * brightness;
        Peak { centre, height, narrowness: 1.0 / (breadth * breadth) }
    }

    /// Adds to those means of a row's pixels that the peak reaches.
    fn add_means(&self, row: &Row, out: &mut [f32]) {
        let [centre_y, centre_x] = self.centre;
        let dy = row.y as f64 - centre_y;
        if dy.abs() >= REACH {
            return;
        }
        let end = row.x + out.len() as u64;
        let first = row.x.max((centre_x - REACH).max(0.0) as u64);
        for x in first..end.min((centre_x + REACH) as u64 + 1) {
            let dx = x as f64 - centre_x;
            out[(x - row.x) as usize] += self.mean(dy * dy + dx * dx) as f32;
        }
    }

    /// What it adds at this squared distance, in pixels.
    fn mean(&self, squared: f64) -> f64 {
        let spread = 1.0 + squared * self.narrowness;
        let taper = (1.0 - squared / (REACH * REACH)).max(0.0);
        self.height / (spread * spread * spread) * (taper * taper)
    }
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
            (42, [4, 768, 1366], [19, 474], [3331, 3271, 3296, 3317]),
            (42, [4, 768, 1366], [632, 951], [881, 919, 856, 841]),
            (42, [4, 768, 1366], [19, 479], [29, 38, 45, 31]),
            (42, [4, 768, 1366], [384, 0], [1, 0, 0, 0]),
            (7, [4, 50, 70], [23, 5], [3163, 3415, 3282, 3294]),
            (7, [4, 50, 70], [32, 12], [58, 57, 46, 63]),
            (7, [4, 50, 70], [25, 0], [3, 4, 1, 6]),
        ];
        for (seed, shape, [y, x], wanted) in cases {
            let counts = pixel_counts(&mut Detector::new(seed, &shape), shape, y, x);
            assert_eq!(counts, wanted.map(f64::from), "seed {seed} shape {shape:?} pixel ({y}, {x})");
        }
    }

    /// The mean count of a live pixel.
    fn mean_of(scene: &Scene, y: u64, x: u64) -> f64 {
        let mut level = [0.0];
        scene.levels(&Row { image: 0, y, x, place: 0..1 }, &mut level);
        (f64::from(level[0]) / LEVELS_PER_ROOT).powi(2)
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
            let wanted = mean_of(&detector.scene, y, x).min(4000.0);
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
            let background = Scene { peaks: std::array::from_fn(|_| Peak { height: 0.0, ..scene.peaks[0] }), ..scene };
            let corner = mean_of(&background, 0, 0);
            assert!((1.0..3.0).contains(&corner), "{corner}");
            let [y, x] = background.beam.centre.map(|c| c as u64);
            assert!((19.9..=20.0).contains(&mean_of(&background, y, x)));
            for peak in scene.peaks {
                let [y, x] = peak.centre.map(|c| c.round() as u64);
                let with_peak = Scene { peaks: [peak; PEAKS], ..Scene::new(seed, &[512, 512]) };
                assert!(mean_of(&with_peak, y, x) > 12.0 * 70.0);
            }
        }
    }

    #[test]
    fn counts_are_clamped_at_the_types_largest_value() {
        let shape = [64, 64];
        let mut detector = Detector::new(1, &shape);
        let highest = detector.scene.peaks.iter().max_by(|a, b| a.height.total_cmp(&b.height)).unwrap();
        let [y, x] = highest.centre.map(|c| c.round() as u64);
        let mut out = [0u8];
        detector.fill(y * shape[1] + x, &mut out);
        assert_eq!(out, [255]);
    }
}
