//! Pushing, listing and fetching runs through a server that misbehaves: no half run is ever visible, no wrong byte is ever
//! believed, and what a list leaves out is noticed.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod s3_mock;

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use infercost_store::{Manifest, Patience, PushOutcome, RemoteError, RemoteRuns};
use s3_mock::{Fault, S3Mock};
use tempfile::TempDir;

/// The store that tests push to.
const URL: &str = "s3://bucket/team";
/// Lines of this many bytes make pieces of a known number.
const LINE: usize = 1 << 20;

fn patience() -> Patience {
    Patience { request: Duration::from_millis(1500), retries: 3, retrying: Duration::from_secs(10) }
}

fn opened(mock: &S3Mock) -> RemoteRuns {
    RemoteRuns::open(URL, &mock.variables(), patience()).unwrap()
}

/// The line that ends a run.
const END: &str = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"00000000000000000000000000000001","spanId":"0000000000000001","name":"run","attributes":[{"key":"infercost.record","value":{"stringValue":"run"}}]}]}]}]}"#;

/// A folder with a run: a header, and so many lines of spans.
fn run(below: &Path, id: &str, salt: &str, lines: usize, finished: bool) -> PathBuf {
    let folder = below.join(format!("{}-{salt}", id.replace('/', "_")));
    fs::create_dir_all(&folder).unwrap();
    let header =
        format!(r#"{{"id":"{id}","started_at":"2026-11-29T12:00:0{}Z","salt":"{salt}"}}"#, id.len() % 10);
    fs::write(folder.join("run.json"), header).unwrap();

    let mut spans = String::new();
    for line in 0..lines {
        spans.push_str(&format!("{line:08}{}\n", "0".repeat(LINE - 9)));
    }
    if finished {
        spans.push_str(END);
        spans.push('\n');
    }
    fs::write(folder.join("spans.jsonl"), spans).unwrap();
    folder
}

/// The same two files in both.
#[track_caller]
fn assert_same(one: &Path, other: &Path) {
    for name in ["run.json", "spans.jsonl"] {
        assert!(fs::read(one.join(name)).unwrap() == fs::read(other.join(name)).unwrap(), "{name} differs");
    }
}

fn ids(runs: &[Manifest]) -> Vec<&str> {
    runs.iter().map(|manifest| manifest.run.as_str()).collect()
}

/// A server, a folder with runs, and a cache.
struct Bench {
    mock: S3Mock,
    store: RemoteRuns,
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        let mock = S3Mock::start();
        Self { store: opened(&mock), mock, folder: tempfile::tempdir().unwrap() }
    }

    fn run(&self, id: &str, salt: &str, lines: usize, finished: bool) -> PathBuf {
        run(self.folder.path(), id, salt, lines, finished)
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    #[track_caller]
    fn fetched(&self, id: &str) -> PathBuf {
        self.store.fetch(&self.store.named(id).unwrap(), &self.cache()).unwrap()
    }

    /// Nothing of a run can be seen.
    #[track_caller]
    fn nothing_is_visible(&self, id: &str) {
        self.mock.unscript();
        assert!(matches!(self.store.named(id), Err(RemoteError::NoRun { .. })));
        let listing = self.store.list().unwrap();
        assert!(listing.runs.is_empty() && listing.damaged.is_empty(), "{listing:?}");
    }
}

#[test]
fn a_run_comes_back_as_it_was_pushed() {
    let bench = Bench::new();
    let folder = bench.run("r1", "a", 20, true);

    let pushed = bench.store.push(&folder).unwrap();
    assert_eq!((pushed.outcome, pushed.finished), (PushOutcome::New, true));
    assert_eq!(pushed.sent, pushed.bytes);
    let pieces = bench.mock.names().into_iter().filter(|name| name.contains("/spans-")).count();
    assert_eq!(pieces, 3, "20 MiB in pieces of 8 MiB");

    let back = bench.fetched("r1");
    assert_same(&folder, &back);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(
            (mode(&back.join("spans.jsonl")), mode(&bench.store.cache_folder(&bench.cache()))),
            (0o600, 0o700)
        );
    }

    // what was fetched before is not fetched again
    let before = bench.mock.count("GET", "/runs/");
    bench.fetched("r1");
    assert_eq!(bench.mock.count("GET", "/runs/"), before);
}

#[test]
fn pushed_twice_is_there_once() {
    let bench = Bench::new();
    let folder = bench.run("r1", "a", 2, true);
    bench.store.push(&folder).unwrap();
    let names = bench.mock.names();

    let again = bench.store.push(&folder).unwrap();
    assert_eq!((again.outcome, again.sent), (PushOutcome::Present, 0));
    assert_eq!(bench.mock.names(), names);
    assert_eq!(ids(&bench.store.list().unwrap().runs), ["r1"]);
}

