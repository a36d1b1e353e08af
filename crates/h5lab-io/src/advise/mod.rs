//! What advice needs from the real machine: a sample of the data, and what path, HDF5 and filters take for it.

mod calibrate;
mod sample;
mod small;

pub use calibrate::{Task as CalibrationTask, calibrate};
pub use sample::{Sample, shape_of_sample, stage};
pub use small::aligned_buffer;
