//! `h5lab inspect` on files with one of everything, on broken ones, and on one with many chunks.

mod common;

use common::Folder;
use serde_json::Value;

fn zoo() -> Folder {
    let folder = Folder::new();
    folder.python("make_zoo.py").ok();
    folder
}

fn inspected(folder: &Folder, words: &str) -> Value {
    let done = folder.h5lab(&format!("inspect --json {words}")).ok();
    serde_json::from_str(&done.stdout).unwrap()
}

fn node<'a>(found: &'a Value, path: &str) -> &'a Value {
    found["nodes"].as_array().unwrap().iter().find(|node| node["path"] == path).unwrap_or_else(|| panic!("{path}"))
}

fn flags(node: &Value) -> Vec<&str> {
    node["flags"].as_array().map_or(vec![], |flags| flags.iter().map(|flag| flag["code"].as_str().unwrap()).collect())
}

#[test]
fn everything_is_named_as_what_it_is() {
    let folder = zoo();
    let found = inspected(&folder, "zoo.h5 --attrs");
    for (path, element) in [
        ("/kinds/scalar", "f64"),
        ("/kinds/text", "string, utf-8, variable"),
        ("/kinds/fixed", "string, ascii, 10 bytes"),
        ("/kinds/null", "f32"),
        ("/kinds/compound", "compound {a: f64, b: i32, c: string, ascii, 4 bytes}"),
        ("/kinds/array", "compound {m: array 3x3 of f32}"),
        ("/kinds/enum", "enum of u8 {off, on}"),
        ("/kinds/bool", "bool"),
        ("/kinds/opaque", "opaque, 3 bytes"),
        ("/kinds/big-endian", ">i32"),
        ("/kinds/half", "f16"),
        ("/kinds/complex", "compound {r: f32, i: f32}"),
        ("/kinds/reference", "reference to an object"),
        ("/kinds/region", "reference to a region"),
        ("/kinds/ragged", "variable length of i32"),
    ] {
        assert_eq!(node(&found, path)["element"], element, "{path}");
    }
    for (path, key, value) in [
        ("/kinds/null", "space", "null"),
        ("/kinds/scalar", "space", "scalar"),
        ("/kinds/compact", "layout", "compact"),
        ("/kinds/external", "layout", "external"),
        ("/wrong/virtual", "layout", "virtual"),
        ("/kinds/type", "kind", "named-type"),
        ("/links/hard", "kind", "same-as"),
        ("/links/up", "kind", "same-as"),
        ("/links/soft", "kind", "soft-link"),
        ("/links/external", "kind", "external-link"),
    ] {
        let node = node(&found, path);
        let found = if key == "layout" { &node["layout"]["storage"] } else { &node[key] };
        assert_eq!(found, value, "{path}");
    }
    assert_eq!(node(&found, "/links/broken")["broken"], true);
    assert_eq!(node(&found, "/links/lost")["broken"], true);
    assert_eq!(node(&found, "/links/soft")["broken"], false);
    assert_eq!(node(&found, "/kinds/growing")["most"], serde_json::json!([null, 8]));
    let attributes = |path: &str| {
        let of = node(&found, path)["attributes"].as_array().unwrap().iter();
        of.map(|a| format!("{} = {}", a["name"].as_str().unwrap(), a["value"].as_str().unwrap_or("?")))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        attributes("/entry/data"),
        ["good = true", "history = [0, 1, 2, 3, 4, 5, 6, 7, ...]", "of = ?", "offset = 1.5", "units = \"counts\""]
    );
    assert_eq!(attributes("/entry"), ["NX_class = \"NXentry\"", "axes = [\"angle\", \"y\", \"x\"]"]);
}

