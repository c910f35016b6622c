//! Facts on their way to disk: graded, compared with the baseline, stripped of content where wanted, appended.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, SystemTime};

use infercost_core::{
    ChoiceLikelihoods, Evaluation, EvaluationKind, EvaluationRecord, Grader, IdleRecord, InferenceRecord,
    Likeliest, LoadRecord, OperatingPoint, Outcome, Prompt, PromptId, RecordSink, RunRecord, Scored,
    SinkError, TokenScores, Unscored, VariantId, WindowId, WindowRecord,
};
use infercost_trace::RunStore;

use super::completed::EvaluationKey;
use super::content::Content;
use super::progress::RunProgress;
use crate::comparison::{DIVERGENCE, compare, compare_answers, compare_likeliest, impossible};
use crate::early_stop::EarlyStop;
use crate::exporting::metrics::Live;

/// Writes each fact to the run's folder as it is measured.
pub(super) struct Recorder {
    store: RunStore,
    content: Content,
    meters: Live,
    /// The baseline's scores on the prompt that is being scored.
    reference: Option<(PromptId, Result<TokenScores, String>)>,
    /// What servers answered to multiple choices, until they are scored.
    choices_in_words: HashMap<(VariantId, PromptId), String>,
    evaluated: HashSet<EvaluationKey>,
    /// Scorings of an earlier part of the run; the baseline's are made again, and are no progress.
    scored_before: HashSet<(VariantId, PromptId)>,
    early_stop: EarlyStop,
    progress: RunProgress,
}

impl Recorder {
    /// A recorder into `store`; `before` is what an earlier part of the run has left there.
    pub(super) fn new(
        store: RunStore,
        content: Content,
        before: Option<&RunRecord>,
        scored_before: HashSet<(VariantId, PromptId)>,
        early_stop: EarlyStop,
        progress: RunProgress,
        meters: Live,
    ) -> Self {
        let evaluated =
            before.map(|run| run.evaluations.iter().map(EvaluationKey::of).collect()).unwrap_or_default();
        Self {
            store,
            content,
            meters,
            reference: None,
            choices_in_words: HashMap::new(),
            evaluated,
            scored_before,
            early_stop,
            progress,
        }
    }

    /// Closes the run.
    pub(super) fn finish(self) -> Result<(), infercost_trace::StoreError> {
        self.progress.finish();
        self.store.finish(SystemTime::now())
    }

    fn evaluate(
        &mut self,
        variant: &VariantId,
        prompt: &Prompt,
        repetition: u32,
        at: (SystemTime, Duration),
        result: Evaluation,
    ) -> Result<(), SinkError> {
        let (evaluated_at, duration) = at;
        let (variant, prompt) = (variant.clone(), prompt.id.clone());
        let result = self.content.of_evaluation(result);
        let record = EvaluationRecord { variant, prompt, repetition, evaluated_at, duration, result };
        if self.evaluated.insert(EvaluationKey::of(&record)) {
            self.store.evaluation(&record)?;
        }
        Ok(())
    }
}

impl RecordSink for Recorder {
    fn load(&mut self, record: &LoadRecord) -> Result<(), SinkError> {
        Ok(self.store.load(record)?)
    }

    fn idle(&mut self, record: &IdleRecord) -> Result<(), SinkError> {
        self.meters.idle(record);
        Ok(self.store.idle(record)?)
    }

    /// The grade goes first: a run cut off between the two repeats the inference, and the grade is known then.
    fn inference(
        &mut self,
        window: &WindowId,
        prompt: &Prompt,
        record: &InferenceRecord,
    ) -> Result<(), SinkError> {
        let grader = prompt.grader.as_deref();
        let is_choice = grader.is_some_and(|grader| !grader.choices().is_empty());

        // A server without log-probabilities is graded by its words.
        if let (true, Outcome::Completed { text: Some(text), .. }, Some(_), 0) =
            (is_choice, &record.outcome, &record.served, record.repetition)
        {
            self.choices_in_words.insert((window.variant.clone(), prompt.id.clone()), text.clone());
        }

        let score = match (grader.filter(|_| !is_choice), &record.outcome) {
            (None, _) => None,
            (Some(grader), Outcome::Failed { .. } | Outcome::Completed { text: None, .. }) => {
                Some(grader.failed())
            }
            (Some(grader), Outcome::Completed { text: Some(text), .. }) => Some(grader.score(text)),
        };

        if let Some(score) = score {
            let at = (SystemTime::now(), Duration::ZERO);
            self.evaluate(&window.variant, prompt, record.repetition, at, Evaluation::Task(score))?;
        }

        self.store.inference(window, &self.content.of(record))?;
        self.meters.inference(&window.variant, record);
        self.early_stop.count(&window.variant, record);
        self.progress.inference(&window.variant, record.repetition);

        Ok(())
    }

