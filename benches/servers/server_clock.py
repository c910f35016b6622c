#!/usr/bin/env python3
"""Puts infercost's TTFT and TPOT beside what a server's own clock says of the same requests.

    python3 benches/servers/server_clock.py traces/20261122-101500 [--log server.log]

Reads the spans of a run. Of each variant and load: requests with server timings, medians of both clocks, and the
median of the differences. A server's prompt time leaves out what comes before it: connection, template, tokenizer,
and the wait for the batch that is being computed. Its time per token is taken over the same tokens as infercost's.

With the log of llama.cpp's server at its most talkative (llama_server.py --verbose), the wait is in: there the clock
starts when the request is queued, and stops at its first token. A request is found in the log by its two timings.
"""

import argparse
import json
import re
import statistics
import sys

STAMP = re.compile(r"^(\d+)\.(\d\d)\.(\d{3})\.(\d{3}) ")
QUEUED = re.compile(r"post: new task, id = (\d+)/1")
FIRST = re.compile(r"\| task (\d+) \| n_gen = 1,")
PROMPT = re.compile(r"\| task (\d+) \| prompt eval time = +([0-9.]+) ms")
DECODE = re.compile(r"\| task (\d+) \| +eval time = +([0-9.]+) ms")


def value(attribute):
    kind, content = next(iter(attribute["value"].items()))
    return int(content) if kind == "intValue" else content


def spans(folder):
    with open(f"{folder}/spans.jsonl", encoding="utf-8") as lines:
        for line in lines:
            for resource in json.loads(line)["resourceSpans"]:
                for scope in resource["scopeSpans"]:
                    for span in scope["spans"]:
                        yield span, {one["key"]: value(one) for one in span["attributes"] if "value" in one}


def waits(path):
    """Seconds from the queue to the first token, by a request's two timings in hundredths of a millisecond."""
    queued, first, prompt, found = {}, {}, {}, {}
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            stamp = STAMP.match(line)
            if not stamp:
                continue
            minutes, seconds, millis, micros = map(int, stamp.groups())
            now = 60 * minutes + seconds + millis / 1e3 + micros / 1e6
            if match := QUEUED.search(line):
                queued[match[1]] = now
            elif match := FIRST.search(line):
                first[match[1]] = now
            elif match := PROMPT.search(line):
                prompt[match[1]] = round(float(match[2]) * 100)
            elif match := DECODE.search(line):
                task = match[1]
                if task in queued and task in first and task in prompt:
                    found[prompt[task], round(float(match[2]) * 100)] = first[task] - queued[task]
    return found


def arguments():
    parser = argparse.ArgumentParser(description="Put infercost's clock beside a server's.")
    parser.add_argument("run", help="folder of the run")
    parser.add_argument("--log", help="what llama_server.py --verbose wrote")
    return parser.parse_args()


def main() -> int:
    given = arguments()
    waited = waits(given.log) if given.log else {}
    loads, found = {}, {}
    for span, named in spans(given.run):
        if named.get("infercost.record") == "window":
            load = named.get("infercost.operating_point.concurrency")
            rate = named.get("infercost.operating_point.rate")
            text = f"{rate} requests/s" if rate is not None else f"{load} in flight"
            if not named.get("infercost.load"):
                text = "one at a time"
            loads[named["infercost.variant"], named["infercost.window"]] = text
        if named.get("infercost.record") != "inference" or "infercost.server.prompt_ns" not in named:
            continue
        if "gen_ai.response.time_to_first_chunk" not in named:
            continue
        latency = (int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"])) / 1e9
        ttft = named["gen_ai.response.time_to_first_chunk"]
        tokens = named["gen_ai.usage.output_tokens"]
        prompt, time = named["infercost.server.prompt_ns"], named.get("infercost.server.predicted_ns", 0)
        row = {"ttft": ttft, "prompt": prompt / 1e9, "wait": waited.get((round(prompt / 1e4), round(time / 1e4)))}
        predicted = named.get("infercost.server.predicted_tokens")
        if tokens > 1 and predicted and predicted > 1 and time:
            row["tpot"] = (latency - ttft) / (tokens - 1)
            # llama.cpp's clock of generation starts with the first token, so it spans one token fewer
            row["per_token"] = time / 1e9 / (predicted - 1)
        found.setdefault((named["infercost.variant"], named["infercost.window"]), []).append(row)
    groups = {}
    for key, rows in found.items():
        groups.setdefault((key[0], loads.get(key, "cut off")), []).extend(rows)
    if not groups:
        print("no request of this run has a server's timings", file=sys.stderr)
        return 1

    def median(name, rows):
        return statistics.median(row[name] for row in rows) * 1e3

    def differ(ours, theirs, rows):
        return statistics.median(row[ours] / row[theirs] - 1 for row in rows if row[theirs] > 0)

    print("in ms; each `differ` is the median over single requests, by which infercost's time is longer")
    print("variant                        load            n     TTFT   prompt   differ", end="")
    print("   logged  first token   differ" if waited else "", "    TPOT   server   differ")
    for (variant, load), rows in sorted(groups.items()):
        logged = [row for row in rows if row["wait"]]
        timed = [row for row in rows if "tpot" in row]
        line = f"{variant[-30:]:30} {load:14} {len(rows):3} {median('ttft', rows):8.1f} {median('prompt', rows):8.1f}"
        line += f" {differ('ttft', 'prompt', rows):+8.1%}"
        if logged:
            line += f" {len(logged):8} {median('wait', logged):12.1f} {differ('ttft', 'wait', logged):+8.1%}"
        if timed:
            line += f"  {median('tpot', timed):8.2f} {median('per_token', timed):8.2f} {differ('tpot', 'per_token', timed):+8.1%}"
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
