//! A finished run, sent.

use std::time::{Duration, Instant};

use infercost_export::{Exporter, Protocol, RetryPolicy, Sent, SpanTransform};
use infercost_trace::outgoing::Backend;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use regex::Regex;

use crate::collector::{Collector, Received, Reply};
use crate::{copy, destination, recorded, sample, sorted};

const SHORT: RetryPolicy = RetryPolicy {
    first: Duration::from_millis(10),
    longest: Duration::from_millis(40),
    total: Duration::from_millis(300),
};

fn run(collector: &Collector, protocol: Protocol, transform: SpanTransform) -> Result<Sent, String> {
    let (_kept, run) = copy();
    let destination = destination(&collector.url, protocol, Some(("x-api-key", "hunter2-secret")));
    let mut exporter = Exporter::new(&run, destination, transform, false).unwrap();
    exporter.run(SHORT).map_err(|error| error.to_string())
}

fn texts(requests: &[Received]) -> String {
    requests.iter().map(|request| format!("{:?}", request.request())).collect()
}

#[test]
fn ids_and_times_arrive_as_they_were_recorded() {
    for protocol in [Protocol::HttpProtobuf, Protocol::HttpJson] {
        let collector = Collector::start(|_, _| Reply::ok());
        let sent = run(&collector, protocol, SpanTransform::default()).unwrap();
        let arrived = sorted(collector.spans().into_iter());
        assert_eq!(arrived, recorded(&sample()), "{protocol:?}");
        assert_eq!(sent.spans as usize, arrived.len());
        let first = &collector.received()[0];
        assert_eq!((first.method.as_str(), first.path.as_str()), ("POST", "/v1/traces"));
        assert_eq!(first.header("x-api-key"), Some("hunter2-secret"));
        assert!(first.header("user-agent").unwrap().starts_with("infercost/"));
        // again: the same ids, so that nothing is doubled
        run(&collector, protocol, SpanTransform::default()).unwrap();
        let mut twice = sorted(collector.spans().into_iter());
        twice.dedup();
        assert_eq!(twice, arrived);
    }
}

#[test]
fn gzip_is_said_and_done() {
    let collector = Collector::start(|_, _| Reply::ok());
    let mut destination = destination(&collector.url, Protocol::HttpProtobuf, None);
    destination.compression = infercost_export::Compression::Gzip;
    let (_kept, folder) = copy();
    Exporter::new(&folder, destination, SpanTransform::default(), false).unwrap().run(SHORT).unwrap();
    assert!(collector.received().iter().all(|request| request.header("content-encoding") == Some("gzip")));
    assert_eq!(sorted(collector.spans().into_iter()), recorded(&sample()));
}

#[test]
fn what_is_busy_is_tried_again_and_what_is_refused_is_not() {
    let later = |status: u16| Reply::Say(status, "retry-after: 0\r\n".to_owned(), b"wait".to_vec());
    for status in [429, 502, 503, 504] {
        let collector = Collector::start(move |index, _| if index < 3 { later(status) } else { Reply::ok() });
        let sent = run(&collector, Protocol::HttpProtobuf, SpanTransform::default()).unwrap();
        assert_eq!(sent.spans as usize, recorded(&sample()).len(), "{status}");
    }
    let hangs_up = Collector::start(|index, _| if index < 2 { Reply::HangUp } else { Reply::ok() });
    run(&hangs_up, Protocol::HttpProtobuf, SpanTransform::default()).unwrap();
    for (status, wanted) in
        [(400, "bad span"), (401, "header"), (404, "collector"), (415, "protobuf"), (307, "redirect")]
    {
        let body = "{\"message\":\"bad span \\u001b[31m x-api-key\"}".to_owned();
        let kind = "content-type: application/json\r\nlocation: http://127.0.0.1:9/\r\n".to_owned();
        let collector =
            Collector::start(move |_, _| Reply::Say(status, kind.clone(), body.clone().into_bytes()));
        let error = run(&collector, Protocol::HttpProtobuf, SpanTransform::default()).unwrap_err();
        assert!(error.contains(&status.to_string()) && error.contains(wanted), "{error}");
        assert!(!error.chars().any(char::is_control), "{error:?}");
        assert_eq!(collector.received().len(), 1, "{status} was tried again");
    }
}

