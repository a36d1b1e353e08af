//! `h5lab report`: what it writes, and how that looks and works in a real browser.

#[path = "common/browser.rs"]
mod browser;
mod common;

use browser::Browser;
use common::{Folder, MPI, Outcome};
use h5lab_core::failure::FailureKind::{self, Input, Refused, Usage};
use h5lab_core::record::Record;
use std::path::PathBuf;

/// A folder with the results of a sweep that has something for nearly every chart.
fn measured() -> Folder {
    let folder = Folder::new();
    for name in ["one", "two"] {
        std::fs::create_dir(folder.path(name)).unwrap();
    }
    let methods = if MPI { "independent,collective" } else { "independent,gather" };
    let sweep =
        "--shape 12x40x50 --dtype u16 --data detector --access projection,sinogram --np 1,2 --repeat 3 --path one,two";
    let layouts = "--chunk contiguous,1x40x50,12x4x50 --filter none,shuffle+gzip=1";
    folder.h5lab(&format!("run {sweep} {layouts} --method {methods} --cache warm,cold --save r.jsonl --quiet")).ok();
    folder
}

fn fails(folder: &Folder, words: &str, kind: FailureKind) -> Outcome {
    let outcome = folder.h5lab(words).run();
    assert_eq!(outcome.code, Some(i32::from(kind.exit_code())), "{outcome}");
    outcome
}

fn write(folder: &Folder, name: &str, records: &[Record]) {
    folder.write(name, records.iter().map(|r| serde_json::to_string(r).unwrap() + "\n").collect::<String>());
}

/// Where screenshots are kept, to be looked at.
fn kept(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder").join("screenshots");
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(name)
}

/// The page of a real sweep, in a real browser: nothing is asked of the network, nothing goes wrong, charts are there and
/// work, at both widths, light and dark; and the same sweep written as everything else.
#[test]
fn a_page_works_in_a_browser_without_a_network() {
    let folder = measured();
    let mut records = folder.records("r.jsonl");
    records
        .iter_mut()
        .for_each(|record| record.predicted = Some(record.duration().seconds().iter().sum::<f64>() * 1.2));
    write(&folder, "r.jsonl", &records);
    let told = folder.h5lab("report r.jsonl -o page.html --title Sweep").ok();
    assert!(told.stderr.contains("wrote page.html") && told.stdout.is_empty(), "{told}");
    assert!(folder.read("page.html").len() < 6 << 20, "less than 6 MB");

    let mut browser = Browser::start();
    for (width, dark) in [(1280, false), (1280, true), (390, false), (390, true)] {
        browser.dress(width, 900, dark);
        browser.open_file(&folder.path("page.html"));
        looks_well(&mut browser, width);
        marks_tell_their_samples(&mut browser, width);
        let theme = if dark { "-dark" } else { "" };
        browser.screenshot(&kept(&format!("report-{width}{theme}.png")));
    }
    browser.dress(1280, 900, false);
    browser.open_file(&folder.path("page.html"));
    legend_hides(&mut browser);
    keys_hide(&mut browser);
    browser.print(&kept("report.pdf"));
    let pdf = std::fs::read(kept("report.pdf")).unwrap();
    let pages = String::from_utf8_lossy(&pdf).matches("/Type /Page\n").count();
    assert!((5..60).contains(&pages), "{pages} pages of 180 measurements");
    fits_on_paper(&mut browser);
    let requests = browser.requests();
    let local = |url: &String| ["file:", "data:", "blob:"].iter().any(|scheme| url.starts_with(scheme));
    assert!(!requests.is_empty() && requests.iter().all(local), "{requests:#?}");
    assert!(browser.complaints().is_empty(), "{:#?}", browser.complaints());
    figures_are_written(&folder);
}

