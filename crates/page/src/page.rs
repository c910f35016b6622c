//! The page as a whole: what is shown is gathered, put into the template, and allowed by hash.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use infercost_core::report::Report;
use infercost_core::{RunRecord, VariantId};
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::chart::{self, Figures};
use crate::payload::{self, Payload};
use crate::section::{self, Fact, Head, Names, Table};
use crate::{prompts, samples};

const TEMPLATE: &str = include_str!("../assets/page.html");
const STYLE: &str = include_str!("../assets/page.css");
const SCRIPT: &str = include_str!("../assets/page.js");

/// What a page is made of.
#[derive(Debug, Clone, Copy)]
pub struct PageInput<'a> {
    /// What `infercost report` computed.
    pub report: &'a Report,
    /// The records behind it, in the order of the report's runs.
    pub runs: &'a [RunRecord],
    /// False keeps prompts and answers out of the page, whatever the records hold.
    pub with_texts: bool,
    /// A command that computes the same report again; `None` where it is not known.
    pub command: Option<&'a str>,
    /// Version of the program that makes the page.
    pub version: &'a str,
}

/// A page that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The template does not fit what was gathered: a defect of the program.
    #[error("the report page's template cannot be filled: {0}")]
    Template(#[from] minijinja::Error),
    /// The prompts' table could not be written as JSON: a defect of the program.
    #[error("the report page's data cannot be written: {0}")]
    Data(#[from] serde_json::Error),
}

/// What the template fills in.
#[derive(Debug, Serialize)]
struct View<'a> {
    style: &'a str,
    script: &'a str,
    style_hash: String,
    script_hash: String,
    data: String,
    head: Head,
    cautions: Vec<String>,
    variants: Table,
    latency: Table,
    energy: Table,
    points: Table,
    early: Table,
    gates: Table,
    prices: Table,
    machine: Vec<Fact>,
    provenance: Table,
    figures: Figures,
    texts_shown: bool,
    cut_at: Option<usize>,
    prompts: usize,
    command: Option<&'a str>,
}

/// The page as HTML text, UTF-8.
///
/// # Errors
/// Only a defect of the program; see [`PageError`].
pub fn render(input: &PageInput<'_>) -> Result<String, PageError> {
    let report = input.report;
    let names = Names::of(report);
    let variants: Vec<VariantId> =
        report.candidates.iter().map(|candidate| candidate.variant.clone()).collect();

    // Records become what charts and tables show.
    let times = samples::times(input.runs);
    let power = samples::power(input.runs);
    let prompts = prompts::table(input.runs, &variants, input.with_texts);
    let figures = chart::all(report, &names, &times, &power);
    let payload = payload::json(&Payload { variants: names.all(), prompts: &prompts })?;

    // The template escapes every value but the drawings, the style, the script and the data, which are safe by make.
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_template("page.html", TEMPLATE)?;

    let view = View {
        style: STYLE,
        script: SCRIPT,
        style_hash: hash(STYLE),
        script_hash: hash(SCRIPT),
        data: payload,
        head: section::head(report, input),
        cautions: section::cautions(report),
        variants: section::variants(report, &names),
        latency: section::latency(report, &names),
        energy: section::energy(report),
        points: section::operating_points(report, &names),
        early: section::early_stopping(report, &names, input.runs),
        gates: section::gates(report, &names),
        prices: section::prices(report),
        machine: section::machine(report),
        provenance: section::provenance(report, &names),
        figures,
        texts_shown: input.with_texts && prompts.rows.iter().any(|row| row.input.is_some()),
        cut_at: prompts.cut_at,
        prompts: prompts.rows.len(),
        command: input.command,
    };
    Ok(environment.get_template("page.html")?.render(Serde(view))?)
}

/// What a content security policy calls an inline text by: the template puts nothing around it.
fn hash(text: &str) -> String {
    format!("sha256-{}", BASE64.encode(Sha256::digest(text.as_bytes())))
}
