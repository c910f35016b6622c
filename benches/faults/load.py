#!/usr/bin/env python3
"""How long and how much memory large things take: runs of a million spans, thousands of runs, a hundred thousand prompts.

    benches/faults/load.py [--binary target/release/infercost] [--spans 10000,100000,1000000]
        [--foreign 2000000] [--runs 5000]

Prints the rows of docs/reliability.md. Needs some 4 GB of disk below the folder for temporary files, and no model. A run
of N spans is the recorded sample over and over, under fresh names, ids and times.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SAMPLE = next((ROOT / "traces/sample").glob("*/run.json")).parent
SPAN_ID = re.compile(r'"spanId":"[0-9a-f]{8}')
PROMPT = re.compile(r'("infercost.prompt","value":\{"stringValue":"[^"]*)"')
WINDOW = re.compile(r'"infercost.window","value":\{"intValue":"(\d+)"')
TIME = re.compile(r'TimeUnixNano":"(\d+)"')
MINUTE = 60_000_000_000


def kind(line):
    return line.split('"infercost.record","value":{"stringValue":"', 1)[1].split('"', 1)[0]


def unsealed(line):
    """The line without its checksum, which no longer holds once names are changed."""
    return re.sub(r',"crc32":"[0-9a-f]{8}"\}$', "}", line)


def write_run(folder, spans):
    """Writes a run of at least so many spans, and gives their number."""
    lines = [unsealed(line) for line in (SAMPLE / "spans.jsonl").read_text().splitlines()]
    head = [line for line in lines if kind(line) in ("load", "idle")]
    body = [line for line in lines if kind(line) in ("window", "inference", "evaluation")]
    tail = [line for line in lines if kind(line) in ("variant", "run")]
    copies = -(-spans // len(body))

    header = json.loads((SAMPLE / "run.json").read_text())
    header["id"] = folder.name
    header["looks"] = None
    chosen = header["prompts"]["chosen"]
    header["prompts"]["chosen"] = [f"{prompt}-r{copy}" for copy in range(copies) for prompt in chosen]
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(header))

    with open(folder / "spans.jsonl", "w", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in head)
        for copy in range(copies):
            for line in body:
                line = SPAN_ID.sub(lambda _: f'"spanId":"{copy + 1:08x}', line)
                line = PROMPT.sub(lambda found: f'{found[1]}-r{copy}"', line)
                line = WINDOW.sub(
                    lambda found: f'"infercost.window","value":{{"intValue":"{int(found[1]) + copy * 100}"', line)
                file.write(TIME.sub(lambda found: f'TimeUnixNano":"{int(found[1]) + copy * MINUTE}"', line) + "\n")
        file.writelines(line + "\n" for line in tail)
    return len(body) * copies + len(head) + len(tail)


def write_foreign(file, spans):
    """Spans of another program, a thousand a line, each a call with its tokens, its prompt and its answer."""
    def attribute(key, value):
        kind = "intValue" if isinstance(value, int) else "stringValue"
        return {"key": key, "value": {kind: str(value)}}

    began = 1_767_225_600_000_000_000
    words = "all work and no play makes a long trace of calls that somebody else has made " * 4
    for first in range(0, spans, 1000):
        calls = []
        for number in range(first, min(first + 1000, spans)):
            start = began + number * 250_000_000
            calls.append({
                "traceId": f"{number // 10 + 1:032x}", "spanId": f"{number + 1:016x}", "name": "chat m", "kind": 3,
                "startTimeUnixNano": str(start), "endTimeUnixNano": str(start + 900_000_000 + number % 97 * 1_000_000),
                "attributes": [
                    attribute("gen_ai.operation.name", "chat"), attribute("gen_ai.request.model", f"m{number % 3}"),
                    attribute("gen_ai.usage.input_tokens", 200 + number % 50),
                    attribute("gen_ai.usage.output_tokens", 40 + number % 30), attribute("input.value", words)]})
        resource = {"attributes": [attribute("service.name", "another")]}
        line = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": "s"}, "spans": calls}]}]}
        file.write(json.dumps(line, separators=(",", ":")) + "\n")


def write_runs(traces, count):
    header = (SAMPLE / "run.json").read_text()
    spans = traces / ".spans.jsonl"
    traces.mkdir(parents=True)
    shutil.copy(SAMPLE / "spans.jsonl", spans)
    for number in range(count):
        name = time.strftime("%Y%m%d-%H%M%S", time.gmtime(1_767_225_600 + 60 * number))
        began = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1_767_225_600 + 60 * number))
        folder = traces / name
        folder.mkdir()
        text = header.replace(SAMPLE.name, name)
        (folder / "run.json").write_text(re.sub(r'"started_at": "[^"]*"', f'"started_at": "{began}"', text, count=1))
        os.link(spans, folder / "spans.jsonl")


def measured(command, folder):
    """Seconds, peak memory in MB, exit status, and the first line of what it said to stderr."""
    began = time.perf_counter()
    child = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    said = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    return seconds, usage.ru_maxrss / 1000, child.returncode, said.strip()


def row(what, command, folder, shown):
    seconds, megabytes, status, said = measured(command, folder)
    print(f"| {what} | {seconds:.2f} s | {megabytes:.0f} MB | {status} | `{shown}` |", flush=True)
    return said


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=str(ROOT / "target/release/infercost"))
    parser.add_argument("--spans", default="10000,100000,1000000")
    parser.add_argument("--foreign", type=int, default=2_000_000, help="spans of another program's trace")
    parser.add_argument("--runs", type=int, default=5000)
    arguments = parser.parse_args()
    binary = os.path.abspath(arguments.binary)
    work = pathlib.Path(tempfile.mkdtemp(prefix="infercost-load-"))

    print("| what | time | peak memory | exit | command |")
    print("|---|---|---|---|---|")
    try:
        for wanted in (int(number) for number in arguments.spans.split(",") if number):
            folder = work / f"traces/run-{wanted}"
            spans = write_run(folder, wanted)
            size = (folder / "spans.jsonl").stat().st_size / 1e6
            row(f"report on {spans:,} spans ({size:,.0f} MB)", [binary, "report", str(folder)], work, "report RUN")
            shutil.rmtree(folder)

        if arguments.foreign:
            foreign = work / "foreign.jsonl"
            with open(foreign, "w", encoding="utf-8") as file:
                write_foreign(file, arguments.foreign)
            size = foreign.stat().st_size / 1e6
            row(f"report on {arguments.foreign:,} spans of another program ({size:,.0f} MB)",
                [binary, "report", str(foreign)], work, "report FILE")
            foreign.unlink()

        if arguments.runs:
            many = work / "many"
            write_runs(many, arguments.runs)
            for words in (["runs"], ["report"], ["compare", "--resume"]):
                command = [binary, *words, "--traces", str(many)]
                row(f"`{' '.join(words)}` among {arguments.runs:,} runs", command, work, " ".join(words))

        row("this machine looked at", [binary, "doctor"], work, "doctor")

        with open(work / "many.jsonl", "w", encoding="utf-8") as file:
            for number in range(100_000):
                file.write(json.dumps({"id": f"p{number}", "prompt": f"Count to {number}."}) + "\n")
        command = [binary, "compare", "no-such-model", "--prompts", "many.jsonl"]
        row("100,000 prompts read and checked", command, work, "compare no-such-model --prompts many.jsonl")

        (work / "long.jsonl").write_text(json.dumps({"id": "long", "prompt": "x " * 5_000_000}) + "\n")
        command = [binary, "compare", "no-such-model", "--prompts", "long.jsonl"]
        said = row("a prompt of 10 MB refused", command, work, "compare no-such-model --prompts long.jsonl")
        print(f"\nWhat is said to the prompt of 10 MB: {said.splitlines()[-1][:200] if said else 'nothing'}")
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    sys.exit(main())
