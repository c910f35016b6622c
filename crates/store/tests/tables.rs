//! Tables in a store through a server that misbehaves: the old rows of a source or the new ones, and nothing between.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod s3_mock;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use infercost_store::{FetchedFile, Patience, PublishOutcome, Published, RemoteError, RemoteTables};
use s3_mock::{Fault, S3Mock};
use tempfile::TempDir;

const URL: &str = "s3://bucket/tables";
const DAY: &str = "inferences/day=2026-11-29/model=tiny%2Fq8_0";

fn patience() -> Patience {
    Patience { request: Duration::from_millis(1500), retries: 2, retrying: Duration::from_secs(10) }
}

fn opened(mock: &S3Mock) -> RemoteTables {
    RemoteTables::open(URL, &mock.variables(), patience()).unwrap()
}

/// A folder of tables that holds these files.
fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, bytes) in files {
        let place = folder.path().join(path);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, bytes).unwrap();
    }
    folder
}

fn file_of(source: &str) -> String {
    format!("{DAY}/{source}-0.parquet")
}

/// Publishes a source of one file.
fn publish(
    mock: &S3Mock,
    source: &str,
    bytes: Option<u64>,
    content: &[u8],
) -> Result<Published, RemoteError> {
    let store = opened(mock);
    store.prepare()?;
    store.publish(source, bytes, folder(&[(&file_of(source), content)]).path())
}

/// What the store holds, as a reader with an empty cache sees it: paths and contents.
#[track_caller]
fn seen(mock: &S3Mock) -> Vec<(String, Vec<u8>)> {
    let cache = tempfile::tempdir().unwrap();
    let fetched = opened(mock).fetch(&|_| true, cache.path(), &mut |_, _| {}).unwrap();
    let content = |file: FetchedFile| (file.path, fs::read(file.place).unwrap());
    fetched.into_iter().map(content).collect()
}

#[track_caller]
fn sees(mock: &S3Mock, wanted: &[(&str, &[u8])]) {
    let mut seen = seen(mock);
    seen.sort();
    let wanted: Vec<(String, Vec<u8>)> =
        wanted.iter().map(|(source, content)| (file_of(source), content.to_vec())).collect();
    assert_eq!(seen, wanted);
}

#[test]
fn a_source_is_there_once_and_as_it_was_written_last() {
    let mock = S3Mock::start();
    let first = publish(&mock, "a", Some(10), b"aaa").unwrap();
    assert_eq!((first.outcome, first.files, first.replaced, first.sent), (PublishOutcome::New, 1, 0, 3));
    publish(&mock, "b", None, b"b").unwrap();
    sees(&mock, &[("a", b"aaa"), ("b", b"b")]);

    // again: no object more
    let names = mock.names();
    let again = publish(&mock, "a", Some(10), b"aaa").unwrap();
    assert_eq!((again.outcome, again.replaced, again.sent), (PublishOutcome::Present, 1, 0));
    assert_eq!(mock.names(), names);

    // it has grown; and a part of it takes nothing away
    let grown = publish(&mock, "a", Some(20), b"aaaaaa").unwrap();
    assert_eq!((grown.outcome, grown.replaced), (PublishOutcome::Replaced, 1));
    assert_eq!(publish(&mock, "a", Some(19), b"a").unwrap().outcome, PublishOutcome::Shorter);
    sees(&mock, &[("a", b"aaaaaa"), ("b", b"b")]);

    // back to what it was once: what lies there still is named again, and not sent
    let back = publish(&mock, "a", Some(30), b"aaa").unwrap();
    assert_eq!((back.outcome, back.sent), (PublishOutcome::Replaced, 0));
    sees(&mock, &[("a", b"aaa"), ("b", b"b")]);

    // names are as they are on a disk, with the beginning of a checksum
    let (name, _) = mock.object("inferences");
    assert!(name.starts_with(&format!("bucket/tables/{DAY}/a-0.")), "{name}");
}

