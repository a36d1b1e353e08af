//! Text for people: tables, sizes, numbers. Never opens a file.

pub mod chunking;
pub mod document;
pub mod figure;
mod file_systems;
pub mod grid;
pub mod html;
mod lines;
pub mod markdown;
pub mod sweep;
mod table;
pub mod tidy;
mod why;

pub use file_systems::{file_system_lines, file_system_table};
pub use lines::{demo_lines, view_lines};
pub use table::{Table, measurement_explanations, measurement_table};

use crate::dataset::Dtype;
use std::borrow::Cow;

/// `text` with control characters shown as `\u{1b}`-like escapes, so that a hostile name can't drive the terminal; so are
/// characters that nobody sees, or that turn what stands around them.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || is_unseen(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}

/// `text` for where there is room for names, not for whatever a file may call itself: words of more than 80 characters are
/// cut in their middle, as is all of it at 1000.
pub fn shortened(text: &str) -> Cow<'_, str> {
    const WORD: usize = 80;
    const ALL: usize = 1000;
    if text.len() <= WORD {
        return text.into();
    }
    let words: Vec<Cow<'_, str>> = text.split(' ').map(|word| middle_cut(word, WORD)).collect();
    let whole = words.iter().all(|word| matches!(word, Cow::Borrowed(_)));
    if whole { middle_cut(text, ALL) } else { middle_cut(&words.join(" "), ALL).into_owned().into() }
}

/// `text` of at most so many characters: what is more is cut out of its middle.
pub fn middle_cut(text: &str, most: usize) -> Cow<'_, str> {
    let count = if text.len() <= most { 0 } else { text.chars().count() };
    if count <= most {
        return text.into();
    }
    let (begin, end) = ((most - 1) / 2, most - 1 - (most - 1) / 2);
    text.chars().take(begin).chain(['…']).chain(text.chars().skip(count - end)).collect::<String>().into()
}

/// A line that is to be copied: whole, unless it is longer than any command.
pub(crate) fn code_line(line: &str) -> Cow<'_, str> {
    middle_cut(line, 8000)
}

/// Whether a character has no shape of its own: it changes the direction of text (Unicode Standard Annex 9; "Trojan
/// Source", CVE-2021-42574), ends a line, or makes two names look alike.
fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

/// A size in binary units with three or four significant digits: `0 B`, `512 B`, `62.5 MiB`, `4.77 GiB`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let (mut value, mut unit) = (count as f64 / 1024.0, 0);
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{} {}", significant(value), UNITS[unit])
}

/// Reads a size: `4096`, `64KiB`, `64m`, `1tib`; K, M, G and T alone mean KiB, MiB, GiB and TiB.
///
/// # Errors
/// What to write instead.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 1u64,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        _ => {
            return Err("write a number of bytes, or one with KiB, MiB, GiB or TiB behind it: 64MiB".into());
        }
    };
    let number: Option<u64> = digits.parse().ok();
    let whole = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    if whole && number.is_none_or(|n| n.checked_mul(factor).is_none()) {
        return Err(format!("'{}': too large, the most is 2^64 - 1 bytes: write a smaller size", printable(text)));
    }
    number.and_then(|n| n.checked_mul(factor)).filter(|&bytes| bytes > 0).ok_or_else(|| {
        "write a whole number of at least 1, with KiB, MiB, GiB or TiB behind it if you like: 64MiB".into()
    })
}

/// Three significant digits, without an exponent: `0.0123`, `1.23`, `12.3`, `1230`.
pub fn significant(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return if value == 0.0 { "0".into() } else { "-".into() };
    }
    // Rounded first: 0.9996 has the digits of 1.
    let value: f64 = format!("{value:.2e}").parse().unwrap_or(value);
    let digits = 2 - value.abs().log10().floor() as i32;
    format!("{value:.*}", digits.clamp(0, 9) as usize)
}

/// A bandwidth: whole numbers, but three significant digits below 100.
pub fn rate(value: f64) -> String {
    if value < 99.95 { significant(value) } else { format!("{value:.0}") }
}

/// Seconds with three significant digits, down to a microsecond: `1.23`, `0.0123`, `0.000012`.
pub fn seconds(value: f64) -> String {
    if value > 0.0 && value < 1e-6 { "<1e-6".into() } else { significant((value * 1e6).round() / 1e6) }
}

/// A number of things: `1 cell`, `3 cells`. `one` is the word for a single thing.
pub fn counted(number: usize, one: &str) -> String {
    match (number, one.strip_suffix("tch")) {
        (1, _) => format!("1 {one}"),
        (number, Some(_)) => format!("{number} {one}es"),
        (number, None) => format!("{number} {one}s"),
    }
}

