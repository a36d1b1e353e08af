//! From counts to seconds.

use super::calibration::{Calibration, FilterCost};
use super::work::{Geometry, READ_AHEAD, Work, write_work};
use crate::filter::Filter;
use crate::layout::Layout;
use crate::region::Region;

/// What is read and written, and by whom.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Elements along each axis.
    pub shape: Vec<u64>,
    /// Bytes of an element.
    pub element: u64,
    /// Bytes of the reader's chunk cache.
    pub cache_bytes: u64,
    /// Whether reads come from the device, not from the page cache.
    pub cold: bool,
    /// Readers at a time.
    pub np: usize,
    /// Cores that decode one reader's chunks.
    pub decoders: usize,
    /// Whether contiguous data is read through the sieve buffer.
    pub sieve: bool,
    /// The requests of each access.
    pub passes: Vec<Vec<Region>>,
    /// Share of each access among the reads; the sum is 1.
    pub weights: Vec<f64>,
}

impl Setting {
    /// A layout's geometry here.
    pub fn geometry<'a>(&'a self, chunk: Option<&'a [u64]>, filtered: bool) -> Geometry<'a> {
        Geometry {
            shape: &self.shape,
            element: self.element,
            chunk,
            filtered,
            cache_bytes: self.cache_bytes,
            sieve: self.sieve,
        }
    }

    /// What each access's pass does.
    pub fn works(&self, chunk: Option<&[u64]>, filtered: bool) -> Vec<Work> {
        let geometry = self.geometry(chunk, filtered);
        self.passes.iter().map(|requests| Work::of_pass(&geometry, requests)).collect()
    }
}

/// What a layout is expected to cost.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Estimate {
    /// Seconds of one pass over the requests of each access.
    pub passes: Vec<f64>,
    /// Seconds of one read of each access.
    pub reads: Vec<f64>,
    /// Bytes that are read for each byte asked for, before compression.
    pub amplification: Vec<f64>,
    /// Seconds of an average read: by the accesses' shares.
    pub read: f64,
    /// Seconds to write all of it into the page cache.
    pub write: f64,
    /// Bytes that it takes in the file.
    pub stored: u64,
}

/// Estimates a layout. `None` if nothing is known of its filters.
pub fn estimate(setting: &Setting, calibration: &Calibration, layout: &Layout) -> Option<Estimate> {
    let chunk = match layout {
        Layout::Contiguous => None,
        Layout::Chunked { chunk, .. } => Some(chunk.as_slice()),
    };
    let works = setting.works(chunk, !layout.filters().is_empty());
    estimate_works(setting, calibration, chunk, layout.filters(), &works)
}

/// As [`estimate`], with the counts at hand: they are the same for all pipelines.
pub fn estimate_works(
    setting: &Setting,
    calibration: &Calibration,
    chunk: Option<&[u64]>,
    filters: &[Filter],
    works: &[Work],
) -> Option<Estimate> {
    let cost = if filters.is_empty() { None } else { Some(calibration.filter(filters)?) };
    let geometry = setting.geometry(chunk, cost.is_some());
    let passes: Vec<f64> = works.iter().map(|work| read_seconds(setting, calibration, &geometry, cost, work)).collect();
    let reads: Vec<f64> = passes.iter().zip(works).map(|(seconds, work)| seconds / work.requests.max(1.0)).collect();
    let amplification = works.iter().map(|work| work.read / work.asked.max(1.0)).collect();
    let read = reads.iter().zip(&setting.weights).map(|(seconds, weight)| seconds * weight).sum();
    let write = write_seconds(calibration, &geometry, cost);
    Some(Estimate { passes, reads, amplification, read, write, stored: stored_bytes(&geometry, cost) })
}

/// Seconds of a pass: what HDF5 does, the transfer, the decoding.
///
/// Readers at a time share the device, and the cores if there are fewer of them.
pub fn read_seconds(
    setting: &Setting,
    calibration: &Calibration,
    geometry: &Geometry<'_>,
    filter: Option<&FilterCost>,
    work: &Work,
) -> f64 {
    let point = filter.map(|filter| filter.at(geometry.chunk_bytes()));
    let ratio = point.map_or(1.0, |point| point.ratio.max(1e-9));
    let decode = point.map_or(0.0, |point| point.decode) * work.whole_chunks * geometry.chunk_bytes() as f64;
    let per = |bytes: f64, count: f64| if count > 0.0 { bytes / count } else { 0.0 };
    let moved = Work { read: work.read / ratio, ..*work };
    let node = crate::prediction::index_node_bytes(geometry.shape.len()) as f64;
    let processor = calibration.reading.seconds(&moved) + decode / setting.decoders.max(1) as f64;
    let (np, cores) = (setting.np.max(1) as f64, calibration.cores.max(1) as f64);
    let processor = processor / np.min(cores);
    if !setting.cold {
        return processor;
    }
    let place = per(work.fetched / ratio, work.places);
    let first = place.min(READ_AHEAD as f64);
    // What comes first from a place is waited for; the calls that were timed copied it, too.
    let waited = work.places * calibration.cold.seconds(first) + work.nodes * calibration.cold.seconds(node);
    let copied = work.places * first * calibration.reading.read;
    // The rest is read ahead while the processor works.
    let ahead = work.places * (calibration.cold.seconds(place) - calibration.cold.seconds(first));
    waited + ahead.max(processor - copied)
}

