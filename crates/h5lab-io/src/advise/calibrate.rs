//! What this path, this HDF5 and these data take: measured in some seconds, before layouts are scored.

use super::small::SmallFile;
use crate::cache;
use crate::host::{machine, process_env};
use h5lab_core::access::Access;
use h5lab_core::dataset::{Dataset, Dtype, Shape};
use h5lab_core::failure::{Failure, Result};
use h5lab_core::filter::Filter;
use h5lab_core::generate::{Data, DataKind};
use h5lab_core::layout::Layout;
use h5lab_core::method::Method;
use h5lab_core::model::{
    Calibration, FilterCost, FilterPoint, Geometry, Observation, Transfers, Work, fit, write_work,
};
use h5lab_core::stats;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What is to be calibrated.
pub struct Task<'a> {
    /// A folder for files of some 200 MiB, on the path that is asked about.
    pub folder: &'a Path,
    /// A small sample of the data.
    pub sample: &'a Dataset,
    /// The pipelines that come into question.
    pub pipelines: &'a [Vec<Filter>],
    /// How the data is going to be read.
    pub method: Method,
    /// Bytes of the reader's chunk cache.
    pub cache_bytes: u64,
    /// Whether reads from the device matter.
    pub cold: bool,
    /// From then on, no more is measured than is needed.
    pub deadline: Instant,
    /// From then on, pipelines that were not tried yet stay unknown.
    pub end: Instant,
}

/// Calibrates. Pipelines are tried in their order; those for which no time is left, apart from
/// the first, are not in the answer.
///
/// # Errors
/// `Storage` if there is no room, or the first failure of a small experiment.
pub fn calibrate(task: &Task<'_>) -> Result<Calibration> {
    let mut calibration = Calibration {
        cold: if task.cold { transfers(task)? } else { Transfers(Vec::new()) },
        cores: machine::collect(&process_env).cores.unwrap_or(1),
        filters: Vec::new(),
        measured: true,
        ..Calibration::typical()
    };
    calls(task, &mut calibration)?;
    for filters in task.pipelines {
        // One that packs must be known, whatever time is left: the data may have to stay small.
        let packs = calibration.filters.iter().any(|known| !known.points.is_empty());
        if !filters.is_empty() && packs && Instant::now() > task.end {
            continue;
        }
        let cost = if filters.is_empty() { Vec::new() } else { filter(task, filters, &calibration)? };
        calibration.filters.push(FilterCost { filters: filters.clone(), points: cost });
    }
    Ok(calibration)
}

/// Bytes of the file that is read at random places.
const FILE: u64 = 96 << 20;
/// Sizes of a read.
const SIZES: [u64; 6] = [4 << 10, 32 << 10, 128 << 10, 512 << 10, 2 << 20, 8 << 20];
/// How often all sizes are read.
const COLD_ROUNDS: usize = 2;
/// Most reads of each size.
const READS: u64 = 24;

/// Seconds of a read from the device by its size.
fn transfers(task: &Task<'_>) -> Result<Transfers> {
    let path = task.folder.join("calibrate.raw");
    let fail = |e: std::io::Error| Failure::io("calibrate", &path, &e);
    let mut file = File::create(&path).map_err(fail)?;
    let block: Vec<u8> = (0..1usize << 20).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for _ in 0..FILE >> 20 {
        file.write_all(&block).map_err(fail)?;
    }
    drop(file);
    let cold = table(COLD_ROUNDS, task.deadline, |size| {
        cache::drop_files(std::slice::from_ref(&path))?;
        reads(&path, size)
    })?;
    let _ = std::fs::remove_file(&path);
    Ok(cold)
}

/// The median over some rounds, at least one, of what each size takes.
fn table(rounds: usize, deadline: Instant, one: impl Fn(u64) -> Result<f64>) -> Result<Transfers> {
    let mut times = vec![Vec::new(); SIZES.len()];
    for round in 0..rounds {
        if round > 0 && Instant::now() > deadline {
            break;
        }
        for (size, times) in SIZES.into_iter().zip(&mut times) {
            times.push(one(size)?);
        }
    }
    let median = |times: &Vec<f64>| stats::median(times).unwrap_or(0.0);
    Ok(Transfers(SIZES.into_iter().zip(times.iter().map(median)).collect()))
}

