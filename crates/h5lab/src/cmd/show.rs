//! `h5lab show`: one slice, in the terminal or as a picture.

use crate::cli::{Output, Show};
use crate::output::{json, note, print};
use h5lab_core::dataset::SourceFile;
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::show::{Colours, Contrast, Slice, Target, contrast, draw, picture};
use rustix::termios::tcgetwinsize;
use std::fs::OpenOptions;
use std::io::{BufWriter, IsTerminal, Write};
use std::path::Path;

/// Shows it.
pub fn run(args: Show, output: &Output) -> Result<()> {
    let target = located(args.slice.parse()?);
    let slice = h5lab_io::inspect::slice(&target)?;
    let contrast = contrast(&slice).ok_or_else(|| {
        Failure::new(FailureKind::Input, format!("{}: none of its values is finite", slice.title))
            .at(&target.file)
            .mend("choose another slice")
    })?;
    if let Some(path) = &args.output_file {
        save(path, args.force, &slice, &contrast)?;
        if !output.quiet && !output.json {
            note(&format!("{}: {}", path.display(), slice.title));
        }
    }
    if output.json {
        return json(&summary(&slice, &contrast));
    }
    if args.output_file.is_none() && !output.quiet {
        let (colours, columns, lines) = terminal();
        print(draw(&slice, &contrast, colours, columns, lines))?;
    }
    Ok(())
}

/// The target with its name cut where there is a file: names of files and of datasets may have colons of their own.
fn located(target: Target) -> Target {
    let Target { file, dataset: Some(dataset), index } = target else { return target };
    let (file, dataset) = super::file_and_dataset(&SourceFile { file, dataset }.to_string());
    Target { file, dataset, index }
}

/// What a program may want to know of the slice; its values are in the file.
fn summary(slice: &Slice, contrast: &Contrast) -> serde_json::Value {
    serde_json::json!({
        "slice": slice.title, "size": slice.size, "labels": slice.labels, "origin": slice.origin,
        "percentile_1": contrast.low, "percentile_99": contrast.high,
        "smallest": contrast.range.0, "largest": contrast.range.1, "not_finite": contrast.not_finite,
    })
}

/// What stdout can show: colours, columns, lines.
fn terminal() -> (Colours, usize, usize) {
    let stdout = std::io::stdout();
    if !stdout.is_terminal() {
        return (Colours::None, 100, 40);
    }
    let size = tcgetwinsize(&stdout).ok().filter(|size| size.ws_col > 0 && size.ws_row > 0);
    let (columns, lines) = size.map_or((80, 24), |size| (usize::from(size.ws_col), usize::from(size.ws_row)));
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    (colours(&variable("TERM"), &variable("COLORTERM"), &variable("NO_COLOR")), columns, lines.saturating_sub(4).max(4))
}

/// What the terminal says of itself (no-color.org for NO_COLOR).
fn colours(term: &str, colorterm: &str, no_color: &str) -> Colours {
    if !no_color.is_empty() || term == "dumb" || term.is_empty() {
        Colours::None
    } else if ["truecolor", "24bit"].contains(&colorterm) || term.ends_with("-direct") {
        Colours::True
    } else if term.contains("256color") {
        Colours::Indexed
    } else {
        Colours::None
    }
}

/// Writes the picture beside `path`, and then gives it its name.
fn save(path: &Path, force: bool, slice: &Slice, contrast: &Contrast) -> Result<()> {
    if path.exists() && !force {
        return Err(Failure::new(FailureKind::Refused, "is there already")
            .at(path)
            .mend("add --force, or choose another name"));
    }
    let mut partial = path.as_os_str().to_owned();
    partial.push(".h5lab-partial");
    let partial = Path::new(&partial);
    let io = |e: std::io::Error| Failure::io("write the picture", path, &e).mend("choose a path that can be written");
    let written = encode(partial, slice, contrast).and_then(|()| std::fs::rename(partial, path));
    written.map_err(|e| {
        let _ = std::fs::remove_file(partial);
        io(e)
    })
}

fn encode(path: &Path, slice: &Slice, contrast: &Contrast) -> std::io::Result<()> {
    let pixels = picture(slice, contrast);
    let file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    let mut out = BufWriter::new(file);
    let mut encoder = png::Encoder::new(&mut out, pixels.width, pixels.height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.add_text_chunk("Title".into(), slice.title.clone())?;
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&pixels.bytes)?;
    writer.finish()?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_get_the_colours_that_they_have() {
        for (term, colorterm, no_color, expected) in [
            ("xterm-256color", "truecolor", "", Colours::True),
            ("xterm-256color", "", "", Colours::Indexed),
            ("xterm", "", "", Colours::None),
            ("dumb", "truecolor", "", Colours::None),
            ("xterm-256color", "truecolor", "1", Colours::None),
        ] {
            assert_eq!(colours(term, colorterm, no_color), expected, "{term} {colorterm} {no_color}");
        }
    }
}
