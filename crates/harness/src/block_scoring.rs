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
        let done = &self.plan.completed.scorings;
        for prompt in block {
            let missing = |index: usize, variant: &VariantId| {
                active[index] && !done.contains(&(variant.clone(), prompt.id.clone()))
            };
            if !engines.iter().enumerate().any(|(index, (variant, _))| missing(index, variant)) {
                continue;
            }
            let reference = self.reference(engines, prompt, answers);
            let baseline = engines.first_mut().map(|(_, engine)| Tokens::of(engine.as_mut(), prompt));
            for index in 0..engines.len() {
                let Some((variant, engine)) = engines.get_mut(index) else { continue };
                // The baseline is scored again even where that is done: the others need its distribution.
                if index > 0 && !missing(index, variant) {
                    continue;
                }
                HarnessError::check(self.stop)?;
                let started_at = SystemTime::now();
                let clock = Instant::now();
                let own = Tokens::of(engine.as_mut(), prompt);
                // a server does not show its vocabulary; what it calls the tokens tells whether it is the same
                let is_shown = own.tokenizer.is_some() || index == 0;
                let continuation = match &reference {
                    Err(reason) => Err(reason.clone()),
                    Ok(_) if !is_shown => Err("it gives no whole distributions".into()),
                    Ok(answer) => match baseline.as_ref().and_then(|baseline| own.refusal(baseline)) {
                        Some(reason) => Err(reason.into()),
                        None => {
                            let tokens = Continuation::Tokens(&answer.token_ids);
                            score(engine.as_mut(), prompt, tokens, true)
                        }
                    },
                };
                let likeliest = match &reference {
                    Ok(answer) if !is_shown => {
                        Some(likeliest(engine.as_mut(), prompt, &answer.text, &self.plan.sampling))
                    }
                    _ => None,
                };
                let choices = choices(engine.as_mut(), prompt);
                let duration = clock.elapsed();
                let is_baseline = index == 0;
                let likeliest = likeliest.map(|found| Ok(numbered(found?, engines.first())));
                let Some((variant, _)) = engines.get(index) else { continue };
                let scored = Scored {
                    variant,
                    is_baseline,
                    prompt,
                    started_at,
                    duration,
                    continuation,
                    likeliest,
                    choices,
                };
                self.sink.scored(scored)?;
            }
        }
        Ok(())
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
