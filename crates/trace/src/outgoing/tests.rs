#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

use super::*;

fn inference() -> Span {
    let text = |key, value: &str| key_value(key, Value::StringValue(value.to_owned()));
    Span {
        name: "chat a/q8_0".to_owned(),
        parent_span_id: vec![1; 8],
        start_time_unix_nano: 1_700_000_000_000_000_000,
        attributes: vec![
            text(RECORD, "inference"),
            text(VARIANT, "a/q8_0"),
            text(INPUT_VALUE, "a \"b\"\u{1b}"),
            text(OUTPUT_VALUE, "<script>"),
            text(GEN_AI_REQUEST_MODEL, "a/q8_0"),
            text(LLM_MODEL_NAME, "a/q8_0"),
            key_value(GEN_AI_USAGE_INPUT_TOKENS, Value::IntValue(7)),
            key_value(GEN_AI_USAGE_OUTPUT_TOKENS, Value::IntValue(3)),
            key_value(GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK, Value::DoubleValue(0.25)),
        ],
        ..Span::default()
    }
}

fn facts(currency: Currency) -> SpanEnrichment {
    let parts =
        CostComponents { energy: Some(0.25), hardware: Some(0.5), idle: None, ..CostComponents::default() };
    SpanEnrichment {
        priced_as: None,
        energy: Some(EnergyShare { gross_j: 10.0, net_j: Some(4.0), source: "counter" }),
        cost: Some(CostShare { currency, parts, total: 0.75, prompt: 0.25 }),
        task_score: Some(1.0),
        kld_mean: Some(f64::NAN),
    }
}

fn names(span: &Span) -> Vec<&str> {
    span.attributes.iter().map(|attribute| attribute.key.as_str()).collect()
}

#[test]
fn anyone_gets_costs_energy_and_messages() {
    let mut span = inference();
    enrich(&mut span, Some(&facts(Currency::USD)), Backend::Any);
    assert_eq!(double(&span, COST_TOTAL), Some(0.75));
    assert_eq!(double(&span, LLM_COST_COMPLETION), Some(0.5));
    assert_eq!(double(&span, ENERGY_IDLE), Some(6.0));
    assert_eq!(find(&span, COST_IDLE), None, "what is unknown is left out");
    assert_eq!(find(&span, QUALITY_KLD_MEAN), None, "a number that is none is left out");
    let messages: serde_json::Value =
        serde_json::from_str(text(&span, GEN_AI_INPUT_MESSAGES).unwrap()).unwrap();
    assert_eq!(messages[0]["parts"][0]["content"], "a \"b\"\u{1b}");
    let metadata: serde_json::Value = serde_json::from_str(text(&span, METADATA).unwrap()).unwrap();
    assert_eq!(metadata["variant"], "a/q8_0");
    assert_eq!(metadata["cost.total"], 0.75);
    let all = names(&span);
    let unique: std::collections::HashSet<&&str> = all.iter().collect();
    assert_eq!(unique.len(), all.len(), "a name stands twice: {all:?}");
}

#[test]
fn requests_under_load_go_by_a_name_that_has_a_price_of_its_own() {
    let mut span = inference();
    let priced_as = Some("a/q8_0 at concurrency 4".to_owned());
    enrich(&mut span, Some(&SpanEnrichment { priced_as, ..facts(Currency::USD) }), Backend::Any);
    assert_eq!(text(&span, LLM_MODEL_NAME), Some("a/q8_0 at concurrency 4"));
    assert_eq!(text(&span, GEN_AI_REQUEST_MODEL), Some("a/q8_0"), "the model is what it is");
    assert_eq!(names(&span).iter().filter(|name| **name == LLM_MODEL_NAME).count(), 1);
}

#[test]
fn dollars_are_only_said_of_dollars() {
    let mut span = inference();
    enrich(&mut span, Some(&facts(Currency::EUR)), Backend::Any);
    assert_eq!(text(&span, COST_CURRENCY), Some("EUR"));
    assert_eq!(find(&span, LLM_COST_TOTAL), None);
    let mut span = inference();
    enrich(&mut span, Some(&facts(Currency::EUR)), Backend::Langfuse);
    assert_eq!(find(&span, LANGFUSE_COST_DETAILS), None);
}

