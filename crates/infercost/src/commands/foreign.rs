//! `infercost report` on traces of other programs: what they say of tokens, latency and cost, model by model.

use std::process::ExitCode;

use infercost_analyzer::foreign::{ForeignCall, summarize};
use infercost_run::config::SettingsOverrides;
use infercost_run::foreign_traces;
use infercost_run::usage;
use infercost_trace::foreign::{ForeignInference, ForeignTrace};

use crate::output;

/// Reports on them.
pub(crate) fn run(names: &[String], given: &SettingsOverrides, json: bool) -> anyhow::Result<ExitCode> {
    let traces: Vec<ForeignTrace> =
        names.iter().map(|name| foreign_traces::read(name)).collect::<anyhow::Result<_>>()?;
    let calls: Vec<ForeignCall> = traces.iter().flat_map(|trace| &trace.inferences).map(call).collect();
    let report = summarize(&calls, given.token_prices(), given.own_prices())?;
    if report.calls == 0 {
        return Err(usage(
            "there is no inference in it: no span has GenAI or OpenInference attributes of a model's answer",
        ));
    }
    if json {
        output::line(&serde_json::to_string_pretty(&report)?);
    } else {
        output::block(&output::foreign::render(&report, names));
    }
    Ok(ExitCode::SUCCESS)
}

fn call(inference: &ForeignInference) -> ForeignCall {
    let seconds = |time: Option<std::time::Duration>| time.map(|time| time.as_secs_f64());
    let since = inference.started_at.and_then(|at| at.duration_since(std::time::SystemTime::UNIX_EPOCH).ok());
    ForeignCall {
        model: inference.model.clone(),
        started_s: seconds(since),
        latency_s: seconds(inference.latency),
        ttft_s: seconds(inference.time_to_first_token),
        input_tokens: inference.input_tokens,
        cached_input_tokens: inference.cached_input_tokens,
        output_tokens: inference.output_tokens,
        stated_cost: inference.cost.map(|cost| {
            let currency =
                cost.currency.map_or_else(|| "of an unknown currency".to_owned(), |code| code.to_string());
            (cost.amount, currency)
        }),
        failed: inference.failed,
        unsaid: inference.unknown().map(infercost_trace::foreign::Unknown::words).collect(),
    }
}