/// Every chart is drawn, has a name and axes with names, a table below it; nothing is cut off; text can be read.
fn looks_well(browser: &mut Browser, width: u64) {
    for id in [
        "summary",
        "ranks",
        "layouts",
        "trade-off",
        "file-systems",
        "phases",
        "waiting",
        "predicted",
        "results",
        "data",
        "again",
    ] {
        assert_eq!(browser.value(&format!("document.getElementById('{id}') !== null")), true, "no section {id}");
    }
    let count = browser.value("document.querySelectorAll('.plot').length").as_u64().unwrap();
    assert!(count >= 8, "{count} charts");
    let bad = browser.value(
        "[...document.querySelectorAll('.plot')].flatMap((plot) => {
           const wrong = [], area = plot.getBoundingClientRect(), svg = plot.querySelector('.main-svg');
           if (!svg) return [plot.id + ': not drawn'];
           if (!plot.getAttribute('aria-label')) wrong.push(plot.id + ': no text for those who do not see it');
           if (!plot.closest('figure').querySelector('table tbody tr')) wrong.push(plot.id + ': no table');
           for (const side of ['xaxis', 'yaxis']) {
             if (!plot.layout[side].title?.text) wrong.push(plot.id + ': no name of the ' + side);
             if (plot.layout[side].type !== 'log') continue;
             const ticks = [...plot.querySelectorAll(`.${side[0]}tick text`)].map((text) => text.textContent);
             const numbers = ticks.map(Number);
             const boxes = [...plot.querySelectorAll(`.${side[0]}tick text`)].map((text) => text.getBoundingClientRect());
             const touch = (a, b) => a.right > b.left && b.right > a.left && a.bottom - 3 > b.top && b.bottom - 3 > a.top;
             if (boxes.some((box, k) => k && touch(box, boxes[k - 1]))) wrong.push(`${plot.id}: ${side}: ticks over each other: ${ticks}`);
             if (!ticks.length || numbers.some((n, k) => !(n > (numbers[k - 1] ?? 0)))) wrong.push(`${plot.id}: ${side}: ${ticks}`);
           }
           const legend = plot.querySelector('.legend')?.getBoundingClientRect();
           const above = plot.querySelector('.g-xtitle')?.getBoundingClientRect();
           if (legend && above && plot._fullLayout.xaxis.side !== 'top' && legend.top < above.bottom - 1) wrong.push(plot.id + ': the legend is over the plot');
           for (const text of plot.querySelectorAll('.main-svg text')) {
             const box = text.getBoundingClientRect();
             if (box.width && (box.left < area.left - 1 || box.right > area.right + 1 || box.top < area.top - 1 || box.bottom > area.bottom + 1))
               wrong.push(plot.id + ': cut off: ' + text.textContent);
           }
           return wrong;
         })",
    );
    assert_eq!(bad, serde_json::json!([]), "at {width}");
    let wide = browser.value("document.documentElement.scrollWidth").as_u64().unwrap();
    assert!(wide <= width, "the page is {wide} wide on a screen of {width}");
    let contrast = browser.value(
        "(() => {
           const style = getComputedStyle(document.documentElement);
           const light = (name) => {
             const hex = style.getPropertyValue(name).trim().slice(1);
             const part = (at) => { const v = parseInt(hex.slice(at, at + 2), 16) / 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
             return 0.2126 * part(0) + 0.7152 * part(2) + 0.0722 * part(4);
           };
           const ratio = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
           return Math.min(...['--ink', '--soft', '--link'].flatMap((text) => [ratio(text, '--page'), ratio(text, '--card')]));
         })()",
    );
    assert!(contrast.as_f64().unwrap() >= 4.5, "contrast {contrast}");
}

