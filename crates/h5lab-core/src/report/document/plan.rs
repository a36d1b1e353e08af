//! The plan, and the commands that measure it again.

use super::{Block, Material, Section};
use crate::access::Access;
use crate::layout::Layout;
use crate::report::printable;
use crate::results::{Cell, Results};
use crate::stats::median;
use std::collections::BTreeSet;
use toml::{Table, Value};

/// What results are called that came through a pipe: no command finds them again.
const STDIN: &str = "stdin";
/// So many different command lines are shown, and values that a plan leaves out.
const MOST: usize = 5;

pub(super) fn section(material: &Material<'_>) -> Option<Section> {
    let command = |words: &Vec<String>| words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
    let commands: Vec<String> = material.results.commands.iter().take(MOST).map(command).collect();
    let mut section = Section::new("again", "Measure it again");
    if !commands.is_empty() {
        section = section.show(Block::Code("The commands that measured it".into(), commands.join("\n")));
    }
    section = section.show(Block::Code(
        "The same as a plan: save it as plan.toml, then h5lab run plan.toml. Its lists multiply, so it may have more cells".into(),
        plan(material.results),
    ));
    let file = |cell: &&&Cell| material.results.sources[cell.source] != STDIN;
    let known = material.sound.iter().filter(|cell| cell.foreign.is_none()).filter(file);
    let best = known.filter_map(|cell| Some((median(&cell.bandwidth())?, cell)));
    if let Some((_, cell)) = best.max_by(|a, b| a.0.total_cmp(&b.0)) {
        let file = quoted(&material.results.sources[cell.source]);
        let command = format!("h5lab rerun {file} --cell {}", cell.line);
        section = section.show(Block::Code("One cell again, such as the fastest".into(), command));
    }
    (!material.results.cells.is_empty()).then_some(section)
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./,=:+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    // What can't be copied is shown as it is printed everywhere else.
    format!("'{}'", printable(word).replace('\'', "'\\''"))
}

/// The settings of all cells as a plan for `h5lab run`: each list holds every value that occurs. What a plan can say only
/// once, it says as most cells have it, and comments above it tell what it leaves out.
pub fn plan(results: &Results) -> String {
    // What only a newer h5lab knows can't be run here.
    let cells: Vec<&Cell> = results.cells.iter().filter(|cell| cell.foreign.is_none()).collect();
    let mut plan = Table::new();
    let mut list = |key: &str, of: &dyn Fn(&Cell) -> Option<Value>| {
        let values = different(cells.iter().copied().filter_map(of));
        if !values.is_empty() {
            plan.insert(key.into(), Value::Array(values));
        }
    };
    let text = |text: String| Some(Value::String(text));
    list("shape", &|c| text(c.experiment.dataset.shape.to_string()));
    list("dtype", &|c| text(c.experiment.dataset.dtype.to_string()));
    list("data", &|c| text(data(c)?));
    list("method", &|c| text(c.experiment.method.to_string()));
    list("chunk", &|c| match &c.experiment.layout {
        Layout::Contiguous => text("contiguous".into()),
        Layout::Chunked { chunk, .. } => text(crate::dataset::Shape(chunk.clone()).to_string()),
    });
    list("filter", &|c| match c.experiment.layout.filters() {
        [] => text("none".into()),
        filters => text(crate::filter::joined(filters)),
    });
    list("access", &|c| c.reads().then(|| Value::String(c.experiment.access.to_string())));
    list("processes", &|c| text(c.experiment.split.to_string()));
    list("np", &|c| Some(whole(c.experiment.np as u64)));
    list("cache", &|c| c.reads().then(|| Value::String(c.experiment.cache.name().into())));
    list("fsync", &|c| (!c.reads()).then_some(Value::Boolean(c.experiment.fsync)));
    list("path", &|c| text(c.folder.to_string_lossy().into_owned()));
    list("buffer", &|c| Some(whole(c.experiment.buffer)));
    let repeat = cells.iter().map(|cell| cell.experiment.repeat).max().unwrap_or(1);
    plan.insert("repeat".into(), Value::Integer(repeat as i64));
    plan.insert("ceiling".into(), Value::Boolean(cells.iter().any(|cell| !cell.ceiling.is_empty())));
    add_tunables(&mut plan, &cells);
    let mut left_out = Vec::new();
    let mut once = |key: &str, of: &dyn Fn(&Cell) -> Option<Value>| {
        let (value, others) = most_common(&cells, of);
        plan.extend(value.map(|value| (key.to_owned(), value)));
        let told = |other| format!("# {key} = {} is left out: a plan has one\n", shown(other));
        left_out.extend(others.iter().take(MOST).map(told));
        left_out.extend((others.len() > MOST).then(|| format!("# and {} more of {key}\n", others.len() - MOST)));
    };
    once("seed", &|c| Some(whole(c.experiment.dataset.data?.seed)));
    once("write", &|c| written(c).map(Value::String));
    once("hint", &|c| Some(hints(c)));
    plan.retain(|_, value| value.as_table().is_none_or(|hints| !hints.is_empty()));
    left_out.concat() + &plan.to_string()
}

