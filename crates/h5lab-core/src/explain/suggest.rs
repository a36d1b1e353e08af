//! A chunk that would suit an access better. A hint for the next experiment, not advice that was tried.

use crate::dataset::{Dtype, Shape};

/// Chunks are kept within HDF5's default chunk cache (before 2.0).
const MOST_BYTES: u64 = 1 << 20;
/// Below this, what each chunk costs begins to count.
const FEWEST_BYTES: u64 = 256 << 10;

/// A chunk between the shape of the chunks that there are (the dataset's whole shape if there are none) and the shape of
/// the requests: thicker where requests are longer than the chunk, thinner where they are shorter, so that neither
/// direction is hopeless. At least 256 KiB where the dataset has as much, at most 1 MiB.
pub(super) fn chunk(shape: &[u64], now: Option<&[u64]>, request: &[u64], dtype: Dtype) -> Vec<u64> {
    let mut chunk = now.unwrap_or(shape).to_vec();
    let bytes = |chunk: &[u64]| chunk.iter().product::<u64>() * dtype.size() as u64;
    let (thicken, thin) = directions(&chunk, request);
    while let Some((grow, cut)) = smallest(&chunk, &thicken, request).zip(largest(&chunk, &thin)) {
        if chunk[cut] <= chunk[grow] {
            break;
        }
        chunk[cut] = chunk[cut].div_ceil(2).max(request[cut]);
        chunk[grow] = (chunk[grow] * 2).min(request[grow]);
        if chunk[cut] == request[cut] {
            break;
        }
    }
    let turned: Vec<usize> = thicken.iter().chain(&thin).copied().collect();
    let all: Vec<usize> = (0..chunk.len()).collect();
    while bytes(&chunk) > MOST_BYTES {
        let Some(axis) = largest(&chunk, &turned).or_else(|| largest(&chunk, &all)) else { break };
        chunk[axis] = chunk[axis].div_ceil(2);
    }
    while bytes(&chunk) < FEWEST_BYTES {
        let grow = |axes: &[usize]| smallest(&chunk, axes, shape);
        let Some(axis) = grow(&thicken).or_else(|| grow(&all)) else { break };
        chunk[axis] = (chunk[axis] * 2).min(shape[axis]);
    }
    chunk
}

/// `chunks that are thicker along axis 0 and thinner along axis 1, such as 8x6x1366`; `None` if it is what there is now.
pub(super) fn words(now: Option<&[u64]>, better: &[u64]) -> Option<String> {
    let name = Shape(better.to_vec());
    let Some(now) = now else { return Some(format!("chunks, such as {name}")) };
    let axes = |test: fn(&u64, &u64) -> bool| -> Option<String> {
        let found: Vec<String> = (0..now.len()).filter(|&d| test(&better[d], &now[d])).map(|d| d.to_string()).collect();
        (!found.is_empty()).then(|| format!("ax{} {}", if found.len() == 1 { "is" } else { "es" }, found.join(", ")))
    };
    let turns = [("thicker", axes(|a, b| a > b)), ("thinner", axes(|a, b| a < b))];
    let turns: Vec<String> =
        turns.into_iter().filter_map(|(turn, axes)| axes.map(|axes| format!("{turn} along {axes}"))).collect();
    (!turns.is_empty()).then(|| format!("chunks that are {}, such as {name}", turns.join(" and ")))
}

/// The axes along which requests are longer than the chunk, and those along which they are shorter.
fn directions(chunk: &[u64], request: &[u64]) -> (Vec<usize>, Vec<usize>) {
    let axes = |test: fn(&u64, &u64) -> bool| (0..chunk.len()).filter(|&d| test(&request[d], &chunk[d])).collect();
    (axes(|r, c| r > c), axes(|r, c| r < c))
}

fn smallest(chunk: &[u64], axes: &[usize], limit: &[u64]) -> Option<usize> {
    axes.iter().copied().filter(|&d| chunk[d] < limit[d]).min_by_key(|&d| chunk[d])
}

fn largest(chunk: &[u64], axes: &[usize]) -> Option<usize> {
    axes.iter().copied().filter(|&d| chunk[d] > 1).max_by_key(|&d| chunk[d])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn image_chunks_become_bricks_for_sinograms() {
        let (shape, now) = ([1000, 768, 1366], [1, 768, 1366]);
        let words = |request: &[u64]| words(Some(&now), &chunk(&shape, Some(&now), request, Dtype::F64));
        assert_eq!(
            words(&[1000, 1, 1366]).unwrap(),
            "chunks that are thicker along axis 0 and thinner along axis 1, such as 8x6x1366"
        );
        assert!(
            words(&[1000, 1, 1])
                .unwrap()
                .starts_with("chunks that are thicker along axis 0 and thinner along axes 1, 2")
        );
    }

    #[test]
    fn a_chunk_that_suits_is_left_alone() {
        let now = [1, 512, 512];
        assert_eq!(words(Some(&now), &chunk(&[1000, 512, 512], Some(&now), &now, Dtype::U16)), None);
    }

    proptest! {
        #[test]
        fn what_is_suggested_is_a_chunk_of_a_reasonable_size(
            sizes in prop::collection::vec((1u64..3000, 0.0f64..1.0, 0.0f64..1.0), 1..=4), has_chunk: bool,
        ) {
            let shape: Vec<u64> = sizes.iter().map(|(n, ..)| *n).collect();
            let part = |share: f64, n: u64| ((share * n as f64) as u64).clamp(1, n);
            let request: Vec<u64> = sizes.iter().map(|(n, share, _)| part(*share, *n)).collect();
            let now: Vec<u64> = sizes.iter().map(|(n, _, share)| part(*share, *n)).collect();
            let chunk = chunk(&shape, has_chunk.then_some(&now[..]), &request, Dtype::U8);
            prop_assert!(chunk.iter().zip(&shape).all(|(c, n)| (1..=*n).contains(c)));
            let (bytes, all) = (chunk.iter().product::<u64>(), shape.iter().product::<u64>());
            prop_assert!(bytes <= MOST_BYTES && bytes >= FEWEST_BYTES.min(all));
        }
    }
}
