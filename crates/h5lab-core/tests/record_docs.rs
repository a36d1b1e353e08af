//! docs/record-format.md describes records as they are.

use h5lab_core::experiment::Experiment;
use h5lab_core::generate::DataKind;
use h5lab_core::split::Split;

const DOCS: &str = include_str!("../../../docs/record-format.md");

#[test]
fn the_example_is_a_record() {
    let example = DOCS.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    let example: serde_json::Value = serde_json::from_str(example).expect("JSON");
    let experiment: Experiment = serde_json::from_value(example["experiment"].clone()).expect("an experiment");
    assert_eq!(serde_json::to_value(&experiment).unwrap(), example["experiment"], "as it is written today");
    assert!(example["file"].as_str().expect("a path").starts_with('/'), "absolute");
}

#[test]
fn every_kind_of_data_and_every_split_is_named() {
    let row = |key: &str| DOCS.lines().find(|line| line.starts_with(&format!("| `{key}`"))).expect("a row");
    for kind in DataKind::ALL {
        assert!(row("dataset.data.kind").contains(&format!("`{kind}`")), "{kind}");
    }
    for split in [Split::Axis(0), Split::Blocks] {
        assert!(row("split").contains(&format!("`{split}`")), "{split}");
    }
    assert!(row("dataset.from").contains("`file`"));
}
