//! The method `null`: no I/O. What it measures is the laboratory itself.

use super::{Closed, Engine, Opening, Session};
use crate::buffer::Buffer;
use crate::values::{self, Values};
use h5lab_core::dataset::Dtype;
use h5lab_core::failure::Result;
use h5lab_core::record::Actual;
use h5lab_core::region::Region;

/// Moves nothing; a read copies values that were made ready before it.
pub(super) struct Null;

struct NullSession<'a> {
    values: Option<Box<dyn Values + 'a>>,
    dtype: Dtype,
    /// The values of the region that is read next.
    ready: Buffer,
}

impl Engine for Null {
    fn open<'a>(&'a self, opening: &Opening<'a>) -> Result<Box<dyn Session + 'a>> {
        let dataset = &opening.experiment.dataset;
        Ok(Box::new(NullSession { values: values::of(dataset)?, dtype: dataset.dtype, ready: Buffer::touched(0) }))
    }
}

impl Session for NullSession<'_> {
    /// Values are made by their rule, or read from their source file.
    fn before_read(&mut self, region: &Region) -> Result<()> {
        let Some(values) = self.values.as_mut().filter(|_| !region.is_empty()) else { return Ok(()) };
        let size = region.elements() as usize * self.dtype.size();
        if self.ready.len() < size {
            self.ready = Buffer::touched(size);
        }
        values.fill(region, self.ready.bytes_mut(size))
    }

    fn write(&mut self, _region: &Region, _data: &[u8]) -> Result<()> {
        Ok(())
    }

    fn read(&mut self, _region: &Region, data: &mut [u8]) -> Result<()> {
        if self.values.is_some() {
            data.copy_from_slice(self.ready.bytes_mut(data.len()));
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<Closed> {
        Ok(Closed { actual: Actual { driver: "none".into(), ..Actual::default() }, stored_bytes: None })
    }
}
