//! How long a repack will take: a few chunks of each dataset are decoded and encoded, and the rest is reckoned from them.

use super::crew::Work;
use super::hands::Hands;
use super::job::{Job, Way};
use super::{mover, sides};
use crate::filter::Pipeline;
use crate::h5::tree::WantedStorage;
use h5lab_core::failure::Result;
use h5lab_core::filter::{Filter, Stage};
use h5lab_core::region::Region;
use h5lab_core::repack_plan::tiles;
use std::time::Instant;

/// Bytes a second that a common disk moves: what bytes cost that are neither decoded nor encoded.
const DISK: f64 = 500e6;
/// How much longer HDF5 takes for bytes that it moves and converts itself.
const LIBRARY: f64 = 4.0;
/// Source tiles that are tried.
const TRIED: usize = 4;

/// Seconds that a dataset's values will take.
///
/// # Errors
/// Those of reading the source.
pub(super) fn seconds(job: &Job, source: &sides::Opened<'_>, work: &Work<'_>) -> Result<f64> {
    match job.way {
        Way::None => Ok(0.0),
        Way::Chunks => Ok(2.0 * job.now.stored_bytes as f64 / DISK),
        Way::Library => Ok(LIBRARY * job.now.bytes() as f64 / DISK),
        Way::Tiles => by_tiles(job, source, work),
    }
}

fn by_tiles(job: &Job, source: &sides::Opened<'_>, work: &Work<'_>) -> Result<f64> {
    let dataset = sides::dataset(source, job.address)?;
    let from = sides::from(source, &dataset, &job.name, &job.now, work)?;
    let Some(groups) = mover::groups(job, work)?.filter(|_| !from.empty) else { return Ok(0.0) };
    let element = job.now.element.size();
    let (mut hands, mut raw, mut read, begun) = (Hands::default(), Vec::new(), 0, Instant::now());
    for tile in tiles(&Region::whole(&job.now.shape), &from.tile, &job.now.shape).take(TRIED) {
        if from.source.has(&tile)? {
            raw.resize(from.source.sizes(&tile).iter().product::<u64>() as usize * element, 0);
            from.source.read(&tile, &mut hands, &mut raw)?;
            read += 1;
        }
    }
    let decoding = begun.elapsed().as_secs_f64() / f64::from(read.max(1)) * groups.decodes as f64;
    let writing = job.now.bytes() as f64 / DISK;
    let encoding = match &job.wanted {
        WantedStorage::Chunked(chunk, filters) if !filters.is_empty() && !raw.is_empty() => {
            encoding(chunk, filters, &raw, job, &mut hands)
        }
        _ => writing,
    };
    Ok((decoding + encoding) / (work.threads * work.ranks) as f64)
}

/// Seconds of one core to encode all new chunks, reckoned from one with values such as these.
fn encoding(chunk: &[u64], filters: &[Stage], values: &[u8], job: &Job, hands: &mut Hands) -> f64 {
    let element = job.now.element.size();
    let bytes = chunk.iter().product::<u64>() as usize * element;
    let stages: Vec<Stage> = filters.iter().map(|filter| Filter::of(filter).stage(element, bytes)).collect();
    let Ok(pipeline) = Pipeline::of(&stages, bytes) else { return LIBRARY * job.now.bytes() as f64 / DISK };
    let raw: Vec<u8> = values.iter().copied().cycle().take(bytes).collect();
    let chunks: u64 = job.now.shape.iter().zip(chunk).map(|(n, c)| n.div_ceil(*c)).product();
    let begun = Instant::now();
    let encoded = pipeline.encode(&raw, &mut hands.scratch);
    debug_assert!(encoded.is_ok(), "a whole chunk can be encoded");
    begun.elapsed().as_secs_f64() * chunks as f64
}
