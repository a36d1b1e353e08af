//! Runs the examples as a student does, and has h5py, h5ls and NumPy judge the files.
//!
//! `cargo test` builds the examples; `cargo test --test examples` alone does not.

use h5lab_io::comm::mpi;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Ranks of an example: processes under mpirun, or its own threads in a build without MPI.
const RANKS: usize = if mpi::AVAILABLE { 2 } else { 4 };

#[test]
fn simple_writes_a_number_a_rank() {
    let folder = tempfile::tempdir().unwrap();
    let told = told(&run("simple", folder.path(), &[], RANKS));
    let data: Vec<usize> = (1..=4).map(|n| if n <= RANKS { n } else { 0 }).collect();
    assert_eq!(told.trim(), format!("{RANKS} ranks wrote {data:?} to simple.h5"));
    let seen = python(folder.path(), "import h5py; print(h5py.File('simple.h5')['test'][:].tolist())", &[]);
    assert_eq!(seen.trim(), format!("{data:?}"));
}

#[test]
fn write_is_read_back_and_is_what_numpy_makes() {
    let folder = tempfile::tempdir().unwrap();
    let told_by_write = told(&run("write", folder.path(), &["a.h5"], RANKS));
    assert!(told_by_write.contains(&format!("{RANKS} ranks wrote a.h5")), "{told_by_write}");
    assert_eq!(
        h5ls(folder.path(), "a.h5").split_whitespace().collect::<Vec<_>>().join(" "),
        "test Dataset {128, 100000}"
    );

    let read = told(&run("read", folder.path(), &["a.h5"], RANKS));
    let lines: Vec<&str> = read.lines().collect();
    assert_eq!(lines.len(), RANKS + 1, "{read}");
    assert_eq!(lines[RANKS], "verified: yes");
    let global = lines[0].rsplit(' ').next().unwrap();
    for (rank, line) in lines[..RANKS].iter().enumerate() {
        let own = format!(" iproc = {rank}, shape = [{}, 100000], own[0,0] = {}000.", 128 / RANKS, rank + 1);
        assert!(line.starts_with(&own) && line.ends_with(&format!("dataset[0,0] = {global}")), "{line}");
    }

    let method = std::fs::read_to_string(workspace().join("docs/method.md")).unwrap();
    let recipe = method.split("```python\n").nth(1).and_then(|rest| rest.split("```").next());
    let same = python(folder.path(), recipe.expect("docs/method.md has the recipe of the values"), &["a.h5"]);
    assert_eq!(same.trim(), "True");
}

#[test]
fn chunking_leaves_three_layouts_of_the_same_images() {
    let folder = tempfile::tempdir().unwrap();
    let told = told(&run("chunking", folder.path(), &[], 1));
    assert_eq!(told.lines().count(), 4, "{told}");
    let seen = python(
        folder.path(),
        "import h5py\n\
         stacks = [h5py.File(f'stack-{n}.h5')['stack'] for n in ('contiguous', 'chunked', 'gzip')]\n\
         print([(s.chunks, s.shuffle, s.compression) for s in stacks])\n\
         print(stacks[0].dtype, stacks[0].shape, all((s[:] == stacks[0][:]).all() for s in stacks))",
        &[],
    );
    assert_eq!(
        seen.trim(),
        "[(None, False, None), ((1, 128, 128), False, None), ((1, 128, 128), True, 'gzip')]\n\
         uint16 (20, 512, 512) True"
    );
}

#[test]
fn direct_leaves_a_file_that_h5py_reads() {
    let folder = tempfile::tempdir().unwrap();
    let told = told(&run("direct", folder.path(), &["a.h5"], 1));
    assert!(told.contains("verified: true"), "{told}");
    let program =
        "import h5py\ns = h5py.File('a.h5')['stack']\nprint(s.chunks, s.shuffle, s.compression, s[:].max() > 0)";
    assert_eq!(python(folder.path(), program, &[]).trim(), "(1, 256, 683) True gzip True");
}

#[test]
fn a_failure_is_told_once_and_sets_the_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mine.txt"), "not HDF5").unwrap();
    for (example, code, text) in [("write", 4, "h5lab did not make this file"), ("read", 3, "not an HDF5 file")] {
        let output = run(example, folder.path(), &["mine.txt"], RANKS);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        assert_eq!(stderr.matches(text).count(), 1, "{stderr}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left behind");
}

#[test]
fn examples_fit_on_a_page() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    // What a bench runs is nothing to learn from.
    let is_lesson = |path: &PathBuf| !path.ends_with("codec_speed.rs");
    let all = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let texts: Vec<String> = all.filter(is_lesson).map(|path| std::fs::read_to_string(path).unwrap()).collect();
    assert!(texts.len() >= 5 && texts.iter().all(|text| text.lines().count() < 60));
}

/// Runs an example in `folder` with this many ranks; at most a minute.
fn run(example: &str, folder: &Path, args: &[&str], ranks: usize) -> Output {
    let deps = std::env::current_exe().unwrap();
    let program = deps.ancestors().nth(2).unwrap().join("examples").join(example);
    assert!(program.exists(), "{} is not built: run `cargo test` without --test", program.display());
    let mut command = Command::new("timeout");
    command.arg("60");
    if mpi::AVAILABLE && ranks > 1 {
        command.args(["mpirun", "-np", &ranks.to_string()]);
    }
    // Open MPI refuses to run as root, and more ranks than cores, unless it is told that both are meant.
    command.envs([("OMPI_ALLOW_RUN_AS_ROOT", "1"), ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")]);
    command.env("OMPI_MCA_rmaps_base_oversubscribe", "1");
    command.arg(program).args(args).current_dir(folder).output().unwrap()
}

/// What a program that succeeded printed.
fn told(output: &Output) -> String {
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn python(folder: &Path, program: &str, args: &[&str]) -> String {
    let venv = std::env::var_os("H5LAB_TEST_VENV").map_or_else(|| workspace().join(".tools/venv"), PathBuf::from);
    let python = venv.join("bin/python");
    assert!(python.exists(), "{} is not there: run scripts/setup --test", python.display());
    told(&Command::new(python).args(["-c", program]).args(args).current_dir(folder).output().unwrap())
}

fn h5ls(folder: &Path, file: &str) -> String {
    told(&Command::new("h5ls").arg(file).current_dir(folder).output().expect("h5ls: run scripts/setup --test"))
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
