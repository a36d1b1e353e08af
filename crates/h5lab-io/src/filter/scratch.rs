//! What one thread keeps from chunk to chunk, so that no chunk allocates: buffers and compressors.

use super::FilterError;
use super::deflate::Inflate;
use libdeflater::{CompressionLvl, Compressor, Decompressor};
use zstd::bulk;

/// Buffers and compressors of one thread; grows to what the largest chunk needs, and stays.
#[derive(Default)]
pub struct Scratch {
    /// What the last filter that ran made.
    pub(super) front: Vec<u8>,
    /// Where the next one writes.
    pub(super) back: Vec<u8>,
    pub(super) tools: Tools,
}

/// What codecs keep.
#[derive(Default)]
pub(super) struct Tools {
    pub(super) deflate: Deflate,
    pub(super) inflate: Inflate,
    pub(super) zstd: Zstd,
    /// A block within a chunk, and its planes of bytes.
    pub(super) block: Vec<u8>,
    pub(super) planes: Vec<u8>,
    /// Where the bytes of each hash were seen.
    pub(super) seen: Vec<u32>,
}

/// libdeflate's two halves.
#[derive(Default)]
pub(super) struct Deflate {
    encoder: Option<(i32, Compressor)>,
    decoder: Option<Decompressor>,
}

impl Deflate {
    /// A compressor of libdeflate's `level`, 0 to 12.
    pub(super) fn encoder(&mut self, level: i32) -> &mut Compressor {
        if self.encoder.as_ref().is_none_or(|(kept, _)| *kept != level) {
            self.encoder = None;
        }
        let make = || (level, Compressor::new(CompressionLvl::new(level).unwrap_or_default()));
        &mut self.encoder.get_or_insert_with(make).1
    }

    pub(super) fn decoder(&mut self) -> &mut Decompressor {
        self.decoder.get_or_insert_with(Decompressor::new)
    }
}

/// Zstandard's two halves.
#[derive(Default)]
pub(super) struct Zstd {
    encoder: Option<(i32, bulk::Compressor<'static>)>,
    decoder: Option<bulk::Decompressor<'static>>,
}

impl Zstd {
    /// A compressor of this level.
    pub(super) fn encoder(&mut self, level: i32) -> Result<&mut bulk::Compressor<'static>, FilterError> {
        let kept = self.encoder.take().filter(|(kept, _)| *kept == level);
        let encoder = match kept {
            Some((_, encoder)) => encoder,
            None => bulk::Compressor::new(level).map_err(|e| no_memory(&e))?,
        };
        Ok(&mut self.encoder.insert((level, encoder)).1)
    }

    pub(super) fn decoder(&mut self) -> Result<&mut bulk::Decompressor<'static>, FilterError> {
        let decoder = match self.decoder.take() {
            Some(decoder) => decoder,
            None => bulk::Decompressor::new().map_err(|e| no_memory(&e))?,
        };
        Ok(self.decoder.insert(decoder))
    }
}

fn no_memory(error: &std::io::Error) -> FilterError {
    FilterError::Unfit { filter: "zstd", why: error.to_string() }
}

/// The first `bytes` of a buffer, which grows if it must.
pub(super) fn room(buffer: &mut Vec<u8>, bytes: usize) -> &mut [u8] {
    if buffer.len() < bytes {
        // Not resize: what was in it need not be kept, and zeroed memory that is never touched costs nothing.
        *buffer = vec![0; bytes];
    }
    &mut buffer[..bytes]
}
