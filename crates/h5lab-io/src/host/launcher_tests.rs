//! Environments as launchers and schedulers leave them.

use super::super::tests::table;
use super::*;

fn seen(pairs: &[(&str, &str)]) -> Launcher {
    let files = [("/nodes", "n1\nn1\nn2\nn2\n"), ("/hosts", "n1 4 all.q@n1 UNDEFINED\nn2 2 all.q@n2 UNDEFINED\n")];
    detect_with(&table(pairs), &|path| files.iter().find(|(name, _)| *name == path).map(|(_, text)| text.to_string()))
}

fn check_launcher(pairs: &[(&str, &str)], kind: LauncherKind, ranks: Option<usize>, rank: Option<usize>) {
    let launcher = seen(pairs);
    assert_eq!((launcher.kind, launcher.ranks, launcher.rank), (kind, ranks, rank), "{pairs:?}");
}

type Job<'a> = (SchedulerKind, &'a str, Option<usize>, Option<usize>);

fn check_scheduler(pairs: &[(&str, &str)], want: Option<Job>) {
    let found = seen(pairs).scheduler;
    let found = found.as_ref().map(|s| (s.kind, s.job.as_deref().unwrap_or(""), s.slots, s.nodes));
    assert_eq!(found, want, "{pairs:?}");
}

#[test]
fn a_shell_is_neither() {
    assert_eq!(seen(&[("PATH", "/bin"), ("JOB_ID", "7"), ("PMIX_RANK", "0")]), Launcher::default());
}

#[test]
fn open_mpi_says_size_and_rank() {
    let pairs = [("OMPI_COMM_WORLD_SIZE", "4"), ("OMPI_COMM_WORLD_RANK", "2"), ("PMIX_RANK", "2")];
    check_launcher(&pairs, LauncherKind::OpenMpi, Some(4), Some(2));
}

#[test]
fn mpirun_inside_a_slurm_step_is_mpirun() {
    let pairs = [
        ("OMPI_COMM_WORLD_SIZE", "8"),
        ("OMPI_COMM_WORLD_RANK", "1"),
        ("SLURM_JOB_ID", "42"),
        ("SLURM_STEP_ID", "0"),
        ("SLURM_NTASKS", "2"),
        ("SLURM_PROCID", "0"),
    ];
    check_launcher(&pairs, LauncherKind::OpenMpi, Some(8), Some(1));
}

#[test]
fn hydra_is_told_from_srun_with_pmi2() {
    let pmi = [("PMI_SIZE", "4"), ("PMI_RANK", "3")];
    check_launcher(&pmi, LauncherKind::Hydra, Some(4), Some(3));
    let step = [("SLURM_STEP_ID", "1"), ("SLURM_STEP_NUM_TASKS", "2"), ("SLURM_PROCID", "0")];
    check_launcher(&[&pmi[..], &step].concat(), LauncherKind::Srun, Some(2), Some(0));
    let hydra = [("MPI_LOCALNRANKS", "2")];
    check_launcher(&[&pmi[..], &step, &hydra].concat(), LauncherKind::Hydra, Some(4), Some(3));
}

#[test]
fn mvapich_and_pmix_are_seen() {
    let mvapich = [("MV2_COMM_WORLD_SIZE", "6"), ("MV2_COMM_WORLD_RANK", "5")];
    check_launcher(&mvapich, LauncherKind::Mvapich, Some(6), Some(5));
    check_launcher(&[("PMIX_RANK", "1"), ("PMIX_NAMESPACE", "x")], LauncherKind::Pmix, None, Some(1));
}

#[test]
fn srun_is_a_numbered_step() {
    let step = [("SLURM_JOB_ID", "42"), ("SLURM_STEP_ID", "3"), ("SLURM_NTASKS", "16"), ("SLURM_PROCID", "7")];
    check_launcher(&step, LauncherKind::Srun, Some(16), Some(7));
}

#[test]
fn scripts_and_shells_of_slurm_are_not_started_by_srun() {
    let script = [("SLURM_JOB_ID", "42"), ("SLURM_NTASKS", "16"), ("SLURM_PROCID", "0")];
    for step in [None, Some("batch"), Some("interactive"), Some("4294967290"), Some("4294967291")] {
        let step: Vec<_> = step.map(|step| ("SLURM_STEP_ID", step)).into_iter().collect();
        check_launcher(&[&script[..], &step].concat(), LauncherKind::None, None, None);
    }
    let shell = [("SLURM_STEP_ID", "0"), ("SLURM_PTY_PORT", "4000")];
    check_launcher(&[&script[..], &shell].concat(), LauncherKind::None, None, None);
}

#[test]
fn slurm_grants_tasks() {
    let job = [("SLURM_JOB_ID", "42"), ("SLURM_JOB_NUM_NODES", "3")];
    check_scheduler(&job, Some((SchedulerKind::Slurm, "42", None, Some(3))));
    let tasks = [("SLURM_TASKS_PER_NODE", "4(x2),3")];
    check_scheduler(&[&job[..], &tasks].concat(), Some((SchedulerKind::Slurm, "42", Some(11), Some(3))));
    let total = [("SLURM_NTASKS", "8")];
    check_scheduler(&[&job[..], &tasks, &total].concat(), Some((SchedulerKind::Slurm, "42", Some(8), Some(3))));
    check_scheduler(
        &[&job[..], &[("SLURM_TASKS_PER_NODE", "four")]].concat(),
        Some((SchedulerKind::Slurm, "42", None, Some(3))),
    );
}