#[test]
fn a_push_that_was_cut_off_goes_on() {
    let bench = Bench::new();
    let folder = bench.run("r1", "a", 20, true);
    bench.mock.script("PUT", "/spans-00002", Fault::Status(403), 1);

    let error = bench.store.push(&folder).unwrap_err();
    assert!(matches!(error, RemoteError::Request { .. }), "{error}");
    let listing = bench.store.list().unwrap();
    assert_eq!((listing.runs.len(), listing.incomplete), (0, vec!["r1".to_owned()]));
    bench.nothing_is_visible("r1");

    let pushed = bench.store.push(&folder).unwrap();
    assert_eq!(pushed.outcome, PushOutcome::New);
    assert!(pushed.sent < 5 << 20, "only the last piece is sent: {}", pushed.sent);
    assert_same(&folder, &bench.fetched("r1"));
}

#[test]
fn a_server_that_is_busy_for_a_while_is_waited_for() {
    let bench = Bench::new();
    let folder = bench.run("r1", "a", 1, true);
    bench.mock.script("PUT", "/", Fault::Status(503), 2);
    bench.mock.script("GET", "/runs/", Fault::Status(500), 1);
    bench.store.push(&folder).unwrap();

    bench.mock.script("GET", "list", Fault::Status(503), 2);
    assert_eq!(ids(&bench.store.list().unwrap().runs), ["r1"]);
    bench.mock.script("GET", "/runs/", Fault::Status(503), 2);
    assert_same(&folder, &bench.fetched("r1"));
}

#[test]
fn a_server_that_stays_busy_is_given_up_and_nothing_is_visible() {
    let bench = Bench::new();
    let folder = bench.run("r1", "a", 1, true);
    for path in ["/infercost-store.json", "/run-", "/spans-", "/manifests/"] {
        bench.mock.script("PUT", path, Fault::Status(503), usize::MAX);
        let error = bench.store.push(&folder).unwrap_err().to_string();
        assert!(error.starts_with(URL) && error.contains("503"), "{error}");
        assert!(!error.contains("mock-secret"), "{error}");
        bench.nothing_is_visible("r1");
    }
    bench.store.push(&folder).unwrap();
}

#[test]
fn a_slow_server_is_waited_for_as_long_as_patience_lasts() {
    let bench = Bench::new();
    let folder = bench.run("r1", "a", 1, true);
    bench.mock.script("PUT", "/spans-", Fault::Slow(Duration::from_millis(300)), 1);
    bench.store.push(&folder).unwrap();

    let other = bench.run("r22", "a", 1, true);
    bench.mock.script("PUT", "/r22/spans-", Fault::Slow(Duration::from_secs(3)), usize::MAX);
    let error = bench.store.push(&other).unwrap_err();
    assert!(matches!(error, RemoteError::Request { .. }), "{error}");
    bench.mock.unscript();
    assert_eq!(ids(&bench.store.list().unwrap().runs), ["r1"]);
}

#[test]
fn an_answer_that_is_lost_is_no_second_run() {
    let bench = Bench::new();
    let folder = bench.run("r1", "a", 1, true);
    // the manifest is written, and nobody hears of it: the second attempt finds it there
    bench.mock.script("PUT", "/manifests/", Fault::CutAfterwards, 1);
    let pushed = bench.store.push(&folder).unwrap();
    assert!([PushOutcome::New, PushOutcome::Present].contains(&pushed.outcome), "{pushed:?}");
    assert_eq!(ids(&bench.store.list().unwrap().runs), ["r1"]);
    assert_same(&folder, &bench.fetched("r1"));
}

#[test]
fn half_an_answer_is_no_run() {
    let bench = Bench::new();
    let folder = bench.run("r1", "a", 3, true);
    bench.store.push(&folder).unwrap();
    let manifest = bench.store.named("r1").unwrap();

    bench.mock.script("GET", "/spans-", Fault::HalfAnswer, usize::MAX);
    let error = bench.store.fetch(&manifest, &bench.cache()).unwrap_err();
    assert!(matches!(error, RemoteError::Request { .. } | RemoteError::Damaged { .. }), "{error}");
    let below = bench.store.cache_folder(&bench.cache());
    assert_eq!(fs::read_dir(below).unwrap().count(), 0, "nothing is left behind");

    bench.mock.unscript();
    assert_same(&folder, &bench.fetched("r1"));
}

