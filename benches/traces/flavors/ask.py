"""ask.py WHO FILE: asks the scripted server through the library WHO, whose spans go to FILE as OTLP JSON Lines."""
import asyncio
import os
import sys

import model_server

WHO, FILE = sys.argv[1], sys.argv[2]
BASE = model_server.start()
os.environ.update(OPENAI_API_KEY="example", OPENAI_BASE_URL=f"{BASE}/v1", ANTHROPIC_API_KEY="example", ANTHROPIC_BASE_URL=BASE)
QUESTION = [{"role": "user", "content": "What time is it?"}]


def provider(**more):
    from opentelemetry import trace
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from otlp_file import OtlpFile

    made = TracerProvider(resource=Resource({"service.name": "clock"}))
    made.add_span_processor(SimpleSpanProcessor(OtlpFile(FILE)))
    trace.set_tracer_provider(made)
    return made


def ask_openai(client=None):
    if client is None:
        import openai
        client = openai.OpenAI(max_retries=0)
    create = client.chat.completions.create
    create(model="example-plain", messages=QUESTION, max_tokens=50)
    for _ in create(model="example-plain", messages=QUESTION, stream=True, stream_options={"include_usage": True}):
        pass
    for _ in create(model="example-without-usage", messages=QUESTION, stream=True):
        pass
    try:
        create(model="example-busy", messages=QUESTION)
    except Exception as error:
        print(f"as wanted: {type(error).__name__}", file=sys.stderr)


def ask_anthropic():
    import anthropic
    anthropic.Anthropic(max_retries=0).messages.create(model="example-plain", messages=QUESTION, max_tokens=50)


def openllmetry():
    from opentelemetry.instrumentation.openai import OpenAIInstrumentor
    OpenAIInstrumentor().instrument(tracer_provider=provider())
    ask_openai()


def openllmetry_anthropic():
    from opentelemetry.instrumentation.anthropic import AnthropicInstrumentor
    AnthropicInstrumentor().instrument(tracer_provider=provider())
    ask_anthropic()


def openinference():
    from openinference.instrumentation.anthropic import AnthropicInstrumentor
    from openinference.instrumentation.openai import OpenAIInstrumentor
    made = provider()
    OpenAIInstrumentor().instrument(tracer_provider=made)
    AnthropicInstrumentor().instrument(tracer_provider=made)
    ask_openai()
    ask_anthropic()


def elastic():
    from opentelemetry.instrumentation.openai import OpenAIInstrumentor
    OpenAIInstrumentor().instrument(tracer_provider=provider())
    ask_openai()


def openlit():
    provider()
    import openlit as library
    library.init(disable_metrics=True, disable_batch=True)
    ask_openai()
    ask_anthropic()


def langfuse():
    made = provider()
    os.environ.update(LANGFUSE_PUBLIC_KEY="pk-example", LANGFUSE_SECRET_KEY="sk-example", LANGFUSE_HOST=BASE)
    from langfuse import Langfuse
    Langfuse(tracer_provider=made)
    from langfuse.openai import OpenAI
    ask_openai(OpenAI(max_retries=0))
    client = Langfuse(tracer_provider=made)
    with client.start_as_current_observation(as_type="generation", name="by hand", model="example-plain") as one:
        one.update(usage_details={"input": 60, "input_cached_tokens": 40, "output": 20, "total": 120},
                   cost_details={"input": 0.002, "output": 0.001, "total": 0.003})


def litellm():
    import litellm as library
    from litellm.integrations.opentelemetry import OpenTelemetry, OpenTelemetryConfig
    from otlp_file import OtlpFile
    library.callbacks = [OpenTelemetry(config=OpenTelemetryConfig(exporter=OtlpFile(FILE)))]
    library.register_model({"openai/example-plain": {
        "input_cost_per_token": 1e-5, "output_cost_per_token": 3e-5, "cache_read_input_token_cost": 1e-6,
        "litellm_provider": "openai", "mode": "chat", "max_tokens": 1000}})
    common = {"messages": QUESTION, "num_retries": 0, "max_retries": 0}
    library.completion(model="openai/example-plain", **common)
    for _ in library.completion(model="openai/example-plain", stream=True, stream_options={"include_usage": True}, **common):
        pass
    for _ in library.completion(model="openai/example-without-usage", stream=True, **common):
        pass
    try:
        library.completion(model="openai/example-busy", **common)
    except Exception as error:
        print(f"as wanted: {type(error).__name__}", file=sys.stderr)
    library.completion(model="anthropic/example-plain", api_base=BASE, max_tokens=50, **common)
    import time
    time.sleep(3)


