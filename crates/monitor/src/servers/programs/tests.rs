#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use super::*;

/// As llama-server b6000 and b9000 write it, shortened; the second has no cache any more.
const LLAMA_OLD: &str = "\
# HELP llamacpp:prompt_tokens_total Number of prompt tokens processed.
# TYPE llamacpp:prompt_tokens_total counter
llamacpp:prompt_tokens_total 6886
# TYPE llamacpp:tokens_predicted_total counter
llamacpp:tokens_predicted_total 3469
llamacpp:predicted_tokens_seconds 0.978774
llamacpp:kv_cache_usage_ratio 0.25
llamacpp:requests_processing 2
llamacpp:requests_deferred 1
";
const LLAMA_NEW: &str = "\
llamacpp:prompt_tokens_total 6886
llamacpp:tokens_predicted_total 3469
llamacpp:n_tokens_max 512
llamacpp:requests_processing 0
llamacpp:requests_deferred 0
";
const VLLM_OLD: &str = "\
vllm:num_requests_running{model_name=\"m\"} 3.0
vllm:num_requests_waiting{model_name=\"m\"} 4.0
vllm:gpu_cache_usage_perc{model_name=\"m\"} 0.5
vllm:prompt_tokens_total{model_name=\"m\"} 100.0
vllm:generation_tokens_total{model_name=\"m\"} 200.0
vllm:request_success_total{finished_reason=\"stop\",model_name=\"m\"} 7.0
vllm:request_success_total{finished_reason=\"length\",model_name=\"m\"} 2.0
vllm:time_to_first_token_seconds_bucket{le=\"0.001\",model_name=\"m\"} 0.0
vllm:time_to_first_token_seconds_sum{model_name=\"m\"} 4.5
vllm:time_to_first_token_seconds_count{model_name=\"m\"} 9.0
";
/// Two engines behind one server: counts add up, shares do not.
const VLLM_NEW: &str = "\
vllm:num_requests_running{engine=\"0\",model_name=\"org/m\"} 1.0
vllm:num_requests_running{engine=\"1\",model_name=\"org/m\"} 2.0
vllm:num_requests_waiting{engine=\"0\",model_name=\"org/m\"} 0.0
vllm:kv_cache_usage_perc{engine=\"0\",model_name=\"org/m\"} 0.2
vllm:kv_cache_usage_perc{engine=\"1\",model_name=\"org/m\"} 0.4
vllm:generation_tokens_total{engine=\"0\",model_name=\"org/m\"} NaN
vllm:generation_tokens_total{engine=\"1\",model_name=\"org/m\"} 1.5e+03
";
const SGLANG: &str = "\
sglang:prompt_tokens_total{model_name=\"m\"} 8.128902e+06
sglang:generation_tokens_total{model_name=\"m\"} 7.557572e+06
sglang:token_usage{model_name=\"m\"} 0.28
sglang:time_to_first_token_seconds_sum{model_name=\"m\"} 2.0
sglang:time_to_first_token_seconds_count{model_name=\"m\"} 4.0
sglang:num_running_reqs{model_name=\"m\"} 161.0
sglang:num_queue_reqs{model_name=\"m\"} 2826.0
";
const TGI: &str = "\
tgi_batch_current_size 2
tgi_queue_size 0
tgi_request_success{method=\"batch\"} 5
tgi_request_generated_tokens_sum 640
tgi_request_generated_tokens_count 5
tgi_request_input_length_sum 90
";

/// Output tokens, requests, running, waiting, cache.
type Numbers = [Option<f64>; 5];

#[track_caller]
fn check(page: &str, kind: ServerKind, models: &[&str], numbers: Numbers) {
    let facts = facts_of_page(page).unwrap();
    assert_eq!(
        (facts.kind, facts.models.as_slice()),
        (kind, &models.iter().map(|m| (*m).to_owned()).collect::<Vec<_>>()[..])
    );
    let found = [&facts.output_tokens, &facts.requests, &facts.running, &facts.waiting, &facts.cache];
    for (found, wanted) in found.into_iter().zip(numbers) {
        match (found, wanted) {
            (Ok(found), Some(wanted)) => assert!((found - wanted).abs() < 1e-9, "{found} {wanted}"),
            (Err(why), None) => assert!(why.contains("does not tell") || why.contains("have no"), "{why}"),
            (found, wanted) => panic!("{found:?}, not {wanted:?}"),
        }
    }
}

#[test]
fn programs_and_their_versions() {
    let some = Some;
    check(LLAMA_OLD, ServerKind::LlamaCpp, &[], [some(3469.0), None, some(2.0), some(1.0), some(0.25)]);
    check(LLAMA_NEW, ServerKind::LlamaCpp, &[], [some(3469.0), None, some(0.0), some(0.0), None]);
    check(VLLM_OLD, ServerKind::Vllm, &["m"], [some(200.0), some(9.0), some(3.0), some(4.0), some(0.5)]);
    check(VLLM_NEW, ServerKind::Vllm, &["org/m"], [some(1500.0), None, some(3.0), some(0.0), some(0.3)]);
    check(
        SGLANG,
        ServerKind::Sglang,
        &["m"],
        [some(7_557_572.0), None, some(161.0), some(2826.0), some(0.28)],
    );
    check(TGI, ServerKind::Tgi, &[], [some(640.0), some(5.0), some(2.0), some(0.0), None]);
}

#[test]
fn time_to_first_token_where_it_is_told() {
    let of = |page| facts_of_page(page).unwrap().first_token;
    assert_eq!(of(VLLM_OLD), Ok(Counted { seconds: 4.5, count: 9.0 }));
    assert!(of(LLAMA_NEW).unwrap_err().contains("llama.cpp does not tell"));
    assert!(of(VLLM_NEW).unwrap_err().contains("time_to_first_token_seconds_sum"));
}

#[test]
fn pages_of_something_else() {
    for (page, part) in [
        ("", "none of"),
        ("<html>", "none of"),
        ("node_cpu_seconds_total 1\n", "none of"),
        ("\u{0}\u{1b}[2J", "none of"),
        ("# HELP vllm:num_requests_running Running.\n", "holds no sample"),
        ("vllm:broken{a=\"b 1\nvllm:also broken\n", "holds no sample"),
    ] {
        let error = facts_of_page(page).unwrap_err();
        assert!(error.contains(part), "{page:?}: {error}");
    }
}