#[test]
fn another_byte_is_found_on_the_way_there_and_back() {
    let bench = Bench::new();
    let folder = bench.run("r1", "a", 1, true);
    bench.mock.script("GET", "/spans-", Fault::OtherByte, usize::MAX);
    let error = bench.store.push(&folder).unwrap_err();
    assert!(matches!(error, RemoteError::NotKept { .. }), "{error}");
    bench.nothing_is_visible("r1");

    bench.store.push(&folder).unwrap();
    let manifest = bench.store.named("r1").unwrap();
    bench.mock.script("GET", "/spans-", Fault::OtherByte, 1);
    let error = bench.store.fetch(&manifest, &bench.cache()).unwrap_err();
    assert!(matches!(error, RemoteError::Damaged { .. }), "{error}");
    assert!(!bench.store.cache_folder(&bench.cache()).join("r1").exists());
}

#[test]
fn a_list_that_leaves_runs_out_is_noticed() {
    let bench = Bench::new();
    for id in ["r1", "r22", "r333", "r4444"] {
        bench.store.push(&bench.run(id, "a", 1, true)).unwrap();
    }
    let whole = ["r4444", "r333", "r22", "r1"];
    assert_eq!(ids(&bench.store.list().unwrap().runs), whole);

    for fault in [Fault::HalfList, Fault::NoToken] {
        for path in ["list team/manifests", "list team/runs", "list"] {
            bench.mock.script("GET", path, fault, usize::MAX);
            match bench.store.list() {
                Ok(listing) => assert_eq!(ids(&listing.runs), whole, "{fault:?} {path}"),
                Err(error) => assert!(matches!(error, RemoteError::ListIncomplete { .. }), "{error}"),
            }
            bench.mock.unscript();
        }
    }
}

#[test]
fn two_writers_of_one_run_leave_one_run() {
    let bench = Bench::new();
    let folder = bench.run("r1", "a", 10, true);
    let writers: Vec<_> = (0..2)
        .map(|_| {
            let (mock, folder) = (bench.mock.clone(), folder.clone());
            thread::spawn(move || opened(&mock).push(&folder))
        })
        .collect();
    for writer in writers {
        let pushed = writer.join().unwrap().unwrap();
        assert!([PushOutcome::New, PushOutcome::Present].contains(&pushed.outcome));
    }
    assert_eq!(ids(&bench.store.list().unwrap().runs), ["r1"]);
    assert_same(&folder, &bench.fetched("r1"));
}

#[test]
fn of_two_runs_of_one_name_the_first_stays_whole() {
    let bench = Bench::new();
    let folders = [bench.run("r1", "a", 5, true), bench.run("r1", "b", 6, true)];
    let writers: Vec<_> = folders
        .iter()
        .map(|folder| {
            let (mock, folder) = (bench.mock.clone(), folder.clone());
            thread::spawn(move || opened(&mock).push(&folder))
        })
        .collect();
    let results: Vec<_> = writers.into_iter().map(|writer| writer.join().unwrap()).collect();

    let first = results.iter().position(Result::is_ok).unwrap();
    let second = results[1 - first].as_ref().unwrap_err();
    assert!(matches!(second, RemoteError::Taken { .. }), "{second}");
    assert_same(&folders[first], &bench.fetched("r1"));
}

#[test]
fn a_run_that_went_on_is_replaced_by_what_it_has_become() {
    let bench = Bench::new();
    let folder = bench.run("r1", "a", 9, false);
    assert!(!bench.store.push(&folder).unwrap().finished);
    assert_eq!(fs::read(bench.fetched("r1").join("spans.jsonl")).unwrap().len(), 9 * LINE);

    let longer = bench.run("r1", "a", 12, true);
    let pushed = bench.store.push(&longer).unwrap();
    assert_eq!((pushed.outcome, pushed.finished), (PushOutcome::Continued, true));
    assert!(pushed.sent < pushed.bytes, "the first piece was there");
    assert_same(&longer, &bench.fetched("r1"));

    // a copy of the disk from before takes nothing away
    let shorter = bench.run("r1", "a", 9, false);
    assert_eq!(bench.store.push(&shorter).unwrap().outcome, PushOutcome::Ahead);
    assert_eq!(fs::read(bench.fetched("r1").join("spans.jsonl")).unwrap().len(), 12 * LINE + END.len() + 1);
}

