//! What does a run lose when it is sent while it is recorded?
//!
//! One answer a second of 64 tokens, about what candle gives of a small model on two cores, is appended to a run that a
//! thread follows and sends over http/protobuf. What it takes is that thread's time on a processor, read from the
//! system's own books; a difference of two runs' tokens/s would drown in their noise. If every moment of it were
//! missing from the run, the run would be slower by that share of a core: the bar is 0.2 %.
//!
//! `cargo bench -p infercost-benches --bench live_export`
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot set itself up has nothing to measure")]
#![expect(clippy::print_stdout, reason = "its result is what it prints")]

use std::fs::{read_dir, read_to_string};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use infercost_benches::sink::sink;
use infercost_benches::synthetic_run::{Size, VARIANTS, header, inference};
use infercost_core::WindowId;
use infercost_export::{Destination, LiveExport, OtlpOptions, Protocol, Signal, SpanTransform};
use infercost_trace::RunStore;

const ANSWERS: u32 = 30;
const PAUSE: Duration = Duration::from_secs(1);
const TOKENS: u32 = 64;

fn main() {
    let traces = tempfile::tempdir().unwrap();
    let size = Size { prompts: ANSWERS, tokens: TOKENS };
    let header = header("live", size, infercost_prices::example().unwrap());
    let mut store = RunStore::create(traces.path(), &header).unwrap();
    let options = OtlpOptions {
        url: Some(sink().unwrap()),
        protocol: Some(Protocol::HttpProtobuf),
        ..OtlpOptions::default()
    };
    let destination = Destination::resolve(Signal::Traces, &options, &|_| None).unwrap().unwrap();
    let live = LiveExport::start(store.folder(), destination, SpanTransform::default()).unwrap();

    let window = WindowId { variant: VARIANTS[0].into(), index: 0 };
    let began = Instant::now();
    for prompt in 0..ANSWERS {
        store.inference(&window, &inference(prompt, TOKENS, SystemTime::now())).unwrap();
        sleep(PAUSE);
    }
    sleep(Duration::from_secs(1)); // one more look at the file
    let (wall, busy) = (began.elapsed().as_secs_f64(), on_processor("export").as_secs_f64());
    let outcome = live.finish(Duration::from_secs(5));
    assert_eq!((outcome.sent.spans, outcome.bytes_left), (u64::from(ANSWERS), 0), "{outcome:?}");

    println!(
        "live export: {:.3} % of one core at one answer a second, {:.0} us a span",
        busy / wall * 100.0,
        busy / f64::from(ANSWERS) * 1e6
    );
}

/// Time that threads of that name have had on a processor.
fn on_processor(name: &str) -> Duration {
    let tasks = read_dir("/proc/self/task").unwrap().flatten().map(|task| task.path());
    let named =
        tasks.filter(|task| read_to_string(task.join("comm")).is_ok_and(|found| found.trim() == name));
    let nanos = named.map(|task| {
        let text = read_to_string(task.join("schedstat")).unwrap();
        text.split_ascii_whitespace().next().unwrap().parse::<u64>().unwrap()
    });
    Duration::from_nanos(nanos.sum())
}
