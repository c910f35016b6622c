//! Lines of OTLP JSON, one after another, of which most differ in their spans alone.

use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};

use crate::checksum::{self, Seal};
use crate::line_frame::LineFrame;
use crate::otlp_json::{read_spans, read_traces};

/// Reads `TracesData` objects and joins the spans of each resource and scope.
///
/// The lines of a run repeat its resource, which is longer than many a span: what stands around the spans is read
/// once and compared byte by byte from then on.
#[derive(Debug, Default)]
pub struct TracesReader {
    envelope: Option<Envelope>,
}

/// What stands around the spans of a line with one resource and one scope.
#[derive(Debug)]
struct Envelope {
    /// As text.
    frame: LineFrame,
    /// The same, read: one resource, one scope, no spans.
    read: ResourceSpans,
}

impl TracesReader {
    /// Reads one object, as [`read_traces`] does, and adds its spans to `all`: to the last resource and scope there
    /// where they have the same, else behind it. Gives how many they are.
    ///
    /// # Errors
    /// Where the text is no such object; nothing is added then, and file content in the message is escaped.
    pub fn read(&mut self, json: &[u8], all: &mut Vec<ResourceSpans>) -> Result<usize, String> {
        let json = json.trim_ascii();
        let (body, seal) = checksum::check(json);

        if seal == Seal::Broken {
            return Err(checksum::BROKEN.to_owned());
        }

        if let Some(envelope) = &self.envelope
            && let Some(spans) = envelope.frame.spans(body, seal).and_then(read_spans)
        {
            let count = spans.len();
            envelope.add(spans, all);
            return Ok(count);
        }

        let read = read_traces(json)?.resource_spans;
        self.envelope = Envelope::of(json, body, seal, &read);
        let count =
            read.iter().flat_map(|resource| &resource.scope_spans).map(|scope| scope.spans.len()).sum();

        for resource in read {
            join(all, resource);
        }

        Ok(count)
    }
}

impl Envelope {
    /// What stands around the spans of `json`, which was read as `read`.
    fn of(json: &[u8], body: &[u8], seal: Seal, read: &[ResourceSpans]) -> Option<Self> {
        let [resource] = read else { return None };
        let [scope] = resource.scope_spans.as_slice() else { return None };
        let bare = ScopeSpans { spans: Vec::new(), ..scope.clone() };

        Some(Self {
            frame: LineFrame::of(json, body, seal)?,
            read: ResourceSpans { scope_spans: vec![bare], ..resource.clone() },
        })
    }

    fn add(&self, spans: Vec<Span>, all: &mut Vec<ResourceSpans>) {
        let last = all.last_mut().filter(|last| same_resource(last, &self.read));
        let scope = last.and_then(|last| last.scope_spans.last_mut());
        match (scope, self.read.scope_spans.as_slice()) {
            (Some(scope), [bare]) if same_scope(scope, bare) => scope.spans.extend(spans),
            _ => {
                let mut resource = self.read.clone();
                if let [bare] = resource.scope_spans.as_mut_slice() {
                    bare.spans = spans;
                }
                join(all, resource);
            }
        }
    }
}

fn same_resource(one: &ResourceSpans, other: &ResourceSpans) -> bool {
    one.resource == other.resource && one.schema_url == other.schema_url
}

fn same_scope(one: &ScopeSpans, other: &ScopeSpans) -> bool {
    one.scope == other.scope && one.schema_url == other.schema_url
}

/// Adds spans to those of the same resource and scope.
fn join(all: &mut Vec<ResourceSpans>, more: ResourceSpans) {
    let Some(known) = all.last_mut().filter(|known| same_resource(known, &more)) else {
        all.push(more);
        return;
    };
    for scope in more.scope_spans {
        match known.scope_spans.last_mut() {
            Some(last) if same_scope(last, &scope) => last.spans.extend(scope.spans),
            _ => known.scope_spans.push(scope),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]
    use super::*;

    fn line(service: &str, scope: &str, names: &[&str], end: &str) -> String {
        let spans: Vec<String> = names.iter().map(|name| format!(r#"{{"name":"{name}"}}"#)).collect();
        format!(
            r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"s","value":{{"stringValue":"{service}"}}}}]}},"scopeSpans":[{{"scope":{{"name":"{scope}"}},"spans":[{}]}}]{end}}}]}}"#,
            spans.join(",")
        )
    }

    /// Reads with and without memory of what was read before.
    #[track_caller]
    fn check(lines: &[String]) -> Vec<ResourceSpans> {
        let (mut remembered, mut fresh) = (Vec::new(), Vec::new());
        let mut reader = TracesReader::default();
        for line in lines {
            let counts = (
                reader.read(line.as_bytes(), &mut remembered),
                TracesReader::default().read(line.as_bytes(), &mut fresh),
            );
            assert_eq!(counts.0, counts.1, "{line}");
        }
        assert_eq!(remembered, fresh);
        remembered
    }

    #[test]
    fn what_was_read_before_changes_nothing() {
        let of = |service, scope, names: &[&str]| line(service, scope, names, "");
        let joined = check(&[
            of("a", "x", &["1"]),
            of("a", "x", &["2", "3"]),
            of("a", "x", &[]),
            of("a", "y", &["4"]),
            of("a", "x", &["5"]),
            of("b", "x", &["6"]),
            of("b", "x", &["7"]) + "\n",
        ]);
        let shape: Vec<Vec<usize>> = joined
            .iter()
            .map(|resource| resource.scope_spans.iter().map(|scope| scope.spans.len()).collect())
            .collect();
        assert_eq!(shape, [vec![3, 1, 1], vec![2]]);
    }

    #[test]
    fn lines_that_only_look_alike_are_read_in_full() {
        let first = line("a", "x", &["1"], "");
        let two_scopes = r#"]},{"scope":{},"spans":["#;
        for second in [
            // the same beginning and end around what is no list of spans
            line("a", "x", &["2"], "").replace(r#"{"name":"2"}"#, two_scopes),
            line("a", "x", &["2"], "")
                .replace(r#"{"name":"2"}"#, r#"{"name":"2"}],"schemaUrl":"u"},{"spans":["#),
            line("a", "x", &["2"], r#","schemaUrl":"u""#),
            line("a", "x", &["2"], "").replace(r#"{"name":"2"}"#, "null"),
            line("a", "x", &["2"], "").replace(r#"{"name":"2"}"#, "1"),
            line("a", "x", &["2"], "").replace("[{", "["),
            r#"{"resourceSpans":[{"scopeSpans":[{"spans":null}]}]}"#.to_owned(),
            r#"{"resourceSpans":[]}"#.to_owned(),
            "{}".to_owned(),
            String::new(),
            "]".to_owned(),
        ] {
            check(&[first.clone(), second.clone(), first.clone(), second]);
        }
    }

    #[test]
    fn an_envelope_is_remembered() {
        let mut reader = TracesReader::default();
        let mut all = Vec::new();
        reader.read(line("a", "x", &["1"], "").as_bytes(), &mut all).unwrap();
        let envelope = reader.envelope.as_ref().unwrap();
        let next = line("a", "x", &["2"], "");
        assert_eq!(envelope.frame.spans(next.as_bytes(), Seal::None), Some(br#"[{"name":"2"}]"#.as_slice()));
        assert_eq!(envelope.frame.spans(line("b", "x", &["2"], "").as_bytes(), Seal::None), None);
        assert_eq!(envelope.frame.spans(next.as_bytes(), Seal::Whole), None);
    }
}
