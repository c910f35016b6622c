//! One line of OTLP JSON as it is read: borrowed from the line wherever the text holds no escape.
//!
//! The types of `opentelemetry-proto` would do, but they buffer every attribute value in a tree before they
//! know its type, which makes a span of many chunks several times slower to read, and they refuse an
//! `arrayValue` without `values`, which protobuf's own JSON leaves out where it is empty. A test holds the
//! two against each other.

use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, SystemTime};

use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::attributes::RECORD;
use crate::error::MappingError;
use crate::span_ids::{SpanId, from_unix_nanos};

/// A `TracesData` object.
#[derive(Debug, Deserialize)]
pub(crate) struct ReadLine<'a> {
    #[serde(borrow, default, rename = "resourceSpans")]
    resource_spans: Vec<ReadResource<'a>>,
}

#[derive(Debug, Deserialize)]
struct ReadResource<'a> {
    #[serde(borrow, default, rename = "scopeSpans")]
    scope_spans: Vec<ReadScope<'a>>,
}

#[derive(Debug, Deserialize)]
struct ReadScope<'a> {
    #[serde(borrow, default)]
    spans: Vec<ReadSpan<'a>>,
}

/// A span, with typed access to its attributes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReadSpan<'a> {
    #[serde(borrow)]
    span_id: Cow<'a, str>,
    #[serde(default)]
    start_time_unix_nano: Nanos,
    #[serde(default)]
    end_time_unix_nano: Nanos,
    #[serde(borrow, default)]
    attributes: Vec<Attribute<'a>>,
    #[serde(borrow, default)]
    status: Option<ReadStatus<'a>>,
}

#[derive(Debug, Deserialize)]
struct ReadStatus<'a> {
    #[serde(borrow, default)]
    message: Cow<'a, str>,
}

#[derive(Debug, Deserialize)]
struct Attribute<'a> {
    #[serde(borrow)]
    key: Cow<'a, str>,
    #[serde(borrow, default)]
    value: Option<ReadValue<'a>>,
}

#[derive(Debug)]
enum ReadValue<'a> {
    Text(Cow<'a, str>),
    Truth(bool),
    Int(i64),
    Number(f64),
    List(Vec<ReadValue<'a>>),
    /// A kind that no record uses, or none at all.
    Other,
}

impl<'a> ReadLine<'a> {
    /// The line's spans, in order.
    pub(crate) fn spans(&self) -> impl Iterator<Item = &ReadSpan<'a>> {
        self.resource_spans.iter().flat_map(|resource| &resource.scope_spans).flat_map(|scope| &scope.spans)
    }
}

impl ReadSpan<'_> {
    /// The span's id; `None` where it is not 16 hex digits.
    pub(crate) fn id(&self) -> Option<SpanId> {
        if self.span_id.len() != 16 || !self.span_id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        u64::from_str_radix(&self.span_id, 16).ok().map(u64::to_be_bytes)
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
        self.list(attribute, |value| value.int(attribute))
    }

    /// A list of numbers; `None` where it is absent.
    pub(crate) fn numbers(&self, attribute: &'static str) -> Result<Option<Vec<f64>>, MappingError> {
        self.list(attribute, |value| value.number(attribute))
    }

    /// A list of strings; `None` where it is absent.
    pub(crate) fn texts(&self, attribute: &'static str) -> Result<Option<Vec<&str>>, MappingError> {
        self.list(attribute, |value| value.text(attribute))
    }

    fn list<'s, T>(
        &'s self,
        attribute: &'static str,
        item: impl Fn(&'s ReadValue<'_>) -> Result<T, MappingError>,
    ) -> Result<Option<Vec<T>>, MappingError> {
        match self.find(attribute) {
            None => Ok(None),
            Some(ReadValue::List(values)) => values.iter().map(item).collect::<Result<_, _>>().map(Some),
            Some(_) => Err(invalid(attribute, "is not a list")),
        }
    }

    fn find(&self, key: &str) -> Option<&ReadValue<'_>> {
        self.attributes.iter().find(|attribute| attribute.key == key)?.value.as_ref()
    }
}

impl ReadValue<'_> {
    fn text(&self, attribute: &'static str) -> Result<&str, MappingError> {
        match self {
            Self::Text(text) => Ok(text),
            _ => Err(invalid(attribute, "is not a string")),
        }
    }

    fn int<T: TryFrom<i64>>(&self, attribute: &'static str) -> Result<T, MappingError> {
        match self {
            Self::Int(value) => {
                T::try_from(*value).map_err(|_| invalid(attribute, &format!("is out of range: {value}")))
            }
            _ => Err(invalid(attribute, "is not a whole number")),
        }
    }

    fn number(&self, attribute: &'static str) -> Result<f64, MappingError> {
        match self {
            Self::Number(value) => Ok(*value),
            _ => Err(invalid(attribute, "is not a number")),
        }
    }
}

/// An attribute that makes no sense.
pub(crate) fn invalid(attribute: &'static str, problem: &str) -> MappingError {
    MappingError::Invalid { attribute, problem: problem.to_owned() }
}

/// An unsigned 64-bit number, as OTLP writes it (a string) or as others do (a number).
#[derive(Debug, Default, Clone, Copy)]
struct Nanos(u64);

impl<'de> Deserialize<'de> for Nanos {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NanosVisitor;
        impl Visitor<'_> for NanosVisitor {
            type Value = Nanos;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("nanoseconds as a string of digits")
            }

            fn visit_u64<E>(self, value: u64) -> Result<Nanos, E> {
                Ok(Nanos(value))
            }

            fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Nanos, E> {
                value.parse().map(Nanos).map_err(|_| E::custom("nanoseconds are not a string of digits"))
            }
        }
        deserializer.deserialize_any(NanosVisitor)
    }
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum Kind {
    StringValue,
    BoolValue,
    IntValue,
    DoubleValue,
    ArrayValue,
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
struct List<'a> {
    #[serde(borrow, default)]
    values: Vec<ReadValue<'a>>,
}

/// A signed 64-bit number, as a string or as a number.
struct Int(i64);

impl<'de> Deserialize<'de> for Int {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IntVisitor;
        impl Visitor<'_> for IntVisitor {
            type Value = Int;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number as a string")
            }

            fn visit_i64<E>(self, value: i64) -> Result<Int, E> {
                Ok(Int(value))
            }

            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Int, E> {
                i64::try_from(value).map(Int).map_err(|_| E::custom("a whole number is out of range"))
            }

            fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Int, E> {
                value.parse().map(Int).map_err(|_| E::custom("intValue is not a whole number"))
            }
        }
        deserializer.deserialize_any(IntVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for ReadValue<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ValueVisitor;
        impl<'de> Visitor<'de> for ValueVisitor {
            type Value = ReadValue<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an attribute value")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ReadValue<'de>, A::Error> {
                let mut value = None;
                while let Some(kind) = map.next_key::<Kind>()? {
                    let found = match kind {
                        Kind::StringValue => ReadValue::Text(map.next_value::<Text<'de>>()?.0),
                        Kind::BoolValue => ReadValue::Truth(map.next_value()?),
                        Kind::IntValue => ReadValue::Int(map.next_value::<Int>()?.0),
                        Kind::DoubleValue => ReadValue::Number(map.next_value()?),
                        Kind::ArrayValue => ReadValue::List(map.next_value::<List<'de>>()?.values),
                        Kind::Other => {
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    if value.replace(found).is_some() {
                        return Err(A::Error::custom("an attribute has two values"));
                    }
                }
                Ok(value.unwrap_or(ReadValue::Other))
            }
        }
        deserializer.deserialize_map(ValueVisitor)
    }
}
