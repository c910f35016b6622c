//! Why a setting costs what it costs: what bounds it, from measured figures, in one sentence.
//!
//! Time is where cost comes from, so the verdict begins with where time goes: a machine without work, a queue, prefill,
//! decode. Decode is then held against the roofline (Williams, Waterman & Patterson, CACM 52, 2009): bytes of weights that
//! each step reads against the machine's measured bandwidth, and operations against its measured peak, two per weight and
//! token. What is near neither roof is bound by the engine.

use infercost_core::text::percent;
use serde::Serialize;

use crate::journal::Measured;

/// A roof is near from this share of it on.
const NEAR: f64 = 0.6;
/// Above this share of the memory's bandwidth, weights were read from nearer by: no memory gives that much more than it
/// was measured to give.
const BEYOND: f64 = 1.2;
/// A machine is empty below this share of time with a request in flight.
const EMPTY: f64 = 0.3;
/// Waiting dominates from this share of the time before the first token on.
const QUEUED: f64 = 0.5;

/// What the machine can do, as it was measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Machine {
    /// Bytes per second that its memory gives to reads; `None` where it was not measured.
    pub bandwidth: Option<f64>,
    /// Operations per second at best; `None` where it was not measured.
    pub peak: Option<f64>,
}

/// What a model takes, as it is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Model {
    /// Bytes of weights that one step reads.
    pub weight_bytes: Option<f64>,
    /// Weights that each token is multiplied with.
    pub parameters: Option<f64>,
    /// Seconds before the first token of one undisturbed request, on average; what more there is was waiting.
    pub lone_ttft_s: Option<f64>,
}

/// What bounds a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// Most of the time nothing is asked.
    EmptyMachine,
    /// Requests wait for one another.
    Queue,
    /// The memory gives no more.
    Memory,
    /// Weights are read from a cache, whose roof is not measured.
    Cache,
    /// The processor computes no faster.
    Arithmetic,
    /// Neither: the program leaves the machine waiting.
    Engine,
    /// The latency targets forbid what would be cheaper.
    LatencyTarget,
    /// Not enough is known.
    Unknown,
}

/// The verdict with its figures; shares are 0 to 1, `None` where unknown.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Roofline {
    /// What bounds it.
    pub bound: Bound,
    /// Share of time with a request in flight.
    pub busy: f64,
    /// Mean number of requests in flight while there was one.
    pub in_flight: f64,
    /// Share of requests' time before the first token, waiting left out where it is known.
    pub prefill: f64,
    /// Share of requests' time spent waiting before prefill; `None` where it is unknown.
    pub queue: Option<f64>,
    /// Share of requests' time behind the first token.
    pub decode: f64,
    /// Bytes that were read per output token, weights only, shared by the requests of a step at best.
    pub bytes_per_token: Option<f64>,
    /// Operations per output token.
    pub operations_per_token: Option<f64>,
    /// Share of the measured bandwidth.
    pub bandwidth_share: Option<f64>,
    /// Share of the measured peak.
    pub peak_share: Option<f64>,
    /// Mean watts while it was measured; `None` without a meter.
    pub watts: Option<f64>,
    /// The verdict in one sentence.
    pub sentence: String,
}

