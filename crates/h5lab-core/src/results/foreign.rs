//! Records of a newer h5lab: what it calls by names that are not known here is shown under those names.
//!
//! A name that a known type has no place for is taken out of the record before it is parsed, and kept as text. What it
//! meant is not guessed at: neither explained, nor planned, nor predicted.

use crate::access::Access;
use crate::failure::FailureKind;
use crate::filter::Filter;
use crate::method::Method;
use crate::record::Record;
use crate::report::printable;
use crate::tunables::Tunables;
use crate::warning::Warning;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// Names of a record that are not known here, where its types have no place for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Foreign {
    /// The method.
    pub method: Option<String>,
    /// The access.
    pub access: Option<String>,
    /// Tunables, as `name=value`.
    pub settings: Vec<String>,
}

/// A record with names that are not known here.
pub(super) struct Understood {
    pub(super) record: Record,
    /// Boxed, as most cells have none.
    pub(super) foreign: Option<Box<Foreign>>,
    /// What its unknown warnings say.
    pub(super) warnings: Vec<String>,
    /// Every name that was not known, with what it names: `method 'teleport'`.
    pub(super) names: Vec<String>,
}

/// Numbers of filters begin at 1: this one is of a filter that only its name is known of.
const NO_FILTER: u32 = 0;

/// The record of a line, if nothing but names keeps it from being one.
pub(super) fn understood(text: &str) -> Option<Understood> {
    let mut all: Value = serde_json::from_str(text).ok()?;
    let (mut foreign, mut names) = (Foreign::default(), Vec::new());
    let mut note = |what: &str, name: &str| names.push(format!("{what} '{}'", printable(name)));
    let mut replace = |place: &str, what: &str, known: fn(&Value) -> bool, by: Value| {
        let found = all.pointer_mut(place).filter(|value| !known(value))?;
        let name = name(found)?;
        note(what, &name);
        *found = by;
        Some(name)
    };
    foreign.method = replace("/experiment/method", "method", parses::<Method>, json!(Method::Independent));
    foreign.access = replace("/experiment/access", "access", parses::<Access>, json!(Access::Full));
    replace("/failure/kind", "kind of failure", parses::<FailureKind>, json!(FailureKind::Internal));
    for filter in all.pointer_mut("/experiment/layout/filters").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(name) = name(filter).filter(|_| !parses::<Filter>(filter)) {
            note("filter", &name);
            *filter = json!(Filter::Unknown { id: NO_FILTER, name, parameters: Vec::new() });
        }
    }
    if let Some(tunables) = all.pointer_mut("/experiment/tunables").and_then(Value::as_object_mut) {
        tunables.retain(|name, value| {
            let known = parses::<Tunables>(&json!({ name: value }));
            if !known {
                note("setting", name);
                foreign.settings.push(format!("{name}={}", plain(value)));
            }
            known
        });
    }
    let mut warnings = Vec::new();
    if let Some(all) = all.pointer_mut("/warnings").and_then(Value::as_array_mut) {
        all.retain(|warning| {
            let Some(code) = warning["code"].as_str().filter(|_| !parses::<Warning>(warning)) else { return true };
            note("warning", code);
            warnings.extend(name(warning).map(|text| printable(&text)));
            false
        });
    }
    // What an access asked for must be told by the record: nobody here can compute it.
    if names.is_empty() || foreign.access.is_some() && !all.pointer("/computed/bytes_asked").is_some_and(Value::is_u64)
    {
        return None;
    }
    let foreign = (foreign != Foreign::default()).then(|| Box::new(foreign));
    Some(Understood { record: serde_json::from_value(all).ok()?, foreign, warnings, names })
}

/// The version of the format of a line that is an object.
pub(super) fn schema(text: &str) -> Option<u32> {
    #[derive(serde::Deserialize)]
    struct Versioned {
        schema: u32,
    }
    serde_json::from_str(text).ok().map(|line: Versioned| line.schema)
}

fn parses<T: DeserializeOwned>(value: &Value) -> bool {
    T::deserialize(value).is_ok()
}

/// What something is called: `magic`, `magic=3`, `spiral turns=5`.
fn name(value: &Value) -> Option<String> {
    match value {
        Value::String(name) => Some(name.clone()),
        Value::Object(settings) => Some(words(settings)),
        _ => None,
    }
}

/// An object in words: what says what it is, then its settings.
fn words(settings: &Map<String, Value>) -> String {
    let names_it = |key: &str| matches!(key, "kind" | "code");
    let name = settings.iter().filter(|(key, _)| names_it(key)).map(|(_, value)| plain(value));
    let others =
        settings.iter().filter(|(key, _)| !names_it(key)).map(|(key, value)| format!("{key}={}", plain(value)));
    name.chain(others).collect::<Vec<_>>().join(" ")
}

/// A value without the quotes of a text.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
