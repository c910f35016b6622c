//! The search: settings take turns with the present one, and what is surely no answer leaves early.
//!
//! In each round every setting that is left is measured once, in a fresh order, between measurements of the present one
//! (at most [`RaceRules::group`] turns apart). A setting's value is the logarithm of its cost over that of the present one
//! at its place, interpolated between its neighbors, so that a drift of the machine cancels. After each round from the
//! second on a setting leaves that surely saves less than what is wanted, or is surely not better than the leader by more
//! than the indifference.
//!
//! Levels: the chance that the best setting ever leaves wrongly is at most α over all rounds and settings. Half of α is for
//! the first test: of all settings only the best can be lost by it, so nothing is divided. The other half is divided by
//! the number of settings (Bonferroni), any of which may lead by chance. Each test is one-sided and spends its level over
//! the planned rounds (Lan & DeMets, Biometrika 70, 1983). A best-arm race of this kind is Maron & Moore, *The Racing Algorithm*, Artificial
//! Intelligence Review 11 (1997). Variance is pooled over the settings that are left, since two or three rounds say little
//! about the variance of one; where a setting's own is larger, its own counts.

use infercost_core::Estimate;
use infercost_stats::normal::student_quantile;
use infercost_stats::spending;
use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::failure::Failure;

/// How a race is run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RaceRules {
    /// Rounds at most; at least 2.
    pub rounds: u32,
    /// The chance that the best setting leaves wrongly, 0 to 1.
    pub alpha: f64,
    /// Share of the present cost that must be saved, 0 to 1: less is no answer.
    pub wanted: f64,
    /// Share of the cost that is not worth another round, 0 to 1.
    pub indifference: f64,
    /// Settings between two measurements of the present one, at most.
    pub group: usize,
    /// True where no setting leaves before the last round, whatever is sure: the whole grid, to see what a race spares and
    /// whether it was right.
    pub exhaustive: bool,
    /// Seed of the orders.
    pub seed: u64,
}

impl Default for RaceRules {
    fn default() -> Self {
        let (rounds, alpha, wanted, indifference, group) = (8, 0.05, 0.10, 0.02, 6);
        Self { rounds, alpha, wanted, indifference, group, exhaustive: false, seed: 42 }
    }
}

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Turn {
    /// The present setting.
    Present,
    /// One of the others, counted from 0.
    Candidate(usize),
}

/// Why a setting has left.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "why")]
pub enum Elimination {
    /// It surely saves less than what is wanted.
    SavesTooLittle {
        /// The most that it may save, as a share of the present cost.
        at_most: f64,
    },
    /// It is surely not better than another by more than the indifference.
    NoBetter {
        /// The other.
        than: usize,
    },
    /// It could not be measured.
    Failed {
        /// What happened.
        failure: Failure,
    },
    /// Its answers are surely worse.
    WrongAnswers {
        /// In a sentence.
        reason: String,
    },
    /// It surely misses the latency targets.
    MissesTargets {
        /// In a sentence.
        reason: String,
    },
}

/// Where a setting stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Standing {
    /// Share of the present cost that it saves; `None` before two rounds.
    pub saving: Option<Estimate>,
    /// Rounds in which it was measured.
    pub rounds: u32,
    /// Why it has left, and after which round (from 1); `None` while it races.
    pub left: Option<(u32, Elimination)>,
}

/// A race.
#[derive(Debug, Clone)]
pub struct Race {
    rules: RaceRules,
    racers: Vec<Racer>,
    /// The rest of this round, in order.
    plan: Vec<Turn>,
    /// What this round has shown, in order; `None` for a setting that left in it.
    shown: Vec<(Turn, Option<f64>)>,
    /// Rounds that are whole.
    rounds: u32,
    ended: bool,
}

#[derive(Debug, Clone, Default)]
struct Racer {
    /// ln of cost over the present cost, a round each.
    values: Vec<f64>,
    left: Option<(u32, Elimination)>,
}

impl Race {
    /// A race of so many settings against the present one.
    pub fn new(candidates: usize, rules: RaceRules) -> Self {
        let racers = vec![Racer::default(); candidates];
        let mut race = Self { rules, racers, plan: Vec::new(), shown: Vec::new(), rounds: 0, ended: false };
        race.plan_round();
        race
    }

