//! Reading result files, for the commands that say what is in them.

use crate::cli::Output;
use crate::output::note;
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::results::{Lines, Results};
use h5lab_io::journal;
use std::path::{Path, PathBuf};

/// What a result file is called in what is shown.
pub fn name(file: &Path) -> String {
    if file == Path::new(journal::STDIN) { "stdin".into() } else { file.display().to_string() }
}

/// The records of these files; `-` is stdin. What is no record, or none that can be, is passed over, with a note.
///
/// # Errors
/// `Input` if a file holds no record, `Storage` if it can't be read.
pub fn read(files: &[PathBuf], output: &Output) -> Result<Results> {
    if files.iter().filter(|file| *file == Path::new(journal::STDIN)).count() > 1 {
        return Err(crate::usage("stdin is named more than once, and can be read once alone")
            .mend("save one of them to a file"));
    }
    let mut results = Results::new();
    for file in files {
        let before = results.cells.len();
        results.source(name(file));
        journal::each(file, Lines::new, Lines::digest, &mut |line, digested| match digested {
            Ok(digest) => results.add(line, digest),
            Err(why) => results.skip(line, &why),
        })?;
        if results.cells.len() == before {
            results.remarks().iter().for_each(|remark| note(remark));
            return Err(Failure::new(FailureKind::Input, "is no result file: no line of it is a record that can be")
                .at(file)
                .mend("name a file that --save wrote"));
        }
    }
    if !output.quiet {
        results.remarks().iter().for_each(|remark| note(remark));
    }
    Ok(results)
}
