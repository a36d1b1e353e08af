//! What changed: cells of several groups paired by what they mean, with ratios and how certain they are.

mod differences;
mod key;
mod pair;
mod rule;
mod text;

pub use differences::Difference;
pub use pair::Refusal;
pub use rule::FailOn;
pub use text::text;

use crate::failure::{Failure, FailureKind, Result};
use crate::results::{Cell, Results};
use crate::stats::{Ratio, holm, median};
pub(crate) use key::{Dimension, Key};
use serde::Serialize;
use std::fmt;
use std::str::FromStr;

/// All differences together are called certain at this level: where nothing differs, at most one comparison in twenty
/// reports any.
pub const LEVEL: f64 = 0.05;

/// By what cells are grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// By the file that they were read from.
    Source,
    /// By folder.
    Path,
    /// By machine.
    Host,
    /// By version of HDF5.
    Hdf5,
    /// By MPI library.
    Mpi,
    /// By method.
    Method,
}

/// What is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// The bandwidth at which bytes moved, by which reports rank: [`Cell::bandwidth`].
    #[default]
    Bandwidth,
    /// Bandwidth of the transfer.
    Transfer,
    /// Bandwidth from open to close.
    Total,
}

/// What became of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Certainly faster.
    Faster,
    /// Certainly slower.
    Slower,
    /// No difference that is certain.
    NoChange,
    /// Fewer than three repeats on a side: nothing can be said.
    TooFew,
}

/// One cell of the base against its like.
#[derive(Clone, Debug, Serialize)]
pub struct Change {
    /// What sets it apart from the other changes.
    pub what: String,
    /// Index of the group that it is of; the base is 0.
    pub group: usize,
    /// Median bandwidth of the base, MiB/s.
    pub base: f64,
    /// Median bandwidth of the other, MiB/s.
    pub other: f64,
    /// How many repeats each has.
    pub repeats: [usize; 2],
    /// The other's median over the base's: above 1 is faster.
    pub ratio: f64,
    /// The interval of the ratio, wide enough for all changes together; absent for fewer than three repeats.
    pub interval: Option<(f64, f64)>,
    /// The probability of such a ratio where nothing differs, corrected for the number of comparisons.
    pub probability: Option<f64>,
    /// What became of it.
    pub verdict: Verdict,
}

/// The comparison of a base with other groups.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// What is compared.
    pub metric: Metric,
    /// The groups' names; the first one is the base.
    pub groups: Vec<String>,
    /// What all compared cells have in common, in words.
    pub common: String,
    /// What differs between the groups besides the numbers.
    pub differences: Vec<Difference>,
    /// Every pair: the certain changes first, by size; then what is nearest to being certain.
    pub changes: Vec<Change>,
    /// What was not compared, and why.
    pub refused: Vec<Refusal>,
    /// How many cells no other group has, or fail there, a group each; the base's are those that no other group has.
    pub alone: Vec<usize>,
    /// Those of the first group, which no other group has.
    pub lacking: Vec<String>,
    /// Cells that the base has and that failed in another group.
    pub failed: Vec<String>,
}

impl By {
    /// Every way but [`By::Source`].
    pub const ALL: [By; 5] = [By::Path, By::Host, By::Hdf5, By::Mpi, By::Method];

    /// The name that the flag uses.
    pub const fn name(self) -> &'static str {
        match self {
            By::Source => "file",
            By::Path => "path",
            By::Host => "host",
            By::Hdf5 => "hdf5",
            By::Mpi => "mpi",
            By::Method => "method",
        }
    }

    /// The name of a cell's group.
    fn group(self, results: &Results, cell: &Cell) -> String {
        let fact = |name: &str| results.around(cell).get(name).to_owned();
        match self {
            By::Source => results.sources[cell.source].clone(),
            By::Path => format!("{} ({})", fact("path"), fact("file system")),
            By::Host => fact("host"),
            By::Hdf5 => format!("HDF5 {}", fact("HDF5")),
            By::Mpi => fact("MPI"),
            By::Method => cell.method_word().to_owned(),
        }
    }

    /// The dimension that groups differ in by definition.
    const fn dimension(self) -> Option<Dimension> {
        match self {
            By::Source => None,
            By::Path => Some(Dimension::Path),
            By::Host => Some(Dimension::Host),
            By::Hdf5 => Some(Dimension::Hdf5),
            By::Mpi => Some(Dimension::Mpi),
            By::Method => Some(Dimension::Method),
        }
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for By {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self> {
        By::ALL.into_iter().find(|by| by.name() == text).ok_or_else(|| {
            Failure::new(FailureKind::Usage, format!("unknown --by '{}'", crate::report::printable(text)))
                .mend(format!("use {}", By::ALL.map(By::name).join(", ")))
        })
    }
}

impl Metric {
    fn samples(self, cell: &Cell) -> Vec<f64> {
        match self {
            Metric::Bandwidth => cell.bandwidth(),
            Metric::Transfer => cell.transfer(),
            Metric::Total => cell.total(),
        }
    }

    /// What it is called in a table.
    pub const fn name(self) -> &'static str {
        match self {
            Metric::Bandwidth => "bandwidth",
            Metric::Transfer => "transfer",
            Metric::Total => "total",
        }
    }

    /// What it is, in words.
    pub const fn in_words(self) -> &'static str {
        match self {
            Metric::Bandwidth => "bandwidth of the transfer; of writes, from its begin to the end of the close",
            Metric::Transfer => "bandwidth of the transfer; what a write leaves for the close is not in it",
            Metric::Total => "bandwidth from open to close",
        }
    }
}

