#!/usr/bin/env python3
"""Made-up production traces: `benches/fleet/calls.py FILE SPANS`.

Writes OTLP JSON Lines as the Collector's file exporter does (100 spans a line, 20 attributes a call). Half of the spans are calls of
models, each with the cost that it states; the others are of the application.
"""

import json
import sys

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
        "gen_ai.response.time_to_first_chunk": 0.2, "llm.cost.total": cost(100 + number % 900, 20 + number % 200),
    }
    return span(number, number * 2, 1_500_000_000, [attribute(*pair) for pair in attributes.items()])


def cost(input_tokens, output_tokens):
    """USD at 3 and 15 a million tokens."""
    return (3 * input_tokens + 15 * output_tokens) / 1_000_000


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


if __name__ == "__main__":
    write(sys.argv[1], int(sys.argv[2]))
