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
}

/// So many rows a table has in a page.
const MOST_ROWS: usize = 1000;

impl Grid {
    /// With these columns: those that begin with `#` hold numbers.
    pub fn new(heads: &[&str]) -> Self {
        let head = |head: &&str| match head.strip_prefix('#') {
            Some(number) => (number.to_owned(), true),
            None => ((*head).to_owned(), false),
        };
        Grid { heads: heads.iter().map(head).collect(), ..Grid::default() }
    }

    /// Adds a row, as long as there is room.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        if self.rows.len() < MOST_ROWS {
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
