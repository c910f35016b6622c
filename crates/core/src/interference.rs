//! What else a machine did while a window was measured, and whether that spoils the window's times.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::identity::VariantId;

/// What the operating system counted during a window, beside the work that was measured. `None` is unknown.
///
/// Processor times are summed over all logical processors.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Interference {
    /// Logical processors.
    pub processors: Option<u32>,
    /// Processor time of this program and of the server that it measures.
    pub own: Option<Duration>,
    /// Processor time of everything else on the machine, interrupts included.
    pub others: Option<Duration>,
    /// Processor time that the hypervisor gave to other machines.
    pub stolen: Option<Duration>,
    /// Time that threads of this program and of the server spent ready to run, and did not run.
    pub queued: Option<Duration>,
    /// Mean frequency of the processors at the window's ends as a share of the highest that they have, in (0, 1].
    pub frequency_share: Option<f64>,
    /// Times that processors were slowed down since they were too hot.
    pub thermal_throttles: Option<u64>,
    /// What held the clocks of metered boards down at the window's end, as the driver names it.
    pub board_throttles: Vec<String>,
}

/// One way in which a window was disturbed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Disturbance {
    /// Other programs took processors away.
    OtherPrograms {
        /// Their share of all processors' time.
        share: f64,
        /// Time waited for a processor as a share of the time that was wanted; `None` where the system does not tell.
        waited: Option<f64>,
    },
    /// The hypervisor gave processors to other machines.
    Steal {
        /// Share of all processors' time.
        share: f64,
    },
    /// Processors were slowed down by heat.
    Heat,
    /// Boards were slowed down.
    Boards {
        /// Why, as the driver names it.
        reasons: Vec<String>,
    },
}

/// A window that something disturbed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DisturbedWindow {
    /// Of which variant.
    pub variant: VariantId,
    /// Its index in its run.
    pub window: u32,
    /// What disturbed it.
    pub causes: Vec<Disturbance>,
    /// The index of the window that stands in its place; `None` where its times count.
    pub measured_again_in: Option<u32>,
}

/// Times that a disturbed window of single requests is measured again at most.
pub const MOST_TRIES: u32 = 2;

/// The first repetition that requests under load may have, in a run of so many repetitions of each prompt. Those before
/// belong to single requests and to disturbed windows that are measured again: the k-th try of repetition r is
/// repetition r + k × `repetitions`.
pub fn first_repetition_under_load(repetitions: u32) -> u32 {
    repetitions.saturating_mul(1 + MOST_TRIES)
}

impl Interference {
    /// Least processor time that is told from none: a system counts it in steps of 10 ms, for each of several counters.
    pub const LEAST: Duration = Duration::from_millis(50);
    /// Others' share of all processors' time from which on a window is disturbed, if its own threads had to wait.
    pub const OTHERS: f64 = 0.05;
    /// Share of the wanted time that threads must have waited.
    pub const WAITED: f64 = 0.05;
    /// Others' share that disturbs where nothing tells how long threads waited: half of one of two processors.
    pub const OTHERS_ALONE: f64 = 0.25;
    /// Stolen share of all processors' time.
    pub const STOLEN: f64 = 0.05;

    /// How a window of this wall time was surely disturbed; empty where it was not, or where nothing is known.
    ///
    /// Other programs disturb where they took time *and* the measured threads had to wait for processors: on a machine
    /// with idle processors, neighbors take nothing away.
    pub fn disturbances(&self, wall: Duration) -> Vec<Disturbance> {
        let mut found = Vec::new();
        let capacity = self.processors.map(|processors| wall.as_secs_f64() * f64::from(processors));
        let capacity = capacity.filter(|capacity| *capacity > 0.0);

        let others = self.others.filter(|others| *others >= Self::LEAST);
        if let Some((others, capacity)) = others.zip(capacity) {
            let share = others.as_secs_f64() / capacity;
            let waited = self.waited_share();
            let disturbs = match waited {
                Some(waited) => share >= Self::OTHERS && waited >= Self::WAITED,
                None => share >= Self::OTHERS_ALONE,
            };
            if disturbs {
                found.push(Disturbance::OtherPrograms { share, waited });
            }
        }
        let stolen = self.stolen.filter(|stolen| *stolen >= Self::LEAST);
        if let Some((stolen, capacity)) = stolen.zip(capacity) {
            let share = stolen.as_secs_f64() / capacity;
            if share >= Self::STOLEN {
                found.push(Disturbance::Steal { share });
            }
        }

        if self.thermal_throttles.is_some_and(|times| times > 0) {
            found.push(Disturbance::Heat);
        }
        let slowed = self.board_throttles.iter().filter(|reason| is_trouble(reason));
        let reasons: Vec<String> = slowed.cloned().collect();
        if !reasons.is_empty() {
            found.push(Disturbance::Boards { reasons });
        }
        found
    }