#[test]
fn langsmith_and_langfuse_get_their_names() {
    let mut span = inference();
    enrich(&mut span, Some(&facts(Currency::USD)), Backend::LangSmith);
    assert_eq!(text(&span, LANGSMITH_SPAN_KIND), Some("llm"));
    assert_eq!(text(&span, "langsmith.metadata.cost_total"), Some("0.75"));
    let mut span = inference();
    enrich(&mut span, Some(&facts(Currency::USD)), Backend::Langfuse);
    assert_eq!(text(&span, LANGFUSE_TYPE), Some("generation"));
    assert_eq!(text(&span, LANGFUSE_USAGE_DETAILS), Some(r#"{"input":7,"output":3}"#));
    assert_eq!(text(&span, LANGFUSE_COST_DETAILS), Some(r#"{"input":0.25,"output":0.5,"total":0.75}"#));
    assert_eq!(text(&span, LANGFUSE_COMPLETION_START), Some("\"2023-11-14T22:13:20.25Z\""));
}

#[test]
fn content_is_stripped_before_it_is_copied() {
    let mut span = inference();
    strip_content(&mut span);
    enrich(&mut span, Some(&facts(Currency::USD)), Backend::Any);
    let whole = format!("{span:?}");
    assert!(!whole.contains("script") && !whole.contains(GEN_AI_INPUT_MESSAGES), "{whole}");
}

#[test]
fn messages_that_may_quote_content_are_stripped() {
    let check = |kind: &str, message: &str, wanted: &str| {
        let mut span = inference();
        span.attributes.push(key_value(ERROR_TYPE, Value::StringValue(kind.to_owned())));
        span.attributes.push(key_value(
            GEN_AI_EVALUATION_EXPLANATION,
            Value::StringValue("it refuses `top_logprobs`: secret".to_owned()),
        ));
        span.status =
            Some(opentelemetry_proto::tonic::trace::v1::Status { message: message.into(), code: 2 });
        strip_content(&mut span);
        assert!(!format!("{span:?}").contains("secret"), "{span:?}");
        assert_eq!(span.status.unwrap().message, wanted, "{kind}");
    };
    check("status", "the server answered 400: secret", "the server answered with an error");
    check("protocol", "not what the API defines: secret", "the server's answer is not what the API defines");
    check("template", "secret", "the model's chat template cannot render this prompt");
    check("engine", "secret", "the engine failed");
    check("timeout", "the stream stalled for 30s", "the stream stalled for 30s");
    check("of another program", "secret", "");
}

#[test]
fn every_text_is_reached() {
    let mut span = inference();
    span.status = Some(opentelemetry_proto::tonic::trace::v1::Status { message: "secret".into(), code: 2 });
    span.name = "secret".into();
    let nested = opentelemetry_proto::tonic::common::v1::KeyValueList {
        values: vec![key_value("k", Value::StringValue("secret".into()))],
    };
    span.attributes.push(key_value("nested", Value::KvlistValue(nested)));
    let resource = Resource {
        attributes: vec![key_value("r", Value::StringValue("secret".into()))],
        ..Resource::default()
    };
    let scope = opentelemetry_proto::tonic::trace::v1::ScopeSpans { spans: vec![span], ..Default::default() };
    let mut spans =
        ResourceSpans { resource: Some(resource), scope_spans: vec![scope], ..Default::default() };
    let mut seen = 0;
    each_text(&mut spans, &mut |text| {
        seen += usize::from(text == "secret");
        *text = String::new();
    });
    assert_eq!(seen, 4);
    assert!(!format!("{spans:?}").contains("secret"));
}

#[test]
fn a_summary_stands_on_the_root_alone() {
    let summary = RunSummary { name: "infercost: keep it".to_owned(), text: "keep it\n0.1 USD".to_owned() };
    let root = Span {
        name: "infercost record".to_owned(),
        attributes: vec![key_value(RECORD, Value::StringValue("run".to_owned()))],
        ..Span::default()
    };
    let mut told = root.clone();
    summarize_run(&mut told, &summary);
    assert_eq!(
        (told.name.as_str(), text(&told, OUTPUT_VALUE)),
        ("infercost: keep it", Some("keep it\n0.1 USD"))
    );
    // once more changes nothing more
    let once = told.clone();
    summarize_run(&mut told, &summary);
    assert_eq!(told, once);

    let below = Span { parent_span_id: vec![1; 8], ..root };
    for other in [inference(), below] {
        let mut changed = other.clone();
        summarize_run(&mut changed, &summary);
        assert_eq!(changed, other);
    }
}
