//! The codecs of HDF5's filters, for chunks that pass by libhdf5: pure computation on bytes, safe to call from any
//! number of threads.
//!
//! A [`Pipeline`] is what a dataset's chunks pass through. It is made of a file's creation property list (or of what is
//! going to be one), and codes whole chunks:
//!
//! ```
//! use h5lab_core::filter::Filter;
//! use h5lab_io::filter::{Pipeline, Scratch};
//!
//! let raw = [7u16; 1000].map(u16::to_le_bytes).concat();
//! let pipeline = Pipeline::new(&[Filter::Shuffle, Filter::Gzip(4)], 2, raw.len()).unwrap();
//! let mut scratch = Scratch::default();
//! let stored = pipeline.encode(&raw, &mut scratch).unwrap();
//! let (bytes, mask) = (stored.bytes.to_vec(), stored.mask);
//! let mut again = vec![0; raw.len()];
//! pipeline.decode(&bytes, mask, &mut again, &mut scratch).unwrap();
//! assert_eq!(again, raw);
//! ```
//!
//! One file a codec; its head says number, parameters, and where the format is described. What is stored is never
//! trusted: whatever the bytes are, decoding ends in the right number of bytes or in a [`FilterError`].

mod bitshuffle;
mod deflate;
mod error;
mod fletcher32;
mod lz4;
mod lzf;
mod pipeline;
mod scratch;
mod shuffle;
mod simd;
mod single;
mod zstd;

pub use error::{ChunkPlace, FilterError};
pub use pipeline::{Pipeline, Stored};
pub use scratch::Scratch;
pub use single::Single;

use h5lab_core::filter::{self, Stage};
use scratch::Tools;

#[cfg(test)]
mod tests;

/// What a filter does to the bytes of one chunk.
///
/// Buffers are the caller's. A codec keeps nothing from chunk to chunk but what is in [`Tools`], and any of those will do.
trait Codec: Send + Sync {
    /// The filter's name, as h5lab's users write it.
    fn name(&self) -> &'static str;

    /// Room that encoding `raw` bytes needs; no writer of this filter stores more.
    fn bound(&self, raw: usize) -> usize;

    /// Encodes all of `raw` into the beginning of `stored`, which has room for [`Codec::bound`]; returns how much that is.
    /// `None`: the filter does not make this chunk smaller and its format has no word for that.
    ///
    /// # Errors
    /// If the chunk is none that the filter can take: not a whole number of elements, for one.
    fn encode(&self, raw: &[u8], stored: &mut [u8], tools: &mut Tools) -> Result<Option<usize>, FilterError>;

    /// Decodes all of `stored` into the beginning of `raw`; returns how much that is.
    ///
    /// # Errors
    /// If `stored` is nothing that the filter writes, or is more than fits `raw`.
    fn decode(&self, stored: &[u8], raw: &mut [u8], tools: &mut Tools) -> Result<usize, FilterError>;

    /// Decodes two chunks, of which neither comes to harm by what is wrong with the other.
    fn decode_two(
        &self,
        stored: [&[u8]; 2],
        raw: [&mut [u8]; 2],
        tools: &mut Tools,
    ) -> [Result<usize, FilterError>; 2] {
        let ([first, second], [to_first, to_second]) = (stored, raw);
        [self.decode(first, to_first, tools), self.decode(second, to_second, tools)]
    }

    /// Whether that may be faster than one after the other.
    fn gains_by_twos(&self) -> bool {
        false
    }

    /// How many bytes `stored` says it has when decoded, if its format tells: libhdf5 does not. Not to be trusted.
    fn announced(&self, stored: &[u8]) -> Option<u64> {
        let _ = stored;
        None
    }
}

/// The codec of a filter with these parameters.
///
/// # Errors
/// `Unknown` if h5lab has none; `Parameters` if they are not what the filter stores.
fn codec(stage: &Stage) -> Result<Box<dyn Codec>, FilterError> {
    let parameters = &stage.parameters;
    Ok(match stage.id {
        filter::SHUFFLE => Box::new(shuffle::Shuffle::new(parameters)?),
        filter::FLETCHER32 => Box::new(fletcher32::Fletcher32),
        filter::LZF => Box::new(lzf::Lzf::new(parameters)),
        filter::LZ4 => Box::new(lz4::Lz4::new(parameters)?),
        filter::ZSTD => Box::new(zstd::Zstd::new(parameters)),
        filter::BITSHUFFLE => Box::new(bitshuffle::Bitshuffle::new(parameters)?),
        filter::DEFLATE => Box::new(deflate::Deflate::new(parameters)?),
        _ => return Err(FilterError::Unknown { id: stage.id, name: stage.name.clone() }),
    })
}
