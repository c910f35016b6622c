//! How many spans a second go from a run's file to a collector on this machine?
//!
//! The sink reads each request to its end, answers, and looks at nothing: what is measured is reading the file,
//! turning lines into protobuf, and HTTP. The bar is 50,000 spans/s over http/protobuf.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot set itself up has nothing to measure")]

use std::path::Path;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use infercost_benches::sink::sink;
use infercost_benches::synthetic_run::{Size, write};
use infercost_export::{
    Compression, Destination, Exporter, OtlpOptions, Protocol, RetryPolicy, Signal, SpanTransform,
};

fn export(folder: &Path, url: &str, protocol: Protocol, compression: Compression) -> u64 {
    let options = OtlpOptions {
        url: Some(url.to_owned()),
        protocol: Some(protocol),
        compression: Some(compression),
        ..OtlpOptions::default()
    };
    let destination = Destination::resolve(Signal::Traces, &options, &|_| None).unwrap().unwrap();
    let mut exporter = Exporter::new(folder, destination, SpanTransform::default(), false).unwrap();
    exporter.run(RetryPolicy::REPLAY).unwrap().spans
}

fn bench(criterion: &mut Criterion) {
    let traces = tempfile::tempdir().unwrap();
    let mut group = criterion.benchmark_group("export");
    group.sample_size(10).measurement_time(Duration::from_secs(8));
    let url = sink().unwrap();
    for tokens in [16, 64] {
        let size = Size::of_spans(12_000, tokens);
        let id = format!("run-{tokens}");
        let folder = write(traces.path(), &id, size, infercost_prices::example().unwrap()).unwrap();
        let spans = export(&folder, &url, Protocol::HttpProtobuf, Compression::None);
        group.throughput(Throughput::Elements(spans));
        for (name, protocol, compression) in [
            ("protobuf", Protocol::HttpProtobuf, Compression::None),
            ("protobuf-gzip", Protocol::HttpProtobuf, Compression::Gzip),
            ("json", Protocol::HttpJson, Compression::None),
        ] {
            group.bench_function(BenchmarkId::new(name, tokens), |bencher| {
                bencher.iter(|| export(&folder, &url, protocol, compression));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
