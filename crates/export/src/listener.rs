//! Answers `GET` requests: the page of metrics while a run lasts, and what a monitor shows.
//!
//! Written on sockets, since no server for HTTP is in the tree and this needs little of one: requests without bodies,
//! one answer a connection. Every bound is small: what a request may be long, how long a reader may take, how many
//! readers there may be.

use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Longest request that is read.
const MAX_REQUEST: usize = 8 << 10;
/// How long a reader may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often the end is looked for.
const LOOK: Duration = Duration::from_millis(100);
/// Readers at one time; further ones are sent away.
const MOST_READERS: usize = 64;

/// What a reader asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `HEAD` or another word.
    pub method: String,
    /// The path, without what stands behind `?`.
    pub path: String,
    /// What stands behind `?`.
    pub query: String,
    headers: Vec<(String, String)>,
}

impl Request {
    /// A header by its name in small letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Reads the head of a request; `None` where it is none.
    pub fn parse(head: &str) -> Option<Self> {
        let mut lines = head.split("\r\n");
        let mut words = lines.next()?.split(' ');
        let (method, target, version) = (words.next()?, words.next()?, words.next()?);
        if !version.starts_with("HTTP/1.") || words.next().is_some() {
            return None;
        }

        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers = Vec::new();
        for line in lines.take_while(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':')?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Some(Self { method: method.to_owned(), path: path.to_owned(), query: query.to_owned(), headers })
    }
}

/// What a reader gets.
pub struct Reply {
    /// Such as `200 OK`.
    pub status: &'static str,
    /// The body's media type.
    pub content_type: &'static str,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    /// What follows them.
    pub body: Body,
}

/// What follows the head of an answer.
pub enum Body {
    /// All of it.
    Whole(Vec<u8>),
    /// Pieces, each sent as it comes, until there is none: it waits for the next one a second at most, and gives an
    /// empty piece where nothing came.
    Pieces(Box<dyn FnMut() -> Option<Vec<u8>> + Send>),
}

impl Reply {
    /// An answer in one piece.
    pub fn new(status: &'static str, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, content_type, headers: Vec::new(), body: Body::Whole(body.into()) }
    }

    /// A line of plain text.
    pub fn text(status: &'static str, text: &str) -> Self {
        Self::new(status, "text/plain; charset=utf-8", format!("{text}\n"))
    }
}

/// Whatever answers requests.
pub trait Pages: Send + Sync {
    /// The answer to a request; the listener itself leaves the body out where `HEAD` was asked.
    fn answer(&self, request: &Request) -> Reply;
}

/// Answers on threads of its own until it is dropped.
#[derive(Debug)]
pub struct Listener {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
}

impl Listener {
    /// Listens at that address; port 0 takes a free one.
    ///
    /// # Errors
    /// What the system says where the address cannot be listened at.
    pub fn start(address: SocketAddr, pages: Arc<dyn Pages>) -> io::Result<Self> {
        let socket = TcpListener::bind(address)?;
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);

        let accepting = Accepting { socket, pages, stop: stopped, readers: Arc::default() };
        thread::Builder::new().name("infercost-pages".to_owned()).spawn(move || accepting.run())?;
        Ok(Self { address, stop })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

struct Accepting {
    socket: TcpListener,
    pages: Arc<dyn Pages>,
    stop: Arc<AtomicBool>,
    readers: Arc<AtomicUsize>,
}

impl Accepting {
    fn run(self) {
        while !self.stop.load(Ordering::Relaxed) {
            match self.socket.accept() {
                Ok((stream, _)) => self.serve(stream),
                Err(_) => thread::sleep(LOOK),
            }
        }
    }

    fn serve(&self, stream: TcpStream) {
        if self.readers.fetch_add(1, Ordering::Relaxed) >= MOST_READERS {
            self.readers.fetch_sub(1, Ordering::Relaxed);
            // it is closed at once, and a reader that goes away is no loss
            return;
        }

        let reader = Reader(Arc::clone(&self.readers));
        let (pages, stop) = (Arc::clone(&self.pages), Arc::clone(&self.stop));
        let spawned = thread::Builder::new().name("infercost-reader".to_owned()).spawn(move || {
            drop(answer(stream, pages.as_ref(), &stop));
            drop(reader);
        });
        // without a thread there is no answer; the next reader may have more luck
        drop(spawned);
    }
}

/// One reader, counted as long as it lives.
struct Reader(Arc<AtomicUsize>);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn answer(mut stream: TcpStream, pages: &dyn Pages, stop: &AtomicBool) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;

