//! Jobs under real schedulers: scripts/cluster/run starts one, and runs the tests that are meant for it.
//!
//! `make test-cluster` does all that. The modules are named after what runs: `slurm` (one node), `slurm_2` (two nodes),
//! `grid_engine`. Ranks that hang on purpose (`H5LAB_FAULT`) make jobs that last until something ends them.
#![cfg(feature = "mpi")]

mod common;

use common::{Folder, Outcome, Run, on_search_path};
use h5lab_core::failure::FailureKind::{self, Environment, Interrupted, TimeUp, Usage};
use h5lab_core::host::{LauncherKind, Scheduler, SchedulerKind};
use std::path::Path;
use std::time::{Duration, Instant};

/// Four cells: a write and a projection for each of two rank counts.
const SWEEP: &str = "run --shape 4x6x8 --access projection --ceiling false --save r.jsonl";
const CELLS: usize = 4;

/// Rank 1 hangs in its first transfer: what has one rank is done, what has two is never.
const HANG: &str = "1:transfer:hang";

/// Longest that a job may take that is to end by itself.
const LONG: Duration = Duration::from_secs(150);

fn check_code(outcome: &Outcome, kind: FailureKind) {
    assert_eq!(outcome.code, Some(i32::from(kind.exit_code())), "{outcome}");
}

fn check_says(outcome: &Outcome, words: &[&str]) {
    let text = format!("{}{}", outcome.stdout, outcome.stderr);
    assert!(words.iter().all(|word| text.contains(word)), "{words:?}: {outcome}");
}

fn tool(folder: &Folder, name: &str, words: &str) -> Run {
    Run::new(on_search_path(name), &folder.path("")).words(words)
}

/// Submits the sweep and follows it.
fn submit_and_wait(folder: &Folder, options: &str) -> Run {
    folder.h5lab(&format!("job {options} --np 1,2 --submit --wait -- {SWEEP}")).within(LONG)
}

/// The sweep's records are all there, each once, and say who granted what.
fn check_complete(folder: &Folder, told: &Outcome) {
    let records = folder.records("r.jsonl");
    let mut cells: Vec<_> = records.iter().map(|r| (r.experiment.np, r.experiment.in_words())).collect();
    cells.sort();
    cells.dedup();
    assert_eq!((records.len(), cells.len()), (CELLS, CELLS), "{told}");
    for record in &records {
        assert!(record.failure.is_none() && record.host.launcher.ranks == Some(record.experiment.np), "{record:?}");
    }
}

/// What the scheduler granted, as the first record has it.
fn grant(folder: &Folder) -> Scheduler {
    folder.records("r.jsonl")[0].host.launcher.scheduler.clone().expect("a scheduler")
}

/// Only these files, besides the script, its job and its logs: no scratch is left.
fn check_names(folder: &Folder) {
    let names = folder.names();
    let known = |name: &String| name == "r.jsonl" || name.starts_with("h5lab-run.");
    assert!(names.iter().all(known), "{names:?}");
}

