//! From what the user names to requests: what is asked in one measurement, and when.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use infercost_core::text::{are, count};
use infercost_core::{Conversation, Message, OperatingPoint, Outcome, Prompt, PromptBody, PromptId, Role};
use infercost_harness::load::{ArrivalTimes, Arrivals};
use infercost_sprint::workload::{self, TraceInput, TraceRequest, TraceWorkload, text_of_length};
use sha2::{Digest as _, Sha256};

use super::requests::Requests;
use super::{SprintRequest, WorkloadRequest, parquet};
use crate::usage::usage;
use crate::{foreign_traces, prompts, run_folder};

/// What begins the name of a workload that is made up.
const SYNTHETIC: &str = "synthetic:";
/// Largest trace read.
const MAX_TRACE_BYTES: u64 = 512 << 20;
/// Requests of one measurement, one at a time: enough that the prompts of a set take turns.
const ONE_BY_ONE: usize = 5;
/// Requests of one measurement for each that is kept in flight.
const EACH_IN_FLIGHT: usize = 4;
/// Requests of one measurement of a trace.
const OF_A_TRACE: usize = 32;
/// Output limit where a call's answer is not known.
const USUAL_LIMIT: u32 = 128;

/// What is asked in the measurements of a sprint.
#[derive(Debug, Clone)]
pub(super) struct Work {
    /// In words.
    pub(super) name: String,
    /// All prompts.
    pub(super) prompts: Vec<Prompt>,
    /// How they are asked.
    pub(super) pace: Pace,
    /// Requests of one measurement.
    pub(super) requests: Requests,
    /// SHA-256 over prompts and times, hex: a sprint that goes on needs the same.
    pub(super) sha256: String,
    /// What must be known of it.
    pub(super) notes: Vec<String>,
    /// True where prompts begin alike.
    pub(super) shares_prefixes: bool,
}

/// How requests follow one another.
#[derive(Debug, Clone)]
pub(super) enum Pace {
    /// One at a time.
    OneByOne,
    /// So many in flight.
    InFlight(u32),
    /// At these times since the first, for the first prompts of the list.
    AtTimes(Arc<[Duration]>),
}

impl Pace {
    /// The operating point by which it is known.
    pub(super) fn point(&self) -> OperatingPoint {
        match self {
            Self::OneByOne => OperatingPoint::SEQUENTIAL,
            Self::InFlight(concurrency) => OperatingPoint::Closed { concurrency: *concurrency },
            Self::AtTimes(times) => {
                let last = times.last().map_or(0.0, Duration::as_secs_f64);
                let rate = if last > 0.0 { (times.len() - 1) as f64 / last } else { times.len() as f64 };
                OperatingPoint::Open { rate }
            }
        }
    }

    /// True where requests may overlap.
    pub(super) fn overlaps(&self) -> bool {
        !matches!(self, Self::OneByOne | Self::InFlight(1))
    }
}

impl Work {
    /// The workload of a sprint.
    ///
    /// # Errors
    /// A usage error where it cannot be read, states no lengths, or contradicts what else was asked for.
    pub(super) fn of(request: &SprintRequest) -> anyhow::Result<Self> {
        let wanted = &request.workload;
        if wanted.concurrency.is_some() && wanted.rate.is_some() {
            return Err(usage("--concurrency and --rate contradict each other: give one of them"));
        }
        if !(wanted.speedup.is_finite() && wanted.speedup > 0.0) {
            return Err(usage("--speedup must be above 0"));
        }

        let Source { name, requests, notes } = match &wanted.source {
            None => of_prompt_set(request)?,
            Some(source) => of_source(request, source)?,
        };
        let has_times = requests.iter().any(|one| one.at_s.is_some());
        if (wanted.speedup - 1.0).abs() > 0.0 && !has_times {
            return Err(usage("--speedup: the workload has no arrival times to shorten"));
        }

        let pace = pace(wanted, &requests, request.run.spec.sampling.seed)?;
        let usual = match &pace {
            Pace::OneByOne => Requests::around(ONE_BY_ONE, 1),
            Pace::InFlight(count) => {
                let count = usize::try_from(*count).unwrap_or(usize::MAX);
                Requests::around(EACH_IN_FLIGHT.saturating_mul(count), count)
            }
            Pace::AtTimes(times) => Requests::fixed(times.len()),
        };
        let asked_for = wanted.requests.map(|count| usize::try_from(count).unwrap_or(usize::MAX));
        let each = asked_for.map_or(usual, Requests::fixed);
        let prompts: Vec<Prompt> = requests.into_iter().map(|one| one.prompt).collect();
        let sha256 = fingerprint(&prompts, &pace);
        let shares_prefixes = shares_prefixes(&prompts);
        Ok(Self { name, prompts, pace, requests: each, sha256, notes, shares_prefixes })
    }

