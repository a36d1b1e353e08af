//! Rules about chunks: what must be read for what was asked, and what the chunk cache can't hold.

use super::facts::Facts;
use super::{Code, Explanation, suggest};
use crate::chunk_cache::CacheSize;
use crate::dataset::Shape;
use crate::experiment::Experiment;
use crate::layout::Layout;
use crate::method::Method;
use crate::prediction::{Conditions, Prediction, bytes_of_all_chunks, predict_all};
use crate::report::{bytes, significant};
use crate::sieve::DEFAULT_SIEVE_BYTES;
use crate::spans::MOST_GAP;

/// Up to twice is the price of chunks that serve several accesses.
const MOST_AMPLIFICATION: f64 = 2.0;
/// What is proposed must at least halve it.
const WORTH_A_CHANGE: f64 = 0.5;
/// A cache above this is not what a program should be told to set: other chunks are the answer.
const MOST_CACHE: u64 = 1 << 30;
/// HDF5's manual asks for 10 to 100 times as many slots as chunks that fit the cache, and a prime (H5Pset_chunk_cache).
const SLOTS_A_CHUNK: u64 = 100;

/// Bytes that had to be read: as they lie in the file, and as they are in memory, that is before compression.
struct Needed {
    file: u64,
    memory: u64,
}

pub(super) fn read_amplification(facts: &Facts<'_>) -> Option<Explanation> {
    if !facts.reads() || !facts.experiment.method.is_hdf5() || facts.demand.bytes_asked == 0 {
        return None;
    }
    let needed = needed(facts)?;
    let over = |bytes: u64| bytes as f64 / facts.demand.bytes_asked as f64;
    let (file, memory) = (over(needed.file), over(needed.memory));
    let (ratio, what) = match facts.filtered() {
        true => (
            format!("{} ({} before compression)", significant(file), significant(memory)),
            format!("{} had to be read, and decoded to {},", bytes(needed.file), bytes(needed.memory)),
        ),
        false => (significant(file), format!("{} had to be read", bytes(needed.file))),
    };
    (memory > MOST_AMPLIFICATION).then(|| Explanation {
        code: Code::ReadAmplification,
        text: format!("read amplification {ratio}: {what} to get {}{}", bytes(facts.demand.bytes_asked), since(facts)),
        next: less_to_read(facts),
        weight: memory,
    })
}

/// What was counted, less what of it was the chunk index; where nothing was counted, what is predicted.
fn needed(facts: &Facts<'_>) -> Option<Needed> {
    let predicted = facts.prediction?;
    let (all, stored) = (bytes_of_all_chunks(facts.experiment), facts.record.stored_bytes.filter(|&bytes| bytes > 0));
    let packed = stored.filter(|_| facts.filtered() && all > 0).map_or(1.0, |stored| stored as f64 / all as f64);
    let expected = (predicted.bytes_to_read as f64 * packed) as u64;
    let file = facts.counted.map_or(expected, |counted| {
        let index = counted.read_bytes.saturating_sub(expected).min(predicted.index_bytes);
        counted.read_bytes - index
    });
    Some(Needed { file, memory: (file as f64 / packed) as u64 })
}

fn since(facts: &Facts<'_>) -> String {
    let (access, Some(chunk)) = (facts.experiment.access.name(), facts.chunk()) else {
        let sieve = bytes(DEFAULT_SIEVE_BYTES);
        if facts.conditions.own_reads {
            return format!(
                ", since runs that lie up to {} apart are read together with what is between",
                bytes(MOST_GAP)
            );
        }
        return match facts.mpi() {
            true => ", since MPI-IO reads what lies between short runs as well".into(),
            false => {
                format!(", since HDF5 reads {sieve} (its sieve buffer) for each shorter run of a contiguous dataset")
            }
        };
    };
    let name = Shape(chunk.to_vec());
    match facts.prediction {
        Some(p) if rereads(&p) => {
            let times = significant(p.chunk_reads as f64 / p.chunks.max(1) as f64);
            format!(", since each {name} chunk had to be read {times} times: {}", why_again(facts))
        }
        _ => format!(", since {access} needs only a part of each {name} chunk that it touches"),
    }
}

