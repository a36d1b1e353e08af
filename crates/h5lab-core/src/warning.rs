//! What the reader of a number should know before trusting it; each warning's text says what to do next.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A warning about a measurement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "code")]
pub enum Warning {
    /// A write was measured into the page cache.
    NotSynced,
    /// A cache state was asked for, and could not be reached or checked.
    CacheUnverified {
        /// What was asked for: `cold` or `warm`.
        wanted: String,
        /// Share of the file's pages that were resident, if that is known.
        resident: Option<f64>,
    },
    /// More ranks than cores: ranks wait for each other's time slices.
    MoreRanksThanCores {
        /// Ranks asked for.
        ranks: usize,
        /// Cores that this process may use.
        cores: usize,
    },
    /// The file system is memory.
    MemoryFileSystem {
        /// Its type: `tmpfs`, `ramfs`.
        kind: String,
    },
    /// The file has no record of how its values were made, or of a source file that is no longer there as it was.
    NothingToVerify {
        /// Which of these it is, if that was looked up.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// A single repeat says nothing about its spread.
    SingleSample,
    /// Faster than the ceiling, which cannot be: noise, or the page cache.
    AboveCeiling {
        /// Share of the ceiling.
        share: f64,
    },
    /// The ceiling was not measured.
    NoCeiling {
        /// Why.
        reason: String,
    },
    /// Some ranks had no row.
    IdleRanks {
        /// How many.
        idle: usize,
        /// Rows there were.
        rows: u64,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::NotSynced => {
                f.write_str("written to the page cache, not yet to the device: add --fsync to measure the device")
            }
            Warning::CacheUnverified { wanted, resident: Some(share) } => write!(
                f,
                "asked for a {wanted} read, but {:.0} % of the file was in the page cache: compare with care",
                share * 100.0
            ),
            Warning::CacheUnverified { wanted, resident: None } => {
                write!(f, "asked for a {wanted} read, but the page cache can't be checked here: take it as unverified")
            }
            Warning::MoreRanksThanCores { ranks, cores } => write!(
                f,
                "{ranks} ranks on {cores} cores: they share time slices; use at most --np {cores} to see the storage"
            ),
            Warning::MemoryFileSystem { kind } => {
                write!(f, "{kind} is memory, not storage: choose a path on a disk to measure one")
            }
            Warning::NothingToVerify { reason } => {
                let reason = reason.as_deref().unwrap_or("nothing says what the values should be");
                write!(f, "read, but not verified: {reason}")
            }
            Warning::SingleSample => f.write_str("one repeat says nothing about its spread: add --repeat 5"),
            Warning::AboveCeiling { share } => {
                write!(f, "{:.0} % of the posix ceiling cannot be: {NOISE}", share * 100.0)
            }
            Warning::NoCeiling { reason } => write!(f, "no posix ceiling: {reason}"),
            Warning::IdleRanks { idle, rows } => {
                let ranks = if *idle == 1 { "rank" } else { "ranks" };
                let rows =
                    if *rows == 1 { "there is only 1 row".into() } else { format!("there are only {rows} rows") };
                write!(f, "{idle} {ranks} had nothing to do: {rows}; use fewer ranks")
            }
        }
    }
}

/// What a share above the ceiling comes from, and what to do about it.
const NOISE: &str = "noise, or the page cache was busy with the other's data; take the median of more repeats, and --fsync \
                     for writes";

/// The texts of many warnings: each once, and all shares above the ceiling as one.
pub fn texts<'a>(warnings: impl IntoIterator<Item = &'a Warning>) -> Vec<String> {
    let (mut texts, mut shares) = (Vec::new(), Vec::new());
    for warning in warnings {
        match warning {
            Warning::AboveCeiling { share } => shares.push(*share),
            _ => texts.push(warning.to_string()),
        }
    }
    let mut said = std::collections::HashSet::new();
    texts.retain(|text| said.insert(text.clone()));
    let (least, most) = (shares.iter().copied().reduce(f64::min), shares.iter().copied().reduce(f64::max));
    texts.extend(least.zip(most).map(|(least, most)| above_ceiling(shares.len(), least, most)));
    texts
}

/// The text of so many warnings of bandwidths above the ceiling, of which these are the least and the most share.
pub(crate) fn above_ceiling(count: usize, least: f64, most: f64) -> String {
    match count {
        1 => Warning::AboveCeiling { share: most }.to_string(),
        rows => format!(
            "{rows} rows with {:.0} to {:.0} % of the posix ceiling, which cannot be: {NOISE}",
            least * 100.0,
            most * 100.0
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_warnings_are_few_texts() {
        let above = |share| Warning::AboveCeiling { share };
        let all = [above(1.5), Warning::SingleSample, above(24.2), Warning::SingleSample, above(1.28)];
        let texts = texts(&all);
        assert_eq!(texts.len(), 2, "{texts:?}");
        assert_eq!(texts[0], Warning::SingleSample.to_string());
        assert!(
            texts[1].starts_with("3 rows with 128 to 2420 % of the posix ceiling, which cannot be: noise"),
            "{texts:?}"
        );
        assert_eq!(super::texts(&all[..2])[1], above(1.5).to_string());
    }

    #[test]
    fn one_is_not_many() {
        let text = |idle, rows| Warning::IdleRanks { idle, rows }.to_string();
        assert_eq!(text(1, 2), "1 rank had nothing to do: there are only 2 rows; use fewer ranks");
        assert_eq!(text(3, 1), "3 ranks had nothing to do: there is only 1 row; use fewer ranks");
    }

    #[test]
    fn a_warning_of_an_old_record_has_no_reason() {
        let old: Warning = serde_json::from_str(r#"{"code":"nothing-to-verify"}"#).unwrap();
        assert_eq!(old, Warning::NothingToVerify { reason: None });
        assert_eq!(old.to_string(), "read, but not verified: nothing says what the values should be");
        assert_eq!(serde_json::to_string(&old).unwrap(), r#"{"code":"nothing-to-verify"}"#);
    }
}