    fn under_load(&mut self, window: &WindowId, records: &[InferenceRecord]) -> Result<(), SinkError> {
        self.store.inferences(window, &self.content.of_all(records))?;
        for record in records {
            self.meters.inference(&window.variant, record);
        }
        Ok(())
    }

    fn load_testing(&mut self, variant: &VariantId, point: OperatingPoint) -> Result<(), SinkError> {
        self.progress.load_testing(variant, point);
        Ok(())
    }

    fn remeasuring(&mut self, variant: &VariantId) -> Result<(), SinkError> {
        self.progress.remeasuring(variant);
        Ok(())
    }

    fn window(&mut self, record: &WindowRecord) -> Result<(), SinkError> {
        self.meters.window(record);
        match self.content.of_all(&record.inferences) {
            Cow::Borrowed(_) => Ok(self.store.window(record)?),
            Cow::Owned(inferences) => {
                Ok(self.store.window(&WindowRecord { inferences, ..record.clone() })?)
            }
        }
    }

    fn scored(&mut self, scored: Scored<'_>) -> Result<(), SinkError> {
        let Scored { variant, is_baseline, prompt, started_at, duration, continuation, likeliest, choices } =
            scored;
        let at = (started_at, duration);
        let continuation = continuation.map_err(|unscored| self.content.reason(unscored));
        let likeliest = likeliest.map(|found| found.map_err(|unscored| self.content.reason(unscored)));
        if let Some(choices) = choices {
            let answer = self.choices_in_words.remove(&(variant.clone(), prompt.id.clone()));
            self.evaluate(
                variant,
                prompt,
                0,
                at,
                task(prompt.grader.as_deref(), choices, answer.as_deref()),
            )?;
        }

        if is_baseline {
            self.reference = Some((prompt.id.clone(), continuation));
        } else {
            let result = match &self.reference {
                Some((id, reference)) if *id == prompt.id => match likeliest {
                    Some(Ok(Likeliest::OfGiven(positions))) => {
                        compare_likeliest(reference.as_ref(), &positions)
                    }
                    Some(Ok(Likeliest::OfOwn(positions))) => compare_answers(reference.as_ref(), &positions),
                    Some(Err(reason)) => impossible(DIVERGENCE, &reason),
                    None => compare(reference.as_ref(), continuation),
                },
                _ => impossible(DIVERGENCE, "the baseline was not scored on this prompt"),
            };
            self.evaluate(variant, prompt, 0, at, result)?;
        }

        if !self.scored_before.contains(&(variant.clone(), prompt.id.clone())) {
            self.progress.scored(variant);
        }

        Ok(())
    }

    fn settled(&mut self) -> Result<Vec<VariantId>, SinkError> {
        let settled = self.early_stop.settled()?;
        self.progress.dropped(&settled);
        Ok(settled)
    }
}

/// A multiple choice, by the likelihoods of the choices, or else by what a server answered.
fn task(
    grader: Option<&dyn Grader>,
    choices: Result<Vec<TokenScores>, Unscored>,
    answer: Option<&str>,
) -> Evaluation {
    let Some(grader) = grader else { return impossible(EvaluationKind::Task, "the prompt has no choices") };
    let Ok(scores) = choices else {
        return Evaluation::Task(answer.map_or_else(|| grader.failed(), |answer| grader.score(answer)));
    };

    let log_likelihood = scores.iter().map(|scores| scores.log_probabilities.iter().sum()).collect();
    let bytes = grader.choices().iter().map(|text| u32::try_from(text.len()).unwrap_or(u32::MAX)).collect();
    Evaluation::Task(grader.score_likelihoods(ChoiceLikelihoods { log_likelihood, bytes }))
}
