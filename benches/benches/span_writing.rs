//! What does it cost to put one inference on disk, and how many spans a second can be written?
//!
//! `append` is what happens between two inferences of a run: mapping the record to a span, writing it as OTLP
//! JSON, one `write` to the file. At candle's 15 ms a token, an answer of 64 tokens takes about one second.
//! `append-64` is what happens under load, where many have ended since the last call: 64 records in few lines.
//! The bar is 200,000 spans/s on one core.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot set itself up has nothing to measure")]

use std::time::{Instant, SystemTime};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use infercost_benches::synthetic_run::{Size, VARIANTS, header, inference};
use infercost_core::WindowId;
use infercost_trace::RunStore;

fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("span_writing");
    group.throughput(Throughput::Elements(1));
    let mut runs = 0_u32;

    for (name, together) in [("append", 1), ("append-64", 64)] {
        for tokens in [16, 64, 256] {
            group.bench_function(BenchmarkId::new(name, tokens), |bencher| {
                bencher.iter_custom(|iterations| {
                    let traces = tempfile::tempdir().unwrap();
                    runs += 1;
                    let count = u32::try_from(iterations).unwrap();
                    let size = Size { prompts: count, tokens };
                    let header = header(&format!("bench-{runs}"), size, infercost_prices::example().unwrap());
                    let mut store = RunStore::create(traces.path(), &header).unwrap();
                    let window = WindowId { variant: VARIANTS[0].into(), index: 0 };
                    let records: Vec<_> =
                        (0..count).map(|prompt| inference(prompt, tokens, SystemTime::UNIX_EPOCH)).collect();
                    let clock = Instant::now();
                    for records in records.chunks(together) {
                        match records {
                            [record] => store.inference(&window, record).unwrap(),
                            records => store.inferences(&window, records).unwrap(),
                        }
                    }
                    clock.elapsed()
                });
            });
        }
    }

    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
