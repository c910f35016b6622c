//! Asks the hub for files.
//!
//! The transfer is done here, because the hub's own client sets no time-out (an unreachable hub would hang), checks no
//! hash, and appends to a partial file whatever the server sends, a full answer to a range request included.

use std::io::Read;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use ureq::http::{HeaderMap, Response};
use ureq::{Agent, Body};

use crate::error::ModelError;
use crate::file_text::escaped;
use crate::hash::sha256_of_text;
use crate::hub_settings::{HubSettings, Patience, Token, is_safe_name};
use crate::variant_names::without_credentials;

const MAX_REDIRECTS: usize = 6;
const CHUNK: usize = 1 << 18;
/// A transfer brings at least so many bytes in the time of so many stalls: slower than any line that is meant to fetch a
/// model.
const LEAST_IN_A_PERIOD: usize = 1 << 16;
const STALLS_IN_A_PERIOD: u32 = 5;
/// Longest listing of a repository that is read, in bytes.
const MAX_LISTING: u64 = 16 << 20;

/// A connection to the hub.
pub(crate) struct HubClient {
    agent: Agent,
    token: Option<Token>,
    patience: Patience,
}

/// What the hub says of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RemoteFile {
    /// `None` where a mirror does not tell.
    pub(crate) commit: Option<String>,
    pub(crate) etag: String,
    pub(crate) bytes: u64,
}

/// How a transfer ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Transfer {
    /// The body ended.
    Ended,
    /// The connection broke; what came is good.
    Cut(String),
}

struct Answer {
    response: Response<Body>,
    commit: Option<String>,
    etag: Option<String>,
    /// The file's length, as the hub tells it beside a redirect.
    linked_bytes: Option<u64>,
}

