//! A small stack of detector images in three layouts: what a tile of every image costs to read from each.
//!
//! ```text
//! cargo run --release -p h5lab-io --example chunking
//! ```
//!
//! One process; the files stay, for `h5ls -v` and h5py to look at. An argument names their folder.

use h5lab_io::prelude::*;
use std::path::PathBuf;
use std::time::Instant;

fn main() -> ExitCode {
    ranks(1, |comm| if comm.rank() == 0 { compare() } else { Ok(()) })
}

fn compare() -> Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or(".".into()));
    let shape = vec![20, 512, 512]; // images, rows, columns
    let rule = Data { kind: DataKind::Detector, seed: 1, stamp_ranks: None };
    let stack =
        Dataset { name: "stack".into(), shape: Shape(shape.clone()), dtype: Dtype::U16, data: Some(rule), from: None };
    let chunked = |filters| Layout::Chunked { chunk: vec![1, 128, 128], filters };

    println!("{:12} {:>10} {:>10} {:>10}", "layout", "write s", "tiles s", "file MB");
    for (name, layout) in [
        ("contiguous", Layout::Contiguous),
        ("chunked", chunked(vec![])),
        ("gzip", chunked(vec![Filter::Shuffle, Filter::Gzip(4)])),
    ] {
        let path = folder.join(format!("stack-{name}.h5"));

        // Image by image, as a detector writes. Only one image is in memory. Making it is not timed.
        let mut image = vec![0u16; (shape[1] * shape[2]) as usize];
        let write = create(&Solo, &path, &stack, &layout, |file| {
            let mut seconds = 0.0;
            for i in 0..shape[0] {
                let whole = Region::whole(&shape).slab(0, i, i + 1); // [i, :, :]
                rule.fill(&shape, Dtype::U16, &whole, bytemuck::cast_slice_mut(&mut image));
                let begun = Instant::now();
                file.write(&whole, &image)?;
                seconds += begun.elapsed().as_secs_f64();
            }
            Ok(seconds)
        })?;

        // The corner tile of every image, [i, 0:128, 0:128]. The file is in the page cache: these are warm reads.
        let begun = Instant::now();
        open(&Solo, &path, |file| {
            (0..shape[0]).try_for_each(|i| file.read::<u16>(&Region::new(vec![i, 0, 0], vec![1, 128, 128])).map(drop))
        })?;
        let tiles = begun.elapsed().as_secs_f64();
        let megabytes = std::fs::metadata(&path).map_or(0.0, |m| m.len() as f64 / 1e6);
        println!("{name:12} {write:10.4} {tiles:10.4} {megabytes:10.2}");
    }
    Ok(())
}
