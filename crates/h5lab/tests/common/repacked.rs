//! What the tests of `h5lab repack` share: is the new file the old one, and what does a kill leave?

use super::Folder;
use rustix::process::Signal;
use std::fs;
use std::time::Duration;

/// The two files hold the same, says h5py; and h5diff.
pub fn same(folder: &Folder, old: &str, new: &str) {
    folder.python("check_repacked.py").words(&format!("{old} {new}")).ok();
    // The tools of HDF5 1.10 have no LZF.
    let told = folder.tool("h5diff", &format!("--exclude-path /layouts/lzf {old} {new}")).run();
    assert_eq!(told.code, Some(0), "{told}");
}

/// `PATH | CHUNK | FILTERS | LAYOUT | CHUNKS` of each dataset, as h5py sees them.
pub fn layouts(folder: &Folder, file: &str) -> Vec<String> {
    let told = folder.python("check_repacked.py").words(&format!("--layouts {file}")).ok();
    told.stdout.lines().map(str::to_owned).collect()
}

/// Kills a repack of `old.h5` to `new.h5` at each of these `moments`, in parts of a whole run, and waits until it is `gone`:
/// the source is as it was, the new file whole or not there, and the next run removes what is left.
pub fn killed_at(folder: &Folder, words: &str, moments: &[f64], gone: impl Fn()) {
    let whole = folder.h5lab(words).ok();
    let old = folder.read("old.h5");
    fs::remove_file(folder.path("new.h5")).unwrap();
    let mut complete = 0;
    for (n, moment) in moments.iter().enumerate() {
        let running = folder.h5lab(words).start();
        std::thread::sleep(Duration::from_secs_f64(whole.seconds * moment));
        running.signal_all_if_there(Signal::KILL);
        running.finish();
        gone();
        if folder.path("new.h5").exists() {
            let told = folder.tool("h5diff", "old.h5 new.h5").run();
            assert_eq!(told.code, Some(0), "half a file after kill {n}: {told}");
            fs::remove_file(folder.path("new.h5")).unwrap();
            complete += 1;
        }
        assert!(folder.read("old.h5") == old, "the source was changed by kill {n}");
    }
    assert!(complete < moments.len(), "every kill came too late to prove anything");
    folder.h5lab(words).ok();
    assert_eq!(folder.names(), ["new.h5", "old.h5"], "leftovers are removed by the next run");
}

/// Ranks are in groups of their own: those that mpirun leaves end when they find it gone, or are done.
pub fn wait_for_ranks(folder: &Folder) {
    let here = fs::canonicalize(folder.path(".")).unwrap();
    let works_here = |entry: fs::DirEntry| fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd == here);
    for _ in 0..600 {
        if !fs::read_dir("/proc").unwrap().flatten().any(works_here) {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("ranks outlive their mpirun for 30 s");
}
