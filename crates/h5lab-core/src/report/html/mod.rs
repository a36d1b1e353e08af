//! A report as one page of HTML that needs nothing else: no network, no other file.
//!
//! All text goes through `maud`, which escapes it; the charts' data goes through JSON, in which no `<` is left.

use super::document::{Block, Document, Picture, Section};
use super::figure::Figure;
use super::figure::plotly::{element, plotly};
use super::grid::Grid;
use super::{code_line, middle_cut, printable, shortened};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// The charting library: see `vendor/plotly/README.md`.
pub const PLOTLY: &str = include_str!("../../../vendor/plotly/plotly-cartesian.min.js");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
const LIVE: &str = include_str!("live.js");

/// The page, as a file.
pub fn page(document: &Document) -> String {
    full(document, None)
}

/// The page of a sweep under way: asks its server, which is where it came from, for what is new.
pub fn live_page(document: &Document, state: &str) -> String {
    full(document, Some(state))
}

/// What a live page replaces when something is new: its sections and the data of its charts.
pub fn live_part(document: &Document, state: &str) -> String {
    body(document, Some(state)).into_string()
}

fn full(document: &Document, state: Option<&str>) -> String {
    let connect = if state.is_some() { "; connect-src 'self'" } else { "" };
    // Nothing that slipped through could load or send anything.
    let policy = format!(
        "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; \
         form-action 'none'{connect}"
    );
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="generator" content=(concat!("h5lab ", env!("CARGO_PKG_VERSION")));
                meta name="color-scheme" content="light dark";
                link rel="icon" href="data:,";
                title { (shown(&document.title)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#report" { "Skip to the report" }
                main #report { (body(document, state)) }
                footer { "Made by h5lab " (env!("CARGO_PKG_VERSION")) ". Charts: Plotly, MIT licence." }
                script { (PreEscaped(PLOTLY)) }
                script { (PreEscaped(SCRIPT)) }
                @if state.is_some() { script { (PreEscaped(LIVE)) } }
            }
        }
    };
    page.into_string()
}

fn body(document: &Document, state: Option<&str>) -> Markup {
    let data: Vec<serde_json::Value> = document.figures().map(plotly).collect();
    let data = serde_json::to_string(&data).expect("plain data").replace('<', "\\u003c");
    html! {
        header {
            h1 { (shown(&document.title)) }
            p.subtitle { (shown(&document.subtitle)) }
            @if let Some(state) = state { p #state role="status" { (shown(state)) } }
        }
        nav aria-label="Contents" {
            ul { @for section in &document.sections { li { a href={ "#" (section.id) } { (shown(&section.title)) } } } }
        }
        noscript { p { "The charts need JavaScript. The tables below them hold the same numbers." } }
        @for section in &document.sections { (self::section(section)) }
        script type="application/json" id="figures" { (PreEscaped(data)) }
    }
}

fn section(section: &Section) -> Markup {
    html! {
        section id=(section.id) aria-labelledby={ (section.id) "-heading" } {
            h2 id={ (section.id) "-heading" } { (shown(&section.title)) }
            @for text in &section.text { p { (with_code(text)) } }
            @for block in &section.blocks { (self::block(block)) }
        }
    }
}

fn block(block: &Block) -> Markup {
    match block {
        Block::Figure(figure) => self::figure(figure),
        Block::Table(grid) => table(grid, ""),
        Block::List(lines) => html! { ul.lines { @for line in lines { li { (shown(line)) } } } },
        Block::Code(what, text) => html! {
            p { (shown(what)) ":" }
            pre tabindex="0" { code { (shown_lines(text)) } }
            @if text.lines().any(|line| code_line(line) != line) { p { "Cut where … stands: the records have it whole." } }
        },
        Block::Picture(picture) => self::picture(picture),
    }
}

fn figure(figure: &Figure) -> Markup {
    html! {
        figure.chart {
            figcaption { (shown(&figure.title)) }
            div.plot id=(element(figure)) role="img" aria-label=(shown(&figure.alt)) {}
            details {
                summary { "The numbers of this chart" }
                (table(&figure.table, &figure.title))
            }
        }
    }
}

fn picture(picture: &Picture) -> Markup {
    let source = format!("data:image/png;base64,{}", BASE64.encode(&picture.png));
    let (width, height) = picture.size;
    html! {
        figure.picture {
            div.framed {
                span.down { (shown(&picture.axes[1])) }
                img src=(source) alt=(shown(&picture.caption)) width=(width) height=(height);
                span.across { (shown(&picture.axes[0])) }
            }
            figcaption { (shown(&picture.caption)) }
        }
    }
}

/// So many rows of a table go to paper; `page.css` hides the others there.
const PRINTED: usize = 40;

/// A table of more columns goes to paper in smaller letters.
const WIDE: usize = 15;

fn more_rows(count: usize) -> String {
    if count == 1 { "1 more row is".into() } else { format!("{count} more rows are") }
}

fn table(grid: &Grid, caption: &str) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label={ "Table " (shown(caption)) } {
            table class=[(grid.heads.len() > WIDE).then_some("wide")] {
                @if !caption.is_empty() { caption { (shown(caption)) } }
                thead { tr { @for (head, number) in &grid.heads { th scope="col" .number[*number] { (shown(head)) } } } }
                tbody {
                    @for row in &grid.rows {
                        tr {
                            @for (cell, (_, number)) in row.iter().zip(&grid.heads) {
                                td class=[class(cell, *number)] title=[whole(cell)] { (shown(cell)) }
                            }
                        }
                    }
                }
            }
        }
        @if grid.left_out > 0 { p { (more_rows(grid.left_out)) " not shown here: " (shown(grid.rest)) "." } }
        @let unprinted = grid.rows.len().saturating_sub(PRINTED);
        @if unprinted > 0 { p.paper { (more_rows(unprinted)) " not printed: the page itself has them." } }
    }
}

/// What the style knows a cell by: a number, or text with words that are broken on paper, where columns are narrow.
fn class(text: &str, number: bool) -> Option<&'static str> {
    const SHORT: usize = 12;
    let long = || text.split(' ').any(|word| word.len() > SHORT);
    if number { Some("number") } else { long().then_some("long") }
}

/// Text without control characters, and without names that go on for ever; maud escapes the rest.
fn shown(text: &str) -> String {
    printable(&shortened(text))
}

/// The whole of a text of which only a part is shown, up to what a tooltip has room for.
fn whole(text: &str) -> Option<String> {
    const ROOM: usize = 500;
    (shortened(text) != text).then(|| printable(&middle_cut(text, ROOM)))
}

fn shown_lines(text: &str) -> String {
    text.lines().map(|line| printable(&code_line(line))).collect::<Vec<_>>().join("\n")
}

/// Text in which words between backticks are code.
fn with_code(text: &str) -> Markup {
    let text = shown(text);
    html! {
        @for (index, part) in text.split('`').enumerate() {
            @if index % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}
