//! The page's texts and tables: plain values that the template puts in place and escapes.

mod facts;
mod head;
mod names;
mod tables;

use serde::Serialize;

pub(crate) use facts::{cautions, machine, prices, provenance};
pub(crate) use head::{Head, head};
pub(crate) use names::{Names, point_name};
pub(crate) use tables::{early_stopping, energy, gates, latency, operating_points, variants};

/// A name and what is said of it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Fact {
    pub(crate) name: String,
    pub(crate) value: String,
}

impl Fact {
    pub(crate) fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}

/// A table whose columns can be sorted.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Table {
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Vec<Cell>>,
}

/// A column's head.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// Numbers stand on the right.
    pub(crate) number: bool,
}

/// A cell: what is read, and what it is sorted by.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) key: Option<f64>,
    /// A class of the style: `pass`, `fail`, `unsure`, `broken`, or nothing.
    pub(crate) class: &'static str,
}

impl Table {
    /// A table with a column of names and then columns of numbers.
    pub(crate) fn new(name: &str, numbers: &[&str]) -> Self {
        let mut columns = vec![Column { name: name.to_owned(), number: false }];
        for number in numbers {
            columns.push(Column { name: (*number).to_owned(), number: true });
        }
        Self { columns, rows: Vec::new() }
    }
}

impl Cell {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), key: None, class: "" }
    }

    pub(crate) fn number(value: Option<f64>, show: impl FnOnce(f64) -> String) -> Self {
        Self { text: value.map_or_else(|| crate::figures::UNKNOWN.to_owned(), show), key: value, class: "" }
    }

    /// An estimate with its interval.
    pub(crate) fn estimate(estimate: Option<&infercost_core::Estimate>, show: fn(f64) -> String) -> Self {
        match estimate {
            Some(estimate) => Self {
                text: crate::figures::with_interval(estimate, show),
                key: Some(estimate.point),
                class: "",
            },
            None => Self::text(crate::figures::UNKNOWN),
        }
    }

    pub(crate) fn with_class(mut self, class: &'static str) -> Self {
        self.class = class;
        self
    }
}