/// The different ones of some values, in the order in which they occur.
fn different(all: impl Iterator<Item = Value>) -> Vec<Value> {
    let mut values: Vec<Value> = Vec::new();
    for value in all {
        if values.last() != Some(&value) && !values.contains(&value) {
            values.push(value);
        }
    }
    values
}

/// The value that most cells have, the first of several such, and all others.
fn most_common(cells: &[&Cell], of: &dyn Fn(&Cell) -> Option<Value>) -> (Option<Value>, Vec<Value>) {
    let mut counts: Vec<(Value, usize)> = Vec::new();
    for value in cells.iter().copied().filter_map(of) {
        match counts.iter_mut().find(|(known, _)| *known == value) {
            Some((_, count)) => *count += 1,
            None => counts.push((value, 1)),
        }
    }
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let mut values = counts.into_iter().map(|(value, _)| value);
    (values.next(), values.collect())
}

/// Adds the tunables that any cell sets, under the names that records and plans share. Cells without one have `default`.
fn add_tunables(plan: &mut Table, cells: &[&Cell]) {
    let all: Vec<Table> = cells.iter().map(|cell| tunables(cell)).collect();
    let names: BTreeSet<&String> = all.iter().flat_map(Table::keys).collect();
    for name in names {
        let default = || Value::String("default".into());
        let values = different(all.iter().map(|tunables| tunables.get(name).cloned().unwrap_or_else(default)));
        plan.insert(name.clone(), Value::Array(values));
    }
}

/// The tunables that a cell sets, but for hints, of which a plan has one table.
fn tunables(cell: &Cell) -> Table {
    let set = serde_json::to_value(&cell.experiment.tunables).unwrap_or_default();
    let mut all = Table::new();
    for (name, value) in set.as_object().into_iter().flatten().filter(|(name, _)| *name != "hints") {
        let value = match (value.as_bool(), value.as_u64(), value.as_str()) {
            (Some(truth), ..) => Value::Boolean(truth),
            (_, Some(number), _) => whole(number),
            (.., Some(text)) => Value::String(text.into()),
            _ => continue,
        };
        all.insert(name.clone(), value);
    }
    all
}

/// A cell's hints for MPI-IO, of those that a plan can name.
fn hints(cell: &Cell) -> Value {
    let all = cell.experiment.tunables.hints.iter().filter(|(key, _)| !key.is_empty() && !key.contains('='));
    Value::Table(all.map(|(key, value)| (key.clone(), Value::String(value.clone()))).collect())
}

/// How a cell wrote its file, if it did, and plans can.
fn written(cell: &Cell) -> Option<String> {
    let access = &cell.experiment.access;
    let known = matches!(access, Access::Rows | Access::Full | Access::Projection { limit: None });
    (known && !cell.reads()).then(|| access.to_string())
}

/// A whole number; one that TOML has no room for as text, which plans take, too.
fn whole(number: u64) -> Value {
    i64::try_from(number).map_or_else(|_| Value::String(number.to_string()), Value::Integer)
}

/// A value in a comment.
fn shown(value: &Value) -> String {
    match value {
        Value::Table(table) if table.is_empty() => "none".into(),
        Value::Table(table) => {
            let pairs = table.iter().map(|(key, value)| format!("{key} = {value}"));
            format!("{{ {} }}", printable(&pairs.collect::<Vec<_>>().join(", ")))
        }
        other => printable(&other.to_string()),
    }
}

fn data(cell: &Cell) -> Option<String> {
    let dataset = &cell.experiment.dataset;
    let source = dataset.from.as_ref().map(|from| format!("from {from}"));
    dataset.data.map(|data| data.kind.to_string()).or(source)
}
