#!/usr/bin/env python3
"""How fast production traces go into tables, and in how much memory: `benches/fleet/ingest.py PROGRAM [SPANS]`.

Writes files of SPANS (1,000,000) and a tenth of it, as calls.py makes them, and takes them in with PROGRAM, a release build. Prints
spans a second and the most memory of each. Exits with 1 where the large one is slower than 200,000 spans a second or takes over half
more memory than the small one.
"""

import pathlib
import subprocess
import sys
import tempfile

from calls import write

WANTED = 200_000


def measured(program, folder, spans):
    """Seconds and kB of taking so many spans in."""
    file = folder / f"{spans}.jsonl"
    write(file, spans)
    script = ("import resource, subprocess, sys, time\nbefore = time.perf_counter()\n"
              "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n"
              "print(time.perf_counter() - before, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
    words = [sys.executable, "-c", script, program, "ingest", file, "--into", folder / f"tables-{spans}"]
    seconds, memory = subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True).stdout.split()
    size = file.stat().st_size
    file.unlink()
    print(f"{spans:>10,} spans, {size / 1e6:8.0f} MB: {float(seconds):6.2f} s, {spans / float(seconds):9,.0f} spans/s, {int(memory) / 1024:6.0f} MiB")
    return float(seconds), int(memory)


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    spans = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    with tempfile.TemporaryDirectory(prefix="infercost-ingest-") as name:
        folder = pathlib.Path(name)
        _, small = measured(program, folder, spans // 10)
        seconds, large = measured(program, folder, spans)
    return 0 if spans / seconds >= WANTED and large <= small * 1.5 else 1


if __name__ == "__main__":
    sys.exit(main())
