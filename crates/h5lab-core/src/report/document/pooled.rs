//! Which cells charts take together although files, hosts or versions differ: said in words, since no mark shows it.

use super::labels::Labels;
use crate::results::{Cell, Results, Surroundings};
use std::collections::{BTreeMap, BTreeSet};

/// So many values are named.
const MOST: usize = 4;

/// A sentence on what cells of one name differ in; `None` if they differ in nothing.
pub(super) fn told(results: &Results, sound: &[&Cell], labels: &Labels<'_>) -> Option<String> {
    let mut differ: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
    let mut files: BTreeSet<&str> = BTreeSet::new();
    for group in labels.groups(sound, &[]) {
        let sources: BTreeSet<usize> = group.iter().map(|cell| cell.source).collect();
        if sources.len() > 1 {
            files.extend(sources.iter().map(|source| results.sources[*source].as_str()));
        }
        let around: BTreeSet<usize> = group.iter().map(|cell| cell.surroundings).collect();
        for (fact, name) in Surroundings::NAMES.into_iter().enumerate().filter(|_| around.len() > 1) {
            let values: BTreeSet<&str> = around.iter().map(|index| results.surroundings[*index].get(name)).collect();
            if values.len() > 1 {
                differ.entry(fact).or_default().extend(values);
            }
        }
    }
    let files = (!files.is_empty()).then(|| format!("of {} files ({})", files.len(), some(&files)));
    let facts: Vec<String> =
        differ.iter().map(|(fact, values)| format!("{} ({})", Surroundings::NAMES[*fact], some(values))).collect();
    let facts = (!facts.is_empty()).then(|| format!("with different {}", facts.join(", ")));
    let parts: Vec<String> = files.into_iter().chain(facts).collect();
    (!parts.is_empty())
        .then(|| format!("Like cells {} are taken together here; `h5lab compare` tells them apart.", parts.join(", ")))
}

/// The first of some values.
fn some(values: &BTreeSet<&str>) -> String {
    let mut shown: Vec<&str> = values.iter().copied().take(MOST).collect();
    if values.len() > MOST {
        shown.push("...");
    }
    shown.join(", ")
}
