//! A report as a tired person reads it: the answer, one table that fits the terminal, two cautions.

use std::path::PathBuf;

use infercost_core::report::{CandidateReport, HostedReport, Report};
use infercost_core::run_spec::RunSpec;
use infercost_core::text::count;
use infercost_core::{
    EnergySource, Estimate, Fact, Finding, FindingCode, Gate, Recommendation, Severity, Verdict,
};
use infercost_run::{number, shell};

use crate::output::answer::{Answer, CAUTIONS, Caution, Cell, Tone, begun_small};
use crate::output::columns::Column;
use crate::output::layout::{common_model, short_name, verdict};
use crate::output::terminal::plain;
use crate::output::{explained, hosted, load_table, summary};

/// The answer. `folders` are the runs' folders, `spec` what the first was asked to do, where it says so.
pub(crate) fn answer(report: &Report, folders: &[PathBuf], spec: Option<&RunSpec>) -> Answer {
    let typed = spec.and_then(|spec| spec.models.first());
    let (tone, why) = match &report.recommendation {
        Recommendation::Switch { why, .. } => (Tone::Good, why),
        Recommendation::KeepBaseline { why, .. } => (Tone::Plain, why),
        Recommendation::MeasureMore { why, .. } => (Tone::Doubt, why),
    };
    let by_price = hosted::headline(report);
    let cautions = cautions(report, folders, by_price.is_some());
    let steps = match (&by_price, typed) {
        (Some(_), Some(typed)) => hosted::measuring(report, typed),
        _ => Vec::new(),
    };
    let mut answer = Answer {
        tone: if by_price.is_some() { Tone::Doubt } else { tone },
        headline: by_price.unwrap_or_else(|| why.clone()),
        subject: title(report),
        table: columns(report),
        more: load_table::sections(report),
        topics: topics(report),
        cautions,
        steps,
        places: folders.iter().map(|folder| format!("trace: {}", folder.display())).collect(),
        ..Answer::default()
    };

    for section in explained::sections(report) {
        answer.explain(section);
    }

    // A model alone has no rival: what is asked is what it does and costs.
    if let [only] = report.candidates.as_slice()
        && report.hosted.is_empty()
    {
        answer.headline = summary::headline(report, only);
        answer.table = summary::table(report, only);
        let name = typed.map_or_else(|| only.variant.as_str(), String::as_str);
        let prompts = spec.and_then(|spec| spec.prompts.as_deref());
        answer.steps = summary::comparison(name, only.engine.quantization.as_deref(), prompts);
    }
    answer
}

fn title(report: &Report) -> String {
    let prompts = &report.prompts;
    let part = if prompts.chosen < prompts.total {
        format!("{} of {} of {}", prompts.chosen, count(u64::from(prompts.total), "prompt"), prompts.set)
    } else {
        format!("{} of {}", count(u64::from(prompts.total), "prompt"), prompts.set)
    };
    let machine = machine(report);
    let model = common_model(report).map_or_else(String::new, |model| format!("{model} · "));

    plain(&format!("{model}{part} · {machine}"))
}

/// The machine, or how many there are: their names stand behind those of the variants.
fn machine(report: &Report) -> String {
    if !report.machines.is_empty() {
        return count(report.machines.len() as u64, "machine");
    }
    report.machine.processor()
}

/// The warnings; what the headline says of hosted models is not said again below it.
fn cautions(report: &Report, folders: &[PathBuf], says_hosted: bool) -> Vec<Caution> {
    let mut cautions = Vec::new();
    for finding in report.findings.iter().filter(|finding| finding.severity == Severity::Warning) {
        if says_hosted && finding.code() == FindingCode::Hosted {
            continue;
        }
        let caution = caution(finding);
        let fix = resume(finding, folders).or(caution.fix);
        cautions.push(Caution { fix, ..caution });
    }
    cautions
}

/// The command that resumes the first run without an end, by its folder: its id may not lie below `--traces`.
fn resume(finding: &Finding, folders: &[PathBuf]) -> Option<String> {
    let Fact::CutOff { runs, .. } = &finding.fact else { return None };
    let run = runs.first()?;
    let folder = folders.iter().find(|folder| folder.file_name().is_some_and(|name| name == run.as_str()))?;
    Some(format!("infercost compare --resume={}", shell::word(&folder.display().to_string())))
}

