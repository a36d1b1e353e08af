//! That the texts, plans and folders fit together, and that answers say what hand-made records hold.

use super::*;
use crate::experiment::Direction;
use crate::host::StorageClass;
use crate::record::RankView;
use crate::report::significant;
use std::path::Path;

fn golden() -> Vec<Record> {
    let lines = include_str!("../../tests/golden/record-v1.jsonl").lines();
    lines.map(|line| serde_json::from_str(line).expect("a record")).collect()
}

fn claims<'a>(claims: &'a [Claim], about: &str) -> Vec<&'a Claim> {
    let found: Vec<&Claim> = claims.iter().filter(|claim| claim.about == about).collect();
    assert!(!found.is_empty(), "no claim about {about}: {claims:#?}");
    found
}

#[test]
fn every_lesson_has_all_its_parts() {
    for (index, lesson) in LESSONS.iter().enumerate() {
        assert_eq!(lesson.number, index + 1);
        assert!(lesson.name.starts_with(&format!("{:02}-", lesson.number)), "{}", lesson.name);
        let page = lesson.page();
        assert!(page.title().starts_with(&format!("Lesson {}: ", lesson.number)), "{}", page.title());
        assert!(!page.introduction().is_empty() && page.part(Part::Question).ends_with('?'), "{}", lesson.name);
        for part in Part::ALL {
            assert!(page.part(part).len() > 20, "{} has no part '{}'", lesson.name, part.heading());
        }
        assert_eq!(
            lesson.text().matches("\n## ").count(),
            Part::ALL.len(),
            "{} has parts that are not shown",
            lesson.name
        );
        assert!(lesson.text().lines().all(|line| line.chars().count() <= 130), "{}", lesson.name);
    }
}

#[test]
fn every_plan_has_cells_and_the_course_is_larger() {
    for lesson in &LESSONS {
        let sweep = lesson.sweep().unwrap();
        let (batches, skipped) = sweep.batches(&|_| Ok(())).unwrap();
        assert!(batches.iter().flat_map(|b| b.cells()).count() > 0 && skipped.is_empty(), "{}", lesson.name);
        assert!(lesson.plan.contains(&format!("name = \"{}\"", lesson.name)), "{}", lesson.name);
        assert!(
            lesson.plan.contains(&format!("\"{}\"", lesson.full)),
            "{} does not tell the course's size",
            lesson.name
        );
        let full: crate::dataset::Shape = lesson.full.parse().unwrap();
        assert!(full.0.iter().product::<u64>() > sweep.shape[0].0.iter().product::<u64>(), "{}", lesson.name);
    }
    assert_eq!(LESSONS[0].sweep().unwrap().np, [4, 8, 16]);
}

#[test]
fn links_lead_to_files() {
    let lessons = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../lessons");
    let front = std::fs::read_to_string(lessons.join("README.md")).unwrap();
    assert!(LESSONS.iter().all(|lesson| front.contains(&format!("({}/README.md)", lesson.name))));
    let texts =
        LESSONS.iter().map(|lesson| (lessons.join(lesson.name), lesson.text())).chain([(lessons.clone(), &front[..])]);
    let mut links = 0;
    for (folder, text) in texts {
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap();
            assert!(target.starts_with("http") || folder.join(file).exists(), "{target} in {}", folder.display());
            links += 1;
        }
    }
    assert!(links > 20, "{links}");
}

#[test]
fn every_lesson_leads_to_the_reading_list() {
    for lesson in LESSONS.iter() {
        let told = lesson.page().part(Part::ReadMore);
        for source in
            ["*Python and HDF5*", "wiki.earthdata.nasa.gov", "docs.h5py.org/en/stable/mpi.html", "(../README.md"]
        {
            assert!(told.contains(source), "{}: {source}", lesson.name);
        }
    }
}

#[test]
fn a_lesson_is_found_by_number_and_by_name() {
    assert_eq!(find("3").unwrap().name, "03-views");
    assert_eq!(find("06-chunks-and-compression").unwrap().number, 6);
    for word in ["0", "7", "-1", "three", "", "\x1b[31m"] {
        let told = find(word).unwrap_err().to_string();
        assert!(told.contains("there is no lesson") && told.contains("1 to 6") && !told.contains('\x1b'), "{told}");
    }
}

#[test]
fn more_ranks_are_compared_with_the_fewest() {
    let writes = golden()[..3].to_vec(); // np 1, 2, 4
    let answer = LESSONS[0].answer(&writes);
    let owned = claims(&answer, "ownership")[0];
    assert_eq!((owned.numbers["rows_1"], owned.numbers["rows_4"], owned.numbers["bytes_4"]), (128.0, 32.0, 32e6));
    let told = claims(&answer, "speed-up")[0];
    let by_table = crate::record::scaling(&writes)[2].unwrap();
    assert!((told.numbers["speed_up"] - by_table.0).abs() < 1e-12, "as the table has it");
    assert!((told.numbers["efficiency"] - by_table.1).abs() < 1e-12);
    assert!(told.text.contains(&significant(by_table.0)), "{}", told.text);
    assert_eq!(claims(&answer, "limit")[0].numbers["np"], 4.0);
}

