//! How long a run will still take, as far as what has been done shows.

use std::time::Duration;

use infercost_core::VariantId;

/// What a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// A prompt is answered.
    Inference,
    /// The baseline's answer is scored.
    Scoring,
}

/// The steps of one variant.
#[derive(Debug, Clone)]
struct Track {
    variant: VariantId,
    inferences: Pace,
    scorings: Pace,
}

/// Steps of one kind: how many are left, and how long those took that are done.
#[derive(Debug, Clone, Copy, Default)]
struct Pace {
    left: u64,
    done: u64,
    took: Duration,
}

impl Pace {
    fn mean(self) -> Option<Duration> {
        let done = u32::try_from(self.done).ok().filter(|done| *done > 0)?;
        Some(self.took / done)
    }
}

/// What is left of a run.
#[derive(Debug, Clone, Default)]
pub(super) struct Remaining {
    tracks: Vec<Track>,
}

/// The variant that most of what is left belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slowest {
    pub(super) variant: VariantId,
    /// Mean time of one of its inferences.
    pub(super) inference: Duration,
}

impl Remaining {
    /// Adds a variant with what is left of it.
    pub(super) fn add(&mut self, variant: VariantId, inferences: u64, scorings: u64) {
        let pace = |left| Pace { left, ..Pace::default() };
        self.tracks.push(Track { variant, inferences: pace(inferences), scorings: pace(scorings) });
    }

    /// Steps that are left.
    pub(super) fn steps(&self) -> u64 {
        self.tracks.iter().map(|track| track.inferences.left + track.scorings.left).sum()
    }

    /// A step has ended after `took`.
    pub(super) fn ended(&mut self, variant: &VariantId, step: Step, took: Duration) {
        let Some(track) = self.tracks.iter_mut().find(|track| track.variant == *variant) else { return };
        let pace = match step {
            Step::Inference => &mut track.inferences,
            Step::Scoring => &mut track.scorings,
        };
        pace.left = pace.left.saturating_sub(1);
        pace.done += 1;
        pace.took += took;
    }

    /// A candidate's verdict is settled: nothing more of it is run.
    pub(super) fn dropped(&mut self, variant: &VariantId) {
        for track in self.tracks.iter_mut().filter(|track| track.variant == *variant) {
            track.inferences.left = 0;
            track.scorings.left = 0;
        }
    }

    /// The time that is left: each kind of step of each variant at its own mean, or at that of the others while it has
    /// none. `None` while nothing can be said.
    pub(super) fn time(&self) -> Option<Duration> {
        let inferences = self.left(|track| track.inferences)?;
        let scorings = self.left(|track| track.scorings)?;
        Some(inferences + scorings)
    }

    fn left(&self, pace: impl Fn(&Track) -> Pace) -> Option<Duration> {
        let known: Vec<Duration> = self.tracks.iter().filter_map(|track| pace(track).mean()).collect();
        let count = u32::try_from(known.len()).ok().filter(|count| *count > 0);
        let of_others = count.map(|count| known.iter().sum::<Duration>() / count);

        let mut total = Duration::ZERO;
        for track in &self.tracks {
            let pace = pace(track);
            if pace.left == 0 {
                continue;
            }
            let each = pace.mean().or(of_others)?;
            total += each.saturating_mul(u32::try_from(pace.left).unwrap_or(u32::MAX));
        }
        Some(total)
    }

    /// The variant that takes more than half of the time that is left, where several are left.
    pub(super) fn slowest(&self) -> Option<Slowest> {
        let of = |track: &Track| {
            let each = track.inferences.mean()?;
            let left = u32::try_from(track.inferences.left).unwrap_or(u32::MAX);
            Some(each.saturating_mul(left))
        };
        let mut left: Vec<(&Track, Duration)> = Vec::new();
        for track in self.tracks.iter().filter(|track| track.inferences.left > 0) {
            left.push((track, of(track)?));
        }
        if left.len() < 2 {
            return None;
        }

        let total: Duration = left.iter().map(|(_, time)| *time).sum();
        let (track, time) = left.into_iter().max_by_key(|(_, time)| *time)?;
        let inference = track.inferences.mean()?;
        (time * 2 > total).then(|| Slowest { variant: track.variant.clone(), inference })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn two() -> Remaining {
        let mut remaining = Remaining::default();
        remaining.add(VariantId::from("m/fast"), 10, 0);
        remaining.add(VariantId::from("m/slow"), 10, 0);
        remaining
    }

    #[test]
    fn each_variant_counts_at_its_own_pace() {
        let mut remaining = two();
        assert_eq!(remaining.time(), None, "nothing is known yet");
        remaining.ended(&VariantId::from("m/fast"), Step::Inference, seconds(1));
        assert_eq!(remaining.time(), Some(seconds(9 + 10)), "the other is taken to be as fast");
        remaining.ended(&VariantId::from("m/slow"), Step::Inference, seconds(11));
        assert_eq!(remaining.time(), Some(seconds(9 + 99)));
        assert_eq!(remaining.steps(), 18);

        let slowest = Slowest { variant: VariantId::from("m/slow"), inference: seconds(11) };
        assert_eq!(remaining.slowest(), Some(slowest));
    }

    #[test]
    fn what_is_dropped_takes_no_time() {
        let mut remaining = two();
        for variant in ["m/fast", "m/slow"] {
            remaining.ended(&VariantId::from(variant), Step::Inference, seconds(2));
        }
        remaining.dropped(&VariantId::from("m/slow"));
        assert_eq!((remaining.steps(), remaining.time()), (9, Some(seconds(18))));
        assert_eq!(remaining.slowest(), None, "one alone is no slowest");
    }
}
