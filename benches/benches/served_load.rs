//! How fast and how exact is the load generator?
//!
//! A scripted server on loopback, in a process of its own with one thread, streams answers of 16 chunks, each a write
//! of its own. Three questions:
//! - **throughput**: streamed requests per second with 256 in flight, the best of several runs, since whatever else
//!   the machine does only slows it down (target: 5,000 on two cores, the server's included). Beside it the CPU time
//!   that a request costs this process and the server, which says what the machine would carry with nothing else
//!   to do;
//! - **memory**: resident size of this process after 10,000 and after 100,000 requests (target: no growth);
//! - **TTFT error**: TTFT as recorded, minus the time that the server itself says went by between reading the request
//!   and writing the first chunk, at a rate below saturation (target: under 1 ms at p99). What is left is the way
//!   there and back over loopback and the client's own delay.
//!
//! `cargo bench -p infercost-benches --bench served_load -- [--quick]`
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot set itself up has nothing to measure")]
#![expect(clippy::print_stdout, reason = "its result is what it prints")]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use infercost_core::{
    Engine, InferenceRecord, Message, OperatingPoint, Outcome, Prompt, PromptBody, Role, Sampling,
};
use infercost_harness::load::{Arrivals, Load, LoadOutcome, put_under_load};
use infercost_openai_mock::{StandIn, StreamScript};
use infercost_served::{ServedModel, ServedOptions};

const CHUNKS: usize = 16;
const IN_FLIGHT: u32 = 256;
/// Tells a copy of this program to be the server: microseconds to the first chunk and between chunks.
const SERVE: &str = "INFERCOST_BENCH_SERVE";

fn main() {
    if let Ok(pauses) = std::env::var(SERVE) {
        return serve(&pauses);
    }
    let quick = std::env::args().any(|argument| argument == "--quick");
    let (runs, requests) = if quick { (1, 20_000) } else { (5, 50_000) };

    // 8 ms + 15 × 1 ms: 256 in flight could be 11,000 a second, so that the programs are the limit.
    let paced = Server::start(8_000, 1_000);
    let eager = Server::start(0, 0);
    for (server, what) in [(&paced, "16 chunks in 16 writes"), (&eager, "16 chunks at once")] {
        let results: Vec<Throughput> = (0..runs).map(|_| throughput(server, requests)).collect();
        report(what, &results);
    }

    let most: u64 = if quick { 20_000 } else { 100_000 };
    let (early, late) = memory(&eager, most);
    println!("memory: {early:.1} MiB after {} requests, {late:.1} MiB after {most}", most / 10);

    let calm = Server::start(20_000, 2_000);
    for rate in [100.0, 500.0, 1000.0] {
        let (errors, limit) = ttft_errors(&calm, rate, Duration::from_secs(if quick { 3 } else { 10 }));
        let at = |share: f64| errors[((errors.len() - 1) as f64 * share) as usize] * 1000.0;
        let (p50, p99, worst) = (at(0.5), at(0.99), at(1.0));
        let limit = limit.map_or_else(String::new, |limit| format!("; the client was the limit: {limit}"));
        println!(
            "TTFT error at {rate} requests/s: p50 {p50:.3} ms, p99 {p99:.3} ms, worst {worst:.3} ms (n = {}){limit}",
            errors.len()
        );
    }
}

/// What one run came to.
struct Throughput {
    /// Requests per second.
    rate: f64,
    /// CPU microseconds a request, of this process and of the server.
    cpu_us: (f64, f64),
}

fn report(what: &str, runs: &[Throughput]) {
    let best = runs.iter().map(|run| run.rate).fold(0.0, f64::max);
    let least = |of: fn(&Throughput) -> f64| runs.iter().map(of).fold(f64::INFINITY, f64::min);
    let (client, server) = (least(|run| run.cpu_us.0), least(|run| run.cpu_us.1));
    let all: Vec<String> = runs.iter().map(|run| format!("{:.0}", run.rate)).collect();
    println!(
        "throughput, {what}: best {best:.0} requests/s of {}; CPU {client:.0} us a request here, {server:.0} us in the \
         server",
        all.join(", ")
    );
}

/// CPU seconds of a process so far.
fn cpu_seconds(process: &str) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let (_, numbers) = stat.rsplit_once(')').unwrap();
    let ticks = numbers.split_ascii_whitespace().skip(11).take(2).map(|word| word.parse::<f64>().unwrap());
    ticks.sum::<f64>() / 100.0 // USER_HZ, 100 wherever Linux runs
}

