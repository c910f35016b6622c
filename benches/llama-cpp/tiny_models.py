#!/usr/bin/env python3
"""Writes a tiny random-weight model of every supported family, as a GGUF file that llama.cpp opens.

    tiny_models.py FOLDER

The weights are random but always the same, so the files are, too. They have few bits, which keeps the files small
once compressed, and are scaled so that attention and logits are far from uniform: a wrong rotation, a missing bias
or a swapped matrix moves the logits by whole nats. Needs the PyPI packages numpy and gguf (0.19.0 wrote the files
in crates/engine/tests/golden/logits).
"""

import json
import pathlib
import struct
import sys
import zlib

import gguf
import numpy

TYPE_NORMAL, TYPE_UNKNOWN, TYPE_CONTROL, TYPE_BYTE = 1, 2, 3, 6
# Window of the models that look back only so far; shorter than the golden texts, or it would not be tested.
WINDOW = 12
CONTEXT = 256

# Differences from the usual shape: 2 layers, width 32, 4 heads of 8 with 2 key-value heads, feed-forward 64.
MODELS = {
    "llama": {"tokenizer": "llama-bpe"},
    # Llama 3.1: the rotary frequencies are divided.
    "llama-rope-divisors": {"tokenizer": "llama-bpe", "rope_divisors": True, "tied": True},
    "llama-rope-linear": {"tokenizer": "llama-bpe", "rope_linear": 4.0, "tied": True},
    "llama-q8_0": {"tokenizer": "smollm", "encoding": "Q8_0", "tied": True},
    "llama-q4_0": {"tokenizer": "smollm", "encoding": "Q4_0", "tied": True},
    "llama-f16": {"tokenizer": "smollm", "encoding": "F16", "tied": True},
    # Mistral's files call themselves llama; Nemo's head width is not width ÷ heads.
    "mistral": {"architecture": "llama", "tokenizer": "spm", "head_width": 16, "theta": 1e6},
    "qwen2": {"tokenizer": "qwen2", "query_key_value_bias": True, "tied": True, "theta": 1e6},
    "qwen3": {"tokenizer": "qwen2", "query_key_norm": True, "head_width": 16, "tied": True, "theta": 1e6},
    # Five layers with a window to one without: seven layers show both, and the order.
    "gemma3": {"tokenizer": "spm", "layers": 7, "kv_heads": 1, "head_width": 16, "feed_forward": 32,
               "query_key_norm": True, "sandwich_norms": True, "tied": True, "window": WINDOW, "theta": 1e6},
    "phi3": {"tokenizer": "spm", "kv_heads": 4, "fused": True},
    "phi3-rope-factors": {"architecture": "phi3", "tokenizer": "spm", "kv_heads": 4, "fused": True, "tied": True,
                          "rope_factors": True},
    # Every fourth layer has no positions.
    "smollm3": {"tokenizer": "llama-bpe", "layers": 5, "tied": True, "theta": 2e6},
}


class Weights:
    def __init__(self, name):
        self.numbers = numpy.random.RandomState(zlib.crc32(name.encode()))

    def matrix(self, rows, columns, scale=1 / 64):
        return (self.numbers.randint(-31, 32, (rows, columns)) * scale).astype(numpy.float32)

    def vector(self, length):
        return (self.numbers.randint(-31, 32, length) / 32).astype(numpy.float32)

    def norm(self, length):
        return (1 + self.numbers.randint(-31, 32, length) / 64).astype(numpy.float32)


def byte_character(byte):
    """GPT-2's printable stand-in for a byte."""
    if byte <= 0x20:
        return chr(0x100 + byte)
    if 0x7F <= byte <= 0xA0:
        return chr(0x121 + byte - 0x7F)
    return chr(0x143) if byte == 0xAD else chr(byte)


def byte_pair_tokens():
    merges = [("t", "h"), ("th", "e"), ("i", "n"), ("Ġ", "the"), ("a", "n"), ("Ġ", "a"), ("e", "r"), ("o", "n"), ("Ġ", "in")]
    tokens = [byte_character(b) for b in range(256)] + [a + b for a, b in merges] + ["<|begin|>", "<|end|>"]
    kinds = [TYPE_NORMAL] * (len(tokens) - 2) + [TYPE_CONTROL] * 2
    return tokens, kinds, [f"{a} {b}" for a, b in merges]


def sentence_piece_tokens():
    words = ["▁", "t", "h", "e", "th", "the", "▁the", "a", "n", "an", "▁a", "in", "i", "▁in", "er", "r", "on", "o"]
    tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)] + words
    kinds = [TYPE_UNKNOWN, TYPE_CONTROL, TYPE_CONTROL] + [TYPE_BYTE] * 256 + [TYPE_NORMAL] * len(words)
    return tokens, kinds, [0.0] * 259 + [-float(i) for i in range(len(words))]


def add_tokenizer(writer, kind):
    """Returns the size of the vocabulary."""
    if kind == "spm":
        tokens, kinds, scores = sentence_piece_tokens()
        writer.add_tokenizer_model("llama")
        writer.add_token_scores(scores)
        bos, eos = 1, 2
    else:
        tokens, kinds, merges = byte_pair_tokens()
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(kind)
        writer.add_token_merges(merges)
        bos, eos = len(tokens) - 2, len(tokens) - 1
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_bos_token_id(bos)
    writer.add_eos_token_id(eos)
    return len(tokens)


