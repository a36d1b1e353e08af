//! Bit shuffle, alone or with a compressor: HDF5 filter 32008; with LZ4 it is what Eiger detectors write.
//!
//! Parameters: version (two numbers), the bytes of an element, the elements of a block (0: as many as make 8 KiB, at
//! least 128; always a multiple of 8), the compressor (0 none, 2 LZ4, 3 Zstandard), its level. The first three are added
//! by the filter itself. The format is described in `bshuf_h5filter.c` and `bitshuffle_core.c` of
//! <https://github.com/kiyo-masui/bitshuffle>.
//!
//! A chunk is cut into blocks; the last one may be shorter, by a multiple of 8 elements. Within a block the lowest bits
//! of all elements come first, then the second bits, and so on. Up to 7 elements that are left over stand at the end as
//! they are. Without a compressor that is all. With one, the chunk begins with its decoded size (8 bytes) and the decoded
//! size of a block (4 bytes); before each block stands its compressed size (4 bytes); all of these big-endian.

use super::lz4::{self, be32};
use super::scratch::{Tools, room};
use super::shuffle::{shuffle, unshuffle};
use super::{Codec, FilterError, simd, zstd};

const NAME: &str = "bitshuffle";
/// Bytes that a block has where nothing else is asked for, and elements that it has at least.
const BLOCK_BYTES: usize = 8192;
const BLOCK_ELEMENTS: usize = 128;
/// Elements share the bytes of a row of bits by so many.
const MULTIPLE: usize = 8;
const HEADER: usize = 12;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    None,
    Lz4,
    Zstd(i32),
}

pub(super) struct Bitshuffle {
    element: usize,
    /// Elements of a block.
    block: usize,
    packing: Packing,
}

impl Bitshuffle {
    pub(super) fn new(parameters: &[u32]) -> Result<Self, FilterError> {
        let wrong = |why: String| FilterError::Parameters { filter: NAME, why };
        let value = |index: usize| parameters.get(index).map(|&value| value as usize);
        let element = value(2).filter(|&element| element > 0);
        let element = element.ok_or_else(|| wrong("the element's size is missing".into()))?;
        let block = match value(3) {
            None | Some(0) => usual_block(element),
            Some(block) if block % MULTIPLE == 0 => block,
            Some(block) => {
                return Err(wrong(format!("blocks of {block} elements, which is no multiple of {MULTIPLE}")));
            }
        };
        let packing = match value(4) {
            None | Some(0) => Packing::None,
            Some(2) => Packing::Lz4,
            Some(3) => Packing::Zstd(value(5).unwrap_or(0).min(22) as i32),
            Some(other) => {
                return Err(wrong(format!("compressor {other}; h5lab knows 0 (none), 2 (LZ4), 3 (Zstandard)")));
            }
        };
        Ok(Bitshuffle { element, block, packing })
    }

    /// The lengths in bytes of the blocks, all but what is left over, of so many bytes.
    fn blocks(&self, bytes: usize, block: usize) -> impl Iterator<Item = usize> + use<> {
        let in_blocks = bytes / self.element / MULTIPLE * MULTIPLE * self.element;
        let block = block.saturating_mul(self.element);
        (0..in_blocks.div_ceil(block)).map(move |index| block.min(in_blocks - index * block))
    }

    fn check_whole(&self, bytes: usize) -> Result<(), FilterError> {
        match bytes % self.element {
            0 => Ok(()),
            _ => {
                let why = format!("{bytes} bytes are no whole number of elements of {}", self.element);
                Err(FilterError::Unfit { filter: NAME, why })
            }
        }
    }