/// Short words where there are some, else the finding's first sentence; and what to do.
fn caution(finding: &Finding) -> Caution {
    let sentence = begun_small(&finding.sentence(), finding.subject());
    let words = match finding.code() {
        FindingCode::MachineBusy => sentence.trim_end_matches('.').to_owned(),
        FindingCode::PricesAssumed => "prices are an example machine's, not yours".to_owned(),
        FindingCode::UtilizationAssumed => utilization(finding),
        FindingCode::EnergyUnavailable => "energy was not measured: the cost leaves it out".to_owned(),
        FindingCode::EnergyEstimated => "energy is estimated, not measured".to_owned(),
        FindingCode::Interrupted => cut_off(finding),
        FindingCode::Hosted => by_price(finding),
        // its sentence ends with the fix that is shown next to it
        FindingCode::UtilizationContradicted => Caution::of_note(&sentence).words,
        _ => first_sentence(&sentence),
    };
    Caution { words, fix: finding.fix.as_ref().map(ToString::to_string) }
}

/// `utilization of 30 % is assumed`.
fn utilization(finding: &Finding) -> String {
    match &finding.fact {
        Fact::UtilizationAssumed { utilization } => {
            format!("utilization of {} is assumed", number::percent(*utilization))
        }
        _ => first_sentence(&begun_small(&finding.sentence(), finding.subject())),
    }
}

/// `the run was cut off`.
fn cut_off(finding: &Finding) -> String {
    match &finding.fact {
        Fact::CutOff { runs, .. } if runs.len() > 1 => format!("{} runs were cut off", runs.len()),
        _ => "the run was cut off".to_owned(),
    }
}

/// `gpt-4o-mini was not asked: by its price alone it would cost 40 % less`.
fn by_price(finding: &Finding) -> String {
    match &finding.fact {
        Fact::ByPriceAlone { model, saving, .. } => hosted::in_short(model, saving.as_ref()),
        _ => first_sentence(&begun_small(&finding.sentence(), finding.subject())),
    }
}

fn first_sentence(text: &str) -> String {
    text.split_once(". ").map_or(text, |(first, _)| first).trim_end_matches('.').to_owned()
}

/// What stands behind `--explain`: every interval, and what the other findings are about, by their codes.
fn topics(report: &Report) -> Vec<String> {
    let mut cautions = 0;
    let mut topics = vec!["every interval".to_owned()];
    for finding in &report.findings {
        if finding.severity == Severity::Warning && cautions < CAUTIONS {
            cautions += 1;
            continue;
        }

        let topic = topic(finding.code());
        if !topics.contains(&topic) {
            topics.push(topic);
        }
    }
    topics
}

/// What a finding is about: its code in words, and the reports' own word where the code has another.
fn topic(code: FindingCode) -> String {
    if code == FindingCode::OpenQuestion {
        return "inconclusive variant".to_owned();
    }
    let name = serde_json::to_value(code).ok().and_then(|name| name.as_str().map(str::to_owned));
    name.unwrap_or_default().replace('_', " ")
}

