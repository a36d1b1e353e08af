//! Descriptions of real file systems: this one, memory, and (as root) an ext4 image.

use std::process::Command;

use h5lab_core::host::StorageClass;

use super::*;

/// What a command prints, without the newline; `None` when it fails.
fn said(command: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(command).args(args).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_string())
}

#[test]
fn shared_memory_is_memory() {
    let fs = describe(Path::new("/dev/shm")).expect("Linux has it");
    assert_eq!(fs.kind.as_deref(), Some("tmpfs"));
    assert_eq!(fs.magic.as_deref(), Some("tmpfs"));
    assert_eq!(fs.class(), Some(StorageClass::Memory));
    assert_eq!(fs.rotational, None);
    assert!(!fs.types_disagree());
}

#[test]
fn the_kernel_file_system_has_no_magic_name_here() {
    let fs = describe(Path::new("/proc")).expect("Linux has it");
    assert_eq!(fs.class(), Some(StorageClass::Kernel));
    assert_eq!((fs.kind.as_deref(), fs.magic, fs.missing), (Some("proc"), None, false));
}

#[test]
fn a_file_that_does_not_exist_is_judged_by_its_parent() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let fs = describe(&dir.path().join("not/yet/here.h5")).expect("its parent exists");
    let real = dir.path().canonicalize().expect("it exists");
    assert_eq!(fs.real_path, real.display().to_string());
    assert!(fs.missing);
    assert_eq!(existing(Path::new("not-here.h5")).ok(), std::env::current_dir().ok());
}

#[test]
fn a_link_to_nothing_leads_to_where_its_target_would_be() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let link = dir.path().join("link.h5");
    std::os::unix::fs::symlink("/dev/shm/not-there.h5", &link).expect("a link");
    assert_eq!(existing(&link).ok(), Path::new("/dev/shm").canonicalize().ok());
}

#[test]
fn a_path_through_a_file_is_an_error() {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let error = describe(&file.path().join("below")).expect_err("a file has nothing below it");
    assert_eq!(error.kind(), io::ErrorKind::NotADirectory);
}

#[test]
fn space_is_what_df_says() {
    let Some(df) = said("df", &["--block-size=1", "--output=size", "."]) else {
        return println!("skipped: no GNU df");
    };
    let fs = describe(Path::new(".")).expect("the working directory");
    assert_eq!(df.lines().last().map(str::trim), Some(fs.total_bytes.to_string().as_str()));
    assert!(free_bytes(Path::new(".")).expect("the same") <= fs.total_bytes);
}

#[test]
fn the_mount_is_what_findmnt_says() {
    let Some(findmnt) = said("findmnt", &["-no", "TARGET,FSTYPE", "-T", "."]) else {
        return println!("skipped: no findmnt");
    };
    let fs = describe(Path::new(".")).expect("the working directory");
    let ours = [fs.mount_point, fs.kind].map(|field| field.expect("findmnt knows it"));
    let findmnt = findmnt.lines().last().unwrap_or_default();
    assert_eq!(findmnt.split_whitespace().collect::<Vec<_>>(), ours);
}

#[test]
fn an_ext4_image_mounted_read_only_is_seen_so() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (image, target) = (dir.path().join("image"), dir.path().join("my disk"));
    if let Err(reason) = mount_image(&image, &target) {
        return println!("skipped: {reason}");
    }
    let fs = describe(&target.join("new.h5"));
    let unmounted = said("umount", &[&target.display().to_string()]);
    let fs = fs.expect("it is mounted");
    assert!(unmounted.is_some(), "the image could not be unmounted");
    assert_eq!((fs.kind.as_deref(), fs.magic.as_deref()), (Some("ext4"), Some("ext4")));
    assert_eq!(fs.mount_point, Some(target.canonicalize().expect("it exists").display().to_string()));
    assert!(fs.read_only && fs.total_bytes < 64 << 20 && fs.free_inodes.is_some());
}

/// Makes an ext4 image and mounts it read-only, through a loop device.
fn mount_image(image: &Path, target: &Path) -> Result<(), String> {
    if !rustix::process::geteuid().is_root() {
        return Err("not root".into());
    }
    fs::File::create(image).and_then(|file| file.set_len(32 << 20)).map_err(|e| e.to_string())?;
    fs::create_dir(target).map_err(|e| e.to_string())?;
    let [image, target] = [image, target].map(|path| path.display().to_string());
    said("mkfs.ext4", &["-q", &image]).ok_or("no mkfs.ext4")?;
    said("mount", &["-o", "loop,ro", &image, &target]).map(drop).ok_or("no loop device".into())
}
