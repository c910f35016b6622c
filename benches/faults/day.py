#!/usr/bin/env python3
"""A day of load in minutes: does `compare --rate` keep its memory, its files and its threads?

    benches/faults/day.py [--binary target/release/infercost] [--hours 24] [--rate 1] [--speedup 400]

A scripted server on loopback streams four tokens a request. `infercost compare --rate` sends as many requests as --hours at
--rate a second hold, --speedup times faster. While it does, its resident memory, open files and threads are read from
/proc. Prints rows for docs/reliability.md, and fails where the last quarter of the time needs more than the second quarter:
8 MB, 16 files (connections come and go with the arrivals), or any thread.
"""

import argparse
import asyncio
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
MORE_MB = 8.0
MORE_FILES = 16
# more than the requests that are asked one by one, before the load
SINGLE = 500
WORDS = ["one", " two", " three", " four"]


def chunk(data):
    text = f"data: {data}\n\n".encode()
    return f"{len(text):x}\r\n".encode() + text + b"\r\n"


def answer():
    """One streamed answer, as bytes."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    parts = [head]
    for word in WORDS:
        parts.append(chunk(json.dumps({"id": "1", "object": "chat.completion.chunk", "model": "m", "choices": [
            {"index": 0, "delta": {"content": word}, "finish_reason": None}]})))
    parts.append(chunk(json.dumps({"id": "1", "object": "chat.completion.chunk", "model": "m", "choices": [
        {"index": 0, "delta": {}, "finish_reason": "stop"}]})))
    usage = {"prompt_tokens": 12, "completion_tokens": len(WORDS), "total_tokens": 12 + len(WORDS)}
    parts.append(chunk(json.dumps({"id": "1", "object": "chat.completion.chunk", "model": "m", "choices": [],
                                   "usage": usage})))
    parts.append(chunk("[DONE]") + b"0\r\n\r\n")
    return b"".join(parts)


class Server:
    """The scripted server, on a thread of its own."""

    def __init__(self):
        self.requests = 0
        self.last = time.monotonic()
        self.port = 0
        self.ready = threading.Event()
        self.answer = answer()
        threading.Thread(target=lambda: asyncio.run(self.serve()), daemon=True).start()
        self.ready.wait()

    async def serve(self):
        server = await asyncio.start_server(self.connection, "127.0.0.1", 0, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        self.ready.set()
        await server.serve_forever()

    async def connection(self, reader, writer):
        models = json.dumps({"object": "list", "data": [{"id": "m", "object": "model"}]}).encode()
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                length = next((line.split(":")[1] for line in head.split("\r\n") if line.startswith("content-length:")), 0)
                await reader.readexactly(int(length))
                if "/completions" in head.split("\r\n")[0]:
                    self.requests += 1
                    self.last = time.monotonic()
                    writer.write(self.answer)
                elif "/v1/models" in head.split("\r\n")[0]:
                    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: "
                                 + str(len(models)).encode() + b"\r\n\r\n" + models)
                else:
                    writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def state(process):
    """Resident megabytes, open files and threads of a process; None once it is gone."""
    folder = pathlib.Path(f"/proc/{process}")
    try:
        status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines() if ":" in line)
        files = len(os.listdir(folder / "fd"))
        return int(status["VmRSS"].split()[0]) / 1024, files, int(status["Threads"])
    except (OSError, KeyError):
        return None


def quarter(samples, which):
    """The largest of each figure in a quarter of the samples, counted from 0."""
    part = samples[len(samples) * which // 4: len(samples) * (which + 1) // 4]
    return [max(one[figure] for one in part) for figure in range(3)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=str(ROOT / "target/release/infercost"))
    parser.add_argument("--hours", type=float, default=24)
    parser.add_argument("--rate", type=float, default=1.0)
    parser.add_argument("--speedup", type=float, default=400)
    arguments = parser.parse_args()
    rate, seconds = arguments.rate * arguments.speedup, 3600 * arguments.hours / arguments.speedup

    server = Server()
    with tempfile.TemporaryDirectory(prefix="infercost-day-") as name:
        folder = pathlib.Path(name)
        prompts = [json.dumps({"id": f"p{n}", "prompt": f"Count to {n}.", "max_tokens": 8}) for n in range(20)]
        (folder / "prompts.jsonl").write_text("\n".join(prompts) + "\n")
        command = [os.path.abspath(arguments.binary), "compare", f"http://127.0.0.1:{server.port}/v1", "--prompts",
                   "prompts.jsonl", "--rate", f"{rate:g}", "--duration", f"{seconds:g}s", "--json"]
        out = open(folder / "report.json", "w", encoding="utf-8")
        child = subprocess.Popen(command, cwd=folder, stdout=out, stderr=subprocess.DEVNULL)

        # A sample counts once requests come after it: the report, which follows the load, needs what it needs.
        samples, sample, requests = [], None, 0
        while child.poll() is None:
            time.sleep(min(0.5, seconds / 100))
            if sample and server.requests > requests:
                samples.append(sample)
            sample = state(child.pid) if server.requests > SINGLE else None
            requests = server.requests
        out.close()
        if child.returncode not in (0, 3, 4) or len(samples) < 16:
            sys.exit(f"compare ended with status {child.returncode} after {server.requests} requests")

        points = json.loads((folder / "report.json").read_text())["candidates"][0]["operating_points"]
        failures = sum(point["failures"] for point in points)
        size = sum(file.stat().st_size for file in folder.glob("traces/*/spans.jsonl")) / 1e6

    early, late = quarter(samples, 1), quarter(samples, 3)
    print("| what | requests | failures | memory, 2nd quarter → last | open files | threads | run on disk |")
    print("|---|---:|---:|---|---|---|---:|")
    print(f"| {arguments.hours:g} h of `compare --rate {arguments.rate:g}`, {arguments.speedup:g} times faster "
          f"| {server.requests:,} | {failures} | {early[0]:.1f} → {late[0]:.1f} MB | {early[1]} → {late[1]} "
          f"| {early[2]} → {late[2]} | {size:,.0f} MB |")
    grew = late[0] > early[0] + MORE_MB or late[1] > early[1] + MORE_FILES or late[2] > early[2]
    enough = server.requests >= 0.95 * 3600 * arguments.hours * arguments.rate
    if grew or failures or not enough:
        print("\nFAILED:", "it grew" if grew else "requests failed" if failures else "fewer requests than wanted")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