    /// The prompts of a measurement of that number, which has so many requests; all settings of one round get the same. A
    /// trace has those that have times.
    pub(super) fn batch(&self, number: u32, requests: usize) -> Vec<Prompt> {
        let count = self.prompts.len().max(1);
        let each = match &self.pace {
            Pace::AtTimes(times) => times.len(),
            _ => requests,
        };
        let start = match &self.pace {
            Pace::AtTimes(_) => 0,
            _ => usize::try_from(number).unwrap_or(0).saturating_mul(each) % count,
        };
        self.prompts.iter().cycle().skip(start).take(each).cloned().collect()
    }
}

/// What a source holds.
struct Source {
    /// In words.
    name: String,
    requests: Vec<TimedPrompt>,
    /// What must be known of it.
    notes: Vec<String>,
}

/// A prompt, and when it is due.
struct TimedPrompt {
    prompt: Prompt,
    /// Seconds since the first; `None` where nobody says.
    at_s: Option<f64>,
}

fn of_prompt_set(request: &SprintRequest) -> anyhow::Result<Source> {
    let (selection, prompts) = prompts::select(&request.run.spec)?;
    let requests = prompts.into_iter().map(|prompt| TimedPrompt { prompt, at_s: None }).collect();
    Ok(Source { name: format!("prompt set {}", selection.set), requests, notes: Vec::new() })
}

fn of_source(request: &SprintRequest, source: &str) -> anyhow::Result<Source> {
    if let Some(lengths) = source.strip_prefix(SYNTHETIC) {
        let seed = request.run.spec.sampling.seed;
        let made = workload::synthetic(lengths, seed).map_err(|fault| usage(fault.to_string()))?;
        return Ok(of_trace(source, made, &request.workload));
    }
    if run_folder::named(&request.run.traces, source).is_ok() {
        return of_run(request, source);
    }

    let path = Path::new(source);
    if parquet::is_meant(path) {
        let wanted = &request.workload;
        let trace = parquet::read(path, wanted.read_parquet, requests_of_a_trace(wanted))?;
        return Ok(of_trace(&infercost_text::display_name(path), trace, wanted));
    }
    if path.is_file() {
        let file = infercost_text::display_name(path);
        let text = infercost_text::read(path, MAX_TRACE_BYTES, "workload")?;
        if let Some(read) = workload::read(&file, &text) {
            let trace = read.map_err(|fault| usage(fault.to_string()))?;
            return Ok(of_trace(&file, trace, &request.workload));
        }
        if !looks_like_spans(&text) {
            let mut with_prompts = request.clone();
            with_prompts.run.spec.prompts = Some(path.to_owned());
            return of_prompt_set(&with_prompts);
        }
    } else if !foreign_traces::is_foreign(source) {
        return Err(usage(format!(
            "--workload {source}: no file, no run below {}, and not synthetic:input=N,output=N",
            request.run.traces.display()
        )));
    }
    of_calls(request, source)
}

/// Whether a text holds spans rather than prompts.
fn looks_like_spans(text: &str) -> bool {
    let mut end = text.len().min(1 << 16);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let beginning = text.get(..end).unwrap_or_default();
    ["resourceSpans", "\"spans\"", "startTimeUnixNano", "\"start_time\"", "\"traceID\"", "\"traceId\""]
        .iter()
        .any(|word| beginning.contains(word))
}

