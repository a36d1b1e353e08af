//! Flags of `h5lab job`.

use super::count;
use clap::{Args, Subcommand, ValueEnum};
use h5lab_core::job::{BatchSystem, TimeLimit};
use h5lab_core::report::parse_bytes;
use std::ffi::OsString;
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Examples:
  h5lab job --np 4,8,16 --time 1:00:00 -- run plan.toml --save results.jsonl
      writes h5lab-run.sh, for whichever scheduler is here
  h5lab job --scheduler slurm --nodes 2 --np 4,8,16 --queue fast --submit \\
          --wait -- write 128 1000000
  h5lab job --scheduler grid-engine --pe openmpi --np 16 --project tomography \\
          --submit -- run --preset write
  h5lab job --np 8,16 --nodes 2 --container h5lab.sif \\
          --bind /scratch:/apps/output -- run plan.toml --save r.jsonl
  h5lab job status
      the jobs that were submitted from this folder

After -- comes any h5lab command that takes --np; the rank counts stand before it. `run` gets --resume: when the \
time was too short, submit the same script again. docs/cluster.md has the rest."
)]
pub struct Job {
    #[command(subcommand)]
    pub command: Option<JobCommand>,
    /// Whose script to write: slurm or grid-engine [default: the one that is here]
    #[arg(long, value_name = "NAME")]
    pub scheduler: Option<BatchSystem>,
    /// Rank counts to run with; slots for the largest are asked for
    #[arg(long, value_name = "N,N,...", value_delimiter = ',', value_parser = count, required = true)]
    pub np: Vec<u64>,
    /// Nodes (Slurm only: in Grid Engine the parallel environment decides)
    #[arg(long, value_name = "N", value_parser = count)]
    pub nodes: Option<u64>,
    /// Longest that the job may take: 1:30:00, 2-00:00:00, 90m
    #[arg(long)]
    pub time: Option<TimeLimit>,
    /// Memory on each node
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    pub memory: Option<u64>,
    /// Who pays: Slurm's account, Grid Engine's project
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
    /// Slurm's partition, Grid Engine's queue
    #[arg(long, value_name = "NAME")]
    pub queue: Option<String>,
    /// Grid Engine's parallel environment
    #[arg(long, value_name = "NAME")]
    pub pe: Option<String>,
    /// One more option in the scheduler's own words, such as --directive=--constraint=ib; may be repeated
    #[arg(long, value_name = "OPTION", allow_hyphen_values = true)]
    pub directive: Vec<String>,
    /// A module to load; may be repeated
    #[arg(long, value_name = "NAME")]
    pub module: Vec<String>,
    /// Run in this container image: the host's launcher starts the ranks, each in the container
    #[arg(long, value_name = "IMAGE")]
    pub container: Option<OsString>,
    /// A folder that the container sees, as Apptainer's --bind takes it; may be repeated
    #[arg(long, value_name = "FROM:TO", requires = "container")]
    pub bind: Vec<OsString>,
    /// What starts the ranks [default: h5lab itself; in a container mpirun]
    #[arg(long, value_enum)]
    pub launcher: Option<LauncherName>,
    /// A task of an array for each rank count, one at a time, each with the time limit for itself
    #[arg(long)]
    pub array: bool,
    /// The job's name [default: h5lab-COMMAND]
    #[arg(long)]
    pub name: Option<String>,
    /// The script to write [default: NAME.sh]
    #[arg(long, value_name = "FILE")]
    pub script: Option<PathBuf>,
    /// Print the script, and write nothing
    #[arg(long, conflicts_with_all = ["submit", "wait"])]
    pub dry_run: bool,
    /// Overwrite a script that h5lab did not write
    #[arg(long)]
    pub force: bool,
    /// Submit the script
    #[arg(long)]
    pub submit: bool,
    /// Submit it, follow the job, and end with its exit code
    #[arg(long)]
    pub wait: bool,
    /// h5lab's command, after --
    #[arg(value_name = "COMMAND", last = true, required = true)]
    pub words: Vec<OsString>,
}

/// What is done with jobs that were submitted.
#[derive(Debug, Subcommand)]
pub enum JobCommand {
    /// How the jobs are that were submitted from this folder
    Status {
        /// Their scripts or numbers [default: all of them]
        #[arg(value_name = "JOB")]
        which: Vec<String>,
    },
}

/// Launchers that a script may use.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LauncherName {
    Mpirun,
    Srun,
}
