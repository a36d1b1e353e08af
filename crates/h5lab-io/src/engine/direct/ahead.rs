//! Asking for parts of a file before their turn, so that a device that can serve many requests at a time has many.
//!
//! A thread that reads part after part waits for each: on a cold file all that a device does is one request a thread. Parts
//! that the page cache holds need none of this; one byte of a group of parts is tried, to find out which it is.

use super::raw_file::RawFile;

/// So many parts of work are looked at together. That many to twice as many are on their way before their turn.
const GROUP: u64 = 8;

/// So many spans are asked for at once; the others wait for their turn.
const MOST: usize = 1 << 14;

/// A range of a file: its first byte, and the first behind it.
pub(super) type Span = (u64, u64);

/// No more spans are wanted: the page cache has them, or there are too many.
pub(super) struct Enough;

/// Called before part `nth` of `count` is read: has the system fetch what will be read soon, if it comes from a device.
///
/// `spans_of` hands the spans of a part over, one after another, until it is told to stop; `spans` is memory for them.
pub(super) fn look_ahead(
    file: &RawFile,
    (nth, count): (u64, u64),
    spans: &mut Vec<Span>,
    spans_of: impl Fn(u64, &mut dyn FnMut(Span) -> Result<(), Enough>) -> Result<(), Enough>,
) {
    if !nth.is_multiple_of(GROUP) {
        return;
    }
    let first = if nth == 0 { 0 } else { nth + GROUP };
    let mut parts = first..count.min(nth + 2 * GROUP);
    spans.clear();
    let mut each = |span: Span| {
        // One alone needs no asking: the system reads ahead within it by itself.
        let enough = match spans[..] {
            [(first, _)] => file.is_cached(first),
            _ => spans.len() == MOST,
        };
        if enough {
            return Err(Enough);
        }
        spans.push(span);
        Ok(())
    };
    let _ = parts.try_for_each(|part| spans_of(part, &mut each));
    if spans.len() > 1 {
        spans.iter().for_each(|&span| file.fetch_ahead(span));
    }
}

#[cfg(test)]
mod tests {
    use super::super::raw_file::For;
    use super::*;
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    /// Which parts are asked for, as all of `count` take their turns.
    fn asked(file: &RawFile, count: u64) -> Vec<(u64, u64)> {
        let asked = RefCell::new(Vec::new());
        for nth in 0..count {
            look_ahead(file, (nth, count), &mut Vec::new(), |part, each| {
                asked.borrow_mut().push((nth, part));
                each((part * 4096, part * 4096 + 10))
            });
        }
        asked.into_inner()
    }

    #[test]
    fn each_part_is_asked_for_once_and_before_its_turn() {
        let named = tempfile::NamedTempFile::new_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        // An empty file: what is behind its end is never in the page cache.
        let file = RawFile::open(named.path(), For::Reading, false).unwrap();
        if file.is_cached(0) {
            return eprintln!("this file system does not say what is cached");
        }
        for count in [1, 7, 8, 9, 16, 17, 100] {
            let asked = asked(&file, count);
            assert!(asked.iter().all(|(nth, part)| part >= nth && *part < nth + 2 * GROUP), "{count}: {asked:?}");
            let parts: BTreeSet<u64> = asked.iter().map(|(_, part)| *part).collect();
            assert_eq!((parts.len() as u64, asked.len() as u64), (count, count), "{asked:?}");
        }
    }

    #[test]
    fn there_is_an_end_to_what_is_asked_for() {
        let named = tempfile::NamedTempFile::new_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let file = RawFile::open(named.path(), For::Reading, false).unwrap();
        let mut spans = Vec::new();
        let endless = |_, each: &mut dyn FnMut(Span) -> Result<(), Enough>| (0..).try_for_each(|at| each((at, at + 1)));
        look_ahead(&file, (0, 20), &mut spans, endless);
        assert!(spans.len() <= MOST);
    }

    #[test]
    fn of_what_is_cached_two_parts_a_group_are_looked_at() {
        let named = tempfile::NamedTempFile::new_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        std::fs::write(named.path(), vec![1; 100 * 4096]).unwrap();
        let file = RawFile::open(named.path(), For::Reading, false).unwrap();
        assert!(file.is_cached(0) && file.is_cached(99 * 4096));
        let parts: Vec<u64> = asked(&file, 40).into_iter().map(|(_, part)| part).collect();
        assert_eq!(parts, [0, 1, 16, 17, 24, 25, 32, 33]);
    }
}
