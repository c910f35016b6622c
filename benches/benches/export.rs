//! How many spans a second go from a run's file to a collector on this machine?
//!
//! The sink reads each request to its end, answers, and looks at nothing: what is measured is reading the file,
//! turning lines into protobuf, and HTTP. The bar is 50,000 spans/s over http/protobuf.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot set itself up has nothing to measure")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::thread;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use infercost_benches::synthetic_run::{Size, write};
use infercost_export::{Compression, Destination, Exporter, OtlpOptions, Outfit, Patience, Protocol, Signal};

/// A sink for HTTP on the loopback interface; runs until the process ends.
fn sink() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut writer = stream.try_clone().unwrap();
                let mut reader = BufReader::with_capacity(1 << 20, stream);
                let mut body = Vec::new();
                loop {
                    let mut length = 0;
                    loop {
                        let mut line = String::new();
                        if reader.read_line(&mut line).unwrap_or(0) == 0 {
                            return;
                        }
                        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                            length = value.trim().parse().unwrap();
                        }
                        if line == "\r\n" {
                            break;
                        }
                    }
                    body.resize(length, 0);
                    reader.read_exact(&mut body).unwrap();
                    writer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
                }
            });
        }
    });
    url
}

fn export(folder: &Path, url: &str, protocol: Protocol, compression: Compression) -> u64 {
    let options = OtlpOptions {
        url: Some(url.to_owned()),
        protocol: Some(protocol),
        compression: Some(compression),
        ..OtlpOptions::default()
    };
    let destination = Destination::resolve(Signal::Traces, &options, &|_| None).unwrap().unwrap();
    let mut exporter = Exporter::new(folder, destination, Outfit::default(), false).unwrap();
    exporter.run(Patience::REPLAY).unwrap().spans
}

fn bench(criterion: &mut Criterion) {
    let traces = tempfile::tempdir().unwrap();
    let mut group = criterion.benchmark_group("export");
    group.sample_size(10).measurement_time(Duration::from_secs(8));
    let url = sink();
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
