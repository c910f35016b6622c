#!/usr/bin/env python3
"""Drives one server with infercost, GuideLLM and AIPerf in turn, with the same prompts, and puts what they say in a table.

    python3 benches/servers/judges.py --url http://127.0.0.1:18431 --model SmolLM2-135M-Instruct.Q4_1 --tokenizer smollm2 \\
        --infercost target/release/infercost --guidellm guide/bin/guidellm --aiperf aiperf/bin/aiperf

A round is each concurrency with each program, in an order that moves on by one program a round, so that heat and neighbors
do not meet the same one. `--tokenizer` is a folder (hf_folder.py writes one); all three count by the server's `usage` where
they can. Medians of the rounds are printed as Markdown, with the ratio to infercost's; raw answers stay in --out.

Every program sends temperature 0, at most --tokens output tokens, and `cache_prompt: false`. No network but the server's.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

# times that all prompts are there for GuideLLM: more than any server answers in a measurement
ROUNDS_OF_PROMPTS = 500
PROGRAMS = ["infercost", "guidellm", "aiperf"]
ROWS = [
    ("requests_per_s", "requests/s", 1.0, "{:.3f}"),
    ("output_tokens_per_s", "output tokens/s", 1.0, "{:.2f}"),
    ("ttft_p50", "TTFT p50", 1e3, "{:.1f} ms"),
    ("ttft_p95", "TTFT p95", 1e3, "{:.1f} ms"),
    ("itl_p50", "TPOT / ITL p50", 1e3, "{:.2f} ms"),
]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True, help="the server, without /v1")
    parser.add_argument("--model", required=True, help="the model's name there")
    parser.add_argument("--tokenizer", required=True, help="folder with the model's tokenizer")
    parser.add_argument("--infercost", default="target/release/infercost")
    parser.add_argument("--guidellm", default="guidellm")
    parser.add_argument("--aiperf", default="aiperf")
    parser.add_argument("--concurrency", default="1,4", help="requests in flight, separated by commas")
    parser.add_argument("--duration", type=int, default=30, help="seconds of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=64, help="most output tokens of an answer")
    parser.add_argument("--prompts", help="prompt set as JSON Lines [default: eight of benches/prompts/quickstart.jsonl]")
    parser.add_argument("--out", help="folder for raw answers [default: a new one]")
    parser.add_argument("--only", help="programs, separated by commas")
    return parser.parse_args()


def prompts(given) -> list:
    """The texts that are asked: those whose answers are long, so that there is a stream to time."""
    here = os.path.dirname(os.path.abspath(__file__))
    path = given.prompts or os.path.join(here, "../prompts/quickstart.jsonl")
    with open(path, encoding="utf-8") as file:
        items = [json.loads(line) for line in file if line.strip()]
    if not given.prompts:
        items = [item for item in items if item.get("max_tokens", 0) >= 100 and "system" not in item][:8]
    return [item["prompt"] for item in items]


def run(command: list, log: str):
    """Runs a program; its words go to a file, which is named where it fails."""
    environment = dict(os.environ, NO_PROXY="127.0.0.1,localhost")
    # AIPerf takes a folder for a name of the hub's where it is told to stay offline
    environment.pop("HF_HUB_OFFLINE", None)
    with open(log, "w", encoding="utf-8") as out:
        ended = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, env=environment)
    if ended.returncode != 0:
        with open(log, encoding="utf-8", errors="replace") as said:
            tail = "".join(said.readlines()[-15:])
        raise SystemExit(f"{command[0]} ended with {ended.returncode}; {log}:\n{tail}")


def percentile(found: dict, name: str, per: float = 1.0):
    value = found.get(name)
    return None if value is None else value / per


def infercost(given, texts, concurrency: int, folder: str) -> dict:
    asked = os.path.join(folder, "prompts.jsonl")
    with open(asked, "w", encoding="utf-8") as file:
        for index, text in enumerate(texts):
            file.write(json.dumps({"id": f"p{index}", "prompt": text, "max_tokens": given.tokens}) + "\n")
    traces = os.path.join(folder, "traces")
    run([given.infercost, "record", f"{given.url}/v1#{given.model}", "--prompts", asked, "--warm-ups", "1", "--meter", "none",
         "--exhaustive", "--concurrency", str(concurrency), "--duration", f"{given.duration}s", "--traces", traces],
        os.path.join(folder, "log.txt"))
    [name] = os.listdir(traces)
    report = subprocess.run([given.infercost, "report", os.path.join(traces, name), "--json"], capture_output=True, text=True)
    found = json.loads(report.stdout)
    with open(os.path.join(folder, "report.json"), "w", encoding="utf-8") as file:
        json.dump(found, file)
    [point] = points(found)
    value = lambda name: (point.get(name) or {}).get("point")
    ttft, tpot = point.get("ttft_s") or {}, point.get("tpot_s") or {}
    return {
        "requests_per_s": value("requests_per_s"), "output_tokens_per_s": value("output_tokens_per_s"),
        "ttft_p50": ttft.get("p50"), "ttft_p95": ttft.get("p95"), "itl_p50": tpot.get("p50"),
        "requests": point.get("requests"), "failures": point.get("failures"), "state": point.get("state"),
    }


def points(found) -> list:
    """The operating points of a report, wherever they stand in it."""
    if isinstance(found, dict):
        own = found.get("operating_points") or []
        return own + [point for key, value in found.items() if key != "operating_points" for point in points(value)]
    if isinstance(found, list):
        return [point for value in found for point in points(value)]
    return []


def guidellm(given, texts, concurrency: int, folder: str) -> dict:
    asked, out = os.path.join(folder, "prompts.jsonl"), os.path.join(folder, "guidellm.json")
    # it asks each line once and ends behind the last one, whatever the duration
    with open(asked, "w", encoding="utf-8") as file:
        file.writelines(json.dumps({"prompt": text}) + "\n" for _ in range(ROUNDS_OF_PROMPTS) for text in texts)
    extras = {"body": {"temperature": 0, "cache_prompt": False, "max_tokens": given.tokens}}
    scenario = {
        "backend": {"kind": "openai_http", "target": given.url, "model": given.model, "max_tokens": given.tokens,
                    "http2": False, "extras": extras},
        "profile": {"kind": "concurrent", "streams": [concurrency]},
        "constraints": [{"kind": "max_duration", "seconds": given.duration}],
        "tokenizer": {"kind": "huggingface_auto", "model": given.tokenizer},
        "data": [{"kind": "json_file", "path": asked}],
        "outputs": [{"kind": "json", "path": out}],
    }
    config = os.path.join(folder, "scenario.json")
    with open(config, "w", encoding="utf-8") as file:
        json.dump({"spec": scenario}, file)
    run([given.guidellm, "run", "--config", config, "--disable-console"], os.path.join(folder, "log.txt"))
    with open(out, encoding="utf-8") as file:
        found = json.load(file)["benchmarks"][0]["metrics"]
    of = lambda name: found[name]["successful"]
    return {
        "requests_per_s": of("requests_per_second")["mean"], "output_tokens_per_s": of("output_tokens_per_second")["mean"],
        "ttft_p50": percentile(of("time_to_first_token_ms"), "median", 1e3),
        "ttft_p95": percentile(of("time_to_first_token_ms")["percentiles"], "p95", 1e3),
        "itl_p50": percentile(of("inter_token_latency_ms"), "median", 1e3),
    }


def aiperf(given, texts, concurrency: int, folder: str) -> dict:
    asked = os.path.join(folder, "prompts.jsonl")
    with open(asked, "w", encoding="utf-8") as file:
        file.writelines(json.dumps({"text": text}) + "\n" for text in texts)
    extra = ["--extra-inputs", f"max_tokens:{given.tokens}", "--extra-inputs", "temperature:0",
             "--extra-inputs", "cache_prompt:false"]
    run([given.aiperf, "profile", "--model", given.model, "--url", given.url, "--endpoint-type", "chat", "--streaming",
         "--tokenizer", given.tokenizer, "--use-server-token-count", "--input-file", asked, "--custom-dataset-type", "single_turn",
         "--dataset-sampling-strategy", "sequential", "--concurrency", str(concurrency), "--benchmark-duration",
         str(given.duration), "--benchmark-grace-period", "60", "--warmup-request-count", str(max(2, concurrency)), "--ui-type", "none",
         "--output-artifact-dir", os.path.join(folder, "artifacts"), *extra], os.path.join(folder, "log.txt"))
    path = next(os.path.join(where, name) for where, _, names in os.walk(os.path.join(folder, "artifacts"))
                for name in names if name == "profile_export_aiperf.json")
    with open(path, encoding="utf-8") as file:
        found = json.load(file)
    of = lambda name: found.get(name) or {}
    return {
        "requests_per_s": of("request_throughput").get("avg"), "output_tokens_per_s": of("output_token_throughput").get("avg"),
        "ttft_p50": percentile(of("time_to_first_token"), "p50", 1e3), "ttft_p95": percentile(of("time_to_first_token"), "p95", 1e3),
        "itl_p50": percentile(of("inter_token_latency"), "p50", 1e3),
    }


def table(measured: dict, concurrencies: list, programs: list):
    print("| in flight | what | " + " | ".join(programs) + " |")
    print("|---:|---|" + "---:|" * len(programs))
    for concurrency in concurrencies:
        for key, name, factor, form in ROWS:
            cells, base = [], None
            for program in programs:
                values = [one.get(key) for one in measured[(program, concurrency)]]
                values = [value for value in values if value is not None]
                if not values:
                    cells.append("–")
                    continue
                middle = statistics.median(values)
                base = middle if program == "infercost" else base
                ratio = f" ({middle / base - 1:+.1%})" if base and program != "infercost" else ""
                cells.append(form.format(middle * factor) + ratio)
            print(f"| {concurrency} | {name} | " + " | ".join(cells) + " |")


def main() -> int:
    given = arguments()
    programs = given.only.split(",") if given.only else PROGRAMS
    concurrencies = [int(one) for one in given.concurrency.split(",")]
    out = given.out or tempfile.mkdtemp(prefix="judges-")
    given.tokenizer = os.path.abspath(given.tokenizer)
    texts = prompts(given)
    print(f"{len(texts)} prompts, {given.rounds} rounds of {given.duration} s; raw answers: {out}", file=sys.stderr)

    measured = {(program, concurrency): [] for program in programs for concurrency in concurrencies}
    for number in range(given.rounds):
        order = programs[number % len(programs):] + programs[:number % len(programs)]
        for concurrency in concurrencies:
            for program in order:
                folder = os.path.join(out, f"{number + 1}-{concurrency}-{program}")
                os.makedirs(folder)
                found = globals()[program](given, texts, concurrency, folder)
                measured[(program, concurrency)].append(found)
                print(f"round {number + 1}, {concurrency} in flight, {program}: {found}", file=sys.stderr)

    table(measured, concurrencies, programs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
