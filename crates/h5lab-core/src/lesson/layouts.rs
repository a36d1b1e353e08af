//! Lesson 6: when chunks help, when compression pays, what the page cache hides, and how to change a file's chunks.

use super::claim::{Claim, Ratio, TOTAL, join, median, time};
use crate::access::Access;
use crate::amplification::Amplification;
use crate::experiment::{CacheWanted, Direction};
use crate::layout::Layout;
use crate::record::Record;
use crate::report::{bytes, significant};
use std::cmp::Ordering;

/// A ratio below this saves no space worth having.
const WORTHWHILE: f64 = 1.2;

/// Chunks, compression, page cache, and the way to other chunks.
pub fn answer(records: &[&Record]) -> Vec<Claim> {
    let kinds = kinds(records);
    let mut claims = Vec::new();
    for access in accesses(records) {
        claims.extend(chunks(records, &kinds, &access));
    }
    claims.extend(kinds.iter().filter_map(|kind| compression(records, kind)));
    claims.extend(hidden(records, &kinds));
    claims.extend(change(records, &kinds));
    claims
}

/// The kinds of data, in the order in which they were measured.
fn kinds(records: &[&Record]) -> Vec<String> {
    let mut kinds: Vec<String> = Vec::new();
    for record in records {
        let kind = kind(record);
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds
}

fn kind(record: &Record) -> String {
    record.experiment.dataset.data.map_or("-".into(), |data| data.kind.to_string())
}

fn accesses(records: &[&Record]) -> Vec<Access> {
    let mut accesses = Vec::new();
    for record in records.iter().filter(|r| r.experiment.direction == Direction::Read) {
        if !accesses.contains(&record.experiment.access) {
            accesses.push(record.experiment.access.clone());
        }
    }
    accesses
}

/// The layouts that the lesson compares.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Contiguous,
    Chunked,
    Packed,
}

fn layout(record: &Record) -> Kind {
    match &record.experiment.layout {
        Layout::Contiguous => Kind::Contiguous,
        Layout::Chunked { filters, .. } if filters.is_empty() => Kind::Chunked,
        Layout::Chunked { .. } => Kind::Packed,
    }
}

fn read<'a>(records: &[&'a Record], data: &str, of: Kind, access: &Access, cache: CacheWanted) -> Option<&'a Record> {
    records.iter().copied().find(|r| {
        let e = &r.experiment;
        let asked = e.direction == Direction::Read && e.access == *access && e.cache == cache && !r.cache_missed();
        asked && layout(r) == of && kind(r) == data
    })
}

fn write<'a>(records: &[&'a Record], data: &str, of: Kind) -> Option<&'a Record> {
    records.iter().copied().find(|r| r.experiment.direction == Direction::Write && layout(r) == of && kind(r) == data)
}

/// Chunks against none, for one access: warm and cold, and how many bytes either had to read.
fn chunks(records: &[&Record], kinds: &[String], access: &Access) -> Option<Claim> {
    let data = kinds.first()?;
    let both = |cache| {
        let of = |kind| read(records, data, kind, access, cache);
        Some((of(Kind::Contiguous)?, of(Kind::Chunked)?))
    };
    let (warm, cold) = (both(CacheWanted::Warm)?, both(CacheWanted::Cold)?);
    let ratio = |(plain, chunked): (&Record, &Record)| Ratio::of(chunked, plain, TOTAL);
    let (warm_ratio, cold_ratio) = (ratio(warm), ratio(cold));
    let verdict = match (warm_ratio.verdict(), cold_ratio.verdict()) {
        (Ordering::Greater, Ordering::Greater) => "chunks help",
        (Ordering::Less, Ordering::Less) => "chunks cost",
        (Ordering::Equal, Ordering::Equal) => "chunks make no difference",
        (_, Ordering::Greater) => "chunks help cold reads",
        (Ordering::Greater, _) => "chunks help warm reads",
        (_, Ordering::Less) => "chunks cost cold reads",
        (Ordering::Less, _) => "chunks cost warm reads",
    };
    let amplification = |r: &Record| Amplification::of(r).map(|a| a.to_string());
    let moved = match (amplification(warm.0), amplification(warm.1)) {
        (Some(plain), Some(chunked)) => {
            format!(
                " For each byte asked for, {plain} were read without chunks and {chunked} with them (computed/measured)."
            )
        }
        _ => String::new(),
    };
    let text = format!(
        "Read {access}: from {}, warm, it was {}; cold, {}: {verdict}.{moved}",
        warm.1.experiment.layout,
        warm_ratio.against("from contiguous"),
        cold_ratio.against("from contiguous")
    );
    let claim = Claim::new("chunks", text).with("warm", warm_ratio.times_as_fast);
    Some(claim.with("cold", cold_ratio.times_as_fast))
}

/// What compression saves of one kind of data, and what it costs.
fn compression(records: &[&Record], data: &String) -> Option<Claim> {
    let (plain, packed) = (write(records, data, Kind::Chunked)?, write(records, data, Kind::Packed)?);
    let access = accesses(records).pop()?;
    let both = |cache| {
        let of = |kind| read(records, data, kind, &access, cache);
        Some(median(of(Kind::Packed)?, TOTAL) / median(of(Kind::Chunked)?, TOTAL))
    };
    let (warm, cold) = (both(CacheWanted::Warm)?, both(CacheWanted::Cold)?);
    let (ratio, wrote) = (packed.compression_ratio()?, median(packed, TOTAL) / median(plain, TOTAL));
    let verdict = match (ratio < WORTHWHILE, cold < 0.9) {
        (true, _) => "it saves no space worth having: leave such data uncompressed",
        (false, true) => "it pays in space and in cold reads",
        (false, false) => "it pays in space, and is paid for in time",
    };
    let text = format!(
        "Compression of {data}: {} instead of {}, a ratio of {}; the write took {} times as long as plain chunks, the warm \
         read of {access} {}, the cold one {}: {verdict}.",
        bytes(packed.stored_bytes?),
        bytes(packed.experiment.dataset.bytes()),
        significant(ratio),
        significant(wrote),
        significant(warm),
        significant(cold)
    );
    let claim = Claim::new("compression", text).with("ratio", ratio).with("write", wrote);
    Some(claim.with("warm", warm).with("cold", cold))
}

