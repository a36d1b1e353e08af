//! The six lessons of the course: their texts, their plans, and answers that are made from what was measured.
//!
//! An answer is a pure function of records: a list of claims, each with the numbers that it rests on. Whoever has the
//! records can recompute them.

mod claim;
mod file_systems;
mod fit;
mod layouts;
mod page;
mod scaling;
mod views;

pub use claim::Claim;
pub use fit::fit;
pub use page::{Page, Part};

use crate::failure::{Failure, FailureKind, Result};
use crate::record::Record;
use crate::report::printable;
use crate::sweep::{Sweep, from_toml};

/// How a lesson's measurements are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// As `h5lab run` makes them, from the lesson's plan.
    Sweep,
    /// As `h5lab write` and then `h5lab read` with either view do, with the plan's dataset and rank counts.
    Views,
}

/// What the table of a lesson has as its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// Rank counts.
    Ranks,
    /// File systems.
    FileSystems,
    /// Layouts.
    Layouts,
}

/// A lesson.
#[derive(Clone, Copy, Debug)]
pub struct Lesson {
    /// Its number, counted from 1.
    pub number: usize,
    /// The name of its folder.
    pub name: &'static str,
    /// The shape of the course's own dataset, which needs gigabytes.
    pub full: &'static str,
    /// How it is measured.
    pub course: Course,
    /// What its table compares.
    pub rows: Rows,
    readme: &'static str,
    plan: &'static str,
    answer: fn(&[&Record]) -> Vec<Claim>,
}

macro_rules! lesson {
    ($number:literal, $name:literal, $full:literal, $course:ident, $rows:ident, $answer:path) => {
        Lesson {
            number: $number,
            name: $name,
            full: $full,
            course: Course::$course,
            rows: Rows::$rows,
            readme: include_str!(concat!("../../../../lessons/", $name, "/README.md")),
            plan: include_str!(concat!("../../../../lessons/", $name, "/plan.toml")),
            answer: $answer,
        }
    };
}

/// All of them, in order.
pub static LESSONS: [Lesson; 6] = [
    lesson!(1, "01-parallel-write", "128x10000000", Sweep, Ranks, scaling::of_a_write),
    lesson!(2, "02-parallel-read", "128x10000000", Sweep, Ranks, scaling::of_a_read),
    lesson!(3, "03-views", "128x10000000", Views, Ranks, views::answer),
    lesson!(4, "04-file-systems", "128x10000000", Sweep, FileSystems, file_systems::parallel_or_local),
    lesson!(5, "05-network-or-workstation", "128x10000000", Sweep, FileSystems, file_systems::network_or_workstation),
    lesson!(6, "06-chunks-and-compression", "500x768x1366", Sweep, Layouts, layouts::answer),
];

/// The lesson of this number or name.
///
/// # Errors
/// A usage failure that says which there are.
pub fn find(word: &str) -> Result<&'static Lesson> {
    let wanted = |lesson: &&Lesson| word.parse() == Ok(lesson.number) || word == lesson.name;
    LESSONS.iter().find(wanted).ok_or_else(|| {
        Failure::new(FailureKind::Usage, format!("there is no lesson '{}'", printable(word)))
            .mend(format!("use a number from 1 to {}; `h5lab lesson` lists them", LESSONS.len()))
    })
}

impl Lesson {
    /// Its text, taken apart.
    pub fn page(&self) -> Page<'static> {
        Page::of(self.readme)
    }

    /// Its text as it stands in the folder.
    pub fn text(&self) -> &'static str {
        self.readme
    }

    /// Its plan. Keys that the plan leaves out have their usual values.
    ///
    /// # Errors
    /// None: the plan is part of the program, and tested.
    pub fn sweep(&self) -> Result<Sweep> {
        from_toml(self.plan, Sweep::default())
    }

    /// Answers the lesson's question from these records; nothing where they do not tell.
    pub fn answer(&self, records: &[Record]) -> Vec<Claim> {
        let told: Vec<&Record> = records.iter().filter(|r| r.failure.is_none() && !r.samples.is_empty()).collect();
        (self.answer)(&told)
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
