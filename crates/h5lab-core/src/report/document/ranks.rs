//! Bandwidth against ranks: a chart an access, a line a method and layout, intervals, and the ceiling.

use super::labels::WAYS;
use super::{Material, Section, bandwidth_label, interval_cell, mib, told};
use crate::compare::Dimension;
use crate::host::StorageClass;
use crate::report::counted;
use crate::report::figure::{Axis, Chart, Figure, Line, Point, slug};
use crate::report::grid::Grid;
use crate::results::Cell;
use crate::stats::{median, median_interval};
use std::collections::BTreeMap;

/// So many charts, and lines in each.
const MOST_CHARTS: usize = 8;
const MOST_LINES: usize = 7;

pub(super) fn section(material: &Material<'_>) -> Option<Section> {
    let but_for = [&WAYS[..], &[Dimension::Np]].concat();
    let mut groups = material.labels.groups(&material.sound, &but_for);
    groups.retain(|group| group.iter().any(|cell| cell.experiment.np != group[0].experiment.np));
    groups.sort_by_key(|group| importance(material, group[0]));
    let left_out = groups.len().saturating_sub(MOST_CHARTS);
    let figures = groups.iter().take(MOST_CHARTS).map(|group| figure(material, group, &but_for));
    let mut section = Section::new("ranks", "Bandwidth against ranks")
        .say("Each point is the median over the repeats, with its 95 % interval. The dashed line is the posix ceiling: the \
              same bytes by the same ranks without HDF5, measured beside each line, of which the topmost is drawn. Of many lines the highest are drawn; the table below has all. A line that stays flat says that the storage, or the memory, is the limit, not the ranks.")
        .say_if_pooled(material)
        .figures(figures);
    if left_out > 0 {
        section = section.say(format!(
            "Cold reads come first, then writes, then warm reads; of storage before those of memory. {} no chart here: the table of all results has the numbers.",
            more(material, left_out)
        ));
    }
    section.unless_empty()
}

/// What stands first is smallest: what tells most of storage. Reads that were to be cold and were not come last.
fn importance(material: &Material<'_>, cell: &Cell) -> (bool, bool, usize) {
    let file_system = material.results.around(cell).get("file system");
    let in_memory = StorageClass::of(file_system) == Some(StorageClass::Memory);
    let state = cell.cache_word();
    let kind = match state {
        "cold" => 0,
        _ if !cell.reads() => 1,
        "warm" => 2,
        _ => 3,
    };
    (state == "not cold", in_memory, kind)
}

/// `2 more combinations of access and cache state have`: of what varies between charts.
fn more(material: &Material<'_>, count: usize) -> String {
    let others = [(Dimension::Cache, "cache state"), (Dimension::Size, "size"), (Dimension::Path, "path")];
    let mut varying = others.into_iter().filter(|(d, _)| material.labels.varies(*d)).map(|(_, name)| name);
    let last = varying.next_back();
    let verb = if count == 1 { "has" } else { "have" };
    match last {
        None => format!("{count} more {} {verb}", if count == 1 { "access" } else { "accesses" }),
        Some(last) => {
            let first: String = varying.map(|name| format!(", {name}")).collect();
            format!("{} of access{first} and {last} {verb}", counted(count, "more combination"))
        }
    }
}