#[test]
fn a_write_that_is_cut_off_leaves_what_was_there() {
    let mock = S3Mock::start();
    publish(&mock, "a", None, b"old").unwrap();

    for (method, path, fault) in [
        ("PUT", "inferences", Fault::Status(503)),
        ("PUT", "inferences", Fault::Status(403)),
        ("GET", "inferences", Fault::HalfAnswer),
        ("GET", "inferences", Fault::OtherByte),
        ("PUT", "log/", Fault::Status(503)),
        ("PUT", "log/", Fault::Slow(Duration::from_secs(3))),
    ] {
        mock.script(method, path, fault, usize::MAX);
        let error = publish(&mock, "a", None, b"new").unwrap_err();
        mock.unscript();
        let is_there = |name: &String| name.contains("log/0000000002");
        if !mock.names().iter().any(is_there) {
            sees(&mock, &[("a", b"old")]);
            continue;
        }
        // the store did it all the same, and was too slow to say so
        assert!(matches!(fault, Fault::Slow(_)), "{fault:?}: {error}");
        sees(&mock, &[("a", b"new")]);
    }

    // the next attempt ends it, whatever became of the last
    publish(&mock, "a", None, b"new").unwrap();
    sees(&mock, &[("a", b"new")]);
}

/// An entry that was written although its answer was lost is not written twice.
#[test]
fn a_lost_answer_is_no_second_entry() {
    let mock = S3Mock::start();
    publish(&mock, "a", None, b"old").unwrap();
    mock.script("PUT", "log/", Fault::CutAfterwards, 1);
    publish(&mock, "a", None, b"new").unwrap();
    let entries = mock.names().into_iter().filter(|name| name.contains("/log/")).count();
    assert_eq!(entries, 2);
    sees(&mock, &[("a", b"new")]);
}

#[test]
fn writers_at_once_lose_nothing() {
    const WRITERS: u64 = 6;
    let mock = S3Mock::start();
    publish(&mock, "first", None, b"first").unwrap();
    let barrier = Barrier::new(WRITERS as usize);
    thread::scope(|scope| {
        for number in 0..WRITERS {
            let (mock, barrier) = (&mock, &barrier);
            scope.spawn(move || {
                let store = opened(mock);
                store.prepare().unwrap();
                let own = folder(&[(&file_of(&format!("own{number}")), b"own")]);
                let content = vec![b'x'; number as usize + 1];
                let grown = folder(&[(&file_of("grown"), &content)]);

                barrier.wait();
                store.publish(&format!("own{number}"), None, own.path()).unwrap();
                // one and the same source, of which everybody has seen another part
                store.publish("grown", Some(number), grown.path()).unwrap();
            });
        }
    });

    let own: Vec<String> = (0..WRITERS).map(|number| format!("own{number}")).collect();
    let mut wanted: Vec<(&str, &[u8])> = vec![("first", b"first"), ("grown", b"xxxxxx")];
    wanted.extend(own.iter().map(|name| (name.as_str(), b"own".as_slice())));
    sees(&mock, &wanted);
}

#[test]
fn a_list_that_is_cut_short_leaves_nothing_out() {
    let mock = S3Mock::start();
    for number in 0..20 {
        publish(&mock, &format!("s{number:02}"), None, format!("{number}").as_bytes()).unwrap();
    }
    let whole = seen(&mock);
    assert_eq!(whole.len(), 20);
    mock.script("GET", "list ", Fault::HalfList, usize::MAX);
    assert_eq!(seen(&mock), whole, "entries are read by number");
    mock.unscript();

    // an entry that somebody took away is no end
    mock.remove("log/0000000007");
    let cache = tempfile::tempdir().unwrap();
    let error = opened(&mock).fetch(&|_| true, cache.path(), &mut |_, _| {}).unwrap_err();
    assert!(error.to_string().contains("log/0000000007.json is missing"), "{error}");
    assert!(opened(&mock).prepare().is_err(), "nothing is written into the gap");
}

