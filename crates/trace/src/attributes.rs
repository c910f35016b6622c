//! Every attribute name that infercost writes, once.
//!
//! GenAI names come from the OpenTelemetry semantic conventions, where they are all "Development";
//! OpenInference names are those that Phoenix reads; what neither has is `infercost.*`.
#![expect(
    deprecated,
    reason = "the GenAI conventions moved to a repository of their own; their names are unchanged"
)]

use opentelemetry_semantic_conventions::attribute as conventions;

/// The version of the conventions, as spans name it.
pub const SCHEMA_URL: &str = opentelemetry_semantic_conventions::SCHEMA_URL;

macro_rules! from_conventions {
    ($($name:ident),* $(,)?) => {
        $(
            #[doc = "As the semantic conventions define it."]
            pub const $name: &str = conventions::$name;
        )*
    };
}

from_conventions! {
    ERROR_TYPE,
    GEN_AI_EVALUATION_EXPLANATION,
    GEN_AI_EVALUATION_NAME,
    GEN_AI_EVALUATION_SCORE_LABEL,
    GEN_AI_EVALUATION_SCORE_VALUE,
    GEN_AI_OPERATION_NAME,
    GEN_AI_PROVIDER_NAME,
    GEN_AI_REQUEST_MAX_TOKENS,
    GEN_AI_REQUEST_MODEL,
    GEN_AI_REQUEST_SEED,
    GEN_AI_REQUEST_STREAM,
    GEN_AI_REQUEST_TEMPERATURE,
    GEN_AI_REQUEST_TOP_K,
    GEN_AI_REQUEST_TOP_P,
    GEN_AI_RESPONSE_FINISH_REASONS,
    GEN_AI_RESPONSE_MODEL,
    GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK,
    GEN_AI_SYSTEM,
    GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
    GEN_AI_USAGE_INPUT_TOKENS,
    GEN_AI_USAGE_OUTPUT_TOKENS,
    HOST_CPU_MODEL_NAME,
    HOST_ID,
    HOST_NAME,
    HTTP_RESPONSE_STATUS_CODE,
    OS_DESCRIPTION,
    SERVER_ADDRESS,
    SERVER_PORT,
    SERVICE_NAME,
    SERVICE_VERSION,
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        $($(#[$doc])* pub const $name: &str = $text;)*
    };
}

names! {
    /// OpenInference: `CHAIN`, `LLM` or `EVALUATOR`; Phoenix draws the tree by it.
    OPENINFERENCE_SPAN_KIND = "openinference.span.kind";
    /// OpenInference, on the resource: the project that Phoenix files the spans under.
    OPENINFERENCE_PROJECT_NAME = "openinference.project.name";
    /// OpenInference: the model; Phoenix finds its price by this name.
    LLM_MODEL_NAME = "llm.model_name";
    /// OpenInference: who serves the model.
    LLM_PROVIDER = "llm.provider";
    /// OpenInference: request settings as a JSON string.
    LLM_INVOCATION_PARAMETERS = "llm.invocation_parameters";
    /// OpenInference: tokens of the prompt.
    LLM_TOKEN_COUNT_PROMPT = "llm.token_count.prompt";
    /// OpenInference: tokens of the answer.
    LLM_TOKEN_COUNT_COMPLETION = "llm.token_count.completion";
    /// OpenInference: tokens of both.
    LLM_TOKEN_COUNT_TOTAL = "llm.token_count.total";
    /// OpenInference: tokens of the answer that were thinking.
    LLM_TOKEN_COUNT_REASONING = "llm.token_count.completion_details.reasoning";
    /// OpenInference: the prompt as given to the model.
    INPUT_VALUE = "input.value";
    /// OpenInference: the answer.
    OUTPUT_VALUE = "output.value";

    /// On the resource: the run that every span of the line belongs to.
    RUN_ID = "infercost.run.id";
    /// On the resource: logical cores that the run could use.
    HOST_CORES = "infercost.host.cores";
    /// On the resource: main memory, in bytes.
    HOST_MEMORY = "infercost.host.memory_bytes";
    /// On the resource: GPU names.
    HOST_GPUS = "infercost.host.gpus";
    /// On the resource: hypervisor or container.
    HOST_VIRTUALIZATION = "infercost.host.virtualization";
    /// What a span records: `run`, `variant`, `window`, `inference`, `evaluation`, `load` or `idle`.
    RECORD = "infercost.record";
    /// The variant at work.
    VARIANT = "infercost.variant";
    /// Index of the window within the run.
    WINDOW = "infercost.window";
    /// True on a window that the run was cut off in.
    WINDOW_INTERRUPTED = "infercost.window.interrupted";
    /// Index of the disturbed window that a window measures again.
    WINDOW_REMEASURES = "infercost.window.remeasures";
    /// True where the machine was watched during a window.
    INTERFERENCE = "infercost.interference";
    /// Logical processors of the machine.
    INTERFERENCE_PROCESSORS = "infercost.interference.processors";
    /// Processor time of this program and of the server measured, in nanoseconds.
    INTERFERENCE_OWN = "infercost.interference.own_ns";
    /// Processor time of everything else on the machine, in nanoseconds.
    INTERFERENCE_OTHERS = "infercost.interference.others_ns";
    /// Processor time that the hypervisor gave to other machines, in nanoseconds.
    INTERFERENCE_STOLEN = "infercost.interference.stolen_ns";
    /// Time that own threads were ready to run and did not, in nanoseconds.
    INTERFERENCE_QUEUED = "infercost.interference.queued_ns";
    /// Mean frequency of the processors as a share of their highest.
    INTERFERENCE_FREQUENCY_SHARE = "infercost.interference.frequency_share";
    /// Times that heat slowed processors down.
    INTERFERENCE_THERMAL_THROTTLES = "infercost.interference.thermal_throttles";
    /// What held the clocks of metered boards down: a list.
    INTERFERENCE_BOARD_THROTTLES = "infercost.interference.board_throttles";
    /// True where the model thought before it answered.
    THINKING = "infercost.thinking";
    /// What it thought.
    THINKING_TEXT = "infercost.thinking.text";
    /// Output tokens spent on thinking.
    THINKING_TOKENS = "infercost.thinking.tokens";
    /// True where only the server's count tells of the thinking.
    THINKING_HIDDEN = "infercost.thinking.hidden";
    /// Arrival of the first token of the answer itself since issue, in nanoseconds.
    THINKING_FIRST_ANSWER = "infercost.thinking.first_answer_ns";
    /// The prompt's id in its set.
    PROMPT = "infercost.prompt";
    /// Which repetition of the prompt, 0 first.
    REPETITION = "infercost.repetition";
    /// How the variant's weights came to be, in words: `expanded from Q4_1`.
    PROVENANCE = "infercost.provenance";
    /// The same in full, as a JSON string, on the variant's span.
    PROVENANCE_RECORD = "infercost.provenance_record";
    /// True on the second copy of the baseline that measures noise.
    NOISE_FLOOR = "infercost.noise_floor";
    /// License of the weights.
    LICENSE = "infercost.license";
    /// Requests in flight, in a closed loop.
    OPERATING_CONCURRENCY = "infercost.operating_point.concurrency";
    /// Requests per second, in an open loop.
    OPERATING_RATE = "infercost.operating_point.rate";
    /// True on a window that a load generator drove.
    LOAD = "infercost.load";
    /// When the operating point was reached, in nanoseconds since the window began; absent where it never was.
    LOAD_STEADY_FROM = "infercost.load.steady_from_ns";
    /// When it was left, likewise.
    LOAD_STEADY_UNTIL = "infercost.load.steady_until_ns";
    /// True where infercost itself limited what was sent.
    LOAD_CLIENT_LIMITED = "infercost.load.client_limited";
    /// True where the server's queue grew without end.
    LOAD_OVER_SATURATED = "infercost.load.over_saturated";
    /// True where other programs held infercost up.
    LOAD_MACHINE_BUSY = "infercost.load.machine_busy";
    /// Arrival of each chunk since issue, in nanoseconds.
    CHUNK_OFFSETS = "infercost.chunk.offsets_ns";
    /// Tokens of each chunk; absent where every chunk held exactly one.
    CHUNK_TOKENS = "infercost.chunk.tokens";

    /// Version of the engine.
    ENGINE_VERSION = "infercost.engine.version";
    /// Compile-time switches that change its speed.
    ENGINE_BUILD_FLAGS = "infercost.engine.build_flags";
    /// `cpu`, `cuda:0`, or a server's address.
    ENGINE_DEVICE = "infercost.engine.device";
    /// Worker threads.
    ENGINE_THREADS = "infercost.engine.threads";
    /// Model family.
    ENGINE_FAMILY = "infercost.engine.family";
    /// How most weights are stored.
    ENGINE_QUANTIZATION = "infercost.engine.quantization";
    /// Numeric type of activations.
    ENGINE_COMPUTE_DTYPE = "infercost.engine.compute_dtype";
    /// SHA-256 over the weight files.
    ENGINE_WEIGHTS_SHA256 = "infercost.engine.weights_sha256";
    /// SHA-256 over vocabulary and rules.
    ENGINE_TOKENIZER_SHA256 = "infercost.engine.tokenizer_sha256";
    /// Size of the weight files, in bytes.
    ENGINE_FILE_SIZE = "infercost.engine.file_size_bytes";
    /// Longest sequence, in tokens.
    ENGINE_CONTEXT_LENGTH = "infercost.engine.context_length";

    /// Where the number of output tokens comes from: `usage` (the server's) or `chunks`.
    SERVED_COUNTED_BY = "infercost.server.counted_by";
    /// Attempts beyond the first.
    SERVED_RETRIES = "infercost.server.retries";
    /// Time lost to them, in nanoseconds.
    SERVED_RETRIED_FOR = "infercost.server.retried_for_ns";
    /// Output tokens as the chunks give them.
    SERVED_STREAMED_TOKENS = "infercost.server.streamed_tokens";
    /// True where the server's count and the chunks disagree.
    SERVED_COUNT_MISMATCH = "infercost.server.count_mismatch";
    /// Chunks of reasoning text.
    SERVED_REASONING_CHUNKS = "infercost.server.reasoning_chunks";
    /// Output tokens as the server's `usage` gives them, believed or not.
    SERVED_CLAIMED_OUTPUT_TOKENS = "infercost.server.claimed_output_tokens";
    /// Output tokens that the server reports as thinking.
    SERVED_REPORTED_THINKING_TOKENS = "infercost.server.reported_thinking_tokens";
    /// What does not add up in the server's `usage`, as a JSON list.
    SERVED_USAGE_FAULTS = "infercost.server.usage_faults";
    /// Parameters that the server refused in this request, as a JSON list.
    SERVED_REPLACED = "infercost.server.replaced_parameters";
    /// What ended the answer in place of the model's own stop or the limit: `tool_call` or `content_filter`.
    SERVED_OTHER_END = "infercost.server.other_end";
    /// True where the server told what its own clock measured.
    SERVED_TIMINGS = "infercost.server.timings";
    /// Prompt tokens computed, by the server's count.
    SERVED_PROMPT_TOKENS = "infercost.server.prompt_tokens";
    /// Time that they took by the server's clock, in nanoseconds.
    SERVED_PROMPT_TIME = "infercost.server.prompt_ns";
    /// Tokens generated, by the server's count.
    SERVED_PREDICTED_TOKENS = "infercost.server.predicted_tokens";
    /// Time that they took by the server's clock, in nanoseconds.
    SERVED_PREDICTED_TIME = "infercost.server.predicted_ns";

    /// Gross energy of a stretch of time, in joules; absent where unavailable.
    ENERGY_GROSS = "infercost.energy.gross_j";
    /// `counter`, `integrated`, `estimated` or `unavailable`.
    ENERGY_SOURCE = "infercost.energy.source";
    /// What the reading covers: a list of parts.
    ENERGY_SCOPE = "infercost.energy.scope";
    /// The instrument.
    ENERGY_METER = "infercost.energy.meter";
    /// How often the counter moved or the gauge was sampled.
    ENERGY_UPDATES = "infercost.energy.updates";
    /// The assumption behind an estimate, as a JSON string.
    ENERGY_METHOD = "infercost.energy.method";
    /// Why there is no reading.
    ENERGY_REASON = "infercost.energy.reason";
    /// Counters against integrals of power over the run so far, as a JSON list.
    ENERGY_CROSS_CHECKS = "infercost.energy.cross_checks";
    /// What metered boards showed, as a JSON list.
    HARDWARE_BOARDS = "infercost.hw.boards";
    /// `before_load`, `resident` or `after`.
    IDLE_PHASE = "infercost.idle.phase";

    /// `task`, `divergence` or `impossible`.
    EVALUATION_KIND = "infercost.evaluation.kind";
    /// The grader that judged.
    EVALUATION_GRADER = "infercost.evaluation.grader";
    /// Sum of ln p of each choice, in nats.
    CHOICE_LOG_LIKELIHOOD = "infercost.evaluation.choice.log_likelihood";
    /// Length of each choice, in bytes.
    CHOICE_BYTES = "infercost.evaluation.choice.bytes";
    /// KL divergence from the baseline at each position, in nats.
    DIVERGENCE_KLD = "infercost.evaluation.divergence.kld";
    /// True where these are lower bounds.
    DIVERGENCE_AT_LEAST = "infercost.evaluation.divergence.at_least";
    /// Positions where both have the same most likely token.
    DIVERGENCE_TOP1 = "infercost.evaluation.divergence.top1_matches";
    /// Negative log-likelihood of the continuation under the baseline, in nats.
    DIVERGENCE_BASELINE_NLL = "infercost.evaluation.divergence.baseline_nll";
    /// Negative log-likelihood of the continuation under the candidate, in nats.
    DIVERGENCE_CANDIDATE_NLL = "infercost.evaluation.divergence.candidate_nll";
}
