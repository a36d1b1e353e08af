//! Lessons 4 and 5: the same dataset on several file systems; parallel or local, over the network or on a workstation.

use super::claim::{Claim, Ratio, TOTAL, join, median, ranks, time};
use crate::experiment::{CacheWanted, Direction};
use crate::host::StorageClass;
use crate::record::Record;
use crate::report::{printable, rate, significant};
use std::cmp::Ordering;

/// Which file system is fastest at what, and whose speed grows with the ranks.
pub fn parallel_or_local(records: &[&Record]) -> Vec<Claim> {
    let places = Place::all(records);
    let mut claims = vec![names(&places)];
    claims.extend(MEASURES.iter().filter_map(|measure| fastest(&places, measure)));
    claims.extend(places.iter().filter_map(growth));
    claims
}

/// Where written data waits, what the page cache saves, what an open costs; on the network and off it.
pub fn network_or_workstation(records: &[&Record]) -> Vec<Claim> {
    let places = Place::all(records);
    let mut claims = vec![networks(&places)];
    claims.extend(places.iter().filter_map(write_back));
    claims.extend(places.iter().filter_map(page_cache));
    claims.extend(openings(&places));
    claims
}

/// A folder, and what was measured in it.
struct Place<'a> {
    records: Vec<&'a Record>,
}

impl<'a> Place<'a> {
    /// In the order in which they were measured.
    fn all(records: &[&'a Record]) -> Vec<Place<'a>> {
        let mut places: Vec<Place> = Vec::new();
        for record in records {
            match places.iter_mut().find(|place| place.records[0].file == record.file) {
                Some(place) => place.records.push(record),
                None => places.push(Place { records: vec![record] }),
            }
        }
        places
    }

    /// `ext4 at /scratch`.
    fn name(&self) -> String {
        let fs = self.records[0].host.file_system.as_ref();
        let kind = fs.and_then(|fs| fs.type_name()).unwrap_or("an unknown file system");
        format!("{kind} at {}", printable(&self.records[0].file.display().to_string()))
    }

    fn class(&self) -> Option<StorageClass> {
        self.records[0].host.file_system.as_ref().and_then(|fs| fs.class())
    }

    /// What was measured in this way, fewest ranks first.
    fn measured(&self, measure: &Measure) -> Vec<&'a Record> {
        let mut found: Vec<&Record> = self.records.iter().copied().filter(|r| (measure.is)(r)).collect();
        found.sort_by_key(|r| r.experiment.np);
        found
    }

    /// The fastest of them.
    fn best(&self, measure: &Measure) -> Option<&'a Record> {
        self.measured(measure).into_iter().min_by(|a, b| median(a, TOTAL).total_cmp(&median(b, TOTAL)))
    }
}

/// What is compared between places.
struct Measure {
    about: &'static str,
    words: &'static str,
    is: fn(&Record) -> bool,
}

const UNSYNCED: Measure = Measure {
    about: "write",
    words: "a write that nobody flushes",
    is: |r| r.experiment.direction == Direction::Write && !r.experiment.fsync,
};
const SYNCED: Measure = Measure {
    about: "write-fsync",
    words: "a write that ends on the device",
    is: |r| r.experiment.direction == Direction::Write && r.experiment.fsync,
};
const WARM: Measure = Measure {
    about: "read-warm",
    words: "a read from the page cache",
    is: |r| r.experiment.direction == Direction::Read && r.experiment.cache == CacheWanted::Warm && !r.cache_missed(),
};
const COLD: Measure = Measure {
    about: "read-cold",
    words: "a read from the device",
    is: |r| r.experiment.direction == Direction::Read && r.experiment.cache == CacheWanted::Cold && !r.cache_missed(),
};

const MEASURES: [Measure; 4] = [UNSYNCED, SYNCED, WARM, COLD];

