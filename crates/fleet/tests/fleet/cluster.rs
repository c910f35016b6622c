//! A real cluster of one scheduler and two executors on this machine: the same answers as in process, or a clear error.
//!
//! `INFERCOST_BALLISTA` names the folder of `ballista-scheduler` and `ballista-executor`, as `cargo install` puts them there.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use infercost_fleet::question::prices::DatedPrices;
use infercost_fleet::question::{self, Key, Question};
use infercost_fleet::reading::cluster::address::ClusterAddress;
use infercost_fleet::reading::engine::Engine;
use infercost_fleet::reading::error::QueryError;
use infercost_fleet::reading::files::Days;
use infercost_fleet::reading::sql::{self, SqlAnswer};
use infercost_fleet::tables::rows::InferenceRow;

use crate::made_up::{call, engine, files, november, write};

/// How long starting may take.
const START: Duration = Duration::from_secs(60);

/// The processes; they end with it.
struct Cluster {
    address: ClusterAddress,
    processes: Vec<Child>,
    _folder: tempfile::TempDir,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ended = process.kill();
            let _status = process.wait();
        }
    }
}

impl Cluster {
    /// Starts one; `None`, with a line that says why, where its programs are not named.
    fn start() -> Option<Self> {
        let Some(programs) = std::env::var_os("INFERCOST_BALLISTA").map(PathBuf::from) else {
            // past libtest's capture, where the checks count it
            let _ = writeln!(
                std::io::stderr(),
                "SKIPPED: no Ballista cluster: INFERCOST_BALLISTA names no programs"
            );
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let mut cluster = Self {
            address: format!("df://127.0.0.1:{port}").parse().unwrap(),
            processes: Vec::new(),
            _folder: folder,
        };

        let text = port.to_string();
        let hosts = ["--bind-host", "127.0.0.1", "--external-host", "127.0.0.1"];
        let soon = ["--executor-timeout-seconds", "10", "--expire-dead-executor-interval-seconds", "1"];
        cluster.spawn(&programs.join("ballista-scheduler"), &[&hosts[..], &["-p", &text], &soon].concat());
        wait_for(port, "ballista/");
        for name in ["one", "two"] {
            let ports = [free_port(), free_port(), free_port()].map(|port| port.to_string());
            let work = cluster._folder.path().join(name).display().to_string();
            fs::create_dir(&work).unwrap();
            let own = ["-p", &ports[0], "--bind-grpc-port", &ports[1], "--bind-health-port", &ports[2]];
            let scheduler = ["--scheduler-host", "127.0.0.1", "--scheduler-port", &text, "--work-dir", &work];
            let rest =
                ["-c", "2", "--memory-pool-size", "512MB", "--executor-heartbeat-interval-seconds", "1"];
            let arguments = [&hosts[..], &own, &scheduler, &rest].concat();
            cluster.spawn(&programs.join("ballista-executor"), &arguments);
        }
        wait_for(port, "ready: 2 executors");
        Some(cluster)
    }

    fn spawn(&mut self, program: &Path, arguments: &[&str]) {
        let log = self._folder.path().join(format!("{}.log", self.processes.len()));
        let log = File::create(log).unwrap();
        let process = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        self.processes.push(process.unwrap_or_else(|error| panic!("{}: {error}", program.display())));
    }

    fn engine(&self, folder: &Path) -> Engine {
        Engine::on_cluster(&[folder.to_owned()], Days::default(), &self.address).unwrap()
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits until the scheduler's probe says so.
fn wait_for(port: u16, wanted: &str) {
    let start = Instant::now();
    let mut said = String::new();
    while !said.contains(wanted) {
        assert!(start.elapsed() < START, "the cluster has not started: {said}");
        thread::sleep(Duration::from_millis(100));
        said.clear();
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) {
            let _sent = stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            let _read = stream.read_to_string(&mut said);
        }
    }
}

/// Three sources over four days, with failures, two currencies, and costs that are not known.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for source in 0..3_u64 {
        let costs: Vec<String> = (0..200).map(|row| format!("0.0000{:04}1", row * 37 + source)).collect();
        let mut rows = Vec::new();
        for (row, cost) in (0_u64..).zip(&costs) {
            let model = if row % 3 == 0 { "vendor/large" } else { "vendor/small" };
            let service = if row % 5 == 0 { "search" } else { "chat" };
            let mut made = call(model, service, november(1 + row % 4, row), cost);
            made.latency_us = Some(1000 * (1 + (row * row % 977) as i64));
            made.energy_j = Some(0.25 * row as f64);
            if row % 11 == 4 {
                made = InferenceRow { failed: true, cost: None, currency: None, output_tokens: None, ..made };
            } else if row % 13 == 5 {
                made.currency = Some("EUR");
            }
            rows.push(made);
        }
        write(folder.path(), &format!("source {source}"), &rows);
    }
    folder
}

const PRICES: &str = "[[prices]]\nmodel = \"vendor/large\"\nto = 2026-11-02\ninput_per_million = 3.0\n\
    output_per_million = 15.0\ncurrency = \"USD\"\nsource = \"a list\"\n\
    [[prices]]\nmodel = \"vendor/*\"\nfrom = 2026-11-03\ninput_per_million = 2.5\noutput_per_million = 10.000001\n\
    currency = \"USD\"\nsource = \"a list\"\n";

