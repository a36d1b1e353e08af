//! The cost model: from a layout and the requests of an access to seconds, with what was calibrated on the machine.
//!
//! `docs/model.md` describes it. [`work`] counts what HDF5 does; [`cost`] makes seconds of the counts; [`calibration`] holds
//! what the machine takes for one of each.

pub mod calibration;
pub mod cost;
pub mod fit;
pub mod work;

pub use calibration::{Calibration, FilterCost, FilterPoint, Transfers};
pub use cost::{Estimate, Setting, estimate, read_seconds, stored_bytes, write_seconds};
pub use fit::{CallCosts, Observation, fit};
pub use work::{Geometry, Work, write_work};
