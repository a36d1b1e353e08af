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

/// The best of what was measured for one access, and by what factor it leaves the slowest behind.
fn line(material: &Material<'_>, group: &[&Cell], but_for: &[Dimension]) -> Option<(f64, String)> {
    let mut ranked: Vec<(f64, &Cell)> =
        group.iter().filter_map(|cell| Some((median(&cell.bandwidth())?, *cell))).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let &(best, cell) = ranked.first()?;
    let what = material.labels.label_without(cell, &[&[Dimension::Method], but_for].concat());
    let how = material.labels.only(cell, &[&WAYS[..], &[Dimension::Np]].concat());
    let mut text = format!("{}: {how} reaches {} MiB/s", capital(&what), rate(best));
    if let Some(share) = cell.ceiling_share() {
        text += &match share {
            // No method is faster than the bytes alone: the two met different conditions.
            1.1.. => ", above the posix ceiling, which cannot be: noise, or the page cache".into(),
            share => format!(", {:.0} % of the posix ceiling", share * 100.0),
        };
    }
    let factor = ranked.last().map_or(1.0, |(slowest, _)| best / slowest);
    if let [_, .., (slowest, last)] = ranked[..] {
        let last = material.labels.only(last, &[&WAYS[..], &[Dimension::Np]].concat());
        text += &format!(
            "; {} times the slowest of {} ({last}, {} MiB/s)",
            significant(factor),
            ranked.len(),
            rate(slowest)
        );
    }
    Some((factor, format!("{text}{}.", runner_up(material, &ranked))))
}

/// Whether the second best is really slower.
fn runner_up(material: &Material<'_>, ranked: &[(f64, &Cell)]) -> String {
    let [(_, best), (_, second), ..] = ranked else { return String::new() };
    let certain = Ratio::of(&best.bandwidth(), &second.bandwidth()).is_some_and(|ratio| ratio.probability() < 0.05);
    if certain {
        return String::new();
    }
    let second = material.labels.only(second, &[&WAYS[..], &[Dimension::Np]].concat());
    format!("; {second} may be as good")
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
