//! What a server said, fit to be shown: escaped, cut, and without secrets.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use serde::Deserialize;

use crate::headers::Headers;

/// Most characters of a server's words that are shown.
const SHOWN: usize = 300;

/// One line of at most 300 characters without control characters; nothing where it repeats a secret header.
pub(crate) fn shown(text: &str, headers: &Headers) -> String {
    if headers.shows_in(text) {
        return "(an answer that repeats a secret header is not shown)".to_owned();
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    infercost_core::text::printable_up_to(&words.join(" "), SHOWN).into_owned()
}

/// `google.rpc.Status`, as OTLP servers explain an error in.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

/// The explanation in the body of an error: OTLP's `Status` in protobuf or JSON, or the text as it is.
pub(crate) fn explanation(content_type: &str, body: &[u8], headers: &Headers) -> String {
    #[derive(Deserialize)]
    struct JsonStatus {
        #[serde(alias = "detail", alias = "error")]
        message: String,
    }
    let text = if content_type.starts_with("application/x-protobuf") {
        RpcStatus::decode(body).map(|status| status.message).unwrap_or_default()
    } else if let Ok(status) = serde_json::from_slice::<JsonStatus>(body) {
        status.message
    } else if content_type.starts_with("text/html") {
        String::new() // a page for people, of a proxy or of something that is no collector
    } else {
        String::from_utf8_lossy(body).into_owned()
    };
    shown(&text, headers)
}

/// How much of a batch was taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Partial {
    /// Spans or data points that the server rejected for good.
    pub rejected: u64,
    /// Its reason or warning, escaped and cut; empty where it gave none.
    pub message: String,
}

/// The partial success in the body of a 200. An empty or foreign body is a whole success.
pub(crate) fn partial(content_type: &str, body: &[u8], headers: &Headers) -> Partial {
    #[derive(Deserialize, Default)]
    #[serde(rename_all = "camelCase", default)]
    struct JsonAnswer {
        partial_success: JsonPartial,
    }

    #[derive(Deserialize, Default)]
    #[serde(rename_all = "camelCase", default)]
    struct JsonPartial {
        #[serde(alias = "rejectedDataPoints")]
        rejected_spans: serde_json::Value,
        error_message: String,
    }

    if content_type.starts_with("application/json") {
        let answer: JsonAnswer = serde_json::from_slice(body).unwrap_or_default();
        let rejected = match answer.partial_success.rejected_spans {
            serde_json::Value::String(digits) => digits.parse().unwrap_or(0),
            number => number.as_u64().unwrap_or(0),
        };
        return Partial { rejected, message: shown(&answer.partial_success.error_message, headers) };
    }

    let answer = ExportTraceServiceResponse::decode(body).unwrap_or_default();
    answer.partial_success.map_or_else(Partial::default, |partial| Partial {
        rejected: u64::try_from(partial.rejected_spans).unwrap_or(0),
        message: shown(&partial.error_message, headers),
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]
    use super::*;

    #[test]
    fn words_are_escaped_and_cut() {
        let none = Headers::default();
        assert_eq!(shown(" a\u{1b}[31m\r\n  b\u{202e}c ", &none), "a\\u{1b}[31m b\\u{202e}c");
        assert_eq!(shown(&"x".repeat(10_000), &none).chars().count(), SHOWN + 1);
        let mut secret = Headers::default();
        secret.set("authorization", "Bearer abcdefgh").unwrap();
        assert!(!shown("no access for abcdefgh", &secret).contains("abcdefgh"));
    }

    #[test]
    fn explanations_of_each_kind() {
        let none = Headers::default();
        let check = |kind: &str, body: &[u8], wanted: &str| {
            assert_eq!(explanation(kind, body, &none), wanted);
        };
        let status = RpcStatus { code: 3, message: "bad span".to_owned() }.encode_to_vec();
        check("application/x-protobuf", &status, "bad span");
        check("application/x-protobuf", b"\xff\xff\xff", "");
        check("application/json", br#"{"code":3,"message":"bad\nspan"}"#, "bad span");
        check("application/json", br#"{"detail":"no"}"#, "no");
        check("text/plain; charset=utf-8", b"\xffgone", "\u{fffd}gone");
        check("text/html", b"<h1>404</h1>", "");
    }

    #[test]
    fn partial_success_of_each_kind() {
        let none = Headers::default();
        let check = |kind: &str, body: &[u8], rejected: u64, message: &str| {
            assert_eq!(partial(kind, body, &none), Partial { rejected, message: message.to_owned() });
        };
        check("application/x-protobuf", b"", 0, "");
        check("application/x-protobuf", &[0x0a, 5, 0x08, 2, 0x12, 1, b'x'], 2, "x");
        check(
            "application/json",
            br#"{"partialSuccess":{"rejectedSpans":"7","errorMessage":"late"}}"#,
            7,
            "late",
        );
        check("application/json", br#"{"partialSuccess":{"rejectedDataPoints":7}}"#, 7, "");
        check("application/json", b"{}", 0, "");
        check("", b"OK", 0, "");
    }
}
