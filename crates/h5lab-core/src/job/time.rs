//! A time limit, as schedulers and people write it.

use std::fmt;
use std::str::FromStr;

/// Longest that a job may take: whole seconds, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeLimit(u64);

impl TimeLimit {
    /// Its seconds.
    pub fn seconds(self) -> u64 {
        self.0
    }

    /// Seconds before the end at which h5lab is to be told: a minute, or a tenth of a short time.
    pub fn notice(self) -> u64 {
        (self.0 / 10).clamp(1, 60)
    }

    /// The time at which h5lab is to be told, so that it ends before the limit.
    pub fn before_notice(self) -> TimeLimit {
        TimeLimit((self.0 - self.notice()).max(1))
    }
}

/// `1:00:00`: hours, minutes, seconds, which every scheduler takes.
impl fmt::Display for TimeLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{:02}:{:02}", self.0 / 3600, self.0 / 60 % 60, self.0 % 60)
    }
}

/// `1:30:00`, `2-00:00:00` (days), `90m`, `2h`, `45s`. A number alone means minutes to Slurm and seconds to Grid Engine, so it
/// means nothing here.
impl FromStr for TimeLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let seconds = with_unit(text).or_else(|| with_colons(text));
        let seconds = seconds.filter(|&seconds| seconds > 0).map(TimeLimit);
        seconds.ok_or_else(|| "write hours:minutes:seconds (1:30:00), days-h:m:s (2-00:00:00), 90m or 2h".into())
    }
}

fn with_unit(text: &str) -> Option<u64> {
    let units = [("h", 3600), ("min", 60), ("m", 60), ("s", 1)];
    units.iter().find_map(|&(unit, seconds)| number(text.strip_suffix(unit)?)?.checked_mul(seconds))
}

fn with_colons(text: &str) -> Option<u64> {
    let (days, rest) = text.split_once('-').map_or(Some((0, text)), |(days, rest)| Some((number(days)?, rest)))?;
    let parts: Vec<u64> = rest.split(':').map(number).collect::<Option<_>>()?;
    let &[hours, minutes, seconds] = &parts[..] else { return None };
    let hours = days.checked_mul(24)?.checked_add(hours)?;
    (minutes < 60 && seconds < 60).then_some(())?;
    hours.checked_mul(3600)?.checked_add(minutes * 60 + seconds)
}

/// Digits alone: no sign, no blank.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}
