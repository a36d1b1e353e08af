//! How a dataset lies in its file: contiguous, or in chunks that pass through filters.

use crate::dataset::{Dtype, Shape};
use crate::failure::{Failure, FailureKind, Result};
use crate::filter::Filter;
use crate::region::Region;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The layout of a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Layout {
    /// One run of bytes, in C order.
    Contiguous,
    /// Chunks of one shape, each stored by itself.
    Chunked {
        /// Elements of a chunk along each axis.
        chunk: Vec<u64>,
        /// Filters in the order in which a write applies them.
        filters: Vec<Filter>,
    },
}

impl Layout {
    /// Checks the layout against the dataset that is to have it.
    ///
    /// # Errors
    /// A usage failure: another number of axes, an empty chunk, a chunk larger than the dataset, or of 4 GiB and more.
    pub fn check(&self, shape: &Shape, dtype: Dtype) -> Result<()> {
        let Layout::Chunked { chunk, .. } = self else {
            return Ok(());
        };
        let name = Shape(chunk.clone());
        let refuse = |why: String| {
            Err(Failure::new(FailureKind::Usage, format!("chunk {name}: {why}"))
                .mend(format!("write --chunk with {} sizes, each at least 1 and at most the dataset's", shape.0.len())))
        };
        if chunk.len() != shape.0.len() {
            return refuse(format!("{} axes, but the dataset {shape} has {}", chunk.len(), shape.0.len()));
        }
        if chunk.contains(&0) {
            return refuse("every size must be at least 1".into());
        }
        if chunk.iter().zip(&shape.0).any(|(c, n)| c > n) {
            return refuse(format!("larger than the dataset {shape}"));
        }
        match name.bytes(dtype) {
            Some(bytes) if bytes < 1 << 32 => Ok(()),
            size => {
                let size = size.map_or("too many bytes".into(), crate::report::bytes);
                let why = format!("chunk {name}: {size} of {dtype}, but a chunk of HDF5 has less than 4 GiB");
                Err(Failure::new(FailureKind::Usage, why).mend("write a --chunk with fewer elements"))
            }
        }
    }

    /// How many chunks hold elements of `region`; 1 for a contiguous dataset, 0 if the region is empty.
    pub fn chunks_touched(&self, region: &Region) -> u64 {
        if region.is_empty() {
            return 0;
        }
        match self {
            Layout::Contiguous => 1,
            Layout::Chunked { chunk, .. } => (0..chunk.len())
                .map(|d| (region.start[d] + region.count[d] - 1) / chunk[d] - region.start[d] / chunk[d] + 1)
                .product(),
        }
    }

    /// Logical bytes that must be read to get `region`: whole chunks (edge chunks are stored whole), or the region itself.
    pub fn bytes_touched(&self, region: &Region, dtype: Dtype) -> u64 {
        let elements = match self {
            Layout::Contiguous => region.elements(),
            Layout::Chunked { chunk, .. } => self.chunks_touched(region) * chunk.iter().product::<u64>(),
        };
        elements * dtype.size() as u64
    }

    /// The filters; none for a contiguous dataset.
    pub fn filters(&self) -> &[Filter] {
        match self {
            Layout::Contiguous => &[],
            Layout::Chunked { filters, .. } => filters,
        }
    }
}

/// The chunk that h5py chooses for `chunks=True` (h5py/_hl/filters.py, `guess_chunk`): about 16 KiB for a dataset of
/// 1 MiB, twice that for each factor of ten, between 8 KiB and 1 MiB; axes are halved in turn, slowest first.
pub fn guess_chunk(shape: &Shape, dtype: Dtype) -> Vec<u64> {
    guess_chunk_of(shape, dtype.size() as u64)
}

