//! A slice as a picture: the image, its axes with numbers and names, and a colour bar.

use super::canvas::{Canvas, GLYPH, LINE};
use super::terminal::{colour, number};
use super::{Contrast, Slice};
use embedded_graphics::text::Alignment;

/// A picture: three bytes a pixel, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pixels {
    /// Pixels of a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Red, green and blue of each pixel.
    pub bytes: Vec<u8>,
}

/// The image takes at most so many pixels along its longer axis; larger ones are averaged.
const MOST: usize = 1600;
/// Smaller images are blown up by whole numbers until they have so many.
const LEAST: usize = 400;
/// Width of the colour bar.
const BAR: usize = 18;
const MARGIN: usize = 12;
const TICK: usize = 5;

/// Draws it.
pub fn picture(slice: &Slice, contrast: &Contrast) -> Pixels {
    let (rows, columns) = size_of_image(slice.size);
    let labels: Vec<String> = ticks(contrast.low, contrast.high).into_iter().map(number).collect();
    let widest = |labels: &[String]| labels.iter().map(|l| l.chars().count()).max().unwrap_or(0) * GLYPH;
    let row_numbers: Vec<String> = places(slice.origin[0], slice.size[0]).iter().map(u64::to_string).collect();
    let left = MARGIN + LINE + 4 + widest(&row_numbers) + TICK + 3;
    let top = MARGIN + LINE + 8;
    let bar = left + columns + 2 * MARGIN;
    // The title is cut where the picture ends, and pictures are wide enough for most.
    let width = (bar + BAR + TICK + 4 + widest(&labels) + MARGIN).max(40 * GLYPH);
    let height = top + rows + TICK + 3 + LINE + 4 + LINE + MARGIN;
    let mut canvas = Canvas::new(width, height);
    image(&mut canvas, slice, contrast, (left, top), (rows, columns));
    axes(&mut canvas, slice, (left, top), (rows, columns));
    colour_bar(&mut canvas, contrast, (bar, top), rows, &labels);
    let fits = (width - 2 * MARGIN) / GLYPH;
    let title: String = slice.title.chars().take(fits).collect();
    canvas.text(&title, MARGIN, MARGIN + LINE / 2, Alignment::Left);
    let (width, height, bytes) = canvas.into_parts();
    Pixels { width: width as u32, height: height as u32, bytes }
}

/// Rows and columns of pixels that an image gets: averaged, as it is, or blown up; never thinner than some pixels.
fn size_of_image([rows, columns]: [usize; 2]) -> (usize, usize) {
    let longer = rows.max(columns).max(1);
    let scaled = |n: usize| {
        let n = if longer > MOST { n * MOST / longer } else { n * (LEAST / longer).max(1) };
        n.max(24)
    };
    (scaled(rows), scaled(columns))
}

fn image(
    canvas: &mut Canvas,
    slice: &Slice,
    contrast: &Contrast,
    (left, top): (usize, usize),
    (rows, columns): (usize, usize),
) {
    let values = slice.resampled(rows, columns);
    for (row, line) in values.chunks(columns).enumerate() {
        for (column, &value) in line.iter().enumerate() {
            canvas.set(left + column, top + row, colour(contrast, value));
        }
    }
}

fn axes(canvas: &mut Canvas, slice: &Slice, (left, top): (usize, usize), (rows, columns): (usize, usize)) {
    canvas.frame(left - 1, top - 1, columns + 1, rows + 1);
    let pixel = |at: u64, axis: usize, pixels: usize| {
        let inside = (at - slice.origin[axis]) as f64 + 0.5;
        (inside * pixels as f64 / slice.size[axis] as f64) as usize
    };
    for at in places(slice.origin[1], slice.size[1]) {
        let x = left + pixel(at, 1, columns);
        canvas.line((x, top + rows), (x, top + rows + TICK));
        canvas.text(&at.to_string(), x, top + rows + TICK + 3 + LINE / 2, Alignment::Center);
    }
    for at in places(slice.origin[0], slice.size[0]) {
        let y = top + pixel(at, 0, rows);
        canvas.line((left - 1 - TICK, y), (left - 1, y));
        canvas.text(&at.to_string(), left - TICK - 3, y, Alignment::Right);
    }
    let below = top + rows + TICK + 3 + LINE + 4 + LINE / 2;
    canvas.text(&slice.labels[1], left + columns / 2, below, Alignment::Center);
    canvas.text_upwards(&slice.labels[0], MARGIN + LINE / 2, top + rows / 2);
}

