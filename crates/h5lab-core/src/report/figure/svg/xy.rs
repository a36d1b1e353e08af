//! Lines and points between two axes.

use super::canvas::{Anchor, Canvas, width};
use super::scale::Scale;
use super::{FAINT, HEAD, INK, Mark, TEXT, TITLE, WIDTH, legend};
use crate::report::figure::{Axis, Line, colours, tick};

const LEFT: f64 = 88.0;
const HEIGHT: f64 = 340.0;

/// Draws them; returns the height of the canvas.
pub(super) fn draw(canvas: &mut Canvas, x: &Axis, y: &Axis, lines: &[Line], guide: Option<&Line>, joined: bool) -> f64 {
    let all = || lines.iter().chain(guide).flat_map(|line| &line.points);
    let across = Scale::new(x, all().map(|p| p.x), LEFT, WIDTH - 40.0);
    let heights = all().flat_map(|p| [Some(p.y), p.interval.map(|i| i.0), p.interval.map(|i| i.1)]).flatten();
    let up = Scale::new(y, heights, HEAD + HEIGHT, HEAD);
    frame(canvas, &across, &up);
    let colours = colours(lines.iter().map(|line| (line.name.as_str(), line.dashed)));
    for (line, colour) in lines.iter().zip(&colours) {
        series(canvas, &across, &up, line, colour, joined);
    }
    if let Some(guide) = guide {
        series(canvas, &across, &up, guide, super::super::GREY, true);
    }
    let below = HEAD + HEIGHT;
    canvas.text((LEFT + WIDTH - 40.0) / 2.0, below + 42.0, &x.label, Anchor::Middle);
    canvas.upright(TITLE, HEAD + HEIGHT / 2.0, &y.label);
    let mut entries: Vec<(&str, &str, Mark)> = Vec::new();
    for (line, colour) in lines.iter().zip(&colours) {
        let mark = if line.dashed {
            Mark::Dashes
        } else if joined {
            Mark::Line
        } else {
            Mark::Box
        };
        if !entries.iter().any(|(name, ..)| *name == line.name) {
            entries.push((&line.name, colour, mark));
        }
    }
    entries.extend(guide.map(|guide| (guide.name.as_str(), super::super::GREY, Mark::Dashes)));
    legend(canvas, below + 56.0, &entries) + 6.0
}

fn frame(canvas: &mut Canvas, across: &Scale, up: &Scale) {
    let (bottom, right) = (HEAD + HEIGHT, WIDTH - 40.0);
    for &value in &up.ticks {
        let at = up.at(value);
        canvas.line([LEFT, at, right, at], FAINT, 1.0, false);
        canvas.text(LEFT - 8.0, at + TEXT / 3.0, &tick(value), Anchor::End);
    }
    let mut free = f64::MIN;
    for &value in &across.ticks {
        let (at, text) = (across.at(value), tick(value));
        let half = width(&text, TEXT) / 2.0;
        canvas.line([at, bottom, at, bottom + 5.0], INK, 1.0, false);
        if at - half > free + 4.0 {
            canvas.text(at, bottom + 20.0, &text, Anchor::Middle);
            free = at + half;
        }
    }
    canvas.line([LEFT, bottom, right, bottom], INK, 1.0, false);
    canvas.line([LEFT, HEAD, LEFT, bottom], INK, 1.0, false);
}

fn series(canvas: &mut Canvas, across: &Scale, up: &Scale, line: &Line, colour: &str, joined: bool) {
    let places: Vec<(f64, f64)> = line.points.iter().map(|p| (across.at(p.x), up.at(p.y))).collect();
    if joined && places.len() > 1 {
        canvas.path(&places, colour, line.dashed);
    }
    if line.dashed {
        return;
    }
    for (point, &(x, y)) in line.points.iter().zip(&places) {
        if let Some((low, high)) = point.interval {
            let (low, high) = (up.at(low), up.at(high));
            canvas.line([x, low, x, high], colour, 1.5, false);
            canvas.line([x - 4.0, low, x + 4.0, low], colour, 1.5, false);
            canvas.line([x - 4.0, high, x + 4.0, high], colour, 1.5, false);
        }
        canvas.dot(x, y, colour);
    }
}
