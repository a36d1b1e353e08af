//! What a cell means: the settings by which it is paired with its like.

use super::{By, Group};
use crate::results::{Cell, Results};
use crate::tunables::Tunables;
use std::collections::HashSet;

/// One setting of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dimension {
    Direction,
    Access,
    Method,
    Layout,
    Np,
    Cache,
    Size,
    Data,
    Split,
    Buffer,
    Settings,
    Path,
    Host,
    Hdf5,
    Mpi,
}

impl Dimension {
    /// In the order in which words are made of them.
    pub(crate) const ALL: [Dimension; 15] = [
        Dimension::Direction,
        Dimension::Access,
        Dimension::Method,
        Dimension::Layout,
        Dimension::Np,
        Dimension::Cache,
        Dimension::Size,
        Dimension::Data,
        Dimension::Split,
        Dimension::Buffer,
        Dimension::Settings,
        Dimension::Path,
        Dimension::Host,
        Dimension::Hdf5,
        Dimension::Mpi,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Dimension::Direction => "direction",
            Dimension::Access => "access",
            Dimension::Method => "method",
            Dimension::Layout => "layout",
            Dimension::Np => "ranks",
            Dimension::Cache => "page cache",
            Dimension::Size => "size",
            Dimension::Data => "data",
            Dimension::Split => "split",
            Dimension::Buffer => "buffer",
            Dimension::Settings => "settings",
            Dimension::Path => "path",
            Dimension::Host => "host",
            Dimension::Hdf5 => "HDF5",
            Dimension::Mpi => "MPI",
        }
    }

    /// Whether cells that differ in it are never each other's like. The others may differ between groups, if each group
    /// has a single value: then that is what is compared.
    const fn binds(self) -> bool {
        !matches!(
            self,
            Dimension::Method
                | Dimension::Layout
                | Dimension::Buffer
                | Dimension::Settings
                | Dimension::Path
                | Dimension::Host
                | Dimension::Hdf5
                | Dimension::Mpi
        )
    }

    /// The value of a cell, in words.
    pub(crate) fn value(self, results: &Results, cell: &Cell) -> String {
        let e = &cell.experiment;
        match self {
            Dimension::Direction => if cell.reads() { "read" } else { "write" }.into(),
            Dimension::Access => cell.access_word(),
            Dimension::Method => cell.method_word().to_owned(),
            Dimension::Layout => e.layout.to_string(),
            Dimension::Np => format!("np {}", e.np),
            Dimension::Cache => cell.cache_word().into(),
            Dimension::Size => cell.size_word(),
            Dimension::Data => cell.data_word(),
            Dimension::Split => e.split.to_string(),
            Dimension::Buffer => format!("buffer {}", crate::report::bytes(e.buffer)),
            Dimension::Settings => settings(cell),
            Dimension::Path | Dimension::Host | Dimension::Hdf5 | Dimension::Mpi => {
                results.around(cell).get(self.name()).to_owned()
            }
        }
    }
}

/// The tunables that are set: `alignment=4096 hints={"cb_nodes":"2"}`.
fn settings(cell: &Cell) -> String {
    let foreign = cell.foreign.iter().flat_map(|foreign| foreign.settings.iter().cloned());
    if cell.experiment.tunables == Tunables::default() {
        return foreign.collect::<Vec<_>>().join(" ");
    }
    let set = serde_json::to_value(&cell.experiment.tunables).unwrap_or_default();
    let pairs = set.as_object().into_iter().flatten().map(|(name, value)| match value.as_str() {
        Some(text) => format!("{name}={text}"),
        None => format!("{name}={value}"),
    });
    pairs.chain(foreign).collect::<Vec<_>>().join(" ")
}

/// Which settings pair cells, and their values.
pub(crate) struct Key<'a> {
    results: &'a Results,
    /// The settings that must be equal.
    pub(crate) dimensions: Vec<Dimension>,
    /// Those that differ between groups, each of which has one value.
    pub(super) free: Vec<Dimension>,
}

impl<'a> Key<'a> {
    /// For these groups: the settings that bind, and those of which any group has several values.
    pub(super) fn of(results: &'a Results, groups: &[Group<'_>], by: By) -> Self {
        let several = |dimension: Dimension| {
            groups.iter().any(|group| {
                let mut values = group.cells.iter().map(|cell| dimension.value(results, cell));
                let first = values.next();
                values.any(|value| Some(&value) != first.as_ref())
            })
        };
        let differ = |dimension: Dimension| {
            let values: HashSet<String> =
                groups.iter().filter_map(|g| Some(dimension.value(results, g.cells.first()?))).collect();
            values.len() > 1
        };
        let candidates = Dimension::ALL.into_iter().filter(|d| by.dimension() != Some(*d));
        let (dimensions, others): (Vec<_>, Vec<_>) = candidates.partition(|d| d.binds() || several(*d));
        let free = others.into_iter().filter(|d| differ(*d)).collect();
        Key { results, dimensions, free }
    }

    /// Of all settings.
    pub(crate) fn all(results: &'a Results) -> Self {
        Key { results, dimensions: Dimension::ALL.to_vec(), free: Vec::new() }
    }

    /// The values of a cell, in the order of the dimensions.
    pub(crate) fn values(&self, cell: &Cell) -> Vec<String> {
        self.dimensions.iter().map(|dimension| dimension.value(self.results, cell)).collect()
    }

    /// The values of a free setting in a group.
    pub(super) fn free_value(&self, dimension: Dimension, group: &Group<'_>) -> String {
        group.cells.first().map_or_else(String::new, |cell| dimension.value(self.results, cell))
    }

    /// Values in words, those that are wanted.
    pub(crate) fn words(&self, values: &[impl AsRef<str>], wanted: impl Fn(usize) -> bool) -> String {
        let mut text = String::new();
        let values = values.iter().map(AsRef::as_ref).enumerate();
        for (index, value) in values.filter(|(index, value)| wanted(*index) && !value.is_empty()) {
            let verb_before = self.dimensions[..index].last() == Some(&Dimension::Direction) && !text.is_empty();
            text += if text.is_empty() {
                ""
            } else if verb_before {
                " "
            } else {
                ", "
            };
            text += value;
        }
        crate::report::printable(&text)
    }
}
