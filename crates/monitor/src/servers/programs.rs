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
    let known = |program: &&Program| {
        text.lines()
            .any(|line| line.trim_start().starts_with(program.prefix) || is_help(line, program.prefix))
    };
    let Some(program) = PROGRAMS.iter().find(known) else {
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
    fn facts(&self, page: MetricsPage) -> ServerFacts {
        let name = self.kind.name();
        let untold = |what: &str| Err::<f64, _>(format!("{name} does not tell {what}"));
        let sum = |names: &[&str], what: &str| match names {
            [] => untold(what),
            names => page.sum(names),
        };

        ServerFacts {
            kind: self.kind,
            output_tokens: sum(self.output_tokens, "output tokens"),
            input_tokens: sum(self.input_tokens, "input tokens"),
            requests: sum(self.requests, "how many requests it answered"),
            running: sum(self.running, "requests under way"),
            waiting: sum(self.waiting, "requests that wait"),
            cache: match self.cache {
                [] => untold("how full its cache is"),
                names => page.mean(names),
            },
            first_token: match self.first_token {
                [] => Err(format!("{name} does not tell its time to first token")),
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
