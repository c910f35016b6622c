//! Errors, rate limits, cut, endless, slow and hostile answers: each an error that says what to do, never a price.

use std::time::{Duration, Instant};

use infercost_prices::{BaseUrl, FetchError, SOURCES, SourceDef};

use crate::replica::{Answer, Replica, client, named, now, query};

fn over_network() -> impl Iterator<Item = &'static SourceDef> {
    SOURCES.into_iter().filter(|source| !matches!(source.name, "csv" | "aws-spot"))
}

fn error(source: &SourceDef, answer: Answer) -> FetchError {
    let replica = Replica::always(answer);
    let mut query = query(&replica.url);
    if source == named("awattar") {
        query.zone = Some("AT".into());
    }
    match source.fetch(&client(), &query, now()) {
        Ok(snapshot) => panic!("{}: {snapshot:?}", source.name),
        Err(error) => error,
    }
}

fn check(source: &SourceDef, answer: Answer, wanted: &str) {
    let text = error(source, answer.clone()).to_string();
    assert!(text.contains(wanted), "{}: {text} lacks {wanted}", source.name);
    assert!(!text.contains('\u{1b}') && !text.contains("the-secret-key"), "{}: {text:?}", source.name);
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
            let keyed = source.key_variable.is_some();
            assert!(
                !elsewhere.asked().iter().any(|asked| asked.contains("the-secret-key")),
                "{}",
                source.name
            );
            // 307 and 308 would have a question's body sent again, which is not done either.
            let stays = keyed || source == named("vast") && status >= 307;
            assert_eq!(elsewhere.asked().is_empty(), stays, "{} at {status}: {error}", source.name);
            assert!(!keyed || error.contains("sends on to") && error.contains("/elsewhere"), "{error}");
            assert!(!error.contains("token=x"), "{error}");
        }
    }
}

/// A settings file may lie in a folder that somebody else filled: an address in it is asked, and shown no key. Nor does
/// a key travel unencrypted.
#[test]
fn a_key_goes_to_its_source_or_where_the_user_says() {
    for source in over_network().filter(|source| source.key_variable.is_some()) {
        let replica = Replica::always(Answer::ok("{}"));
        let asked = |url: &str, confirmed: bool| {
            let base_url = Some(BaseUrl { url: url.to_owned(), confirmed });
            let query = infercost_prices::Query { base_url, ..query(url) };
            source.fetch(&client(), &query, now()).unwrap_err()
        };
        for (url, confirmed, part) in [
            (replica.url.as_str(), false, "a settings file names that address"),
            ("https://prices.example", false, "give it with --base-url"),
            ("http://prices.example", true, "would travel unencrypted"),
            ("http://api.electricitymaps.com.prices.example", false, "a settings file names"),
        ] {
            let error = asked(url, confirmed);
            let text = error.to_string();
            assert!(matches!(error, FetchError::KeyKept { .. }) && text.contains(part), "{url}: {text}");
            assert!(!text.contains("the-secret-key"), "{text}");
        }
        assert!(replica.asked().is_empty(), "{}", source.name);
        assert!(matches!(asked(&replica.url, true), FetchError::Format { .. }), "{}", source.name);
    }
}

#[test]
fn a_short_pause_is_kept_once() {
    let replica = Replica::always(Answer::status(429, "Retry-After: 1\r\n"));
    let begun = Instant::now();
    let error = named("ecb").fetch(&client(), &query(&replica.url), now()).unwrap_err();
    assert!(matches!(error, FetchError::RateLimited { retry_after_s: Some(1), .. }), "{error}");
    assert!(begun.elapsed() >= Duration::from_secs(1) && replica.asked().len() == 2);
}

