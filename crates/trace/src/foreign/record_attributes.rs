//! Which field of a platform's record says what an attribute says: a table for each platform.

use crate::attributes::*;
use crate::backend_attributes::*;

/// A field, by its path, and the attribute that says the same.
pub(super) type Field = (&'static str, &'static str);

/// Langfuse: an observation. `usage` is what its interface had before `usageDetails`.
pub(super) const LANGFUSE: &[Field] = &[
    ("type", LANGFUSE_TYPE),
    ("providedModelName", LANGFUSE_MODEL),
    ("model", LANGFUSE_MODEL),
    ("usageDetails", LANGFUSE_USAGE_DETAILS),
    ("usage", LANGFUSE_USAGE_DETAILS),
    ("inputUsage", GEN_AI_USAGE_INPUT_TOKENS),
    ("promptTokens", GEN_AI_USAGE_INPUT_TOKENS),
    ("outputUsage", GEN_AI_USAGE_OUTPUT_TOKENS),
    ("completionTokens", GEN_AI_USAGE_OUTPUT_TOKENS),
    ("totalUsage", "gen_ai.usage.total_tokens"),
    ("totalTokens", "gen_ai.usage.total_tokens"),
    ("calculatedTotalCost", "gen_ai.usage.cost"),
    ("totalCost", "gen_ai.usage.cost"),
    ("costDetails", LANGFUSE_COST_DETAILS),
    ("timeToFirstToken", METRIC_TIME_TO_FIRST_TOKEN),
    ("level", "langfuse.observation.level"),
    ("userId", "langfuse.user.id"),
    ("sessionId", "langfuse.session.id"),
];

/// LangSmith: a run. Its `session_id` is the project's.
pub(super) const LANGSMITH: &[Field] = &[
    ("run_type", LANGSMITH_SPAN_KIND),
    ("extra.metadata.ls_model_name", GEN_AI_REQUEST_MODEL),
    ("extra.invocation_params.model", GEN_AI_REQUEST_MODEL),
    ("extra.invocation_params.model_name", GEN_AI_REQUEST_MODEL),
    ("extra.metadata.ls_provider", GEN_AI_PROVIDER_NAME),
    ("prompt_tokens", GEN_AI_USAGE_INPUT_TOKENS),
    ("completion_tokens", GEN_AI_USAGE_OUTPUT_TOKENS),
    ("total_tokens", "gen_ai.usage.total_tokens"),
    ("prompt_token_details", "gen_ai.usage.input_token_details"),
    ("completion_token_details", "gen_ai.usage.output_token_details"),
    ("outputs.usage_metadata", "gen_ai.usage.input_token_details"),
    ("total_cost", "gen_ai.usage.cost"),
    ("prompt_cost", "gen_ai.usage.input_cost"),
    ("completion_cost", "gen_ai.usage.output_cost"),
    ("extra.metadata.user_id", USER_ID),
    ("extra.metadata.session_id", SESSION_ID),
    ("extra.metadata.thread_id", SESSION_ID),
    ("error", ERROR_TYPE),
];

/// LiteLLM: what its callbacks are given, and a row of what its proxy has spent.
pub(super) const LITELLM: &[Field] = &[
    ("call_type", GEN_AI_OPERATION_NAME),
    ("model", GEN_AI_REQUEST_MODEL),
    ("custom_llm_provider", GEN_AI_PROVIDER_NAME),
    ("prompt_tokens", GEN_AI_USAGE_INPUT_TOKENS),
    ("completion_tokens", GEN_AI_USAGE_OUTPUT_TOKENS),
    ("total_tokens", "gen_ai.usage.total_tokens"),
    ("metadata.usage_object", "metadata.usage_object"),
    ("response_cost", "litellm.response-cost"),
    ("spend", "litellm.response-cost"),
    ("stream", GEN_AI_REQUEST_STREAM),
    ("end_user", USER_ID),
    ("user", USER_ID),
    ("session_id", SESSION_ID),
    ("error_str", ERROR_TYPE),
];
