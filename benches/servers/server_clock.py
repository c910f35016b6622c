#!/usr/bin/env python3
"""Puts infercost's TTFT and TPOT beside what a server's own clock says of the same requests.

    python3 benches/servers/server_clock.py traces/20261122-101500

Reads the spans of a run alone. Of each variant and load: requests with server timings, medians of both clocks, and
the median of the differences. A server's prompt time leaves out what comes before it (connection, queue, template,
tokenizer); its time per token is taken over the same tokens as infercost's.
"""

import json
import statistics
import sys


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


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    loads, found = {}, {}
    for span, named in spans(sys.argv[1]):
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
        row = {"ttft": ttft, "prompt": named["infercost.server.prompt_ns"] / 1e9}
        predicted, time = named.get("infercost.server.predicted_tokens"), named.get("infercost.server.predicted_ns")
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
    print("variant                        load            n   TTFT ms  prompt ms   differ   TPOT ms  server ms   differ")
    for (variant, load), rows in sorted(groups.items()):
        timed = [row for row in rows if "tpot" in row]
        median = lambda name, rows: statistics.median(row[name] for row in rows) * 1e3
        first = statistics.median(row["ttft"] / row["prompt"] - 1 for row in rows if row["prompt"] > 0)
        line = f"{variant:30} {load:14} {len(rows):3}  {median('ttft', rows):8.1f}  {median('prompt', rows):9.1f}  {first:+7.1%}"
        if timed:
            later = statistics.median(row["tpot"] / row["per_token"] - 1 for row in timed)
            line += f"  {median('tpot', timed):8.2f}  {median('per_token', timed):9.2f}  {later:+7.1%}"
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
