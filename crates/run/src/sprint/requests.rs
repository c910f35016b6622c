//! How many requests a measurement has: as many as suit the workload, and fewer where two rounds would not fit the budget.

/// Share of the budget that the first two rounds may take: every setting takes part in them, and in no round after them.
const TWO_ROUNDS: f64 = 0.45;

/// Requests of one measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Requests {
    /// What suits the workload, or was asked for.
    pub(super) usual: usize,
    /// Fewer say too little; as many as `usual` where nothing else will do.
    pub(super) least: usize,
}

impl Requests {
    /// Just that many.
    pub(super) fn fixed(count: usize) -> Self {
        Self { usual: count.max(1), least: count.max(1) }
    }

    /// That many; where they must be fewer, at least three, and one and a half for each that is kept in flight.
    pub(super) fn around(usual: usize, in_flight: usize) -> Self {
        let least = in_flight.saturating_add(in_flight.div_ceil(2)).max(3);
        Self { usual, least: least.min(usual) }
    }
}

/// What the first measurement of a sprint took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct FirstMeasurement {
    /// Seconds, starting and stopping included.
    pub(super) took_s: f64,
    /// Of those, seconds from the first request to the last answer.
    pub(super) wall_s: f64,
    /// Its requests.
    pub(super) requests: usize,
}

/// Whether the measurements fit a budget.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fit {
    /// As they are.
    AsTheyAre,
    /// With so many requests each.
    Fewer(usize),
    /// Not at all; the least budget, in seconds.
    TooMuch {
        /// Seconds.
        needed_s: f64,
    },
}

/// Whether so many measurements like the first one fit into the share of the budget that is theirs, and with how many
/// requests each: what is not the time of requests stays as it is.
pub(super) fn fit(first: FirstMeasurement, measurements: f64, budget_s: f64, requests: Requests) -> Fit {
    let each_s = first.wall_s / first.requests.max(1) as f64;
    let else_s = (first.took_s - first.wall_s).max(0.0);
    let needed_s = |count: usize| (else_s + each_s * count as f64) * measurements / TWO_ROUNDS;

    if needed_s(first.requests) <= budget_s {
        return Fit::AsTheyAre;
    }
    let smaller = requests.least..first.requests;
    match smaller.rev().find(|count| needed_s(*count) <= budget_s) {
        Some(count) => Fit::Fewer(count),
        None => Fit::TooMuch { needed_s: needed_s(requests.least.min(first.requests)) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: FirstMeasurement = FirstMeasurement { took_s: 14.0, wall_s: 12.0, requests: 16 };

    /// 60 measurements of 2 s and 0.75 s for each request, in 45 % of the budget.
    #[test]
    fn fewer_requests_fit_a_smaller_budget() {
        let requests = Requests::around(16, 4);
        assert_eq!(requests.least, 6);
        assert_eq!(fit(FIRST, 60.0, 1900.0, requests), Fit::AsTheyAre);
        assert_eq!(fit(FIRST, 60.0, 1800.0, requests), Fit::Fewer(15));
        assert_eq!(fit(FIRST, 60.0, 1200.0, requests), Fit::Fewer(9));
        assert_eq!(fit(FIRST, 60.0, 867.0, requests), Fit::Fewer(6));
        let Fit::TooMuch { needed_s } = fit(FIRST, 60.0, 866.0, requests) else {
            unreachable!("6 need 866.7 s")
        };
        assert!((needed_s - 6.5 * 60.0 / 0.45).abs() < 1e-9, "{needed_s}");
    }

    #[test]
    fn what_was_asked_for_stays() {
        assert_eq!(
            fit(FIRST, 60.0, 1800.0, Requests::fixed(16)),
            Fit::TooMuch { needed_s: 14.0 * 60.0 / 0.45 }
        );
        assert_eq!(Requests::around(5, 1), Requests { usual: 5, least: 3 });
        assert_eq!(Requests::fixed(0).usual, 1);
    }
}
