#!/usr/bin/env bash
# regenerate.sh [FOLDER]: installs the libraries that people trace with into FOLDER (default: a new temporary one), lets
# each ask the scripted server, and writes the shapes of their spans into crates/trace/tests/flavors. Needs python3, node
# and the package registries; takes some minutes and 3 GB.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
into=$here/../../../crates/trace/tests/flavors
work=${1:-$(mktemp -d)}
mkdir -p "$work" "$into"
export PYTHONDONTWRITEBYTECODE=1

# library → packages; a version only where another one writes other spans
install() {
  local name=$1; shift
  [ -x "$work/$name/bin/python" ] || { python3 -m venv "$work/$name"; "$work/$name/bin/pip" -q install "$@"; }
}
ask() {
  rm -f "$work/$1".jsonl*
  timeout 120 "$work/${2:-$1}/bin/python" "$here/ask.py" "$1" "$work/$1.jsonl"
}

install openllmetry opentelemetry-instrumentation-openai==0.62.4 opentelemetry-sdk openai
install openllmetry_anthropic opentelemetry-instrumentation-anthropic opentelemetry-sdk anthropic
install openinference openinference-instrumentation-openai openinference-instrumentation-anthropic opentelemetry-sdk openai anthropic
install elastic elastic-opentelemetry-instrumentation-openai opentelemetry-sdk openai
install openlit openlit==1.45.0 openai anthropic
install langfuse langfuse==5.0.4 openai
install litellm litellm==1.110.2 opentelemetry-sdk opentelemetry-exporter-otlp-proto-http
install langsmith 'langsmith[otel]==0.15.1' openai
install pydantic 'pydantic-ai-slim[openai,anthropic]==2.68.0' opentelemetry-sdk
install datadog ddtrace==4.16.0 openai
install formats opentelemetry-sdk opentelemetry-exporter-zipkin-json
for name in openllmetry openllmetry_anthropic openinference elastic openlit langfuse litellm langsmith pydantic datadog formats; do
  ask "$name"
  python3 "$here/shape.py" "$work/$name.jsonl" > "$into/$name.jsonl"
done
cp "$work/formats.jsonl.sdk" "$into/formats.sdk.json"
cp "$work/formats.jsonl.zipkin" "$into/formats.zipkin.jsonl"

# what platforms export, a call a record
for name in langfuse_export:langfuse langsmith_runs:langsmith litellm_log:litellm; do
  ask "${name%:*}" "${name#*:}"
done
cp "$work/langfuse_export.jsonl" "$into/langfuse_export.json"
cp "$work/langsmith_runs.jsonl" "$into/langsmith_runs.jsonl"
python3 "$here/shape_log.py" "$work/litellm_log.jsonl" > "$into/litellm_log.jsonl"

mkdir -p "$work/vercel" && cp "$here/ask.mjs" "$work/vercel"
(cd "$work/vercel" && echo '{"private":true,"type":"module"}' > package.json &&
  npm install --silent --no-audit --no-fund ai@5 @ai-sdk/openai-compatible@1 @opentelemetry/sdk-trace-node \
    @opentelemetry/otlp-transformer @opentelemetry/sdk-trace-base)
python3 "$here/model_server.py" > "$work/address" & server=$!
trap 'kill $server' EXIT
until [ -s "$work/address" ]; do sleep 0.1; done
rm -f "$work/vercel.jsonl"
(cd "$work/vercel" && node ask.mjs "$work/vercel.jsonl" "$(cat "$work/address")")
python3 "$here/shape.py" "$work/vercel.jsonl" > "$into/vercel.jsonl"
echo "written: $into"