/// A server in a process of its own.
struct Server {
    process: Child,
    base: String,
}

impl Server {
    fn start(first_us: u64, gap_us: u64) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .env(SERVE, format!("{first_us},{gap_us}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut base = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut base).unwrap();
        Self { process, base: base.trim().to_owned() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take()); // its end is the server's
        let _ = self.process.wait();
    }
}

fn serve(pauses: &str) {
    let (first, gap) = pauses.split_once(',').unwrap();
    let pause = |text: &str| Duration::from_micros(text.parse().unwrap());
    let script = StreamScript {
        first: pause(first),
        gap: pause(gap),
        tokens: (0..CHUNKS).map(|number| format!(" token{number}")).collect(),
        stamp: true,
        cut_by_length: true,
        ..StreamScript::default()
    };
    let server = StandIn::always(script.reply()).unwrap();
    println!("{}", server.base());
    let _ = std::io::stdin().read(&mut [0]);
}

fn load(point: OperatingPoint, duration: Duration, most_requests: u64) -> Load {
    Load {
        point,
        arrivals: Arrivals::Poisson,
        schedule: None,
        warm_up: Duration::ZERO,
        duration,
        most_requests,
        seed: 1,
        sampling: Sampling::default(),
    }
}

fn run(server: &Server, load: &Load, on_finished: &mut dyn FnMut(&InferenceRecord)) -> LoadOutcome {
    let options = ServedOptions { no_trial: true, ..ServedOptions::default() };
    let engine = ServedModel::connect(&format!("{}#m", server.base).parse().unwrap(), &options).unwrap();
    let prompts: Vec<Prompt> = (0..64)
        .map(|number| Prompt {
            id: format!("p{number}").as_str().into(),
            body: PromptBody::Chat(
                vec![Message { role: Role::User, content: format!("What is {number} + 1?") }].into(),
            ),
            grader: None,
            max_tokens: 16,
            tags: Vec::new(),
        })
        .collect();
    let mut keep = |records: Vec<InferenceRecord>| {
        records.iter().for_each(&mut *on_finished);
        Ok(())
    };
    let handle = engine.concurrent().unwrap();
    let outcome = put_under_load(handle, &prompts, load, &mut keep, &AtomicBool::new(false)).unwrap();
    assert_eq!(outcome.failed, 0, "requests failed");
    outcome
}

const CLOSED: OperatingPoint = OperatingPoint::Closed { concurrency: IN_FLIGHT };
const LONG: Duration = Duration::from_secs(600);

fn throughput(server: &Server, requests: u64) -> Throughput {
    let cpu = || (cpu_seconds("self"), cpu_seconds(&server.process.id().to_string()));
    let before = cpu();
    let outcome = run(server, &load(CLOSED, LONG, requests), &mut |record| {
        let Outcome::Completed { arrivals, .. } = &record.outcome else { panic!("{record:?}") };
        assert_eq!(arrivals.len(), CHUNKS);
    });
    let after = cpu();
    let each = |seconds: f64| seconds / outcome.completed as f64 * 1e6;
    Throughput {
        rate: outcome.completed as f64 / outcome.wall_time.as_secs_f64(),
        cpu_us: (each(after.0 - before.0), each(after.1 - before.1)),
    }
}

/// Resident size in MiB after a tenth of the requests and after all of them.
fn memory(server: &Server, most: u64) -> (f64, f64) {
    let (mut seen, mut early, mut late) = (0, 0.0, 0.0);
    run(server, &load(CLOSED, LONG, most), &mut |_| {
        seen += 1;
        if seen == most / 10 {
            early = resident_mib();
        } else if seen == most {
            late = resident_mib();
        }
    });
    (early, late)
}

fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

/// Seconds by which TTFTs exceed the server's, ascending.
fn ttft_errors(server: &Server, rate: f64, duration: Duration) -> (Vec<f64>, Option<String>) {
    let mut errors = Vec::new();
    let outcome = run(server, &load(OperatingPoint::Open { rate }, duration, u64::MAX), &mut |record| {
        let Outcome::Completed { text: Some(text), .. } = &record.outcome else { panic!("{record:?}") };
        let stamp = text.split_once(' ').unwrap().0;
        let truth = Duration::from_nanos(stamp.parse().unwrap());
        let seen = record.outcome.time_to_first_token().unwrap();
        errors.push((seen.as_secs_f64() - truth.as_secs_f64()).abs());
    });
    errors.sort_by(f64::total_cmp);
    (errors, outcome.client_limit)
}
