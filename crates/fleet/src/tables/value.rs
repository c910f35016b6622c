//! One cell, and the column that it goes into.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Decimal128Builder, Float64Builder, Int64Builder, StringBuilder,
    TimestampMicrosecondBuilder,
};
use datafusion::arrow::error::ArrowError;

use super::money::{PRECISION, SCALE, TOTAL_PRECISION};
use super::schema::{Kind, UTC};

/// A cell of a row. What a column does not take is written as null, which a column that is never null refuses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'a> {
    /// Unknown, or without meaning here.
    Null,
    Text(&'a str),
    Integer(i64),
    Number(f64),
    Truth(bool),
    /// In units of 10⁻¹² of the currency.
    Money(i128),
    /// Days since 1970.
    Day(i32),
    /// Microseconds since 1970.
    Time(i64),
}

/// A column that is being filled.
#[derive(Debug)]
pub(crate) enum ColumnBuilder {
    Text(StringBuilder),
    Integer(Int64Builder),
    Number(Float64Builder),
    Truth(BooleanBuilder),
    Money(Decimal128Builder),
    Day(Date32Builder),
    Time(TimestampMicrosecondBuilder),
}

fn decimal(precision: u8) -> Result<ColumnBuilder, ArrowError> {
    let builder = Decimal128Builder::new().with_precision_and_scale(precision, SCALE as i8)?;
    Ok(ColumnBuilder::Money(builder))
}

impl ColumnBuilder {
    pub(crate) fn new(kind: Kind) -> Result<Self, ArrowError> {
        Ok(match kind {
            Kind::Text => Self::Text(StringBuilder::new()),
            Kind::Integer => Self::Integer(Int64Builder::new()),
            Kind::Number => Self::Number(Float64Builder::new()),
            Kind::Truth => Self::Truth(BooleanBuilder::new()),
            Kind::Money => decimal(PRECISION)?,
            Kind::Total => decimal(TOTAL_PRECISION)?,
            Kind::Day => Self::Day(Date32Builder::new()),
            Kind::Time => Self::Time(TimestampMicrosecondBuilder::new().with_timezone(UTC)),
        })
    }

    pub(crate) fn append(&mut self, value: Value<'_>) {
        match (self, value) {
            (Self::Text(column), Value::Text(text)) => column.append_value(text),
            (Self::Text(column), _) => column.append_null(),
            (Self::Integer(column), Value::Integer(number)) => column.append_value(number),
            (Self::Integer(column), _) => column.append_null(),
            (Self::Number(column), Value::Number(number)) => column.append_value(number),
            (Self::Number(column), _) => column.append_null(),
            (Self::Truth(column), Value::Truth(truth)) => column.append_value(truth),
            (Self::Truth(column), _) => column.append_null(),
            (Self::Money(column), Value::Money(units)) => column.append_value(units),
            (Self::Money(column), _) => column.append_null(),
            (Self::Day(column), Value::Day(day)) => column.append_value(day),
            (Self::Day(column), _) => column.append_null(),
            (Self::Time(column), Value::Time(time)) => column.append_value(time),
            (Self::Time(column), _) => column.append_null(),
        }
    }

    /// The column, which begins anew.
    pub(crate) fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(column) => Arc::new(column.finish()),
            Self::Integer(column) => Arc::new(column.finish()),
            Self::Number(column) => Arc::new(column.finish()),
            Self::Truth(column) => Arc::new(column.finish()),
            Self::Money(column) => Arc::new(column.finish()),
            Self::Day(column) => Arc::new(column.finish()),
            Self::Time(column) => Arc::new(column.finish()),
        }
    }
}
