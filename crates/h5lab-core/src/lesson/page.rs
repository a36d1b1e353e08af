//! The text of a lesson, taken apart: its title, and its parts by their headings.

/// The parts of a lesson's text that are shown at different times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What happens; shown before it does.
    WhatHappens,
    /// How it is run.
    RunIt,
    /// What to look for in the result.
    WhatToLookFor,
    /// The question.
    Question,
    /// The program to edit.
    Program,
    /// What else to read.
    ReadMore,
}

impl Part {
    /// Every part, in the order of the text.
    pub const ALL: [Part; 6] =
        [Part::WhatHappens, Part::RunIt, Part::WhatToLookFor, Part::Question, Part::Program, Part::ReadMore];

    /// Its heading.
    pub const fn heading(self) -> &'static str {
        match self {
            Part::WhatHappens => "What happens",
            Part::RunIt => "Run it",
            Part::WhatToLookFor => "What to look for",
            Part::Question => "The question",
            Part::Program => "The program to edit",
            Part::ReadMore => "Read more",
        }
    }
}

/// A lesson's text.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    text: &'a str,
}

impl<'a> Page<'a> {
    /// Of a text in Markdown.
    pub fn of(text: &'a str) -> Self {
        Page { text }
    }

    /// The title, without `#`.
    pub fn title(&self) -> &'a str {
        self.text.lines().next().unwrap_or("").trim_start_matches("# ")
    }

    /// What stands between the title and the first heading.
    pub fn introduction(&self) -> &'a str {
        let body = self.text.split_once('\n').map_or("", |(_, body)| body);
        body.split("\n## ").next().unwrap_or("").trim()
    }

    /// A part, without its heading; empty if the text has none.
    pub fn part(&self, part: Part) -> &'a str {
        let heading = format!("\n## {}\n", part.heading());
        let after = self.text.split_once(&heading).map_or("", |(_, after)| after);
        after.split("\n## ").next().unwrap_or("").trim()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_taken_apart_by_its_headings() {
        let page =
            Page::of("# A lesson\n\nIt is short.\n\n## What happens\n\nLittle.\n\nMuch.\n\n## The question\n\nWhy?\n");
        assert_eq!((page.title(), page.introduction()), ("A lesson", "It is short."));
        assert_eq!((page.part(Part::WhatHappens), page.part(Part::Question)), ("Little.\n\nMuch.", "Why?"));
        assert_eq!(page.part(Part::ReadMore), "");
    }
}