/// How many requests of a trace are replayed.
fn requests_of_a_trace(wanted: &WorkloadRequest) -> usize {
    wanted.requests.map_or(OF_A_TRACE, |count| usize::try_from(count).unwrap_or(usize::MAX))
}

/// Requests of a trace that states lengths, with text of that length.
fn of_trace(name: &str, trace: TraceWorkload, wanted: &WorkloadRequest) -> Source {
    let most = requests_of_a_trace(wanted);
    let (held, left_out) = (trace.held, trace.left_out);
    let mut trace = trace.cut(most, wanted.speedup);
    let mut notes = std::mem::take(&mut trace.notes);
    if held > u64::try_from(most).unwrap_or(u64::MAX) {
        notes.push(format!("the first {most} of {held} requests are replayed; --requests takes more"));
    }
    if left_out > 0 {
        let (requests, are) = (count(left_out, "request"), are(left_out));
        notes.push(format!(
            "{requests} of the trace {are} left out: failed, without an answer, or of unknown length"
        ));
    }
    if trace.requests.iter().any(|request| matches!(request.input, TraceInput::Tokens { .. })) {
        notes.push(
            "texts are made up to the trace's lengths, and its output lengths are limits: answers may end before"
                .to_owned(),
        );
    }

    let name = format!("{} trace {name}", trace.format);
    let mut requests = Vec::with_capacity(trace.requests.len());
    for (index, request) in trace.requests.into_iter().enumerate() {
        let at_s = trace.has_arrivals.then_some(request.at_s);
        requests.push(TimedPrompt { prompt: prompt_of(index, request), at_s });
    }
    Source { name, requests, notes }
}

fn prompt_of(index: usize, request: TraceRequest) -> Prompt {
    let own = u64::try_from(index).unwrap_or(u64::MAX);
    let text = match request.input {
        TraceInput::Text(text) => text,
        TraceInput::Tokens { count, blocks } => text_of_length(count, &blocks, own),
    };
    prompt(format!("r{index}"), text, request.output_tokens)
}

fn prompt(id: String, text: String, max_tokens: u32) -> Prompt {
    let question = Message { role: Role::User, content: text };
    Prompt {
        id: PromptId::from(id),
        body: PromptBody::Chat(Conversation::from(vec![question])),
        grader: None,
        max_tokens: max_tokens.max(1),
        tags: Vec::new(),
    }
}

/// The requests of a recorded run, in the order and, where they came at a rate, at the times in which they were sent.
fn of_run(request: &SprintRequest, name: &str) -> anyhow::Result<Source> {
    let folder = run_folder::named(&request.run.traces, name)?;
    let run = infercost_trace::read_run(&folder)?;
    let mut calls = Vec::new();
    let mut without_text = 0_u64;
    let open_only =
        run.windows.iter().any(|window| matches!(window.operating_point, OperatingPoint::Open { .. }));
    for window in run.windows.iter().filter(|window| window.id.variant == run.header.baseline) {
        if open_only != matches!(window.operating_point, OperatingPoint::Open { .. }) {
            continue;
        }
        for inference in &window.inferences {
            let Outcome::Completed { output_tokens, .. } = &inference.outcome else { continue };
            match &inference.input_text {
                Some(text) => calls.push((inference.issued_at, text.clone(), (*output_tokens).max(1))),
                None => without_text += 1,
            }
        }
    }
    if calls.is_empty() {
        let why = if without_text > 0 { "keeps no texts (--no-content)" } else { "holds no answer" };
        return Err(usage(format!("--workload {name}: the run {why}, so nothing can be asked again")));
    }

    calls.sort_by_key(|call| call.0);
    let first = calls.first().map(|call| call.0);
    let most =
        request.workload.requests.map_or(usize::MAX, |count| usize::try_from(count).unwrap_or(usize::MAX));
    let mut requests = Vec::new();
    for (index, (at, text, output)) in calls.into_iter().take(most).enumerate() {
        let since = first.and_then(|first| at.duration_since(first).ok()).unwrap_or_default();
        let at_s = open_only.then_some(since.as_secs_f64() / request.workload.speedup);
        requests.push(TimedPrompt { prompt: prompt(format!("r{index}"), text, output), at_s });
    }
    let notes = vec!["answers are limited to the lengths that the run recorded".to_owned()];
    Ok(Source { name: format!("run {}", run.header.id), requests, notes })
}

