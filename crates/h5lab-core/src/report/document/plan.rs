//! The plan, and the commands that measure it again.

use super::{Block, Material, Section};
use crate::layout::Layout;
use crate::report::printable;
use crate::results::{Cell, Results};
use crate::stats::median;
use toml::{Table, Value};

/// What results are called that came through a pipe: no command finds them again.
const STDIN: &str = "stdin";
/// So many different command lines are shown.
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

/// The settings of all cells as a plan for `h5lab run`: each list holds every value that occurs.
pub fn plan(results: &Results) -> String {
    // What only a newer h5lab knows can't be run here.
    let cells: Vec<&Cell> = results.cells.iter().filter(|cell| cell.foreign.is_none()).collect();
    let mut plan = Table::new();
    let mut list = |key: &str, of: &dyn Fn(&Cell) -> Option<Value>| {
        let mut values: Vec<Value> = Vec::new();
        for value in cells.iter().copied().filter_map(of) {
            if values.last() != Some(&value) && !values.contains(&value) {
                values.push(value);
            }
        }
        if !values.is_empty() {
            plan.insert(key.into(), Value::Array(values));
        }
    };
    let text = |text: String| Some(Value::String(text));
    let whole = |number: u64| i64::try_from(number).ok().map(Value::Integer);
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
    list("np", &|c| whole(c.experiment.np as u64));
    list("cache", &|c| c.reads().then(|| Value::String(c.experiment.cache.name().into())));
    list("fsync", &|c| (!c.reads()).then_some(Value::Boolean(c.experiment.fsync)));
    list("path", &|c| text(c.folder.to_string_lossy().into_owned()));
    list("buffer", &|c| whole(c.experiment.buffer));
    let repeat = cells.iter().map(|cell| cell.experiment.repeat).max().unwrap_or(1);
    plan.insert("repeat".into(), Value::Integer(repeat as i64));
    plan.insert("ceiling".into(), Value::Boolean(cells.iter().any(|cell| !cell.ceiling.is_empty())));
    if let Some(data) = cells.iter().find_map(|cell| cell.experiment.dataset.data) {
        plan.insert("seed".into(), Value::Integer(data.seed as i64));
    }
    plan.to_string()
}

fn data(cell: &Cell) -> Option<String> {
    let dataset = &cell.experiment.dataset;
    let source = dataset.from.as_ref().map(|from| format!("from {from}"));
    dataset.data.map(|data| data.kind.to_string()).or(source)
}
