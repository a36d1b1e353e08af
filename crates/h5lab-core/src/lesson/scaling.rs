//! Lessons 1 and 2: what more ranks bring to a write and to a read, and what sets the limit.

use super::claim::{Claim, Ratio, TRANSFER, join, median, ranks, time};
use crate::experiment::{CacheWanted, Direction};
use crate::explain::{Code, explain};
use crate::plan::Plan;
use crate::record::{Record, Verification};
use crate::report::{bytes, rate, significant};
use std::cmp::Ordering;

/// Who wrote what, what speed-up came of more ranks, where it ends.
pub fn of_a_write(records: &[&Record]) -> Vec<Claim> {
    let writes = alike(records, |r| r.experiment.direction == Direction::Write);
    let claims = [ownership(&writes), speed_up("speed-up", "write", &writes), opening(&writes), limit(&writes)];
    claims.into_iter().flatten().collect()
}

/// What a read has in common with the write, what speed-up came of more ranks, and what the page cache brings.
pub fn of_a_read(records: &[&Record]) -> Vec<Claim> {
    let writes = alike(records, |r| r.experiment.direction == Direction::Write);
    let reads = |cache| {
        move |r: &Record| r.experiment.direction == Direction::Read && r.experiment.cache == cache && !r.cache_missed()
    };
    let (warm, cold) = (alike(records, reads(CacheWanted::Warm)), alike(records, reads(CacheWanted::Cold)));
    let all: Vec<&Record> = records.iter().copied().filter(|r| r.experiment.direction == Direction::Read).collect();
    [
        likeness(&writes, &warm),
        verified(&all),
        speed_up("speed-up-warm", "warm read", &warm),
        speed_up("speed-up-cold", "cold read", &cold),
        read_or_write(&writes, &warm),
        cold_or_warm(&cold, &warm),
        limit(&cold),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Those that are wanted and differ from the first of them in their rank counts alone, fewest ranks first.
fn alike<'a>(records: &[&'a Record], wanted: impl Fn(&Record) -> bool) -> Vec<&'a Record> {
    let mut found: Vec<&Record> = records.iter().copied().filter(|r| wanted(r)).collect();
    let Some(&first) = found.first() else { return found };
    found.retain(|r| {
        let (e, f) = (&r.experiment, &first.experiment);
        let (data, of_first) = (&e.dataset, &f.dataset);
        (&r.file, e.method, &e.layout, &data.shape, data.dtype, &e.access, e.fsync, e.split)
            == (&first.file, f.method, &f.layout, &of_first.shape, of_first.dtype, &f.access, f.fsync, f.split)
    });
    found.sort_by_key(|r| r.experiment.np);
    found
}

/// Rows and bytes of each rank.
fn ownership(writes: &[&Record]) -> Option<Claim> {
    let first = writes.first()?;
    let (rows, size) = (first.experiment.dataset.shape.0[0], first.experiment.dataset.bytes());
    let mut claim = Claim::new("ownership", "").with("rows", rows as f64).with("bytes", size as f64);
    let mut parts = Vec::new();
    for record in writes {
        let np = record.experiment.np;
        let (least, most) = (rows / np as u64, rows.div_ceil(np as u64));
        let largest = (0..np).map(|rank| Plan::new(&record.experiment).demand(rank).bytes_asked).max()?;
        let own = if least == most { most.to_string() } else { format!("{least} or {most}") };
        parts.push(format!("with {} {own} rows, at most {}, each", ranks(np), bytes(largest)));
        claim = claim.with(format!("rows_{np}"), most as f64).with(format!("bytes_{np}"), largest as f64);
    }
    claim.text = format!(
        "The dataset stays {rows} rows, {}: {}. Rank r of p owns the rows r*{rows}/p up to (r+1)*{rows}/p, and nobody \
         else writes them.",
        bytes(size),
        join(&parts)
    );
    Some(claim)
}

/// Bandwidth with most ranks against that with fewest.
fn speed_up(about: &'static str, what: &str, records: &[&Record]) -> Option<Claim> {
    let (base, most) = ends(records)?;
    let ratio = Ratio::of(most, base, TRANSFER);
    let (np, base_np) = (most.experiment.np, base.experiment.np);
    let times_more = np as f64 / base_np as f64;
    let efficiency = ratio.times_as_fast / times_more;
    let best = records.iter().max_by(|a, b| bandwidth(a).total_cmp(&bandwidth(b)))?;
    let verdict = match ratio.verdict() {
        Ordering::Greater if efficiency > 0.8 => "nearly as many times as there are more ranks",
        Ordering::Greater => "faster, but not as many times as there are more ranks",
        Ordering::Equal => "no difference that these repeats could tell",
        Ordering::Less => "slower: more ranks are in each other's way",
    };
    let text = format!(
        "From {base_np} to {np} ranks the {what} went from {} to {} MiB/s: {}, an efficiency of {:.0} %: {verdict}. The \
         fastest was np {}.",
        rate(bandwidth(base)),
        rate(bandwidth(most)),
        ratio.against("before"),
        efficiency * 100.0,
        best.experiment.np
    );
    let claim = Claim::new(about, text).with("np", np as f64).with("base_np", base_np as f64);
    let claim = claim.with("speed_up", ratio.times_as_fast).with("efficiency", efficiency);
    Some(claim.with("best_np", best.experiment.np as f64).with("best_mib_s", bandwidth(best)))
}

