//! `docs/record.schema.json` describes records: those of old versions, those of today, and every key that they have.

use h5lab_core::dataset::Dtype;
use h5lab_core::failure::{Failure, FailureKind};
use h5lab_core::method::Method;
use h5lab_core::record::{Phases, Record, SCHEMA};
use serde_json::Value;

const TEXT: &str = include_str!("../../../docs/record.schema.json");
const GOLDEN: &str = include_str!("golden/record-v1.jsonl");

fn schema() -> Value {
    serde_json::from_str(TEXT).expect("the schema is JSON")
}

fn records() -> Vec<Record> {
    GOLDEN.lines().map(|line| serde_json::from_str(line).expect("records stay readable")).collect()
}

/// A record that has every optional part.
fn full() -> Record {
    let mut record = records().remove(3);
    record.failure = Some(Failure::new(FailureKind::RankLost, "gone").on_rank(1).mend("look for it"));
    record.computed = Some(h5lab_core::amplification::Computed {
        chunks_touched: 1,
        bytes_asked: 2,
        bytes_to_read: Some(3),
        extrapolated: true,
    });
    record.predicted = Some(0.5);
    record.explained_by = vec!["imbalance".into()];
    record.actual.in_force.insert("mpi-io".into(), "ompio".into());
    record.experiment.dataset.from = Some("a.h5:x".parse().unwrap());
    record.samples[0].together = Some(Phases::default());
    record.samples[0].counters = vec![Default::default()];
    let file_system = record.host.file_system.as_mut().expect("it has one");
    file_system.missing = true;
    record
}

#[test]
fn records_of_every_version_and_full_ones_are_valid() {
    let validator = jsonschema::validator_for(&schema()).expect("a schema");
    let old = GOLDEN.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let new = records().into_iter().chain([full()]).map(|record| serde_json::to_value(record).unwrap());
    let mut count = 0;
    for record in old.chain(new) {
        let wrong: Vec<String> = validator.iter_errors(&record).map(|e| format!("{}: {e}", e.instance_path)).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
        count += 1;
    }
    assert!(count > 40);
}

#[test]
fn what_is_no_record_is_invalid() {
    let validator = jsonschema::validator_for(&schema()).expect("a schema");
    let good = serde_json::to_value(full()).unwrap();
    assert!(validator.is_valid(&good));
    for (pointer, bad) in [
        ("/schema", Value::from(2)),
        ("/created", Value::from(5)),
        ("/experiment/np", Value::from(0)),
        ("/experiment/direction", Value::from("sideways")),
        ("/experiment/layout/kind", Value::from("heap")),
        ("/samples/0/ranks/0/open", Value::from(-1.0)),
        ("/samples/0/resident", Value::from(1.5)),
        ("/verification/result", Value::from("maybe")),
        ("/host/machine", Value::Null),
    ] {
        let mut record = good.clone();
        *record.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = bad;
        assert!(!validator.is_valid(&record), "{pointer}");
    }
}

#[test]
fn every_key_that_h5lab_writes_is_in_the_schema() {
    let schema = schema();
    for record in records().into_iter().chain([full()]) {
        check_keys(&schema, &schema, &serde_json::to_value(record).unwrap(), "");
    }
    assert_eq!(schema["properties"]["schema"]["const"], SCHEMA);
    let methods = schema["$defs"]["experiment"]["properties"]["method"]["description"].as_str().unwrap();
    assert!(methods.ends_with("..."), "new methods do not raise the version");
    assert!(Method::ALL.len() > 5);
    let dtypes = &schema["$defs"]["experiment"]["properties"]["dataset"]["properties"]["dtype"]["enum"];
    assert_eq!(*dtypes, Value::from(Dtype::ALL.map(Dtype::name).to_vec()));
}

/// Goes down records and schema together. Objects whose keys are free have no `properties`.
fn check_keys(root: &Value, schema: &Value, value: &Value, at: &str) {
    if let Some(target) = schema["$ref"].as_str() {
        return check_keys(root, root.pointer(&target[1..]).expect("a definition"), value, at);
    }
    if let Some(choices) = schema["anyOf"].as_array().or(schema["oneOf"].as_array()) {
        let fits = choices.iter().filter(|choice| known(choice, value));
        let best = fits.max_by_key(|choice| choice["properties"].as_object().map_or(0, serde_json::Map::len));
        return check_keys(root, best.unwrap_or(&choices[0]), value, at);
    }
    match value {
        Value::Object(map) => {
            let Some(properties) = schema["properties"].as_object() else { return };
            for (key, value) in map {
                let free = ["access", "warnings"].iter().any(|free| at.contains(free));
                let Some(of) = properties.get(key) else {
                    assert!(free, "{at}/{key} is not in the schema");
                    continue;
                };
                check_keys(root, of, value, &format!("{at}/{key}"));
            }
        }
        Value::Array(items) => items.iter().for_each(|item| check_keys(root, &schema["items"], item, at)),
        _ => {}
    }
}

/// Whether an alternative has all keys of the value, or is the null that it is.
fn known(choice: &Value, value: &Value) -> bool {
    match value.as_object() {
        Some(map) => map.keys().all(|key| choice["properties"].get(key).is_some()),
        None => choice["type"] == "null" && value.is_null(),
    }
}
