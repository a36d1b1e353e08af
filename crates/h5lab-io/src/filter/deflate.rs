//! Deflate: HDF5 filter 1, h5py's `gzip`. Parameter: the level, 0 to 9. A chunk is one zlib stream (RFC 1950).
//!
//! Coded by libdeflate, whose levels are not zlib's; see [`LEVELS`].

use super::scratch::Tools;
use super::{Codec, FilterError};
use libdeflater::DecompressionError;

/// libdeflate's level for each of zlib's.
const LEVELS: [i32; 10] = [0, 1, 1, 1, 1, 5, 6, 7, 8, 9];

const NAME: &str = "gzip";

pub(super) struct Deflate {
    level: i32,
}

impl Deflate {
    pub(super) fn new(parameters: &[u32]) -> Result<Self, FilterError> {
        // What a reader needs not, a writer may have left out.
        let level = parameters.first().map_or(4, |&level| level as usize);
        let level = LEVELS.get(level).copied().ok_or_else(|| {
            let why = format!("level {level}, but there are 0 to 9");
            FilterError::Parameters { filter: NAME, why }
        })?;
        Ok(Deflate { level })
    }
}

impl Codec for Deflate {
    fn name(&self) -> &'static str {
        NAME
    }

    /// libdeflate needs 5 bytes a block of 5000 bytes and more; zlib, with small blocks, 5 bytes for 127 at worst.
    fn bound(&self, raw: usize) -> usize {
        raw + raw / 16 + 64
    }

    fn encode(&self, raw: &[u8], stored: &mut [u8], tools: &mut Tools) -> Result<Option<usize>, FilterError> {
        Ok(tools.deflate.encoder(self.level).zlib_compress(raw, stored).ok())
    }

    fn decode(&self, stored: &[u8], raw: &mut [u8], tools: &mut Tools) -> Result<usize, FilterError> {
        tools.deflate.decoder().zlib_decompress(stored, raw).map_err(|error| match error {
            DecompressionError::BadData => FilterError::corrupt(NAME, "not a sound zlib stream"),
            DecompressionError::InsufficientSpace => FilterError::overflow(NAME, raw.len()),
        })
    }
}
