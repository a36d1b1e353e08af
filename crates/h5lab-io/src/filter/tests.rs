//! Every codec and pipeline: there and back, in every size of element and chunk; and what damaged chunks do.

use super::scratch::Tools;
use super::shuffle::{shuffle, unshuffle};
use super::*;
use h5lab_core::filter::Filter;
use proptest::prelude::*;

/// Pipelines as users write them; `element` is what they are made for.
const PIPELINES: &[&str] = &[
    "shuffle",
    "gzip=0",
    "gzip=4",
    "shuffle+gzip=9",
    "fletcher32",
    "shuffle+gzip=1+fletcher32",
    "lzf",
    "shuffle+lzf+fletcher32",
    "lz4",
    "shuffle+lz4",
    "zstd",
    "shuffle+zstd=9",
    "bitshuffle",
    "bitshuffle+lz4",
    "bitshuffle-lz4",
    "bitshuffle-zstd",
    "bitshuffle-lz4+fletcher32",
];

fn filters(text: &str) -> Vec<Filter> {
    text.split('+').map(|name| name.parse().unwrap()).collect()
}

fn pipeline(text: &str, element: usize, bytes: usize) -> Pipeline {
    Pipeline::new(&filters(text), element, bytes).unwrap()
}

/// Counts with little in the upper bytes, as detectors have, and a stretch of noise.
fn counts(bytes: usize, element: usize) -> Vec<u8> {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 56) as u8
    };
    (0..bytes).map(|at| if at % element == 0 || at % 1000 < 50 { next() & 15 } else { 0 }).collect()
}

/// A chunk is decoded beside another as it is alone; also beside one that has other filters, or ends too early.
fn check_twos(pipeline: &Pipeline, (bytes, mask): (&[u8], u32), raw: &[u8]) {
    let mut scratches = [Scratch::default(), Scratch::default()];
    for (other, other_mask) in [(bytes, mask), (raw, u32::MAX), (&bytes[..bytes.len() - 1], mask)] {
        let expected =
            pipeline.decode(other, other_mask, &mut vec![0; raw.len()], &mut scratches[0]).map_err(|e| e.to_string());
        for whole_first in [true, false] {
            let mut both = [vec![0xAA; raw.len()], vec![0xAA; raw.len()]];
            let stored = [(bytes, mask), (other, other_mask)];
            let stored = if whole_first { stored } else { [stored[1], stored[0]] };
            let rooms = both.each_mut().map(|raw| &mut raw[..]);
            let decoded = pipeline.decode_two(stored, rooms, scratches.each_mut());
            let [whole, rest] = if whole_first { [0, 1] } else { [1, 0] };
            assert!(decoded[whole].is_ok() && both[whole] == raw, "{pipeline:?}");
            assert_eq!(
                decoded[rest].as_ref().map(|_| ()).map_err(|e| e.to_string()),
                expected.as_ref().map(|_| ()).map_err(Clone::clone),
                "{pipeline:?}"
            );
            assert!(expected.is_err() || both[rest] == raw, "{pipeline:?}");
        }
    }
}

fn check(text: &str, element: usize, raw: &[u8], scratch: &mut Scratch) {
    for pipeline in [pipeline(text, element, raw.len()), pipeline(text, element, raw.len()).if_it_pays()] {
        let stored = pipeline.encode(raw, scratch).unwrap();
        assert!(stored.bytes.len() <= pipeline.bound(), "{text}, {} bytes", raw.len());
        let (bytes, mask) = (stored.bytes.to_vec(), stored.mask);
        let mut again = vec![0xAA; raw.len()];
        pipeline.decode(&bytes, mask, &mut again, scratch).unwrap();
        assert!(again == raw, "{text}, elements of {element}, {} bytes", raw.len());
        check_twos(&pipeline, (&bytes, mask), raw);
        let mut larger = vec![0; raw.len() + 1];
        assert!(pipeline.decode(&bytes, mask, &mut larger, scratch).is_err(), "{text}: another size");
    }
}

#[test]
fn every_pipeline_goes_there_and_back() {
    let mut scratch = Scratch::default();
    for text in PIPELINES {
        for element in [1, 2, 3, 4, 8, 12] {
            // One element; less than eight; blocks with and without remainders; more than one block.
            for count in [1, 7, 8, 33, 255, 1031, 5001] {
                check(text, element, &counts(element * count, element), &mut scratch);
            }
        }
    }
}

fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 9u64;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as u8
    };
    (0..bytes).map(|_| next()).collect()
}

#[test]
fn noise_goes_there_and_back() {
    let noise = noise(10_001 * 8);
    for text in PIPELINES {
        check(text, 2, &noise[..20_002], &mut Scratch::default());
        check(text, 8, &noise, &mut Scratch::default());
    }
}

