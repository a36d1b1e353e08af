//! The tree of a file as text: a line an object, what is wrong below, then what reads cost.

use super::{AccessCost, DatasetFacts, Inspection, Kind, Node, Space, Stored};
use crate::dataset::Shape;
use crate::report::{Table, bytes, counted, printable, significant};
use std::collections::BTreeSet;
use std::fmt::Write;

/// All of it.
pub fn text(file: &Inspection) -> String {
    let mut text = heading(file);
    text += "\n";
    text += &tree(&file.nodes);
    for node in file.nodes.iter().filter(|node| !node.attributes.is_empty()) {
        text += "\n";
        text += &attributes(node);
    }
    text += &costs(&file.nodes);
    text + &flags(file)
}

fn heading(file: &Inspection) -> String {
    let mut text = format!("{}: {}", printable(&file.file.display().to_string()), bytes(file.bytes));
    if let Some(version) = file.superblock {
        let _ = write!(text, ", superblock {version}");
    }
    if file.user_block > 0 {
        let _ = write!(text, ", user block of {}", bytes(file.user_block));
    }
    if file.free_bytes > 0 {
        let _ = write!(text, ", free space of {}", bytes(file.free_bytes));
    }
    text + "\n"
}

/// The table: name, what it is, how it is stored.
fn tree(nodes: &[Node]) -> String {
    let mut table = Table::new()
        .word("object")
        .word("shape")
        .word("type")
        .word("layout")
        .number("chunk")
        .word("filters")
        .number("stored")
        .number("logical")
        .number("ratio")
        .number("chunks there");
    for node in nodes {
        let cells = match &node.kind {
            Kind::Dataset(facts) => dataset(facts),
            other => {
                let mut cells = vec![words(other)];
                cells.resize(9, String::new());
                cells
            }
        };
        table.row(std::iter::once(name(node)).chain(cells));
    }
    table.render()
}

/// The last part of the path, indented.
fn name(node: &Node) -> String {
    let last = node.path.rsplit('/').next().filter(|last| !last.is_empty()).unwrap_or("/");
    let slash = if matches!(node.kind, Kind::Group { .. }) && last != "/" { "/" } else { "" };
    format!("{}{}{slash}", "  ".repeat(node.depth), printable(last))
}

/// What is no dataset, in words.
fn words(kind: &Kind) -> String {
    let broken = |broken: bool| if broken { " (nothing there)" } else { "" };
    match kind {
        Kind::Group { members: 0 } => "group, empty".into(),
        Kind::Group { .. } => "group".into(),
        Kind::NamedType { element } => format!("named type {}", printable(element)),
        Kind::SoftLink { to, broken: lost } => format!("-> {}{}", printable(to), broken(*lost)),
        Kind::ExternalLink { file, to, broken: lost } => {
            format!("-> {} in {}{}", printable(to), printable(file), broken(*lost))
        }
        Kind::SameAs { first } => format!("= {}", printable(first)),
        Kind::Unreadable { why } => format!("can't be opened: {}", printable(why)),
        Kind::Dataset(_) => String::new(),
    }
}

fn dataset(facts: &DatasetFacts) -> Vec<String> {
    let dash = || "-".to_owned();
    let (layout, chunk) = match &facts.layout {
        Stored::Compact => ("compact".to_owned(), dash()),
        Stored::Contiguous => ("contiguous".to_owned(), dash()),
        Stored::External { files } => (format!("external, {}", counted(files.len(), "file")), dash()),
        Stored::Virtual { sources, mappings } => {
            (format!("virtual, {} in {}", counted(*mappings as usize, "part"), counted(sources.len(), "file")), dash())
        }
        Stored::Chunked { chunk } => {
            (Shape(chunk.clone()).to_string(), facts.chunks.as_ref().map_or_else(dash, |c| bytes(c.bytes)))
        }
    };
    let filters: Vec<String> = facts.filters.iter().map(|f| printable(&f.name)).collect();
    let there = facts.chunks.as_ref().map_or_else(dash, |chunks| match chunks.allocated {
        Some(allocated) => format!("{allocated} of {}", chunks.there),
        None => format!("? of {}", chunks.there),
    });
    vec![
        shape(facts),
        printable(&facts.element),
        layout,
        chunk,
        if filters.is_empty() { dash() } else { filters.join("+") },
        bytes(facts.stored_bytes),
        facts.logical_bytes.map_or_else(|| "overflows".into(), bytes),
        facts.ratio().map_or_else(dash, significant),
        there,
    ]
}

