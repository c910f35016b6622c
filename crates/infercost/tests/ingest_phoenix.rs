//! A project of a Phoenix into tables, from a scripted server: page by page, each day once, whatever Phoenix has forgotten.
#![cfg(feature = "fleet")]
#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

mod program;
mod schema;
#[expect(dead_code, reason = "the recorded run is not needed here")]
mod workspace;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::process::Output;
use std::sync::{Arc, Mutex};
use std::thread;

use program::{infercost, json, run};
use serde_json::Value;

/// Spans of a page.
const PAGE: usize = 3;

#[derive(Debug, Default)]
struct State {
    /// Newest first, as Phoenix gives them.
    spans: Vec<String>,
    /// The page that is answered with 500.
    broken_page: Option<usize>,
    /// Every page says that it is followed by the first.
    goes_round: bool,
    /// Paths and keys of all requests.
    asked: Vec<(String, Option<String>)>,
}

/// A Phoenix with one project.
struct Phoenix {
    address: String,
    state: Arc<Mutex<State>>,
}

impl Phoenix {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::<Mutex<State>>::default();
        let served = Arc::clone(&state);
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut lines = Vec::new();
                loop {
                    let mut line = String::new();
                    if reader.read_line(&mut line).unwrap_or(0) <= 2 {
                        break;
                    }
                    lines.push(line);
                }
                let Some(path) = lines.first().and_then(|line| line.split(' ').nth(1)) else { continue };
                let key = lines.iter().find(|line| line.to_ascii_lowercase().starts_with("authorization:"));
                let (status, body) =
                    served.lock().unwrap().answer(path, key.map(|line| line.trim().to_owned()));
                let length = body.len();
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status} scripted\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
                     connection: close\r\n\r\n{body}"
                );
            }
        });
        Self { address, state }
    }

    /// The project, as it is named.
    fn name(&self) -> String {
        format!("phoenix:{}/shop", self.address)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
    }
}

impl State {
    fn answer(&mut self, path: &str, key: Option<String>) -> (u16, String) {
        self.asked.push((path.to_owned(), key));
        let Some(query) = path.strip_prefix("/v1/projects/shop/spans?") else {
            return (404, r#"{"detail":"no such project"}"#.to_owned());
        };
        let page = query.split("cursor=").nth(1).map_or(0, |page| page.parse::<usize>().unwrap());
        if self.broken_page == Some(page) {
            return (500, "down".to_owned());
        }

        let from = (page * PAGE).min(self.spans.len());
        let to = (from + PAGE).min(self.spans.len());
        let is_last = to == self.spans.len();
        let next = if self.goes_round {
            "\"0\"".to_owned()
        } else if is_last {
            "null".to_owned()
        } else {
            format!("\"{}\"", page + 1)
        };
        (200, format!("{{\"data\":[{}],\"next_cursor\":{next}}}", self.spans[from..to].join(",")))
    }
}

/// A call of a model, as Phoenix shows it.
fn call(number: u32, start: &str) -> String {
    format!(
        r#"{{"id":"U3Bhbjox","name":"ChatCompletion","context":{{"trace_id":"{number:032x}","span_id":"{number:016x}"}},
        "span_kind":"LLM","parent_id":null,"start_time":"{start}","end_time":"{start}","status_code":"OK","status_message":"",
        "attributes":{{"llm.model_name":"gpt-x","llm.token_count.prompt":10,"llm.token_count.completion":5,
        "user.id":"u1","input.value":"line\nline"}},"events":[]}}"#
    )
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Rows by day.
#[track_caller]
fn days(folder: &std::path::Path) -> String {
    let query = "SELECT day, count(*), sum(output_tokens) FROM inferences GROUP BY 1 ORDER BY 1";
    let output = run(folder, &["sql", query, "tables", "--format", "csv"]);
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8_lossy(&output.stdout).lines().skip(1).collect::<Vec<_>>().join("|")
}

