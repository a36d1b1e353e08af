//! Goldens of scripts, what is refused, and that bash reads words as they were, whatever is in them.

use super::*;
use proptest::prelude::*;
use std::os::unix::ffi::OsStringExt;
use std::process::Command;

fn words(text: &str) -> Vec<OsString> {
    text.split(' ').map(OsString::from).collect()
}

fn job(system: BatchSystem) -> Job {
    let pe = (system == BatchSystem::GridEngine).then(|| "openmpi-savu".into());
    Job {
        system,
        name: "h5lab-run".into(),
        nodes: None,
        np: vec![4, 8, 16],
        time: None,
        memory: None,
        project: None,
        queue: None,
        pe,
        directives: Vec::new(),
        modules: Vec::new(),
        container: None,
        start: Start::ByItself,
        array: false,
        folder: "/home/me/scans".into(),
        program: "/opt/bin/h5lab".into(),
        words: words("run plan.toml --save results.jsonl --resume"),
        made_by: words("h5lab job --np 4,8,16 -- run plan.toml --save results.jsonl"),
    }
}

/// With everything that may be asked for.
fn full(system: BatchSystem) -> Job {
    Job {
        nodes: (system == BatchSystem::Slurm).then_some(2),
        time: Some("1:00:00".parse().unwrap()),
        memory: Some(8 << 30),
        project: Some("tomography".into()),
        queue: Some("fast".into()),
        directives: vec!["--constraint=ib".into()],
        modules: vec!["openmpi".into(), "hdf5/1.14-parallel".into()],
        ..job(system)
    }
}

#[test]
fn scripts_with_everything() {
    insta::assert_snapshot!("slurm", script(&full(BatchSystem::Slurm)).unwrap());
    let own = vec!["-l exclusive".into()];
    insta::assert_snapshot!("grid_engine", script(&Job { directives: own, ..full(BatchSystem::GridEngine) }).unwrap());
}

#[test]
fn scripts_of_arrays() {
    let array = |system| Job { array: true, ..job(system) };
    insta::assert_snapshot!("slurm_array", script(&array(BatchSystem::Slurm)).unwrap());
    let image = Image { image: "h5lab.sif".into(), binds: vec![] };
    let grid_engine = Job { container: Some(image), ..array(BatchSystem::GridEngine) };
    insta::assert_snapshot!("grid_engine_array_in_a_container", script(&grid_engine).unwrap());
}

#[test]
fn scripts_whose_ranks_a_launcher_starts() {
    let image = Image { image: "/images/h5lab lab.sif".into(), binds: vec!["/scratch:/apps/output".into()] };
    let container = Job { container: Some(image), program: "h5lab".into(), ..job(BatchSystem::Slurm) };
    insta::assert_snapshot!("slurm_container", script(&container).unwrap());
    let srun = Job { start: Start::Srun, words: words("write 128 1000 test.h5"), ..job(BatchSystem::Slurm) };
    insta::assert_snapshot!("slurm_srun", script(&srun).unwrap());
}

fn check_refused(job: Job, says: &[&str]) {
    let failure = script(&job).expect_err(&format!("{job:?}"));
    assert_eq!(failure.kind, FailureKind::Usage, "{failure}");
    let text = failure.to_string();
    assert!(text.contains("what to do") && says.iter().all(|word| text.contains(word)), "{says:?}: {text}");
}

#[test]
fn what_a_scheduler_has_no_word_for_is_refused() {
    let (slurm, grid_engine) = (|| job(BatchSystem::Slurm), || job(BatchSystem::GridEngine));
    check_refused(Job { pe: Some("mpi".into()), ..slurm() }, &["--pe", "Slurm"]);
    check_refused(Job { nodes: Some(2), ..grid_engine() }, &["--nodes", "qconf -sp"]);
    check_refused(Job { pe: None, ..grid_engine() }, &["--pe", "qconf -spl"]);
    check_refused(Job { start: Start::Srun, ..grid_engine() }, &["srun"]);
    check_refused(Job { nodes: Some(17), ..slurm() }, &["--nodes"]);
    check_refused(Job { np: vec![], ..slurm() }, &["--np"]);
    script(&Job { pe: None, np: vec![1], ..grid_engine() }).expect("one slot needs no environment");
}

