//! The few shapes of SVG that charts are made of; all text is escaped here.

use super::{INK, TEXT};
use crate::report::{printable, shortened};
use std::fmt::Write;

/// Where a text's place is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// An SVG under way.
pub(super) struct Canvas {
    width: f64,
    body: String,
}

impl Canvas {
    pub(super) fn new(width: f64) -> Self {
        Canvas { width, body: String::new() }
    }

    pub(super) fn line(&mut self, [x1, y1, x2, y2]: [f64; 4], colour: &str, thick: f64, dashed: bool) {
        let dash = if dashed { r#" stroke-dasharray="6 4""# } else { "" };
        self.add(format_args!(
            r#"<line x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}" stroke="{colour}" stroke-width="{thick}"{dash}/>"#
        ));
    }

    pub(super) fn path(&mut self, points: &[(f64, f64)], colour: &str, dashed: bool) {
        let dash = if dashed { r#" stroke-dasharray="6 4""# } else { "" };
        let points = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect::<Vec<_>>().join(" ");
        self.add(format_args!(
            r#"<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2" stroke-linejoin="round"{dash}/>"#
        ));
    }

    pub(super) fn rect(&mut self, [x, y, width, height]: [f64; 4], colour: &str, opacity: f64) {
        self.add(format_args!(
            r#"<rect x="{x:.1}" y="{y:.1}" width="{:.1}" height="{height:.1}" fill="{colour}" fill-opacity="{opacity}"/>"#,
            width.max(0.0)
        ));
    }

    pub(super) fn dot(&mut self, x: f64, y: f64, colour: &str) {
        self.add(format_args!(
            r##"<circle cx="{x:.1}" cy="{y:.1}" r="4.5" fill="{colour}" stroke="#ffffff" stroke-width="1"/>"##
        ));
    }

    pub(super) fn text(&mut self, x: f64, y: f64, text: &str, anchor: Anchor) {
        self.coloured(x, y, text, anchor, INK);
    }

    pub(super) fn coloured(&mut self, x: f64, y: f64, text: &str, anchor: Anchor, colour: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escape(text);
        self.add(format_args!(r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" fill="{colour}">{text}</text>"#));
    }

    pub(super) fn bold(&mut self, x: f64, y: f64, text: &str) {
        let (room, text) = (self.width - 24.0, escape(text));
        // Wider than the canvas it would be cut.
        let size = (room / width(&text, 1.0)).min(17.0);
        self.add(format_args!(
            r#"<text x="{x:.1}" y="{y:.1}" text-anchor="middle" font-size="{size:.1}" font-weight="600" fill="{INK}">{text}</text>"#
        ));
    }

    /// From the bottom to the top.
    pub(super) fn upright(&mut self, x: f64, y: f64, text: &str) {
        let text = escape(text);
        self.add(format_args!(
            r#"<text x="{x:.1}" y="{y:.1}" text-anchor="middle" fill="{INK}" transform="rotate(-90 {x:.1} {y:.1})">{text}</text>"#
        ));
    }

    pub(super) fn finish(self, height: f64, title: &str, alt: &str) -> String {
        let (width, body) = (self.width, self.body);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
             height=\"{height:.0}\" role=\"img\" font-family=\"'DejaVu Sans', 'Segoe UI', Helvetica, Arial, sans-serif\" \
             font-size=\"{TEXT}\">\n<title>{}</title>\n<desc>{}</desc>\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{body}</svg>\n",
            escape(title),
            escape(alt)
        )
    }

    fn add(&mut self, element: std::fmt::Arguments<'_>) {
        writeln!(self.body, "{element}").expect("a string takes all");
    }
}

/// About how wide a text is, in pixels.
pub(super) fn width(text: &str, size: f64) -> f64 {
    text.chars().count() as f64 * size * 0.6
}

/// A text in one line or two, broken at a blank near its middle.
pub(super) fn halves(text: &str, room: f64) -> Vec<&str> {
    if width(text, TEXT) <= room {
        return vec![text];
    }
    let middle = text.len() / 2;
    let blanks = text.match_indices(' ').map(|(at, _)| at);
    match blanks.min_by_key(|at| at.abs_diff(middle)) {
        Some(at) => vec![&text[..at], &text[at + 1..]],
        None => vec![text],
    }
}

/// A text cut to a width, with an ellipsis where it was.
pub(super) fn fitted(text: &str, room: f64) -> String {
    let most = (room / (TEXT * 0.6)).max(4.0) as usize;
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).collect::<String>() + "…"
}

fn escape(text: &str) -> String {
    printable(&shortened(text)).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
