//! `h5lab job` without a scheduler, or with one that is made up: what is written, refused, submitted and followed.

mod common;

use common::{Folder, MPI, Outcome, Run};
use h5lab_core::failure::FailureKind::{self, Environment, Input, Refused, Storage, TimeUp, Usage};
use std::os::unix::fs::PermissionsExt;

/// A command that a job can run.
const WRITE: &str = "-- write 7 11 t.h5 --save w.jsonl";

fn check(outcome: &Outcome, kind: FailureKind, says: &[&str]) {
    assert_eq!(outcome.code, Some(i32::from(kind.exit_code())), "{outcome}");
    assert!(says.iter().all(|text| outcome.stderr.contains(text)), "{says:?}: {outcome}");
}

/// A program of the folder's own search path: a script of bash.
fn fake(folder: &Folder, name: &str, text: &str) {
    let bin = folder.path("bin");
    std::fs::create_dir_all(&bin).unwrap();
    folder.write(&format!("bin/{name}"), format!("#!/bin/bash\n{text}\n"));
    std::fs::set_permissions(bin.join(name), PermissionsExt::from_mode(0o755)).unwrap();
}

/// `h5lab` with the folder's own search path, and nothing else on it.
fn with_fakes(folder: &Folder, words: &str) -> Run {
    std::fs::create_dir_all(folder.path("bin")).unwrap();
    folder.h5lab(words).env("PATH", folder.path("bin").to_str().unwrap())
}

