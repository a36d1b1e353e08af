//! Lines of result files, parsed and digested: what is the same in one line after another is parsed once.

use super::{Digest, foreign};
use crate::host::Host;
use crate::record::Record;
use serde::de::IgnoredAny;

/// Digests lines of one file, one after the other.
///
/// A record ends with its host, a third of its length, and most often that is the host of the line before to the last
/// letter. Then the rest is parsed alone: if it is a record without a host, the line is one with that host, since its last
/// key can stand nowhere but on the top level.
#[derive(Default)]
pub struct Lines {
    known: Option<Known>,
    /// Room for the rest of a line.
    rest: String,
}

/// The end of a line, and the host that it describes.
struct Known {
    end: String,
    host: Host,
}

/// What stands before the host in a line, and begins its end.
const BEFORE_HOST: &str = ",\"host\":";

impl Lines {
    /// Knows no line yet.
    pub fn new() -> Self {
        Lines::default()
    }

    /// Digests the line of this number, counted from 1.
    ///
    /// # Errors
    /// Why it is no record, or one that cannot be.
    pub fn digest(&mut self, number: usize, text: &[u8]) -> Result<Digest, String> {
        // All of it at once, which is faster than string by string.
        let text = str::from_utf8(text).map_err(|_| "it is no record: it is no UTF-8")?;
        if let Some(rest) = self.of_known_host(text) {
            let Known { end, host } = self.known.take().expect("a host that is known");
            let mut record = rest.at(host);
            let digest = Digest::of(number, &mut record);
            self.known = Some(Known { end, host: record.host });
            return digest;
        }
        let mut record: Record = match serde_json::from_str(text) {
            Ok(record) => record,
            Err(why) => return of_another_version(number, text, &why),
        };
        let digest = Digest::of(number, &mut record);
        self.known = end(text).map(|end| Known { end: end.to_owned(), host: record.host });
        digest
    }

    /// The record without its host, if it ends as the line before did.
    fn of_known_host(&mut self, text: &str) -> Option<Record<Option<Host>>> {
        let rest = text.strip_suffix(self.known.as_ref()?.end.as_str())?;
        self.rest.clear();
        self.rest.extend([rest, "}"]);
        let record: Record<Option<Host>> = serde_json::from_str(&self.rest).ok()?;
        record.host.is_none().then_some(record)
    }
}

/// The end of a record's line from its host on, if that is its last key.
fn end(text: &str) -> Option<&str> {
    let at = text.rfind(BEFORE_HOST)?;
    let host = text[at + BEFORE_HOST.len()..].strip_suffix('}')?;
    serde_json::from_str::<IgnoredAny>(host).ok().map(|_| &text[at..])
}

/// The digest of a record with names that this h5lab does not know.
fn of_another_version(number: usize, text: &str, why: &serde_json::Error) -> Result<Digest, String> {
    if let Some(schema) = foreign::schema(text) {
        super::check_schema(schema)?;
    }
    foreign::understood(text).map_or_else(|| Err(no_record(why)), |found| Digest::of_foreign(number, found))
}

