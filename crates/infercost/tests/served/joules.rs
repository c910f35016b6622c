//! Joules and prices of servers: elsewhere, and on this machine.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use infercost_openai_mock::{Reply, StandIn, StreamScript};
use serde_json::Value;

use super::{MODELS, alone, bench};
use crate::program::{infercost, json};
use crate::started::answers;

/// The report on a server whose address is not this machine's; it is reached through a proxy on loopback, so that no second
/// machine is needed.
fn elsewhere(folder: &Path, more: &[&str]) -> Value {
    let script = StreamScript { first: Duration::from_millis(800), ..StreamScript::default() };
    let proxy = StandIn::start(move |asked| match asked.path {
        path if !path.starts_with("http://gpu.example:8000/") => Reply::not_found(),
        path if path.ends_with("/completions") => script.reply(),
        path if path.ends_with("/v1/models") => Reply::json(MODELS),
        _ => Reply::not_found(),
    })
    .unwrap();
    let arguments = ["compare", "http://gpu.example:8000/v1#m", "--prompts", "mine.jsonl", "--json"];
    let mut command = infercost(folder, &[&arguments, more].concat());
    command.env("http_proxy", proxy.base().trim_end_matches("/v1")).env("no_proxy", "127.0.0.1");
    command.env_remove("HTTP_PROXY").env_remove("NO_PROXY").env_remove("REQUEST_METHOD");
    let output = command.output().unwrap();
    let report = json(&output);
    assert_eq!(report["candidates"][0]["inferences"], 3, "{report:#}");
    assert_eq!(report["candidates"][0]["failures"], 0, "{report:#}");
    report["candidates"][0].clone()
}

#[test]
fn a_server_elsewhere_is_metered_and_priced_only_as_told() {
    let _alone = alone();
    let folder = bench();
    let found = elsewhere(folder.path(), &[]);
    let (energy, cost) = (&found["energy"], &found["cost"]);
    assert!(energy["gross_j"].is_null() && energy["per_inference_j"].is_null(), "{found:#}");
    assert!(cost["components"]["hardware"].is_null() && cost["components"]["energy"].is_null(), "{found:#}");
    let reasons = [&found["unknown"]["energy"], &cost["left_out"]["hardware"]];
    let wanted = ["point --meter at a plug or an exporter there", "give its rate per hour"];
    for (reason, wanted) in reasons.iter().zip(wanted) {
        let reason = reason.as_str().unwrap_or_default();
        assert!(reason.contains("gpu.example") && reason.contains(wanted), "{found:#}");
    }

    // a plug there, which shows 50 W
    let plug = StandIn::start(|_| Reply::json(r#"{"id":0,"apower":50.0}"#)).unwrap();
    let meter = format!("shelly:{}", plug.base().trim_end_matches("/v1"));
    let found = elsewhere(folder.path(), &["--meter", &meter]);
    let (energy, cost) = (&found["energy"], &found["cost"]);
    assert_eq!(energy["source"], "integrated", "{found:#}");
    let watts = energy["gross_j"].as_f64().unwrap() / (3.0 * found["latency_s"]["p50"].as_f64().unwrap());
    assert!((watts / 50.0 - 1.0).abs() < 0.2, "{watts} W: {found:#}");
    assert!(cost["components"]["energy"].as_f64().unwrap() > 0.0, "{found:#}");
    assert!(cost["components"]["hardware"].is_null(), "{found:#}");

    // a rate by the hour: 0.1 cent a second, and each request takes 0.8 s
    let rate = concat!(
        "[prices]\ncurrency = \"EUR\"\nutilization = 1.0\n",
        "hardware = { kind = \"rented\", per_hour = 3.6, source = \"offer\", date = 2026-11-01 }\n"
    );
    fs::write(folder.path().join("infercost.toml"), rate).unwrap();
    let found = elsewhere(folder.path(), &[]);
    let hardware = found["cost"]["components"]["hardware"].as_f64().unwrap();
    assert!((0.0008..0.0012).contains(&hardware), "{found:#}");
    assert!(found["energy"]["gross_j"].is_null(), "{found:#}");
}

/// Both times of a process and of its children that have ended, in seconds (proc_pid_stat(5)).
fn cpu_seconds(pid: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, fields) = text.rsplit_once(") ").unwrap();
    let ticks = fields.split(' ').skip(11).take(4).map(|field| field.parse::<f64>().unwrap());
    ticks.sum::<f64>() / 100.0
}

/// The server has its work done by a process that it starts, as servers do. What `/proc` shows is this machine's own, but
/// for the CPU's name: 150 W and 40 threads in the table.
#[test]
fn an_estimate_counts_the_processes_of_a_server_on_this_machine() {
    let _alone = alone();
    let folder = bench();
    let free = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let mut server = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "started::stub_server", &format!("port={free}")])
        .env("STUB_MODE", "busy")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();

    let patience = Instant::now();
    while !answers(free) && patience.elapsed() < Duration::from_secs(60) {
        sleep(Duration::from_millis(10));
    }
    let proc = folder.path().join("proc");
    fs::create_dir(&proc).unwrap();
    fs::write(proc.join("cpuinfo"), "model name\t: Intel(R) Xeon(R) Gold 6148 CPU @ 2.40GHz\n").unwrap();

    for entry in ["self".to_owned(), server.id().to_string()] {
        std::os::unix::fs::symlink(Path::new("/proc").join(&entry), proc.join(&entry)).unwrap();
    }
    let before = cpu_seconds(server.id());
    let url = format!("http://127.0.0.1:{free}/v1#m");
    let arguments = ["compare", &url, "--prompts", "mine.jsonl", "--warm-ups", "0", "--estimate", "--json"];
    let output = infercost(folder.path(), &arguments).env("INFERCOST_PROC_ROOT", &proc).output().unwrap();
    let used = cpu_seconds(server.id()) - before;
    server.kill().unwrap();
    server.wait().unwrap();
    let report = json(&output);
    let energy = &report["candidates"][0]["energy"];
    assert_eq!(energy["source"], "estimated", "{report:#}");

    // One more request than the three that are measured tried the server out.
    let expected = 0.75 * used * 150.0 / 40.0;
    let ratio = energy["gross_j"].as_f64().unwrap() / expected;
    assert!(expected > 1.0 && (0.8..1.6).contains(&ratio), "{ratio} of {expected} J: {energy:#}");
}
