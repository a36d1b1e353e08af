//! A canvas of pixels on which lines and text are drawn.

use embedded_graphics::mono_font::iso_8859_1::FONT_7X13;
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::{Line, PrimitiveStyle};
use embedded_graphics::text::{Alignment, Baseline, Text, TextStyleBuilder};
use std::convert::Infallible;

/// The font of all text.
const FONT: MonoFont<'static> = FONT_7X13;
/// Width of a character.
pub const GLYPH: usize = 7;
/// Height of a line of text.
pub const LINE: usize = 13;

const INK: Rgb888 = Rgb888::new(34, 34, 34);

/// Pixels of three bytes, row by row.
pub struct Canvas {
    width: usize,
    height: usize,
    bytes: Vec<u8>,
}

impl Canvas {
    /// A white one.
    pub fn new(width: usize, height: usize) -> Self {
        Canvas { width, height, bytes: vec![255; width * height * 3] }
    }

    /// Sets a pixel.
    pub fn set(&mut self, x: usize, y: usize, colour: [u8; 3]) {
        if x < self.width && y < self.height {
            self.bytes[(y * self.width + x) * 3..][..3].copy_from_slice(&colour);
        }
    }

    /// A line from one point to another.
    pub fn line(&mut self, from: (usize, usize), to: (usize, usize)) {
        let point = |(x, y): (usize, usize)| Point::new(x as i32, y as i32);
        let Ok(()) = Line::new(point(from), point(to)).into_styled(PrimitiveStyle::with_stroke(INK, 1)).draw(self);
    }

    /// The outline of a box.
    pub fn frame(&mut self, x: usize, y: usize, width: usize, height: usize) {
        let (right, bottom) = (x + width, y + height);
        for (from, to) in
            [((x, y), (right, y)), ((x, bottom), (right, bottom)), ((x, y), (x, bottom)), ((right, y), (right, bottom))]
        {
            self.line(from, to);
        }
    }

    /// Text whose middle line is at `y`; what the font does not have becomes `?`.
    pub fn text(&mut self, text: &str, x: usize, y: usize, alignment: Alignment) {
        let known: String = text.chars().map(|c| if (c as u32) < 256 && !c.is_control() { c } else { '?' }).collect();
        let style = TextStyleBuilder::new().alignment(alignment).baseline(Baseline::Middle).build();
        let ink = MonoTextStyle::new(&FONT, INK);
        let Ok(_) = Text::with_text_style(&known, Point::new(x as i32, y as i32), ink, style).draw(self);
    }

    /// Text from bottom to top, whose middle is at `x`, `y`.
    pub fn text_upwards(&mut self, text: &str, x: usize, y: usize) {
        let width = text.chars().count() * GLYPH;
        let mut lying = Canvas::new(width.max(1), LINE);
        lying.text(text, 0, LINE / 2, Alignment::Left);
        for (row, column) in (0..LINE).flat_map(|row| (0..width).map(move |column| (row, column))) {
            let at = (row * width + column) * 3;
            let pixel = [lying.bytes[at], lying.bytes[at + 1], lying.bytes[at + 2]];
            if pixel != [255; 3] && y + width / 2 >= column && x + row >= LINE / 2 {
                self.set(x + row - LINE / 2, y + width / 2 - column, pixel);
            }
        }
    }

    /// Width, height and the bytes.
    pub fn into_parts(self) -> (usize, usize, Vec<u8>) {
        (self.width, self.height, self.bytes)
    }
}

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        Size::new(self.width as u32, self.height as u32)
    }
}

impl DrawTarget for Canvas {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(at, colour) in pixels {
            if let (Ok(x), Ok(y)) = (usize::try_from(at.x), usize::try_from(at.y)) {
                self.set(x, y, [colour.r(), colour.g(), colour.b()]);
            }
        }
        Ok(())
    }
}
