//! What explains the numbers, and what to do about it; what the records warn of.

use super::{Block, Material, Section};
use crate::report::grid::Grid;

/// So many lines.
const MOST: usize = 60;
/// What matters less than this share of the cell's first reason is left out.
const LEAST_SHARE: f64 = 0.1;

pub(super) fn section(material: &Material<'_>) -> Option<Section> {
    let mut lines: Vec<(f64, [String; 3])> = Vec::new();
    for cell in &material.sound {
        let least = cell.explanations.first().map_or(0.0, |first| first.weight * LEAST_SHARE);
        for reason in cell.explanations.iter().take(3).filter(|reason| reason.weight >= least) {
            lines.push((reason.weight, [material.labels.label(cell), reason.text.clone(), reason.next.clone()]));
        }
    }
    lines.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut grid = Grid::new(&["cell", "what was found", "what to do"]);
    grid.left_out = lines.len().saturating_sub(MOST);
    grid.rest = "they matter less; a report of fewer records has them";
    lines.into_iter().take(MOST).for_each(|(_, line)| grid.row(line));
    let mut section = Section::new("why", "Why, and what to do");
    if !grid.is_empty() {
        section = section.show(Block::Table(grid));
    }
    let mut told = material.results.warnings();
    told.extend(material.results.remarks());
    if !told.is_empty() {
        section = section.show(Block::List(told.into_iter().map(|text| format!("Warning: {text}.")).collect()));
    }
    section.unless_empty()
}
