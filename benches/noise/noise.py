"""The work of benches/noise.sh, which says what it is for."""

import argparse
import datetime
import json
import math
import os
import pathlib
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import time

# An answer, inconclusive, and no candidate passes: all of them are answers here.
ANSWERS = (0, 3, 4)


def arguments():
    parser = argparse.ArgumentParser(prog="benches/noise.sh", description="Does another program turn an answer round?")
    parser.add_argument("--infercost", type=pathlib.Path, default=pathlib.Path("target/release/infercost"))
    parser.add_argument("--document", type=pathlib.Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--aa", type=int)
    parser.add_argument("--quiet", action="store_true")
    parser.add_argument("--model", type=pathlib.Path)
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("traces/noise"))
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("further", nargs="*", help="further arguments of `infercost compare`, after --")
    return parser.parse_args()


class Neighbor:
    """A program that keeps one core busy for as long as the block lasts."""

    def __init__(self, is_there):
        self.is_there = is_there
        self.process = None

    def __enter__(self):
        if self.is_there:
            self.process = subprocess.Popen([sys.executable, "-c", "while True: pass"], stdin=subprocess.DEVNULL)
            time.sleep(1)  # the scheduler has seen it by then
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.kill()
            self.process.wait()


def measured(options, name, is_busy, models):
    """The report of one run: measured now, or kept from an earlier start."""
    kept = options.work / f"{name}.json"
    if kept.exists():
        return json.loads(kept.read_text())

    command = [str(options.infercost.resolve()), "compare", *models, "--json"]
    command += ["--traces", str(options.work / "runs" / name), *options.further]
    shutil.rmtree(options.work / "runs" / name, ignore_errors=True)
    print(f"{name} … ", end="", file=sys.stderr, flush=True)

    started = time.time()
    with Neighbor(is_busy):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    seconds = time.time() - started
    if done.returncode not in ANSWERS:
        sys.exit(f"\n{' '.join(command)} ended with status {done.returncode}:\n{done.stderr[-2000:]}")

    result = {
        "name": name,
        "busy": is_busy,
        "seconds": seconds,
        "status": done.returncode,
        "report": json.loads(done.stdout),
    }
    # Written whole or not at all.
    part = kept.with_suffix(".part")
    part.write_text(json.dumps(result))
    part.rename(kept)
    print(f"{seconds:.0f} s: {answer(result['report'])}", file=sys.stderr)
    return result


def variant_name(variant):
    return variant.rsplit("/", 1)[-1]


def percent(share):
    value = 100 * share
    return f"{value:.1f} %" if abs(value) < 10 else f"{value:.0f} %"


def saving(candidate):
    found = candidate.get("saving")
    if not found:
        return "–"
    return f"{percent(found['point'])} [{percent(found['lower'])}, {percent(found['upper'])}]"


def candidates(report):
    return [one for one in report["candidates"] if one["variant"] != report["baseline"] and not one.get("noise_floor")]


def answer(report):
    found = report["recommendation"]
    kind = found["kind"]
    if kind == "switch":
        return f"use {variant_name(found['variant'])}"
    if kind == "keep_baseline":
        return "keep the baseline"
    return "inconclusive"


def verdicts(report):
    return {variant_name(one["variant"]): one["verdict"] for one in candidates(report)}


def disturbed(report):
    found = report.get("interference")
    if not found:
        return "not watched"
    left = found.get("left", found["disturbed"] - found["remeasured"])
    return f"{found['disturbed']} of {found['watched']}, {found['remeasured']} again, {left} left"


def first_sentence(text):
    return text.removeprefix("inconclusive: measure again, because ").split(";")[0].replace("|", "\\|")


def conditions(options, report):
    version = subprocess.run([str(options.infercost.resolve()), "--version"], capture_output=True, text=True)
    machine = report["machine"]
    cpu = machine.get("cpu") or platform.processor() or "unknown processor"
    cores = os.cpu_count()
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    return f"{version.stdout.splitlines()[0].strip()}, {today}, {cores} cores of {cpu}"


def noise(options):
    """Quiet and busy in turn, so that what drifts is not taken for the neighbor's doing."""
    results = []
    for number in range(1, options.runs + 1):
        for is_busy in (False, True):
            name = f"{'busy' if is_busy else 'quiet'}-{number}"
            results.append(measured(options, name, is_busy, []))
    results.sort(key=lambda one: one["busy"])

    variants = list(verdicts(results[0]["report"]))
    # The candidate that most runs would use, or the first.
    choices = [variant_name(one["report"]["recommendation"]["variant"]) for one in results
               if one["report"]["recommendation"]["kind"] == "switch"]
    favorite = max(set(choices), key=choices.count) if choices else variants[0]

    lines = [
        f"`benches/noise.sh --runs {options.runs}`: {conditions(options, results[0]['report'])}. \"Busy\" is next to a "
        "program that keeps one core busy all the time.",
        "",
        "| machine | run | " + " | ".join(variants) + f" | answer | saving of {favorite} | windows disturbed | time |",
        "|---|---:|" + "---|" * len(variants) + "---|---:|---|---:|",
    ]
    for result in results:
        report = result["report"]
        found = verdicts(report)
        favored = next((one for one in candidates(report) if variant_name(one["variant"]) == favorite), {})
        said = answer(report)
        if said == "inconclusive":
            said += ": " + first_sentence(report["recommendation"]["why"])
        machine, number = result["name"].split("-")
        cells = [machine, number, *(found.get(one, "–") for one in variants), said, saving(favored),
                 disturbed(report), f"{result['seconds']:.0f} s"]
        lines.append("| " + " | ".join(cells) + " |")

    lines += ["", *noise_summary(results)]
    return lines, any_opposite(results)


