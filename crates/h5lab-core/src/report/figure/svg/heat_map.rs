//! A table of coloured cells.

use super::canvas::{Anchor, Canvas, fitted, width};
use super::{HEAD, TEXT, TITLE, WIDTH};
use crate::report::figure::{HeatCell, heat, on_heat};

const ROW: f64 = 34.0;

/// Draws it; returns the height of the canvas.
pub(super) fn draw(
    canvas: &mut Canvas,
    sides: [&str; 2],
    columns: &[String],
    rows: &[String],
    cells: &[Vec<Option<HeatCell>>],
    scale: &str,
) -> f64 {
    let room = rows.iter().map(|row| width(row, TEXT)).fold(60.0, f64::max).min(380.0) + 8.0;
    let left = room + TITLE + 16.0;
    let wide = (WIDTH - 20.0 - left) / columns.len().max(1) as f64;
    let top = HEAD + 44.0;
    canvas.text((left + WIDTH - 20.0) / 2.0, HEAD + 8.0, sides[0], Anchor::Middle);
    canvas.upright(TITLE, top + rows.len() as f64 * ROW / 2.0, sides[1]);
    for (number, column) in columns.iter().enumerate() {
        let middle = left + (number as f64 + 0.5) * wide;
        canvas.text(middle, top - 8.0, &fitted(column, wide - 6.0), Anchor::Middle);
    }
    for (number, (row, cells)) in rows.iter().zip(cells).enumerate() {
        let y = top + number as f64 * ROW;
        canvas.text(left - 8.0, y + ROW / 2.0 + TEXT / 3.0, &fitted(row, room), Anchor::End);
        for (column, cell) in cells.iter().enumerate() {
            let Some(cell) = cell else { continue };
            let x = left + column as f64 * wide;
            canvas.rect([x + 1.0, y + 1.0, wide - 2.0, ROW - 2.0], &heat(cell.share), 1.0);
            let text = fitted(&cell.text, wide - 6.0);
            let (x, y) = (x + wide / 2.0, y + ROW / 2.0 + TEXT / 3.0);
            canvas.coloured(x, y, &text, Anchor::Middle, on_heat(cell.share));
        }
    }
    let bottom = top + rows.len() as f64 * ROW + 16.0;
    ramp(canvas, bottom, scale);
    bottom + 40.0
}

/// What the colours mean.
fn ramp(canvas: &mut Canvas, top: f64, scale: &str) {
    const STEPS: usize = 40;
    canvas.text(330.0, top + 13.0, &format!("{scale}: 0 %"), Anchor::End);
    for step in 0..STEPS {
        let x = 340.0 + step as f64 * 5.0;
        canvas.rect([x, top + 2.0, 5.2, 14.0], &heat(step as f64 / (STEPS - 1) as f64), 1.0);
    }
    canvas.text(550.0, top + 13.0, "100 %", Anchor::Start);
}