    fn compress(&self, raw: &[u8], stored: &mut [u8], tools: &mut Tools) -> Result<usize, FilterError> {
        let Tools { block, planes, zstd, .. } = tools;
        stored[..8].copy_from_slice(&(raw.len() as u64).to_be_bytes());
        stored[8..HEADER].copy_from_slice(&((self.block * self.element) as u32).to_be_bytes());
        let (mut from, mut to) = (0, HEADER);
        for bytes in self.blocks(raw.len(), self.block) {
            let shuffled = room(block, bytes);
            to_bits(&raw[from..from + bytes], shuffled, self.element, planes);
            // The next block comes from memory while this one is packed.
            let next = raw.len().min(from + 2 * bytes);
            simd::fetch(&raw[from + bytes..next]);
            let packed = match self.packing {
                Packing::Zstd(level) => zstd.encoder(level)?.compress_to_buffer(shuffled, &mut stored[to + 4..]),
                _ => lz4::compress(shuffled, &mut stored[to + 4..]),
            };
            let packed = packed.map_err(|e| FilterError::Unfit { filter: NAME, why: e.to_string() })?;
            stored[to..to + 4].copy_from_slice(&(packed as u32).to_be_bytes());
            from += bytes;
            to += 4 + packed;
        }
        let rest = &raw[from..];
        stored[to..to + rest.len()].copy_from_slice(rest);
        Ok(to + rest.len())
    }

    fn decompress(&self, stored: &[u8], raw: &mut [u8], tools: &mut Tools) -> Result<usize, FilterError> {
        let Tools { block: buffer, planes, zstd, .. } = tools;
        let (bytes, block) = self.header(stored, raw.len())?;
        let (mut from, mut to) = (HEADER, 0);
        for (index, bytes) in self.blocks(bytes, block).enumerate() {
            let wrong = |why: &str| FilterError::corrupt(NAME, format!("block {index}: {why}"));
            let packed = be32(stored, from).ok_or_else(|| wrong("its size is missing"))? as usize;
            from += 4;
            let input = from.checked_add(packed).and_then(|end| stored.get(from..end));
            let input = input.ok_or_else(|| wrong("is longer than the chunk"))?;
            // Where the block goes comes from memory while it is unpacked.
            simd::fetch(&raw[to..to + bytes]);
            let shuffled = room(buffer, bytes);
            let unpacked = match self.packing {
                Packing::Zstd(_) => zstd.decoder()?.decompress_to_buffer(input, shuffled).ok(),
                _ => lz4::decompress(input, shuffled),
            };
            if unpacked != Some(bytes) {
                return Err(wrong("does not decompress to its size"));
            }
            from_bits(shuffled, &mut raw[to..to + bytes], self.element, planes);
            from += packed;
            to += bytes;
        }
        let rest = bytes - to;
        let input = stored.get(from..from + rest).ok_or_else(|| FilterError::corrupt(NAME, "its end is missing"))?;
        raw[to..bytes].copy_from_slice(input);
        Ok(bytes)
    }

    /// What the first bytes of a compressed chunk say, checked: decoded bytes, and elements of a block.
    fn header(&self, stored: &[u8], most: usize) -> Result<(usize, usize), FilterError> {
        let corrupt = |why: String| FilterError::corrupt(NAME, why);
        let bytes = self.announced(stored).ok_or_else(|| corrupt("its header is missing".into()))?;
        let block = be32(stored, 8).unwrap_or(0) as usize / self.element;
        let most_from = match self.packing {
            Packing::Zstd(_) => zstd::most_from,
            _ => lz4::most_from,
        };
        FilterError::check_announced(NAME, bytes, stored.len(), most_from(stored.len()))?;
        let fits = usize::try_from(bytes).ok().filter(|&bytes| bytes <= most);
        let bytes = fits.ok_or_else(|| FilterError::overflow(NAME, most))?;
        if bytes % self.element != 0 {
            return Err(corrupt(format!("says {bytes} bytes, no whole number of elements of {}", self.element)));
        }
        if block == 0 || !block.is_multiple_of(MULTIPLE) {
            return Err(corrupt(format!("says blocks of {block} elements, which is no multiple of {MULTIPLE}")));
        }
        Ok((bytes, block))
    }
}

fn usual_block(element: usize) -> usize {
    (BLOCK_BYTES / element / MULTIPLE * MULTIPLE).max(BLOCK_ELEMENTS)
}

