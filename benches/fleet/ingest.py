#!/usr/bin/env python3
"""How fast production traces go into tables, and in how much memory: `benches/fleet/ingest.py PROGRAM [SPANS]`.

Writes files of OTLP JSON Lines of SPANS (1,000,000) and a tenth of it, half of them calls of models, as the Collector's file exporter
writes them (100 spans a line, 20 attributes a call), and takes them in with PROGRAM, a release build. Prints spans a second and the most
memory of each. Exits with 1 where the large one is slower than 200,000 spans a second or takes over half more memory than
the small one.
"""

import json
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

WANTED = 200_000
PER_LINE = 100
START = 1_795_000_000_000_000_000


def attribute(key, value):
    kind = {str: "stringValue", int: "intValue", float: "doubleValue", bool: "boolValue"}[type(value)]
    return {"key": key, "value": {kind: str(value) if kind == "intValue" else value}}


def call(number):
    """A call as openllmetry records it."""
    attributes = {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": f"model-{number % 7}",
        "gen_ai.response.model": f"model-{number % 7}", "gen_ai.request.temperature": 0.7, "gen_ai.request.top_p": 1.0,
        "gen_ai.request.max_tokens": 512, "gen_ai.response.id": f"chatcmpl-{number:020d}",
        "gen_ai.response.finish_reasons": "stop", "gen_ai.usage.input_tokens": 100 + number % 900,
        "gen_ai.usage.output_tokens": 20 + number % 200, "gen_ai.usage.cache_read.input_tokens": number % 100,
        "gen_ai.conversation.id": f"c{number // 10}", "user.id": f"u{number % 5000}", "server.address": "api.example.com",
        "server.port": 443, "http.response.status_code": 200, "deployment.environment.name": "production",
        "gen_ai.response.time_to_first_chunk": 0.2, "llm.cost.total": 0.0012,
    }
    return span(number, number * 2, 1_500_000_000, [attribute(*pair) for pair in attributes.items()])


def span(trace, number, length, attributes):
    return {
        "traceId": f"{trace + 1:032x}", "spanId": f"{number + 1:016x}", "parentSpanId": "", "name": "chat",
        "kind": 3, "startTimeUnixNano": str(START + trace * 1_000_000), "endTimeUnixNano": str(START + trace * 1_000_000 + length),
        "attributes": attributes, "status": {},
    }


def write(file, spans):
    with open(file, "w") as out:
        for first in range(0, spans // 2, PER_LINE // 2):
            here = []
            for number in range(first, first + PER_LINE // 2):
                here.append(call(number))
                here.append(span(number, number * 2 + 1, 10_000_000, [attribute("http.route", "/v1/ask"), attribute("http.response.status_code", 200)]))
            resource_of = {"attributes": [attribute("service.name", f"service-{first // 50 % 9}"), attribute("host.name", "node-1")]}
            out.write(json.dumps({"resourceSpans": [{"resource": resource_of, "scopeSpans": [{"scope": {"name": "bench"}, "spans": here}]}]},
                                 separators=(",", ":")) + "\n")


def measured(program, folder, spans):
    """Seconds and kB of taking so many spans in."""
    file = folder / f"{spans}.jsonl"
    write(file, spans)
    script = ("import resource, subprocess, sys, time\nbefore = time.perf_counter()\n"
              "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n"
              "print(time.perf_counter() - before, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
    words = [sys.executable, "-c", script, program, "ingest", file, "--into", folder / f"tables-{spans}"]
    seconds, memory = subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True).stdout.split()
    size = file.stat().st_size
    file.unlink()
    print(f"{spans:>10,} spans, {size / 1e6:8.0f} MB: {float(seconds):6.2f} s, {spans / float(seconds):9,.0f} spans/s, {int(memory) / 1024:6.0f} MiB")
    return float(seconds), int(memory)


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    spans = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    with tempfile.TemporaryDirectory(prefix="infercost-ingest-") as name:
        folder = pathlib.Path(name)
        _, small = measured(program, folder, spans // 10)
        seconds, large = measured(program, folder, spans)
    return 0 if spans / seconds >= WANTED and large <= small * 1.5 else 1


if __name__ == "__main__":
    sys.exit(main())
