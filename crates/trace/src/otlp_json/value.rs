//! Attributes and their values.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::scalar::{Int, Number};

/// Attributes that a span of infercost's has about.
pub(super) const USUAL: usize = 48;
/// Numbers that a list has room for from its first one on.
const FIRST: usize = 16;
/// What is wrong with a value that is there twice.
const TWO_VALUES: &str = "an attribute has two values";

/// A name and its value.
#[derive(Debug, Default)]
pub(crate) struct Attribute<'a> {
    /// The name.
    pub(crate) key: Cow<'a, str>,
    /// The value; `None` where there is none.
    pub(crate) value: Option<ReadValue<'a>>,
}

/// A list of attributes; `null` is an empty one.
#[derive(Debug, Default)]
pub(crate) struct Attributes<'a>(pub(crate) Vec<Attribute<'a>>);

/// The value of an attribute.
#[derive(Debug)]
pub(crate) enum ReadValue<'a> {
    /// `stringValue`.
    Text(Cow<'a, str>),
    /// `boolValue`.
    Truth(bool),
    /// `intValue`.
    Int(i64),
    /// `doubleValue`.
    Number(f64),
    /// `arrayValue`.
    List(ReadList<'a>),
    /// `kvlistValue`.
    Map(Vec<Attribute<'a>>),
    /// `bytesValue`.
    Bytes(Vec<u8>),
    /// A kind that is not known, or none at all.
    Other,
}

/// The values of a list. Runs hold millions of numbers in lists: those take eight bytes each.
#[derive(Debug)]
pub(crate) enum ReadList<'a> {
    /// `intValue` alone.
    Ints(Vec<i64>),
    /// `doubleValue` alone.
    Numbers(Vec<f64>),
    /// Any others, and none.
    Values(Vec<ReadValue<'a>>),
}

impl<'de: 'a, 'a> Deserialize<'de> for Attributes<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AttributesVisitor;

        impl<'de> Visitor<'de> for AttributesVisitor {
            type Value = Attributes<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of attributes")
            }

            fn visit_unit<E>(self) -> Result<Attributes<'de>, E> {
                Ok(Attributes::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Attributes<'de>, A::Error> {
                let mut all = Vec::new();
                while let Some(attribute) = list.next_element::<Attribute<'de>>()? {
                    if all.capacity() == 0 {
                        all.reserve(USUAL);
                    }
                    all.push(attribute);
                }
                Ok(Attributes(all))
            }
        }

        deserializer.deserialize_any(AttributesVisitor)
    }
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum AttributeField {
    Key,
    Value,
    #[serde(other)]
    Other,
}

/// Borrows from the text, which a bare `Cow` does not.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Attribute<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AttributeVisitor;

        impl<'de> Visitor<'de> for AttributeVisitor {
            type Value = Attribute<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an attribute")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Attribute<'de>, A::Error> {
                let mut attribute = Attribute::default();
                while let Some(field) = map.next_key()? {
                    match field {
                        AttributeField::Key => attribute.key = map.next_value::<Text<'de>>()?.0,
                        AttributeField::Value => attribute.value = map.next_value()?,
                        AttributeField::Other => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(attribute)
            }
        }

        deserializer.deserialize_map(AttributeVisitor)
    }
}

/// As the specification has them, as protobuf's own names are, and as Go prints the types that are made from them: there
/// the value stands inside another one.
#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum ValueField {
    #[serde(alias = "string_value", alias = "StringValue")]
    StringValue,
    #[serde(alias = "bool_value", alias = "BoolValue")]
    BoolValue,
    #[serde(alias = "int_value", alias = "IntValue")]
    IntValue,
    #[serde(alias = "double_value", alias = "DoubleValue")]
    DoubleValue,
    #[serde(alias = "array_value", alias = "ArrayValue")]
    ArrayValue,
    #[serde(alias = "kvlist_value", alias = "KvlistValue")]
    KvlistValue,
    #[serde(alias = "bytes_value", alias = "BytesValue")]
    BytesValue,
    #[serde(rename = "Value")]
    Inner,
    #[serde(other)]
    Other,
}

/// Protobuf's JSON leaves `values` out where the list is empty.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Values<'a> {
    #[serde(borrow)]
    values: ReadList<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Pairs<'a> {
    #[serde(borrow)]
    values: Attributes<'a>,
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
                while let Some(field) = map.next_key()? {
                    let Some(found) = value_of(field, &mut map)? else { continue };
                    if value.replace(found).is_some() {
                        return Err(A::Error::custom(TWO_VALUES));
                    }
                }

                Ok(value.unwrap_or(ReadValue::Other))
            }
        }

        deserializer.deserialize_map(ValueVisitor)
    }
}