    /// Time that own threads waited for a processor as a share of the time in which they wanted one.
    pub fn waited_share(&self) -> Option<f64> {
        let (queued, own) = (self.queued?.as_secs_f64(), self.own?.as_secs_f64());
        let wanted = queued + own;
        (wanted > 0.0).then(|| queued / wanted)
    }
}

/// True for a reason that is no usual state of a board at work: heat, or a fault of its supply. A power limit is reached
/// by any board that is busy.
fn is_trouble(reason: &str) -> bool {
    ["thermal", "hw slowdown", "brake"].iter().any(|word| reason.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn on_two_cores(others: u64, queued: Option<u64>, stolen: u64) -> Interference {
        let ms = Duration::from_millis;
        Interference {
            processors: Some(2),
            own: Some(ms(1500)),
            others: Some(ms(others)),
            stolen: Some(ms(stolen)),
            queued: queued.map(ms),
            ..Interference::default()
        }
    }

    #[track_caller]
    fn check(interference: &Interference, expected: &[&str]) {
        let found: Vec<&str> = interference
            .disturbances(SECOND)
            .iter()
            .map(|one| match one {
                Disturbance::OtherPrograms { .. } => "others",
                Disturbance::Steal { .. } => "steal",
                Disturbance::Heat => "heat",
                Disturbance::Boards { .. } => "boards",
            })
            .collect();
        assert_eq!(found, expected, "{interference:?}");
    }

    #[test]
    fn a_window_is_disturbed_by_what_took_its_time() {
        check(&on_two_cores(0, Some(0), 0), &[]);
        check(&on_two_cores(1000, Some(500), 0), &["others"]);
        // Its own threads waited for each other, and nobody else was there.
        check(&on_two_cores(20, Some(500), 0), &[]);
        // Others were there, and took nothing away.
        check(&on_two_cores(1000, Some(5), 0), &[]);
        check(&on_two_cores(1000, None, 0), &["others"]);
        check(&on_two_cores(400, None, 0), &[]);
        check(&on_two_cores(0, Some(0), 100), &["steal"]);
        check(&on_two_cores(0, Some(0), 90), &[]);
    }

    /// A step or two of a counter of 10 ms is a large share of a short window, and no disturbance.
    #[test]
    fn a_step_of_a_counter_is_no_disturbance() {
        let short = |others| Interference { stolen: None, ..on_two_cores(others, Some(500), 0) };
        let window = Duration::from_millis(100);
        assert!(short(40).disturbances(window).is_empty());
        assert_eq!(short(60).disturbances(window).len(), 1);
    }

    #[test]
    fn clocks_that_are_held_down_disturb() {
        let hot = Interference { thermal_throttles: Some(1), ..Interference::default() };
        check(&hot, &["heat"]);
        check(
            &Interference { board_throttles: vec!["hw thermal slowdown".into()], ..hot.clone() },
            &["heat", "boards"],
        );
        check(&Interference { board_throttles: vec!["sw power cap".into()], ..hot }, &["heat"]);
    }

    #[test]
    fn what_is_unknown_disturbs_nothing() {
        check(&Interference::default(), &[]);
        check(&Interference { processors: None, ..on_two_cores(1000, None, 1000) }, &[]);
        assert!(on_two_cores(1000, None, 1000).disturbances(Duration::ZERO).is_empty());
    }
}