#[test]
fn ranks_of_mpirun_see_the_jobs_slots_not_those_of_the_step_of_its_daemons() {
    let job = [("SLURM_JOB_ID", "42"), ("SLURM_JOB_NUM_NODES", "2"), ("SLURM_STEP_ID", "0"), ("SLURM_NTASKS", "2")];
    let rank = [("OMPI_COMM_WORLD_SIZE", "4"), ("OMPI_COMM_WORLD_RANK", "0"), ("OMPI_UNIVERSE_SIZE", "8")];
    let nodes = [("SLURM_JOB_NODELIST", "n[1-2]"), ("SLURM_TASKS_PER_NODE", "1(x2)")];
    let pairs = [&job[..], &rank, &nodes].concat();
    check_scheduler(&pairs, Some((SchedulerKind::Slurm, "42", Some(8), Some(2))));
    check_nodes(&pairs, &[("n1", None), ("n2", None)]);
}

fn check_nodes(pairs: &[(&str, &str)], want: &[(&str, Option<usize>)]) {
    let found = seen(pairs).scheduler.expect("a job").per_node;
    let found: Vec<_> = found.iter().map(|node| (node.name.as_str(), node.slots)).collect();
    assert_eq!(found, want, "{pairs:?}");
}

#[test]
fn nodes_are_named_with_their_slots() {
    let job = [("SLURM_JOB_ID", "42"), ("SLURM_JOB_NODELIST", "n[1-2]")];
    check_nodes(&job, &[("n1", None), ("n2", None)]);
    check_nodes(&[&job[..], &[("SLURM_TASKS_PER_NODE", "4,2")]].concat(), &[("n1", Some(4)), ("n2", Some(2))]);
    check_nodes(&[&job[..], &[("SLURM_TASKS_PER_NODE", "4")]].concat(), &[("n1", None), ("n2", None)]);
    check_nodes(&[("SLURM_JOB_ID", "42"), ("SLURM_JOB_NODELIST", "n[1-")], &[]);
    let job = [("JOB_ID", "9"), ("SGE_TASK_ID", "undefined")];
    check_nodes(&job, &[]);
    check_nodes(&[&job[..], &[("PE_HOSTFILE", "/hosts")]].concat(), &[("n1", Some(4)), ("n2", Some(2))]);
    check_nodes(&[&job[..], &[("PE_HOSTFILE", "/gone")]].concat(), &[]);
}

#[test]
fn grid_engine_grants_slots() {
    let pairs = [("JOB_ID", "99"), ("SGE_TASK_ID", "undefined"), ("NSLOTS", "12"), ("NHOSTS", "2")];
    check_scheduler(&pairs, Some((SchedulerKind::GridEngine, "99", Some(12), Some(2))));
}

#[test]
fn pbs_lists_its_slots_in_a_file() {
    let job = [("PBS_JOBID", "7.head"), ("PBS_NP", "9")];
    check_scheduler(&job, Some((SchedulerKind::Pbs, "7.head", Some(9), None)));
    let file = [("PBS_NODEFILE", "/nodes")];
    check_scheduler(&[&job[..], &file].concat(), Some((SchedulerKind::Pbs, "7.head", Some(4), Some(2))));
}

#[test]
fn lsf_lists_nodes_and_slots() {
    let pairs = [("LSB_JOBID", "5"), ("LSB_DJOB_NUMPROC", "8"), ("LSB_MCPU_HOSTS", "a 4 b 4")];
    check_scheduler(&pairs, Some((SchedulerKind::Lsf, "5", Some(8), Some(2))));
}

fn check_mpi(pairs: &[(&str, &str)], want: Option<LauncherMpi>) {
    assert_eq!(seen(pairs).mpi, want, "{pairs:?}");
}

#[test]
fn a_launcher_says_of_which_mpi_it_is() {
    let open_mpi = [("OMPI_COMM_WORLD_SIZE", "2"), ("OMPI_COMM_WORLD_RANK", "0"), ("PMIX_VERSION", "4.2.2rc2")];
    let pmix = Some("4.2.2rc2".to_string());
    let orte = [("OMPI_MCA_orte_ess_num_procs", "2")];
    let known = |runtime| Some(LauncherMpi { runtime: Some(runtime), version: None, pmix: pmix.clone() });
    check_mpi(&[&open_mpi[..], &orte].concat(), known(MpiRuntime::Orte));
    check_mpi(&open_mpi, known(MpiRuntime::Prrte));
    let five = LauncherMpi { version: Some("5.0.7".into()), ..known(MpiRuntime::Prrte).expect("it is") };
    check_mpi(&[&open_mpi[..], &[("OMPI_VERSION", "5.0.7"), ("PRTE_LAUNCHED", "1")]].concat(), Some(five));
    let step = [("SLURM_STEP_ID", "0"), ("SLURM_PROCID", "0"), ("SLURM_NTASKS", "2")];
    check_mpi(&[&step[..], &open_mpi[2..]].concat(), Some(LauncherMpi { pmix, ..LauncherMpi::default() }));
    check_mpi(&step, None);
    check_mpi(&[("PMI_SIZE", "2"), ("PMI_RANK", "0")], None);
}

#[test]
fn variables_left_over_from_elsewhere_are_no_launcher() {
    check_mpi(&[("PMIX_VERSION", "4.2.2"), ("OMPI_MCA_orte_ess_num_procs", "2")], None);
}
