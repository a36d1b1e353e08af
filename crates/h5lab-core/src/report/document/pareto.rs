//! What a layout costs and gives: reading time against size in the file, with the time to write it.

use super::{Material, Section, told};
use crate::compare::Dimension;
use crate::record::MIB;
use crate::report::figure::{Axis, Chart, Figure, Line, Point, slug};
use crate::report::grid::Grid;
use crate::report::{seconds, significant};
use crate::results::{Cell, Repeat};
use std::collections::BTreeMap;

/// The settings that lie within a chart.
const WITHIN: [Dimension; 9] = [
    Dimension::Direction,
    Dimension::Access,
    Dimension::Cache,
    Dimension::Layout,
    Dimension::Settings,
    Dimension::Method,
    Dimension::Np,
    Dimension::Buffer,
    Dimension::Split,
];

/// Layouts that a chart can tell apart.
const MOST: usize = 24;

/// A layout: its size, and the times of the fastest method.
struct Offer {
    layout: String,
    stored: f64,
    read: f64,
    write: f64,
    /// What its times are made of, for who points at it.
    measured: String,
}

pub(super) fn section(material: &Material<'_>) -> Option<Section> {
    let cells: Vec<&Cell> = material.sound.iter().copied().filter(|c| c.is_hdf5()).collect();
    let figures: Vec<Figure> =
        material.labels.groups(&cells, &WITHIN).iter().filter_map(|group| figure(material, group)).take(4).collect();
    Section::new("trade-off", "Reading time against size")
        .say("Each point is a layout: the seconds from open to close to read every access once (the fastest method and rank count for \
              each; each access counts once, where `h5lab advise` weighs them by their shares), against what it takes in the file. A dashed line joins those that no other layout beats in both, if there are \
              several. The legend says how long each takes to write, from open to close.")
        .say_if_pooled(material)
        .figures(figures)
        .unless_empty()
}

fn figure(material: &Material<'_>, group: &[&Cell]) -> Option<Figure> {
    let state =
        ["cold", "warm"].into_iter().find(|state| group.iter().any(|c| c.reads() && c.cache_word() == *state))?;
    let by = |dimensions: &[Dimension]| {
        let mut found: BTreeMap<String, Vec<&Cell>> = BTreeMap::new();
        for cell in group {
            found.entry(material.labels.only(cell, dimensions)).or_default().push(cell);
        }
        found
    };
    let (by_settings, by_layout) = (by(&[Dimension::Layout, Dimension::Settings]), by(&[Dimension::Layout]));
    let all: usize = by_settings.values().map(|cells| accesses(cells, state).len()).max()?;
    // Who writes may have other settings than who reads: a larger chunk cache.
    let alike = |cell: &Cell| &by_layout[&material.labels.only(cell, &[Dimension::Layout])][..];
    let offers = by_settings.into_iter().filter_map(|(name, cells)| offer(name, &cells, alike(cells[0]), state, all));
    let mut offers: Vec<Offer> = offers.collect();
    if offers.len() < 3 {
        return None;
    }
    offers.sort_by(|a, b| a.read.total_cmp(&b.read));
    let shown = if offers.len() > MOST { format!(", the {MOST} fastest of {}", offers.len()) } else { String::new() };
    offers.truncate(MOST);
    let what = material.labels.label_without(group[0], &WITHIN);
    let mut front: Vec<&Offer> = offers.iter().filter(|a| !offers.iter().any(|b| beats(b, a))).collect();
    front.sort_by(|a, b| a.stored.total_cmp(&b.stored));
    let names: Vec<&str> = front.iter().map(|offer| offer.layout.as_str()).collect();
    let alt = format!(
        "Reading time against size in the file, {state}. No other layout is both smaller and faster than {}.",
        names.join("; ")
    );
    let guide = (front.len() > 1).then(|| Line {
        name: "not beaten in both".into(),
        dashed: true,
        points: front.iter().map(|o| point(o)).collect(),
    });
    let mut table = Grid::new(&["layout", "#in the file MiB", "#read s", "#write s", "not beaten"]);
    for offer in &offers {
        let best = if names.contains(&offer.layout.as_str()) { "yes" } else { "" };
        table.row([
            offer.layout.clone(),
            significant(offer.stored),
            seconds(offer.read),
            seconds(offer.write),
            best.into(),
        ]);
    }
    let group = |offer: &Offer| Line {
        name: format!("{} (write {} s)", offer.layout, seconds(offer.write)),
        dashed: false,
        points: vec![point(offer)],
    };
    let groups = offers.iter().map(group).collect();
    let size = offers.iter().map(|o| o.stored).fold(0.0, f64::max);
    Some(Figure {
        id: slug(&format!("trade-off {what}")),
        title: format!("{what}{}reading time ({state}) against size{shown}", if what.is_empty() { "" } else { ": " }),
        alt,
        chart: Chart::Points {
            x: Axis { label: "size in the file (MiB)".into(), log: false, ticks: ticks(size) },
            y: Axis::log("time to read, open to close (s)"),
            groups,
            guide,
        },
        table,
    })
}

