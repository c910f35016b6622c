//! `infercost report` on traces of other programs: what they say of tokens, latency and cost, model by model.

use std::path::Path;
use std::process::ExitCode;

use infercost_analyzer::foreign::summarize;
use infercost_core::ForeignTrace;
use infercost_export::OtlpOptions;
use infercost_export::phoenix::Phoenix;
use infercost_trace::foreign::{ForeignReader, read_file};

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
    let mut trace = ForeignTrace::default();
    for name in names {
        trace.append(read(name)?);
    }

    let report = summarize(&trace, given.token_prices(), given.own_prices())?;
    if report.calls == 0 {
        let mut message = format!("there is no call of a model in the {} spans of it", trace.spans);
        for (reason, left_out) in &report.left_out {
            message = format!("{message}; {}", output::foreign::left_out(*reason, left_out));
        }
        return Err(usage(message));
    }
    if json {
        output::line(&serde_json::to_string_pretty(&report)?);
    } else {
        output::block(&output::foreign::render(&report, names));
    }
    Ok(ExitCode::SUCCESS)
}
