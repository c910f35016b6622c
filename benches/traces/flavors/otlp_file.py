"""A span exporter that writes OTLP JSON Lines, as the Collector's file exporter does."""
import json

from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult


def value(found):
    if isinstance(found, bool):
        return {"boolValue": found}
    if isinstance(found, int):
        return {"intValue": str(found)}
    if isinstance(found, float):
        return {"doubleValue": found}
    if isinstance(found, (list, tuple)):
        return {"arrayValue": {"values": [value(one) for one in found]}}
    return {"stringValue": str(found)}


def pairs(attributes):
    return [{"key": key, "value": value(found)} for key, found in (attributes or {}).items()]


def span_object(span):
    context, status = span.get_span_context(), span.status
    code = {"UNSET": 0, "OK": 1, "ERROR": 2}[status.status_code.name]
    return {
        "traceId": f"{context.trace_id:032x}", "spanId": f"{context.span_id:016x}",
        "parentSpanId": f"{span.parent.span_id:016x}" if span.parent else "",
        "name": span.name, "kind": span.kind.value + 1,
        "startTimeUnixNano": str(span.start_time), "endTimeUnixNano": str(span.end_time),
        "attributes": pairs(span.attributes),
        "events": [{"timeUnixNano": str(event.timestamp), "name": event.name, "attributes": pairs(event.attributes)}
                   for event in span.events],
        "status": {"code": code, "message": status.description or ""},
    }


class OtlpFile(SpanExporter):
    """Appends a line for each span."""

    def __init__(self, path):
        self.file = open(path, "a", encoding="utf-8")

    def export(self, spans):
        for span in spans:
            scope = {"name": span.instrumentation_scope.name if span.instrumentation_scope else ""}
            resource = {"attributes": pairs(span.resource.attributes)}
            scopes = [{"scope": scope, "spans": [span_object(span)]}]
            self.file.write(json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": scopes}]}) + "\n")
        self.file.flush()
        return SpanExportResult.SUCCESS

    def shutdown(self):
        self.file.close()

    def force_flush(self, timeout_millis=0):
        return True