#[test]
fn what_was_fetched_is_verified_and_fetched_once() {
    let mock = S3Mock::start();
    publish(&mock, "a", None, b"content").unwrap();
    let cache = tempfile::tempdir().unwrap();
    let fetch = |wanted: &dyn Fn(&str) -> bool| {
        let mut brought = 0;
        let files = opened(&mock).fetch(wanted, cache.path(), &mut |_, _| brought += 1);
        (files, brought)
    };

    // another byte is not believed
    mock.script("GET", "a-0.", Fault::OtherByte, usize::MAX);
    let (error, _) = fetch(&|_| true);
    assert!(error.unwrap_err().to_string().contains("checksum"));
    mock.unscript();

    let other_days = |path: &str| !path.contains("2026-11-29");
    let (files, brought) = fetch(&other_days);
    assert!(files.unwrap().is_empty() && brought == 0);
    let (files, brought) = fetch(&|_| true);
    assert_eq!(brought, 1);
    let place = files.unwrap().remove(0).place;
    assert_eq!(fs::read(&place).unwrap(), b"content");
    assert_eq!(fetch(&|_| true).1, 0);

    mock.remove("a-0.");
    fs::remove_file(place).unwrap();
    let (error, _) = fetch(&|_| true);
    assert!(error.unwrap_err().to_string().contains("is missing; write its source again"));
}

/// A file that is longer than a piece goes in several, and comes back whole.
#[test]
fn a_large_file_is_sent_in_pieces() {
    let mock = S3Mock::start();
    let content: Vec<u8> = (0..20_u32 << 20).map(|index| (index % 251) as u8).collect();
    let sent = publish(&mock, "large", None, &content).unwrap();
    assert_eq!(sent.sent, content.len() as u64);
    assert!(mock.count("PUT", "large-0.") >= 3, "20 MiB in pieces of 8 MiB");
    assert!(seen(&mock)[0].1 == content);

    // cut in the middle: nothing of it is there
    mock.script("POST", "other-0.", Fault::Status(403), usize::MAX);
    publish(&mock, "other", None, &content).unwrap_err();
    mock.unscript();
    assert_eq!(seen(&mock).len(), 1);
}

#[test]
fn places_that_hold_something_else_are_refused() {
    let mock = S3Mock::start();
    let cache = tempfile::tempdir().unwrap();
    let fetch = || opened(&mock).fetch(&|_| true, cache.path(), &mut |_, _| {}).unwrap_err();
    assert!(matches!(fetch(), RemoteError::NoTables { .. }));

    mock.set(&format!("bucket/tables/{DAY}/copied-0.parquet"), b"PAR1");
    assert!(matches!(publish(&mock, "a", None, b"a").unwrap_err(), RemoteError::LooseTables { .. }));
    mock.remove("copied");

    mock.set("bucket/tables/infercost-tables.json", br#"{"schema":"infercost.tables-store/9"}"#);
    assert!(matches!(fetch(), RemoteError::Later { .. }));
    assert!(matches!(publish(&mock, "a", None, b"a").unwrap_err(), RemoteError::Later { .. }));
}

/// A folder is a store as well, and takes two writers.
#[test]
fn a_folder_holds_tables_too() {
    let shared = tempfile::tempdir().unwrap();
    let url = format!("file://{}", shared.path().display());
    let open = || RemoteTables::open(&url, &[], patience()).unwrap();
    let publish = |source: &str, bytes: u64, content: &[u8]| {
        let store = open();
        store.prepare().unwrap();
        let folder = folder(&[(&file_of(source), content)]);
        store.publish(source, Some(bytes), folder.path()).unwrap().outcome
    };
    assert_eq!(publish("a", 1, b"a"), PublishOutcome::New);
    assert_eq!(publish("a", 2, b"aa"), PublishOutcome::Replaced);
    assert_eq!(publish("a", 1, b"a"), PublishOutcome::Shorter);

    let cache = tempfile::tempdir().unwrap();
    let files = open().fetch(&|_| true, cache.path(), &mut |_, _| {}).unwrap();
    let places: Vec<PathBuf> = files.into_iter().map(|file| file.place).collect();
    assert_eq!(places.len(), 1);
    assert_eq!(fs::read(&places[0]).unwrap(), b"aa");
    assert!(places[0].starts_with(cache.path()));
    let name = Path::new(DAY).join("a-0.");
    let lies = fs::read_dir(shared.path().join(DAY)).unwrap().flatten().map(|entry| entry.path());
    let names: Vec<PathBuf> = lies.collect();
    assert!(names.iter().all(|path| path.to_string_lossy().contains(&*name.to_string_lossy())), "{names:?}");
}
