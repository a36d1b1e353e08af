//! A checksum after each chunk: HDF5 filter 3. No parameters.
//!
//! Fletcher's checksum of 16-bit words, as HDF5 has it (`H5checksum.c`): words are big-endian, an odd last byte is the
//! upper half of one, and the two sums are kept modulo 65535, where a sum that is not zero never becomes zero. It is
//! stored in 4 bytes, little-endian. Before HDF5 1.6.3 little-endian machines stored the bytes of each half the other way
//! round: those are accepted (`H5Zfletcher32.c`).

use super::scratch::Tools;
use super::{Codec, FilterError};

const NAME: &str = "fletcher32";
const SIZE: usize = 4;
/// Words that can be summed up in 32 bits, each times its distance from the end.
const BLOCK: usize = 256;

pub(super) struct Fletcher32;

impl Codec for Fletcher32 {
    fn name(&self) -> &'static str {
        NAME
    }

    fn bound(&self, raw: usize) -> usize {
        raw + SIZE
    }

    fn encode(&self, raw: &[u8], stored: &mut [u8], _: &mut Tools) -> Result<Option<usize>, FilterError> {
        stored[..raw.len()].copy_from_slice(raw);
        stored[raw.len()..raw.len() + SIZE].copy_from_slice(&checksum(raw).to_le_bytes());
        Ok(Some(raw.len() + SIZE))
    }

    fn decode(&self, stored: &[u8], raw: &mut [u8], _: &mut Tools) -> Result<usize, FilterError> {
        let Some((data, sum)) = stored.split_last_chunk::<SIZE>() else {
            return Err(FilterError::corrupt(NAME, "its checksum is missing"));
        };
        let most = raw.len();
        let Some(raw) = raw.get_mut(..data.len()) else {
            return Err(FilterError::overflow(NAME, most));
        };
        let (computed, [a, b, c, d]) = (checksum(data), *sum);
        if ![[a, b, c, d], [b, a, d, c]].map(u32::from_le_bytes).contains(&computed) {
            let why = format!("the checksum is {:08x}, but the data's is {computed:08x}", u32::from_le_bytes(*sum));
            return Err(FilterError::corrupt(NAME, why));
        }
        raw.copy_from_slice(data);
        Ok(data.len())
    }
}

/// HDF5's checksum of these bytes.
fn checksum(bytes: &[u8]) -> u32 {
    let (mut first, mut second) = (0u64, 0u64);
    for block in bytes.chunks(2 * BLOCK) {
        let words = block.len().div_ceil(2) as u32;
        let (pairs, odd) = block.as_chunks::<2>();
        let values = pairs.iter().map(|pair| u32::from(u16::from_be_bytes(*pair)));
        let (mut sum, mut weighed) = (0u32, 0u32);
        for (index, value) in values.enumerate() {
            sum += value;
            weighed += value * (words - index as u32);
        }
        for byte in odd {
            sum += u32::from(*byte) << 8;
            weighed += u32::from(*byte) << 8;
        }
        // As many bytes as a chunk can have do not overflow 64 bits before they are reduced.
        second = reduce(second + first * u64::from(words) + u64::from(weighed));
        first = reduce(first + u64::from(sum));
    }
    (second as u32) << 16 | first as u32
}

/// The remainder modulo 65535, but 65535 for its multiples other than zero.
fn reduce(sum: u64) -> u64 {
    match sum % 0xFFFF {
        0 if sum > 0 => 0xFFFF,
        rest => rest,
    }
}
