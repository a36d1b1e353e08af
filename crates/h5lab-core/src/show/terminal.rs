//! A slice in the terminal: two pixels a character with colours, grey characters without.

use super::{Contrast, Slice};
use crate::report::significant;
use std::fmt::Write;

/// What the terminal can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colours {
    /// 24 bits.
    True,
    /// The 256 of xterm.
    Indexed,
    /// None: characters of different darkness.
    None,
}

/// From dark to bright, on a dark terminal.
const GREYS: &[u8] = b" .:-=+*#%@";

/// Draws the slice into at most `columns` by `lines` characters, with a line of numbers below.
pub fn draw(slice: &Slice, contrast: &Contrast, colours: Colours, columns: usize, lines: usize) -> String {
    // Characters are about twice as high as wide: with half blocks pixels are square, without they are halved.
    let halves = if colours == Colours::None { 1 } else { 2 };
    let [height, width] = slice.size;
    let scale = (width as f64 / columns.max(1) as f64).max(height as f64 / (2 * lines.max(1)) as f64);
    // Small slices are not blown up by more than 8.
    let scale = scale.max(1.0 / 8.0);
    let wide = ((width as f64 / scale).round() as usize).clamp(1, columns.max(1));
    let high = ((height as f64 / scale / 2.0).round() as usize).clamp(1, lines.max(1)) * halves;
    let cells = slice.resampled(high, wide);
    let mut text = format!("{}\n", slice.title);
    for line in cells.chunks(wide * halves) {
        match colours {
            Colours::None => text.extend(line.iter().map(|&value| grey(contrast, value))),
            _ => half_blocks(line, wide, contrast, colours, &mut text),
        }
        while text.ends_with(' ') {
            text.pop();
        }
        text.push('\n');
    }
    text + &caption(slice, contrast)
}

fn grey(contrast: &Contrast, value: f64) -> char {
    let share = contrast.share(value);
    share.map_or('?', |share| GREYS[((share * (GREYS.len() - 1) as f64).round()) as usize] as char)
}

/// Upper halves in the foreground's colour, lower ones in the background's.
fn half_blocks(line: &[f64], wide: usize, contrast: &Contrast, colours: Colours, text: &mut String) {
    let (upper, lower) = line.split_at(wide);
    for (&upper, &lower) in upper.iter().zip(lower) {
        let (upper, lower) = (colour(contrast, upper), colour(contrast, lower));
        let _ = match colours {
            Colours::True => {
                let [[r, g, b], [s, h, c]] = [upper, lower];
                write!(text, "\x1b[38;2;{r};{g};{b};48;2;{s};{h};{c}m▀")
            }
            _ => write!(text, "\x1b[38;5;{};48;5;{}m▀", indexed(upper), indexed(lower)),
        };
    }
    text.push_str("\x1b[0m");
}

/// The colour of a value; grey of what is not finite.
pub(super) fn colour(contrast: &Contrast, value: f64) -> [u8; 3] {
    contrast.share(value).map_or([128; 3], |share| {
        let colour = colorous::VIRIDIS.eval_continuous(share);
        [colour.r, colour.g, colour.b]
    })
}

/// The nearest colour of xterm's cube of 6 x 6 x 6.
fn indexed([r, g, b]: [u8; 3]) -> u8 {
    let level = |value: u8| (u32::from(value) * 5 + 127) / 255;
    (16 + 36 * level(r) + 6 * level(g) + level(b)) as u8
}

fn caption(slice: &Slice, contrast: &Contrast) -> String {
    let [rows, columns] = slice.size;
    let mut text = format!(
        "{} (down) {rows}, {} (right) {columns}; colours from {} to {} (1st to 99th percentile), values from {} to {}",
        slice.labels[0],
        slice.labels[1],
        number(contrast.low),
        number(contrast.high),
        number(contrast.range.0),
        number(contrast.range.1)
    );
    if contrast.not_finite > 0 {
        let _ = write!(text, "; {} not finite", contrast.not_finite);
    }
    text + "\n"
}

/// Three significant digits; whole numbers below a million as they are, and others beyond it with an exponent.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if value == value.trunc() && size < 1e6 {
        format!("{value:.0}")
    } else if (1e-4..1e6).contains(&size) {
        significant(value)
    } else {
        format!("{value:.2e}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::contrast;
    use super::*;

    fn ramp() -> Slice {
        let values = (0..40 * 80).map(|i| f64::from(i % 80)).collect();
        Slice { size: [40, 80], values, title: "d[0]".into(), labels: ["y".into(), "x".into()], origin: [0, 0] }
    }

    #[test]
    fn without_colours_there_is_nothing_but_characters() {
        let slice = ramp();
        let text = draw(&slice, &contrast(&slice).unwrap(), Colours::None, 40, 10);
        assert!(text.is_ascii() && !text.contains('\x1b'), "{text}");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines[0], lines.len()), ("d[0]", 12));
        // From dark to bright, from left to right.
        let dark = |c: char| GREYS.iter().position(|&g| g as char == c).unwrap();
        let line: Vec<usize> = lines[1].chars().map(dark).collect();
        assert!(line.len() == 40 && line.is_sorted() && line[39] == 9, "{line:?}");
        assert!(lines[11].starts_with("y (down) 40, x (right) 80; colours from"), "{}", lines[11]);
    }

    #[test]
    fn colours_are_those_that_the_terminal_has() {
        let slice = ramp();
        let of = |colours| draw(&slice, &contrast(&slice).unwrap(), colours, 40, 10);
        assert_eq!(of(Colours::True).matches("\x1b[38;2;").count(), 40 * 10);
        assert_eq!(of(Colours::Indexed).matches("\x1b[38;5;").count(), 40 * 10);
        assert_eq!(of(Colours::True).matches("\x1b[0m").count(), 10);
    }

    #[test]
    fn numbers_are_short() {
        for (value, text) in [(0.0, "0"), (1234.0, "1234"), (12.3456, "12.3"), (-1e9, "-1.00e9"), (1e-7, "1.00e-7")] {
            assert_eq!(number(value), text);
        }
    }
}