/// The verdict on what was measured; `None` where nothing was answered.
pub fn verdict(measured: &Measured, machine: &Machine, model: &Model) -> Option<Roofline> {
    let in_requests = measured.ttft_s + measured.decode_s;
    if measured.answers == 0 || measured.wall_s <= 0.0 || in_requests <= 0.0 {
        return None;
    }
    let answers = measured.answers as f64;
    let busy = (measured.busy_s / measured.wall_s).clamp(0.0, 1.0);
    let in_flight = if measured.busy_s > 0.0 { measured.in_flight_s / measured.busy_s } else { 1.0 }.max(1.0);

    let waited = model.lone_ttft_s.map(|lone| (measured.ttft_s - lone * answers).max(0.0));
    let queue = waited.map(|waited| waited / in_requests);
    let prefill = measured.ttft_s / in_requests - queue.unwrap_or(0.0);
    let decode = measured.decode_s / in_requests;

    // one step of decode reads the weights once for all requests in flight
    let tokens_per_s = measured.output_tokens as f64 / measured.busy_s.max(f64::MIN_POSITIVE);
    let bytes_per_token = model.weight_bytes.map(|bytes| bytes / in_flight);
    let operations_per_token = model.parameters.map(|parameters| 2.0 * parameters);
    let prompt_tokens =
        measured.input_tokens.unwrap_or(0).saturating_sub(measured.cached_tokens.unwrap_or(0));
    let all_tokens_per_s = (measured.output_tokens.saturating_add(prompt_tokens)) as f64
        / measured.busy_s.max(f64::MIN_POSITIVE);

    // while a request is decoded; prefill reads the weights once for many tokens
    let decoding_s = measured.decode_s / in_flight;
    let decoded_per_s = measured.output_tokens as f64 / decoding_s.max(f64::MIN_POSITIVE);
    let bandwidth_share = share(bytes_per_token.map(|bytes| bytes * decoded_per_s), machine.bandwidth);
    let peak_share =
        share(operations_per_token.map(|operations| operations * all_tokens_per_s), machine.peak);

    let mut found = Roofline {
        bound: Bound::Unknown,
        busy,
        in_flight,
        prefill,
        queue,
        decode,
        bytes_per_token,
        operations_per_token,
        bandwidth_share,
        peak_share,
        watts: measured.joules.map(|joules| joules / measured.wall_s),
        sentence: String::new(),
    };
    found.bound = bound(&found);
    found.sentence = sentence(&found, tokens_per_s);
    Some(found)
}

fn share(part: Option<f64>, whole: Option<f64>) -> Option<f64> {
    let (part, whole) = (part?, whole.filter(|whole| *whole > 0.0)?);
    Some(part / whole)
}

fn bound(found: &Roofline) -> Bound {
    if found.busy < EMPTY {
        return Bound::EmptyMachine;
    }
    if found.queue.is_some_and(|queue| queue > QUEUED) {
        return Bound::Queue;
    }
    match (found.bandwidth_share, found.peak_share) {
        (Some(share), _) if share > BEYOND && found.decode >= found.prefill => Bound::Cache,
        _ if is_near(found.bandwidth_share) && found.decode >= found.prefill => Bound::Memory,
        _ if is_near(found.peak_share) => Bound::Arithmetic,
        (Some(_), Some(_)) => Bound::Engine,
        // what is far from the one roof may be near the other, unless decode alone takes the time
        (Some(_), None) if found.decode > 0.7 && found.in_flight < 2.0 => Bound::Engine,
        _ => Bound::Unknown,
    }
}

fn is_near(share: Option<f64>) -> bool {
    share.is_some_and(|share| share >= NEAR)
}

fn known(share: Option<f64>) -> String {
    share.map_or("an unknown share".to_owned(), percent)
}

fn sentence(found: &Roofline, tokens_per_s: f64) -> String {
    match found.bound {
        Bound::EmptyMachine => format!(
            "an empty machine: a request is in flight {} of the time; batching or sharing the machine saves more than \
             any other model",
            percent(found.busy)
        ),
        Bound::Queue => format!(
            "the queue: {} of a request's time is waiting for others; fewer requests at once, or a second server, \
             shorten it and save nothing",
            percent(found.queue.unwrap_or(0.0))
        ),
        Bound::Memory => format!(
            "memory: decode reads {} of the measured bandwidth; fewer bytes a token (quantization, more requests in a \
             batch) make it cheaper",
            known(found.bandwidth_share)
        ),
        Bound::Cache => format!(
            "a cache: decode reads {:.1} times what memory was measured to give, so weights lie in a cache; fewer bytes \
             a token, another engine or more requests at once may make it cheaper",
            found.bandwidth_share.unwrap_or(0.0)
        ),
        Bound::Arithmetic => format!(
            "arithmetic: {} of the measured peak; shorter prompts, a prefix cache or a smaller model make it cheaper, \
             quantization only where its products are faster",
            known(found.peak_share)
        ),
        // where prefill takes the time, what decode reads bounds nothing
        Bound::Engine if found.decode < found.prefill => format!(
            "the engine: prefill takes {} of a request's time and reaches {} of the peak; quantization will not pay as \
             it should here, another engine or shorter prompts may",
            percent(found.prefill),
            known(found.peak_share)
        ),
        Bound::Engine => format!(
            "the engine: {} of the bandwidth and {} of the peak at {:.0} tokens/s; quantization will not pay as it \
             should here, another engine or more requests at once may",
            known(found.bandwidth_share),
            known(found.peak_share),
            tokens_per_s
        ),
        Bound::LatencyTarget => "the latency targets: what would be cheaper misses them".to_owned(),
        Bound::Unknown => format!(
            "not known: {} prefill, {} decode; the machine's peak or the model's size is not measured",
            percent(found.prefill),
            percent(found.decode)
        ),
    }
}

