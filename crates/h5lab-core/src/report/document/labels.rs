//! What cells are called: by the settings that are not the same for all of them.

use crate::compare::{Dimension, Key};
use crate::results::{Cell, Results};
use std::collections::HashMap;

/// The names of cells.
pub(super) struct Labels<'a> {
    key: Key<'a>,
    /// Whether the cells have several values of each dimension.
    varying: Vec<bool>,
    /// The values that all have in common.
    first: Vec<String>,
}

/// Settings that make cells lines of one chart; the others make charts.
pub(super) const WAYS: [Dimension; 4] = [Dimension::Method, Dimension::Layout, Dimension::Buffer, Dimension::Settings];

impl<'a> Labels<'a> {
    pub(super) fn of(results: &'a Results, cells: &[&Cell]) -> Self {
        let key = Key::all(results);
        let first = cells.first().map_or_else(Vec::new, |cell| key.values(cell));
        let mut varying = vec![false; key.dimensions.len()];
        for cell in cells.iter().skip(1) {
            for (index, varies) in varying.iter_mut().enumerate().filter(|(_, varies)| !**varies) {
                *varies = key.value(index, cell) != first[index];
            }
        }
        Labels { key, varying, first }
    }

    /// Whether the cells have several values of it.
    pub(super) fn varies(&self, dimension: Dimension) -> bool {
        self.index(dimension).is_some_and(|index| self.varying[index])
    }

    /// What sets a cell apart; direction and access always.
    pub(super) fn label(&self, cell: &Cell) -> String {
        self.label_without(cell, &[])
    }

    /// The same without some settings.
    pub(super) fn label_without(&self, cell: &Cell, without: &[Dimension]) -> String {
        let always = |d: Dimension| matches!(d, Dimension::Direction | Dimension::Access | Dimension::Method);
        self.words(cell, |index, d| (self.varying[index] || always(d)) && !without.contains(&d))
    }

    /// Only these settings of a cell: those that vary, and the first one always.
    pub(super) fn only(&self, cell: &Cell, these: &[Dimension]) -> String {
        self.words(cell, |index, d| these.contains(&d) && (self.varying[index] || d == these[0]))
    }

    /// What all cells have in common, in words.
    pub(super) fn common(&self) -> String {
        let shown = [Dimension::Size, Dimension::Data, Dimension::Np, Dimension::Cache, Dimension::Path];
        self.key.words(&self.first, |index| !self.varying[index] && shown.contains(&self.key.dimensions[index]))
    }

    /// Cells in groups of those that differ in nothing but these settings, in the order in which they come.
    pub(super) fn groups<'c>(&self, cells: &[&'c Cell], but_for: &[Dimension]) -> Vec<Vec<&'c Cell>> {
        let dimensions: Vec<usize> = (0..self.key.dimensions.len())
            .filter(|&index| self.varying[index] && !but_for.contains(&self.key.dimensions[index]))
            .collect();
        let mut groups: Vec<Vec<&Cell>> = Vec::new();
        let mut known: HashMap<Vec<String>, usize> = HashMap::new();
        for cell in cells {
            let values = dimensions.iter().map(|&index| self.key.value(index, cell)).collect();
            let at = *known.entry(values).or_insert_with(|| {
                groups.push(Vec::new());
                groups.len() - 1
            });
            groups[at].push(cell);
        }
        groups
    }

    fn words(&self, cell: &Cell, wanted: impl Fn(usize, Dimension) -> bool) -> String {
        let dimensions = &self.key.dimensions;
        let value = |index: usize| match wanted(index, dimensions[index]) {
            true => self.key.value(index, cell),
            false => String::new(),
        };
        let values: Vec<String> = (0..dimensions.len()).map(value).collect();
        self.key.words(&values, |_| true)
    }

    fn index(&self, dimension: Dimension) -> Option<usize> {
        self.key.dimensions.iter().position(|known| *known == dimension)
    }
}
