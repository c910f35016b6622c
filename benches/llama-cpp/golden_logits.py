#!/usr/bin/env python3
"""Writes the tiny models and what llama.cpp predicts with them, which the tests of the engine compare with.

    golden_logits.py crates/engine/tests/golden/logits

llama.cpp answers through the PyPI package xllamacpp; with numpy and gguf it is installed into an environment of its
own. One line of golden.jsonl: the model's file, the tokens of a text, and for some lengths the ln-probabilities of
all tokens that may follow that many tokens. The cache holds F32 and flash attention is off, so that llama.cpp
rounds nowhere where the decoder does not.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import urllib.request
import venv

PACKAGES = ["xllamacpp==2026.10.11549", "gguf==0.19.0", "numpy==2.4.6"]
HERE = pathlib.Path(__file__).parent
LENGTHS = [1, 2, 5, 13, 24, 48]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--environment", default=str(HERE.parents[1] / "target" / "llama-cpp-venv"))
    arguments = parser.parse_args()
    enter_environment(arguments.environment)
    import tiny_models

    tiny_models.write_all(arguments.folder)
    lines = [golden(arguments.folder, name) for name in tiny_models.MODELS]
    (arguments.folder / "golden.jsonl").write_text("".join(line + "\n" for line in lines))


def enter_environment(path):
    """Runs this script again inside an environment that has the packages."""
    try:
        import gguf, numpy, xllamacpp  # noqa: E401, F401
        return
    except ImportError:
        pass
    python = pathlib.Path(path) / "bin" / "python"
    if not python.exists():
        venv.create(path, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES], check=True)
    os.execv(python, [str(python), *sys.argv])


def golden(folder, name):
    with Reference(folder / f"{name}.gguf") as reference:
        size = reference.vocabulary()
        state, tokens = 12345, []
        for _ in range(max(LENGTHS)):
            state = (state * 1103515245 + 12345) % 2**31
            tokens.append(3 + (state >> 8) % (size - 3))
        rows = {str(length): reference.ln_probabilities(tokens[:length], size) for length in LENGTHS}
    print(f"{name}: {size} tokens", file=sys.stderr)
    return json.dumps({"model": f"{name}.gguf", "tokens": tokens, "after": rows}, separators=(",", ":"))


class Reference:
    """llama.cpp's server on a loopback port of its own, in a process of its own."""

    SERVER = """
import os, sys, xllamacpp
p = xllamacpp.CommonParams()
p.model.path, p.port = sys.argv[1], int(sys.argv[2])
p.n_ctx, p.n_parallel, p.warmup, p.verbosity = 256, 1, False, -1
p.cache_type_k = p.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
p.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
server = xllamacpp.Server(p)
print(server.listening_address, flush=True)
sys.stdin.read()
os._exit(0)
"""

    def __init__(self, model):
        import socket
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.process = subprocess.Popen(
            [sys.executable, "-c", self.SERVER, str(model), str(port)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )
        self.address = self.process.stdout.readline().strip()
        if not self.address.startswith("http://127.0.0.1"):
            raise SystemExit(f"llama.cpp could not load {model}")

        self.letter = self.tokens("A")[-1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(30)

    def vocabulary(self):
        models = json.load(urllib.request.urlopen(self.address + "/v1/models"))
        return models["data"][0]["meta"]["n_vocab"]

    def tokens(self, text):
        body = json.dumps({"content": text}).encode()
        request = urllib.request.Request(self.address + "/tokenize", body, {"content-type": "application/json"})
        return json.load(urllib.request.urlopen(request))["tokens"]

    def ln_probabilities(self, tokens, size):
        # An end token or a part of a character would come without probabilities. The bias makes the server choose
        # a letter; the probabilities that it shows are those before any bias.
        body = {"prompt": tokens, "n_predict": 1, "n_probs": size, "temperature": 0, "cache_prompt": False,
                "logit_bias": [[self.letter, 1000]]}
        request = urllib.request.Request(
            self.address + "/completion", json.dumps(body).encode(), {"content-type": "application/json"}
        )
        answer = json.load(urllib.request.urlopen(request))
        found = {top["id"]: top["logprob"] for top in answer["completion_probabilities"][0]["top_logprobs"]}
        if abs(found[self.letter]) < 1e-6:
            raise SystemExit("the bias shows in the probabilities")
        if sorted(found) != list(range(size)):
            raise SystemExit(f"llama.cpp gave {len(found)} of {size} probabilities")
        return [round(found[token], 6) for token in range(size)]


if __name__ == "__main__":
    main()
