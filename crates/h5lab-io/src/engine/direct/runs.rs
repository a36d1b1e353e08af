//! Runs: what is contiguous in two arrays at once, so that it can be moved by one call.

/// HDF5's H5S_MAX_RANK.
const MOST_AXES: usize = 32;

/// A box in an array: where it begins, and the array's shape. Both in elements, in C order.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) start: &'a [u64],
    pub(super) shape: &'a [u64],
}

impl At<'_> {
    /// Offset of the box's first element.
    fn first(&self) -> u64 {
        self.start.iter().zip(self.shape).fold(0, |at, (start, n)| at * n + start)
    }
}

/// Calls `visit` with the offset in `a`, the offset in `b` and the length, all in bytes, of each run of a box of `count`
/// elements that lies in both. In C order; stops at the first failure.
pub(super) fn for_each<E>(
    count: &[u64],
    a: At<'_>,
    b: At<'_>,
    element: usize,
    mut visit: impl FnMut(u64, u64, u64) -> Result<(), E>,
) -> Result<(), E> {
    let (axes, element) = (count.len(), element as u64);
    assert!(axes <= MOST_AXES, "{axes} axes");
    if count.contains(&0) {
        return Ok(());
    }
    // The innermost axes that are whole in both arrays, and one more, make a run.
    let (mut length, mut outer) = (element, axes);
    while outer > 0 {
        outer -= 1;
        length *= count[outer];
        if count[outer] != a.shape[outer] || count[outer] != b.shape[outer] {
            break;
        }
    }
    let strides = |shape: &[u64]| {
        let mut strides = [element; MOST_AXES];
        for axis in (0..axes.saturating_sub(1)).rev() {
            strides[axis] = strides[axis + 1] * shape[axis + 1];
        }
        strides
    };
    let (step_a, step_b) = (strides(a.shape), strides(b.shape));
    let (mut at_a, mut at_b) = (a.first() * element, b.first() * element);
    let mut index = [0u64; MOST_AXES];
    loop {
        visit(at_a, at_b, length)?;
        let mut axis = outer;
        loop {
            if axis == 0 {
                return Ok(());
            }
            axis -= 1;
            index[axis] += 1;
            if index[axis] < count[axis] {
                at_a += step_a[axis];
                at_b += step_b[axis];
                break;
            }
            at_a -= step_a[axis] * (count[axis] - 1);
            at_b -= step_b[axis] * (count[axis] - 1);
            index[axis] = 0;
        }
    }
}

/// Where a box begins in an array, in bytes, if it is one run there.
pub(super) fn one(count: &[u64], at: At<'_>, element: usize) -> Option<usize> {
    let outer = count.iter().position(|&n| n != 1).map_or(count.len(), |axis| axis + 1).min(count.len());
    (count[outer..] == at.shape[outer..]).then(|| at.first() as usize * element)
}

/// Copies a box from one array to another.
pub(super) fn copy(count: &[u64], (from, a): (&[u8], At<'_>), (to, b): (&mut [u8], At<'_>), element: usize) {
    let copied: Result<(), std::convert::Infallible> = for_each(count, a, b, element, |at_a, at_b, length| {
        let (at_a, at_b, length) = (at_a as usize, at_b as usize, length as usize);
        to[at_b..at_b + length].copy_from_slice(&from[at_a..at_a + length]);
        Ok(())
    });
    let Ok(()) = copied;
}

/// Fills an array with copies of one element.
pub(super) fn fill(array: &mut [u8], element: &[u8]) {
    if element.iter().all(|&byte| byte == element[0]) {
        array.fill(element[0]);
    } else {
        array.chunks_exact_mut(element.len()).for_each(|one| one.copy_from_slice(element));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use h5lab_core::region::{Region, strides};
    use proptest::prelude::*;

    fn index(region: &Region, shape: &[u64]) -> Vec<u64> {
        let steps = strides(shape);
        region.split(1).map(|one| one.start.iter().zip(&steps).map(|(i, k)| i * k).sum()).collect()
    }

    proptest! {
        #[test]
        fn each_element_is_copied_to_its_place(
            axes in prop::collection::vec((1u64..5, 0u64..3, 0u64..3, 0u64..3, 0u64..3), 0..=4), element in 1usize..=3,
        ) {
            let pick = |f: fn(&(u64, u64, u64, u64, u64)) -> u64| axes.iter().map(f).collect::<Vec<u64>>();
            let count = pick(|a| a.0);
            let (start_a, shape_a) = (pick(|a| a.1), pick(|a| a.1 + a.0 + a.2));
            let (start_b, shape_b) = (pick(|a| a.3), pick(|a| a.3 + a.0 + a.4));
            let bytes = |shape: &[u64]| shape.iter().product::<u64>() as usize * element;
            let from: Vec<u8> = (0..bytes(&shape_a)).map(|i| (i % 251) as u8).collect();
            let mut to = vec![255u8; bytes(&shape_b)];
            let (a, b) = (At { start: &start_a, shape: &shape_a }, At { start: &start_b, shape: &shape_b });
            copy(&count, (&from, a), (&mut to, b), element);
            let mut expected = vec![255u8; to.len()];
            let all_a = index(&Region::new(start_a.clone(), count.clone()), &shape_a);
            let all_b = index(&Region::new(start_b.clone(), count.clone()), &shape_b);
            for (a, b) in all_a.iter().zip(&all_b) {
                let (a, b) = (*a as usize * element, *b as usize * element);
                expected[b..b + element].copy_from_slice(&from[a..a + element]);
            }
            prop_assert_eq!(to, expected);
        }
    }

    #[test]
    fn whole_axes_make_one_run() {
        let whole = At { start: &[0, 0, 0], shape: &[4, 5, 6] };
        let mut runs = Vec::new();
        let seen: Result<(), ()> = for_each(&[2, 5, 6], whole, whole, 2, |a, b, n| {
            runs.push((a, b, n));
            Ok(())
        });
        seen.unwrap();
        assert_eq!(runs, [(0, 0, 120)]);
    }

    #[test]
    fn one_run_is_known() {
        let at = |start: &'static [u64]| At { start, shape: &[4, 5, 6] };
        assert_eq!(one(&[1, 5, 6], at(&[2, 0, 0]), 2), Some(120));
        assert_eq!(one(&[1, 2, 6], at(&[2, 1, 0]), 1), Some(66));
        assert_eq!(one(&[1, 1, 3], at(&[0, 0, 2]), 1), Some(2));
        assert_eq!(one(&[1, 1, 1], at(&[3, 4, 5]), 1), Some(119));
        assert_eq!(one(&[2, 2, 6], at(&[2, 1, 0]), 1), None);
        assert_eq!(one(&[1, 2, 3], at(&[2, 1, 0]), 1), None);
        assert_eq!(one(&[], At { start: &[], shape: &[] }, 8), Some(0));
    }
}
