//! What a dataset of any kind is, and how it is stored.

use crate::h5::dataset::dtype_of;
use crate::h5::{datatype, storage};
use h5lab_core::inspect::{DatasetFacts, Stored, costs};
use hdf5_metno as hdf5;
use std::path::Path;

/// Everything about a dataset but its values and attributes.
pub fn facts(dataset: &hdf5::Dataset, beside: &Path) -> hdf5::Result<DatasetFacts> {
    let kind = dataset.dtype()?;
    let element = datatype::describe(&kind)?;
    let dataspace = dataset.space()?;
    let space = storage::space(&dataspace)?;
    let shape = space.shape().unwrap_or_default().to_vec();
    let creation = storage::Creation::of(dataset)?;
    let layout = creation.layout(shape.len(), beside)?;
    let filters = storage::filters(dataset)?;
    let chunks = match &layout {
        Stored::Chunked { chunk } => Some(storage::chunks(dataset, &shape, chunk, element.bytes, filters.len())),
        _ => None,
    };
    let elements = space.shape().map(|shape| shape.iter().try_fold(1u64, |all, &n| all.checked_mul(n)));
    let logical_bytes = elements.map_or(Some(0), |elements| elements?.checked_mul(element.bytes));
    let most: Vec<Option<u64>> = dataspace.maxdims().into_iter().map(|most| most.map(|n| n as u64)).collect();
    let fixed = most.iter().zip(&shape).all(|(most, n)| *most == Some(*n));
    let mut facts = DatasetFacts {
        space,
        most: if fixed { Vec::new() } else { most },
        dtype: kind.to_descriptor().ok().as_ref().and_then(dtype_of),
        element: element.words,
        element_bytes: element.bytes,
        in_heap: element.in_heap,
        layout,
        filters,
        stored_bytes: storage::stored_bytes(dataset),
        logical_bytes,
        chunks,
        accesses: Vec::new(),
    };
    facts.accesses = costs(&facts);
    Ok(facts)
}
