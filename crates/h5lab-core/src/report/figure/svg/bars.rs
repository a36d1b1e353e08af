//! Horizontal bars, stacked or side by side.

use super::canvas::{Anchor, Canvas, fitted, halves, width};
use super::scale::Scale;
use super::{FAINT, HEAD, INK, Mark, TEXT, TITLE, WIDTH, legend};
use crate::report::figure::{Axis, Bars, colours, tick};

const ROW: f64 = 26.0;
/// Most of the width that the rows' names take.
const NAMES: f64 = 420.0;

/// Draws them; returns the height of the canvas.
pub(super) fn draw(
    canvas: &mut Canvas,
    value: &Axis,
    row: &str,
    rows: &[String],
    series: &[Bars],
    stacked: bool,
) -> f64 {
    let room = rows.iter().map(|row| width(row, TEXT)).fold(60.0, f64::max).min(NAMES) + 8.0;
    let names = room + TITLE + 16.0;
    let names_of: Vec<Vec<&str>> = rows.iter().map(|row| halves(row, room)).collect();
    let room_for_names = if names_of.iter().any(|lines| lines.len() > 1) { 2.0 * TEXT + 10.0 } else { ROW };
    let room_for_bars = if stacked { ROW } else { 13.0 * series.len() as f64 + 8.0 };
    let row_height = room_for_names.max(room_for_bars);
    let bottom = HEAD + rows.len() as f64 * row_height;
    let ends = (0..rows.len()).flat_map(|row| {
        let values: Vec<f64> = series.iter().filter_map(|bars| bars.values[row]).collect();
        if stacked { vec![values.iter().sum()] } else { values }
    });
    let scale = Scale::new(value, ends, names, WIDTH - 40.0);
    for &at in &scale.ticks {
        canvas.line([scale.at(at), HEAD, scale.at(at), bottom], FAINT, 1.0, false);
        canvas.text(scale.at(at), bottom + 18.0, &tick(at), Anchor::Middle);
    }
    let colours = colours(series.iter().map(|bars| (bars.name.as_str(), bars.idle)));
    for (number, lines) in names_of.iter().enumerate() {
        let top = HEAD + number as f64 * row_height;
        let first = top + row_height / 2.0 + TEXT / 3.0 - (lines.len() - 1) as f64 * TEXT * 0.58;
        for (index, line) in lines.iter().enumerate() {
            let y = first + index as f64 * TEXT * 1.16;
            canvas.text(names - 8.0, y, &fitted(line, room), Anchor::End);
        }
        one(canvas, &scale, series, &colours, number, [top, row_height], stacked);
    }
    canvas.line([names, HEAD, names, bottom], INK, 1.0, false);
    canvas.upright(TITLE, (HEAD + bottom) / 2.0, row);
    canvas.text((names + WIDTH - 40.0) / 2.0, bottom + 40.0, &value.label, Anchor::Middle);
    let mut entries: Vec<(&str, &str, Mark)> = Vec::new();
    for (bars, colour) in series.iter().zip(&colours) {
        if !entries.iter().any(|(name, ..)| *name == bars.name) {
            entries.push((&bars.name, colour, Mark::Box));
        }
    }
    legend(canvas, bottom + 54.0, &entries) + 6.0
}

/// The bars of one row.
fn one(
    canvas: &mut Canvas,
    scale: &Scale,
    series: &[Bars],
    colours: &[&str],
    row: usize,
    [top, height]: [f64; 2],
    stacked: bool,
) {
    let left = scale.at(0.0_f64.max(scale.ticks.first().copied().unwrap_or(0.0)));
    let (mut from, thick) = (0.0, (height - 8.0) / if stacked { 1.0 } else { series.len().max(1) as f64 });
    for (number, (bars, colour)) in series.iter().zip(colours).enumerate() {
        let Some(value) = bars.values[row] else { continue };
        let opacity = if bars.idle { 0.35 } else { 1.0 };
        if stacked {
            let (x, end) = (scale.at(from), scale.at(from + value));
            canvas.rect([x, top + 4.0, end - x, thick], colour, opacity);
            from += value;
        } else {
            let y = top + 4.0 + number as f64 * thick;
            canvas.rect([left, y, scale.at(value) - left, thick - 1.0], colour, opacity);
        }
    }
}
