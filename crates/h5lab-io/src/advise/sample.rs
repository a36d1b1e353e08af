//! A sample of the data: blocks spread over the dataset, joined to a smaller one of the same number of axes.

use crate::h5::{self, transfer};
use crate::values;
use h5lab_core::dataset::{Dataset, Shape, SourceFile};
use h5lab_core::failure::Result;
use h5lab_core::layout::Layout;
use h5lab_core::region::Region;
use h5lab_core::tunables::Tunables;
use std::path::Path;

/// A staged sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The dataset that experiments write: its values come from the staged file.
    pub dataset: Dataset,
    /// Its share of the whole dataset.
    pub share: f64,
}

/// The shape of a sample of at most `most` bytes: the last axis stays whole as long as it can, the others shrink alike,
/// but to no less than 32.
pub fn shape_of_sample(shape: &[u64], element: u64, most: u64) -> Vec<u64> {
    const LEAST: u64 = 32;
    let mut sample = shape.to_vec();
    let bytes = |shape: &[u64]| shape.iter().product::<u64>().saturating_mul(element);
    while bytes(&sample) > most {
        let outer = 0..sample.len() - 1;
        // The axis that has kept most of itself.
        let kept = |axis: usize| sample[axis] as f64 / shape[axis] as f64;
        let next = outer.filter(|&axis| sample[axis] > LEAST).max_by(|&a, &b| kept(a).total_cmp(&kept(b)));
        let axis = next.or_else(|| (sample[sample.len() - 1] > LEAST).then_some(sample.len() - 1));
        let axis = axis.or_else(|| (0..sample.len()).max_by_key(|&axis| sample[axis])).expect("a dataset has axes");
        if sample[axis] <= 1 {
            break;
        }
        sample[axis] = (sample[axis] * 7 / 8).max(1);
    }
    sample
}

/// Bytes that are moved at once.
const STEP: u64 = 8 << 20;

/// Copies a sample of this shape of a dataset that has this layout into a new contiguous file: along axis 0 in blocks that
/// are evenly spread, along the others from the middle.
///
/// # Errors
/// Those of the source and of the new file.
pub fn stage(whole: &Dataset, layout: &Layout, shape: &[u64], file: &Path) -> Result<Sample> {
    let staged = Dataset { shape: Shape(shape.to_vec()), name: "data".into(), data: None, from: None, ..whole.clone() };
    let mut source = values::of(whole)?.expect("the dataset that a sample is taken of has values");
    let fail = |e: hdf5_metno::Error| h5::failure(&e, "stage a sample", file);
    {
        let out = h5::open(file, h5::Mode::Create, None)?;
        let target = h5::dataset::create(&out, &staged, &Layout::Contiguous, &Tunables::default(), file)?;
        let transfer = transfer::Transfer::new(transfer::Mode::Independent).map_err(fail)?;
        let element = whole.dtype.size() as u64;
        let mut buffer = Vec::new();
        let step = step_of(layout, &whole.shape.0, element);
        for (from, to) in pieces(&whole.shape.0, shape, blocks_of(layout, shape)) {
            for theirs in boxes(&from, &step) {
                let start = (0..shape.len()).map(|d| to.start[d] + theirs.start[d] - from.start[d]).collect();
                let ours = Region::new(start, theirs.count.clone());
                buffer.resize((ours.elements() * element) as usize, 0);
                source.fill(&theirs, &mut buffer)?;
                transfer.write(&target, whole.dtype, &ours, &buffer).map_err(fail)?;
            }
        }
        h5::close_dataset(target, file)?;
        out.close().map_err(fail)?;
    }
    let from = SourceFile { file: file.to_owned(), dataset: "data".into() };
    let share = staged.bytes() as f64 / whole.bytes().max(1) as f64;
    Ok(Sample { dataset: Dataset { from: Some(from), ..staged }, share })
}

/// Blocks that a sample is made of: four, unless chunks are so deep that all would be read for each of them.
fn blocks_of(layout: &Layout, sample: &[u64]) -> u64 {
    const BLOCKS: u64 = 4;
    match layout {
        Layout::Chunked { chunk, .. } if chunk[0] * BLOCKS > sample[0] => 1,
        _ => BLOCKS,
    }
}

/// The box in which the source is read: whole chunks, so that each is decoded once, of about [`STEP`] bytes.
fn step_of(layout: &Layout, shape: &[u64], element: u64) -> Vec<u64> {
    let mut step = match layout {
        Layout::Contiguous => vec![1; shape.len()],
        Layout::Chunked { chunk, .. } => chunk.clone(),
    };
    for axis in (0..shape.len()).rev() {
        let bytes = step.iter().product::<u64>() * element;
        let times = (STEP / bytes.max(1)).clamp(1, shape[axis].div_ceil(step[axis]));
        step[axis] *= times;
    }
    step
}

