//! What explains a result: each rule is provoked for real, and says what is the case; and read amplification, computed and
//! measured, agrees.

mod common;

use common::{Folder, MPI, Outcome};
use h5lab_core::amplification::{Amplification, Computed};
use h5lab_core::experiment::Direction;
use h5lab_core::explain::{Code, Explanation, explain};
use h5lab_core::record::Record;

/// A stack of 16 images of 8 KiB, 128 KiB in all, measured once.
const STACK: &str = "run --json --repeat 1 --ceiling false --shape 16x64x64 --dtype u16";

/// What explains the last record of a command, which must be what the record says itself.
fn explained(folder: &Folder, words: &str) -> (Record, Vec<Explanation>) {
    let record = folder.h5lab(words).ok().records().pop().expect("a record");
    let found = explain(&record);
    let codes: Vec<&str> = found.iter().map(|e| e.code.name()).collect();
    assert_eq!(record.explained_by, codes, "{words}");
    assert!(found.iter().all(|e| e.text.contains(|c: char| c.is_ascii_digit()) && !e.next.is_empty()), "{found:?}");
    (record, found)
}

/// The rule must explain what the first command did, in these words, and must not explain what the second did.
fn check(code: Code, words: &str, said: &[&str], otherwise: &str) {
    let folder = Folder::new();
    let (_, found) = explained(&folder, words);
    let text = found.iter().find(|e| e.code == code).unwrap_or_else(|| panic!("{code}: {found:?}")).to_string();
    said.iter().for_each(|part| assert!(text.contains(part), "'{part}' is missing: {text}"));
    if !otherwise.is_empty() {
        let (_, found) = explained(&folder, otherwise);
        assert!(found.iter().all(|e| e.code != code), "{found:?}");
    }
}

/// As [`check`], for rules that compare durations: a busy machine may hide what is the case for a while.
fn check_in_time(code: Code, words: &str, said: &str) {
    let folder = Folder::new();
    let mut found = Vec::new();
    for _ in 0..10 {
        found = explained(&folder, words).1;
        if found.iter().any(|e| e.code == code && e.text.contains(said)) {
            return;
        }
    }
    panic!("{code} '{said}': {found:?}");
}

#[cfg(feature = "mpi")]
#[test]
fn collective_transfers_that_hdf5_broke() {
    let folder = Folder::new();
    folder.python("make_foreign.py").ok();
    let (_, found) = explained(&folder, "read big-endian.h5 --np 2 --collective --json --cache warm");
    let broken = found.iter().find(|e| e.code == Code::CollectiveBroken).unwrap_or_else(|| panic!("{found:?}"));
    assert!(broken.text.contains("a datatype conversion"), "{broken}");
    assert!(broken.next.contains("byte order"), "{broken}");
    let (_, found) = explained(&folder, "read chunked.h5 --np 2 --collective --json --cache warm");
    assert!(found.iter().all(|e| e.code != Code::CollectiveBroken), "{found:?}");
}

#[test]
fn more_is_read_than_was_asked_for() {
    // Of each of 16 chunks of 8 KiB 2 bytes, four times; the second time they are in the cache.
    let words = format!("{STACK} --chunk 1x64x64 --access spectrum:4");
    let said = ["read amplification 1020", "128 KiB", "128 B", "only a part of each 1x64x64 chunk"];
    check(Code::ReadAmplification, &words, &said, &format!("{STACK} --chunk 1x64x64 --access projection"));
    // A cache of two chunks has lost each of the 16 when it is needed again.
    let words = format!("{STACK} --chunk 1x64x64 --access sinogram:8 --chunk-cache-bytes 20000");
    let said = ["read amplification 64", "read 8.00 times", "chunk-cache-bytes = 131072", "(then 8.00)"];
    check(Code::ReadAmplification, &words, &said, "");
    // The sieve buffer of a contiguous dataset; MPI-IO does without.
    let words = format!("{STACK} --method gather --access spectrum:4");
    check(Code::ReadAmplification, &words, &["64.0 KiB (its sieve buffer)"], "");
    let words = format!("{STACK} --method gather --chunk 16x64x64 --filter gzip=1 --access spectrum:4");
    check(Code::ReadAmplification, &words, &["before compression", "decoded to 128 KiB"], "");
}

#[test]
fn a_chunk_larger_than_the_chunk_cache() {
    let words = format!("{STACK} --chunk 16x64x64 --access projection --chunk-cache-bytes 65536");
    let said =
        ["16x64x64 chunk (128 KiB)", "chunk cache (64.0 KiB)", "chunk-cache-bytes = 131072 (128 KiB), which holds it"];
    let otherwise = format!("{STACK} --chunk 16x64x64 --access projection --chunk-cache-bytes 131072");
    check(Code::ChunkExceedsCache, &words, &said, &otherwise);
}