#[test]
fn what_is_wrong_is_flagged_and_what_is_right_is_not() {
    let folder = zoo();
    let found = inspected(&folder, "zoo.h5");
    for (path, codes) in [
        ("/entry/data", vec![]),
        ("/kinds/external", vec!["missing-sources"]),
        ("/wrong/virtual", vec!["missing-sources"]),
        ("/wrong/tiny", vec!["tiny-chunks"]),
        ("/wrong/noise", vec!["filters-in-vain"]),
        ("/wrong/sparse", vec!["unallocated"]),
        ("/wrong/skipped", vec!["unfiltered-chunks"]),
        ("/wrong/large", vec!["chunk-beyond-cache"]),
        ("/wrong/stack", vec!["contiguous-stack"]),
    ] {
        assert_eq!(flags(node(&found, path)), codes, "{path}");
    }
    assert_eq!(flags(node(&inspected(&folder, "unknown-filter.h5"), "/data")), ["filter-missing", "unallocated"]);
    assert_eq!(flags(&inspected(&folder, "deleted.h5")), ["unused-space"]);
    let data = node(&found, "/entry/data");
    let cost =
        |k: usize| (data["accesses"][k]["access"].as_str().unwrap(), data["accesses"][k]["chunks"].as_u64().unwrap());
    assert_eq!(
        [cost(0), cost(1), cost(2), cost(3)],
        [("projection", 2), ("sinogram", 4), ("roi:64x96", 2), ("spectrum", 4)]
    );
    assert_eq!(data["accesses"][0]["amplification"], 4.0);
    assert_eq!(data["accesses"][1]["amplification"], 32.0);
}

#[test]
fn sizes_are_those_that_h5ls_and_h5dump_tell() {
    let folder = zoo();
    let found = inspected(&folder, "zoo.h5");
    let listed = folder.tool("h5ls", "-rv zoo.h5").ok().stdout;
    for path in ["/entry/data", "/wrong/noise", "/wrong/stack", "/wrong/tiny", "/wrong/sparse"] {
        let told = listed.split(&format!("\n{path} ")).nth(1).unwrap_or_else(|| panic!("{path}"));
        let storage = told.lines().find(|line| line.trim_start().starts_with("Storage:")).unwrap();
        let bytes = |what: &str| -> u64 {
            let before = storage.split(what).next().unwrap().trim_end();
            before.rsplit([' ', ',']).find(|word| !word.is_empty()).unwrap().parse().unwrap()
        };
        let node = node(&found, path);
        assert_eq!(node["logical_bytes"], bytes("logical byte"), "{path}");
        assert_eq!(node["stored_bytes"], bytes("allocated byte"), "{path}");
    }
}

#[test]
fn the_tree_is_text_for_people() {
    let folder = zoo();
    let told = folder.h5lab("ls zoo.h5").ok().stdout;
    for words in [
        "16x64x96",
        "shuffle+gzip=4",
        "4x32x96",
        "3/infx4/8",
        "= /entry/data",
        "-> /nowhere (nothing there)",
        "-> /data in gone.h5 (nothing there)",
        "virtual, 2 parts in 2 files",
        "1 of 10",
        "/wrong/tiny: 2048 chunks of 4 B only",
    ] {
        assert!(told.contains(words), "{words}\n{told}");
    }
    assert!(!told.contains('\x1b'));
}

#[test]
fn broken_files_get_a_clear_error() {
    let folder = zoo();
    let whole = folder.read("zoo.h5");
    folder.write("cut.h5", &whole[..whole.len() / 2]);
    folder.write("text.h5", "not HDF5");
    folder.write("empty.h5", "");
    let mut scrambled = whole.clone();
    scrambled[96..2048].fill(0xa5);
    folder.write("scrambled.h5", scrambled);
    for (file, words) in [
        ("cut.h5", "truncated"),
        ("text.h5", "not an HDF5 file"),
        ("empty.h5", "not an HDF5 file"),
        ("gone.h5", "no such file"),
    ] {
        let told = folder.h5lab(&format!("inspect {file}")).run();
        assert_eq!(told.code, Some(3), "{told}");
        assert!(told.stderr.contains(words) && told.stderr.contains("what to do"), "{file}: {}", told.stderr);
    }
    // Whatever a damaged file makes HDF5 say: it is told, not crashed on.
    let told = folder.h5lab("inspect scrambled.h5").run();
    assert!([Some(0), Some(3)].contains(&told.code), "{told}");
}

#[test]
fn a_million_chunks_are_no_trouble() {
    let folder = Folder::new();
    folder.python("make_many_chunks.py").ok();
    let found = inspected(&folder, "many.h5");
    let data = node(&found, "/data");
    assert_eq!(
        (data["chunks"]["allocated"].as_u64(), data["chunks"]["there"].as_u64()),
        (Some(1_000_000), Some(1_000_000))
    );
    assert!(flags(data).contains(&"tiny-chunks"));
}
