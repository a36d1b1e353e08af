//! `h5lab show`: slices as NumPy has them, in the terminal and as pictures.

mod common;

use common::Folder;

fn zoo() -> Folder {
    let folder = Folder::new();
    folder.python("make_zoo.py").ok();
    folder
}

#[test]
fn a_slice_is_drawn_without_colours_where_there_is_no_terminal() {
    let folder = zoo();
    let told = folder.h5lab("show zoo.h5:entry/data[3,:,:]").ok();
    let lines: Vec<&str> = told.stdout.lines().collect();
    assert_eq!(lines[0], "zoo.h5:entry/data[3, :, :]");
    assert!(told.stdout.is_ascii() && lines.len() > 20, "{told}");
    // The names of the axes are those that NeXus has on the group.
    assert!(lines.last().unwrap().starts_with("y (down) 64, x (right) 96; colours from"), "{told}");
}

#[test]
fn values_and_places_are_those_of_numpy() {
    let folder = zoo();
    let told = folder.h5lab("show zoo.h5:wrong/sparse[3,10:20,-30:] --json").ok();
    let summary: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!(summary["slice"], "zoo.h5:wrong/sparse[3, 10:20, 70:100]");
    assert_eq!((&summary["size"], &summary["origin"]), (&serde_json::json!([10, 30]), &serde_json::json!([10, 70])));
    assert_eq!((&summary["smallest"], &summary["largest"]), (&serde_json::json!(1.0), &serde_json::json!(1.0)));
}

#[test]
fn a_picture_is_a_png_that_others_can_read() {
    let folder = zoo();
    folder.h5lab("show zoo.h5:entry/data[0] -o picture.png").ok();
    let png = folder.read("picture.png");
    assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
    let size = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    // 96 x 64 values, each of 4 x 4 pixels, and room for axes and colour bar.
    assert!((450..700).contains(&size(16)) && (300..450).contains(&size(20)), "{} x {}", size(16), size(20));
    let refused = folder.h5lab("show zoo.h5:entry/data[0] -o picture.png").run();
    assert_eq!(refused.code, Some(4), "{refused}");
    folder.h5lab("show zoo.h5:entry/data[1] -o picture.png --force").ok();
    assert_ne!(folder.read("picture.png"), png);
    assert!(!folder.names().iter().any(|name| name.contains("partial")));
}

#[test]
fn what_is_no_picture_is_explained() {
    let folder = zoo();
    for (slice, code, words) in [
        ("zoo.h5:entry/data[16,:,:]", 2, "axis 0"),
        ("zoo.h5:entry/data[:,:,:]", 2, "leaves 3 axes"),
        ("zoo.h5:entry/data[1,2,:]", 2, "leaves 1 axes"),
        ("zoo.h5:entry/data[x]", 2, "is not an index"),
        ("zoo.h5:kinds/compound", 3, "not of numbers"),
        ("zoo.h5:kinds/text", 3, "not of numbers"),
        ("zoo.h5:kinds/scalar", 3, "no two axes"),
        ("zoo.h5:kinds/none", 3, "no two axes"),
        ("zoo.h5:nowhere", 3, "no dataset"),
        ("gone.h5", 3, "no such file"),
    ] {
        let told = folder.h5lab(&format!("show {slice}")).run();
        assert_eq!(told.code, Some(code), "{told}");
        assert!(told.stderr.contains(words) && told.stderr.contains("what to do"), "{told}");
    }
}
