//! Lines of result files that are not shown: how many there are of each kind, and why.

/// Lines of one file that were passed over for one reason.
#[derive(Clone, Debug)]
struct Passed {
    source: usize,
    why: String,
    /// The first ones, counted from 1.
    lines: Vec<usize>,
    count: usize,
}

/// So many reasons are told, and lines named for each.
const REASONS: usize = 50;
const LINES: usize = 5;

/// All that was passed over.
#[derive(Clone, Debug, Default)]
pub(super) struct PassedOver {
    reasons: Vec<Passed>,
    /// Lines beyond those with a reason that is told.
    others: usize,
}

impl PassedOver {
    /// Takes note of a line.
    pub(super) fn add(&mut self, source: usize, line: usize, why: String) {
        let room = self.reasons.len() < REASONS;
        match self.reasons.iter_mut().find(|known| known.source == source && known.why == why) {
            Some(known) => {
                known.count += 1;
                if known.lines.len() < LINES {
                    known.lines.push(line);
                }
            }
            None if room => {
                self.reasons.push(Passed { source, why, lines: vec![line], count: 1 });
            }
            None => self.others += 1,
        }
    }

    /// A sentence a reason, without its full stop: `r.jsonl: 3 lines passed over (2, 5, 9): a time of it is negative`.
    pub(super) fn told(&self, sources: &[String]) -> Vec<String> {
        let mut all: Vec<String> = self.reasons.iter().map(|passed| one(passed, sources)).collect();
        if self.others > 0 {
            all.push(format!("{} passed over for other reasons", crate::report::counted(self.others, "more line")));
        }
        all
    }
}

fn one(passed: &Passed, sources: &[String]) -> String {
    let source = sources.get(passed.source).map_or("", String::as_str);
    let why = &passed.why;
    if passed.count == 1 {
        return format!("{source}, line {}: passed over: {why}", passed.lines[0]);
    }
    let lines: Vec<String> = passed.lines.iter().map(usize::to_string).collect();
    let more = if passed.count > lines.len() { ", ..." } else { "" };
    format!("{source}: {} lines passed over ({}{more}): {why}", passed.count, lines.join(", "))
}
