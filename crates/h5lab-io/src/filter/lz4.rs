//! LZ4: HDF5 filter 32004. Parameter: the most bytes of a block (1 GiB without, or with 0).
//!
//! A chunk begins with its decoded size (8 bytes) and the decoded size of a block (4 bytes). Before each block stands its
//! compressed size (4 bytes). A block that does not become smaller is stored as it is; its two sizes are then the same.
//! All numbers are big-endian. The blocks are of LZ4's block format (lz4_Block_format.md of <https://github.com/lz4/lz4>),
//! the filter's own format is described in `HDF5_LZ4.pdf` and `H5Zlz4.c` of <https://github.com/nexusformat/HDF5-External-Filter-Plugins>.

use super::scratch::Tools;
use super::{Codec, FilterError};
use std::io;

const NAME: &str = "lz4";
const USUAL_BLOCK: usize = 1 << 30;
/// LZ4_MAX_INPUT_SIZE.
const MOST_BLOCK: usize = 0x7E00_0000;
const HEADER: usize = 12;

pub(super) struct Lz4 {
    block: usize,
}

impl Lz4 {
    pub(super) fn new(parameters: &[u32]) -> Result<Self, FilterError> {
        let block = parameters.first().map_or(0, |&block| block as usize);
        match block {
            0 => Ok(Lz4 { block: USUAL_BLOCK }),
            1..=MOST_BLOCK => Ok(Lz4 { block }),
            _ => {
                let why = format!("blocks of {block} bytes, but LZ4 takes at most {MOST_BLOCK}");
                Err(FilterError::Parameters { filter: NAME, why })
            }
        }
    }
}

impl Codec for Lz4 {
    fn name(&self) -> &'static str {
        NAME
    }

    fn bound(&self, raw: usize) -> usize {
        HEADER + raw + 4 * raw.div_ceil(self.block)
    }

    fn encode(&self, raw: &[u8], stored: &mut [u8], _: &mut Tools) -> Result<Option<usize>, FilterError> {
        let block = self.block.min(raw.len().max(1));
        stored[..8].copy_from_slice(&(raw.len() as u64).to_be_bytes());
        stored[8..HEADER].copy_from_slice(&(block as u32).to_be_bytes());
        let mut at = HEADER;
        for input in raw.chunks(block) {
            let room = &mut stored[at + 4..at + 4 + input.len()];
            let packed = match compress(input, room) {
                Ok(packed) if packed < input.len() => packed,
                // It did not fit, so it is no smaller.
                _ => {
                    room.copy_from_slice(input);
                    input.len()
                }
            };
            stored[at..at + 4].copy_from_slice(&(packed as u32).to_be_bytes());
            at += 4 + packed;
        }
        Ok(Some(at))
    }

    fn decode(&self, stored: &[u8], raw: &mut [u8], _: &mut Tools) -> Result<usize, FilterError> {
        let corrupt = |why: String| Err(FilterError::corrupt(NAME, why));
        let (Some(bytes), Some(block)) = (self.announced(stored), be32(stored, 8)) else {
            return corrupt("its header is missing".into());
        };
        FilterError::check_announced(NAME, bytes, stored.len(), most_from(stored.len()))?;
        let most = raw.len();
        let Some(raw) = usize::try_from(bytes).ok().and_then(|bytes| raw.get_mut(..bytes)) else {
            return Err(FilterError::overflow(NAME, most));
        };
        if block == 0 && !raw.is_empty() {
            return corrupt("says blocks of no bytes".into());
        }
        let mut rest = &stored[HEADER..];
        for (index, raw) in raw.chunks_mut((block as usize).max(1)).enumerate() {
            rest = decode_block(rest, raw)
                .ok_or_else(|| FilterError::corrupt(NAME, format!("block {index} does not decode to its size")))?;
        }
        Ok(raw.len())
    }

    fn announced(&self, stored: &[u8]) -> Option<u64> {
        stored.get(..8)?.try_into().ok().map(u64::from_be_bytes).filter(|_| stored.len() >= HEADER)
    }
}

/// Most bytes that so many can decode to: a byte of a block stands for at most 255.
pub(super) fn most_from(stored: usize) -> u64 {
    255 * stored as u64
}

/// Decodes the block at the beginning of `stored`; returns what comes after it.
fn decode_block<'a>(stored: &'a [u8], raw: &mut [u8]) -> Option<&'a [u8]> {
    let packed = be32(stored, 0)? as usize;
    let (block, rest) = stored.get(4..)?.split_at_checked(packed)?;
    if packed == raw.len() {
        raw.copy_from_slice(block);
    } else if decompress(block, raw)? != raw.len() {
        return None;
    }
    Some(rest)
}

/// The big-endian number at `at`.
pub(super) fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?).and_then(|four| four.try_into().ok()).map(u32::from_be_bytes)
}

/// One block of LZ4.
///
/// # Errors
/// If it does not fit.
pub(super) fn compress(raw: &[u8], packed: &mut [u8]) -> io::Result<usize> {
    lz4::block::compress_to_buffer(raw, None, false, packed)
}

/// The way back; `None` if it is no sound block, or does not fit.
pub(super) fn decompress(packed: &[u8], raw: &mut [u8]) -> Option<usize> {
    let most = i32::try_from(raw.len()).ok()?;
    lz4::block::decompress_to_buffer(packed, Some(most), raw).ok()
}