fn colour_bar(canvas: &mut Canvas, contrast: &Contrast, (left, top): (usize, usize), rows: usize, labels: &[String]) {
    let value = |row: usize| contrast.high - (contrast.high - contrast.low) * row as f64 / (rows - 1) as f64;
    for row in 0..rows {
        let colour = colour(contrast, value(row));
        (0..BAR).for_each(|x| canvas.set(left + x, top + row, colour));
    }
    canvas.frame(left - 1, top - 1, BAR + 1, rows + 1);
    for (tick, label) in ticks(contrast.low, contrast.high).into_iter().zip(labels) {
        let share = contrast.share(tick).unwrap_or(0.5);
        let y = top + ((1.0 - share) * (rows - 1) as f64).round() as usize;
        canvas.line((left + BAR, y), (left + BAR + TICK, y));
        canvas.text(label, left + BAR + TICK + 4, y, Alignment::Left);
    }
}

/// Round numbers between two values, three to seven of them; the one value if there is no more.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let width = high - low;
    if width <= 0.0 || !width.is_finite() {
        return vec![low];
    }
    let step = round_step(width / 5.0);
    let first = (low / step).ceil() as i64;
    (first..).map(|k| k as f64 * step).take_while(|tick| *tick <= high + step * 1e-9).take(12).collect()
}

/// 1, 2 or 5 times a power of ten, near to `step`.
fn round_step(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let factor = match step / power {
        f if f < 1.5 => 1.0,
        f if f < 3.5 => 2.0,
        f if f < 7.5 => 5.0,
        _ => 10.0,
    };
    factor * power
}

/// Round indices along an axis.
fn places(origin: u64, count: usize) -> Vec<u64> {
    let last = origin + count as u64 - 1;
    let step = (round_step(((count as f64) / 5.0).max(1.0)).round() as u64).max(1);
    (origin.div_ceil(step)..).map(|k| k * step).take_while(|&at| at <= last).collect()
}

#[cfg(test)]
mod tests {
    use super::super::contrast;
    use super::*;

    fn slice(rows: usize, columns: usize) -> Slice {
        let values = (0..rows * columns).map(|i| (i % columns) as f64).collect();
        Slice {
            size: [rows, columns],
            values,
            title: "scan.h5".into(),
            labels: ["y".into(), "x".into()],
            origin: [0, 100],
        }
    }

    #[test]
    fn pictures_of_any_size_have_image_axes_and_bar() {
        for (rows, columns) in [(1, 1), (2, 3), (540, 640), (3, 5000), (4000, 10)] {
            let slice = slice(rows, columns);
            let pixels = picture(&slice, &contrast(&slice).unwrap());
            assert_eq!(pixels.bytes.len(), (pixels.width * pixels.height * 3) as usize);
            assert!(
                pixels.width < 2000 && pixels.height < 2000,
                "{rows} x {columns}: {} x {}",
                pixels.width,
                pixels.height
            );
            let ink = pixels.bytes.chunks(3).filter(|p| *p == [34; 3]).count();
            assert!(ink > 200, "text and lines of {rows} x {columns}: {ink}");
        }
    }

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(ticks(0.0, 100.0), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(ticks(3.0, 3.0), [3.0]);
        assert_eq!(places(100, 640), [100, 200, 300, 400, 500, 600, 700]);
        assert_eq!(places(7, 1), [7]);
    }
}