/// `180x540x640`; with what it may grow to, if it may: `180 (of any)x540x640`.
fn shape(facts: &DatasetFacts) -> String {
    let Space::Simple(shape) = &facts.space else { return space(&facts.space) };
    let axis = |axis: usize, n: u64| match facts.most.get(axis) {
        Some(None) => format!("{n}/inf"),
        Some(Some(most)) if *most != n => format!("{n}/{most}"),
        _ => n.to_string(),
    };
    shape.iter().enumerate().map(|(d, &n)| axis(d, n)).collect::<Vec<_>>().join("x")
}

fn space(space: &Space) -> String {
    match space {
        Space::Null => "null".into(),
        Space::Scalar => "scalar".into(),
        Space::Simple(shape) => Shape(shape.clone()).to_string(),
    }
}

fn attributes(node: &Node) -> String {
    let mut text = format!("{}\n", printable(&node.path));
    for attribute in &node.attributes {
        let shape = match &attribute.space {
            Space::Scalar => String::new(),
            other => format!(" {}", space(other)),
        };
        let value = attribute.value.as_ref().map_or(String::new(), |value| format!(" = {}", printable(value)));
        let _ = writeln!(text, "  @{}  {}{shape}{value}", printable(&attribute.name), printable(&attribute.element));
    }
    text
}

/// Smaller datasets are read as a whole.
const WORTH_A_LAYOUT: u64 = 64 << 10;

/// What one read of each access costs, dataset by dataset.
fn costs(nodes: &[Node]) -> String {
    let costs: Vec<(&str, &[AccessCost])> = nodes
        .iter()
        .filter_map(|node| match &node.kind {
            Kind::Dataset(facts) if facts.logical_bytes.is_some_and(|bytes| bytes >= WORTH_A_LAYOUT) => {
                Some((node.path.as_str(), facts.accesses.as_slice()))
            }
            _ => None,
        })
        .collect();
    if costs.iter().all(|(_, accesses)| accesses.is_empty()) {
        return String::new();
    }
    let mut table =
        Table::new().word("reading one").word("of").number("touches chunks").number("reads, for a byte asked");
    for (path, accesses) in costs {
        for cost in accesses {
            let chunks = if cost.chunks == 0 { "-".to_owned() } else { cost.chunks.to_string() };
            table.row([cost.access.clone(), printable(path), chunks, significant(cost.amplification)]);
        }
    }
    format!("\n{}", table.render())
}

/// What is wrong, each with the objects that it is wrong with.
fn flags(file: &Inspection) -> String {
    let mut text = String::new();
    for flag in &file.flags {
        let _ = write!(text, "\nthe file: {flag}");
    }
    let mut told = BTreeSet::new();
    for (node, flag) in file.nodes.iter().flat_map(|node| node.flags.iter().map(move |flag| (node, flag))) {
        let words = flag.to_string();
        if !told.insert(words.clone()) {
            continue;
        }
        let alike = file.nodes.iter().filter(|other| other.flags.contains(flag)).count() - 1;
        let more = if alike > 0 { format!(" and {alike} more") } else { String::new() };
        let _ = write!(text, "\n{}{more}: {words}", printable(&node.path));
    }
    if text.is_empty() { text } else { format!("{text}\n") }
}
