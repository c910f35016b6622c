//! What is done to spans before they leave: content out, texts redacted, back-ends' own attributes added.

use std::borrow::Cow;
use std::collections::HashMap;

use infercost_trace::attributes::OPENINFERENCE_PROJECT_NAME;
use infercost_trace::outgoing::{self, InferenceFacts, RunSummary, Viewer};
use infercost_trace::span_ids::SpanId;
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use regex::Regex;

/// What takes the place of a text that a pattern found.
pub const REDACTED: &str = "[redacted]";

/// Changes to spans on their way out. The default adds what any back-end reads and takes nothing away.
#[derive(Debug, Clone)]
pub struct Outfit {
    /// False takes prompts and answers out.
    pub content: bool,
    /// Patterns whose matches are taken out of every text; linear in the text's length whatever the pattern.
    pub redact: Vec<Regex>,
    /// Who the spans are for.
    pub viewer: Viewer,
    /// The project they are filed under, where the back-end has projects.
    pub project: Option<String>,
    /// Attributes that describe whoever sends them: see [`resource_attributes`](crate::resource_attributes).
    pub resource: Vec<(String, String)>,
    /// What the run comes to, for its root span; `None` leaves that as it was recorded.
    pub summary: Option<RunSummary>,
    /// What is known of inferences beside their spans, by span id.
    pub facts: HashMap<SpanId, InferenceFacts>,
}

impl Default for Outfit {
    fn default() -> Self {
        Self {
            content: true,
            redact: Vec::new(),
            viewer: Viewer::Any,
            project: None,
            resource: Vec::new(),
            summary: None,
            facts: HashMap::new(),
        }
    }
}

impl Outfit {
    /// Applies it. Texts are redacted first, so that what is added from them is redacted too.
    pub(crate) fn apply(&self, spans: &mut ResourceSpans) {
        if !self.content {
            for span in spans.scope_spans.iter_mut().flat_map(|scope| &mut scope.spans) {
                outgoing::strip_content(span);
            }
        }

        if let (false, Some(resource)) = (self.resource.is_empty(), &mut spans.resource) {
            outgoing::describe_resource(resource, &self.resource);
        }

        if !self.redact.is_empty() {
            outgoing::each_text(spans, &mut |text| self.redact_text(text));
        }

        if let (Some(project), Some(resource)) = (&self.project, &mut spans.resource) {
            outgoing::set_project(resource, project);
        }

        for span in spans.scope_spans.iter_mut().flat_map(|scope| &mut scope.spans) {
            let id = SpanId::try_from(span.span_id.as_slice()).ok();
            if let Some(summary) = &self.summary {
                outgoing::summarize_run(span, summary);
            }
            outgoing::dress(span, id.and_then(|id| self.facts.get(&id)), self.viewer);
        }
    }

    /// The project that spans are filed under, as far as it is chosen here: [`Outfit::project`], or the resource's.
    pub fn chosen_project(&self) -> Option<&str> {
        let named = self.resource.iter().find(|(key, _)| key == OPENINFERENCE_PROJECT_NAME);
        self.project.as_deref().or(named.map(|(_, project)| project.as_str()))
    }

    fn redact_text(&self, text: &mut String) {
        for pattern in &self.redact {
            if let Cow::Owned(changed) = pattern.replace_all(text, REDACTED) {
                *text = changed;
            }
        }
    }

    /// A text as it may leave.
    pub fn redacted(&self, text: &str) -> String {
        let mut text = text.to_owned();
        self.redact_text(&mut text);
        text
    }
}