    /// Whose turn it is; `None` where the race is over.
    pub fn next(&self) -> Option<Turn> {
        if self.ended { None } else { self.plan.first().copied() }
    }

    /// The round that is under way, from 1.
    pub fn round(&self) -> u32 {
        self.rounds + 1
    }

    /// What the turn that [`Self::next`] gave has shown: the logarithm of the cost, or why the setting leaves.
    pub fn observe(&mut self, shown: Result<f64, Elimination>) {
        if self.ended || self.plan.is_empty() {
            return;
        }
        let turn = self.plan.remove(0);

        let value = match shown {
            Ok(value) => Some(value),
            Err(why) => {
                self.leave(turn, why);
                None
            }
        };
        self.shown.push((turn, value));

        // A setting that has left on the way takes no further turn, and a round without settings needs no end.
        if self.racing() == 0 {
            self.ended = true;
        } else if self.plan.is_empty() {
            self.close_round();
        }
    }

    /// Takes a setting out for a reason that costs do not show.
    pub fn leave(&mut self, turn: Turn, why: Elimination) {
        let round = self.round();
        if let Turn::Candidate(index) = turn
            && let Some(racer) = self.racers.get_mut(index)
            && racer.left.is_none()
        {
            racer.left = Some((round, why));
        }
        self.plan.retain(|planned| *planned != turn || turn == Turn::Present);
        if self.racing() == 0 {
            self.ended = true;
        }
    }

    /// Ends the race: time is up.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Settings that are left.
    pub fn racing(&self) -> usize {
        self.racers.iter().filter(|racer| racer.left.is_none()).count()
    }

    /// Settings that have not left and were measured, the cheapest first.
    pub fn finalists(&self) -> Vec<usize> {
        let mut racing: Vec<(f64, usize)> = Vec::new();
        for (index, racer) in self.racers.iter().enumerate() {
            if racer.left.is_none() && !racer.values.is_empty() {
                racing.push((mean(&racer.values), index));
            }
        }

        racing.sort_by(|one, other| one.0.total_cmp(&other.0));
        racing.into_iter().map(|(_, index)| index).collect()
    }

    /// Where a setting stands.
    pub fn standing(&self, candidate: usize) -> Option<Standing> {
        let racer = self.racers.get(candidate)?;
        let spread = self.spread(&self.all_values());
        let saving = (racer.values.len() > 1).then(|| {
            let (deviation, degrees) = spread.of(&racer.values);
            saving(&racer.values, deviation, student_quantile(0.975, degrees), 0.95)
        });
        let rounds = u32::try_from(racer.values.len()).unwrap_or(u32::MAX);
        Some(Standing { saving, rounds, left: racer.left.clone() })
    }

    /// A fresh order: the present setting at both ends and between groups.
    fn plan_round(&mut self) {
        let mut order = Vec::new();
        for (index, racer) in self.racers.iter().enumerate() {
            if racer.left.is_none() {
                order.push(Turn::Candidate(index));
            }
        }
        let mut chance = ChaCha8Rng::seed_from_u64(self.rules.seed ^ u64::from(self.rounds).rotate_left(32));
        order.shuffle(&mut chance);

        self.plan = vec![Turn::Present];
        for group in order.chunks(self.rules.group.max(1)) {
            self.plan.extend_from_slice(group);
            self.plan.push(Turn::Present);
        }
        self.shown.clear();
    }

    fn close_round(&mut self) {
        let shown = std::mem::take(&mut self.shown);
        for (place, (turn, value)) in shown.iter().enumerate() {
            let (Turn::Candidate(index), Some(value)) = (turn, value) else { continue };
            let (Some(present), Some(racer)) = (present_at(&shown, place), self.racers.get_mut(*index))
            else {
                continue;
            };
            racer.values.push(value - present);
        }
        self.rounds += 1;

        if !self.rules.exhaustive {
            self.look();
        }
        let is_settled = self.racing() < 2 && self.rounds > 1 && !self.rules.exhaustive;
        if self.racing() == 0 || is_settled || self.rounds >= self.rules.rounds {
            self.ended = true;
        } else {
            self.plan_round();
        }
    }

