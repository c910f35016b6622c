//! No namespace of a template comes to hold itself.
//!
//! `{% set ns.a = ns %}` makes a circle, and minijinja 3.1 writes and compares values by following them, without an end: the
//! stack overflows, which ends the program. Circles are made by assignments to attributes alone, so what such a
//! statement assigns goes through a filter that refuses namespaces, however deep they lie in it.

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, State, Value};

use super::amount::items;

/// The name of the filter.
pub(super) const FILTER: &str = "without_namespaces";
/// The end of the name of minijinja's own type, which cannot be named.
const NAMESPACE: &str = "::Namespace";

/// The template with the filter at each assignment to an attribute.
///
/// A statement is looked for at every `{%`, also in comments and texts, where there is none: what is missed would be let
/// through, and what is met there is hardly ever an assignment.
pub(super) fn guarded(source: &str) -> String {
    let mut added: Vec<(usize, String)> = Vec::new();
    for Statement { inside, end } in statements(source) {
        let Some(statement) = source.get(inside..end) else { continue };
        // a sign before the end is about white space
        let statement = statement.strip_suffix(['-', '+']).unwrap_or(statement);

        match assigned(statement) {
            Some(Assigned::From(value)) => {
                added.push((inside + value, "(".to_owned()));
                added.push((inside + statement.len(), format!(")|{FILTER}")));
            }
            Some(Assigned::Block) => added.push((inside + statement.len(), format!("|{FILTER}"))),
            None => {}
        }
    }

    // statements that are none may overlap
    added.sort_by_key(|(place, _)| *place);
    let mut text = String::with_capacity(source.len());
    let mut from = 0;
    for (place, addition) in added {
        text.push_str(source.get(from..place).unwrap_or_default());
        text.push_str(&addition);
        from = place;
    }
    text.push_str(source.get(from..).unwrap_or_default());
    text
}

/// Where a statement stands, without its marks.
struct Statement {
    inside: usize,
    end: usize,
}

/// Where the next end of a statement stands, seen from outside a text and from inside one of either quote.
#[derive(Clone, Copy, Default)]
struct NextEnd {
    outside: Option<usize>,
    single: Option<usize>,
    double: Option<usize>,
}

/// Every statement that has an end; an end inside a text is not one. Walks the source once, from behind, so that a file of
/// beginnings without ends takes no longer than another.
fn statements(source: &str) -> Vec<Statement> {
    let bytes = source.as_bytes();
    let mut found = Vec::new();
    let (mut next, mut after) = (NextEnd::default(), NextEnd::default());

    for (place, byte) in bytes.iter().enumerate().rev() {
        let rest = bytes.get(place..).unwrap_or_default();
        if rest.starts_with(b"{%")
            && let Some(end) = after.outside
        {
            found.push(Statement { inside: place + 2, end });
        }

        let mut here = next;
        match byte {
            b'\\' => (here.single, here.double) = (after.single, after.double),
            b'\'' => (here.outside, here.single) = (next.single, next.outside),
            b'"' => (here.outside, here.double) = (next.double, next.outside),
            b'%' if rest.starts_with(b"%}") => here.outside = Some(place),
            _ => {}
        }
        (next, after) = (here, next);
    }

    found
}

/// How a statement assigns to an attribute.
enum Assigned {
    /// A value that begins at this byte of it.
    From(usize),
    /// The text of the block that it begins, through filters.
    Block,
}

/// `None` where a statement assigns to no attribute, or the plain text of a block, which is no namespace.
fn assigned(statement: &str) -> Option<Assigned> {
    let target = statement.trim_start_matches(['-', '+']).trim_start().strip_prefix("set")?;
    // no target holds what begins another statement, so that none is read twice
    let end = target.find(['=', '|', '{'])?;
    let (target, rest) = target.split_at_checked(end)?;
    if !target.contains('.') {
        return None;
    }

    match rest.as_bytes().first()? {
        b'=' => Some(Assigned::From(statement.len() - rest.len() + 1)),
        b'|' => Some(Assigned::Block),
        _ => None,
    }
}

/// The filter: gives the value back, and refuses a namespace and what holds one.
pub(super) fn without_namespaces(state: &mut State<'_, '_>, value: Value) -> Result<Value, Error> {
    let mut left = vec![value.clone()];

    while let Some(one) = left.pop() {
        state.consume_fuel(1)?;
        if one.as_object().is_some_and(|object| object.type_name().ends_with(NAMESPACE)) {
            let reason = "a namespace cannot hold a namespace";
            return Err(Error::new(ErrorKind::InvalidOperation, reason));
        }

        match one.kind() {
            ValueKind::Map => {
                for key in items(state, &one)? {
                    left.push(one.get_item(&key)?);
                    left.push(key);
                }
            }
            // what has no length is not followed when it is written
            ValueKind::Seq | ValueKind::Iterable if one.len().is_some() => left.extend(items(state, &one)?),
            _ => {}
        }
    }

    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::guarded;

    #[test]
    fn assignments_to_attributes_are_guarded() {
        let check = |source: &str, expected: &str| assert_eq!(guarded(source), expected);
        for same in
            ["", "a {% set x = ns.y %}", "{% set ns.x %}b{% endset %}", "{{ ns.x }}", "{% set ns.x = '%}"]
        {
            check(same, same);
        }
        check("{%- set ns.x = 1 -%}", "{%- set ns.x =( 1 )|without_namespaces-%}");
        check("{%set(a.b)=x==1%}", "{%set(a.b)=(x==1)|without_namespaces%}");
        check("{% set a, ns.x = 1, '%}' %}c", "{% set a, ns.x =( 1, '%}' )|without_namespaces%}c");
        check("{% set ns.x | f(a='=') %}", "{% set ns.x | f(a='=') |without_namespaces%}");
        check(
            r"{{ '{% raw %}' }}{% set n.x = '\'%}' %}",
            r"{{ '{% raw %}' }}{% set n.x =( '\'%}' )|without_namespaces%}",
        );
    }
}
