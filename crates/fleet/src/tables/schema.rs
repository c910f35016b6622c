//! The columns of every table, their types, units and meaning: what docs/fleet.md shows.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use super::money::{PRECISION, SCALE, TOTAL_PRECISION};

/// The version that is written, in each file's metadata.
pub const TABLES_SCHEMA: &str = "infercost.tables/1";
/// What a version's name begins with, before its number.
pub(crate) const SCHEMA_FAMILY: &str = "infercost.tables/";
/// The newest version that is read.
pub(crate) const NEWEST: u32 = 1;
/// Key of the version in a file's metadata.
pub const SCHEMA_KEY: &str = "infercost.schema";
/// Key of the table's name in a file's metadata.
pub const TABLE_KEY: &str = "infercost.table";
/// Key of the source in a file's metadata.
pub const SOURCE_KEY: &str = "infercost.source";
/// The one time zone of every time.
pub const UTC: &str = "UTC";

/// One of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// A row a call of a model.
    Inferences,
    /// A row a metered stretch of time.
    Windows,
    /// A row a judgment of an answer.
    Evaluations,
    /// A row a variant of a recorded run.
    Runs,
}

impl Table {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Inferences, Self::Windows, Self::Evaluations, Self::Runs];

    /// Its name, which is that of its folder.
    pub fn name(self) -> &'static str {
        match self {
            Self::Inferences => "inferences",
            Self::Windows => "windows",
            Self::Evaluations => "evaluations",
            Self::Runs => "runs",
        }
    }

    /// Its columns, in order.
    pub fn columns(self) -> &'static [Column] {
        match self {
            Self::Inferences => INFERENCES,
            Self::Windows => WINDOWS,
            Self::Evaluations => EVALUATIONS,
            Self::Runs => RUNS,
        }
    }

    /// The same for Arrow.
    pub fn schema(self) -> SchemaRef {
        let fields: Vec<Field> = self.columns().iter().map(Column::field).collect();
        let metadata = [(SCHEMA_KEY, TABLES_SCHEMA), (TABLE_KEY, self.name())];
        let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_owned()));
        Arc::new(Schema::new_with_metadata(fields, HashMap::from(metadata)))
    }
}

/// What a cell holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8.
    Text,
    /// 64 bits with a sign.
    Integer,
    /// A double.
    Number,
    /// True or false.
    Truth,
    /// A decimal of 18 digits, 12 of them behind the point.
    Money,
    /// The same with 38 digits, for sums.
    Total,
    /// A date.
    Day,
    /// A moment in microseconds, in UTC.
    Time,
}

impl Kind {
    /// The type in Arrow.
    pub fn data_type(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::Integer => DataType::Int64,
            Self::Number => DataType::Float64,
            Self::Truth => DataType::Boolean,
            Self::Money => DataType::Decimal128(PRECISION, SCALE as i8),
            Self::Total => DataType::Decimal128(TOTAL_PRECISION, SCALE as i8),
            Self::Day => DataType::Date32,
            Self::Time => DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into())),
        }
    }

    /// The type as SQL names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "bigint",
            Self::Number => "double",
            Self::Truth => "boolean",
            Self::Money => "decimal(18, 12)",
            Self::Total => "decimal(38, 12)",
            Self::Day => "date",
            Self::Time => "timestamp, UTC",
        }
    }
}

/// One column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What its cells hold.
    pub kind: Kind,
    /// True where a cell may be unknown or without meaning.
    pub nullable: bool,
    /// Its unit; empty where it has none.
    pub unit: &'static str,
    /// What it says.
    pub meaning: &'static str,
}

impl Column {
    fn field(&self) -> Field {
        Field::new(self.name, self.kind.data_type(), self.nullable)
    }
}

/// A column that may be null.
const fn maybe(name: &'static str, kind: Kind, unit: &'static str, meaning: &'static str) -> Column {
    Column { name, kind, nullable: true, unit, meaning }
}

/// A column that is always there.
const fn always(name: &'static str, kind: Kind, unit: &'static str, meaning: &'static str) -> Column {
    Column { name, kind, nullable: false, unit, meaning }
}

