//! The answer as text: the table, why, how sure, and what to type.

use super::{Advice, Commands, Origin, Row, Verdict};
use crate::report::{Table, bytes, printable, seconds, significant};
use std::fmt;
use std::fmt::Write;

/// All of it.
pub fn text(advice: &Advice, commands: Option<&Commands>) -> String {
    let mut text = heading(advice);
    text += "\n";
    text += &table(advice);
    text += "\n";
    for verdict in &advice.verdicts {
        let _ = writeln!(text, "{}", sentence(verdict, advice));
    }
    if let Some((median, tail)) = advice.model_error {
        let _ = writeln!(
            text,
            "The model's predictions were off by {:.0} % in the median, {:.0} % in the worst tenth of the reads.",
            median * 100.0,
            tail * 100.0
        );
    }
    if let Some(commands) = commands {
        text += "\n";
        let lines = [commands.repack.as_ref(), commands.h5repack.as_ref(), Some(&commands.h5py)];
        for line in lines.into_iter().flatten() {
            let _ = writeln!(text, "  {line}");
        }
    }
    text
}

fn heading(advice: &Advice) -> String {
    let from = if advice.cold { "the device (cold)" } else { "the page cache (warm)" };
    let readers = if advice.np > 1 { format!(", {} at a time", advice.np) } else { String::new() };
    let mut text = format!(
        "{}: {}, read by {}{readers} from {from}: {}\n{} layouts scored",
        printable(&advice.subject),
        advice.dataset,
        advice.reader,
        advice.workload.in_words(),
        advice.scored
    );
    let measured = advice.rows.iter().filter(|row| row.measured.is_some()).count();
    if let Some(sample) = advice.sample.as_ref().filter(|_| measured > 0) {
        let shape = crate::dataset::Shape(sample.shape.clone());
        let _ = write!(text, ", {measured} written and read on {} ({shape}", bytes(sample.bytes));
        let _ = if sample.share < 0.999 {
            write!(text, ", {} % of the data)", significant(sample.share * 100.0))
        } else {
            write!(text, ", all of it)")
        };
    }
    let _ = writeln!(text, ", in {} s", significant(advice.seconds));
    for note in &advice.workload.notes {
        let _ = writeln!(text, "note: {}", printable(note));
    }
    text
}

fn table(advice: &Advice) -> String {
    let shares = advice.workload.shares();
    let mut table = Table::new().word("\n").word("\nlayout").number("an average\nread, s").number("95 %\ninterval");
    for read in &advice.workload.reads {
        table = table.number(&format!("one\n{}", read.name));
    }
    table = table.number("\nsize").number("write\ns").number("predicted\nread, s").number("\nerror").word("\n");
    for (number, row) in advice.rows.iter().enumerate() {
        table.row(line(advice, row, &shares, number));
    }
    table.render()
}

fn line(advice: &Advice, row: &Row, shares: &[f64], number: usize) -> Vec<String> {
    let dash = || "-".to_owned();
    let interval = row.interval(shares).map_or_else(dash, |(low, high)| format!("{}..{}", seconds(low), seconds(high)));
    let mut cells = vec![
        if advice.front.contains(&number) { "*" } else { "" }.to_owned(),
        row.layout.to_string(),
        seconds(row.read(shares)),
        interval,
    ];
    cells.extend((0..shares.len()).map(|access| seconds(row.read_of(access))));
    let error = row.error(shares).map_or_else(dash, |error| format!("{:+.0} %", error * 100.0));
    cells.extend([bytes(row.stored()), seconds(row.write()), seconds(row.predicted.read), error]);
    cells.push(remark(row, number));
    cells
}

fn remark(row: &Row, number: usize) -> String {
    let mut words = Vec::new();
    if number == 0 {
        words.push("recommended".to_owned());
    }
    match row.origin {
        Origin::Today => words.push("today".into()),
        Origin::Auto => words.push("h5py's guess".into()),
        Origin::Proposed => {}
    }
    match (&row.failure, &row.measured) {
        (Some(why), _) => words.push(format!("failed: {}", printable(why))),
        (None, None) => words.push("model only".into()),
        _ => {}
    }
    words.join(", ")
}

/// A verdict as a sentence.
fn sentence(verdict: &Verdict, advice: &Advice) -> String {
    let first = &advice.rows[0];
    match verdict {
        Verdict::Faster { times, size } => format!(
            "{} reads {} times as fast as what is there, and takes {}{}.",
            first.layout,
            significant(*times),
            in_size(*size),
            why(advice)
        ),
        Verdict::Fastest => format!("{} is the fastest{}.", first.layout, why(advice)),
        Verdict::NothingToGain { gain } => format!(
            "Nothing is worth changing: the best other layout would read {:.0} % faster, which does not pay for a repack.",
            gain * 100.0
        ),
        other => other.to_string(),
    }
}

fn in_size(size: f64) -> String {
    if (size - 1.0).abs() < 0.05 { "as much space".into() } else { format!("{} times the space", significant(size)) }
}

/// Why the first layout fits: how much is read for what is asked for.
fn why(advice: &Advice) -> String {
    let amplification = &advice.rows[0].predicted.amplification;
    let told: Vec<String> = advice
        .workload
        .reads
        .iter()
        .zip(amplification)
        .map(|(read, times)| format!("{} {}", significant(*times), read.name))
        .collect();
    format!(": for each byte asked for, its reads take so many: {}", told.join(", "))
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Faster { .. } | Verdict::Fastest | Verdict::NothingToGain { .. } => Ok(()),
            Verdict::NotSeparated { others } => write!(
                f,
                "{others} other{} as fast, as far as could be measured; this one is the smallest, or the first of equals.",
                if *others == 1 { " is" } else { "s are" }
            ),
            Verdict::Conflict { costs } => {
                let costs: Vec<String> =
                    costs.iter().map(|(read, times)| format!("{read} {} times", significant(*times))).collect();
                write!(
                    f,
                    "The reads want different layouts, and this one is a compromise. It takes, of what the best layout for \
                     that read alone would take: {}. Two copies in two layouts would give each its best.",
                    costs.join(", ")
                )
            }
            Verdict::Untried { filters } => write!(
                f,
                "No time was left to try {}: give more with --time, or name the filters that matter with --filter.",
                filters.join(", ")
            ),
            Verdict::Sample { share } => write!(
                f,
                "Measured on {} % of the data; times and sizes of the whole are the model's continuation.",
                significant(share * 100.0)
            ),
            Verdict::SmallSample { why } => write!(f, "The sample was too small to trust the differences: {why}."),
            Verdict::ModelOnly { why } => {
                write!(f, "Nothing was measured ({why}): these are the model's numbers alone.")
            }
            Verdict::TimeUp { rounds } => {
                write!(
                    f,
                    "The time was up after {rounds} rounds, before the first two could be told apart: add --time."
                )
            }
            Verdict::KeptSmall { most } => write!(
                f,
                "Only layouts of up to {} were considered, as the data is compressed today: --max-size changes that.",
                bytes(*most)
            ),
        }
    }
}