fn why_again(facts: &Facts<'_>) -> String {
    match facts.experiment.method {
        Method::Direct if facts.conditions.own_reads => "direct keeps no chunk from one request to the next".into(),
        Method::Collective => "collective transfers pass the chunk cache by".into(),
        _ => format!("the chunk cache of {} had lost it when it was needed again", bytes(facts.conditions.cache.bytes)),
    }
}

/// Whether chunks are read again, rather than read for a part of them.
fn rereads(p: &Prediction) -> bool {
    p.chunk_reads * 2 > p.chunks * 3
}

fn less_to_read(facts: &Facts<'_>) -> String {
    let chunk = better_chunk(facts).map(|words| format!("use {words}"));
    let cache = facts.prediction.filter(rereads).and_then(|_| better_cache(facts)).map(|words| format!("set {words}"));
    let steps: Vec<String> = [cache, chunk].into_iter().flatten().collect();
    if steps.is_empty() { "ask for larger pieces at once".into() } else { steps.join(", or ") }
}

/// Chunks of another shape, if they at least halve what must be read; with what it would be then.
fn better_chunk(facts: &Facts<'_>) -> Option<String> {
    let (experiment, request) = (facts.experiment, facts.request()?.count);
    let (shape, dtype) = (&experiment.dataset.shape.0, experiment.dataset.dtype);
    let chunk = suggest::chunk(shape, facts.chunk(), &request, dtype);
    let layout = Layout::Chunked { chunk: chunk.clone(), filters: experiment.layout.filters().to_vec() };
    let then = improved(facts, &Experiment { layout, ..experiment.clone() }, &facts.conditions)?;
    Some(format!("{} (then {})", suggest::words(facts.chunk(), &chunk)?, significant(then)))
}

/// A chunk cache that at least halves what must be read; with what it would be then.
fn better_cache(facts: &Facts<'_>) -> Option<String> {
    let cache = cache_that_holds(facts)?;
    let then = improved(facts, facts.experiment, &Conditions { cache, ..facts.conditions })?;
    Some(format!("{} (then {})", cache_words(facts, cache), significant(then)))
}

/// The read amplification before compression under other conditions, if it is worth the change.
fn improved(facts: &Facts<'_>, experiment: &Experiment, conditions: &Conditions) -> Option<f64> {
    let now = facts.prediction?.amplification();
    predict_all(experiment, conditions).map(|p| p.amplification()).filter(|then| *then <= now * WORTH_A_CHANGE)
}

/// The cache that keeps what one request of each rank touches for the next; `None` where it would be unreasonable, is
/// there already, or where there is no cache.
fn cache_that_holds(facts: &Facts<'_>) -> Option<CacheSize> {
    let sharing = if facts.conditions.shared { facts.experiment.np as u64 } else { 1 };
    let chunks = facts.experiment.layout.chunks_touched(&facts.request()?).checked_mul(sharing)?;
    let needed = chunks.checked_mul(facts.bytes_of(facts.chunk()?))?;
    let now = facts.conditions.cache;
    let slots = if now.slots >= chunks * SLOTS_A_CHUNK / 10 { now.slots } else { prime(chunks * SLOTS_A_CHUNK) };
    let cache = CacheSize { bytes: now.bytes.max(needed), slots, ..now };
    (needed <= MOST_CACHE && has_chunk_cache(facts) && cache != now).then_some(cache)
}

/// The smallest prime from `n` on.
fn prime(n: u64) -> u64 {
    let is_prime = |n: u64| (2..).take_while(|d| d * d <= n).all(|d| !n.is_multiple_of(d));
    (n.max(2)..).find(|&n| is_prime(n)).expect("there is always a larger prime")
}