/// The first element of `data` as text: integers as they are, floats with four decimals. `None` if there is none.
pub fn element(dtype: Dtype, data: &[u8]) -> Option<String> {
    let first = data.get(..dtype.size())?;
    let text = match dtype {
        Dtype::U8 => first[0].to_string(),
        Dtype::U16 => u16::from_ne_bytes(first.try_into().ok()?).to_string(),
        Dtype::U32 => u32::from_ne_bytes(first.try_into().ok()?).to_string(),
        Dtype::I16 => i16::from_ne_bytes(first.try_into().ok()?).to_string(),
        Dtype::U64 => u64::from_ne_bytes(first.try_into().ok()?).to_string(),
        Dtype::I8 => (first[0] as i8).to_string(),
        Dtype::I64 => i64::from_ne_bytes(first.try_into().ok()?).to_string(),
        Dtype::I32 => i32::from_ne_bytes(first.try_into().ok()?).to_string(),
        Dtype::F32 => format!("{:.4}", f32::from_ne_bytes(first.try_into().ok()?)),
        Dtype::F64 => format!("{:.4}", f64::from_ne_bytes(first.try_into().ok()?)),
    };
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_not_several() {
        assert_eq!([0, 1, 2].map(|n| counted(n, "cell")), ["0 cells", "1 cell", "2 cells"]);
        assert_eq!([1, 2].map(|n| counted(n, "batch")), ["1 batch", "2 batches"]);
    }

    #[test]
    fn sizes_and_numbers_have_three_digits() {
        for (count, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.00 KiB"),
            (5_120_000_000, "4.77 GiB"),
            (65_536_000, "62.5 MiB"),
            (1 << 20, "1.00 MiB"),
            ((1 << 20) - 1, "1.00 MiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(bytes(count), text);
        }
        for (value, text) in
            [(0.0, "0"), (1234.5, "1230"), (12.345, "12.3"), (0.9996, "1.00"), (1.0, "1.00"), (0.012345, "0.0123")]
        {
            assert_eq!(significant(value), text);
        }
        for (value, text) in [(0.0, "0"), (0.0732, "0.0732"), (99.9, "99.9"), (99.96, "100"), (2094.4, "2094")] {
            assert_eq!(rate(value), text);
        }
        assert_eq!(seconds(0.0000004), "<1e-6");
    }

    #[test]
    fn sizes_are_read_in_binary_units() {
        for (text, bytes) in [
            ("4096", 4096),
            ("64MiB", 64 << 20),
            ("64M", 64 << 20),
            ("1GiB", 1 << 30),
            ("2K", 2048),
            ("64mib", 64 << 20),
            ("1TiB", 1 << 40),
        ] {
            assert_eq!(parse_bytes(text), Ok(bytes));
        }
        for text in ["", "MiB", "0", "-1", "64MB", "1.5GiB", "99999999999GiB"] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn control_characters_are_shown_not_sent() {
        assert_eq!(printable("a\x1b[31mb\n"), "a\\u{1b}[31mb\\n");
        assert_eq!(printable("fil\u{202e}txt.5h\u{2066}"), "fil\\u{202e}txt.5h\\u{2066}");
        assert_eq!(printable("one\u{200b}two\u{2028}\u{feff}\u{9b}"), "one\\u{200b}two\\u{2028}\\u{feff}\\u{9b}");
        assert_eq!(printable("größe 数据 é"), "größe 数据 é");
    }

    #[test]
    fn long_names_are_cut_in_the_middle() {
        let path = format!("/{}/end.h5", "é".repeat(20_000));
        let cut = shortened(&path);
        assert_eq!(cut.chars().count(), 80);
        assert!(cut.starts_with("/éé") && cut.ends_with("é/end.h5") && cut.contains('…'), "{cut}");
        let sentence = "one word after another ".repeat(20);
        assert_eq!(shortened(&sentence), sentence);
        assert_eq!(shortened(&"a ".repeat(9000)).chars().count(), 1000);
        assert_eq!(middle_cut("abcdefg", 5), "ab…fg");
        assert_eq!(middle_cut("abcde", 5), "abcde");
    }

    #[test]
    fn the_first_element_is_shown_in_its_type() {
        assert_eq!(element(Dtype::F32, &1000.3745f32.to_ne_bytes()).unwrap(), "1000.3745");
        assert_eq!(element(Dtype::I16, &(-3i16).to_ne_bytes()).unwrap(), "-3");
        assert_eq!(element(Dtype::I8, &[0xfd]).unwrap(), "-3");
        assert_eq!(element(Dtype::U64, &u64::MAX.to_ne_bytes()).unwrap(), "18446744073709551615");
        assert_eq!(element(Dtype::I64, &i64::MIN.to_ne_bytes()).unwrap(), "-9223372036854775808");
        assert_eq!(element(Dtype::F64, &[]), None);
    }
}
