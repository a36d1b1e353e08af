//! A comparison as text: what differs, a row a pair, what was left out.

use super::{Change, Comparison, LEVEL, Verdict};
use crate::report::{Table, printable, rate, significant};

/// So many lines of what was not compared are shown.
const MOST_REFUSED: usize = 10;

/// The whole comparison.
pub fn text(comparison: &Comparison) -> String {
    let mut text = String::new();
    for (index, name) in comparison.groups.iter().enumerate() {
        text += &format!("{}  {}\n", letter(index), printable(name));
    }
    text += &surroundings(comparison);
    if !comparison.common.is_empty() {
        text += &format!("\nall cells: {}\n", comparison.common);
    }
    text += &format!("\ncompared: {}\n", comparison.metric.in_words());
    text += &format!("\n{}\n{}", table(comparison), summary(comparison));
    text + &left_out(comparison)
}

/// `A`, `B`, ... `Z`, `27`, ...
fn letter(index: usize) -> String {
    match u8::try_from(index) {
        Ok(small @ 0..=25) => char::from(b'A' + small).to_string(),
        _ => (index + 1).to_string(),
    }
}

fn surroundings(comparison: &Comparison) -> String {
    if comparison.differences.is_empty() {
        return "\nmachine, libraries, file system and settings are the same\n".into();
    }
    let mut table = Table::new().word("what differs");
    for index in 0..comparison.groups.len() {
        table = table.word(&letter(index));
    }
    for difference in &comparison.differences {
        table.row(std::iter::once(difference.fact.clone()).chain(difference.values.clone()));
    }
    format!("\n{}", table.render())
}

fn table(comparison: &Comparison) -> String {
    let two = comparison.groups.len() == 2;
    let metric = comparison.metric.name();
    let other = if two { "B" } else { "other" };
    let mut table = Table::new()
        .word("\ncell")
        .number(&format!("A {metric}\nMiB/s"))
        .number(&format!("{other} {metric}\nMiB/s"))
        .number(&format!("\n{other}/A"))
        .number("\ninterval")
        .word("\nverdict");
    for change in &comparison.changes {
        table.row(row(change, two));
    }
    table.render()
}

fn row(change: &Change, two: bool) -> Vec<String> {
    let what = if change.what.is_empty() { "the cell" } else { &change.what };
    let group = if two { String::new() } else { format!("{}: ", letter(change.group)) };
    vec![
        format!("{group}{what}"),
        rate(change.base),
        rate(change.other),
        significant(change.ratio),
        change.interval.map_or("-".into(), interval),
        verdict(change),
    ]
}

/// `0.91..1.12`; what is beyond a factor of 1000 says no more than that.
fn interval((low, high): (f64, f64)) -> String {
    let low = if low < 1e-3 { "<0.001".into() } else { significant(low) };
    let high = if high > 1e3 { ">1000".into() } else { significant(high) };
    format!("{low}..{high}")
}

/// `12 % slower`, `2.3 times as fast`, `no change`; `nothing certain` where a change might hide in a wide interval.
pub(crate) fn verdict(change: &Change) -> String {
    let ratio = change.ratio;
    match change.verdict {
        Verdict::TooFew => format!("too few repeats ({} and {})", change.repeats[0], change.repeats[1]),
        Verdict::NoChange if change.interval.is_some_and(|(low, high)| low < 1.0 / WIDE || high > WIDE) => {
            "nothing certain".into()
        }
        Verdict::NoChange => "no change".into(),
        Verdict::Faster if ratio >= 2.0 => format!("{} times as fast", significant(ratio)),
        Verdict::Faster => format!("{:.0} % faster", (ratio - 1.0) * 100.0),
        Verdict::Slower if ratio <= 0.5 => format!("takes {} times as long", significant(1.0 / ratio)),
        Verdict::Slower => format!("{:.0} % slower", (1.0 - ratio) * 100.0),
    }
}

/// A factor that makes a difference.
const WIDE: f64 = 1.1;

fn summary(comparison: &Comparison) -> String {
    let count = |verdict: Verdict| comparison.changes.iter().filter(|change| change.verdict == verdict).count();
    let all = comparison.changes.len();
    let mut text = format!(
        "{all} {}: {} slower, {} faster, {} without a change that is certain",
        if all == 1 { "pair" } else { "pairs" },
        count(Verdict::Slower),
        count(Verdict::Faster),
        count(Verdict::NoChange)
    );
    if count(Verdict::TooFew) > 0 {
        text += &format!(", {} with too few repeats: add --repeat 5", count(Verdict::TooFew));
    }
    text + &format!(
        " ({:.0} % sure of all together; spread within a run is known, drift between runs is not)\n",
        (1.0 - LEVEL) * 100.0
    )
}

fn left_out(comparison: &Comparison) -> String {
    let mut text = String::new();
    for refusal in comparison.refused.iter().take(MOST_REFUSED) {
        text += &format!("not compared: {}: {}\n", refusal.what, refusal.why);
    }
    if let Some(more @ 1..) = comparison.refused.len().checked_sub(MOST_REFUSED) {
        text += &format!("not compared: {more} more\n");
    }
    for (index, &alone) in comparison.alone.iter().enumerate().filter(|(_, alone)| **alone > 0) {
        let cells = if alone == 1 { "cell has" } else { "cells have" };
        let where_ = if index == 0 { "elsewhere" } else { "in A" };
        text += &format!("{}: {alone} {cells} no like {where_}\n", letter(index));
        if index == 0 {
            let more = alone.saturating_sub(MOST_REFUSED);
            let names = comparison.lacking.iter().take(MOST_REFUSED).cloned();
            let rest = (more > 0).then(|| format!("and {more} more"));
            names.chain(rest).for_each(|name| text += &format!("   {name}\n"));
        }
    }
    text
}
