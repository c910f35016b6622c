//! What other programs call the same thing.

use infercost_core::IrregularityKind;
use serde_json::{Value, json};

use super::foreign::{read, span};

#[test]
fn failures_in_every_spelling() {
    #[track_caller]
    fn check(key: &str, value: Value, wanted: bool) {
        let found = read(&[span(1, None, &[("gen_ai.operation.name", json!("chat")), (key, value.clone())])]);
        assert_eq!(found.calls[0].failed, wanted, "{key} {value}");
    }
    check("error.type", json!("timeout"), true);
    check("error", json!(true), true);
    check("error", json!("true"), true);
    check("error", json!("read timed out"), true);
    check("error", json!(false), false);
    check("error", json!("false"), false);
    check("otel.status_code", json!("ERROR"), true);
    check("otel.status_code", json!("OK"), false);
    check("http.response.status_code", json!(503), true);
    check("http.status_code", json!("429"), true);
    check("http.status_code", json!(200), false);
    check("langfuse.observation.level", json!("ERROR"), true);
    check("langfuse.observation.level", json!("DEFAULT"), false);
    check("llm.finish_reason", json!("error"), true);
    check("llm.finish_reason", json!("stop"), false);
}

#[test]
fn stated_costs_in_every_spelling() {
    #[track_caller]
    fn check(attributes: &[(&str, Value)], wanted: Option<(f64, Option<&str>)>) {
        let mut all = vec![
            ("gen_ai.operation.name", json!("chat")),
            ("gen_ai.usage.input_tokens", json!(5)),
            ("gen_ai.usage.output_tokens", json!(5)),
        ];
        all.extend(attributes.iter().cloned());
        let cost = read(&[span(1, None, &all)]).calls[0].cost;
        let found = cost.map(|cost| (cost.amount, cost.currency.map(|code| code.to_string())));
        assert_eq!(found, wanted.map(|(amount, code)| (amount, code.map(str::to_owned))), "{attributes:?}");
    }

    let usd = |amount| Some((amount, Some("USD")));
    for name in [
        "gen_ai.usage.cost",
        "gen_ai.usage.cost.amount",
        "gen_ai.usage.total_cost",
        "gen_ai.cost.total_cost",
        "gen_ai.cost",
        "llm.cost.total",
        "llm.usage.total_cost",
        "operation.cost",
        "litellm.response-cost",
        "labels.gen_ai_usage_cost",
    ] {
        check(&[(name, json!(0.25))], usd(0.25));
        check(&[(name, json!("0.25"))], usd(0.25));
    }

    check(&[("gen_ai.usage.cost", json!(2))], usd(2.0));
    check(&[("llm.cost.prompt", json!(0.25)), ("llm.cost.completion", json!(0.5))], usd(0.75));
    check(&[("gen_ai.usage.input_cost", json!(0.25)), ("gen_ai.usage.output_cost", json!(0.5))], usd(0.75));
    check(&[("langfuse.observation.cost_details", json!(r#"{"input": 0.25, "output": 0.5}"#))], usd(0.75));
    check(&[("langfuse.observation.cost_details", json!(r#"{"input": 0.25, "total": 0.5}"#))], usd(0.5));
    check(&[("mlflow.llm.cost", json!(r#"{"input_cost": 1, "output_cost": 2, "total_cost": 3}"#))], usd(3.0));
    check(&[("hidden_params", json!(r#"{"cache_key": null, "response_cost": 0.125}"#))], usd(0.125));

    // currencies
    let euros = ("gen_ai.usage.cost.currency", json!("eur"));
    check(&[("gen_ai.usage.cost.amount", json!(1)), euros], Some((1.0, Some("EUR"))));
    let shells = ("gen_ai.usage.cost.currency", json!("shells"));
    check(&[("gen_ai.usage.cost.amount", json!(1)), shells], Some((1.0, None)));

    // a zero that another attribute knows better, and a zero that nobody does
    check(&[("gen_ai.usage.cost", json!(0)), ("litellm.response-cost", json!("0.0602375"))], usd(0.0602375));
    check(&[("gen_ai.usage.cost", json!(0))], None);
    check(&[("gen_ai.usage.cost", json!(-1))], None);
    check(&[("gen_ai.usage.cost", json!("free"))], None);
}

#[test]
fn counts_in_every_spelling() {
    #[track_caller]
    fn check(attributes: &[(&str, Value)], wanted: [Option<u32>; 4]) {
        let mut all = vec![("gen_ai.operation.name", json!("chat"))];
        all.extend(attributes.iter().cloned());
        let call = read(&[span(1, None, &all)]).calls[0].clone();
        let found =
            [call.input_tokens, call.cached_input_tokens, call.cache_write_tokens, call.output_tokens];
        assert_eq!(found, wanted, "{attributes:?}");
    }

    let some = Some;
    for (input, read, write, output) in [
        (
            "gen_ai.usage.input_tokens",
            "gen_ai.usage.cache_read.input_tokens",
            "gen_ai.usage.cache_creation.input_tokens",
            "gen_ai.usage.output_tokens",
        ),
        (
            "gen_ai.usage.prompt_tokens",
            "gen_ai.usage.cache_read_input_tokens",
            "gen_ai.usage.cache_write.input_tokens",
            "gen_ai.usage.completion_tokens",
        ),
        (
            "llm.token_count.prompt",
            "llm.token_count.prompt_details.cache_read",
            "llm.token_count.prompt_details.cache_write",
            "llm.token_count.completion",
        ),
        (
            "ai.usage.inputTokens",
            "ai.usage.cachedInputTokens",
            "ai.usage.inputTokenDetails.cacheWriteTokens",
            "ai.usage.outputTokens",
        ),
        (
            "_dd.llmobs.input_tokens",
            "_dd.llmobs.cache_read_input_tokens",
            "_dd.llmobs.cache_write_input_tokens",
            "_dd.llmobs.output_tokens",
        ),
        (
            "numeric_labels.gen_ai_usage_input_tokens",
            "numeric_labels.gen_ai_usage_cache_read_input_tokens",
            "labels.gen_ai_usage_cache_creation_input_tokens",
            "labels.gen_ai_usage_output_tokens",
        ),
    ] {
        let stated = [(input, json!(300)), (read, json!(40)), (write, json!(25.0)), (output, json!("7"))];
        check(&stated, [some(300), some(40), some(25), some(7)]);
    }

    check(
        &[(
            "metadata.usage_object",
            json!(
                "{'prompt_tokens': 9, 'completion_tokens': 2, 'prompt_tokens_details': {'cached_tokens': 4}}"
            ),
        )],
        [some(9), some(4), None, some(2)],
    );

    // a zero beside a count is what somebody writes who knows nothing
    check(
        &[("gen_ai.usage.input_tokens", json!(0)), ("gen_ai.usage.prompt_tokens", json!(8))],
        [some(8), None, None, None],
    );

    // thinking that stands beside the answer, as the total shows
    check(
        &[
            ("gen_ai.usage.input_tokens", json!(10)),
            ("gen_ai.usage.output_tokens", json!(20)),
            ("gen_ai.usage.details.thoughts_tokens", json!(50)),
            ("gen_ai.usage.total_tokens", json!(80)),
        ],
        [some(10), None, None, some(70)],
    );
}

#[test]
fn what_is_not_understood_is_counted_and_named() {
    #[track_caller]
    fn check(attributes: &[(&str, Value)], reason: IrregularityKind, example: &str) {
        let found = read(&[span(1, None, attributes)]);
        let left = found.irregularities.get(&reason).unwrap_or_else(|| panic!("{reason:?}: {found:?}"));
        assert!(left.count == 1 && left.example.contains(example), "{left:?}");
    }

    let chat = ("gen_ai.operation.name", json!("chat"));
    let tokens = ("gen_ai.usage.input_tokens", json!(5));
    check(&[("gen_ai.operation.name", json!("dream"))], IrregularityKind::UnknownOperation, "dream");
    check(
        &[chat.clone(), ("gen_ai.usage.input_tokens", json!(-5))],
        IrregularityKind::ImpossibleNumber,
        "gen_ai.usage.input_tokens",
    );

    check(
        &[
            chat.clone(),
            tokens.clone(),
            ("gen_ai.usage.output_tokens", json!(5)),
            ("gen_ai.usage.total_tokens", json!(99)),
        ],
        IrregularityKind::TotalMismatch,
        "99",
    );

    check(
        &[
            chat.clone(),
            tokens.clone(),
            ("gen_ai.request.model", json!("m")),
            ("gen_ai.usage.cost", json!(0)),
        ],
        IrregularityKind::ZeroCost,
        "m",
    );

    for amount in [-1.0, 1e300] {
        let cost = ("gen_ai.usage.cost", json!(amount));
        check(&[chat.clone(), cost], IrregularityKind::ImpossibleNumber, "gen_ai.usage.cost");
    }

    check(
        &[chat.clone(), ("gen_ai.usage.cost", json!(1)), ("gen_ai.cost.currency", json!("shells"))],
        IrregularityKind::UnknownCurrency,
        "SHELLS",
    );

    check(
        &[
            chat,
            ("gen_ai.system", json!("anthropic")),
            ("gen_ai.usage.input_tokens", json!(100)),
            ("gen_ai.usage.cache_read.input_tokens", json!(40)),
        ],
        IrregularityKind::CacheConvention,
        "",
    );
}
