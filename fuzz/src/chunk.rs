//! What is done with an input that a fuzzer found: the same in the fuzz targets and in the test that runs the corpus.

use h5lab_core::filter::Filter;
use h5lab_io::filter::{Pipeline, Scratch, Single};

/// An input is the bytes of an element, the elements of a chunk (two bytes, little-endian), a filter mask, and what is
/// stored. Decoding it must end, whatever it is, and alike alone and beside another chunk; what is encoded must come back.
///
/// # Panics
/// If what was encoded does not come back, or a chunk is another one beside another.
pub fn check(filters: &str, input: &[u8]) {
    let &[element, low, high, mask, ref stored @ ..] = input else { return };
    let element = usize::from(element).max(1);
    let bytes = element * usize::from(u16::from_le_bytes([low, high]));
    let filters: Vec<Filter> = filters.split('+').map(|name| name.parse().expect("a filter")).collect();
    let mut scratch = Scratch::default();
    decode(&filters, element, bytes, mask.into(), stored, &mut scratch);
    let whole = stored.len() / element * element;
    there_and_back(&filters, element, &stored[..whole], &mut scratch);
}

fn decode(filters: &[Filter], element: usize, bytes: usize, mask: u32, stored: &[u8], scratch: &mut Scratch) {
    let pipeline = Pipeline::new(filters, element, bytes).expect("h5lab's own filters");
    let mut raw = vec![0; bytes];
    let _ = pipeline.decode(stored, mask, &mut raw, scratch);
    let alone = pipeline.decode(stored, 0, &mut raw, scratch).is_ok();
    // Beside itself, and beside what is left of it where it ends too early.
    for other in [stored, &stored[..stored.len() / 2]] {
        let mut both = [vec![0; bytes], vec![0; bytes]];
        let rooms = both.each_mut().map(|raw| &mut raw[..]);
        let [decoded, _] = pipeline.decode_two([(stored, 0), (other, 0)], rooms, [scratch, &mut Scratch::default()]);
        assert!(decoded.is_ok() == alone && (!alone || both[0] == raw), "another chunk beside another");
    }
    for filter in filters {
        let stage = filter.stage(element, bytes);
        let single = Single::new(stage.id, &stage.parameters).expect("h5lab's own filters");
        let _ = single.decode(stored, scratch);
    }
}

fn there_and_back(filters: &[Filter], element: usize, raw: &[u8], scratch: &mut Scratch) {
    let pipeline = Pipeline::new(filters, element, raw.len()).expect("h5lab's own filters");
    let stored = pipeline.encode(raw, scratch).expect("whole elements");
    assert!(stored.bytes.len() <= pipeline.bound(), "larger than it can be");
    let (stored, mask) = (stored.bytes.to_vec(), stored.mask);
    let mut again = vec![0; raw.len()];
    pipeline.decode(&stored, mask, &mut again, scratch).expect("what was encoded can be decoded");
    assert!(again == raw, "other values");
}
