#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc;

use super::*;

fn notice(value: f64) -> Notice {
    Notice {
        raised: true,
        rule: "gpu.temperature > 85".to_owned(),
        subject: "board".to_owned(),
        value,
        text: format!("ALERT: board {value}"),
    }
}

/// A server that gives these answers in turn, and what it was sent.
fn server(answers: Vec<&'static str>) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut text = String::new();
            let mut part = [0; 4096];
            loop {
                let read = stream.read(&mut part).unwrap();
                text.push_str(&String::from_utf8_lossy(&part[..read]));
                let whole = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
                    let length = head.to_ascii_lowercase();
                    let length = length
                        .split("content-length: ")
                        .nth(1)
                        .unwrap_or("0")
                        .split("\r\n")
                        .next()
                        .unwrap()
                        .to_owned();
                    body.len() >= length.parse().unwrap()
                });
                if whole || read == 0 {
                    break;
                }
            }
            sender.send(text).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });

    (format!("http://{address}/hook?key=secret"), receiver)
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
const BUSY: &str = "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
const ELSEWHERE: &str =
    "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
const SOON: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(1)];

#[test]
fn notices_arrive_together_and_again_where_the_place_is_busy() {
    let (url, sent) = server(vec![BUSY, OK, OK]);
    let webhook = Webhook::start_with(&url, "m", Duration::from_millis(300), &SOON).unwrap();
    webhook.send(notice(90.0));
    let first = sent.recv_timeout(Duration::from_secs(5)).unwrap();
    assert!(first.contains("\"state\":\"raised\"") && first.contains("ALERT: board 90"), "{first}");
    assert_eq!(first.split("\r\n\r\n").nth(1), sent.recv().unwrap().split("\r\n\r\n").nth(1), "sent again");
    webhook.send(notice(91.0));
    webhook.send(notice(92.0));
    let together = sent.recv_timeout(Duration::from_secs(5)).unwrap();
    assert!(together.contains("board 91") && together.contains("board 92"), "{together}");
    assert!(webhook.failures().is_empty());
}

#[test]
fn a_redirect_is_not_followed_and_no_failure_shows_the_address() {
    let (url, sent) = server(vec![ELSEWHERE]);
    let webhook = Webhook::start_with(&url, "m", Duration::from_millis(1), &SOON).unwrap();
    webhook.send(notice(90.0));
    sent.recv_timeout(Duration::from_secs(5)).unwrap();
    let mut failures = Vec::new();
    for _ in 0..500 {
        failures.extend(webhook.failures());
        if !failures.is_empty() {
            break;
        }
        thread::sleep(Duration::from_millis(10));
    }
    assert!(failures[0].contains("redirect is not followed"), "{failures:?}");
    assert!(!failures[0].contains("secret") && !failures[0].contains("/hook"), "{failures:?}");
    assert!(!format!("{webhook:?}").contains("secret"));
}

#[test]
fn a_full_queue_drops_what_is_oldest() {
    // nobody listens: everything waits
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let webhook = Webhook::start(&format!("http://127.0.0.1:{port}/"), "m").unwrap();
    for value in 0..500 {
        webhook.send(notice(f64::from(value)));
    }
    let queue = webhook.shared.state.lock().unwrap();
    assert!(queue.waiting.len() <= MOST_WAITING && queue.dropped > 300, "{}", queue.dropped);
}

#[test]
fn addresses_that_are_refused() {
    for url in ["", "host/hook", "ftp://host", "http://", "http://user:secret@host/", "http://host/a b"] {
        assert!(Webhook::start(url, "m").is_err(), "{url}");
    }
}
