//! Faults on purpose, for the tests of what happens when a rank fails.
//!
//! `H5LAB_FAULT=RANK:PHASE:HOW` makes one rank fail when it begins a phase (`open`, `transfer`, `flush`, `close`):
//! `error` returns an error instead of making the call that the other ranks make, `panic` panics, `kill` sends
//! SIGKILL to the process, `hang` never comes back.

use h5lab_core::experiment::Experiment;
use h5lab_core::failure::{Failure, FailureKind, Result};

/// The environment variable.
pub const VARIABLE: &str = "H5LAB_FAULT";

/// A fault that is to happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    rank: usize,
    phase: String,
    how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Error,
    Panic,
    Kill,
    Hang,
}

impl Fault {
    /// The fault that the environment asks for, if it does.
    ///
    /// # Errors
    /// `Usage` if the variable can't be read: a fault that silently does not happen would let a test pass.
    pub fn from_env() -> Result<Option<Fault>> {
        let Ok(text) = std::env::var(VARIABLE) else {
            return Ok(None);
        };
        let parts: Vec<&str> = text.split(':').collect();
        let parsed = match parts[..] {
            [rank, phase @ ("open" | "transfer" | "flush" | "close"), how] => {
                rank.parse().ok().zip(How::parse(how)).map(|(rank, how)| Fault { rank, phase: phase.to_owned(), how })
            }
            _ => None,
        };
        let bad =
            || Failure::new(FailureKind::Usage, format!("{VARIABLE}={text}: write RANK:PHASE:error|panic|kill|hang"));
        parsed.map(Some).ok_or_else(bad)
    }

    /// Refuses a fault in a phase that none of these experiments has: it would silently not happen.
    ///
    /// # Errors
    /// `Usage`.
    pub fn check<'a>(&self, experiments: impl IntoIterator<Item = &'a Experiment>) -> Result<()> {
        if self.phase != "flush" || experiments.into_iter().any(|experiment| experiment.fsync) {
            return Ok(());
        }
        let why = format!("{VARIABLE} asks for a fault in the flush, but nothing is flushed");
        Err(Failure::new(FailureKind::Usage, why).mend("add --fsync to a write, or choose another phase"))
    }

    /// Happens, if this is the rank and the phase.
    ///
    /// # Errors
    /// The failure that was asked for.
    ///
    /// # Panics
    /// If a panic was asked for.
    pub fn strike(fault: Option<&Fault>, phase: &str, rank: usize) -> Result<()> {
        let Some(fault) = fault.filter(|f| f.rank == rank && f.phase == phase) else {
            return Ok(());
        };
        match fault.how {
            How::Error => {
                Err(Failure::new(FailureKind::Storage, format!("a fault asked for by {VARIABLE}")).during(phase))
            }
            How::Panic => panic!("a panic asked for by {VARIABLE}"),
            How::Kill => {
                let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
                Ok(())
            }
            How::Hang => loop {
                std::thread::sleep(std::time::Duration::from_secs(3600));
            },
        }
    }
}

impl How {
    fn parse(text: &str) -> Option<How> {
        Some(match text {
            "error" => How::Error,
            "panic" => How::Panic,
            "kill" => How::Kill,
            "hang" => How::Hang,
            _ => return None,
        })
    }
}
