#!/usr/bin/env python3
"""Compares the speed of `infercost bench` with that of `llama-bench`: same files, same threads, runs in turn.

    speed.py --infercost BINARY --llama-bench BINARY --work FOLDER [--peak BINARY] [--models smollm2,gemma3]
             [--variants q8_0,q4_0] [--rounds 6] [--threads 2] [--document docs/speed.md]
    speed.py … --neighbor              beside a program that keeps one core busy, against infercost's own quiet rounds
    speed.py … --other ik_llama.cpp    --llama-bench is that of a program derived from llama.cpp; no depth

Each round runs infercost, then llama.cpp, then infercost again for the next depth, and so on (A B A B): prefill of 512
tokens, decode of 64 behind one token, and decode of 64 behind 2,048. A cell shows the medians of both in tokens per
second and the median of the rounds' ratios, with the range that holds the true median with at least 95 % confidence
(from 6 rounds on that is the smallest and the largest ratio, or better). With --peak (the example `peak` of
infercost-kernels) it also shows the share of what the processor can do: of multiply-adds in prefill, of bytes read in
decode. Every round is kept in FOLDER, and a second start goes on from there. infercost fetches or makes the files.
The table goes between the markers of --document that name its kind, or to standard output.
"""

import argparse
import datetime
import json
import math
import pathlib
import re
import statistics
import struct
import subprocess
import sys

PROMPT, DECODE, DEPTH = 512, 64, 2048
MODELS = {
    "smollm2": ("smollm2-135m-instruct", ["f32", "f16", "bf16", "q8_0", "q6_k", "q5_k", "q5_1", "q5_0", "q4_k",
                                          "q4_1", "q4_0"]),
    "gemma3": ("gemma-3-270m", ["q8_0", "q6_k", "q4_k_m", "q4_0"]),
}
# Variants that no manifest lists are made from the full-precision file by this recipe.
RECIPES = {"f32": "F32", "f16": "F16", "bf16": "BF16", "q8_0": "Q8_0", "q6_k": "Q6_K", "q5_k": "Q5_K", "q5_0": "Q5_0", "q5_1": "Q5_1",
           "q4_k": "Q4_K", "q4_1": "Q4_1", "q4_0": "Q4_0"}
# infercost makes no files of the others; llama-quantize, which lies beside llama-bench, does.
OURS = {"f32", "f16", "bf16", "q8_0", "q6_k", "q5_k", "q4_k", "q4_1", "q4_0"}
FLOATS = {"f32", "f16", "bf16"}
# What keeps a core busy: no memory, no system calls.
NEIGHBOR = "while True: pass"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--infercost", required=True)
    parser.add_argument("--llama-bench", required=True)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("--peak")
    parser.add_argument("--models", default="smollm2,gemma3")
    parser.add_argument("--variants", default="")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--document", type=pathlib.Path)
    parser.add_argument("--neighbor", action="store_true")
    parser.add_argument("--other", default="llama.cpp")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)

    bench = Bench(arguments)
    neighbor = subprocess.Popen([sys.executable, "-c", NEIGHBOR]) if arguments.neighbor else None
    try:
        lines = bench.heading()
        wanted = set(filter(None, arguments.variants.split(",")))
        for model in arguments.models.split(","):
            name, variants = MODELS[model]
            for variant in [variant for variant in variants if not wanted or variant in wanted]:
                lines.append(bench.row(name, variant))
                print(lines[-1], file=sys.stderr, flush=True)
    finally:
        if neighbor:
            neighbor.kill()

    table = "\n".join(lines) + "\n"
    if not arguments.document:
        print(table)
        return
    start, end = f"<!-- speed.py, {bench.kind}: from here -->", "<!-- to here -->"
    before, rest = arguments.document.read_text(encoding="utf-8").split(start)
    after = rest.split(end, 1)[1]
    arguments.document.write_text(f"{before}{start}\n{table}{end}{after}", encoding="utf-8")


