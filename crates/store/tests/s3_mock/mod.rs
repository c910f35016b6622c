//! A scripted server that speaks the part of S3 that runs are kept by, faults included. One thread a connection, one request
//! a connection.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// This status, and nothing is done.
    Status(u16),
    /// The connection is closed before anything is answered; what was asked for is done all the same.
    CutAfterwards,
    /// Half of the answer's body, then the connection is closed.
    HalfAnswer,
    /// The answer comes after this time.
    Slow(Duration),
    /// The first byte of the object is another one.
    OtherByte,
    /// Half of the objects, as if there were no more.
    HalfList,
    /// The first page, which says that there are more and not how to get them.
    NoToken,
}

/// A fault, of the requests whose method and path hold these texts, so many times.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) fault: Fault,
    pub(crate) times: usize,
}

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<String, Vec<u8>>,
    /// Parts of objects that are sent in several, by upload and number.
    parts: BTreeMap<(String, u32), Vec<u8>>,
    scripts: Vec<Script>,
    /// Method and path of every request.
    requests: Vec<String>,
}

/// The server.
#[derive(Debug, Clone)]
pub(crate) struct S3Mock {
    address: String,
    state: Arc<Mutex<State>>,
}

struct Request {
    method: String,
    path: String,
    query: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl S3Mock {
    /// Starts it at a free port; it ends with the process.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let mock = Self { address, state: Arc::default() };

        let served = mock.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let served = served.clone();
                thread::spawn(move || served.serve(stream));
            }
        });
        mock
    }

    /// The variables by which it is reached.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        [
            ("AWS_ENDPOINT_URL", self.address.as_str()),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "mock"),
            ("AWS_SECRET_ACCESS_KEY", "mock-secret"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    pub(crate) fn script(&self, method: &'static str, path: &'static str, fault: Fault, times: usize) {
        self.state.lock().unwrap().scripts.push(Script { method, path, fault, times });
    }

    pub(crate) fn unscript(&self) {
        self.state.lock().unwrap().scripts.clear();
    }

    /// Names of the objects, with their bucket.
    pub(crate) fn names(&self) -> Vec<String> {
        self.state.lock().unwrap().objects.keys().cloned().collect()
    }

    pub(crate) fn object(&self, part: &str) -> (String, Vec<u8>) {
        let state = self.state.lock().unwrap();
        let found = state.objects.iter().find(|(name, _)| name.contains(part));
        let (name, bytes) = found.unwrap_or_else(|| panic!("no {part} in {:?}", state.objects.keys()));
        (name.clone(), bytes.clone())
    }

    pub(crate) fn set(&self, name: &str, bytes: &[u8]) {
        self.state.lock().unwrap().objects.insert(name.to_owned(), bytes.to_vec());
    }

    pub(crate) fn remove(&self, part: &str) {
        self.state.lock().unwrap().objects.retain(|name, _| !name.contains(part));
    }

    /// Requests so far of a method whose path holds a text.
    pub(crate) fn count(&self, method: &str, part: &str) -> usize {
        let state = self.state.lock().unwrap();
        state.requests.iter().filter(|one| one.starts_with(method) && one.contains(part)).count()
    }

    fn serve(&self, mut stream: TcpStream) {
        let Some(request) = read_request(&stream) else { return };
        let fault = self.fault(&request);
        match fault {
            Some(Fault::Status(status)) => return write(&mut stream, &refused(status), false),
            Some(Fault::Slow(time)) => thread::sleep(time),
            _ => {}
        }

        let mut answer = self.answer(&request, fault);
        match fault {
            Some(Fault::CutAfterwards) => return,
            Some(Fault::OtherByte) => {
                if let Some(first) = answer.body.first_mut() {
                    *first ^= 1;
                }
            }
            _ => {}
        }
        write(&mut stream, &answer, fault == Some(Fault::HalfAnswer));
    }

    /// The fault of a request, which is then used up.
    fn fault(&self, request: &Request) -> Option<Fault> {
        let mut state = self.state.lock().unwrap();
        let is_list = request.query.contains_key("list-type");
        let prefix = request.query.get("prefix").cloned().unwrap_or_default();
        let path = if is_list { format!("list {prefix}") } else { request.path.clone() };
        state.requests.push(format!("{} {path}", request.method));

        let meant = |script: &Script| request.method == script.method && path.contains(script.path);
        let script = state.scripts.iter_mut().find(|script| script.times > 0 && meant(script))?;
        script.times -= 1;
        Some(script.fault)
    }

    fn answer(&self, request: &Request, fault: Option<Fault>) -> Answer {
        let mut state = self.state.lock().unwrap();
        let name = request.path.trim_start_matches('/').to_owned();
        match request.method.as_str() {
            "GET" if request.query.contains_key("list-type") => list(&state, request, fault),
            "POST" | "PUT" | "DELETE" if is_upload(request) => uploaded(&mut state, request, name),
            "PUT" => {
                let only_new = request.headers.get("if-none-match").is_some_and(|value| value == "*");
                if only_new && state.objects.contains_key(&name) {
                    return refused(412);
                }
                state.objects.insert(name, request.body.clone());
                Answer { status: 200, headers: vec![("ETag", "\"e\"".to_owned())], body: Vec::new() }
            }
            "GET" | "HEAD" => match state.objects.get(&name) {
                None => refused(404),
                Some(bytes) => Answer {
                    status: 200,
                    headers: vec![
                        ("ETag", "\"e\"".to_owned()),
                        ("Last-Modified", "Sun, 29 Nov 2026 12:00:00 GMT".to_owned()),
                    ],
                    body: bytes.clone(),
                },
            },
            _ => refused(405),
        }
    }
}

