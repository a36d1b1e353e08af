//! A report as sections of text, charts and tables, made from results alone: most important first, and only what they hold.

mod amplification;
mod files;
mod headline;
mod labels;
mod layouts;
mod pareto;
mod phases;
mod plan;
mod pooled;
mod predicted;
mod preview;
mod ranks;
mod setup;
mod table;
mod waiting;
mod why;

pub use plan::plan;

use super::figure::Figure;
use super::grid::Grid;
use crate::results::{Cell, Results};
use labels::Labels;
use std::collections::HashMap;

/// A report.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its title.
    pub title: String,
    /// What it is about, in a line.
    pub subtitle: String,
    /// Its parts, in order.
    pub sections: Vec<Section>,
}

/// A part of a report.
#[derive(Clone, Debug)]
pub struct Section {
    /// A name of letters and hyphens.
    pub id: &'static str,
    /// Its heading.
    pub title: String,
    /// What it says first.
    pub text: Vec<String>,
    /// What it shows.
    pub blocks: Vec<Block>,
}

/// Something that a section shows.
#[derive(Clone, Debug)]
pub enum Block {
    /// A chart, with a table of its numbers.
    Figure(Box<Figure>),
    /// A table of its own.
    Table(Grid),
    /// Sentences, a line each.
    List(Vec<String>),
    /// Text to be copied as it is, with what it is.
    Code(String, String),
    /// A picture of data.
    Picture(Picture),
}

/// A picture of data.
#[derive(Clone, Debug)]
pub struct Picture {
    /// A name of letters, digits and hyphens.
    pub id: String,
    /// As a PNG file.
    pub png: Vec<u8>,
    /// Width and height in pixels.
    pub size: (usize, usize),
    /// What it shows.
    pub caption: String,
    /// What runs along its width and along its height, in a word or two: small pictures have no room for more.
    pub axes: [String; 2],
}

impl Section {
    fn new(id: &'static str, title: &str) -> Self {
        Section { id, title: title.into(), text: Vec::new(), blocks: Vec::new() }
    }

    fn say(mut self, text: impl Into<String>) -> Self {
        self.text.push(text.into());
        self
    }

    fn show(mut self, block: Block) -> Self {
        self.blocks.push(block);
        self
    }

    fn figures(mut self, figures: impl IntoIterator<Item = Figure>) -> Self {
        self.blocks.extend(figures.into_iter().map(|figure| Block::Figure(Box::new(figure))));
        self
    }

    /// Says if it takes cells of several files together.
    fn say_if_pooled(self, material: &Material<'_>) -> Self {
        match &material.pooled {
            Some(text) => self.say(text),
            None => self,
        }
    }

    /// The section, if it shows anything.
    fn unless_empty(self) -> Option<Self> {
        (!self.blocks.is_empty()).then_some(self)
    }
}

impl Document {
    /// The charts.
    pub fn figures(&self) -> impl Iterator<Item = &Figure> {
        self.sections.iter().flat_map(|section| &section.blocks).filter_map(|block| match block {
            Block::Figure(figure) => Some(figure.as_ref()),
            _ => None,
        })
    }
}

/// What the parts of a report are made from.
struct Material<'a> {
    results: &'a Results,
    /// The cells whose numbers can be trusted.
    sound: Vec<&'a Cell>,
    labels: Labels<'a>,
    /// What says that cells of several files, or of one with different surroundings, are taken together; if they are.
    pooled: Option<String>,
}

