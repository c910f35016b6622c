//! A page for Prometheus to scrape while a run lasts.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::Meters;

/// Longest request that is read.
const MAX_REQUEST: usize = 8 << 10;
/// How long a reader may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often the end of the run is looked for.
const LOOK: Duration = Duration::from_millis(100);

/// Answers `GET /metrics` on a thread of its own, one reader at a time, until it is dropped.
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
    pub fn start(address: SocketAddr, meters: Arc<Meters>) -> io::Result<Self> {
        let socket = TcpListener::bind(address)?;
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        thread::Builder::new().name("metrics".to_owned()).spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                match socket.accept() {
                    // a reader that goes away is no loss
                    Ok((stream, _)) => drop(answer(stream, &meters)),
                    Err(_) => thread::sleep(LOOK),
                }
            }
        })?;
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

/// True where a request's `Host` is an address or `localhost`, or is not told. A browser that a page's own name has led to
/// this machine names that page (DNS rebinding): it is shown nothing.
fn names_this_machine(request: &[u8]) -> bool {
    let head = String::from_utf8_lossy(request);
    let mut lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    let Some((_, host)) = lines.find(|(name, _)| name.trim().eq_ignore_ascii_case("host")) else {
        return true;
    };

    let host = host.trim();
    let is_address = host.parse::<SocketAddr>().is_ok() || host.parse::<IpAddr>().is_ok();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let in_brackets = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok();
    is_address || in_brackets || name.eq_ignore_ascii_case("localhost")
}

fn answer(mut stream: TcpStream, meters: &Meters) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let began = std::time::Instant::now();
    let mut request = Vec::new();
    let mut part = [0; 1024];

    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = stream.read(&mut part)?;
        request.extend_from_slice(part.get(..read).unwrap_or_default());
        if read == 0 || request.len() > MAX_REQUEST || began.elapsed() > PATIENCE {
            return Ok(());
        }
    }

    if stream.local_addr()?.ip().is_loopback() && !names_this_machine(&request) {
        let refusal = "HTTP/1.1 421 Misdirected Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        return stream.write_all(refusal.as_bytes());
    }

    let first = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = first.split(|byte| *byte == b' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = path.split(|byte| *byte == b'?').next().unwrap_or_default();
    let (status, body) = match (method, path) {
        (b"GET" | b"HEAD", b"/metrics") => ("200 OK", meters.exposition()),
        (b"GET" | b"HEAD", _) => ("404 Not Found", "metrics are at /metrics\n".to_owned()),
        _ => ("405 Method Not Allowed", String::new()),
    };

    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; version=0.0.4; charset=utf-8\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;

    if method != b"HEAD" {
        stream.write_all(body.as_bytes())?;
    }

    stream.flush()
}
