//! A chart as Plotly draws it: its traces and its layout, <https://plotly.com/javascript/reference/>.

use super::{Axis, Bars, Chart, Figure, HeatCell, Line, Point, colours, tick};
use crate::report::{printable, shortened};
use serde_json::{Value, json};

/// What `Plotly.newPlot` takes: an object with `id`, `data`, `layout`. Colours of text and grid are the page's to set.
pub fn plotly(figure: &Figure) -> Value {
    let (data, layout) = match &figure.chart {
        Chart::Lines { x, y, lines } => (lines_of(lines, "lines+markers"), xy(x, y, lines, None)),
        Chart::Points { x, y, groups, guide } => {
            let mut data = lines_of(groups, "markers");
            data.extend(guide.iter().map(guide_of));
            (data, xy(x, y, groups, guide.as_ref()))
        }
        Chart::Bars { value, row, rows, series, stacked } => bars(value, row, rows, series, *stacked),
        Chart::HeatMap { sides, columns, rows, cells, scale } => heat_map(*sides, columns, rows, cells, scale),
    };
    json!({ "id": element(figure), "data": data, "layout": layout })
}

/// The identifier of its element in a page, where sections have names, too.
pub fn element(figure: &Figure) -> String {
    format!("chart-{}", figure.id)
}

/// Text as Plotly shows it literally: it takes some HTML, so there must be none.
fn literal(text: &str) -> String {
    let text = printable(&shortened(text));
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Lines of text, for a hover label.
fn lines(text: &str) -> String {
    text.lines().map(literal).collect::<Vec<_>>().join("<br>")
}

/// An axis; where it is logarithmic, 1, 2 and 5 of each power of ten have a tick up to `fine` decades of values.
fn axis(axis: &Axis, values: impl Iterator<Item = f64>, fine: f64) -> Value {
    let mut value = json!({
        "title": { "text": literal(&axis.label) },
        "type": if axis.log { "log" } else { "linear" },
        "automargin": true,
        "zeroline": false,
    });
    if !axis.ticks.is_empty() {
        value["tickmode"] = "array".into();
        value["tickvals"] = json!(axis.ticks);
        value["ticktext"] = json!(axis.ticks.iter().map(|at| tick(*at)).collect::<Vec<_>>());
    } else if axis.log {
        // Plain numbers at every tick: without a format, 2000 is a "2" between 1000 and 5000.
        value["tickformat"] = "~r".into();
        value["minor"] = json!({ "ticks": "outside", "ticklen": 3 });
        match decades(values) {
            // Steps of one size.
            ..0.9 => value["nticks"] = 5.into(),
            d if d <= fine => value["dtick"] = "D2".into(),
            ..8.0 => value["dtick"] = 1.into(),
            _ => {}
        }
    } else {
        value["rangemode"] = "tozero".into();
        let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)));
        if low == high && low > 0.0 {
            // Left to itself, the renderer takes one on either side of a single value, whatever its size.
            value["range"] = json!([0.0, 1.4 * high]);
        }
    }
    value
}

fn decades(values: impl Iterator<Item = f64>) -> f64 {
    let (low, high) = values.filter(|v| *v > 0.0).fold((f64::MAX, 0.0f64), |(l, h), v| (l.min(v), h.max(v)));
    if high > low { (high / low).log10() } else { 0.0 }
}

fn xy(x: &Axis, y: &Axis, lines: &[Line], guide: Option<&Line>) -> Value {
    /// Room for three labels a decade: one above the other more of them fit than side by side, on a phone, too.
    const FINE: [f64; 2] = [1.2, 3.2];
    let points = || lines.iter().chain(guide).flat_map(|line| &line.points);
    let heights = points().flat_map(|p| [p.y].into_iter().chain(p.interval.into_iter().flat_map(|(l, h)| [l, h])));
    let (x, y) = (axis(x, points().map(|p| p.x), FINE[0]), axis(y, heights, FINE[1]));
    let series = lines.len() + usize::from(guide.is_some());
    json!({ "xaxis": x, "yaxis": y, "hovermode": "closest", "height": 420 + 20 * series.min(12) })
}

fn lines_of(all: &[Line], mode: &str) -> Vec<Value> {
    const SYMBOLS: [&str; 6] = ["circle", "square", "diamond", "triangle-up", "cross", "star"];
    let colours = colours(all.iter().map(|line| (line.name.as_str(), line.dashed)));
    all.iter()
        .zip(colours)
        .enumerate()
        .map(|(number, (line, colour))| {
            let of = |pick: fn(&Point) -> f64| line.points.iter().map(pick).collect::<Vec<f64>>();
            let mut trace = json!({
                "type": "scatter",
                "name": literal(&line.name),
                "mode": if line.dashed { "lines" } else { mode },
                "x": of(|p| p.x),
                "y": of(|p| p.y),
                "hovertext": line.points.iter().map(|p| lines(&p.hover)).collect::<Vec<_>>(),
                "hoverinfo": "text",
                "marker": { "color": colour, "size": 9, "symbol": SYMBOLS[number % SYMBOLS.len()] },
                "line": { "color": colour, "width": 2, "dash": if line.dashed { "dash" } else { "solid" } },
            });
            if line.points.iter().any(|point| point.interval.is_some()) {
                let reach = |p: &Point, of: fn(f64, f64, f64) -> f64| p.interval.map_or(0.0, |(l, h)| of(p.y, l, h));
                trace["error_y"] = json!({
                    "type": "data",
                    "symmetric": false,
                    "array": line.points.iter().map(|p| reach(p, |y, _, high| high - y)).collect::<Vec<_>>(),
                    "arrayminus": line.points.iter().map(|p| reach(p, |y, low, _| y - low)).collect::<Vec<_>>(),
                    "color": colour,
                    "thickness": 1.5,
                    "width": 4,
                });
            }
            trace
        })
        .collect()
}

