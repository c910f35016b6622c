//! Benchmarks, prompt sets and side-by-side scripts of infercost.
//!
//! - `benches/`: benchmarks, one question each, by criterion but for `served_load` and `live_export`;
//!   `cargo bench -p infercost-benches`.
//! - `speed.sh`: the project's speed targets in one table.
//! - `prompts/`: the prompt sets that ship with infercost.
//! - `tokenizers/`: scripts that compare tokenizers with other implementations.
//!
//! This library holds what the benchmarks share: [`synthetic_run`], a made-up run of any size, and [`sink`](mod@sink),
//! a collector that takes everything. The run's numbers mean nothing; its shape (four variants, their answers, two
//! evaluations each) is that of a real one.

pub mod sink;
pub mod synthetic_run;
