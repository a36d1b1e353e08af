//! A group of one.

use super::Comm;
use h5lab_core::failure::Result;

/// The only rank there is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Solo;

impl Comm for Solo {
    fn rank(&self) -> usize {
        0
    }

    fn size(&self) -> usize {
        1
    }

    fn barrier(&self) -> Result<()> {
        Ok(())
    }

    fn all_gather(&self, mine: &[u8]) -> Result<Vec<Vec<u8>>> {
        Ok(vec![mine.to_vec()])
    }

    fn any(&self, mine: bool, _give_up: &dyn Fn() -> u8) -> Result<bool> {
        Ok(mine)
    }

    fn collect(&self, mine: &[u8], each: &mut dyn FnMut(usize, &[u8]) -> Result<()>) -> Result<()> {
        each(0, mine)
    }

    fn deal(&self, mine: &mut [u8], make: &mut dyn FnMut(usize, &mut [u8]) -> Result<()>) -> Result<()> {
        make(0, mine)
    }
}