/// Mean seconds of a read at places far apart.
fn reads(path: &PathBuf, size: u64) -> Result<f64> {
    let fail = |e: std::io::Error| Failure::io("calibrate", path, &e);
    let file = File::open(path).map_err(fail)?;
    let mut buffer = vec![1u8; size as usize];
    let places = FILE / size;
    let count = (places / 2).clamp(1, READS);
    let begun = Instant::now();
    for k in 0..count {
        // Every place at most once, and no two that follow each other.
        let place = (k * places / count + (k % 2) * places / 2) % places;
        file.read_exact_at(&mut buffer, place * size).map_err(fail)?;
    }
    Ok(begun.elapsed().as_secs_f64() / count as f64)
}

/// The shape of the small experiments.
const SMALL: [u64; 3] = [64, 256, 512];

/// Chunks (none: contiguous) and accesses of the small experiments: together they tell requests, chunks, pieces and bytes
/// apart.
const EXPERIMENTS: &[(&[u64], &[&str])] = &[
    (&[], &["projection:16", "sinogram:16", "random:64:1x4x64", "random:16:1x64x64", "full"]),
    (&[1, 256, 512], &["projection:16", "sinogram:2", "spectrum:2", "random:16:1x64x128"]),
    (&[4, 32, 64], &["projection:8", "sinogram:8", "spectrum:16", "random:32:1x64x128"]),
    (&[8, 16, 16], &["projection:8", "sinogram:8", "full"]),
    (&[8, 64, 64], &["projection:8", "sinogram:8", "random:16:64x16x64"]),
    (&[16, 16, 512], &["projection:8", "sinogram:8", "spectrum:8"]),
    (&[64, 128, 256], &["projection:4", "sinogram:4", "spectrum:16", "random:16:1x64x64"]),
    (&[2, 64, 8], &["projection:8", "sinogram:4"]),
];

/// Rounds over all small experiments: by then the processor's caches hold others' data, as in the proofs.
const ROUNDS: usize = 3;

/// What HDF5 takes for requests, chunks, pieces and bytes.
fn calls(task: &Task<'_>, calibration: &mut Calibration) -> Result<()> {
    let dtype = task.sample.dtype;
    let dataset = Dataset {
        name: "data".into(),
        shape: Shape(SMALL.to_vec()),
        dtype,
        data: Some(Data { kind: DataKind::Ramp, seed: 1, stamp_ranks: None }),
        from: None,
    };
    let paths: Vec<PathBuf> = (0..EXPERIMENTS.len()).map(|k| task.folder.join(format!("calibrate-{k}.h5"))).collect();
    let files: Vec<SmallFile<'_>> = EXPERIMENTS
        .iter()
        .zip(&paths)
        .map(|((chunk, _), path)| SmallFile {
            path,
            dataset: &dataset,
            layout: layout(chunk, &[]),
            method: task.method,
        })
        .collect();
    let geometry =
        |chunk: &'static [u64]| geometry(&SMALL, dtype, Some(chunk).filter(|c| !c.is_empty()), false, task.cache_bytes);
    let mut writing = Vec::new();
    let twice = || if Instant::now() > task.deadline { 1 } else { 2 };
    for (file, (chunk, _)) in files.iter().zip(EXPERIMENTS) {
        writing.push(Observation { work: write_work(&geometry(chunk)), seconds: file.write(twice())?.seconds });
    }
    let all = || {
        EXPERIMENTS
            .iter()
            .zip(&files)
            .flat_map(|((chunk, accesses), file)| accesses.iter().map(move |a| (*chunk, file, *a)))
    };
    let mut times = vec![Vec::new(); all().count()];
    let mut works = Vec::new();
    for round in 0..ROUNDS {
        if round > 0 && Instant::now() > task.deadline {
            break;
        }
        for ((chunk, file, access), times) in all().zip(&mut times) {
            let (seconds, requests) = file.read(access.parse().expect("an access of our own"), 1)?;
            times.push(seconds);
            if round == 0 {
                works.push(Work::of_pass(&geometry(chunk), &requests));
            }
        }
    }
    for path in &paths {
        let _ = std::fs::remove_file(path);
    }
    let observation =
        |(work, times): (Work, &Vec<f64>)| Observation { work, seconds: stats::median(times).unwrap_or(0.0) };
    let reading: Vec<Observation> = works.into_iter().zip(&times).map(observation).collect();
    calibration.reading = fit(&reading);
    calibration.writing = fit(&writing);
    Ok(())
}

