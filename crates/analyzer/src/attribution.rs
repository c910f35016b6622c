//! Whose joules were they? A window's energy shared among its inferences.
//!
//! A meter gives one difference a window; an inference's joules are a share of it, by time in flight:
//! inferences in flight together share each moment equally, and moments in which nothing ran belong to no
//! inference. Where the windows of a variant tell prefill from decode, the time is weighted by their
//! powers.

use std::time::{Duration, SystemTime};

use infercost_core::{InferenceRecord, Joules, WindowRecord};

/// Fewest metered windows for a regression.
const FEWEST_WINDOWS: usize = 8;
/// Clock steps up to this much are taken for rounding, in seconds.
const CLOCK_SLACK: f64 = 2e-3;

/// A window's energy, shared.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribution {
    /// Joules of each inference, in the window's order.
    pub per_inference: Vec<Joules>,
    /// Joules of the moments in which no inference ran.
    pub unattributed: Joules,
}

/// Power in either phase, in watts, relative to one another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PhasePowers {
    /// While a prompt is read (until the first token).
    pub prefill: f64,
    /// While tokens are written.
    pub decode: f64,
}

impl PhasePowers {
    /// Plain time share: both phases weigh the same.
    pub const EQUAL: Self = Self { prefill: 1.0, decode: 1.0 };
}

/// One inference's part of its window's time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct TimeShare {
    /// Seconds until the first token (all of them for a failure).
    pub prefill: f64,
    /// Seconds from there to the end.
    pub decode: f64,
}

impl TimeShare {
    /// Seconds in both phases.
    pub fn busy(&self) -> f64 {
        self.prefill + self.decode
    }
}

/// Shares the window's wall time: moments with several inferences in flight count an equal part for each, so
/// that the shares sum to the time in which anything ran. Clocks that jumped inside the window are replaced
/// by the latencies alone.
pub fn time_shares(window: &WindowRecord) -> Vec<TimeShare> {
    let wall = window.wall_time.as_secs_f64();
    let spans: Vec<(f64, f64)> =
        window.inferences.iter().map(|inference| span(window.started_at, wall, inference)).collect();
    let latencies: Vec<f64> = window.inferences.iter().map(latency).collect();
    let trusted = spans
        .iter()
        .zip(&latencies)
        .all(|((start, end), latency)| (end - start - latency).abs() <= CLOCK_SLACK + 0.01 * latency);
    let busy = if trusted { sweep(&spans) } else { scaled(latencies, wall) };
    window.inferences.iter().zip(busy).map(|(inference, busy)| phases(inference, busy)).collect()
}

/// Shares a window's metered energy by time; `None` where its energy is unavailable.
///
/// The parts sum to the meter's difference, to the last bit that a sum of doubles keeps.
pub fn attribute(window: &WindowRecord) -> Option<Attribution> {
    attribute_weighted(window, PhasePowers::EQUAL)
}

/// The same with prefill and decode weighted by their powers (see [`phase_powers`]).
pub fn attribute_weighted(window: &WindowRecord, powers: PhasePowers) -> Option<Attribution> {
    let total = window.energy.joules()?.get();
    let wall = window.wall_time.as_secs_f64();
    let shares = time_shares(window);
    let busy: f64 = shares.iter().map(TimeShare::busy).sum();
    let weights: Vec<f64> =
        shares.iter().map(|share| powers.prefill * share.prefill + powers.decode * share.decode).collect();
    let weight: f64 = weights.iter().sum();
    let attributed = if wall > 0.0 { total * (busy / wall).min(1.0) } else { 0.0 };
    let per_inference: Vec<Joules> = weights
        .iter()
        .map(|part| Joules::new(if weight > 0.0 { attributed * part / weight } else { 0.0 }))
        .collect();
    let given: f64 = per_inference.iter().map(|joules| joules.get()).sum();
    Some(Attribution { per_inference, unattributed: Joules::new(total - given) })
}