def langsmith():
    os.environ.update(LANGSMITH_TRACING="true", LANGSMITH_OTEL_ENABLED="true", LANGSMITH_OTEL_ONLY="true",
                      LANGSMITH_API_KEY="example", LANGSMITH_ENDPOINT=BASE)
    provider()
    import openai
    from langsmith import Client
    from langsmith.wrappers import wrap_openai
    client = Client()
    ask_openai(wrap_openai(openai.OpenAI(max_retries=0), tracing_extra={"client": client}))
    client.flush()
    import time
    time.sleep(2)


def pydantic():
    from pydantic_ai import Agent
    from pydantic_ai.models.instrumented import InstrumentationSettings
    made = provider()
    Agent.instrument_all(InstrumentationSettings(tracer_provider=made))

    async def ask(model):
        agent = Agent(model)
        try:
            await agent.run("What time is it?")
        except Exception as error:
            print(f"as wanted: {type(error).__name__}", file=sys.stderr)

    async def stream(model):
        async with Agent(model).run_stream("What time is it?") as result:
            async for _ in result.stream_text():
                pass

    from pydantic_ai.models.openai import OpenAIChatModel
    asyncio.run(ask(OpenAIChatModel("example-plain")))
    asyncio.run(stream(OpenAIChatModel("example-plain")))
    asyncio.run(ask(OpenAIChatModel("example-busy")))
    from pydantic_ai.models.anthropic import AnthropicModel
    asyncio.run(ask(AnthropicModel("example-plain")))


def formats():
    """The same span as the SDK prints it and as Zipkin's exporter encodes it, two files."""
    from opentelemetry.exporter.zipkin.encoder import Protocol
    from opentelemetry.exporter.zipkin.json.v2 import JsonV2Encoder
    from opentelemetry.exporter.zipkin.node_endpoint import NodeEndpoint
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult, SimpleSpanProcessor
    made = provider()

    class Other(SpanExporter):
        def export(self, spans):
            with open(FILE + ".sdk", "a", encoding="utf-8") as file:
                file.writelines(span.to_json() + "\n" for span in spans)
            with open(FILE + ".zipkin", "a", encoding="utf-8") as file:
                file.write(JsonV2Encoder().serialize(spans, NodeEndpoint()) + "\n")
            return SpanExportResult.SUCCESS

    made.add_span_processor(SimpleSpanProcessor(Other()))
    from opentelemetry.trace import Status, StatusCode
    tracer = made.get_tracer("by hand")
    usage = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "example-plain", "gen_ai.usage.input_tokens": 100,
             "gen_ai.usage.output_tokens": 20, "gen_ai.response.finish_reasons": ["stop"]}
    with tracer.start_as_current_span("around"):
        with tracer.start_as_current_span("chat example-plain", attributes=usage) as span:
            span.add_event("gen_ai.content.completion.chunk")
        with tracer.start_as_current_span("chat example-busy", attributes={"gen_ai.operation.name": "chat"}) as span:
            span.set_status(Status(StatusCode.ERROR, "busy"))


def datadog():
    """Datadog's tracer speaks a protocol of its own; a collector's receiver turns tags and metrics into attributes."""
    import json
    os.environ.update(DD_TRACE_ENABLED="true", DD_INSTRUMENTATION_TELEMETRY_ENABLED="false", DD_LLMOBS_ENABLED="0")
    import ddtrace
    from ddtrace import patch, tracer
    from ddtrace.trace import TraceFilter

    class Keep(TraceFilter):
        def process_trace(self, trace):
            from otlp_file_datadog import line
            with open(FILE, "a", encoding="utf-8") as file:
                for span in trace:
                    file.write(json.dumps(line(span)) + "\n")
            return None

    tracer.configure(trace_processors=[Keep()])
    patch(openai=True, anthropic=True)
    ask_openai()


