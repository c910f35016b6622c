//! OTLP over HTTP, in protobuf or JSON.

use std::io::{Read as _, Write as _};
use std::time::SystemTime;

use flate2::Compression as Level;
use flate2::write::GzEncoder;
use infercost_core::retry_after;
use prost::Message;
use serde::Serialize;
use ureq::config::ConfigBuilder;
use ureq::http::{HeaderMap, Response};
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body};

use super::{Attempt, Refusal};
use crate::destination::{Compression, Destination, Protocol, TlsFiles, is_loopback};
use crate::error::DestinationError;
use crate::headers::Headers;
use crate::server_words::{explanation, partial, shown};

/// Most bytes of an answer that are read.
const MAX_ANSWER: u64 = 64 << 10;
const AGENT: &str = concat!("infercost/", env!("CARGO_PKG_VERSION"));

/// A pool of connections to one server.
#[derive(Debug)]
pub(crate) struct Http {
    agent: Agent,
    url: String,
    protocol: Protocol,
    compression: Compression,
    headers: Headers,
}

/// An answer whose body is read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Http {
    /// A pool for that destination.
    pub(crate) fn new(destination: &Destination) -> Result<Self, DestinationError> {
        let mut config = agent_config(&destination.tls)?.timeout_global(Some(destination.timeout));
        if is_loopback(&destination.url) {
            config = config.proxy(None);
        }
        Ok(Self {
            agent: config.build().into(),
            url: destination.url.clone(),
            protocol: destination.protocol,
            compression: destination.compression,
            headers: destination.headers.clone(),
        })
    }

    /// How bodies are made.
    pub(crate) fn encoding(&self) -> (Protocol, Compression) {
        (self.protocol, self.compression)
    }

    pub(crate) fn encode<M: Message + Serialize>(&self, message: &M) -> Vec<u8> {
        let plain = match self.protocol {
            // messages of strings and numbers always have a JSON form
            Protocol::HttpJson => serde_json::to_vec(message).unwrap_or_default(),
            _ => message.encode_to_vec(),
        };
        if self.compression == Compression::None {
            return plain;
        }
        let mut gzip = GzEncoder::new(Vec::with_capacity(plain.len() / 4), Level::fast());
        // a vector takes whatever is written into it
        let _ = gzip.write_all(&plain);
        gzip.finish().unwrap_or_default()
    }

    pub(crate) fn send(&self, body: &[u8]) -> Attempt {
        let kind = match self.protocol {
            Protocol::HttpJson => "application/json",
            _ => "application/x-protobuf",
        };
        let mut request = self.agent.post(&self.url).content_type(kind);
        if self.compression == Compression::Gzip {
            request = request.header("content-encoding", "gzip");
        }
        for (name, value) in self.headers.iter() {
            request = request.header(name, value);
        }
        match request.send(body).map_err(|error| error.to_string()).and_then(read) {
            Ok(answer) => self.judge(&answer),
            Err(error) => unreachable(shown(&error, &self.headers)),
        }
    }

    fn judge(&self, answer: &Answer) -> Attempt {
        let kind = answer.header("content-type");
        if (200..300).contains(&answer.status) {
            return Attempt::Accepted(partial(kind, &answer.body, &self.headers));
        }

        let words = explanation(kind, &answer.body, &self.headers);
        let hint = match answer.status {
            301..=308 => " (a redirect is not followed: name the address it leads to)",
            401 | 403 => " (is the header that this server wants given?)",
            404 | 405 => " (is this the address of a collector, and not of a page?)",
            415 => " (it does not take this encoding: try --otlp-protocol http/protobuf)",
            _ => "",
        };
        let said = if words.is_empty() { String::new() } else { format!(": {words}") };

        let why = format!("status {}{said}{hint}", answer.status);
        match answer.status {
            429 | 502 | 503 | 504 => {
                let after = retry_after(answer.header("retry-after"), SystemTime::now());
                Attempt::Later { after, why }
            }
            413 => Attempt::TooLarge { why },
            404 | 405 | 501 => Attempt::Refused { refusal: Refusal::Place, why },
            _ => Attempt::Refused { refusal: Refusal::Message, why },
        }
    }
}

/// What every connection has in common. Redirects are not followed: they would carry the headers elsewhere.
pub(crate) fn agent_config(
    files: &TlsFiles,
) -> Result<ConfigBuilder<ureq::typestate::AgentScope>, DestinationError> {
    Ok(Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(AGENT)
        .tls_config(tls(files)?))
}

/// What came of a request that found nobody. A certificate that is not trusted now will not be trusted later.
pub(crate) fn unreachable(why: String) -> Attempt {
    if why.contains("invalid peer certificate") {
        let hint = "name the authority's file in OTEL_EXPORTER_OTLP_CERTIFICATE where it is your own";
        return Attempt::Refused { refusal: Refusal::Message, why: format!("{why}; {hint}") };
    }
    Attempt::Later { after: None, why }
}

impl Answer {
    /// A header of the answer as text, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// Reads at most [`MAX_ANSWER`] bytes of a body.
fn read(response: Response<Body>) -> Result<Answer, String> {
    read_up_to(response, MAX_ANSWER)
}

/// Reads at most so many bytes of a body; the rest is left.
pub(crate) fn read_up_to(response: Response<Body>, most: u64) -> Result<Answer, String> {
    let (parts, body) = response.into_parts();
    let mut bytes = Vec::new();
    body.into_with_config()
        .limit(u64::MAX)
        .reader()
        .take(most)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body: bytes })
}

fn tls(files: &TlsFiles) -> Result<TlsConfig, DestinationError> {
    let mut config = TlsConfig::builder();
    if let Some(path) = &files.authority {
        let certificates = certificates(path, &read_file(path)?)?;
        config = config.root_certs(RootCerts::new_with_certs(&certificates));
    }
    if let (Some(path), Some(key_path)) = (&files.certificate, &files.key) {
        let chain = certificates(path, &read_file(path)?)?;
        let key = PrivateKey::from_pem(&read_file(key_path)?).map_err(|_| DestinationError::Certificate {
            path: key_path.clone(),
            problem: "there is no private key in PEM form here".to_owned(),
        })?;
        config = config.client_cert(Some(ClientCert::new_with_certs(&chain, key)));
    }
    Ok(config.build())
}

fn certificates(path: &std::path::Path, pem: &[u8]) -> Result<Vec<Certificate<'static>>, DestinationError> {
    let found: Vec<_> = parse_pem(pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if found.is_empty() {
        let problem = "there is no certificate in PEM form here".to_owned();
        return Err(DestinationError::Certificate { path: path.to_owned(), problem });
    }
    Ok(found)
}

/// Reads a certificate's file; a larger one than 1 MiB is none.
pub(crate) fn read_file(path: &std::path::Path) -> Result<Vec<u8>, DestinationError> {
    let problem = |problem: String| DestinationError::Certificate { path: path.to_owned(), problem };
    let file = std::fs::File::open(path).map_err(|error| problem(error.to_string()))?;
    let mut bytes = Vec::new();
    file.take((1 << 20) + 1).read_to_end(&mut bytes).map_err(|error| problem(error.to_string()))?;
    if bytes.len() > 1 << 20 {
        return Err(problem("larger than 1 MiB; this is no certificate".to_owned()));
    }
    Ok(bytes)
}
