#!/usr/bin/env python3
"""Counts the greedy answers of infercost's engine that equal those of llama.cpp's server, on the same files.

    answers.py --infercost BINARY --llama-server BINARY --work FOLDER [--variants q8_0,q4_0] [--max-prompts 100]
               [--document docs/agreement.md]

For each variant of SmolLM2 the server is started, and one `infercost record` asks the file in process and the server
with the same seeded part of the quickstart set, at temperature 0. Both render the file's own chat template. Two answers
are equal where all of their text is. The first tokens in common say how far two different ones went together. The
table goes between the markers of --document, or to standard output. Results stay in FOLDER, and a second start goes on
from there.
"""

import argparse
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import time
import urllib.request

MODEL = "smollm2-135m-instruct"
VARIANTS = ["full", "f32", "f16", "q8_0", "q6_k", "q5_k", "q5_1", "q5_0", "q4_k", "q4_1", "q4_0"]
RECIPES = {"f32": "F32", "f16": "F16", "q5_1": "Q5_1", "q5_0": "Q5_0"}
START, END = "<!-- answers.py writes from here -->", "<!-- to here -->"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--infercost", required=True)
    parser.add_argument("--llama-server", required=True)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("--variants", default=",".join(VARIANTS))
    parser.add_argument("--max-prompts", type=int, default=100)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--document", type=pathlib.Path)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)

    lines = [f"{arguments.max_prompts} prompts of the quickstart set, seed 42, temperature 0.", "",
             "| format | equal answers | of | characters in common, where they differ (median) |", "|---|---:|---:|---:|"]
    for variant in arguments.variants.split(","):
        pairs = answers(arguments, variant)
        equal = sum(ours == theirs for ours, theirs in pairs)
        common = [len(os.path.commonprefix([ours, theirs])) for ours, theirs in pairs if ours != theirs]
        far = f"{statistics.median(common):.0f}" if common else "–"
        lines.append(f"| {variant} | {equal} | {len(pairs)} | {far} |")
        print(lines[-1], file=sys.stderr, flush=True)

    table = "\n".join(lines)
    if not arguments.document:
        print(table)
        return
    before, rest = arguments.document.read_text(encoding="utf-8").split(START)
    after = rest.split(END, 1)[1]
    arguments.document.write_text(f"{before}{START}\n{table}\n{END}{after}", encoding="utf-8")


def answers(arguments, variant):
    """The answers of both programs to every prompt, in pairs."""
    file = arguments.work / f"answers-{variant}-{arguments.max_prompts}.json"
    if file.exists():
        return json.loads(file.read_text())

    path = model_file(arguments, variant)
    port = free_port()
    server = subprocess.Popen([arguments.llama_server, "-m", path, "--port", str(port), "-t", str(arguments.threads), "-np", "1",
                               "-c", "4096"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(f"http://127.0.0.1:{port}/health")
        traces = arguments.work / f"traces-{variant}"
        run([arguments.infercost, "record", path, f"http://127.0.0.1:{port}/v1#{path.name}", "--meter", "none", "--exhaustive",
             "--max-prompts", arguments.max_prompts, "--threads", arguments.threads, "--traces", traces])
    finally:
        server.kill()
        server.wait()

    pairs = read(traces)
    file.write_text(json.dumps(pairs) + "\n")
    return pairs


def read(traces):
    """Answers by prompt, the file's before the server's."""
    found = {}
    for spans in sorted(traces.glob("*/spans.jsonl"))[-1:]:
        for line in spans.read_text(encoding="utf-8").splitlines():
            for attributes in inferences(json.loads(line)):
                served = attributes.get("infercost.engine.device", "").startswith("server at ")
                found.setdefault(attributes["infercost.prompt"], {})[served] = attributes.get("output.value", "")
    pairs = [[by_engine[False], by_engine[True]] for by_engine in found.values() if len(by_engine) == 2]
    if not pairs:
        sys.exit(f"{traces}: no prompt was answered by both")
    return pairs


def inferences(line):
    for resource in line.get("resourceSpans", []):
        for scope in resource.get("scopeSpans", []):
            for span in scope.get("spans", []):
                attributes = {pair["key"]: next(iter(pair["value"].values()), "") for pair in span["attributes"]}
                if attributes.get("infercost.record") == "inference" and not attributes.get("infercost.warm_up"):
                    yield attributes


def model_file(arguments, variant):
    made = arguments.work / f"{MODEL}-{variant}.gguf"
    if variant in RECIPES:
        if not made.exists() and variant in ("f32", "f16"):
            run([arguments.infercost, "quantize", f"{MODEL}/full", RECIPES[variant], "--output", made])
        elif not made.exists():
            # infercost makes no such files; llama-quantize lies beside llama-server.
            full = run([arguments.infercost, "models", "pull", f"{MODEL}/full"]).split("\t")[1].splitlines()[0].strip()
            run([pathlib.Path(arguments.llama_server).with_name("llama-quantize"), "--pure", full, made, RECIPES[variant]])
        return made
    return pathlib.Path(run([arguments.infercost, "models", "pull", f"{MODEL}/{variant}"]).split("\t")[1].strip())


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(address):
    for _ in range(240):
        try:
            urllib.request.urlopen(address, timeout=2).close()
            return
        except OSError:
            time.sleep(0.5)
    sys.exit(f"{address} does not answer after two minutes")


def run(command):
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} ended with status {done.returncode}:\n{done.stderr[-2000:]}")
    return done.stdout


if __name__ == "__main__":
    main()
