//! Layouts against accesses: which layout serves which access, as a heat map, cold and warm.

use super::{Material, Section, told};
use crate::compare::Dimension;
use crate::report::figure::{Chart, Figure, HeatCell, slug};
use crate::report::grid::Grid;
use crate::report::rate;
use crate::results::Cell;
use crate::stats::median;
use std::collections::HashMap;

/// So many maps, rows and columns.
const MOST: usize = 6;
const MOST_ROWS: usize = 40;

/// The settings that a map has along its sides, or takes the best of.
const WITHIN: [Dimension; 7] = [
    Dimension::Access,
    Dimension::Layout,
    Dimension::Settings,
    Dimension::Method,
    Dimension::Np,
    Dimension::Buffer,
    Dimension::Split,
];

pub(super) fn section(material: &Material<'_>) -> Option<Section> {
    let reads: Vec<&Cell> = material.sound.iter().copied().filter(|c| c.reads() && c.is_hdf5()).collect();
    let figures = material.labels.groups(&reads, &WITHIN);
    let figures = figures.iter().filter_map(|group| figure(material, group)).take(MOST);
    Section::new("layouts", "Layouts and accesses")
        .say("The best bandwidth (MiB/s) that any method and rank count reached with a layout. A column is an access: the darkest cell \
              is the layout that serves it best.")
        .say_if_pooled(material)
        .figures(figures)
        .unless_empty()
}

fn figure(material: &Material<'_>, group: &[&Cell]) -> Option<Figure> {
    let layout = |cell: &Cell| material.labels.only(cell, &[Dimension::Layout, Dimension::Settings]);
    let access = Cell::access_word;
    let (mut rows, columns) = (distinct(group, layout), distinct(group, access));
    if rows.len() < 2 {
        return None;
    }
    rows.truncate(MOST_ROWS);
    let found = best(group, &rows, &columns, layout, access);
    let top: Vec<f64> = (0..columns.len())
        .map(|column| found.iter().filter_map(|row| row[column]).map(|(value, _)| value).fold(0.0, f64::max))
        .collect();
    let cell = |(column, found): (usize, &Option<(f64, &Cell)>)| {
        found.map(|(value, cell)| HeatCell {
            share: value / top[column],
            text: rate(value),
            hover: format!("{}\n{}", material.labels.label(cell), told(&cell.bandwidth(), "MiB/s")),
        })
    };
    let cells = found.iter().map(|row| row.iter().enumerate().map(cell).collect()).collect();
    let what = material.labels.label_without(group[0], &WITHIN);
    let state = group[0].cache_word();
    let named = if what.contains(state) { what.clone() } else { format!("{what} {state}") };
    let heads: Vec<String> =
        std::iter::once("layout".into()).chain(columns.iter().map(|c| format!("#{c} MiB/s"))).collect();
    let mut table = Grid::new(&heads.iter().map(String::as_str).collect::<Vec<_>>());
    for (row, found) in rows.iter().zip(&found) {
        let cells = found.iter().map(|cell| cell.map_or("-".into(), |(value, _)| rate(value)));
        table.row(std::iter::once(row.clone()).chain(cells));
    }
    Some(Figure {
        id: slug(&format!("layouts {named}")),
        title: format!("{what}: layouts and accesses, {state} cache").replace(&format!(", {state}:"), ":"),
        alt: alt(&rows, &columns, &found),
        chart: Chart::HeatMap {
            sides: ["access", "layout"],
            columns,
            rows,
            cells,
            scale: "of the best in its column".into(),
        },
        table,
    })
}

/// Of each layout (row) and access (column) the fastest cell, with its median bandwidth.
fn best<'c>(
    group: &[&'c Cell],
    rows: &[String],
    columns: &[String],
    layout: impl Fn(&Cell) -> String,
    access: impl Fn(&Cell) -> String,
) -> Vec<Vec<Option<(f64, &'c Cell)>>> {
    let index = |names: &[String]| names.iter().cloned().enumerate().map(|(at, name)| (name, at)).collect();
    let (at_row, at_column): (HashMap<String, usize>, HashMap<String, usize>) = (index(rows), index(columns));
    let mut found = vec![vec![None; columns.len()]; rows.len()];
    for cell in group {
        let Some((row, column)) = at_row.get(&layout(cell)).zip(at_column.get(&access(cell))) else { continue };
        let known: &mut Option<(f64, &Cell)> = &mut found[*row][*column];
        if let Some(value) = median(&cell.bandwidth())
            && known.is_none_or(|(most, _)| value >= most)
        {
            *known = Some((value, cell));
        }
    }
    found
}

fn alt(rows: &[String], columns: &[String], found: &[Vec<Option<(f64, &Cell)>>]) -> String {
    let best = |column: usize| {
        let value = |row: &usize| found[*row][column].map_or(0.0, |(value, _)| value);
        (0..rows.len()).max_by(|a, b| value(a).total_cmp(&value(b)))
    };
    let parts: Vec<String> = columns
        .iter()
        .enumerate()
        .filter_map(|(column, name)| Some(format!("{name}: {}", rows[best(column)?])))
        .collect();
    format!("Heat map of layouts and accesses. The fastest layout for {}.", parts.join("; "))
}

fn distinct(cells: &[&Cell], of: impl Fn(&Cell) -> String) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    cells.iter().map(|cell| of(cell)).filter(|value| seen.insert(value.clone())).collect()
}
