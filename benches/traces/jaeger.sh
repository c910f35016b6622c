#!/usr/bin/env bash
# Builds Jaeger and a collector of the OpenTelemetry collector's core from their Go modules, and sends a run through
# them: over http/protobuf, http/json and gRPC, read back through Jaeger's query API.
#
#   benches/traces/jaeger.sh build FOLDER          needs Go; about 25 minutes on two busy cores
#   benches/traces/jaeger.sh check FOLDER RUN      needs infercost on the path, or INFERCOST=program
set -euo pipefail

command=${1:?build or check}
folder=${2:?a folder}
mkdir -p "$folder/core"
folder=$(cd "$folder" && pwd)
# The last release of the v1 line: one program with all parts in it.
release=v1.76.0

build() {
  export GOFLAGS=-mod=mod CGO_ENABLED=0
  cd "$folder"
  local module
  module=$(go mod download -json "github.com/jaegertracing/jaeger@$release" | python3 -c 'import json, sys; print(json.load(sys.stdin)["Dir"])')
  # the release's own versions of everything; the collector's modules are among them
  sed 's/^module .*/module scratch/' "$module/go.mod" >go.mod
  cp "$module/go.sum" go.sum
  chmod u+w go.mod go.sum
  echo "require github.com/jaegertracing/jaeger $release" >>go.mod
  go build -o all-in-one github.com/jaegertracing/jaeger/cmd/all-in-one
  cat >core/main.go <<'GO'
package main

import (
	"log"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/debugexporter"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
)

func components() (otelcol.Factories, error) {
	var err error
	f := otelcol.Factories{Telemetry: otelconftelemetry.NewFactory()}
	if f.Receivers, err = otelcol.MakeFactoryMap[receiver.Factory](otlpreceiver.NewFactory()); err != nil {
		return f, err
	}
	f.Exporters, err = otelcol.MakeFactoryMap[exporter.Factory](debugexporter.NewFactory())
	return f, err
}

func main() {
	resolver := confmap.ResolverSettings{DefaultScheme: "file", ProviderFactories: []confmap.ProviderFactory{fileprovider.NewFactory()}}
	settings := otelcol.CollectorSettings{
		BuildInfo:              component.BuildInfo{Command: "collector-core"},
		Factories:              components,
		ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: resolver},
	}
	if err := otelcol.NewCommand(settings).Execute(); err != nil {
		log.Fatal(err)
	}
}
GO
  go build -o collector-core ./core
}

check() {
  local run=${3:?a run folder}
  FOLDER=$folder RUN=$run INFERCOST=${INFERCOST:-infercost} python3 - <<'PYTHON'
import json, os, pathlib, re, socket, subprocess, sys, time, urllib.request

folder, run, infercost = (os.environ[name] for name in ("FOLDER", "RUN", "INFERCOST"))
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(9)]
ports = [one.getsockname()[1] for one in held]
for one in held:
    one.close()
query, query_grpc, grpc, http, admin, old, older, core_grpc, core_http = ports
local = "127.0.0.1:{}".format
config = pathlib.Path(folder, "core.yaml")
config.write_text(f"""
receivers: {{otlp: {{protocols: {{grpc: {{endpoint: '{local(core_grpc)}'}}, http: {{endpoint: '{local(core_http)}'}}}}}}}}
exporters: {{debug: {{verbosity: basic}}}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines:
    traces: {{receivers: [otlp], exporters: [debug]}}
    metrics: {{receivers: [otlp], exporters: [debug]}}
""")
log = open(os.path.join(folder, "core.log"), "w+")
quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "stdin": subprocess.DEVNULL}
started = [
    subprocess.Popen([os.path.join(folder, "all-in-one"), f"--query.http-server.host-port={local(query)}",
        f"--query.grpc-server.host-port={local(query_grpc)}", f"--collector.otlp.grpc.host-port={local(grpc)}",
        f"--collector.otlp.http.host-port={local(http)}", f"--admin.http.host-port={local(admin)}",
        f"--collector.http-server.host-port={local(old)}", f"--collector.grpc-server.host-port={local(older)}"],
        env={**os.environ, "SPAN_STORAGE_TYPE": "memory"}, **quiet),
    subprocess.Popen([os.path.join(folder, "collector-core"), "--config", str(config)],
        stdout=log, stderr=log, stdin=subprocess.DEVNULL),
]


def get(path):
    return json.load(urllib.request.urlopen(f"http://{local(query)}{path}", timeout=10))["data"]


def export(url, protocol):
    done = subprocess.run([infercost, "export", run, "--otlp", url, "--otlp-protocol", protocol, "--json"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{protocol} to {url}: {done.stderr}")
    return json.loads(done.stdout)["spans"]


try:
    for port in (query, http, core_http):
        for _ in range(120):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.5)
        else:
            sys.exit(f"nothing listens at {port}")
    on_disk = {}
    for line in pathlib.Path(run, "spans.jsonl").read_text().splitlines():
        for resource in json.loads(line)["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                on_disk.update((span["spanId"], span) for span in scope["spans"])
    for url, protocol in ((f"http://{local(http)}", "http/protobuf"), (f"http://{local(http)}", "http/json"),
                          (f"http://{local(grpc)}", "grpc")):
        assert export(url, protocol) == len(on_disk), protocol
        time.sleep(2)
        assert get("/api/services") == ["infercost"], get("/api/services")
        traces = get("/api/traces?service=infercost&limit=10")
        assert len(traces) == 1, "one run is one trace"
        # Jaeger keeps a span that is sent again a second time in memory; ids tell them apart
        spans = {span["spanID"]: span for span in traces[0]["spans"]}
        assert spans.keys() == on_disk.keys(), f"{len(spans)} of {len(on_disk)} spans"
        for identity, span in spans.items():
            parents = [one["spanID"] for one in span["references"]]
            assert parents == [on_disk[identity]["parentSpanId"]] or not parents and not on_disk[identity]["parentSpanId"]
            assert span["startTime"] == int(on_disk[identity]["startTimeUnixNano"]) // 1000
        calls = [span for span in spans.values() if span["operationName"].startswith("chat ")]
        tags = [{tag["key"]: tag["value"] for tag in span["tags"]} for span in calls]
        assert all(one["gen_ai.usage.input_tokens"] > 0 and one["infercost.cost.total"] > 0 for one in tags)
        print(f"Jaeger, {protocol}: {len(spans)} spans, {len(calls)} calls, "
              f"{sum(one['infercost.cost.total'] for one in tags):.10f} in all")
    for url, protocol in ((f"http://{local(core_http)}", "http/protobuf"), (f"http://{local(core_http)}", "http/json"),
                          (f"http://{local(core_grpc)}", "grpc")):
        assert export(url, protocol) == len(on_disk), protocol
    time.sleep(2)
    log.seek(0)
    told = [sum(map(int, re.findall(kind, log.read()))) for kind in (r'"spans": (\d+)',)]
    assert told == [3 * len(on_disk)], told
    print(f"the collector's core: {told[0]} spans by three protocols")
finally:
    for one in started:
        one.terminate()
        one.wait()
PYTHON
}

"$command" "$@"