    /// Takes out what is surely no answer.
    fn look(&mut self) {
        if self.rounds < 2 || self.racing() == 0 {
            return;
        }
        let (level, among) = (self.level(1), self.level(self.racers.len()));
        let wanted = (1.0 - self.rules.wanted).ln();
        let indifference = (1.0 - self.rules.indifference).ln();
        let round = self.rounds;

        let spread = self.spread(&self.all_values());
        let Some(leader) = self.finalists().first().copied() else { return };
        let leading = self.values(leader).to_vec();
        let against_leader: Vec<Vec<f64>> =
            self.all_values().iter().map(|values| differences(values, &leading)).collect();
        let spread_against = self.spread(&against_leader);

        let mut leaving = Vec::new();
        for (index, racer) in self.racers.iter().enumerate().filter(|(_, racer)| racer.left.is_none()) {
            let least = lower_bound(&racer.values, &spread, level);
            if least > wanted {
                leaving.push((index, Elimination::SavesTooLittle { at_most: 1.0 - least.exp() }));
                continue;
            }

            let apart = differences(&racer.values, &leading);
            if index != leader && lower_bound(&apart, &spread_against, among) > indifference {
                leaving.push((index, Elimination::NoBetter { than: leader }));
            }
        }

        for (index, why) in leaving {
            if let Some(racer) = self.racers.get_mut(index) {
                racer.left = Some((round, why));
            }
        }
    }

    /// The one-sided level of a test of this look, where the best setting may be lost to any of so many.
    fn level(&self, among: usize) -> f64 {
        let planned = f64::from(self.rules.rounds.max(2));
        let shares: Vec<f64> = (2..=self.rounds).map(|round| f64::from(round) / planned).collect();
        spending::tail(&shares, self.rules.alpha / 2.0 / among.max(1) as f64, 1.0)
    }

    fn values(&self, index: usize) -> &[f64] {
        self.racers.get(index).map_or(&[], |racer| racer.values.as_slice())
    }

    /// The values of all that race.
    fn all_values(&self) -> Vec<Vec<f64>> {
        let racing = self.racers.iter().filter(|racer| racer.left.is_none());
        racing.map(|racer| racer.values.clone()).collect()
    }

    /// The variance within settings, pooled. Settings of one round share the present setting's noise, so that their
    /// degrees of freedom do not all count: half of them do.
    fn spread(&self, all: &[Vec<f64>]) -> Spread {
        let (mut squares, mut degrees) = (0.0, 0.0);
        for values in all.iter().filter(|values| values.len() > 1 && values.iter().any(|value| *value != 0.0))
        {
            squares += squares_of(values);
            degrees += (values.len() - 1) as f64;
        }
        if degrees > 0.0 {
            Spread { variance: squares / degrees, degrees }
        } else {
            Spread { variance: f64::INFINITY, degrees: 1.0 }
        }
    }
}

/// How values of one setting differ from round to round.
struct Spread {
    variance: f64,
    degrees: f64,
}

impl Spread {
    /// The standard error of the mean of these values, and its degrees of freedom.
    fn of(&self, values: &[f64]) -> (f64, f64) {
        let n = values.len() as f64;
        let own_degrees = (n - 1.0).max(1.0);
        let own = squares_of(values) / own_degrees;
        let degrees = (self.degrees / 2.0).max(own_degrees);
        ((self.variance.max(own) / n).sqrt(), degrees)
    }
}

fn lower_bound(values: &[f64], spread: &Spread, level: f64) -> f64 {
    if values.len() < 2 {
        return f64::NEG_INFINITY;
    }
    let (error, degrees) = spread.of(values);
    mean(values) - student_quantile(1.0 - level, degrees) * error
}

/// The saving behind logarithms of cost ratios, with its interval.
pub(crate) fn saving(values: &[f64], error: f64, quantile: f64, confidence: f64) -> Estimate {
    let middle = mean(values);
    Estimate {
        point: 1.0 - middle.exp(),
        lower: 1.0 - (middle + quantile * error).exp(),
        upper: 1.0 - (middle - quantile * error).exp(),
        confidence,
        n: values.len(),
    }
}

fn differences(values: &[f64], others: &[f64]) -> Vec<f64> {
    values.iter().zip(others).map(|(value, other)| value - other).collect()
}

pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

pub(crate) fn squares_of(values: &[f64]) -> f64 {
    let middle = mean(values);
    values.iter().map(|value| (value - middle).powi(2)).sum()
}

