//! What each source sends, and what it becomes.

use infercost_core::market::{Curve, CurveUnit, Offer, OfferKind};
use infercost_prices::{Prices, Query, Snapshot, SourceDef};

use crate::replica::{Answer, Replica, client, named, now, query};

fn fetched(source: &SourceDef, body: &str, change: impl Fn(&mut Query)) -> (Snapshot, Vec<String>) {
    let replica = Replica::always(Answer::ok(body));
    let mut query = query(&replica.url);
    change(&mut query);
    (source.fetch(&client(), &query, now()).unwrap(), replica.asked())
}

fn curve(snapshot: &Snapshot) -> &Curve {
    let Prices::Curve(curve) = &snapshot.prices else { panic!("{snapshot:?}") };
    curve
}

fn offers(snapshot: &Snapshot) -> &[Offer] {
    let Prices::Offers(offers) = &snapshot.prices else { panic!("{snapshot:?}") };
    offers
}

/// `start minutes amount` of each slot.
fn slots(curve: &Curve) -> Vec<String> {
    let shown = |slot: &infercost_core::market::Slot| {
        let minutes = slot.end.duration_since(slot.start).as_mins();
        let amount = slot.amount.map_or("–".to_owned(), |amount| amount.to_string());
        format!("{} {minutes} {amount}", slot.start)
    };
    curve.slots.iter().map(shown).collect()
}

fn priced(offers: &[Offer]) -> Vec<(String, OfferKind, String)> {
    offers.iter().map(|offer| (offer.name.clone(), offer.kind, offer.per_hour.to_string())).collect()
}

#[test]
fn energy_charts() {
    let body = r#"{"license_info":"CC BY 4.0 (creativecommons.org/licenses/by/4.0) from Bundesnetzagentur | SMARD.de",
        "unix_seconds":[1792879200,1792880100,1792881000,1792882800],"price":[164.42,null,-5.01,0],
        "unit":"EUR / MWh","deprecated":false}"#;
    let (snapshot, asked) = fetched(named("energy-charts"), body, |_| {});
    assert!(asked[0].starts_with("GET /price?bzn=AT&start=2026-10-25&end=2026-10-25 "), "{asked:?}");
    assert_eq!(
        slots(curve(&snapshot)),
        // behind the gap nothing is known
        [
            "2026-10-24T22:00:00Z 15 0.16442",
            "2026-10-24T22:15:00Z 15 –",
            "2026-10-24T22:30:00Z 15 -0.00501",
            "2026-10-24T23:00:00Z 15 0"
        ]
    );
    assert!(curve(&snapshot).wholesale && snapshot.license.as_deref().unwrap().starts_with("CC BY 4.0"));
    assert_eq!((snapshot.source.as_str(), snapshot.subject.as_str()), ("energy-charts", "AT"));
}

#[test]
fn awattar_over_the_day_with_25_hours() {
    let entry = |hour: i64| {
        let start = 1_792_879_200_000 + hour * 3_600_000;
        format!(
            r#"{{"start_timestamp":{start},"end_timestamp":{},"marketprice":{}.5,"unit":"Eur/MWh"}}"#,
            start + 3_600_000,
            hour - 3
        )
    };
    let entries: Vec<String> = (0..25).map(entry).collect();
    let body = format!(r#"{{"object":"list","data":[{}]}}"#, entries.join(","));
    let (snapshot, asked) = fetched(named("awattar"), &body, |_| {});
    // from midnight to midnight in Central Europe, on the day on which clocks go back
    assert!(asked[0].starts_with("GET /v1/marketdata?start=1792879200000&end=1792969200000 "), "{asked:?}");
    assert_eq!(curve(&snapshot).slots.len(), 25);
    assert_eq!(slots(curve(&snapshot))[0], "2026-10-24T22:00:00Z 60 -0.0035");
}

#[test]
fn octopus_agile_page_by_page() {
    let replica = Replica::serve(|request, own| {
        let second = request.starts_with("GET /v1/second");
        Answer::ok(&if second {
            r#"{"count":3,"next":null,"results":[{"value_exc_vat":17.42,"value_inc_vat":18.291,"valid_from":"2026-10-25T00:00:00Z","valid_to":"2026-10-25T00:30:00Z"}]}"#.to_owned()
        } else {
            format!(
                r#"{{"count":3,"next":"{own}/v1/second?page=2","results":[
                {{"value_exc_vat":-2.0,"value_inc_vat":-2.1,"valid_from":"2026-10-25T01:00:00Z","valid_to":null}},
                {{"value_exc_vat":20.0,"value_inc_vat":21.0,"valid_from":"2026-10-25T00:30:00Z","valid_to":"2026-10-25T01:00:00Z"}}]}}"#
            )
        })
    });
    let mut query = query(&replica.url);
    query.zone = Some("C".into());
    let snapshot = named("octopus-agile").fetch(&client(), &query, now()).unwrap();
    let asked = replica.asked();
    let path = "GET /v1/products/AGILE-24-10-01/electricity-tariffs/E-1R-AGILE-24-10-01-C/standard-unit-rates/?period_from=2026-10-24T23:00:00Z&period_to=2026-10-26T00:00:00Z ";
    assert!(asked[0].starts_with(path) && asked.len() == 2, "{asked:?}");
    assert_eq!(
        slots(curve(&snapshot)),
        ["2026-10-25T00:00:00Z 30 0.18291", "2026-10-25T00:30:00Z 30 0.21", "2026-10-25T01:00:00Z 30 -0.021"]
    );
    assert_eq!(curve(&snapshot).unit, CurveUnit::PerKilowattHour("GBP".parse().unwrap()));
}

