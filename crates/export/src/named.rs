//! LangSmith and Langfuse: their addresses and keys, from the variables that their own libraries read.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use infercost_trace::outgoing::Backend;

use crate::destination::{Destination, OtlpOptions, Protocol, Signal, Variables, certificates_of};
use crate::error::DestinationError;
use crate::headers::Headers;

const LANGSMITH: &str = "https://api.smith.langchain.com";
const LANGFUSE: &str = "https://cloud.langfuse.com";

/// A back-end that needs no address to be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// `LANGSMITH_API_KEY`, `LANGSMITH_ENDPOINT`, `LANGSMITH_PROJECT`, `LANGSMITH_WORKSPACE_ID`; the older names
    /// that begin with `LANGCHAIN_` count as well.
    LangSmith,
    /// `LANGFUSE_PUBLIC_KEY`, `LANGFUSE_SECRET_KEY`, `LANGFUSE_BASE_URL` or `LANGFUSE_HOST`.
    Langfuse,
}

impl Named {
    /// Whose attributes its spans carry.
    pub fn backend(self) -> Backend {
        match self {
            Self::LangSmith => Backend::LangSmith,
            Self::Langfuse => Backend::Langfuse,
        }
    }

    /// Where its spans go. `project` takes the place of the variable's.
    ///
    /// # Errors
    /// [`DestinationError`] where a key is missing or an address is wrong.
    pub fn destination(
        self,
        options: &OtlpOptions,
        project: Option<&str>,
        variables: Variables<'_>,
    ) -> Result<Destination, DestinationError> {
        let mut headers = Headers::default();

        // what is not secret of where spans are filed
        let mut filed = Vec::new();
        let base = match self {
            Self::LangSmith => {
                let key = of_langsmith(variables, "API_KEY").ok_or(DestinationError::Missing {
                    variable: "LANGSMITH_API_KEY",
                    hint: "LangSmith shows keys under Settings, API Keys",
                })?;
                headers.set("x-api-key", &key)?;
                if let Some(project) =
                    project.map(str::to_owned).or_else(|| of_langsmith(variables, "PROJECT"))
                {
                    headers.set("langsmith-project", &project)?;
                    filed.push(project);
                }
                if let Some(workspace) = set(variables, "LANGSMITH_WORKSPACE_ID") {
                    headers.set("x-tenant-id", &workspace)?;
                    filed.push(workspace);
                }

                let endpoint = of_langsmith(variables, "ENDPOINT").unwrap_or_else(|| LANGSMITH.to_owned());
                below(&endpoint, "/otel")
            }
            Self::Langfuse => {
                let public = langfuse_key(variables, "LANGFUSE_PUBLIC_KEY")?;
                let pair = format!("{public}:{}", langfuse_key(variables, "LANGFUSE_SECRET_KEY")?);
                filed.push(public);
                headers.set("authorization", &format!("Basic {}", BASE64_STANDARD.encode(pair)))?;
                headers.set("x-langfuse-ingestion-version", "4")?;

                let endpoint =
                    set(variables, "LANGFUSE_BASE_URL").or_else(|| set(variables, "LANGFUSE_HOST"));
                below(&endpoint.unwrap_or_else(|| LANGFUSE.to_owned()), "/api/public/otel")
            }
        };

        let options = OtlpOptions {
            url: Some(base),
            protocol: Some(Protocol::HttpProtobuf),
            headers: options.headers.clone().or(&headers),
            ..options.clone()
        };

        let missing = DestinationError::Missing { variable: "LANGSMITH_ENDPOINT", hint: "it names no host" };
        let flag = match self {
            Self::LangSmith => "LANGSMITH_ENDPOINT",
            Self::Langfuse => "LANGFUSE_BASE_URL",
        };
        let found = Destination::resolve(Signal::Traces, &options, &certificates_of(variables));
        let found = found.map_err(|error| error.said_of(flag))?.ok_or(missing)?;

        Ok(filed.iter().fold(found, |found, part| found.filed_under(Some(part))))
    }
}

