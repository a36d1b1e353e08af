//! What `inspect` and `advise` say of files that others made: NeXus examples, and files that h5py tests itself with.

mod common;

use common::{Folder, venv};
use std::fs;
use std::path::{Path, PathBuf};

/// A file inside a Python package of the tests, copied into the folder under its own name.
fn copied(folder: &Folder, file: &str) -> String {
    let packages = fs::read_dir(venv().join("lib")).unwrap().map(|python| python.unwrap().path().join("site-packages"));
    let found: Option<PathBuf> = packages.map(|packages| packages.join(file)).find(|path| path.exists());
    let from = found.unwrap_or_else(|| panic!("{file} is in no package"));
    let name = Path::new(file).file_name().unwrap().to_str().unwrap().to_owned();
    fs::copy(from, folder.path(&name)).unwrap();
    name
}

#[test]
fn inspect_shows_them_as_they_are() {
    let folder = Folder::new();
    for file in [
        "nexusformat/examples/chopper.nxs",
        "nexpy/examples/example.nxs",
        "h5py/tests/data_files/vlen_string_dset_utc.h5",
        "h5py/tests/data_files/compound-dtype-complex.h5",
    ] {
        let name = copied(&folder, file);
        insta::assert_snapshot!(name.clone(), folder.h5lab(&format!("inspect {name}")).ok().stdout);
    }
}

/// Its times differ each time; what it may choose from, what it says of so small a dataset, and what comes of its command
/// do not.
#[test]
fn advice_on_a_nexus_file_is_sound_and_its_command_works() {
    let folder = Folder::new();
    let name = copied(&folder, "nexusformat/examples/chopper.nxs");
    let advised = folder.h5lab(&format!("advise {name} --reads projection,sinogram --json")).ok();
    let answer: serde_json::Value = serde_json::from_str(advised.stdout.lines().last().unwrap()).unwrap();
    let rows = answer["advice"]["rows"].as_array().unwrap();
    let stored = |row: &serde_json::Value| row["measured"]["stored"].as_u64().unwrap();
    let today =
        rows.iter().find(|row| row["layout"]["chunk"] == serde_json::json!([1, 750])).expect("what is there today");
    assert!(rows.len() > 3 && rows.iter().all(|row| stored(row) < stored(today) / 2 * 3), "about as small: {rows:?}");
    let verdicts = answer["advice"]["verdicts"].to_string();
    assert!(verdicts.contains("small-sample"), "the differences are nothing to trust: {verdicts}");
    let command = answer["commands"]["repack"].as_str().unwrap();
    folder.h5lab(command.strip_prefix("h5lab ").unwrap()).ok();
    folder.tool("h5diff", &format!("{name} chopper.repacked.nxs")).ok();
}

/// Too little time to try filters, on data that is to stay as small as it is: typical filters stand in, and the proof decides.
#[test]
fn compressed_data_gets_advice_in_little_time() {
    let folder = Folder::new();
    let name = copied(&folder, "nexusformat/examples/chopper.nxs");
    let told = folder.h5lab(&format!("advise {name} --reads projection,sinogram --time 2s")).ok().stdout;
    assert!(told.contains("recommended") && told.contains("h5lab repack"), "{told}");
}

#[test]
fn what_has_no_layout_to_choose_is_told_so() {
    let folder = Folder::new();
    let strings = copied(&folder, "h5py/tests/data_files/vlen_string_dset_utc.h5");
    let compounds = copied(&folder, "h5py/tests/data_files/compound-dtype-complex.h5");
    for (name, why) in [(strings, "string, ascii, variable"), (compounds, "h5lab inspect shows what it has")] {
        let refused = folder.h5lab(&format!("advise {name}")).run();
        assert!(refused.code == Some(3) && refused.stderr.contains(why), "{refused}");
    }
}
