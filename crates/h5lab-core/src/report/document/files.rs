//! File systems side by side: every cell with a bar a path.

use super::{Material, Section, bandwidth_label, interval_cell, mib, told};
use crate::compare::Dimension;
use crate::report::figure::{Axis, Bars, Chart, Figure, slug};
use crate::report::grid::Grid;
use crate::results::Cell;
use crate::stats::median;

/// So many cells, and panels.
const MOST_ROWS: usize = 16;
const MOST_PANELS: usize = 6;

pub(super) fn section(material: &Material<'_>) -> Option<Section> {
    if !material.labels.varies(Dimension::Path) {
        return None;
    }
    let paths = paths(material);
    let panel = |group: &Vec<&Cell>| figure(material, group, &paths);
    // A panel a direction and cache state: their bandwidths are not of one size.
    let within = [
        Dimension::Path,
        Dimension::Access,
        Dimension::Method,
        Dimension::Layout,
        Dimension::Np,
        Dimension::Buffer,
        Dimension::Settings,
        Dimension::Split,
    ];
    let groups = material.labels.groups(&material.sound, &within);
    Section::new("file-systems", "File systems side by side")
        .say("The same cells on each path. `h5lab compare RESULTS --by path` says which differences are certain.")
        .say_if_pooled(material)
        .figures(groups.iter().filter_map(panel).take(MOST_PANELS))
        .unless_empty()
}

/// Every path with its file system, in the order in which they come.
fn paths(material: &Material<'_>) -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    for cell in &material.sound {
        let name = path(material, cell);
        if !paths.contains(&name) {
            paths.push(name);
        }
    }
    paths
}

fn path(material: &Material<'_>, cell: &Cell) -> String {
    let around = material.results.around(cell);
    format!("{} ({})", around.get("path"), around.get("file system"))
}

fn figure(material: &Material<'_>, group: &[&Cell], paths: &[String]) -> Option<Figure> {
    let cells = material.labels.groups(group, &[Dimension::Path]);
    let on = |cells: &[&Cell], name: &String| -> Vec<f64> {
        cells.iter().filter(|cell| path(material, cell) == *name).flat_map(|cell| cell.bandwidth()).collect()
    };
    let shared: Vec<&Vec<&Cell>> =
        cells.iter().filter(|cells| paths.iter().filter(|p| !on(cells, p).is_empty()).count() > 1).collect();
    let rows: Vec<String> =
        shared.iter().map(|cells| material.labels.label_without(cells[0], &[Dimension::Path])).collect();
    let first = shared.first()?[0];
    let shown = shared.len().min(MOST_ROWS);
    let series = paths.iter().map(|name| {
        let samples: Vec<Vec<f64>> = shared[..shown].iter().map(|cells| on(cells, name)).collect();
        Bars {
            name: name.clone(),
            values: samples.iter().map(|s| median(s)).collect(),
            hover: samples.iter().zip(&rows).map(|(s, row)| format!("{name}\n{row}\n{}", told(s, "MiB/s"))).collect(),
            idle: false,
        }
    });
    let mut table = Grid::new(&["cell", "path", "#MiB/s", "#95 % interval", "#n"]);
    for (cells, row) in shared.iter().zip(&rows) {
        for name in paths {
            let samples = on(cells, name);
            let count = samples.len().to_string();
            table.row([row.clone(), name.clone(), mib(median(&samples)), interval_cell(&samples), count]);
        }
    }
    let what = format!("{} {}", if first.reads() { "reads" } else { "writes" }, first.cache_word());
    Some(Figure {
        id: slug(&format!("file systems {what} {}", first.size_word())),
        title: format!("Paths side by side: {what}"),
        alt: format!("Bandwidth of {shown} cells ({what}) on {}.", paths.join(", ")),
        chart: Chart::Bars {
            value: Axis::linear(bandwidth_label(first)),
            row: "cell",
            series: series.collect(),
            rows: rows[..shown].to_vec(),
            stacked: false,
        },
        table,
    })
}
