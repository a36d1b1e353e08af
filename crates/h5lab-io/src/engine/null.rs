//! The method `null`: no I/O. What it measures is the laboratory itself.

use super::{Closed, Engine, Opening, Session};
use crate::values::{self, Values};
use h5lab_core::failure::Result;
use h5lab_core::record::Actual;
use h5lab_core::region::Region;

/// Moves nothing; a read makes the values anew by their rule, or reads their source file.
pub(super) struct Null;

struct NullSession<'a> {
    values: Option<Box<dyn Values + 'a>>,
}

impl Engine for Null {
    fn open<'a>(&'a self, opening: &Opening<'a>) -> Result<Box<dyn Session + 'a>> {
        Ok(Box::new(NullSession { values: values::of(&opening.experiment.dataset)? }))
    }
}

impl Session for NullSession<'_> {
    fn write(&mut self, _region: &Region, _data: &[u8]) -> Result<()> {
        Ok(())
    }

    fn read(&mut self, region: &Region, data: &mut [u8]) -> Result<()> {
        self.values.as_mut().map_or(Ok(()), |values| values.fill(region, data))
    }

    fn sync(&mut self) -> Result<()> {
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<Closed> {
        Ok(Closed { actual: Actual { driver: "none".into(), ..Actual::default() }, stored_bytes: None })
    }
}
