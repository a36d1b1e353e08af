//! Philox4x64-10, a counter-based random number generator: block `b` of the stream is made without the blocks before it.
//!
//! Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC'11, doi:10.1145/2063384.2063405.
//! The stream is NumPy's: `numpy.random.Philox(key=[key0, key1]).random_raw()`, read as little-endian bytes.
//! NumPy increments its counter before it makes a block, so block 0 has counter 1.

use super::element::Element;
use super::stream::{self, to_bytes};

const ROUNDS: usize = 10;
/// The multipliers and key increments of the paper's reference code, Random123's `philox.h`.
const MULTIPLIER: [u64; 2] = [0xD2E7_470E_E14C_6C93, 0xCA5A_8263_9512_1157];
const WEYL: [u64; 2] = [0x9E37_79B9_7F4A_7C15, 0xBB67_AE85_84CA_A73B];

/// Bytes of one block: four words of 64 bits.
const BLOCK: usize = 32;

/// One stream of random bits, chosen by a key of two words.
pub(super) struct Philox {
    /// The key of every round; they depend on the key alone, so they are made once.
    keys: [[u64; 2]; ROUNDS],
}

impl Philox {
    pub(super) fn new(key: [u64; 2]) -> Self {
        let round = |r: usize| [0, 1].map(|k| key[k].wrapping_add(WEYL[k].wrapping_mul(r as u64)));
        Philox { keys: std::array::from_fn(round) }
    }

    /// The words `4 * block .. 4 * block + 4` of the stream.
    #[inline(always)]
    pub(super) fn block(&self, block: u64) -> [u64; 4] {
        let (low, carry) = block.overflowing_add(1);
        let mut c = [low, u64::from(carry), 0, 0];
        for key in &self.keys {
            let (high0, low0) = multiply(MULTIPLIER[0], c[0]);
            let (high1, low1) = multiply(MULTIPLIER[1], c[2]);
            c = [high1 ^ c[1] ^ key[0], low1, high0 ^ c[3] ^ key[1], low0];
        }
        c
    }

    /// The stream's 32-bit halves of words from number `first` on.
    pub(super) fn uniforms(&self, first: u64, out: &mut [u32]) {
        self.bytes(first * size_of::<u32>() as u64, bytemuck::cast_slice_mut(out));
        u32::uniform_from_stream(out);
    }

    /// Writes the bytes of the stream from byte `first` on.
    fn bytes(&self, first: u64, out: &mut [u8]) {
        stream::bytes::<BLOCK>(first, out, |block| to_bytes(self.block(block)));
    }
}

/// A random word as a number in [0, 1).
pub(super) fn fraction(word: u64) -> f64 {
    (word >> 11) as f64 / (1u64 << 53) as f64
}

/// The high and the low word of a product.
#[inline(always)]
fn multiply(a: u64, b: u64) -> (u64, u64) {
    let product = u128::from(a) * u128::from(b);
    ((product >> 64) as u64, product as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with `g = numpy.random.Philox(key=key0 + (key1 << 64)); g.advance(block); g.random_raw(4)`, NumPy 2.4.
    const FROM_NUMPY: &[([u64; 2], u64, [u64; 4])] = &[
        ([0x0, 0x0], 0, [0x02f4ba6408e4d89b, 0x3dd62b0b9ca8c5b2, 0x1c8667a55d902e79, 0x907d7a052fd5b4dc]),
        ([0x0, 0x0], 1, [0x809bf322883987c3, 0x471128b9e807f7dd, 0xf250ba0dbec065b7, 0xfc6ed66767a457bc]),
        ([0x1, 0x0], 0, [0x4db6a27b756282df, 0xd944fa03babe0e2f, 0x27f872e577060d32, 0x07f697696a0482a2]),
        ([0x2a, 0x0], 0, [0xd1f8817d4d62880e, 0x307266b65cc8797e, 0xde1f04e7f084ed03, 0x65034a8e78cd1e59]),
        ([0x2a, 0x0], 1048576, [0x645cd8b8b65c9470, 0xe78d2445de430435, 0x47a8fcabf204d4d0, 0x7da72c1832a56c22]),
        (
            [0x2a, 0x0],
            9223372036854775808,
            [0x1d341001fb35a7e5, 0x6d0aa31115d9e428, 0x3e7e617d105f0592, 0x80a9b7e205e81547],
        ),
        (
            [0x2a, 0x0],
            18446744073709551615,
            [0x13fe1ddbb29d354c, 0xdc10850029c437f2, 0xaa996df8af642547, 0x580ac26f823b6147],
        ),
        (
            [0xdeadbeefcafebabe, 0x0],
            123456789,
            [0x2e84619e4f432d48, 0xcd5a773b90e2815a, 0xf7020bc09f1451a9, 0xf054f1c6efa5775a],
        ),
        (
            [0xffffffffffffffff, 0x0],
            4611686018427387904,
            [0x9cdf2d679d3876f7, 0xe1cb27c55faa4145, 0xcdf19ede2f6a9e63, 0x0eb56e7ee2861564],
        ),
        ([0x2a, 0x1], 0, [0x719965f2debb5c86, 0xd0ff12852bfefaa0, 0x824f8a46917b59d3, 0x633af9b3183bb36a]),
        (
            [0x7, 0xffffffffffffffff],
            1000000000000000000,
            [0xb8481154e052bcf6, 0x3b23126988411761, 0xf582d1f451eeb74d, 0xe1891d90a874b48f],
        ),
    ];

    #[test]
    fn blocks_are_numpys() {
        for &(key, block, words) in FROM_NUMPY {
            assert_eq!(Philox::new(key).block(block), words, "key {key:x?} block {block}");
        }
    }
}
