//! What makes a comparison fail: `slower:10%`.

use super::{By, Change, Comparison, Verdict};
use crate::failure::{Failure, FailureKind, Result};
use crate::report::printable;
use std::fmt;
use std::str::FromStr;

/// How much change is too much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FailOn {
    kind: Kind,
    /// As a share: 0.1 is 10 %.
    share: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Slower,
    Changed,
}

impl FailOn {
    /// Whether a change is certain, and that large.
    fn holds(&self, change: &Change) -> bool {
        let slower = change.verdict == Verdict::Slower && change.ratio <= 1.0 - self.share;
        let faster = change.verdict == Verdict::Faster && change.ratio >= 1.0 + self.share;
        slower || (self.kind == Kind::Changed && faster)
    }

    /// Passes a comparison, or not.
    ///
    /// # Errors
    /// `Changed`, if a cell changed as much as is not allowed, or failed where the base did not; or if another file lacks
    /// cells of the base, or has too few repeats of them to tell: what was not measured has passed nothing.
    pub fn check(&self, comparison: &Comparison, by: By) -> Result<()> {
        let bad: Vec<&Change> = comparison.changes.iter().filter(|change| self.holds(change)).collect();
        let mut parts = Vec::new();
        if let Some(first) = bad.first() {
            let word = match bad.len() {
                1 => "cell is".to_owned(),
                _ => "cells are".to_owned(),
            };
            parts.push(format!("{} {word} {self} or more; the first: {}", bad.len(), first.what));
        }
        if let Some(first) = comparison.failed.first() {
            parts.push(format!("{} failed; the first: {first}", comparison.failed.len()));
        }
        if let (By::Source, Some(lacking @ 1..)) = (by, comparison.alone.first()) {
            let first = comparison.lacking.first().map_or(String::new(), |first| format!("; the first: {first}"));
            parts.push(format!("{lacking} of A's cells were not measured again{first}"));
        }
        let few = comparison.changes.iter().filter(|change| change.verdict == Verdict::TooFew).count();
        if few > 0 {
            parts.push(format!("{few} of {} pairs have too few repeats to tell: --repeat 5", comparison.changes.len()));
        }
        if parts.is_empty() {
            return Ok(());
        }
        Err(Failure::new(FailureKind::Changed, parts.join("; ")).mend("see the table; measure again to be sure"))
    }
}

/// `slower by 10 %`.
impl fmt::Display for FailOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.kind {
            Kind::Slower => "slower",
            Kind::Changed => "changed",
        };
        write!(f, "{word} by {} %", crate::report::significant(self.share * 100.0))
    }
}

impl FromStr for FailOn {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self> {
        let parse = || {
            let (kind, share) = text.split_once(':')?;
            let kind = match kind {
                "slower" => Kind::Slower,
                "changed" => Kind::Changed,
                _ => return None,
            };
            let percent: f64 = share.strip_suffix('%')?.trim().parse().ok()?;
            let most = if kind == Kind::Slower { 100.0 } else { f64::MAX };
            (percent >= 0.0 && percent < most).then_some(FailOn { kind, share: percent / 100.0 })
        };
        parse().ok_or_else(|| {
            Failure::new(FailureKind::Usage, format!("unknown --fail-on '{}'", printable(text)))
                .mend("write slower:10% or changed:10%: a percentage, for slower below 100%")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_as_they_are_written() {
        let rule: FailOn = "slower:10%".parse().unwrap();
        assert_eq!((rule.kind, rule.share, rule.to_string().as_str()), (Kind::Slower, 0.1, "slower by 10.0 %"));
        assert!("changed:250%".parse::<FailOn>().is_ok());
        for bad in ["slower", "slower:10", "slower:-1%", "slower:100%", "slower:x%", "quicker:10%", "", "slower:NaN%"] {
            assert_eq!(bad.parse::<FailOn>().unwrap_err().kind, FailureKind::Usage, "{bad}");
        }
    }
}