#[test]
fn patience_ends_and_secrets_are_not_told() {
    let collector = Collector::start(|_, _| Reply::Say(503, String::new(), b"busy: hunter2-secret".to_vec()));
    let began = Instant::now();
    let error = run(&collector, Protocol::HttpProtobuf, SpanTransform::default()).unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(5));
    assert!(error.contains("503") && !error.contains("hunter2"), "{error}");
    assert!(collector.received().len() > 2);
    // nobody listens
    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let (_kept, folder) = copy();
    for protocol in [Protocol::HttpProtobuf, Protocol::Grpc] {
        let destination = destination(&gone, protocol, None);
        let error = Exporter::new(&folder, destination, SpanTransform::default(), false)
            .unwrap()
            .run(SHORT)
            .unwrap_err();
        assert!(error.to_string().contains("refused"), "{error}");
    }
}

#[test]
fn huge_answers_and_no_answers_do_no_harm() {
    let collector = Collector::start(|_, _| Reply::Say(500, String::new(), vec![b'x'; 5 << 20]));
    let error = run(&collector, Protocol::HttpProtobuf, SpanTransform::default()).unwrap_err();
    assert!(error.len() < 2000);
    let silent = Collector::start(|_, _| Reply::Silence);
    let (_kept, folder) = copy();
    let mut destination = destination(&silent.url, Protocol::HttpProtobuf, None);
    destination.timeout = Duration::from_millis(200);
    let began = Instant::now();
    Exporter::new(&folder, destination, SpanTransform::default(), false).unwrap().run(SHORT).unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn partial_success_is_reported() {
    let answer =
        serde_json::json!({"partialSuccess": {"rejectedSpans": "2", "errorMessage": "too \u{1b} old"}});
    let collector =
        Collector::start(move |index, _| if index == 0 { Reply::json(&answer) } else { Reply::ok() });
    let sent = run(&collector, Protocol::HttpProtobuf, SpanTransform::default()).unwrap();
    assert_eq!(sent.rejected, 2);
    assert_eq!(sent.spans as usize, recorded(&sample()).len() - 2);
    assert_eq!(sent.words, ["too \\u{1b} old"]);
}

#[test]
fn batches_that_are_too_large_are_halved() {
    for protocol in [Protocol::HttpProtobuf, Protocol::HttpJson] {
        let collector = Collector::start(|_, request| {
            let scopes =
                request.request().resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
            let spans: usize = scopes.map(|scope| scope.spans.len()).sum();
            if spans > 100 { Reply::status(413) } else { Reply::ok() }
        });
        let sent = run(&collector, protocol, SpanTransform::default()).unwrap();
        assert_eq!((sent.spans as usize, sent.too_large), (recorded(&sample()).len(), 0));
    }
    let never = Collector::start(|_, _| Reply::status(413));
    let sent = run(&never, Protocol::HttpProtobuf, SpanTransform::default()).unwrap();
    assert_eq!((sent.spans, sent.too_large as usize), (0, recorded(&sample()).len()));
}

#[test]
fn the_rest_can_be_sent_later() {
    let (_kept, folder) = copy();
    // many small lines make many batches
    let text = std::fs::read_to_string(folder.join("spans.jsonl")).unwrap();
    let collector = Collector::start(|index, _| if index == 1 { Reply::status(400) } else { Reply::ok() });
    let to = || destination(&collector.url, Protocol::HttpProtobuf, None);
    let repeated = text.repeat(3);
    std::fs::write(folder.join("spans.jsonl"), repeated).unwrap();
    Exporter::new(&folder, to(), SpanTransform::default(), false).unwrap().run(SHORT).unwrap_err();
    let first = collector.received()[0].request();
    Exporter::new(&folder, to(), SpanTransform::default(), true).unwrap().run(SHORT).unwrap();
    // what was refused came again, what was taken did not
    let refused = collector.received()[1].body.clone();
    assert_eq!(collector.received()[2].body, refused);
    assert_ne!(collector.received()[2].request(), first);
    let sent = Exporter::new(&folder, to(), SpanTransform::default(), true).unwrap().run(SHORT).unwrap();
    assert_eq!((sent.spans, sent.requests), (0, 0), "everything was there already");
}

#[test]
fn content_and_what_patterns_find_stay_here() {
    let whole = Collector::start(|_, _| Reply::ok());
    run(&whole, Protocol::HttpProtobuf, SpanTransform::default()).unwrap();
    assert!(texts(&whole.received()).contains("gen_ai.input.messages"));
    let collector = Collector::start(|_, _| Reply::ok());
    let transform = SpanTransform { content: false, ..SpanTransform::default() };
    run(&collector, Protocol::HttpProtobuf, transform).unwrap();
    let sent = texts(&collector.received());
    for name in ["input.value", "output.value", "gen_ai.input.messages", "im_start"] {
        assert!(!sent.contains(name), "{name}");
    }
    let collector = Collector::start(|_, _| Reply::ok());
    let transform = SpanTransform {
        redact: vec![Regex::new("(?i)smollm2|im_start").unwrap()],
        ..SpanTransform::default()
    };
    run(&collector, Protocol::HttpProtobuf, transform).unwrap();
    let sent = texts(&collector.received());
    assert!(
        sent.contains("[redacted]") && !sent.to_lowercase().contains("smollm2") && !sent.contains("im_start")
    );
}

#[test]
fn projects_and_viewers() {
    let collector = Collector::start(|_, _| Reply::ok());
    let transform = SpanTransform {
        project: Some("mine".to_owned()),
        backend: Backend::Langfuse,
        ..SpanTransform::default()
    };
    run(&collector, Protocol::HttpProtobuf, transform).unwrap();
    let request = collector.received()[0].request();
    let resource = request.resource_spans[0].resource.as_ref().unwrap();
    let projects: Vec<_> =
        resource.attributes.iter().filter(|one| one.key == "openinference.project.name").collect();
    assert_eq!(projects.len(), 1);
    let value = projects[0].value.as_ref().unwrap().value.as_ref().unwrap();
    assert_eq!(*value, Value::StringValue("mine".to_owned()));
    assert!(texts(&collector.received()).contains("langfuse.observation.type"));
}

#[test]
fn resources_are_described_by_the_environment() {
    let collector = Collector::start(|_, _| Reply::ok());
    let pair = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    let resource = [
        ("service.name", "nightly"),
        ("deployment.environment.name", "ci my-key"),
        ("openinference.project.name", "theirs"),
        ("infercost.run.id", "another"),
    ];

    let transform = SpanTransform {
        project: Some("mine".to_owned()),
        redact: vec![Regex::new("my-key").unwrap()],
        resource: resource.map(pair).to_vec(),
        ..SpanTransform::default()
    };

    assert_eq!(transform.chosen_project(), Some("mine"));
    assert_eq!(SpanTransform { project: None, ..transform.clone() }.chosen_project(), Some("theirs"));
    assert_eq!(SpanTransform::default().chosen_project(), None);
    run(&collector, Protocol::HttpProtobuf, transform).unwrap();
    let request = collector.received()[0].request();
    let found = &request.resource_spans[0].resource.as_ref().unwrap().attributes;
    let values = |key: &str| -> Vec<Value> {
        let all = found.iter().filter(|one| one.key == key);
        all.filter_map(|one| one.value.as_ref()?.value.clone()).collect()
    };
    let text = |value: &str| vec![Value::StringValue(value.to_owned())];
    assert_eq!(values("service.name"), text("nightly"));
    assert_eq!(values("deployment.environment.name"), text("ci [redacted]"));
    assert_eq!(values("openinference.project.name"), text("mine"));
    assert_ne!(values("infercost.run.id"), text("another"));
}

#[test]
fn broken_runs_are_told_and_huge_texts_go_through() {
    let (_kept, folder) = copy();
    let spans = folder.join("spans.jsonl");
    let collector = Collector::start(|_, _| Reply::ok());
    let export = || {
        let to = destination(&collector.url, Protocol::HttpProtobuf, None);
        Exporter::new(&folder, to, SpanTransform::default(), false)
            .unwrap()
            .run(SHORT)
            .map_err(|error| error.to_string())
    };

    let span = |text: &str| {
        format!(
            "{{\"resourceSpans\":[{{\"scopeSpans\":[{{\"spans\":[{{\"spanId\":\"0000000000000001\",\"attributes\":\
             [{{\"key\":\"input.value\",\"value\":{{\"stringValue\":\"{text}\"}}}}]}}]}}]}}]}}\n"
        )
    };

    let huge = span(&"<script>\\u0000\\u001b[31m ".repeat(200_000));
    std::fs::write(&spans, &huge).unwrap();
    assert_eq!(export().unwrap().spans, 1);
    assert!(format!("{:?}", collector.spans()[0]).len() > 3_000_000);

    // what was cut off while it was written is left out
    std::fs::write(&spans, format!("{}{}", span("a"), &span("b")[..90])).unwrap();
    assert_eq!(export().unwrap().spans, 1);

    for broken in [
        &b"{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"name\":\"\xff\"}]}]}]}\n{}\n"[..],
        b"\x1b[31m\n{}\n",
        b"{\"resourceSpans\":{\"\\u001b\":1}}\n{}\n",
    ] {
        std::fs::write(&spans, broken).unwrap();
        let error = export().unwrap_err();
        assert!(error.contains("spans.jsonl") && !error.chars().any(char::is_control), "{error:?}");
    }

    std::fs::write(&spans, vec![b'x'; (16 << 20) + 2]).unwrap();
    assert!(export().unwrap_err().contains("longer than"));
    std::fs::remove_file(&spans).unwrap();
    assert_eq!(export().unwrap().spans, 0);
}
