#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use infercost_core::*;
use infercost_trace::backend_attributes::*;

use super::*;

fn record(latency: u64, output: u32) -> InferenceRecord {
    let at = |ms| Duration::from_millis(ms);
    InferenceRecord {
        prompt: PromptId::from("p"),
        repetition: 0,
        issued_at: SystemTime::UNIX_EPOCH,
        input_text: None,
        input_tokens: Some(10),
        cached_input_tokens: None,
        max_tokens: 64,
        sampling: Arc::default(),
        served: None,
        outcome: Outcome::Completed {
            text: None,
            finish: FinishReason::Stop,
            output_tokens: output,
            thinking: None,
            arrivals: vec![ChunkArrival { at: at(80), tokens: 1 }].into(),
            latency: at(latency),
        },
    }
}

#[test]
fn prompt_tokens_that_nobody_counted_are_no_zero() {
    let meters = Meters::new("r", SystemTime::UNIX_EPOCH);
    meters.inference("m", "s", &record(200, 7));
    meters.inference("m", "s", &InferenceRecord { input_tokens: None, ..record(200, 7) });
    let state = meters.state.lock().unwrap();
    let calls = state.calls.values().next().unwrap();
    assert_eq!((calls.input.count, calls.output.count), (1, 2));
}

fn meters() -> Meters {
    let meters = Meters::new("r", SystemTime::UNIX_EPOCH);
    meters.inference("a/q8_0", "candle", &record(200, 7));
    meters.inference("a/q8_0", "candle", &record(1000, 1));
    let failed = InferenceRecord {
        outcome: Outcome::Failed {
            kind: FailureKind::Timeout,
            message: "m".into(),
            latency: Duration::from_secs(3),
        },
        ..record(1, 1)
    };
    meters.inference("we\"ird\n\u{1b}\\", "candle", &failed);
    let reading = |joules| EnergyReading::Measured {
        energy: Joules::new(joules),
        scope: EnergyScope::of([EnergyDomain::CpuPackage]),
        source: MeterSource { kind: MeterKind::Counter, name: "rapl package-0".into() },
        updates: 9,
    };
    meters.energy(&reading(30.0), Duration::from_secs(2));
    meters.energy(&reading(10.0), Duration::from_secs(1));
    meters.energy(&EnergyReading::Unavailable { reason: "none".into() }, Duration::from_secs(1));
    meters
}

#[test]
fn prometheus_reads_what_passed_by() {
    let page = meters().exposition();
    for line in [
        "gen_ai_client_operation_duration_seconds_bucket{gen_ai_request_model=\"a/q8_0\",gen_ai_provider_name=\"candle\",le=\"0.32\"} 1",
        "gen_ai_client_operation_duration_seconds_count{gen_ai_request_model=\"a/q8_0\",gen_ai_provider_name=\"candle\"} 2",
        "gen_ai_client_token_usage_sum{gen_ai_request_model=\"a/q8_0\",gen_ai_provider_name=\"candle\",gen_ai_token_type=\"output\"} 8",
        "hw_energy_joules_total{hw_id=\"rapl package-0\",hw_type=\"cpu\",source=\"counter\"} 40",
        "hw_power_watts{hw_id=\"rapl package-0\",hw_type=\"cpu\",source=\"counter\"} 10",
        "error_type=\"timeout\"",
        "we\\\"ird\\n\u{fffd}\\\\",
    ] {
        assert!(page.contains(line), "{line}\n{page}");
    }
    // the second answer had one token: no time per further token
    assert!(page.contains("gen_ai_server_time_per_output_token_seconds_count{gen_ai_request_model=\"a/q8_0\",gen_ai_provider_name=\"candle\"} 1"));
    assert!(!page.contains('\u{1b}'));
}

#[test]
fn collectors_get_the_same() {
    let request = meters().request(SystemTime::UNIX_EPOCH + Duration::from_secs(9));
    let metrics = &request.resource_metrics[0].scope_metrics[0].metrics;
    let names: Vec<&str> = metrics.iter().map(|metric| metric.name.as_str()).collect();
    assert_eq!(
        names,
        [
            METRIC_TOKEN_USAGE,
            METRIC_OPERATION_DURATION,
            METRIC_TIME_TO_FIRST_TOKEN,
            METRIC_TIME_PER_OUTPUT_TOKEN,
            "hw.energy",
            "hw.power"
        ]
    );
    assert_eq!(metrics[4].unit, "J");
}

#[test]
fn the_page_can_be_scraped_and_hostile_readers_do_no_harm() {
    let listener = Listener::start("127.0.0.1:0".parse().unwrap(), Arc::new(meters())).unwrap();
    let ask = |request: &[u8]| {
        let mut stream = TcpStream::connect(listener.address()).unwrap();
        stream.write_all(request).unwrap();
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8(answer).unwrap()
    };
    for (request, wanted) in [
        (&b"GET /metrics HTTP/1.1\r\nhost: localhost:9100\r\n\r\n"[..], "hw_energy_joules_total{"),
        (b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "hw_energy_joules_total{"),
        (b"GET /metrics HTTP/1.1\r\nHost: [::1]:9100\r\n\r\n", "hw_energy_joules_total{"),
        // a page whose name leads here
        (b"GET /metrics HTTP/1.1\r\nHost: evil.example:9100\r\n\r\n", "421"),
        (b"GET /metrics HTTP/1.1\r\nHost: localhost.evil.example\r\n\r\n", "421"),
        (b"GET /metrics?x=1 HTTP/1.0\r\n\r\n", "200 OK"),
        (b"GET / HTTP/1.1\r\n\r\n", "404"),
        (b"POST /metrics HTTP/1.1\r\n\r\n", "405"),
        (b"\xff\xfe\x00\r\n\r\n", "400"),
        (b"GET", ""),
        (&[b'a'; 20_000], ""),
    ] {
        assert!(ask(request).contains(wanted), "{wanted}");
    }
}
