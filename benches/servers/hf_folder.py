#!/usr/bin/env python3
"""Writes a GGUF file as a folder that servers which want safetensors can serve (vLLM, mistral.rs, TGI).

    python3 benches/servers/hf_folder.py SmolLM2-135M-Instruct.Q4_1.gguf smollm2 [--type bfloat16]

Weights are expanded, so the folder is a quantized model in full precision: it answers like the file, and is as large and
as fast as the original. Needs `pip install torch transformers gguf accelerate`; asks no network.
"""

import argparse
import os
import sys


def main() -> int:
    parser = argparse.ArgumentParser(description="Write a GGUF file as a safetensors folder.")
    parser.add_argument("gguf", help="GGUF file")
    parser.add_argument("folder", help="where the folder goes")
    parser.add_argument("--type", default="bfloat16", choices=["bfloat16", "float16", "float32"], help="type of the weights")
    given = parser.parse_args()
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1")
    try:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
    except ImportError as error:
        print(f"{error}: pip install torch transformers gguf accelerate", file=sys.stderr)
        return 1

    where, name = os.path.split(os.path.abspath(given.gguf))
    tokenizer = AutoTokenizer.from_pretrained(where, gguf_file=name)
    # newer releases keep the weights packed, which no other program could read
    model = AutoModelForCausalLM.from_pretrained(
        where, gguf_file=name, dtype=getattr(torch, given.type), quantization_config=GgufConfig(dequantize=True))
    tokenizer.save_pretrained(given.folder)
    model.save_pretrained(given.folder)
    print(f"written: {given.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