impl HubClient {
    pub(crate) fn new(settings: &HubSettings) -> Self {
        let patience = settings.patience;
        let agent = Agent::config_builder()
            .max_redirects(0)
            .http_status_as_error(false)
            .timeout_resolve(Some(patience.connect))
            .timeout_connect(Some(patience.connect))
            .timeout_send_request(Some(patience.answer))
            .timeout_recv_response(Some(patience.answer))
            .user_agent(concat!("infercost/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        Self { agent, token: settings.token.clone(), patience }
    }

    /// Asks for a file's first byte, to learn its commit, hash and length. A mirror may keep the commit and the hash to
    /// itself; without a length it is no hub.
    pub(crate) fn describe(&self, url: &str) -> Result<RemoteFile, ModelError> {
        let answer = self.get(url, Some("bytes=0-0".to_owned()), None)?;
        let headers = answer.response.headers();
        let status = answer.response.status().as_u16();
        let bytes = match status {
            206 | 416 => {
                text(headers, "content-range").and_then(|range| range.rsplit('/').next()?.parse().ok())
            }
            200 => text(headers, "content-length").and_then(|length| length.parse().ok()),
            _ => return Err(refused(url, status, headers, self.token.is_some())),
        };

        let bytes = bytes.or(answer.linked_bytes);
        let bytes = bytes.ok_or_else(|| {
            hub_error(url, "the answer tells no length (Content-Range, Content-Length): not a hub".to_owned())
        })?;
        let etag = match answer.etag {
            Some(etag) if is_safe_name(&etag) => etag,
            Some(_) => return Err(hub_error(url, "the answer has no usable ETag: not a hub".to_owned())),
            None => unnamed(url, bytes),
        };

        Ok(RemoteFile { commit: answer.commit.filter(|commit| is_safe_name(commit)), etag, bytes })
    }

    /// Fetches a file from `start`, handing its bytes on as they come. `begin` is told where the body really
    /// starts: at `start`, or at 0 where the server does not resume.
    pub(crate) fn fetch(
        &self,
        url: &str,
        start: u64,
        mut begin: impl FnMut(u64) -> Result<(), ModelError>,
        mut take: impl FnMut(&[u8]) -> Result<(), ModelError>,
    ) -> Result<Transfer, ModelError> {
        let answer = self.get(url, Some(format!("bytes={start}-")), None)?;
        let headers = answer.response.headers();
        match answer.response.status().as_u16() {
            206 => {
                let from = text(headers, "content-range")
                    .and_then(|range| range.trim_start_matches("bytes ").split('-').next()?.parse().ok());
                if from != Some(start) {
                    return Err(hub_error(url, "the answer is not the range that was asked for".into()));
                }
                begin(start)?;
            }
            200 => begin(0)?,
            status => return Err(refused(url, status, headers, self.token.is_some())),
        }

        // The body is read beside, because a read cannot be given a time-out of its own. When the wait ends
        // early, that thread ends with its next byte or with the connection.
        let (sender, receiver) = sync_channel::<Result<Vec<u8>, String>>(8);
        let mut body = answer.response.into_body().into_reader();
        thread::spawn(move || {
            loop {
                let mut chunk = vec![0; CHUNK];
                let message = match body.read(&mut chunk) {
                    Ok(0) => break,
                    Ok(count) => {
                        chunk.truncate(count);
                        Ok(chunk)
                    }
                    Err(error) => Err(error.to_string()),
                };
                let ends = message.is_err();
                if sender.send(message).is_err() || ends {
                    break;
                }
            }
        });

        // a byte now and then is no transfer either
        let (mut period, mut came) = (Instant::now(), 0);
        loop {
            if period.elapsed() > self.patience.stall * STALLS_IN_A_PERIOD {
                if came < LEAST_IN_A_PERIOD {
                    let seconds = period.elapsed().as_secs_f64();
                    return Err(hub_error(
                        url,
                        format!(
                            "only {came} bytes came in {seconds:.0} s\nhint: run again, the download resumes where it \
                             stopped"
                        ),
                    ));
                }
                (period, came) = (Instant::now(), 0);
            }

            match receiver.recv_timeout(self.patience.stall) {
                Ok(Ok(chunk)) => {
                    came += chunk.len();
                    take(&chunk)?;
                }
                Ok(Err(reason)) => return Ok(Transfer::Cut(reason)),
                Err(RecvTimeoutError::Disconnected) => return Ok(Transfer::Ended),
                Err(RecvTimeoutError::Timeout) => {
                    let seconds = self.patience.stall.as_secs_f64();
                    return Err(hub_error(
                        url,
                        format!(
                            "no byte came for {seconds} s\nhint: run again, the download resumes where it stopped"
                        ),
                    ));
                }
            }
        }
    }

    /// Fetches a small text.
    pub(crate) fn text(&self, url: &str) -> Result<String, ModelError> {
        let answer = self.get(url, None, Some(self.patience.answer))?;
        let status = answer.response.status().as_u16();
        if status != 200 {
            return Err(refused(url, status, answer.response.headers(), self.token.is_some()));
        }
        answer
            .response
            .into_body()
            .with_config()
            .limit(MAX_LISTING)
            .read_to_string()
            .map_err(|error| hub_error(url, error.to_string()))
    }

    /// Follows redirects by hand: the token goes to the hub alone, and the hub's own headers are on the first
    /// answer, not on that of the store it redirects to. `body` is how long the whole body may take, where somebody reads
    /// it at once.
    fn get(&self, url: &str, range: Option<String>, body: Option<Duration>) -> Result<Answer, ModelError> {
        let (mut at, mut commit, mut linked, mut linked_bytes) = (url.to_owned(), None, None, None);
        for _ in 0..MAX_REDIRECTS {
            let request = self.agent.get(&at).config().timeout_recv_body(body).build();
            let mut request = request.header("Accept-Encoding", "identity");
            if let Some(range) = &range {
                request = request.header("Range", range);
            }
            if let Some(token) = self.token.as_ref().filter(|_| authority(&at) == authority(url)) {
                request = request.header("Authorization", format!("Bearer {}", token.0));
            }
            let response = request.call().map_err(|error| hub_error(&at, unreachable(&error)))?;
            let headers = response.headers();
            commit = commit.or_else(|| text(headers, "x-repo-commit").map(str::to_owned));

            // The hub's own word on the file comes before that of the store that it redirects to; what a redirect says
            // of itself is said of no file.
            linked = linked.or_else(|| text(headers, "x-linked-etag").map(plain_etag));
            linked_bytes = linked_bytes.or_else(|| text(headers, "x-linked-size")?.parse().ok());
            if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                let etag = linked.or_else(|| text(headers, "etag").map(plain_etag));
                return Ok(Answer { response, commit, etag, linked_bytes });
            }
            let location = text(headers, "location").unwrap_or_default();
            at = absolute(&at, location)
                .ok_or_else(|| hub_error(url, format!("redirects to `{}`", escaped(location))))?;
        }

        Err(hub_error(url, "redirects in a circle".into()))
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// What stands for a file's hash where the server tells none: its address and its length.
fn unnamed(url: &str, bytes: u64) -> String {
    let hash = sha256_of_text(&format!("{} {bytes}", without_credentials(url)));
    format!("unnamed-{}", hash.get(..40).unwrap_or(&hash))
}

/// An ETag without its quotes and its mark of weakness.
fn plain_etag(etag: &str) -> String {
    etag.trim().trim_start_matches("W/").replace('"', "")
}

fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

/// Where a redirect leads: an absolute address, or a path on the same host.
fn absolute(from: &str, location: &str) -> Option<String> {
    if location.starts_with("http://") || location.starts_with("https://") {
        let downgrades = from.starts_with("https://") && location.starts_with("http://");
        return (!downgrades).then(|| location.to_owned());
    }
    let (scheme, _) = from.split_once("://")?;
    (location.starts_with('/') && !location.starts_with("//"))
        .then(|| format!("{scheme}://{}{location}", authority(from)))
}

fn hub_error(url: &str, reason: String) -> ModelError {
    ModelError::Hub { url: without_credentials(url), reason: escaped(&reason) }
}

fn unreachable(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(_) => format!("cannot be reached in time ({error})"),
        ureq::Error::HostNotFound => "cannot be reached: the host's name is not known here".into(),
        other => format!("cannot be reached: {other}"),
    }
}

/// A refusal, with what to do about it.
fn refused(url: &str, status: u16, headers: &HeaderMap, has_token: bool) -> ModelError {
    let code = text(headers, "x-error-code").unwrap_or_default();
    let said = text(headers, "x-error-message").unwrap_or_default();
    let reason = match (status, code) {
        (401 | 403, _) if has_token => {
            "access is refused with the token given\nhint: accept the model's license on its page with the same \
             account, and check that HF_TOKEN may read gated repositories"
                .to_owned()
        }
        (401 | 403, _) => {
            "access is refused: the repository is gated, private, or does not exist\nhint: accept the model's \
             license on its page, create a token that may read, and set HF_TOKEN to it"
                .to_owned()
        }
        (404, "RevisionNotFound") => "there is no such revision".to_owned(),
        (404, "EntryNotFound") => "the repository has no such file".to_owned(),
        (404, _) => "there is no such repository, revision or file".to_owned(),
        (429, _) => "the hub refuses more requests for now (429); wait, or set HF_TOKEN".to_owned(),
        (500..=599, _) => format!("the hub is in trouble ({status}); try again later"),
        (other, _) => format!("answered with status {other}"),
    };

    let said = if said.is_empty() { String::new() } else { format!(" (it says: {said})") };
    hub_error(url, reason + &said)
}

#[cfg(test)]
mod tests {
    use super::absolute;

    #[test]
    fn redirects() {
        let check = |from: &str, location: &str, wanted: Option<&str>| {
            assert_eq!(absolute(from, location).as_deref(), wanted, "{from} {location}");
        };
        check("https://h/a", "/b?c", Some("https://h/b?c"));
        check("https://h/a", "https://x/b", Some("https://x/b"));
        check("https://h/a", "http://x/b", None);
        check("https://h/a", "//x/b", None);
        check("https://h/a", "file:///etc/passwd", None);
        check("https://h/a", "", None);
    }
}