def tensors(name, spec, vocabulary):
    """Yields each tensor by its GGUF name."""
    layers, width, heads = spec.get("layers", 2), 32, 4
    head, kv = spec.get("head_width", width // heads), spec.get("kv_heads", 2)
    wide = spec.get("feed_forward", 64)
    weights = Weights(name)
    yield "token_embd.weight", weights.matrix(vocabulary, width, 1 / 32)
    yield "output_norm.weight", weights.norm(width)
    if not spec.get("tied"):
        yield "output.weight", weights.matrix(vocabulary, width, 1 / 32)
    if spec.get("rope_divisors"):
        yield "rope_freqs.weight", numpy.array([1, 1.5, 3, 8], numpy.float32)
    if spec.get("rope_factors"):
        yield "rope_factors_short.weight", numpy.array([1, 1.25, 2, 3], numpy.float32)
        yield "rope_factors_long.weight", numpy.array([1, 4, 16, 32], numpy.float32)
    for layer in range(layers):
        def named(part, value):
            return f"blk.{layer}.{part}", value
        yield named("attn_norm.weight", weights.norm(width))
        parts = [("attn_q", heads * head), ("attn_k", kv * head), ("attn_v", kv * head)]
        if spec.get("fused"):
            yield named("attn_qkv.weight", weights.matrix(sum(rows for _, rows in parts), width))
        else:
            for part, rows in parts:
                yield named(f"{part}.weight", weights.matrix(rows, width))
                if spec.get("query_key_value_bias"):
                    yield named(f"{part}.bias", weights.vector(rows))
        if spec.get("query_key_norm"):
            yield named("attn_q_norm.weight", weights.norm(head))
            yield named("attn_k_norm.weight", weights.norm(head))
        yield named("attn_output.weight", weights.matrix(width, heads * head))
        if spec.get("sandwich_norms"):
            yield named("post_attention_norm.weight", weights.norm(width))
            yield named("post_ffw_norm.weight", weights.norm(width))
        yield named("ffn_norm.weight", weights.norm(width))
        if spec.get("fused"):
            yield named("ffn_up.weight", weights.matrix(2 * wide, width))
        else:
            yield named("ffn_gate.weight", weights.matrix(wide, width))
            yield named("ffn_up.weight", weights.matrix(wide, width))
        yield named("ffn_down.weight", weights.matrix(width, wide))


def write_gguf(name, spec, path):
    architecture = spec.get("architecture", name.split("-")[0])
    head = spec.get("head_width", 8)
    writer = gguf.GGUFWriter(path, architecture)
    # llama.cpp takes the name of Phi-3 as a promise of tokens that are not here.
    writer.add_name("tiny random weights")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(32)
    writer.add_block_count(spec.get("layers", 2))
    writer.add_feed_forward_length(spec.get("feed_forward", 64))
    writer.add_head_count(4)
    writer.add_head_count_kv(spec.get("kv_heads", 2))
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_rope_dimension_count(head)
    writer.add_rope_freq_base(spec.get("theta", 1e4))
    writer.add_layer_norm_rms_eps(1e-6)
    if "window" in spec:
        writer.add_sliding_window(spec["window"])
    if "rope_linear" in spec:
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(spec["rope_linear"])
    if "rope_factors" in spec:
        writer.add_rope_scaling_orig_ctx_len(CONTEXT)
        writer.add_rope_scaling_attn_factors(1.19)
    vocabulary = add_tokenizer(writer, spec["tokenizer"])
    writer.add_vocab_size(vocabulary)
    encoding = gguf.GGMLQuantizationType[spec.get("encoding", "F32")]
    for tensor, value in tensors(name, spec, vocabulary):
        if value.ndim == 2 and encoding != gguf.GGMLQuantizationType.F32:
            writer.add_tensor(tensor, gguf.quantize(value, encoding), raw_dtype=encoding)
        else:
            writer.add_tensor(tensor, value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_mistral_folder(folder):
    """The weights of the mistral GGUF file as a safetensors folder, where they carry the family's own name."""
    spec = MODELS["mistral"]
    vocabulary = len(sentence_piece_tokens()[0])
    head, plain = spec["head_width"], {}
    for tensor, value in tensors("mistral", spec, vocabulary):
        if tensor.endswith(("attn_q.weight", "attn_k.weight")):
            # GGUF has the two halves of each rotated pair side by side; safetensors has them half a head apart.
            rows, columns = value.shape
            value = value.reshape(rows // head, head // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)
        plain[safetensors_name(tensor)] = numpy.ascontiguousarray(value)
    folder.mkdir(parents=True, exist_ok=True)
    header, offset = {}, 0
    for tensor, value in plain.items():
        end = offset + value.nbytes
        header[tensor] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [offset, end]}
        offset = end
    header = json.dumps(header, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    with open(folder / "model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        for value in plain.values():
            file.write(value.tobytes())
    config = {
        "architectures": ["MistralForCausalLM"], "model_type": "mistral", "hidden_act": "silu", "hidden_size": 32,
        "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
        "head_dim": head, "max_position_embeddings": CONTEXT, "rms_norm_eps": 1e-6, "rope_theta": spec["theta"],
        "sliding_window": None, "tie_word_embeddings": False, "torch_dtype": "float32", "vocab_size": vocabulary,
    }
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")


def safetensors_name(tensor):
    whole = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight", "output.weight": "lm_head.weight"}
    if tensor in whole:
        return whole[tensor]
    _, layer, part, _ = tensor.split(".")
    parts = {
        "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
        "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm",
        "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
    }
    return f"model.layers.{layer}.{parts[part]}.weight"


def write_all(folder):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, spec in MODELS.items():
        write_gguf(name, spec, folder / f"{name}.gguf")
    write_mistral_folder(folder / "mistral-safetensors")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    write_all(sys.argv[1])
