//! `str.format` and the `format` filter, with a bound on what a format string asks for.
//!
//! minijinja 3.1 makes room for any width, and in `str.format` without paying for it.

use minijinja::formatting::{FormatStyle, format};
use minijinja::value::{Kwargs, ValueKind, from_args};
use minijinja::{Error, ErrorKind, State, Value};

use super::amount::{as_text, items, pay_for_bytes, pay_for_parts};

/// The largest width and precision of a field.
const MAX_NUMBER: usize = 4096;

/// `text.format(…)`. Each field is formatted alone, once what it shows is known and paid for.
pub(super) fn python(state: &State<'_, '_>, text: &str, arguments: &[Value]) -> Result<Value, Error> {
    let (positional, named): (&[Value], Kwargs) = from_args(arguments)?;
    let arguments = Arguments { positional, named };
    pay_for_bytes(state, text.len())?;
    let mut result = String::new();
    let mut rest = text;
    let mut next = 0;

    while let Some(place) = rest.find(['{', '}']) {
        let (before, mark) = rest.split_at(place);
        result.push_str(before);
        if let Some(after) = mark.strip_prefix("{{") {
            result.push('{');
            rest = after;
        } else if let Some(after) = mark.strip_prefix("}}") {
            result.push('}');
            rest = after;
        } else {
            let inside = mark.strip_prefix('{').ok_or_else(|| bad("a single `}` in a format string"))?;
            let (field, after) = inside.split_once('}').ok_or_else(|| bad("a field without its `}`"))?;
            result.push_str(&formatted(state, field, &arguments, &mut next)?);
            rest = after;
        }
    }

    result.push_str(rest);
    Ok(Value::from(result))
}

/// What `str.format` is called with.
struct Arguments<'a> {
    positional: &'a [Value],
    named: Kwargs,
}

/// One field, of what stands between its braces. `next` is the argument that a field without a name takes.
fn formatted(
    state: &State<'_, '_>,
    field: &str,
    arguments: &Arguments<'_>,
    next: &mut usize,
) -> Result<String, Error> {
    if field.contains('{') {
        return Err(bad("a field inside a field is not supported"));
    }
    let (path, specification) = field.split_once(':').unwrap_or((field, ""));
    let value = as_text(state, &looked_up(path, arguments, next)?)?;

    let numbers = numbers(specification.as_bytes())?;
    let length = value.as_str().map_or(0, str::len);
    pay_for_parts(state, 1, numbers.saturating_add(length))?;
    format(FormatStyle::StrFormat, &format!("{{:{specification}}}"), &[value])
}

/// The value that a field names, such as `0`, `name` or `0.content[1]`.
fn looked_up(path: &str, arguments: &Arguments<'_>, next: &mut usize) -> Result<Value, Error> {
    let end = path.find(['.', '[']).unwrap_or(path.len());
    let (name, mut steps) = path.split_at(end);
    let missing = || bad("a field names no argument");

    let mut value = if name.is_empty() {
        let index = *next;
        *next += 1;
        arguments.positional.get(index).cloned().ok_or_else(missing)?
    } else if let Ok(index) = name.parse::<usize>() {
        arguments.positional.get(index).cloned().ok_or_else(missing)?
    } else {
        arguments.named.get::<Value>(name)?
    };

    while !steps.is_empty() {
        if let Some(key) = steps.strip_prefix('[') {
            let (key, after) = key.split_once(']').ok_or_else(|| bad("a field without its `]`"))?;
            let key = key.parse::<usize>().map_or_else(|_| Value::from(key), Value::from);
            value = value.get_item(&key)?;
            steps = after;
        } else {
            let step = steps.strip_prefix('.').ok_or_else(|| bad("a field whose name cannot be read"))?;
            let end = step.find(['.', '[']).unwrap_or(step.len());
            let (attribute, after) = step.split_at(end);
            value = value.get_attr(attribute)?;
            steps = after;
        }
        if value.is_undefined() {
            return Err(missing());
        }
    }
    Ok(value)
}

/// `text | format(…)`, which formats as `%` does in Python.
pub(super) fn printf(
    state: &mut State<'_, '_>,
    original: &Value,
    mut arguments: Vec<Value>,
) -> Result<Value, Error> {
    let Some(text) = arguments.first().and_then(Value::as_str) else {
        return original.call(state, &arguments);
    };

    let mut fields = 0_usize;
    for field in text.split('%').skip(1) {
        let field =
            field.strip_prefix('(').and_then(|named| named.split_once(')')).map_or(field, |(_, rest)| rest);
        let options =
            field.find(|c: char| !c.is_ascii_digit() && !"#-+ .".contains(c)).unwrap_or(field.len());
        numbers(field.as_bytes().get(..options).unwrap_or_default())?;
        fields = fields.saturating_add(1);
    }

    let named = text.contains("%(");
    let mut longest = 0;
    for argument in arguments.iter_mut().skip(1) {
        *argument = match argument.kind() {
            ValueKind::Map if named || argument.is_kwargs() => texts_of(state, argument, &mut longest)?,
            _ => as_text(state, argument)?,
        };
        longest = longest.max(argument.as_str().map_or(0, str::len));
    }

    pay_for_parts(state, fields, fields.saturating_mul(longest))?;
    original.call(state, &arguments)
}

/// A mapping of the same keys, with lists and other objects as text.
fn texts_of(state: &State<'_, '_>, map: &Value, longest: &mut usize) -> Result<Value, Error> {
    let mut texts = Vec::new();
    for key in items(state, map)? {
        let value = as_text(state, &map.get_item(&key)?)?;
        *longest = (*longest).max(value.as_str().map_or(0, str::len));
        texts.push((key, value));
    }
    Ok(Value::from_pairs(texts))
}

/// The sum of the numbers in a field's options.
fn numbers(options: &[u8]) -> Result<usize, Error> {
    let mut sum = 0_usize;
    for digits in options.split(|byte| !byte.is_ascii_digit()).filter(|digits| !digits.is_empty()) {
        let number = digits.iter().fold(0_usize, |number, digit| {
            number.saturating_mul(10).saturating_add(usize::from(digit - b'0'))
        });
        if number > MAX_NUMBER {
            return Err(bad(&format!("a width or precision above {MAX_NUMBER}")));
        }
        sum = sum.saturating_add(number);
    }
    Ok(sum)
}

fn bad(reason: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, reason.to_owned())
}
