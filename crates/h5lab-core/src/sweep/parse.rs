//! Plans in TOML: strict, with the line and the column of what is wrong.

use super::{Sweep, keys};
use crate::failure::{Failure, FailureKind, Result};
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Reads a plan. Keys that the plan does not set keep the values that `base` has.
///
/// # Errors
/// A usage failure with line and column: not TOML, an unknown key (with the nearest known one), an empty list, a value
/// of another type or that cannot be read.
pub fn from_toml(text: &str, base: Sweep) -> Result<Sweep> {
    let at = |span: Range<usize>, failure: Failure| placed(text, span, failure);
    let table = DeTable::parse(text).map_err(|e| {
        at(e.span().unwrap_or(0..0), Failure::new(FailureKind::Usage, format!("not TOML: {}", e.message())))
    })?;
    let mut sweep = base;
    for (key, value) in table.get_ref() {
        let name: &str = key.get_ref();
        if matches!(name, "name" | "description") {
            continue;
        }
        keys::find(name).map_err(|failure| at(key.span(), failure))?;
        let values = values(name, value).map_err(|(span, failure)| at(span, failure))?;
        sweep.set(name, &values).map_err(|failure| at(value.span(), failure))?;
    }
    Ok(sweep)
}

/// A value or a list of values, as the words that a flag would have.
fn values(name: &str, value: &Spanned<DeValue<'_>>) -> Result<Vec<String>, (Range<usize>, Failure)> {
    match value.get_ref() {
        DeValue::Array(items) => items.iter().map(|item| word(name, item)).collect(),
        DeValue::Table(table) if name == "hint" => {
            table.iter().map(|(key, value)| Ok(format!("{}={}", key.get_ref(), word(name, value)?))).collect()
        }
        _ => Ok(vec![word(name, value)?]),
    }
}

fn word(name: &str, value: &Spanned<DeValue<'_>>) -> Result<String, (Range<usize>, Failure)> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) => Ok(number.to_string()),
        DeValue::Boolean(truth) => Ok(truth.to_string()),
        other => {
            let article = if other.type_str().starts_with('a') { "an" } else { "a" };
            let why = format!("{name}: {article} {} is no value of this key", other.type_str());
            let takes = keys::find(name).map(keys::Key::takes).unwrap_or_default();
            Err((value.span(), Failure::new(FailureKind::Usage, why).mend(takes)))
        }
    }
}

/// Puts line and column in front of a failure's message.
fn placed(text: &str, span: Range<usize>, mut failure: Failure) -> Failure {
    let before = &text[..span.start.min(text.len())];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    failure.message = format!("line {line}, column {column}: {}", failure.message);
    failure
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Access;
    use crate::dataset::SourceFile;
    use crate::generate::DataKind;
    use crate::sweep::DataChoice;

    fn refusal(text: &str) -> String {
        from_toml(text, Sweep::default()).unwrap_err().to_string()
    }

    #[test]
    fn data_come_from_rules_and_files() {
        let sweep = from_toml("data = ['ramp', 'from a b:1.h5:/entry/data']", Sweep::default()).unwrap();
        let source = SourceFile { file: "a b:1.h5".into(), dataset: "entry/data".into() };
        assert_eq!(sweep.data, [DataChoice::Kind(DataKind::Ramp), DataChoice::From(source)]);
        assert!(refusal("data = 'from a.h5'").contains("FILE:DATASET"));
    }

    #[test]
    fn a_plan_sets_lists_and_single_values() {
        let plan = r#"
            name = "x"
            shape = "100x20x30"
            dtype = ["u16", "f32"]
            chunk = ["contiguous", "auto", "1x20x30"]
            filter = ["none", "shuffle+gzip=4"]
            access = ["projection", "sinogram:4", "roi:2x3@1x1"]
            np = [1, 2]
            fsync = true
            buffer = "1MiB"
            chunk-cache-bytes = ["default", "16MiB"]
            hint = { cb_nodes = 2, romio_cb_write = "enable" }
        "#;
        let sweep = from_toml(plan, Sweep::default()).unwrap();
        assert_eq!(
            (sweep.np.clone(), sweep.fsync.clone(), sweep.buffer.clone()),
            (vec![1, 2], vec![true], vec![1 << 20])
        );
        assert_eq!(sweep.access[1], Access::Sinogram { limit: Some(4) });
        assert_eq!(sweep.chunk_cache_bytes, [None, Some(16 << 20)]);
        assert_eq!(sweep.hints["cb_nodes"], "2");
        assert_eq!(sweep.repeat, Sweep::default().repeat);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (plan, parts) in [
            ("np = [1,\n", &["line 1, column 9", "not TOML", "unclosed array"][..]),
            ("np = 1\nmethd = \"posix\"", &["line 2, column 1", "'methd'", "did you mean 'method'"]),
            ("np = []", &["line 1, column 6", "empty"]),
            ("np = 0", &["line 1", "at least 1"]),
            ("np = 1.5", &["line 1, column 6", "a float is no value", "np takes one value or a list: rank counts"]),
            ("np = [[1]]", &["line 1, column 7", "an array is no value", "whole numbers of at least 1"]),
            ("np = 'two'", &["line 1, column 6", "'two' is not a whole number", "np takes one value or a list"]),
            ("repeat = true", &["'true' is not a whole number", "repeat takes one value: how often"]),
            ("fsync = 3", &["'3' is not a value of this key", "fsync takes one value or a list: true or false"]),
            ("np = -3", &["at least 1"]),
            ("buffer = \"64MB\"", &["64MB", "MiB"]),
            ("method = [\"posix\",\n \"mpio\"]", &["unknown method 'mpio'", "per-process"]),
            ("repeat = [1, 2]", &["it takes one"]),
            ("chunk = \"1x0x3\"", &["at least 1"]),
            ("write = \"sinogram\"", &["every element once"]),
            ("zzz = 1", &["unknown key", "the keys are shape"]),
            ("shape = { x = 3 }", &["table"]),
        ] {
            let told = refusal(plan);
            assert!(parts.iter().all(|part| told.contains(part)), "{plan}: {told}");
        }
    }
}
