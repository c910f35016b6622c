//! The engine's filters, functions and tests that make much out of little without paying for it, bounded.

use minijinja::value::{Kwargs, Rest, ValueOrKwargs, from_args};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, Value, filters, tests};

use super::amount::{as_text, items, pay_for_bytes, pay_for_parts, write, write_paid};
use super::formatting;

/// Replaces what is not bounded.
pub(super) fn add_to(environment: &mut Environment<'static>) {
    environment.set_formatter(shown);

    // these take any value for a text
    let takers = [
        ("safe", Value::from_function(filters::safe)),
        ("escape", Value::from_function(filters::escape)),
        ("e", Value::from_function(filters::escape)),
        ("lower", Value::from_function(filters::lower)),
        ("upper", Value::from_function(filters::upper)),
        ("title", Value::from_function(filters::title)),
        ("capitalize", Value::from_function(filters::capitalize)),
        ("trim", Value::from_function(filters::trim)),
        ("string", Value::from_function(filters::string)),
        ("striptags", Value::from_function(minijinja_contrib::filters::striptags)),
    ];
    for (name, original) in takers {
        environment.add_filter(name, move |state: &mut State<'_, '_>, arguments: Rest<ValueOrKwargs>| {
            let arguments = texts(state, arguments)?;
            original.call(state, &arguments)
        });
    }

    environment.add_filter("replace", replaced);
    let original = Value::from_function(filters::indent);
    environment.add_filter("indent", move |state: &mut State<'_, '_>, arguments: Rest<ValueOrKwargs>| {
        indented(state, &original, texts(state, arguments)?)
    });
    let original = Value::from_function(filters::format);
    environment.add_filter("format", move |state: &mut State<'_, '_>, arguments: Rest<ValueOrKwargs>| {
        formatting::printf(state, &original, arguments.into_values())
    });
    environment.add_filter("pprint", |state: &State<'_, '_>, value: &Value| {
        let mut text = String::new();
        write_paid(state, &mut text, format_args!("{value:#?}")).map(|()| text)
    });

    environment.add_filter(
        "split",
        |state: &State<'_, '_>, value: &Value, mark: Option<&str>, most: Option<i64>| {
            split(state, value, mark, most)
        },
    );
    environment.add_filter("lines", |state: &State<'_, '_>, value: &Value| {
        let text = value.as_str().unwrap_or_default();
        pay_for_parts(state, text.lines().count(), text.len())?;
        filters::lines(value)
    });

    environment.add_filter("join", joined_by_filter);
    let original = Value::from_function(filters::sum);
    environment.add_filter("sum", move |state: &mut State<'_, '_>, arguments: Rest<ValueOrKwargs>| {
        summed(state, &original, &arguments.into_values())
    });
    let original = Value::from_function(filters::sort);
    environment.add_filter("sort", move |state: &mut State<'_, '_>, arguments: Rest<ValueOrKwargs>| {
        sorted(state, &original, &arguments.into_values())
    });

    environment.add_test("startingwith", |state: &State<'_, '_>, value: &Value, other: &Value| {
        let (value, other) = (as_text(state, value)?, as_text(state, other)?);
        Ok::<_, Error>(tests::is_startingwith(value.to_string().into(), other.to_string().into()))
    });
    environment.add_test("endingwith", |state: &State<'_, '_>, value: &Value, other: &Value| {
        let (value, other) = (as_text(state, value)?, as_text(state, other)?);
        Ok::<_, Error>(tests::is_endingwith(value.to_string().into(), other.to_string().into()))
    });
    environment.add_test("in", |state: &State<'_, '_>, item: &Value, container: &Value| {
        match container.as_str() {
            Some(_) => tests::is_in(state, &as_text(state, item)?, container),
            None => tests::is_in(state, item, container),
        }
    });

    // Jinja's own takes its items one by one, this one a list of any length; the other shows all variables
    environment.remove_global("cycler");
    environment.remove_global("debug");
}

/// What `{{ }}` writes.
fn shown(output: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    if value.as_object().is_none() {
        return minijinja::escape_formatter(output, state, value);
    }
    match state.auto_escape() {
        AutoEscape::None => write(state, output, value),
        AutoEscape::Html => {
            let text = as_text(state, value)?;
            minijinja::escape_formatter(output, state, &text)
        }
        _ => Err(bad("lists and mappings are not escaped; write them with `tojson`")),
    }
}

/// The arguments of a filter, with lists and other objects as text.
fn texts(state: &State<'_, '_>, arguments: Rest<ValueOrKwargs>) -> Result<Vec<Value>, Error> {
    let mut arguments = arguments.into_values();
    for argument in &mut arguments {
        *argument = as_text(state, argument)?;
    }
    Ok(arguments)
}

/// `text | replace(from, to, count)`.
fn replaced(state: &State<'_, '_>, arguments: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let arguments = texts(state, arguments)?;
    let (text, from, to, count, named): (String, String, String, Option<i64>, Kwargs) =
        from_args(&arguments)?;
    let count = match count {
        Some(count) => Some(count),
        None => named.get::<Option<i64>>("count")?,
    };
    named.assert_all_used()?;
    with_replacements(state, &text, &from, &to, count)
}

