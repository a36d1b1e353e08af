//! Which layout fits these reads: what is proposed, which proposals are proven, and what comes out.

mod commands;
mod judge;
mod propose;
mod receipt;
mod text;
mod workload;

pub use commands::{Commands, Original, beside, commands};
pub use judge::{Advice, Measured, Row, SampleInfo, Verdict, clearly_best, judge, model_errors, survivors};
pub use propose::{Limits, Origin, Proposal, guess, pick, propose, shapes};
pub use receipt::{Receipt, ReceiptLine};
pub use text::text;
pub use workload::{PROFILES, Read, Workload};
