//! What cells are called: by the settings that are not the same for all of them.

use crate::compare::{Dimension, Key};
use crate::report::printable;
use crate::results::{Cell, Results};
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// The names of cells.
pub(super) struct Labels<'a> {
    results: &'a Results,
    key: Key<'a>,
    /// What files are called: by their names alone, if these are all different.
    files: Vec<String>,
    /// Of each cell, the number of its value along each dimension.
    values: Vec<Values>,
    /// The values by their numbers, a list a dimension.
    words: [Vec<String>; COUNT],
    /// Whether the cells have several values of each dimension.
    varying: [bool; COUNT],
    /// The values of the first cell.
    first: Values,
}

const COUNT: usize = Dimension::ALL.len();
type Values = [u32; COUNT];

fn files(sources: &[String]) -> Vec<String> {
    let name = |source: &String| Path::new(source).file_name().map(|name| name.to_string_lossy().into_owned());
    let names: Option<Vec<String>> = sources.iter().map(name).collect();
    let apart = |names: &Vec<String>| names.iter().collect::<HashSet<_>>().len() == names.len();
    let shown = names.filter(apart).unwrap_or_else(|| sources.to_vec());
    shown.iter().map(|name| printable(name)).collect()
}

/// Settings that make cells lines of one chart; the others make charts.
pub(super) const WAYS: [Dimension; 4] = [Dimension::Method, Dimension::Layout, Dimension::Buffer, Dimension::Settings];

impl<'a> Labels<'a> {
    /// For all results; what varies is told by these cells.
    pub(super) fn of(results: &'a Results, cells: &[&Cell]) -> Self {
        let mut words = [const { Vec::new() }; COUNT];
        let mut values = vec![[0; COUNT]; results.cells.len()];
        for (index, dimension) in Dimension::ALL.into_iter().enumerate() {
            let mut known: HashMap<String, u32> = HashMap::new();
            for (cell, values) in results.cells.iter().zip(&mut values) {
                let value = dimension.value(results, cell);
                values[index] = known.get(&value).copied().unwrap_or_else(|| {
                    let number = known.len() as u32;
                    words[index].push(value.clone());
                    known.insert(value, number);
                    number
                });
            }
        }
        let mut labels = Labels {
            results,
            key: Key::all(results),
            files: files(&results.sources),
            values,
            words,
            varying: [false; COUNT],
            first: [0; COUNT],
        };
        labels.first = cells.first().map_or([0; COUNT], |cell| *labels.values(cell));
        for cell in cells {
            let values = *labels.values(cell);
            (0..COUNT).for_each(|index| labels.varying[index] |= values[index] != labels.first[index]);
        }
        labels
    }

    /// The numbers of a cell's values. Cells are borrowed from the results, and known by their place there.
    fn values(&self, cell: &Cell) -> &Values {
        let bytes = std::ptr::from_ref(cell).addr() - self.results.cells.as_ptr().addr();
        &self.values[bytes / size_of::<Cell>()]
    }

    /// Whether the cells have several values of it.
    pub(super) fn varies(&self, dimension: Dimension) -> bool {
        self.index(dimension).is_some_and(|index| self.varying[index])
    }

    /// What sets a cell apart: direction and access always, and of several files its own.
    pub(super) fn label(&self, cell: &Cell) -> String {
        let label = self.label_without(cell, &[]);
        match &self.files[..] {
            [] | [_] => label,
            files => format!("{label}, {}", files[cell.source]),
        }
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
        self.words_of(&self.first, |index, d| !self.varying[index] && shown.contains(&d))
    }

    /// Cells in groups of those that differ in nothing but these settings, in the order in which they come.
    pub(super) fn groups<'c>(&self, cells: &[&'c Cell], but_for: &[Dimension]) -> Vec<Vec<&'c Cell>> {
        let apart: Vec<usize> =
            (0..COUNT).filter(|&index| self.varying[index] && !but_for.contains(&Dimension::ALL[index])).collect();
        let mut groups: Vec<Vec<&Cell>> = Vec::new();
        let mut known: HashMap<Values, usize> = HashMap::new();
        for cell in cells {
            let (all, mut values) = (self.values(cell), [0; COUNT]);
            apart.iter().for_each(|&index| values[index] = all[index]);
            let at = *known.entry(values).or_insert_with(|| {
                groups.push(Vec::new());
                groups.len() - 1
            });
            groups[at].push(cell);
        }
        groups
    }

    fn words(&self, cell: &Cell, wanted: impl Fn(usize, Dimension) -> bool) -> String {
        self.words_of(self.values(cell), wanted)
    }

    fn words_of(&self, values: &Values, wanted: impl Fn(usize, Dimension) -> bool) -> String {
        let word = |index: usize| self.words[index].get(values[index] as usize).map_or("", String::as_str);
        let all: [&str; COUNT] = std::array::from_fn(word);
        self.key.words(&all, |index| wanted(index, Dimension::ALL[index]))
    }

    fn index(&self, dimension: Dimension) -> Option<usize> {
        Dimension::ALL.iter().position(|known| *known == dimension)
    }
}