#[test]
fn a_cluster_gives_the_same_answers() {
    let Some(cluster) = Cluster::start() else { return };
    let folder = folder();
    let (here, there) = (engine(&[folder.path()]), cluster.engine(folder.path()));

    let every = Question { by: Key::ALL.to_vec(), ..Question::default() };
    let by_model = Question { by: vec![Key::Model], ..Question::default() };
    let prices = DatedPrices::parse(PRICES).unwrap();
    let priced = Question { by: vec![Key::Model, Key::Day], prices: Some(prices), ..Question::default() };
    for question in [every, by_model, priced] {
        let answer = question::ask(&there, &question).unwrap();
        assert!(
            answer.rows.len() > 1 && answer.totals.iter().any(|total| total.cost.is_some()),
            "{answer:?}"
        );
        assert_eq!(answer, question::ask(&here, &question).unwrap());
    }

    for statement in [
        "SELECT model, SUM(cost), COUNT(*), MIN(issued_at) FROM inferences GROUP BY model ORDER BY model",
        "SELECT COUNT(DISTINCT span_id), COUNT(DISTINCT day), AVG(cost) FROM inferences",
        "SELECT source, latency_us FROM inferences ORDER BY latency_us DESC, source LIMIT 7",
        "SELECT COUNT(*) FROM inferences WHERE cost > (SELECT AVG(cost) FROM inferences)",
        "SELECT COUNT(*) FROM inferences i LEFT JOIN windows w ON i.source = w.source WHERE w.wall_us IS NULL",
        "SELECT COUNT(*) FROM inferences WHERE model NOT IN (SELECT model FROM inferences WHERE failed)",
        "SELECT a.day, SUM(a.cost + b.cost) FROM inferences a JOIN inferences b ON a.issued_at = b.issued_at \
         GROUP BY a.day ORDER BY a.day",
        "SELECT COUNT(*), SUM(energy_j) FROM windows",
        "SELECT date_trunc('hour', MAX(issued_at)) FROM inferences",
        "DESCRIBE inferences",
        "SELECT 1",
    ] {
        let answer = answer(&there, statement);
        assert!(!answer.rows.is_empty(), "{statement}");
        assert_eq!(answer, self::answer(&here, statement), "{statement}");
    }
    assert!(sql::answer(&there, "SELECT * FROM inferences", 10).unwrap().is_cut);
}

fn answer(engine: &Engine, statement: &str) -> SqlAnswer {
    sql::answer(engine, statement, 1000).unwrap_or_else(|error| panic!("{statement}: {error}"))
}

#[test]
fn stages_are_shown_and_nothing_but_reading_is_done() {
    let Some(cluster) = Cluster::start() else { return };
    let folder = folder();
    let there = cluster.engine(folder.path());

    let explained = answer(&there, "EXPLAIN SELECT model, SUM(cost) FROM inferences GROUP BY model");
    let stages = explained.rows.iter().find(|row| row[0].as_deref() == Some("distributed_plan")).unwrap();
    let stages = stages[1].as_deref().unwrap();
    assert!(stages.contains("ShuffleWriter") && stages.contains("ShuffleReader"), "{stages}");

    for statement in [
        "DROP TABLE inferences".to_owned(),
        "SET ballista.job.name = 'x'".to_owned(),
        format!("COPY inferences TO '{}/x.parquet'", folder.path().display()),
        format!("SELECT * FROM '{}'", files(folder.path())[0].display()),
    ] {
        let error = sql::answer(&there, &statement, 10).unwrap_err();
        let is_refused = matches!(error, QueryError::NotReading | QueryError::Statement { .. });
        assert!(is_refused, "{statement}: {error}");
    }
}

/// A scheduler passes over a file that it does not find: as on a machine that lacks the share.
#[test]
fn a_cluster_that_sees_fewer_rows_is_an_error() {
    let Some(cluster) = Cluster::start() else { return };
    let folder = folder();
    let there = cluster.engine(folder.path());
    fs::remove_file(&files(folder.path())[0]).unwrap();

    let error = sql::answer(&there, "SELECT SUM(cost) FROM inferences", 10).unwrap_err();
    assert!(matches!(error, QueryError::OtherRows { here: 600, there, .. } if there < 600), "{error}");
    assert!(error.to_string().contains("see the same files"), "{error}");
}

/// Before a query, in the middle of it, and with nobody left.
#[test]
fn a_killed_executor_makes_no_wrong_total() {
    let Some(mut cluster) = Cluster::start() else { return };
    let folder = folder();
    // many rows of the join, so that a query takes a while
    let statement =
        "SELECT COUNT(*), SUM(a.cost + b.cost) FROM inferences a JOIN inferences b ON a.counted = b.counted";
    let wanted = answer(&engine(&[folder.path()]), statement);
    let there = cluster.engine(folder.path());
    assert_eq!(answer(&there, statement), wanted);

    thread::scope(|scope| {
        let asked = scope.spawn(|| sql::answer(&there, statement, 10));
        thread::sleep(Duration::from_millis(150));
        cluster.processes[2].kill().unwrap();
        right_or_an_error(asked.join().unwrap(), &wanted);
    });
    right_or_an_error(sql::answer(&there, statement, 10), &wanted);

    // the scheduler notices that one is gone
    thread::sleep(Duration::from_secs(15));
    assert_eq!(answer(&there, statement), wanted);
    cluster.processes[1].kill().unwrap();
    thread::sleep(Duration::from_secs(15));
    let error =
        Engine::on_cluster(&[folder.path().to_owned()], Days::default(), &cluster.address).map(|_| ());
    assert!(matches!(error, Err(QueryError::NoExecutors { .. })), "{error:?}");
}

#[track_caller]
fn right_or_an_error(answer: Result<SqlAnswer, QueryError>, wanted: &SqlAnswer) {
    match answer {
        Ok(answer) => assert_eq!(answer, *wanted),
        Err(error) => assert!(matches!(error, QueryError::OnCluster { .. }), "{error}"),
    }
}
