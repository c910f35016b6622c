//! Where spans and metrics go, and how: from flags, and from the variables that the OpenTelemetry specification
//! names (*OTLP Exporter*, `OTEL_EXPORTER_OTLP_*`).

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use infercost_core::text::printable_up_to;
use infercost_core::without_secrets;
use ureq::http::Uri;

use crate::environment::switched_off;
pub use crate::environment::{Signal, Variables};
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

/// The variables that name files for TLS, and no other: certificates are the user's, whatever the address.
pub(crate) fn certificates_of<'v>(variables: Variables<'v>) -> impl Fn(&str) -> Option<String> + 'v {
    move |name| {
        let is_file = name.ends_with("CERTIFICATE") || name.ends_with("CLIENT_KEY");
        is_file.then(|| variables(name)).flatten()
    }
}

impl Destination {
    /// Where a signal goes according to flags and environment; `None` where neither names a place, or the environment
    /// names one and [switches it off](crate::switched_off).
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
        if options.url.is_none() && switched_off(signal, variables).is_some() {
            return Ok(None);
        }

        let environment = Environment { signal, variables };
        let protocol = environment.protocol(options)?;
        let Some(place) = environment.place(options, protocol)? else { return Ok(None) };

        let mut headers = Headers::default();
        if !place.is_another
            && let Some((_, list)) = environment.setting("HEADERS")
        {
            headers.set_list(&list)?;
        }

        let headers = options.headers.clone().or(&headers);
        let filed_under = headers.get("x-project-name").map(str::to_owned).into_iter().collect();

        let compression = environment.compression(options, &place.url)?;
        let timeout = environment.timeout(options)?;
        let tls = environment.tls();

        Ok(Some(Self { url: place.url, protocol, compression, headers, timeout, tls, filed_under }))
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

/// An address, and whether it is another one than the environment's.
struct Place {
    url: String,
    is_another: bool,
}

/// `OTEL_EXPORTER_OTLP_*` for a signal.
struct Environment<'v> {
    signal: Signal,
    variables: Variables<'v>,
}

impl Environment<'_> {
    /// A variable for the signal, else the one for all; with its name.
    fn setting(&self, name: &str) -> Option<(String, String)> {
        for prefix in [self.signal.variable(), ""] {
            let variable = format!("OTEL_EXPORTER_OTLP_{prefix}{name}");
            let value = (self.variables)(&variable).map(|value| value.trim().to_owned());
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                return Some((variable, value));
            }
        }
        None
    }

    fn protocol(&self, options: &OtlpOptions) -> Result<Protocol, DestinationError> {
        match (options.protocol, self.setting("PROTOCOL")) {
            (Some(protocol), _) => Ok(protocol),
            (None, Some((origin, value))) => Protocol::named(&value)
                .ok_or_else(|| wrong(origin, &value, "http/protobuf, http/json or grpc")),
            (None, None) => Ok(Protocol::HttpProtobuf),
        }
    }

    /// The address of the command line, else of the environment.
    fn place(&self, options: &OtlpOptions, protocol: Protocol) -> Result<Option<Place>, DestinationError> {
        let found = self.setting("ENDPOINT").map(|(origin, url)| (origin, self.with_scheme(url, protocol)));
        match (&options.url, found) {
            (Some(url), found) => {
                let url = address("--otlp", url, protocol, Some(self.signal))?;
                let is_another = found.is_some_and(|(_, other)| authority(&other) != authority(&url));
                Ok(Some(Place { url, is_another }))
            }
            (None, Some((origin, url))) => {
                // the variable of the signal holds a whole address, the general one a base
                let is_whole = origin.contains(self.signal.variable());
                let url = address(&origin, &url, protocol, (!is_whole).then_some(self.signal))?;
                Ok(Some(Place { url, is_another: false }))
            }
            (None, None) => Ok(None),
        }
    }

    /// gRPC's addresses may lack a scheme; then `INSECURE` says whether there is TLS.
    fn with_scheme(&self, url: String, protocol: Protocol) -> String {
        if protocol != Protocol::Grpc || url.contains("://") {
            return url;
        }
        let insecure = self.setting("INSECURE").is_some_and(|(_, value)| value.eq_ignore_ascii_case("true"));
        format!("{}://{url}", if insecure { "http" } else { "https" })
    }

    fn compression(&self, options: &OtlpOptions, url: &str) -> Result<Compression, DestinationError> {
        match (options.compression, self.setting("COMPRESSION")) {
            (Some(compression), _) => Ok(compression),
            (None, Some((origin, value))) => {
                Compression::named(&value).ok_or_else(|| wrong(origin, &value, "gzip or none"))
            }
            (None, None) if is_loopback(url) => Ok(Compression::None),
            (None, None) => Ok(Compression::Gzip),
        }
    }

    fn timeout(&self, options: &OtlpOptions) -> Result<Duration, DestinationError> {
        const LONGEST_MILLIS: u64 = 3_600_000;
        match (options.timeout, self.setting("TIMEOUT")) {
            (Some(timeout), _) => Ok(timeout),
            (None, Some((origin, value))) => {
                let milliseconds = value.parse().ok().filter(|millis| (1..=LONGEST_MILLIS).contains(millis));
                let timeout = milliseconds.map(Duration::from_millis);
                timeout.ok_or_else(|| wrong(origin, &value, "a number of milliseconds"))
            }
            (None, None) => Ok(Duration::from_secs(10)),
        }
    }

    fn tls(&self) -> TlsFiles {
        TlsFiles {
            authority: self.file("CERTIFICATE"),
            certificate: self.file("CLIENT_CERTIFICATE"),
            key: self.file("CLIENT_KEY"),
        }
    }

    fn file(&self, name: &str) -> Option<PathBuf> {
        self.setting(name).map(|(_, path)| PathBuf::from(path))
    }
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
        let address = shown(&without_secrets(text));
        DestinationError::Address { origin: origin.to_owned(), address, problem }
    };

    let uri: Uri = text.parse().map_err(|_| problem("it cannot be read"))?;
    let authority = uri.authority().ok_or_else(|| problem("it names no host"))?;

    if authority.as_str().contains('@') {
        return Err(problem("credentials belong into a header (--otlp-header)"));
    }
    // What follows the last colon of a host, but inside an IPv6 address, is a port: a password that holds `?` or `#` ends up
    // there as well.
    let after_host = authority.as_str().get(authority.host().len()..).unwrap_or_default();
    if !after_host.is_empty() && authority.port_u16().is_none() {
        return Err(problem("its port is not a number"));
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

/// An address for people: escaped, and cut where it is long.
fn shown(address: &str) -> String {
    printable_up_to(address, 120).into_owned()
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
    let value = printable_up_to(value, 60).into_owned();
    DestinationError::Setting { origin, value, wanted }
}

#[cfg(test)]
mod tests;
