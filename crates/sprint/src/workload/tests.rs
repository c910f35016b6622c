#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

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
