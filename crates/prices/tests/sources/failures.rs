//! Errors, rate limits, cut, endless, slow and hostile answers: each an error that says what to do, never a price.

use std::time::{Duration, Instant};

use infercost_prices::{FetchError, Source};

use crate::replica::{Answer, Replica, client, now, query};

fn over_network() -> impl Iterator<Item = Source> {
    Source::ALL.into_iter().filter(|source| !matches!(source, Source::Csv | Source::AwsSpot))
}

fn error(source: Source, answer: Answer) -> FetchError {
    let replica = Replica::always(answer);
    let mut query = query(&replica.url);
    if source == Source::Awattar {
        query.zone = Some("AT".into());
    }
    match source.fetch(&client(), &query, now()) {
        Ok(snapshot) => panic!("{}: {snapshot:?}", source.name()),
        Err(error) => error,
    }
}

fn check(source: Source, answer: Answer, wanted: &str) {
    let text = error(source, answer.clone()).to_string();
    assert!(text.contains(wanted), "{}: {text} lacks {wanted}", source.name());
    assert!(!text.contains('\u{1b}') && !text.contains("the-secret-key"), "{}: {text:?}", source.name());
}

#[test]
fn refusals_and_limits() {
    for source in over_network() {
        check(source, Answer::status(500, ""), "status 500: no\\u{1b}[31m");
        check(source, Answer::status(404, ""), "status 404");
        check(source, Answer::status(401, ""), "status 401");
        check(source, Answer::status(429, "Retry-After: 3600\r\n"), "a pause of 3600 s");
        check(source, Answer::status(429, ""), "limits how often");
    }
}

/// Whoever answers in place of a source learns nothing from its redirects but the question; without a key they are
/// followed, to an end.
#[test]
fn a_key_goes_to_no_other_address() {
    for source in over_network() {
        for status in [301, 302, 303, 307, 308] {
            let elsewhere = Replica::always(Answer::ok("{}"));
            let location = format!("Location: {}/elsewhere?token=x\r\n", elsewhere.url);
            let replica = Replica::always(Answer::status(status, &location));
            let error = source.fetch(&client(), &query(&replica.url), now()).unwrap_err().to_string();
            let keyed = source.key_variable().is_some();
            assert!(
                !elsewhere.asked().iter().any(|asked| asked.contains("the-secret-key")),
                "{}",
                source.name()
            );
            // 307 and 308 would have a question's body sent again, which is not done either.
            let stays = keyed || source == Source::Vast && status >= 307;
            assert_eq!(elsewhere.asked().is_empty(), stays, "{} at {status}: {error}", source.name());
            assert!(
                !keyed || error.contains("sends on to") && error.contains("/elsewhere, which"),
                "{error}"
            );
            assert!(!error.contains("token=x"), "{error}");
        }
    }
}

#[test]
fn a_short_pause_is_kept_once() {
    let replica = Replica::always(Answer::status(429, "Retry-After: 1\r\n"));
    let begun = Instant::now();
    let error = Source::Ecb.fetch(&client(), &query(&replica.url), now()).unwrap_err();
    assert!(matches!(error, FetchError::RateLimited { retry_after_s: Some(1), .. }), "{error}");
    assert!(begun.elapsed() >= Duration::from_secs(1) && replica.asked().len() == 2);
}

#[test]
fn answers_that_are_something_else() {
    for source in over_network() {
        let name = source.name();
        for body in [
            "",
            "<html>\u{1b}[31mlogin</html>",
            "{\"data\":",
            "[]",
            "null",
            "{}",
            "\u{0}\u{1}",
            "{\"a\":{\"b\":[[[[1]]]]}}",
        ] {
            let text = error(source, Answer::ok(body)).to_string();
            assert!(text.starts_with("http://127.0.0.1"), "{name} on {body:?}: {text}");
            assert!(!text.contains('\u{1b}'), "{name}: {text:?}");
        }
        // deep nesting must not overflow the stack
        let deep = format!("{}1{}", "[".repeat(20_000), "]".repeat(20_000));
        error(source, Answer::ok(&deep));
    }
}

#[test]
fn cut_off_and_endless_answers() {
    for source in over_network() {
        let cut = Answer { claims: Some(5000), ..Answer::ok("{\"data\":[") };
        error(source, cut);
        check(source, Answer::ok(&" ".repeat(70 << 10)), "larger than");
        // no UTF-8
        error(source, Answer { body: vec![0xff; 100], ..Answer::ok("") });
    }
}

#[test]
fn a_silent_server_is_left() {
    let begun = Instant::now();
    check(Source::Vast, Answer { silence: Duration::from_secs(5), ..Answer::ok("[]") }, "no answer in time");
    assert!(begun.elapsed() < Duration::from_secs(4));
    let closed =
        Source::Litellm.fetch(&client(), &query("http://127.0.0.1:1"), now()).unwrap_err().to_string();
    assert!(closed.contains("cannot be reached") && closed.contains("prices list"), "{closed}");
}