/// Prices that hold for months: one for each way of paying, the newest without an end.
#[test]
fn octopus_by_payment_and_without_an_end() {
    let rate = |value: &str, from: &str, to: &str, method: &str| {
        let to = if to.is_empty() { "null".to_owned() } else { format!("\"{to}\"") };
        format!(
            r#"{{"value_inc_vat":{value},"valid_from":"{from}","valid_to":{to},"payment_method":{method}}}"#
        )
    };

    let (july, october) = ("2026-07-01T00:00:00Z", "2026-10-01T00:00:00Z");
    let page = |rates: &[String]| format!(r#"{{"next":null,"results":[{}]}}"#, rates.join(","));
    let both = page(&[
        rate("26", october, "", "\"DIRECT_DEBIT\""),
        rate("27", october, "", "\"NON_DIRECT_DEBIT\""),
        rate("25", july, october, "\"DIRECT_DEBIT\""),
        rate("26", july, october, "\"NON_DIRECT_DEBIT\""),
    ]);

    let asked = |method: Option<&str>, text: &str| {
        let query = Query { payment_method: method.map(str::to_owned), ..query("http://127.0.0.1:1") };
        named("octopus-agile").parse(text, &query, now())
    };
    let error = asked(None, &both).unwrap_err();
    assert!(error.contains("--payment-method: DIRECT_DEBIT, NON_DIRECT_DEBIT"), "{error}");
    assert!(asked(Some("cash"), &both).unwrap_err().contains("there are DIRECT_DEBIT"));
    let parsed = asked(Some("direct_debit"), &both).unwrap();
    let Prices::Curve(curve) = &parsed.prices else { panic!("{parsed:?}") };

    // to midnight in Britain after the day that was asked for
    assert_eq!(slots(curve), ["2026-07-01T00:00:00Z 132480 0.25", "2026-10-01T00:00:00Z 36000 0.26"]);
    assert!(parsed.remarks[0].contains("names no end"), "{parsed:?}");
    let one = page(&[rate("26", october, "", "null")]);
    assert!(asked(None, &one).is_ok());
}

#[test]
fn electricity_maps_prices_and_carbon() {
    let body = r#"{"zone":"AT","unit":"EUR/MWh","source":"x","data":[{"datetime":"2026-10-25T01:00:00.000Z","value":91.2},{"datetime":"2026-10-25T00:00:00.000Z","value":null}]}"#;
    let (snapshot, asked) = fetched(named("electricity-maps"), body, |_| {});
    let head = asked[0].to_ascii_lowercase();
    assert!(
        head.starts_with(
            "get /v3/price-day-ahead/forecast?zone=at&start=2026-10-25t00:00:00z&end=2026-10-26t00:00:00z "
        ) && head.contains("auth-token: the-secret-key")
    );
    assert_eq!(slots(curve(&snapshot)), ["2026-10-25T00:00:00Z 60 –", "2026-10-25T01:00:00Z 60 0.0912"]);
    let latest =
        r#"{"zone":"AT","datetime":"2026-10-25T00:00:00Z","value":12.5,"unit":"EUR/MWh","source":"x"}"#;
    assert_eq!(
        slots(curve(&fetched(named("electricity-maps"), latest, |_| {}).0)),
        ["2026-10-25T00:00:00Z 60 0.0125"]
    );
    let carbon = r#"{"zone":"AT","forecast":[{"carbonIntensity":245,"datetime":"2026-10-25T00:00:00Z","isEstimated":false}]}"#;
    let (snapshot, _) = fetched(named("electricity-maps-carbon"), carbon, |_| {});
    assert_eq!(curve(&snapshot).unit, CurveUnit::GramsPerKilowattHour);
    assert_eq!(slots(curve(&snapshot)), ["2026-10-25T00:00:00Z 60 245"]);
}

#[test]
fn vast_wrapped_and_bare() {
    let offers_json = r#"[{"id":7,"gpu_name":"RTX 4090","num_gpus":2,"gpu_ram":24564,"gpu_max_power":450,"dph_base":0.6,"dph_total":0.65,"min_bid":0.3,"storage_cost":0.15,"reliability2":0.99,"geolocation":"Norway, NO"},
        {"id":8,"gpu_name":"RTX 4090","num_gpus":1,"dph_total":0.4,"min_bid":null,"geolocation":null},{"id":9}]"#;
    let (snapshot, asked) = fetched(named("vast"), &format!(r#"{{"offers":{offers_json}}}"#), |query| {
        query.gpus = vec!["RTX 4090".into()];
    });
    assert!(
        asked[0].starts_with("POST /api/v0/bundles/ ") && asked[0].contains(r#"{"in":["RTX 4090"]}"#),
        "{asked:?}"
    );
    let rows = |rows: &[(&str, OfferKind, &str)]| -> Vec<(String, OfferKind, String)> {
        rows.iter().map(|(name, kind, rate)| ((*name).to_owned(), *kind, (*rate).to_owned())).collect()
    };
    let wanted = rows(&[
        ("vast 7", OfferKind::Rent, "0.65"),
        ("vast 7", OfferKind::Spot, "0.35"), // bid and disk
        ("vast 8", OfferKind::Rent, "0.4"),
    ]);
    assert_eq!(priced(offers(&snapshot)), wanted);
    assert_eq!(snapshot.left_out, ["1 machines without a GPU's name"]);
    assert_eq!(offers(&snapshot)[0].region.as_deref(), Some("Norway, NO"));
    assert_eq!(priced(offers(&fetched(named("vast"), offers_json, |_| {}).0)), wanted);
}

#[test]
fn runpod() {
    let body = r#"{"data":{"gpuTypes":[
        {"id":"NVIDIA A40","displayName":"A40","memoryInGb":48,"securePrice":0.4,"communityPrice":0,"lowestPrice":{"minimumBidPrice":0.2,"uninterruptablePrice":0.4,"stockStatus":"High"}},
        {"id":"x","displayName":null,"memoryInGb":null,"securePrice":null,"communityPrice":0.1,"lowestPrice":null}]}}"#;
    let (snapshot, asked) = fetched(named("runpod"), body, |_| {});
    let head = asked[0].to_ascii_lowercase();
    assert!(
        head.starts_with("post /graphql ") && head.contains("authorization: bearer the-secret-key"),
        "{head}"
    );
    let names: Vec<&str> = offers(&snapshot).iter().map(|offer| offer.name.as_str()).collect();
    assert_eq!(names, ["runpod secure A40", "runpod spot A40", "runpod community x"]);
    let refused =
        named("runpod").parse(r#"{"errors":[{"message":"bad key\u001b"}]}"#, &Query::default(), now());
    assert!(refused.unwrap_err().contains("bad key\\u{1b}"));
}

