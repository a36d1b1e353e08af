//! A chart as data: what it shows, apart from how it is drawn. It is drawn by Plotly in a page and as SVG in a file.

pub mod plotly;
pub mod svg;

use super::grid::Grid;

/// A chart, and the table of its numbers.
#[derive(Clone, Debug)]
pub struct Figure {
    /// A short name of letters, digits and hyphens: of the element in a page, of the file in a folder.
    pub id: String,
    /// What it shows, in a few words.
    pub title: String,
    /// What it says, in a sentence, for those who do not see it.
    pub alt: String,
    /// What is drawn.
    pub chart: Chart,
    /// The numbers.
    pub table: Grid,
}

/// What is drawn.
#[derive(Clone, Debug)]
pub enum Chart {
    /// Lines with intervals.
    Lines {
        /// Along the width.
        x: Axis,
        /// Along the height.
        y: Axis,
        /// Each with its points from left to right.
        lines: Vec<Line>,
    },
    /// Horizontal bars, one above the other.
    Bars {
        /// Along the width.
        value: Axis,
        /// What a row is, in a word.
        row: &'static str,
        /// What each row is, from the top.
        rows: Vec<String>,
        /// Each with a value a row.
        series: Vec<Bars>,
        /// Whether the series follow each other in one bar, or have a bar each.
        stacked: bool,
    },
    /// A table of coloured cells.
    HeatMap {
        /// What a column and a row are, in a word each.
        sides: [&'static str; 2],
        /// What each column is.
        columns: Vec<String>,
        /// What each row is, from the top.
        rows: Vec<String>,
        /// A row each, a column each.
        cells: Vec<Vec<Option<HeatCell>>>,
        /// What the colour means; 0 is the lightest, 1 the darkest.
        scale: String,
    },
    /// Points.
    Points {
        /// Along the width.
        x: Axis,
        /// Along the height.
        y: Axis,
        /// Each group has a colour.
        groups: Vec<Line>,
        /// A line that is drawn through, such as where both axes are equal.
        guide: Option<Line>,
    },
}

/// An axis.
#[derive(Clone, Debug)]
pub struct Axis {
    /// What it measures, with its unit.
    pub label: String,
    /// Whether it is logarithmic.
    pub log: bool,
    /// Where it has its ticks; left to the renderer if empty.
    pub ticks: Vec<f64>,
}

impl Axis {
    /// From 0, with ticks where they fit.
    pub fn linear(label: impl Into<String>) -> Self {
        Axis { label: label.into(), log: false, ticks: Vec::new() }
    }

    /// Logarithmic.
    pub fn log(label: impl Into<String>) -> Self {
        Axis { log: true, ..Axis::linear(label) }
    }
}

/// The number at a tick: plain, without what rounding left behind.
pub(crate) fn tick(value: f64) -> String {
    let rounded: f64 = format!("{value:.6e}").parse().unwrap_or(value);
    rounded.to_string()
}

/// A named line, or group of points.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its name in the legend.
    pub name: String,
    /// Whether it is dashed, and has no marks: a bound, not a measurement.
    pub dashed: bool,
    /// Its points.
    pub points: Vec<Point>,
}

/// A point.
#[derive(Clone, Debug)]
pub struct Point {
    /// Its place along the width.
    pub x: f64,
    /// Its place along the height.
    pub y: f64,
    /// The interval of `y`.
    pub interval: Option<(f64, f64)>,
    /// What is shown of it when it is pointed at: lines of text.
    pub hover: String,
}

/// A series of bars.
#[derive(Clone, Debug)]
pub struct Bars {
    /// Its name in the legend; series of one name are one there.
    pub name: String,
    /// A value a row.
    pub values: Vec<Option<f64>>,
    /// What is shown of each when it is pointed at.
    pub hover: Vec<String>,
    /// Whether it stands for nothing being done.
    pub idle: bool,
}

/// A cell of a heat map.
#[derive(Clone, Debug)]
pub struct HeatCell {
    /// Its colour, 0 to 1.
    pub share: f64,
    /// What is written in it.
    pub text: String,
    /// What is shown of it when it is pointed at.
    pub hover: String,
}

/// Colours that most people with a colour vision deficiency tell apart (after Okabe and Ito 2008), each of at least 3:1
/// against a white and a black page.
pub(crate) const COLOURS: [&str; 8] =
    ["#0f7fc4", "#d2691e", "#12946c", "#b85c9e", "#7a6fd0", "#8f7a00", "#c2473d", "#5b8791"];

/// The colour of what is idle or a bound.
pub(crate) const GREY: &str = "#8a8f98";

/// The colour of a heat map's cell: from a pale to a dark blue.
pub(crate) fn heat(share: f64) -> String {
    let (low, high) = ([232.0, 240.0, 248.0], [8.0, 64.0, 129.0]);
    let at = share.clamp(0.0, 1.0);
    let of = |channel: usize| (low[channel] + (high[channel] - low[channel]) * at) as u8;
    format!("#{:02x}{:02x}{:02x}", of(0), of(1), of(2))
}

/// The colour of text on a heat map's cell: black or white, whichever can be read better. One of them always has the
/// 4.5:1 that WCAG 2.2 asks for (success criterion 1.4.3).
pub(crate) fn on_heat(share: f64) -> &'static str {
    let [black, white] = ["#000000", "#ffffff"];
    let cell = heat(share);
    if contrast(&cell, white) > contrast(&cell, black) { white } else { black }
}

/// Contrast of two colours `#rrggbb`, 1 to 21, as WCAG 2.2 defines it.
fn contrast(a: &str, b: &str) -> f64 {
    let [a, b] = [luminance(a), luminance(b)];
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

fn luminance(colour: &str) -> f64 {
    let channel = |at: usize| {
        let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap_or(0)) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
}

/// The colour of each series: by its name, so that one name has one colour; what is idle is grey.
pub(crate) fn colours<'a>(names: impl Iterator<Item = (&'a str, bool)>) -> Vec<&'static str> {
    let mut known: Vec<&str> = Vec::new();
    names
        .map(|(name, grey)| {
            if grey {
                return GREY;
            }
            let at = known.iter().position(|k| *k == name).unwrap_or_else(|| {
                known.push(name);
                known.len() - 1
            });
            COLOURS[at % COLOURS.len()]
        })
        .collect()
}

/// `text` as an identifier: letters and digits in lower case, hyphens for what is between them.
pub fn slug(text: &str) -> String {
    let mut slug = String::new();
    for c in text.chars().flat_map(char::to_lowercase) {
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.ends_with('-') && !slug.is_empty() {
            slug.push('-');
        }
    }
    slug.truncate(60);
    slug.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_on_a_map_can_be_read() {
        for step in 0..=1000 {
            let share = f64::from(step) / 1000.0;
            let found = contrast(&heat(share), on_heat(share));
            assert!(found >= 4.5, "{found} at {share}");
        }
        assert!((contrast("#000000", "#ffffff") - 21.0).abs() < 1e-9);
    }

    #[test]
    fn ticks_are_plain_numbers() {
        assert_eq!([0.0, 0.30000000000000004, 2000.0, 0.00000025].map(tick), ["0", "0.3", "2000", "0.00000025"]);
    }
}