#[test]
fn values_that_cannot_be() {
    let check_all = |source: Source, bodies: &[(&str, &str)]| {
        for (body, wanted) in bodies {
            check(source, Answer::ok(body), wanted);
        }
    };
    check_all(
        Source::EnergyCharts,
        &[
            (r#"{"unix_seconds":[0,900],"price":[1]}"#, "2 times and 1 prices"),
            (r#"{"unix_seconds":[],"price":[]}"#, "no slot"),
            (r#"{"unix_seconds":[9223372036854775807],"price":[1]}"#, "is no time"),
            (r#"{"unix_seconds":[0],"price":[1],"unit":"bananas"}"#, "bananas"),
            (r#"{"unix_seconds":[0],"price":[1e20]}"#, "no such amount"),
            (r#"{"unix_seconds":[0],"price":[1e300]}"#, "form"),
        ],
    );
    check_all(
        Source::Awattar,
        &[
            (r#"{"data":[{"start_timestamp":10,"end_timestamp":5,"marketprice":1}]}"#, "not after it"),
            (
                r#"{"data":[{"start_timestamp":0,"end_timestamp":3600000,"marketprice":1},{"start_timestamp":10,"end_timestamp":3600000,"marketprice":2}]}"#,
                "overlap",
            ),
        ],
    );
    check_all(
        Source::OctopusAgile,
        &[(r#"{"next":"http://elsewhere.example/\u001b","results":[]}"#, "lies elsewhere")],
    );
    check_all(Source::Vast, &[(r#"{"offers":[{"gpu_name":"x","dph_total":-1}]}"#, "no offer with a price")]);
    check_all(
        Source::Ecb,
        &[
            ("<Cube time='2026-10-23'><Cube currency='usd' rate='1'/>", "currency code"),
            ("<Cube time='2026-10-23'><Cube currency='USD' rate='0'/>", "rate of USD is 0"),
            ("<Cube currency='USD' rate='1'/>", "before any day"),
        ],
    );
}

#[test]
fn pages_without_end_are_left() {
    let replica = Replica::serve(|_, own| Answer::ok(&format!(r#"{{"next":"{own}/again","results":[]}}"#)));
    let error = Source::OctopusAgile.fetch(&client(), &query(&replica.url), now()).unwrap_err().to_string();
    assert!(error.contains("more than 50 pages"), "{error}");
}

#[test]
fn a_missing_key_is_named() {
    for (source, variable) in
        [(Source::Runpod, "RUNPOD_API_KEY"), (Source::ElectricityMaps, "ELECTRICITYMAPS_TOKEN")]
    {
        let mut query = query("http://127.0.0.1:1");
        query.key = None;
        let error = source.fetch(&client(), &query, now()).unwrap_err().to_string();
        assert!(error.contains(variable) && source.key_variable() == Some(variable), "{error}");
    }
}

/// Answers that each source takes, changed byte by byte and cut anywhere: a result, never a panic.
#[test]
fn no_changed_byte_panics() {
    let good = [
        (Source::EnergyCharts, r#"{"unix_seconds":[0,900],"price":[1.5,null],"unit":"EUR / MWh"}"#),
        (
            Source::Awattar,
            r#"{"data":[{"start_timestamp":0,"end_timestamp":3600000,"marketprice":42.09,"unit":"Eur/MWh"}]}"#,
        ),
        (
            Source::OctopusAgile,
            r#"{"next":null,"results":[{"value_inc_vat":18.2,"valid_from":"2026-10-25T00:00:00Z","valid_to":null}]}"#,
        ),
        (
            Source::ElectricityMaps,
            r#"{"zone":"AT","data":[{"datetime":"2026-10-25T00:00:00Z","value":91.2}]}"#,
        ),
        (
            Source::ElectricityMapsCarbon,
            r#"{"zone":"AT","carbonIntensity":245,"datetime":"2026-10-25T00:00:00Z"}"#,
        ),
        (Source::Csv, "start,end,price,currency,unit\n2026-10-25T00:00Z,2026-10-25T01:00Z,0.3,EUR,kWh\n"),
        (
            Source::Vast,
            r#"[{"id":8,"gpu_name":"x","num_gpus":1,"dph_base":0.3,"dph_total":0.4,"min_bid":0.1}]"#,
        ),
        (
            Source::Runpod,
            r#"{"data":{"gpuTypes":[{"id":"x","securePrice":0.4,"lowestPrice":{"minimumBidPrice":0.2}}]}}"#,
        ),
        (
            Source::AwsSpot,
            r#"{"SpotPriceHistory":[{"AvailabilityZone":"a","InstanceType":"g","SpotPrice":"0.4","Timestamp":"2026-10-24T10:00:00Z"}]}"#,
        ),
        (Source::Skypilot, "InstanceType,Price,Region,AcceleratorCount\ng5,1.006,us,1.0\n"),
        (
            Source::Litellm,
            r#"{"m":{"input_cost_per_token":1.5e-7,"output_cost_per_token":6e-7,"mode":"chat"}}"#,
        ),
        (Source::Ecb, "<Cube time='2026-10-23'><Cube currency='USD' rate='1.08'/>"),
    ];
    assert_eq!(good.len(), Source::ALL.len());
    for (source, text) in good {
        let query = query("http://127.0.0.1:1");
        assert!(source.parse(text, &query, now()).is_ok(), "{}", source.name());
        let mut refused = 0;
        for index in 0..text.len() {
            for byte in [b'9', b'-', b'"', b'e', b'\'', b'{', 0, 0xc3] {
                let mut changed = text.as_bytes().to_vec();
                changed[index] = byte;
                refused +=
                    usize::from(source.parse(&String::from_utf8_lossy(&changed), &query, now()).is_err());
            }
            refused += usize::from(source.parse(&text[..index], &query, now()).is_err());
        }
        assert!(refused > text.len() / 2, "{} takes nearly anything", source.name());
    }
}
