//! The scores of a block: every variant on the baseline's answers, one prompt at a time.

use std::collections::HashMap;
use std::time::{Instant, SystemTime};

use infercost_core::{Continuation, Engine, Generation, Prompt, PromptId, Scored, Unscored, VariantId};

use crate::error::HarnessError;
use crate::scoring::{Tokens, choices, likeliest, numbered, score};
use crate::session::Session;
use crate::timed::infer;

impl Session<'_> {
    /// Scores each prompt of a block with every variant, baseline first, so that one baseline distribution is in
    /// memory at a time.
    pub(crate) fn score_block(
        &mut self,
        engines: &mut [(VariantId, Box<dyn Engine>)],
        active: &[bool],
        block: &[Prompt],
        answers: &mut HashMap<PromptId, Generation>,
    ) -> Result<(), HarnessError> {
        for prompt in block {
            let missing = self.unscored(engines, active, prompt);
            if missing.is_empty() {
                continue;
            }

            let reference = self.reference(engines, prompt, answers);
            let baseline = engines.first_mut().map(|(_, engine)| Tokens::of(engine.as_mut(), prompt));

            for index in 0..engines.len() {
                // The baseline is scored again even where that is done: the others need its distribution.
                if index == 0 || missing.contains(&index) {
                    self.score_prompt(engines, index, prompt, &reference, baseline.as_ref())?;
                }
            }
        }
        Ok(())
    }

    /// The variants that go on and were not scored on a prompt yet.
    fn unscored(
        &self,
        engines: &[(VariantId, Box<dyn Engine>)],
        active: &[bool],
        prompt: &Prompt,
    ) -> Vec<usize> {
        let done = &self.plan.completed.scorings;
        let mut missing = Vec::new();
        for (index, ((variant, _), active)) in engines.iter().zip(active).enumerate() {
            if *active && !done.contains(&(variant.clone(), prompt.id.clone())) {
                missing.push(index);
            }
        }
        missing
    }

    /// Scores a variant on a prompt and its choices; `reference` is the baseline's answer, `baseline` how it sees the
    /// prompt.
    fn score_prompt(
        &mut self,
        engines: &mut [(VariantId, Box<dyn Engine>)],
        index: usize,
        prompt: &Prompt,
        reference: &Result<Generation, Unscored>,
        baseline: Option<&Tokens>,
    ) -> Result<(), HarnessError> {
        HarnessError::check(self.stop)?;
        let Some((_, engine)) = engines.get_mut(index) else { return Ok(()) };
        let started_at = SystemTime::now();
        let clock = Instant::now();

        // A server does not show its vocabulary; what it calls the tokens tells whether it is the same.
        let own = Tokens::of(engine.as_mut(), prompt);
        let is_baseline = index == 0;
        let is_shown = own.tokenizer.is_some() || is_baseline;

        let continuation = match reference {
            Err(reason) => Err(reason.clone()),
            Ok(_) if !is_shown => Err("it gives no whole distributions".into()),
            Ok(answer) => match baseline.and_then(|baseline| own.refusal(baseline)) {
                Some(reason) => Err(reason.into()),
                None => {
                    let tokens = Continuation::Tokens(&answer.token_ids);
                    score(engine.as_mut(), prompt, tokens, true)
                }
            },
        };
        let likeliest = match reference {
            Ok(answer) if !is_shown => {
                Some(likeliest(engine.as_mut(), prompt, &answer.text, &self.plan.sampling))
            }
            _ => None,
        };
        let choices = choices(engine.as_mut(), prompt);
        let duration = clock.elapsed();

        let likeliest = likeliest.map(|found| Ok(numbered(found?, engines.first())));
        let Some((variant, _)) = engines.get(index) else { return Ok(()) };
        let scored =
            Scored { variant, is_baseline, prompt, started_at, duration, continuation, likeliest, choices };
        Ok(self.sink.scored(scored)?)
    }

    /// The baseline's answer to a prompt; generated once more where it stems from an earlier run.
    fn reference(
        &self,
        engines: &mut [(VariantId, Box<dyn Engine>)],
        prompt: &Prompt,
        answers: &mut HashMap<PromptId, Generation>,
    ) -> Result<Generation, Unscored> {
        let generation = match answers.remove(&prompt.id) {
            Some(generation) => generation,
            None => {
                let (_, engine) = engines.first_mut().ok_or("there is no baseline")?;
                let (_, generation) = infer(engine.as_mut(), prompt, 0, &self.plan.sampling);
                generation.ok_or("the baseline gave no answer to compare with")?
            }
        };
        if generation.token_ids.is_empty() {
            return Err("the baseline's answer holds no tokens to compare".into());
        }
        Ok(generation)
    }
}
