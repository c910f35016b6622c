//! What both APIs wrap log-probabilities in: the first of a reply's choices.

use infercost_core::EngineError;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Scorer, error};

/// Statuses by which servers refuse what they do not offer.
const REFUSALS: [u16; 4] = [400, 404, 422, 501];

#[derive(Deserialize)]
#[serde(bound = "L: DeserializeOwned")]
struct Told<L> {
    #[serde(default)]
    choices: Vec<Choice<L>>,
}

#[derive(Deserialize)]
#[serde(bound = "L: DeserializeOwned")]
struct Choice<L> {
    #[serde(default)]
    logprobs: Option<L>,
}

impl Scorer {
    /// Asks `path` below the address, and gives the log-probabilities of the first choice; `None` where it has none.
    /// `refused` says what it means that a server does not take the question.
    pub(super) async fn first_choice<L: DeserializeOwned>(
        &self,
        path: &str,
        ask: &impl Serialize,
        refused: &str,
    ) -> Result<Option<L>, EngineError> {
        let url = self.address.below(path);
        let told: Told<L> = match self.asker.post(url, ask, self.secret()).await {
            Ok(told) => told,
            Err(failure) if failure.status.is_some_and(|status| REFUSALS.contains(&status)) => {
                let reason = refused.to_owned();
                return Err(EngineError::ScoringRefused { reason, said: failure.message });
            }
            Err(failure) => return Err(error(failure)),
        };
        Ok(told.choices.into_iter().next().and_then(|choice| choice.logprobs))
    }
}
