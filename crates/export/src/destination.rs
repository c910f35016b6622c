//! Where spans and metrics go, and how: from flags, and from the variables that the OpenTelemetry specification
//! names (*OTLP Exporter*, `OTEL_EXPORTER_OTLP_*`).

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use ureq::http::Uri;

use crate::error::DestinationError;
use crate::headers::Headers;

/// How messages are encoded and carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// OTLP over HTTP in protobuf: what every collector and Phoenix take.
    HttpProtobuf,
    /// OTLP over HTTP in JSON.
    HttpJson,
    /// OTLP over gRPC.
    Grpc,
}

impl Protocol {
    /// The protocol of that name, as `OTEL_EXPORTER_OTLP_PROTOCOL` names it.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "http/protobuf" => Some(Self::HttpProtobuf),
            "http/json" => Some(Self::HttpJson),
            "grpc" => Some(Self::Grpc),
            _ => None,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::HttpProtobuf => "http/protobuf",
            Self::HttpJson => "http/json",
            Self::Grpc => "grpc",
        }
    }
}

/// How bodies are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// With gzip.
    Gzip,
}

impl Compression {
    /// The compression of that name: `gzip` or `none`.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "gzip" => Some(Self::Gzip),
            "none" => Some(Self::None),
            _ => None,
        }
    }
}

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Histograms and gauges.
    Metrics,
}

impl Signal {
    /// The path that OTLP over HTTP gives the signal.
    fn path(self) -> &'static str {
        match self {
            Self::Traces => "v1/traces",
            Self::Metrics => "v1/metrics",
        }
    }

    fn variable(self) -> &'static str {
        match self {
            Self::Traces => "TRACES_",
            Self::Metrics => "METRICS_",
        }
    }
}

/// Files for TLS: each in PEM. Without a CA, the web's public ones are trusted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificates that the server's must come from.
    pub authority: Option<PathBuf>,
    /// The certificate shown to the server.
    pub certificate: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
}

/// What a user said about a destination; `None` is left to the environment, and then to the default.
#[derive(Debug, Clone, Default)]
pub struct OtlpOptions {
    /// Base address, without the signal's path; `None` takes the environment's.
    pub url: Option<String>,
    /// Encoding and carrier.
    pub protocol: Option<Protocol>,
    /// Compression.
    pub compression: Option<Compression>,
    /// Headers.
    pub headers: Headers,
    /// How long one request may take.
    pub timeout: Option<Duration>,
}

/// One place for one signal.
#[derive(Clone, PartialEq, Eq)]
pub struct Destination {
    /// The whole address; of gRPC, scheme and authority only.
    pub(crate) url: String,
    /// Encoding and carrier.
    pub protocol: Protocol,
    /// Compression.
    pub compression: Compression,
    /// Headers.
    pub headers: Headers,
    /// How long one request may take.
    pub timeout: Duration,
    /// Files for TLS.
    pub tls: TlsFiles,
    /// Projects and accounts there that the spans are filed under.
    filed_under: Vec<String>,
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} over {}", self.name(), self.protocol.name())
    }
}

/// Reads a variable; empty counts as not set, as the specification has it.
pub type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The variables that name files for TLS, and no other: certificates are the user's, whatever the address.
pub(crate) fn certificates_of<'v>(variables: Variables<'v>) -> impl Fn(&str) -> Option<String> + 'v {
    move |name| {
        let is_file = name.ends_with("CERTIFICATE") || name.ends_with("CLIENT_KEY");
        is_file.then(|| variables(name)).flatten()
    }
}