/// Every mark that was measured tells its median, n, interval and samples, in a label that the screen has room for.
fn marks_tell_their_samples(browser: &mut Browser, width: u64) {
    let bad = browser.value(
        "[...document.querySelectorAll('.plot')].flatMap((plot) => {
           const wrong = [];
           plot.data.forEach((trace, curve) => {
             if (['waiting', 'as predicted', 'computed from the plan'].includes(trace.name)) return;
             const told = trace.hovertext.flat().filter((text) => text);
             if (!told.length) wrong.push(plot.id + ': nothing told of ' + trace.name);
             for (const text of told) {
               const plain = text.replaceAll('<br>', ' ');
               if (!/median [0-9.]+/.test(plain) || !/n = [0-9]+/.test(plain) || !/interval/.test(plain) || !/samples? [0-9]/.test(plain))
                 wrong.push(plot.id + ': ' + trace.name + ': ' + text);
             }
             const point = trace.type === 'heatmap' ? [0, 0] : 0;
             plot.scrollIntoView({ behavior: 'instant', block: 'center' });
             Plotly.Fx.hover(plot, [{ curveNumber: curve, pointNumber: point }]);
             for (const label of plot.querySelectorAll('.hoverlayer text')) {
               const box = label.getBoundingClientRect();
               if (box.width && (box.left < 0 || box.right > innerWidth)) wrong.push(plot.id + ': label cut off: ' + label.textContent);
             }
             Plotly.Fx.unhover(plot);
           });
           return wrong;
         })",
    );
    assert_eq!(bad, serde_json::json!([]), "at {width}");
}

/// A dark page prints dark on white, and no chart is wider or higher than a sheet.
fn fits_on_paper(browser: &mut Browser) {
    browser.dress(1280, 900, true);
    browser.value("window.dispatchEvent(new Event('beforeprint'))");
    let bad = browser.value(
        "[...document.querySelectorAll('.plot')].flatMap((plot) => {
           const { width, height, font } = plot._fullLayout;
           return width > 700 || height > 1000 || font.color !== '#000' ? [[plot.id, width, height, font.color]] : [];
         })",
    );
    assert_eq!(bad, serde_json::json!([]));
    // As wide as Letter between its margins.
    browser.dress(725, 1000, true);
    browser.call("Emulation.setEmulatedMedia", serde_json::json!({ "media": "print" }));
    let wide = browser.value("[...document.querySelectorAll('table, pre, .plot')].filter((e) => e.getBoundingClientRect().right > 726).length");
    assert_eq!(wide, 0, "wider than the paper");
    let rows = browser.value(
        "[...document.querySelectorAll('#results tbody tr')].filter((row) => row.getClientRects().length).length",
    );
    assert_eq!(rows, 40, "of a long table, the first rows are printed");
    let told = browser.value("document.querySelector('#results .paper').getClientRects().length > 0 && document.querySelector('#results .paper').textContent");
    assert!(
        told.as_str().is_some_and(|text| text.ends_with("more rows are not printed: the page itself has them.")),
        "{told}"
    );
    browser.screenshot(&kept("report-paper.png"));
    browser.call("Emulation.setEmulatedMedia", serde_json::json!({ "media": "" }));
    browser.dress(1280, 900, true);
    browser.value("window.dispatchEvent(new Event('afterprint'))");
    browser.until("[...document.querySelectorAll('.plot')].every((plot) => plot._fullLayout.width > 700)");
}

/// A click on a name in a legend hides its line.
fn legend_hides(browser: &mut Browser) {
    let find = "[...document.querySelectorAll('.plot')].findIndex((plot) => plot.querySelector('.legendtoggle'))";
    let which = browser.value(find).as_i64().unwrap();
    assert!(which >= 0, "no chart has a legend");
    let plot = format!("document.querySelectorAll('.plot')[{which}]");
    let place = browser.value(&format!(
        "(() => {{ const plot = {plot}; plot.scrollIntoView({{ behavior: 'instant', block: 'center' }});
           const box = plot.querySelector('.legendtoggle').getBoundingClientRect();
           return [box.left + box.width / 2, box.top + box.height / 2]; }})()"
    ));
    let hidden = format!("{plot}.data.some((trace) => trace.visible === 'legendonly')");
    assert_eq!(browser.value(&hidden), false);
    browser.click(place[0].as_f64().unwrap(), place[1].as_f64().unwrap());
    browser.until(&hidden);
    // Its button says so, too, and shows it again.
    let button = format!("{plot}.closest('figure').querySelector('.series [aria-pressed=false]')");
    browser.until(&format!("{button} !== null"));
    assert_eq!(
        browser.value(&format!("{plot}.closest('figure').querySelectorAll('.series [aria-pressed=false]').length")),
        1
    );
    browser.value(&format!("{button}.click()"));
    browser.until(&format!("!{hidden} && {button} === null"));
}

