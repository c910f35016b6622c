//! Phoenix's own interfaces against a replica: prices are updated and not doubled, hostile answers do no harm.

use std::sync::{Arc, Mutex};

use infercost_export::OtlpOptions;
use infercost_export::phoenix::{Annotation, ModelPrice, Phoenix};
use serde_json::{Value, json};

use crate::collector::{Collector, Received, Reply};

fn phoenix(url: &str) -> Phoenix {
    let key = |name: &str| (name == "PHOENIX_API_KEY").then(|| "secret-key".to_owned());
    Phoenix::new(url, &OtlpOptions::default(), &key).unwrap()
}

fn price(model: &str, input: f64) -> ModelPrice {
    ModelPrice {
        model: model.to_owned(),
        provider: "candle".to_owned(),
        input_per_million: input,
        output_per_million: 2.0,
    }
}

/// A table of prices, as Phoenix keeps it.
fn table() -> (Collector, Arc<Mutex<Vec<Value>>>) {
    let models = Arc::new(Mutex::new(vec![
        json!({"id": "0", "name": "a/q8_0", "provider": "", "namePattern": "a", "kind": "BUILT_IN", "tokenPrices": []}),
    ]));
    let kept = Arc::clone(&models);
    let serve = move |_: usize, request: &Received| {
        assert_eq!(request.header("authorization"), Some("Bearer secret-key"));
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let query = body["query"].as_str().unwrap();
        let mut models = kept.lock().unwrap();
        if query.starts_with("query") {
            // two pages
            let at: usize = body["variables"]["after"].as_str().map_or(0, |at| at.parse().unwrap());
            let edges: Vec<Value> =
                models.iter().skip(at).take(1).map(|node| json!({"node": node})).collect();
            let page = json!({"hasNextPage": at + 1 < models.len(), "endCursor": (at + 1).to_string()});
            return Reply::json(&json!({"data": {"generativeModels": {"edges": edges, "pageInfo": page}}}));
        }
        let mut model = body["variables"]["input"].clone();
        model["kind"] = json!("CUSTOM");
        model["tokenPrices"] = model["costs"].clone();
        if query.contains("createModel") {
            model["id"] = json!(models.len().to_string());
            models.push(model);
        } else {
            let id = model["id"].clone();
            let known =
                models.iter_mut().find(|known| known["id"] == id && known["kind"] == "CUSTOM").unwrap();
            *known = model;
        }
        Reply::json(&json!({"data": {}}))
    };

    (Collector::start(serve), models)
}

#[test]
fn prices_are_added_updated_and_left_alone() {
    let (collector, models) = table();
    let phoenix = phoenix(&collector.url);
    let set = |input| {
        let changes = phoenix.set_prices(&[price("a/q8_0", input), price("a.b\"/x", 1.0)]).unwrap();
        (changes.created, changes.updated, changes.unchanged)
    };
    assert_eq!(set(0.5), (2, 0, 0));
    assert_eq!(set(0.5), (0, 0, 2));
    assert_eq!(set(0.7), (0, 1, 1));
    let models = models.lock().unwrap();
    assert_eq!(models.len(), 3, "the built-in one is left alone, and nothing stands twice");
    assert_eq!(models[1]["namePattern"], "^a/q8_0$");
    assert_eq!(models[1]["tokenPrices"][0]["costPerMillionTokens"], 0.7);
    assert_eq!(models[2]["namePattern"], "^a\\.b\"/x$");
}

#[test]
fn certificates_of_the_environment_count() {
    let get = |name: &str| match name {
        "OTEL_EXPORTER_OTLP_CERTIFICATE" => Some("/no/such/authority.pem".to_owned()),
        // another collector's
        "OTEL_EXPORTER_OTLP_TIMEOUT" => Some("soon".to_owned()),
        _ => None,
    };
    let error = Phoenix::new("https://127.0.0.1:1", &OtlpOptions::default(), &get).unwrap_err().to_string();
    assert!(error.contains("/no/such/authority.pem"), "{error}");
}

#[test]
fn annotations_and_totals() {
    let collector = Collector::start(|_, request| match request.path.as_str() {
        "/v1/span_annotations?sync=true" => Reply::status(404),
        "/v1/span_annotations?sync=false" => Reply::json(&json!({"data": []})),
        "/graphql" => Reply::json(&json!({"data": {"projects": {"edges": [
            {"node": {"name": "mine too", "trace": null}},
            {"node": {"name": "mine", "trace":
                {"numSpans": 9, "costSummary": {"total": {"cost": 0.5, "tokens": 7.0}}}}},
        ]}}})),
        "/v1/projects/mine/spans?limit=1000" => {
            Reply::json(&json!({"data": [{"a": 1}], "next_cursor": "x/y"}))
        }
        "/v1/projects/mine/spans?limit=1000&cursor=x%2Fy" => {
            Reply::json(&json!({"data": [], "next_cursor": null}))
        }
        "/v1/projects/a%20%2Fb" => Reply::json(&json!({"data": {"id": "UHJvamVjdDox"}})),
        other => panic!("{other}"),
    });

    let phoenix = phoenix(&collector.url);
    let annotation = Annotation {
        span: [0xab; 8],
        name: "task_score",
        label: Some("correct".to_owned()),
        score: Some(1.0),
        explanation: None,
    };

    phoenix.annotate(&vec![annotation; 501]).unwrap();
    assert_eq!(collector.received().len(), 4, "500 at a time, and again where spans are missing");
    let body: Value = serde_json::from_slice(&collector.received()[2].body).unwrap();
    assert_eq!(
        body["data"][0],
        json!({"span_id": "abababababababab", "name": "task_score", "annotator_kind": "CODE",
               "identifier": "infercost", "result": {"label": "correct", "score": 1.0}})
    );

    let totals = phoenix.trace_totals("mine", [1; 16]).unwrap().unwrap();
    assert_eq!((totals.spans, totals.cost), (9, Some(0.5)));
    let page = phoenix.spans("mine", None).unwrap();
    assert_eq!(page.next.as_deref(), Some("x/y"));
    assert_eq!(phoenix.spans("mine", page.next.as_deref()).unwrap().next, None);
    assert!(phoenix.project_page("a /b").unwrap().ends_with("/projects/UHJvamVjdDox"));
    let trace = phoenix.trace_page("a /b", [0xab; 16]).unwrap();
    let wanted = format!("/projects/UHJvamVjdDox/traces/{}", "ab".repeat(16));
    assert!(trace.ends_with(&wanted), "the link opens the trace: {trace}");
}

#[test]
fn hostile_answers_are_errors_in_plain_words() {
    let say = |body: &'static [u8]| {
        Collector::start(move |_, _| {
            Reply::Say(200, "content-type: application/json\r\n".to_owned(), body.to_vec())
        })
    };
    for body in [
        &b"<html>\x1b[31m"[..],
        b"",
        b"{\"errors\":[{\"message\":\"no \\u001b[31m secret-key\"}]}",
        b"{\"data\":{\"generativeModels\":\"\\u001b\"}}",
        b"[[[[[[",
    ] {
        let error = phoenix(&say(body).url).set_prices(&[price("a", 1.0)]).unwrap_err().to_string();
        assert!(!error.chars().any(char::is_control) && !error.contains("secret-key"), "{error:?}");
    }
    let refused = Collector::start(|_, _| Reply::status(401));
    let error = phoenix(&refused.url).greet().unwrap_err().to_string();
    assert!(error.contains("PHOENIX_API_KEY"), "{error}");
}