#[test]
fn aws_spot_history() {
    let body = r#"{"SpotPriceHistory":[
        {"AvailabilityZone":"eu-1a","InstanceType":"g5.xlarge","ProductDescription":"Linux/UNIX","SpotPrice":"0.420000","Timestamp":"2026-10-24T10:00:00+00:00"},
        {"AvailabilityZone":"eu-1a","InstanceType":"g5.xlarge","SpotPrice":"0.500000","Timestamp":"2026-10-23T10:00:00+00:00"},
        {"AvailabilityZone":"eu-1b","InstanceType":"g5.xlarge","SpotPrice":"0.300000","Timestamp":"2026-10-20T10:00:00+00:00"}]}"#;
    let parsed = named("aws-spot").parse(body, &Query::default(), now()).unwrap();
    let Prices::Offers(offers) = &parsed.prices else { panic!("{parsed:?}") };
    let rates: Vec<_> =
        offers.iter().map(|offer| (offer.name.as_str(), offer.per_hour.to_string())).collect();
    assert_eq!(rates, [("aws g5.xlarge eu-1a", "0.42".into()), ("aws g5.xlarge eu-1b", "0.3".into())]);
    assert_eq!(parsed.left_out, ["1 older prices"]);
    assert_eq!(
        parsed.remarks,
        ["prices are of Linux/UNIX", "2 prices name no operating system and are taken for it"]
    );
    let entry = |product: &str, price: &str, hour: u8| {
        format!(
            r#"{{"AvailabilityZone":"a","InstanceType":"g5.xlarge","ProductDescription":"{product}","SpotPrice":"{price}","Timestamp":"2026-10-24T{hour:02}:00:00Z"}}"#
        )
    };

    // a license comes with some of them, and the newest entry is no better for that
    let entries = [
        entry("Windows", "0.59", 11),
        entry("Red Hat Enterprise Linux", "0.46", 10),
        entry("Linux/UNIX (Amazon VPC)", "0.40", 9),
    ];

    let history = format!(r#"{{"SpotPriceHistory":[{}],"NextToken":"x"}}"#, entries.join(","));
    for (product, rate) in
        [(None, "0.4"), (Some("windows"), "0.59"), (Some("Red Hat Enterprise Linux"), "0.46")]
    {
        let query = Query { product: product.map(str::to_owned), ..Query::default() };
        let parsed = named("aws-spot").parse(&history, &query, now()).unwrap();
        let Prices::Offers(offers) = &parsed.prices else { panic!("{parsed:?}") };
        let rates: Vec<String> = offers.iter().map(|offer| offer.per_hour.to_string()).collect();
        assert_eq!(rates, [rate], "{product:?}");
        assert!(parsed.left_out.iter().any(|what| what.contains("NextToken")), "{parsed:?}");
        assert_eq!(parsed.left_out.iter().filter(|what| what.starts_with("1 prices of ")).count(), 2);
    }

    let suse = Query { product: Some("SUSE Linux".to_owned()), ..Query::default() };
    let error = named("aws-spot").parse(&history, &suse, now()).unwrap_err();
    assert!(
        error.contains("choose with --product: Linux/UNIX, Red Hat Enterprise Linux, Windows"),
        "{error}"
    );
    let error = named("aws-spot").fetch(&client(), &query("http://127.0.0.1:1"), now()).unwrap_err();
    assert!(error.to_string().contains("--file"));
}

