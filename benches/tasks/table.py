#!/usr/bin/env python3
"""Prints docs/tasks.md's table: variants of a model on converted tasks, as `infercost compare` measures them.

    table.py --infercost BINARY --sets sets --tasks piqa,openbookqa,commonsenseqa --items 100

Every variant answers every item (`--exhaustive`), so that the scores of a row rest on the same items. Model files
come from infercost's cache, or are fetched on first use.
"""

import argparse
import json
import pathlib
import subprocess
import sys

VARIANTS = ["full", "q8_0", "q4_k", "q4_0"]
# 3 is inconclusive, 4 is no candidate passes: answers all the same.
ANSWERS = (0, 3, 4)


def percent(estimate, sign=""):
    if estimate is None:
        return "unknown"
    point, lower, upper = (100 * estimate[key] for key in ("point", "lower", "upper"))
    return f"{point:{sign}.1f} [{lower:{sign}.1f}, {upper:{sign}.1f}]"


def plain(estimate):
    return "–" if estimate is None else "{point:.3f} [{lower:.3f}, {upper:.3f}]".format(**estimate)


def measure(arguments, task):
    models = [f"{arguments.model}/{variant}" for variant in arguments.variants.split(",")]
    command = [
        arguments.infercost, "compare", *models, "--prompts", str(arguments.sets / f"{task}.jsonl"), "--max-prompts",
        str(arguments.items), "--traces", str(arguments.traces), "--exhaustive", "--meter", "none", "--json",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode not in ANSWERS:
        sys.exit(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout)


def rows(task, report):
    for index, candidate in enumerate(report["candidates"]):
        quality = candidate["quality"]
        flips = quality["flips"]
        yield [
            task if index == 0 else "",
            f"`{candidate['variant'].rsplit('/', 1)[-1]}`",
            str(candidate["inferences"]),
            percent(quality["task_score"]),
            "–" if index == 0 else percent(quality["task_score_difference"], "+"),
            "–" if flips is None or index == 0 else f"{flips['right_to_wrong']} / {flips['wrong_to_right']}",
            "–" if index == 0 else plain(quality["kld_mean"]),
            "baseline" if index == 0 else candidate["verdict"],
        ]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--infercost", required=True, help="the binary")
    parser.add_argument("--sets", type=pathlib.Path, required=True, help="folder that convert.py wrote")
    parser.add_argument("--tasks", default="piqa,openbookqa,commonsenseqa", help="with commas")
    parser.add_argument("--items", type=int, default=100, help="of each task, a seeded choice")
    parser.add_argument("--model", default="smollm2-135m-instruct", help="manifest name")
    parser.add_argument("--variants", default=",".join(VARIANTS), help="baseline first, with commas")
    parser.add_argument("--traces", type=pathlib.Path, default=pathlib.Path("traces"), help="folder for the runs")
    arguments = parser.parse_args()
    head = ["task", "variant", "items", "score, %", "change, points", "flips − / +", "mean KL, nats", "verdict"]
    print("|" + "|".join(f" {cell} " for cell in head) + "|")
    print("|---|---|---:|---:|---:|---:|---:|---|")
    for task in arguments.tasks.split(","):
        for row in rows(task, measure(arguments, task)):
            print("|" + "|".join(f" {cell} " for cell in row) + "|", flush=True)


if __name__ == "__main__":
    main()
