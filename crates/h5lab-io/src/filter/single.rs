//! One filter alone, for a caller that does not know how large a chunk is: libhdf5.

use super::scratch::room;
use super::{Codec, FilterError, Scratch, codec};
use h5lab_core::filter::Stage;

/// A chunk of HDF5 has less than 4 GiB.
const MOST: usize = u32::MAX as usize;
/// What a chunk may announce for each byte that it has, before it is doubted; and at least.
const PLAUSIBLE: usize = 64;
const LITTLE: usize = 1 << 20;
/// How much more room a chunk gets that did not fit.
const MORE: usize = 16;

/// One filter.
pub struct Single(Box<dyn Codec>);

impl Single {
    /// The filter of this number, with these parameters.
    ///
    /// # Errors
    /// As [`super::Pipeline::of`].
    pub fn new(id: u32, parameters: &[u32]) -> Result<Self, FilterError> {
        let stage = Stage { id, name: String::new(), optional: true, parameters: parameters.to_vec() };
        codec(&stage).map(Single)
    }

    /// Encodes a chunk; `None` if it is to be stored without the filter.
    ///
    /// # Errors
    /// `Unfit` if the filter can't take it.
    pub fn encode<'a>(&self, raw: &[u8], scratch: &'a mut Scratch) -> Result<Option<&'a [u8]>, FilterError> {
        let Scratch { back, tools, .. } = scratch;
        let stored = room(back, self.0.bound(raw.len()));
        let bytes = self.0.encode(raw, stored, tools)?;
        Ok(bytes.map(|bytes| &back[..bytes]))
    }

    /// Decodes a chunk of whatever size.
    ///
    /// # Errors
    /// `Corrupt` if it is nothing that the filter writes.
    pub fn decode<'a>(&self, stored: &[u8], scratch: &'a mut Scratch) -> Result<&'a [u8], FilterError> {
        let announced = self.0.announced(stored).map(|bytes| usize::try_from(bytes).unwrap_or(MOST).min(MOST));
        let most = announced.unwrap_or(MOST);
        let plausible = stored.len().saturating_mul(PLAUSIBLE).max(LITTLE);
        let mut size = announced.unwrap_or(LITTLE).min(plausible);
        let Scratch { back, tools, .. } = scratch;
        loop {
            // A buffer that can't be had is an error of this chunk, not the end of the program.
            let there_is = size <= back.len() || Vec::<u8>::new().try_reserve_exact(size).is_ok();
            if !there_is {
                let why = format!("no memory for the {size} bytes that it says it has");
                return Err(FilterError::corrupt(self.0.name(), why));
            }
            match self.0.decode(stored, room(back, size), tools) {
                Ok(bytes) => return Ok(&back[..bytes]),
                Err(FilterError::Overflow { .. }) if size < most => size = size.saturating_mul(MORE).min(most),
                Err(error) => return Err(error),
            }
        }
    }
}
