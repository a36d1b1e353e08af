//! A slice of a dataset as a picture: in the terminal, and as pixels of a file.

mod canvas;
mod contrast;
mod index;
mod picture;
mod terminal;

pub use contrast::{Contrast, contrast};
pub use index::{Target, View};
pub use picture::{Pixels, picture};
pub use terminal::{Colours, draw};

/// A slice with two axes, in C order.
#[derive(Clone, Debug, PartialEq)]
pub struct Slice {
    /// Rows and columns.
    pub size: [usize; 2],
    /// Its values.
    pub values: Vec<f64>,
    /// What stands above it: the dataset and the index.
    pub title: String,
    /// What the rows and the columns are.
    pub labels: [String; 2],
    /// Index of the first row and column in the dataset.
    pub origin: [u64; 2],
}

impl Slice {
    /// The mean of what is finite in each cell of a grid of `rows` by `columns` cells, none of them smaller than a value;
    /// NaN where nothing is.
    pub fn resampled(&self, rows: usize, columns: usize) -> Vec<f64> {
        let [height, width] = self.size;
        let span = |k: usize, cells: usize, n: usize| {
            let from = k * n / cells;
            from..((k + 1) * n / cells).max(from + 1)
        };
        let mut cells = Vec::with_capacity(rows * columns);
        for row in 0..rows {
            for column in 0..columns {
                let (mut sum, mut count) = (0.0, 0u32);
                for y in span(row, rows, height) {
                    for value in &self.values[y * width..][span(column, columns, width)] {
                        if value.is_finite() {
                            sum += value;
                            count += 1;
                        }
                    }
                }
                cells.push(if count > 0 { sum / f64::from(count) } else { f64::NAN });
            }
        }
        cells
    }
}
