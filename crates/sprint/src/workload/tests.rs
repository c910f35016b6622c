#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

use infercost_core::{TraceCell, TraceField};

use super::*;

fn lengths(workload: &TraceWorkload) -> Vec<(f64, u32, u32)> {
    let mut all = Vec::new();
    for request in &workload.requests {
        let count = match &request.input {
            TraceInput::Tokens { count, .. } => *count,
            TraceInput::Text(text) => u32::try_from(text.len()).unwrap(),
        };
        all.push((request.at_s, count, request.output_tokens));
    }
    all
}

#[test]
fn burst_gpt_is_read_and_failed_requests_are_counted() {
    let text = "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n\
                5,,1.5,ChatGPT,472,18,490,Conversation log\n45,,2,ChatGPT,1087,230,1317,API log\n\
                1106,,0,ChatGPT,0,0,0,Conversation log\n";
    let workload = read("BurstGPT_1.csv", text).unwrap().unwrap();
    assert_eq!(lengths(&workload), [(0.0, 472, 18), (40.0, 1087, 230)]);
    assert_eq!((workload.left_out, workload.has_arrivals, workload.rate()), (1, true, Some(0.025)));
}

#[test]
fn azure_dates_are_read() {
    let text = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,4808,10\n\
                2023-11-16 18:17:04.0319600,3180,8\n";
    let workload = read("code.csv", text).unwrap().unwrap();
    let [(first, ..), (second, 3180, 8)] = lengths(&workload)[..] else { panic!("{workload:?}") };
    assert!(first.abs() < 1e-9 && (second - 0.052).abs() < 1e-6, "{second}");

    let with_zone = text.replace("600,", "600+00:00,");
    assert_eq!(read("code.csv", &with_zone).unwrap().unwrap().requests.len(), 2);
}

#[test]
fn mooncake_keeps_shared_beginnings_and_bursts() {
    let text = r#"{"timestamp": 27482, "input_length": 1100, "output_length": 52, "hash_ids": [46, 47, 48]}
{"timestamp": 27482, "input_length": 1030, "output_length": 12, "hash_ids": [46, 47, 99]}
{"timestamp": 30000, "input_length": 20, "output_length": 5, "hash_ids": [7]}
"#;
    let workload = read("trace.jsonl", text).unwrap().unwrap();
    let times: Vec<f64> = lengths(&workload).iter().map(|one| (one.0 * 1000.0).round()).collect();
    assert_eq!(times, [0.0, 0.0, 2518.0]);
    assert!(workload.shares_prefixes());
    assert!(workload.burstiness().is_some_and(|cv| cv > 1.0));

    let TraceInput::Tokens { blocks, count } = &workload.requests[0].input else { panic!() };
    let one = text_of_length(*count, blocks, 0);
    let other = text_of_length(1030, &[46, 47, 99], 1);
    assert_eq!(one.split(' ').count(), 1100);
    let common = one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
    let shared: usize = one.split(' ').take(1024).map(|word| word.len() + 1).sum();
    assert!(common >= shared - 1 && common < shared + 40, "{common} of {shared}");

    let faster = workload.cut(2, 10.0);
    assert_eq!(faster.requests.len(), 2);
}

#[test]
fn share_gpt_asks_the_first_question() {
    let text = r#"[{"id": "a", "conversations": [{"from": "human", "value": "What is a roofline?"},
 {"from": "gpt", "value": "A bound on speed."}]}, {"id": "b", "conversations": [{"from": "gpt", "value": "x"}]}]"#;
    let workload = read("share.json", text).unwrap().unwrap();
    assert_eq!((workload.requests.len(), workload.left_out, workload.has_arrivals), (1, 1, false));
    assert_eq!(workload.requests[0].output_tokens, 5);
    assert_eq!(workload.rate(), None);
}