    let Some(head) = read_head(&mut stream)? else { return Ok(()) };
    let request = Request::parse(&head);
    let reply = match &request {
        None => Reply::text("400 Bad Request", "this is no request"),
        Some(request) if !matches!(request.method.as_str(), "GET" | "HEAD") => {
            Reply::text("405 Method Not Allowed", "there is nothing here but pages to read")
        }
        Some(request) => pages.answer(request),
    };
    let head_only = request.is_some_and(|request| request.method == "HEAD");
    send(&mut stream, reply, head_only, stop)
}

/// The head of a request, bytes that are no text replaced; `None` where it is too long, too slow, or cut off.
fn read_head(stream: &mut TcpStream) -> io::Result<Option<String>> {
    let began = Instant::now();
    let mut request = Vec::new();
    let mut part = [0; 1024];

    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = stream.read(&mut part)?;
        request.extend_from_slice(part.get(..read).unwrap_or_default());
        if read == 0 || request.len() > MAX_REQUEST || began.elapsed() > PATIENCE {
            return Ok(None);
        }
    }
    Ok(Some(String::from_utf8_lossy(&request).into_owned()))
}

fn send(stream: &mut TcpStream, reply: Reply, head_only: bool, stop: &AtomicBool) -> io::Result<()> {
    let mut head = format!(
        "HTTP/1.1 {}\r\ncontent-type: {}\r\nx-content-type-options: nosniff\r\ncache-control: no-store\r\n\
         connection: close\r\n",
        reply.status, reply.content_type
    );
    for (name, value) in &reply.headers {
        // a header of ours never holds what others wrote but where it was checked; a line end would begin another one
        let _ = write!(head, "{name}: {}\r\n", value.replace(['\r', '\n'], " "));
    }
    if let Body::Whole(body) = &reply.body {
        let _ = write!(head, "content-length: {}\r\n", body.len());
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes())?;

    match reply.body {
        _ if head_only => {}
        Body::Whole(body) => stream.write_all(&body)?,
        Body::Pieces(mut next) => {
            while !stop.load(Ordering::Relaxed) {
                let Some(piece) = next() else { break };
                stream.write_all(&piece)?;
                stream.flush()?;
            }
        }
    }
    stream.flush()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

    use super::*;

    struct Echo;

    impl Pages for Echo {
        fn answer(&self, request: &Request) -> Reply {
            if request.path == "/stream" {
                let mut left = 3;
                let pieces = move || {
                    left -= 1;
                    (left >= 0).then(|| b"piece ".to_vec())
                };
                let body = Body::Pieces(Box::new(pieces));
                return Reply { body, ..Reply::text("200 OK", "") };
            }
            Reply::text("200 OK", &format!("{} {} {:?}", request.path, request.query, request.header("host")))
        }
    }

    fn ask(listener: &Listener, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(listener.address()).unwrap();
        stream.write_all(request).unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    }

    #[test]
    fn requests_and_what_is_none() {
        let listener = Listener::start("127.0.0.1:0".parse().unwrap(), Arc::new(Echo)).unwrap();
        let check = |request: &[u8], parts: &[&str]| {
            let answer = ask(&listener, request);
            for part in parts {
                assert!(answer.contains(part), "{}: {answer}", String::from_utf8_lossy(request));
            }
            answer
        };
        check(b"GET /a?b=c HTTP/1.1\r\nHost: h:1\r\n\r\n", &["200 OK", "/a b=c Some(\"h:1\")", "nosniff"]);
        let head = check(b"HEAD /a HTTP/1.1\r\n\r\n", &["200 OK", "content-length"]);
        assert!(head.ends_with("\r\n\r\n"));
        check(b"GET /stream HTTP/1.1\r\n\r\n", &["piece piece piece "]);
        check(b"POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\n", &["405"]);
        check(b"nonsense\r\n\r\n", &["400"]);
        check(b"GET / HTTP/1.1 x\r\n\r\n", &["400"]);
        check(b"GET / HTTP/1.1\r\nno colon\r\n\r\n", &["400"]);
        // what never ends gets no answer, and holds nobody up
        assert_eq!(ask(&listener, &vec![b'x'; 20_000]), "");
        check(b"GET /a HTTP/1.1\r\n\r\n", &["200 OK"]);
    }

    #[test]
    fn a_port_is_one_listeners() {
        let first = Listener::start("127.0.0.1:0".parse().unwrap(), Arc::new(Echo)).unwrap();
        let second = Listener::start(first.address(), Arc::new(Echo));
        assert_eq!(second.map(|_| ()).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }
}