fn is_upload(request: &Request) -> bool {
    request.query.contains_key("uploads") || request.query.contains_key("uploadId")
}

/// A step of an object that is sent in parts. The name of an upload is that of its object.
fn uploaded(state: &mut State, request: &Request, name: String) -> Answer {
    let upload = request.query.get("uploadId").cloned().unwrap_or_else(|| name.replace('/', "-"));
    let number = request.query.get("partNumber").map(|number| number.parse::<u32>().unwrap());
    let xml = match (request.method.as_str(), number) {
        ("PUT", Some(number)) => {
            state.parts.insert((upload, number), request.body.clone());
            String::new()
        }
        ("POST", None) if request.query.contains_key("uploads") => {
            format!(
                "<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>{name}</Key><UploadId>{upload}</UploadId>\
                 </InitiateMultipartUploadResult>"
            )
        }
        ("POST", None) => {
            let parts = state.parts.iter().filter(|((of, _), _)| *of == upload);
            let whole = parts.flat_map(|(_, part)| part.clone()).collect();
            state.objects.insert(name.clone(), whole);
            format!(
                "<CompleteMultipartUploadResult><Location>x</Location><Bucket>b</Bucket><Key>{name}</Key>\
                 <ETag>&quot;e&quot;</ETag></CompleteMultipartUploadResult>"
            )
        }
        _ => {
            state.parts.retain(|(of, _), _| *of != upload);
            String::new()
        }
    };
    let headers = vec![("Content-Type", "application/xml".to_owned()), ("ETag", "\"e\"".to_owned())];
    Answer { status: 200, headers, body: xml.into_bytes() }
}

/// A page of at most two objects, so that every list has pages.
const PAGE: usize = 2;

fn list(state: &State, request: &Request, fault: Option<Fault>) -> Answer {
    let bucket = request.path.trim_matches('/').to_owned();
    let prefix = format!("{bucket}/{}", request.query.get("prefix").map_or("", String::as_str));
    let after = request.query.get("continuation-token").cloned().unwrap_or_default();
    let all: Vec<(&String, &Vec<u8>)> =
        state.objects.iter().filter(|(name, _)| name.starts_with(&prefix)).collect();
    let kept = if fault == Some(Fault::HalfList) { all.len() / 2 } else { all.len() };

    let rest: Vec<_> = all.into_iter().take(kept).filter(|(name, _)| **name > after).collect();
    let has_more = rest.len() > PAGE || fault == Some(Fault::NoToken);
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult>");
    let mut last = String::new();
    for (name, bytes) in rest.into_iter().take(PAGE) {
        let key = name.strip_prefix(&format!("{bucket}/")).unwrap();
        write!(
            xml,
            "<Contents><Key>{key}</Key><LastModified>2026-11-29T12:00:00.000Z</LastModified>\
             <ETag>&quot;e&quot;</ETag><Size>{}</Size></Contents>",
            bytes.len()
        )
        .unwrap();
        last.clone_from(name);
    }
    write!(xml, "<IsTruncated>{has_more}</IsTruncated>").unwrap();
    if has_more && fault != Some(Fault::NoToken) {
        write!(xml, "<NextContinuationToken>{last}</NextContinuationToken>").unwrap();
    }
    xml.push_str("</ListBucketResult>");
    Answer {
        status: 200,
        headers: vec![("Content-Type", "application/xml".to_owned())],
        body: xml.into_bytes(),
    }
}

fn refused(status: u16) -> Answer {
    let body = format!("<Error><Code>Scripted{status}</Code><Message>scripted</Message></Error>");
    Answer { status, headers: Vec::new(), body: body.into_bytes() }
}

fn write(stream: &mut TcpStream, answer: &Answer, only_half: bool) {
    let mut head = format!("HTTP/1.1 {} scripted\r\n", answer.status);
    for (name, value) in &answer.headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    write!(head, "Content-Length: {}\r\nConnection: close\r\n\r\n", answer.body.len()).unwrap();

    let length = if only_half { answer.body.len() / 2 } else { answer.body.len() };
    // a client that has given up is no fault of the server's
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(&answer.body[..length]);
}

fn read_request(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());

    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }

    let length: usize = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let query = query.split('&').filter_map(|pair| pair.split_once('='));
    let query = query.map(|(name, value)| (name.to_owned(), decoded(value))).collect();
    Some(Request { method, path: decoded(path), query, headers, body })
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' && after.len() >= 2 {
            let digits = std::str::from_utf8(&after[..2]).unwrap();
            bytes.push(u8::from_str_radix(digits, 16).unwrap());
            rest = &after[2..];
        } else {
            bytes.push(if *first == b'+' { b' ' } else { *first });
            rest = after;
        }
    }
    String::from_utf8(bytes).unwrap()
}
