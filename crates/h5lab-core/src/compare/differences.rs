//! What differs between groups besides the numbers: machine, libraries, file system, settings.

use super::Group;
use super::key::Key;
use super::pair::Pair;
use crate::report::printable;
use crate::results::{Results, Surroundings};
use serde::Serialize;
use std::collections::BTreeSet;

/// A fact, and its value in each group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Its name: `kernel`, `mount options`, ...
    pub fact: String,
    /// The value, a group each; several are joined by ` | `.
    pub values: Vec<String>,
}

/// All facts whose values are not the same in all groups, of the cells that were compared.
pub(super) fn differences(
    results: &Results,
    groups: &[Group<'_>],
    key: &Key<'_>,
    pairs: &[Pair<'_>],
) -> Vec<Difference> {
    let compared = surroundings(groups.len(), pairs);
    let mut found: Vec<Difference> = Surroundings::NAMES
        .into_iter()
        .filter_map(|name| {
            let values: Vec<Vec<&str>> = compared
                .iter()
                .map(|group| group.iter().map(|&index| results.surroundings[index].get(name)).collect::<BTreeSet<_>>())
                .map(|values| values.into_iter().collect())
                .collect();
            values.iter().any(|v| *v != values[0]).then(|| difference(name, &values))
        })
        .collect();
    let settings = key.free.iter().filter(|d| !Surroundings::NAMES.contains(&d.name())).map(|&dimension| Difference {
        fact: dimension.name().into(),
        values: groups.iter().map(|group| said(&key.free_value(dimension, group))).collect(),
    });
    found.extend(settings);
    found
}

/// The surroundings of each group's compared cells.
fn surroundings(groups: usize, pairs: &[Pair<'_>]) -> Vec<BTreeSet<usize>> {
    let mut found = vec![BTreeSet::new(); groups];
    for pair in pairs {
        found[0].extend(pair.cells[0].iter().map(|cell| cell.surroundings));
        found[pair.group].extend(pair.cells[1].iter().map(|cell| cell.surroundings));
    }
    found
}

fn difference(name: &str, values: &[Vec<&str>]) -> Difference {
    let single: Option<Vec<&str>> = values.iter().map(|v| if let [one] = v[..] { Some(one) } else { None }).collect();
    let values = match single {
        Some(single) if name == "mount options" => options_not_shared(&single),
        _ => values.iter().map(|v| said(&v.join(" | "))).collect(),
    };
    Difference { fact: name.into(), values }
}

/// Of lists of options, what is not in all of them.
fn options_not_shared(lists: &[&str]) -> Vec<String> {
    let split: Vec<Vec<&str>> = lists.iter().map(|list| list.split(',').collect()).collect();
    let shared = |option: &&str| split.iter().all(|list| list.contains(option));
    split
        .iter()
        .map(|list| said(&list.iter().copied().filter(|option| !shared(option)).collect::<Vec<_>>().join(",")))
        .collect()
}

fn said(value: &str) -> String {
    if value.is_empty() { "none".into() } else { printable(value) }
}
