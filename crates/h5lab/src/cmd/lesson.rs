//! `h5lab lesson`: the course. A lesson shows its text, measures, says what to look for, asks, and answers from records.

mod measure;
mod room;

use crate::cli::{Lesson as Args, Output};
use crate::output::{context, json, line, note, print, warnings};
use crate::{launch, usage};
use h5lab_core::failure::Result;
use h5lab_core::lesson::{Claim, LESSONS, Lesson, Page, Part, Rows, find};
use h5lab_core::record::Record;
use h5lab_core::report::sweep::{explanations, sweep_table};
use h5lab_core::report::{
    file_system_lines, file_system_table, measurement_explanations, measurement_table, view_lines,
};
use measure::Ready;
use serde::Serialize;

/// Lists the lessons, or holds one.
pub fn run(args: Args, output: &Output) -> Result<()> {
    if launch::rank().unwrap_or(0) > 0 {
        return Ok(()); // the first rank says what is to be said
    }
    let Some(word) = &args.lesson else {
        return if args.keys.given.is_empty() { list(output) } else { Err(no_lesson()) };
    };
    let lesson = find(word)?;
    if args.text {
        return text(lesson, output);
    }
    if launch::rank().is_some() {
        return Err(usage("a lesson starts its ranks itself, but a launcher started this process")
            .mend("start it without mpirun: h5lab lesson N --np 4,8,16"));
    }
    hold(lesson, &args, output)
}

fn no_lesson() -> h5lab_core::failure::Failure {
    usage("which lesson is to be measured?").mend("name one: h5lab lesson 1; `h5lab lesson` lists them")
}

/// A lesson as scripts see it.
#[derive(Serialize)]
struct Listed {
    lesson: usize,
    name: &'static str,
    title: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'static str>,
}

impl Listed {
    fn of(lesson: &'static Lesson) -> Self {
        let title = lesson.page().title();
        let title = title.split_once(": ").map_or(title, |(_, title)| title);
        Listed { lesson: lesson.number, name: lesson.name, title, text: None }
    }
}

fn list(output: &Output) -> Result<()> {
    for lesson in &LESSONS {
        let listed = Listed::of(lesson);
        match output {
            Output { json: true, .. } => json(&listed)?,
            Output { quiet: true, .. } => {}
            _ => line(format_args!("{}  {:26} {}", listed.lesson, listed.name, listed.title))?,
        }
    }
    if output.json || output.quiet { Ok(()) } else { line("\nStart with: h5lab lesson 1") }
}

fn text(lesson: &'static Lesson, output: &Output) -> Result<()> {
    match output {
        Output { json: true, .. } => json(&Listed { text: Some(lesson.text()), ..Listed::of(lesson) }),
        Output { quiet: true, .. } => Ok(()),
        _ => print(lesson.text()),
    }
}

/// Text, measurement, result, what to look for, question, answer.
fn hold(lesson: &'static Lesson, args: &Args, output: &Output) -> Result<()> {
    let page = lesson.page();
    let speaks = !output.json && !output.quiet;
    let ready = Ready::new(lesson, measure::prepared(lesson, args, speaks)?)?;
    if speaks {
        line(format_args!("{}\n\n{}\n\n{}\n", page.title(), page.introduction(), page.part(Part::WhatHappens)))?;
    }
    let records = ready.measure(args.save.as_deref(), output)?;
    if speaks {
        result(lesson, &records)?;
        warnings(&records);
        line(format_args!("\nWhat to look for\n\n{}", page.part(Part::WhatToLookFor)))?;
        line(format_args!("\nThe question\n\n{}", page.part(Part::Question)))?;
    }
    if args.answer {
        answer(lesson, &page, &records, output)?;
    } else if speaks {
        note(&format!("`h5lab lesson {} --answer` answers it from your numbers", lesson.number));
    }
    super::run::verdict(&records)
}

