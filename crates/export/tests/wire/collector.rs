//! A collector on the loopback interface that does what a script says.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// What is answered.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// Status, further headers (each with its line end), body.
    Say(u16, String, Vec<u8>),
    /// The connection is kept and nothing is said.
    Silence,
    /// The connection is closed.
    HangUp,
}

impl Reply {
    pub(crate) fn ok() -> Self {
        Self::Say(200, "content-type: application/x-protobuf\r\n".to_owned(), Vec::new())
    }

    pub(crate) fn status(status: u16) -> Self {
        Self::Say(status, String::new(), Vec::new())
    }

    pub(crate) fn json(value: &serde_json::Value) -> Self {
        Self::Say(200, "content-type: application/json\r\n".to_owned(), value.to_string().into_bytes())
    }
}

#[derive(Clone)]
pub(crate) struct Collector {
    pub(crate) url: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Collector {
    /// Answers each request, counted from 0, as the script says. Runs until the process ends.
    pub(crate) fn start(script: impl Fn(usize, &Received) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let received = Arc::new(Mutex::new(Vec::new()));
        let (all, script) = (Arc::clone(&received), Arc::new(script));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (all, script) = (Arc::clone(&all), Arc::clone(&script));
                thread::spawn(move || {
                    let _ = serve(stream, &all, script.as_ref());
                });
            }
        });
        Self { url, received }
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// Spans of all requests that held some.
    pub(crate) fn spans(&self) -> Vec<Span> {
        self.received().iter().flat_map(Received::spans).collect()
    }
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn plain(&self) -> Vec<u8> {
        let mut plain = Vec::new();
        match self.header("content-encoding") {
            Some("gzip") => drop(GzDecoder::new(self.body.as_slice()).read_to_end(&mut plain).unwrap()),
            _ => plain.clone_from(&self.body),
        }
        plain
    }

    pub(crate) fn request(&self) -> ExportTraceServiceRequest {
        let plain = self.plain();
        match self.header("content-type") {
            Some("application/x-protobuf") => ExportTraceServiceRequest::decode(plain.as_slice()).unwrap(),
            // their own reader, not ours
            Some("application/json") => serde_json::from_slice(&plain).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    fn spans(&self) -> Vec<Span> {
        let resources = self.request().resource_spans.into_iter();
        resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
    }
}

fn serve(
    stream: TcpStream,
    all: &Mutex<Vec<Received>>,
    script: &(dyn Fn(usize, &Received) -> Reply + Send + Sync),
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    loop {
        let mut first = String::new();
        if reader.read_line(&mut first)? == 0 {
            return Ok(());
        }
        let mut words = first.split(' ').map(str::to_owned);
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length: usize = length.map_or(0, |(_, value)| value.parse().unwrap());
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let request = Received { method, path, headers, body };
        let index = {
            let mut all = all.lock().unwrap();
            all.push(request.clone());
            all.len() - 1
        };
        match script(index, &request) {
            Reply::Silence => thread::sleep(std::time::Duration::from_secs(60)),
            Reply::HangUp => return Ok(()),
            Reply::Say(status, more, body) => {
                write!(stream, "HTTP/1.1 {status} X\r\n{more}content-length: {}\r\n\r\n", body.len())?;
                stream.write_all(&body)?;
            }
        }
    }
}
