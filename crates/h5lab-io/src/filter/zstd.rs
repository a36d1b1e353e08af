//! Zstandard: HDF5 filter 32015. Parameter: the level, 1 to 22 (3 without). A chunk is one frame (RFC 8878) that says its
//! decoded size. The filter is described in <https://github.com/aparamon/HDF5Plugin-Zstandard>.

use super::scratch::Tools;
use super::{Codec, FilterError};

const NAME: &str = "zstd";
const USUAL_LEVEL: u32 = 3;
const LEVELS: std::ops::RangeInclusive<u32> = 1..=22;

pub(super) struct Zstd {
    level: i32,
}

impl Zstd {
    /// Like the filter that others have, takes levels that are out of bounds as the next one that is not.
    pub(super) fn new(parameters: &[u32]) -> Self {
        let level = parameters.first().copied().unwrap_or(USUAL_LEVEL);
        Zstd { level: level.clamp(*LEVELS.start(), *LEVELS.end()) as i32 }
    }
}

impl Codec for Zstd {
    fn name(&self) -> &'static str {
        NAME
    }

    /// As ZSTD_compressBound, rounded up, so that frames of other compressors fit, too.
    fn bound(&self, raw: usize) -> usize {
        raw + raw / 128 + 512
    }

    fn encode(&self, raw: &[u8], stored: &mut [u8], tools: &mut Tools) -> Result<Option<usize>, FilterError> {
        let encoded = tools.zstd.encoder(self.level)?.compress_to_buffer(raw, stored);
        encoded.map(Some).map_err(|e| FilterError::Unfit { filter: NAME, why: e.to_string() })
    }

    fn decode(&self, stored: &[u8], raw: &mut [u8], tools: &mut Tools) -> Result<usize, FilterError> {
        let most = raw.len();
        if let Some(bytes) = self.announced(stored) {
            FilterError::check_announced(NAME, bytes, stored.len(), most_from(stored.len()))?;
        }
        let decoded = tools.zstd.decoder()?.decompress_to_buffer(stored, raw);
        decoded.map_err(|e| match e.to_string() {
            text if text.contains("too small") => FilterError::overflow(NAME, most),
            text => FilterError::corrupt(NAME, format!("not a sound frame ({text})")),
        })
    }

    fn announced(&self, stored: &[u8]) -> Option<u64> {
        zstd::zstd_safe::get_frame_content_size(stored).ok().flatten()
    }
}

/// Most bytes that so many can decode to: a block of four bytes stands for at most 128 KiB (RFC 8878, 3.1.1.2).
pub(super) fn most_from(stored: usize) -> u64 {
    (stored as u64 / 4 + 1) << 17
}
