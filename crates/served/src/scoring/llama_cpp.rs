//! Position by position, through llama.cpp's `/completion`.

use infercost_core::{EngineError, PositionTop, TokenName};
use serde::{Deserialize, Serialize};

use super::{Scorer, cannot, error};

/// Candidates asked for while looking for a target's own probability: few first, then all there are.
const STEPS: [u32; 3] = [16, 2048, 1 << 24];

#[derive(Serialize)]
struct Ask<'a> {
    prompt: &'a [u32],
    n_predict: u32,
    n_probs: u32,
    temperature: f64,
    /// Each position adds one token to what the server has just read. Nothing here is timed.
    cache_prompt: bool,
    /// Probabilities of the model itself, before any sampler.
    post_sampling_probs: bool,
    stream: bool,
}

#[derive(Deserialize)]
struct Told {
    #[serde(default)]
    completion_probabilities: Vec<Position>,
}

#[derive(Deserialize)]
struct Position {
    #[serde(default)]
    top_logprobs: Vec<Candidate>,
}

#[derive(Deserialize)]
pub(super) struct Candidate {
    #[serde(default)]
    pub(super) id: Option<u32>,
    #[serde(default)]
    pub(super) token: String,
    #[serde(default)]
    pub(super) bytes: Option<Vec<u8>>,
    pub(super) logprob: f64,
}

impl Candidate {
    pub(super) fn name(self) -> TokenName {
        TokenName { id: self.id, bytes: self.bytes.unwrap_or_else(|| self.token.into_bytes()) }
    }
}

impl Scorer {
    /// The candidates at each position: `top` of them, or where that is 0 as many as show the target.
    pub(super) async fn by_position(
        &self,
        prompt: &[u32],
        continuation: &[u32],
        top: u32,
    ) -> Result<Vec<PositionTop>, EngineError> {
        let one_step = [top];
        let steps = if top == 0 { &STEPS[..] } else { &one_step[..] };
        let mut forced = prompt.to_vec();
        let mut positions = Vec::with_capacity(continuation.len());

        for target in continuation {
            let mut found = None;
            for step in steps {
                let position = self.candidates(&forced, *target, *step).await?;
                let is_there = position.target_ln_p.is_some();
                found = Some(position);
                if is_there {
                    break;
                }
            }
            positions.extend(found);
            forced.push(*target);
        }
        Ok(positions)
    }

    async fn candidates(&self, forced: &[u32], target: u32, top: u32) -> Result<PositionTop, EngineError> {
        let ask = Ask {
            prompt: forced,
            n_predict: 1,
            n_probs: top,
            temperature: 0.0,
            cache_prompt: true,
            post_sampling_probs: false,
            stream: false,
        };

        let url = self.address.beside("completion");
        let told: Told = self.asker.post(url, &ask, self.secret()).await.map_err(error)?;
        let position = told.completion_probabilities.into_iter().next();
        let candidates = position.map(|position| position.top_logprobs).unwrap_or_default();
        if candidates.is_empty() {
            return Err(cannot("the server's /completion gives no candidates for `n_probs`"));
        }

        let mut name = TokenName { id: Some(target), bytes: Vec::new() };
        let mut target_ln_p = None;
        let mut top = Vec::with_capacity(candidates.len());
        for candidate in candidates {
            let ln_p = candidate.logprob;
            let candidate = candidate.name();
            if candidate.id == Some(target) {
                target_ln_p = Some(ln_p);
                name = candidate.clone();
            }
            top.push((candidate, ln_p));
        }
        Ok(PositionTop { target: name, target_ln_p, top })
    }
}
