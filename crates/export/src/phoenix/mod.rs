//! Phoenix beside OTLP: model prices, annotations, and what it computes itself.
//!
//! Phoenix ignores the cost that a span carries: it multiplies tokens with its own table of prices, once, when a
//! span arrives. So prices must be in that table, and in force, before spans are sent.

mod annotations;
mod api;
mod prices;
mod project;

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use crate::destination::{
    Destination, OtlpOptions, Protocol, Signal, Variables, certificates_of, is_loopback,
};
use crate::error::{DestinationError, ExportError};
use crate::headers::Headers;

pub use annotations::Annotation;
pub use prices::{ModelPrice, PriceChanges, anchored};
pub use project::{SpanPage, TraceTotals};

use api::Api;

/// How long Phoenix takes at most to notice a changed price: it looks every 5 s.
pub const PRICE_REFRESH: Duration = Duration::from_millis(7000);

/// The flag that names one.
const FLAG: &str = "--phoenix";

/// One Phoenix.
#[derive(Debug)]
pub struct Phoenix {
    api: Api,
    destination: Destination,
}

impl Phoenix {
    /// The Phoenix at that address. A key is taken from the headers given, else from `PHOENIX_API_KEY`; more headers
    /// from `PHOENIX_CLIENT_HEADERS`.
    ///
    /// # Errors
    /// [`ExportError::Destination`] where the address or a header is wrong.
    pub fn new(url: &str, options: &OtlpOptions, variables: Variables<'_>) -> Result<Self, ExportError> {
        let base = url.trim().trim_end_matches('/');
        let base = base.strip_suffix("/v1/traces").unwrap_or(base);
        let mut headers = Headers::default();

        if let Some(key) = variables("PHOENIX_API_KEY").filter(|key| !key.is_empty()) {
            headers.set("authorization", &format!("Bearer {key}"))?;
        }

        if let Some(list) = variables("PHOENIX_CLIENT_HEADERS") {
            headers.set_list(&list)?;
        }
        let options = OtlpOptions {
            url: Some(base.to_owned()),
            // it answers JSON with 415
            protocol: Some(Protocol::HttpProtobuf),
            headers: options.headers.clone().or(&headers),
            ..options.clone()
        };

        // the general variables are another collector's, but for certificates
        let variables = certificates_of(variables);
        let found = Destination::resolve(Signal::Traces, &options, &variables);
        let destination = found.map_err(|error| error.said_of(FLAG))?.ok_or(DestinationError::Address {
            origin: FLAG.to_owned(),
            address: String::new(),
            problem: "it names no host",
        })?;

        let api = Api::new(base, &destination)?;
        Ok(Self { api, destination })
    }

    /// True where a key or another header of the user's would be sent for everybody to read: over plain HTTP to another machine.
    pub fn shows_key(&self) -> bool {
        let base = self.api.base();
        let is_plain = base.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http:"));
        is_plain && !is_loopback(base) && self.destination.headers.iter().next().is_some()
    }

    /// Where its spans go.
    pub fn traces(&self) -> &Destination {
        &self.destination
    }

    /// The page of a project.
    ///
    /// # Errors
    /// [`ExportError::Backend`] where there is no such project.
    pub fn project_page(&self, project: &str) -> Result<String, ExportError> {
        #[derive(Deserialize)]
        struct Found {
            data: Project,
        }
        #[derive(Deserialize)]
        struct Project {
            id: String,
        }
        let path = format!("/v1/projects/{}", api::path_part(project));
        let found: Found = self.api.get(&path, "the project")?;
        Ok(format!("{}/projects/{}", self.api.base(), api::path_part(&found.data.id)))
    }

    /// The page of a trace in a project.
    ///
    /// # Errors
    /// [`ExportError::Backend`] where there is no such project.
    pub fn trace_page(&self, project: &str, trace: [u8; 16]) -> Result<String, ExportError> {
        let id: String = trace.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(format!("{}/traces/{id}", self.project_page(project)?))
    }

    /// Asks whether it is there, and a Phoenix.
    ///
    /// # Errors
    /// [`ExportError::Backend`].
    pub fn greet(&self) -> Result<(), ExportError> {
        #[derive(Deserialize)]
        struct Name {
            #[serde(rename = "__typename")]
            _name: String,
        }
        self.api.graphql::<Name>("looking for it", "{__typename}", &json!({})).map(drop)
    }
}
