#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use super::*;
use crate::{Monitor, MonitorOptions, Tariffs};

const TOKEN: &str = "0123456789abcdef";

fn snapshot() -> Snapshot {
    let options = MonitorOptions {
        machine: "</script><b>m".to_owned(),
        version: "0".to_owned(),
        interval: Duration::from_secs(1),
        tariffs: Tariffs::default(),
    };
    Monitor::new(options).snapshot()
}

fn pages(address: &str, token: Option<&str>) -> MonitorPages {
    let board = Arc::new(Board::default());
    board.publish(&snapshot());
    let token = token.map(|token| Token::new(token).unwrap());
    let access = Access { address: address.parse().unwrap(), token, names: vec!["gpu-box".to_owned()] };
    MonitorPages::new(board, access)
}

fn ask(pages: &MonitorPages, path: &str, headers: &str) -> Reply {
    pages.answer(&Request::parse(&format!("GET {path} HTTP/1.1\r\n{headers}\r\n\r\n")).unwrap())
}

fn body(reply: Reply) -> String {
    let Body::Whole(bytes) = reply.body else { panic!("a stream") };
    String::from_utf8(bytes).unwrap()
}

#[test]
fn names_that_are_not_ours_get_nothing() {
    let pages = pages("127.0.0.1:9464", None);
    for (host, status) in [
        ("127.0.0.1:9464", "200"),
        ("localhost:9464", "200"),
        ("LOCALHOST", "200"),
        ("gpu-box:9464", "200"),
        ("[::1]:9464", "200"),
        ("evil.example:9464", "421"),
        ("127.0.0.1.evil.example", "421"),
        ("localhost.evil.example", "421"),
        ("10.0.0.1:9464", "421"),
        ("", "421"),
    ] {
        let reply = ask(&pages, "/api/snapshot", &format!("host: {host}"));
        assert!(reply.status.starts_with(status), "{host}: {}", reply.status);
        assert!(!reply.headers.iter().any(|(name, _)| name.starts_with("access-control")));
    }
    assert!(ask(&pages, "/", "accept: */*").status.starts_with("421"));
}

#[test]
fn a_token_is_asked_for_everything() {
    let pages = pages("0.0.0.0:9464", Some(TOKEN));
    let host = "host: 10.1.2.3:9464";
    for path in ["/", "/metrics", "/api/snapshot", "/api/stream", "/else"] {
        assert!(ask(&pages, path, host).status.starts_with("401"), "{path}");
        assert!(
            ask(&pages, path, &format!("{host}\r\nauthorization: Bearer wrong")).status.starts_with("401")
        );
        assert!(
            ask(&pages, path, &format!("{host}\r\ncookie: infercost_token=wrong")).status.starts_with("401")
        );
    }
    for headers in [format!("authorization: Bearer {TOKEN}"), format!("cookie: a=b; infercost_token={TOKEN}")]
    {
        let reply = ask(&pages, "/api/snapshot", &format!("{host}\r\n{headers}"));
        assert!(reply.status.starts_with("200"), "{headers}");
    }
    // the token leaves the address at once
    let opened = ask(&pages, &format!("/?token={TOKEN}"), host);
    assert!(opened.status.starts_with("303"));
    let cookie = opened.headers.iter().find(|(name, _)| *name == "set-cookie").unwrap();
    assert!(cookie.1.contains("HttpOnly") && cookie.1.contains("SameSite=Strict"));
}

#[test]
fn the_page_allows_its_own_script_alone() {
    let pages = pages("127.0.0.1:1", None);
    let reply = ask(&pages, "/", "host: localhost");
    let policy = &reply.headers.iter().find(|(name, _)| *name == "content-security-policy").unwrap().1;
    for part in ["default-src 'none'", "script-src 'sha256-", "connect-src 'self'", "frame-ancestors 'none'"]
    {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"));

    let html = body(reply);
    // nothing of the machine is in it, and nothing is asked from elsewhere
    assert!(!html.contains("</script><b>m") && html.matches("<script>").count() == 1);
    assert!(
        !html.contains("http://www.w3.org/1999")
            && !html.contains("src=\"http")
            && !html.contains("/*SCRIPT*/")
    );
    assert!(!html.contains("innerHTML") && !html.contains("document.write"));
}

#[test]
fn what_programs_read() {
    let pages = pages("127.0.0.1:1", None);
    let read = |path| body(ask(&pages, path, "host: localhost"));
    let json: Snapshot = serde_json::from_str(&read("/api/snapshot")).unwrap();
    assert_eq!(json, snapshot());
    let metrics = read("/metrics");
    for line in metrics.lines().filter(|line| !line.starts_with('#')) {
        assert!(infercost_energy::exposition::sample(line).is_some(), "{line}");
    }
    // what is not known has no sample
    assert!(
        metrics.contains("# TYPE infercost_power_watts gauge")
            && !metrics.contains("\ninfercost_power_watts")
    );
    assert!(read("/nothing").contains("/metrics"));

    let Body::Pieces(mut next) = ask(&pages, "/api/stream", "host: localhost").body else {
        panic!("no stream")
    };
    let first = String::from_utf8(next().unwrap()).unwrap();
    assert!(first.starts_with("data: {") && first.ends_with("\n\n"), "{first}");
    assert_eq!(String::from_utf8(next().unwrap()).unwrap(), ": waiting\n\n");
}

#[test]
fn streams_have_a_bound() {
    let pages = pages("127.0.0.1:1", None);
    let held: Vec<Reply> = (0..MOST_STREAMS).map(|_| ask(&pages, "/api/stream", "host: localhost")).collect();
    assert!(ask(&pages, "/api/stream", "host: localhost").status.starts_with("503"));
    drop(held);
    assert!(ask(&pages, "/api/stream", "host: localhost").status.starts_with("200"));
}