/// Few ticks, from 0 to beyond the largest, so that labels have room.
fn ticks(largest: f64) -> Vec<f64> {
    let power = 10f64.powf((largest / 4.0).log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|s| s * 4.0 >= largest).unwrap_or(largest);
    (0..=5).map(|k| f64::from(k) * step).take_while(|at| *at < largest * 1.5).collect()
}

fn beats(a: &Offer, b: &Offer) -> bool {
    a.stored <= b.stored && a.read <= b.read && (a.stored < b.stored || a.read < b.read)
}

fn point(offer: &Offer) -> Point {
    let hover = format!(
        "{}\n{} MiB in the file, read {} s, write {} s\n{}",
        offer.layout,
        significant(offer.stored),
        seconds(offer.read),
        seconds(offer.write),
        offer.measured
    );
    Point { x: offer.stored, y: offer.read, interval: None, hover }
}

/// Of each access the cell that was fastest, with its time.
fn accesses<'c>(cells: &[&'c Cell], state: &str) -> BTreeMap<String, (f64, &'c Cell)> {
    let mut fastest: BTreeMap<String, (f64, &Cell)> = BTreeMap::new();
    for cell in cells.iter().filter(|cell| cell.reads() && cell.cache_word() == state) {
        if let Some(seconds) = cell.seconds() {
            let known = fastest.entry(cell.access_word()).or_insert((seconds, cell));
            if seconds < known.0 {
                *known = (seconds, cell);
            }
        }
    }
    fastest
}

/// What these cells of a layout offer; `alike` are all cells of it, whose writes count if these have none.
fn offer(layout: String, cells: &[&Cell], alike: &[&Cell], state: &str, all: usize) -> Option<Offer> {
    let reads = accesses(cells, state);
    let written = if cells.iter().any(|cell| !cell.reads()) { cells } else { alike };
    let writes = written.iter().filter(|cell| !cell.reads()).filter_map(|cell| Some((cell.seconds()?, *cell)));
    let (write, writer) = writes.min_by(|a, b| a.0.total_cmp(&b.0))?;
    let stored = cells.iter().filter_map(|cell| cell.stored_bytes).min()? as f64 / MIB;
    let samples = |cell: &Cell| cell.repeats.iter().map(Repeat::seconds).collect::<Vec<f64>>();
    let measured = reads.iter().map(|(access, (_, cell))| (format!("read {access}"), *cell));
    let measured = measured.chain([("write".into(), writer)]);
    let measured: Vec<String> = measured.map(|(what, cell)| format!("{what}: {}", told(&samples(cell), "s"))).collect();
    let read = reads.values().map(|(seconds, _)| seconds).sum();
    (reads.len() == all).then(|| Offer { layout, stored, read, write, measured: measured.join("\n") })
}
