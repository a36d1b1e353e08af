//! What the tests of the command share: folders on a real disk, commands with a time limit, the oracles.
#![allow(dead_code)] // each test file uses its own part of it

pub mod disk;
pub mod repacked;

use h5lab_core::record::Record;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// True if `--np` means MPI ranks in this build, false if it means threads.
pub const MPI: bool = cfg!(feature = "mpi");

/// Longest that a command may take: a hang is a failure.
const LIMIT: Duration = Duration::from_secs(180);

/// The command under test.
const H5LAB: &str = env!("CARGO_BIN_EXE_h5lab");

/// A folder of its own, on the disk that holds the build; gone at the end.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Folder(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("the target folder can be written"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap_or_else(|e| panic!("{name}: {e}"));
    }

    /// Every file with its content, to see whether a command changed any.
    pub fn snapshot(&self) -> BTreeMap<String, Vec<u8>> {
        snapshot(self.0.path())
    }

    /// The records of a result file.
    pub fn records(&self, name: &str) -> Vec<Record> {
        records(&String::from_utf8(self.read(name)).unwrap())
    }

    /// Every name in it, folders included.
    pub fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// `h5lab` with these words, in this folder.
    pub fn h5lab(&self, words: &str) -> Run {
        Run::new(H5LAB, self.0.path()).words(words)
    }

    /// `mpirun -np N h5lab` with these words, as a user types it.
    pub fn mpirun(&self, np: usize, words: &str) -> Run {
        mpirun(self.0.path(), np).arg(H5LAB).words(words)
    }

    /// The serial h5py of the tests' own environment runs one of the scripts in tests/python.
    pub fn python(&self, script: &str) -> Run {
        Run::new(venv_python(), self.0.path()).arg(python_script(script))
    }

    /// h5py + mpi4py under `mpirun -np N`.
    pub fn mpi_python(&self, np: usize, script: &str) -> Run {
        let python = std::env::var_os("H5LAB_TEST_PYTHON_MPI").unwrap_or_else(|| "/usr/bin/python3".into());
        mpirun(self.0.path(), np).arg(need(Path::new(&python))).arg(python_script(script))
    }

    /// One of HDF5's own tools.
    pub fn tool(&self, name: &str, words: &str) -> Run {
        Run::new(need(&on_search_path(name)), self.0.path()).words(words)
    }
}

/// Every file of a folder, with its content.
pub fn snapshot(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
    files.map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap())).collect()
}

/// The tests' own Python environment.
pub fn venv() -> PathBuf {
    let venv = std::env::var_os("H5LAB_TEST_VENV").map(PathBuf::from);
    venv.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/venv"))
}

fn venv_python() -> PathBuf {
    need(&venv().join("bin/python"))
}

fn python_script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(name)
}

fn mpirun(folder: &Path, np: usize) -> Run {
    let run = Run::new(need(&on_search_path("mpirun")), folder);
    run.env("OMPI_ALLOW_RUN_AS_ROOT", "1")
        .env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
        .words(&format!("--oversubscribe -np {np}"))
}

/// Where the search path has a command; its bare name if nowhere.
pub fn on_search_path(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    found.unwrap_or_else(|| name.into())
}

/// A tool that must be there: a test without its oracle fails.
pub fn need(tool: &Path) -> PathBuf {
    assert!(
        tool.is_file(),
        "{} is missing, and this test is nothing without it: run scripts/setup --test",
        tool.display()
    );
    tool.to_owned()
}

/// True if the tests run as root. Says why the rest is left out if they don't.
pub fn root_for(what: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        eprintln!("not tested: {what} needs root, and these tests do not run as root");
    }
    root
}

/// A command about to run.
pub struct Run {
    command: Command,
    told: Vec<String>,
    limit: Duration,
}

impl Run {
    pub fn new(program: impl AsRef<Path>, folder: &Path) -> Self {
        let program = program.as_ref();
        let mut command = Command::new(program);
        command.current_dir(folder).env_remove("H5LAB_FAULT").process_group(0).stdin(Stdio::null());
        // Ranks that wait give their core to those that work: there may be more ranks than idle cores.
        command.env("OMPI_MCA_mpi_yield_when_idle", "1");
        let told = vec![program.file_name().unwrap_or_default().to_string_lossy().into_owned()];
        Run { command, told, limit: LIMIT }
    }

    /// Adds words that are split at blanks.
    pub fn words(self, words: &str) -> Self {
        words.split_whitespace().fold(self, |run, word| run.arg(word))
    }