#[test]
fn what_is_no_trace_is_left_to_others_and_what_is_wrong_is_named() {
    assert!(read("p.jsonl", r#"{"id": "a", "prompt": "b"}"#).is_none());
    assert!(read("p.csv", "id,prompt\na,b\n").is_none());
    for (text, place, reason) in [
        ("timestamp,model\n1,x\n", "f", "without lengths"),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\nnoon,1,2\n", "f:2", "not a time"),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\n1,-1,2\n", "f:2", "not a number"),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\n1,99999999999,2\n", "f:2", "more than"),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\n1,0,0\n", "f", "was answered (1 were not)"),
        ("{\"timestamp\": 1, \"hash_ids\": []}", "f:1", "without `input_length`"),
        ("{\"timestamp\": -1, \"input_length\": 1, \"output_length\": 1}", "f:1", "milliseconds"),
    ] {
        let fault = read("f", text).unwrap().unwrap_err();
        assert!(fault.place == place && fault.reason.contains(reason), "{text}: {fault}");
    }
}

#[test]
fn synthetic_workloads_keep_what_is_asked() {
    let workload = synthetic("input=1200-1300,output=64,rate=4,count=400,shared=1024", 7).unwrap();
    assert_eq!(workload.requests.len(), 400);
    assert!(workload.shares_prefixes());
    assert!(workload.rate().is_some_and(|rate| (rate - 4.0).abs() < 0.6), "{:?}", workload.rate());
    assert!(workload.burstiness().is_some_and(|cv| (cv - 1.0).abs() < 0.2));
    assert_eq!(synthetic("input=1200-1300,output=64,rate=4,count=400,shared=1024", 7), Ok(workload));
    assert!(!synthetic("input=8,output=8", 7).unwrap().has_arrivals);

    for (text, reason) in [
        ("", "lengths are missing"),
        ("input=5", "lengths are missing"),
        ("input=0,output=5", "not a number"),
        ("input=9-5,output=5", "not a number"),
        ("input=5,output=5,rate=-1", "not a number"),
        ("input=5,output=5,colour=1", "none of"),
        ("input=5,output=5,shared=6", "more than the shortest"),
    ] {
        let fault = synthetic(text, 7).unwrap_err();
        assert!(fault.reason.contains(reason), "{text}: {fault}");
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// A workload of rows, whose cells stand in the order of the columns that are wanted.
fn of_rows(columns: &[&str], most: usize, cells: &[Vec<TraceCell>]) -> Result<TraceWorkload, WorkloadFault> {
    let mut rows = TraceRows::of("f.parquet", &names(columns), most)?;
    for (row, cells) in (1..).zip(cells) {
        rows.append(row, cells)?;
    }
    rows.finish()
}

fn turn(from: &str, value: &str) -> TraceCell {
    let field =
        |name: &str, text: &str| TraceField { name: name.into(), value: TraceCell::Text(text.into()) };
    TraceCell::Fields(vec![field("from", from), field("value", value)])
}

#[test]
fn typed_columns_give_what_their_text_gives() {
    use TraceCell::{Missing, Moment, Number, Text, Whole};

    let text =
        "Timestamp,Model,Request tokens,Response tokens\n5,GPT-4,472,18\n45,GPT-4,1087,230\n46,GPT-4,3,0\n";
    let wanted = read("f", text).unwrap().unwrap();
    let columns = ["Timestamp", "Model", "Request tokens", "Response tokens"];
    let types: [fn(i64) -> TraceCell; 3] =
        [|number| Whole(number.into()), |number| Number(number as f64), |number| Text(number.to_string())];
    for typed in types {
        let row = |cells: [i64; 3]| cells.map(typed).to_vec();
        let rows = [row([5, 472, 18]), row([45, 1087, 230]), row([46, 3, 0])];
        assert_eq!(of_rows(&columns, 10, &rows).unwrap(), wanted);
    }

    // the same two moments: counted, with a zone, and without one
    let azure = ["TIMESTAMP", "ContextTokens", "GeneratedTokens"];
    for time in [
        [Moment(1_700_158_623.5), Moment(1_700_158_624.75)],
        [Text("2023-11-16 19:17:03.5+01:00".into()), Text("2023-11-16T18:17:04.75Z".into())],
        [Text("2023-11-16 18:17:03.5".into()), Text("2023-11-16 18:17:04.75".into())],
    ] {
        let rows = time.map(|time| vec![time, Whole(7), Whole(2)]);
        assert_eq!(lengths(&of_rows(&azure, 10, &rows).unwrap()), [(0.0, 7, 2), (1.25, 7, 2)]);
    }

    let mooncake = ["hash_ids", "timestamp", "input_length", "output_length"];
    let text = "{\"timestamp\": 2500, \"input_length\": 600, \"output_length\": 5, \"hash_ids\": [4, 9]}\n";
    let blocks = TraceCell::List(vec![Whole(4), Whole(9), Whole(9)]);
    let rows = [vec![Whole(2500), Whole(600), Number(5.0), blocks]];
    assert_eq!(of_rows(&mooncake, 10, &rows).unwrap(), read("f", text).unwrap().unwrap());
    let rows = of_rows(&mooncake[1..], 10, &[vec![Whole(2500), Whole(600), Whole(5)]]).unwrap();
    assert!(!rows.shares_prefixes() && rows.requests.len() == 1);

    let text = r#"[{"conversations": [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "So that."}]},
        {"conversations": []}, {"conversations": [{"from": "gpt", "value": "x"}]}]"#;
    let rows = [
        vec![TraceCell::List(vec![turn("human", "Why?"), turn("gpt", "So that.")])],
        vec![Missing],
        vec![TraceCell::List(vec![turn("gpt", "x")])],
    ];
    assert_eq!(of_rows(&["id", "conversations"], 10, &rows).unwrap(), read("f", text).unwrap().unwrap());
}

#[test]
fn a_cell_that_is_wrong_is_named_with_its_row() {
    use TraceCell::{List, Missing, Moment, Number, Other, Text, Whole};

    let azure = ["timestamp", "contexttokens", "generatedtokens"];
    let mooncake = ["timestamp", "input_length", "output_length", "hash_ids"];
    let good = || vec![Whole(1), Whole(1), Whole(1)];
    let with = |last: TraceCell| [good(), vec![last]].concat();
    for (columns, bad, reason) in [
        (&azure[..], vec![Missing, Whole(1), Whole(1)], "`timestamp` is empty"),
        (&azure, vec![Text("noon".into()), Whole(1), Whole(1)], "`timestamp` is not a time"),
        (&azure, vec![Number(f64::NAN), Whole(1), Whole(1)], "`timestamp` is not a time"),
        (&azure, vec![Other("Date32".into()), Whole(1), Whole(1)], "`timestamp` is Date32, and not a time"),
        (&azure, vec![Whole(1), Missing, Whole(1)], "`contexttokens` is empty"),
        (&azure, vec![Whole(1), Whole(-1), Whole(1)], "`contexttokens` is not a number of tokens"),
        (&azure, vec![Whole(1), Whole(1), Number(1.5)], "`generatedtokens` is not a number of tokens"),
        (&azure, vec![Whole(1), Whole(1), List(Vec::new())], "`generatedtokens` is a list"),
        (&azure, vec![Whole(1), Whole(1 << 40), Whole(1)], "more than a request can have"),
        (&mooncake, vec![Moment(1.0), Whole(1), Whole(1), Missing], "`timestamp` is not a time in millisec"),
        (&mooncake, vec![Missing, Whole(1), Whole(1), Missing], "`timestamp` is empty"),
        (&mooncake, with(Text("1".into())), "`hash_ids` is not a list of whole numbers"),
        (&mooncake, with(List(vec![Whole(-1)])), "`hash_ids` is not a list of whole numbers"),
        (&["conversations"], vec![Text("hello".into())], "`conversations` holds a text"),
        (&["conversations"], vec![List(vec![Text("hello".into())])], "`conversations` holds a text"),
    ] {
        let first = match columns {
            ["conversations"] => vec![Missing],
            [_, _, _, _] => with(Missing),
            _ => good(),
        };
        let fault = of_rows(columns, 10, &[first, bad.clone()]).unwrap_err();
        assert!(fault.place == "f.parquet, row 2" && fault.reason.contains(reason), "{bad:?}: {fault}");
    }

    for (columns, reason) in [
        (&["id", "prompt"][..], "is no trace that is known: its columns are `id`, `prompt`; wanted are"),
        (&["timestamp", "model"], "without lengths"),
        (&["ContextTokens", "GeneratedTokens"], "no column `timestamp`"),
        (&["Conversations", "conversations"], "two columns are called `conversations`"),
        (&[], "is no trace"),
    ] {
        let fault = TraceRows::of("f.parquet", &names(columns), 1).unwrap_err();
        assert!(fault.place == "f.parquet" && fault.reason.contains(reason), "{columns:?}: {fault}");
    }
    let fault = of_rows(&azure, 10, &[vec![Whole(1), Whole(0), Whole(1)]]).unwrap_err();
    assert!(fault.reason.contains("was answered (1 were not)"), "{fault}");
}

#[test]
fn of_many_rows_the_first_by_their_time_are_kept() {
    let columns = ["timestamp", "contexttokens", "generatedtokens"];
    let count = 10_000_i128;
    // later rows come earlier, two at a time
    let row = |row: i128| [(count - row) / 2, 1 + row % 7, 1 + row].map(TraceCell::Whole).to_vec();
    let rows: Vec<_> = (0..count).map(row).collect();
    let all = of_rows(&columns, usize::MAX, &rows).unwrap();
    let first = of_rows(&columns, 5, &rows).unwrap();
    assert_eq!((all.held, first.held, first.requests.len()), (10_000, 10_000, 5));
    assert_eq!(all.requests.len(), 10_000);
    assert_eq!(all.requests[..5], first.requests);
    let times: Vec<f64> = first.requests.iter().map(|request| request.at_s).collect();
    assert_eq!(times, [0.0, 1.0, 1.0, 2.0, 2.0]);
    assert_eq!(first.requests[1].output_tokens + 1, first.requests[2].output_tokens);
}

#[test]
fn calls_of_a_session_begin_alike_where_they_can() {
    let call = |at_s: f64, input_tokens: u64, session: &str| TraceCall {
        at_s,
        input_tokens,
        output_tokens: 20,
        session: Some(session.to_owned()),
        ..TraceCall::default()
    };
    let plain = |prompt: Option<&str>, text: Option<&str>| TraceCall {
        at_s: 20.0,
        input_tokens: 600,
        output_tokens: 1,
        prompt: prompt.map(str::to_owned),
        text: text.map(str::to_owned),
        session: None,
    };
    let calls = vec![
        call(10.0, 600, "a"),
        call(11.0, 600, "b"),
        call(12.0, 1200, "a"),
        call(13.0, 300, "a"),
        plain(Some("p"), None),
        plain(Some("p"), None),
        plain(Some("p"), Some("What?")),
        plain(None, None),
    ];
    let workload = of_calls("tables", calls).unwrap();
    let times: Vec<f64> = workload.requests.iter().map(|request| request.at_s).collect();
    assert_eq!(times, [0.0, 1.0, 2.0, 3.0, 10.0, 10.0, 10.0, 10.0]);
    assert_eq!((workload.held, workload.has_arrivals, workload.notes.len()), (8, true, 1));
    assert!(workload.notes[0].starts_with("1 request is assumed"), "{:?}", workload.notes);

    let mut texts = Vec::new();
    for (index, request) in (0..).zip(&workload.requests) {
        texts.push(match &request.input {
            TraceInput::Text(text) => text.clone(),
            TraceInput::Tokens { count, blocks } => text_of_length(*count, blocks, index),
        });
    }
    assert!(texts[2].starts_with(&texts[0]), "a longer prompt of the session goes on");
    assert!(!texts[2].starts_with(&texts[3]), "a shorter one does not");
    assert!(!texts[1].starts_with(&texts[0][..40]), "another session is another text");
    assert!(texts[4] == texts[5] && texts[4] != texts[7], "a prompt that is named is one text");
    assert_eq!(texts[6], "What?");

    let fault = of_calls("tables", vec![TraceCall { input_tokens: 1 << 40, ..TraceCall::default() }]);
    assert!(fault.is_err_and(|fault| fault.reason.contains("more than a request can have")));
}
