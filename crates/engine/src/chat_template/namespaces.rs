//! No namespace of a template comes to hold itself.
//!
//! `{% set ns.a = ns %}` makes a circle, and minijinja 3.1 writes and compares values by following them, without an end: the
//! stack overflows, which ends the program. Circles are made by assignments to attributes alone, so what such a
//! statement assigns goes through a filter that refuses namespaces, however deep they lie in it.

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, State, Value};

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
    for (begin, opening) in source.match_indices("{%") {
        let inside = begin + opening.len();
        let Some(statement) = source.get(inside..).and_then(statement) else { continue };

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

/// What stands up to the end of the statement; `None` where it has none. An end inside a text is not one.
fn statement(rest: &str) -> Option<&str> {
    let mut quote = None;
    let mut is_escaped = false;

    for (place, character) in rest.char_indices() {
        match quote {
            Some(_) if is_escaped => is_escaped = false,
            Some(_) if character == '\\' => is_escaped = true,
            Some(open) if character == open => quote = None,
            Some(_) => {}
            None if matches!(character, '"' | '\'') => quote = Some(character),
            None if rest.get(place..).is_some_and(|rest| rest.starts_with("%}")) => {
                let inside = rest.get(..place)?;
                // a sign before the end is about white space
                return Some(inside.strip_suffix(['-', '+']).unwrap_or(inside));
            }
            None => {}
        }
    }

    None
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
    let end = target.find(['=', '|'])?;
    let (target, rest) = target.split_at_checked(end)?;
    if !target.contains('.') {
        return None;
    }
    Some(if rest.starts_with('=') {
        Assigned::From(statement.len() - rest.len() + 1)
    } else {
        Assigned::Block
    })
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
                for key in one.try_iter()? {
                    left.push(one.get_item(&key)?);
                    left.push(key);
                }
            }
            // what has no length is not followed when it is written
            ValueKind::Seq | ValueKind::Iterable if one.len().is_some() => left.extend(one.try_iter()?),
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