impl Codec for Bitshuffle {
    fn name(&self) -> &'static str {
        NAME
    }

    /// LZ4 needs at worst one byte in 255, and 16, a block; Zstandard less than one in 256, and 64.
    fn bound(&self, raw: usize) -> usize {
        match self.packing {
            Packing::None => raw,
            _ => raw + raw / 128 + HEADER + (raw / (self.block * self.element).max(1) + 1) * 256,
        }
    }

    fn encode(&self, raw: &[u8], stored: &mut [u8], tools: &mut Tools) -> Result<Option<usize>, FilterError> {
        self.check_whole(raw.len())?;
        if self.packing != Packing::None {
            return self.compress(raw, stored, tools).map(Some);
        }
        let mut at = 0;
        for bytes in self.blocks(raw.len(), self.block) {
            let block = at..at + bytes;
            to_bits(&raw[block.clone()], &mut stored[block], self.element, &mut tools.planes);
            at += bytes;
        }
        stored[at..raw.len()].copy_from_slice(&raw[at..]);
        Ok(Some(raw.len()))
    }

    fn decode(&self, stored: &[u8], raw: &mut [u8], tools: &mut Tools) -> Result<usize, FilterError> {
        if self.packing != Packing::None {
            return self.decompress(stored, raw, tools);
        }
        if stored.len() > raw.len() {
            return Err(FilterError::overflow(NAME, raw.len()));
        }
        if !stored.len().is_multiple_of(self.element) {
            let why = format!("{} bytes, no whole number of elements of {}", stored.len(), self.element);
            return Err(FilterError::corrupt(NAME, why));
        }
        let mut at = 0;
        for bytes in self.blocks(stored.len(), self.block) {
            let block = at..at + bytes;
            from_bits(&stored[block.clone()], &mut raw[block], self.element, &mut tools.planes);
            at += bytes;
        }
        raw[at..stored.len()].copy_from_slice(&stored[at..]);
        Ok(stored.len())
    }

    fn announced(&self, stored: &[u8]) -> Option<u64> {
        match self.packing {
            Packing::None => Some(stored.len() as u64),
            _ => stored.get(..8)?.try_into().ok().map(u64::from_be_bytes).filter(|_| stored.len() >= HEADER),
        }
    }
}

/// One block: from elements to rows of bits. First bytes are shuffled; then the bits of each plane of bytes.
fn to_bits(elements: &[u8], rows: &mut [u8], element: usize, planes: &mut Vec<u8>) {
    let planes = room(planes, elements.len());
    shuffle(elements, planes, element);
    let plane = (elements.len() / element).max(1);
    for (bytes, rows) in planes.chunks_exact(plane).zip(rows.chunks_exact_mut(plane)) {
        let (done, row) = (simd::bits_to_rows(bytes, rows), plane / 8);
        for (at, eight) in bytes.chunks_exact(8).enumerate().skip(done) {
            let turned = turn_over(u64::from_le_bytes(eight.try_into().expect("a chunk of 8")));
            for (bit, byte) in turned.to_le_bytes().into_iter().enumerate() {
                rows[bit * row + at] = byte;
            }
        }
    }
}

/// One block: from rows of bits to elements.
fn from_bits(rows: &[u8], elements: &mut [u8], element: usize, planes: &mut Vec<u8>) {
    let planes = room(planes, elements.len());
    let plane = (elements.len() / element).max(1);
    for (rows, bytes) in rows.chunks_exact(plane).zip(planes.chunks_exact_mut(plane)) {
        let (done, row) = (simd::rows_to_bits(rows, bytes), plane / 8);
        for (at, eight) in bytes.chunks_exact_mut(8).enumerate().skip(done) {
            let square = std::array::from_fn(|bit| rows[bit * row + at]);
            eight.copy_from_slice(&turn_over(u64::from_le_bytes(square)).to_le_bytes());
        }
    }
    unshuffle(planes, elements, element);
}

/// Turns eight bytes over as a square of bits: bit k of byte i becomes bit i of byte k. (Hacker's Delight, 7-3.)
fn turn_over(x: u64) -> u64 {
    let swap = |x: u64, shift: u32, mask: u64| {
        let differ = (x ^ (x >> shift)) & mask;
        x ^ differ ^ (differ << shift)
    };
    let x = swap(x, 7, 0x00AA_00AA_00AA_00AA);
    let x = swap(x, 14, 0x0000_CCCC_0000_CCCC);
    swap(x, 28, 0x0000_0000_F0F0_F0F0)
}
