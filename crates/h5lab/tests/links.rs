//! Files whose links lead to other files, or to nothing: what can be read is read, and the rest is named.

mod common;

use common::Folder;
use h5lab_core::failure::FailureKind::{Input, Refused};

/// The words of a read, and the elements that it finds.
const READ: &[(&str, u64)] = &[
    ("master.h5 --dataset entry/mask", 8),
    ("master.h5 --dataset /entry/a_mask", 8),
    ("master.h5 --dataset entry/data/part_1", 6),
    ("master.h5 --dataset entry/data/part_1 --np 2", 6),
    ("alone.h5", 6),
    ("both.h5 --dataset mine", 3),
    ("both.h5 --dataset z", 7),
    ("circle.h5 --dataset a/data", 4),
    ("circle.h5", 4),
];

const MASTER_HAS: &str =
    "it has: entry/data/part_1, entry/mask; links that lead nowhere: entry/nothing, entry/data/part_2";

/// The words of a read that can't be, and what stderr says.
const REFUSED: &[(&str, &[&str])] = &[
    ("master.h5", &["2 datasets, and none was chosen", MASTER_HAS]),
    (
        "master.h5 --dataset entry/data/part_2",
        &["'entry/data/part_2' is a link that leads nowhere", "gone.h5", MASTER_HAS],
    ),
    ("master.h5 --dataset entry/nothing", &["'entry/nothing' is a link that leads nowhere", "what to do: put there"]),
    ("master.h5 --dataset entry", &["no dataset 'entry'", MASTER_HAS]),
    ("master.h5 --dataset=", &["--dataset names no dataset, but the file's root", MASTER_HAS]),
    ("master.h5 --dataset /", &["--dataset names no dataset, but the file's root", MASTER_HAS]),
    ("both.h5", &["2 datasets, and none was chosen", "it has: mine, z"]),
    ("broken.h5", &["no dataset in this file; links that lead nowhere: z", "what to do: put there"]),
];

#[test]
fn a_link_that_leads_nowhere_hides_no_other_dataset() {
    let folder = Folder::new();
    folder.python("make_links.py").ok();
    for (words, elements) in READ {
        let record = folder.h5lab(&format!("read {words} --json --no-ceiling")).ok().record();
        assert_eq!(record.experiment.dataset.shape.0, [*elements], "{words}");
    }
    for (words, says) in REFUSED {
        let outcome = folder.h5lab(&format!("read {words}")).run();
        assert_eq!(outcome.code, Some(i32::from(Input.exit_code())), "{outcome}");
        assert!(says.iter().all(|text| outcome.stderr.contains(text)), "{outcome}");
        assert!(!outcome.stderr.contains("HDF5 #"), "the message says it all: {outcome}");
    }
}

#[test]
fn a_file_of_links_is_somebodys_work() {
    let folder = Folder::new();
    folder.python("make_links.py").ok();
    folder.h5lab("write 2 3 ours.h5 --no-ceiling").ok();
    let refused = folder.h5lab("write 2 3 to_ours.h5").run();
    assert_eq!(refused.code, Some(i32::from(Refused.exit_code())), "{refused}");
}
