//! How large a lesson's dataset may be on this machine.

use crate::dataset::{Dtype, Shape};

/// The shape, or one with fewer columns (of a stack of images: fewer images) that takes at most `room` bytes.
///
/// It is halved until it fits, and has at least one column or image left.
pub fn fit(shape: &Shape, dtype: Dtype, room: u64) -> Shape {
    let mut axes = shape.0.clone();
    let axis = if axes.len() > 2 { 0 } else { axes.len() - 1 };
    let bytes = |axes: &[u64]| axes.iter().fold(dtype.size() as u64, |product, &n| product.saturating_mul(n));
    while axes[axis] > 1 && bytes(&axes) > room {
        axes[axis] /= 2;
    }
    Shape(axes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rows_stay_and_images_stay_whole() {
        let fitted = |axes: &[u64], room| fit(&Shape(axes.to_vec()), Dtype::F32, room).0;
        assert_eq!(fitted(&[128, 100_000], 1 << 30), [128, 100_000]);
        assert_eq!(fitted(&[128, 100_000], 128 * 30_000 * 4), [128, 25_000]);
        assert_eq!(fitted(&[10, 768, 1366], 21 << 20), [5, 768, 1366]);
        assert_eq!(fitted(&[128, 100_000], 0), [128, 1]);
    }

    proptest! {
        #[test]
        fn what_is_fitted_fits_and_is_no_smaller_than_need_be(
            axes in prop::collection::vec(1u64..1000, 1..4), room in 1u64..1_000_000,
        ) {
            let shape = Shape(axes.clone());
            let fitted = fit(&shape, Dtype::U16, room);
            let bytes = |s: &Shape| s.0.iter().product::<u64>() * 2;
            let axis = if axes.len() > 2 { 0 } else { axes.len() - 1 };
            prop_assert!(bytes(&fitted) <= room || fitted.0[axis] == 1);
            if fitted != shape {
                let mut twice = fitted.clone();
                twice.0[axis] = twice.0[axis] * 2 + 1;
                prop_assert!(bytes(&twice) > room);
            }
        }
    }
}