impl Default for ReadList<'_> {
    fn default() -> Self {
        Self::Values(Vec::new())
    }
}

impl<'a> ReadList<'a> {
    /// Adds a value. A list of numbers that turns out to hold others becomes one of values.
    pub(super) fn push(&mut self, value: ReadValue<'a>) {
        match (&mut *self, value) {
            (Self::Ints(ints), ReadValue::Int(int)) => ints.push(int),
            (Self::Numbers(numbers), ReadValue::Number(number)) => numbers.push(number),
            (Self::Values(values), ReadValue::Int(int)) if values.is_empty() => {
                let mut ints = Vec::with_capacity(FIRST);
                ints.push(int);
                *self = Self::Ints(ints);
            }
            (Self::Values(values), ReadValue::Number(number)) if values.is_empty() => {
                let mut numbers = Vec::with_capacity(FIRST);
                numbers.push(number);
                *self = Self::Numbers(numbers);
            }
            (Self::Values(values), value) => values.push(value),
            (Self::Ints(_) | Self::Numbers(_), value) => {
                let mut values = std::mem::take(self).into_values();
                values.push(value);
                *self = Self::Values(values);
            }
        }
    }

    /// Its values one by one.
    pub(crate) fn into_values(self) -> Vec<ReadValue<'a>> {
        match self {
            Self::Ints(ints) => ints.into_iter().map(ReadValue::Int).collect(),
            Self::Numbers(numbers) => numbers.into_iter().map(ReadValue::Number).collect(),
            Self::Values(values) => values,
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for ReadList<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor;

        impl<'de> Visitor<'de> for ListVisitor {
            type Value = ReadList<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a sequence")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<ReadList<'de>, A::Error> {
                let mut all = ReadList::default();
                while list.next_element_seed(Item(&mut all))?.is_some() {}
                Ok(all)
            }
        }

        /// Adds a value to the list: numbers go there straight.
        struct Item<'l, 'de>(&'l mut ReadList<'de>);

        impl<'de> DeserializeSeed<'de> for Item<'_, 'de> {
            type Value = ();

            fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
                deserializer.deserialize_map(self)
            }
        }

        impl<'de> Visitor<'de> for Item<'_, 'de> {
            type Value = ();

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an attribute value")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
                let mut is_there = false;
                while let Some(field) = map.next_key()? {
                    match (field, &mut *self.0) {
                        (ValueField::IntValue, ReadList::Ints(ints)) => ints.push(map.next_value::<Int>()?.0),
                        (ValueField::DoubleValue, ReadList::Numbers(numbers)) => {
                            numbers.push(map.next_value::<Number>()?.0);
                        }
                        (field, list) => match value_of(field, &mut map)? {
                            Some(value) => list.push(value),
                            None => continue,
                        },
                    }

                    if is_there {
                        return Err(A::Error::custom(TWO_VALUES));
                    }
                    is_there = true;
                }

                if !is_there {
                    self.0.push(ReadValue::Other);
                }
                Ok(())
            }
        }

        deserializer.deserialize_seq(ListVisitor)
    }
}

/// The value behind a name; `None` where it says nothing.
fn value_of<'de, A: MapAccess<'de>>(
    field: ValueField,
    map: &mut A,
) -> Result<Option<ReadValue<'de>>, A::Error> {
    Ok(Some(match field {
        ValueField::StringValue => ReadValue::Text(map.next_value::<Text<'de>>()?.0),
        ValueField::BoolValue => ReadValue::Truth(map.next_value()?),
        ValueField::IntValue => ReadValue::Int(map.next_value::<Int>()?.0),
        ValueField::DoubleValue => ReadValue::Number(map.next_value::<Number>()?.0),
        ValueField::ArrayValue => ReadValue::List(map.next_value::<Values<'de>>()?.values),
        ValueField::KvlistValue => ReadValue::Map(map.next_value::<Pairs<'de>>()?.values.0),
        ValueField::BytesValue => {
            let text = map.next_value::<Text<'de>>()?.0;
            let bytes = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, &*text);
            ReadValue::Bytes(bytes.map_err(|_| A::Error::custom("bytesValue is not base64"))?)
        }
        ValueField::Inner => return map.next_value(),
        ValueField::Other => {
            map.next_value::<IgnoredAny>()?;
            return Ok(None);
        }
    }))
}

/// A list, or `null` for an empty one.
pub(super) fn list_or_null<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    Ok(Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_default())
}
