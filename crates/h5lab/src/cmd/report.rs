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
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

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
    if let Some(target) = &target {
        has_a_place(target)?;
    }
    let results = results::read(&distinct(&args.results, output), output)?;
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

/// Each file once: read twice, its records would count twice.
fn distinct(files: &[PathBuf], output: &Output) -> Vec<PathBuf> {
    let mut kept: Vec<PathBuf> = Vec::new();
    for file in files {
        if kept.iter().all(|known| known != file && !same_file(known, file)) {
            kept.push(file.clone());
        } else if !output.quiet {
            note(&format!("{} is named more than once: it is read once", results::name(file)));
        }
    }
    kept
}

/// As asked for, or as the file's name says, or a page.
fn format(args: &Report) -> Result<ReportFormat> {
    let ending = args.output.as_deref().and_then(Path::extension).map(|e| e.to_string_lossy().to_lowercase());
    let by_name = || match ending.as_deref() {
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
        (None, named, ReportFormat::Parquet) if !named || io::stdout().is_terminal() => {
            Err(crate::usage("Parquet is no text for a terminal")
                .mend("name a file: -o results.parquet; or -o - for a pipe"))
        }
        (None, true, _) => Ok(None),
        (None, false, ReportFormat::Html) => Ok(Some(PAGE.into())),
        (None, false, _) => Ok(None),
    }
}

/// Refuses a folder, and a file in a folder that is not there, before anything is read.
fn has_a_place(target: &Path) -> Result<()> {
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
    if target.is_dir() || target.as_os_str().as_encoded_bytes().ends_with(b"/") {
        let file = target.join(PAGE);
        return Err(crate::usage("-o: this is a folder, and a report is a file")
            .at(target)
            .mend(format!("name a file in it: -o {}", printable(&file.display().to_string()))));
    }
    match folder.filter(|folder| !folder.is_dir()) {
        None => Ok(()),
        Some(folder) => Err(crate::usage("-o: there is no such folder")
            .at(folder)
            .mend("make it with mkdir -p, or name another file")),
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
    let stem =
        |file: &PathBuf| PathBuf::from(results::name(file)).file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let names: Vec<String> = args.results.iter().filter_map(stem).collect();
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
    let mut all = Vec::new();
    for block in document.sections.iter().flat_map(|section| &section.blocks) {
        let (name, bytes) = match block {
            Block::Figure(figure) => (format!("{}.svg", figure.id), format!("{}{MADE_BY}", svg(figure)).into_bytes()),
            Block::Picture(picture) => (format!("{}.png", picture.id), picture.png.clone()),
            _ => continue,
        };
        all.push((folder.join(name), bytes));
    }
    // None is written if one can't be.
    all.iter().try_for_each(|(file, _)| refuse_foreign(file, force))?;
    all.iter().try_for_each(|(file, bytes)| write(file, force, |out| out.write_all(bytes)))?;
    Ok(all.into_iter().map(|(file, _)| file).collect())
}

fn refuse_foreign(file: &Path, force: bool) -> Result<()> {
    if !force && beside::is_foreign(file)? {
        return Err(Failure::new(FailureKind::Refused, "h5lab did not make this file")
            .at(file)
            .mend("name another file, or add --force to overwrite it"));
    }
    Ok(())
}

/// Writes a file beside its place and moves it there, unless what stands there is somebody else's; a pipe or a device, such
/// as /dev/stdout, as it is.
fn write(file: &Path, force: bool, content: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> Result<()> {
    if std::fs::metadata(file).is_ok_and(|found| !found.is_file()) {
        let opened = File::options().write(true).open(file).map(BufWriter::new);
        let written = opened.and_then(|mut out| content(&mut out).and_then(|()| out.flush()));
        return written.map_err(|error| Failure::io("write", file, &error));
    }
    refuse_foreign(file, force)?;
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

/// So long is waited for a browser that does not start.
const PATIENCE: Duration = Duration::from_secs(3);

/// Shows a page in the user's browser, or says what to do if there is none.
fn open(file: &Path) {
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    if let Err(why) = browse(&file) {
        note(&format!(
            "--open: {why}; open {} in a browser yourself, or copy it to a machine that has one: it needs no other file",
            printable(&file.display().to_string())
        ));
    }
}

/// Hands a file to the desktop's opener. One that is still running after a while shows it.
fn browse(file: &Path) -> std::result::Result<(), String> {
    let (opener, desktop) = match cfg!(target_os = "macos") {
        true => ("open", true),
        false => {
            ("xdg-open", ["DISPLAY", "WAYLAND_DISPLAY", "BROWSER"].iter().any(|name| std::env::var_os(name).is_some()))
        }
    };
    if !desktop {
        return Err("there is no display here".into());
    }
    let quiet = || Stdio::null();
    let begun = Command::new(opener).arg(file).stdin(quiet()).stdout(quiet()).stderr(quiet()).spawn();
    let mut running = begun.map_err(|why| format!("{opener} does not start ({why})"))?;
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        match running.try_wait() {
            Ok(Some(ended)) if ended.success() => return Ok(()),
            Ok(Some(ended)) => return Err(format!("{opener} found no browser ({ended})")),
            Ok(None) => std::thread::sleep(Duration::from_millis(20)),
            Err(why) => return Err(format!("{opener}: {why}")),
        }
    }
    Ok(())
}
