#!/usr/bin/env python3
"""Serves a GGUF file with llama.cpp's own server, through the Python package xllamacpp.

For machines without a llama-server program; takes the few flags that infercost's --serve needs:

    infercost compare model.gguf --serve "python3 benches/servers/llama_server.py -m {model} --port {port}"

Installs nothing: `pip install xllamacpp` brings the server. It runs until it is stopped (SIGTERM, Ctrl-C).
"""

import argparse
import os
import signal
import sys
import threading


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Serve a GGUF file with llama.cpp's server.")
    parser.add_argument("-m", "--model", required=True, help="GGUF file")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="port; 0 takes a free one and prints it")
    parser.add_argument("--alias", help="name under which the model is served [default: the file's stem]")
    parser.add_argument("-t", "--threads", type=int, default=os.cpu_count(), help="threads that compute")
    parser.add_argument("-c", "--context", type=int, default=2048, help="tokens of context for each slot")
    parser.add_argument("-v", "--verbose", action="store_true", help="log every step, for server_clock.py --log")
    parser.add_argument("-np", "--parallel", type=int, default=4, help="requests answered side by side")
    return parser.parse_args()


def main() -> int:
    given = arguments()
    try:
        import xllamacpp
    except ImportError:
        print("the package xllamacpp is not here: pip install xllamacpp", file=sys.stderr)
        return 1
    if not os.path.isfile(given.model):
        print(f"no such file: {given.model}", file=sys.stderr)
        return 1
    params = xllamacpp.CommonParams()
    params.model.path = given.model
    params.model_alias = {given.alias or os.path.splitext(os.path.basename(given.model))[0]}
    params.hostnames = [given.host] if isinstance(params.hostnames, list) else given.host
    params.port = given.port
    params.cpuparams.n_threads = given.threads
    params.cpuparams_batch.n_threads = given.threads
    params.n_ctx = given.context * given.parallel
    params.n_parallel = given.parallel
    params.n_gpu_layers = 0
    params.endpoint_props = True
    if given.verbose:
        params.verbosity = 9
    server = xllamacpp.Server(params)
    print(f"listening on {server.listening_address}/v1", flush=True)
    ended = threading.Event()
    for kind in (signal.SIGTERM, signal.SIGINT):
        signal.signal(kind, lambda *_: ended.set())
    ended.wait()
    # the server's threads end with the process
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