#[test]
fn a_script_is_written_and_says_how_to_submit_it() {
    let folder = Folder::new();
    let told = folder.h5lab(&format!("job --scheduler slurm --np 1,2 --time 5m {WRITE}")).ok();
    assert!(told.stdout.contains("sbatch h5lab-write.sh"), "{told}");
    assert_eq!(folder.names(), ["h5lab-write.sh"]);
    let script = String::from_utf8(folder.read("h5lab-write.sh")).unwrap();
    for line in ["#SBATCH --ntasks=2", "#SBATCH --time=0:05:00"] {
        assert!(script.lines().any(|found| found == line), "{line}: {script}");
    }
    let shown = folder.h5lab(&format!("job --scheduler slurm --np 1,2 --time 5m --dry-run {WRITE}")).ok();
    let same =
        |text: &str| text.lines().filter(|line| !line.starts_with("# Made by")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(same(&shown.stdout), same(&script), "what is shown is what is written");
    folder.h5lab(&format!("job --scheduler slurm --np 4 {WRITE}")).ok();
    assert!(String::from_utf8_lossy(&folder.read("h5lab-write.sh")).contains("--ntasks=4"), "its own is replaced");
}

/// The script itself, run as a scheduler would, but by a shell.
#[test]
fn a_script_runs_and_goes_on_where_it_was() {
    let folder = Folder::new();
    folder.h5lab("job --scheduler slurm --np 2 -- run --shape 4x5x6 --access projection --method gather --ceiling false --save r.jsonl").ok();
    let first = Run::new("/bin/bash", &folder.path("")).arg("h5lab-run.sh").ok();
    assert_eq!(folder.records("r.jsonl").len(), 2, "{first}");
    let second = Run::new("/bin/bash", &folder.path("")).arg("h5lab-run.sh").ok();
    assert_eq!(folder.records("r.jsonl").len(), 2, "{second}");
}

#[test]
fn what_cannot_be_a_job_is_refused() {
    let folder = Folder::new();
    folder.write("mine.sh", "echo precious\n");
    folder.write("mine.txt", "precious\n");
    let before = folder.snapshot();
    for (words, kind, says) in [
        ("--scheduler slurm --np 2 -- env", Usage, &["can't run 'env'", "write one of: write"][..]),
        ("--scheduler slurm --np 2 -- rm -rf /", Usage, &["can't run 'rm'"]),
        ("--scheduler slurm --np 2 -- job --np 2", Usage, &["can't run 'job'"]),
        ("--scheduler slurm --np 2 -- batch x", Usage, &["can't run 'batch'"]),
        ("--scheduler slurm --np 2 -- write 7 11 --np 4", Usage, &["--np", "before the --"]),
        ("--scheduler slurm --np 2 -- write 7 nonsense", Usage, &["after --", "nonsense"]),
        ("--scheduler slurm --np 2 -- write --help", Usage, &["after --"]),
        ("--scheduler slurm --np 2 -- run --shape 4x5x6", Usage, &["--save"]),
        ("--scheduler slurm --np 2 -- run nowhere.toml --save r.jsonl", Input, &["nowhere.toml", "no such plan"]),
        ("--scheduler slurm --np 0 -- write", Usage, &["--np"]),
        ("--scheduler slurm -- write", Usage, &["--np"]),
        ("--scheduler slurm --np 2", Usage, &["COMMAND"]),
        ("--scheduler pbs --np 2 -- write", Usage, &["slurm or grid-engine"]),
        ("--scheduler slurm --np 2 --time 60 -- write", Usage, &["--time", "90m"]),
        ("--scheduler slurm --np 2 --memory much -- write", Usage, &["--memory"]),
        ("--scheduler slurm --np 2 --pe mpi -- write", Usage, &["--pe", "what to do"]),
        ("--scheduler grid-engine --np 2 -- write", Usage, &["--pe", "what to do"]),
        ("--scheduler slurm --np 2 --bind /a:/b -- write", Usage, &["--container"]),
        (
            "--scheduler slurm --np 2 --launcher srun -- lesson 1",
            Usage,
            &["lesson starts its ranks itself", "--launcher"],
        ),
        ("--scheduler slurm --np 2 --container x.sif -- lesson 1", Usage, &["lesson starts its ranks itself"]),
        ("--scheduler slurm --np 2 --script mine.sh -- write", Refused, &["mine.sh", "--force"]),
        ("--scheduler slurm --np 2 --script nowhere/x.sh -- write", Storage, &["nowhere/x.sh", "--script"]),
        ("status", Input, &["no job was submitted", "--submit"]),
        ("status 12", Input, &["job 12"]),
        ("status mine.sh", Input, &["mine.job.json"]),
    ] {
        check(&folder.h5lab(&format!("job {words}")).run(), kind, says);
    }
    assert!(folder.snapshot() == before, "{:?}", folder.names());
}

#[test]
fn no_scheduler_or_two() {
    let folder = Folder::new();
    let find = || with_fakes(&folder, &format!("job --np 2 {WRITE}")).run();
    check(&find(), Environment, &["no scheduler found", "sbatch", "qconf", "--scheduler slurm"]);
    fake(&folder, "qsub", "");
    check(&find(), Environment, &["no scheduler found"]); // PBS has a qsub, too
    fake(&folder, "sbatch", "");
    assert!(find().stdout.contains("sbatch h5lab-write.sh"));
    // Of two, the one that answers.
    fake(&folder, "qconf", "");
    check(&find(), Usage, &["Grid Engine", "--pe"]);
    fake(&folder, "sinfo", "");
    check(&find(), Usage, &["both", "--scheduler"]);
    fake(&folder, "qconf", "exit 1");
    assert!(find().stdout.contains("sbatch h5lab-write.sh"));
    let gone = with_fakes(&Folder::new(), &format!("job --scheduler slurm --np 2 --submit {WRITE}")).run();
    check(&gone, Environment, &["sbatch can't be started", "module"]);
}

/// A Slurm that knows one job, which is in this state.
fn slurm_with(folder: &Folder, state: &str, code: &str) {
    fake(folder, "sbatch", "echo '42;lab'");
    fake(folder, "scontrol", &format!("echo 'JobId=42 JobState={state} Reason=None ExitCode={code}'"));
}

#[test]
fn a_job_that_is_followed_ends_as_it_ends() {
    for (state, code, exit, says) in [
        ("COMPLETED", "0:0", 0, "done, 0 of 2 records"),
        ("FAILED", "5:0", 5, "ended with exit code 5 (permission"),
        ("FAILED", "99:0", 99, "ended with exit code 99"),
        ("FAILED", "0:9", 137, "ended by signal 9"),
        ("TIMEOUT", "0:0", i32::from(TimeUp.exit_code()), "submit it again"),
        ("CANCELLED", "0:15", 130, "submit it again"),
        ("NODE_FAIL", "1:0", 8, "NODE_FAIL"),
    ] {
        let folder = Folder::new();
        slurm_with(&folder, state, code);
        folder.write("h5lab-write.42.log", "first\nlast words\n");
        let told = with_fakes(&folder, &format!("job --np 1,2 --wait {WRITE}")).run();
        assert_eq!(told.code, Some(exit), "{told}");
        assert!(told.stderr.contains(says) && told.stdout.contains("submitted job 42"), "{says}: {told}");
        assert!(exit == 0 || told.stderr.contains("last words"), "{told}");
        let json = with_fakes(&folder, &format!("job --np 1,2 --wait --json {WRITE}")).run();
        let outcome: serde_json::Value = serde_json::from_str(&json.stdout).unwrap_or_else(|e| panic!("{e}: {json}"));
        assert_eq!((outcome["exit_code"].as_i64(), outcome["job"]["job"].as_str()), (Some(exit.into()), Some("42")));
        let status = with_fakes(&folder, "job status 42").ok();
        assert!(status.stdout.contains("h5lab-write.sh") && status.stdout.contains("0 of 2 records"), "{status}");
    }
}

#[test]
fn results_that_cannot_be_kept_or_read() {
    let folder = Folder::new();
    slurm_with(&folder, "COMPLETED", "0:0");
    folder.write("w.jsonl", "this is no record\n");
    let refused = with_fakes(&folder, &format!("job --np 2 --submit {WRITE}")).run();
    check(&refused, Refused, &["w.jsonl", "--save"]);
    let refused = with_fakes(&folder, "job --np 2 --submit -- write 7 11 t.h5 --save nowhere/w.jsonl").run();
    check(&refused, Storage, &["nowhere/w.jsonl", "--save"]);
    folder.write("w.jsonl", "");
    with_fakes(&folder, &format!("job --np 2 --submit {WRITE}")).ok();
    std::fs::remove_file(folder.path("w.jsonl")).unwrap();
    std::fs::create_dir(folder.path("w.jsonl")).unwrap();
    let status = with_fakes(&folder, "job status").ok();
    assert!(status.stdout.contains("results unreadable"), "{status}");
}

#[test]
fn a_scheduler_that_refuses() {
    let folder = Folder::new();
    fake(&folder, "sbatch", "echo 'sbatch: error: invalid partition specified: fats' >&2; exit 1");
    fake(&folder, "sinfo", "printf 'fast\\nlong\\n'");
    let refused = with_fakes(&folder, &format!("job --np 2 --queue fats --submit {WRITE}")).run();
    check(&refused, Usage, &["invalid partition specified: fats", "partitions: fast, long"]);
    fake(&folder, "sinfo", "exit 1");
    let down = with_fakes(&folder, &format!("job --np 2 --submit {WRITE}")).run();
    check(&down, Environment, &["see whether Slurm is up"]);
    assert!(!folder.path("h5lab-write.job.json").exists());
}

/// What a scheduler grants, told by the environment alone.
#[test]
fn ranks_beyond_the_grant_are_refused_before_anything_is_written() {
    let slurm =
        [("SLURM_JOB_ID", "7"), ("SLURM_NTASKS", "3"), ("SLURM_CPUS_ON_NODE", "3"), ("SLURM_JOB_NUM_NODES", "2")];
    let grid_engine =
        [("JOB_ID", "8"), ("SGE_TASK_ID", "undefined"), ("NSLOTS", "3"), ("PE", "openmpi"), ("NHOSTS", "1")];
    for (variables, says) in [
        (&slurm[..], &["--np 4", "3 slots on 2 nodes (Slurm, job 7)", "--np 3 or less", "--ntasks=4"][..]),
        (&grid_engine, &["--np 4", "3 slots on 1 node (Grid Engine, job 8)", "-pe openmpi 4"]),
    ] {
        for command in
            ["write 7 11 t.h5 --np 1,4 --save w.jsonl", "run --shape 4x5x6 --np 4 --save r.jsonl", "simple --np 4"]
        {
            let folder = Folder::new();
            let run = variables.iter().fold(folder.h5lab(command), |run, (name, value)| run.env(name, value));
            check(&run.run(), Usage, says);
            assert_eq!(folder.names(), [""; 0]);
        }
    }
}

/// An mpiexec of another MPI starts processes that this MPI takes for singletons.
#[cfg(feature = "mpi")]
#[test]
fn strangers_do_not_write_the_same_file() {
    let folder = Folder::new();
    let stranger = |rank: &str, words: &str| {
        folder.h5lab(words).env("PMI_SIZE", "4").env("PMI_RANK", rank).env("MPI_LOCALNRANKS", "4")
    };
    let first = stranger("0", "write 7 11 t.h5").run();
    check(&first, Environment, &["mpiexec", "started 4 processes", "each of them alone", "what to do"]);
    assert_eq!(stranger("1", "write 7 11 t.h5").run().stderr, "", "the first one tells");
    let env = stranger("0", "env").ok();
    assert!(env.stdout.contains("mpi-differs") && env.stdout.contains("mpiexec"), "{env}");
    assert_eq!(folder.names(), [""; 0]);
    let step =
        |words: &str| folder.h5lab(words).env("SLURM_STEP_ID", "0").env("SLURM_NTASKS", "4").env("SLURM_PROCID", "0");
    check(&step("write 7 11 t.h5").run(), Environment, &["srun started 4 processes", "--mpi=pmix"]);
    // What tells its rank alone: the first one may be alone, the second one is not.
    let second = folder.h5lab("write 7 11 t.h5").env("PMIX_RANK", "1").env("PMIX_NAMESPACE", "x").run();
    check(&second, Environment, &["started at least 2 processes", "each of them alone"]);
    assert_eq!(folder.names(), [""; 0]);
}

/// A scheduler's warning ends a run with the code that says so; nothing but finished records is left.
#[test]
fn a_schedulers_signals_end_a_run_cleanly() {
    use rustix::process::Signal;
    for (signal, in_job) in [(Signal::USR1, false), (Signal::USR2, false), (Signal::XCPU, false), (Signal::TERM, true)]
    {
        let folder = Folder::new();
        let np = if MPI { "1,2" } else { "1" };
        let fault = if MPI { "1:transfer:hang" } else { "0:transfer:hang" };
        let mut run = folder.h5lab(&format!("write 7 11 t.h5 --np {np} --save w.jsonl")).env("H5LAB_FAULT", fault);
        if in_job {
            run = run.env("SLURM_JOB_ID", "7").env("SLURM_NTASKS", "2").env("SLURM_CPUS_ON_NODE", "2");
        }
        let running = run.start();
        let begun = std::time::Instant::now();
        let there = || folder.path("t.h5.h5lab-partial").exists() && (!MPI || folder.records("w.jsonl").len() == 1);
        while !there() && begun.elapsed().as_secs() < 30 {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        running.signal(signal);
        let ended = running.finish();
        check(&ended, TimeUp, &["the job is to end", "--resume"]);
        assert_eq!(folder.records("w.jsonl").len(), usize::from(MPI), "{ended}");
        let names: Vec<_> = folder.names().into_iter().filter(|name| name.contains("h5lab-")).collect();
        assert_eq!(names, [""; 0], "{ended}");
    }
}
