//! What the method `direct` reads in one call: runs that lie close together are read together with what lies between them.

/// Bytes between two runs that are read over: a page comes from the device whole anyway.
pub const MOST_GAP: u64 = 4096;

/// Most bytes of one read call for several runs.
pub const MOST_SPAN: u64 = 1 << 20;

/// Bytes that one thread moves before it takes up the next piece of work.
pub const PIECE: u64 = 1 << 20;

/// Most elements of a piece.
pub fn piece_elements(element: usize) -> u64 {
    (PIECE / element as u64).max(1)
}

/// Joins runs to spans.
#[derive(Clone, Copy, Debug)]
pub struct Spans {
    most_gap: u64,
    now: Option<(u64, u64)>,
}

impl Spans {
    /// For reads: gaps are read over.
    pub fn to_read() -> Self {
        Spans { most_gap: MOST_GAP, now: None }
    }

    /// For writes: what lies between runs is left alone.
    pub fn to_write() -> Self {
        Spans { most_gap: 0, now: None }
    }

    /// Takes in a run of `length` bytes at `offset`. The span that it does not belong to any more, if there is one: from its
    /// first byte up to its end.
    pub fn add(&mut self, offset: u64, length: u64) -> Option<(u64, u64)> {
        let joins = |&(from, to): &(u64, u64)| {
            offset >= to && offset - to <= self.most_gap && offset + length - from <= MOST_SPAN
        };
        match self.now.filter(joins) {
            Some((from, _)) => {
                self.now = Some((from, offset + length));
                None
            }
            None => self.now.replace((offset, offset + length)),
        }
    }

    /// The last span.
    pub fn finish(&mut self) -> Option<(u64, u64)> {
        self.now.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(mut spans: Spans, runs: &[(u64, u64)]) -> Vec<(u64, u64)> {
        let mut found: Vec<_> = runs.iter().filter_map(|&(offset, length)| spans.add(offset, length)).collect();
        found.extend(spans.finish());
        found
    }

    #[test]
    fn near_runs_are_read_together() {
        let rows = [(100, 10), (110, 5), (115 + MOST_GAP, 10), (126 + 2 * MOST_GAP, 1)];
        assert_eq!(all(Spans::to_read(), &rows), [(100, 125 + MOST_GAP), (126 + 2 * MOST_GAP, 127 + 2 * MOST_GAP)]);
        assert_eq!(all(Spans::to_write(), &rows)[0], (100, 115));
        assert_eq!(all(Spans::to_write(), &rows).len(), 3);
        assert_eq!(all(Spans::to_read(), &[(0, MOST_SPAN), (MOST_SPAN, 1)]).len(), 2);
        assert_eq!(all(Spans::to_read(), &[(0, 3 * MOST_SPAN)]), [(0, 3 * MOST_SPAN)]);
        assert!(all(Spans::to_read(), &[]).is_empty());
    }

    proptest! {
        #[test]
        fn spans_cover_all_runs_in_their_order(
            steps in prop::collection::vec((0u64..10_000, 1u64..300_000), 1..40), reads: bool,
        ) {
            let (mut at, mut runs) = (0, Vec::new());
            for (gap, length) in steps {
                runs.push((at + gap, length));
                at += gap + length;
            }
            let found = all(if reads { Spans::to_read() } else { Spans::to_write() }, &runs);
            for (offset, length) in &runs {
                prop_assert_eq!(found.iter().filter(|(from, to)| from <= offset && offset + length <= *to).count(), 1);
            }
            prop_assert!(found.windows(2).all(|pair| pair[0].1 <= pair[1].0));
            let covered: u64 = found.iter().map(|(from, to)| to - from).sum();
            let asked: u64 = runs.iter().map(|(_, length)| length).sum();
            let gaps = (runs.len() - found.len()) as u64 * if reads { MOST_GAP } else { 0 };
            prop_assert!(covered >= asked && covered <= asked + gaps);
        }
    }
}