def litellm_log():
    """What LiteLLM gives to the callbacks that write files and tables."""
    import json
    import time
    import litellm as library
    from litellm.integrations.custom_logger import CustomLogger

    class Keep(CustomLogger):
        def keep(self, given):
            with open(FILE, "a", encoding="utf-8") as file:
                file.write(json.dumps(given["standard_logging_object"], default=str) + "\n")

        def log_success_event(self, kwargs, response_obj, start_time, end_time):
            self.keep(kwargs)

        def log_failure_event(self, kwargs, response_obj, start_time, end_time):
            self.keep(kwargs)

    library.callbacks = [Keep()]
    library.register_model({"openai/example-plain": {
        "input_cost_per_token": 1e-5, "output_cost_per_token": 3e-5, "cache_read_input_token_cost": 1e-6,
        "litellm_provider": "openai", "mode": "chat", "max_tokens": 1000}})
    common = {"messages": QUESTION, "num_retries": 0, "max_retries": 0}
    library.completion(model="openai/example-plain", **common)
    for _ in library.completion(model="openai/example-plain", stream=True, stream_options={"include_usage": True}, **common):
        pass
    try:
        library.completion(model="openai/example-busy", **common)
    except Exception as error:
        print(f"as wanted: {type(error).__name__}", file=sys.stderr)
    library.completion(model="anthropic/example-plain", api_base=BASE, max_tokens=50, **common)
    time.sleep(3)


def langfuse_export():
    """Observations as Langfuse's interface gives them, in its own types."""
    import json
    from datetime import datetime, timedelta, timezone
    from langfuse.api.commons.types.observation_v2 import ObservationV2
    start = datetime(2026, 11, 1, 10, 0, 0, tzinfo=timezone.utc)

    def one(number, kind, **more):
        given = {"id": f"{number:016x}", "trace_id": f"{7:032x}", "project_id": "p", "type": kind, "start_time": start,
                 "end_time": start + timedelta(seconds=2), "user_id": "u", "session_id": "s", "level": "DEFAULT", **more}
        return json.loads(ObservationV2(**given).json())

    model = {"model": "example-plain", "parent_observation_id": f"{1:016x}"}
    observations = [
        one(1, "AGENT", name="around"),
        one(2, "GENERATION", usage_details={"input": 60, "input_cached_tokens": 40, "output": 20, "total": 120},
            cost_details={"input": 0.002, "output": 0.001, "total": 0.003}, total_cost=0.003,
            completion_start_time=start + timedelta(seconds=0.5), time_to_first_token=0.5, latency=2.0, **model),
        one(3, "GENERATION", usage_details={"input": 100, "output": 20, "total": 120}, cost_details={}, total_cost=0.0, **model),
        one(4, "GENERATION", usage_details={}, **{**model, "level": "ERROR"}),
        one(5, "EMBEDDING", usage_details={"input": 8, "total": 8}, **model),
    ]
    with open(FILE, "w", encoding="utf-8") as file:
        json.dump({"data": observations, "meta": {"cursor": None}}, file, indent=1)


def langsmith_runs():
    """Runs as LangSmith's client gives them, in its own type."""
    from datetime import datetime, timedelta, timezone
    from uuid import UUID
    from langsmith.schemas import Run
    start = datetime(2026, 11, 1, 10, 0, 0, tzinfo=timezone.utc)

    def one(number, kind, **more):
        given = {"id": UUID(int=number), "trace_id": UUID(int=1), "name": "run", "run_type": kind, "start_time": start,
                 "end_time": start + timedelta(seconds=2), "session_id": UUID(int=99), "status": "success", **more}
        return Run(**given).model_dump_json()

    model = {"parent_run_id": UUID(int=1), "extra": {"metadata": {"ls_model_name": "example-plain", "ls_provider": "openai", "user_id": "u"}}}
    runs = [
        one(1, "chain", prompt_tokens=200, completion_tokens=40, total_tokens=240),
        one(2, "llm", prompt_tokens=100, completion_tokens=20, total_tokens=120, prompt_token_details={"cache_read": 40},
            completion_token_details={"reasoning": 5}, total_cost="0.003", first_token_time=start + timedelta(seconds=0.5), **model),
        one(3, "llm", prompt_tokens=100, completion_tokens=20, total_tokens=120, **model),
        one(4, "llm", error="RateLimitError(429)", prompt_tokens=0, completion_tokens=0, total_tokens=0, **{**model, "status": "error"}),
    ]
    with open(FILE, "w", encoding="utf-8") as file:
        file.writelines(run + "\n" for run in runs)


globals()[WHO]()
