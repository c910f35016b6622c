//! The elements of a JSON list, one in memory at a time: a list of them all would take many times its text.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer as _, SeqAccess, Visitor};

use crate::escaped::plain;

/// Gives each element of a list to `take`, in their order, up to the first that it refuses.
///
/// # Errors
/// What is wrong with the list as text, or why an element was refused. The elements before that were given.
pub(crate) fn each_element<'j, T: Deserialize<'j>>(
    json: &'j str,
    take: impl FnMut(T) -> Result<(), String>,
) -> Result<(), String> {
    let mut refused = None;
    let mut reader = serde_json::Deserializer::from_str(json);
    let elements = Elements { take, refused: &mut refused, element: PhantomData };
    let read = reader.deserialize_seq(elements).and_then(|()| reader.end());

    match refused {
        // what stands behind it was not looked at
        Some(reason) => Err(reason),
        None => read.map_err(|error| plain(&error)),
    }
}

struct Elements<'r, T, F> {
    take: F,
    refused: &'r mut Option<String>,
    element: PhantomData<T>,
}

impl<'j, T: Deserialize<'j>, F: FnMut(T) -> Result<(), String>> Visitor<'j> for Elements<'_, T, F> {
    type Value = ();

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'j>>(mut self, mut list: A) -> Result<(), A::Error> {
        while let Some(element) = list.next_element()? {
            if let Err(reason) = (self.take)(element) {
                *self.refused = Some(reason);
                break;
            }
        }
        Ok(())
    }
}