/// The value of a variable; `None` where it is not set, or blank.
fn set(variables: Variables<'_>, name: &str) -> Option<String> {
    variables(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

/// The same of LangSmith's variable, or of the older one.
fn of_langsmith(variables: Variables<'_>, name: &str) -> Option<String> {
    let newer = set(variables, &format!("LANGSMITH_{name}"));
    newer.or_else(|| set(variables, &format!("LANGCHAIN_{name}")))
}

fn langfuse_key(variables: Variables<'_>, variable: &'static str) -> Result<String, DestinationError> {
    let hint = "Langfuse shows keys under Project Settings, API Keys";
    set(variables, variable).ok_or(DestinationError::Missing { variable, hint })
}

/// The address with the path at its end, once.
fn below(base: &str, path: &str) -> String {
    let base = base.trim_end_matches('/');
    if base.ends_with(path) { base.to_owned() } else { format!("{base}{path}") }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]
    use super::*;

    fn resolve(named: Named, variables: &[(&str, &str)]) -> Result<Destination, DestinationError> {
        let get = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        named.destination(&OtlpOptions::default(), None, &get)
    }

    #[test]
    fn langsmith() {
        let found =
            resolve(Named::LangSmith, &[("LANGSMITH_API_KEY", "k"), ("LANGSMITH_PROJECT", "p")]).unwrap();
        assert_eq!(found.name(), "https://api.smith.langchain.com/otel/v1/traces");
        assert_eq!(found.protocol, Protocol::HttpProtobuf);
        assert_eq!(found.headers.get("x-api-key"), Some("k"));
        assert_eq!(found.headers.get("langsmith-project"), Some("p"));
        let older = [("LANGCHAIN_API_KEY", "k"), ("LANGCHAIN_ENDPOINT", "http://127.0.0.1:9/otel/")];
        assert_eq!(resolve(Named::LangSmith, &older).unwrap().name(), "http://127.0.0.1:9/otel/v1/traces");
        let error = resolve(Named::LangSmith, &[("LANGSMITH_API_KEY", " ")]).unwrap_err().to_string();
        assert!(error.contains("LANGSMITH_API_KEY"), "{error}");
    }

    #[test]
    fn certificates_of_the_environment_count() {
        let variables = [
            ("LANGSMITH_API_KEY", "k"),
            ("LANGFUSE_PUBLIC_KEY", "pk"),
            ("LANGFUSE_SECRET_KEY", "sk"),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem"),
            ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", "/mine.pem"),
            ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/mine.key"),
            // another collector's
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=theirs"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ];
        for named in [Named::LangSmith, Named::Langfuse] {
            let found = resolve(named, &variables).unwrap();
            let file = |path: &str| Some(std::path::PathBuf::from(path));
            let tls = [found.tls.authority, found.tls.certificate, found.tls.key];
            assert_eq!(tls, [file("/ca.pem"), file("/mine.pem"), file("/mine.key")]);
            assert_eq!(found.protocol, Protocol::HttpProtobuf);
            assert_ne!(found.headers.get("authorization"), Some("theirs"));
        }
    }

    #[test]
    fn langfuse() {
        let keys = [
            ("LANGFUSE_PUBLIC_KEY", "pk"),
            ("LANGFUSE_SECRET_KEY", "sk"),
            ("LANGFUSE_HOST", "http://[::1]:3000"),
        ];
        let found = resolve(Named::Langfuse, &keys).unwrap();
        assert_eq!(found.name(), "http://[::1]:3000/api/public/otel/v1/traces");
        assert_eq!(found.headers.get("authorization"), Some("Basic cGs6c2s="));
        let error =
            resolve(Named::Langfuse, &[("LANGFUSE_PUBLIC_KEY", "pk-secret")]).unwrap_err().to_string();
        assert!(error.contains("LANGFUSE_SECRET_KEY") && !error.contains("pk-secret"), "{error}");
    }
}
