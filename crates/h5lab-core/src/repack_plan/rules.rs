//! Which datasets get which layout and which filters: what the command line asks for, in h5lab's words or h5repack's.

mod h5repack;

pub use h5repack::{parse_filter, parse_layout};

use crate::dataset::Shape;
use crate::failure::{Failure, FailureKind, Result};
use crate::filter::{Filter, Stage};
use globset::{GlobBuilder, GlobMatcher};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A layout that is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NewLayout {
    /// As it is.
    Keep,
    /// One run of bytes.
    Contiguous,
    /// Within the object header: HDF5 takes up to 64 KiB.
    Compact,
    /// The chunk that h5py would choose.
    Auto,
    /// Chunks of this shape.
    Chunk(Vec<u64>),
}

impl FromStr for NewLayout {
    type Err = Failure;

    /// Takes `20x64x1366`, `contiguous`, `compact`, `auto` and `keep`.
    fn from_str(text: &str) -> Result<Self> {
        Ok(match text {
            "keep" => NewLayout::Keep,
            "contiguous" => NewLayout::Contiguous,
            "compact" => NewLayout::Compact,
            "auto" => NewLayout::Auto,
            _ => match text.parse::<Shape>() {
                Ok(shape) if !shape.0.contains(&0) => NewLayout::Chunk(shape.0),
                _ => {
                    return Err(Failure::new(FailureKind::Usage, format!("'{text}' is no layout"))
                        .mend("write sizes such as 20x64x1366, or contiguous, compact, auto, keep"));
                }
            },
        })
    }
}

/// One filter that is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NewFilter {
    /// One that h5lab names.
    Known(Filter),
    /// One by HDF5's number, with parameters and flags of its own: what h5lab has no name for.
    Numbered(Stage),
}

impl fmt::Display for NewFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NewFilter::Known(filter) => filter.fmt(f),
            NewFilter::Numbered(stage) => Filter::of(stage).fmt(f),
        }
    }
}

/// Filters that are asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NewFilters {
    /// As they are.
    Keep,
    /// These alone; none, if there are none.
    Set(Vec<NewFilter>),
    /// One more than the rules before this one ask for: h5repack's `-f`, given several times.
    Add(NewFilter),
}

impl FromStr for NewFilters {
    type Err = Failure;

    /// Takes `keep`, `none`, and filters joined by `+`: `shuffle+gzip=4`.
    fn from_str(text: &str) -> Result<Self> {
        Ok(match text {
            "keep" => NewFilters::Keep,
            "none" => NewFilters::Set(Vec::new()),
            _ => {
                let each = text.split('+').map(|word| word.parse().map(NewFilter::Known));
                NewFilters::Set(each.collect::<Result<_>>()?)
            }
        })
    }
}

/// What is asked for some datasets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Paths, or patterns in which `*` stands for any part of a name and `**` for any groups. None: all datasets.
    pub datasets: Vec<String>,
    /// The layout, if it says so.
    pub layout: Option<NewLayout>,
    /// The filters, if it says so.
    pub filters: Option<NewFilters>,
}

/// What is asked for one dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The layout.
    pub layout: NewLayout,
    /// The filters; `None`: as they are.
    pub filters: Option<Vec<NewFilter>>,
    /// True if a rule names this dataset, rather than all: what can't be done for it is then a failure.
    pub named: bool,
}

impl Wish {
    /// True if nothing is asked for.
    pub fn is_keep(&self) -> bool {
        self.layout == NewLayout::Keep && self.filters.is_none()
    }
}

/// The rules of a command line, ready to be asked.
pub struct Rules {
    rules: Vec<(Rule, Vec<Pattern>)>,
}

struct Pattern {
    text: String,
    glob: Option<GlobMatcher>,
}

impl Pattern {
    fn new(text: &str) -> Result<Self> {
        let text = text.trim_matches('/').to_owned();
        let special = text.contains(['*', '?', '[', '{']);
        let built = special.then(|| GlobBuilder::new(&text).literal_separator(true).build()).transpose();
        // A name may hold such characters; then it is no pattern, but must be a name that is there.
        Ok(Pattern { glob: built.ok().flatten().map(|glob| glob.compile_matcher()), text })
    }

    fn matches(&self, path: &str) -> bool {
        let path = path.trim_matches('/');
        self.text == path || self.glob.as_ref().is_some_and(|glob| glob.is_match(path))
    }
}

