//! Files that replace others: written beside their place, synced, and moved there.

use h5lab_core::failure::{Failure, Result};
use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// What every text that h5lab writes has in its first or last bytes.
const MARK: &[u8] = b"h5lab";
/// So many bytes are looked at, at either end.
const LOOKED_AT: u64 = 4096;

/// Writes a file whole or not at all: what `content` writes, as it does.
///
/// # Errors
/// `Storage`, if it can't be written; what stood there before still does.
pub fn write(file: &Path, content: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>) -> Result<()> {
    let beside = beside(file);
    let written = File::create(&beside).and_then(|created| {
        let mut out = BufWriter::new(created);
        content(&mut out)?;
        out.into_inner()?.sync_all()
    });
    written.and_then(|()| std::fs::rename(&beside, file)).map_err(|error| {
        let _ = std::fs::remove_file(&beside);
        Failure::io("write", file, &error).mend("free space, or name another file")
    })
}

fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".h5lab-partial");
    name.into()
}

/// Whether there is a file that h5lab did not make: one that does not name h5lab near its beginning or end, and is not empty.
///
/// # Errors
/// `Storage`, if it can't be read.
pub fn is_foreign(file: &Path) -> Result<bool> {
    let looked = || -> std::io::Result<bool> {
        let mut opened = match File::open(file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            opened => opened?,
        };
        let size = opened.metadata()?.len();
        let mut bytes = Vec::new();
        (&mut opened).take(LOOKED_AT).read_to_end(&mut bytes)?;
        opened.seek(SeekFrom::Start(size.saturating_sub(LOOKED_AT)))?;
        opened.read_to_end(&mut bytes)?;
        Ok(size > 0 && !memchr::memmem::find_iter(&bytes, MARK).any(|_| true))
    };
    looked().map_err(|error| Failure::io("look at", file, &error))
}