impl Destination {
    /// Where a signal goes according to flags and environment; `None` where neither names a place.
    ///
    /// Protocol, compression, time-out and headers come from the flag, else from `OTEL_EXPORTER_OTLP_<SIGNAL>_*`,
    /// else from `OTEL_EXPORTER_OTLP_*`, else http/protobuf, gzip where the way is long (none to this machine),
    /// and 10 s. Headers of the environment go to an address of the command line only where the environment names
    /// no other one: they are secrets of that other one.
    ///
    /// # Errors
    /// [`DestinationError`] where a flag or a variable is wrong.
    pub fn resolve(
        signal: Signal,
        options: &OtlpOptions,
        variables: Variables<'_>,
    ) -> Result<Option<Self>, DestinationError> {
        let variable = |name: &str| setting(signal, name, variables);
        let protocol = match (options.protocol, variable("PROTOCOL")) {
            (Some(protocol), _) => protocol,
            (None, Some((origin, value))) => Protocol::named(&value)
                .ok_or_else(|| wrong(origin, &value, "http/protobuf, http/json or grpc"))?,
            (None, None) => Protocol::HttpProtobuf,
        };
        let of_environment = variable("ENDPOINT");
        let (url, foreign) = match (&options.url, &of_environment) {
            (Some(url), of_environment) => {
                let url = address("--otlp", url, protocol, Some(signal))?;
                let other =
                    of_environment.as_ref().is_some_and(|(_, other)| authority(other) != authority(&url));
                (url, other)
            }
            (None, Some((origin, url))) => {
                let whole = origin.contains(signal.variable());
                (address(origin, url, protocol, (!whole).then_some(signal))?, false)
            }
            (None, None) => return Ok(None),
        };
        let mut headers = Headers::default();
        if !foreign && let Some((_, list)) = variable("HEADERS") {
            headers.set_list(&list)?;
        }
        let compression = match (options.compression, variable("COMPRESSION")) {
            (Some(compression), _) => compression,
            (None, Some((origin, value))) => {
                Compression::named(&value).ok_or_else(|| wrong(origin, &value, "gzip or none"))?
            }
            (None, None) if is_loopback(&url) => Compression::None,
            (None, None) => Compression::Gzip,
        };
        let timeout = match (options.timeout, variable("TIMEOUT")) {
            (Some(timeout), _) => timeout,
            (None, Some((origin, value))) => value
                .parse()
                .ok()
                .filter(|milliseconds| (1..=3_600_000).contains(milliseconds))
                .map(Duration::from_millis)
                .ok_or_else(|| wrong(origin, &value, "a number of milliseconds"))?,
            (None, None) => Duration::from_secs(10),
        };
        let file = |name| variable(name).map(|(_, path)| PathBuf::from(path));
        let tls = TlsFiles {
            authority: file("CERTIFICATE"),
            certificate: file("CLIENT_CERTIFICATE"),
            key: file("CLIENT_KEY"),
        };
        let headers = options.headers.clone().or(&headers);
        let filed_under = headers.get("x-project-name").map(str::to_owned).into_iter().collect();
        Ok(Some(Self { url, protocol, compression, headers, timeout, tls, filed_under }))
    }

    /// The same place under a project or an account there: what was sent under another one was not sent here. It is
    /// written down beside the run, so that it must hold no secret.
    #[must_use]
    pub fn filed_under(mut self, project: Option<&str>) -> Self {
        if let Some(project) =
            project.filter(|project| !self.filed_under.iter().any(|known| known == project))
        {
            self.filed_under.push(project.to_owned());
        }
        self
    }

    /// The address without credentials and query, and the projects there.
    pub(crate) fn place(&self) -> String {
        std::iter::once(self.name()).chain(self.filed_under.iter().cloned()).collect::<Vec<_>>().join(" ")
    }

    /// The address for people: without credentials and query.
    pub fn name(&self) -> String {
        let uri: Option<Uri> = self.url.parse().ok();
        uri.map_or_else(String::new, |uri| {
            let host = uri.host().unwrap_or_default();
            let port = uri.port_u16().map_or_else(String::new, |port| format!(":{port}"));
            let path = uri.path().trim_end_matches('/');
            format!("{}://{host}{port}{path}", uri.scheme_str().unwrap_or("http"))
        })
    }

    /// Scheme, host and port: what the back-end's own interfaces stand below.
    pub fn origin(&self) -> String {
        self.name().splitn(4, '/').take(3).collect::<Vec<_>>().join("/")
    }
}

/// A variable for the signal, else the one for all; with its name.
fn setting(signal: Signal, name: &str, variables: Variables<'_>) -> Option<(String, String)> {
    [signal.variable(), ""].into_iter().map(|prefix| format!("OTEL_EXPORTER_OTLP_{prefix}{name}")).find_map(
        |variable| {
            let value = variables(&variable)?.trim().to_owned();
            (!value.is_empty()).then_some((variable, value))
        },
    )
}

/// An address checked and, where it is a base, with the signal's path at its end.
pub(crate) fn address(
    origin: &str,
    text: &str,
    protocol: Protocol,
    base_of: Option<Signal>,
) -> Result<String, DestinationError> {
    let text = text.trim();
    let problem = |problem| {
        let shown = text.rsplit_once('@').map_or(text, |(_, after)| after);
        let address = shown.chars().take(120).flat_map(char::escape_default).collect();
        DestinationError::Address { origin: origin.to_owned(), address, problem }
    };
    let uri: Uri = text.parse().map_err(|_| problem("it cannot be read"))?;
    let authority = uri.authority().ok_or_else(|| problem("it names no host"))?;
    if authority.as_str().contains('@') {
        return Err(problem("credentials belong into a header (--otlp-header)"));
    }
    let scheme = uri.scheme_str().unwrap_or_default();
    if !matches!(scheme, "http" | "https") {
        return Err(problem("it begins with neither http:// nor https://"));
    }
    if protocol == Protocol::Grpc {
        return Ok(format!("{scheme}://{authority}"));
    }
    let query = uri.query().map_or_else(String::new, |query| format!("?{query}"));
    let path = uri.path().trim_end_matches('/');
    Ok(match base_of {
        Some(signal) if !path.ends_with(signal.path()) => {
            format!("{scheme}://{authority}{path}/{}{query}", signal.path())
        }
        Some(_) => format!("{scheme}://{authority}{path}{query}"),
        None => format!("{scheme}://{authority}{}{query}", uri.path()),
    })
}

fn authority(url: &str) -> Option<String> {
    url.parse::<Uri>().ok()?.authority().map(|authority| authority.as_str().to_ascii_lowercase())
}

