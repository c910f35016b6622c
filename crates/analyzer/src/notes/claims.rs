//! What a server claimed that cannot be, and what it refused to be asked.

use infercost_core::run::VariantHeader;
use infercost_core::text::count;
use infercost_core::{InferenceRecord, ParameterChange, UsageFault};

/// Notes on a server's counts.
pub(super) fn counts(name: &str, answers: &[&InferenceRecord]) -> Vec<String> {
    let faults = |inference: &InferenceRecord| -> Vec<UsageFault> {
        inference.served.as_ref().map(|served| served.usage_faults.clone()).unwrap_or_default()
    };
    let all = count(answers.len() as u64, "answer");
    let mut notes = Vec::new();

    let disbelieved: Vec<UsageFault> = answers
        .iter()
        .filter_map(|one| faults(one).into_iter().find(|fault| fault.is_disbelieved()))
        .collect();
    if let Some(first) = disbelieved.first() {
        notes.push(format!(
            "{name} claimed token counts that cannot be in {} of {all}, such as {}: they are not believed. Output tokens \
             are counted from the stream there, and other counts are unknown.",
            disbelieved.len(),
            words(*first)
        ));
    }

    let outside: Vec<u32> =
        answers.iter().filter_map(|one| faults(one).into_iter().find_map(added)).collect();
    if !outside.is_empty() {
        let tokens: u64 = outside.iter().map(|added| u64::from(*added)).sum();
        notes.push(format!(
            "{name} reports thinking beside its completion tokens and not among them in {} of {all}: {} were added to the \
             output.",
            outside.len(),
            count(tokens, "reasoning token")
        ));
    }

    let totals: Vec<i64> =
        answers.iter().filter_map(|one| faults(one).into_iter().find_map(difference)).collect();
    if let Some(first) = totals.first() {
        notes.push(format!(
            "{name}'s total tokens are not the sum of prompt and completion in {} of {all} (by {first:+}, for instance): \
             tokens may be billed that it does not name.",
            totals.len()
        ));
    }
    notes
}

/// A note on the parameters that a server refused.
pub(super) fn parameters(header: &VariantHeader) -> Option<String> {
    let replaced = &header.engine.habits.as_ref()?.replaced;
    let changes: Vec<String> = replaced.iter().map(change).collect();
    let is_drawn = replaced.iter().any(|change| change.refused == "temperature");
    let drawn = if is_drawn {
        " Without `temperature` it draws tokens as it likes, and its answers may differ from time to time."
    } else {
        ""
    };
    (!changes.is_empty()).then(|| {
        format!("{} refuses parameters by name: {}.{drawn}", header.id.variant_name(), changes.join(", "))
    })
}

fn change(change: &ParameterChange) -> String {
    match &change.replacement {
        Some(replacement) => format!("`{}` (`{replacement}` is sent instead)", change.refused),
        None => format!("`{}` (left out)", change.refused),
    }
}

fn words(fault: UsageFault) -> String {
    match fault {
        UsageFault::NotACount => "a negative or fractional number".to_owned(),
        UsageFault::OutputBeyondLimit { claimed } => format!("{claimed} output tokens, beyond max_tokens"),
        UsageFault::OutputBeyondText { claimed } => {
            format!("{claimed} output tokens, more than the text that came can hold")
        }
        UsageFault::PromptBeyondText { claimed } => {
            format!("{claimed} prompt tokens, more than the prompt can hold")
        }
        UsageFault::CachedBeyondPrompt { claimed } => {
            format!("{claimed} cached tokens, more than the prompt has")
        }
        UsageFault::ThinkingBeyondContext { claimed } => {
            format!("{claimed} reasoning tokens, more than any context holds")
        }
        UsageFault::ThinkingOutsideCompletion { added } => {
            format!("{added} reasoning tokens beside the completion")
        }
        UsageFault::TotalDoesNotAddUp { difference } => format!("a total that is off by {difference:+}"),
    }
}

fn added(fault: UsageFault) -> Option<u32> {
    match fault {
        UsageFault::ThinkingOutsideCompletion { added } => Some(added),
        _ => None,
    }
}

fn difference(fault: UsageFault) -> Option<i64> {
    match fault {
        UsageFault::TotalDoesNotAddUp { difference } => Some(difference),
        _ => None,
    }
}