/// The columns, in their order, with a cell a candidate and the limits below.
fn columns(report: &Report) -> Vec<Column> {
    let currency = report.price_book.currency;
    let candidates = &report.candidates;
    let has_failed = candidates.iter().any(|candidate| candidate.failures > 0);
    let is_metered = candidates.iter().any(|candidate| candidate.energy.per_inference_j.is_some());

    let by_price = &report.hosted;

    // What was not asked has nothing but a price.
    let priced = |cell: fn(&CandidateReport) -> Cell, of_price: fn(&HostedReport) -> Cell| -> Vec<Cell> {
        candidates.iter().map(cell).chain(by_price.iter().map(of_price)).collect()
    };
    let cells = |cell: fn(&CandidateReport) -> Cell| priced(cell, |_| Cell::Unknown);

    let mut names: Vec<Cell> = candidates.iter().map(|one| Cell::words(short_name(report, one))).collect();
    let mut verdicts: Vec<Cell> = candidates.iter().map(|one| Cell::words(verdict(report, one))).collect();
    for hosted in by_price {
        names.push(Cell::words(plain(&hosted.model)));
        verdicts.push(Cell::words("not measured"));
    }
    let savings = priced(|one| saving(one.saving.as_ref()), |hosted| saving(hosted.saving.as_ref()));
    let costs =
        priced(|one| points(one.cost.per_inference, 1e3), |hosted| points(hosted.cost_per_inference, 1e3));
    let of_output = priced(
        |one| points(one.cost.per_million_output_tokens, 1.0),
        |hosted| points(hosted.cost_per_million_output_tokens, 1.0),
    );
    vec![
        Column::left("variant", 0, names),
        Column::left("verdict", 0, verdicts),
        Column::right("saving", 0, savings),
        Column::right(format!("{currency}/1,000"), 0, costs),
        Column::right("task score", 1, cells(|one| share(one, Gate::TaskScore, one.quality.task_score)))
            .limited(margin(report)),
        Column::right("KL div.", 2, cells(divergence))
            .limited(report.policy.max_kld.map(|limit| format!("≤ {limit}"))),
        Column::right("top-1", 3, cells(|one| share(one, Gate::Top1Agreement, one.quality.top1_agreement)))
            .limited(report.policy.min_top1.map(|limit| format!("≥ {}", number::percent(limit)))),
        Column::right(
            "failed",
            if has_failed { 1 } else { 9 },
            cells(|one| share(one, Gate::FailureRate, one.failure_rate)),
        ),
        Column::right("in time", 1, cells(in_time)).limited(in_time_limit(report)),
        Column::right("J/inference", if is_metered { 4 } else { 8 }, cells(joules)),
        Column::right("decode tok/s", 5, cells(|one| points(one.decode_tokens_per_s, 1.0))),
        Column::right("TTFT", 6, cells(|one| Cell::maybe(one.ttft_s.map(|ttft| ttft.p50), number::seconds))),
        Column::right(format!("{currency}/1M out"), 7, of_output),
        Column::right(
            "size",
            8,
            cells(|one| {
                one.engine
                    .file_size
                    .map_or(Cell::Unknown, |size| Cell::number(size.0 as f64, number::bytes(size.0)))
            }),
        ),
    ]
}

/// `17 % [1.2 %, 32 %]`.
fn saving(saving: Option<&Estimate>) -> Cell {
    Cell::estimate(saving, number::percent_estimate)
}

/// The point alone, times `factor`: intervals stand behind `--explain`.
fn points(estimate: Option<Estimate>, factor: f64) -> Cell {
    let estimate = estimate.map(|estimate| estimate.map(|amount| amount * factor));
    Cell::estimate(estimate.as_ref(), |estimate| number::significant(estimate.point))
}

/// A share with a mark where its limit is broken.
fn share(candidate: &CandidateReport, gate: Gate, value: Option<Estimate>) -> Cell {
    marked(candidate, gate, Cell::estimate(value.as_ref(), |share| number::percent(share.point)))
}

/// The share of single requests within the latency targets, where there are any.
fn in_time(candidate: &CandidateReport) -> Cell {
    let gate = candidate.gates.iter().find(|gate| gate.gate == Gate::Latency);
    let share = gate.and_then(|gate| gate.measured.as_ref());
    marked(candidate, Gate::Latency, Cell::estimate(share, |share| number::percent(share.point)))
}

/// The share that must be.
fn in_time_limit(report: &Report) -> Option<String> {
    let mut gates = report.candidates.iter().flat_map(|candidate| &candidate.gates);
    let gate = gates.find(|gate| gate.gate == Gate::Latency)?;
    Some(format!("≥ {}", number::percent(gate.threshold)))
}

fn divergence(candidate: &CandidateReport) -> Cell {
    let kld = Cell::estimate(candidate.quality.kld_mean.as_ref(), |kld| number::significant(kld.point));
    marked(candidate, Gate::KlDivergence, kld)
}

/// Joules of an inference; an estimate is called one.
fn joules(candidate: &CandidateReport) -> Cell {
    let is_estimate = candidate.energy.source == EnergySource::Estimated;
    Cell::estimate(candidate.energy.per_inference_j.as_ref(), |energy| {
        let shown = number::significant(energy.point);
        if is_estimate { format!("{shown} estimated") } else { shown }
    })
}

/// A value with a mark where its limit is broken.
fn marked(candidate: &CandidateReport, gate: Gate, value: Cell) -> Cell {
    let is_broken =
        candidate.gates.iter().any(|result| result.gate == gate && result.verdict == Verdict::Fail);
    if is_broken { value.marked("✗") } else { value }
}

/// The non-inferiority margin that was applied.
fn margin(report: &Report) -> Option<String> {
    let mut gates = report.candidates.iter().flat_map(|candidate| &candidate.gates);
    let gate = gates.find(|gate| gate.gate == Gate::TaskScore)?;
    Some(format!("≥ −{}", number::percent(gate.threshold.abs())))
}
