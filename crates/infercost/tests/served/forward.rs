//! A port that another process was told, led to a scripted server of this one.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

/// Passes on everything between this port and the server at `base`, for as long as the process lives.
pub(crate) fn forward(port: u16, base: &str) {
    let to = base.trim_start_matches("http://").trim_end_matches("/v1");
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    for near in listener.incoming() {
        let (Ok(near), Ok(far)) = (near, TcpStream::connect(to)) else { continue };

        // else small pieces wait for one another's acknowledgment, and every speed is that of the waiting
        near.set_nodelay(true).unwrap();
        far.set_nodelay(true).unwrap();

        for (from, to) in [(near.try_clone().unwrap(), far.try_clone().unwrap()), (far, near)] {
            thread::spawn(move || copy(from, to));
        }
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    let mut bytes = [0; 4096];
    while let Ok(read) = from.read(&mut bytes) {
        if read == 0 || to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
