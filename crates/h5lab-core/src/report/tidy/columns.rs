//! The columns of a tidy table: one list for CSV, Parquet and the documentation.

use super::{Row, Value};
use crate::compare::Dimension;
use crate::layout::Layout;
use crate::results::rate;

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// Whole numbers.
    Whole,
    /// Numbers.
    Number,
    /// Yes or no.
    Truth,
}

/// A column.
pub struct Column {
    /// Its name, with the unit.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// What it holds.
    pub meaning: &'static str,
    /// Its value in a row.
    pub of: fn(&Row<'_>) -> Value,
}

const fn text(name: &'static str, meaning: &'static str, of: fn(&Row<'_>) -> Value) -> Column {
    Column { name, kind: Kind::Text, meaning, of }
}

const fn whole(name: &'static str, meaning: &'static str, of: fn(&Row<'_>) -> Value) -> Column {
    Column { name, kind: Kind::Whole, meaning, of }
}

const fn number(name: &'static str, meaning: &'static str, of: fn(&Row<'_>) -> Value) -> Column {
    Column { name, kind: Kind::Number, meaning, of }
}

const fn truth(name: &'static str, meaning: &'static str, of: fn(&Row<'_>) -> Value) -> Column {
    Column { name, kind: Kind::Truth, meaning, of }
}

fn said(text: impl ToString) -> Value {
    Value::Text(Some(text.to_string()))
}

fn counted(number: u64) -> Value {
    Value::Whole(i64::try_from(number).ok())
}

fn counted_or_none(number: Option<u64>) -> Value {
    number.map_or(Value::Whole(None), counted)
}

/// Every column, in order.
pub const COLUMNS: &[Column] = &[
    text("source", "the result file", |r| said(&r.results.sources[r.cell.source])),
    whole("line", "the record's line in it, counted from 1", |r| counted(r.cell.line as u64)),
    text("created", "when the record was made, RFC 3339", |r| said(&r.cell.created)),
    text("h5lab", "version of h5lab", |r| Value::Text(r.fact("h5lab"))),
    text("host", "name of the machine", |r| Value::Text(r.fact("host"))),
    text("path", "the folder that was measured in", |r| Value::Text(r.fact("path"))),
    text("file_system", "its type", |r| Value::Text(r.fact("file system"))),
    text("mount_options", "how it is mounted", |r| Value::Text(r.fact("mount options"))),
    text("hdf5", "version of HDF5", |r| Value::Text(r.fact("HDF5"))),
    text("mpi", "MPI library and version", |r| Value::Text(r.fact("MPI"))),
    text("mpi_io", "component that does MPI-IO", |r| Value::Text(r.fact("MPI-IO"))),
    text("direction", "write or read", |r| said(if r.cell.reads() { "read" } else { "write" })),
    text("shape", "elements along each axis", |r| said(&r.cell.experiment.dataset.shape)),
    text("dtype", "element type", |r| said(r.cell.experiment.dataset.dtype)),
    text("data", "kind of data", |r| said(r.cell.data_word())),
    whole("seed", "seed of the values, if a rule made them", |r| {
        counted_or_none(r.cell.experiment.dataset.data.map(|data| data.seed))
    }),
    text("layout", "contiguous, or chunk and filters", |r| said(&r.cell.experiment.layout)),
    text("chunk", "elements of a chunk along each axis", |r| match &r.cell.experiment.layout {
        Layout::Contiguous => Value::Text(None),
        Layout::Chunked { chunk, .. } => said(crate::dataset::Shape(chunk.clone())),
    }),
    text("filters", "filters, joined by +", |r| {
        let filters = r.cell.experiment.layout.filters();
        Value::Text((!filters.is_empty()).then(|| crate::filter::joined(filters)))
    }),
    text("access", "which regions are asked for; of a write, how the file was written", |r| said(r.cell.access_word())),
    text("split", "how ranks share the dataset", |r| said(r.cell.experiment.split)),
    text("method", "how bytes move", |r| said(r.cell.method_word())),
    whole("np", "ranks", |r| counted(r.cell.experiment.np as u64)),
    text("cache", "page cache that was asked for: cold, warm, as-found; of a write, where it ended", |r| {
        said(if r.cell.reads() { r.cell.experiment.cache.name() } else { r.cell.cache_word() })
    }),
    text("cache_met", "page cache that a read met", |r| {
        Value::Text(r.cell.reads().then(|| r.cell.met_word().to_owned()))
    }),
    truth("fsync", "whether a write was flushed to the device", |r| Value::Truth(Some(r.cell.experiment.fsync))),
    whole("buffer_bytes", "most bytes that a rank moved at once", |r| counted(r.cell.experiment.buffer)),
    text("tunables", "what else was set, as name=value: alignment=4096 threads=2", |r| {
        let set = Dimension::Settings.value(r.results, r.cell);
        Value::Text((!set.is_empty()).then_some(set))
    }),
    whole("sample", "the repeat, counted from 1", |r| counted_or_none(r.repeat.map(|(number, _)| number as u64))),
    whole("bytes", "logical bytes that all ranks asked for", |r| counted(r.cell.bytes)),
    number("open_s", "seconds to open or create", |r| Value::Number(r.repeat().map(|p| p.phases.open))),
    number("transfer_s", "seconds to transfer", |r| Value::Number(r.repeat().map(|p| p.phases.transfer))),
    number("flush_s", "seconds to flush", |r| Value::Number(r.repeat().map(|p| p.phases.flush))),
    number("close_s", "seconds to close", |r| Value::Number(r.repeat().map(|p| p.phases.close))),
    number("total_s", "seconds from open to close", |r| Value::Number(r.repeat().map(|p| p.seconds()))),
    number("transfer_mib_s", "transfer bandwidth, MiB/s", |r| {
        Value::Number(r.repeat().and_then(|p| rate(r.cell.bytes, p.phases.transfer)))
    }),
    number("total_mib_s", "bandwidth from open to close, MiB/s", |r| {
        Value::Number(r.repeat().and_then(|p| rate(r.cell.bytes, p.seconds())))
    }),
    number(
        "bandwidth_mib_s",
        "bandwidth that reports rank by, MiB/s: of reads the transfer's, of writes from the transfer to the close",
        |r| Value::Number(r.repeat().and_then(|p| r.cell.bandwidth_of(p))),
    ),
    number("ceiling_mib_s", "median bandwidth of the posix ceiling, MiB/s: as bandwidth_mib_s", |r| {
        Value::Number(r.cell.ceiling())
    }),
    number("resident", "share of the file in the page cache before the open", |r| {
        Value::Number(r.repeat().and_then(|p| p.resident))
    }),
    whole("read_bytes", "bytes that read calls returned to all ranks", |r| {
        counted_or_none(r.repeat().and_then(|p| p.read_bytes))
    }),
    whole("stored_bytes", "bytes that the dataset takes in the file", |r| counted_or_none(r.cell.stored_bytes)),
    whole("file_bytes", "size of the file", |r| counted_or_none(r.cell.file_bytes)),
    number("predicted_s", "seconds of transfer that were predicted", |r| Value::Number(r.cell.predicted)),
    truth("verified", "whether every value read was right", |r| Value::Truth(r.cell.verified)),
    text("failure", "why it failed", |r| Value::Text(r.cell.failure.clone())),
];
