//! Quality as annotations of spans.

use infercost_trace::span_ids::SpanId;
use serde_json::{Value, json};

use super::Phoenix;
use crate::error::ExportError;

/// Annotations in one request.
const TOGETHER: usize = 500;

/// One judgement of one span.
#[derive(Debug, Clone, PartialEq)]
pub struct Annotation {
    /// The span.
    pub span: SpanId,
    /// What was judged: `task_score`, `kl_divergence`.
    pub name: &'static str,
    /// `correct`, `incorrect`, …
    pub label: Option<String>,
    /// The number.
    pub score: Option<f64>,
    /// Why, or how.
    pub explanation: Option<String>,
}

impl Phoenix {
    /// Attaches annotations; those of the same name that infercost attached before are replaced. Where Phoenix has
    /// every span already they are there on return; else they wait for their spans.
    ///
    /// # Errors
    /// [`ExportError::Backend`].
    pub fn annotate(&self, annotations: &[Annotation]) -> Result<(), ExportError> {
        for part in annotations.chunks(TOGETHER) {
            let data: Vec<Value> = part.iter().map(Annotation::json).collect();
            let body = json!({"data": data});
            if self.attach("/v1/span_annotations?sync=true", &body).is_err() {
                self.attach("/v1/span_annotations?sync=false", &body)?;
            }
        }
        Ok(())
    }

    fn attach(&self, path: &str, body: &Value) -> Result<Value, ExportError> {
        self.api.post(path, "annotating spans", body)
    }
}

impl Annotation {
    fn json(&self) -> Value {
        let id: String = self.span.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut result = serde_json::Map::new();

        if let Some(label) = &self.label {
            result.insert("label".to_owned(), json!(label));
        }

        if let Some(score) = self.score.filter(|score| score.is_finite()) {
            result.insert("score".to_owned(), json!(score));
        }

        if let Some(explanation) = &self.explanation {
            result.insert("explanation".to_owned(), json!(explanation));
        }

        json!({
            "span_id": id,
            "name": self.name,
            "annotator_kind": "CODE",
            "identifier": "infercost",
            "result": result,
        })
    }
}