/// What to set, as plans name it.
fn cache_words(facts: &Facts<'_>, cache: CacheSize) -> String {
    let size = format!("chunk-cache-bytes = {} ({})", cache.bytes, bytes(cache.bytes));
    match cache.slots == facts.conditions.cache.slots {
        true => size,
        false => format!("{size} and chunk-cache-slots = {}", cache.slots),
    }
}

/// The chunk cache serves independent transfers; of those through MPI-IO only reads.
fn has_chunk_cache(facts: &Facts<'_>) -> bool {
    facts.experiment.method != Method::Collective && !facts.conditions.own_reads && (facts.reads() || !facts.mpi())
}

/// What reading in small pieces costs at most; measured with warm data, about.
const SMALL_PIECES_COST: f64 = 1.5;
/// Pieces that are no smaller than the sieve buffer cost next to nothing.
const LARGE_PIECES_COST: f64 = 0.7;

pub(super) fn chunk_exceeds_cache(facts: &Facts<'_>) -> Option<Explanation> {
    let chunk = facts.chunk().filter(|_| has_chunk_cache(facts))?;
    let (size, cache) = (facts.bytes_of(chunk), facts.conditions.cache.bytes);
    let (touches, chunks) = match facts.prediction {
        Some(p) => (p.chunk_touches, p.chunks),
        None => (facts.demand.chunks_touched, facts.chunks_in_dataset()),
    };
    if facts.conditions.cache.holds(size) || touches <= chunks {
        return None;
    }
    let times = touches as f64 / chunks.max(1) as f64;
    let (consequence, weight) = match facts.prediction.filter(|p| p.reads > 0) {
        _ if facts.filtered() => {
            let doing = if facts.reads() { "read and decoded" } else { "encoded and written" };
            (format!("it is {doing} anew each of the {} times it is needed", significant(times)), times)
        }
        Some(p) => {
            let piece = p.bytes_to_read / p.reads;
            let cost = if piece < DEFAULT_SIEVE_BYTES { SMALL_PIECES_COST } else { LARGE_PIECES_COST };
            (format!("it is read in pieces of {}, with {} read calls in all", bytes(piece), p.reads), cost)
        }
        None => (format!("each of the {} times it is needed goes to the file", significant(times)), SMALL_PIECES_COST),
    };
    Some(Explanation {
        code: Code::ChunkExceedsCache,
        text: format!(
            "a {} chunk ({}) exceeds the chunk cache ({}): {consequence}",
            Shape(chunk.to_vec()),
            bytes(size),
            bytes(cache)
        ),
        next: match cache_that_holds(facts) {
            Some(cache) => format!("set {}, which holds it, or use smaller chunks", cache_words(facts, cache)),
            None => "use smaller chunks".into(),
        },
        weight,
    })
}

/// HDF5 spends some microseconds on each chunk: looking it up in a B-tree, a read call of its own, copying. At 64 KiB
/// that is as long as moving the bytes at some GiB/s takes.
const TINY: u64 = 64 << 10;
/// What tiny chunks cost: between nothing (large storage latency hides it) and several times.
const TINY_COST: f64 = 1.4;

pub(super) fn tiny_chunks(facts: &Facts<'_>) -> Option<Explanation> {
    let chunk = facts.chunk()?;
    let (size, touched, dataset) = (facts.bytes_of(chunk), facts.demand.chunks_touched, &facts.experiment.dataset);
    (size < TINY && size < dataset.bytes() && touched > 1).then(|| {
        let larger = suggest::chunk(&dataset.shape.0, Some(chunk), chunk, dataset.dtype);
        Explanation {
            code: Code::TinyChunks,
            text: format!(
                "a {} chunk has {}, less than {}: {touched} were touched, each looked up and moved by itself",
                Shape(chunk.to_vec()),
                bytes(size),
                bytes(TINY)
            ),
            next: format!("use larger chunks, such as {} ({})", Shape(larger.clone()), bytes(facts.bytes_of(&larger))),
            weight: TINY_COST,
        }
    })
}
