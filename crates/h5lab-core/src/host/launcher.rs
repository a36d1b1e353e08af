//! Who started this process: an MPI launcher, a batch scheduler, both, or neither.

use serde::{Deserialize, Serialize};

use super::LauncherMpi;

/// How this process was started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launcher {
    /// What started this process as an MPI rank, if anything did.
    pub kind: LauncherKind,
    /// Ranks that the launcher says it started.
    pub ranks: Option<usize>,
    /// Which of them this is, from 0.
    pub rank: Option<usize>,
    /// The MPI it belongs to, as far as it says; `None` when it says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mpi: Option<LauncherMpi>,
    /// Ranks that MPI sees in this process's world, where MPI was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mpi_ranks: Option<usize>,
    /// The batch scheduler whose job this runs in; `None` when no sign of one was seen.
    pub scheduler: Option<Scheduler>,
}

/// What started this process as an MPI rank.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LauncherKind {
    /// Nothing did: a shell, a batch script.
    #[default]
    None,
    /// Open MPI's `mpirun`.
    OpenMpi,
    /// `mpiexec` of MPICH, Intel MPI or another that speaks PMI.
    Hydra,
    /// MVAPICH's `mpirun_rsh`.
    Mvapich,
    /// Slurm's `srun`.
    Srun,
    /// Another launcher that speaks PMIx.
    Pmix,
}

/// A batch scheduler's job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scheduler {
    /// Which scheduler.
    pub kind: SchedulerKind,
    /// Its name for the job.
    pub job: Option<String>,
    /// Slots (MPI ranks) granted; inside a Slurm step, the step's.
    pub slots: Option<usize>,
    /// Nodes granted.
    pub nodes: Option<usize>,
    /// The nodes granted, with the slots on each; empty where the scheduler does not say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub per_node: Vec<NodeSlots>,
    /// Cores granted on this node, which may be more than slots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpus_on_node: Option<usize>,
    /// Slurm's partition, or the queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// Grid Engine's parallel environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parallel_environment: Option<String>,
}

/// A node of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeSlots {
    /// Its name.
    pub name: String,
    /// Slots on it.
    pub slots: Option<usize>,
}

impl Scheduler {
    /// A job of which nothing is known but its name.
    pub fn new(kind: SchedulerKind, job: Option<String>) -> Self {
        Scheduler {
            kind,
            job,
            slots: None,
            nodes: None,
            per_node: Vec::new(),
            cpus_on_node: None,
            queue: None,
            parallel_environment: None,
        }
    }

    /// What was granted, in words: `8 slots on 2 nodes (Slurm, job 42)`.
    pub fn grant(&self) -> String {
        let count = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
        let slots = self.slots.map_or("an unknown number of slots".into(), |slots| count(slots, "slot"));
        let nodes = self.nodes.map_or(String::new(), |nodes| format!(" on {}", count(nodes, "node")));
        let job = self.job.as_ref().map_or(String::new(), |job| format!(", job {job}"));
        format!("{slots}{nodes} ({}{job})", self.kind.name())
    }
}

/// Batch schedulers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SchedulerKind {
    /// Slurm.
    Slurm,
    /// Grid Engine, of any maker.
    GridEngine,
    /// PBS Pro, OpenPBS or Torque.
    Pbs,
    /// LSF.
    Lsf,
}

impl LauncherKind {
    /// Whether this process was started as an MPI rank.
    pub fn started_rank(self) -> bool {
        self != Self::None
    }

    /// Its usual name.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none: this process was not started as an MPI rank",
            Self::OpenMpi => "mpirun (Open MPI)",
            Self::Hydra => "mpiexec (Hydra, or another that speaks PMI)",
            Self::Mvapich => "mpirun_rsh (MVAPICH)",
            Self::Srun => "srun",
            Self::Pmix => "a launcher that speaks PMIx",
        }
    }
}

impl SchedulerKind {
    /// Its usual name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Slurm => "Slurm",
            Self::GridEngine => "Grid Engine",
            Self::Pbs => "PBS",
            Self::Lsf => "LSF",
        }
    }
}
