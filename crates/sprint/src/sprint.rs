//! A whole sprint: a race, perhaps a second one over combinations, then winners that are confirmed and judged.

use crate::confirmation::{Confirmation, ConfirmationRules, Confirmed};
use crate::race::{Elimination, Race, RaceRules, Standing, Turn};
use crate::setting::Setting;
use crate::space::{Candidates, Space};
use crate::step::{Answer, Attempt, Phase, Quality, Rules, Step, Visit};

/// Winners that are tried at most, the cheapest first.
const ATTEMPTS: usize = 3;
/// Shares of the budget behind which no first race, and no race, goes on.
const FIRST_RACE: f64 = 0.45;
const LAST_RACE: f64 = 0.65;
/// Single changes that are combined at most.
const COMBINED: usize = 3;

/// A sprint under way.
#[derive(Debug, Clone)]
pub struct Sprint {
    rules: Rules,
    space: Space,
    /// All settings so far; combinations come behind the first ones.
    settings: Vec<Setting>,
    /// Each with the settings that race in it.
    races: Vec<(Race, Vec<usize>)>,
    combines: bool,
    attempts: Vec<Attempt>,
    stage: Stage,
}

#[derive(Debug, Clone)]
enum Stage {
    Racing,
    Confirming { candidate: usize, confirmation: Confirmation },
    Judging { candidate: usize, confirmation: Confirmation },
    Done,
}

impl Sprint {
    /// A sprint over these settings of a space.
    pub fn new(space: Space, candidates: Candidates, rules: Rules) -> Self {
        let Candidates { settings, are_single, .. } = candidates;
        let race = Race::new(settings.len(), rules.race);
        let all = (0..settings.len()).collect();
        Self {
            rules,
            space,
            settings,
            races: vec![(race, all)],
            combines: are_single,
            attempts: Vec::new(),
            stage: Stage::Racing,
        }
    }

