//! `--cluster` where nobody answers, somebody else does, or the cluster cannot: said before anything is read, in one line.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

#[path = "economics/made_up.rs"]
mod made_up;
#[expect(dead_code, reason = "other tests read JSON")]
mod program;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Output;
use std::thread;
use std::time::{Duration, Instant};

use made_up::MadeUp;
use program::run;

/// A run in the tables of a folder.
fn tables() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let made_up =
        MadeUp { id: "20261101-000000", seconds: 0.7, watts: Some(61.3), idle: Some(20.0), threads: 2 };
    made_up.write(folder.path());
    let output = run(folder.path(), &["export", "20261101-000000", "--parquet", "tables"]);
    assert!(output.status.success(), "{output:?}");
    folder
}

/// The port of a server that answers each request so; with `None` it says nothing and keeps the connection.
fn server(answer: Option<&'static str>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut kept = Vec::new();
        for mut stream in listener.incoming().flatten() {
            let Some(answer) = answer else {
                kept.push(stream);
                continue;
            };
            let _read = stream.read(&mut [0; 4096]);
            let _sent = stream.write_all(answer.as_bytes());
        }
    });
    port
}

fn asked(folder: &Path, port: u16) -> Output {
    run(folder, &["fleet", "tables", "--json", "--cluster", &format!("df://127.0.0.1:{port}")])
}

/// The one line of an error that names the address, and no answer beside it.
#[track_caller]
fn check(output: &Output, port: u16, wanted: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(wanted) && said.contains(&format!("df://127.0.0.1:{port}")), "{said}");
    assert!(output.stdout.is_empty() && said.trim_end().lines().count() == 1, "{output:?}");
}

#[test]
fn nobody_answers() {
    let folder = tables();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    check(&asked(folder.path(), port), port, "no answer from a scheduler");

    let start = Instant::now();
    let silent = server(None);
    check(&asked(folder.path(), silent), silent, "no answer from a scheduler");
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn something_else_answers() {
    let folder = tables();
    let check = |answer: &'static str, wanted: &str| {
        let port = server(Some(answer));
        check(&asked(folder.path(), port), port, wanted);
    };
    check("SSH-2.0-OpenSSH_9.9\r\n", "no answer from a scheduler");
    check("HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Length: 0\r\n\r\n", "is no Ballista scheduler");
    check(
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        "is no Ballista scheduler",
    );
    check("HTTP/1.1 200 OK\r\nServer: ballista/54.1.0\r\nContent-Length: 0\r\n\r\n", "is of version 54.1.0");
    check(
        "HTTP/1.1 200 OK\r\nServer: ballista/54\u{1b}[31m\r\nContent-Length: 0\r\n\r\n",
        "no answer from a scheduler",
    );
    check(
        "HTTP/1.1 503 Service Unavailable\r\nServer: ballista/55.0.0\r\nContent-Length: 0\r\n\r\n",
        "has no executor",
    );
    // it passes for one, and then speaks another protocol
    check(
        "HTTP/1.1 200 OK\r\nServer: ballista/55.0.0\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        "the query failed on the cluster",
    );
}

#[test]
fn what_is_wrong_is_said_before_a_cluster_is_asked() {
    let folder = tables();
    let check = |command: &str, wanted: &str| {
        let output = run(folder.path(), &command.split(' ').collect::<Vec<_>>());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains(wanted), "{command}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    };
    check("fleet tables --cluster df://127.0.0.1:1 --memory 1GB", "cannot be used with");
    check("fleet tables --cluster 127.0.0.1:1", "write it as df://HOST:PORT");
    check("fleet tables --cluster http://127.0.0.1:1", "write it as df://HOST:PORT");
    check("fleet tables --cluster df://127.0.0.1:1 --by day --movers 3", "--from");
}
