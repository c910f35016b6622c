//! A run that is sent while it grows.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use infercost_export::{Exporter, LiveExport, Protocol, RetryPolicy, SpanTransform};

use crate::collector::{Collector, Reply};
use crate::{copy, destination, recorded, sample, sorted};

/// An empty run, and the lines that it will get.
fn growing() -> (tempfile::TempDir, std::path::PathBuf, Vec<String>) {
    let (kept, run) = copy();
    let text = std::fs::read_to_string(run.join("spans.jsonl")).unwrap();
    std::fs::write(run.join("spans.jsonl"), "").unwrap();
    (kept, run, text.lines().map(|line| format!("{line}\n")).collect())
}

fn append(run: &std::path::Path, text: &str) {
    let mut file = OpenOptions::new().append(true).open(run.join("spans.jsonl")).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

#[test]
fn everything_is_there_when_the_run_ends() {
    let collector = Collector::start(|_, _| Reply::ok());
    let (_kept, run, lines) = growing();
    let live = LiveExport::start(
        &run,
        destination(&collector.url, Protocol::HttpProtobuf, None),
        SpanTransform::default(),
    )
    .unwrap();
    let (first, rest) = lines.split_at(lines.len() / 2);
    for line in first {
        let half = line.len() / 2;
        let half = (half..).find(|at| line.is_char_boundary(*at)).unwrap();
        append(&run, &line[..half]);
        append(&run, &line[half..]);
    }
    let policy = Instant::now();
    while collector.spans().is_empty() {
        assert!(policy.elapsed() < Duration::from_secs(20), "nothing came while the run grew");
        sleep(Duration::from_millis(20));
    }
    append(&run, &rest.concat());
    let outcome = live.finish(Duration::from_secs(10));
    assert_eq!((outcome.bytes_left, outcome.trouble), (0, None));
    assert_eq!(sorted(collector.spans().into_iter()), recorded(&sample()), "each span once");
}

#[test]
fn a_collector_that_is_away_or_slow_or_refuses_costs_a_bounded_wait() {
    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let silent = Collector::start(|_, _| Reply::Silence).url;
    let refusing = Collector::start(|_, _| Reply::status(400)).url;
    for (url, wanted) in [(gone, "refused"), (silent, ""), (refusing, "400")] {
        let (_kept, run, lines) = growing();
        let live = LiveExport::start(
            &run,
            destination(&url, Protocol::HttpProtobuf, None),
            SpanTransform::default(),
        )
        .unwrap();
        let began = Instant::now();
        append(&run, &lines.concat());
        assert!(began.elapsed() < Duration::from_secs(1), "writing waited for {url}");
        sleep(Duration::from_millis(900));
        let began = Instant::now();
        let outcome = live.finish(Duration::from_secs(1));
        assert!(began.elapsed() < Duration::from_millis(1800), "the end waited for {url}");
        assert!(outcome.bytes_left > 0, "{url}");
        assert!(outcome.trouble.unwrap().contains(wanted), "{url}");
        assert_eq!(std::fs::read_to_string(run.join("spans.jsonl")).unwrap(), lines.concat());
    }
}

#[test]
fn a_collector_that_dies_in_the_middle_gets_the_rest_by_a_later_export() {
    let dead = Arc::new(AtomicBool::new(false));
    let is_dead = Arc::clone(&dead);
    let collector =
        Collector::start(
            move |_, _| if is_dead.load(Ordering::Relaxed) { Reply::HangUp } else { Reply::ok() },
        );
    let to = || destination(&collector.url, Protocol::HttpProtobuf, None);
    let (_kept, run, lines) = growing();
    let live = LiveExport::start(&run, to(), SpanTransform::default()).unwrap();
    let (first, rest) = lines.split_at(100);
    append(&run, &first.concat());
    let policy = Instant::now();
    while collector.spans().len() < first.len() {
        assert!(policy.elapsed() < Duration::from_secs(20));
        sleep(Duration::from_millis(20));
    }

    // the answer to what came last is on its way
    sleep(Duration::from_millis(300));
    dead.store(true, Ordering::Relaxed);
    append(&run, &rest.concat());
    sleep(Duration::from_millis(800));
    let outcome = live.finish(Duration::from_millis(500));
    assert!(outcome.bytes_left > 0 && outcome.trouble.is_some(), "{outcome:?}");
    dead.store(false, Ordering::Relaxed);
    let before = collector.received().len();
    let sent =
        Exporter::new(&run, to(), SpanTransform::default(), true).unwrap().run(RetryPolicy::REPLAY).unwrap();
    assert!(collector.received().len() > before);
    assert!((sent.spans as usize) < recorded(&sample()).len(), "what was there was sent again");
    let mut arrived = sorted(collector.spans().into_iter());
    arrived.dedup();
    assert_eq!(arrived, recorded(&sample()));
}
