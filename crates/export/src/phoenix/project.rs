//! What Phoenix holds: totals of a trace, and spans page by page.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Phoenix;
use super::api::path_part;
use crate::error::ExportError;

/// Most spans that Phoenix gives in one page.
const PAGE: usize = 1000;

/// What Phoenix computed for one trace.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct TraceTotals {
    /// Spans.
    pub spans: u64,
    /// Its own cost, in whatever currency its prices are in; `None` where it computed none.
    pub cost: Option<f64>,
    /// Tokens behind that cost.
    pub tokens: Option<f64>,
}

/// A page of spans, each as Phoenix's interface gives it.
#[derive(Debug, Clone, Default)]
pub struct SpanPage {
    /// The spans.
    pub spans: Vec<Value>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<String>,
}

#[derive(Deserialize)]
struct Projects {
    projects: Edges,
}

#[derive(Deserialize)]
struct Edges {
    edges: Vec<Edge>,
}

#[derive(Deserialize)]
struct Edge {
    node: Node,
}

#[derive(Deserialize)]
struct Node {
    name: String,
    trace: Option<Trace>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Trace {
    num_spans: u64,
    cost_summary: CostSummary,
}

#[derive(Deserialize)]
struct CostSummary {
    total: Breakdown,
}

#[derive(Deserialize)]
struct Breakdown {
    cost: Option<f64>,
    tokens: Option<f64>,
}

const TOTALS: &str = "query($project: String!, $trace: ID!) { projects(first: 1000, filter: {col: name, value: $project}) \
                      { edges { node { name trace(traceId: $trace) { numSpans costSummary { total { cost tokens } } } \
                      } } } }";

impl Phoenix {
    /// What it computed for a trace; `None` where the project does not hold it.
    ///
    /// # Errors
    /// [`ExportError::Backend`].
    pub fn trace_totals(&self, project: &str, trace: [u8; 16]) -> Result<Option<TraceTotals>, ExportError> {
        let id: String = trace.iter().map(|byte| format!("{byte:02x}")).collect();
        let variables = json!({"project": project, "trace": id});
        let found: Projects = self.api.graphql("its totals", TOTALS, &variables)?;
        let node = found.projects.edges.into_iter().map(|edge| edge.node).find(|node| node.name == project);
        Ok(node.and_then(|node| node.trace).map(|trace| TraceTotals {
            spans: trace.num_spans,
            cost: trace.cost_summary.total.cost,
            tokens: trace.cost_summary.total.tokens,
        }))
    }

    /// A page of a project's spans, from where the last page said.
    ///
    /// # Errors
    /// [`ExportError::Backend`].
    pub fn spans(&self, project: &str, from: Option<&str>) -> Result<SpanPage, ExportError> {
        #[derive(Deserialize)]
        struct Page {
            data: Vec<Value>,
            next_cursor: Option<String>,
        }
        let cursor = from.map_or_else(String::new, |from| format!("&cursor={}", path_part(from)));
        let path = format!("/v1/projects/{}/spans?limit={PAGE}{cursor}", path_part(project));
        let page: Page = self.api.get(&path, "the spans of the project")?;
        Ok(SpanPage { spans: page.data, next: page.next_cursor })
    }
}