class Bench:
    def __init__(self, arguments):
        self.arguments = arguments
        self.other = arguments.other
        self.kind = "beside a neighbor" if arguments.neighbor else f"against {arguments.other}"
        self.measures = ["prefill", "decode"]
        if self.kind == "against llama.cpp":
            self.measures.append("deep")
        self.peak = peaks(arguments.peak, arguments.threads) if arguments.peak else {}

    def heading(self):
        identity = ""
        for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                identity = line.split(":", 1)[1].strip()
        version = subprocess.run([self.arguments.llama_bench, "--version"], capture_output=True, text=True)
        build = re.search(r"version: (.+)", version.stdout + version.stderr)

        day = datetime.date.today()
        lines = [f"{identity}, {self.arguments.threads} threads; {self.arguments.rounds} rounds, {day:%Y-%m-%d}; {self.other} "
                 f"{build[1] if build else 'of unknown version'}."]
        if self.peak:
            lines.append(" ".join(f"{name}: {value:.0f} {unit}." for name, (value, unit) in self.peak.items()))
        share = " (share of the limit)" if self.peak else ""
        names = {"prefill": f"prefill {PROMPT}", "decode": f"decode {DECODE}", "deep": f"decode at {DEPTH}"}
        cells = ["file"]
        for number, measure in enumerate(self.measures):
            unit = ", tokens/s" if number == 0 else ""
            cells += [f"{names[measure]}{unit}{share}", self.other, "ratio"]
            if self.arguments.neighbor:
                cells.append("of its quiet rate")
        return lines + ["", "| " + " | ".join(cells) + " |", "|---|" + "---:|" * (len(cells) - 1)]

    def row(self, model, variant):
        path = self.path(model, variant)
        rounds = [self.round(model, variant, path, number) for number in range(self.arguments.rounds)]
        weights = Weights(path)

        cells = [f"{model}/{variant}"]
        for measure in self.measures:
            ours = statistics.median(entry["infercost"][measure] for entry in rounds)
            theirs = statistics.median(entry[self.other][measure] for entry in rounds)
            ratios = sorted(entry["infercost"][measure] / entry[self.other][measure] for entry in rounds)
            low, high = median_range(ratios)
            limit = self.limit(measure, variant, weights)
            share = f" ({100 * ours / limit:.0f} %)" if limit else ""
            cells += [f"{ours:,.0f}{share}", f"{theirs:,.0f}", f"**{statistics.median(ratios):.2f}** ({low:.2f}–{high:.2f})"]
            if self.arguments.neighbor:
                cells.append(self.quiet_share(model, variant, measure, ours))
        return "| " + " | ".join(cells) + " |"

    def quiet_share(self, model, variant, measure, ours):
        """The share of infercost's own median rate in the rounds without the neighbor."""
        pattern = f"speed-{model}-{variant}-{self.arguments.threads}-*.json"
        quiet = [json.loads(file.read_text())["infercost"][measure] for file in self.arguments.work.glob(pattern)]
        return f"{100 * ours / statistics.median(quiet):.0f} %" if quiet else "not measured"

    def limit(self, measure, variant, weights):
        """Tokens a second that the processor's peak allows; None for a depth, where the cache is read too."""
        if not self.peak or measure == "deep":
            return None
        if measure == "decode":
            return self.peak["read"][0] * 1e9 / weights.bytes
        kind = "F32 multiply-adds" if variant in FLOATS else "8-bit multiply-adds"
        return self.peak[kind][0] * 1e9 / weights.multiply_adds

    def round(self, model, variant, path, number):
        """One run of each program for prefill and both decodes, in turn."""
        kind = "speed" if self.kind == "against llama.cpp" else self.kind.replace(" ", "-")
        file = self.arguments.work / f"{kind}-{model}-{variant}-{self.arguments.threads}-{number}.json"
        if file.exists():
            return json.loads(file.read_text())

        entry = {"infercost": {}, self.other: {}}
        entry["infercost"].update(self.infercost(path, 1, ["prefill", "decode"], 2))
        entry[self.other].update(self.llama(path, ["-p", PROMPT, "-n", DECODE, "-r", 2]))
        if "deep" in self.measures:
            entry["infercost"].update(self.infercost(path, DEPTH, [None, "deep"], 1))
            entry[self.other]["deep"] = self.llama(path, ["-p", 0, "-n", DECODE, "-d", DEPTH, "-r", 1])["decode"]
        file.write_text(json.dumps(entry, indent=1) + "\n")
        return entry

    def infercost(self, path, depth, names, repetitions):
        prompt = PROMPT if names[0] else 1
        command = [self.arguments.infercost, "bench", path, "-p", prompt, "-n", DECODE, "-d", depth, "-r", repetitions,
                   "-t", self.arguments.threads, "--json"]
        answer = json.loads(run(command))
        points = [answer["prefill_tokens_per_s"]["point"], answer["decode_tokens_per_s"]["point"]]
        return {name: point for name, point in zip(names, points) if name}

    def llama(self, path, what):
        command = [self.arguments.llama_bench, "-m", path, "-t", self.arguments.threads, "-o", "json", *what]
        found = {}
        for test in json.loads(run(command)):
            found["prefill" if test["n_prompt"] else "decode"] = test["avg_ts"]
        return found

    def path(self, model, variant):
        made = self.arguments.work / f"{model}-{variant}.gguf"
        if made.exists():
            return made
        pulled = subprocess.run([self.arguments.infercost, "models", "pull", f"{model}/{variant}"], capture_output=True, text=True)
        if pulled.returncode == 0:
            found = pathlib.Path(pulled.stdout.split("\t")[1].strip())
            if found.suffix == ".gguf":
                return found
        if variant in OURS:
            run([self.arguments.infercost, "quantize", f"{model}/full", RECIPES[variant], "--output", made])
        else:
            quantize = pathlib.Path(self.arguments.llama_bench).with_name("llama-quantize")
            run([quantize, "--pure", self.path(model, "full"), made, RECIPES[variant], self.arguments.threads])
        return made


