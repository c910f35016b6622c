//! What goes over the wire.

use std::sync::Arc;
use std::time::Duration;

/// One step of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// These bytes are written as they are, in one piece.
    Send(Vec<u8>),
    /// Nothing happens for this long.
    Wait(Duration),
    /// A chunk of chunked coding is written whose text is the nanoseconds since the request was read: `before`, the
    /// number, `after`. It is what a client's clock is compared with.
    Stamp {
        /// What stands before the number.
        before: Vec<u8>,
        /// What stands behind it.
        after: Vec<u8>,
    },
    /// The connection is closed in order.
    Close,
    /// The connection is reset.
    Reset,
    /// Nothing more is written; the connection stays open until the client gives up.
    Hang,
    /// The server dies with all its connections.
    Die,
}

/// A reply: its steps, shared by all requests that get it.
#[derive(Debug, Clone)]
pub struct Reply(pub(crate) Arc<[Step]>);

impl Reply {
    /// A reply of these steps, the first of which begins with the status line.
    pub fn of(steps: Vec<Step>) -> Self {
        Self(steps.into())
    }

    /// A whole reply with a body of known length. `headers` are whole lines without their ends.
    pub fn whole(status: u16, content_type: &str, headers: &[&str], body: &str) -> Self {
        let length = body.len();
        let mut head = format!(
            "HTTP/1.1 {status} {}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n",
            reason(status)
        );
        for line in headers {
            head.push_str(line);
            head.push_str("\r\n");
        }
        Self::of(vec![Step::Send(format!("{head}\r\n{body}").into_bytes())])
    }

    /// JSON with status 200.
    pub fn json(body: &str) -> Self {
        Self::whole(200, "application/json", &[], body)
    }

    /// JSON with an error status.
    pub fn error(status: u16, headers: &[&str], body: &str) -> Self {
        Self::whole(status, "application/json", headers, body)
    }

    /// What a server says where it has nothing.
    pub fn not_found() -> Self {
        Self::error(404, &[], r#"{"error":{"message":"no such path"}}"#)
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        429 => "Too Many Requests",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Status",
    }
}

/// `bytes` as one chunk of chunked transfer coding.
pub(crate) fn coded(bytes: &[u8]) -> Vec<u8> {
    let mut coded = format!("{:x}\r\n", bytes.len()).into_bytes();
    coded.extend_from_slice(bytes);
    coded.extend_from_slice(b"\r\n");
    coded
}

/// What ends a body of chunked transfer coding.
pub(crate) const CODED_END: &[u8] = b"0\r\n\r\n";