    pub fn arg(mut self, word: impl AsRef<std::ffi::OsStr>) -> Self {
        let word = word.as_ref();
        self.told.push(Path::new(word).file_name().unwrap_or(word).to_string_lossy().into_owned());
        self.command.arg(word);
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self.told.insert(0, format!("{name}={value}"));
        self
    }

    /// It may take longer than others.
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Starts it.
    pub fn start(mut self) -> Running {
        let said = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("the target folder can be written");
        let file = |name| fs::File::create(said.path().join(name)).unwrap();
        self.command.stdout(file("stdout")).stderr(file("stderr"));
        let what = self.told.join(" ");
        let begun = Instant::now();
        let child = self.command.spawn().unwrap_or_else(|e| panic!("{what}: {e}"));
        Running { child, said, begun, limit: self.limit, what }
    }

    /// Runs it to its end.
    pub fn run(self) -> Outcome {
        self.start().finish()
    }

    /// Runs it; it must succeed.
    pub fn ok(self) -> Outcome {
        let outcome = self.run();
        assert_eq!(outcome.code, Some(0), "{outcome}");
        outcome
    }
}

/// A command under way. It says what it says into files: no reader can keep it waiting, no orphan keeps a pipe open.
pub struct Running {
    child: Child,
    said: tempfile::TempDir,
    begun: Instant,
    limit: Duration,
    what: String,
}

impl Running {
    /// Sends a signal to this process alone.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("it still runs");
    }

    /// Sends a signal to it and all its descendants, as a terminal does.
    pub fn signal_all(&self, signal: Signal) {
        kill_process_group(self.pid(), signal).expect("it still runs");
    }

    /// As [`Running::signal_all`]; it may have ended.
    pub fn signal_all_if_there(&self, signal: Signal) {
        let _ = kill_process_group(self.pid(), signal);
    }

    /// Waits until a line of stderr has this in it, and returns the line.
    pub fn line_of_stderr(&self, part: &str) -> String {
        let deadline = Instant::now() + LIMIT;
        loop {
            let said = fs::read(self.said.path().join("stderr")).unwrap();
            let said = String::from_utf8_lossy(&said);
            if let Some(line) = said.split_inclusive('\n').find(|line| line.contains(part) && line.ends_with('\n')) {
                return line.trim_end().to_owned();
            }
            assert!(Instant::now() < deadline, "{}: never said '{part}': {said}", self.what);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it takes too long; it is killed then.
    pub fn finish(mut self) -> Outcome {
        let deadline = Instant::now() + self.limit;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break Some(status);
            }
            if Instant::now() > deadline {
                self.signal_all(Signal::KILL);
                let _ = self.child.wait();
                break None;
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let said = |name| String::from_utf8_lossy(&fs::read(self.said.path().join(name)).unwrap()).into_owned();
        let seconds = self.begun.elapsed().as_secs_f64();
        let (code, signal) = (status.and_then(|s| s.code()), status.and_then(|s| s.signal()));
        let outcome =
            Outcome { what: self.what, code, signal, stdout: said("stdout"), stderr: said("stderr"), seconds };
        assert!(status.is_some(), "hung: {outcome}");
        outcome
    }
}

/// What a command left.
pub struct Outcome {
    pub what: String,
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    pub seconds: f64,
}

impl Outcome {
    /// The records on stdout: one object a line, and nothing else.
    pub fn records(&self) -> Vec<Record> {
        records(&self.stdout)
    }

    /// The only record on stdout.
    pub fn record(&self) -> Record {
        let mut records = self.records();
        assert_eq!(records.len(), 1, "{self}");
        records.remove(0)
    }
}

/// Records, one a line. Each must survive being read and written again.
pub fn records(lines: &str) -> Vec<Record> {
    let each = lines.lines().map(|line| {
        let record: Record = serde_json::from_str(line).unwrap_or_else(|e| panic!("not a record: {e}: {line}"));
        assert_eq!(serde_json::to_string(&record).unwrap(), line, "a record is what it was after a round trip");
        record
    });
    each.collect()
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Outcome { what, code, signal, stdout, stderr, seconds } = self;
        let end = match (code, signal) {
            (Some(code), _) => format!("exit code {code}"),
            (None, Some(signal)) => format!("signal {signal}"),
            (None, None) => "no end".to_owned(),
        };
        write!(f, "{what}\n{end} after {seconds:.1} s\n--- stdout\n{stdout}--- stderr\n{stderr}---")
    }
}