fn figure(material: &Material<'_>, group: &[&Cell], but_for: &[Dimension]) -> Figure {
    let what = material.labels.label_without(group[0], &[&[Dimension::Method], but_for].concat());
    let mut lines: Vec<(f64, Line, Counts)> = material
        .labels
        .groups(group, &[Dimension::Np])
        .into_iter()
        .map(|cells| {
            let (counts, name) = (by_ranks(&cells), material.labels.only(cells[0], &WAYS));
            let line = line(name, &counts);
            (line.points.iter().map(|p| p.y).fold(0.0, f64::max), line, counts)
        })
        .collect();
    lines.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut table =
        Grid::new(&["method and layout", "#ranks", "#MiB/s", "#95 % interval", "#posix ceiling MiB/s", "#n"]);
    for (_, line, counts) in &lines {
        for (np, [samples, ceiling]) in counts {
            table.row([
                line.name.clone(),
                np.to_string(),
                mib(median(samples)),
                interval_cell(samples),
                mib(median(ceiling)),
                samples.len().to_string(),
            ]);
        }
    }
    let few = if lines.len() > MOST_LINES {
        format!(", the {MOST_LINES} highest of {} lines", lines.len())
    } else {
        String::new()
    };
    let best = lines
        .first()
        .map_or(String::new(), |(top, line, _)| format!("{} is highest, {} MiB/s", line.name, mib(Some(*top))));
    let mut shown: Vec<Line> = lines.into_iter().take(MOST_LINES).map(|(_, line, _)| line).collect();
    shown.extend(ceiling(group));
    let mut ticks: Vec<f64> = group.iter().map(|cell| cell.experiment.np as f64).collect();
    ticks.sort_by(f64::total_cmp);
    ticks.dedup();
    Figure {
        id: slug(&format!("ranks {what}")),
        title: format!("{what}: bandwidth against ranks{few}"),
        alt: format!("Bandwidth against the number of ranks, {what}{few}: {best}."),
        chart: Chart::Lines {
            x: Axis { label: "ranks".into(), log: true, ticks },
            y: bandwidth_axis(group[0], &shown),
            lines: shown,
        },
        table,
    }
}

/// Logarithmic where a linear one would leave most lines at its bottom.
fn bandwidth_axis(cell: &Cell, lines: &[Line]) -> Axis {
    const WIDE: f64 = 20.0;
    let values = || lines.iter().flat_map(|line| &line.points).map(|point| point.y);
    let (low, high) = (values().fold(f64::MAX, f64::min), values().fold(0.0, f64::max));
    let label = bandwidth_label(cell);
    if low > 0.0 && high > WIDE * low { Axis::log(label) } else { Axis::linear(label) }
}

/// Bandwidths of the cells and of the ceiling with each rank count.
type Counts = BTreeMap<usize, [Vec<f64>; 2]>;

/// What was measured more than once is taken together.
fn by_ranks(cells: &[&Cell]) -> Counts {
    let mut counts = Counts::new();
    for cell in cells {
        let [samples, ceiling] = counts.entry(cell.experiment.np).or_default();
        samples.extend(cell.bandwidth());
        ceiling.extend(&cell.ceiling);
    }
    counts
}

fn line(name: String, counts: &Counts) -> Line {
    let points = counts.iter().filter_map(|(np, [samples, ceiling])| {
        let y = median(samples)?;
        let share = median(ceiling).map_or(String::new(), |c| format!("\n{:.0} % of the ceiling", y / c * 100.0));
        Some(Point {
            x: *np as f64,
            y,
            interval: median_interval(samples, 0.95),
            hover: format!("{name}\n{}: {}{share}", counted(*np, "rank"), told(samples, "MiB/s")),
        })
    });
    Line { points: points.collect(), dashed: false, name }
}

/// The highest of the ceilings that were measured with each rank count.
fn ceiling(group: &[&Cell]) -> Option<Line> {
    let mut highest: BTreeMap<usize, (f64, &Cell)> = BTreeMap::new();
    for cell in group {
        if let Some(ceiling) = cell.ceiling() {
            let known = highest.entry(cell.experiment.np).or_insert((ceiling, cell));
            if ceiling > known.0 {
                *known = (ceiling, cell);
            }
        }
    }
    let points = highest.into_iter().map(|(np, (y, cell))| Point {
        x: np as f64,
        y,
        interval: None,
        hover: format!("posix ceiling\n{}: {}", counted(np, "rank"), told(&cell.ceiling, "MiB/s")),
    });
    let points: Vec<Point> = points.collect();
    (!points.is_empty()).then(|| Line { name: "posix ceiling".into(), dashed: true, points })
}