/// The report of some results.
pub fn document(results: &Results, title: &str) -> Document {
    let sound: Vec<&Cell> = results.sound().collect();
    let labels = Labels::of(results, &sound);
    let subtitle = subtitle(results, &labels);
    let pooled = pooled::told(results, &sound, &labels);
    let material = Material { results, sound, labels, pooled };
    let parts: [fn(&Material<'_>) -> Option<Section>; 14] = [
        headline::section,
        ranks::section,
        layouts::section,
        pareto::section,
        files::section,
        phases::section,
        waiting::section,
        amplification::section,
        predicted::section,
        why::section,
        table::section,
        preview::section,
        setup::section,
        plan::section,
    ];
    let mut sections: Vec<Section> = parts.iter().filter_map(|part| part(&material)).collect();
    name_apart(&mut sections);
    Document { title: title.into(), subtitle, sections }
}

/// Gives charts of one name numbers: names are cut where they are long.
fn name_apart(sections: &mut [Section]) {
    let mut known: HashMap<String, usize> = HashMap::new();
    for block in sections.iter_mut().flat_map(|section| &mut section.blocks) {
        let id = match block {
            Block::Figure(figure) => &mut figure.id,
            Block::Picture(picture) => &mut picture.id,
            _ => continue,
        };
        let times = known.entry(id.clone()).or_default();
        *times += 1;
        if *times > 1 {
            *id = format!("{id}-{times}");
        }
    }
}

fn subtitle(results: &Results, labels: &Labels<'_>) -> String {
    let failed = results.cells.iter().filter(|cell| cell.failure.is_some()).count();
    let wrong = results.cells.iter().filter(|cell| cell.verified == Some(false)).count();
    let mut text = format!("{} measurements", results.cells.len());
    if results.sources.len() > 1 {
        text += &format!(" of {} files", results.sources.len());
    }
    if failed > 0 {
        text += &format!(", {failed} of them failed");
    }
    if wrong > 0 {
        text += &format!(", {wrong} of them read wrong values");
    }
    let days: Vec<&str> = results.cells.iter().filter_map(|cell| cell.created.get(..10)).collect();
    if let (Some(first), Some(last)) = (days.iter().min(), days.iter().max()) {
        text += &if first == last { format!(", {first}") } else { format!(", {first} to {last}") };
    }
    let common = labels.common();
    if common.is_empty() { text } else { format!("{text}; all: {common}") }
}

/// Three significant digits of MiB/s, or a dash.
fn mib(value: Option<f64>) -> String {
    value.map_or("-".into(), super::rate)
}

/// What an axis of [`Cell::bandwidth`] is called.
fn bandwidth_label(cell: &Cell) -> &'static str {
    if cell.reads() { "transfer bandwidth (MiB/s)" } else { "bandwidth, transfer to close (MiB/s)" }
}

/// What a chart says when a point or bar is pointed at: median, n, interval, and every sample.
fn told(samples: &[f64], unit: &str) -> String {
    /// Samples in a line, and in all: a label must fit onto a screen.
    const IN_A_LINE: usize = 8;
    const SHOWN: usize = 80;
    let Some(median) = crate::stats::median(samples) else { return "no samples".into() };
    let (n, unit) = (samples.len(), if unit.is_empty() { String::new() } else { format!(" {unit}") });
    let mut text = format!("median {}{unit}, n = {n}\n{}", super::significant(median), interval_told(samples));
    let shown: Vec<String> = samples.iter().take(SHOWN).map(|s| super::significant(*s)).collect();
    text += if n == 1 { "\nsample " } else { "\nsamples " };
    text += &shown.chunks(IN_A_LINE).map(|line| line.join(", ")).collect::<Vec<_>>().join(",\n");
    if n > SHOWN { text + &format!(",\nand {} more: --format csv has them", n - SHOWN) } else { text }
}

/// The interval of the median, and how sure it is: of few samples, their range holds it less often.
fn interval_told(samples: &[f64]) -> String {
    let Some((low, high)) = crate::stats::median_interval(samples, 0.95) else {
        return "too few samples for an interval".into();
    };
    let ends = format!("{} to {}", super::significant(low), super::significant(high));
    match samples.len() {
        n @ ..=5 => format!("interval {ends} (holds the median with {:.0} %)", 100.0 - 200.0 * 0.5f64.powi(n as i32)),
        _ => format!("95 % interval {ends}"),
    }
}

/// The interval of samples as a table has it.
fn interval_cell(samples: &[f64]) -> String {
    crate::stats::median_interval(samples, 0.95)
        .map_or("-".into(), |(low, high)| format!("{}..{}", super::rate(low), super::rate(high)))
}
