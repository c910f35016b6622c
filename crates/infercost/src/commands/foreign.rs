//! `infercost report` on traces of other programs: what they say of tokens, latency and cost, model by model.

use std::path::Path;
use std::process::ExitCode;

use infercost_analyzer::foreign::{ForeignCall, summarize};
use infercost_export::OtlpOptions;
use infercost_export::phoenix::Phoenix;
use infercost_trace::foreign::{ForeignInference, ForeignReader, ForeignTrace, read_file};

use crate::config::Given;
use crate::exit::usage;
use crate::exporting::variable;
use crate::output;

/// What begins the name of a Phoenix project.
const PHOENIX: &str = "phoenix:";

/// True where a name stands for another program's traces and not for a run.
pub(crate) fn is_foreign(name: &str) -> bool {
    name.starts_with(PHOENIX) || Path::new(name).is_file()
}

/// Reads another program's traces: a file, or `phoenix:URL/PROJECT`.
pub(crate) fn read(name: &str) -> anyhow::Result<ForeignTrace> {
    let Some(address) = name.strip_prefix(PHOENIX) else { return Ok(read_file(Path::new(name))?) };
    let Some((url, project)) =
        address.trim_end_matches('/').rsplit_once('/').filter(|(url, _)| url.contains("://"))
    else {
        return Err(usage(format!("`{name}`: write phoenix:http://localhost:6006/PROJECT")));
    };
    let phoenix = Phoenix::new(url, &OtlpOptions::default(), &variable)?;
    let mut reader = ForeignReader::default();
    let mut from = None;
    loop {
        let page = phoenix.spans(project, from.as_deref())?;
        let before = reader.distinct();
        for span in &page.spans {
            reader.phoenix_span(span)?;
        }
        // a server that repeats itself would be asked for ever
        let is_new = reader.distinct() > before;
        if page.next.is_some() && !is_new {
            output::note(
                "! Phoenix announces a further page and repeats itself: what it gave so far is counted",
            );
        }
        if page.next.is_none() || !is_new {
            return Ok(reader.finish());
        }
        from = page.next;
    }
}

/// Reports on them.
pub(crate) fn run(names: &[String], given: &Given, json: bool) -> anyhow::Result<ExitCode> {
    let traces: Vec<ForeignTrace> = names.iter().map(|name| read(name)).collect::<anyhow::Result<_>>()?;
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
