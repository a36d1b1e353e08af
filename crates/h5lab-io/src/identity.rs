//! Which file a name leads to.

use crate::run::followed;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What tells a file from another one of the same name: device and inode.
pub type Identity = (u64, u64);

/// Which file stands there; `None` if there is none.
pub fn identity(path: &Path) -> Option<Identity> {
    std::fs::metadata(path).map(|found| (found.dev(), found.ino())).ok()
}

/// True if both names lead to one file, be it there or not.
pub fn same_file(one: &Path, other: &Path) -> bool {
    let (one, other) = (followed(one), followed(other));
    if let (Some(one), Some(other)) = (identity(&one), identity(&other)) {
        return one == other;
    }
    let place = |path: &Path| {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Some((folder.canonicalize().ok()?, path.file_name()?.to_owned()))
    };
    place(&one).is_some_and(|one| Some(one) == place(&other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use h5lab_core::failure::FailureKind;

    #[test]
    fn a_file_is_known_by_all_its_names() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("file"), "").unwrap();
        std::fs::create_dir(at("inner")).unwrap();
        std::fs::hard_link(at("file"), at("hard")).unwrap();
        std::os::unix::fs::symlink("file", at("soft")).unwrap();
        std::os::unix::fs::symlink("missing", at("to-come")).unwrap();
        for (one, other) in
            [("file", "hard"), ("soft", "hard"), ("inner/../file", "file"), ("missing", "to-come"), ("inner/../a", "a")]
        {
            assert!(same_file(&at(one), &at(other)), "{one} {other}");
            let refused = crate::journal::check_apart(&at(one), [at("b").as_path(), &at(other)]).unwrap_err();
            assert_eq!(refused.kind, FailureKind::Usage);
        }
        for (one, other) in [("file", "a"), ("a", "b"), ("inner/a", "a"), ("nowhere/a", "nowhere/a")] {
            assert!(!same_file(&at(one), &at(other)), "{one} {other}");
        }
    }
}
