//! The spans of a text, one in memory at a time: of all at once, a text of empty objects would take a hundred times its
//! length.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Attributed, Attributes, ReadResource, ReadSpan, ScopeName, read_line};
use crate::escaped::plain;
use crate::raw_list::each_element;

/// Longest text whose spans are read all at once, in bytes. Most lines are shorter, and so read in one pass over them.
pub(crate) const AT_ONCE: usize = 1 << 20;
/// Longest text of one span, in bytes: what it becomes in memory may take some forty times as much, where it was made to.
pub(crate) const MAX_SPAN: usize = 16 << 20;

/// What a text holds, in the order in which it is told.
#[derive(Debug)]
pub(crate) enum Part<'p, 'j> {
    /// What the next spans come from; `None` where that is not said.
    Resource(Option<&'p Attributes<'j>>),
    /// A span.
    Span {
        /// The span.
        span: &'p ReadSpan<'j>,
        /// The instrumentation that recorded it; empty where that is not said.
        scope: &'p str,
    },
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct TracesOutline<'j> {
    #[serde(borrow)]
    resource_spans: Option<&'j RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ResourceOutline<'j> {
    #[serde(borrow)]
    resource: Option<Attributed<'j>>,
    #[serde(borrow, alias = "instrumentationLibrarySpans", alias = "scope_spans")]
    scope_spans: Option<&'j RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ScopeOutline<'j> {
    #[serde(borrow, alias = "instrumentationLibrary")]
    scope: Option<ScopeName<'j>>,
    #[serde(borrow)]
    spans: Option<&'j RawValue>,
}

/// Gives what a `TracesData` object holds to `take`.
///
/// # Errors
/// Where the text is no such object. What a long text holds before that was given.
pub(crate) fn each_part(json: &[u8], take: &mut impl FnMut(Part<'_, '_>)) -> Result<(), String> {
    if json.len() <= AT_ONCE {
        for resource in &read_line(json)?.resource_spans {
            tell(resource, take);
        }
        return Ok(());
    }

    let text = std::str::from_utf8(json).map_err(|error| error.to_string())?;
    let outline: TracesOutline<'_> = serde_json::from_str(text).map_err(|error| plain(&error))?;
    match outline.resource_spans {
        Some(list) => each_part_of_resources(list.get(), take),
        None => Ok(()),
    }
}

/// The same of a list of resources.
///
/// # Errors
/// As [`each_part`].
pub(crate) fn each_part_of_resources(json: &str, take: &mut impl FnMut(Part<'_, '_>)) -> Result<(), String> {
    each_element(json, |resource: &RawValue| each_part_of_resource(resource.get(), take))
}

/// The same of one resource.
///
/// # Errors
/// As [`each_part`].
pub(crate) fn each_part_of_resource(json: &str, take: &mut impl FnMut(Part<'_, '_>)) -> Result<(), String> {
    if json.len() <= AT_ONCE {
        let resource: ReadResource<'_> = serde_json::from_str(json).map_err(|error| plain(&error))?;
        tell(&resource, take);
        return Ok(());
    }

    let outline: ResourceOutline<'_> = serde_json::from_str(json).map_err(|error| plain(&error))?;
    take(Part::Resource(outline.resource.as_ref().map(|resource| &resource.attributes)));
    let Some(scopes) = outline.scope_spans else { return Ok(()) };

    each_element(scopes.get(), |scope: &RawValue| {
        let outline: ScopeOutline<'_> = serde_json::from_str(scope.get()).map_err(|error| plain(&error))?;
        let name = outline.scope.as_ref().map_or("", |scope| &scope.name);
        let Some(spans) = outline.spans else { return Ok(()) };

        each_element(spans.get(), |span: &RawValue| {
            check_length(span.get())?;
            let span = serde_json::from_str(span.get()).map_err(|error| plain(&error))?;
            take(Part::Span { span: &span, scope: name });
            Ok(())
        })
    })
}

/// Refuses the text of a span, or of another program's record, that is longer than any.
///
/// # Errors
/// That it is.
pub(crate) fn check_length(span: &str) -> Result<(), String> {
    match span.len() > MAX_SPAN {
        true => Err(format!("a span or a record of more than {MAX_SPAN} bytes")),
        false => Ok(()),
    }
}

fn tell(resource: &ReadResource<'_>, take: &mut impl FnMut(Part<'_, '_>)) {
    take(Part::Resource(resource.resource.as_ref().map(|resource| &resource.attributes)));
    for scope in &resource.scope_spans {
        let name = scope.scope.as_ref().map_or("", |scope| &scope.name);
        for span in &scope.spans {
            take(Part::Span { span, scope: name });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a text holds, as messages.
    fn parts(json: &str) -> (Result<(), String>, Vec<String>) {
        let mut all = Vec::new();
        let read = each_part(json.as_bytes(), &mut |part| {
            all.push(match part {
                Part::Resource(attributes) => format!("{attributes:?}"),
                Part::Span { span, scope } => format!("{scope}: {span:?}"),
            });
        });
        (read, all)
    }

    /// The same text with as many blanks in it as make it long.
    fn long(json: &str) -> String {
        json.replacen(':', &format!(":{}", " ".repeat(AT_ONCE)), 1)
    }

    #[test]
    fn a_long_text_holds_what_a_short_one_does() {
        let resource = r#""resource":{"attributes":[{"key":"service.name","value":{"stringValue":"a"}}]}"#;
        let more = r#""scopeSpans":[{"scope":{"name":"s"},"spans":[{"spanId":"01"},{"name":"b"}]},{"spans":[{}]},{}]"#;
        let first = format!("{{{resource},{more}}}");
        for text in [
            format!(
                r#"{{"resourceSpans":[{first},{{}},{{"scope_spans":[{{"instrumentationLibrary":{{"name":"x"}},"spans":[{{"kind":3}}]}}]}}]}}"#
            ),
            r#"{"resourceSpans":[]}"#.to_owned(),
            r#"{"other":1}"#.to_owned(),
        ] {
            let (read, told) = parts(&text);
            assert_eq!(read, Ok(()), "{text}");
            assert_eq!(parts(&long(&text)), (Ok(()), told.clone()), "{text}");

            // and where the resource itself is long
            let inner =
                text.replacen(r#""scopeSpans":"#, &format!(r#""scopeSpans":{}"#, " ".repeat(AT_ONCE)), 1);
            assert_eq!(parts(&inner), (Ok(()), told), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_in_a_long_text_is_told() {
        for wrong in [
            r#"{"resourceSpans":5}"#,
            r#"{"resourceSpans":[5]}"#,
            r#"{"resourceSpans":[{"scopeSpans":{}}]}"#,
            r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"spanId":"0g"}]}]}]}"#,
            r#"{"resourceSpans":[]"#,
        ] {
            assert!(parts(&long(wrong)).0.is_err(), "{wrong}");
        }

        let span = format!(r#"{{"name":"{}"}}"#, "a".repeat(MAX_SPAN));
        let text = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{}},{span},{{}}]}}]}}]}}"#);
        let (read, told) = parts(&text);
        assert_eq!(read, Err("a span or a record of more than 16777216 bytes".to_owned()));
        assert_eq!(told.len(), 2);
    }
}