class Weights:
    """What one token costs: bytes of weights that are read, and multiply-adds in the layers."""

    SIZES = {0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 12: (256, 144),
             13: (256, 176), 14: (256, 210), 30: (1, 2)}
    SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}

    def __init__(self, path):
        self.bytes, self.multiply_adds, embedding, output = 0, 0, 0, False
        with open(path, "rb") as self.file:
            assert self.file.read(4) == b"GGUF", f"{path} is no GGUF file"
            _, tensors, pairs = self.unpack("IQQ")
            for _ in range(pairs):
                self.text()
                self.value(self.unpack("I")[0])
            for _ in range(tensors):
                name = self.text()
                elements = math.prod(self.unpack("Q" * self.unpack("I")[0]))
                kind, _ = self.unpack("IQ")
                block, size = self.SIZES[kind]
                if name.startswith("token_embd"):
                    embedding = elements // block * size
                    continue
                output |= name.startswith("output.")
                self.bytes += elements // block * size
                if name.startswith("blk.") and "norm" not in name:
                    self.multiply_adds += elements
        # A tied embedding is read whole as the output matrix; otherwise one row of it is.
        self.bytes += 0 if output else embedding

    def unpack(self, kinds):
        kinds = "<" + kinds
        return struct.unpack(kinds, self.file.read(struct.calcsize(kinds)))

    def text(self):
        return self.file.read(self.unpack("Q")[0]).decode(errors="replace")

    def value(self, kind):
        if kind == 8:
            self.text()
        elif kind == 9:
            inner, count = self.unpack("IQ")
            for _ in range(count):
                self.value(inner)
        else:
            self.unpack(self.SCALARS[kind])


def median_range(ratios):
    """The k-th smallest and largest of sorted ratios that hold the median with at least 95 % confidence."""
    count = len(ratios)
    tail, best = 0.0, 0
    for k in range(count // 2):
        tail += math.comb(count, k) / 2 ** count
        if 2 * tail <= 0.05:
            best = k
    return ratios[best], ratios[count - 1 - best]


def peaks(program, threads):
    """The limits that prefill and decode are measured by."""
    text = run([program])
    found = {}
    for name, pattern in [("read", r"read, {} thread\(s\): ([\d.]+)"), ("F32 multiply-adds", r"F32 FMA, \d+ bits, {} thread\(s\): ([\d.]+)"),
                          ("8-bit multiply-adds", r"vpdpbusd, 512 bits, {} thread\(s\): ([\d.]+)")]:
        values = [float(value) for value in re.findall(pattern.format(threads), text)]
        if values:
            found[name] = (max(values), "GB/s" if name == "read" else "billion a second")
    return found


def run(command):
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} ended with status {done.returncode}:\n{done.stderr[-2000:]}")
    return done.stdout


if __name__ == "__main__":
    main()
