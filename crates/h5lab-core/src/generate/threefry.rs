//! Threefry2x64-20, a counter-based random number generator of additions, rotations and exclusive ors alone: what vector
//! instructions do many of at once. So uniform data is made, and verified, at about the speed of memory.
//!
//! Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC'11, doi:10.1145/2063384.2063405.
//! Block `b` of the stream is the generator's two words for the counter (b, 0), as little-endian bytes. The same in NumPy:
//! `threefry.py` beside this file.

use super::stream::{self, to_bytes};

/// Added to the exclusive or of the key's words: the paper's reference code, Random123's `threefry.h`.
const PARITY: u64 = 0x1BD1_1BDA_A9FC_1A22;

/// Bytes of one block: two words of 64 bits.
const BLOCK: usize = 16;

/// One stream of random bits, chosen by a key of two words.
#[derive(Clone, Copy)]
pub(super) struct Threefry {
    /// The key's words and their parity.
    key: [u64; 3],
}

impl Threefry {
    pub(super) fn new(key: [u64; 2]) -> Self {
        Threefry { key: [key[0], key[1], PARITY ^ key[0] ^ key[1]] }
    }

    /// The generator's words for a counter.
    #[inline(always)]
    fn words(&self, counter: [u64; 2]) -> [u64; 2] {
        let key = &self.key;
        let (mut a, mut b) = (counter[0].wrapping_add(key[0]), counter[1].wrapping_add(key[1]));
        // A rotation that is no constant would keep the loop around this from being vectorised.
        macro_rules! rounds {
            ($number:literal: $($rotation:literal)*) => {
                $(
                    a = a.wrapping_add(b);
                    b = b.rotate_left($rotation) ^ a;
                )*
                a = a.wrapping_add(key[$number % 3]);
                b = b.wrapping_add(key[($number + 1) % 3]).wrapping_add($number);
            };
        }
        rounds!(1: 16 42 12 31);
        rounds!(2: 16 32 24 21);
        rounds!(3: 16 42 12 31);
        rounds!(4: 16 32 24 21);
        rounds!(5: 16 42 12 31);
        [a, b]
    }

    /// Writes the bytes of the stream from byte `first` on.
    #[inline(always)]
    pub(super) fn bytes(&self, first: u64, out: &mut [u8]) {
        stream::bytes::<BLOCK>(
            first,
            out,
            #[inline(always)]
            |block| to_bytes(self.words([block, 0])),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counter, key and words: Random123's `kat_vectors`, `threefry2x64 20`.
    const KNOWN: [[[u64; 2]; 3]; 3] = [
        [[0, 0], [0, 0], [0xc2b6_e3a8_c2c6_9865, 0x6f81_ed42_f350_084d]],
        [[u64::MAX; 2], [u64::MAX; 2], [0xe02c_b7c4_d95d_277a, 0xd066_33d0_893b_8b68]],
        [
            [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344],
            [0xa409_3822_299f_31d0, 0x082e_fa98_ec4e_6c89],
            [0x263c_7d30_bb0f_0af1, 0x56be_8361_d331_1526],
        ],
    ];

    #[test]
    fn words_are_those_of_the_reference_code() {
        for [counter, key, words] in KNOWN {
            assert_eq!(Threefry::new(key).words(counter), words, "{counter:x?} {key:x?}");
        }
    }

    #[test]
    fn blocks_follow_each_other() {
        let threefry = Threefry::new([42, 0]);
        let mut out = [0; 5 * BLOCK];
        threefry.bytes(7 * BLOCK as u64, &mut out);
        for (block, made) in (7..).zip(out.as_chunks::<BLOCK>().0) {
            assert_eq!(*made, to_bytes::<2, BLOCK>(threefry.words([block, 0])));
        }
    }
}