fn guide_of(line: &Line) -> Value {
    lines_of(std::slice::from_ref(&Line { dashed: true, ..line.clone() }), "lines").remove(0)
}

/// Room for a row of bars, pixels.
const ROW: usize = 26;

fn bars(value: &Axis, row: &str, rows: &[String], series: &[Bars], stacked: bool) -> (Vec<Value>, Value) {
    let colours = colours(series.iter().map(|bars| (bars.name.as_str(), bars.idle)));
    let first = |index: usize| series[..index].iter().all(|before| before.name != series[index].name);
    // Numbers, not names: two rows may have the same one.
    let at: Vec<usize> = (0..rows.len()).collect();
    let data = series.iter().zip(colours).enumerate().map(|(index, (bars, colour))| {
        json!({
            "type": "bar",
            "orientation": "h",
            "name": literal(&bars.name),
            "legendgroup": literal(&bars.name),
            "showlegend": first(index),
            "x": bars.values,
            "y": at,
            "hovertext": bars.hover.iter().map(|text| lines(text)).collect::<Vec<_>>(),
            "hoverinfo": "text",
            "marker": { "color": colour, "pattern": { "shape": if bars.idle { "/" } else { "" } } },
        })
    });
    let bars_a_row = if stacked { 1 } else { series.len().max(1) };
    let layout = json!({
        "barmode": if stacked { "stack" } else { "group" },
        "xaxis": axis(value, std::iter::empty(), 0.0),
        "yaxis": {
            "title": { "text": literal(row) },
            "tickmode": "array",
            "tickvals": at,
            "ticktext": rows.iter().map(|row| literal(row)).collect::<Vec<_>>(),
            "autorange": "reversed",
            "automargin": true,
            "zeroline": false,
            "showgrid": false,
        },
        "hovermode": "closest",
        "height": 170 + rows.len() * (ROW.max(14 * bars_a_row)),
    });
    (data.collect(), layout)
}

fn heat_map(
    sides: [&str; 2],
    columns: &[String],
    rows: &[String],
    cells: &[Vec<Option<HeatCell>>],
    scale: &str,
) -> (Vec<Value>, Value) {
    let each = |of: &dyn Fn(&HeatCell) -> Value| -> Vec<Vec<Value>> {
        cells.iter().map(|row| row.iter().map(|cell| cell.as_ref().map_or(Value::Null, of)).collect()).collect()
    };
    let (x, y): (Vec<usize>, Vec<usize>) = ((0..columns.len()).collect(), (0..rows.len()).collect());
    let trace = json!({
        "type": "heatmap",
        "x": x,
        "y": y,
        "z": each(&|cell| json!(cell.share)),
        "hovertext": each(&|cell| json!(lines(&cell.hover))),
        "hoverinfo": "text",
        "hoverongaps": false,
        "zmin": 0,
        "zmax": 1,
        "xgap": 2,
        "ygap": 2,
        "colorscale": [[0, super::heat(0.0)], [1, super::heat(1.0)]],
        "colorbar": { "title": { "text": literal(scale), "side": "right" }, "tickformat": ".0%", "thickness": 12 },
    });
    let written = cells.iter().enumerate().flat_map(|(row, cells)| {
        cells.iter().enumerate().filter_map(move |(column, cell)| {
            let cell = cell.as_ref()?;
            let font = json!({ "color": super::on_heat(cell.share), "size": 12 });
            Some(json!({ "x": column, "y": row, "text": literal(&cell.text), "showarrow": false, "font": font }))
        })
    });
    let layout = json!({
        "annotations": written.collect::<Vec<_>>(),
        "xaxis": {
            "title": { "text": literal(sides[0]) }, "tickmode": "array", "tickvals": x, "side": "top", "automargin": true, "showgrid": false, "zeroline": false,
            "ticktext": columns.iter().map(|text| literal(text)).collect::<Vec<_>>(),
        },
        "yaxis": {
            "tickmode": "array", "tickvals": y, "automargin": true, "showgrid": false, "zeroline": false,
            "title": { "text": literal(sides[1]) }, "autorange": "reversed", "ticktext": rows.iter().map(|text| literal(text)).collect::<Vec<_>>(),
        },
        "height": 170 + rows.len() * 40,
    });
    (vec![trace], layout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_one_size_have_an_axis_of_their_size() {
        let range = |values: [f64; 2]| axis(&Axis::linear("size, MiB"), values.into_iter(), 1.0)["range"].clone();
        assert_eq!(range([0.5, 0.5]), json!([0.0, 0.7]));
        assert!(range([0.5, 0.6]).is_null(), "the renderer's own");
    }

    #[test]
    fn hostile_text_is_shown_not_obeyed() {
        assert_eq!(literal("<a href='javascript:x'>&\u{1b}"), "&lt;a href='javascript:x'&gt;&amp;\\u{1b}");
        assert_eq!(lines("a\n<b>"), "a<br>&lt;b&gt;");
    }
}