const DAY: Column = maybe("day", Kind::Day, "", "day in UTC; null where the time is not known");
const MODEL: Column = maybe("model", Kind::Text, "", "the variant of a run, or the model that a trace names");
const MACHINE: Column =
    maybe("machine", Kind::Text, "", "label, GPUs or CPU of the machine, or the server's host");
const MACHINE_ID: Column = maybe("machine_id", Kind::Text, "", "what tells the machine from every other");
const SOURCE: Column = always("source", Kind::Text, "", "the run, or the name under which traces were read");
const OPERATING_POINT: Column =
    maybe("operating_point", Kind::Text, "", "the load it was part of; null for single requests");
const PROMPT: Column = maybe("prompt_id", Kind::Text, "", "id of the prompt in its set");
const REPETITION: Column = maybe("repetition", Kind::Integer, "", "which repetition of the prompt, 0 first");
const COUNTED: Column = always(
    "counted",
    Kind::Truth,
    "",
    "false where a report leaves it out: its window was measured again, or cut off",
);

const INFERENCES: &[Column] = &[
    DAY,
    MODEL,
    MACHINE,
    MACHINE_ID,
    maybe("service", Kind::Text, "", "the service that asked; null for recorded runs"),
    maybe("customer", Kind::Text, "", "the user or customer it was for"),
    maybe("session", Kind::Text, "", "the conversation or session"),
    always("kind", Kind::Text, "", "`run` for recorded runs, `production` for traces"),
    SOURCE,
    maybe("trace_id", Kind::Text, "", "trace, 32 hex digits"),
    maybe("span_id", Kind::Text, "", "span, 16 hex digits"),
    PROMPT,
    REPETITION,
    OPERATING_POINT,
    COUNTED,
    maybe("issued_at", Kind::Time, "µs", "when the request was issued"),
    maybe("latency_us", Kind::Integer, "µs", "from issue to end or failure"),
    maybe("ttft_us", Kind::Integer, "µs", "time to first token"),
    maybe("input_tokens", Kind::Integer, "tokens", "all tokens of the prompt"),
    maybe("cached_input_tokens", Kind::Integer, "tokens", "of those, tokens that a cache served"),
    maybe("cache_write_tokens", Kind::Integer, "tokens", "of those, tokens that were written to a cache"),
    maybe(
        "output_tokens",
        Kind::Integer,
        "tokens",
        "all tokens of the answer; null where nobody counted them",
    ),
    always("failed", Kind::Truth, "", "true where the request failed"),
    maybe("failure", Kind::Text, "", "what kind of failure"),
    maybe("energy_j", Kind::Number, "J", "its share of the joules of its window"),
    maybe("net_energy_j", Kind::Number, "J", "the same less idle power × its time"),
    always("energy_source", Kind::Text, "", "`counter`, `integrated`, `mixed`, `estimated` or `unavailable`"),
    maybe("currency", Kind::Text, "", "ISO 4217 code of the amounts"),
    maybe("cost", Kind::Money, "currency", "its cost: the sum of the parts that are known"),
    maybe("cost_energy", Kind::Money, "currency", "electricity while it ran"),
    maybe("cost_hardware", Kind::Money, "currency", "its share of the machine"),
    maybe("cost_idle", Kind::Money, "currency", "electricity of the unused time that it pays for"),
    maybe("cost_operation", Kind::Money, "currency", "people, licenses, space"),
    maybe("cost_tokens", Kind::Money, "currency", "tokens of a hosted API"),
    maybe("cost_basis", Kind::Text, "", "`report`, computed as reports do; `stated`, as the trace has it"),
    maybe("task_score", Kind::Number, "0 to 1", "score of the answer"),
    maybe("kld_mean", Kind::Number, "nats per token", "mean divergence from the baseline"),
    maybe("prompt", Kind::Text, "", "the prompt; null without `--content`"),
    maybe("answer", Kind::Text, "", "the answer; null without `--content`"),
];

