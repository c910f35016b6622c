//! A sprint under way: what is wanted next is measured, written down and handed on, until there is an answer.

use std::time::Instant;

use anyhow::Context as _;
use infercost_sprint::journal::{BudgetLine, Line, QualityLine, RequestsLine, Shown, VisitLine};
use infercost_sprint::{Elimination, Phase, Quality, Setting, Sprint, Step, Turn, Visit};

use super::SprintRequest;
use super::bench::Bench;
use super::folder::SprintFolder;
use super::judging::judge;
use super::ledger::Ledger;
use super::requests::{FirstMeasurement, Fit, fit};
use super::visit::{Batch, Instruments, visit};
use crate::config::SettingsOverrides;
use crate::console;
use crate::usage::usage;

/// Prompts that quality is judged on at least, however little of the budget is left.
const LEAST_JUDGED: u32 = 40;
/// Answers' worth of time that a prompt takes where quality is judged: two settings answer it, and half of that once more
/// is scoring.
const ANSWERS_A_PROMPT: f64 = 3.0;

/// A sprint under way, with what measures and remembers.
pub(super) struct Course {
    pub(super) sprint: Sprint,
    pub(super) bench: Bench,
    pub(super) ledger: Ledger,
    pub(super) folder: SprintFolder,
    pub(super) elapsed_s: f64,
    pub(super) visits: u64,
    pub(super) confirmation_visits: u64,
    /// Requests of each measurement.
    pub(super) requests: usize,
    pub(super) quality_run: Option<String>,
}

impl Course {
    /// Takes what an earlier part of the sprint has written down.
    pub(super) fn replay(&mut self, lines: &[Line]) -> anyhow::Result<()> {
        for (index, line) in lines.iter().enumerate() {
            if let Line::Budget(line) = line {
                self.sprint.extend_budget(line.budget_s);
                continue;
            }
            if let Line::Requests(line) = line {
                self.requests = line.requests;
                self.elapsed_s = line.at_s + line.took_s;
                continue;
            }

            let follows = match (self.sprint.next(line.began_s()), line) {
                (Step::Visit(visit), Line::Visit(line)) if self.setting(visit.turn) == line.setting => {
                    self.take(visit, &line.shown)?;
                    true
                }
                (Step::Judge(candidate), Line::Quality(line))
                    if self.setting(Turn::Candidate(candidate)).as_ref() == Some(&line.setting) =>
                {
                    self.quality_run.clone_from(&line.run);
                    self.sprint.judge(line.quality.clone());
                    true
                }
                _ => false,
            };

            if !follows {
                return Err(usage(format!(
                    "{}: line {} does not follow from those before it: it was written by another version, or changed; \
                     start a new sprint",
                    self.folder.path.display(),
                    index + 1
                )));
            }

            self.elapsed_s = line.ended_s();
        }
        Ok(())
    }

    /// Gives the sprint more time than it had, and writes that down.
    pub(super) fn extend_budget(&mut self, budget_s: f64) -> anyhow::Result<()> {
        if budget_s <= self.sprint.rules().budget_s {
            return Ok(());
        }
        self.folder.append(&Line::Budget(BudgetLine { at_s: self.elapsed_s, budget_s }))?;
        self.sprint.extend_budget(budget_s);
        Ok(())
    }

    /// Measures until there is an answer.
    pub(super) fn finish(
        &mut self,
        request: &SprintRequest,
        overrides: &SettingsOverrides,
        with: &mut Instruments<'_>,
    ) -> anyhow::Result<()> {
        let before_s = self.elapsed_s;
        let clock = Instant::now();
        let progress = console::activity();
        loop {
            self.elapsed_s = before_s + clock.elapsed().as_secs_f64();
            match self.sprint.next(self.elapsed_s) {
                Step::Done => return Ok(()),
                Step::Visit(wanted) => {
                    progress.show(&self.words(wanted));
                    let line = self.measure(wanted, with).with_context(|| self.cut_off())?;
                    // with fewer requests it is asked for once more
                    if self.visits == 0 && self.takes_fewer(&line, with)? {
                        continue;
                    }
                    self.keep(wanted, line)?;
                }
                Step::Judge(candidate) => {
                    progress.show("judging quality");
                    self.judge(candidate, request, overrides).with_context(|| self.cut_off())?;
                }
            }
        }
    }

    fn cut_off(&self) -> String {
        format!(
            "the sprint was cut off; what was measured is in {}, and the same command with `--resume` goes on",
            self.folder.path.display()
        )
    }

    /// One measurement.
    fn measure(&mut self, wanted: Visit, with: &mut Instruments<'_>) -> anyhow::Result<VisitLine> {
        let setting = self.setting(wanted.turn);
        let whole = self.bench.space.present().over(&setting.clone().unwrap_or_default());
        let number = match wanted.phase {
            Phase::Race => wanted.round - 1,
            // fresh prompts where there are some
            Phase::Confirmation => wanted.round + self.sprint.rules().race.rounds,
        };
        let clock = Instant::now();
        let batch = Batch { number, requests: self.requests };
        let shown = visit(&mut self.bench, &whole, batch, with)?;
        let took_s = clock.elapsed().as_secs_f64();

        Ok(VisitLine {
            phase: wanted.phase,
            round: wanted.round,
            setting,
            at_s: self.elapsed_s,
            took_s,
            shown,
        })
    }

    /// Hands a measurement on, and writes it down.
    fn keep(&mut self, wanted: Visit, line: VisitLine) -> anyhow::Result<()> {
        // a present setting that fails ends the sprint, and is tried again by whoever goes on: it leaves no line
        self.take(wanted, &line.shown)?;
        self.folder.append(&Line::Visit(Box::new(line)))
    }