def any_opposite(results):
    """True where two runs give answers that cannot both be right: two settled ones that differ."""
    settled = {answer(one["report"]) for one in results} - {"inconclusive"}
    return len(settled) > 1


def noise_summary(results):
    settled = {answer(one["report"]) for one in results} - {"inconclusive"}
    open_ones = sum(answer(one["report"]) == "inconclusive" for one in results)
    opposite = 0
    for variant in verdicts(results[0]["report"]):
        said = {verdicts(one["report"]).get(variant) for one in results}
        opposite += {"pass", "fail"} <= said
    mean = {busy: sum(one["seconds"] for one in results if one["busy"] == busy)
            / max(1, sum(one["busy"] == busy for one in results)) for busy in (False, True)}
    what = " and ".join(sorted(settled)) or "none"
    return [
        f"Settled answers: {what}; inconclusive: {open_ones} of {len(results)}. Variants that pass in one run and fail in "
        f"another: {opposite}. A run took {mean[False]:.0f} s on the quiet machine and {mean[True]:.0f} s on the busy one."
    ]


def aa_model(options):
    if options.model:
        return options.model.resolve()
    cache = pathlib.Path(os.environ.get("INFERCOST_CACHE", pathlib.Path.home() / ".cache/infercost"))
    found = sorted(cache.rglob("*.gguf"), key=lambda path: path.stat().st_size)
    if not found:
        sys.exit(f"no .gguf file below {cache}; name one with --model")
    return found[0].resolve()


def same_twice(options):
    model = aa_model(options)
    folder = options.work / "models"
    folder.mkdir(parents=True, exist_ok=True)
    names = [folder / "one.gguf", folder / "other.gguf"]
    for name in names:
        # A link of its own: a symbolic one is followed, and would be the same model once.
        name.unlink(missing_ok=True)
        try:
            os.link(model, name)
        except OSError:
            shutil.copyfile(model, name)

    results = []
    for number in range(1, options.aa + 1):
        # Other prompts and another order of turns each time.
        models = [str(name) for name in names] + ["--seed", str(number)]
        name = f"aa-quiet-{number}" if options.quiet else f"aa-{number}"
        results.append(measured(options, name, not options.quiet, models))

    cheaper = costlier = failed = unknown = 0
    widths, dearer = [], []
    for result in results:
        for one in candidates(result["report"]):
            found = one.get("saving")
            failed += one["verdict"] == "fail"
            if not found:
                unknown += 1
                continue
            cheaper += found["lower"] > 0
            costlier += found["upper"] < 0
            widths.append((found["upper"] - found["lower"]) / 2)
            dearer.append(-math.log1p(-found["point"]))
    claimed = sum(differs(result["report"]) for result in results)
    windows = sum((result["report"].get("interference") or {}).get("watched", 0) for result in results)
    hit = sum((result["report"].get("interference") or {}).get("disturbed", 0) for result in results)
    widths.sort()
    half = f"±{percent(widths[len(widths) // 2])}" if widths else "not known"
    if len(dearer) > 1:
        lean = f"{percent(statistics.mean(dearer))} ± {percent(statistics.stdev(dearer) / len(dearer) ** 0.5)}"
    else:
        lean = "not known"
    mean = sum(result["seconds"] for result in results) / len(results)
    further = " --quiet" if options.quiet else ""
    neighbor = "on the quiet machine" if options.quiet else "next to a program that keeps one core busy"
    lines = [
        f"`benches/noise.sh --aa {options.aa}{further}`: {conditions(options, results[0]['report'])}. {model.name} with itself under "
        f"two names, {neighbor}, other prompts each time.",
        "",
        "| runs | a difference is claimed | cheaper | costlier | fails | saving not known | half the interval, median | "
        "first costs more, mean and standard error | windows disturbed | time a run |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
        f"| {len(results)} | {claimed} ({percent(claimed / len(results))}) | {cheaper} | {costlier} | {failed} | {unknown} | "
        f"{half} | {lean} | {hit} of {windows} | {mean:.0f} s |",
    ]
    return lines, claimed > 0.05 * len(results)


def differs(report):
    """True where a difference between a model and itself is claimed: of cost, or of quality."""
    for one in candidates(report):
        found = one.get("saving")
        if one["verdict"] == "fail" or (found and (found["lower"] > 0 or found["upper"] < 0)):
            return True
    return False


def write(document, marker, lines):
    begin, end = f"<!-- {marker}:begin -->", f"<!-- {marker}:end -->"
    text = document.read_text()
    if begin not in text or end not in text:
        sys.exit(f"{document}: the markers {begin} and {end} are not there")
    before, rest = text.split(begin, 1)
    _, after = rest.split(end, 1)
    document.write_text(before + begin + "\n\n" + "\n".join(lines) + "\n\n" + end + after)
    print(f"written into {document}", file=sys.stderr)


def main():
    options = arguments()
    # A stop ends the neighbor as well: the exception passes through its block.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if not options.infercost.exists():
        sys.exit(f"{options.infercost} is not there; build it, or name one with --infercost")
    if options.fresh:
        shutil.rmtree(options.work, ignore_errors=True)
    options.work.mkdir(parents=True, exist_ok=True)

    if options.aa:
        marker = "noise-aa-quiet" if options.quiet else "noise-aa"
        lines, is_wrong = same_twice(options)
    else:
        marker = "noise"
        lines, is_wrong = noise(options)

    print("\n".join(lines))
    if options.document:
        write(options.document, marker, lines)
    return 1 if is_wrong else 0


if __name__ == "__main__":
    sys.exit(main())
