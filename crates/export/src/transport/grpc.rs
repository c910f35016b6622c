//! OTLP over gRPC.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message as _;
use tokio::runtime::Runtime;
use tonic::codec::CompressionEncoding;
use tonic::metadata::{MetadataKey, MetadataMap, MetadataValue};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request, Response, Status};

use super::http::{read_file, unreachable};
use super::{Attempt, Refusal};
use crate::destination::{Compression, Destination};
use crate::error::DestinationError;
use crate::headers::Headers;
use crate::server_words::{Partial, shown};

/// Most bytes of an answer that are decoded.
const MAX_ANSWER: usize = 1 << 20;

/// A channel with a runtime of its own, which runs only while a request is under way.
#[derive(Debug)]
pub(crate) struct Grpc {
    runtime: Runtime,
    traces: TraceServiceClient<Channel>,
    meters: MetricsServiceClient<Channel>,
    headers: Headers,
    timeout: Duration,
}

impl Grpc {
    /// A channel to that destination. Nothing is connected yet.
    pub(crate) fn new(destination: &Destination) -> Result<Self, DestinationError> {
        let problem = |problem| DestinationError::Address {
            origin: "--otlp".to_owned(),
            address: destination.name(),
            problem,
        };

        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|_| problem("no thread could be started for it"))?;
        let endpoint = Endpoint::from_shared(destination.url.clone())
            .map_err(|_| problem("it cannot be read"))?
            .user_agent(concat!("infercost/", env!("CARGO_PKG_VERSION")))
            .map_err(|_| problem("it cannot be read"))?
            .connect_timeout(destination.timeout);

        let endpoint = match destination.url.starts_with("https:") {
            true => endpoint
                .tls_config(tls(destination)?)
                .map_err(|_| problem("its certificates cannot be used"))?,
            false => endpoint,
        };

        let channel = {
            let _inside = runtime.enter();
            endpoint.connect_lazy()
        };

        let mut traces = TraceServiceClient::new(channel.clone()).max_decoding_message_size(MAX_ANSWER);
        let mut meters = MetricsServiceClient::new(channel).max_decoding_message_size(MAX_ANSWER);

        if destination.compression == Compression::Gzip {
            traces = traces.send_compressed(CompressionEncoding::Gzip);
            meters = meters.send_compressed(CompressionEncoding::Gzip);
        }

        traces = traces.accept_compressed(CompressionEncoding::Gzip);
        meters = meters.accept_compressed(CompressionEncoding::Gzip);
        let (headers, timeout) = (destination.headers.clone(), destination.timeout);

        Ok(Self { runtime, traces, meters, headers, timeout })
    }

    pub(crate) fn spans(&mut self, request: &ExportTraceServiceRequest) -> Attempt {
        let request = self.request(request.clone());
        let answer = wait(&self.runtime, self.timeout, self.traces.export(request));
        self.attempt(answer, |answer| {
            let partial = answer.partial_success.unwrap_or_default();
            (partial.rejected_spans, partial.error_message)
        })
    }

    pub(crate) fn metrics(&mut self, request: &ExportMetricsServiceRequest) -> Attempt {
        let request = self.request(request.clone());
        let answer = wait(&self.runtime, self.timeout, self.meters.export(request));
        self.attempt(answer, |answer| {
            let partial = answer.partial_success.unwrap_or_default();
            (partial.rejected_data_points, partial.error_message)
        })
    }

    fn request<M>(&self, message: M) -> Request<M> {
        let mut request = Request::new(message);
        let metadata: &mut MetadataMap = request.metadata_mut();
        for (name, value) in self.headers.iter() {
            // names with the ending -bin hold bytes, which no header of a command line does
            let key = MetadataKey::from_bytes(name.as_bytes());
            if let (Ok(key), Ok(mut value)) = (key, MetadataValue::try_from(value)) {
                value.set_sensitive(true);
                metadata.insert(key, value);
            }
        }
        request
    }

    /// What came of a call; `partial` finds in its answer how many were rejected, and why.
    fn attempt<T>(&self, answer: Answer<T>, partial: impl FnOnce(T) -> (i64, String)) -> Attempt {
        match answer {
            None => Attempt::Later { after: None, why: "no answer within the time-out".to_owned() },
            Some(Ok(answer)) => {
                let (rejected, message) = partial(answer.into_inner());
                let rejected = u64::try_from(rejected).unwrap_or(0);
                Attempt::Accepted(Partial { rejected, message: shown(&message, &self.headers) })
            }
            Some(Err(status)) => failed(&status, &self.headers),
        }
    }
}

