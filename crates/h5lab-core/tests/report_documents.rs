//! Reports of records: hostile names obey nobody, tables are complete, plans can be run, pages stay small.

use h5lab_core::experiment::{CacheWanted, Direction};
use h5lab_core::failure::{Failure, FailureKind};
use h5lab_core::layout::Layout;
use h5lab_core::method::Method;
use h5lab_core::record::Record;
use h5lab_core::report::document::{Block, Document, document, plan};
use h5lab_core::report::figure::svg::svg;
use h5lab_core::report::html::{PLOTLY, page};
use h5lab_core::report::markdown::markdown;
use h5lab_core::report::tidy::{COLUMNS, GROUP, csv, parquet, rows};
use h5lab_core::results::Results;
use h5lab_core::sweep::{Sweep, from_toml};
use std::collections::BTreeSet;

const HOSTILE: &str = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u{1b}[2J=1+1|`x`\u{202e}\u{2066}\t\u{2028}\u{9b}";
/// What must not be left of it anywhere: what drives a terminal, turns text around, or ends a line.
const UNSEEN: [char; 6] = ['\u{1b}', '\u{202e}', '\u{2066}', '\t', '\u{2028}', '\u{9b}'];

fn golden() -> Vec<Record> {
    include_str!("golden/record-v1.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn results(records: &[Record]) -> Results {
    let mut results = Results::new();
    results.source("golden.jsonl");
    records.iter().enumerate().for_each(|(line, record)| results.take(line + 1, record));
    results
}

/// Small cells of several ranks, layouts, caches and methods, in two folders: something for every section.
fn sweep() -> Vec<Record> {
    let mut all = Vec::new();
    let model = golden().remove(3);
    for path in ["/a", "/b"] {
        for np in [1, 2, 4] {
            for layout in [Layout::Contiguous, chunked(1), chunked(4)] {
                for method in [Method::Independent, Method::Collective] {
                    let mut record = model.clone();
                    let e = &mut record.experiment;
                    e.dataset.shape.0 = vec![16, 8, 8];
                    (e.np, e.layout, e.method) = (np, layout.clone(), method);
                    e.cache = CacheWanted::Warm;
                    e.access = "projection".parse().unwrap();
                    record.file = path.into();
                    record.command = vec!["h5lab".into(), "run".into(), "plan.toml".into()];
                    record.stored_bytes = Some(if layout == Layout::Contiguous { 4096 } else { 2048 });
                    record.predicted = Some(0.5);
                    let ranks = record.samples[0].ranks[0];
                    record.samples.iter_mut().for_each(|sample| {
                        (sample.ranks, sample.resident) = (vec![ranks; np], Some(1.0));
                        sample.ranks[0].transfer *= 2.0;
                    });
                    let mut write = record.clone();
                    write.experiment.direction = Direction::Write;
                    write.experiment.access = h5lab_core::access::Access::Rows;
                    write.experiment.cache = CacheWanted::AsFound;
                    write.verification = h5lab_core::record::Verification::NotRead;
                    all.extend([write, record]);
                }
            }
        }
    }
    all
}

fn chunked(rows: u64) -> Layout {
    Layout::Chunked { chunk: vec![rows, 8, 8], filters: vec![] }
}

/// The sweep with a hostile string wherever a record has text.
fn hostile() -> Results {
    let mut records = sweep();
    for record in &mut records {
        record.file = HOSTILE.into();
        record.command = vec!["h5lab".into(), "run".into(), HOSTILE.into()];
        record.created = HOSTILE.into();
        record.h5lab = HOSTILE.into();
        record.host.machine.hostname = HOSTILE.into();
        record.host.machine.os = Some(HOSTILE.into());
        record.host.hdf5.version = HOSTILE.into();
        record.actual.driver = HOSTILE.into();
        record.actual.in_force.insert(HOSTILE.into(), HOSTILE.into());
        record.experiment.dataset.name = HOSTILE.into();
        record.experiment.tunables.hints.insert(HOSTILE.into(), HOSTILE.into());
        let fs = record.host.file_system.as_mut().unwrap();
        (fs.kind, fs.source, fs.mount_options) = (Some(HOSTILE.into()), Some(HOSTILE.into()), vec![HOSTILE.into()]);
    }
    records[0].failure = Some(Failure::new(FailureKind::Storage, HOSTILE));
    let mut results = Results::new();
    results.source(HOSTILE);
    results.skip(7, HOSTILE);
    records.iter().enumerate().for_each(|(line, record)| results.take(line + 1, record));
    results
}

fn csv_text(results: &Results) -> String {
    let mut bytes = Vec::new();
    csv(results, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn parquet_bytes(results: &Results) -> Vec<u8> {
    let mut bytes = Vec::new();
    parquet(results, &mut bytes).unwrap();
    bytes
}

fn document_of(records: &[Record]) -> Document {
    document(&results(records), "A report")
}

#[test]
fn a_sweep_has_every_section() {
    let document = document_of(&sweep());
    let ids: Vec<&str> = document.sections.iter().map(|section| section.id).collect();
    let all = [
        "summary",
        "ranks",
        "layouts",
        "trade-off",
        "file-systems",
        "phases",
        "waiting",
        "predicted",
        "results",
        "data",
        "surroundings",
        "again",
    ];
    for id in all {
        assert!(ids.contains(&id), "{id}: {ids:?}");
    }
    let names: Vec<&str> = document.figures().map(|figure| figure.id.as_str()).collect();
    let unique: BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(unique.len(), names.len(), "each chart has a name of its own: {names:?}");
    for figure in document.figures() {
        assert!(!figure.alt.is_empty() && !figure.table.is_empty() && !figure.title.is_empty(), "{}", figure.id);
        let drawn = svg(figure);
        assert!(drawn.starts_with("<svg ") && drawn.ends_with("</svg>\n") && !drawn.contains("NaN"), "{drawn}");
    }
}

/// A transfer into HDF5's chunk cache takes no time: what comes first is what was written first, to the end of the close.
#[test]
fn writes_are_ranked_by_when_they_are_written() {
    let mut records: Vec<Record> =
        sweep().into_iter().filter(|r| r.file.ends_with("a") && r.experiment.np == 1).collect();
    let write = |r: &&mut Record| r.experiment.direction == Direction::Write;
    let cached = records.iter_mut().filter(write).find(|r| r.experiment.layout == chunked(4)).unwrap();
    for sample in &mut cached.samples {
        sample.together = None;
        (sample.ranks[0].transfer, sample.ranks[0].close) = (1e-6, 100.0);
    }
    let summary = markdown(&document_of(&records));
    let first = summary.lines().find(|line| line.contains("Write rows")).unwrap();
    assert!(first.contains("times the slowest of 6 (") && first.contains("4x8x8"), "{first}");
    assert!(first.find("4x8x8") > first.find("the slowest of"), "{first}");
}

#[test]
fn cold_reads_that_were_not_cold_are_called_so() {
    let mut records = sweep();
    records.iter_mut().for_each(|record| record.experiment.cache = CacheWanted::Cold);
    let warm = markdown(&document_of(&records));
    assert!(warm.contains("not cold") && !warm.contains(", cold"), "{warm}");
    records.iter_mut().flat_map(|record| &mut record.samples).for_each(|sample| sample.resident = Some(0.0));
    let cold = markdown(&document_of(&records));
    assert!(!cold.contains("not cold") && cold.contains(", cold"), "{cold}");
}

/// The rows of the table of all results, heads first.
fn all_results(records: &[Record]) -> Vec<Vec<String>> {
    let document = document_of(records);
    let section = document.sections.iter().find(|section| section.id == "results").unwrap();
    let Block::Table(grid) = &section.blocks[0] else { panic!("no table") };
    std::iter::once(grid.heads.iter().map(|(head, _)| head.clone()).collect()).chain(grid.rows.clone()).collect()
}

#[test]
fn what_a_sweep_varies_has_a_column() {
    let mut records = sweep();
    let column = |records: &[Record], head: &str| {
        let rows = all_results(records);
        let at = rows[0].iter().position(|known| known == head)?;
        Some(rows.into_iter().skip(1).map(|mut row| row.swap_remove(at)).collect::<Vec<_>>())
    };
    assert_eq!((column(&records, "settings"), column(&records, "shape")), (None, None));
    let e = &mut records[1].experiment;
    (e.tunables.alignment, e.tunables.threads, e.cache) = (Some(4096), Some(2), CacheWanted::Cold);
    records[2].experiment.dataset.shape.0 = vec![32, 8, 8];
    records[3].experiment.dataset.data.as_mut().unwrap().seed = 9;
    assert_eq!(column(&records, "settings").unwrap()[..2], ["", "alignment=4096 threads=2"]);
    assert_eq!(column(&records, "shape").unwrap()[1..3], ["16x8x8 f32", "32x8x8 f32"]);
    assert_eq!(column(&records, "cache").unwrap()[..2], ["not fsynced", "not cold"], "as charts call it");

    let text = csv_text(&results(&records));
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let heads = reader.headers().unwrap().clone();
    let lines: Vec<_> = reader.records().map(Result::unwrap).collect();
    let all = |line: &str, head: &str| {
        let at = |name: &str| heads.iter().position(|known| known == name).unwrap();
        let of = lines.iter().filter(|row| row[at("line")] == *line);
        of.map(|row| row[at(head)].to_owned()).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" | ")
    };
    assert_eq!((all("1", "tunables"), all("2", "tunables")), (String::new(), "alignment=4096 threads=2".into()));
    assert_eq!(
        (all("4", "seed"), all("2", "cache"), all("2", "cache_met")),
        ("9".into(), "cold".into(), "warm".into())
    );
}

#[test]
fn wrong_values_stand_first() {
    let mut records = sweep();
    records[1].failure = Some(Failure::new(FailureKind::RankLost, "gone"));
    let text = markdown(&document_of(&records));
    let summary =
        text.lines().skip_while(|line| !line.contains("Summary")).find(|line| line.starts_with("- ")).unwrap();
    assert!(summary.contains("1 of 72 measurements failed"), "{summary}");
}

#[test]
fn rows_of_several_files_name_theirs() {
    let few = &sweep()[..4];
    let mut results = results(few);
    let text = |results: &Results| markdown(&document(results, "x"));
    assert!(!text(&results).contains("| file |"));
    results.source("second.jsonl");
    few.iter().enumerate().for_each(|(line, record)| results.take(line + 1, record));
    let both = text(&results);
    assert!(
        both.contains("| file |") && both.contains("| golden.jsonl |") && both.contains("| second.jsonl |"),
        "{both}"
    );
}

/// The summary ranks what charts show: a cell that was measured twice is one, and no rival of itself.
#[test]
fn what_was_measured_twice_is_one_in_the_summary() {
    let summary = |results: &Results| {
        let page = markdown(&document(results, "x"));
        let lines = page.lines().skip_while(|line| !line.contains("Summary")).skip(1);
        lines
            .take_while(|line| !line.starts_with("##"))
            .filter(|line| line.starts_with("- "))
            .collect::<Vec<_>>()
            .join("\n")
    };
    let records = sweep();
    let once = results(&records);
    let mut twice = results(&records);
    records.iter().enumerate().for_each(|(line, record)| twice.take(100 + line, record));
    let ways = |text: &str| -> Vec<String> {
        text.split("the slowest of ").skip(1).map(|rest| rest.split(' ').next().unwrap().to_owned()).collect()
    };
    let (once, twice) = (summary(&once), summary(&twice));
    assert!(!ways(&once).is_empty(), "{once}");
    assert_eq!(ways(&once), ways(&twice), "{once}\n{twice}");
}

#[test]
fn old_records_and_no_records_have_a_report() {
    assert!(page(&document_of(&golden())).len() < 6 << 20);
    let empty = document_of(&[]);
    assert!(page(&empty).contains("0 measurements"));
}

#[test]
fn what_is_taken_together_is_said() {
    let records = sweep();
    let mut results = results(&records);
    assert!(!markdown(&document(&results, "x")).contains("taken together"));
    results.source("second.jsonl");
    for (line, mut record) in records.into_iter().enumerate() {
        record.h5lab = "9.9".into();
        record.host.machine.kernel = "Linux 9".into();
        results.take(line + 1, &record);
    }
    let text = markdown(&document(&results, "x"));
    let sentence = "Like cells of 2 files (golden.jsonl, second.jsonl), with different kernel (";
    let said = text.lines().filter(|line| line.starts_with(sentence) && line.contains("h5lab (0.1.0, 9.9)")).count();
    assert_eq!(said, 5, "summary, ranks, layouts, trade-off, file systems: {text}");
    assert!(text.contains("144 measurements of 2 files"), "{text}");
    assert!(text.contains("| result files | golden.jsonl | golden.jsonl | second.jsonl | second.jsonl |"), "{text}");
    assert!(
        text.lines().any(|line| line.contains("np 4") && line.contains(", second.jsonl |")),
        "bars name theirs: {text}"
    );
}

/// The file driver follows from the method: it makes no surroundings of its own.
#[test]
fn surroundings_with_most_cells_stand_first() {
    let mut records = sweep();
    let end = records.len() - 1;
    for (number, record) in records.iter_mut().enumerate() {
        record.file = "/same".into();
        record.actual.driver = ["mpio", "sec2", "posix"][number % 3].into();
        let machine = if number < 7 { number } else { 7 };
        record.host.machine.hostname = format!("node{machine}");
    }
    records[end].host.machine.hostname = "node6".into();
    let text = markdown(&document_of(&records));
    let left_out = "Of 8 different surroundings the 6 with most measurements; 2 more are left out.";
    assert!(text.contains(left_out), "{text}");
    assert!(text.contains("| host | node7 | node6 | node0 | node1 | node2 | node3 |"), "{text}");
    assert!(text.contains("| file driver | mpio, posix, sec2 |"), "{text}");
}

#[test]
fn what_a_chart_leaves_out_is_said() {
    let mut records = sweep();
    let reads: Vec<Record> = records.iter().filter(|r| r.experiment.direction == Direction::Read).cloned().collect();
    for rows in [2, 8, 16] {
        records.extend(reads.iter().filter(|r| r.experiment.layout == chunked(4)).cloned().map(|mut record| {
            record.experiment.layout = chunked(rows);
            record
        }));
    }
    let text = markdown(&document_of(&records));
    assert!(text.contains("bandwidth against ranks, the 7 highest of 12 lines"), "{text}");
    assert!(!markdown(&document_of(&sweep())).contains("highest of"));
}

/// The charts that tell most are drawn, whichever was measured first.
#[test]
fn charts_of_storage_and_of_cold_reads_come_first() {
    let mut records = Vec::new();
    for access in ["projection", "sinogram", "full"] {
        for (path, kind, cache, resident) in [
            ("/a", "tmpfs", CacheWanted::Cold, 1.0),
            ("/a", "tmpfs", CacheWanted::Warm, 1.0),
            ("/b", "ext4", CacheWanted::Warm, 1.0),
            ("/b", "ext4", CacheWanted::Cold, 0.0),
        ] {
            records.extend(sweep().into_iter().filter(|record| record.file.ends_with(&path[1..])).map(|mut record| {
                if record.experiment.direction == Direction::Read {
                    (record.experiment.cache, record.experiment.access) = (cache, access.parse().unwrap());
                    record.samples.iter_mut().for_each(|sample| sample.resident = Some(resident));
                }
                record.host.file_system.as_mut().unwrap().kind = Some(kind.into());
                record
            }));
        }
    }
    let document = document_of(&records);
    let section = document.sections.iter().find(|section| section.id == "ranks").unwrap();
    let title = |block: &Block| match block {
        Block::Figure(figure) => figure.title.split(':').next().unwrap().to_owned(),
        _ => panic!("no chart"),
    };
    let charts: Vec<String> = section.blocks.iter().map(title).collect();
    let expected = [
        "read projection, cold, /b",
        "read sinogram, cold, /b",
        "read full, cold, /b",
        "write rows, not fsynced, /b",
        "read projection, warm, /b",
        "read sinogram, warm, /b",
        "read full, warm, /b",
        "write rows, not fsynced, /a",
    ];
    assert_eq!(charts, expected);
    let told = section.text.last().unwrap();
    assert!(told.contains("6 more combinations of access, cache state and path have no chart here"), "{told}");
}

#[test]
fn a_line_of_one_layout_is_none() {
    let legend = |records: &[Record]| format!("{:?}", document_of(records)).contains("not beaten in both");
    let mut records = sweep();
    for record in records.iter_mut().filter(|r| r.experiment.layout == chunked(4)) {
        record.stored_bytes = Some(1024);
        record.samples.iter_mut().for_each(|s| s.ranks.iter_mut().for_each(|rank| rank.transfer *= 3.0));
        record.samples.iter_mut().for_each(|s| s.together = None);
    }
    assert!(legend(&records), "smaller, and slower");
    let best = |r: &&mut Record| r.experiment.layout == chunked(4);
    for record in records.iter_mut().filter(best) {
        record.samples.iter_mut().for_each(|s| s.ranks.iter_mut().for_each(|rank| rank.transfer /= 100.0));
    }
    assert!(!legend(&records), "smaller and faster than all");
}

#[test]
fn names_of_figures_repeat_no_word() {
    let mut records = sweep();
    let cold: Vec<Record> = records.iter().filter(|r| r.experiment.direction == Direction::Read).cloned().collect();
    records.extend(cold.into_iter().map(|mut record| {
        record.experiment.cache = CacheWanted::Cold;
        record.samples.iter_mut().for_each(|sample| sample.resident = Some(0.0));
        record
    }));
    for figure in document_of(&records).figures() {
        for word in ["warm", "cold"] {
            assert!(figure.id.split('-').filter(|part| *part == word).count() < 2, "{}", figure.id);
        }
    }
}

#[test]
fn warnings_of_one_kind_are_one() {
    let mut records = sweep();
    for (record, share) in records.iter_mut().zip([1.5, 24.2, 1.28]) {
        record.warnings = vec![h5lab_core::warning::Warning::AboveCeiling { share }];
    }
    let text = markdown(&document_of(&records));
    assert!(text.contains("3 rows with 128 to 2420 % of the posix ceiling"), "{text}");
    assert_eq!(text.matches("% of the posix ceiling, which cannot be").count(), 1, "{text}");
}

/// On paper columns are narrow: long words are broken there, short ones never.
#[test]
fn only_cells_with_long_words_are_marked_so() {
    let mut records = sweep();
    records.iter_mut().for_each(|record| record.file = "/scratch/of/somebody".into());
    let page = page(&document_of(&records));
    assert!(page.contains("<td class=\"long\">/scratch/of/somebody</td>"));
    assert!(page.contains("<td>independent</td>") && page.contains("<td>not fsynced</td>"));
}

#[test]
fn long_names_make_no_long_page() {
    let mut records = sweep();
    for (number, record) in records.iter_mut().enumerate() {
        let name = |begin: &str| format!("{begin}{}{number}", "né".repeat(10_000));
        record.file = name("/data/").into();
        record.command = vec!["h5lab".into(), "run".into(), name("--path=/")];
        record.host.machine.hostname = name("node");
        record.experiment.dataset.name = name("entry");
        record.actual.in_force.insert(name("hint."), name("x"));
        record.failure = (number % 9 == 0).then(|| Failure::new(FailureKind::Storage, name("no ")));
    }
    let document = document_of(&records);
    let page = page(&document);
    assert!(page.len() - PLOTLY.len() < 3 << 20, "{} bytes", page.len() - PLOTLY.len());
    assert!(page.contains("/data/né") && page.contains('…') && page.contains("title=\"/data/"));
    assert!(markdown(&document).len() < 2 << 20, "{}", markdown(&document).len());
    for figure in document.figures() {
        assert!(svg(figure).len() < 1 << 20);
    }
    assert!(csv_text(&results(&records)).contains(&"né".repeat(10_000)), "tables have all");
}

#[test]
fn hostile_text_is_text_in_a_page() {
    let page = page(&document(&hostile(), HOSTILE));
    let own = page.replace(PLOTLY, "");
    assert!(own.len() < page.len(), "the library is in it");
    assert_eq!(own.matches("</script>").count(), own.matches("<script").count(), "no element ends early");
    assert_eq!(own.matches("<script").count(), 3, "figures, library, the page's own");
    assert!(!own.contains("<img src=x") && !own.contains(UNSEEN));
    assert!(own.contains("\\u{202e}"), "what turns text around is shown");
    assert!(own.contains("&lt;script&gt;alert(1)"), "it is shown");
    assert!(!PLOTLY.contains("</script") && PLOTLY.contains("plotly.js (cartesian - minified) v4.1.1"));
}

#[test]
fn hostile_text_is_text_everywhere_else() {
    let results = hostile();
    let document = document(&results, HOSTILE);
    let text = markdown(&document);
    // Indented lines are code, in which nothing is markup.
    let markup: Vec<&str> = text.lines().filter(|line| !line.starts_with("    ")).skip(1).collect();
    assert!(markup.iter().all(|line| !line.contains('<') && !line.contains(UNSEEN)), "{markup:#?}");
    let table = markup.iter().skip_while(|line| !line.starts_with("| line |")).take_while(|line| line.starts_with('|'));
    let columns: BTreeSet<usize> = table.map(|line| line.replace("\\|", "").matches('|').count()).collect();
    assert_eq!(columns.len(), 1, "no name adds a column");
    for figure in document.figures() {
        let drawn = svg(figure);
        assert!(!drawn.contains("<script") && !drawn.contains("<img") && !drawn.contains(UNSEEN), "{drawn}");
        assert!(figure.id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{}", figure.id);
    }
    assert!(!csv_text(&results).contains(UNSEEN));
    for formula in ["=HYPERLINK(1)", "+1", "-1", "@x", "＝1", "＋1", "－1", "＠x"] {
        let mut record = sweep().remove(0);
        record.host.machine.hostname = formula.into();
        let mut results = Results::new();
        results.source(formula);
        results.take(1, &record);
        let text = csv_text(&results);
        assert!(text.lines().nth(1).unwrap().starts_with(&format!("'{formula},")), "{text}");
        assert!(text.contains(&format!(",'{formula},")), "{text}");
    }
}

#[test]
fn hostile_text_in_a_plan_is_text() {
    let text = plan(&hostile());
    from_toml(&text, Sweep::default()).unwrap_or_else(|why| panic!("{why}\n{text}"));
}

#[test]
fn tables_have_a_row_a_sample_and_the_documented_columns() {
    let mut records = golden();
    records[0].failure = Some(Failure::new(FailureKind::Storage, "gone"));
    records[0].samples.clear();
    let samples: usize = records.iter().map(|record| record.samples.len().max(1)).sum();
    let results = results(&records);
    assert_eq!(rows(&results).count(), samples);
    let csv = csv_text(&results);
    assert_eq!(csv.lines().count(), samples + 1);
    assert_eq!(csv.lines().next().unwrap(), COLUMNS.iter().map(|c| c.name).collect::<Vec<_>>().join(","));
    let docs = include_str!("../../../docs/report.md");
    for column in COLUMNS {
        assert!(docs.contains(&format!("| `{}` | ", column.name)), "{} is not documented", column.name);
        assert!(docs.contains(column.meaning), "{}: {}", column.name, column.meaning);
    }
    let documented = docs.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(documented, COLUMNS.len());
}

#[test]
fn parquet_holds_what_csv_holds() {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    let results = results(&golden());
    let bytes = parquet_bytes(&results);
    let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
    let table: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
    let mut lines = csv::Reader::from_reader(csv_text(&results).as_bytes()).into_records().count();
    assert_eq!((table.len(), table[0].len()), (lines, COLUMNS.len()));
    lines = 0;
    let text = csv_text(&results);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    for (row, line) in table.iter().zip(reader.records()) {
        let line = line.unwrap();
        for ((name, value), cell) in row.get_column_iter().zip(&line) {
            let shown = value.to_string();
            let shown = shown.trim_matches('"');
            let same = match (shown.parse::<f64>(), cell.parse::<f64>()) {
                (Ok(a), Ok(b)) => a == b,
                _ => shown == cell || (shown == "null" && cell.is_empty()),
            };
            assert!(same, "{name}: {shown} in Parquet, {cell} in CSV");
        }
        lines += 1;
    }
    assert_eq!(lines, table.len());
}

#[test]
fn the_plan_of_a_report_can_be_run() {
    let records = sweep();
    let text = plan(&results(&records));
    let sweep = from_toml(&text, Sweep::default()).unwrap_or_else(|why| panic!("{why}\n{text}"));
    let (batches, _) = sweep.batches(&|_| Ok(())).unwrap();
    let cells = batches.iter().flat_map(|b| b.cells().map(move |c| (&b.folder, &c.experiment)));
    let cells: Vec<_> = cells.collect();
    for record in records.iter().filter(|r| r.experiment.direction == h5lab_core::experiment::Direction::Read) {
        let wanted = &record.experiment;
        let found = cells.iter().any(|(folder, e)| {
            **folder == record.file
                && (&e.access, &e.layout, e.method, e.np, e.cache)
                    == (&wanted.access, &wanted.layout, wanted.method, wanted.np, wanted.cache)
        });
        assert!(found, "{} is not in\n{text}", wanted.in_words());
    }
}

/// A plan that sets everything that can be set, as records, as a plan again: it measures the same cells.
#[test]
fn the_plan_of_a_report_has_every_setting() {
    let asked = "shape='16x8x8'\nseed=7\nwrite='projection'\naccess=['sinogram','full']\nfsync=[true,false]\nbuffer='1MiB'\n\
        processes=['axis1','blocks']\nnp=2\nalignment=['default','4KiB']\nchunk-cache-bytes='16MiB'\nchunk-cache-slots=[101,'default']\n\
        collective-metadata=true\nallocation-time='early'\nfill-time=['if-set','default']\nmpi-io='romio'\nsubfiles=2\n\
        subfile-stripe='1MiB'\nthreads=[3,'default']\ndirect-io=true\nhint={ cb_nodes = 2, romio_cb_write = 'enable' }";
    let cells = |plan: &str| {
        let sweep = from_toml(plan, Sweep::default()).unwrap_or_else(|why| panic!("{why}\n{plan}"));
        let (batches, _) = sweep.batches(&|_| Ok(())).unwrap();
        let cells = batches.iter().flat_map(|batch| batch.cells());
        cells.map(|cell| serde_json::to_string(&cell.experiment).unwrap()).collect::<BTreeSet<String>>()
    };
    let model = golden().remove(3);
    let record = |experiment: &String| {
        let mut record = model.clone();
        record.experiment = serde_json::from_str(experiment).unwrap();
        record.samples.iter_mut().for_each(|sample| sample.ranks = vec![sample.ranks[0]; 2]);
        record
    };
    let asked = cells(asked);
    let mut records: Vec<Record> = asked.iter().map(record).collect();
    let all = results(&records);
    assert_eq!(all.cells.len(), asked.len());
    let again = plan(&all);
    assert!(!again.contains('#'), "{again}");
    assert_eq!(cells(&again), asked, "{again}");

    records[0].experiment.tunables.hints.clear();
    records[0].experiment.dataset.data.as_mut().unwrap().seed = u64::MAX;
    let again = plan(&results(&records));
    assert!(
        again.contains("# hint = none is left out") && again.contains("# seed = \"18446744073709551615\" is"),
        "{again}"
    );
    assert_eq!(cells(&again), asked, "{again}");
    assert!(from_toml(&plan(&results(&records[..1])), Sweep::default()).is_ok_and(|sweep| sweep.seed == u64::MAX));
}

#[test]
fn many_records_make_a_small_page() {
    let mut results = results(&sweep());
    let some = results.cells.clone();
    for round in 0..100 {
        results.cells.extend(some.iter().cloned().map(|mut cell| {
            (cell.line, cell.experiment.buffer) = (cell.line + 1000 * round, round as u64 + 1);
            cell
        }));
    }
    assert!(results.cells.len() > 7000);
    let some = results.cells.len();
    let document = document(&results, "Many");
    let size = page(&document).len();
    assert!(size - PLOTLY.len() < 3 << 20, "{size} bytes of a page of {some} cells");
    assert!(markdown(&document).len() < 1 << 20);
}

/// Takes what is written, and then fails: a full disk.
struct Full(usize);

impl std::io::Write for Full {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(std::io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn tables_are_written_as_they_are_made() {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    let mut results = results(&golden());
    let some = results.cells.clone();
    while rows(&results).count() <= 2 * GROUP {
        results.cells.extend(some.iter().cloned());
    }
    let count = rows(&results).count();
    let reader = SerializedFileReader::new(bytes::Bytes::from(parquet_bytes(&results))).unwrap();
    let groups: Vec<i64> = reader.metadata().row_groups().iter().map(|group| group.num_rows()).collect();
    assert_eq!(groups.len(), count.div_ceil(GROUP), "{groups:?}");
    assert_eq!(groups.iter().sum::<i64>(), count as i64);
    assert_eq!(csv_text(&results).lines().count(), count + 1);
    let first_group = parquet_bytes(&results).len() / 2;
    for full in [csv(&results, &mut Full(1 << 16)), parquet(&results, &mut Full(first_group))] {
        assert_eq!(full.unwrap_err().kind(), std::io::ErrorKind::StorageFull);
    }
}

#[test]
fn records_that_cannot_be_are_passed_over_and_counted() {
    let sound = sweep();
    let check = |change: &dyn Fn(&mut Record), why: &str| {
        let mut records = sound.clone();
        records[2..5].iter_mut().for_each(change);
        let results = results(&records);
        assert_eq!(results.cells.len(), records.len() - 3, "{why}");
        let told = results.remarks();
        assert!(
            told.iter().any(|t| t.contains("golden.jsonl: 3 lines passed over (3, 4, 5): ") && t.contains(why)),
            "{told:?}"
        );
        let document = document(&results, "Impossible");
        assert!(page(&document).contains("3 lines passed over (3, 4, 5)"), "{why}");
        assert!(document.figures().map(svg).all(|drawn| !drawn.contains("NaN") && !drawn.contains("inf")));
    };
    fn first(record: &mut Record) -> &mut h5lab_core::record::Sample {
        &mut record.samples[0]
    }
    check(&|r| first(r).ranks[0].transfer = -1.0, "a time of it is negative");
    check(&|r| first(r).ranks[0].open = f64::NAN, "a time of it is not finite");
    check(&|r| first(r).ranks[0].close = f64::INFINITY, "a time of it is not finite");
    check(&|r| first(r).ranks.iter_mut().for_each(|rank| rank.transfer = 0.0), "transferred in no time");
    check(&|r| first(r).resident = Some(1.5), "not between 0 and 1");
    check(&|r| r.samples.clear(), "neither samples nor a failure");
    check(&|r| r.experiment.np += 1, "more or fewer ranks than ran");
    check(&|r| r.experiment.np = 0, "counted from 1");
    check(&|r| r.experiment.layout = Layout::Chunked { chunk: vec![1, 1], filters: vec![] }, "contradict each other");
    check(
        &|r| r.experiment.layout = Layout::Chunked { chunk: vec![0, 1, 1], filters: vec![] },
        "contradict each other",
    );
    check(&|r| r.experiment.dataset.shape.0 = vec![u64::MAX, 2, 2], "more bytes than can be counted");
    check(&|r| r.experiment.access = "roi:18446744073709551615x1@1x1".parse().unwrap(), "contradict each other");
    assert!(results(&sound).remarks().is_empty() && results(&golden()).remarks().is_empty());
}

#[test]
fn many_lines_that_are_none_are_told_in_few() {
    let mut results = Results::new();
    results.source("a.jsonl");
    (1..=90).for_each(|line| results.skip(line, &format!("reason {line}")));
    (91..=99).for_each(|line| results.skip(line, "reason 1"));
    let told = results.remarks();
    assert_eq!(told[0], "a.jsonl: 10 lines passed over (1, 91, 92, 93, 94, ...): reason 1");
    assert_eq!(told[1], "a.jsonl, line 2: passed over: reason 2");
    assert_eq!((told.len(), told[50].as_str()), (51, "40 more lines passed over for other reasons"));
}