#[test]
fn tiny_chunks() {
    let words = format!("{STACK} --chunk 1x32x32 --access projection");
    let said = ["1x32x32 chunk has 2.00 KiB", "64 were touched", "such as"];
    check(Code::TinyChunks, &words, &said, &format!("{STACK} --chunk 8x64x64 --access projection"));
}

#[test]
fn transfers_that_are_not_aligned_to_blocks() {
    let folder = Folder::new();
    let (record, _) = explained(&folder, "write 7 11 --json --no-ceiling");
    let block = record.host.file_system.expect("a file system").block_bytes;
    let stack = "run --json --repeat 1 --ceiling false --dtype u16 --access projection";
    // Chunks of one and a half blocks, and of two.
    let words = format!("{stack} --shape 16x3x{0} --chunk 1x3x{0}", block / 4);
    let aligned = format!("{stack} --shape 16x4x{0} --chunk 1x4x{0} --alignment {block}", block / 4);
    check(Code::Misaligned, &words, &[&format!("alignment = {block}"), "100 % of the transfers"], &aligned);
}

#[test]
fn filters_that_keep_the_cpu_busy() {
    let words = "run --json --repeat 1 --method gather --shape 4x256x256 --dtype u16 --chunk 1x256x256 --filter gzip=4 --access full";
    check_in_time(Code::FilterBound, words, "decoding gzip=4");
}

#[test]
fn as_fast_as_the_storage() {
    let words = "write 16 200000 --json --repeat 3 --fsync";
    check_in_time(Code::StorageBound, words, "flush included");
}

#[test]
fn opening_and_closing_that_take_longer_than_the_data() {
    check(Code::MetadataBound, "write 7 11 --json --no-ceiling", &["open (", "and close (", " % of the total"], "");
}

#[test]
fn a_rank_that_has_all_the_work() {
    // One row for two ranks.
    let said = ["rank 1 transferred", "the median rank moved nothing", "1x4000000 is shared out evenly"];
    check(Code::Imbalance, "write 1 4000000 --np 2 --json --no-ceiling", &said, "");
}

#[test]
fn memory_that_was_measured_for_storage() {
    let written = "write 70 1000 --json --no-ceiling";
    check(Code::PageCache, written, &["273 KiB were written", "--fsync"], &format!("{written} --fsync"));
    let folder = Folder::new();
    folder.h5lab("write 70 1000").ok();
    let (_, found) = explained(&folder, "read --json --no-ceiling");
    let warm = found.iter().find(|e| e.code == Code::PageCache).unwrap_or_else(|| panic!("{found:?}"));
    assert!(warm.text.contains("100 % of the file was in memory") && warm.next.contains("--cache cold"), "{warm}");
}

#[test]
fn data_that_does_not_compress() {
    let stack = format!("{STACK} --method gather --chunk 1x64x64 --filter gzip=1");
    let said = ["128 KiB are stored as 128 KiB", "shrink the data 1.00 times", "leave the filters out"];
    check(Code::Incompressible, &format!("{stack} --data uniform"), &said, &format!("{stack} --data detector"));
}

#[test]
fn ranks_that_share_cores() {
    let folder = Folder::new();
    let host: h5lab_core::host::Host = serde_json::from_str(&folder.h5lab("env --json").ok().stdout).unwrap();
    let cores = host.machine.cores.expect("the cores are known");
    let words = format!("write 70 11 --json --no-ceiling --np {}", cores + 1);
    let said = [&*format!("{} ranks share {cores} cores", cores + 1), &format!("--np {cores}")];
    check(Code::MoreRanksThanCores, &words, &said, "write 70 11 --json --no-ceiling --np 1");
}

/// There is no network file system to be had here: the record is a real one, apart from the file system's name.
#[test]
fn locks_on_a_network_file_system() {
    let folder = Folder::new();
    for (locking, expected) in [("TRUE", true), ("FALSE", false)] {
        let words = format!("{STACK} --method gather");
        let mut record = folder.h5lab(&words).env("HDF5_USE_FILE_LOCKING", locking).ok().record();
        assert!(explain(&record).iter().all(|e| e.code != Code::NetworkLocking), "not on a local one");
        record.host.file_system.as_mut().expect("a file system").kind = Some("nfs4".into());
        let found = explain(&record);
        let said = found.iter().find(|e| e.code == Code::NetworkLocking);
        assert_eq!(said.is_some(), expected, "{locking}: {found:?}");
        let named = said.is_none_or(|e| e.text.contains("nfs4") && e.next.contains("HDF5_USE_FILE_LOCKING=FALSE"));
        assert!(named, "{said:?}");
    }
}