/// The present setting's value at a place, on the line between its measurements before and behind it.
fn present_at(shown: &[(Turn, Option<f64>)], place: usize) -> Option<f64> {
    let before = (0..place).rev().find_map(|at| Some((at, present_value(shown, at)?)));
    let behind = (place + 1..shown.len()).find_map(|at| Some((at, present_value(shown, at)?)));

    match (before, behind) {
        (Some((before, first)), Some((behind, last))) => {
            let share = (place - before) as f64 / (behind - before) as f64;
            Some(first * (1.0 - share) + last * share)
        }
        (Some((_, only)), None) | (None, Some((_, only))) => Some(only),
        (None, None) => None,
    }
}

/// What the present setting showed at a place; `None` where another was measured there.
fn present_value(shown: &[(Turn, Option<f64>)], at: usize) -> Option<f64> {
    match shown.get(at) {
        Some((Turn::Present, value)) => *value,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a race over these true costs without noise, and gives the race and how many turns it took.
    fn race(costs: &[f64], drift: f64) -> (Race, u32) {
        race_by(RaceRules::default(), costs, drift)
    }

    fn race_by(rules: RaceRules, costs: &[f64], drift: f64) -> (Race, u32) {
        let mut race = Race::new(costs.len(), rules);
        let mut turns = 0_u32;
        while let Some(turn) = race.next() {
            let truth = match turn {
                Turn::Present => 0.0,
                Turn::Candidate(index) => costs.get(index).copied().unwrap_or(f64::NAN).ln(),
            };
            turns += 1;
            // a little that changes from turn to turn, so that there is a variance
            let jitter = 1e-3 * f64::from(turns % 7);
            race.observe(Ok(truth + drift * f64::from(turns) + jitter));
        }
        (race, turns)
    }

    #[test]
    fn the_present_setting_stands_at_both_ends_and_between_groups() {
        let race = Race::new(8, RaceRules::default());
        let presents: Vec<usize> =
            (0..race.plan.len()).filter(|at| race.plan.get(*at) == Some(&Turn::Present)).collect();
        assert_eq!(presents, [0, 7, 10]);
    }

    #[test]
    fn what_is_surely_no_answer_leaves_early_and_a_drift_cancels() {
        for drift in [0.0, 0.02] {
            let (race, turns) = race(&[0.7, 1.2, 1.0, 0.95, 1.5], drift);
            assert_eq!(race.finalists(), [0], "{race:#?}");
            assert!(turns < 25, "{turns}");
            let saving =
                race.standing(0).and_then(|standing| standing.saving).map_or(0.0, |saving| saving.point);
            assert!((saving - 0.3).abs() < 0.01, "{saving}");
            let left = race.standing(1).and_then(|standing| standing.left);
            assert!(
                matches!(left, Some((_, Elimination::SavesTooLittle { at_most })) if at_most < 0.0),
                "{left:?}"
            );
        }
    }

    #[test]
    fn the_whole_grid_is_measured_where_it_is_wanted() {
        let costs = [0.7, 1.2, 1.0, 0.95, 1.5];
        let rules = RaceRules { exhaustive: true, ..RaceRules::default() };
        let (grid, turns) = race_by(rules, &costs, 0.0);
        assert_eq!(turns, 8 * (5 + 2), "eight rounds, the present setting at both ends");
        assert_eq!((grid.racing(), grid.finalists().first()), (5, Some(&0)));
        let (race, fewer) = race(&costs, 0.0);
        assert!(fewer * 2 < turns && race.finalists().first() == Some(&0), "{fewer} of {turns}");
    }

    #[test]
    fn ties_end_with_one_of_them() {
        let (race, _) = race(&[0.70, 0.701, 0.702], 0.0);
        assert_eq!(race.racing(), 1, "{race:#?}");
    }

    #[test]
    fn failures_leave_and_a_race_without_settings_is_over() {
        let mut race = Race::new(2, RaceRules::default());
        while race.next().is_some() {
            match race.next() {
                Some(Turn::Present) => race.observe(Ok(0.0)),
                _ => race.observe(Err(Elimination::Failed { failure: Failure::of_start("out of memory") })),
            }
        }
        assert_eq!((race.racing(), race.finalists()), (0, Vec::new()));
        assert_eq!(Race::new(0, RaceRules::default()).racing(), 0);
    }
}
