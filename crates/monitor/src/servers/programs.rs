//! What each program calls its numbers. Several names stand for one number where versions differ, newest first.
//!
//! Sources: llama.cpp `tools/server/README.md`; vLLM *Production Metrics* (0.4 to 0.11); SGLang *Production Metrics*;
//! text-generation-inference *Metrics*.

use super::page::MetricsPage;
use crate::observation::{Counted, ServerFacts, ServerKind};

/// The names of one program's numbers; an empty list is what it does not tell at all.
struct Program {
    kind: ServerKind,
    /// How all its names begin.
    prefix: &'static str,
    output_tokens: &'static [&'static str],
    input_tokens: &'static [&'static str],
    requests: &'static [&'static str],
    running: &'static [&'static str],
    waiting: &'static [&'static str],
    cache: &'static [&'static str],
    /// Sum and count of a histogram of seconds.
    first_token: &'static [(&'static str, &'static str)],
}

const PROGRAMS: &[Program] = &[
    Program {
        kind: ServerKind::LlamaCpp,
        prefix: "llamacpp:",
        output_tokens: &["llamacpp:tokens_predicted_total"],
        input_tokens: &["llamacpp:prompt_tokens_total"],
        requests: &[],
        running: &["llamacpp:requests_processing"],
        waiting: &["llamacpp:requests_deferred"],
        // left out since the middle of 2025
        cache: &["llamacpp:kv_cache_usage_ratio"],
        first_token: &[],
    },
    Program {
        kind: ServerKind::Vllm,
        prefix: "vllm:",
        output_tokens: &["vllm:generation_tokens_total", "vllm:generation_tokens"],
        input_tokens: &["vllm:prompt_tokens_total", "vllm:prompt_tokens"],
        requests: &["vllm:request_success_total", "vllm:request_success"],
        running: &["vllm:num_requests_running"],
        waiting: &["vllm:num_requests_waiting"],
        cache: &["vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"],
        first_token: &[("vllm:time_to_first_token_seconds_sum", "vllm:time_to_first_token_seconds_count")],
    },
    Program {
        kind: ServerKind::Sglang,
        prefix: "sglang:",
        output_tokens: &["sglang:generation_tokens_total"],
        input_tokens: &["sglang:prompt_tokens_total"],
        requests: &["sglang:num_requests_total"],
        running: &["sglang:num_running_reqs"],
        waiting: &["sglang:num_queue_reqs"],
        cache: &["sglang:token_usage"],
        first_token: &[(
            "sglang:time_to_first_token_seconds_sum",
            "sglang:time_to_first_token_seconds_count",
        )],
    },
    Program {
        kind: ServerKind::Tgi,
        prefix: "tgi_",
        output_tokens: &["tgi_request_generated_tokens_sum"],
        input_tokens: &["tgi_request_input_length_sum"],
        requests: &["tgi_request_success", "tgi_request_count"],
        running: &["tgi_batch_current_size"],
        waiting: &["tgi_queue_size"],
        cache: &[],
        first_token: &[],
    },
];

/// What a page of metrics tells.
///
/// # Errors
/// One plain line where the page is none of a known program.
pub fn facts_of_page(text: &str) -> Result<ServerFacts, String> {
    let Some(program) = PROGRAMS.iter().find(|program| program.wrote(text)) else {
        return Err("its /metrics is none of llama.cpp, vLLM, SGLang or TGI".to_owned());
    };

    let page = MetricsPage::read(text, program.prefix);
    if page.samples == 0 {
        return Err(format!("its /metrics looks like {}'s and holds no sample", program.kind.name()));
    }
    Ok(program.facts(page))
}

/// A comment on a metric of that program: a server that has served nothing may show no sample yet.
fn is_help(line: &str, prefix: &str) -> bool {
    let name = line.strip_prefix("# HELP ").or_else(|| line.strip_prefix("# TYPE "));
    name.is_some_and(|name| name.starts_with(prefix))
}

impl Program {
    /// Whether a line of the page is one of its own.
    fn wrote(&self, text: &str) -> bool {
        text.lines().any(|line| line.trim_start().starts_with(self.prefix) || is_help(line, self.prefix))
    }

    /// A sum of a page, where the program tells it at all.
    fn sum(&self, page: &MetricsPage, names: &[&str], what: &str) -> Result<f64, String> {
        if names.is_empty() { Err(self.untold(what)) } else { page.sum(names) }
    }

    fn untold(&self, what: &str) -> String {
        format!("{} does not tell {what}", self.kind.name())
    }

    fn facts(&self, page: MetricsPage) -> ServerFacts {
        ServerFacts {
            kind: self.kind,
            output_tokens: self.sum(&page, self.output_tokens, "output tokens"),
            input_tokens: self.sum(&page, self.input_tokens, "input tokens"),
            requests: self.sum(&page, self.requests, "how many requests it answered"),
            running: self.sum(&page, self.running, "requests under way"),
            waiting: self.sum(&page, self.waiting, "requests that wait"),
            cache: match self.cache {
                [] => Err(self.untold("how full its cache is")),
                names => page.mean(names),
            },
            first_token: match self.first_token {
                [] => Err(self.untold("its time to first token")),
                names => first_token(&page, names),
            },
            models: page.models.into_iter().collect(),
        }
    }
}

fn first_token(page: &MetricsPage, names: &[(&str, &str)]) -> Result<Counted, String> {
    let mut why = String::new();
    for (sum, count) in names {
        match (page.sum(&[sum]), page.sum(&[count])) {
            (Ok(seconds), Ok(count)) => return Ok(Counted { seconds, count }),
            (Err(missing), _) | (_, Err(missing)) => why = missing,
        }
    }
    Err(why)
}

#[cfg(test)]
mod tests;