#[test]
fn of_one_rank_count_no_speed_up_is_told() {
    let answer = LESSONS[0].answer(&golden()[..1]);
    assert!(answer.iter().all(|claim| claim.about != "speed-up" && claim.about != "open"), "{answer:#?}");
    assert!(
        LESSONS.iter().all(|lesson| lesson.answer(&[]).iter().all(|claim| claim.numbers.values().all(|&n| n == 0.0)))
    );
}

#[test]
fn failed_cells_answer_nothing() {
    let mut writes = golden()[..3].to_vec();
    writes.iter_mut().for_each(|r| r.failure = Some(Failure::new(FailureKind::Storage, "full")));
    assert_eq!(LESSONS[0].answer(&writes), []);
}

fn with_views(shapes: &[[u64; 2]], firsts: &[&str]) -> Record {
    let mut record = golden()[3].clone();
    record.experiment.np = shapes.len();
    record.views = shapes
        .iter()
        .zip(firsts)
        .enumerate()
        .map(|(rank, (shape, first))| RankView { rank, shape: shape.to_vec(), first: Some((*first).into()) })
        .collect();
    record
}

#[test]
fn a_view_tells_who_wrote_its_values() {
    let whole = golden()[3].experiment.dataset.shape.0.clone();
    let (rows, columns) = (whole[0], whole[1]);
    let process = with_views(&[[rows / 2, columns], [rows / 2, columns]], &["1000.25", "2000.5"]);
    let global = with_views(&[[rows, columns], [rows, columns]], &["1000.25", "1000.25"]);
    let answer = LESSONS[2].answer(&[process.clone(), global]);
    let own = claims(&answer, "process-view")[0];
    assert_eq!((own.numbers["own_value"], own.numbers["first_1"], own.numbers["rows"]), (2.0, 2000.5, rows as f64));
    assert_eq!(claims(&answer, "global-view")[0].numbers["same"], 2.0);
    assert_eq!(claims(&answer, "corner")[0].numbers["alike"], 1.0);
    let bytes = process.experiment.dataset.bytes();
    assert_eq!(claims(&answer, "after-the-close")[0].numbers["bytes_held"], bytes as f64);
    let of_others = with_views(&[[rows / 2, columns], [rows / 2, columns]], &["2000.25", "1000.5"]);
    let global = with_views(&[[rows, columns], [rows, columns]], &["2000.25", "2000.25"]);
    assert_eq!(claims(&LESSONS[2].answer(&[of_others, global]), "process-view")[0].numbers["own_value"], 0.0);
}

/// The golden writes twice over: as they are, and on another file system, `factor` times slower, with fsync.
fn on_two(kind: &str, factor: f64) -> Vec<Record> {
    let here: Vec<Record> = golden()[..3].to_vec();
    let there = here.iter().cloned().map(|mut record| {
        record.file = "/there".into();
        record.host.file_system.as_mut().unwrap().kind = Some(kind.into());
        for sample in &mut record.samples {
            sample.together = None;
            for rank in &mut sample.ranks {
                *rank = crate::record::Phases {
                    open: rank.open * factor,
                    transfer: rank.transfer * factor,
                    flush: rank.flush * factor,
                    close: rank.close * factor,
                };
            }
        }
        record
    });
    here.iter().cloned().chain(there).collect()
}

#[test]
fn the_fastest_file_system_is_named_and_by_how_much() {
    let records = on_two("nfs4", 4.0);
    assert_eq!(StorageClass::of("nfs4"), Some(StorageClass::Network));
    let answer = LESSONS[3].answer(&records);
    assert_eq!(claims(&answer, "places")[0].numbers["places"], 2.0);
    let write = claims(&answer, "write-fsync")[0]; // the golden writes end on the device
    assert!((write.numbers["times_as_fast_as_2"] - 4.0).abs() < 1e-9, "{write:?}");
    assert!(write.text.contains("4.00 times as fast as nfs4 at /there ("), "{}", write.text);
    assert_eq!(claims(&answer, "ranks").len(), 2);
    let networks = LESSONS[4].answer(&records);
    assert_eq!(claims(&networks, "networks")[0].numbers["networks"], 1.0);
    let none = LESSONS[4].answer(&golden()[..3]);
    assert!(claims(&none, "networks")[0].text.contains("None of these is on a network"));
}

#[test]
fn layouts_are_compared_by_what_was_read() {
    let records = golden()[6..].to_vec();
    let answer = LESSONS[5].answer(&records);
    let packed = |kind: &str| {
        let told = claims(&answer, "compression").into_iter().find(|c| c.text.contains(kind)).unwrap();
        told.numbers["ratio"]
    };
    assert!(packed("uniform") < 1.2 && packed("detector") > 1.2);
    let chunks = claims(&answer, "chunks")[0];
    let of = |chunked: bool| {
        records
            .iter()
            .find(|r| {
                let layout = &r.experiment.layout;
                let is = (*layout != crate::layout::Layout::Contiguous) == chunked && layout.filters().is_empty();
                is && r.experiment.direction == Direction::Read
                    && r.experiment.cache == crate::experiment::CacheWanted::Cold
            })
            .unwrap()
    };
    let times = of(true).total_bandwidth().unwrap() / of(false).total_bandwidth().unwrap();
    assert!((chunks.numbers["cold"] - times).abs() < 1e-9 * times, "{chunks:?}");
    assert!(claims(&answer, "change")[0].text.contains("h5repack -l"));
}
