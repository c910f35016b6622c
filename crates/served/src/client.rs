//! Requests to one model on one server, with their further attempts.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use infercost_core::{
    Chunk, ConcurrentEngine, EngineError, Generation, GenerationRequest, PendingGeneration,
};
use infercost_core::{PromptBody, ServedFacts};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Request, Url};

use crate::answer::{Answer, Asked};
use crate::exchange::{Terms, exchange};
use crate::failure::{Failure, cause};
use crate::options::{Api, ServedOptions};
use crate::refusal::{Parameter, Refused};
use crate::request_body::BodyStyle;
use crate::{ApiKey, ServedAddress};

/// How long an unused connection is kept: below the 5 s after which llama.cpp and uvicorn close theirs.
const KEPT_FOR: Duration = Duration::from_secs(4);

/// Asks one model on one server. A client belongs to the runtime that it is first used on.
#[derive(Debug, Clone)]
pub(crate) struct ServedClient {
    http: reqwest::Client,
    url: Url,
    headers: HeaderMap,
    pub(crate) style: BodyStyle,
    pub(crate) options: ServedOptions,
    /// Shared by all that ask this server for this model.
    refused: Arc<Mutex<Refused>>,
}

/// A connection pool for one runtime.
pub(crate) fn new_http(address: &ServedAddress, options: &ServedOptions) -> Result<reqwest::Client, Failure> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("infercost/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(options.timeouts.connect)
        .pool_idle_timeout(KEPT_FOR)
        .http1_only()
        .tcp_nodelay(true)
        .referer(false)
        // The key goes to the address that was given and nowhere else.
        .redirect(reqwest::redirect::Policy::none());
    if address.is_loopback() {
        builder = builder.no_proxy();
    }
    builder
        .build()
        .map_err(|error| Failure::connection(format!("cannot prepare connections: {}", cause(&error))))
}

/// The headers of every request.
pub(crate) fn headers(key: Option<&ApiKey>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream, application/json"));
    if let Some(key) = key {
        headers.insert(AUTHORIZATION, key.header().clone());
    }
    headers
}

impl ServedClient {
    pub(crate) fn new(
        address: &ServedAddress,
        style: BodyStyle,
        options: &ServedOptions,
    ) -> Result<Self, Failure> {
        let path = match style.api {
            Api::Chat => "chat/completions",
            Api::Completions => "completions",
        };
        Ok(Self {
            http: new_http(address, options)?,
            url: address.below(path),
            headers: headers(options.key.as_ref()),
            style,
            options: options.clone(),
            refused: Arc::default(),
        })
    }

    /// A client with connections of its own, which knows and learns what this one does.
    pub(crate) fn another(&self, address: &ServedAddress) -> Result<Self, Failure> {
        Ok(Self { http: new_http(address, &self.options)?, ..self.clone() })
    }

    /// Asks for one answer, again where that may help and nothing of it has come.
    pub(crate) async fn answer(
        &self,
        request: &GenerationRequest<'_>,
        on_chunk: &mut impl FnMut(Chunk<'_>),
    ) -> Result<Generation, EngineError> {
        let timeouts = &self.options.timeouts;
        let policy = self.options.retries;
        let asked = self.asked(request);
        let begun = Instant::now();
        let deadline = begun.checked_add(timeouts.whole).unwrap_or(begun);
        let terms = Terms { timeouts, deadline, asked };

        let mut facts = ServedFacts::default();
        let mut pause = policy.pause;
        let mut further = 0;
        loop {
            let refused = self.refused();
            let sent = self.request(request, &refused)?;
            let mut answer = Answer::default();
            facts.retried_for = if facts.retries == 0 { Duration::ZERO } else { begun.elapsed() };
            let mut failure = match exchange(&self.http, sent, terms, &mut answer, on_chunk).await {
                Ok(status) => {
                    facts.status = Some(status);
                    return Ok(answer.into_generation(facts, &asked));
                }
                Err(failure) => failure,
            };

            if let Some(parameter) = failure.refused
                && self.adapts(parameter, &refused, &mut facts)
            {
                facts.retries += 1;
                continue;
            }
            let wait = failure.wait.unwrap_or(pause);
            let in_time = Instant::now().checked_add(wait).is_some_and(|then| then < deadline);
            if !failure.again || further >= policy.most || wait > policy.longest_pause || !in_time {
                if failure.again && wait > policy.longest_pause {
                    let longest = policy.longest_pause;
                    failure.message.push_str(&format!(
                        "; it asks to be left alone for {wait:?}, longer than the {longest:?} that are waited"
                    ));
                }
                answer.add_facts(&mut facts);
                return Err(failure.into_error(facts, request.max_tokens));
            }

            // a log is no place for what a server says: it may repeat the prompt
            tracing::debug!(fault = ?failure.fault, status = failure.status, ?wait, "asking again");
            facts.retries += 1;
            further += 1;
            pause = pause.saturating_mul(2).min(policy.longest_pause);
            tokio::time::sleep(wait).await;
        }
    }

    /// What an answer is held against.
    fn asked<'a>(&'a self, request: &GenerationRequest<'_>) -> Asked<'a> {
        let PromptBody::Chat(turns) = request.prompt;
        Asked {
            limit: request.max_tokens,
            prompt_bytes: turns.iter().map(|turn| turn.content.len()).fold(0, usize::saturating_add),
            secret: self.options.key.as_ref().map(ApiKey::secret),
        }
    }

    fn request(&self, request: &GenerationRequest<'_>, refused: &Refused) -> Result<Request, EngineError> {
        let mut sent = Request::new(Method::POST, self.url.clone());
        sent.headers_mut().clone_from(&self.headers);
        *sent.body_mut() = Some(self.style.body(request, refused)?.into());
        Ok(sent)
    }

    /// What the server has refused so far.
    pub(crate) fn refused(&self) -> Refused {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Leaves a parameter out from now on, or gives it its other name. False where that was done before this request, or
    /// where nothing can be done.
    pub(crate) fn adapts(&self, parameter: Parameter, sent: &Refused, facts: &mut ServedFacts) -> bool {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        // Another request in flight has met the same refusal.
        if sent.sends(parameter) && !refused.sends(parameter) {
            return true;
        }
        let change = refused.note(parameter);
        let adapts = change.is_some();
        facts.replaced.extend(change);
        adapts
    }
}

impl ConcurrentEngine for ServedClient {
    fn generate<'a>(
        &'a self,
        request: GenerationRequest<'a>,
        on_chunk: &'a mut (dyn FnMut(Chunk<'_>) + Send),
    ) -> PendingGeneration<'a> {
        Box::pin(async move { self.answer(&request, &mut |chunk: Chunk<'_>| on_chunk(chunk)).await })
    }
}
