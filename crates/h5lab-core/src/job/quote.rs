//! Words for bash, quoted so that bash gives them back byte for byte, and so that no word ever begins a line.

use std::ffi::OsStr;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;

/// Bytes that mean nothing to bash wherever in a word they stand, besides letters and digits.
const HARMLESS: &[u8] = b"_./:,=+@%-";

/// A word as bash reads it, in one line and without control characters: bare, `'...'`, or `$'...'` with escapes.
///
/// Schedulers look for their own lines (`#$ ...`, `#SBATCH ...`) anywhere in a script, whatever the shell thinks of them:
/// that is why a newline is never left as it is, though single quotes would keep it.
pub fn quoted(word: impl AsRef<OsStr>) -> String {
    let bytes = word.as_ref().as_bytes();
    let harmless = |byte: &u8| byte.is_ascii_alphanumeric() || HARMLESS.contains(byte);
    let readable = |c: char| c == ' ' || c.is_ascii_graphic() || c.is_alphanumeric();
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.is_empty() && bytes.iter().all(harmless) => text.into(),
        Ok(text) if text.chars().all(readable) => format!("'{}'", text.replace('\'', r"'\''")),
        _ => escaped(bytes),
    }
}

/// Words as a line of bash.
pub fn line(words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> String {
    words.into_iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// As ANSI C quotes in bash: <https://www.gnu.org/software/bash/manual/html_node/ANSI_002dC-Quoting.html>.
fn escaped(bytes: &[u8]) -> String {
    let mut text = String::from("$'");
    for &byte in bytes {
        match byte {
            b'\'' | b'\\' => text.extend(['\\', byte as char]),
            b'\n' => text += r"\n",
            b'\t' => text += r"\t",
            b' '..=b'~' => text.push(byte as char),
            // Three octal digits: what follows can't be taken for more of them.
            _ => write!(text, "\\{byte:03o}").expect("a String grows"),
        }
    }
    text + "'"
}
