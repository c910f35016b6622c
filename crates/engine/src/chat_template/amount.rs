//! How much text and how many parts a template may make.
//!
//! minijinja 3.1 pays for most of what it makes before it makes it, and for the rest afterwards. Lists that are
//! multiplied or added are not made at all until they are written, and then without paying: what writes a list is
//! therefore done here.

use std::fmt::{self, Write};

use minijinja::{Error, State, Value};

/// What one step pays for, as in minijinja.
const BYTES_PER_STEP: usize = 64;

/// Pays for bytes before they are made.
pub(super) fn pay_for_bytes(state: &State<'_, '_>, bytes: usize) -> Result<(), Error> {
    state.consume_fuel((bytes / BYTES_PER_STEP) as u64)
}

/// Pays for the parts of a list before they are made, with the bytes in them.
pub(super) fn pay_for_parts(state: &State<'_, '_>, parts: usize, bytes: usize) -> Result<(), Error> {
    state.consume_fuel(parts as u64)?;
    pay_for_bytes(state, bytes)
}

/// Writes a value as `{{ }}` does, as far as the steps that are left pay for it.
pub(super) fn write(state: &State<'_, '_>, to: &mut impl Write, value: &Value) -> Result<(), Error> {
    match value.as_str() {
        Some(text) => {
            pay_for_bytes(state, text.len())?;
            to.write_str(text).map_err(Error::from)
        }
        None => write_paid(state, to, format_args!("{value}")),
    }
}

/// Writes what comes piece by piece, and ends where the steps that are left do not pay for more.
pub(super) fn write_paid(
    state: &State<'_, '_>,
    to: &mut impl Write,
    pieces: fmt::Arguments<'_>,
) -> Result<(), Error> {
    let steps = state.fuel_levels().map_or(0, |(_, left)| left);
    let limit = usize::try_from(steps).unwrap_or(usize::MAX).saturating_mul(BYTES_PER_STEP);
    let mut bounded = Bounded { to, left: limit };

    if bounded.write_fmt(pieces).is_err() {
        return exhausted(state);
    }
    let written = limit - bounded.left;
    pay_for_bytes(state, written)
}

/// Ends the template: nothing that it does afterwards is paid for.
pub(super) fn exhausted(state: &State<'_, '_>) -> Result<(), Error> {
    state.consume_fuel(u64::MAX)
}

/// The value itself, or the text of a list, a mapping or another object.
pub(super) fn as_text(state: &State<'_, '_>, value: &Value) -> Result<Value, Error> {
    if value.as_object().is_none() || value.is_kwargs() {
        return Ok(value.clone());
    }

    let mut text = String::new();
    write(state, &mut text, value)?;
    Ok(Value::from(text))
}

/// The items of a value, each paid for when it is taken.
pub(super) fn items(state: &State<'_, '_>, value: &Value) -> Result<Vec<Value>, Error> {
    let mut items = Vec::new();
    for item in value.try_iter()?.checked() {
        state.consume_fuel(1)?;
        items.push(item?);
    }
    Ok(items)
}

/// Text up to a limit.
pub(super) struct Bounded<'a, W> {
    to: &'a mut W,
    left: usize,
}

impl<'a, W: Write> Bounded<'a, W> {
    /// Writes at most `limit` bytes to `to`.
    pub(super) fn new(to: &'a mut W, limit: usize) -> Self {
        Self { to, left: limit }
    }
}

impl<W: Write> Write for Bounded<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.left = self.left.checked_sub(text.len()).ok_or(fmt::Error)?;
        self.to.write_str(text)
    }
}