#[test]
fn answers_that_are_something_else() {
    for source in over_network() {
        let name = source.name;
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
    check(named("vast"), Answer { silence: Duration::from_secs(5), ..Answer::ok("[]") }, "no answer in time");
    assert!(begun.elapsed() < Duration::from_secs(4));
    let closed =
        named("litellm").fetch(&client(), &query("http://127.0.0.1:1"), now()).unwrap_err().to_string();
    assert!(closed.contains("cannot be reached") && closed.contains("prices list"), "{closed}");
}

#[test]
fn values_that_cannot_be() {
    let check_all = |source: &SourceDef, bodies: &[(&str, &str)]| {
        for (body, wanted) in bodies {
            check(source, Answer::ok(body), wanted);
        }
    };

    check_all(
        named("energy-charts"),
        &[
            (r#"{"unix_seconds":[0,900],"price":[1]}"#, "2 times and 1 prices"),
            (r#"{"unix_seconds":[],"price":[]}"#, "no slot"),
            (r#"{"unix_seconds":[9223372036854775807],"price":[1]}"#, "is not a time"),
            (r#"{"unix_seconds":[0],"price":[1],"unit":"bananas"}"#, "bananas"),
            (r#"{"unix_seconds":[0],"price":[1e20]}"#, "is not an amount"),
            (r#"{"unix_seconds":[0],"price":[1e300]}"#, "form"),
        ],
    );

    check_all(
        named("awattar"),
        &[
            (r#"{"data":[{"start_timestamp":10,"end_timestamp":5,"marketprice":1}]}"#, "not after it"),
            (
                r#"{"data":[{"start_timestamp":0,"end_timestamp":3600000,"marketprice":1},{"start_timestamp":10,"end_timestamp":3600000,"marketprice":2}]}"#,
                "overlap",
            ),
        ],
    );

    check_all(
        named("octopus-agile"),
        &[(r#"{"next":"http://elsewhere.example/\u001b","results":[]}"#, "lies elsewhere")],
    );
    check_all(named("vast"), &[(r#"{"offers":[{"gpu_name":"x","dph_total":-1}]}"#, "no offer with a price")]);
    check_all(
        named("ecb"),
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
    let error = named("octopus-agile").fetch(&client(), &query(&replica.url), now()).unwrap_err().to_string();
    assert!(error.contains("more than 50 pages"), "{error}");
}

#[test]
fn a_missing_key_is_named() {
    for (source, variable) in
        [(named("runpod"), "RUNPOD_API_KEY"), (named("electricity-maps"), "ELECTRICITYMAPS_TOKEN")]
    {
        let mut query = query("http://127.0.0.1:1");
        query.key = None;
        let error = source.fetch(&client(), &query, now()).unwrap_err().to_string();
        assert!(error.contains(variable) && source.key_variable == Some(variable), "{error}");
    }
}

/// Answers that each source takes, changed byte by byte and cut anywhere: a result, never a panic.
#[test]
fn no_changed_byte_panics() {
    let good = [
        (named("energy-charts"), r#"{"unix_seconds":[0,900],"price":[1.5,null],"unit":"EUR / MWh"}"#),
        (
            named("awattar"),
            r#"{"data":[{"start_timestamp":0,"end_timestamp":3600000,"marketprice":42.09,"unit":"Eur/MWh"}]}"#,
        ),
        (
            named("octopus-agile"),
            r#"{"next":null,"results":[{"value_inc_vat":18.2,"valid_from":"2026-10-25T00:00:00Z","valid_to":null}]}"#,
        ),
        (
            named("electricity-maps"),
            r#"{"zone":"AT","data":[{"datetime":"2026-10-25T00:00:00Z","value":91.2}]}"#,
        ),
        (
            named("electricity-maps-carbon"),
            r#"{"zone":"AT","carbonIntensity":245,"datetime":"2026-10-25T00:00:00Z"}"#,
        ),
        (named("csv"), "start,end,price,currency,unit\n2026-10-25T00:00Z,2026-10-25T01:00Z,0.3,EUR,kWh\n"),
        (
            named("vast"),
            r#"[{"id":8,"gpu_name":"x","num_gpus":1,"dph_base":0.3,"dph_total":0.4,"min_bid":0.1}]"#,
        ),
        (
            named("runpod"),
            r#"{"data":{"gpuTypes":[{"id":"x","securePrice":0.4,"lowestPrice":{"minimumBidPrice":0.2}}]}}"#,
        ),
        (
            named("aws-spot"),
            r#"{"SpotPriceHistory":[{"AvailabilityZone":"a","InstanceType":"g","SpotPrice":"0.4","Timestamp":"2026-10-24T10:00:00Z"}]}"#,
        ),
        (named("skypilot"), "InstanceType,Price,Region,AcceleratorCount\ng5,1.006,us,1.0\n"),
        (
            named("litellm"),
            r#"{"m":{"input_cost_per_token":1.5e-7,"output_cost_per_token":6e-7,"mode":"chat"}}"#,
        ),
        (named("ecb"), "<Cube time='2026-10-23'><Cube currency='USD' rate='1.08'/>"),
    ];

    assert_eq!(good.len(), SOURCES.len());

    for (source, text) in good {
        let query = query("http://127.0.0.1:1");
        assert!(source.parse(text, &query, now()).is_ok(), "{}", source.name);
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
        assert!(refused > text.len() / 2, "{} takes nearly anything", source.name);
    }
}
