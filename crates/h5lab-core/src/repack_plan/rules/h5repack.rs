//! The words of h5repack's `-l` and `-f`, as its manual describes them: `[NAME,NAME:]WHAT[=PARAMETERS]`.

use super::{NewFilter, NewFilters, NewLayout, Rule};
use crate::dataset::Shape;
use crate::failure::{Failure, FailureKind, Result};
use crate::filter::{Filter, Stage};

/// Reads `-l`: `d1,d2:CHUNK=20x10`, `CONTI`, `d:COMPA`.
///
/// # Errors
/// `Usage`, with what can be written.
pub fn parse_layout(text: &str) -> Result<Rule> {
    let (datasets, what) = split(text);
    let layout = match what.split_once('=') {
        Some(("CHUNK", sizes)) => {
            sizes.parse::<Shape>().ok().filter(|s| !s.0.contains(&0)).map(|s| NewLayout::Chunk(s.0))
        }
        None if what == "CONTI" => Some(NewLayout::Contiguous),
        None if what == "COMPA" => Some(NewLayout::Compact),
        _ => None,
    };
    let layout = layout.ok_or_else(|| refused("-l", text, "CHUNK=20x64x1366, CONTI or COMPA"))?;
    Ok(Rule { datasets, layout: Some(layout), filters: None })
}

/// Reads `-f`: `d1,d2:GZIP=4`, `SHUF`, `d:UD=32004,0,1,0`, `NONE`.
///
/// # Errors
/// `Usage`, with what can be written.
pub fn parse_filter(text: &str) -> Result<Rule> {
    let (datasets, what) = split(text);
    let (name, parameters) = what.split_once('=').map_or((what, None), |(name, rest)| (name, Some(rest)));
    let found = match name {
        "NONE" if parameters.is_none() => Some(NewFilters::Set(Vec::new())),
        _ => filter(name, parameters).map(NewFilters::Add),
    };
    let filters = found.ok_or_else(|| {
        refused(
            "-f",
            text,
            "GZIP=0 to GZIP=9, SHUF, FLET, SZIP=PIXELS,NN, NBIT, SOFF=FACTOR,IN, UD=ID,FLAG,COUNT,VALUE..., NONE",
        )
    })?;
    Ok(Rule { datasets, layout: None, filters: Some(filters) })
}

fn filter(name: &str, parameters: Option<&str>) -> Option<NewFilter> {
    let optional = |id, parameters| NewFilter::Numbered(Stage { id, name: String::new(), optional: true, parameters });
    Some(match (name, parameters) {
        ("GZIP", Some(level)) => NewFilter::Known(Filter::Gzip(level.parse().ok().filter(|level| *level <= 9)?)),
        ("SHUF", None) => NewFilter::Known(Filter::Shuffle),
        ("FLET", None) => NewFilter::Known(Filter::Fletcher32),
        ("SZIP", Some(text)) => szip(text)?,
        ("NBIT", None) => optional(5, Vec::new()),
        ("SOFF", Some(text)) => {
            let (factor, kind) = text.split_once(',')?;
            // H5Z_SO_INT is 2, H5Z_SO_FLOAT_DSCALE 0.
            optional(6, vec![if kind == "IN" { 2 } else { 0 }, factor.parse().ok()?])
        }
        ("UD", Some(text)) => {
            let numbers: Vec<u32> = text.split(',').map(|n| n.trim().parse().ok()).collect::<Option<_>>()?;
            let [id, flags, count, parameters @ ..] = &numbers[..] else { return None };
            if parameters.len() != *count as usize {
                return None;
            }
            NewFilter::Numbered(Stage {
                id: *id,
                name: String::new(),
                optional: *flags & 1 != 0,
                parameters: parameters.to_vec(),
            })
        }
        _ => return None,
    })
}

/// `8,NN`: pixels of a block, and the coding (H5_SZIP_EC_OPTION_MASK is 4, H5_SZIP_NN_OPTION_MASK 32).
fn szip(text: &str) -> Option<NewFilter> {
    let (pixels, coding) = text.split_once(',')?;
    let mask = match coding {
        "EC" => 4,
        "NN" => 32,
        _ => return None,
    };
    let pixels = pixels.parse().ok().filter(|p: &u32| p.is_multiple_of(2) && (2..=32).contains(p))?;
    Some(NewFilter::Numbered(Stage { id: 4, name: String::new(), optional: true, parameters: vec![mask, pixels] }))
}

/// The names before the last colon, and what is behind it.
fn split(text: &str) -> (Vec<String>, &str) {
    match text.rsplit_once(':') {
        Some((names, what)) => (names.split(',').map(|name| name.trim().to_owned()).collect(), what),
        None => (Vec::new(), text),
    }
}

fn refused(option: &str, text: &str, what: &str) -> Failure {
    Failure::new(FailureKind::Usage, format!("{option} {text}: not what h5repack takes"))
        .mend(format!("write {what}, with NAME,NAME: before it for some datasets alone"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h5repack_s_words_mean_here_what_they_mean_there() {
        let layout = parse_layout("dset1,g/dset2:CHUNK=20x10").unwrap();
        assert_eq!(layout.datasets, ["dset1", "g/dset2"]);
        assert_eq!(layout.layout, Some(NewLayout::Chunk(vec![20, 10])));
        assert_eq!(parse_layout("CONTI").unwrap().layout, Some(NewLayout::Contiguous));
        let filters = |text: &str| parse_filter(text).unwrap().filters.unwrap();
        assert_eq!(filters("GZIP=1"), NewFilters::Add(NewFilter::Known(Filter::Gzip(1))));
        assert_eq!(filters("a:NONE"), NewFilters::Set(vec![]));
        let bzip2 = Stage { id: 307, name: String::new(), optional: false, parameters: vec![9] };
        assert_eq!(filters("UD=307,0,1,9"), NewFilters::Add(NewFilter::Numbered(bzip2)));
        for text in ["GZIP", "GZIP=10", "gzip=1", "UD=307", "UD=307,0,2,9", "SZIP=8", "SZIP=7,NN", "d:", ""] {
            assert!(parse_filter(text).is_err(), "{text}");
        }
        for text in ["CHUNK", "CHUNK=", "CHUNK=0x3", "CONTI=3", "d"] {
            assert!(parse_layout(text).is_err(), "{text}");
        }
    }
}
