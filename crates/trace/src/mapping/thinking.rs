//! What a model thought before it answered, on the inference's span.

use std::time::Duration;

use infercost_core::Thinking;

use crate::attributes::{
    LLM_TOKEN_COUNT_REASONING, THINKING, THINKING_FIRST_ANSWER, THINKING_HIDDEN, THINKING_TEXT,
    THINKING_TOKENS,
};
use crate::error::MappingError;
use crate::read_span::ReadSpan;
use crate::span_draft::SpanDraft;
use crate::texts::Texts;

/// Adds the thinking; its text only where the run keeps content.
pub(crate) fn write(
    draft: &mut SpanDraft,
    thinking: Option<&Thinking>,
    content: bool,
) -> Result<(), MappingError> {
    let Some(thinking) = thinking else { return Ok(()) };
    const LATE: MappingError = MappingError::Time { what: "the first token of an answer" };
    let first = thinking.first_answer.map(|first| i64::try_from(first.as_nanos()).map_err(|_| LATE));

    draft.truth(THINKING, true);
    draft.text_if(THINKING_TEXT, thinking.text.as_deref().filter(|_| content));
    draft.int_if(THINKING_TOKENS, thinking.tokens);
    draft.int_if(LLM_TOKEN_COUNT_REASONING, thinking.tokens);
    draft.truth(THINKING_HIDDEN, thinking.is_hidden);
    draft.int_if(THINKING_FIRST_ANSWER, first.transpose()?);
    Ok(())
}

/// Reads it back; `None` where the model did not think.
pub(crate) fn read(span: &ReadSpan<'_>, texts: Texts) -> Result<Option<Box<Thinking>>, MappingError> {
    if !span.truth(THINKING)? {
        return Ok(None);
    }
    Ok(Some(Box::new(Thinking {
        text: texts.kept(span.text_if(THINKING_TEXT)?),
        tokens: span.int_if(THINKING_TOKENS)?,
        is_hidden: span.truth(THINKING_HIDDEN)?,
        first_answer: span.int_if::<u64>(THINKING_FIRST_ANSWER)?.map(Duration::from_nanos),
    })))
}