/// The verdict where cheaper settings were measured and left because they miss the latency targets.
#[must_use]
pub fn bound_by_targets(found: Roofline, cheaper: &str) -> Roofline {
    let sentence = format!("the latency targets: {cheaper} is cheaper and misses them");
    Roofline { bound: Bound::LatencyTarget, sentence, ..found }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten answers of 100 tokens, one at a time, 10 s of decode in 11 s.
    fn lone() -> Measured {
        Measured {
            wall_s: 11.0,
            busy_s: 11.0,
            in_flight_s: 11.0,
            answers: 10,
            input_tokens: Some(500),
            output_tokens: 1000,
            ttft_s: 1.0,
            decode_s: 10.0,
            joules: Some(220.0),
            ..Measured::default()
        }
    }

    fn check(measured: &Measured, bandwidth: f64, peak: Option<f64>, lone: Option<f64>, expected: Bound) {
        let machine = Machine { bandwidth: Some(bandwidth), peak };
        let model = Model { weight_bytes: Some(1e8), parameters: Some(1e8), lone_ttft_s: lone };
        let found = verdict(measured, &machine, &model);
        assert_eq!(found.as_ref().map(|found| found.bound), Some(expected), "{found:?}");
    }

    #[test]
    fn each_bound_is_seen() {
        // 100 tokens/s × 100 MB = 10 GB/s; 1500 tokens × 2e8 ÷ 11 s = 27 GFLOP/s
        check(&lone(), 12e9, Some(200e9), None, Bound::Memory);
        check(&lone(), 5e9, Some(200e9), None, Bound::Cache);
        check(&lone(), 100e9, Some(30e9), None, Bound::Arithmetic);
        check(&lone(), 100e9, Some(200e9), None, Bound::Engine);
        check(&lone(), 100e9, None, None, Bound::Engine);
        let idle = Measured { wall_s: 300.0, ..lone() };
        check(&idle, 12e9, Some(200e9), None, Bound::EmptyMachine);
        let queued = Measured { ttft_s: 30.0, in_flight_s: 40.0, ..lone() };
        check(&queued, 12e9, Some(200e9), Some(0.1), Bound::Queue);
    }

    #[test]
    fn a_batch_shares_its_reads() {
        let batch = Measured { wall_s: 3.0, busy_s: 3.0, in_flight_s: 12.0, ..lone() };
        let machine = Machine { bandwidth: Some(20e9), peak: None };
        let model = Model { weight_bytes: Some(1e8), parameters: None, lone_ttft_s: None };
        let found = verdict(&batch, &machine, &model);
        let bytes = found.and_then(|found| found.bytes_per_token);
        assert!(bytes.is_some_and(|bytes| (bytes - 2.5e7).abs() < 1.0), "{bytes:?}");
    }

    #[test]
    fn nothing_answered_has_no_verdict_and_the_empty_machine_names_its_share() {
        assert_eq!(verdict(&Measured::default(), &Machine::default(), &Model::default()), None);
        let idle = Measured { wall_s: 275.0, ..lone() };
        let sentence = verdict(&idle, &Machine::default(), &Model::default()).map(|found| found.sentence);
        assert!(sentence.is_some_and(|sentence| sentence.contains(" 4 %")));
    }
}