/// Why a line is none, without the place in it: lines with one cause are counted together.
fn no_record(why: &serde_json::Error) -> String {
    if why.classify() == serde_json::error::Category::Eof {
        return "it ends half-written, as a crash leaves it".into();
    }
    let why = why.to_string();
    format!("it is no record: {}", why.rsplit_once(" at line ").map_or(why.as_str(), |(cause, _)| cause))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Results;
    use crate::results::sample::record;
    use serde_json::{Value, json};

    /// The results of these lines, digested one after the other.
    fn results(lines: &[String]) -> Results {
        let (mut results, mut all) = (Results::new(), Lines::new());
        results.source("r.jsonl");
        for (number, line) in (1..).zip(lines) {
            match all.digest(number, line.as_bytes()) {
                Ok(digest) => results.add(number, digest),
                Err(why) => results.skip(number, &why),
            }
        }
        results
    }

    fn line(change: impl FnOnce(&mut Value)) -> String {
        let mut value = serde_json::to_value(record()).unwrap();
        change(&mut value);
        value.to_string()
    }

    #[test]
    fn a_host_that_is_known_changes_nothing() {
        let text = |host: &str| {
            let mut record = record();
            record.host.machine.hostname = host.into();
            serde_json::to_string(&record).unwrap()
        };
        let (a, b) = (text("a"), text("b"));
        let twice = a.replace(r#","samples":"#, r#","host":{},"samples":"#);
        let cut = a[..a.len() - 1].to_owned();
        // Ends as the one before, but what stands before that is no record, or has a host already.
        let tail = end(&a).unwrap();
        let lines = [a.clone(), a.clone(), b.clone(), a.clone(), twice, cut, format!("{{\"x\":[1{tail}"), a.clone()];
        let found = results(&lines);
        let hosts: Vec<(usize, &str)> = found.cells.iter().map(|c| (c.line, found.around(c).get("host"))).collect();
        assert_eq!(hosts, [(1, "a"), (2, "a"), (3, "b"), (4, "a"), (8, "a")]);
        assert_eq!(found.remarks().len(), 3, "{:?}", found.remarks());
        let mut alone = Results::new();
        alone.source("r.jsonl");
        alone.take(2, &serde_json::from_str(&a).unwrap());
        assert_eq!(format!("{:?}", found.cells[1]), format!("{:?}", alone.cells[0]));
        assert_eq!(found.surroundings[0], alone.surroundings[0]);
    }

    #[test]
    fn names_of_a_newer_version_are_shown_as_they_stand() {
        let found = results(&[
            line(|_| ()),
            line(|r| r["experiment"]["method"] = json!("teleport")),
            line(|r| {
                r["experiment"]["access"] = json!({"kind": "spiral", "turns": 5});
                r["computed"] = json!({"chunks_touched": 0, "bytes_asked": 4096});
            }),
            line(|r| r["experiment"]["tunables"] = json!({"zeal": 11, "alignment": 4096, "mpi-io": "warp"})),
            line(|r| r["warnings"] = json!([{"code": "single-sample"}, {"code": "moon-phase", "share": 0.5}])),
            line(|r| {
                let filters = json!(["shuffle", "pco", {"sperr": 3}]);
                r["experiment"]["layout"] = json!({"kind": "chunked", "chunk": [16, 250000], "filters": filters});
            }),
        ]);
        assert_eq!(found.cells.len(), 6, "{:?}", found.remarks());
        assert_eq!(found.cells[1].method_word(), "teleport");
        assert_eq!(found.cells[2].access_word(), "spiral turns=5");
        assert_eq!(found.cells[3].foreign.as_ref().unwrap().settings, ["mpi-io=warp", "zeal=11"]);
        assert_eq!(found.cells[3].experiment.tunables.alignment, Some(4096));
        assert!(found.warnings().iter().any(|text| text.contains("moon-phase share=0.5")), "{:?}", found.warnings());
        assert!(found.cells[4].foreign.is_none(), "a warning is no setting");
        assert!(found.cells[5].experiment.layout.to_string().ends_with("shuffle+pco+sperr=3"));
        let told = found.remarks();
        assert_eq!(told.len(), 1, "{told:?}");
        for name in
            ["method 'teleport'", "access 'spiral turns=5'", "setting 'zeal'", "filter 'pco'", "warning 'moon-phase'"]
        {
            assert!(told[0].contains(name), "{name}: {told:?}");
        }
        let page = crate::report::markdown::markdown(&crate::report::document::document(&found, "x"));
        assert!(page.contains("teleport") && page.contains("spiral") && page.contains("zeal"), "{page}");
        assert!(!crate::report::document::plan(&found).contains("teleport"));
    }

    #[test]
    fn what_is_no_name_costs_the_record() {
        let found = results(&[
            line(|r| r["schema"] = json!(2)),
            line(|r| (r["schema"], r["experiment"]) = (json!(2), json!("all new"))),
            line(|r| r["experiment"]["dataset"]["dtype"] = json!("f8")),
            line(|r| {
                r["experiment"]["access"] = json!({"kind": "spiral"});
                r.as_object_mut().unwrap().remove("computed");
            }),
            line(|r| r["experiment"] = json!([1])),
            line(|r| r["warnings"] = json!("none")),
            "[1]".into(),
        ]);
        assert_eq!(found.cells.len(), 0);
        let told = found.remarks().join("\n");
        assert!(told.contains("2 lines passed over (1, 2): it is of record format 2"), "{told}");
        assert!(told.contains("line 3: passed over: it is no record: unknown variant `f8`"), "{told}");
    }
}
