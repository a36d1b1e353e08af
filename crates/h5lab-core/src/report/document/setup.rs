//! Every setting and version: machine, libraries, file systems, and what the libraries report to be in force.

use super::{Block, Material, Section};
use crate::report::grid::Grid;
use crate::results::Surroundings;
use std::collections::BTreeSet;

/// So many different surroundings are shown side by side.
const MOST: usize = 6;

pub(super) fn section(material: &Material<'_>) -> Option<Section> {
    let all = &material.results.surroundings;
    let places = most_cells_first(material);
    let places = &places[..places.len().min(MOST)];
    let shown: Vec<&Surroundings> = places.iter().map(|&place| &all[place]).collect();
    let mut heads = vec!["what".to_owned()];
    heads
        .extend((1..=shown.len()).map(|k| if shown.len() == 1 { "value".into() } else { format!("surroundings {k}") }));
    let mut grid = Grid::new(&heads.iter().map(String::as_str).collect::<Vec<_>>());
    if material.results.sources.len() > 1 {
        grid.row(std::iter::once("result files".to_owned()).chain(files(material, places)));
    }
    for name in Surroundings::NAMES {
        let values: Vec<String> = shown.iter().map(|s| s.get(name).to_owned()).collect();
        if values.iter().any(|value| value != "unknown") {
            grid.row(std::iter::once(name.to_owned()).chain(values));
        }
    }
    let mut section = Section::new("surroundings", "Machine, libraries, file systems");
    if all.len() > shown.len() {
        let (left_out, all) = (all.len() - shown.len(), all.len());
        section = section.say(format!(
            "Of {all} different surroundings the {} with most measurements; {left_out} more {} left out.",
            shown.len(),
            if left_out == 1 { "is" } else { "are" }
        ));
    }
    section = section.show(Block::Table(grid));
    let in_force = in_force(material);
    if !in_force.is_empty() {
        section = section
            .say("The second table: settings that the libraries themselves report once the file was open.")
            .show(Block::Table(in_force));
    }
    Some(section)
}

/// Where the surroundings stand, those of most cells first.
fn most_cells_first(material: &Material<'_>) -> Vec<usize> {
    let mut counts = vec![0usize; material.results.surroundings.len()];
    material.results.cells.iter().for_each(|cell| counts[cell.surroundings] += 1);
    let mut places: Vec<usize> = (0..counts.len()).collect();
    places.sort_by_key(|&place| std::cmp::Reverse(counts[place]));
    places
}

/// The files whose records have each of these surroundings.
fn files(material: &Material<'_>, places: &[usize]) -> Vec<String> {
    let mut files = vec![BTreeSet::new(); material.results.surroundings.len()];
    for cell in &material.results.cells {
        files[cell.surroundings].insert(cell.source);
    }
    let name = |source: &usize| material.results.sources[*source].as_str();
    places.iter().map(|&place| files[place].iter().map(name).collect::<Vec<_>>().join(", ")).collect()
}

/// Settings in force, and their different values.
fn in_force(material: &Material<'_>) -> Grid {
    let mut grid = Grid::new(&["setting in force", "values"]);
    for (name, values) in &material.results.in_force {
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        grid.row([name.clone(), values.join(", ")]);
    }
    grid
}
