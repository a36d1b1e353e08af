//! What a repack has done, or would do: for people and for programs.

use crate::access::Access;
use crate::dataset::Shape;
use crate::layout::Layout;
use crate::region::Region;
use crate::report::{Table, bytes, counted, printable, rate, seconds};
use crate::split::Split;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Datasets that the text shows.
const MOST_SHOWN: usize = 20;

/// How a dataset is stored, in words and in numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stored {
    /// `contiguous`, `compact`, `virtual`, `external`, or the chunk: `20x64x1366`.
    pub layout: String,
    /// The filters joined by `+`, or `none`.
    pub filters: String,
    /// Bytes that its values take in the file; unknown before it is written.
    pub bytes: Option<u64>,
    /// Chunks that a read of one image touches, one sinogram, one spectrum; absent where the dataset has no such thing.
    pub touched: Touched,
}

/// Chunks that one read touches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touched {
    /// `[i, :, :]`.
    pub projection: Option<u64>,
    /// `[:, j, :]`.
    pub sinogram: Option<u64>,
    /// `[:, y, x]`.
    pub spectrum: Option<u64>,
}

impl Touched {
    /// Of a dataset of this shape; nothing of one with fewer than two axes.
    pub fn of(layout: &Layout, shape: &[u64]) -> Touched {
        let count = |access: Access| {
            if shape.len() < 2 || shape.contains(&0) || !access.fits(shape) {
                return None;
            }
            let mut all = access.requests(shape, Split::Axis(0), 0, 1);
            all.next().map(|request: Region| layout.chunks_touched(&request))
        };
        Touched {
            projection: count(Access::Projection { limit: Some(1) }),
            sinogram: count(Access::Sinogram { limit: Some(1) }),
            spectrum: count(Access::Spectrum { pixels: 1 }),
        }
    }
}

/// The groups in which a dataset is moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Groups {
    /// Elements of a group along each axis.
    pub shape: Vec<u64>,
    /// How many there are.
    pub count: u64,
    /// Bytes of one.
    pub bytes: u64,
    /// Source tiles (chunks, or runs of a contiguous dataset), and how often one is read in all.
    pub source_tiles: u64,
    /// Source tiles that are read and decoded in all: more than there are if the memory does not hold whole groups.
    pub decodes: u64,
}

/// One dataset whose storage changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Its path.
    pub dataset: String,
    /// Its shape.
    pub shape: Vec<u64>,
    /// Bytes of its values, unfiltered.
    pub bytes: u64,
    /// How it was stored.
    pub before: Stored,
    /// How it is stored now.
    pub after: Stored,
    /// In which groups it is moved; absent where HDF5 moves it.
    pub groups: Option<Groups>,
    /// How many part files hold its values; absent if the new file itself does.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub parts: usize,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// A file with a rank's part of the datasets that are stored otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartFile {
    /// The file.
    #[serde(serialize_with = "crate::lossy::path")]
    pub file: PathBuf,
    /// Its size; unknown before it is written.
    pub bytes: Option<u64>,
}

/// What a repack has done, or would do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// The version of h5lab.
    pub h5lab: String,
    /// True if this is what would be done.
    pub dry_run: bool,
    /// The file that was read.
    #[serde(serialize_with = "crate::lossy::path")]
    pub input: PathBuf,
    /// The file that was written.
    #[serde(serialize_with = "crate::lossy::path")]
    pub output: PathBuf,
    /// Bytes of the file that was read.
    pub input_bytes: u64,
    /// Bytes of the file that was written, and of its parts; unknown before.
    pub output_bytes: Option<u64>,
    /// Bytes of all values, unfiltered.
    pub bytes: u64,
    /// Datasets that are stored otherwise.
    pub changes: Vec<Change>,
    /// Groups, datasets and committed types that were carried over.
    pub groups: u64,
    /// All datasets, those that are stored otherwise among them.
    pub datasets: u64,
    /// Committed datatypes.
    pub datatypes: u64,
    /// Threads of each rank that worked.
    pub threads: usize,
    /// Ranks that shared the work.
    pub ranks: usize,
    /// Most memory for data, in bytes.
    pub memory: u64,
    /// Seconds from the start until the file had its name; predicted, before.
    pub seconds: f64,
    /// Seconds of these in which every value was compared; absent if none was.
    pub verify_seconds: Option<f64>,
    /// The files that hold the values which the new file shows; absent if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartFile>,
    /// What should be known of it.
    pub notes: Vec<String>,
}

impl Receipt {
    /// Unfiltered MiB a second, without the comparison.
    pub fn rate(&self) -> f64 {
        let working = self.seconds - self.verify_seconds.unwrap_or(0.0);
        self.bytes as f64 / f64::from(1 << 20) / working.max(1e-9)
    }

    /// Bytes of all part files, as far as they are known.
    pub fn part_bytes(&self) -> u64 {
        self.parts.iter().filter_map(|part| part.bytes).sum()
    }

