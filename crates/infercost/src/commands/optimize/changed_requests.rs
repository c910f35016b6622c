//! The same model, asked otherwise: what can be computed from the run itself.

use infercost_analyzer::levers;
use infercost_core::text::percent;
use infercost_economics::optimization::{Basis, Change, Effect, Kind};

use super::{CONFIDENCE, Present, unknown};

/// The cache of what prompts begin with.
pub(super) fn shared_prefix(present: &Present<'_>) -> Change {
    let change = unknown(
        Kind::SharedPrefix,
        "keep the cache of what prompts begin with",
        "none: the same tokens are computed once",
        "keep the server's prefix cache on: `cache_prompt` of llama-server and prefix caching of vLLM are on by default; then compare with --prompt-cache",
    );

    match levers::shared_prefix(present.run, &present.workload.variant, CONFIDENCE) {
        Ok(found) => Change {
            basis: Basis::Computed,
            saving: Some(found.time_saved),
            why: format!(
                "{} of the prompts' text repeats the beginning of an earlier one; prefill is assumed to fall with it, and the cost with time",
                percent(found.text_share)
            ),
            ..change
        },
        Err(why) => Change { why: why.to_string(), ..change },
    }
}

/// A limit on the length of answers.
pub(super) fn output_limit(present: &Present<'_>) -> Change {
    match levers::output_limit(present.run, &present.workload.variant, CONFIDENCE) {
        Ok(found) => {
            let lost = found.right_and_cut.map_or("unknown: nothing was graded".to_owned(), |lost| {
                format!(
                    "cuts {} of the answers; the task score loses at most {}",
                    percent(found.cut),
                    percent(lost)
                )
            });

            let effect = if found.right_and_cut == Some(0.0) { Effect::None } else { Effect::Unknown };
            let to = format!("at most {} tokens", found.limit);
            let command = format!("set \"max_tokens\": {} on the prompts", found.limit);

            Change {
                basis: Basis::Computed,
                saving: Some(found.time_saved),
                effect,
                why: "the time after that token was measured; the cost is assumed to fall with it".to_owned(),
                ..unknown(Kind::OutputLimit, &to, &lost, &command)
            }
        }
        Err(why) => Change {
            why: why.to_string(),
            ..unknown(Kind::OutputLimit, "a shorter limit", "unknown", "set \"max_tokens\" on the prompts")
        },
    }
}