/// What `jq` leaves of an answer: its list alone, as an array or a line an element.
#[test]
fn lists_without_what_stands_around_them() {
    let spot = r#"{"AvailabilityZone":"a","InstanceType":"g5","ProductDescription":"Linux/UNIX","SpotPrice":"0.4","Timestamp":"2026-10-24T10:00:00Z"}"#;
    let rate = |hour: u8| {
        let (start, end) = (format!("2026-10-01T{hour:02}:00:00Z"), format!("2026-10-01T{hour:02}:30:00Z"));
        format!(r#"{{"value_inc_vat":20.5,"valid_from":"{start}","valid_to":"{end}","payment_method":null}}"#)
    };
    let hour = |number: i64| {
        let (start, end) = (1_790_000_000_000 + number * 3_600_000, 1_790_003_600_000 + number * 3_600_000);
        format!(r#"{{"start_timestamp":{start},"end_timestamp":{end},"marketprice":85.1,"unit":"Eur/MWh"}}"#)
    };
    let query = Query { product: None, zone: None, ..Query::default() };
    for (source, key, elements) in [
        ("aws-spot", "SpotPriceHistory", [spot.to_owned(), spot.replace(r#""a""#, r#""b""#)]),
        ("octopus-agile", "results", [rate(1), rate(2)]),
        ("awattar", "data", [hour(0), hour(1)]),
    ] {
        let parse = |text: &str| named(source).parse(text, &query, now()).map(|parsed| parsed.prices);
        let whole = parse(&format!(r#"{{"{key}":[{}]}}"#, elements.join(","))).unwrap();
        for text in [format!("[{}]", elements.join(",\n")), format!("\u{feff}{}\n", elements.join("\n"))] {
            assert_eq!(parse(&text), Ok(whole.clone()), "{source}: {text}");
        }
        assert!(parse(r#"{"error":"busy"}"#).is_err() && parse("[]").is_err(), "{source}");
    }
}

#[test]
fn skypilot_in_any_order_of_columns() {
    let body = "Region,SpotPrice,InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,Price\n\
        us-east-1,0.42,g5.xlarge,A10G,1.0,4,16,1.006\nus-east-1,,m5.large,,,2,8,0.096\n\"us, west\",0.00,p4d,A100,8,96,1152,soon\n";
    let (snapshot, asked) = fetched(named("skypilot"), body, |query| query.zone = Some("aws".into()));
    assert!(asked[0].starts_with("GET /aws/vms.csv "), "{asked:?}");
    let found: Vec<_> =
        offers(&snapshot).iter().map(|o| (o.hardware.as_str(), o.kind, o.per_hour.to_string())).collect();
    assert_eq!(
        found,
        [
            ("A10G", OfferKind::Rent, "1.006".into()),
            ("A10G", OfferKind::Spot, "0.42".into()),
            ("m5.large", OfferKind::Rent, "0.096".into())
        ]
    );
    assert_eq!(snapshot.left_out, ["1 prices that are no numbers"]);
}

#[test]
fn litellm_map() {
    let body = r#"{"sample_spec":{"input_cost_per_token":0,"output_cost_per_token":0,"mode":"chat"},
        "small":{"input_cost_per_token":1.5e-7,"output_cost_per_token":6e-7,"cache_read_input_token_cost":7.5e-8,"litellm_provider":"x","mode":"chat"},
        "long":{"input_cost_per_token":1e-6,"output_cost_per_token":2e-6,"input_cost_per_token_above_200k_tokens":2e-6,"output_cost_per_reasoning_token":4e-6,"input_cost_per_audio_token":1e-5,"cache_creation_input_token_cost":0,"mode":"chat"},
        "per-million":{"input_cost_per_token":0.071,"output_cost_per_token":0.071,"mode":"chat"},
        "tiers":{"tiered_pricing":[{"range":[0,1000],"input_cost_per_token":1e-6}],"mode":"chat"},
        "ears":{"mode":"audio_transcription","input_cost_per_second":0.0001},"odd":[1],"free":{"mode":"chat","input_cost_per_token":-1,"output_cost_per_token":0}}"#;
    let (snapshot, asked) = fetched(named("litellm"), body, |_| {});
    assert!(asked[0].starts_with("GET /model_prices_and_context_window.json "), "{asked:?}");
    let Prices::Tokens(models) = &snapshot.prices else { panic!("{snapshot:?}") };
    assert_eq!(models.len(), 2);
    assert_eq!(
        models[0].not_used,
        ["input_cost_per_token_above_200k_tokens", "output_cost_per_reasoning_token"]
    );
    let models = &models[1..];
    assert_eq!((models[0].model.as_str(), models[0].input.to_string()), ("small", "0.00000015".to_owned()));
    assert_eq!(models[0].cached_input.map(|cost| cost.to_string()).as_deref(), Some("0.000000075"));
    assert_eq!(
        snapshot.left_out,
        [
            "1 models that write no text or lack a price",
            "2 models whose price cannot be one of a single token",
            "1 models priced by the length of the prompt alone",
            "1 entries of an unknown shape"
        ]
    );
}

#[test]
fn ecb_rates() {
    let body = "<?xml version=\"1.0\"?><gesmes:Envelope><Cube><Cube time='2026-10-23'><Cube currency='USD' rate='1.0812'/><Cube currency=\"GBP\" rate=\"0.8345\"/></Cube></Cube></gesmes:Envelope>";
    let (snapshot, asked) = fetched(named("ecb"), body, |_| {});
    assert!(asked[0].starts_with("GET /stats/eurofxref/eurofxref-daily.xml "), "{asked:?}");
    let Prices::Rates(rates) = &snapshot.prices else { panic!("{snapshot:?}") };
    let shown: Vec<_> = rates.iter().map(|rate| format!("{} {} {}", rate.to, rate.rate, rate.date)).collect();
    assert_eq!(shown, ["USD 1.0812 2026-10-23", "GBP 0.8345 2026-10-23"]);
}

#[test]
fn a_table_of_ones_own() {
    let check = |body: &str, zone: Option<&str>, wanted: Result<&[&str], &str>| {
        let query = Query { time_zone: zone.map(str::to_owned), ..Query::default() };
        let found = named("csv").parse(body, &query, now()).map(|parsed| match parsed.prices {
            Prices::Curve(curve) => slots(&curve),
            other => panic!("{other:?}"),
        });
        match (found, wanted) {
            (Ok(found), Ok(wanted)) => assert_eq!(found, wanted),
            (Err(error), Err(wanted)) => assert!(error.contains(wanted), "{error} lacks {wanted}"),
            (found, wanted) => panic!("{found:?}, not {wanted:?}"),
        }
    };
    let cet = Some("CET-1CEST,M3.5.0,M10.5.0/3");
    let head = "start,end,price,currency,unit\n";
    let row = |row: &str| format!("{head}{row}\n");
    check(
        &row(
            "2026-11-23T00:00+01:00,2026-11-23T00:15+01:00,85.5,EUR,MWh\n2026-11-22T23:15:00Z,2026-11-22T23:30:00Z,,EUR,MWh",
        ),
        None,
        Ok(&["2026-11-22T23:00:00Z 15 0.0855", "2026-11-22T23:15:00Z 15 –"]),
    );
    check(&row("2026-11-23T00:00,2026-11-23T01:00,0.3,EUR,kWh"), cet, Ok(&["2026-11-22T23:00:00Z 60 0.3"]));
    check(&row("2026-11-23T00:00,2026-11-23T01:00,0.3,EUR,kWh"), None, Err("--time-zone"));
    check(&row("2026-10-25T02:30,2026-10-25T03:00,0.3,EUR,kWh"), cet, Err("twice or never"));
    check(&row("2026-03-29T02:30,2026-03-29T03:00,0.3,EUR,kWh"), cet, Err("twice or never"));
    check(
        &row("2026-11-23T00:00Z,2026-11-23T01:00Z,245,,gCO2/kWh"),
        None,
        Ok(&["2026-11-23T00:00:00Z 60 245"]),
    );
    check(
        &row("2026-11-23T00:00Z,2026-11-23T01:00Z,24.5,GBp,kWh"),
        None,
        Ok(&["2026-11-23T00:00:00Z 60 0.245"]),
    );
    check(&row("2026-11-23T00:00Z,2026-11-23T01:00Z,24.5,cent,kWh"), None, Err("several currencies"));
    check(&row("2026-11-23T00:00Z,2026-11-23T01:00Z,24.5,EUr,kWh"), None, Err("not a currency code"));
    check(
        &row("2026-11-23T00:00Z,2026-11-23T01:00Z,much,EUR,kWh"),
        None,
        Err("line 2: `much` is not a price"),
    );
    check(&row("2026-11-23T01:00Z,2026-11-23T00:00Z,1,EUR,kWh"), None, Err("not after it"));
    check(
        &row("2026-11-23T00:00Z,2026-11-23T01:00Z,1,EUR,kWh\n2026-11-23T00:30Z,2026-11-23T02:00Z,1,EUR,kWh"),
        None,
        Err("overlap"),
    );
    check(
        &row("2026-11-23T00:00Z,2026-11-23T01:00Z,1,EUR,kWh\n2026-11-23T01:00Z,2026-11-23T02:00Z,1,USD,kWh"),
        None,
        Err("line 3: another currency"),
    );
    check(&row("2026-11-23T00:00Z,2026-11-23T01:00Z,1,EUR,barrel"), None, Err("barrel"));
    check("start,end\n", None, Err("`price` is missing"));
    check(head, None, Err("no line"));

    // as spreadsheets of half of Europe write it, and with the hour that happens twice
    let of_spreadsheet = "start;end;price;currency;unit\n\
        2026-10-25 02:00:00+02:00;2026-10-25 02:00:00+01:00;0,26;EUR;kWh\n\
        2026-10-25 02:00:00+01:00;2026-10-25 03:00:00+01:00;-12,5;GBp;kWh\n";
    check(of_spreadsheet, None, Err("line 3: another currency"));
    check(
        &of_spreadsheet.replace("-12,5;GBp", "-0,125;EUR"),
        None,
        Ok(&["2026-10-25T00:00:00Z 60 0.26", "2026-10-25T01:00:00Z 60 -0.125"]),
    );
    let doubtful = row("2026-11-23T00:00Z,2026-11-23T01:00Z,\"1,234\",EUR,MWh");
    check(&doubtful, None, Err("line 2: `1,234` may be a thousand"));
    check(&row("2026-11-23T00:00Z,2026-11-23T01:00Z,\"1,2,3\",EUR,MWh"), None, Err("is not a price"));
}
