//! How long does `report` take on a run of 10,000 spans? The target is under one second.
//!
//! `read_and_report` is what the command does: the run folder is read from disk through infercost-trace, and
//! the report computed from it; `report_only` leaves out the reading.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot set itself up has nothing to measure")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use infercost_analyzer::{Analysis, report};
use infercost_benches::synthetic_run::{Size, write};
use infercost_core::{Policy, RunRecord};
use infercost_trace::read_run;

const SPANS: u32 = 10_000;
const TOKENS: u32 = 32;

fn bench(criterion: &mut Criterion) {
    let traces = tempfile::tempdir().unwrap();
    let prices = infercost_prices::example().unwrap();
    let folder = write(traces.path(), "bench", Size::of_spans(SPANS, TOKENS), prices.clone()).unwrap();
    let policy = Policy::default();
    let judge = |runs: &[RunRecord]| {
        let analysis = Analysis {
            runs,
            policy: &policy,
            prices: &prices,
            machine_prices: &[],
            baseline: None,
            memory_bandwidth: None,
        };
        report(&analysis).unwrap()
    };
    let mut group = criterion.benchmark_group("report_10k_spans");
    group.sample_size(10).throughput(Throughput::Elements(u64::from(SPANS)));
    group.bench_function("read_and_report", |bencher| {
        bencher.iter(|| judge(&[read_run(black_box(&folder)).unwrap()]));
    });
    let run = [read_run(&folder).unwrap()];
    group.bench_function("report_only", |bencher| bencher.iter(|| judge(black_box(&run))));
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