/// The numbers, as the lesson's table has them.
fn result(lesson: &Lesson, records: &[Record]) -> Result<()> {
    let done: Vec<&Record> = records.iter().filter(|r| !r.samples.is_empty()).collect();
    if done.is_empty() {
        return Ok(());
    }
    match lesson.rows {
        Rows::Ranks => by_ranks(&done),
        Rows::FileSystems => {
            line("\nMiB/s from open to close")?;
            print(format_args!("\n{}\n", file_system_table(&done)))?;
            file_system_lines(&done).iter().try_for_each(line)
        }
        Rows::Layouts => {
            line(format_args!("\n{}", context(&done)))?;
            by_data(&done)
        }
    }
}

/// A table with a row a rank count for each folder, direction and cache state.
fn by_ranks(records: &[&Record]) -> Result<()> {
    for group in groups(records, |r| {
        let e = &r.experiment;
        (r.file.clone(), e.direction, e.cache, e.fsync, e.method, e.access.clone(), view(r))
    }) {
        let rows: Vec<Record> = group.iter().map(|r| (*r).clone()).collect();
        line(format_args!("\n{}: {}", heading(&rows[0]), context(&[&rows[0]])))?;
        rows.iter().try_for_each(|r| view_lines(&r.views).iter().try_for_each(line))?;
        print(format_args!("\n{}", measurement_table(&rows)))?;
        print(measurement_explanations(&rows))?;
    }
    Ok(())
}

/// Whose view a record has, if any. Each rank's own part differs from the whole, but where there is one rank alone.
fn view(record: &Record) -> Option<&'static str> {
    let whole = record.views.iter().all(|view| view.shape == record.experiment.dataset.shape.0);
    match record.views.len() {
        0 => None,
        1 => Some("either"),
        _ => Some(if whole { "global" } else { "process" }),
    }
}

fn heading(record: &Record) -> String {
    let words = record.experiment.in_words();
    let direction = words.split_whitespace().next().unwrap_or_default();
    match view(record) {
        Some(view) => format!("{direction}, {view} view"),
        None if words.ends_with(", warm") => format!("{direction}, warm"),
        None if words.ends_with(", cold") => format!("{direction}, cold"),
        None => direction.to_owned(),
    }
}

/// A table with a row a cell for each kind of data.
fn by_data(records: &[&Record]) -> Result<()> {
    for group in groups(records, |r| (r.file.clone(), r.experiment.np, r.experiment.dataset.clone())) {
        let kind = group[0].experiment.dataset.data.map_or("data".into(), |data| data.kind.to_string());
        print(format_args!("\n{kind}\n{}", sweep_table(&group)))?;
        print(explanations(&group))?;
    }
    Ok(())
}

/// Records with the same key, in the order in which the first of each was measured.
fn groups<'a, K: PartialEq>(records: &[&'a Record], key: impl Fn(&Record) -> K) -> Vec<Vec<&'a Record>> {
    let mut groups: Vec<Vec<&Record>> = Vec::new();
    for record in records {
        match groups.iter_mut().find(|group| key(group[0]) == key(record)) {
            Some(group) => group.push(record),
            None => groups.push(vec![record]),
        }
    }
    groups
}

/// An answer as scripts see it.
#[derive(Serialize)]
struct Answer<'a> {
    lesson: usize,
    question: &'a str,
    answer: &'a [Claim],
}

fn answer(lesson: &Lesson, page: &Page<'_>, records: &[Record], output: &Output) -> Result<()> {
    let claims = lesson.answer(records);
    if output.json {
        return json(&Answer { lesson: lesson.number, question: page.part(Part::Question), answer: &claims });
    }
    if output.quiet {
        return Ok(());
    }
    line("\nThe answer, from these numbers\n")?;
    if claims.is_empty() {
        return line("They do not tell: too little of the lesson's plan was measured.");
    }
    claims.iter().try_for_each(|claim| line(format_args!("- {}", claim.text)))
}
