//! A server on the loopback interface that answers as told and remembers what it was asked.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use infercost_prices::fetch::Key;
use infercost_prices::{BaseUrl, Client, Query, SourceDef, source};
use jiff::Timestamp;

/// One answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: String,
    pub(crate) body: Vec<u8>,
    /// What `Content-Length` says; the true length where `None`.
    pub(crate) claims: Option<usize>,
    /// Says nothing for this long.
    pub(crate) silence: Duration,
}

impl Answer {
    pub(crate) fn ok(body: &str) -> Self {
        Self {
            status: 200,
            headers: String::new(),
            body: body.as_bytes().to_vec(),
            claims: None,
            silence: Duration::ZERO,
        }
    }

    pub(crate) fn status(status: u16, headers: &str) -> Self {
        Self { status, headers: headers.to_owned(), ..Self::ok("no\u{1b}[31m") }
    }
}

pub(crate) struct Replica {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Replica {
    /// Answers each request by `answer(head and body of the request, its own address)`, until the process ends.
    pub(crate) fn serve(answer: impl Fn(&str, &str) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, own) = (Arc::clone(&asked), url.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut request = Vec::new();
                let mut chunk = [0; 4096];
                loop {
                    let read = stream.read(&mut chunk).unwrap_or(0);
                    request.extend_from_slice(&chunk[..read]);
                    if read == 0 || whole(&request) {
                        break;
                    }
                }
                let request = String::from_utf8_lossy(&request).into_owned();
                log.lock().unwrap().push(request.clone());
                let answer = answer(&request, &own);
                thread::sleep(answer.silence);
                let length = answer.claims.unwrap_or(answer.body.len());
                let head = format!(
                    "HTTP/1.1 {} X\r\nContent-Length: {length}\r\n{}Connection: close\r\n\r\n",
                    answer.status, answer.headers
                );
                let _gone = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&answer.body));
            }
        });

        Self { url, asked }
    }

    /// Always the same answer.
    pub(crate) fn always(answer: Answer) -> Self {
        Self::serve(move |_, _| answer.clone())
    }

    /// Requests so far, head and body.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| {
        line.to_ascii_lowercase()
            .strip_prefix("content-length:")
            .and_then(|length| length.trim().parse::<usize>().ok())
    });
    body.len() >= length.unwrap_or(0)
}

/// Impatient, and with little room.
pub(crate) fn client() -> Client {
    Client::new(Duration::from_secs(2), 64 << 10)
}

pub(crate) fn query(url: &str) -> Query {
    Query {
        base_url: Some(BaseUrl { url: url.to_owned(), confirmed: true }),
        zone: Some("AT".to_owned()),
        from: "2026-10-25".parse().unwrap(),
        days: 1,
        product: Some("AGILE-24-10-01".to_owned()),
        key: Key::new("the-secret-key".to_owned()),
        ..Query::default()
    }
}

pub(crate) fn named(name: &str) -> &'static SourceDef {
    source(name).unwrap()
}

pub(crate) fn now() -> Timestamp {
    "2026-10-24T12:00:00Z".parse().unwrap()
}
