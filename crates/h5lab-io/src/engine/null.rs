//! The method `null`: no I/O. What it measures is the laboratory itself.

use super::{Closed, Engine, Opening, Session};
use h5lab_core::experiment::Experiment;
use h5lab_core::failure::Result;
use h5lab_core::record::Actual;
use h5lab_core::region::Region;

/// Moves nothing; reads come from the generator.
pub(super) struct Null;

struct NullSession<'a> {
    experiment: &'a Experiment,
}

impl Engine for Null {
    fn open<'a>(&'a self, opening: &Opening<'a>) -> Result<Box<dyn Session + 'a>> {
        Ok(Box::new(NullSession { experiment: opening.experiment }))
    }
}

impl Session for NullSession<'_> {
    fn write(&mut self, _region: &Region, _data: &[u8]) -> Result<()> {
        Ok(())
    }

    fn read(&mut self, region: &Region, data: &mut [u8]) -> Result<()> {
        let dataset = &self.experiment.dataset;
        if let Some(rule) = &dataset.data {
            rule.fill(&dataset.shape.0, dataset.dtype, region, data);
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