/// Which codes may be tried again is OTLP's choice (*OTLP/gRPC Throttling*): resources that are exhausted are only where
/// the server says when to come back.
fn failed(status: &Status, headers: &Headers) -> Attempt {
    let mut said = status.message().to_owned();
    let mut cause = std::error::Error::source(status);

    while let Some(error) = cause {
        let text = error.to_string();
        if !said.contains(&text) {
            said = format!("{said}: {text}");
        }
        cause = error.source();
    }

    let why = format!("{:?}: {}", status.code(), shown(&said, headers));
    let after = retry_delay(status.details());

    match status.code() {
        Code::Unavailable if why.contains("invalid peer certificate") => unreachable(why),
        Code::ResourceExhausted | Code::OutOfRange if is_about_size(status.message()) => {
            Attempt::TooLarge { why }
        }
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => Attempt::Later { after, why },
        // what came is no gRPC, or the way to it broke: it may be there later
        Code::Unknown if std::error::Error::source(status).is_some() => Attempt::Later { after, why },
        Code::ResourceExhausted if after.is_some() => Attempt::Later { after, why },
        Code::Unimplemented => Attempt::Refused { refusal: Refusal::Place, why },
        _ => Attempt::Refused { refusal: Refusal::Message, why },
    }
}

/// True for the words in which gRPC's libraries refuse a message for its size; the code alone may be a quota's. In turn:
/// C and Go, Java, .NET, Rust.
fn is_about_size(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    [
        "larger than max",
        "exceeds maximum size",
        "exceeds the maximum configured message size",
        "length too large",
    ]
    .iter()
    .any(|words| message.contains(words))
}

/// What a server answered; `None` for nothing within the time-out.
type Answer<T> = Option<Result<Response<T>, Status>>;

fn wait<T>(
    runtime: &Runtime,
    timeout: Duration,
    call: impl Future<Output = Result<Response<T>, Status>>,
) -> Answer<T> {
    // the clock of a time-out belongs to the runtime, so it is made inside
    runtime.block_on(async { tokio::time::timeout(timeout, call).await }).ok()
}

fn tls(destination: &Destination) -> Result<ClientTlsConfig, DestinationError> {
    let files = &destination.tls;
    let mut config = ClientTlsConfig::new();
    config = match &files.authority {
        Some(path) => config.ca_certificate(Certificate::from_pem(read_file(path)?)),
        None => config.with_webpki_roots(),
    };
    if let (Some(certificate), Some(key)) = (&files.certificate, &files.key) {
        config = config.identity(Identity::from_pem(read_file(certificate)?, read_file(key)?));
    }
    Ok(config)
}

/// `google.rpc.Status` with details of any kind; `google.rpc.RetryInfo` is the one looked for.
#[derive(Clone, PartialEq, prost::Message)]
struct Details {
    #[prost(message, repeated, tag = "3")]
    details: Vec<AnyDetail>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct AnyDetail {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<Delay>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

fn retry_delay(details: &[u8]) -> Option<Duration> {
    let details = Details::decode(details).ok()?.details;
    let info = details.iter().find(|detail| detail.type_url.ends_with("google.rpc.RetryInfo"))?;
    let delay = RetryInfo::decode(info.value.as_slice()).ok()?.retry_delay?;
    Some(Duration::new(u64::try_from(delay.seconds).ok()?, u32::try_from(delay.nanos).ok()?.min(999_999_999)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_is_halved_tried_again_or_left() {
        let retry_in = |seconds| {
            let info = RetryInfo { retry_delay: Some(Delay { seconds, nanos: 0 }) };
            let detail = AnyDetail {
                type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(),
                value: info.encode_to_vec(),
            };
            Details { details: vec![detail] }.encode_to_vec()
        };

        let check = |code, message: &str, details: Vec<u8>, wanted: &str| {
            let status = Status::with_details(code, message, details.into());
            let attempt = match failed(&status, &Headers::default()) {
                Attempt::TooLarge { .. } => "too large".to_owned(),
                Attempt::Refused { .. } => "refused".to_owned(),
                Attempt::Later { after: Some(after), .. } => format!("in {} s", after.as_secs()),
                Attempt::Later { after: None, .. } => "later".to_owned(),
                Attempt::Accepted(_) => "accepted".to_owned(),
            };
            assert_eq!(attempt, wanted, "{code:?}: {message}");
        };

        let full = Code::ResourceExhausted;
        check(full, "quota exceeded", Vec::new(), "refused");
        check(full, "quota exceeded", retry_in(7), "in 7 s");
        check(full, "", vec![0xff; 9], "refused");
        check(full, "grpc: received message larger than max (9 vs. 4)", Vec::new(), "too large");
        check(full, "grpc: received message after decompression larger than max 4", Vec::new(), "too large");
        check(full, "gRPC message exceeds maximum size 4194304: 5", Vec::new(), "too large");
        check(full, "Received message exceeds the maximum configured message size.", Vec::new(), "too large");
        let tonic = "Error, decoded message length too large: found 9 bytes, the limit is: 4 bytes";
        check(Code::OutOfRange, tonic, Vec::new(), "too large");
        check(Code::OutOfRange, "no such page", Vec::new(), "later");
        check(Code::Unavailable, "busy", retry_in(1), "in 1 s");
        check(Code::Unavailable, "busy", Vec::new(), "later");
        check(Code::InvalidArgument, "bad span", retry_in(1), "refused");
    }
}
