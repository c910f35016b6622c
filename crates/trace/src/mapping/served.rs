//! What a server said about a request, on the request's span; and where that server is.

use std::time::Duration;

use infercost_core::{OtherEnd, ServedFacts, ServerPlace, ServerTimings, TokenCount};

use super::json_list::{list, read_list};
use crate::attributes::{
    HTTP_RESPONSE_STATUS_CODE, SERVED_CLAIMED_OUTPUT_TOKENS, SERVED_COUNT_MISMATCH, SERVED_COUNTED_BY,
    SERVED_OTHER_END, SERVED_PREDICTED_TIME, SERVED_PREDICTED_TOKENS, SERVED_PROMPT_TIME,
    SERVED_PROMPT_TOKENS, SERVED_REASONING_CHUNKS, SERVED_REPLACED, SERVED_REPORTED_THINKING_TOKENS,
    SERVED_RETRIED_FOR, SERVED_RETRIES, SERVED_STREAMED_TOKENS, SERVED_TIMINGS, SERVED_USAGE_FAULTS,
    SERVER_ADDRESS, SERVER_PORT,
};
use crate::error::MappingError;
use crate::read_span::{ReadSpan, invalid};
use crate::span_draft::SpanDraft;

const USAGE: &str = "usage";
const CHUNKS: &str = "chunks";

/// Adds what the server said; nothing where there was no server.
pub(crate) fn write(draft: &mut SpanDraft, served: Option<&ServedFacts>) -> Result<(), MappingError> {
    let Some(served) = served else { return Ok(()) };
    let counted_by = match served.counted_by {
        TokenCount::Usage => USAGE,
        TokenCount::Chunks => CHUNKS,
    };

    draft.text(SERVED_COUNTED_BY, counted_by);
    draft.int(SERVED_RETRIES, served.retries);
    draft.int(SERVED_RETRIED_FOR, nanos(served.retried_for)?);
    draft.int_if(HTTP_RESPONSE_STATUS_CODE, served.status);
    draft.int(SERVED_STREAMED_TOKENS, served.streamed_tokens);
    draft.truth(SERVED_COUNT_MISMATCH, served.count_mismatch);
    draft.int(SERVED_REASONING_CHUNKS, served.reasoning_chunks);

    let claimed = served.claimed_output_tokens.map(|claimed| i64::try_from(claimed).unwrap_or(i64::MAX));
    draft.int_if(SERVED_CLAIMED_OUTPUT_TOKENS, claimed);
    draft.int_if(SERVED_REPORTED_THINKING_TOKENS, served.reported_thinking_tokens);
    list(draft, SERVED_USAGE_FAULTS, &served.usage_faults);
    list(draft, SERVED_REPLACED, &served.replaced);
    draft.text_if(SERVED_OTHER_END, served.other_end.map(OtherEnd::code));

    if let Some(timings) = &served.timings {
        draft.truth(SERVED_TIMINGS, true);
        draft.int_if(SERVED_PROMPT_TOKENS, timings.prompt_tokens);
        draft.int_if(SERVED_PROMPT_TIME, timings.prompt.map(nanos).transpose()?);
        draft.int_if(SERVED_PREDICTED_TOKENS, timings.predicted_tokens);
        draft.int_if(SERVED_PREDICTED_TIME, timings.predicted.map(nanos).transpose()?);
    }

    Ok(())
}

/// Reads it back.
pub(crate) fn read(span: &ReadSpan<'_>) -> Result<Option<ServedFacts>, MappingError> {
    let Some(counted_by) = span.text_if(SERVED_COUNTED_BY)? else { return Ok(None) };
    let counted_by = match counted_by {
        USAGE => TokenCount::Usage,
        CHUNKS => TokenCount::Chunks,
        other => return Err(invalid(SERVED_COUNTED_BY, &format!("names no way of counting: {other:?}"))),
    };

    let timings = if span.truth(SERVED_TIMINGS)? {
        Some(ServerTimings {
            prompt_tokens: span.int_if(SERVED_PROMPT_TOKENS)?,
            prompt: span.time_if(SERVED_PROMPT_TIME)?,
            predicted_tokens: span.int_if(SERVED_PREDICTED_TOKENS)?,
            predicted: span.time_if(SERVED_PREDICTED_TIME)?,
        })
    } else {
        None
    };

    Ok(Some(ServedFacts {
        retries: span.int(SERVED_RETRIES)?,
        retried_for: span.time_if(SERVED_RETRIED_FOR)?.unwrap_or_default(),
        status: span.int_if(HTTP_RESPONSE_STATUS_CODE)?,
        counted_by,
        streamed_tokens: span.int(SERVED_STREAMED_TOKENS)?,
        count_mismatch: span.truth(SERVED_COUNT_MISMATCH)?,
        reasoning_chunks: span.int(SERVED_REASONING_CHUNKS)?,
        claimed_output_tokens: span.int_if(SERVED_CLAIMED_OUTPUT_TOKENS)?,
        reported_thinking_tokens: span.int_if(SERVED_REPORTED_THINKING_TOKENS)?,
        usage_faults: read_list(span, SERVED_USAGE_FAULTS)?,
        replaced: read_list(span, SERVED_REPLACED)?,
        other_end: other_end(span)?,
        timings,
    }))
}

fn other_end(span: &ReadSpan<'_>) -> Result<Option<OtherEnd>, MappingError> {
    let Some(code) = span.text_if(SERVED_OTHER_END)? else { return Ok(None) };
    let known = OtherEnd::ALL.into_iter().find(|end| end.code() == code);
    known.map(Some).ok_or_else(|| invalid(SERVED_OTHER_END, &format!("names no end of an answer: {code:?}")))
}

/// Adds host and port of a server's address.
pub(crate) fn write_place(draft: &mut SpanDraft, url: &str) {
    let place = ServerPlace::of(url);
    draft.text(SERVER_ADDRESS, place.host);
    draft.int_if(SERVER_PORT, place.port);
}

fn nanos(time: Duration) -> Result<i64, MappingError> {
    i64::try_from(time.as_nanos()).map_err(|_| MappingError::Time { what: "a time that the server told" })
}
