//! A tidy table as Parquet: a column a column, each optional.

use super::{COLUMNS, Column, Kind, Row, Value, rows};
use crate::results::Results;
use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;
use std::io::{self, Write};
use std::sync::Arc;

/// Rows of a group: the most that are held at once.
pub const GROUP: usize = 8192;

/// Writes the table, a group of rows after the other.
///
/// # Errors
/// Those of `out`, and if the format's library refuses what it is given.
pub fn parquet(results: &Results, out: &mut (dyn Write + Send)) -> io::Result<()> {
    write(results, out).map_err(|error| match error {
        ParquetError::External(inner) => inner.downcast().map_or_else(io::Error::other, |error: Box<io::Error>| *error),
        other => io::Error::other(other),
    })
}

fn write(results: &Results, out: &mut (dyn Write + Send)) -> Result<(), ParquetError> {
    let fields = COLUMNS.iter().map(|column| field(column).map(Arc::new)).collect::<Result<Vec<_>, _>>()?;
    let schema = Type::group_type_builder("h5lab").with_fields(fields).build()?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::UNCOMPRESSED)
        .set_created_by(concat!("h5lab ", env!("CARGO_PKG_VERSION")).into())
        .build();
    let mut writer = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties))?;
    let mut all = rows(results).peekable();
    while all.peek().is_some() {
        let rows: Vec<Row<'_>> = all.by_ref().take(GROUP).collect();
        let mut group = writer.next_row_group()?;
        COLUMNS.iter().try_for_each(|column| add(&mut group, column, &rows))?;
        group.close()?;
    }
    writer.close()?;
    Ok(())
}

type Group<'a, 'b> = SerializedRowGroupWriter<'a, &'b mut (dyn Write + Send)>;

fn add(group: &mut Group<'_, '_>, column: &Column, rows: &[Row<'_>]) -> Result<(), ParquetError> {
    let values = rows.iter().map(|row| (column.of)(row));
    match column.kind {
        Kind::Text => fill::<ByteArrayType>(group, values.map(as_text)),
        Kind::Whole => fill::<Int64Type>(group, values.map(as_whole)),
        Kind::Number => fill::<DoubleType>(group, values.map(as_number)),
        Kind::Truth => fill::<BoolType>(group, values.map(as_truth)),
    }
}

fn field(column: &Column) -> Result<Type, ParquetError> {
    let (physical, logical) = match column.kind {
        Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Kind::Whole => (Physical::INT64, None),
        Kind::Number => (Physical::DOUBLE, None),
        Kind::Truth => (Physical::BOOLEAN, None),
    };
    Type::primitive_type_builder(column.name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical)
        .build()
}

/// The next column: its values where there are any, and the level that says where.
fn fill<T: DataType>(
    group: &mut Group<'_, '_>,
    values: impl Iterator<Item = Option<T::T>>,
) -> Result<(), ParquetError> {
    let (mut present, mut levels) = (Vec::new(), Vec::new());
    for value in values {
        levels.push(i16::from(value.is_some()));
        present.extend(value);
    }
    let mut column = group.next_column()?.expect("the schema has as many columns");
    column.typed::<T>().write_batch(&present, Some(&levels), None)?;
    column.close()
}

fn as_text(value: Value) -> Option<ByteArray> {
    if let Value::Text(text) = value { text.map(|text| ByteArray::from(text.into_bytes())) } else { None }
}

fn as_whole(value: Value) -> Option<i64> {
    if let Value::Whole(number) = value { number } else { None }
}

fn as_number(value: Value) -> Option<f64> {
    if let Value::Number(number) = value { number } else { None }
}

fn as_truth(value: Value) -> Option<bool> {
    if let Value::Truth(truth) = value { truth } else { None }
}
