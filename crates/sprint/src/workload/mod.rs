//! Workloads from elsewhere: arrival times, lengths and shared beginnings, as traces of other systems state them.
//!
//! Each public format is one file with the names of its columns. What a trace does not state stays unknown: one without
//! arrival times is no open loop, and one without lengths is refused, since a request of unknown length costs nothing
//! that could be compared.

mod calls;
mod cells;
mod mooncake;
mod rows;
mod sharegpt;
mod synthetic;
mod tables;
mod text_of_length;

use thiserror::Error;

pub use calls::{TraceCall, of_calls};
pub use rows::TraceRows;
pub use synthetic::synthetic;
pub use text_of_length::{TOKENS_OF_A_BLOCK, text_of_length};

/// Most requests that a workload may hold.
pub const MOST_REQUESTS: usize = 2_000_000;
/// Most tokens of one request: its text is made, some four bytes a token.
const MOST_TOKENS: u64 = 1 << 21;
/// Most tokens of all prompts: a number is held for each [`TOKENS_OF_A_BLOCK`] of them.
const MOST_TOKENS_IN_ALL: u64 = 20_000_000_000;

/// What is asked, how much of it, and when.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TraceWorkload {
    /// What kind of trace it is, in words.
    pub format: String,
    /// In the order of their arrivals.
    pub requests: Vec<TraceRequest>,
    /// True where the trace states when requests came.
    pub has_arrivals: bool,
    /// Requests that can be replayed: more than `requests` has where only the first of them were kept.
    pub held: u64,
    /// Requests that the trace holds and that cannot be replayed: failed ones, and ones without an answer.
    pub left_out: u64,
    /// What was assumed where the trace does not say, in words.
    pub notes: Vec<String>,
}

/// One request of a trace.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceRequest {
    /// Seconds since the first request; 0 where the trace does not tell.
    pub at_s: f64,
    /// What is asked.
    pub input: TraceInput,
    /// Tokens that were answered, which limit the replayed answer; at least 1.
    pub output_tokens: u32,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TraceInput {
    /// Words.
    Text(String),
    /// A length in tokens, and what its blocks of [`TOKENS_OF_A_BLOCK`] tokens hold: equal numbers are equal text. Where
    /// there are none, the text is one of its own.
    Tokens {
        /// The length.
        count: u32,
        /// A number for each block, in order.
        blocks: Vec<u64>,
    },
}

/// Why a trace is no workload.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{place}: {reason}")]
pub struct WorkloadFault {
    /// The file, with the line where one is to blame.
    pub place: String,
    /// What is wrong, and what to do.
    pub reason: String,
}

impl WorkloadFault {
    fn at(file: &str, line: usize, reason: impl Into<String>) -> Self {
        Self { place: format!("{file}:{line}"), reason: reason.into() }
    }

    fn at_row(file: &str, row: u64, reason: impl Into<String>) -> Self {
        Self { place: format!("{file}, row {row}"), reason: reason.into() }
    }

    fn of_file(file: &str, reason: impl Into<String>) -> Self {
        Self { place: file.to_owned(), reason: reason.into() }
    }
}

impl From<infercost_text::TextError> for WorkloadFault {
    fn from(error: infercost_text::TextError) -> Self {
        let text = error.to_string();
        match text.split_once(": ") {
            Some((place, reason)) => Self { place: place.to_owned(), reason: reason.to_owned() },
            None => Self { place: "workload".to_owned(), reason: text },
        }
    }
}

/// Reads a trace in one of the public formats: BurstGPT's and Azure's tables, Mooncake's lines, ShareGPT's array. `None`
/// where it is none of them.
///
/// # Errors
/// [`WorkloadFault`] where it is one of them, and something in it is wrong.
pub fn read(file: &str, text: &str) -> Option<Result<TraceWorkload, WorkloadFault>> {
    let read = if infercost_text::json::looks_like_json(text) {
        if mooncake::is_meant(text) {
            mooncake::read(file, text)
        } else if sharegpt::is_meant(text) {
            sharegpt::read(file, text)
        } else {
            return None;
        }
    } else {
        tables::read(file, text)?
    };
    Some(read.and_then(|workload| checked(file, workload)))
}

/// Puts requests in the order of their arrivals, from 0 on, and refuses a trace that holds none.
fn checked(file: &str, mut workload: TraceWorkload) -> Result<TraceWorkload, WorkloadFault> {
    if workload.requests.is_empty() {
        let reason = match workload.left_out {
            0 => "holds no request".to_owned(),
            count => format!("holds no request that was answered ({count} were not)"),
        };
        return Err(WorkloadFault::of_file(file, reason));
    }
    if workload.requests.len() > MOST_REQUESTS {
        return Err(WorkloadFault::of_file(
            file,
            format!("holds more than {MOST_REQUESTS} requests; cut it"),
        ));
    }

    workload.requests.sort_by(|one, other| one.at_s.total_cmp(&other.at_s));
    let first = workload.requests.first().map_or(0.0, |request| request.at_s);
    for request in &mut workload.requests {
        request.at_s -= first;
    }
    workload.held = workload.held.max(count(workload.requests.len()));
    Ok(workload)
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// A count of tokens; what is larger than any model's context is a mistake.
fn tokens(count: u64) -> Result<u32, String> {
    u32::try_from(count)
        .ok()
        .filter(|_| count <= MOST_TOKENS)
        .ok_or_else(|| format!("{count} tokens are more than a request can have"))
}

impl TraceWorkload {
    /// The first `most` requests, their times divided by `speedup`.
    #[must_use]
    pub fn cut(mut self, most: usize, speedup: f64) -> Self {
        self.requests.truncate(most);
        for request in &mut self.requests {
            request.at_s /= speedup;
        }
        self
    }

    /// Requests per second on average; `None` without arrival times, or where all came at once.
    pub fn rate(&self) -> Option<f64> {
        let last = self.requests.last().filter(|_| self.has_arrivals)?.at_s;
        (last > 0.0).then(|| (self.requests.len() - 1) as f64 / last)
    }

    /// The coefficient of variation of the gaps between requests: 1 for independent users, more for bursts; `None` with
    /// fewer than three requests or without arrival times.
    pub fn burstiness(&self) -> Option<f64> {
        if !self.has_arrivals || self.requests.len() < 3 {
            return None;
        }
        let mut gaps = Vec::with_capacity(self.requests.len());
        for pair in self.requests.windows(2) {
            if let [one, other] = pair {
                gaps.push(other.at_s - one.at_s);
            }
        }
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / (gaps.len() - 1) as f64;
        (mean > 0.0).then(|| variance.sqrt() / mean)
    }

    /// True where some request begins as an earlier one does, as far as the trace tells.
    pub fn shares_prefixes(&self) -> bool {
        let mut firsts = std::collections::HashSet::new();
        self.requests.iter().any(|request| match &request.input {
            TraceInput::Tokens { blocks, .. } => blocks.first().is_some_and(|first| !firsts.insert(*first)),
            TraceInput::Text(_) => false,
        })
    }
}

#[cfg(test)]
mod tests;