/// What the collective open costs as ranks are added.
fn opening(records: &[&Record]) -> Option<Claim> {
    let (base, most) = ends(records)?;
    let open = |r: &Record| median(r, |sample| sample.duration().open);
    let share = |r: &Record| median(r, |sample| sample.duration().open / sample.total());
    let text = format!(
        "The open is collective, all ranks make it together: it took {} with {} and {} with {}, {:.0} % of the time \
         from open to close there.",
        time(base, |sample| sample.duration().open),
        ranks(base.experiment.np),
        time(most, |sample| sample.duration().open),
        most.experiment.np,
        share(most) * 100.0
    );
    let claim = Claim::new("open", text).with("base_open", open(base)).with("open", open(most));
    Some(claim.with("open_share", share(most)))
}

/// The strongest explanation of the record with most ranks, its cores, and its share of the ceiling.
fn limit(records: &[&Record]) -> Option<Claim> {
    let most = records.last()?;
    let np = most.experiment.np;
    let mut claim = Claim::new("limit", "").with("np", np as f64);
    let mut parts = Vec::new();
    if let Some(share) = most.ceiling_share() {
        let meaning = match share {
            s if s > 1.2 => "which can't be: these repeats were too short, or disturbed, to tell what limits it",
            s if s >= 0.8 => "so the limit lies below HDF5, in what any program meets here",
            s if s >= 0.4 => "so HDF5 and MPI-IO cost a part, and the rest is what any program meets here",
            _ => "so HDF5 and MPI-IO cost most of it",
        };
        parts.push(format!(
            "with {} it reached {:.0} % of what plain POSIX calls of the same ranks did, {meaning}",
            ranks(np),
            share * 100.0
        ));
        claim = claim.with("ceiling_share", share);
    }
    if let Some(cores) = most.host.machine.cores {
        claim = claim.with("cores", cores as f64);
    }
    let explained = explain(most);
    if let Some(shared) = explained.iter().find(|e| e.code == Code::MoreRanksThanCores) {
        parts.push(format!("{} ({})", shared.text, shared.code));
    }
    if let Some(first) = explained.iter().find(|e| e.code != Code::MoreRanksThanCores) {
        parts.push(format!("{} ({})", first.text, first.code));
    }
    if parts.is_empty() {
        return None;
    }
    claim.text = format!("What limits it here: {}.", parts.join("; "));
    Some(claim)
}

/// Whether the same rank asked for as many bytes in the read as in the write, and by the same way.
fn likeness(writes: &[&Record], reads: &[&Record]) -> Option<Claim> {
    let same = |w: &Record| reads.iter().find(|r| r.experiment.np == w.experiment.np);
    let (write, read) = writes.iter().find_map(|w| Some((w, same(w)?)))?;
    let own = |r: &Record| {
        let plan = Plan::new(&r.experiment);
        (0..r.experiment.np).map(|rank| plan.demand(rank).bytes_asked).collect::<Vec<_>>()
    };
    let (written, asked) = (own(write), own(read));
    let alike = if written == asked { "the same parts" } else { "other parts" };
    let way = |r: &Record| match &r.actual.io_mode {
        Some(mode) => format!("driver {}, I/O mode '{mode}'", r.actual.driver),
        None => format!("driver {}", r.actual.driver),
    };
    let text = format!(
        "Alike: with {} each read {alike} as it had written, {} for rank 0; open and close are collective, \
         transfers are not ({} in the write, {} in the read).",
        ranks(read.experiment.np),
        bytes(asked[0]),
        way(write),
        way(read)
    );
    let claim = Claim::new("alike", text).with("np", read.experiment.np as f64);
    Some(claim.with("written_by_rank_0", written[0] as f64).with("read_by_rank_0", asked[0] as f64))
}

fn verified(reads: &[&Record]) -> Option<Claim> {
    let right = reads.iter().filter(|r| r.verification == Verification::Passed).count();
    let text = format!("Verified: {right} of {} reads found every value that was written.", reads.len());
    (!reads.is_empty())
        .then(|| Claim::new("verified", text).with("passed", right as f64).with("reads", reads.len() as f64))
}

fn read_or_write(writes: &[&Record], warm: &[&Record]) -> Option<Claim> {
    let (write, read) = (writes.last()?, warm.last()?);
    let times = bandwidth(read) / bandwidth(write);
    let (quicker, factor) = if times >= 1.0 { ("faster", times) } else { ("slower", 1.0 / times) };
    let text = format!(
        "With {} a read from the page cache is {} times {quicker} than the write: {} against {} MiB/s.",
        ranks(read.experiment.np),
        significant(factor),
        rate(bandwidth(read)),
        rate(bandwidth(write))
    );
    Some(Claim::new("read-or-write", text).with("warm_over_write", times))
}

fn cold_or_warm(cold: &[&Record], warm: &[&Record]) -> Option<Claim> {
    let cold = cold.last()?;
    let warm = warm.iter().find(|r| r.experiment.np == cold.experiment.np)?;
    let ratio = Ratio::of(warm, cold, TRANSFER);
    let text = format!(
        "With {} the warm read, from the page cache, was {}: {} and {}.",
        ranks(warm.experiment.np),
        ratio.against("the cold one, from the device"),
        time(warm, TRANSFER),
        time(cold, TRANSFER)
    );
    Some(Claim::new("cold-or-warm", text).with("warm_over_cold", ratio.times_as_fast))
}

/// Those with fewest and with most ranks, if they differ.
fn ends<'a>(records: &[&'a Record]) -> Option<(&'a Record, &'a Record)> {
    let (first, last) = (*records.first()?, *records.last()?);
    (first.experiment.np < last.experiment.np).then_some((first, last))
}

fn bandwidth(record: &Record) -> f64 {
    record.transfer_bandwidth().unwrap_or(f64::NAN)
}