/// A text with another in the place of the first `count` that it holds, or of all.
pub(super) fn with_replacements(
    state: &State<'_, '_>,
    text: &str,
    from: &str,
    to: &str,
    count: Option<i64>,
) -> Result<Value, Error> {
    let most = count.and_then(|count| usize::try_from(count).ok()).unwrap_or(usize::MAX);
    let found = text.matches(from).take(most).count();
    pay_for_bytes(state, text.len().saturating_add(found.saturating_mul(to.len())))?;
    Ok(Value::from(text.replacen(from, to, most)))
}

/// `text | indent(width, first, blank)`.
fn indented(state: &mut State<'_, '_>, original: &Value, arguments: Vec<Value>) -> Result<Value, Error> {
    let text = arguments.first().and_then(Value::as_str).unwrap_or_default();
    let mut widths = arguments.iter().skip(1).take(1).cloned().collect::<Vec<_>>();
    if let Some(named) = arguments.last().filter(|last| last.is_kwargs()) {
        widths.push(named.get_attr("width")?);
    }

    let width = widths.into_iter().filter_map(|width| usize::try_from(width).ok()).max().unwrap_or(4);
    let lines = text.bytes().filter(|byte| *byte == b'\n').count().saturating_add(1);
    pay_for_bytes(state, width.saturating_mul(lines).saturating_add(text.len()))?;
    original.call(state, &arguments)
}

/// `text.split(mark, most)`, also as a filter.
pub(super) fn split(
    state: &State<'_, '_>,
    value: &Value,
    mark: Option<&str>,
    most: Option<i64>,
) -> Result<Value, Error> {
    let text = value.as_str().unwrap_or_default();
    let parts = match mark {
        Some(mark) => text.matches(mark).count().saturating_add(1),
        None => text.split_whitespace().count(),
    };
    pay_for_parts(state, parts, text.len())?;
    filters::split(value, mark.map(Into::into), most)
}

/// `list | join(joiner, attribute)`.
fn joined_by_filter(state: &State<'_, '_>, arguments: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let arguments = arguments.into_values();
    let (list, joiner, attribute, named): (Value, Option<Value>, Option<String>, Kwargs) =
        from_args(&arguments)?;
    let joiner = match joiner {
        Some(joiner) => Some(joiner),
        None => named.get::<Option<Value>>("d")?,
    };
    let attribute = match attribute {
        Some(attribute) => Some(attribute),
        None => named.get::<Option<String>>("attribute")?,
    };
    named.assert_all_used()?;

    let joiner = match joiner {
        Some(joiner) => as_text(state, &joiner)?.to_string(),
        None => String::new(),
    };
    joined(state, &list, &joiner, attribute.as_deref())
}

/// The texts of a list's items, or of an attribute of each, with `joiner` between them.
pub(super) fn joined(
    state: &State<'_, '_>,
    list: &Value,
    joiner: &str,
    attribute: Option<&str>,
) -> Result<Value, Error> {
    let mut text = String::new();
    for (index, item) in list.try_iter()?.checked().enumerate() {
        pay_for_parts(state, 1, if index == 0 { 0 } else { joiner.len() })?;
        if index > 0 {
            text.push_str(joiner);
        }

        let mut item = item?;
        for key in attribute.iter().flat_map(|path| path.split('.')) {
            item = match key.parse::<usize>() {
                Ok(index) => item.get_item(&Value::from(index))?,
                Err(_) => item.get_attr(key)?,
            };
        }
        write(state, &mut text, &item)?;
    }
    Ok(Value::from(text))
}

/// `list | sum(attribute, start)`, which in Python sums no texts.
fn summed(state: &mut State<'_, '_>, original: &Value, arguments: &[Value]) -> Result<Value, Error> {
    let named = arguments.last().filter(|last| last.is_kwargs());
    let start = match named {
        Some(named) => Some(named.get_attr("start")?),
        None => arguments.get(2).cloned(),
    };

    let summable = |start: &Value| {
        start.is_undefined()
            || start.is_none()
            || start.is_number()
            || (start.as_object().is_some() && !start.is_tuple())
    };
    if start.is_none_or(|start| summable(&start))
        && arguments.get(2).is_none_or(|third| third.is_kwargs() || summable(third))
    {
        return original.call(state, arguments);
    }
    Err(bad("`sum` starts with a number or a list"))
}

/// `list | sort(…)`. By several attributes, the engine copies the texts of each item.
fn sorted(state: &mut State<'_, '_>, original: &Value, arguments: &[Value]) -> Result<Value, Error> {
    let attribute = match arguments.last().filter(|last| last.is_kwargs()) {
        Some(named) => named.get_attr("attribute")?,
        None => Value::UNDEFINED,
    };
    let Some(attributes) = attribute.as_str().filter(|attribute| attribute.contains(',')) else {
        return original.call(state, arguments);
    };

    let list = arguments.first().cloned().unwrap_or_default();
    for item in items(state, &list)? {
        for name in attributes.split(',') {
            let key = joined(state, &Value::from(vec![item.clone()]), "", Some(name.trim()))?;
            pay_for_bytes(state, key.as_str().map_or(0, str::len))?;
        }
    }
    original.call(state, arguments)
}

fn bad(reason: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, reason)
}