/// As [`guess_chunk`], for elements of so many bytes.
pub fn guess_chunk_of(shape: &Shape, element: u64) -> Vec<u64> {
    const BASE: f64 = 16.0 * 1024.0;
    const LEAST: f64 = 8.0 * 1024.0;
    const MOST: f64 = 1024.0 * 1024.0;
    let mut chunk: Vec<f64> = shape.0.iter().map(|&n| if n == 0 { 1024.0 } else { n as f64 }).collect();
    let bytes = |chunk: &[f64]| chunk.iter().product::<f64>() * element as f64;
    let target = (BASE * 2f64.powf((bytes(&chunk) / MOST).log10())).clamp(LEAST, MOST);
    for axis in (0..chunk.len()).cycle() {
        let size = bytes(&chunk);
        let near = size < target || (size - target).abs() / target < 0.5;
        if (near && size < MOST) || chunk.iter().product::<f64>() == 1.0 {
            break;
        }
        chunk[axis] = (chunk[axis] / 2.0).ceil();
    }
    chunk.into_iter().map(|n| n as u64).collect()
}

/// `contiguous`, `1x200x200`, `1x200x200 shuffle+gzip=4`.
impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Layout::Contiguous => f.pad("contiguous"),
            Layout::Chunked { chunk, filters } => {
                let mut text = Shape(chunk.clone()).to_string();
                if !filters.is_empty() {
                    text += " ";
                    text += &crate::filter::joined(filters);
                }
                f.pad(&text)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GUESSES: &[(&[u64], Dtype, &[u64])] = &[
        (&[500, 768, 1366], Dtype::F64, &[16, 24, 86]),
        (&[1801, 540, 640], Dtype::U16, &[57, 34, 40]),
        (&[128, 10000000], Dtype::F32, &[1, 78125]),
        (&[10], Dtype::U8, &[10]),
        (&[7, 11], Dtype::F64, &[7, 11]),
        (&[3, 4, 5, 600, 700], Dtype::I16, &[1, 1, 1, 150, 175]),
        (&[1801, 2160, 2560], Dtype::U16, &[29, 68, 80]),
    ];

    fn chunked(chunk: &[u64]) -> Layout {
        Layout::Chunked { chunk: chunk.to_vec(), filters: vec![] }
    }

    #[test]
    fn the_corner_tile_of_an_image_touches_one_chunk() {
        let tile = Region::new(vec![3, 0, 0], vec![1, 200, 200]);
        assert_eq!(chunked(&[1, 200, 200]).chunks_touched(&tile), 1);
        assert_eq!(chunked(&[1, 199, 200]).chunks_touched(&tile), 2);
        assert_eq!(chunked(&[1, 200, 200]).bytes_touched(&tile, Dtype::F64), 320_000);
        assert_eq!(Layout::Contiguous.bytes_touched(&tile, Dtype::F64), 320_000);
        assert_eq!(chunked(&[1, 768, 1366]).bytes_touched(&tile, Dtype::F64), 768 * 1366 * 8);
    }

    #[test]
    fn layouts_that_cannot_be_are_refused() {
        let shape = Shape(vec![1000, 768, 1366]);
        for chunk in [&[1, 200][..], &[0, 200, 200], &[1001, 1, 1], &[1000, 768, 1366]] {
            let refusal = chunked(chunk).check(&shape, Dtype::F64).unwrap_err();
            assert_eq!(refusal.kind, FailureKind::Usage, "{chunk:?}");
        }
        assert!(chunked(&[500, 768, 1366]).check(&shape, Dtype::F64).is_ok());
        assert!(Layout::Contiguous.check(&shape, Dtype::F64).is_ok());
    }

    #[test]
    fn the_automatic_chunk_is_h5py_s() {
        // From h5py 3.16: h5py._hl.filters.guess_chunk(shape, None, itemsize).
        for (shape, dtype, chunk) in GUESSES {
            assert_eq!(guess_chunk(&Shape(shape.to_vec()), *dtype), *chunk, "{shape:?}");
        }
    }

    proptest! {
        #[test]
        fn chunks_touched_counts_the_chunks_that_intersect(
            chunk in prop::collection::vec(1u64..5, 3), start in prop::collection::vec(0u64..7, 3), count in prop::collection::vec(0u64..6, 3),
        ) {
            let region = Region::new(start, count);
            let mut expected = 0;
            for i in 0..13 { for j in 0..13 { for k in 0..13 {
                let at = [i, j, k].iter().zip(&chunk).map(|(i, c)| i * c).collect();
                expected += u64::from(Region::new(at, chunk.clone()).intersect(&region).is_some());
            }}}
            prop_assert_eq!(chunked(&chunk).chunks_touched(&region), expected);
        }
    }
}