/// Calls that another program's trace holds; texts are made up to their lengths.
fn of_calls(request: &SprintRequest, source: &str) -> anyhow::Result<Source> {
    let trace = foreign_traces::read(source)?;
    let total = trace.calls.len();
    let mut requests = Vec::new();
    let mut first = None;
    let mut dated: Vec<_> = trace.calls.iter().filter(|call| !call.failed).collect();
    dated.sort_by_key(|call| call.started_at);
    for call in dated {
        let (Some(input), Some(at)) = (call.input_tokens.filter(|count| *count > 0), call.started_at) else {
            continue;
        };
        let start = *first.get_or_insert(at);
        let at_s = at.duration_since(start).unwrap_or_default().as_secs_f64();
        let input = TraceInput::Tokens { count: input, blocks: Vec::new() };
        let output_tokens = call.output_tokens.filter(|count| *count > 0).unwrap_or(USUAL_LIMIT);
        requests.push(TraceRequest { at_s, input, output_tokens });
    }
    if requests.is_empty() {
        return Err(usage(format!(
            "--workload {source}: a workload without lengths: none of its {total} calls says when it came and how many \
             tokens its prompt had"
        )));
    }

    let left_out = u64::try_from(total - requests.len()).unwrap_or(0);
    let held = u64::try_from(requests.len()).unwrap_or(u64::MAX);
    let workload = TraceWorkload {
        format: "OTLP".to_owned(),
        requests,
        has_arrivals: true,
        held,
        left_out,
        ..TraceWorkload::default()
    };
    Ok(of_trace(&infercost_core::without_secrets(source), workload, &request.workload))
}

/// How the requests follow one another: as asked for, else as the workload has it.
fn pace(wanted: &WorkloadRequest, requests: &[TimedPrompt], seed: u64) -> anyhow::Result<Pace> {
    if let Some(concurrency) = wanted.concurrency {
        return Ok(if concurrency == 1 { Pace::OneByOne } else { Pace::InFlight(concurrency) });
    }
    if let Some(rate) = wanted.rate {
        let count = requests_of_a_trace(wanted);
        let times: Vec<Duration> = ArrivalTimes::new(Arrivals::Poisson, rate, seed).take(count).collect();
        return Ok(Pace::AtTimes(times.into()));
    }

    let mut times = Vec::new();
    for one in requests {
        let Some(at_s) = one.at_s else { return Ok(Pace::OneByOne) };
        let at = Duration::try_from_secs_f64(at_s).map_err(|_| usage("the workload's times are no times"))?;
        times.push(at);
    }
    Ok(Pace::AtTimes(times.into()))
}

fn fingerprint(prompts: &[Prompt], pace: &Pace) -> String {
    let mut hash = Sha256::new();
    for prompt in prompts {
        hash.update(format!("{}\u{0}{:?}\u{0}{}\u{0}", prompt.id, prompt.body, prompt.max_tokens).as_bytes());
    }
    hash.update(format!("{pace:?}").as_bytes());
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether some prompt begins with 64 characters as another one does.
fn shares_prefixes(prompts: &[Prompt]) -> bool {
    let mut seen = std::collections::HashSet::new();
    prompts.iter().any(|prompt| {
        let PromptBody::Chat(turns) = &prompt.body;
        let text: String = turns.iter().flat_map(|turn| turn.content.chars()).take(64).collect();
        text.chars().count() == 64 && !seen.insert(text)
    })
}