/// Seconds to write all of the dataset once.
pub fn write_seconds(calibration: &Calibration, geometry: &Geometry<'_>, filter: Option<&FilterCost>) -> f64 {
    let mut work = write_work(geometry);
    let point = filter.map(|filter| filter.at(geometry.chunk_bytes()));
    let encode = point.map_or(0.0, |point| point.encode) * work.whole_chunks * geometry.chunk_bytes() as f64;
    if let Some(point) = point {
        // What is written is smaller; what is gathered is not.
        work.read /= point.ratio.max(1e-9);
    }
    calibration.writing.seconds(&work) + encode
}

/// Bytes that the dataset takes in the file, chunks at the edge whole, without the index.
pub fn stored_bytes(geometry: &Geometry<'_>, filter: Option<&FilterCost>) -> u64 {
    let ratio = filter.map_or(1.0, |filter| filter.at(geometry.chunk_bytes()).ratio.max(1e-9));
    (geometry.bytes() as f64 / ratio) as u64
}

#[cfg(test)]
mod tests {
    use super::super::calibration::FilterPoint;
    use super::*;

    fn setting(cold: bool) -> Setting {
        let shape = vec![180, 540, 640];
        let pass = |axis: usize| {
            (0..8).map(|k| Region::whole(&[180, 540, 640]).slab(axis, k * 20, k * 20 + 1)).collect::<Vec<_>>()
        };
        Setting {
            shape,
            element: 2,
            cache_bytes: 1 << 20,
            cold,
            np: 1,
            decoders: 1,
            sieve: true,
            passes: vec![pass(0), pass(1)],
            weights: vec![0.5, 0.5],
        }
    }

    fn calibration() -> Calibration {
        let point = FilterPoint { chunk_bytes: 1 << 18, ratio: 4.0, encode: 1e-8, decode: 4e-9 };
        let mut calibration = Calibration::typical();
        calibration.filters.push(FilterCost { filters: vec![Filter::Gzip(1)], points: vec![point] });
        calibration
    }

    fn of(text: &[u64], filters: Vec<Filter>, cold: bool) -> Estimate {
        let layout =
            if text.is_empty() { Layout::Contiguous } else { Layout::Chunked { chunk: text.to_vec(), filters } };
        estimate(&setting(cold), &calibration(), &layout).unwrap()
    }

    #[test]
    fn one_image_a_chunk_is_good_for_projections_and_bad_for_sinograms() {
        let image = of(&[1, 540, 640], vec![Filter::Gzip(1)], false);
        let balanced = of(&[8, 24, 640], vec![Filter::Gzip(1)], false);
        assert!(image.reads[0] < balanced.reads[0]);
        assert!(image.reads[1] > 10.0 * balanced.reads[1]);
        assert!(balanced.read < image.read);
    }

    #[test]
    fn a_slow_device_makes_compression_pay() {
        let mut slow = calibration();
        slow.cold = Transfers([4096u64, 1 << 20].map(|bytes| (bytes, 1e-4 + bytes as f64 / 5e7)).to_vec());
        let layout = |filters| Layout::Chunked { chunk: vec![8, 24, 640], filters };
        let cold =
            |calibration: &Calibration, filters| estimate(&setting(true), calibration, &layout(filters)).unwrap().read;
        assert!(cold(&slow, vec![Filter::Gzip(1)]) < cold(&slow, vec![]));
        let warm = |filters| estimate(&setting(false), &slow, &layout(filters)).unwrap().read;
        assert!(warm(vec![Filter::Gzip(1)]) > warm(vec![]));
    }

    #[test]
    fn what_is_read_ahead_comes_while_the_processor_works() {
        let mut calibration = calibration();
        let stack = |calibration: &Calibration, cold| {
            let layout = Layout::Chunked { chunk: vec![1, 540, 640], filters: vec![] };
            estimate(&setting(cold), calibration, &layout).unwrap().reads[0]
        };
        let warm = stack(&calibration, false);
        // The device alone takes the time of one call of this size: the copies are made meanwhile.
        let image = 540.0 * 640.0 * 2.0;
        let device = calibration.cold.seconds(image);
        let node = calibration.cold.seconds(crate::prediction::index_node_bytes(3) as f64);
        assert!(warm < device);
        let cold = stack(&calibration, true);
        assert!(cold >= device && cold < device + node * 1.1, "{cold} {device} {node}");
        // If the processor takes longer, the device is waited for at the beginning.
        calibration.reading.whole = 1e-7;
        let (warm, cold) = (stack(&calibration, false), stack(&calibration, true));
        let first = calibration.cold.seconds(READ_AHEAD as f64);
        assert!(cold > warm && cold < warm + first + node * 1.1, "{cold} {warm} {first}");
    }

    #[test]
    fn what_is_not_calibrated_is_not_estimated() {
        let layout = Layout::Chunked { chunk: vec![1, 540, 640], filters: vec![Filter::Gzip(9)] };
        assert_eq!(estimate(&setting(false), &calibration(), &layout), None);
    }

    use super::super::calibration::Transfers;

    #[test]
    fn stored_bytes_count_whole_chunks_at_the_edge() {
        assert_eq!(of(&[], vec![], false).stored, 180 * 540 * 640 * 2);
        assert_eq!(of(&[100, 540, 640], vec![], false).stored, 200 * 540 * 640 * 2);
        assert_eq!(of(&[180, 540, 640], vec![Filter::Gzip(1)], false).stored, 180 * 540 * 640 * 2 / 4);
    }
}
