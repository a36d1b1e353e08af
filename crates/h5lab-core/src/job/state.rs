//! How a job is doing, from what the scheduler's own commands print.

use crate::failure::FailureKind;
use std::fmt;

/// One task of a job; a job that is no array has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskState {
    /// How it is doing.
    pub state: State,
    /// Why it waits, where the scheduler says.
    pub reason: Option<String>,
}

/// How a task is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// In the queue.
    Waiting,
    /// Started, and not over.
    Running,
    /// In the queue, and it will never start: the scheduler found it faulty.
    Faulty,
    /// Over.
    Over(Ended),
}

/// How a task ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With this exit code.
    Exit(u8),
    /// By this signal.
    Signal(u8),
    /// Killed at its time limit.
    TimeLimit,
    /// By the user, or an administrator.
    Cancelled,
    /// Otherwise, in the scheduler's words: out of memory, node lost.
    Lost(String),
}

impl Ended {
    /// The exit code that stands for it: the job's own, or h5lab's for what happened.
    pub fn exit_code(&self) -> u8 {
        match self {
            Ended::Exit(code) => *code,
            Ended::Signal(signal) => 128u8.saturating_add(*signal),
            Ended::TimeLimit => FailureKind::TimeUp.exit_code(),
            Ended::Cancelled => FailureKind::Interrupted.exit_code(),
            Ended::Lost(_) => FailureKind::RankLost.exit_code(),
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Exit(0) => write!(f, "done"),
            Ended::Exit(code) => {
                let known = FailureKind::ALL.into_iter().find(|kind| kind.exit_code() == *code);
                write!(f, "ended with exit code {code}")?;
                known.map_or(Ok(()), |kind| write!(f, " ({})", kind.meaning()))
            }
            Ended::Signal(signal) => write!(f, "ended by signal {signal}"),
            Ended::TimeLimit => write!(f, "killed at its time limit"),
            Ended::Cancelled => write!(f, "cancelled"),
            Ended::Lost(how) => write!(f, "lost: {how}"),
        }
    }
}

/// The state in a word or two.
impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            State::Waiting => write!(f, "waiting"),
            State::Running => write!(f, "running"),
            State::Faulty => write!(f, "faulty: it will never start"),
            State::Over(ended) => ended.fmt(f),
        }
    }
}

/// From `scontrol show job --oneliner ID`: a line a task, `KEY=VALUE` a word.
pub fn from_scontrol(text: &str) -> Vec<TaskState> {
    let task = |line: &str| {
        // The first of a kind: what the user chose, paths above all, comes later.
        let value = |key: &str| line.split_whitespace().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
        let reason = value("Reason").filter(|&reason| reason != "None").map(str::to_owned);
        Some(TaskState { state: slurm(value("JobState")?, value("ExitCode")?), reason })
    };
    text.lines().filter_map(task).collect()
}

/// From `sacct --noheader --allocations --parsable2 --format=State,ExitCode`.
pub fn from_sacct(text: &str) -> Vec<TaskState> {
    let task = |line: &str| {
        let (state, code) = line.split_once('|')?;
        Some(TaskState { state: slurm(state.split_whitespace().next()?, code), reason: None })
    };
    text.lines().filter_map(task).collect()
}

/// Slurm's states: <https://slurm.schedmd.com/squeue.html#SECTION_JOB-STATE-CODES>. `code` is `EXIT:SIGNAL`.
fn slurm(state: &str, code: &str) -> State {
    let (exit, signal) = code.split_once(':').unwrap_or((code, "0"));
    let (exit, signal): (u8, u8) = (exit.parse().unwrap_or(1), signal.parse().unwrap_or(0));
    let by_code = if exit == 0 && signal > 0 { Ended::Signal(signal) } else { Ended::Exit(exit) };
    match state {
        "PENDING" | "REQUEUED" | "REQUEUE_HOLD" | "REQUEUE_FED" | "SPECIAL_EXIT" | "RESV_DEL_HOLD" => State::Waiting,
        "COMPLETED" | "FAILED" => State::Over(by_code),
        "TIMEOUT" | "DEADLINE" => State::Over(Ended::TimeLimit),
        "CANCELLED" | "REVOKED" => State::Over(Ended::Cancelled),
        "BOOT_FAIL" | "NODE_FAIL" | "OUT_OF_MEMORY" | "PREEMPTED" => State::Over(Ended::Lost(state.into())),
        _ => State::Running,
    }
}

/// From `qstat`: a line a task or a group of waiting ones, `ID PRIORITY NAME USER STATE ...`. Tasks that are over are not
/// there.
pub fn from_qstat(text: &str, id: &str) -> Vec<TaskState> {
    let task = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let letters = *words.get(4).filter(|_| words[0] == id)?;
        let state = match letters {
            _ if letters.contains('E') => State::Faulty,
            _ if letters.contains(['q', 'w', 'h']) => State::Waiting,
            _ => State::Running,
        };
        let reason = (state == State::Faulty || letters.contains('h')).then(|| letters.to_owned());
        Some(TaskState { state, reason })
    };
    text.lines().filter_map(task).collect()
}

/// From `qacct -j ID`: a block a task, begun by a ruler; `KEY VALUE` a line, as accounting(5) describes them.
pub fn from_qacct(text: &str) -> Vec<TaskState> {
    let task = |block: &str| {
        let value = |key: &str| block.lines().find_map(|line| Some(line.strip_prefix(key)?.trim()));
        let code: u32 = value("exit_status ")?.split_whitespace().next()?.parse().ok()?;
        let failed = value("failed ")?;
        let ended = match (failed.split_whitespace().next()?, code) {
            ("37", _) => Ended::TimeLimit,
            (_, 129..=192) => Ended::Signal((code - 128) as u8),
            ("0", _) => Ended::Exit(code.min(255) as u8),
            _ => Ended::Lost(failed.into()),
        };
        Some(TaskState { state: State::Over(ended), reason: None })
    };
    text.split("\n====").filter_map(task).collect()
}