/// A region, cut along the grid of boxes of this size.
fn boxes(region: &Region, size: &[u64]) -> Vec<Region> {
    let mut all = vec![region.clone()];
    for (axis, &size) in size.iter().enumerate() {
        let cut = |part: Region| {
            let (from, to) = (part.start[axis], part.start[axis] + part.count[axis]);
            let slab = move |k: u64| part.slab(axis, (k * size).max(from) - from, ((k + 1) * size).min(to) - from);
            (from / size..to.div_ceil(size)).map(slab)
        };
        all = all.into_iter().flat_map(cut).collect();
    }
    all
}

/// Regions of the whole, and where they stand in the sample.
fn pieces(whole: &[u64], sample: &[u64], blocks: u64) -> Vec<(Region, Region)> {
    let blocks = blocks.clamp(1, sample[0]);
    let middle: Vec<u64> = whole.iter().zip(sample).map(|(n, s)| (n - s) / 2).collect();
    let block = |k: u64| {
        let (from, to) = (sample[0] * k / blocks, sample[0] * (k + 1) / blocks);
        let mut ours = Region::whole(sample).slab(0, from, to);
        let spread = (whole[0] - sample[0]) * k / (blocks - 1).max(1);
        let at = from + if blocks == 1 { middle[0] } else { spread };
        let mut theirs = Region::new(middle.clone(), ours.count.clone());
        theirs.start[0] = at;
        ours.count[0] = to - from;
        (theirs, ours)
    };
    (0..blocks).map(block).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use h5lab_core::dataset::Dtype;
    use h5lab_core::generate::{Data, DataKind};
    use proptest::prelude::*;

    #[test]
    fn a_sample_keeps_the_last_axis_and_stays_small() {
        assert_eq!(shape_of_sample(&[10, 20, 30], 2, 1 << 20), [10, 20, 30]);
        let sample = shape_of_sample(&[1801, 2160, 2560], 2, 128 << 20);
        assert_eq!(sample[2], 2560);
        let ratio = sample[0] as f64 / 1801.0 / (sample[1] as f64 / 2160.0);
        assert!((0.8..1.25).contains(&ratio), "{sample:?}");
    }

    proptest! {
        #[test]
        fn a_sample_is_never_too_large_nor_empty(shape in prop::collection::vec(1u64..5000, 2..5), most in 1000u64..1_000_000) {
            let sample = shape_of_sample(&shape, 4, most);
            prop_assert!(sample.iter().product::<u64>() * 4 <= most);
            prop_assert!(sample.iter().zip(&shape).all(|(s, n)| *s >= 1 && s <= n));
        }

        #[test]
        fn boxes_cover_a_region_once(
            start in prop::collection::vec(0u64..20, 3), count in prop::collection::vec(1u64..20, 3), size in prop::collection::vec(1u64..9, 3),
        ) {
            let region = Region::new(start, count);
            let boxes = boxes(&region, &size);
            prop_assert_eq!(boxes.iter().map(Region::elements).sum::<u64>(), region.elements());
            for part in &boxes {
                let inside = part.intersect(&region);
                prop_assert_eq!(inside.as_ref(), Some(part));
                prop_assert!((0..3).all(|d| part.start[d] / size[d] == (part.start[d] + part.count[d] - 1) / size[d]));
            }
        }

        #[test]
        fn pieces_fill_the_sample_and_lie_in_the_whole(
            whole in prop::collection::vec(1u64..50, 3), part in prop::collection::vec(0.0f64..1.0, 3), blocks in 1u64..6,
        ) {
            let sample: Vec<u64> = whole.iter().zip(&part).map(|(n, p)| ((*n as f64 * p) as u64).max(1)).collect();
            let pieces = pieces(&whole, &sample, blocks);
            prop_assert_eq!(pieces.iter().map(|(_, to)| to.elements()).sum::<u64>(), sample.iter().product::<u64>());
            for (from, to) in &pieces {
                prop_assert!(from.fits(&whole) && to.fits(&sample));
                prop_assert_eq!(&from.count, &to.count);
            }
        }
    }

    #[test]
    fn a_staged_sample_has_the_values_of_its_places() {
        let folder = tempfile::tempdir_in(".").unwrap();
        let whole = Dataset {
            name: "x".into(),
            shape: Shape(vec![20, 6, 5]),
            dtype: Dtype::U32,
            data: Some(Data { kind: DataKind::Ramp, seed: 1, stamp_ranks: None }),
            from: None,
        };
        let sample = stage(&whole, &Layout::Contiguous, &[8, 4, 5], &folder.path().join("sample.h5")).unwrap();
        let mut found = vec![0u8; 8 * 4 * 5 * 4];
        values::of(&sample.dataset).unwrap().unwrap().fill(&Region::whole(&[8, 4, 5]), &mut found).unwrap();
        let found: Vec<u32> = found.chunks(4).map(|b| u32::from_ne_bytes(b.try_into().unwrap())).collect();
        let expected = |i: u32, j: u32, k: u32| {
            // Four blocks of two images: 0, 4, 8 and 12 further on.
            let i = i + i / 2 * 4;
            (i * 6 + j + 1) * 5 + k
        };
        let all = (0..8).flat_map(|i| (0..4).flat_map(move |j| (0..5).map(move |k| expected(i, j, k))));
        assert_eq!(found, all.collect::<Vec<_>>());
    }
}
