//! How fast one thread makes and verifies test data: `cargo run --release -p h5lab-core --example generator_speed`.
//!
//! Each line is the median of several passes over a buffer that was touched before. GB/s are 10^9 bytes of the
//! dataset a second.

use h5lab_core::dataset::Dtype;
use h5lab_core::generate::{Data, DataKind};
use h5lab_core::region::Region;
use std::time::Instant;

const BUFFER: u64 = 16 << 20;
const PASSES: usize = 9;

/// What is asked of a generator: a dataset, and how much of each of its rows.
struct Case {
    label: &'static str,
    shape: Vec<u64>,
    width: u64,
}

fn main() {
    println!(
        "{:<9} {:<5} {:<16} {:>9} {:>11} {:>14}",
        "kind", "type", "region", "fill GB/s", "verify GB/s", "fill Melem/s"
    );
    for kind in DataKind::ALL {
        let data = Data { kind, seed: 42, stamp_ranks: None };
        for dtype in [Dtype::F32, Dtype::F64, Dtype::U16] {
            print_speed(&data, dtype, &images("whole images", dtype));
            print_speed(&Data { stamp_ranks: Some(2), ..data }, dtype, &images("stamped images", dtype));
        }
        for (label, width) in [("runs of 100", 100), ("runs of 7", 7), ("runs of 1", 1)] {
            let shape = vec![BUFFER / Dtype::F32.size() as u64 / width, 3 * width];
            print_speed(&data, Dtype::F32, &Case { label, shape, width });
        }
    }
}

/// Whole images, as many as just exceed the buffer's size.
fn images(label: &'static str, dtype: Dtype) -> Case {
    let (height, width) = (768, 1366);
    let images = (BUFFER / dtype.size() as u64).div_ceil(height * width);
    Case { label, shape: vec![images, height, width], width }
}

/// Times fill and verify over the last elements of each row.
fn print_speed(data: &Data, dtype: Dtype, case: &Case) {
    let mut region = Region::whole(&case.shape);
    let last = case.shape.len() - 1;
    region.start[last] = case.shape[last] - case.width;
    region.count[last] = case.width;
    let bytes = region.elements() as usize * dtype.size();
    let mut buffer = vec![1u64; bytes.div_ceil(8)];
    let buffer = &mut bytemuck::cast_slice_mut(&mut buffer)[..bytes];
    let fill = median_seconds(|| data.fill(&case.shape, dtype, &region, buffer));
    let verify = median_seconds(|| assert_eq!(data.verify(&case.shape, dtype, &region, buffer), Ok(())));
    println!(
        "{:<9} {dtype:<5} {:<16} {:>9.2} {:>11.2} {:>14.0}",
        data.kind,
        case.label,
        bytes as f64 / fill / 1e9,
        bytes as f64 / verify / 1e9,
        region.elements() as f64 / fill / 1e6
    );
}

fn median_seconds(mut pass: impl FnMut()) -> f64 {
    let mut seconds: Vec<f64> = (0..PASSES)
        .map(|_| {
            let start = Instant::now();
            pass();
            start.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds[PASSES / 2]
}
