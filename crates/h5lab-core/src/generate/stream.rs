//! A stream of random bits that is made block by block, each from its number alone: any part of it, for the price of that part.

/// Writes the bytes of the stream from byte `first` on; `block` makes the bytes `N * b .. N * (b + 1)` of the block `b`.
#[inline(always)]
pub(super) fn bytes<const N: usize>(first: u64, out: &mut [u8], block: impl Fn(u64) -> [u8; N]) {
    let mut next = first / N as u64;
    let skip = (first % N as u64) as usize;
    let mut rest = out;
    if skip > 0 {
        let (head, body) = rest.split_at_mut(rest.len().min(N - skip));
        head.copy_from_slice(&block(next)[skip..][..head.len()]);
        next += 1;
        rest = body;
    }
    let (blocks, tail) = rest.as_chunks_mut();
    for (i, made) in blocks.iter_mut().enumerate() {
        *made = block(next.wrapping_add(i as u64));
    }
    if !tail.is_empty() {
        tail.copy_from_slice(&block(next + blocks.len() as u64)[..tail.len()]);
    }
}

/// Words as the stream has them: little-endian, one after another.
#[inline(always)]
pub(super) fn to_bytes<const WORDS: usize, const BYTES: usize>(words: [u64; WORDS]) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    for (place, word) in bytes.chunks_exact_mut(8).zip(words) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_from_any_place_are_the_streams() {
        let block = |b: u64| to_bytes::<2, 16>([b, 7 * b]);
        let stream: Vec<u8> = (0..16).flat_map(block).collect();
        for first in 0..100 {
            for length in [0, 1, 3, 15, 16, 17, 31, 32, 33, 64, 100] {
                let mut out = vec![0; length];
                bytes(first as u64, &mut out, block);
                assert_eq!(out, stream[first..first + length], "{first} {length}");
            }
        }
    }
}
