//! How fast one core codes chunks of detector counts:
//! `cargo run --release -p h5lab-io --example codec_speed [--count N] [FILTERS ...]`.
//! `--images FILE` saves the images instead, for a peer.
//!
//! A chunk is an image of u16; they are decoded two at a time, each to a place of its own. Each line is the median of several
//! passes over images that were made before: 8, which a processor's cache may hold, or `--count`. GB/s are 10^9 bytes of the
//! dataset a second; the ratio is logical over stored bytes.

use h5lab_core::dataset::Dtype;
use h5lab_core::filter::Filter;
use h5lab_core::generate::{Data, DataKind};
use h5lab_core::region::Region;
use h5lab_io::buffer::Buffer;
use h5lab_io::filter::{Pipeline, Scratch};
use std::time::Instant;

const COUNT: u64 = 8;
const IMAGE: [u64; 2] = [768, 1366];
const PASSES: usize = 7;
const PIPELINES: &[&str] = &[
    "shuffle",
    "fletcher32",
    "bitshuffle",
    "gzip=1",
    "shuffle+gzip=1",
    "shuffle+gzip=4",
    "shuffle+gzip=6",
    "shuffle+gzip=9",
    "shuffle+lzf",
    "shuffle+lz4",
    "shuffle+zstd=3",
    "bitshuffle-lz4",
    "bitshuffle-zstd=3",
];

fn main() {
    let mut asked: Vec<String> = std::env::args().skip(1).collect();
    if let [option, path] = &asked[..]
        && option == "--images"
    {
        let mut images = images(COUNT);
        return std::fs::write(path, bytes_of(&mut images)).unwrap_or_else(|error| panic!("{path}: {error}"));
    }
    let mut count: u64 = COUNT;
    if asked.first().is_some_and(|option| option == "--count") {
        let even = |n: &u64| *n > 0 && n.is_multiple_of(2);
        count =
            asked.get(1).and_then(|text| text.parse().ok()).filter(even).expect("--count: an even number of images");
        asked.drain(..2);
    }
    let mut images = images(count);
    let pipelines = if asked.is_empty() { PIPELINES.iter().map(|text| text.to_string()).collect() } else { asked };
    println!("{:<24} {:>11} {:>11} {:>7}", "filters", "encode GB/s", "decode GB/s", "ratio");
    for text in pipelines {
        let filters = text.split('+').map(|name| name.parse().unwrap_or_else(|failure| panic!("{failure}")));
        print_speed(&text, &filters.collect::<Vec<Filter>>(), bytes_of(&mut images));
    }
}

/// In memory as transfers have it.
fn images(count: u64) -> Buffer {
    let data = Data { kind: DataKind::Detector, seed: 1, stamp_ranks: None };
    let shape = [count, IMAGE[0], IMAGE[1]];
    let mut images = Buffer::touched(2 * shape.iter().product::<u64>() as usize);
    data.fill(&shape, Dtype::U16, &Region::whole(&shape), bytes_of(&mut images));
    images
}

fn bytes_of(buffer: &mut Buffer) -> &mut [u8] {
    buffer.bytes_mut(buffer.len())
}

fn print_speed(text: &str, filters: &[Filter], images: &[u8]) {
    let chunk = 2 * IMAGE.iter().product::<u64>() as usize;
    let pipeline = Pipeline::new(filters, 2, chunk).unwrap_or_else(|error| panic!("{error}"));
    let mut scratch = Scratch::default();
    let stored: Vec<(Vec<u8>, u32)> = images
        .chunks(chunk)
        .map(|raw| {
            pipeline.encode(raw, &mut scratch).map(|stored| (stored.bytes.to_vec(), stored.mask)).expect("encodes")
        })
        .collect();
    let mut again = Buffer::touched(images.len());
    let again = bytes_of(&mut again);
    let mut second = Scratch::default();
    let encode = median_seconds(|| {
        for raw in images.chunks(chunk) {
            std::hint::black_box(pipeline.encode(raw, &mut scratch).expect("encodes"));
        }
    });
    let decode = median_seconds(|| {
        for (two, place) in stored.as_chunks::<2>().0.iter().zip(again.chunks_exact_mut(2 * chunk)) {
            let (to_first, to_second) = place.split_at_mut(chunk);
            let two = two.each_ref().map(|(bytes, mask)| (&bytes[..], *mask));
            let decoded = pipeline.decode_two(two, [to_first, to_second], [&mut scratch, &mut second]);
            decoded.into_iter().for_each(|decoded| decoded.expect("decodes"));
        }
    });
    assert!(again == images, "{text}: other values");
    let (bytes, packed) = (images.len() as f64, stored.iter().map(|(bytes, _)| bytes.len()).sum::<usize>() as f64);
    println!("{text:<24} {:>11.3} {:>11.3} {:>7.3}", bytes / encode / 1e9, bytes / decode / 1e9, bytes / packed);
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
