//! A tidy table as CSV, RFC 4180.

use super::{COLUMNS, Value, rows};
use crate::report::printable;
use crate::results::Results;
use std::io::{self, Write};

/// Writes the table row by row, heads first; what is unknown is empty.
///
/// # Errors
/// Those of `out`.
pub fn csv(results: &Results, out: &mut dyn Write) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(COLUMNS.iter().map(|column| column.name)).map_err(unwritten)?;
    for row in rows(results) {
        writer.write_record(COLUMNS.iter().map(|column| cell(&(column.of)(&row)))).map_err(unwritten)?;
    }
    writer.flush()
}

/// The error of `out`, of its own kind: a pipe that nobody reads any more is no failure.
fn unwritten(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Text(text) => text.as_deref().map_or_else(String::new, harmless),
        Value::Whole(number) => number.map_or_else(String::new, |n| n.to_string()),
        Value::Number(number) => number.map_or_else(String::new, |n| n.to_string()),
        Value::Truth(truth) => truth.map_or_else(String::new, |t| t.to_string()),
    }
}

/// Text that no spreadsheet takes for a formula: one that begins like one, also in full width or after blanks, gets an
/// apostrophe before it (OWASP, "CSV Injection"); control characters are shown as escapes.
fn harmless(text: &str) -> String {
    const FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];
    // After a tab or a line end, too: these are shown as escapes, and who turns them back has a formula.
    let begins = text.trim_start_matches(|c: char| c.is_whitespace() || c.is_control()).starts_with(FORMULA);
    let shown = printable(text);
    if begins || shown.starts_with(FORMULA) { format!("'{shown}") } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_text() {
        for (text, want) in [
            ("=HYPERLINK(\"x\")", "'=HYPERLINK(\"x\")"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("＝1+1", "'＝1+1"),
            ("＋1", "'＋1"),
            ("－1", "'－1"),
            ("＠x", "'＠x"),
            ("\t=1+1", "'\\t=1+1"),
            ("\r\n+1", "'\\r\\n+1"),
            ("  =1+1", "'  =1+1"),
            ("\u{3000}-1", "'\u{3000}-1"),
            ("\t", "\\t"),
            ("\u{202e}=1", "\\u{202e}=1"),
            ("plain, with a comma", "plain, with a comma"),
            ("a=b", "a=b"),
        ] {
            assert_eq!(harmless(text), want);
        }
    }
}
