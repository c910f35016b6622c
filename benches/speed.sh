#!/usr/bin/env bash
# The speed targets in one table: start-up, a report on 10,000 spans, the harness's own cost per token, the load
# generator against a scripted server, and the default comparison with its models in the cache. Needs python3; wants a machine with nothing else to do.
#
#   benches/speed.sh            everything; the comparison takes minutes
#   benches/speed.sh --quick    without the comparison and the benchmark
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

quick=false
[[ ${1:-} == --quick ]] && quick=true

cargo build --release --quiet -p infercost
cargo build --release --quiet -p infercost-benches --example synthetic_run
target=${CARGO_TARGET_DIR:-target}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
run=$("$target/release/examples/synthetic_run" "$work/traces" synthetic 10000 32)

if ! $quick; then
  # models into the cache, so that fetching them is not timed
  "$target/release/infercost" compare --max-prompts 1 --traces "$work/warm" >/dev/null || [[ $? -eq 3 || $? -eq 4 ]]
  cargo bench --quiet -p infercost-benches --bench harness_overhead >"$work/harness.log" 2>&1
  cargo bench --quiet -p infercost-benches --bench served_load >"$work/served_load.log" 2>&1
fi

QUICK=$quick RUN=$run WORK=$work INFERCOST=$target/release/infercost CRITERION=$target/criterion python3 - <<'PYTHON'
import json, os, pathlib, statistics, subprocess, time

program, work = os.environ["INFERCOST"], os.environ["WORK"]
rows, ok = [], True


def seconds(arguments, answers=(0,)):
    start = time.perf_counter()
    done = subprocess.run([program, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    taken = time.perf_counter() - start
    if done.returncode not in answers:
        raise SystemExit(f"infercost {' '.join(arguments)} ended with status {done.returncode}")
    return taken


def row(what, value, target, unit):
    global ok
    ok = ok and value < target
    rows.append((what, f"{value:.3g} {unit}", f"< {target:g} {unit}", "ok" if value < target else "TOO SLOW"))


# 3 and 4 are answers too: inconclusive, and no candidate passes
answers = (0, 3, 4)
row("infercost --help, median of 21", statistics.median(seconds(["--help"]) for _ in range(21)) * 1000, 20, "ms")
report = ["report", os.environ["RUN"], "--json"]
row("report on 10,000 spans, median of 5", statistics.median(seconds(report, answers) for _ in range(5)), 1, "s")
if os.environ["QUICK"] == "false":
    def mean_ns(name):
        path = pathlib.Path(os.environ["CRITERION"], "harness_overhead", name, "new", "estimates.json")
        return json.loads(path.read_text())["mean"]["point_estimate"]

    tokens = 100 * 64  # as in benches/harness_overhead.rs
    own = (mean_ns("harness_and_trace") - mean_ns("bare_loop")) / tokens / 1000
    taken = seconds(["compare", "--json", "--traces", work + "/compare"], answers)
    # candle's own loop on the Q8_0 variant, by the program's bench command
    bench = subprocess.run(
        [program, "bench", "smollm2-135m-instruct/q8_0", "--json"], stdin=subprocess.DEVNULL, capture_output=True
    )
    rate = json.loads(bench.stdout)["decode_tokens_per_s"] if bench.returncode == 0 else None
    rate = rate["point"] if isinstance(rate, dict) else rate
    if rate:
        row("harness and trace, of one decode step", own / (1e6 / rate) * 100, 0.5, "%")
    rows.append(("harness and trace, a token", f"{own:.3g} µs", "", ""))
    row("default compare, models cached", taken, 300, "s")
    # `… best 5210 requests/s of …` and `TTFT error at 100 requests/s: p50 …, p99 0.4 ms, …`
    load = pathlib.Path(work, "served_load.log").read_text()
    best = float(load.split("16 writes: best ")[1].split()[0])
    row("a streamed request of 16 chunks, 256 in flight", 1e6 / best, 200, "µs")
    row("TTFT error at 100 requests/s, p99", float(load.split("p99 ")[1].split()[0]), 1, "ms")
width = max(len(what) for what, *_ in rows)
for what, value, target, verdict in rows:
    print(f"{what:<{width}}  {value:>12}  {target:>10}  {verdict}")
raise SystemExit(0 if ok else 1)
PYTHON