const WINDOWS: &[Column] = &[
    DAY,
    MODEL,
    MACHINE,
    MACHINE_ID,
    SOURCE,
    always("window_index", Kind::Integer, "", "counts from 0 within the run"),
    OPERATING_POINT,
    COUNTED,
    always("interrupted", Kind::Truth, "", "true where the run was cut off inside the window"),
    maybe("remeasures", Kind::Integer, "", "index of the disturbed window that this one measures again"),
    maybe("started_at", Kind::Time, "µs", "when the meter started"),
    maybe("wall_us", Kind::Integer, "µs", "from meter start to meter stop"),
    always("inferences", Kind::Integer, "", "inferences, failures included"),
    always("failures", Kind::Integer, "", "failures"),
    maybe("energy_j", Kind::Number, "J", "gross energy of the window"),
    always("energy_source", Kind::Text, "", "as in `inferences`"),
    maybe("energy_scope", Kind::Text, "", "what the reading covers"),
];

const EVALUATIONS: &[Column] = &[
    DAY,
    MODEL,
    MACHINE,
    MACHINE_ID,
    SOURCE,
    PROMPT,
    REPETITION,
    maybe("evaluated_at", Kind::Time, "µs", "when it began"),
    maybe("duration_us", Kind::Integer, "µs", "how long it took"),
    always("kind", Kind::Text, "", "`task` or `divergence`"),
    maybe("grader", Kind::Text, "", "which grader judged"),
    maybe("score", Kind::Number, "0 to 1", "the task's score"),
    maybe("label", Kind::Text, "", "`correct`, `incorrect`, `unparsable` or `failed`"),
    maybe("positions", Kind::Integer, "tokens", "positions that were compared with the baseline"),
    maybe("kld_mean", Kind::Number, "nats per token", "mean divergence; a lower bound where `kld_at_least`"),
    maybe("kld_at_least", Kind::Truth, "", "true where only the likeliest tokens were shown"),
    maybe("top1_matches", Kind::Integer, "tokens", "positions with the same likeliest token"),
    maybe(
        "impossible",
        Kind::Text,
        "",
        "why it could not be evaluated; without `--content` a fixed sentence",
    ),
];

const RUNS: &[Column] = &[
    DAY,
    MODEL,
    MACHINE,
    MACHINE_ID,
    SOURCE,
    always("run_id", Kind::Text, "", "name of the run's folder"),
    maybe("trace_id", Kind::Text, "", "the run's trace, 32 hex digits"),
    always("baseline", Kind::Truth, "", "true for the variant that others are compared with"),
    always("noise_floor", Kind::Truth, "", "true for the second copy of the baseline"),
    maybe("started_at", Kind::Time, "µs", "when the run began"),
    maybe("finished_at", Kind::Time, "µs", "when it ended; null where it was cut off"),
    maybe("infercost_version", Kind::Text, "", "version that recorded it"),
    maybe("engine", Kind::Text, "", "what ran the model, and its version"),
    maybe("cpu", Kind::Text, "", "CPU model"),
    maybe("gpus", Kind::Text, "", "GPUs, joined by commas"),
    maybe("prompt_set", Kind::Text, "", "name of the prompt set"),
    maybe("price_book", Kind::Text, "", "what the prices are called"),
    always("prices_assumed", Kind::Truth, "", "true where the prices are the shipped example"),
    always("inferences", Kind::Integer, "", "single requests, failures included, as in the report"),
    always("answers", Kind::Integer, "", "requests that were answered with at least one token"),
    always("failures", Kind::Integer, "", "failures"),
    maybe("input_tokens", Kind::Integer, "tokens", "of all answers; null where an answer's are unknown"),
    always("output_tokens", Kind::Integer, "tokens", "of all answers"),
    maybe("currency", Kind::Text, "", "ISO 4217 code of the amounts"),
    maybe("cost", Kind::Total, "currency", "what its inferences cost together, under load and not"),
    maybe("cost_per_inference", Kind::Number, "currency", "the report's cost per answered single request"),
    maybe("energy_j", Kind::Number, "J", "the meter's difference over the windows of single requests"),
    maybe("verdict", Kind::Text, "", "`pass`, `fail` or `inconclusive`"),
];