/// What a warm read hides, layout by layout.
fn hidden(records: &[&Record], kinds: &[String]) -> Option<Claim> {
    let (data, access) = (kinds.last()?, accesses(records).pop()?);
    let mut claim = Claim::new("cold-or-warm", "");
    let mut parts = Vec::new();
    for (name, of) in [("contiguous", Kind::Contiguous), ("chunked", Kind::Chunked), ("compressed", Kind::Packed)] {
        let (Some(warm), Some(cold)) =
            (read(records, data, of, &access, CacheWanted::Warm), read(records, data, of, &access, CacheWanted::Cold))
        else {
            continue;
        };
        let times = median(cold, TOTAL) / median(warm, TOTAL);
        parts.push(format!(
            "{name} {} warm and {} cold ({} times)",
            time(warm, TOTAL),
            time(cold, TOTAL),
            significant(times)
        ));
        claim = claim.with(name, times);
    }
    claim.text = format!("Cold against warm, {access} of {data}: {}.", join(&parts));
    (!parts.is_empty()).then_some(claim)
}

/// The layout that was quickest to read cold, and the commands that bring a file there.
fn change(records: &[&Record], kinds: &[String]) -> Option<Claim> {
    let (data, access) = (kinds.last()?, accesses(records).pop()?);
    let all = [Kind::Contiguous, Kind::Chunked, Kind::Packed];
    let cold = || all.into_iter().filter_map(|of| read(records, data, of, &access, CacheWanted::Cold));
    let best = cold().min_by(|a, b| median(a, TOTAL).total_cmp(&median(b, TOTAL)))?;
    let layout = &best.experiment.layout;
    let alike: Vec<String> = cold()
        .filter(|other| {
            other.experiment.layout != *layout && Ratio::of(best, other, TOTAL).verdict() == Ordering::Equal
        })
        .map(|other| other.experiment.layout.to_string())
        .collect();
    let unsure = match &alike[..] {
        [] => String::new(),
        _ => format!(", but these repeats can't tell it from {}", join(&alike)),
    };
    let (repack, h5repack) = commands(&best.experiment.dataset.name, layout);
    let text = format!(
        "Quickest to read {access} of {data} cold was {layout}{unsure}. A file's chunks are fixed when it is made; to change \
         them it is written anew: {repack}{h5repack}"
    );
    Some(Claim::new("change", text).with("cold_seconds", median(best, TOTAL)))
}

/// How a file gets this layout: by h5lab, and, where it knows the filters, by HDF5's own tool.
fn commands(name: &str, layout: &Layout) -> (String, String) {
    let repack = |chunk: &str, filters: &str| {
        format!("h5lab repack old.h5 new.h5 --dataset {name} --chunk {chunk} --filter {filters}")
    };
    let Layout::Chunked { chunk, filters } = layout else {
        return (repack("contiguous", "none"), format!("; or h5repack -l {name}:CONTI old.h5 new.h5"));
    };
    let chunk = chunk.iter().map(u64::to_string).collect::<Vec<_>>().join("x");
    let words: Vec<String> = filters.iter().map(ToString::to_string).collect();
    let by_h5repack = |word: &String| match word.split_once('=') {
        Some(("gzip", level)) => Some(format!(" -f {name}:GZIP={level}")),
        None if word == "shuffle" => Some(format!(" -f {name}:SHUF")),
        None if word == "fletcher32" => Some(format!(" -f {name}:FLET")),
        _ => None,
    };
    let known: Option<Vec<String>> = words.iter().map(by_h5repack).collect();
    let h5repack = known
        .map(|flags| format!("; or h5repack -l {name}:CHUNK={chunk}{} old.h5 new.h5", flags.concat()))
        .unwrap_or_default();
    (repack(&chunk, if words.is_empty() { "none".into() } else { words.join("+") }.as_str()), h5repack)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_a_layout_is_told_for_either_tool() {
        let chunked = |filters: &[&str]| Layout::Chunked {
            chunk: vec![1, 20, 30],
            filters: filters.iter().map(|f| f.parse().unwrap()).collect(),
        };
        for (layout, repack, h5repack) in [
            (Layout::Contiguous, "--chunk contiguous --filter none", "; or h5repack -l d:CONTI old.h5 new.h5"),
            (chunked(&[]), "--chunk 1x20x30 --filter none", "; or h5repack -l d:CHUNK=1x20x30 old.h5 new.h5"),
            (
                chunked(&["shuffle", "gzip=4"]),
                "--chunk 1x20x30 --filter shuffle+gzip=4",
                "; or h5repack -l d:CHUNK=1x20x30 -f d:SHUF -f d:GZIP=4 old.h5 new.h5",
            ),
            (chunked(&["lz4"]), "--filter lz4", ""),
        ] {
            let told = commands("d", &layout);
            assert!(
                told.0.ends_with(repack) && told.0.starts_with("h5lab repack old.h5 new.h5 --dataset d "),
                "{}",
                told.0
            );
            assert_eq!(told.1, h5repack);
        }
    }
}
