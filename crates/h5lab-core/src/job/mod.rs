//! A job for a batch scheduler: what is asked for, and the script that asks for it.

mod directives;
mod quote;
mod script;
mod state;
mod time;

use crate::failure::{Failure, FailureKind, Result};
use crate::report::printable;
use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::str::FromStr;

pub use quote::{line, quoted};
pub use script::{MARK, script};
pub use state::{Ended, State, TaskState, from_qacct, from_qstat, from_sacct, from_scontrol};
pub use time::TimeLimit;

/// The schedulers that scripts are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BatchSystem {
    /// Slurm.
    Slurm,
    /// Grid Engine, of any maker.
    GridEngine,
}

impl BatchSystem {
    /// Both.
    pub const ALL: [BatchSystem; 2] = [BatchSystem::Slurm, BatchSystem::GridEngine];

    /// Its usual name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Slurm => "Slurm",
            Self::GridEngine => "Grid Engine",
        }
    }

    /// The command that submits a script.
    pub fn submit(self) -> &'static str {
        match self {
            Self::Slurm => "sbatch",
            Self::GridEngine => "qsub",
        }
    }

    /// The command that ends a job.
    pub fn cancel(self) -> &'static str {
        match self {
            Self::Slurm => "scancel",
            Self::GridEngine => "qdel",
        }
    }
}

/// As `--scheduler` takes it.
impl fmt::Display for BatchSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Slurm => "slurm",
            Self::GridEngine => "grid-engine",
        })
    }
}

impl FromStr for BatchSystem {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|system| system.to_string() == text);
        found.ok_or_else(|| "write slurm or grid-engine".into())
    }
}

/// What starts the ranks in a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// h5lab itself does, with the MPI's own mpirun: one call for all rank counts.
    ByItself,
    /// `mpirun` does, once for each rank count.
    Mpirun,
    /// Slurm's `srun` does, through PMIx, once for each rank count.
    Srun,
}

/// A container image that h5lab runs in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// The image: a file, or what else Apptainer takes.
    pub image: OsString,
    /// Folders of the host that are seen inside, as Apptainer's `--bind` takes them.
    pub binds: Vec<OsString>,
}

/// What is asked of the scheduler, and the command that it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Whose script it is.
    pub system: BatchSystem,
    /// Its name in the queue.
    pub name: String,
    /// Nodes. Slurm only: Grid Engine leaves that to the parallel environment.
    pub nodes: Option<u64>,
    /// Rank counts to run with. Slots for the largest are asked for.
    pub np: Vec<u64>,
    /// Longest that it may take.
    pub time: Option<TimeLimit>,
    /// Bytes of memory on each node.
    pub memory: Option<u64>,
    /// Who pays: Slurm's account, Grid Engine's project.
    pub project: Option<String>,
    /// Slurm's partition, Grid Engine's queue.
    pub queue: Option<String>,
    /// Grid Engine's parallel environment.
    pub pe: Option<String>,
    /// More of the scheduler's own options, one a line.
    pub directives: Vec<String>,
    /// Modules to load.
    pub modules: Vec<String>,
    /// The container to run in.
    pub container: Option<Image>,
    /// What starts the ranks.
    pub start: Start,
    /// One task of an array for each rank count, one at a time, instead of one job for all.
    pub array: bool,
    /// The folder that it runs in.
    pub folder: PathBuf,
    /// The h5lab that it runs.
    pub program: OsString,
    /// h5lab's command and its options, without `--np`.
    pub words: Vec<OsString>,
    /// The command line that made the script.
    pub made_by: Vec<OsString>,
}

impl Job {
    /// Slots that are asked for.
    pub fn slots(&self) -> u64 {
        self.np.iter().copied().max().unwrap_or(1)
    }

    /// Where the scheduler writes what the job prints, in its own notation for the job's number.
    pub fn log(&self) -> String {
        let number = match (self.system, self.array) {
            (BatchSystem::Slurm, false) => "%j",
            (BatchSystem::Slurm, true) => "%A.%a",
            (BatchSystem::GridEngine, false) => "$JOB_ID",
            (BatchSystem::GridEngine, true) => "$JOB_ID.$TASK_ID",
        };
        format!("{}.{number}.log", self.name)
    }

    /// The log of the job with this number; of an array, with a `*` for the task.
    pub fn log_of(&self, id: &str) -> String {
        let log = self.log();
        log.replace("%j", id).replace("%A", id).replace("%a", "*").replace("$JOB_ID", id).replace("$TASK_ID", "*")
    }

    /// Refuses what this scheduler has no word for.
    fn check(&self) -> Result<()> {
        let refuse = |what: &str, mend: &str| Err(Failure::new(FailureKind::Usage, what).mend(mend));
        if let Some(module) = self.modules.iter().find(|module| module.is_empty() || module.starts_with('-')) {
            return refuse(&format!("--module '{}' is no module's name", printable(module)), "see `module avail`");
        }
        if self.container.as_ref().is_some_and(|image| image.image.as_bytes().first().is_none_or(|&c| c == b'-')) {
            return refuse("--container: an image's name can't be empty or begin with -", "write ./-NAME");
        }
        match self.system {
            _ if self.np.is_empty() => refuse("a job needs rank counts", "add --np 1,2,4"),
            BatchSystem::Slurm if self.pe.is_some() => {
                refuse("--pe: Slurm has no parallel environments", "leave it out, or --scheduler grid-engine")
            }
            BatchSystem::GridEngine if self.nodes.is_some() => refuse(
                "--nodes: in Grid Engine the parallel environment decides how slots are spread over nodes",
                "leave it out, and choose the --pe whose allocation_rule fits: qconf -sp NAME",
            ),
            BatchSystem::GridEngine if self.pe.is_none() && self.slots() > 1 => refuse(
                "Grid Engine grants more than one slot in a parallel environment only",
                "name one with --pe: qconf -spl lists them",
            ),
            BatchSystem::GridEngine if self.start == Start::Srun => {
                refuse("--launcher srun: that is Slurm's", "leave it out, or --launcher mpirun")
            }
            _ if self.nodes.is_some_and(|nodes| nodes > self.slots()) => refuse(
                "--nodes: there are more nodes than ranks: some would have nothing to do",
                "use fewer nodes, or a larger --np",
            ),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
