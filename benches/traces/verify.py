#!/usr/bin/env python3
"""Reads a run's spans with the OpenTelemetry project's own Python types, and sums them up.

    benches/traces/verify.py traces/RUN [--venv FOLDER]

Nothing of infercost's code takes part, so what it prints can be held against
`infercost report traces/RUN --json` number by number. On first use it makes a virtual environment
(below the user's cache folder, or at --venv) and installs `opentelemetry-proto` there.

It ends with status 1 where a line is not OTLP, an id is not well formed or stands twice, a span has no
parent in the file, a child leaves its trace, or there is not exactly one root.
"""

import argparse
import base64
import json
import os
import pathlib
import subprocess
import sys
import venv

PACKAGE = "opentelemetry-proto>=1.30,<2"
ID_FIELDS = {"traceId": 16, "spanId": 8, "parentSpanId": 8}


def in_environment(folder: pathlib.Path) -> None:
    """Runs this script again inside a virtual environment that has the package."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    ready = folder / ".ready"
    if not ready.exists():
        subprocess.run([python, "-m", "pip", "install", "--quiet", PACKAGE], check=True)
        ready.touch()
    os.environ["INFERCOST_VERIFY"] = "inside"
    os.execv(python, [str(python), *sys.argv])


def fail(message: str) -> None:
    sys.exit(f"verify: {message}")


def with_base64_ids(node, where: str):
    """OTLP JSON writes ids as hex; protobuf's JSON wants bytes as base64."""
    if isinstance(node, list):
        return [with_base64_ids(item, where) for item in node]
    if not isinstance(node, dict):
        return node
    converted = {}
    for key, value in node.items():
        if key in ID_FIELDS:
            raw = bytes.fromhex(value)
            if len(raw) not in (ID_FIELDS[key], 0 if key == "parentSpanId" else -1) or value != value.lower():
                fail(f"{where}: {key} {value!r} is not {2 * ID_FIELDS[key]} lower-case hex digits")
            converted[key] = base64.b64encode(raw).decode()
        else:
            converted[key] = with_base64_ids(value, where)
    return converted


def plain(value):
    """An AnyValue as a Python value."""
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [plain(item) for item in value.array_value.values]
    return getattr(value, kind)


def read_spans(path: pathlib.Path):
    """Each span with its attributes and those of its resource."""
    from google.protobuf import json_format
    from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            where = f"{path}:{number}"
            try:
                data = json_format.ParseDict(with_base64_ids(json.loads(line), where), TracesData())
            except (ValueError, json_format.ParseError) as error:
                fail(f"{where}: {error}")
            for resource in data.resource_spans:
                of_resource = {item.key: plain(item.value) for item in resource.resource.attributes}
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        yield where, span, {item.key: plain(item.value) for item in span.attributes}, of_resource


def check_tree(spans) -> None:
    ids = {}
    for where, span, _, _ in spans:
        if span.span_id in ids:
            fail(f"{where}: span {span.span_id.hex()} stands twice (first in {ids[span.span_id]})")
        ids[span.span_id] = where
    if len({span.trace_id for _, span, _, _ in spans}) != 1:
        fail("the spans belong to more than one trace")
    roots = [span.name for _, span, _, _ in spans if not span.parent_span_id]
    if len(roots) != 1:
        fail(f"there are {len(roots)} roots: {roots}; a run that was not finished has none")
    for where, span, _, _ in spans:
        if span.parent_span_id and span.parent_span_id not in ids:
            fail(f"{where}: the parent of {span.name!r}, {span.parent_span_id.hex()}, is not in the file")
        if span.end_time_unix_nano < span.start_time_unix_nano:
            fail(f"{where}: {span.name!r} ends before it starts")


def sums(spans) -> dict:
    variants = {}
    kinds = {}
    for _, span, attributes, _ in spans:
        kind = attributes.get("infercost.record")
        kinds[kind] = kinds.get(kind, 0) + 1
        if kind not in ("inference", "window"):
            continue
        total = variants.setdefault(
            attributes["infercost.variant"],
            {
                "windows": 0, "inferences": 0, "failures": 0, "input_tokens": 0, "output_tokens": 0,
                "gross_j": None, "windows_without_energy": 0, "window_s": 0.0, "latency_s": 0.0,
            },
        )
        seconds = (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9
        if kind == "window":
            total["windows"] += 1
            total["window_s"] += seconds
            joules = attributes.get("infercost.energy.gross_j")
            if joules is None:
                total["windows_without_energy"] += 1
            else:
                total["gross_j"] = (total["gross_j"] or 0.0) + joules
        else:
            total["inferences"] += 1
            total["failures"] += span.status.code == 2
            total["input_tokens"] += attributes.get("gen_ai.usage.input_tokens", 0)
            total["output_tokens"] += attributes.get("gen_ai.usage.output_tokens", 0)
            total["latency_s"] += seconds
    runs = sorted({resource.get("infercost.run.id") for _, _, _, resource in spans})
    return {"runs": runs, "spans": len(spans), "records": kinds, "variants": variants}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=pathlib.Path, help="a run's folder, or its spans.jsonl")
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    parser.add_argument("--venv", type=pathlib.Path, default=cache / "infercost" / "verify-venv")
    arguments = parser.parse_args()
    if os.environ.get("INFERCOST_VERIFY") != "inside":
        in_environment(arguments.venv)
    path = arguments.run / "spans.jsonl" if arguments.run.is_dir() else arguments.run
    spans = list(read_spans(path))
    if not spans:
        fail(f"{path}: no spans")
    check_tree(spans)
    print(json.dumps(sums(spans), indent=2))


if __name__ == "__main__":
    main()
