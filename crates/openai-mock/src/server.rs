//! The listener: HTTP/1.1, as much of it as a client of such servers uses.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::reply::{Reply, Step, coded};

/// Longest request read, in bytes.
const LONGEST_REQUEST: usize = 16 << 20;

/// A request, as a script sees it.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// `GET` or `POST`.
    pub method: &'a str,
    /// The path.
    pub path: &'a str,
    /// The head, request line included.
    pub head: &'a str,
    /// The body.
    pub body: &'a str,
    /// Counts from 0 over all requests.
    pub number: u64,
}

/// A scripted server on loopback. Dropping it ends it with all its connections.
#[derive(Debug)]
pub struct StandIn {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    requests: AtomicU64,
    connections: AtomicU64,
    end: Notify,
}

type Choose = dyn Fn(&Asked<'_>) -> Reply + Send + Sync;

impl StandIn {
    /// Listens on a free port of 127.0.0.1; `choose` gives the reply to each request.
    ///
    /// # Errors
    /// Where no port or no thread can be had.
    pub fn start(choose: impl Fn(&Asked<'_>) -> Reply + Send + Sync + 'static) -> std::io::Result<Self> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());

        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let on_thread = Arc::clone(&shared);
        let choose: Arc<Choose> = Arc::new(choose);
        let thread = std::thread::Builder::new().name("stand-in".into()).spawn(move || {
            runtime.block_on(async {
                let ended = on_thread.end.notified();
                tokio::select! {
                    () = ended => {}
                    () = listen(listener, choose, &on_thread) => {}
                }
            });
        })?;
        Ok(Self { address, shared, thread: Some(thread) })
    }

    /// A server with one model, `m`, that answers every completion with `reply`.
    ///
    /// # Errors
    /// As [`StandIn::start`].
    pub fn always(reply: Reply) -> std::io::Result<Self> {
        let models =
            Reply::json(r#"{"object":"list","data":[{"id":"m","object":"model","owned_by":"stand-in"}]}"#);
        let none = Reply::not_found();
        Self::start(move |asked| match asked.path {
            path if path.ends_with("/completions") => reply.clone(),
            "/v1/models" => models.clone(),
            _ => none.clone(),
        })
    }

    /// Its base address, as in `http://127.0.0.1:4321/v1`.
    pub fn base(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Requests read so far.
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// Connections taken so far.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Waits until the server has died of a [`Step::Die`], or for ever.
    pub fn wait(mut self) {
        if let Some(thread) = self.thread.take() {
            // A panic of the script's own is the only way to fail, and has been printed.
            let _ = thread.join();
        }
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.shared.end.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn listen(listener: std::net::TcpListener, choose: Arc<Choose>, shared: &Arc<Shared>) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    while let Ok((stream, _)) = listener.accept().await {
        shared.connections.fetch_add(1, Ordering::Relaxed);
        let connection = serve(stream, Arc::clone(&choose), Arc::clone(shared));
        tokio::spawn(connection);
    }
}

/// One connection, request after request, until either side ends it.
async fn serve(mut stream: TcpStream, choose: Arc<Choose>, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let mut read = Vec::with_capacity(4096);
    while let Some((reply, length)) = next_request(&mut stream, &mut read, &choose, &shared).await {
        let asked_at = Instant::now();
        read.drain(..length);
        if !play(&mut stream, &reply, asked_at, &shared).await {
            return;
        }
    }
}

/// Reads the next request and chooses its reply; gives also how many bytes it had.
async fn next_request(
    stream: &mut TcpStream,
    read: &mut Vec<u8>,
    choose: &Arc<Choose>,
    shared: &Shared,
) -> Option<(Reply, usize)> {
    loop {
        if let Some((head, body)) = whole_request(read) {
            let length = head.len().checked_add(body.len())?;
            let head = std::str::from_utf8(head).ok()?;

            let mut words = head.split_ascii_whitespace();
            let number = shared.requests.fetch_add(1, Ordering::Relaxed);

            let asked = Asked {
                method: words.next()?,
                path: words.next()?,
                head,
                body: std::str::from_utf8(body).ok()?,
                number,
            };
            return Some((choose(&asked), length));
        }

        if read.len() > LONGEST_REQUEST || stream.read_buf(read).await.ok()? == 0 {
            return None;
        }
    }
}

/// Head and body of the request that `read` begins with, once all of it is there.
fn whole_request(read: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = read.windows(4).position(|four| four == b"\r\n\r\n")?.checked_add(4)?;
    let (head, rest) = read.split_at_checked(end)?;
    let text = std::str::from_utf8(head).ok()?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    Some((head, rest.get(..length.unwrap_or(0))?))
}

/// Plays a reply's steps. False where the connection is over.
async fn play(stream: &mut TcpStream, reply: &Reply, asked_at: Instant, shared: &Shared) -> bool {
    for step in reply.0.iter() {
        let sent = match step {
            Step::Wait(time) => {
                tokio::time::sleep(*time).await;
                Ok(())
            }
            Step::Send(bytes) => stream.write_all(bytes).await,
            Step::Stamp { before, after } => {
                let number = asked_at.elapsed().as_nanos().to_string();
                stream.write_all(&coded(&[before, number.as_bytes(), after].concat())).await
            }
            Step::Close => return false,
            Step::Reset => {
                let _ = stream.set_zero_linger();
                return false;
            }
            Step::Hang => {
                // Until the client gives up; whatever it still sends is read and dropped.
                let mut dropped = [0; 1024];
                while stream.read(&mut dropped).await.is_ok_and(|read| read > 0) {}
                return false;
            }
            Step::Die => {
                shared.end.notify_one();
                std::future::pending().await
            }
        };

        if sent.is_err() {
            return false;
        }
    }
    true
}
