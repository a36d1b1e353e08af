//! A chart as an SVG file of its own: title, axes, legend, and the same colours as in a page.

mod bars;
mod canvas;
mod heat_map;
mod scale;
mod xy;

use super::{Chart, Figure};
use canvas::{Anchor, Canvas};

/// Width of every chart, pixels.
const WIDTH: f64 = 900.0;
/// Size of text, pixels.
const TEXT: f64 = 13.0;
/// Room above the plot for the title.
const HEAD: f64 = 46.0;
/// Where the title of an upright axis is, from the left.
const TITLE: f64 = 22.0;
/// Colour of text and axes.
const INK: &str = "#1b1f24";
/// Colour of a grid.
const FAINT: &str = "#e1e5ea";

/// The chart as SVG text.
pub fn svg(figure: &Figure) -> String {
    let mut canvas = Canvas::new(WIDTH);
    canvas.bold(WIDTH / 2.0, 26.0, &figure.title);
    let height = match &figure.chart {
        Chart::Lines { x, y, lines } => xy::draw(&mut canvas, x, y, lines, None, true),
        Chart::Points { x, y, groups, guide } => xy::draw(&mut canvas, x, y, groups, guide.as_ref(), false),
        Chart::Bars { value, row, rows, series, stacked } => {
            bars::draw(&mut canvas, value, row, rows, series, *stacked)
        }
        Chart::HeatMap { sides, columns, rows, cells, scale } => {
            heat_map::draw(&mut canvas, *sides, columns, rows, cells, scale)
        }
    };
    canvas.finish(height, &figure.title, &figure.alt)
}

/// The legend: a mark and a name each, in as many lines as they need, from `top` down; returns where it ends.
fn legend(canvas: &mut Canvas, top: f64, entries: &[(&str, &str, Mark)]) -> f64 {
    let (mut x, mut y) = (20.0, top + TEXT);
    for (name, colour, mark) in entries {
        let wide = canvas::width(name, TEXT) + 44.0;
        if x + wide > WIDTH - 10.0 && x > 20.0 {
            (x, y) = (20.0, y + TEXT * 1.6);
        }
        match mark {
            Mark::Box => canvas.rect([x, y - 10.0, 14.0, 11.0], colour, 1.0),
            Mark::Line => canvas.line([x, y - 4.0, x + 18.0, y - 4.0], colour, 2.0, false),
            Mark::Dashes => canvas.line([x, y - 4.0, x + 22.0, y - 4.0], colour, 2.0, true),
        }
        canvas.text(x + 26.0, y, name, Anchor::Start);
        x += wide;
    }
    y + TEXT
}

/// What stands before a name in the legend.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mark {
    Box,
    Line,
    Dashes,
}
