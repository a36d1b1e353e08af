//! `h5lab report`: pictures and tables of results, as one page, as Markdown, as CSV or Parquet, as SVG files.

use super::results;
use crate::cli::{Output, Report, ReportFormat};
use crate::output::{json, note, print};
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::report::document::{Block, Document, document};
use h5lab_core::report::figure::svg::svg;
use h5lab_core::report::html::page;
use h5lab_core::report::markdown::markdown;
use h5lab_core::report::tidy::{csv, parquet};
use h5lab_core::results::Results;
use h5lab_io::beside;
use h5lab_io::identity::same_file;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where the page goes if nobody says where.
const PAGE: &str = "report.html";

/// Reads the results, and writes what is asked for.
///
/// # Errors
/// `Input` for files that hold no records, `Refused` for a file that h5lab did not make, `Storage` if it can't be written.
pub fn run(args: Report, output: &Output) -> Result<()> {
    if crate::launch::rank().unwrap_or(0) != 0 {
        return Ok(());
    }
    let format = format(&args)?;
    let target = target(&args, format)?;
    not_the_results(&args.results, target.as_deref())?;
    let results = results::read(&args.results, output)?;
    let document = document(&results, &title(&args));
    let mut written = Vec::new();
    if let Some(folder) = &args.figures {
        written.extend(figures(&document, folder, args.force)?);
    }
    let bytes = render(format, &results, &document)?;
    match &target {
        None => print(String::from_utf8_lossy(&bytes))?,
        Some(file) => {
            write(file, &bytes, args.force)?;
            written.push(file.clone());
        }
    }
    tell(&written, target.is_none(), output)?;
    if args.open
        && let Some(file) = &target
    {
        open(file);
    }
    Ok(())
}

/// As asked for, or as the file's name says, or a page.
fn format(args: &Report) -> Result<ReportFormat> {
    let by_name = || match args.output.as_deref().and_then(Path::extension).and_then(|e| e.to_str()) {
        Some("md" | "markdown") => ReportFormat::Markdown,
        Some("csv") => ReportFormat::Csv,
        Some("parquet") => ReportFormat::Parquet,
        _ => ReportFormat::Html,
    };
    let format = args.format.unwrap_or_else(by_name);
    if args.open && format != ReportFormat::Html {
        return Err(crate::usage("--open shows a page").mend("leave out --format, or --open"));
    }
    Ok(format)
}

/// The file to write; `None` is stdout.
fn target(args: &Report, format: ReportFormat) -> Result<Option<PathBuf>> {
    let given = args.output.clone().filter(|file| file.as_os_str() != "-");
    match (given, args.output.is_some(), format) {
        (Some(file), ..) => Ok(Some(file)),
        (None, true, _) if args.open => Err(crate::usage("--open needs a file").mend("add -o report.html")),
        (None, _, ReportFormat::Parquet) => {
            Err(crate::usage("Parquet is not for a terminal").mend("name a file: -o results.parquet"))
        }
        (None, true, _) => Ok(None),
        (None, false, ReportFormat::Html) => Ok(Some(PAGE.into())),
        (None, false, _) => Ok(None),
    }
}

/// Results are never overwritten by their report: not even by force.
fn not_the_results(results: &[PathBuf], target: Option<&Path>) -> Result<()> {
    match target.filter(|target| results.iter().any(|file| same_file(file, target))) {
        None => Ok(()),
        Some(target) => {
            Err(crate::usage("the report would overwrite the results").at(target).mend("name another file with -o"))
        }
    }
}

fn title(args: &Report) -> String {
    let name = |file: &PathBuf| file.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let names: Vec<String> = args.results.iter().map(name).collect();
    args.title.clone().unwrap_or_else(|| format!("h5lab: {}", names.join(", ")))
}

fn render(format: ReportFormat, results: &Results, document: &Document) -> Result<Vec<u8>> {
    Ok(match format {
        ReportFormat::Html => page(document).into_bytes(),
        ReportFormat::Markdown => markdown(document).into_bytes(),
        ReportFormat::Csv => csv(results).into_bytes(),
        ReportFormat::Parquet => parquet(results)?,
    })
}

/// Writes every chart as SVG and every picture as PNG.
fn figures(document: &Document, folder: &Path, force: bool) -> Result<Vec<PathBuf>> {
    std::fs::create_dir_all(folder).map_err(|e| Failure::io("make the folder", folder, &e))?;
    let mut written = Vec::new();
    for block in document.sections.iter().flat_map(|section| &section.blocks) {
        let (name, bytes) = match block {
            Block::Figure(figure) => (format!("{}.svg", figure.id), svg(figure).into_bytes()),
            Block::Picture(picture) => (format!("{}.png", picture.id), picture.png.clone()),
            _ => continue,
        };
        let file = folder.join(name);
        write(&file, &bytes, force)?;
        written.push(file);
    }
    Ok(written)
}

/// Writes a file beside its place and moves it there, unless what stands there is somebody else's.
fn write(file: &Path, bytes: &[u8], force: bool) -> Result<()> {
    if !force && beside::is_foreign(file)? {
        return Err(Failure::new(FailureKind::Refused, "h5lab did not make this file")
            .at(file)
            .mend("name another file, or add --force to overwrite it"));
    }
    beside::write(file, bytes)
}

fn tell(written: &[PathBuf], on_stdout: bool, output: &Output) -> Result<()> {
    if output.json && !on_stdout {
        return json(
            &serde_json::json!({ "written": written.iter().map(|f| f.to_string_lossy()).collect::<Vec<_>>() }),
        );
    }
    if !output.quiet {
        written.iter().for_each(|file| note(&format!("wrote {}", file.display())));
    }
    Ok(())
}

/// Shows a page in the user's browser.
fn open(file: &Path) {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let quiet = || Stdio::null();
    let begun = Command::new(opener).arg(&file).stdin(quiet()).stdout(quiet()).stderr(quiet()).spawn();
    if let Err(why) = begun {
        note(&format!("{opener} does not start ({why}): open {} in a browser", file.display()));
    }
}
