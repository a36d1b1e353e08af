//! What a thread works with: buffers that it uses again for each tile.

use crate::filter::Scratch;

/// A thread's own buffers.
#[derive(Default)]
pub(super) struct Hands {
    /// A chunk as it is stored.
    pub(super) stored: Vec<u8>,
    /// A source tile's elements.
    pub(super) raw: Vec<u8>,
    /// The filters' own.
    pub(super) scratch: Scratch,
}