#[test]
fn what_does_not_pay_is_left_out() {
    let noise = noise(5000);
    let mut scratch = Scratch::default();
    for (text, mask, bytes) in
        [("shuffle+lz4", 0b11, 5000), ("shuffle+gzip=4+fletcher32", 0b011, 5004), ("shuffle", 1, 5000)]
    {
        let stored = pipeline(text, 2, 5000).if_it_pays();
        let stored = stored.encode(&noise, &mut scratch).unwrap();
        assert_eq!((stored.mask, stored.bytes.len()), (mask, bytes), "{text}");
    }
    // LZF has no way to store what it can't shrink.
    let stored = pipeline("shuffle+lzf", 2, 5000);
    let stored = stored.encode(&noise, &mut scratch).unwrap();
    assert_eq!((stored.mask, stored.bytes.len()), (0b10, 5000));
}

#[test]
fn a_mask_leaves_filters_out() {
    let raw = counts(4000, 4);
    let mut scratch = Scratch::default();
    let both = pipeline("shuffle+gzip=4", 4, 4000);
    let gzip = pipeline("gzip=4", 4, 4000).encode(&raw, &mut scratch).unwrap().bytes.to_vec();
    let shuffled = pipeline("shuffle", 4, 4000).encode(&raw, &mut scratch).unwrap().bytes.to_vec();
    for (stored, mask) in [(&gzip, 0b01), (&shuffled, 0b10), (&raw, 0b11)] {
        let mut again = vec![0; 4000];
        both.decode(stored, mask, &mut again, &mut scratch).unwrap();
        assert!(again == raw, "{mask:b}");
    }
}

/// From HDF5 itself: what `h5py` stores for these bytes (`read_direct_chunk`).
#[test]
fn the_checksum_is_hdf5s() {
    let sum = |raw: &[u8]| {
        let mut stored = vec![0; raw.len() + 4];
        fletcher32::Fletcher32.encode(raw, &mut stored, &mut Tools::default()).unwrap();
        stored.split_off(raw.len())
    };
    assert_eq!(sum(b"abcdefgh"), [149, 145, 235, 225]);
    assert_eq!(sum(&[0; 10]), [0; 4]);
    assert_eq!(sum(&[255; 2048]), [255; 4]);
}

#[test]
fn checksums_of_old_little_endian_machines_are_accepted() {
    let raw = counts(999, 1);
    let mut scratch = Scratch::default();
    let pipeline = pipeline("fletcher32", 1, 999);
    let mut stored = pipeline.encode(&raw, &mut scratch).unwrap().bytes.to_vec();
    stored[999..].chunks_exact_mut(2).for_each(|pair| pair.swap(0, 1));
    let mut again = vec![0; 999];
    pipeline.decode(&stored, 0, &mut again, &mut scratch).unwrap();
    stored[999] ^= 1;
    let refused = pipeline.decode(&stored, 0, &mut again, &mut scratch).unwrap_err();
    assert!(refused.to_string().contains("checksum"), "{refused}");
}

#[test]
fn filters_without_a_codec_are_refused_before_any_work() {
    let stage =
        |id, parameters: &[u32]| Stage { id, name: String::new(), optional: true, parameters: parameters.to_vec() };
    for (stage, said) in [
        (stage(4, &[141, 32, 16, 256]), "szip (filter 4)"),
        (stage(5, &[]), "nbit (filter 5)"),
        (stage(6, &[]), "scaleoffset (filter 6)"),
        (stage(32001, &[]), "blosc (filter 32001)"),
        (stage(4711, &[]), "filter 4711"),
        (stage(1, &[10]), "level 10"),
        (stage(2, &[]), "size is missing"),
        (stage(2, &[0]), "size is missing"),
        (stage(32004, &[u32::MAX]), "blocks of"),
        (stage(32008, &[0, 4]), "size is missing"),
        (stage(32008, &[0, 4, 2, 9]), "no multiple of 8"),
        (stage(32008, &[0, 4, 2, 0, 7]), "compressor 7"),
    ] {
        let refused = Pipeline::of(&[stage], 100).unwrap_err().to_string();
        assert!(refused.contains(said), "{refused}");
    }
    let many = vec![stage(3, &[]); 33];
    assert!(Pipeline::of(&many, 100).unwrap_err().to_string().contains("at most 32"));
}

#[test]
fn chunks_of_a_wrong_size_are_refused() {
    let mut scratch = Scratch::default();
    assert!(pipeline("gzip", 2, 100).encode(&[0; 99], &mut scratch).is_err());
    assert!(pipeline("bitshuffle-lz4", 3, 100).encode(&[0; 100], &mut scratch).is_err());
    assert!(pipeline("bitshuffle", 3, 100).encode(&[0; 100], &mut scratch).is_err());
}

/// Headers that say more than there can be; the second is LZ4's limit.
#[test]
fn sizes_in_headers_are_not_trusted() {
    let mut scratch = Scratch::default();
    let header = |bytes: u64, block: u32| [&bytes.to_be_bytes()[..], &block.to_be_bytes(), &[0; 40]].concat();
    for (bytes, block) in [(u64::MAX, 8192), (1 << 31, 8192), (1000, 0), (1000, u32::MAX), (0, 0), (1 << 40, u32::MAX)]
    {
        for text in ["lz4", "bitshuffle-lz4", "bitshuffle-zstd"] {
            let stored = header(bytes, block);
            let mut raw = vec![0; 1000];
            assert!(pipeline(text, 2, 1000).decode(&stored, 0, &mut raw, &mut scratch).is_err(), "{text}");
            let stage = filters(text)[0].stage(2, 1000);
            let decoded =
                Single::new(stage.id, &stage.parameters).unwrap().decode(&stored, &mut scratch).map(<[u8]>::len);
            assert!(decoded.is_err() || decoded == Ok(0), "{text}: {decoded:?}");
            // Nobody looks for the memory first.
            let told = decoded.map_err(|e| e.to_string()).err().unwrap_or_default();
            assert!(bytes < 1 << 31 || told.contains("but has only 52"), "{text}: {told}");
        }
    }
}

