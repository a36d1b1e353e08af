//! What went wrong, as data: it crosses ranks, processes and result files without losing its cause.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};

/// What kind of thing went wrong. Decides the exit code; see [`FailureKind::exit_code`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// A flag or a value that cannot be.
    Usage,
    /// A file or dataset that is not what the command needs.
    Input,
    /// Going on would destroy something that is not h5lab's own.
    Refused,
    /// The file system said no: permission, no space, missing folder, I/O error.
    Storage,
    /// MPI, mpirun, a library or a build feature is missing, or is not what it should be.
    Environment,
    /// Values read are not the values written.
    Mismatch,
    /// A rank died, or left the others waiting.
    RankLost,
    /// Two results differ more than `--fail-on` allows.
    Changed,
    /// Stopped by the user (Ctrl-C, SIGTERM).
    Interrupted,
    /// The scheduler ends the job, or is about to: what is left is for the next one.
    TimeUp,
    /// Nobody reads the results any more: stdout is a pipe whose other end was closed.
    Unread,
    /// A defect in h5lab.
    Internal,
}

impl FailureKind {
    /// Every kind, in the order in which the documentation lists them.
    pub const ALL: [FailureKind; 12] = [
        FailureKind::Usage,
        FailureKind::Input,
        FailureKind::Refused,
        FailureKind::Storage,
        FailureKind::Environment,
        FailureKind::Mismatch,
        FailureKind::RankLost,
        FailureKind::Changed,
        FailureKind::Interrupted,
        FailureKind::TimeUp,
        FailureKind::Unread,
        FailureKind::Internal,
    ];

    /// The process's exit code. This is the one place where exit codes are set; 0 is success.
    pub const fn exit_code(self) -> u8 {
        match self {
            FailureKind::Usage => 2,
            FailureKind::Input => 3,
            FailureKind::Refused => 4,
            FailureKind::Storage => 5,
            FailureKind::Environment => 6,
            FailureKind::Mismatch => 7,
            FailureKind::RankLost => 8,
            FailureKind::Changed => 9,
            FailureKind::Interrupted => 130,
            // EX_TEMPFAIL of sysexits.h: try again later.
            FailureKind::TimeUp => 75,
            // What a shell says of a process that SIGPIPE ended.
            FailureKind::Unread => 141,
            FailureKind::Internal => 70,
        }
    }

    /// The kind in a few words, as the documentation's table of exit codes says it.
    pub const fn meaning(self) -> &'static str {
        match self {
            FailureKind::Usage => "a flag or a value that cannot be",
            FailureKind::Input => "a file or dataset that is not what the command needs",
            FailureKind::Refused => "would overwrite a file that h5lab did not make",
            FailureKind::Storage => "permission, no space, missing folder, I/O error",
            FailureKind::Environment => "MPI, mpirun or a build feature is missing or does not fit",
            FailureKind::Mismatch => "values read are not the values written",
            FailureKind::RankLost => "a rank died or left the others waiting",
            FailureKind::Changed => "a comparison found more change than --fail-on allows",
            FailureKind::Interrupted => "stopped by the user",
            FailureKind::TimeUp => "the scheduler ended the job: submit it again",
            FailureKind::Unread => "the pipe that stdout is was closed",
            FailureKind::Internal => "a defect in h5lab",
        }
    }
}

/// One failure: what was being done, to which file, by which rank, why it failed, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub struct Failure {
    /// What kind of failure it is.
    pub kind: FailureKind,
    /// What went wrong, in a sentence.
    pub message: String,
    /// The operation that failed: a phase (`open`, `transfer`, ...) or a call.
    pub operation: Option<String>,
    /// The file or folder it happened to.
    #[serde(default, serialize_with = "crate::lossy::optional_path")]
    pub path: Option<PathBuf>,
    /// The rank it happened on, where ranks were running.
    pub rank: Option<usize>,
    /// How many ranks failed alike; 1 unless several did.
    pub ranks_failed: usize,
    /// HDF5's own error stack, outermost call first.
    pub stack: Vec<String>,
    /// What the user can do about it.
    pub mend: Option<String>,
    /// True if all ranks have this failure already, so that they need not tell each other again.
    #[serde(skip)]
    pub agreed: bool,
}

impl Failure {
    /// A failure of `kind` that says `message`.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Failure {
            kind,
            message: message.into(),
            operation: None,
            path: None,
            rank: None,
            ranks_failed: 1,
            stack: Vec::new(),
            mend: None,
            agreed: false,
        }
    }

    /// A failure of the file system, its kind and message taken from `error`.
    pub fn io(operation: &str, path: &Path, error: &std::io::Error) -> Self {
        Failure::new(FailureKind::Storage, error.to_string()).during(operation).at(path)
    }

    /// Names the operation, unless a more precise one was named before.
    pub fn during(mut self, operation: &str) -> Self {
        self.operation.get_or_insert_with(|| operation.to_owned());
        self
    }

    /// Names the file, unless a more precise one was named before.
    pub fn at(mut self, path: &Path) -> Self {
        self.path.get_or_insert_with(|| path.to_owned());
        self
    }

    /// Names the rank, unless it is known already.
    pub fn on_rank(mut self, rank: usize) -> Self {
        self.rank.get_or_insert(rank);
        self
    }

    /// Says what to do next.
    pub fn mend(mut self, mend: impl Into<String>) -> Self {
        self.mend = Some(mend.into());
        self
    }

    /// Adds HDF5's error stack.
    pub fn with_stack(mut self, stack: Vec<String>) -> Self {
        self.stack = stack;
        self
    }
}

/// `rank 1: open /scratch/a.h5: no space left on device`, then the stack and the mend on lines of their own.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(rank) = self.rank {
            write!(f, "rank {rank}")?;
            if self.ranks_failed > 1 {
                write!(f, " (and {} more)", self.ranks_failed - 1)?;
            }
            write!(f, ": ")?;
        }
        if let Some(operation) = &self.operation {
            write!(f, "{operation}: ")?;
        }
        if let Some(path) = &self.path {
            write!(f, "{}: ", crate::report::printable(&path.display().to_string()))?;
        }
        write!(f, "{}", self.message)?;
        for (depth, frame) in self.stack.iter().enumerate() {
            write!(f, "\n  HDF5 #{depth}: {frame}")?;
        }
        if let Some(mend) = &self.mend {
            write!(f, "\n  what to do: {mend}")?;
        }
        Ok(())
    }
}

/// A result whose error is a [`Failure`].
pub type Result<T, E = Failure> = std::result::Result<T, E>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_distinct_and_never_zero() {
        let mut codes: Vec<u8> = FailureKind::ALL.iter().map(|k| k.exit_code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), FailureKind::ALL.len());
        assert!(!codes.contains(&0));
    }

    #[test]
    fn the_text_names_rank_operation_path_stack_and_mend() {
        let failure = Failure::new(FailureKind::Storage, "no space left on device")
            .during("transfer")
            .at(Path::new("/scratch/a.h5"))
            .on_rank(1)
            .with_stack(vec!["H5Dwrite: can't write data".into()])
            .mend("free 12 MiB");
        assert_eq!(
            failure.to_string(),
            "rank 1: transfer: /scratch/a.h5: no space left on device\n  \
             HDF5 #0: H5Dwrite: can't write data\n  what to do: free 12 MiB"
        );
    }

    #[test]
    fn the_first_name_of_an_operation_or_path_stands() {
        let failure = Failure::new(FailureKind::Internal, "x").during("a").during("b");
        assert_eq!(failure.operation.as_deref(), Some("a"));
    }
}