    /// Hands on what a measurement showed.
    fn take(&mut self, visit: Visit, shown: &Shown) -> anyhow::Result<()> {
        self.visits += 1;
        self.confirmation_visits += u64::from(visit.phase == Phase::Confirmation);
        let setting = self.setting(visit.turn).unwrap_or_default();
        let level = self.sprint.answer_level();
        let taken = self.ledger.take(&setting, shown, level);

        match (visit.turn, &taken) {
            (Turn::Present, Err(why)) => {
                let words = why_words(why);
                anyhow::bail!("the present setting cannot be measured: {words}; mend it first");
            }
            (Turn::Candidate(_), Err(why)) => {
                console::note(&format!("{setting}: {}", why_words(why)));
                self.bench.forget(&self.bench.space.present().over(&setting));
            }
            _ => {}
        }
        self.sprint.observe(taken);
        Ok(())
    }

    /// The quality of a confirmed setting.
    fn judge(
        &mut self,
        candidate: usize,
        request: &SprintRequest,
        overrides: &SettingsOverrides,
    ) -> anyhow::Result<()> {
        let setting = self.setting(Turn::Candidate(candidate)).unwrap_or_default();
        let whole = self.bench.space.present().over(&setting);
        let clock = Instant::now();

        let comparison = self.ledger.comparison(&setting);
        let may_change = self.sprint.space().may_change_answers(&whole);
        let (quality, run) = if let Some(reason) = self.ledger.misses_targets(&setting) {
            (Quality::Lost { reason }, None)
        } else if comparison.is_proven() && !may_change {
            (Quality::Proven { prompts: comparison.prompts }, None)
        } else {
            let most = self.judged_prompts();
            let judged = judge(&mut self.bench, &whole, request, overrides, most)?;
            (judged.quality, judged.run)
        };

        let line = QualityLine {
            setting,
            at_s: self.elapsed_s,
            took_s: clock.elapsed().as_secs_f64(),
            run: run.clone(),
            quality: quality.clone(),
        };
        self.folder.append(&Line::Quality(line))?;
        self.quality_run = run;
        self.sprint.judge(quality);
        Ok(())
    }

    /// How many prompts the rest of the budget judges quality on: both settings answer each, and may score it.
    fn judged_prompts(&self) -> u32 {
        let left_s = self.sprint.rules().budget_s - self.elapsed_s;
        let present = self.ledger.account(&Setting::default()).map(|account| &account.total);
        let each_s =
            present.map_or(0.0, |total| (total.ttft_s + total.decode_s) / total.answers.max(1) as f64);
        let most = left_s / (each_s.max(f64::MIN_POSITIVE) * ANSWERS_A_PROMPT);
        // a part of the set is judged as a part, and fewer prompts than these settle little
        most.clamp(f64::from(LEAST_JUDGED), f64::from(u32::MAX)) as u32
    }

    /// After the first measurement: whether the others have fewer requests, since the budget does not hold two rounds of
    /// such. It then counts no more: all have as many.
    ///
    /// # Errors
    /// A usage error where it does not hold two rounds at all.
    fn takes_fewer(&mut self, line: &VisitLine, with: &Instruments<'_>) -> anyhow::Result<bool> {
        let Shown::Measured(measured) = &line.shown else { return Ok(false) };
        let rules = self.sprint.rules();
        let count = self.sprint.settings().len();
        let round = count + 1 + count.div_ceil(rules.race.group);
        let rounds = if rules.race.exhaustive { rules.race.rounds } else { 2 };
        let measurements = round as f64 * f64::from(rounds);
        let first =
            FirstMeasurement { took_s: line.took_s, wall_s: measured.wall_s, requests: self.requests };

        match fit(first, measurements, rules.budget_s, with.work.requests) {
            Fit::AsTheyAre => Ok(false),
            Fit::Fewer(requests) => {
                let fewer = RequestsLine { at_s: line.at_s, took_s: line.took_s, requests };
                self.folder.append(&Line::Requests(fewer))?;
                self.requests = requests;
                Ok(true)
            }
            Fit::TooMuch { needed_s } => Err(usage(format!(
                "the budget is too small: one measurement takes {:.0} s, and {rounds} rounds over {count} settings need \
                 --budget {:.0}m; vary less, ask less (--requests), or give more time",
                line.took_s,
                (needed_s / 60.0).ceil()
            ))),
        }
    }

    /// The setting of a turn as it differs from the present one; `None` for that one.
    pub(super) fn setting(&self, turn: Turn) -> Option<Setting> {
        match turn {
            Turn::Present => None,
            Turn::Candidate(index) => {
                let present = self.bench.space.present();
                self.sprint.settings().get(index).map(|setting| setting.against(&present))
            }
        }
    }

    fn words(&self, visit: Visit) -> String {
        let setting = self.setting(visit.turn).map_or_else(|| "as it is".to_owned(), |one| one.to_string());
        match visit.phase {
            Phase::Race => format!("round {}: {setting}", visit.round),
            Phase::Confirmation => format!("confirming, pair {}: {setting}", visit.round),
        }
    }
}

/// Why a setting has left, in words.
pub(super) fn why_words(why: &Elimination) -> String {
    use infercost_core::text::percent;
    match why {
        Elimination::SavesTooLittle { at_most } if *at_most <= 0.0 => "costs more".to_owned(),
        Elimination::SavesTooLittle { at_most } => format!("saves at most {}", percent(*at_most)),
        Elimination::NoBetter { .. } => "no better than the leader".to_owned(),
        Elimination::Failed { failure } => failure.to_string(),
        Elimination::WrongAnswers { reason } => format!("worse answers: {reason}"),
        Elimination::MissesTargets { reason } => format!("misses the targets: {reason}"),
    }
}
