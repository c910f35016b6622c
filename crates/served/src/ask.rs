//! Small questions beside the answers: what a server is, what it has, how it splits text.

use std::time::Duration;

use reqwest::header::{HeaderMap, SERVER};
use reqwest::{Client, Method, Request, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::failure::{Failure, cause, error_text, is_page, quote};
use infercost_core::ServedFault;

/// Longest reply that is read, in bytes: one position's whole vocabulary fits.
const LONGEST_REPLY: usize = 64 << 20;

/// Asks small questions over one client.
#[derive(Debug, Clone)]
pub(crate) struct Asker {
    pub(crate) http: Client,
    pub(crate) headers: HeaderMap,
    pub(crate) patience: Duration,
}

/// A reply, whatever its status.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// The `Server` header, as it came.
    pub(crate) server: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Asker {
    pub(crate) async fn get(&self, url: Url) -> Result<Reply, Failure> {
        self.ask(Request::new(Method::GET, url)).await
    }

    /// Posts JSON and reads the JSON of a successful reply.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        url: Url,
        body: &impl Serialize,
        secret: Option<&str>,
    ) -> Result<T, Failure> {
        let path = url.path().to_owned();
        let mut request = Request::new(Method::POST, url);
        let json = serde_json::to_vec(body).map_err(|error| Failure::protocol(error.to_string()))?;
        *request.body_mut() = Some(json.into());
        self.ask(request).await?.json(&path, secret)
    }

    async fn ask(&self, mut request: Request) -> Result<Reply, Failure> {
        request.headers_mut().clone_from(&self.headers);
        let path = quote(request.url().path(), None);

        let reply = async {
            let mut response = self.http.execute(request).await.map_err(|error| lost(&error, &path))?;
            let status = response.status().as_u16();
            let server = response.headers().get(SERVER).and_then(|value| value.to_str().ok());
            let server = server.map(str::to_owned);

            let mut body = Vec::new();
            while let Some(piece) = response.chunk().await.map_err(|error| lost(&error, &path))? {
                if body.len().saturating_add(piece.len()) > LONGEST_REPLY {
                    return Err(Failure::protocol(format!("the reply to {path} is longer than 64 MiB")));
                }
                body.extend_from_slice(&piece);
            }
            Ok(Reply { status, server, body })
        };

        match tokio::time::timeout(self.patience, reply).await {
            Ok(reply) => reply,
            Err(_) => Err(Failure::timeout(format!("no reply to {path} within {:?}", self.patience))),
        }
    }
}

/// What became of a request that got no whole reply.
fn lost(error: &reqwest::Error, path: &str) -> Failure {
    let cause = cause(error);
    Failure::connection(if error.is_connect() {
        format!("cannot connect to the server: {cause}; is it running at this address?")
    } else {
        format!("the server hung up on {path}: {cause}")
    })
}

impl Reply {
    /// The JSON of a successful reply.
    pub(crate) fn json<T: DeserializeOwned>(&self, path: &str, secret: Option<&str>) -> Result<T, Failure> {
        let status = self.status;
        if !(200..300).contains(&status) {
            let told = error_text(&self.body);
            let hint = match status {
                401 | 403 => "; put a valid key into INFERCOST_API_KEY",
                404 => "; the base address usually ends in /v1",
                _ => "",
            };
            let message = format!("{path} answered {status}: {}{hint}", quote(&told.message, secret));
            let failure = Failure::new(ServedFault::Status, message).with_status(status);
            return Err(Failure { context: told.context, ..failure });
        }

        if is_page(&self.body) {
            let told = quote(&error_text(&self.body).message, secret);
            return Err(Failure::protocol(format!(
                "{path} is a web page ({told}), not an API; the base address usually ends in /v1"
            ))
            .with_status(status));
        }

        serde_json::from_slice(&self.body).map_err(|error| {
            // the parser quotes what it met
            let error = quote(&error.to_string(), secret);
            Failure::protocol(format!("{path} is not what the API defines: {error}")).with_status(status)
        })
    }
}