/// Powers of prefill and decode by non-negative least squares of busy energy on the windows' seconds in
/// either phase, through the origin (Lawson & Hanson, *Solving Least Squares Problems*, 1974; two unknowns, so
/// solved directly). `None` where fewer than eight windows are metered, or they differ too little to tell
/// the two apart: a coefficient that is not positive, or whose standard error is above half of it.
pub fn phase_powers<'a>(windows: impl IntoIterator<Item = &'a WindowRecord>) -> Option<PhasePowers> {
    let rows: Vec<PhaseTimes> = windows.into_iter().filter_map(PhaseTimes::of).collect();
    if rows.len() < FEWEST_WINDOWS {
        return None;
    }

    // The normal equations of two unknowns: sums of products of prefill, decode and energy.
    let (mut pp, mut dd, mut pd, mut pe, mut de) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for PhaseTimes { prefill, decode, energy } in &rows {
        pp += prefill * prefill;
        dd += decode * decode;
        pd += prefill * decode;
        pe += prefill * energy;
        de += decode * energy;
    }

    let determinant = pp * dd - pd * pd;
    if determinant <= 1e-9 * pp * dd {
        return None;
    }

    let powers =
        PhasePowers { prefill: (dd * pe - pd * de) / determinant, decode: (pp * de - pd * pe) / determinant };
    let residual: f64 = rows
        .iter()
        .map(|row| (row.energy - powers.prefill * row.prefill - powers.decode * row.decode).powi(2))
        .sum();

    let variance = residual / (rows.len() - 2) as f64;
    let sound = is_told_apart(powers.prefill, variance * dd / determinant)
        && is_told_apart(powers.decode, variance * pp / determinant);
    sound.then_some(powers)
}

/// Seconds in either phase and busy joules of a window.
struct PhaseTimes {
    prefill: f64,
    decode: f64,
    energy: f64,
}

impl PhaseTimes {
    /// `None` for a window without energy.
    fn of(window: &WindowRecord) -> Option<Self> {
        let attribution = attribute(window)?;
        let shares = time_shares(window);
        Some(Self {
            prefill: shares.iter().map(|share| share.prefill).sum(),
            decode: shares.iter().map(|share| share.decode).sum(),
            energy: attribution.per_inference.iter().map(|joules| joules.get()).sum(),
        })
    }
}

/// True where a power is positive, and its standard error at most half of it.
fn is_told_apart(power: f64, variance: f64) -> bool {
    power > 0.0 && variance.sqrt() <= power / 2.0
}

fn latency(inference: &InferenceRecord) -> f64 {
    inference.outcome.latency().as_secs_f64()
}

/// Start and end within the window, in seconds since it began.
fn span(window: SystemTime, wall: f64, inference: &InferenceRecord) -> (f64, f64) {
    let start = inference
        .issued_at
        .duration_since(window)
        .map_or_else(|before| -before.duration().as_secs_f64(), |after: Duration| after.as_secs_f64());
    (start.clamp(0.0, wall), (start + latency(inference)).clamp(0.0, wall))
}

/// Latencies shrunk, where they overlap, to fit the window.
fn scaled(latencies: Vec<f64>, wall: f64) -> Vec<f64> {
    let sum: f64 = latencies.iter().sum();
    let factor = if sum > wall { wall / sum } else { 1.0 };
    latencies.into_iter().map(|latency| latency * factor).collect()
}

/// Walks over all starts and ends; between two of them the time is shared by those in flight.
pub(crate) fn sweep(spans: &[(f64, f64)]) -> Vec<f64> {
    let mut edges: Vec<(f64, bool, usize)> = spans
        .iter()
        .enumerate()
        .flat_map(|(index, (start, end))| [(*start, true, index), (*end, false, index)])
        .collect();

    edges.sort_by(|one, other| one.0.total_cmp(&other.0));

    // `share` is the time that one inference would hold had it been in flight from the beginning.
    let (mut share, mut in_flight, mut before) = (0.0, 0_u32, 0.0);
    let mut busy = vec![0.0; spans.len()];
    for (at, starts, index) in edges {
        if in_flight > 0 {
            share += (at - before) / f64::from(in_flight);
        }
        before = at;
        let sign = if starts { -1.0 } else { 1.0 };
        if let Some(busy) = busy.get_mut(index) {
            *busy += sign * share;
        }
        in_flight = if starts { in_flight + 1 } else { in_flight.saturating_sub(1) };
    }

    busy.iter().map(|busy: &f64| busy.max(0.0)).collect()
}

fn phases(inference: &InferenceRecord, busy: f64) -> TimeShare {
    let latency = latency(inference);
    let outcome = &inference.outcome;

    // Most of the time before the first token that was shown was decode.
    if outcome.hides_thinking() {
        return TimeShare { prefill: 0.0, decode: busy };
    }

    let first = outcome.time_to_first_token().map_or(latency, |first| first.as_secs_f64());
    let prefill = if latency > 0.0 { busy * (first / latency).min(1.0) } else { 0.0 };
    TimeShare { prefill, decode: busy - prefill }
}

#[cfg(test)]
mod tests;
