//! `h5lab report`: pictures and tables of results, as one page, as Markdown, as CSV or Parquet, as SVG files.

use super::results;
use crate::cli::{Output, Report, ReportFormat};
use crate::output::{json, note, stream};
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::report::document::{Block, Document, document};
use h5lab_core::report::figure::svg::svg;
use h5lab_core::report::html::page;
use h5lab_core::report::markdown::markdown;
use h5lab_core::report::printable;
use h5lab_core::report::tidy::{csv, parquet};
use h5lab_core::results::Results;
use h5lab_io::beside;
use h5lab_io::identity::same_file;
use std::fs::File;
use std::io::{self, BufWriter, Write};
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
    let mut written = Vec::new();
    let document = document_for(&args, format, &results);
    if let (Some(folder), Some(document)) = (&args.figures, &document) {
        written.extend(figures(document, folder, args.force)?);
    }
    let content = |out: &mut (dyn Write + Send)| render(format, &results, document.as_ref(), out);
    match &target {
        None => stream(|out| content(out))?,
        Some(file) => {
            write(file, args.force, |out| content(out))?;
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
        Some("md" | "markdown") => Ok(ReportFormat::Markdown),
        Some("csv") => Ok(ReportFormat::Csv),
        Some("parquet") => Ok(ReportFormat::Parquet),
        Some("html" | "htm") | None => Ok(ReportFormat::Html),
        Some(other) => Err(crate::usage(format!("-o: no report is a .{}", printable(other)))
            .mend("end the name with .html, .md, .csv or .parquet, or say which it is with --format")),
    };
    let format = args.format.map_or_else(by_name, Ok)?;
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
            Err(crate::usage("Parquet goes to a file alone").mend("name one: -o results.parquet"))
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

/// The report as sections, where it is shown: tidy tables are made of the results alone.
fn document_for(args: &Report, format: ReportFormat, results: &Results) -> Option<Document> {
    let shown = args.figures.is_some() || matches!(format, ReportFormat::Html | ReportFormat::Markdown);
    shown.then(|| document(results, &title(args)))
}

/// Writes a page or a text, which are small, or a table, as it is made.
fn render(
    format: ReportFormat,
    results: &Results,
    document: Option<&Document>,
    out: &mut (dyn Write + Send),
) -> io::Result<()> {
    let shown = |text: fn(&Document) -> String| document.map_or_else(String::new, text);
    match format {
        ReportFormat::Html => out.write_all(shown(page).as_bytes()),
        ReportFormat::Markdown => out.write_all(shown(markdown).as_bytes()),
        ReportFormat::Csv => csv(results, out),
        ReportFormat::Parquet => parquet(results, out),
    }
}

/// By which a picture of a report is known as such when the next one replaces it.
const MADE_BY: &str = "<!-- h5lab report -->\n";

/// Writes every chart as SVG and every picture as PNG.
fn figures(document: &Document, folder: &Path, force: bool) -> Result<Vec<PathBuf>> {
    std::fs::create_dir_all(folder).map_err(|e| Failure::io("make the folder", folder, &e))?;
    let mut written = Vec::new();
    for block in document.sections.iter().flat_map(|section| &section.blocks) {
        let (name, bytes) = match block {
            Block::Figure(figure) => (format!("{}.svg", figure.id), format!("{}{MADE_BY}", svg(figure)).into_bytes()),
            Block::Picture(picture) => (format!("{}.png", picture.id), picture.png.clone()),
            _ => continue,
        };
        let file = folder.join(name);
        write(&file, force, |out| out.write_all(&bytes))?;
        written.push(file);
    }
    Ok(written)
}

/// Writes a file beside its place and moves it there, unless what stands there is somebody else's.
fn write(file: &Path, force: bool, content: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> Result<()> {
    if !force && beside::is_foreign(file)? {
        return Err(Failure::new(FailureKind::Refused, "h5lab did not make this file")
            .at(file)
            .mend("name another file, or add --force to overwrite it"));
    }
    beside::write(file, content)
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