/// True for an address of this machine.
pub(crate) fn is_loopback(url: &str) -> bool {
    let uri: Option<Uri> = url.parse().ok();
    uri.as_ref().and_then(Uri::host).is_some_and(|host| {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}

pub(crate) fn wrong(origin: String, value: &str, wanted: &'static str) -> DestinationError {
    let value = value.chars().take(60).flat_map(char::escape_default).collect();
    DestinationError::Setting { origin, value, wanted }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]
    use std::collections::HashMap;

    use super::*;

    fn resolve(
        url: Option<&str>,
        variables: &[(&str, &str)],
    ) -> Result<Option<Destination>, DestinationError> {
        let map: HashMap<String, String> = variables
            .iter()
            .map(|(name, value)| (format!("OTEL_EXPORTER_OTLP_{name}"), (*value).to_owned()))
            .collect();
        let options = OtlpOptions { url: url.map(str::to_owned), ..OtlpOptions::default() };
        Destination::resolve(Signal::Traces, &options, &|name| map.get(name).cloned())
    }

    #[test]
    fn addresses() {
        let check = |url: Option<&str>, variables: &[(&str, &str)], wanted: &str| {
            assert_eq!(resolve(url, variables).unwrap().unwrap().url, wanted, "{url:?} {variables:?}");
        };
        check(Some("http://a:4318"), &[], "http://a:4318/v1/traces");
        check(Some("http://a:4318/"), &[], "http://a:4318/v1/traces");
        check(Some("https://a/b/"), &[], "https://a/b/v1/traces");
        check(Some("https://a/b/v1/traces"), &[], "https://a/b/v1/traces");
        check(Some("http://a/?k=1"), &[], "http://a/v1/traces?k=1");
        check(None, &[("ENDPOINT", "http://b:1")], "http://b:1/v1/traces");
        check(None, &[("TRACES_ENDPOINT", "http://b:1")], "http://b:1/");
        check(None, &[("TRACES_ENDPOINT", "http://b:1/x"), ("ENDPOINT", "http://c")], "http://b:1/x");
        check(Some("http://a:4317/x"), &[("PROTOCOL", "grpc")], "http://a:4317");
        check(Some("http://[::1]:4318"), &[], "http://[::1]:4318/v1/traces");
        assert_eq!(resolve(None, &[("ENDPOINT", " ")]).unwrap(), None);
    }

    #[test]
    fn refusals_say_what_is_wrong() {
        let check = |url: &str, variables: &[(&str, &str)], wanted: &str| {
            let error = resolve(Some(url), variables).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
            assert!(!error.contains("secret") && !error.chars().any(char::is_control), "{error}");
        };
        check("localhost:4318", &[], "http://");
        check("ftp://a", &[], "neither");
        check("http://user:secret@host", &[], "--otlp-header");
        check("\u{1b}[31m", &[], "cannot be read");
        check("", &[], "cannot be read");
        check("http://a", &[("PROTOCOL", "carrier-pigeon\u{7}")], "OTEL_EXPORTER_OTLP_PROTOCOL");
        check("http://a", &[("TIMEOUT", "soon")], "milliseconds");
        check("http://a", &[("TRACES_COMPRESSION", "zip")], "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION");
        check("http://a", &[("HEADERS", "a\u{0}b=secret")], "header");
    }

    #[test]
    fn settings_of_the_signal_come_first() {
        let found = resolve(
            None,
            &[
                ("ENDPOINT", "https://b"),
                ("PROTOCOL", "grpc"),
                ("TRACES_PROTOCOL", "http/json"),
                ("HEADERS", "a=1"),
                ("TRACES_HEADERS", "b=%32"),
                ("TIMEOUT", "500"),
            ],
        );
        let found = found.unwrap().unwrap();
        assert_eq!(found.protocol, Protocol::HttpJson);
        assert_eq!((found.headers.get("a"), found.headers.get("b")), (None, Some("2")));
        assert_eq!(found.timeout, Duration::from_millis(500));
        assert_eq!(found.compression, Compression::Gzip);
        assert_eq!(resolve(Some("http://127.0.0.1:1"), &[]).unwrap().unwrap().compression, Compression::None);
    }

    #[test]
    fn secrets_of_one_place_do_not_go_to_another() {
        let headers = |url: &str, endpoint: &str| {
            let variables = [("ENDPOINT", endpoint), ("HEADERS", "authorization=x")];
            resolve(Some(url), &variables).unwrap().unwrap().headers.get("authorization").is_some()
        };
        assert!(headers("http://a:4318/x", "http://A:4318"));
        assert!(headers("http://a:4318", ""));
        assert!(!headers("http://other:4318", "http://a:4318"));
    }

    #[test]
    fn names_hold_no_secrets() {
        let found = resolve(Some("https://a:1/b?token=secret"), &[]).unwrap().unwrap();
        assert_eq!(found.name(), "https://a:1/b/v1/traces");
        assert_eq!(found.origin(), "https://a:1");
        assert_eq!(format!("{found:?}"), "https://a:1/b/v1/traces over http/protobuf");
    }
}
