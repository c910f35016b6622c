#!/usr/bin/env python3
"""Times a decision over six variants: `infercost compare` against llama-bench and llama-perplexity on the same files.

    six.py --infercost BINARY --llama-bench BINARY --llama-perplexity BINARY --text FILE --work FOLDER
           [--threads 2] [--document docs/speed.md]

With llama.cpp's tools a person measures six files of SmolLM2 (F32, Q8_0, Q6_K, Q4_K, Q4_1, Q4_0) by `llama-bench` with
its defaults, keeps the logits of F32 by `llama-perplexity --save-all-logits`, and runs `llama-perplexity
--kl-divergence` for the other five. With infercost it is one `compare` of the same files. The same work as llama.cpp's
tools do, without the prompts that `compare` has answered and graded, is timed as well: `bench` with llama-bench's
lengths, and `score` with a baseline store. The text is that of `agreement.py`. infercost's verdicts stand next to the mean KL divergence that llama-perplexity found. The table goes
between the markers of --document, or to standard output.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import time

MODEL = "smollm2-135m-instruct"
VARIANTS = ["f32", "q8_0", "q6_k", "q4_k", "q4_1", "q4_0"]
START, END = "<!-- six.py writes from here -->", "<!-- to here -->"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--infercost", required=True)
    parser.add_argument("--llama-bench", required=True)
    parser.add_argument("--llama-perplexity", required=True)
    parser.add_argument("--text", required=True, type=pathlib.Path)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--document", type=pathlib.Path)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)

    files = {variant: file_of(arguments, variant) for variant in VARIANTS}
    compared = timed([arguments.infercost, "compare", *files.values(), "--baseline", files["f32"], "--json", "--threads",
                      arguments.threads, "--traces", arguments.work / "traces"], [0, 3])
    candidates = json.loads(compared.output)["candidates"]
    verdicts = {variant: one["verdict"] for variant in VARIANTS for one in candidates if one["variant"] in str(files[variant])}

    threads, logits = ["-t", arguments.threads], arguments.work / "six.logits"
    llama = [timed([arguments.llama_bench, "-m", files[variant], *threads], [0]) for variant in VARIANTS]
    llama.append(timed([arguments.llama_perplexity, "-m", files["f32"], "-f", arguments.text, "--save-all-logits", logits,
                        *threads], [0]))
    divergence = {}
    for variant in VARIANTS[1:]:
        done = timed([arguments.llama_perplexity, "-m", files[variant], "--kl-divergence", "--kl-divergence-base", logits,
                      *threads], [0])
        divergence[variant] = re.search(r"Mean\s+KLD:\s*(-?[\d.]+)", done.output)[1]
        llama.append(done)
    logits.unlink()

    same = same_work(arguments, files)
    theirs = sum(done.seconds for done in llama)
    lines = [f"`infercost compare` of the six: {compared.seconds:.0f} s. llama-bench, then llama-perplexity with "
             f"`--kl-divergence`: {theirs:.0f} s. Ratio: **{compared.seconds / theirs:.2f}**.", "",
             f"The same work, by `infercost bench` and `infercost score`: {same:.0f} s. Ratio: **{same / theirs:.2f}**.", "",
             "| variant | verdict of `compare` | mean KLD by llama-perplexity |", "|---|---|---:|"]
    for variant in VARIANTS:
        lines.append(f"| {variant} | {verdicts.get(variant, '–')} | {divergence.get(variant, '–')} |")
    table = "\n".join(lines)
    if not arguments.document:
        print(table)
        return
    before, rest = arguments.document.read_text(encoding="utf-8").split(START)
    after = rest.split(END, 1)[1]
    arguments.document.write_text(f"{before}{START}\n{table}\n{END}{after}", encoding="utf-8")


def same_work(arguments, files):
    """Seconds of infercost for what llama-bench and llama-perplexity do."""
    store, threads = arguments.work / "six.store", ["--threads", arguments.threads]
    store.unlink(missing_ok=True)
    bench = [arguments.infercost, "bench", "-p", 512, "-n", 128, "-r", 5, *threads]
    score = [arguments.infercost, "score", "--text", arguments.text, "--context", 512, *threads]
    done = [timed([*bench, files[variant]], [0]) for variant in VARIANTS]
    for variant in VARIANTS[1:]:
        done.append(timed([*score, files[variant], "--baseline", files["f32"], "--baseline-store", store], [0]))
    store.unlink()
    return sum(one.seconds for one in done)


class Timed:
    def __init__(self, seconds, output):
        self.seconds, self.output = seconds, output


def timed(command, good):
    """Runs a command to its end. 3 is infercost's exit code where a candidate is not settled."""
    start = time.monotonic()
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")
    seconds = time.monotonic() - start
    if done.returncode not in good:
        sys.exit(f"{' '.join(map(str, command))} ended with status {done.returncode}:\n{done.stderr[-2000:]}")
    print(f"{seconds:6.1f} s  {' '.join(map(str, command))[:120]}", file=sys.stderr, flush=True)
    return Timed(seconds, done.stdout + ("" if done.stdout.startswith("{") else done.stderr))


def file_of(arguments, variant):
    """The model's file, under a short name of its own in the work folder."""
    named = arguments.work / f"smollm2-{variant}.gguf"
    if named.exists():
        return named
    if variant == "f32":
        timed([arguments.infercost, "quantize", f"{MODEL}/full", "F32", "--output", named], [0])
        return named
    pulled = timed([arguments.infercost, "models", "pull", f"{MODEL}/{variant}"], [0])
    named.symlink_to(pulled.output.split("\t")[1].splitlines()[0].strip())
    return named


if __name__ == "__main__":
    main()
