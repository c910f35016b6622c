//! Rates of the steady state, with intervals from batches of its time.

use infercost_core::{Estimate, InferenceRecord, LoadFacts, Outcome, Reason, WindowRecord};

use infercost_stats::mean::mean_estimate;

/// Batches of one window at most. Between ten and thirty keep their means nearly independent (Schmeiser, "Batch
/// size effects in the analysis of simulation output", Operations Research 30, 1982).
const MOST_BATCHES: usize = 20;
/// Requests that a batch should hold.
const REQUESTS_PER_BATCH: usize = 5;
/// Fewest batches that show a spread.
const FEWEST_BATCHES: usize = 3;

/// The steady stretches of an operating point's windows.
pub(super) struct Steady<'a> {
    stretches: Vec<Stretch<'a>>,
    windows: usize,
}

/// Rates of the steady state; `None` where too little was answered in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct SteadyRates {
    pub(super) requests_per_s: Option<Estimate>,
    pub(super) output_tokens_per_s: Option<Estimate>,
}

/// One steady stretch, in seconds since its window began.
struct Stretch<'a> {
    window: &'a WindowRecord,
    from: f64,
    until: f64,
}

impl<'a> Steady<'a> {
    pub(super) fn of(windows: &[(&'a WindowRecord, LoadFacts)]) -> Self {
        let mut stretches = Vec::new();
        for (window, load) in windows {
            let Some(steady) = load.steady else { continue };
            let (from, until) = (steady.from.as_secs_f64(), steady.until.as_secs_f64());
            if until > from {
                stretches.push(Stretch { window, from, until });
            }
        }
        Self { stretches, windows: windows.len() }
    }

    /// Length of all stretches, in seconds.
    pub(super) fn seconds(&self) -> f64 {
        self.stretches.iter().map(|stretch| stretch.until - stretch.from).sum()
    }

    /// Requests issued in the steady state, failures included: none of them is left out for being slow.
    pub(super) fn issued(&self) -> Vec<&'a InferenceRecord> {
        let mut issued = Vec::new();
        for stretch in &self.stretches {
            for inference in &stretch.window.inferences {
                let at = since(stretch.window, inference);
                if (stretch.from..=stretch.until).contains(&at) {
                    issued.push(inference);
                }
            }
        }
        issued
    }

    /// Why there is no rate.
    pub(super) fn why_no_rate(&self) -> Reason {
        if self.stretches.is_empty() && self.windows > 0 {
            Reason::NeverSteady
        } else {
            Reason::TooFewInSteadyState
        }
    }

    /// Answered requests and output tokens per second.
    ///
    /// An answer counts with the share of its time in flight that lies in the stretch, so that those that reach
    /// over an edge are not all counted on one side; tokens count when they arrive. The point is the sum over
    /// the time; the interval is Student's over batch means.
    pub(super) fn rates(&self, confidence: f64) -> SteadyRates {
        let (mut requests, mut tokens) = (Vec::new(), Vec::new());
        let (mut all_requests, mut all_tokens) = (0.0, 0.0);

        for stretch in &self.stretches {
            let answered = stretch.window.inferences.iter().filter(|one| one.outcome.output_tokens() > 0);
            let batches = (answered.count() / REQUESTS_PER_BATCH).clamp(FEWEST_BATCHES, MOST_BATCHES);
            let length = (stretch.until - stretch.from) / batches as f64;
            let mut of_requests = vec![0.0; batches];
            let mut of_tokens = vec![0.0; batches];
            for inference in &stretch.window.inferences {
                stretch.add(inference, length, &mut of_requests, &mut of_tokens);
            }
            all_requests += of_requests.iter().sum::<f64>();
            all_tokens += of_tokens.iter().sum::<f64>();
            requests.extend(of_requests.into_iter().map(|requests| requests / length));
            tokens.extend(of_tokens.into_iter().map(|tokens| tokens / length));
        }

        let seconds = self.seconds();
        SteadyRates {
            requests_per_s: rate(&requests, all_requests / seconds, all_requests, confidence),
            output_tokens_per_s: rate(&tokens, all_tokens / seconds, all_requests, confidence),
        }
    }
}

/// A rate with Student's interval over its batches; `None` where that reaches zero, or next to nothing was answered.
fn rate(batches: &[f64], point: f64, answered: f64, confidence: f64) -> Option<Estimate> {
    let spread = mean_estimate(batches, confidence)?;
    let half = (spread.upper - spread.lower) / 2.0;
    let sound = point > 0.0 && point.is_finite() && half < point && answered >= 2.0;

    // the independent units are requests, of which a batch holds several
    sound.then_some(Estimate {
        point,
        lower: point - half,
        upper: point + half,
        confidence,
        n: answered.round() as usize,
    })
}

impl Stretch<'_> {
    fn add(&self, inference: &InferenceRecord, length: f64, requests: &mut [f64], tokens: &mut [f64]) {
        let Outcome::Completed { arrivals, latency, output_tokens, .. } = &inference.outcome else { return };

        // a stream that ends without a token has answered nothing
        if *output_tokens == 0 {
            return;
        }
        let begin = since(self.window, inference);
        let (time, end) = (latency.as_secs_f64(), begin + latency.as_secs_f64());

        for (index, batch) in requests.iter_mut().enumerate() {
            let from = self.from + length * index as f64;
            let inside = end.min(from + length) - begin.max(from);
            if time > 0.0 {
                *batch += (inside / time).clamp(0.0, 1.0);
            } else if from <= begin && begin < from + length {
                *batch += 1.0;
            }
        }

        // A server that sends several tokens a chunk is taken by its own count, spread over the chunks.
        let streamed: f64 = arrivals.iter().map(|chunk| f64::from(chunk.tokens)).sum();
        let scale = if streamed > 0.0 { f64::from(*output_tokens) / streamed } else { 0.0 };
        for chunk in arrivals {
            let at = begin + chunk.at.as_secs_f64() - self.from;
            if at >= 0.0
                && let Some(batch) = tokens.get_mut((at / length) as usize)
            {
                *batch += f64::from(chunk.tokens) * scale;
            }
        }
    }
}

/// When a request was issued, in seconds since its window began.
fn since(window: &WindowRecord, inference: &InferenceRecord) -> f64 {
    match inference.issued_at.duration_since(window.started_at) {
        Ok(after) => after.as_secs_f64(),
        Err(before) => -before.duration().as_secs_f64(),
    }
}
