//! Names that back-ends read and that no run holds on disk: they are added on the way out.

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        $($(#[$doc])* pub const $name: &str = $text;)*
    };
}

names! {
    /// GenAI: the conversation given to the model, as a JSON string.
    GEN_AI_INPUT_MESSAGES = "gen_ai.input.messages";
    /// GenAI: the model's messages, as a JSON string.
    GEN_AI_OUTPUT_MESSAGES = "gen_ai.output.messages";
    /// GenAI: instructions beside the conversation.
    GEN_AI_SYSTEM_INSTRUCTIONS = "gen_ai.system_instructions";
    /// GenAI: the conversation that a call belongs to.
    GEN_AI_CONVERSATION_ID = "gen_ai.conversation.id";
    /// GenAI, proposed and not merged: the cost of a call.
    GEN_AI_USAGE_COST_AMOUNT = "gen_ai.usage.cost.amount";
    /// GenAI, proposed and not merged: its currency.
    GEN_AI_USAGE_COST_CURRENCY = "gen_ai.usage.cost.currency";
    /// GenAI, proposed and not merged: where the cost comes from.
    GEN_AI_USAGE_COST_SOURCE = "gen_ai.usage.cost.source";
    /// GenAI before version 1.27: tokens of the prompt.
    GEN_AI_USAGE_PROMPT_TOKENS = "gen_ai.usage.prompt_tokens";
    /// GenAI before version 1.27: tokens of the answer.
    GEN_AI_USAGE_COMPLETION_TOKENS = "gen_ai.usage.completion_tokens";
    /// OpenInference: US dollars for the prompt.
    LLM_COST_PROMPT = "llm.cost.prompt";
    /// OpenInference: US dollars for the answer.
    LLM_COST_COMPLETION = "llm.cost.completion";
    /// OpenInference: US dollars for both.
    LLM_COST_TOTAL = "llm.cost.total";
    /// OpenInference: the maker of the model.
    LLM_SYSTEM = "llm.system";
    /// OpenInference: tokens that a prefix cache served.
    LLM_TOKEN_COUNT_PROMPT_CACHE_READ = "llm.token_count.prompt_details.cache_read";
    /// OpenInference: anything else, as a JSON string.
    METADATA = "metadata";
    /// OpenInference and OpenTelemetry: the session.
    SESSION_ID = "session.id";
    /// OpenInference and OpenTelemetry: the user.
    USER_ID = "user.id";
    /// OpenTelemetry, before `user.id`.
    ENDUSER_ID = "enduser.id";
    /// OpenTelemetry: where a span's resource runs.
    SERVICE_INSTANCE_ID = "service.instance.id";

    /// True where the joules of an inference are its share of a metered window.
    ENERGY_SHARE = "infercost.energy.share_of_window";
    /// Gross energy less idle power × time, in joules.
    ENERGY_NET = "infercost.energy.net_j";
    /// Idle power × time, in joules.
    ENERGY_IDLE = "infercost.energy.idle_j";
    /// Electricity while it ran.
    COST_ENERGY = "infercost.cost.energy";
    /// Its share of the machine.
    COST_HARDWARE = "infercost.cost.hardware";
    /// Electricity of the unused time that utilization puts on it.
    COST_IDLE = "infercost.cost.idle";
    /// People, licenses, space.
    COST_OPERATION = "infercost.cost.operation";
    /// The sum of the parts that are known.
    COST_TOTAL = "infercost.cost.total";
    /// Currency of every part.
    COST_CURRENCY = "infercost.cost.currency";
    /// Task score of the answer, 0 to 1.
    QUALITY_TASK_SCORE = "infercost.quality.task_score";
    /// Mean KL divergence from the baseline over the answer, in nats per token.
    QUALITY_KLD_MEAN = "infercost.quality.kld_mean";

    /// LangSmith: `llm`, `chain`, `tool`, …
    LANGSMITH_SPAN_KIND = "langsmith.span.kind";
    /// LangSmith: the name of the trace in its list.
    LANGSMITH_TRACE_NAME = "langsmith.trace.name";
    /// LangSmith: what begins the name of each metadata field.
    LANGSMITH_METADATA = "langsmith.metadata.";
    /// Langfuse: `generation`, `span`, `evaluator`, …
    LANGFUSE_TYPE = "langfuse.observation.type";
    /// Langfuse: US dollars by kind of token, as a JSON string; takes the place of what it would infer.
    LANGFUSE_COST_DETAILS = "langfuse.observation.cost_details";
    /// Langfuse: tokens by kind, as a JSON string.
    LANGFUSE_USAGE_DETAILS = "langfuse.observation.usage_details";
    /// Langfuse: the model.
    LANGFUSE_MODEL = "langfuse.observation.model.name";
    /// Langfuse: the name of the trace in its list.
    LANGFUSE_TRACE_NAME = "langfuse.trace.name";
    /// Langfuse: what begins the name of each metadata field.
    LANGFUSE_METADATA = "langfuse.observation.metadata.";
    /// Langfuse: when the first token came, in ISO 8601.
    LANGFUSE_COMPLETION_START = "langfuse.observation.completion_start_time";

    /// Metric, GenAI: tokens of calls, by kind.
    METRIC_TOKEN_USAGE = "gen_ai.client.token.usage";
    /// Metric, GenAI: seconds of calls.
    METRIC_OPERATION_DURATION = "gen_ai.client.operation.duration";
    /// Metric, GenAI: seconds to the first token.
    METRIC_TIME_TO_FIRST_TOKEN = "gen_ai.server.time_to_first_token";
    /// Metric, GenAI: seconds of each further token.
    METRIC_TIME_PER_OUTPUT_TOKEN = "gen_ai.server.time_per_output_token";
    /// Attribute of `gen_ai.client.token.usage`: `input` or `output`.
    GEN_AI_TOKEN_TYPE = "gen_ai.token.type";
    /// Metric, hardware: joules used up.
    METRIC_HW_ENERGY = "hw.energy";
    /// Metric, hardware: watts.
    METRIC_HW_POWER = "hw.power";
    /// Metric, hardware: degrees Celsius.
    METRIC_HW_TEMPERATURE = "hw.temperature";
    /// Attribute of the hardware metrics: which part.
    HW_ID = "hw.id";
    /// Attribute of the hardware metrics: `cpu`, `gpu`, `memory`, …
    HW_TYPE = "hw.type";
}