fn names(places: &[Place<'_>]) -> Claim {
    let each: Vec<String> = places
        .iter()
        .map(|place| {
            let what = match place.class() {
                Some(StorageClass::Network) => "servers over a network",
                Some(StorageClass::Memory) => "memory",
                Some(StorageClass::Local) => "a device of this machine",
                Some(StorageClass::HostShare) => "a folder of this virtual machine's host",
                Some(StorageClass::Kernel) | None => "storage that its type does not tell",
            };
            format!("{} ({what})", place.name())
        })
        .collect();
    let next = if places.len() == 1 { " One place alone compares with nothing: add --path." } else { "" };
    Claim::new("places", format!("Measured on {}.{next}", join(&each))).with("places", places.len() as f64)
}

/// The fastest place, and how far the others are behind it.
fn fastest(places: &[Place<'_>], measure: &Measure) -> Option<Claim> {
    let mut best: Vec<(&Place<'_>, &Record)> = places.iter().filter_map(|p| Some((p, p.best(measure)?))).collect();
    best.sort_by(|a, b| median(a.1, TOTAL).total_cmp(&median(b.1, TOTAL)));
    let ((winner, first), others) = best.split_first()?;
    if others.is_empty() {
        return None;
    }
    let bandwidth = |r: &Record| r.total_bandwidth().unwrap_or(f64::NAN);
    let mut claim =
        Claim::new(measure.about, "").with("mib_s", bandwidth(first)).with("np", first.experiment.np as f64);
    let mut behind = Vec::new();
    for (number, (place, record)) in others.iter().enumerate() {
        let ratio = Ratio::of(first, record, TOTAL);
        behind.push(ratio.against(&format!("{} ({} MiB/s)", place.name(), rate(bandwidth(record)))));
        claim = claim.with(format!("times_as_fast_as_{}", number + 2), ratio.times_as_fast);
    }
    claim.text = format!(
        "Fastest at {}: {} with {}, {} MiB/s from open to close: {}.",
        measure.words,
        winner.name(),
        ranks(first.experiment.np),
        rate(bandwidth(first)),
        join(&behind)
    );
    Some(claim)
}

/// Whether more ranks are faster at one place: parallel file systems have servers for them.
fn growth(place: &Place<'_>) -> Option<Claim> {
    let measured = if place.measured(&SYNCED).len() > 1 { place.measured(&SYNCED) } else { place.measured(&UNSYNCED) };
    let (first, last) = (*measured.first()?, *measured.last()?);
    if first.experiment.np == last.experiment.np {
        return None;
    }
    let ratio = Ratio::of(last, first, TOTAL);
    let meaning = match ratio.verdict() {
        Ordering::Greater => "ranks add up here",
        Ordering::Equal => "one rank does what they all do",
        Ordering::Less => "ranks are in each other's way here",
    };
    let text = format!(
        "More ranks on {}: {} write {}: {meaning}.",
        place.name(),
        ranks(last.experiment.np),
        ratio.against(&first.experiment.np.to_string())
    );
    let claim =
        Claim::new("ranks", text).with("np", last.experiment.np as f64).with("base_np", first.experiment.np as f64);
    Some(claim.with("times_as_fast", ratio.times_as_fast))
}

fn networks(places: &[Place<'_>]) -> Claim {
    let on: Vec<String> = places.iter().filter(|p| p.class() == Some(StorageClass::Network)).map(Place::name).collect();
    let text = if on.is_empty() {
        let all: Vec<String> = places.iter().map(Place::name).collect();
        format!(
            "None of these is on a network: {}. What follows is a workstation; add --path with a folder on NFS, GPFS, \
             Lustre or the like to compare.",
            join(&all)
        )
    } else {
        format!("On a network: {}.", join(&on))
    };
    Claim::new("networks", text).with("networks", on.len() as f64).with("places", places.len() as f64)
}

/// In which phase of an unflushed write the time went.
fn write_back(place: &Place<'_>) -> Option<Claim> {
    let (plain, synced) = (place.measured(&UNSYNCED).first().copied()?, place.measured(&SYNCED).first().copied()?);
    let share = median(plain, |s| s.duration().close / s.total());
    let ratio = median(synced, TOTAL) / median(plain, TOTAL);
    let where_to = match () {
        () if place.class() == Some(StorageClass::Memory) => {
            "this storage is memory, and fsync has nothing to wait for"
        }
        () if ratio < 1.5 => "it reaches its storage with or without it",
        () if share > 0.5 => "the close waits until it is written back",
        () => "without it, it stays in this machine's memory for a while, and is lost if the machine fails",
    };
    let text = format!(
        "Written data on {}: open to close took {} without --fsync, {:.0} % of it the close, and {} with it, {} times as \
         long: {where_to}.",
        place.name(),
        time(plain, TOTAL),
        share * 100.0,
        time(synced, TOTAL),
        significant(ratio)
    );
    Some(Claim::new("write-back", text).with("close_share", share).with("fsync_over_plain", ratio))
}

/// What the page cache saves.
fn page_cache(place: &Place<'_>) -> Option<Claim> {
    let (warm, cold) = (place.measured(&WARM).first().copied()?, place.measured(&COLD).first().copied()?);
    let ratio = Ratio::of(warm, cold, TOTAL);
    let text = format!(
        "Page cache on {}: with {} the warm read took {}, the cold one {}: warm is {}.",
        place.name(),
        ranks(warm.experiment.np),
        time(warm, TOTAL),
        time(cold, TOTAL),
        ratio.against("cold")
    );
    Some(Claim::new("page-cache", text).with("warm_over_cold", ratio.times_as_fast))
}

/// What an open costs: on a network it is several round trips.
fn openings(places: &[Place<'_>]) -> Option<Claim> {
    let opened: Vec<(&Place<'_>, f64)> = places
        .iter()
        .filter_map(|place| {
            let record = place.measured(&WARM).first().copied()?;
            Some((place, median(record, |sample| sample.duration().open)))
        })
        .collect();
    let (slowest, most) = opened.iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let each: Vec<String> = opened
        .iter()
        .map(|(place, seconds)| format!("{} s on {}", crate::report::seconds(*seconds), place.name()))
        .collect();
    let text = format!(
        "Opening the file to read it took {}. A job that opens a thousand such files one by one spends {} s on that on {}.",
        join(&each),
        significant(most * 1000.0),
        slowest.name()
    );
    Some(Claim::new("open", text).with("open", *most))
}
