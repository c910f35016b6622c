#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]
use std::collections::HashMap;

use super::*;

fn resolve(url: Option<&str>, variables: &[(&str, &str)]) -> Result<Option<Destination>, DestinationError> {
    let map: HashMap<String, String> = variables
        .iter()
        .map(|(name, value)| {
            let is_whole = name.starts_with("OTEL_");
            (
                if is_whole { (*name).to_owned() } else { format!("OTEL_EXPORTER_OTLP_{name}") },
                (*value).to_owned(),
            )
        })
        .collect();
    let options = OtlpOptions { url: url.map(str::to_owned), ..OtlpOptions::default() };
    Destination::resolve(Signal::Traces, &options, &|name| map.get(name).cloned())
}

#[test]
fn addresses() {
    let check = |url: Option<&str>, variables: &[(&str, &str)], wanted: &str| {
        assert_eq!(resolve(url, variables).unwrap().unwrap().url, wanted, "{url:?} {variables:?}");
    };
    check(Some("http://a:4318"), &[], "http://a:4318/v1/traces");
    check(Some("http://a:4318/"), &[], "http://a:4318/v1/traces");
    check(Some("https://a/b/"), &[], "https://a/b/v1/traces");
    check(Some("https://a/b/v1/traces"), &[], "https://a/b/v1/traces");
    check(Some("http://a/?k=1"), &[], "http://a/v1/traces?k=1");
    check(None, &[("ENDPOINT", "http://b:1")], "http://b:1/v1/traces");
    check(None, &[("TRACES_ENDPOINT", "http://b:1")], "http://b:1/");
    check(None, &[("TRACES_ENDPOINT", "http://b:1/x"), ("ENDPOINT", "http://c")], "http://b:1/x");
    check(Some("http://a:4317/x"), &[("PROTOCOL", "grpc")], "http://a:4317");
    check(Some("http://[::1]:4318"), &[], "http://[::1]:4318/v1/traces");
    assert_eq!(resolve(None, &[("ENDPOINT", " ")]).unwrap(), None);
    // gRPC's addresses without a scheme
    let grpc = ("PROTOCOL", "grpc");
    check(None, &[grpc, ("ENDPOINT", "b:4317")], "https://b:4317");
    check(None, &[grpc, ("ENDPOINT", "b:4317"), ("INSECURE", "true")], "http://b:4317");
    check(None, &[grpc, ("ENDPOINT", "https://b:4317"), ("INSECURE", "true")], "https://b:4317");
    check(None, &[grpc, ("TRACES_ENDPOINT", "b:4317"), ("TRACES_INSECURE", "TRUE")], "http://b:4317");
}

#[test]
fn refusals_say_what_is_wrong() {
    let check = |url: &str, variables: &[(&str, &str)], wanted: &str| {
        let error = resolve(Some(url), variables).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
        assert!(!error.contains("secret") && !error.chars().any(char::is_control), "{error}");
    };
    check("localhost:4318", &[], "http://");
    check("ftp://a", &[], "neither");
    check("http://user:secret@host", &[], "--otlp-header");
    check("ftp://host/p?api_key=secret", &[], "ftp://host/p?…");
    check("localhost:4318?api_key=secret", &[], "http://");
    check("http://user:se?cret@host/secret", &[], "http://…");
    check("\u{1b}[31m", &[], "cannot be read");
    check("", &[], "cannot be read");
    check("http://a", &[("PROTOCOL", "carrier-pigeon\u{7}")], "OTEL_EXPORTER_OTLP_PROTOCOL");
    check("http://a", &[("TIMEOUT", "soon")], "milliseconds");
    check("http://a", &[("TRACES_COMPRESSION", "zip")], "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION");
    check("http://a", &[("HEADERS", "a\u{0}b=secret")], "header");
}

#[test]
fn settings_of_the_signal_come_first() {
    let found = resolve(
        None,
        &[
            ("ENDPOINT", "https://b"),
            ("PROTOCOL", "grpc"),
            ("TRACES_PROTOCOL", "http/json"),
            ("HEADERS", "a=1"),
            ("TRACES_HEADERS", "b=%32"),
            ("TIMEOUT", "500"),
        ],
    );
    let found = found.unwrap().unwrap();
    assert_eq!(found.protocol, Protocol::HttpJson);
    assert_eq!((found.headers.get("a"), found.headers.get("b")), (None, Some("2")));
    assert_eq!(found.timeout, Duration::from_millis(500));
    assert_eq!(found.compression, Compression::Gzip);
    assert_eq!(resolve(Some("http://127.0.0.1:1"), &[]).unwrap().unwrap().compression, Compression::None);
}

#[test]
fn secrets_of_one_place_do_not_go_to_another() {
    let headers = |url: &str, endpoint: &str| {
        let variables = [("ENDPOINT", endpoint), ("HEADERS", "authorization=x")];
        resolve(Some(url), &variables).unwrap().unwrap().headers.get("authorization").is_some()
    };
    assert!(headers("http://a:4318/x", "http://A:4318"));
    assert!(headers("http://a:4318", ""));
    assert!(!headers("http://other:4318", "http://a:4318"));
}

#[test]
fn names_hold_no_secrets() {
    let found = resolve(Some("https://a:1/b?token=secret"), &[]).unwrap().unwrap();
    assert_eq!(found.name(), "https://a:1/b/v1/traces");
    assert_eq!(found.origin(), "https://a:1");
    assert_eq!(format!("{found:?}"), "https://a:1/b/v1/traces over http/protobuf");
}

#[test]
fn what_the_environment_switches_off_goes_nowhere_by_itself() {
    let off = [("ENDPOINT", "http://b:1"), ("OTEL_SDK_DISABLED", "true")];
    assert_eq!(resolve(None, &off).unwrap(), None);
    // nor does a setting that is wrong matter then
    let off = [("ENDPOINT", "http://b:1"), ("PROTOCOL", "pigeon"), ("OTEL_TRACES_EXPORTER", "none")];
    assert_eq!(resolve(None, &off).unwrap(), None);
    // a place that was asked for by name
    assert!(resolve(Some("http://a:1"), &[("OTEL_SDK_DISABLED", "true")]).unwrap().is_some());
}
