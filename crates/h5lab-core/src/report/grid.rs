//! A table for a page, a wiki or a chart's numbers: heads and rows of text.

/// Heads and rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grid {
    /// Name of each column, and whether it holds numbers.
    pub heads: Vec<(String, bool)>,
    /// A cell a column.
    pub rows: Vec<Vec<String>>,
    /// How many rows were left out for want of room.
    pub left_out: usize,
    /// Where what they show is to be found.
    pub rest: &'static str,
    most: usize,
}

/// So many rows a table has at most, and one beside a chart: pages are to stay small.
pub(crate) const MOST_ROWS: usize = 1000;
const MOST_BESIDE_A_CHART: usize = 150;

impl Grid {
    /// A table beside a chart.
    pub fn new(heads: &[&str]) -> Self {
        Grid { most: MOST_BESIDE_A_CHART, ..Grid::large(heads) }
    }

    /// With these columns: those that begin with `#` hold numbers.
    pub fn large(heads: &[&str]) -> Self {
        let head = |head: &&str| match head.strip_prefix('#') {
            Some(number) => (number.to_owned(), true),
            None => ((*head).to_owned(), false),
        };
        let rest = "h5lab report --format csv has every sample that they are made of";
        Grid { heads: heads.iter().map(head).collect(), most: MOST_ROWS, rest, ..Grid::default() }
    }

    /// Adds a row, as long as there is room.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        if self.rows.len() < self.most {
            self.rows.push(cells.into_iter().collect());
        } else {
            self.left_out += 1;
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}
