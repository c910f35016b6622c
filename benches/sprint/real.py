#!/usr/bin/env python3
"""A sprint on a real llama.cpp server: what it finds, how long it takes, whether a separate run says the same.

    benches/sprint/real.py --server /opt/llama.cpp/llama-server --model model.gguf [--binary target/release/infercost]
        [--budget 20m] [--concurrency 4] [--slo ttft=3s,tpot=150ms] [--draft draft.gguf] [--grid] [--out FOLDER]

1. `infercost optimize --measure` from the server's defaults, over the shipped space, for a chat workload under --slo: its
   true output, and the time that it took.
2. Where it names a command: both servers are started, and `infercost compare` measures them at that concurrency.
3. With --grid: the same sprint with --exhaustive, every setting in every round. Its share of the time, and how far the
   sprint's winner is from the grid's. Takes two hours or more on two cores.

Prints Markdown for docs/optimize.md. Needs two quiet cores; 2. takes three minutes.
"""

import argparse
import json
import os
import pathlib
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
STARTING_S = 120
COMPARED = "60s"
COLORS = re.compile(r"\x1b\[[0-9;]*m")


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Server:
    """A server under a command, stopped when its block ends."""

    def __init__(self, command, port, log):
        self.url = f"http://127.0.0.1:{port}"
        self.child = subprocess.Popen(shlex.split(command), stdout=log, stderr=log)

    def __enter__(self):
        until = time.monotonic() + STARTING_S
        while time.monotonic() < until and self.child.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=2) as answer:
                    if answer.status == 200:
                        return self
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        self.__exit__()
        sys.exit(f"no server answers at {self.url}")

    def __exit__(self, *_):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(20)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()


def sprint(binary, words, folder):
    """The sprint's own text, its outcome as JSON (read back from its folder, not measured again), and its seconds."""
    began = time.monotonic()
    with open(folder / "progress.log", "a", encoding="utf-8") as log:
        done = subprocess.run([binary, *words], cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True)
        took = time.monotonic() - began
        if done.returncode not in (0, 3):
            sys.exit(f"the sprint ended with status {done.returncode}; see {folder / 'progress.log'}")
        again = subprocess.run([binary, *words, "--resume", "--json"], cwd=folder, stdout=subprocess.PIPE, stderr=log,
                               text=True)
    return COLORS.sub("", done.stdout), json.loads(again.stdout), took


def confirmed(binary, arguments, folder, present, winner):
    """What `compare` says of both commands, side by side at the sprint's concurrency."""
    ports = free_port(), free_port()
    commands = [command.replace("{port}", str(port)).replace("--port 8080", f"--port {port}")
                for command, port in zip((present, winner), ports)]
    with open(folder / "servers.log", "a", encoding="utf-8") as log, \
            Server(commands[0], ports[0], log) as one, Server(commands[1], ports[1], log) as other:
        words = ["compare", f"{one.url}/v1", f"{other.url}/v1", "--concurrency", str(arguments.concurrency),
                 "--duration", COMPARED, "--max-prompts", "20", "--json"]
        done = subprocess.run([binary, *words], cwd=folder, stdout=subprocess.PIPE, text=True)
    report = json.loads(done.stdout)
    costs = []
    for candidate in report["candidates"]:
        point = next(point for point in candidate["operating_points"] if "concurrency" in point["operating_point"])
        costs.append(point["cost_per_inference"])
    if len(costs) != 2 or not all(costs):
        return "`compare` has no cost for both at this load: " + "; ".join(report.get("notes", []))

    saved = 1 - costs[1]["point"] / costs[0]["point"]
    least = 1 - costs[1]["upper"] / costs[0]["lower"]
    most = 1 - costs[1]["lower"] / costs[0]["upper"]
    return f"a separate `compare` at {arguments.concurrency} in flight: {saved:.1%} cheaper [{least:.1%}, {most:.1%}]"


def saving(outcome, name):
    """What a setting saves in an outcome; the present one saves nothing."""
    for one in outcome["settings"]:
        if one["setting"] == name and one["standing"]["saving"]:
            return one["standing"]["saving"]["point"]
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--binary", default=str(ROOT / "target/release/infercost"))
    parser.add_argument("--budget", default="20m")
    parser.add_argument("--concurrency", type=int, default=4)
    parser.add_argument("--slo", default="ttft=3s,tpot=150ms")
    parser.add_argument("--draft")
    parser.add_argument("--grid", action="store_true")
    parser.add_argument("--grid-budget", default="6h")
    parser.add_argument("--out", help="folder for traces and logs [default: a temporary one, which stays]")
    arguments = parser.parse_args()

    # servers are stopped on the way out, also where this script is told to end
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    binary, model = os.path.abspath(arguments.binary), os.path.abspath(arguments.model)
    folder = pathlib.Path(arguments.out or tempfile.mkdtemp(prefix="infercost-sprint-")).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    serve = f"{os.path.abspath(arguments.server)} -m {{model}} --port {{port}}"
    shown = f'llama-server -m {{model}} --port {{port}}'
    words = ["optimize", "--measure", model, "--serve", serve, "--concurrency", str(arguments.concurrency), "--slo",
             arguments.slo, "--budget", arguments.budget]
    if arguments.draft:
        words += ["--draft", os.path.abspath(arguments.draft)]

    text, outcome, took = sprint(binary, words, folder)
    copied = outcome["command"]
    print("```")
    print(f"$ infercost optimize --measure {pathlib.Path(model).name} --concurrency {arguments.concurrency} "
          f"--slo {arguments.slo} --budget {arguments.budget} \\\n    --serve \"{shown}\"")
    print(text.replace(str(folder) + "/", "").replace(os.path.dirname(os.path.abspath(arguments.server)) + "/", "")
          .replace(os.path.dirname(model) + "/", "").rstrip())
    print("```\n")
    print(f"{len(outcome['settings'])} settings, {outcome['visits']} measurements, {took / 60:.1f} minutes.", flush=True)

    if copied:
        print(f"Confirmed by {confirmed(binary, arguments, folder, serve.replace('{model}', shlex.quote(model)), copied)}.",
              flush=True)
    if arguments.grid:
        whole = folder / "grid"
        whole.mkdir(exist_ok=True)
        words[words.index("--budget") + 1] = arguments.grid_budget
        _, grid, grid_took = sprint(binary, [*words, "--exhaustive"], whole)
        best = max((one for one in grid["settings"] if one["standing"]["saving"]),
                   key=lambda one: one["standing"]["saving"]["point"])
        named = next((one["setting"] for one in outcome["settings"]
                      if one["candidate"] == outcome["answer"].get("candidate")), {})
        found = saving(grid, named) if named else 0.0
        apart = "not in the grid" if found is None else f"{best['standing']['saving']['point'] - found:.1%} of the cost"
        print(f"The whole grid took {grid_took / 60:.0f} minutes, {took / grid_took:.0%} of it the sprint. Its best: "
              f"{' '.join(f'{name}={value}' for name, value in best['setting'].items())}, "
              f"{best['standing']['saving']['point']:.1%}; the sprint's winner is {apart} behind it.")
    print(f"\ntraces and logs: {folder}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
