"""A span of Datadog's tracer as the Collector's receiver for it would write it."""


def line(span):
    attributes = {**dict(span.get_tags()), **dict(span.get_metrics())}
    value = lambda found: {"doubleValue": found} if isinstance(found, (int, float)) else {"stringValue": str(found)}
    pairs = [{"key": key, "value": value(found)} for key, found in attributes.items()]
    pairs += [{"key": "dd.span.Resource", "value": {"stringValue": span.resource or ""}}]
    one = {
        "traceId": f"{span.trace_id:032x}", "spanId": f"{span.span_id:016x}",
        "parentSpanId": f"{span.parent_id:016x}" if span.parent_id else "", "name": span.name,
        "startTimeUnixNano": str(span.start_ns), "endTimeUnixNano": str(span.start_ns + (span.duration_ns or 0)),
        "attributes": pairs, "status": {"code": 2 if span.error else 0},
    }
    return {"resourceSpans": [{"scopeSpans": [{"scope": {"name": "Datadog"}, "spans": [one]}]}]}
