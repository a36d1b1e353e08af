//! Tells from environment variables which MPI launcher started this process, and in which batch job.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use h5lab_core::host::{
    Launcher, LauncherKind, LauncherMpi, MpiRuntime, NodeSlots, Scheduler, SchedulerKind, node_list,
};

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

/// True if whoever started this process left it something by which MPI can find the other ranks: variables of PMI, PMI-2
/// or PMIx. `srun --mpi=none` leaves nothing.
pub fn left_pmi() -> bool {
    any_variable("PMI")
}

/// True if that is PMIx.
pub fn left_pmix() -> bool {
    any_variable("PMIX")
}

fn any_variable(begin: &str) -> bool {
    std::env::vars_os().any(|(name, _)| name.as_encoded_bytes().starts_with(begin.as_bytes()))
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
    Some(Launcher { kind: LauncherKind::Pmix, rank, ..Launcher::default() })
}

fn ranks(env: Env, kind: LauncherKind, size: &str, rank: &str) -> Option<Launcher> {
    let ranks = Some(number(env, size)?);
    Some(Launcher { kind, ranks, rank: number(env, rank), ..Launcher::default() })
}

fn number<T: std::str::FromStr>(env: Env, name: &str) -> Option<T> {
    env(name)?.trim().parse().ok()
}

fn scheduler(env: Env, read: &dyn Fn(&str) -> Option<String>) -> Option<Scheduler> {
    slurm(env).or_else(|| pbs(env, read)).or_else(|| lsf(env)).or_else(|| grid_engine(env, read))
}

fn slurm(env: Env) -> Option<Scheduler> {
    let job = Some(env("SLURM_JOB_ID").or_else(|| env("SLURM_JOBID"))?);
    let tasks = env("SLURM_TASKS_PER_NODE").and_then(|list| node_list::counts(&list));
    let names = env("SLURM_JOB_NODELIST").or_else(|| env("SLURM_NODELIST")).and_then(|list| node_list::nodes(&list));
    // Where mpirun has its daemons started by srun, its ranks see that step's counts; Open MPI knows the job's.
    let universe = env("SLURM_STEP_ID").and_then(|_| number(env, "OMPI_UNIVERSE_SIZE"));
    let total = || tasks.as_ref().map(|tasks| tasks.iter().sum());
    let slots = universe.or_else(|| number(env, "SLURM_NTASKS")).or_else(total);
    let each = tasks.as_deref().filter(|_| total() == slots);
    let per_node = names.map_or_else(Vec::new, |names| on_nodes(names, each));
    Some(Scheduler {
        slots,
        nodes: number(env, "SLURM_JOB_NUM_NODES").or_else(|| number(env, "SLURM_NNODES")),
        per_node,
        cpus_on_node: number(env, "SLURM_CPUS_ON_NODE"),
        queue: env("SLURM_JOB_PARTITION"),
        ..Scheduler::new(SchedulerKind::Slurm, job)
    })
}

/// Names with the slots on each, where there are as many of one as of the other.
fn on_nodes(names: Vec<String>, slots: Option<&[usize]>) -> Vec<NodeSlots> {
    let slots = slots.filter(|slots| slots.len() == names.len());
    let named = |(at, name)| NodeSlots { name, slots: slots.map(|slots| slots[at]) };
    names.into_iter().enumerate().map(named).collect()
}

/// PBS's node file has a line a slot, with the node's name.
fn pbs(env: Env, read: &dyn Fn(&str) -> Option<String>) -> Option<Scheduler> {
    let job = Some(env("PBS_JOBID")?);
    let file = env("PBS_NODEFILE").and_then(|path| read(&path));
    let hosts: Option<Vec<&str>> = file.as_deref().map(|text| text.split_whitespace().collect());
    let slots = hosts.as_ref().map(Vec::len).or_else(|| number(env, "PBS_NP"));
    let nodes = hosts.map(distinct).or_else(|| number(env, "PBS_NUM_NODES"));
    Some(Scheduler { slots, nodes, queue: env("PBS_QUEUE"), ..Scheduler::new(SchedulerKind::Pbs, job) })
}

/// LSF lists its nodes as name, slots, name, slots ...
fn lsf(env: Env) -> Option<Scheduler> {
    let nodes = env("LSB_MCPU_HOSTS").map(|hosts| distinct(hosts.split_whitespace().step_by(2)));
    let job = Some(env("LSB_JOBID")?);
    let (slots, queue) = (number(env, "LSB_DJOB_NUMPROC"), env("LSB_QUEUE"));
    Some(Scheduler { slots, nodes, queue, ..Scheduler::new(SchedulerKind::Lsf, job) })
}

/// Grid Engine's `JOB_ID` is too common a name to go by alone.
fn grid_engine(env: Env, read: &dyn Fn(&str) -> Option<String>) -> Option<Scheduler> {
    let job = Some(env("JOB_ID")?);
    env("SGE_TASK_ID").or_else(|| env("SGE_ROOT")).or_else(|| env("SGE_O_WORKDIR"))?;
    let per_node = env("PE_HOSTFILE").and_then(|path| read(&path)).map_or_else(Vec::new, |text| pe_hosts(&text));
    Some(Scheduler {
        slots: number(env, "NSLOTS"),
        nodes: number(env, "NHOSTS"),
        per_node,
        queue: env("QUEUE"),
        parallel_environment: env("PE"),
        ..Scheduler::new(SchedulerKind::GridEngine, job)
    })
}

/// A line a node: its name, slots, queue, cores (sge_pe(5), $pe_hostfile).
fn pe_hosts(text: &str) -> Vec<NodeSlots> {
    let host = |line: &str| {
        let mut words = line.split_whitespace();
        Some(NodeSlots { name: words.next()?.to_owned(), slots: words.next()?.parse().ok() })
    };
    text.lines().filter_map(host).collect()
}

fn distinct<'a>(names: impl IntoIterator<Item = &'a str>) -> usize {
    names.into_iter().collect::<BTreeSet<_>>().len()
}

#[cfg(test)]
#[path = "launcher_tests.rs"]
mod tests;
