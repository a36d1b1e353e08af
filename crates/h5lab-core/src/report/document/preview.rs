//! Pictures of the data: made anew by its rule, without a file.

use super::{Block, Material, Picture, Section};
use crate::dataset::{Dataset, Dtype};
use crate::generate::Data;
use crate::region::Region;
use crate::stats::quantile;

/// A picture has at most so many pixels along a side.
const SIDE: u64 = 320;
/// Most elements of a row that are made: rows of a dataset may be long.
const WIDEST: u64 = 8192;

pub(super) fn section(material: &Material<'_>) -> Option<Section> {
    let mut seen: Vec<&Dataset> = Vec::new();
    for cell in &material.sound {
        let dataset = &cell.experiment.dataset;
        let known = |other: &&Dataset| {
            (&other.shape, other.dtype, kind(other)) == (&dataset.shape, dataset.dtype, kind(dataset))
        };
        if dataset.data.is_some() && dataset.shape.0.len() >= 2 && !seen.iter().any(known) {
            seen.push(dataset);
        }
    }
    let pictures = seen.into_iter().take(3).flat_map(pictures).map(Block::Picture);
    let mut section = Section::new("data", "What was written and read")
        .say("Made anew from the rule and the seed; no file was opened. Grey values from the darkest hundredth to the brightest.");
    section.blocks.extend(pictures);
    section.unless_empty()
}

fn kind(dataset: &Dataset) -> Option<crate::generate::DataKind> {
    dataset.data.map(|data| data.kind)
}

/// An image from the middle of the stack, and of stacks a sinogram.
fn pictures(dataset: &Dataset) -> Vec<Picture> {
    let Some(data) = dataset.data else { return Vec::new() };
    let shape = &dataset.shape.0;
    let axes = shape.len();
    let about = format!("{} of {} {}", data.kind, dataset.shape, dataset.dtype);
    let mut all = Vec::new();
    let mut add = |down: usize, name: &str, index: String| {
        let caption = format!("{name} {index} of {about}");
        all.extend(picture(&data, dataset, down, caption));
    };
    let middle: Vec<String> = shape.iter().map(|n| (n / 2).to_string()).collect();
    let index = |down: usize| {
        let at = |d: usize| if d == down || d == axes - 1 { ":".into() } else { middle[d].clone() };
        format!("[{}]", (0..axes).map(at).collect::<Vec<_>>().join(", "))
    };
    match axes {
        2 => add(0, "The dataset", index(0)),
        _ => {
            add(axes - 2, "Image", index(axes - 2));
            add(axes - 3, "Sinogram", index(axes - 3));
        }
    }
    all
}

/// The plane of axis `down` and the last axis, through the middle of all others.
fn picture(data: &Data, dataset: &Dataset, down: usize, caption: String) -> Option<Picture> {
    let shape = &dataset.shape.0;
    let last = shape.len() - 1;
    let (rows, columns) = (shape[down], shape[last].min(WIDEST));
    if rows == 0 || columns == 0 {
        return None;
    }
    let (height, width) = (rows.min(SIDE), columns.min(SIDE));
    let mut values: Vec<f64> = Vec::with_capacity((height * width) as usize);
    let mut words = vec![0u64; (columns as usize * dataset.dtype.size()).div_ceil(8)];
    for y in 0..height {
        let (mut start, mut count): (Vec<u64>, Vec<u64>) =
            (shape.iter().map(|n| n / 2).collect(), vec![1; shape.len()]);
        (start[down], start[last], count[last]) = (y * rows / height, 0, columns);
        let row = &mut bytemuck::cast_slice_mut(&mut words)[..columns as usize * dataset.dtype.size()];
        data.fill(shape, dataset.dtype, &Region::new(start, count), row);
        let size = dataset.dtype.size();
        values.extend((0..width).map(|x| number(dataset.dtype, &row[(x * columns / width) as usize * size..][..size])));
    }
    let png = png(&grey(&values), width as u32, height as u32)?;
    let id = crate::report::figure::slug(&caption);
    let range = |count: u64| format!("elements 0 to {}", count - 1);
    let caption = format!("{caption}. Down: axis {down}, {}; across: axis {last}, {}", range(rows), range(columns));
    let axes = [last, down].map(|axis| format!("axis {axis}"));
    Some(Picture { id, png, size: (width as usize, height as usize), caption, axes })
}

/// An element as a number.
fn number(dtype: Dtype, bytes: &[u8]) -> f64 {
    match dtype {
        Dtype::U8 => f64::from(bytes[0]),
        Dtype::U16 => f64::from(bytemuck::pod_read_unaligned::<u16>(bytes)),
        Dtype::U32 => f64::from(bytemuck::pod_read_unaligned::<u32>(bytes)),
        Dtype::I16 => f64::from(bytemuck::pod_read_unaligned::<i16>(bytes)),
        Dtype::U64 => bytemuck::pod_read_unaligned::<u64>(bytes) as f64,
        Dtype::I8 => f64::from(bytes[0] as i8),
        Dtype::I64 => bytemuck::pod_read_unaligned::<i64>(bytes) as f64,
        Dtype::I32 => f64::from(bytemuck::pod_read_unaligned::<i32>(bytes)),
        Dtype::F32 => f64::from(bytemuck::pod_read_unaligned::<f32>(bytes)),
        Dtype::F64 => bytemuck::pod_read_unaligned::<f64>(bytes),
    }
}

/// From the quantile 1 % (black) to 99.5 % (white): dead and hot pixels would leave the rest one shade.
fn grey(values: &[f64]) -> Vec<u8> {
    let low = quantile(values, 0.01).unwrap_or(0.0);
    let high = quantile(values, 0.995).unwrap_or(1.0).max(low + f64::EPSILON * low.abs().max(1.0));
    values.iter().map(|value| (((value - low) / (high - low)).clamp(0.0, 1.0) * 255.0) as u8).collect()
}

fn png(grey: &[u8], width: u32, height: u32) -> Option<Vec<u8>> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    // Who made it: a later report may replace it.
    encoder.add_text_chunk("Software".into(), "h5lab".into()).ok()?;
    encoder.write_header().and_then(|mut writer| writer.write_image_data(grey)).ok()?;
    Some(file)
}
