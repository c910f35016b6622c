//! The elements of a JSON list, one in memory at a time: a list of them all would take many times its text.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer as _, SeqAccess, Visitor};

/// Gives each element of a list to `take`, in their order.
///
/// # Errors
/// What is wrong with the list as text. The elements before that were given.
pub(super) fn each_element<'j, T: Deserialize<'j>>(
    json: &'j str,
    take: impl FnMut(T),
) -> Result<(), serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(json);
    reader.deserialize_seq(Elements { take, element: PhantomData })?;
    reader.end()
}

struct Elements<T, F> {
    take: F,
    element: PhantomData<T>,
}

impl<'j, T: Deserialize<'j>, F: FnMut(T)> Visitor<'j> for Elements<T, F> {
    type Value = ();

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'j>>(mut self, mut list: A) -> Result<(), A::Error> {
        while let Some(element) = list.next_element()? {
            (self.take)(element);
        }
        Ok(())
    }
}
