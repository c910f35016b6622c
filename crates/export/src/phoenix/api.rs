//! JSON over HTTP, as Phoenix's own interfaces speak it.

use std::time::Duration;

use infercost_core::without_secrets;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use ureq::Agent;

use crate::destination::{Destination, is_loopback};
use crate::error::ExportError;
use crate::headers::Headers;
use crate::server_words::{explanation, shown};
use crate::transport::{Answer, agent_config, read_up_to};

/// Most bytes of an answer: a page of spans with long prompts.
const MAX_ANSWER: u64 = 256 << 20;

/// A connection to one Phoenix.
#[derive(Debug)]
pub(crate) struct Api {
    agent: Agent,
    base: String,
    headers: Headers,
}

impl Api {
    /// `base` is the address without a path of an interface; `destination` is where its spans go.
    pub(crate) fn new(base: &str, destination: &Destination) -> Result<Self, ExportError> {
        let timeout = destination.timeout.max(Duration::from_secs(30));
        let mut config = agent_config(&destination.tls)?.timeout_global(Some(timeout));
        if is_loopback(base) {
            config = config.proxy(None);
        }
        let headers = destination.headers.clone();
        Ok(Self { agent: config.build().into(), base: base.trim_end_matches('/').to_owned(), headers })
    }

    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Asks GraphQL; the answer's `data`.
    pub(crate) fn graphql<T: DeserializeOwned>(
        &self,
        what: &'static str,
        query: &str,
        variables: &Value,
    ) -> Result<T, ExportError> {
        let body = json!({"query": query, "variables": variables});
        let answer: Value = self.post("/graphql", what, &body)?;
        let errors = answer.get("errors").and_then(Value::as_array).filter(|errors| !errors.is_empty());
        if let Some(first) = errors.and_then(|errors| errors.first()) {
            let message =
                first.get("message").and_then(Value::as_str).unwrap_or("an error without a message");
            return Err(self.problem(what, &shown(message, &self.headers)));
        }
        let data = answer.get("data").cloned().unwrap_or_default();
        serde_json::from_value(data)
            .map_err(|error| self.problem(what, &shown(&error.to_string(), &self.headers)))
    }

    /// Posts JSON and reads JSON.
    pub(crate) fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        what: &'static str,
        body: &Value,
    ) -> Result<T, ExportError> {
        let bytes = serde_json::to_vec(body).unwrap_or_default();
        let mut request = self.agent.post(format!("{}{path}", self.base)).content_type("application/json");
        for (name, value) in self.headers.iter() {
            request = request.header(name, value);
        }
        let answer = request.send(bytes).map_err(|error| error.to_string());
        self.understood(what, answer.and_then(|answer| read_up_to(answer, MAX_ANSWER)))
    }

    /// Gets JSON.
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str, what: &'static str) -> Result<T, ExportError> {
        let mut request = self.agent.get(format!("{}{path}", self.base));
        for (name, value) in self.headers.iter() {
            request = request.header(name, value);
        }
        let answer = request.call().map_err(|error| error.to_string());
        self.understood(what, answer.and_then(|answer| read_up_to(answer, MAX_ANSWER)))
    }

    fn understood<T: DeserializeOwned>(
        &self,
        what: &'static str,
        answer: Result<Answer, String>,
    ) -> Result<T, ExportError> {
        let answer = answer.map_err(|error| self.problem(what, &shown(&error, &self.headers)))?;
        if !(200..300).contains(&answer.status) {
            let words = explanation(answer.header("content-type"), &answer.body, &self.headers);
            let hint = match answer.status {
                401 | 403 => "; give a key with --otlp-header authorization='Bearer …' or PHOENIX_API_KEY",
                404 => "; is this the address of a Phoenix?",
                _ => "",
            };
            return Err(self.problem(what, &format!("status {} {words}{hint}", answer.status)));
        }

        serde_json::from_slice(&answer.body).map_err(|error| {
            self.problem(
                what,
                &format!("the answer is not what Phoenix says: {}", shown(&error.to_string(), &self.headers)),
            )
        })
    }

    pub(crate) fn problem(&self, what: &'static str, why: &str) -> ExportError {
        ExportError::Backend { destination: without_secrets(&self.base), what, why: why.to_owned() }
    }
}

/// A text as one part of a path.
pub(crate) fn path_part(text: &str) -> String {
    let mut part = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            part.push(char::from(byte));
        } else {
            part.push_str(&format!("%{byte:02X}"));
        }
    }
    part
}