/// So does Enter on its button, which the keyboard reaches.
fn keys_hide(browser: &mut Browser) {
    browser.value("document.querySelectorAll('.series')[1].querySelector('button').focus()");
    let plot = "document.querySelectorAll('.series')[1].closest('figure').querySelector('.plot')";
    assert_eq!(browser.value(&format!("{plot}.data[0].visible === 'legendonly'")), false);
    browser.enter();
    browser.until(&format!("{plot}.data[0].visible === 'legendonly'"));
}

/// Each chart as SVG that a browser takes for a picture.
fn figures_are_written(folder: &Folder) {
    folder.h5lab("report r.jsonl -o page.html --figures figures").ok();
    let names: Vec<String> = std::fs::read_dir(folder.path("figures"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    let count = |end: &str| names.iter().filter(|name| name.ends_with(end)).count();
    assert!(count(".svg") >= 8 && count(".png") == 2, "{names:?}");
    let images: String = names.iter().map(|name| format!("<img src='figures/{name}'><br>")).collect();
    let page = format!(
        "<!doctype html><body style='background:#eee'>{images}<script>document.documentElement.dataset.drawn = 1</script>"
    );
    folder.write("all.html", page);
    let mut browser = Browser::start();
    browser.dress(960, 900, false);
    browser.open_file(&folder.path("all.html"));
    let broken =
        browser.value("[...document.images].filter((i) => !i.complete || i.naturalWidth === 0).map((i) => i.src)");
    assert_eq!(broken, serde_json::json!([]));
    browser.screenshot(&kept("figures.png"));
}

/// While a sweep runs, its page fills in.
#[test]
fn a_live_page_fills_in() {
    let folder = Folder::new();
    // Batches of three cells, one after the other.
    let sweep = "run --shape 16x80x90 --access projection,sinogram --method gather --repeat 8 --ceiling false --live";
    let mut browser = Browser::start();
    browser.dress(1280, 900, false);
    let running = folder.h5lab(&format!("{sweep} --np 1,2 --chunk contiguous,1x80x90,4x80x90")).start();
    let url = running.line_of_stderr("http://127.0.0.1:");
    let url = url.split("live page, for this machine alone: ").nth(1).unwrap().trim().to_owned();
    browser.open(&url);
    browser.until("document.getElementById('state').textContent.includes('Done: 18 of 18 cells')");
    assert_eq!(browser.value("document.querySelectorAll('#results tbody tr').length"), 18);
    assert!(
        browser.value("document.querySelectorAll('.plot .main-svg').length").as_u64().unwrap() > 0,
        "charts are drawn"
    );
    assert!(browser.complaints().is_empty(), "{:#?}", browser.complaints());
    assert!(browser.requests().iter().all(|address| address.starts_with(&url) || address.starts_with("data:")));
    let told = running.finish();
    assert_eq!(told.code, Some(0), "{told}");
}

/// Whatever it is written as, it goes where it should, and over nobody else's file.
#[test]
fn files_go_where_they_should_and_over_no_file_of_others() {
    let folder = Folder::new();
    folder.h5lab("run --shape 4x5x6 --access projection --method gather --repeat 2 --save r.jsonl --quiet").ok();
    let csv = folder.h5lab("report r.jsonl --format csv").ok();
    assert!(csv.stdout.starts_with("source,line,created,") && csv.stdout.lines().count() == 1 + 2 * 2, "{csv}");
    assert!(folder.h5lab("report r.jsonl --format markdown").ok().stdout.contains("## All results"));
    assert!(folder.h5lab("report r.jsonl -o - --format html").ok().stdout.starts_with("<!DOCTYPE html>"));
    for name in ["r.csv", "r.md", "r.parquet", "report.html"] {
        let word = if name == "report.html" { String::new() } else { format!("-o {name}") };
        for _ in 0..2 {
            folder.h5lab(&format!("report r.jsonl {word}")).ok();
        }
        assert!(folder.read(name).windows(5).any(|part| part == b"h5lab"), "{name}");
    }
    assert!(folder.read("r.parquet").starts_with(b"PAR1"));
    let shell = |line: &str| {
        let line = line.replace("h5lab", env!("CARGO_BIN_EXE_h5lab"));
        let done = std::process::Command::new("sh").args(["-c", &line]).current_dir(folder.path("")).output().unwrap();
        assert!(done.status.success(), "{line}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stderr).into_owned()
    };
    for out in ["-", "/dev/stdout"] {
        shell(&format!("h5lab report r.jsonl --format parquet -o {out} | cat > piped.parquet"));
        assert_eq!(folder.read("piped.parquet"), folder.read("r.parquet"), "{out}");
    }
    shell("cat r.jsonl | h5lab report - -o piped.csv");
    let piped = String::from_utf8(folder.read("piped.csv")).unwrap();
    assert!(piped.lines().nth(1).unwrap().starts_with("stdin,1,"), "{piped}");
    let told = shell("unset DISPLAY WAYLAND_DISPLAY BROWSER; h5lab report r.jsonl --open");
    assert!(told.contains("--open: there is no display here; open ") && told.contains("report.html"), "{told}");
    let told = shell("DISPLAY=:987 PATH=/nowhere h5lab report r.jsonl --open");
    assert!(told.contains("xdg-open does not start") && told.contains("report.html"), "{told}");
    for _ in 0..2 {
        folder.h5lab("report r.jsonl --figures figures -o f.html").ok();
    }
    let pictures: Vec<_> =
        std::fs::read_dir(folder.path("figures")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let kinds: Vec<_> = ["svg", "png"]
        .iter()
        .filter(|kind| pictures.iter().any(|p| p.extension().is_some_and(|e| e == **kind)))
        .collect();
    assert_eq!(kinds.len(), 2, "{pictures:?}");
    folder.write("mine.html", "my own page");
    let told = fails(&folder, "report r.jsonl -o mine.html", Refused);
    assert!(told.stderr.contains("mine.html: h5lab did not make this file"), "{told}");
    assert_eq!(folder.read("mine.html"), b"my own page");
    folder.h5lab("report r.jsonl -o mine.html --force").ok();
    let json = folder.h5lab("report r.jsonl -o r.csv --json").ok();
    assert_eq!(json.stdout, "{\"written\":[\"r.csv\"]}\n");
    assert!(folder.names().iter().all(|name| !name.contains("partial")), "{:?}", folder.names());
}

#[test]
fn what_cannot_be_is_refused() {
    let folder = Folder::new();
    folder.write("notes.txt", "hello\n");
    let check = |words: &str, kind: FailureKind, part: &str| {
        let told = fails(&folder, words, kind);
        assert!(told.stderr.contains(part), "{words}: {told}");
    };
    check("report none.jsonl", Input, "no such result file");
    check("report notes.txt", Input, "notes.txt: is no result file");
    check("report notes.txt --format parquet", Usage, "name a file: -o results.parquet; or -o - for a pipe");
    check("report notes.txt -o none/r.html", Usage, "none: -o: there is no such folder");
    std::fs::create_dir(folder.path("there")).unwrap();
    check("report notes.txt -o there", Usage, "name a file in it: -o there/report.html");
    check("report notes.txt -o there/", Usage, "-o there/report.html");
    std::fs::remove_dir(folder.path("there")).unwrap();
    check("report notes.txt -o report.pdf", Usage, "no report is a .pdf");
    check("report notes.txt --format csv --open", Usage, "--open shows a page");
    check("report notes.txt -o - --open", Usage, "--open needs a file");
    check("run --shape 4x5 --live --quiet", Usage, "--quiet");
    assert_eq!(folder.names(), ["notes.txt"]);
}