    /// The receipt for people.
    pub fn text(&self) -> String {
        let mut text = String::new();
        if !self.changes.is_empty() {
            text += &self.table();
            text += "\n";
        }
        let size = |count: Option<u64>| count.map_or("unknown".into(), bytes);
        let ratio = self
            .output_bytes
            .filter(|&n| n > 0)
            .map_or(String::new(), |after| format!(" ({} x)", rate(self.input_bytes as f64 / after as f64)));
        let (input, output) = (self.input.display().to_string(), self.output.display().to_string());
        text += &format!(
            "{} {} -> {} {}{ratio}\n",
            printable(&input),
            bytes(self.input_bytes),
            printable(&output),
            size(self.output_bytes)
        );
        text += &format!(
            "{} of values in {} s{}, {} MiB/s, {}{}, {}, {} ({} changed), {}\n",
            bytes(self.bytes),
            seconds(self.seconds),
            if self.dry_run { " (predicted)" } else { "" },
            rate(self.rate()),
            if self.ranks > 1 { format!("{} ranks x ", self.ranks) } else { String::new() },
            counted(self.threads, "thread"),
            counted(self.groups as usize, "group"),
            counted(self.datasets as usize, "dataset"),
            self.changes.len(),
            counted(self.datatypes as usize, "committed type")
        );
        text += &self.parts_line();
        text += &match self.verify_seconds {
            _ if self.dry_run => "nothing was written: --dry-run\n".to_owned(),
            Some(took) => format!("every value, attribute and link compared in {} s: the same\n", seconds(took)),
            None => "values were not compared: --verify does\n".to_owned(),
        };
        text
    }

    /// Which files belong to the new one.
    fn parts_line(&self) -> String {
        let name = |part: &PartFile| printable(&part.file.file_name().unwrap_or_default().to_string_lossy());
        let names = match &self.parts[..] {
            [] => return String::new(),
            [one] => name(one),
            [first, .., last] => format!("{} to {}", name(first), name(last)),
        };
        let size = if self.dry_run { String::new() } else { format!(", {}", bytes(self.part_bytes())) };
        format!("values in {}: {names}{size}; keep them in its folder\n", counted(self.parts.len(), "part"))
    }

    fn table(&self) -> String {
        let mut table = Table::new().word("dataset").word("").word("layout").word("filters").number("stored");
        table = table.number("ratio").number("projection").number("sinogram").number("spectrum");
        for change in self.changes.iter().take(MOST_SHOWN) {
            for (word, stored) in [("before", &change.before), ("after", &change.after)] {
                let size = stored.bytes.map_or("?".into(), bytes);
                let ratio =
                    stored.bytes.filter(|&n| n > 0).map_or("-".into(), |n| rate(change.bytes as f64 / n as f64));
                let chunks = |count: Option<u64>| count.map_or("-".into(), |n| n.to_string());
                let name = if word == "before" { printable(&change.dataset) } else { String::new() };
                let touched = &stored.touched;
                table.row([
                    name,
                    word.to_owned(),
                    if word == "after" && change.parts > 0 {
                        format!("{} in {}", stored.layout, counted(change.parts, "part"))
                    } else {
                        stored.layout.clone()
                    },
                    stored.filters.clone(),
                    size,
                    ratio,
                    chunks(touched.projection),
                    chunks(touched.sinogram),
                    chunks(touched.spectrum),
                ]);
            }
        }
        let mut text = table.render();
        if self.changes.len() > MOST_SHOWN {
            text += &format!("and {} more: --json has them all\n", self.changes.len() - MOST_SHOWN);
        }
        text += "projection, sinogram, spectrum: chunks that one read touches\n";
        if self.dry_run {
            self.changes.iter().take(MOST_SHOWN).for_each(|change| text += &groups_line(change));
        }
        text
    }
}

fn groups_line(change: &Change) -> String {
    let name = printable(&change.dataset);
    let Some(groups) = &change.groups else { return format!("{name}: moved by HDF5 itself\n") };
    format!(
        "{name}: {} of {} ({}); {}, each decoded {}\n",
        counted(groups.count as usize, "group"),
        Shape(groups.shape.clone()),
        bytes(groups.bytes),
        counted(groups.source_tiles as usize, "source tile"),
        if groups.decodes == groups.source_tiles {
            "once".to_owned()
        } else {
            format!("{} times", rate(groups.decodes as f64 / groups.source_tiles.max(1) as f64))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_touched_are_those_of_the_field_s_slices() {
        let shape = [200, 768, 1366];
        let chunked = |chunk: &[u64]| Layout::Chunked { chunk: chunk.to_vec(), filters: Vec::new() };
        let touched = |projection, sinogram, spectrum| Touched {
            projection: Some(projection),
            sinogram: Some(sinogram),
            spectrum: Some(spectrum),
        };
        assert_eq!(Touched::of(&chunked(&[1, 768, 1366]), &shape), touched(1, 200, 200));
        assert_eq!(Touched::of(&chunked(&[20, 64, 1366]), &shape), touched(12, 10, 10));
        assert_eq!(Touched::of(&Layout::Contiguous, &[7]), Touched::default());
        assert_eq!(Touched::of(&Layout::Contiguous, &[7, 0]), Touched::default());
    }
}