/// A directive ends at the end of its line, and its words at blanks: what holds either would ask for something else.
#[test]
fn names_that_would_ask_for_something_else_are_refused() {
    for evil in
        ["a\n#SBATCH --x", "a b", "a\rb", "-x", "", "a#b", "a\"b", "a'b", "a\\b", "$(x)", "`x`", "a;b", "é\u{2028}"]
    {
        let text = || Some(evil.to_string());
        for system in BatchSystem::ALL {
            check_refused(Job { project: text(), ..job(system) }, &["--project"]);
            check_refused(Job { queue: text(), ..job(system) }, &["--queue"]);
            check_refused(Job { name: evil.into(), ..job(system) }, &["--name"]);
        }
        check_refused(Job { pe: text(), ..job(BatchSystem::GridEngine) }, &["--pe"]);
    }
    for evil in ["--x\n#SBATCH --y", "x", "", "-x\r", "-x\u{85}"] {
        check_refused(Job { directives: vec![evil.into()], ..job(BatchSystem::Slurm) }, &["--directive"]);
    }
    check_refused(Job { modules: vec!["--evil".into()], ..job(BatchSystem::Slurm) }, &["--module"]);
    let image = Image { image: "--evil".into(), binds: vec![] };
    check_refused(Job { container: Some(image), ..job(BatchSystem::Slurm) }, &["--container"]);
}

fn check_time(text: &str, want: Option<&str>) {
    assert_eq!(text.parse().ok().map(|time: TimeLimit| time.to_string()).as_deref(), want, "{text}");
}

#[test]
fn time_limits() {
    check_time("1:00:00", Some("1:00:00"));
    check_time("2-01:00:05", Some("49:00:05"));
    check_time("90m", Some("1:30:00"));
    check_time("45s", Some("0:00:45"));
    check_time("2h", Some("2:00:00"));
    for bad in ["", "60", "1:00", "0:00:00", "1:60:00", "-1:00:00", "1h30m", "1:2:3:4", "+1h", "99999999999999999999h"]
    {
        check_time(bad, None);
    }
    let notice = |text: &str| text.parse::<TimeLimit>().map(|t| (t.notice(), t.before_notice().seconds()));
    assert_eq!((notice("1h"), notice("20s"), notice("1s")), (Ok((60, 3540)), Ok((2, 18)), Ok((1, 1))));
}

/// Hands words to bash in a line, and takes back what it made of them.
fn through_bash(words: &[OsString]) -> Vec<Vec<u8>> {
    let text = format!("printf '%s\\0' {}", line(words));
    assert!(!text.contains(|c: char| c.is_control()), "{text:?}");
    let said = Command::new("bash").args(["-c", &text]).env_clear().output().expect("bash");
    assert!(said.status.success() && said.stderr.is_empty(), "{text}: {said:?}");
    let mut words: Vec<Vec<u8>> = said.stdout.split(|&byte| byte == 0).map(<[u8]>::to_vec).collect();
    words.pop();
    words
}