impl Rules {
    /// The rules, in the order of the command line.
    ///
    /// # Errors
    /// `Usage` for a pattern that can't be one.
    pub fn new(rules: Vec<Rule>) -> Result<Self> {
        let with_patterns = rules.into_iter().map(|rule| {
            let patterns = rule.datasets.iter().map(|text| Pattern::new(text)).collect::<Result<_>>()?;
            Ok((rule, patterns))
        });
        Ok(Rules { rules: with_patterns.collect::<Result<_>>()? })
    }

    /// What is asked for a dataset that has these paths. Later rules win over earlier ones, and rules that name datasets
    /// over those for all.
    pub fn wish(&self, paths: &[String]) -> Wish {
        let mut wish = Wish { layout: NewLayout::Keep, filters: None, named: false };
        for named in [false, true] {
            let mut fresh = true;
            for (rule, patterns) in &self.rules {
                let hit = paths.iter().any(|path| patterns.iter().any(|pattern| pattern.matches(path)));
                if rule.datasets.is_empty() == named || (named && !hit) {
                    continue;
                }
                wish.named |= named;
                if let Some(layout) = &rule.layout {
                    wish.layout = layout.clone();
                }
                match &rule.filters {
                    Some(NewFilters::Keep) => wish.filters = None,
                    Some(NewFilters::Set(filters)) => wish.filters = Some(filters.clone()),
                    Some(NewFilters::Add(filter)) if fresh => wish.filters = Some(vec![filter.clone()]),
                    Some(NewFilters::Add(filter)) => wish.filters.get_or_insert_default().push(filter.clone()),
                    None => continue,
                }
                fresh = false;
            }
        }
        wish
    }

    /// Names and patterns that fit none of these paths.
    pub fn unmatched(&self, paths: &[String]) -> Vec<&str> {
        let all = self.rules.iter().flat_map(|(_, patterns)| patterns);
        all.filter(|pattern| !paths.iter().any(|path| pattern.matches(path))).map(|p| p.text.as_str()).collect()
    }

    /// True if no rule asks for anything.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(datasets: &[&str], layout: Option<&str>, filters: Option<&str>) -> Rule {
        Rule {
            datasets: datasets.iter().map(|&d| d.into()).collect(),
            layout: layout.map(|text| text.parse().unwrap()),
            filters: filters.map(|text| text.parse().unwrap()),
        }
    }

    fn wish(rules: &[Rule], path: &str) -> (NewLayout, Option<String>) {
        let wish = Rules::new(rules.to_vec()).unwrap().wish(&[path.to_owned()]);
        let words = |filters: &Vec<NewFilter>| filters.iter().map(ToString::to_string).collect::<Vec<_>>().join("+");
        (wish.layout, wish.filters.as_ref().map(words))
    }

    #[test]
    fn the_last_rule_wins_and_names_win_over_all() {
        let rules = [
            rule(&["entry/*/data"], Some("20x64"), None),
            rule(&["/entry/b/data"], Some("contiguous"), Some("none")),
            rule(&[], None, Some("shuffle+gzip=4")),
        ];
        let gzip = Some("shuffle+gzip=4".to_owned());
        assert_eq!(wish(&rules, "entry/a/data"), (NewLayout::Chunk(vec![20, 64]), gzip.clone()));
        assert_eq!(wish(&rules, "entry/b/data"), (NewLayout::Contiguous, Some(String::new())));
        assert_eq!(wish(&rules, "entry/a/b/data"), (NewLayout::Keep, gzip));
        let rules = Rules::new(rules.to_vec()).unwrap();
        assert_eq!(rules.unmatched(&["entry/a/data".to_owned()]), ["entry/b/data"]);
    }

    #[test]
    fn a_pattern_stays_within_a_group_unless_it_says_otherwise() {
        for (pattern, path, fits) in [
            ("*", "data", true),
            ("*", "entry/data", false),
            ("**", "entry/data", true),
            ("**/data", "a/b/data", true),
            ("a[1]", "a[1]", true),
            ("a[", "a[", true),
        ] {
            let rules = Rules::new(vec![rule(&[pattern], Some("auto"), None)]).unwrap();
            assert_eq!(!rules.wish(&[path.to_owned()]).is_keep(), fits, "{pattern} {path}");
        }
    }

    #[test]
    fn layouts_and_filters_that_cannot_be_are_refused() {
        for text in ["", "20x", "0x3", "chunked", "-1"] {
            assert!(text.parse::<NewLayout>().is_err(), "{text}");
        }
        for text in ["", "gzip=12", "shuffle+", "NONE"] {
            assert!(text.parse::<NewFilters>().is_err(), "{text}");
        }
    }
}