fn layout(chunk: &[u64], filters: &[Filter]) -> Layout {
    match chunk {
        [] => Layout::Contiguous,
        chunk => Layout::Chunked { chunk: chunk.to_vec(), filters: filters.to_vec() },
    }
}

fn geometry<'a>(
    shape: &'a [u64],
    dtype: Dtype,
    chunk: Option<&'a [u64]>,
    filtered: bool,
    cache_bytes: u64,
) -> Geometry<'a> {
    Geometry { shape, element: dtype.size() as u64, chunk, filtered, cache_bytes, sieve: true }
}

/// Sizes of the chunks that a pipeline is tried with.
const CHUNKS: [u64; 3] = [16 << 10, 128 << 10, 1 << 20];

/// What a pipeline takes for the sample, and how much it shrinks it.
fn filter(task: &Task<'_>, filters: &[Filter], calibration: &Calibration) -> Result<Vec<FilterPoint>> {
    let path = task.folder.join("calibrate-filter.h5");
    let shape = &task.sample.shape.0;
    let (dtype, mut points) = (task.sample.dtype, Vec::<FilterPoint>::new());
    // If there is time for one size, for that of the chunks that are chosen most often.
    for wanted in if Instant::now() > task.deadline { &CHUNKS[1..2] } else { &CHUNKS[..] } {
        if !points.is_empty() && Instant::now() > task.deadline {
            break;
        }
        let chunk = chunk_of(shape, dtype.size() as u64, *wanted);
        let geometry = geometry(shape, dtype, Some(&chunk), true, task.cache_bytes);
        if points.iter().any(|point| point.chunk_bytes == geometry.chunk_bytes()) {
            continue;
        }
        let small =
            SmallFile { path: &path, dataset: task.sample, layout: layout(&chunk, filters), method: task.method };
        let written = small.write(1)?;
        let (seconds, requests) = small.read(Access::Full, 3)?;
        let all = (geometry.chunks() * geometry.chunk_bytes()) as f64;
        let ratio = all / (written.stored.max(1)) as f64;
        let mut work = Work::of_pass(&geometry, &requests);
        work.read /= ratio;
        let plain = calibration.reading.seconds(&work);
        let mut smaller = write_work(&geometry);
        smaller.read /= ratio;
        points.push(FilterPoint {
            chunk_bytes: geometry.chunk_bytes(),
            ratio,
            encode: (written.seconds - calibration.writing.seconds(&smaller)).max(0.0) / all,
            decode: (seconds - plain).max(0.0) / all,
        });
    }
    let _ = std::fs::remove_file(&path);
    Ok(points)
}

/// A chunk of at most this size: the axis that has kept most of itself is halved.
fn chunk_of(shape: &[u64], element: u64, most: u64) -> Vec<u64> {
    let mut chunk = shape.to_vec();
    while chunk.iter().product::<u64>() * element > most {
        let longest = (0..chunk.len()).max_by_key(|&axis| (chunk[axis] * 1000 / shape[axis].max(1), chunk[axis]));
        let axis = longest.filter(|&axis| chunk[axis] > 1).or_else(|| (0..chunk.len()).find(|&axis| chunk[axis] > 1));
        let Some(axis) = axis else { break };
        chunk[axis] = chunk[axis].div_ceil(2);
    }
    chunk
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_of_all_sizes_fit() {
        for (shape, most) in [(vec![64, 256, 512], 16 << 10), (vec![1, 3], 2), (vec![5, 7, 9, 11], 100)] {
            let chunk = chunk_of(&shape, 2, most);
            assert!(chunk.iter().product::<u64>() * 2 <= most.max(2), "{chunk:?}");
        }
    }
}
