//! Tells from environment variables which MPI launcher started this process, and in which batch job.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use h5lab_core::host::{Launcher, LauncherKind, LauncherMpi, MpiRuntime, Scheduler, SchedulerKind};

use super::Env;

/// From here up, Slurm's step numbers name no step of `srun`: the batch script's, an interactive shell's ...
///
/// See `SLURM_MAX_NORMAL_STEP_ID` in `slurm/slurm.h`.
const SLURM_SPECIAL_STEPS: u64 = 0xffff_fff0;

/// What started this process, and on whose slots, as it was before MPI: starting it sets variables of its own, so that a
/// rank whose launcher it does not understand would take them for the launcher's.
pub fn of_this_process() -> Launcher {
    static FOUND: OnceLock<Launcher> = OnceLock::new();
    FOUND.get_or_init(|| detect(&super::process_env)).clone()
}

/// Tells what started this process, and on whose slots.
pub fn detect(env: Env) -> Launcher {
    detect_with(env, &|path| super::read(path))
}

/// As [`detect`], with the reading of files (PBS lists its nodes in one) to be given.
pub fn detect_with(env: Env, read: &dyn Fn(&str) -> Option<String>) -> Launcher {
    let started = [open_mpi, mvapich, hydra, srun, pmi, pmix].iter().find_map(|by| by(env)).unwrap_or_default();
    let mpi = if started.kind.started_rank() { launcher_mpi(env, started.kind) } else { None };
    Launcher { mpi, scheduler: scheduler(env, read), ..started }
}

/// What the launcher's MPI and PMIx say of themselves in the environment. Within one process tree the innermost
/// launcher's word stands.
fn launcher_mpi(env: Env, kind: LauncherKind) -> Option<LauncherMpi> {
    let open_mpi = kind == LauncherKind::OpenMpi;
    let runtime = if env("OMPI_MCA_orte_ess_num_procs").is_some() { MpiRuntime::Orte } else { MpiRuntime::Prrte };
    let mpi = LauncherMpi {
        runtime: open_mpi.then_some(runtime),
        version: env("OMPI_VERSION").filter(|_| open_mpi),
        pmix: env("PMIX_VERSION"),
    };
    (mpi != LauncherMpi::default()).then_some(mpi)
}

fn open_mpi(env: Env) -> Option<Launcher> {
    ranks(env, LauncherKind::OpenMpi, "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK")
}

fn mvapich(env: Env) -> Option<Launcher> {
    ranks(env, LauncherKind::Mvapich, "MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK")
}

/// Hydra's own variable tells it from `srun`, which speaks PMI too and which Hydra may use itself.
fn hydra(env: Env) -> Option<Launcher> {
    env("MPI_LOCALNRANKS").and_then(|_| pmi(env))
}

fn pmi(env: Env) -> Option<Launcher> {
    ranks(env, LauncherKind::Hydra, "PMI_SIZE", "PMI_RANK")
}

fn srun(env: Env) -> Option<Launcher> {
    let step: u64 = number(env, "SLURM_STEP_ID")?;
    if step >= SLURM_SPECIAL_STEPS || env("SLURM_PTY_PORT").is_some() {
        return None;
    }
    let ranks = number(env, "SLURM_STEP_NUM_TASKS").or_else(|| number(env, "SLURM_NTASKS"));
    Some(Launcher { kind: LauncherKind::Srun, ranks, rank: number(env, "SLURM_PROCID"), ..Launcher::default() })
}

fn pmix(env: Env) -> Option<Launcher> {
    env("PMIX_NAMESPACE")?;
    let rank = Some(number(env, "PMIX_RANK")?);
    Some(Launcher { kind: LauncherKind::Pmix, ranks: None, rank, ..Launcher::default() })
}

fn ranks(env: Env, kind: LauncherKind, size: &str, rank: &str) -> Option<Launcher> {
    let ranks = Some(number(env, size)?);
    Some(Launcher { kind, ranks, rank: number(env, rank), ..Launcher::default() })
}

fn number<T: std::str::FromStr>(env: Env, name: &str) -> Option<T> {
    env(name)?.trim().parse().ok()
}

fn scheduler(env: Env, read: &dyn Fn(&str) -> Option<String>) -> Option<Scheduler> {
    slurm(env).or_else(|| pbs(env, read)).or_else(|| lsf(env)).or_else(|| grid_engine(env))
}

fn slurm(env: Env) -> Option<Scheduler> {
    let tasks = || slurm_tasks(&env("SLURM_TASKS_PER_NODE")?);
    Some(Scheduler {
        kind: SchedulerKind::Slurm,
        job: Some(env("SLURM_JOB_ID").or_else(|| env("SLURM_JOBID"))?),
        slots: number(env, "SLURM_NTASKS").or_else(tasks),
        nodes: number(env, "SLURM_JOB_NUM_NODES").or_else(|| number(env, "SLURM_NNODES")),
    })
}

/// Sums Slurm's list of tasks a node, such as `4(x2),3`: twice 4, and 3.
fn slurm_tasks(list: &str) -> Option<usize> {
    let term = |term: &str| match term.trim_end_matches(')').split_once("(x") {
        Some((tasks, nodes)) => Some(tasks.parse::<usize>().ok()? * nodes.parse::<usize>().ok()?),
        None => term.parse().ok(),
    };
    list.split(',').map(term).sum()
}

/// PBS's node file has a line a slot, with the node's name.
fn pbs(env: Env, read: &dyn Fn(&str) -> Option<String>) -> Option<Scheduler> {
    let job = Some(env("PBS_JOBID")?);
    let file = env("PBS_NODEFILE").and_then(|path| read(&path));
    let hosts: Option<Vec<&str>> = file.as_deref().map(|text| text.split_whitespace().collect());
    let slots = hosts.as_ref().map(Vec::len).or_else(|| number(env, "PBS_NP"));
    let nodes = hosts.map(distinct).or_else(|| number(env, "PBS_NUM_NODES"));
    Some(Scheduler { kind: SchedulerKind::Pbs, job, slots, nodes })
}

/// LSF lists its nodes as name, slots, name, slots ...
fn lsf(env: Env) -> Option<Scheduler> {
    let nodes = env("LSB_MCPU_HOSTS").map(|hosts| distinct(hosts.split_whitespace().step_by(2)));
    Some(Scheduler {
        kind: SchedulerKind::Lsf,
        job: Some(env("LSB_JOBID")?),
        slots: number(env, "LSB_DJOB_NUMPROC"),
        nodes,
    })
}

/// Grid Engine's `JOB_ID` is too common a name to go by alone.
fn grid_engine(env: Env) -> Option<Scheduler> {
    let job = Some(env("JOB_ID")?);
    env("SGE_TASK_ID").or_else(|| env("SGE_ROOT")).or_else(|| env("SGE_O_WORKDIR"))?;
    let (slots, nodes) = (number(env, "NSLOTS"), number(env, "NHOSTS"));
    Some(Scheduler { kind: SchedulerKind::GridEngine, job, slots, nodes })
}

fn distinct<'a>(names: impl IntoIterator<Item = &'a str>) -> usize {
    names.into_iter().collect::<BTreeSet<_>>().len()
}

#[cfg(test)]
#[path = "launcher_tests.rs"]
mod tests;