/// Cells of one name.
pub(crate) struct Group<'a> {
    pub(crate) name: String,
    pub(crate) cells: Vec<&'a Cell>,
}

/// The groups, in the order in which they appear.
fn groups(results: &Results, by: By) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = match by {
        By::Source => results.sources.iter().map(|name| Group { name: name.clone(), cells: Vec::new() }).collect(),
        _ => Vec::new(),
    };
    for cell in &results.cells {
        if by == By::Source {
            groups[cell.source].cells.push(cell);
            continue;
        }
        let name = by.group(results, cell);
        match groups.iter_mut().find(|group| group.name == name) {
            Some(group) => group.cells.push(cell),
            None => groups.push(Group { name, cells: vec![cell] }),
        }
    }
    groups
}

/// Compares the first group with each of the others.
///
/// # Errors
/// `Input` if there are no two groups, or no cell of the first has its like in another: with the reason.
pub fn compare(results: &Results, by: By, metric: Metric) -> Result<Comparison> {
    let groups = groups(results, by);
    if groups.len() < 2 {
        return Err(too_few_groups(&groups, by));
    }
    let key = Key::of(results, &groups, by);
    let paired = pair::pair(&key, &groups, metric);
    if paired.pairs.is_empty() {
        return Err(nothing_alike(&groups, &paired));
    }
    let mut changes: Vec<Change> = paired.pairs.iter().map(|pair| change(pair, &key, &paired.varying)).collect();
    correct(&mut changes, &paired.pairs);
    changes.sort_by(|a, b| {
        let ((a_class, a_rank), (b_class, b_rank)) = (rank(a), rank(b));
        a_class.cmp(&b_class).then(a_rank.total_cmp(&b_rank)).then_with(|| a.what.cmp(&b.what))
    });
    Ok(Comparison {
        metric,
        differences: differences::differences(results, &groups, &key, &paired.pairs),
        common: key.words(&paired.pairs[0].key, |index| !paired.varying[index]),
        groups: groups.into_iter().map(|group| group.name).collect(),
        changes,
        refused: paired.refused,
        alone: paired.alone,
        lacking: paired.lacking,
        failed: paired.failed,
    })
}

fn change(pair: &pair::Pair<'_>, key: &Key<'_>, varying: &[bool]) -> Change {
    let [base, other] = &pair.samples;
    let (base_median, other_median) = (median(base).unwrap_or(0.0), median(other).unwrap_or(0.0));
    Change {
        what: key.words(&pair.key, |index| varying[index]),
        group: pair.group,
        base: base_median,
        other: other_median,
        repeats: [base.len(), other.len()],
        ratio: other_median / base_median,
        interval: None,
        probability: None,
        verdict: Verdict::TooFew,
    }
}

/// Intervals, probabilities and verdicts, corrected for how many there are.
fn correct(changes: &mut [Change], pairs: &[pair::Pair<'_>]) {
    let ratios: Vec<Option<Ratio>> = pairs.iter().map(|p| Ratio::of(&p.samples[0], &p.samples[1])).collect();
    let known: Vec<f64> = ratios.iter().flatten().map(Ratio::probability).collect();
    let mut corrected = holm(&known, LEVEL).into_iter();
    for (change, ratio) in changes.iter_mut().zip(&ratios) {
        let Some((ratio, corrected)) = ratio.and_then(|ratio| Some((ratio, corrected.next()?))) else { continue };
        change.interval = Some(ratio.interval(corrected.confidence));
        change.probability = Some(corrected.probability);
        change.verdict = match corrected.probability <= LEVEL {
            false => Verdict::NoChange,
            true if change.ratio > 1.0 => Verdict::Faster,
            true => Verdict::Slower,
        };
    }
}

/// Certain changes first, by their size. Of the others, what is largest is mostly noise: the nearer to being certain, the
/// further up; what has too few repeats for that is last.
fn rank(change: &Change) -> (u8, f64) {
    let size = change.ratio.ln().abs();
    match (change.verdict, change.interval) {
        (Verdict::Faster | Verdict::Slower, _) => (0, -size),
        (_, Some((low, high))) => (1, -size / (high / low).ln()),
        (_, None) => (2, -size),
    }
}

fn too_few_groups(groups: &[Group<'_>], by: By) -> Failure {
    let only = groups.first().map_or("no record".into(), |group| format!("only {}", group.name));
    let (why, mend) = match by {
        By::Source => ("two result files are needed".to_owned(), "name two, or group one with --by path"),
        _ => (format!("--by {by} finds {only}"), "name another result file as well, or another --by"),
    };
    Failure::new(FailureKind::Input, why).mend(mend)
}

fn nothing_alike(groups: &[Group<'_>], paired: &pair::Paired<'_>) -> Failure {
    let names: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
    let mut why = format!("no cell of {} has its like in {}", names[0], names[1..].join(", "));
    if let Some(first) = paired.refused.first() {
        why += &format!(": {}: {}", first.what, first.why);
    }
    Failure::new(FailureKind::Input, crate::report::printable(&why))
        .mend("measure the same plan in both; what must be equal is in docs/method.md")
}

#[cfg(test)]
mod tests;