#[test]
fn a_hostile_store_leads_out_of_no_folder_and_fills_no_disk() {
    let bench = Bench::new();
    bench.store.push(&bench.run("r1", "a", 1, true)).unwrap();
    for name in ["../r1", "..", "a/b", "", "r1/../../x", ".hidden"] {
        assert!(matches!(bench.store.named(name), Err(RemoteError::NoRun { .. })), "{name}");
    }

    // names that are none of a run's are somebody else's
    bench.mock.set("bucket/team/runs/.hidden/run.json", b"{}");
    bench.mock.set("bucket/team/manifests/notes.txt", b"x");
    assert_eq!(ids(&bench.store.list().unwrap().runs), ["r1"]);

    // an object that is longer than its manifest says
    let (name, bytes) = bench.mock.object("/spans-");
    bench.mock.set(&name, &[bytes.as_slice(), b"more"].concat());
    let manifest = bench.store.named("r1").unwrap();
    let error = bench.store.fetch(&manifest, &bench.cache()).unwrap_err().to_string();
    assert!(error.contains("longer than"), "{error}");

    // a manifest that cannot be
    let (name, json) = bench.mock.object("=r1.json");
    let text = String::from_utf8(json).unwrap().replace("\"r1\"", "\"../r1\"");
    bench.mock.set(&name, text.as_bytes());
    assert!(matches!(bench.store.named("r1"), Err(RemoteError::Damaged { .. })));
    let listing = bench.store.list().unwrap();
    assert_eq!((listing.runs.len(), listing.damaged.len()), (0, 1));
}

#[test]
fn what_the_store_deleted_is_forgotten_and_what_it_hides_is_not() {
    let bench = Bench::new();
    for id in ["r1", "r22"] {
        bench.store.push(&bench.run(id, "a", 1, true)).unwrap();
        bench.fetched(id);
    }
    let below = bench.store.cache_folder(&bench.cache());

    let mut hiding = bench.store.list().unwrap();
    hiding.runs.retain(|manifest| manifest.run != "r22");
    let error = bench.store.forget_deleted(&hiding, &bench.cache()).unwrap_err();
    assert!(matches!(error, RemoteError::ListIncomplete { .. }), "{error}");
    assert!(below.join("r22").exists());

    bench.mock.remove("r22");
    let listing = bench.store.list().unwrap();
    bench.store.forget_deleted(&listing, &bench.cache()).unwrap();
    assert!(below.join("r1").exists() && !below.join("r22").exists());
}

#[test]
fn a_later_layout_is_not_guessed_at() {
    let bench = Bench::new();
    bench.store.push(&bench.run("r1", "a", 1, true)).unwrap();
    let (name, _) = bench.mock.object("infercost-store.json");
    bench.mock.set(&name, br#"{"schema":"infercost.store/2"}"#);

    assert!(matches!(bench.store.list(), Err(RemoteError::Later { .. })));
    assert!(matches!(bench.store.prepare(), Err(RemoteError::Later { .. })));
    assert!(matches!(bench.store.push(&bench.run("r22", "a", 1, true)), Err(RemoteError::Later { .. })));
}

#[test]
fn a_folder_is_a_store_too() {
    let folder = tempfile::tempdir().unwrap();
    let shared = folder.path().join("shared");
    let store = RemoteRuns::open(&format!("file://{}", shared.display()), &[], patience()).unwrap();
    assert_eq!(store.list().unwrap().runs.len(), 0);

    let of_run = run(folder.path(), "r1", "a", 10, true);
    assert_eq!(store.push(&of_run).unwrap().outcome, PushOutcome::New);
    assert_eq!(store.push(&of_run).unwrap().outcome, PushOutcome::Present);
    let listing = store.list().unwrap();
    assert_eq!(ids(&listing.runs), ["r1"]);
    let back = store.fetch(&listing.runs[0], &folder.path().join("cache")).unwrap();
    assert_same(&of_run, &back);
}

#[test]
fn what_is_no_run_is_not_pushed() {
    let bench = Bench::new();
    let empty = tempfile::tempdir().unwrap();
    let error = bench.store.push(empty.path()).unwrap_err().to_string();
    assert!(error.contains("there is no run in it"), "{error}");

    let folder = bench.run("../r1", "a", 1, true);
    let error = bench.store.push(&folder).unwrap_err().to_string();
    assert!(error.contains("no id of a run"), "{error}");

    // while a run is recorded its file is locked
    let folder = bench.run("r1", "a", 1, true);
    let file = fs::OpenOptions::new().append(true).open(folder.join("spans.jsonl")).unwrap();
    file.lock().unwrap();
    let error = bench.store.push(&folder).unwrap_err().to_string();
    assert!(error.contains("is recording into it"), "{error}");
    drop(file);
    bench.store.push(&folder).unwrap();
}