    /// The settings that turns and answers count over.
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }

    /// The space that they are from.
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// The rules.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Gives the sprint so many seconds in all; less than before changes nothing.
    pub fn extend_budget(&mut self, budget_s: f64) {
        self.rules.budget_s = self.rules.budget_s.max(budget_s);
    }

    /// Winners that were tried so far.
    pub fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    /// The one-sided level at which a setting's answers are surely worse: shared among the settings, and among the looks
    /// after each of their measurements.
    pub fn answer_level(&self) -> f64 {
        let looks = f64::from(self.rules.race.rounds.saturating_add(self.rules.pairs)).max(1.0);
        self.rules.alpha / self.settings.len().max(1) as f64 / looks
    }

    /// What is wanted next, `elapsed_s` seconds into the sprint.
    pub fn next(&mut self, elapsed_s: f64) -> Step {
        loop {
            match &mut self.stage {
                Stage::Racing => match self.race_turn(elapsed_s) {
                    Some(visit) => return Step::Visit(visit),
                    None => self.after_race(),
                },
                Stage::Confirming { candidate, confirmation } => {
                    if elapsed_s >= self.rules.budget_s {
                        confirmation.end();
                    }

                    let candidate = *candidate;
                    if let Some(is_present) = confirmation.next_is_present() {
                        let turn = if is_present { Turn::Present } else { Turn::Candidate(candidate) };
                        let round = confirmation.pairs() + 1;
                        return Step::Visit(Visit { phase: Phase::Confirmation, round, turn });
                    }

                    self.after_confirmation();
                }
                Stage::Judging { candidate, .. } => return Step::Judge(*candidate),
                Stage::Done => return Step::Done,
            }
        }
    }

    /// What the measurement that [`Self::next`] wanted has shown: the logarithm of the cost, or why the setting leaves.
    pub fn observe(&mut self, shown: Result<f64, Elimination>) {
        match (&mut self.stage, shown) {
            (Stage::Racing, shown) => {
                if let Some((race, _)) = self.races.last_mut() {
                    race.observe(shown);
                }
            }
            (Stage::Confirming { confirmation, .. }, Ok(cost)) => confirmation.observe(cost),
            (Stage::Confirming { candidate, confirmation }, Err(why)) => {
                let (candidate, pairs) = (*candidate, confirmation.pairs());
                let confirmed = confirmation.result();
                let quality = match &why {
                    Elimination::WrongAnswers { reason } => Some(Quality::Lost { reason: reason.clone() }),
                    _ => None,
                };
                self.attempts.push(Attempt { candidate, confirmed, pairs, quality });
                self.take_out(candidate, why);
                self.next_attempt();
            }
            (Stage::Judging { .. } | Stage::Done, _) => {}
        }
    }

    /// The quality of the setting that [`Self::next`] wanted judged.
    pub fn judge(&mut self, quality: Quality) {
        let Stage::Judging { candidate, confirmation } = &self.stage else { return };
        let (candidate, confirmed, pairs) = (*candidate, confirmation.result(), confirmation.pairs());
        let is_kept = quality.is_kept();
        self.attempts.push(Attempt { candidate, confirmed, pairs, quality: Some(quality) });
        if is_kept {
            self.stage = Stage::Done;
        } else {
            self.next_attempt();
        }
    }

    /// Where a setting stands in the last race that it was in.
    pub fn standing(&self, candidate: usize) -> Option<Standing> {
        for (race, members) in self.races.iter().rev() {
            if let Some(place) = members.iter().position(|member| *member == candidate) {
                let mut standing = race.standing(place)?;
                // the race counts its own members
                if let Some((_, Elimination::NoBetter { than })) = &mut standing.left {
                    *than = members.get(*than).copied().unwrap_or(*than);
                }
                return Some(standing);
            }
        }
        None
    }

    /// What the sprint came to; the best so far where it is not over.
    pub fn answer(&self) -> Answer {
        for attempt in &self.attempts {
            if let (Confirmed::Yes { saving }, Some(quality)) = (&attempt.confirmed, &attempt.quality)
                && quality.is_kept()
            {
                return Answer::Found {
                    candidate: attempt.candidate,
                    saving: *saving,
                    quality: quality.clone(),
                };
            }
        }

        let doubtful = self.attempts.iter().find(|attempt| {
            matches!(attempt.confirmed, Confirmed::Unsettled { .. })
                && !matches!(attempt.quality, Some(Quality::Lost { .. }))
                && self.standing(attempt.candidate).is_none_or(|standing| standing.left.is_none())
                || matches!(attempt.quality, Some(Quality::Unsettled { .. }))
        });
        if let Some(attempt) = doubtful {
            let (saving, reason) = match (&attempt.confirmed, &attempt.quality) {
                (Confirmed::Yes { saving }, Some(Quality::Unsettled { reason })) => {
                    (Some(*saving), format!("its quality is not settled: {reason}"))
                }
                (Confirmed::Unsettled { saving }, _) => {
                    (*saving, format!("{} fresh pairs do not settle its saving", attempt.pairs))
                }
                _ => (None, String::new()),
            };
            return Answer::Unsettled { best: Some(attempt.candidate), saving, reason };
        }

        let first_round = self.races.first().is_some_and(|(race, _)| race.round() > 1 || race.racing() == 0);
        if !first_round {
            let reason = "the budget ended before every setting was measured once".to_owned();
            return Answer::Unsettled { best: None, saving: None, reason };
        }
        match self.best_racing() {
            Some(best) if !self.attempts.iter().any(|attempt| attempt.candidate == best) => {
                let saving = self.standing(best).and_then(|standing| standing.saving);
                let reason = "the budget ended before it was confirmed".to_owned();
                Answer::Unsettled { best: Some(best), saving, reason }
            }
            _ => Answer::Nothing,
        }
    }

    fn best_racing(&self) -> Option<usize> {
        let (race, members) = self.races.last()?;
        let best = *race.finalists().first()?;
        members.get(best).copied()
    }

    fn race_turn(&mut self, elapsed_s: f64) -> Option<Visit> {
        let share = if self.combines { FIRST_RACE } else { LAST_RACE };
        let (race, members) = self.races.last_mut()?;
        if elapsed_s >= self.rules.budget_s * share {
            race.end();
        }
        let turn = match race.next()? {
            Turn::Present => Turn::Present,
            Turn::Candidate(place) => Turn::Candidate(members.get(place).copied()?),
        };
        Some(Visit { phase: Phase::Race, round: race.round(), turn })
    }

    /// A second race over combinations, where single changes were raced; else the first winner.
    fn after_race(&mut self) {
        let joined = if self.combines { self.combinations() } else { Vec::new() };
        self.combines = false;
        if joined.is_empty() {
            self.next_attempt();
            return;
        }

        // the best single change goes on beside the combinations
        let mut members: Vec<usize> = self.best_racing().into_iter().collect();
        for setting in joined {
            members.push(self.settings.len());
            self.settings.push(setting);
        }
        let rules = RaceRules { seed: self.rules.race.seed.wrapping_add(1), ..self.rules.race };
        self.races.push((Race::new(members.len(), rules), members));
    }

    /// Combinations of single changes that seem to save something. One that left because it saves too little alone, but
    /// something, may still pay beside others.
    fn combinations(&self) -> Vec<Setting> {
        let mut good: Vec<(f64, Setting)> = Vec::new();
        for (candidate, setting) in self.settings.iter().enumerate() {
            let Some(standing) = self.standing(candidate) else { continue };
            let may_pay = match &standing.left {
                None => true,
                Some((_, Elimination::SavesTooLittle { at_most })) => *at_most > 0.0,
                Some((_, Elimination::NoBetter { .. })) => true,
                Some(_) => false,
            };
            let least = self.rules.race.indifference;
            let saves = standing.saving.map(|saving| saving.point).filter(|saving| *saving > least);
            if let (true, Some(saving)) = (may_pay, saves) {
                good.push((saving, setting.clone()));
            }
        }

        good.sort_by(|one, other| other.0.total_cmp(&one.0));
        let good: Vec<Setting> = good.into_iter().map(|(_, setting)| setting).collect();
        let mut joined = self.space.combinations(&good, COMBINED);
        joined.retain(|setting| !self.settings.contains(setting));
        joined
    }

    fn after_confirmation(&mut self) {
        let Stage::Confirming { candidate, confirmation } = &self.stage else { return };
        let (candidate, confirmation) = (*candidate, confirmation.clone());
        if matches!(confirmation.result(), Confirmed::Yes { .. }) {
            self.stage = Stage::Judging { candidate, confirmation };
            return;
        }
        let attempt = Attempt {
            candidate,
            confirmed: confirmation.result(),
            pairs: confirmation.pairs(),
            quality: None,
        };
        self.attempts.push(attempt);
        self.next_attempt();
    }

    /// The next winner to try, at half of α, then a quarter each.
    fn next_attempt(&mut self) {
        let tried = self.attempts.len();
        self.stage = match self.next_winner().filter(|_| tried < ATTEMPTS) {
            None => Stage::Done,
            Some(candidate) => {
                let share = if tried == 0 { 0.5 } else { 0.25 };
                let rules = ConfirmationRules {
                    pairs: self.rules.pairs,
                    alpha: self.rules.alpha * share,
                    wanted: self.rules.race.wanted,
                };
                Stage::Confirming { candidate, confirmation: Confirmation::new(rules) }
            }
        };
    }

    /// The cheapest setting that is left and was not tried. Where a winner was not good enough, those that left because
    /// they were no better than it count again, and none that holds all its changes.
    fn next_winner(&self) -> Option<usize> {
        let (race, members) = self.races.last()?;
        for place in race.finalists() {
            let candidate = members.get(place).copied()?;
            if self.is_open(candidate) {
                return Some(candidate);
            }
        }
        if !self.attempts.iter().any(|attempt| self.was_bad(attempt)) {
            return None;
        }

        let mut best: Option<(f64, usize)> = None;
        for candidate in 0..self.settings.len() {
            let Some(Standing { saving: Some(saving), left: Some((_, why)), .. }) = self.standing(candidate)
            else {
                continue;
            };
            let was_only_second = matches!(why, Elimination::NoBetter { .. }) && self.is_open(candidate);
            if !was_only_second || saving.point < self.rules.race.wanted {
                continue;
            }

            // of ties the one with fewer changes, which tells more about what is wrong
            let is_better = best.is_none_or(|(most, known)| {
                let apart = saving.point - most;
                let is_tie = apart.abs() < self.rules.race.indifference;
                if is_tie { self.changes(candidate) < self.changes(known) } else { apart > 0.0 }
            });
            if is_better {
                best = Some((saving.point, candidate));
            }
        }
        best.map(|(_, candidate)| candidate)
    }

    /// True for a setting that was not tried, and that does not hold all that a bad one changed.
    fn is_open(&self, candidate: usize) -> bool {
        let present = self.space.present();
        let Some(setting) = self.settings.get(candidate) else { return false };
        let holds_bad = self.attempts.iter().filter(|attempt| self.was_bad(attempt)).any(|attempt| {
            let bad =
                self.settings.get(attempt.candidate).map(|bad| bad.against(&present)).unwrap_or_default();
            !bad.0.is_empty() && bad.0.iter().all(|(name, value)| setting.get(name) == Some(value))
        });
        !self.is_tried(candidate) && !holds_bad
    }

    /// How many values a setting changes.
    fn changes(&self, candidate: usize) -> usize {
        let setting = self.settings.get(candidate);
        setting.map_or(0, |setting| setting.against(&self.space.present()).0.len())
    }

    fn is_tried(&self, candidate: usize) -> bool {
        self.attempts.iter().any(|attempt| attempt.candidate == candidate)
    }

    /// True where a winner fell for something else than its cost.
    fn was_bad(&self, attempt: &Attempt) -> bool {
        let failed = self.standing(attempt.candidate).and_then(|standing| standing.left);
        attempt.quality.as_ref().is_some_and(|quality| !quality.is_kept()) || failed.is_some()
    }

    fn take_out(&mut self, candidate: usize, why: Elimination) {
        if let Some((race, members)) = self.races.last_mut()
            && let Some(place) = members.iter().position(|member| *member == candidate)
        {
            race.leave(Turn::Candidate(place), why);
        }
    }
}

#[cfg(test)]
mod tests;
