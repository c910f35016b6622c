//! Phoenix, and a collector in front of it: installed from their packages, started, asked and stopped.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::workspace;

/// How long installing may take; a machine without the package index fails much earlier.
const INSTALL_SECONDS: &str = "280";

/// Phoenix and what belongs to it; stopped when the test ends, however it ends.
pub(crate) struct Backends {
    folder: PathBuf,
    names: BTreeMap<String, String>,
}

impl Backends {
    /// `None`, with a line that says why, where they cannot be had.
    pub(crate) fn start() -> Option<Self> {
        let named = std::env::var_os("INFERCOST_BACKENDS").map(PathBuf::from);
        let folder = named.unwrap_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("backends"));
        let script = |verb: &str| {
            let mut command = Command::new("timeout");
            command.arg(INSTALL_SECONDS).arg(workspace::root().join("benches/traces/backends.sh"));
            command.arg(verb).arg(&folder).stdin(Stdio::null());
            command.output()
        };
        let install = script("install");
        let why = match &install {
            Ok(output) if output.status.success() => None,
            Ok(output) => String::from_utf8_lossy(&output.stderr).lines().last().map(str::to_owned),
            Err(error) => Some(error.to_string()),
        };
        if !install.is_ok_and(|output| output.status.success()) {
            let why = why.unwrap_or_else(|| "it took too long".to_owned());
            note(&format!("SKIPPED: Phoenix and rotel cannot be installed by pip: {why}"));
            return None;
        }
        let started = script("start").unwrap();
        assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
        let text = String::from_utf8(started.stdout).unwrap();
        let names = text.lines().filter_map(|line| line.split_once('='));
        let names = names.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Some(Self { folder, names })
    }

    pub(crate) fn get(&self, name: &str) -> &str {
        &self.names[name]
    }

    pub(crate) fn api(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.get("PHOENIX"));
        let mut answer = ureq::get(&url).call().unwrap_or_else(|error| panic!("{url}: {error}"));
        serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap()
    }

    /// All spans of a project; none where there is no such project yet.
    pub(crate) fn spans(&self, project: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut cursor = String::new();
        let known = self.api("/v1/projects?limit=1000");
        if !known["data"].as_array().unwrap().iter().any(|one| one["name"] == project) {
            return all;
        }
        loop {
            let page = self.api(&format!("/v1/projects/{project}/spans?limit=1000{cursor}"));
            all.extend(page["data"].as_array().unwrap().iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
    }

    /// What Phoenix's own column says that a project cost.
    pub(crate) fn cost_of(&self, project: &str) -> f64 {
        let query =
            "{projects(first: 1000) {edges {node {name tokenCountTotal costSummary {total {cost tokens}}}}}}";
        let mut answer = ureq::post(format!("{}/graphql", self.get("PHOENIX")))
            .content_type("application/json")
            .send(json!({"query": query}).to_string())
            .unwrap();
        let answer: Value = serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
        let projects = answer["data"]["projects"]["edges"].as_array().unwrap();
        let project = projects.iter().map(|edge| &edge["node"]).find(|node| node["name"] == project).unwrap();
        project["costSummary"]["total"]["cost"].as_f64().unwrap()
    }

    /// The spans of a project, once there are so many.
    pub(crate) fn wait_for(&self, project: &str, count: usize) -> Vec<Value> {
        let patience = Instant::now();
        loop {
            let spans = self.spans(project);
            if spans.len() >= count {
                assert_eq!(spans.len(), count, "{project} has spans twice");
                return spans;
            }
            let waited = patience.elapsed();
            assert!(waited < Duration::from_secs(60), "{project} has {} of {count} spans", spans.len());
            sleep(Duration::from_millis(500));
        }
    }
}

impl Drop for Backends {
    fn drop(&mut self) {
        let script = workspace::root().join("benches/traces/backends.sh");
        let _ = Command::new(script).arg("stop").arg(&self.folder).status();
    }
}

/// The collector, so that it can be killed.
pub(crate) struct Rotel(Child);

impl Rotel {
    pub(crate) fn start(backends: &Backends) -> Self {
        let address = |name: &str| backends.get(name).trim_start_matches("http://").to_owned();
        let log = fs::File::create(backends.folder.join("rotel.log")).unwrap();
        let child = Command::new(backends.get("ROTEL_PROGRAM"))
            .args(["start", "--otlp-grpc-endpoint", &address("ROTEL_GRPC")])
            .args(["--otlp-http-endpoint", &address("ROTEL"), "--exporter", "otlp"])
            .args(["--otlp-exporter-endpoint", backends.get("PHOENIX"), "--otlp-exporter-protocol", "http"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let patience = Instant::now();
        while std::net::TcpStream::connect(address("ROTEL")).is_err() {
            assert!(patience.elapsed() < Duration::from_secs(30), "rotel does not listen");
            sleep(Duration::from_millis(100));
        }
        Self(child)
    }
}

impl Drop for Rotel {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Writes a line past the capture of the test runner.
pub(crate) fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
