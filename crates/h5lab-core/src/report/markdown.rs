//! A report as Markdown, for a wiki or a pull request: its words and tables; charts are its tables.

use super::document::{Block, Document, Section};
use super::grid::Grid;
use super::{code_line, printable, shortened};

/// So many rows of a table.
const MOST_ROWS: usize = 60;

/// The whole report.
pub fn markdown(document: &Document) -> String {
    let mut text =
        format!("<!-- made by h5lab -->\n\n# {}\n\n{}\n", escaped(&document.title), escaped(&document.subtitle));
    // A picture's bytes are no text.
    let told = |section: &&Section| section.blocks.iter().any(|block| !matches!(block, Block::Picture(_)));
    for section in document.sections.iter().filter(told) {
        text += &format!("\n## {}\n", escaped(&section.title));
        for paragraph in &section.text {
            text += &format!("\n{}\n", escaped(paragraph));
        }
        for block in &section.blocks {
            text += &self::block(block);
        }
    }
    text
}

fn block(block: &Block) -> String {
    match block {
        Block::Figure(figure) => {
            format!("\n### {}\n\n{}\n{}", escaped(&figure.title), escaped(&figure.alt), table(&figure.table))
        }
        Block::Table(grid) => table(grid),
        Block::List(lines) => {
            let lines: Vec<String> = lines.iter().map(|line| format!("- {}\n", escaped(line))).collect();
            format!("\n{}", lines.concat())
        }
        Block::Code(what, code) => {
            // Indented, which no backticks in it can end.
            let lines: Vec<String> =
                code.lines().map(|line| format!("    {}\n", printable(&code_line(line)))).collect();
            format!("\n{}:\n\n{}", escaped(what), lines.concat())
        }
        Block::Picture(_) => String::new(),
    }
}

fn table(grid: &Grid) -> String {
    let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut text = String::from("\n");
    text += &row(grid.heads.iter().map(|(head, _)| escaped(head)).collect());
    text += &row(grid.heads.iter().map(|(_, number)| if *number { "---:".into() } else { "---".to_owned() }).collect());
    for cells in grid.rows.iter().take(MOST_ROWS) {
        text += &row(cells.iter().map(|cell| escaped(cell)).collect());
    }
    let more = grid.left_out + grid.rows.len().saturating_sub(MOST_ROWS);
    if more > 0 {
        text += &format!("\n{more} more rows: {}\n", escaped(grid.rest));
    }
    text
}

/// Text that is no markup: what Markdown or HTML would obey is escaped (CommonMark, section 2.4).
fn escaped(text: &str) -> String {
    let text = printable(&shortened(text));
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '\\' | '|' | '*' | '_' | '[' | ']' | '#' | '~' | '!' => escaped.extend(['\\', c]),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_names_is_text() {
        assert_eq!(escaped("a|b <img src=x> [x](y) *c*"), "a\\|b &lt;img src=x&gt; \\[x\\](y) \\*c\\*");
    }
}