#[test]
fn words_that_mean_something_to_a_shell() {
    let hostile: Vec<OsString> =
        ["", " ", "~", "$HOME", "`id`", "a'b", "\\", "!!", "{a,b}", "*", "a\n#$ -l x", "é", "\t'\\n'"]
            .map(OsString::from)
            .into_iter()
            .chain([OsString::from_vec(vec![0xff, b'1', 0xc3])])
            .collect();
    let bytes: Vec<Vec<u8>> = hostile.iter().map(|word| word.clone().into_vec()).collect();
    assert_eq!(through_bash(&hostile), bytes);
    assert_eq!(quoted("a\n#$ -l x"), r"$'a\n#$ -l x'");
    assert_eq!(
        (quoted("it's"), quoted("1x200x200"), quoted("")),
        (r"'it'\''s'".into(), "1x200x200".into(), "''".into())
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A case is many words, so that bash need not be started for each.
    #[test]
    fn bash_gives_every_word_back(words in prop::collection::vec(prop::collection::vec(1u8.., 0..12), 1..40)) {
        let given: Vec<OsString> = words.iter().cloned().map(OsString::from_vec).collect();
        prop_assert_eq!(through_bash(&given), words);
    }

    /// Made of what shells and schedulers look for.
    #[test]
    fn no_word_begins_a_line(word in r#"[\n\r #$'"\\`;&|(){}SBATCH-]{0,20}"#) {
        let mut job = job(BatchSystem::GridEngine);
        (job.folder, job.program) = (format!("/{word}").into(), word.clone().into());
        (job.made_by, job.words) = (vec![word.clone().into()], vec!["run".into(), word.clone().into(), "--resume".into()]);
        let marks = |text: &str| text.lines().filter(|line| line.starts_with("#$") || line.starts_with("#SBATCH")).count();
        let (plain, hostile) = (script(&self::job(BatchSystem::GridEngine)).unwrap(), script(&job).unwrap());
        prop_assert_eq!((marks(&hostile), hostile.lines().count()), (marks(&plain), plain.lines().count()));
    }
}

/// Programs that note how they were called, in a folder that is all of the search path.
struct Fakes(tempfile::TempDir);

impl Fakes {
    fn new() -> Self {
        let fakes = Fakes(tempfile::tempdir().expect("a temporary folder"));
        std::fs::create_dir(fakes.0.path().join("bin")).unwrap();
        for name in ["mpirun", "srun", "apptainer", "h5lab"] {
            fakes.add(&fakes.0.path().join("bin").join(name));
        }
        fakes
    }

    /// Each notes itself and its words; those that start others go on to do so.
    fn add(&self, file: &std::path::Path) {
        let calls = quoted(self.0.path().join("calls"));
        let starts = "case ${0##*/} in mpirun) shift 2 ;; srun) shift 3 ;; apptainer) while [ \"$1\" != h5lab ]; do shift; done ;; \
                      *) exit ${EXIT:-0} ;; esac; exec \"$@\"";
        let text = format!("#!/bin/bash\nprintf '%s\\0' \"${{0##*/}}\" \"$@\" $'\\n' >>{calls}\n{starts}\n");
        std::fs::write(file, text).unwrap();
        std::fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }

    /// Runs a script as a scheduler does. Returns its exit code and each call with its words.
    fn run(&self, script: &str, variables: &[(&str, &str)]) -> (Option<i32>, Vec<Vec<Vec<u8>>>) {
        let file = self.0.path().join("job.sh");
        std::fs::write(&file, script).unwrap();
        let before = self.names();
        let path = self.0.path().join("bin");
        let said = Command::new("/bin/bash")
            .arg(&file)
            .env_clear()
            .env("PATH", path)
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        assert!(said.stderr.is_empty() && said.stdout.is_empty(), "something else was done: {said:?}\n{script}");
        let calls = std::fs::read(self.0.path().join("calls")).unwrap_or_default();
        let _ = std::fs::remove_file(self.0.path().join("calls"));
        assert_eq!(self.names(), before, "nothing else is left: {script}");
        let mut each: Vec<Vec<Vec<u8>>> = vec![vec![]];
        for word in calls.split(|&byte| byte == 0).filter(|word| !word.is_empty()) {
            if word == b"\n" { each.push(vec![]) } else { each.last_mut().unwrap().push(word.to_vec()) }
        }
        each.pop();
        (said.status.code(), each)
    }

    fn names(&self) -> Vec<OsString> {
        let mut names: Vec<_> =
            std::fs::read_dir(self.0.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    }
}

fn calls(lines: &[&str]) -> Vec<Vec<Vec<u8>>> {
    lines.iter().map(|line| line.split(' ').map(|word| word.as_bytes().to_vec()).collect()).collect()
}

/// Names that would do something, were they not quoted.
const HOSTILE: &[&str] = &[
    "$(touch pwned)",
    "`touch pwned`",
    "a;touch pwned",
    "a\ntouch pwned\n",
    "'; touch pwned; '",
    "\"; touch pwned; \"",
    "a|touch pwned",
    "&touch pwned&",
    "> pwned",
    "é ü",
];

#[test]
fn hostile_names_stay_inert() {
    let fakes = Fakes::new();
    for &evil in HOSTILE {
        let folder = fakes.0.path().join(format!("f {evil}").replace('/', "-"));
        std::fs::create_dir_all(&folder).unwrap();
        let program = folder.join("h5lab");
        fakes.add(&program);
        for system in BatchSystem::ALL {
            let direct = Job {
                folder: folder.clone(),
                program: program.clone().into(),
                words: vec!["run".into(), evil.into(), "--save".into(), evil.into()],
                made_by: vec![evil.into()],
                np: vec![2, 4],
                ..job(system)
            };
            let words = |np: &str| {
                ["h5lab", "run", evil, "--save", evil, "--np", np].map(|word| word.as_bytes().to_vec()).to_vec()
            };
            assert_eq!(fakes.run(&script(&direct).unwrap(), &[]), (Some(0), vec![words("2,4")]));
            let image = Image { image: evil.trim_start_matches('&').into(), binds: vec![evil.into()] };
            let image_word = image.image.clone().into_vec();
            let contained = Job { container: Some(image), program: "h5lab".into(), np: vec![2], ..direct };
            let (code, found) = fakes.run(&script(&contained).unwrap(), &[]);
            assert_eq!((code, found.len()), (Some(0), 3), "mpirun, apptainer, h5lab: {found:?}");
            let exec = [b"apptainer".to_vec(), b"exec".to_vec(), b"--bind".to_vec(), evil.into(), image_word].to_vec();
            assert_eq!(found[1], [exec, words("2")].concat());
            assert_eq!(found[2], words("2"));
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

/// A job in a folder that is there.
fn here(fakes: &Fakes, system: BatchSystem) -> Job {
    Job { folder: fakes.0.path().into(), program: "h5lab".into(), words: words("write 8 100"), ..job(system) }
}

#[test]
fn a_task_of_an_array_runs_its_rank_count() {
    let fakes = Fakes::new();
    let array = |system| script(&Job { array: true, ..here(&fakes, system) }).unwrap();
    for (task, np) in [("0", 4), ("2", 16)] {
        let (code, found) = fakes.run(&array(BatchSystem::Slurm), &[("SLURM_ARRAY_TASK_ID", task)]);
        assert_eq!((code, found), (Some(0), calls(&[&format!("h5lab write 8 100 --np {np}")])));
    }
    let (_, found) = fakes.run(&array(BatchSystem::GridEngine), &[("SGE_TASK_ID", "3")]);
    assert_eq!(found, calls(&["h5lab write 8 100 --np 16"]));
}

#[test]
fn ranks_of_a_launcher_run_in_turns_and_the_last_failure_counts() {
    let fakes = Fakes::new();
    let srun = script(&Job { start: Start::Srun, np: vec![1, 2], ..here(&fakes, BatchSystem::Slurm) }).unwrap();
    let want = calls(&[
        "srun --mpi=pmix -n 1 h5lab write 8 100 --np 1",
        "h5lab write 8 100 --np 1",
        "srun --mpi=pmix -n 2 h5lab write 8 100 --np 2",
        "h5lab write 8 100 --np 2",
    ]);
    assert_eq!(fakes.run(&srun, &[]), (Some(0), want.clone()));
    assert_eq!(fakes.run(&srun, &[("EXIT", "5")]), (Some(5), want), "the others run all the same");
}

/// The fake h5lab signals the script, as a scheduler does, and the script ends with the code that says so.
#[test]
fn a_signal_ends_the_ranks_that_a_launcher_started() {
    let fakes = Fakes::new();
    let file = fakes.0.path().join("bin/h5lab");
    // It is the script's own child: mpirun and apptainer take its place.
    std::fs::write(&file, "#!/bin/bash\ntrap 'exit 130' TERM\nkill -USR1 $PPID\nwhile ((SECONDS < 20)); do :; done\n")
        .unwrap();
    let image = Image { image: "h5lab.sif".into(), binds: vec![] };
    let text = script(&Job { container: Some(image), ..here(&fakes, BatchSystem::Slurm) }).unwrap();
    let (code, found) = fakes.run(&text, &[]);
    assert_eq!((code, found.len()), (Some(75), 2), "the other rank counts are not begun: {found:?}");
}

fn check_states(found: Vec<TaskState>, want: &[State]) {
    assert_eq!(found.iter().map(|task| task.state.clone()).collect::<Vec<_>>(), want, "{found:?}");
}

#[test]
fn states_of_slurm() {
    let line = |state: &str, code: &str| {
        format!(
            "JobId=3 JobName=a Priority=1 JobState={state} Reason=Resources Requeue=1 ExitCode={code} Command=/x JobState=Y\n"
        )
    };
    let check = |state, code, want: State| check_states(from_scontrol(&line(state, code)), &[want]);
    check("PENDING", "0:0", State::Waiting);
    check("COMPLETING", "0:0", State::Running);
    check("COMPLETED", "0:0", State::Over(Ended::Exit(0)));
    check("FAILED", "7:0", State::Over(Ended::Exit(7)));
    check("FAILED", "0:9", State::Over(Ended::Signal(9)));
    check("TIMEOUT", "0:15", State::Over(Ended::TimeLimit));
    check("CANCELLED", "0:15", State::Over(Ended::Cancelled));
    check("OUT_OF_MEMORY", "0:125", State::Over(Ended::Lost("OUT_OF_MEMORY".into())));
    let array = line("RUNNING", "0:0") + &line("PENDING", "0:0");
    check_states(from_scontrol(&array), &[State::Running, State::Waiting]);
    assert_eq!(from_scontrol(&array)[1].reason.as_deref(), Some("Resources"));
    assert_eq!(from_scontrol("slurm_load_jobs error: Invalid job id specified\n"), []);
    check_states(
        from_sacct("CANCELLED by 0|0:15\nFAILED|75:0\n"),
        &[State::Over(Ended::Cancelled), State::Over(Ended::Exit(75))],
    );
}

#[test]
fn states_of_grid_engine() {
    let qstat = "job-ID  prior   name       user         state submit/start at     queue          slots ja-task-ID \n\
                 -----------------------------------------------------------------------------------------------\n\
                 \x20     7 0.50500 h5lab-run  me           r     11/24/2026 14:20:01 all.q@n1           4 1\n\
                 \x20     7 0.00000 h5lab-run  me           qw    11/24/2026 14:20:01                    4 2-3:1\n\
                 \x20    71 0.00000 h5lab-run  me           Eqw   11/24/2026 14:20:01                    4\n";
    check_states(from_qstat(qstat, "7"), &[State::Running, State::Waiting]);
    check_states(from_qstat(qstat, "71"), &[State::Faulty]);
    check_states(from_qstat(qstat, "8"), &[]);
    let block = |failed: &str, code: &str| {
        format!(
            "==============\nqname        all.q\ntaskid       undefined\nfailed       {failed}\nexit_status  {code}\nru_wallclock 2\n"
        )
    };
    let check = |failed, code, want: Ended| check_states(from_qacct(&block(failed, code)), &[State::Over(want)]);
    check("0", "0", Ended::Exit(0));
    check("0", "75", Ended::Exit(75));
    check("100 : assumedly after job", "137                  (Killed)", Ended::Signal(9));
    check("37  : qmaster enforced h_rt, h_cpu, or h_vmem limit", "137", Ended::TimeLimit);
    check("26  : opening input/output file", "0", Ended::Lost("26  : opening input/output file".into()));
    let two = block("0", "0") + &block("0", "3");
    check_states(from_qacct(&two), &[State::Over(Ended::Exit(0)), State::Over(Ended::Exit(3))]);
}

#[test]
fn an_end_has_a_code_and_words() {
    let said = |ended: Ended| (ended.exit_code(), ended.to_string());
    assert_eq!(
        said(Ended::Exit(5)),
        (5, "ended with exit code 5 (permission, no space, missing folder, I/O error)".into())
    );
    assert_eq!(said(Ended::Exit(99)), (99, "ended with exit code 99".into()));
    assert_eq!(said(Ended::Signal(9)), (137, "ended by signal 9".into()));
    assert_eq!(said(Ended::TimeLimit).0, FailureKind::TimeUp.exit_code());
    assert_eq!(said(Ended::Lost("NODE_FAIL".into())), (8, "lost: NODE_FAIL".into()));
}
