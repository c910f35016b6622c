//! What a number, a string of digits or a name stands for.

use std::fmt;
use std::marker::PhantomData;

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer};

/// A value with more than one way to be written.
pub(super) trait Scalar: Sized {
    /// For messages: `… is not WANTED`.
    const WANTED: &'static str;

    fn from_int(value: i128) -> Option<Self>;

    fn from_text(value: &str) -> Option<Self> {
        Self::from_int(value.parse().ok()?)
    }

    fn from_number(_value: f64) -> Option<Self> {
        None
    }

    /// `null`, which some writers put where nothing is known.
    fn absent() -> Option<Self> {
        None
    }
}

struct ScalarVisitor<T>(PhantomData<T>);

impl<T: Scalar> Visitor<'_> for ScalarVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::WANTED)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<T, E> {
        T::from_int(value.into()).ok_or_else(|| E::custom(format!("{value} is not {}", T::WANTED)))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<T, E> {
        T::from_int(value.into()).ok_or_else(|| E::custom(format!("{value} is not {}", T::WANTED)))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<T, E> {
        T::from_number(value).ok_or_else(|| E::custom(format!("{value} is not {}", T::WANTED)))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<T, E> {
        T::from_text(value).ok_or_else(|| {
            let shown: String = value.chars().take(40).collect();
            E::custom(format!("{shown:?} is not {}", T::WANTED))
        })
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<T, E> {
        T::absent().ok_or_else(|| E::custom(format!("null is not {}", T::WANTED)))
    }
}

macro_rules! scalar {
    ($($name:ident),*) => {
        $(impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(ScalarVisitor(PhantomData))
            }
        })*
    };
}

scalar!(Nanos, Count, Int, Number, Kind, StatusKind, Id);

/// Nanoseconds since 1970.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Nanos(pub(crate) u64);

impl Scalar for Nanos {
    const WANTED: &'static str = "an unsigned 64-bit number";

    fn from_int(value: i128) -> Option<Self> {
        u64::try_from(value).ok().map(Self)
    }

    fn from_text(value: &str) -> Option<Self> {
        // several times as fast as the wider type, which knows `-0`
        value.parse().ok().map(Self).or_else(|| Self::from_int(value.parse().ok()?))
    }
}

/// How many.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Count(pub(crate) u32);

impl Scalar for Count {
    const WANTED: &'static str = "an unsigned 32-bit number";

    fn from_int(value: i128) -> Option<Self> {
        u32::try_from(value).ok().map(Self)
    }
}

/// A whole number of an attribute.
pub(crate) struct Int(pub(crate) i64);

impl Scalar for Int {
    const WANTED: &'static str = "a signed 64-bit number";

    fn from_int(value: i128) -> Option<Self> {
        i64::try_from(value).ok().map(Self)
    }

    fn from_text(value: &str) -> Option<Self> {
        value.parse().ok().map(Self)
    }
}

/// A number of an attribute.
pub(crate) struct Number(pub(crate) f64);

impl Scalar for Number {
    const WANTED: &'static str = "a number";

    #[expect(clippy::cast_precision_loss, reason = "a whole number where JSON means a double")]
    fn from_int(value: i128) -> Option<Self> {
        Some(Self(value as f64))
    }

    fn from_number(value: f64) -> Option<Self> {
        Some(Self(value))
    }

    /// `NaN`, `Infinity` and `-Infinity` are how protobuf's JSON writes them.
    fn from_text(value: &str) -> Option<Self> {
        match value {
            "Infinity" => Some(Self(f64::INFINITY)),
            "-Infinity" => Some(Self(f64::NEG_INFINITY)),
            _ => value.parse().ok().map(Self),
        }
    }
}

/// Which side of a call a span is.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Kind(pub(crate) i32);

impl Scalar for Kind {
    const WANTED: &'static str = "a span kind";

    fn from_int(value: i128) -> Option<Self> {
        i32::try_from(value).ok().map(Self)
    }

    fn from_text(value: &str) -> Option<Self> {
        SpanKind::from_str_name(value).map(|kind| Self(kind as i32))
    }
}

/// How a span went.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StatusKind(pub(crate) i32);

impl StatusKind {
    /// It failed.
    pub(crate) const ERROR: Self = Self(StatusCode::Error as i32);
}

impl Scalar for StatusKind {
    const WANTED: &'static str = "a status code";

    fn from_int(value: i128) -> Option<Self> {
        i32::try_from(value).ok().map(Self)
    }

    fn from_text(value: &str) -> Option<Self> {
        StatusCode::from_str_name(value).map(|code| Self(code as i32))
    }
}

/// A trace's or span's id: at most sixteen bytes; empty is none.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Id {
    bytes: [u8; 16],
    length: u8,
}

impl Id {
    /// The id of these bytes; `None` where there are more than sixteen.
    pub(crate) fn of_bytes(from: &[u8]) -> Option<Self> {
        let mut id = Self { bytes: [0; 16], length: u8::try_from(from.len()).ok()? };
        id.bytes.get_mut(..from.len())?.copy_from_slice(from);
        Some(id)
    }

    /// The id that hexadecimal digits stand for, a leading zero left out or not.
    pub(crate) fn of_digits(digits: &str) -> Option<Self> {
        let mut bytes = [0; 16];
        let length = digits.len().div_ceil(2);
        let mut places = bytes.get_mut(..length)?.iter_mut().rev();
        for pair in digits.as_bytes().rchunks(2) {
            let place = places.next()?;
            for digit in pair {
                *place = *place << 4 | u8::try_from(char::from(*digit).to_digit(16)?).ok()?;
            }
        }
        Some(Self { bytes, length: u8::try_from(length).ok()? })
    }

    /// Its bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }

    /// True where there is no id.
    pub(crate) fn is_empty(&self) -> bool {
        self.length == 0
    }
}

impl Scalar for Id {
    const WANTED: &'static str = "an id in hexadecimal digits";

    fn from_int(_value: i128) -> Option<Self> {
        None
    }

    /// Two hexadecimal digits a byte; or base64, which ends with `=` and is never both, of eight or sixteen bytes or of the
    /// thirty-two digits themselves, as exporters write that encode twice.
    fn from_text(value: &str) -> Option<Self> {
        if value.len().is_multiple_of(2)
            && let Some(id) = Self::of_digits(value)
        {
            return Some(id);
        }

        let is_base64 = matches!((value.len(), value.ends_with('=')), (12 | 24 | 44, true));
        let bytes = is_base64
            .then(|| base64::Engine::decode(&base64::prelude::BASE64_STANDARD, value).ok())
            .flatten()?;
        match std::str::from_utf8(&bytes) {
            Ok(digits) if bytes.len() == 32 => Self::of_digits(digits),
            _ => Self::of_bytes(&bytes),
        }
    }

    fn absent() -> Option<Self> {
        Some(Self::default())
    }
}
