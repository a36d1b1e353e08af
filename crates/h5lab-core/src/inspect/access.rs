//! What reading one piece of a dataset costs in its layout: chunks touched, and bytes read for bytes asked.

use super::DatasetFacts;
use crate::dataset::{Dataset, Dtype, Shape};
use crate::experiment::Experiment;
use crate::layout::Layout;
use crate::prediction::{Conditions, predict_requests};
use crate::region::Region;
use serde::Serialize;

/// The cost of one read.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AccessCost {
    /// The access: `projection`, `sinogram`, `roi:200x200`, `spectrum`.
    pub access: String,
    /// Chunks that one read of it touches; 0 of a contiguous dataset.
    pub chunks: u64,
    /// Bytes that must be read (before compression) for each byte asked for.
    pub amplification: f64,
}

/// Rows and columns of the region that stands for all.
const TILE: u64 = 200;

/// More chunks than this are not walked one by one.
const MOST_WALKED: u64 = 100_000;

/// What reads from the middle of the dataset cost, with HDF5's default chunk cache; nothing for what is not numbers, has
/// fewer than two axes, or holds nothing.
pub fn costs(facts: &DatasetFacts) -> Vec<AccessCost> {
    let (Some(dtype), Some(shape), Some(layout)) = (facts.dtype, facts.space.shape(), facts.measured_layout()) else {
        return Vec::new();
    };
    if shape.len() < 2 || facts.logical_bytes.is_none_or(|bytes| bytes == 0) {
        return Vec::new();
    }
    named_requests(shape).into_iter().map(|(name, request)| cost(name, &request, shape, dtype, &layout)).collect()
}

/// One request of each access, in the middle of the dataset.
fn named_requests(shape: &[u64]) -> Vec<(String, Region)> {
    let middle = |region: Region, axis: usize| region.slab(axis, shape[axis] / 2, shape[axis] / 2 + 1);
    let whole = Region::whole(shape);
    let mut all =
        vec![("projection".to_owned(), middle(whole.clone(), 0)), ("sinogram".to_owned(), middle(whole.clone(), 1))];
    let first = shape.len() - 2;
    if shape.len() >= 3 {
        let (rows, columns) = (TILE.min(shape[first]), TILE.min(shape[first + 1]));
        let mut tile = (0..first).fold(whole.clone(), middle);
        for (axis, size) in [(first, rows), (first + 1, columns)] {
            tile.start[axis] = (shape[axis] - size) / 2;
            tile.count[axis] = size;
        }
        all.push((format!("roi:{rows}x{columns}"), tile));
    }
    let pixel = (first.max(1)..shape.len()).fold(whole, middle);
    all.push(("spectrum".to_owned(), pixel));
    all
}

fn cost(access: String, request: &Region, shape: &[u64], dtype: Dtype, layout: &Layout) -> AccessCost {
    let chunks = if *layout == Layout::Contiguous { 0 } else { layout.chunks_touched(request) };
    let asked = (request.elements() * dtype.size() as u64).max(1);
    let runs = request.elements() / request.count.last().copied().unwrap_or(1).max(1);
    let read = if chunks.max(runs) > MOST_WALKED {
        layout.bytes_touched(request, dtype)
    } else {
        walked(request, shape, dtype, layout)
    };
    AccessCost { access, chunks, amplification: read as f64 / asked as f64 }
}

/// Bytes that a serial read of the request alone must read.
fn walked(request: &Region, shape: &[u64], dtype: Dtype, layout: &Layout) -> u64 {
    let dataset = Dataset { name: String::new(), shape: Shape(shape.to_vec()), dtype, data: None, from: None };
    let experiment = Experiment::one_reader(dataset, layout.clone());
    let conditions = Conditions::expected(&experiment, "1.10.8", false);
    predict_requests(&experiment, std::slice::from_ref(request), &conditions).bytes_to_read
}