#[test]
fn a_project_is_taken_in_page_by_page_and_each_day_once() {
    let (phoenix, folder) = (Phoenix::start(), tempfile::tempdir().unwrap());
    let name = phoenix.name();
    let mut spans: Vec<String> =
        (0..4).rev().map(|number| call(number + 100, "2026-11-29T10:00:00+00:00")).collect();
    spans.extend((0..4).rev().map(|number| call(number + 1, "2026-11-28T23:59:59.5+00:00")));
    spans.insert(1, r#"{"name":"GET /","context":{"trace_id":"ff","span_id":"fe"},"span_kind":"CHAIN","start_time":"2026-11-29T10:00:00Z","end_time":"2026-11-29T10:00:01Z","status_code":"OK","attributes":{}}"#.to_owned());
    phoenix.change(|state| state.spans = spans);

    let ingest = ["ingest", &name, "--into", "tables", "--json"];
    let output = infercost(folder.path(), &ingest).env("PHOENIX_API_KEY", "hunter2").output().unwrap();
    assert!(output.status.success() && !said(&output).contains("hunter2"), "{}", said(&output));
    let first = json(&output);
    assert_eq!((&first["spans"], &first["inferences"], &first["skipped"]), (&9.into(), &8.into(), &1.into()));
    assert_eq!(first["sources"][0]["source"], format!("{name}, 2026-11-28"));
    assert_eq!(days(folder.path()), "2026-11-28,4,20|2026-11-29,4,20");
    phoenix.change(|state| {
        let paths: Vec<&str> = state.asked.iter().map(|(path, _)| path.as_str()).collect();
        let first = "/v1/projects/shop/spans?limit=1000";
        assert_eq!(paths, [first, &format!("{first}&cursor=1"), &format!("{first}&cursor=2")]);
        assert!(state.asked.iter().all(|(_, key)| key.as_deref() == Some("authorization: Bearer hunter2")));
    });

    // again, by another name of this machine: nothing twice
    let again = json(&run(
        folder.path(),
        &["ingest", &name.replace("127.0.0.1", "localhost"), "--into", "tables", "--json"],
    ));
    assert_eq!(again["sources"][1]["outcome"], "replaced");
    assert_eq!(days(folder.path()), "2026-11-28,4,20|2026-11-29,4,20");

    // Phoenix has new spans, and has forgotten some of the old day
    phoenix.change(|state| {
        state.spans.insert(0, call(200, "2026-11-29T11:00:00Z"));
        state.spans.truncate(8);
    });
    let later = json(&run(folder.path(), &ingest));
    assert_eq!(later["sources"][0]["outcome"], "shorter");
    assert_eq!(days(folder.path()), "2026-11-28,4,20|2026-11-29,5,25");

    // and then all of it
    phoenix.change(|state| state.spans.truncate(6));
    run(folder.path(), &ingest);
    assert_eq!(days(folder.path()), "2026-11-28,4,20|2026-11-29,5,25");
    schema::hold("ingest.v1", "ingest SOURCE --into DIR --json", &[first, again, later]);
}

#[test]
fn what_cannot_be_read_to_its_end_leaves_the_tables_alone() {
    let (phoenix, folder) = (Phoenix::start(), tempfile::tempdir().unwrap());
    let name = phoenix.name();
    phoenix.change(|state| {
        state.spans = (0..7).map(|number| call(number + 1, "2026-11-29T10:00:00Z")).collect();
    });
    let ingest = |name: &str| run(folder.path(), &["ingest", name, "--into", "tables", "--json"]);
    assert!(ingest(&name).status.success());
    let before = days(folder.path());

    phoenix.change(|state| {
        state.spans.insert(0, call(50, "2026-11-29T12:00:00Z"));
        state.broken_page = Some(2);
    });
    let output = ingest(&name);
    assert_eq!((output.status.code(), &json(&output)["failed_sources"]), (Some(1), &Value::from(1)));
    assert!(said(&output).contains("status 500"), "{}", said(&output));
    assert_eq!(days(folder.path()), before);

    phoenix.change(|state| (state.broken_page, state.goes_round) = (None, true));
    let output = ingest(&name);
    assert!(output.status.code() == Some(1) && said(&output).contains("repeats itself"), "{}", said(&output));
    assert_eq!(days(folder.path()), before);

    let output = ingest(&format!("phoenix:{}/none", phoenix.address));
    assert!(output.status.code() == Some(1) && said(&output).contains("status 404"), "{}", said(&output));
    phoenix.change(|state| state.goes_round = false);
    assert!(ingest(&name).status.success());
    assert_eq!(days(folder.path()), "2026-11-29,8,40");
}

#[test]
fn keys_are_sent_and_shown_to_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let asked = |name: &str| {
        let ingest = ["ingest", name, "--into", "tables"];
        let output = infercost(folder.path(), &ingest).env("PHOENIX_API_KEY", "hunter2").output().unwrap();
        assert!(!output.status.success() && !said(&output).contains("hunter2"), "{}", said(&output));
        said(&output)
    };
    // a name that is reserved for documents, so that nobody is asked
    assert!(asked("phoenix:http://phoenix.example:6006/x").contains("plain HTTP"));
    assert!(asked("phoenix:http://127.0.0.1:9/x").contains("127.0.0.1:9"));
    asked("phoenix:http://user:hunter2@127.0.0.1:9/x");
    assert!(asked("phoenix:nowhere").contains("write phoenix:http"));
}