#[test]
fn every_rule_is_tried_here() {
    let source = include_str!("explain.rs");
    for code in Code::ALL {
        let name = format!("Code::{code:?}");
        assert!(source.contains(&name), "{name} has no test");
    }
}

/// Lines under the table, by row.
fn why(outcome: &Outcome) -> Vec<Vec<String>> {
    let lines = outcome.stdout.lines().skip_while(|line| *line != "why").skip(1);
    let mut rows: Vec<Vec<String>> = Vec::new();
    for line in lines.take_while(|line| line.starts_with(' ')) {
        match line.starts_with("  ") {
            true => rows.last_mut().expect("a row is named first").push(line.trim().to_owned()),
            false => rows.push(vec![line.trim().to_owned()]),
        }
    }
    rows
}

#[test]
fn rows_are_explained_in_at_most_three_lines() {
    let folder = Folder::new();
    let words = "--shape 16x64x64 --dtype u16 --repeat 1 --chunk 1x64x64 --access spectrum:4,projection --chunk-cache-bytes 4096";
    let swept = folder.h5lab("run").words(words).ok();
    let rows = why(&swept);
    assert!(!rows.is_empty() && rows.iter().all(|lines| (1..=3).contains(&lines.len())), "{swept}");
    assert!(rows.iter().any(|lines| lines[0].starts_with("row 2 ")), "{swept}");
    assert!(!swept.stdout.contains("the page cache, not the storage"), "a warning says so: {swept}");
    let written = folder.h5lab("write 7 11 --np 1,2").ok();
    let rows = why(&written);
    assert!(rows.len() == 2 && rows[0][0].starts_with("np 1  open ("), "{written}");
    let quiet = folder.h5lab("write 7 11 --quiet").ok();
    assert_eq!(quiet.stdout, "");
}

/// The only thing that may come on top of what is computed: the chunk index, which each rank looks up.
const INDEX_BYTES: f64 = 16_384.0;

#[test]
fn what_is_computed_is_what_is_measured() {
    let methods =
        if MPI { "independent,collective,gather,per-process,posix" } else { "independent,gather,per-process,posix" };
    let words = format!(
        "run --shape 16x128x160 --dtype u16 --data uniform --repeat 1 --ceiling false --np 2 --method {methods} \
         --access projection,sinogram:8,roi:40x40 --json"
    );
    let folder = Folder::new();
    for layout in ["", "--chunk 1x128x160 --chunk-cache-bytes 100000", "--chunk 16x16x160 --chunk-cache-bytes 100000"] {
        // A setting of HDF5 means nothing to posix; and threads race for the one sieve buffer of a contiguous dataset.
        let words = if layout.is_empty() { words.clone() } else { words.replace(",posix", "") };
        let words = if layout.is_empty() && !MPI { words.replace("independent,", "") } else { words };
        let planned = computed(&folder.h5lab(&words).words(layout).arg("--dry-run").ok());
        let records = folder.h5lab(&words).words(layout).ok().records();
        let reads = records.iter().filter(|r| r.experiment.direction == Direction::Read).inspect(|r| agree(r)).count();
        assert_eq!(reads, records.len() / 4 * 3, "three reads of each file");
        let mut done: Vec<Computed> = records.iter().map(|r| r.computed.expect("it is computed")).collect();
        let order = |c: &Computed| (c.bytes_asked, c.chunks_touched, c.bytes_to_read);
        let mut planned = planned;
        done.sort_by_key(order);
        planned.sort_by_key(order);
        assert_eq!(planned, done, "what --dry-run says is what comes");
    }
}

fn computed(outcome: &Outcome) -> Vec<Computed> {
    let of_batch = |line: &str| -> Vec<Computed> {
        let batch: serde_json::Value = serde_json::from_str(line).unwrap();
        serde_json::from_value(batch["computed"].clone()).unwrap()
    };
    outcome.stdout.lines().flat_map(of_batch).collect()
}

fn agree(record: &Record) {
    let Some(Amplification { computed: Some(computed), measured, .. }) = Amplification::of(record) else {
        panic!("nothing was computed: {:?}", record.experiment);
    };
    let Some(measured) = measured else { return assert!(!std::path::Path::new("/proc/thread-self/io").exists()) };
    let index = INDEX_BYTES * record.experiment.np as f64 / record.demand().bytes_asked as f64;
    let fits = computed * 0.95 <= measured && measured <= computed * 1.05 + index;
    assert!(fits, "{computed} computed, {measured} measured: {:?}", record.experiment);
}
