//! Typed access to a span's attributes, for whoever turns spans back into records.

use std::time::{Duration, SystemTime};

use crate::attributes::RECORD;
use crate::error::MappingError;
pub(crate) use crate::otlp_json::ReadSpan;
use crate::otlp_json::{ReadList, ReadValue};
use crate::span_ids::{SpanId, from_unix_nanos};

impl ReadSpan<'_> {
    /// The span's id; `None` where it is not of eight bytes.
    pub(crate) fn id(&self) -> Option<SpanId> {
        self.span_id.bytes().try_into().ok()
    }

    /// What the span records; `None` for a span of another program.
    pub(crate) fn record(&self) -> Option<&str> {
        match self.find(RECORD) {
            Some(ReadValue::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// When it began.
    pub(crate) fn started_at(&self) -> SystemTime {
        from_unix_nanos(self.start_time_unix_nano.0)
    }

    /// When it ended.
    pub(crate) fn ended_at(&self) -> SystemTime {
        from_unix_nanos(self.end_time_unix_nano.0)
    }

    /// How long it took.
    pub(crate) fn duration(&self) -> Result<Duration, MappingError> {
        self.end_time_unix_nano
            .0
            .checked_sub(self.start_time_unix_nano.0)
            .map(Duration::from_nanos)
            .ok_or(MappingError::Backwards)
    }

    /// The message of its status, or nothing.
    pub(crate) fn status_message(&self) -> &str {
        self.status.as_ref().map_or("", |status| &status.message)
    }

    /// A string that must be there.
    pub(crate) fn text(&self, attribute: &'static str) -> Result<&str, MappingError> {
        self.text_if(attribute)?.ok_or(MappingError::Missing { attribute })
    }

    /// A string that may be there.
    pub(crate) fn text_if(&self, attribute: &'static str) -> Result<Option<&str>, MappingError> {
        self.find(attribute).map(|value| value.text(attribute)).transpose()
    }

    /// A whole number that must be there.
    pub(crate) fn int<T: TryFrom<i64>>(&self, attribute: &'static str) -> Result<T, MappingError> {
        self.int_if(attribute)?.ok_or(MappingError::Missing { attribute })
    }

    /// A whole number that may be there.
    pub(crate) fn int_if<T: TryFrom<i64>>(&self, attribute: &'static str) -> Result<Option<T>, MappingError> {
        self.find(attribute).map(|value| value.int(attribute)).transpose()
    }

    /// A time in nanoseconds that may be there.
    pub(crate) fn time_if(&self, attribute: &'static str) -> Result<Option<Duration>, MappingError> {
        Ok(self.int_if::<u64>(attribute)?.map(Duration::from_nanos))
    }

    /// A number that must be there.
    pub(crate) fn number(&self, attribute: &'static str) -> Result<f64, MappingError> {
        self.number_if(attribute)?.ok_or(MappingError::Missing { attribute })
    }

    /// A number that may be there.
    pub(crate) fn number_if(&self, attribute: &'static str) -> Result<Option<f64>, MappingError> {
        self.find(attribute).map(|value| value.number(attribute)).transpose()
    }

    /// A truth value; absent is false.
    pub(crate) fn truth(&self, attribute: &'static str) -> Result<bool, MappingError> {
        match self.find(attribute) {
            None => Ok(false),
            Some(ReadValue::Truth(value)) => Ok(*value),
            Some(_) => Err(invalid(attribute, "is not true or false")),
        }
    }

    /// A list of whole numbers; `None` where it is absent.
    pub(crate) fn ints<T: TryFrom<i64>>(
        &self,
        attribute: &'static str,
    ) -> Result<Option<Vec<T>>, MappingError> {
        match self.list(attribute)? {
            None => Ok(None),
            Some(ReadList::Ints(ints)) => collected(ints, |int| whole(*int, attribute)),
            Some(ReadList::Numbers(_)) => Err(not_whole(attribute)),
            Some(ReadList::Values(values)) => collected(values, |value| value.int(attribute)),
        }
    }

    /// A list of numbers; `None` where it is absent.
    pub(crate) fn numbers(&self, attribute: &'static str) -> Result<Option<Vec<f64>>, MappingError> {
        match self.list(attribute)? {
            None => Ok(None),
            Some(ReadList::Numbers(numbers)) => collected(numbers, |number| finite(*number, attribute)),
            Some(ReadList::Ints(_)) => Err(no_number(attribute)),
            Some(ReadList::Values(values)) => collected(values, |value| value.number(attribute)),
        }
    }

    /// A list of strings; `None` where it is absent.
    pub(crate) fn texts(&self, attribute: &'static str) -> Result<Option<Vec<&str>>, MappingError> {
        match self.list(attribute)? {
            None => Ok(None),
            Some(ReadList::Values(values)) => collected(values, |value| value.text(attribute)),
            Some(ReadList::Ints(_) | ReadList::Numbers(_)) => Err(no_text(attribute)),
        }
    }

    fn list(&self, attribute: &'static str) -> Result<Option<&ReadList<'_>>, MappingError> {
        match self.find(attribute) {
            None => Ok(None),
            Some(ReadValue::List(list)) => Ok(Some(list)),
            Some(_) => Err(invalid(attribute, "is not a list")),
        }
    }

    fn find(&self, key: &str) -> Option<&ReadValue<'_>> {
        self.attributes.0.iter().find(|attribute| attribute.key == key)?.value.as_ref()
    }
}

impl ReadValue<'_> {
    fn text(&self, attribute: &'static str) -> Result<&str, MappingError> {
        match self {
            Self::Text(text) => Ok(text),
            _ => Err(no_text(attribute)),
        }
    }

    fn int<T: TryFrom<i64>>(&self, attribute: &'static str) -> Result<T, MappingError> {
        match self {
            Self::Int(value) => whole(*value, attribute),
            _ => Err(not_whole(attribute)),
        }
    }

    fn number(&self, attribute: &'static str) -> Result<f64, MappingError> {
        match self {
            Self::Number(value) => finite(*value, attribute),
            _ => Err(no_number(attribute)),
        }
    }
}

/// All items in memory of exactly their size: a run holds them to the end.
fn collected<'s, I, T>(
    items: &'s [I],
    item: impl Fn(&'s I) -> Result<T, MappingError>,
) -> Result<Option<Vec<T>>, MappingError> {
    let mut all = Vec::with_capacity(items.len());
    for one in items {
        all.push(item(one)?);
    }
    Ok(Some(all))
}

fn whole<T: TryFrom<i64>>(value: i64, attribute: &'static str) -> Result<T, MappingError> {
    T::try_from(value).map_err(|_| invalid(attribute, &format!("is out of range: {value}")))
}

fn finite(value: f64, attribute: &'static str) -> Result<f64, MappingError> {
    if value.is_finite() { Ok(value) } else { Err(invalid(attribute, "is not finite")) }
}

fn no_text(attribute: &'static str) -> MappingError {
    invalid(attribute, "is not a string")
}

fn not_whole(attribute: &'static str) -> MappingError {
    invalid(attribute, "is not a whole number")
}

fn no_number(attribute: &'static str) -> MappingError {
    invalid(attribute, "is not a number")
}

/// An attribute that makes no sense.
pub(crate) fn invalid(attribute: &'static str, problem: &str) -> MappingError {
    MappingError::Invalid { attribute, problem: problem.to_owned() }
}