/// libhdf5 asks for one chunk without saying how large it is.
#[test]
fn a_filter_alone_finds_the_size_out() {
    let mut scratch = Scratch::default();
    // Zeros shrink by more than is plausible.
    for raw in [counts(70_000, 2), vec![0; 5 << 20]] {
        for text in ["lzf", "lz4", "zstd", "bitshuffle", "bitshuffle-lz4", "bitshuffle-zstd"] {
            let mut stage = filters(text)[0].stage(2, raw.len());
            if text == "lzf" {
                // As the oldest files have it.
                stage.parameters.clear();
            }
            let single = Single::new(stage.id, &stage.parameters).unwrap();
            let stored = single.encode(&raw, &mut scratch).unwrap().unwrap().to_vec();
            assert!(single.decode(&stored, &mut scratch).unwrap() == raw, "{text}");
        }
    }
}

/// The vectors do what the plain code does: it does all that they leave.
#[test]
fn vectors_shuffle_as_plain_code_does() {
    for element in [1, 2, 3, 4, 8, 16] {
        for count in [0, 1, 15, 16, 17, 48, 1000] {
            let raw: Vec<u8> = (0..element * count + element / 2).map(|i| (i * 31 % 251) as u8).collect();
            let whole = count * element;
            let mut expected = raw.clone();
            (0..whole).for_each(|at| expected[at % element * count + at / element] = raw[at]);
            let mut planes = vec![0; raw.len()];
            shuffle(&raw, &mut planes, element);
            assert!(planes == expected, "{count} elements of {element}");
            let mut again = vec![0; raw.len()];
            unshuffle(&planes, &mut again, element);
            assert!(again == raw, "{count} elements of {element}");
        }
    }
}

/// Bit `b` of byte `p` of element `i` is bit `i % 8` of byte `i / 8` of row `8 p + b`, in each block.
#[test]
fn bits_are_where_the_format_has_them() {
    for (element, count) in [(1, 8), (1, 512), (2, 2048), (2, 264), (3, 40), (4, 1024), (8, 1000)] {
        let raw = counts(element * count, 1);
        let stage =
            Stage { id: 32008, name: String::new(), optional: true, parameters: vec![0, 4, element as u32, 8192] };
        let pipeline = Pipeline::of(&[stage], raw.len()).unwrap();
        let mut scratch = Scratch::default();
        let stored = pipeline.encode(&raw, &mut scratch).unwrap().bytes.to_vec();
        let bit = |bytes: &[u8], at: usize, bit: usize| bytes[at] >> bit & 1;
        for at in 0..8 * raw.len() {
            let (i, p, b) = (at / 8 / element, at / 8 % element, at % 8);
            let row = (8 * p + b) * (count / 8);
            assert_eq!(bit(&raw, at / 8, b), bit(&stored, row + i / 8, i % 8), "{count} elements of {element}");
        }
    }
}

/// Decoding whatever it is given ends; if it says that all is well, all of the chunk was written.
fn decode_anything(text: &str, element: usize, stored: &[u8], scratch: &mut Scratch) {
    let mut raw = vec![0; element * 777];
    let _ = pipeline(text, element, raw.len()).decode(stored, 0, &mut raw, scratch);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn damaged_chunks_are_errors_or_other_values(
        text in prop::sample::select(PIPELINES), element in prop::sample::select(&[1usize, 2, 3, 8][..]),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4), cut in any::<prop::sample::Index>(),
    ) {
        let mut scratch = Scratch::default();
        let raw = counts(element * 777, element);
        let mut stored = pipeline(text, element, raw.len()).encode(&raw, &mut scratch).unwrap().bytes.to_vec();
        for (at, byte) in damage {
            let at = at.index(stored.len());
            stored[at] = byte;
        }
        decode_anything(text, element, &stored, &mut scratch);
        let left = cut.index(stored.len());
        decode_anything(text, element, &stored[..left], &mut scratch);
        // A checksum leaves no damage unseen.
        if text.ends_with("fletcher32") {
            let mut again = vec![0; raw.len()];
            let told = pipeline(text, element, raw.len()).decode(&stored, 0, &mut again, &mut scratch);
            prop_assert!(told.is_err() || again == raw);
        }
    }

    #[test]
    fn noise_is_no_chunk(text in prop::sample::select(PIPELINES), stored in prop::collection::vec(any::<u8>(), 0..300)) {
        decode_anything(text, 2, &stored, &mut Scratch::default());
    }
}
