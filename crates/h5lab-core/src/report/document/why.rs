//! What explains the numbers, and what to do about it; what the records warn of.

use super::{Block, Material, Section};
use crate::explain::{Code, Explanation};
use crate::report::grid::Grid;
use crate::results::Cell;
use std::collections::BTreeMap;

/// So many lines.
const MOST: usize = 60;
/// What matters less than this share of the cell's first reason is left out.
const LEAST_SHARE: f64 = 0.1;

pub(super) fn section(material: &Material<'_>) -> Option<Section> {
    let mut grid = Grid::new(&["cell", "what was found", "what to do"]);
    let findings = findings(material);
    grid.left_out = findings.len().saturating_sub(MOST);
    grid.rest = "they matter less; a report of fewer records has them";
    for Finding { heaviest, reason, cells } in findings.into_iter().take(MOST) {
        let label = material.labels.label(heaviest);
        let others = cells - 1;
        let cell = if others == 0 { label } else { format!("{label}, and {others} more, less so") };
        grid.row([cell, reason.text.clone(), reason.next.clone()]);
    }
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

/// What explains several cells alike.
struct Finding<'a> {
    /// The cell that it matters most to.
    heaviest: &'a Cell,
    /// In the words of that cell.
    reason: &'a Explanation,
    cells: usize,
}

/// What explains the cells, most important first. Cells that one rule explains, with one thing to do, are one finding.
fn findings<'a>(material: &'a Material<'_>) -> Vec<Finding<'a>> {
    let mut found: BTreeMap<(Code, &str), Finding<'_>> = BTreeMap::new();
    for cell in &material.sound {
        let least = cell.explanations.first().map_or(0.0, |first| first.weight * LEAST_SHARE);
        for reason in cell.explanations.iter().take(3).filter(|reason| reason.weight >= least) {
            let new = Finding { heaviest: cell, reason, cells: 0 };
            let finding = found.entry((reason.code, &reason.next)).or_insert(new);
            finding.cells += 1;
            if reason.weight > finding.reason.weight {
                (finding.heaviest, finding.reason) = (cell, reason);
            }
        }
    }
    let mut findings: Vec<_> = found.into_values().collect();
    findings.sort_by(|a, b| b.reason.weight.total_cmp(&a.reason.weight));
    findings
}
