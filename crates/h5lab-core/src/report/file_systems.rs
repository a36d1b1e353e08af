//! File systems side by side: what each is, and a row for each folder and rank count.

use super::{Table, printable, rate};
use crate::experiment::{CacheWanted, Direction};
use crate::record::Record;
use std::path::Path;

/// A line for each folder: the file system, its source, mount options, block and stripe size.
pub fn file_system_lines(records: &[&Record]) -> Vec<String> {
    folders(records).iter().map(|(number, folder, of)| line(*number, folder, of[0])).collect()
}

fn line(number: usize, folder: &Path, record: &Record) -> String {
    let what = record.host.file_system.as_ref().map_or("unknown".into(), |fs| fs.in_words());
    format!("{number}  {}: {what}", printable(&folder.display().to_string()))
}

/// The records of each folder, numbered from 1 in the order in which they were measured.
fn folders<'a>(records: &[&'a Record]) -> Vec<(usize, &'a Path, Vec<&'a Record>)> {
    let mut folders: Vec<(usize, &Path, Vec<&Record>)> = Vec::new();
    for record in records {
        match folders.iter_mut().find(|(_, folder, _)| *folder == record.file) {
            Some((_, _, members)) => members.push(record),
            None => folders.push((folders.len() + 1, &record.file, vec![record])),
        }
    }
    folders
}

/// What a column holds: writes by where they end, reads by access and by the cache that was asked for.
#[derive(PartialEq, Eq)]
enum Column {
    Write { fsync: bool },
    Read { access: String, cache: CacheWanted },
}

impl Column {
    fn of(record: &Record) -> Self {
        let e = &record.experiment;
        match e.direction {
            Direction::Write => Column::Write { fsync: e.fsync },
            Direction::Read => Column::Read { access: e.access.to_string(), cache: e.cache },
        }
    }

    fn head(&self) -> String {
        match self {
            Column::Write { fsync: false } => "write\nMiB/s".into(),
            Column::Write { fsync: true } => "write\nfsync".into(),
            Column::Read { access, cache } => {
                format!("{access}\n{}", format!("{cache:?}").to_lowercase().replace("asfound", "as found"))
            }
        }
    }
}

/// A row for each folder, rank count, method and layout; a column for each way to write and to read. MiB/s from open to
/// close, the median of the repeats; of several measurements that differ in nothing shown, the last.
pub fn file_system_table(records: &[&Record]) -> String {
    let mut columns: Vec<Column> = Vec::new();
    for column in records.iter().map(|r| Column::of(r)) {
        if !columns.contains(&column) {
            columns.push(column);
        }
    }
    let mut table = Table::new().number("\n").word("file\nsystem").number("\nnp").word("\nmethod").word("\nlayout");
    for column in &columns {
        table = table.number(&column.head());
    }
    for (number, _, members) in folders(records) {
        for group in groups(&members) {
            table.row(row(number, &group, &columns));
        }
    }
    table.render()
}

fn groups<'a>(members: &[&'a Record]) -> Vec<Vec<&'a Record>> {
    let key = |r: &Record| (r.experiment.np, r.experiment.method, r.experiment.layout.clone());
    let mut groups: Vec<Vec<&Record>> = Vec::new();
    for record in members {
        match groups.iter_mut().find(|group| key(group[0]) == key(record)) {
            Some(group) => group.push(record),
            None => groups.push(vec![record]),
        }
    }
    groups
}

fn row(number: usize, group: &[&Record], columns: &[Column]) -> Vec<String> {
    let (first, e) = (group[0], &group[0].experiment);
    let kind = first.host.file_system.as_ref().and_then(|fs| fs.type_name()).unwrap_or("unknown");
    let mut cells =
        vec![number.to_string(), kind.to_owned(), e.np.to_string(), e.method.to_string(), e.layout.to_string()];
    cells.extend(columns.iter().map(|column| cell(group, column)));
    cells
}

/// The bandwidth; a question mark behind it says that the cache was not in the state that was asked for.
fn cell(group: &[&Record], column: &Column) -> String {
    let Some(record) = group.iter().rev().find(|r| Column::of(r) == *column) else { return "-".into() };
    if record.failure.is_some() {
        return "FAILED".into();
    }
    let doubt = if record.cache_missed() { "?" } else { "" };
    record.total_bandwidth().map_or("-".into(), |value| format!("{}{doubt}", rate(value)))
}
