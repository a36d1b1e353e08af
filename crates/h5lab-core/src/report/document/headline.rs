//! In words: which method and layout is best for each access here, by how much, and how close to the ceiling.

use super::labels::WAYS;
use super::{Block, Material, Section};
use crate::compare::Dimension;
use crate::method::Method;
use crate::report::{rate, significant};
use crate::results::Cell;
use crate::stats::{Ratio, median};

/// So many lines.
const MOST: usize = 16;

pub(super) fn section(material: &Material<'_>) -> Option<Section> {
    let but_for = [&WAYS[..], &[Dimension::Np, Dimension::Split]].concat();
    let hdf5: Vec<&Cell> = material.sound.iter().copied().filter(|cell| cell.is_hdf5()).collect();
    let mut lines: Vec<(f64, String)> =
        material.labels.groups(&hdf5, &but_for).iter().filter_map(|group| line(material, group, &but_for)).collect();
    lines.sort_by(|a, b| b.0.total_cmp(&a.0));
    let left_out = lines.len().saturating_sub(MOST);
    let best = lines.into_iter().take(MOST).map(|(_, line)| line);
    let mut lines: Vec<String> = wrong_or_failed(material).into_iter().chain(best).collect();
    if left_out > 0 {
        lines.push(format!("{left_out} more accesses: see the charts and the table."));
    }
    (!lines.is_empty()).then(|| Section::new("summary", "Summary").say_if_pooled(material).show(Block::List(lines)))
}

/// A way to do an access. What was measured of it more than once is taken together, as in the charts.
struct Way<'a> {
    cell: &'a Cell,
    /// MiB/s of every repeat.
    bandwidths: Vec<f64>,
    median: f64,
    /// Of the ceiling.
    share: Option<f64>,
}

impl<'a> Way<'a> {
    fn of(cells: &[&'a Cell]) -> Option<Self> {
        let bandwidths: Vec<f64> = cells.iter().flat_map(|cell| cell.bandwidth()).collect();
        let ceilings: Vec<f64> = cells.iter().flat_map(|cell| cell.ceiling.iter().copied()).collect();
        let median_of_all = median(&bandwidths)?;
        let share = median(&ceilings).filter(|&ceiling| ceiling > 0.0).map(|ceiling| median_of_all / ceiling);
        Some(Way { cell: cells[0], bandwidths, median: median_of_all, share })
    }

    fn name(&self, material: &Material<'_>) -> String {
        material.labels.only(self.cell, &[&WAYS[..], &[Dimension::Np]].concat())
    }
}

/// The best of what was measured for one access, and by what factor it leaves the slowest behind.
fn line(material: &Material<'_>, group: &[&Cell], but_for: &[Dimension]) -> Option<(f64, String)> {
    let mut ways: Vec<Way<'_>> = material.labels.groups(group, &[]).iter().filter_map(|cells| Way::of(cells)).collect();
    ways.sort_by(|a, b| b.median.total_cmp(&a.median));
    let best = ways.first()?;
    let what = material.labels.label_without(best.cell, &[&[Dimension::Method], but_for].concat());
    let mut text = format!("{}: {} reaches {} MiB/s", capital(&what), best.name(material), rate(best.median));
    if let Some(share) = best.share {
        text += &match share {
            // No method is faster than the bytes alone: the two met different conditions.
            1.1.. => ", above the posix ceiling, which cannot be: noise, or the page cache".into(),
            share => format!(", {:.0} % of the posix ceiling", share * 100.0),
        };
    }
    let factor = ways.last().map_or(1.0, |slowest| best.median / slowest.median);
    if let [_, .., slowest] = &ways[..] {
        text += &format!(
            "; {} times the slowest of {} ({}, {} MiB/s)",
            significant(factor),
            ways.len(),
            slowest.name(material),
            rate(slowest.median)
        );
    }
    Some((factor, format!("{text}{}.", runner_up(material, &ways))))
}

/// Whether the second best is really slower.
fn runner_up(material: &Material<'_>, ways: &[Way<'_>]) -> String {
    let [best, second, ..] = ways else { return String::new() };
    let certain = Ratio::of(&best.bandwidths, &second.bandwidths).is_some_and(|ratio| ratio.probability() < 0.05);
    if certain { String::new() } else { format!("; {} may be as good", second.name(material)) }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn wrong_or_failed(material: &Material<'_>) -> Vec<String> {
    let cells = &material.results.cells;
    let mut lines = Vec::new();
    let wrong = cells.iter().filter(|cell| cell.verified == Some(false)).count();
    if wrong > 0 {
        lines.push(format!("Wrong values were read in {wrong} of {} measurements: see the table.", cells.len()));
    }
    let failed = cells.iter().filter(|cell| cell.failure.is_some()).count();
    if failed > 0 {
        lines.push(format!("{failed} of {} measurements failed: see the table.", cells.len()));
    }
    if cells.iter().all(|cell| cell.experiment.method == Method::Null) {
        lines.push("Nothing but the method null was measured, which moves no bytes.".into());
    }
    lines
}
