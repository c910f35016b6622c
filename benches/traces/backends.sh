#!/usr/bin/env bash
# Starts real back-ends on free loopback ports, for the end-to-end test and for looking at.
#
#   benches/traces/backends.sh install FOLDER       a virtual environment with Phoenix, rotel and oteltap (about 1 GB)
#   benches/traces/backends.sh start FOLDER         starts Phoenix; prints NAME=VALUE lines, with free ports for rotel,
#                                                   which whoever wants it starts (and kills) from ROTEL_PROGRAM
#   benches/traces/backends.sh stop FOLDER          stops what start has started
#
# FOLDER holds the environment, Phoenix's database and the processes' ids. Nothing is listened to outside this
# machine but Phoenix's gRPC port, which binds every interface whatever it is told.
set -euo pipefail

command=${1:?install, start or stop}
folder=${2:?a folder}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
venv=$folder/venv

# Versions that this was tried with; newer ones may do.
packages=(arize-phoenix==20.26.1 rotel==0.0.1a15 oteltap==1.0.0)

free_ports() {
  "$venv/bin/python" - "$1" <<'PYTHON'
import socket, sys
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*(one.getsockname()[1] for one in held))
PYTHON
}

wait_for() { # URL seconds pid
  for ((i = 0; i < $2 * 2; i++)); do
    kill -0 "$3" 2>/dev/null || { echo "$1: the process has ended" >&2; return 1; }
    if "$venv/bin/python" -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=2)' "$1" 2>/dev/null; then
      return 0
    fi
    sleep 0.5
  done
  echo "$1: no answer after $2 s" >&2
  return 1
}

install() {
  [[ -e $folder/.ready && $(<"$folder/.ready") == "${packages[*]}" ]] && return 0
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check "${packages[@]}" >&2
  echo "${packages[*]}" >"$folder/.ready"
}

start() {
  stop
  local http grpc rotel_http rotel_grpc
  read -r http grpc rotel_http rotel_grpc < <(free_ports 4)
  rm -rf "$folder/phoenix"
  mkdir -p "$folder/phoenix"
  PHOENIX_WORKING_DIR=$folder/phoenix PHOENIX_HOST=127.0.0.1 PHOENIX_PORT=$http PHOENIX_GRPC_PORT=$grpc \
    PHOENIX_TELEMETRY_ENABLED=false PHOENIX_ALLOW_EXTERNAL_RESOURCES=false \
    nohup "$venv/bin/phoenix" serve >"$folder/phoenix.log" 2>&1 </dev/null &
  local phoenix=$!
  echo "$phoenix" >>"$folder/pids"

  wait_for "http://127.0.0.1:$http/healthz" 120 "$phoenix"
  echo "PHOENIX=http://127.0.0.1:$http"
  echo "PHOENIX_GRPC=http://127.0.0.1:$grpc"
  echo "ROTEL=http://127.0.0.1:$rotel_http"
  echo "ROTEL_GRPC=http://127.0.0.1:$rotel_grpc"
  echo "ROTEL_PROGRAM=$(find "$venv" -name rotel-agent -type f | head -1)"
  echo "OTELTAP=$venv/bin/oteltap"
}

stop() {
  [[ -e $folder/pids ]] || return 0
  while read -r pid; do
    kill "$pid" 2>/dev/null || true
  done <"$folder/pids"
  rm -f "$folder/pids"
}

"$command"