/// Waits until there are so many records.
fn wait_for_records(folder: &Folder, count: usize) {
    let begun = Instant::now();
    while !folder.path("r.jsonl").exists() || folder.records("r.jsonl").len() < count {
        assert!(begun.elapsed() < LONG, "no {count} records: {:?}", folder.names());
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The number of the job that was submitted.
fn number(folder: &Folder) -> String {
    let ticket: serde_json::Value = serde_json::from_slice(&folder.read("h5lab-run.job.json")).unwrap();
    ticket["job"].as_str().expect("a number").to_owned()
}

/// A job that hangs half-way is ended by `end`; the next one does the rest.
fn check_resumes(options: &str, end: impl FnOnce(&Folder, &str) -> Vec<FailureKind>) {
    let folder = Folder::new();
    let running = submit_and_wait(&folder, options).env("H5LAB_FAULT", HANG).start();
    wait_for_records(&folder, CELLS / 2);
    let kinds = end(&folder, &number(&folder));
    let ended = running.finish();
    let codes: Vec<Option<i32>> = kinds.iter().map(|kind| Some(i32::from(kind.exit_code()))).collect();
    assert!(codes.contains(&ended.code), "{codes:?}: {ended}");
    check_says(&ended, &["submit it again"]);
    assert_eq!(folder.records("r.jsonl").len(), CELLS / 2, "{ended}");
    check_names(&folder);
    let again = submit_and_wait(&folder, options).ok();
    check_complete(&folder, &again);
    check_says(&again, &["2 of 2 records"]);
}

/// One job, all rank counts: its records, log, progress and status.
fn check_sweep(options: &str) -> Scheduler {
    let folder = Folder::new();
    let told = submit_and_wait(&folder, options).ok();
    check_complete(&folder, &told);
    check_says(&told, &["submitted job", "done, 4 of 4 records"]);
    check_names(&folder);
    let log = folder.names().into_iter().find(|name| name.ends_with(".log")).expect("a log");
    assert!(String::from_utf8_lossy(&folder.read(&log)).contains("projection"), "{told}");
    let id = number(&folder);
    check_says(&folder.h5lab("job status").ok(), &["job", &id, "done", "4 of 4 records", &log]);
    check_says(&folder.h5lab(&format!("job status {id} --json")).ok(), &["\"state\":\"done\"", "\"done\":4"]);
    grant(&folder)
}

fn check_array(options: &str) {
    let folder = Folder::new();
    let told = submit_and_wait(&folder, &format!("{options} --array")).ok();
    check_complete(&folder, &told);
}

/// Words of a job that the scheduler refuses.
fn check_refused(options: &str, says: &[&str]) {
    let folder = Folder::new();
    let refused = submit_and_wait(&folder, options).run();
    check_code(&refused, Usage);
    check_says(&refused, says);
    assert!(!folder.path("h5lab-run.job.json").exists(), "{refused}");
}

mod slurm {
    use super::*;

    const OPTIONS: &str = "--scheduler slurm";

    #[test]
    #[ignore = "make test-cluster"]
    fn a_submitted_sweep_comes_back_with_all_records() {
        let job = check_sweep(OPTIONS);
        assert_eq!((job.kind, job.slots, job.nodes), (SchedulerKind::Slurm, Some(2), Some(1)));
        assert_eq!((job.per_node[0].name.as_str(), job.per_node[0].slots), ("n1", Some(2)));
        assert_eq!(job.queue.as_deref(), Some("debug"));
    }

    #[test]
    #[ignore = "make test-cluster"]
    fn an_array_runs_a_rank_count_a_task() {
        check_array(OPTIONS);
    }

    #[test]
    #[ignore = "make test-cluster"]
    fn a_cancelled_job_resumes() {
        check_resumes(OPTIONS, |folder, id| {
            tool(folder, "scancel", id).ok();
            vec![Interrupted]
        });
    }

    /// The signal that the script asks for, sent in the same way, but now.
    #[test]
    #[ignore = "make test-cluster"]
    fn a_job_that_is_told_of_its_time_limit_resumes() {
        check_resumes(OPTIONS, |folder, id| {
            tool(folder, "scancel", &format!("--batch --signal=USR1 {id}")).ok();
            vec![TimeUp]
        });
    }

    /// Slurm counts in minutes.
    #[test]
    #[ignore = "make test-cluster"]
    fn a_job_at_its_time_limit_resumes() {
        check_resumes(&format!("{OPTIONS} --time 1m"), |_, _| vec![TimeUp]);
    }

    #[test]
    #[ignore = "make test-cluster"]
    fn a_partition_that_is_not_there() {
        check_refused(&format!("{OPTIONS} --queue nowhere"), &["nowhere", "nvalid partition", "debug, other"]);
    }

    #[test]
    #[ignore = "make test-cluster"]
    fn srun_with_pmix_makes_ranks() {
        let folder = Folder::new();
        let h5lab = env!("CARGO_BIN_EXE_h5lab");
        let record = tool(&folder, "srun", "-n 3 --mpi=pmix").arg(h5lab).words("write 7 11 t.h5 --json").ok().record();
        let launcher = &record.host.launcher;
        assert_eq!((record.experiment.np, launcher.kind, launcher.ranks), (3, LauncherKind::Srun, Some(3)));
        let one = tool(&folder, "srun", "-n 1 --mpi=pmix").arg(h5lab).words("read t.h5 --json").ok().record();
        assert_eq!(one.experiment.np, 1);
    }

    #[test]
    #[ignore = "make test-cluster"]
    fn srun_without_pmix_makes_strangers() {
        let folder = Folder::new();
        let srun = |words: &str| tool(&folder, "srun", words).arg(env!("CARGO_BIN_EXE_h5lab"));
        for (started, command) in
            [("-n 4 --mpi=none", "write 7 11 t.h5 --save w.jsonl"), ("-n 1 --mpi=none", "write 7 11 t.h5")]
        {
            let outcome = srun(started).words(command).run();
            check_code(&outcome, Environment);
            check_says(&outcome, &["srun", "--mpi=pmix"]);
            assert_eq!(outcome.stderr.matches("what to do").count(), 1, "told once: {outcome}");
            assert!(!folder.path("t.h5").exists(), "{outcome}");
        }
        // Debian's Open MPI has no PMI-2, and ends the process itself.
        let told = srun("-n 2 --mpi=pmi2").words("write 7 11 t.h5").run();
        assert_ne!(told.code, Some(0), "{told}");
        check_says(&told, &["srun offers PMI", "use srun --mpi=pmix"]);
        let env = srun("-n 4 --mpi=none").arg("env").ok();
        check_says(&env, &["ranks-apart", "4 ranks were started by", "ranks MPI sees"]);
    }

    #[test]
    #[ignore = "make test-cluster"]
    fn more_ranks_than_were_granted() {
        let folder = Folder::new();
        let within = |words: &str| tool(&folder, "salloc", "-Q -n 2").arg(env!("CARGO_BIN_EXE_h5lab")).words(words);
        for command in ["write 7 11 t.h5 --np 1,4 --save r.jsonl", "run --shape 4x5x6 --np 4 --save r.jsonl"] {
            let refused = within(command).run();
            check_code(&refused, Usage);
            check_says(&refused, &["--np 4", "2 slots on 1 node (Slurm, job", "--ntasks=4"]);
            assert_eq!(folder.names(), [""; 0], "{refused}");
        }
        let fits = within("write 7 11 t.h5 --np 1,2").ok();
        check_says(&fits, &["np = 2"]);
        assert!(!fits.stderr.contains("oversubscribe"), "{fits}");
    }

    /// Some sites have no mpirun.
    #[test]
    #[ignore = "make test-cluster"]
    fn without_mpirun_srun_starts_the_ranks() {
        let folder = Folder::new();
        std::fs::create_dir(folder.path("bin")).unwrap();
        std::os::unix::fs::symlink(on_search_path("srun"), folder.path("bin/srun")).unwrap();
        let path = folder.path("bin");
        let within = tool(&folder, "salloc", "-Q -n 2").arg("/usr/bin/env").arg(format!("PATH={}", path.display()));
        let told = within.arg(env!("CARGO_BIN_EXE_h5lab")).words("write 7 11 t.h5 --np 1,2 --save w.jsonl").ok();
        check_says(&told, &["srun -n 2"]);
        let found = folder.records("w.jsonl").iter().map(|r| r.experiment.np).collect::<Vec<_>>();
        assert_eq!(found, [1, 2], "{told}");
    }
}

mod slurm_2 {
    use super::*;

    const OPTIONS: &str = "--scheduler slurm --nodes 2";

    #[test]
    #[ignore = "make test-cluster"]
    fn a_submitted_sweep_on_two_nodes_comes_back_with_all_records() {
        let job = check_sweep(OPTIONS);
        assert_eq!((job.slots, job.nodes), (Some(2), Some(2)));
        let each: Vec<_> = job.per_node.iter().map(|node| (node.name.as_str(), node.slots)).collect();
        assert_eq!(each, [("n1", Some(1)), ("n2", Some(1))]);
    }

    #[test]
    #[ignore = "make test-cluster"]
    fn srun_makes_ranks_on_both_nodes() {
        /// Open MPI crashes in MPI_Init, now and then, if a rank's first message overtakes PMIx's fence: ompi issue 12495.
        const CRASHED: Option<i32> = Some(128 + 11);
        let folder = Folder::new();
        let written = (0..4)
            .map(|_| {
                let srun = tool(&folder, "srun", "-N 2 -n 4 --mpi=pmix").arg(env!("CARGO_BIN_EXE_h5lab"));
                srun.words("write 8 11 t.h5 --json").run()
            })
            .find(|told| told.code != CRASHED)
            .expect("one of four does not crash");
        assert_eq!(written.code, Some(0), "{written}");
        let record = written.record();
        assert_eq!((record.experiment.np, record.host.launcher.scheduler.unwrap().nodes), (4, Some(2)));
        folder.h5lab("read t.h5").ok();
    }

    #[test]
    #[ignore = "make test-cluster"]
    fn a_cancelled_job_on_two_nodes_resumes() {
        check_resumes(OPTIONS, |folder, id| {
            tool(folder, "scancel", id).ok();
            vec![Interrupted]
        });
    }
}

mod grid_engine {
    use super::*;

    const OPTIONS: &str = "--scheduler grid-engine --pe mpi";

    #[test]
    #[ignore = "make test-cluster"]
    fn a_submitted_sweep_comes_back_with_all_records() {
        let job = check_sweep(OPTIONS);
        assert_eq!((job.kind, job.slots, job.nodes), (SchedulerKind::GridEngine, Some(2), Some(1)));
        assert_eq!((job.per_node.len(), job.per_node[0].slots), (1, Some(2)));
        assert_eq!((job.queue.as_deref(), job.parallel_environment.as_deref()), (Some("all.q"), Some("mpi")));
    }

    #[test]
    #[ignore = "make test-cluster"]
    fn an_array_runs_a_rank_count_a_task() {
        check_array(OPTIONS);
    }

    /// The queue's notify is 10 s: SIGUSR2 comes that long before the end.
    #[test]
    #[ignore = "make test-cluster"]
    fn a_deleted_job_resumes() {
        check_resumes(OPTIONS, |folder, id| {
            tool(folder, "qdel", id).ok();
            vec![TimeUp]
        });
    }

    #[test]
    #[ignore = "make test-cluster"]
    fn a_job_at_its_time_limit_resumes() {
        check_resumes(&format!("{OPTIONS} --time 20s"), |_, _| vec![TimeUp]);
    }

    #[test]
    #[ignore = "make test-cluster"]
    fn an_environment_or_a_queue_that_is_not_there() {
        check_refused("--scheduler grid-engine --pe nothing", &["nothing", "does not exist", "environments: mpi"]);
        check_refused(&format!("{OPTIONS} --queue nowhere.q"), &["nowhere.q", "queues: all.q"]);
    }

    #[test]
    #[ignore = "make test-cluster"]
    fn interactive_slots_are_used_and_no_more() {
        let folder = Folder::new();
        let within = |words: &str| {
            tool(&folder, "qrsh", "-V -cwd -now no -pe mpi 2").arg(env!("CARGO_BIN_EXE_h5lab")).words(words)
        };
        let refused = within("write 7 11 t.h5 --np 4 --save r.jsonl").run();
        check_code(&refused, Usage);
        check_says(&refused, &["--np 4", "2 slots on 1 node (Grid Engine, job", "-pe mpi 4"]);
        assert!(!Path::new(&folder.path("r.jsonl")).exists(), "{refused}");
        let fits = within("write 7 11 t.h5 --np 1,2").ok();
        check_says(&fits, &["np = 2"]);
        assert!(!fits.stderr.contains("oversubscribe"), "{fits}");
    }
}
