//! Writes a stack of images through filters with all cores, past HDF5's lock, and reads tiles of it back.
//!
//! ```text
//! cargo build --release -p h5lab-io --examples
//! target/release/examples/direct
//! h5ls -v stack.h5          # an HDF5 file like any other
//! ```
//!
//! An argument names another file.

use h5lab_io::prelude::*;
use std::time::Instant;

fn main() -> ExitCode {
    ranks(1, |comm| {
        let path = std::env::args().nth(1).unwrap_or("stack.h5".into());
        let (images, rows, columns) = (50, 768, 1366);
        let rule = Data { kind: DataKind::Detector, seed: 1, stamp_ranks: None };
        let shape = Shape(vec![images, rows, columns]);
        let dataset =
            Dataset { name: "stack".into(), shape: shape.clone(), dtype: Dtype::U16, data: Some(rule), from: None };
        let filters = vec![Filter::Shuffle, Filter::Gzip(4)];
        let layout = Layout::Chunked { chunk: vec![1, 256, 683], filters };

        // Ten images at a time: each call is shared out over the threads, chunk by chunk.
        let seconds = create_by(Method::Direct, comm, &path, &dataset, &layout, |file| {
            let mut seconds = 0.0;
            for first in (0..images).step_by(10) {
                let region = Region::new(vec![first, 0, 0], vec![10, rows, columns]);
                let mut counts = vec![0u16; region.elements() as usize];
                rule.fill(&shape.0, Dtype::U16, &region, bytemuck::cast_slice_mut(&mut counts));
                let begun = Instant::now();
                file.write(&region, &counts)?;
                seconds += begun.elapsed().as_secs_f64();
            }
            Ok(seconds)
        })?;
        println!("wrote {:.0} MB/s", dataset.bytes() as f64 / 1e6 / seconds);

        // Any file with one dataset; of several, name it: Some("entry/data").
        let right = open_by(Method::Direct, comm, &path, None, |file| {
            let tile = Region::new(vec![0, 100, 200], vec![images, 128, 128]);
            let counts: Vec<u16> = file.read(&tile)?;
            file.verify(&tile, &counts)
        })?;
        println!("verified: {}", right.unwrap_or(false));
        Ok(())
    })
}
