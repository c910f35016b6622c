#!/usr/bin/env python3
"""Does the monitor show the speed that the report counts? A real llama.cpp server, watched while `compare` drives it.

    benches/monitor/beside_compare.py --server /opt/llama.cpp/llama-server --model model.gguf
        [--binary target/release/infercost] [--concurrency 1,2,4] [--seconds 90] [--within 0.05]

Starts the server with --metrics, `infercost monitor --json` beside it, and `infercost compare` against its address at each
concurrency. Then, for each operating point, compares output tokens a second as three observers have them: the report, the
monitor's sums between the ends of the load, and what its screen showed for the last minute when the load ended. Prints a
table in Markdown, and fails where the monitor is further from the report than --within (5 %).

The last minute is of the load alone only where --seconds is above 60. Takes (seconds × 1.1) for each point, and two cores.
"""

import argparse
import datetime
import json
import os
import pathlib
import shutil
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
# Short answers: llama.cpp counts a request's tokens when the request ends.
MAX_TOKENS = 32
QUESTIONS = [
    "Name three rivers of Europe and the seas they flow into.",
    "Explain in two sentences what a heat pump does.",
    "Write a short note that thanks a neighbor for watering the plants.",
    "What is the difference between a mean and a median?",
]


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def wait_for(url, child):
    until = time.monotonic() + STARTING_S
    while time.monotonic() < until:
        if child.poll() is not None:
            sys.exit(f"the server ended with status {child.returncode}")
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.2)
    sys.exit(f"the server did not answer within {STARTING_S} s")


def stop(child, how):
    """Ends a program that this script started, and waits for it."""
    if child.poll() is None:
        child.send_signal(how)
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def seconds(stamp):
    return datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()


def loads(run):
    """Begin and end of each window under load, in the order in which they were measured."""
    found = []
    with open(run / "spans.jsonl", encoding="utf-8") as lines:
        for line in lines:
            if '"infercost.load"' not in line:
                continue
            for span in json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"]:
                names = {one["key"]: one["value"] for one in span["attributes"]}
                if names.get("infercost.record", {}).get("stringValue") == "window" and "infercost.load" in names:
                    found.append((int(span["startTimeUnixNano"]) / 1e9, int(span["endTimeUnixNano"]) / 1e9))
    return sorted(found)


def snapshots(file):
    """What the monitor saw: time, tokens so far, tokens a second over the last minute."""
    seen = []
    for line in file.read_text().splitlines():
        one = json.loads(line)
        server = one["servers"][0]
        tokens, minute = (server[name].get("value") for name in ("output_tokens", "output_tokens_per_s_minute"))
        if tokens is not None:
            seen.append((seconds(one["at"]), tokens, minute))
    return seen


def compared(report, windows, seen, warm_up, within):
    """The table, and how many of its rows are further apart than allowed."""
    print("| in flight | report, tokens/s | monitor, tokens/s | apart | on screen, last minute | apart |")
    print("|---|---:|---:|---:|---:|---:|")
    wrong = 0
    points = [point for point in report["candidates"][0]["operating_points"] if "concurrency" in point["operating_point"]]
    if len(points) != len(windows):
        sys.exit(f"{len(points)} operating points and {len(windows)} windows: was the machine too busy?")

    for point, (began, ended) in zip(points, windows):
        counted = (point["output_tokens_per_s"] or {}).get("point")
        steady = [one for one in seen if began + warm_up <= one[0] <= ended]
        if counted is None or len(steady) < 3:
            sys.exit(f"no rate is known at {point['operating_point']}: {len(steady)} snapshots, report {counted}")
        (first_at, first, _), (last_at, last, minute) = steady[0], steady[-1]
        summed = (last - first) / (last_at - first_at)
        apart = [abs(rate / counted - 1) for rate in (summed, minute)]
        wrong += any(one > within for one in apart)
        print(f"| {point['operating_point']['concurrency']} | {counted:.1f} | {summed:.1f} | {100 * apart[0]:.1f} % "
              f"| {minute:.1f} | {100 * apart[1]:.1f} % |")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True, help="llama.cpp's llama-server")
    parser.add_argument("--model", required=True, help="GGUF file")
    parser.add_argument("--binary", default=str(ROOT / "target/release/infercost"))
    parser.add_argument("--concurrency", default="1,2,4")
    parser.add_argument("--seconds", type=int, default=90)
    parser.add_argument("--within", type=float, default=0.05)
    parser.add_argument("--keep", action="store_true", help="keep the run and the monitor's lines, and say where they are")
    arguments = parser.parse_args()
    if arguments.seconds <= 60:
        parser.error("--seconds must be above 60: the screen's last minute is to be of the load alone")

    # what was started is stopped on the way out, also where this script is told to end
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    binary = os.path.abspath(arguments.binary)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="infercost-beside-"))
    prompts = folder / "prompts.jsonl"
    with open(prompts, "w", encoding="utf-8") as file:
        for number, question in enumerate(QUESTIONS):
            file.write(json.dumps({"id": f"q{number}", "prompt": question, "max_tokens": MAX_TOKENS}) + "\n")

    port = free_port()
    url = f"http://127.0.0.1:{port}"
    started = []
    try:
        slots = max(int(count) for count in arguments.concurrency.split(","))
        log = open(folder / "server.log", "w", encoding="utf-8")
        server = subprocess.Popen(
            [arguments.server, "-m", arguments.model, "--port", str(port), "--host", "127.0.0.1", "--metrics",
             "--parallel", str(slots), "--ctx-size", str(1024 * slots)], stdout=log, stderr=log)
        started.append((server, signal.SIGTERM))
        wait_for(url, server)

        lines = folder / "monitor.jsonl"
        monitor = subprocess.Popen([binary, "monitor", "--server", url, "--json"], cwd=folder,
                                   stdout=open(lines, "w", encoding="utf-8"), stderr=subprocess.DEVNULL)
        started.append((monitor, signal.SIGTERM))

        driven = subprocess.run(
            [binary, "compare", f"{url}/v1", "--prompts", str(prompts), "--concurrency", arguments.concurrency,
             "--duration", f"{arguments.seconds}s", "--json"], cwd=folder, stdout=subprocess.PIPE, text=True)
        if driven.returncode not in (0, 3, 4):
            sys.exit(f"compare ended with status {driven.returncode}")
        time.sleep(2)
    finally:
        for child, how in reversed(started):
            stop(child, how)

    run = next(path.parent for path in (folder / "traces").glob("*/spans.jsonl"))
    report = json.loads(driven.stdout)
    wrong = compared(report, loads(run), snapshots(lines), arguments.seconds / 10, arguments.within)
    print(f"\n{len(loads(run))} points; {wrong} further apart than {100 * arguments.within:.0f} %")
    if arguments.keep:
        print(f"kept in {folder}")
    else:
        shutil.rmtree(folder)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
