#!/usr/bin/env python3
"""Scores every variant of the default model on a whole prompt set, in one run, for benches/prompts/README.md.

    scores.py --infercost BINARY --work FOLDER [--set quickstart] [--document benches/prompts/README.md]

One `infercost compare --exhaustive` asks all variants all prompts; nothing is left out, whatever is answered. A row is a
kind of prompt, by its first tag. The table goes between the markers of --document that name the set, or to standard
output. The run stays in FOLDER, and a second start reads it.
"""

import argparse
import collections
import datetime
import json
import pathlib
import statistics
import subprocess

ROOT = pathlib.Path(__file__).parents[2]
MODEL = "smollm2-135m-instruct"
VARIANTS = ["full", "q8_0", "q6_k", "q5_k", "q4_k", "q4_1", "q4_0"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--infercost", required=True)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("--set", default="quickstart", choices=["quickstart", "long-context"])
    parser.add_argument("--document", type=pathlib.Path)
    arguments = parser.parse_args()

    file = ROOT / "benches/prompts" / f"{arguments.set}.jsonl"
    prompts = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    traces = arguments.work / arguments.set
    if not traces.exists():
        command = [arguments.infercost, "compare", *[f"{MODEL}/{variant}" for variant in VARIANTS], "--exhaustive", "--prompts",
                   file, "--max-prompts", len(prompts), "--traces", traces]
        subprocess.run(list(map(str, command)), stdout=subprocess.DEVNULL, check=False)

    report = json.loads(subprocess.run([arguments.infercost, "report", next(traces.glob("2*")), "--json"], check=False,
                                       capture_output=True, text=True).stdout)
    table = "\n".join(lines(arguments, prompts, report, Scores(traces)))
    if not arguments.document:
        print(table)
        return
    start, end = f"<!-- scores.py, {arguments.set}: from here -->", "<!-- to here -->"
    before, rest = arguments.document.read_text(encoding="utf-8").split(start)
    after = rest.split(end, 1)[1]
    arguments.document.write_text(f"{before}{start}\n{table}\n{end}{after}", encoding="utf-8")


class Scores:
    """What was graded and how long answers were, by variant and prompt, from the run's spans."""

    def __init__(self, traces):
        self.right = collections.defaultdict(dict)
        self.tokens = collections.defaultdict(dict)
        for line in next(traces.glob("2*/spans.jsonl")).read_text(encoding="utf-8").splitlines():
            for resource in json.loads(line)["resourceSpans"]:
                for scope in resource["scopeSpans"]:
                    for span in scope["spans"]:
                        self.take(span)

    def take(self, span):
        found = {pair["key"]: next(iter(pair["value"].values()), None) for pair in span["attributes"]}
        if found.get("infercost.evaluation.kind") == "task" and "gen_ai.evaluation.score.value" in found:
            variant = found["infercost.variant"].rsplit("/", 1)[1]
            self.right[variant][found["infercost.prompt"]] = found["gen_ai.evaluation.score.value"]
        if found.get("infercost.record") == "inference" and "gen_ai.usage.output_tokens" in found:
            variant = found["infercost.variant"].rsplit("/", 1)[1]
            self.tokens[variant][found["infercost.prompt"]] = int(found["gen_ai.usage.output_tokens"])


def lines(arguments, prompts, report, scores):
    version = subprocess.run([arguments.infercost, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    kinds = collections.defaultdict(list)
    for prompt in prompts:
        kinds[(prompt.get("tags") or ["–"])[0]].append(prompt["id"])

    yield (f"Right answers of all {len(prompts)} items, from one run: {version}, {MODEL}, greedy decoding, "
           f"{datetime.date.today():%Y-%m-%d}. {report['machine'].get('cpu') or 'Unknown processor'}.")
    yield ""
    yield f"| `{arguments.set}` | of | " + " | ".join(VARIANTS) + " | mean output tokens of full |"
    yield "|---|---:|" + "---:|" * (len(VARIANTS) + 1)
    for kind, ids in kinds.items():
        yield row(kind, ids, scores)
    yield row("**all**", [prompt["id"] for prompt in prompts], scores)

    by_variant = {one["variant"].rsplit("/", 1)[1]: one for one in report["candidates"]}
    for name, gate, unit, scale in [("mean KL divergence, nats", "kl_divergence", "{:.4f}", 1),
                                    ("same top token", "top1_agreement", "{:.1f} %", 100)]:
        points = [measured(by_variant[variant], gate) for variant in VARIANTS]
        cells = ["–" if point is None else unit.format(scale * point) for point in points]
        yield f"| {name} | | " + " | ".join(cells) + " | |"


def row(name, ids, scores):
    cells = []
    graded = [one for one in ids if one in scores.right["full"]]
    for variant in VARIANTS:
        right = sum(scores.right[variant].get(one, 0) for one in graded)
        share = f" ({100 * right / len(graded):.0f} %)" if name == "**all**" and graded else ""
        cells.append(f"{right:g}{share}")
    lengths = [scores.tokens["full"][one] for one in ids if one in scores.tokens["full"]]
    return f"| {name} | {len(graded)} | " + " | ".join(cells) + f" | {statistics.mean(lengths):.0f} |"


def measured(candidate, gate):
    """What a gate measured; None for the baseline, which has none."""
    found = [one["measured"] for one in candidate.get("gates") or [] if one["gate"] == gate]
    return found[0]["point"] if found and found[0] else None


if __name__ == "__main__":
    main()
