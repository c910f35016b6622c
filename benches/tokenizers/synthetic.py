"""Small made-up vocabularies in which nearly every neighbor can merge.

A real vocabulary hides mistakes in splitting, since most pairs of neighbors do not merge anyway. In these, a
wrong split changes the tokens. `crates/engine/tests/synthetic/mod.rs` builds the same ones by the same rules.
"""

import gguf_edit

NORMAL, UNKNOWN, CONTROL, USER, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
ALPHABET = b"019aestSTDlLvVrREm'\n\r !./-$`_" + bytes([0xC3, 0xA9, 0x89, 0xCC, 0x81, 0xC2, 0xA0, 0xBD])
MISSING = 0x04
SPECIAL = [
    ("<|ctl|>", CONTROL), ("<|ctl|><", CONTROL), ("[usr]", USER), ("  ", USER), ("<unk>", UNKNOWN), ("<|im_end|>", NORMAL),
]
PRE = ["default", "gpt-2", "smollm", "llama-bpe", "dbrx", "qwen2", "qwen35", "tekken", "gpt-4o", "falcon"]


def byte_character(byte):
    if byte <= 0x20:
        return chr(0x100 + byte)
    if 0x7F <= byte <= 0xA0:
        return chr(0x121 + byte - 0x7F)
    return chr(0x143) if byte == 0xAD else chr(byte)


def byte_pair(pre):
    letters = [byte_character(b) for b in ALPHABET]
    tokens = [byte_character(b) for b in range(256) if b != MISSING]
    merges = []
    for left in letters:
        for right in letters:
            merges.append((left, right))
    for first in "019":
        for second in "019":
            for third in "019":
                merges.append((first + second, third))
    # A word that no merge makes: taken whole or not at all.
    tokens += [left + right for left, right in merges] + ["aaaaa"]
    kinds = [NORMAL] * len(tokens) + [kind for _, kind in SPECIAL]
    tokens += [text for text, _ in SPECIAL]
    return {
        "tokenizer.ggml.model": (8, b"gpt2"),
        "tokenizer.ggml.pre": (8, pre.encode()),
        "tokenizer.ggml.tokens": (9, (8, [t.encode() for t in tokens])),
        "tokenizer.ggml.token_type": (9, (5, kinds)),
        "tokenizer.ggml.merges": (9, (8, [f"{l} {r}".encode() for l, r in merges])),
        "tokenizer.ggml.bos_token_id": (4, 0),
        "tokenizer.ggml.eos_token_id": (4, 1),
    }


def sentence_piece(options):
    letters = "▁abcé中1<"
    tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]
    kinds = [UNKNOWN, CONTROL, CONTROL] + [BYTE] * 256
    scores = [0.0] * len(tokens)
    words = list(letters)
    words += [a + b for a in letters for b in letters]
    words += [a + b + c for a in letters[:4] for b in letters[:4] for c in letters[:4]]
    words += ["abcabc", "▁abc▁abc"]
    for index, word in enumerate(words):
        tokens.append(word)
        kinds.append(NORMAL)
        # Scores in no order, some of them equal.
        scores.append(-float(index * 7919 % 61))
    for text, kind in [("<|ctl|>", CONTROL), ("\n\n", USER), ("[usr]", USER), ("  ", USER), ("<end_of_turn>", NORMAL), ("<|endoftext|>", CONTROL)]:
        tokens.append(text)
        kinds.append(kind)
        scores.append(0.0)
    return {
        "tokenizer.ggml.model": (8, b"llama"),
        "tokenizer.ggml.tokens": (9, (8, [t.encode() for t in tokens])),
        "tokenizer.ggml.token_type": (9, (5, kinds)),
        "tokenizer.ggml.scores": (9, (6, scores)),
        **options,
    }


SENTENCE_PIECE = {
    "llama": {},
    "llama without prefix": {"tokenizer.ggml.add_space_prefix": (7, False), "tokenizer.ggml.add_eos_token": (7, True)},
    "llama phi-3": {"general.name": (8, b"Phi-3 mini"), "tokenizer.ggml.add_bos_token": (7, False)},
}


def write(source, path, made):
    """A copy of `source` with the made-up vocabulary, filled up to the number of rows that its weights have."""
    metadata, _ = gguf_edit.read(source)
    size = len(metadata["tokenizer.ggml.tokens"][1][1])
    metadata = {k: v for k, v in metadata.items() if not k.startswith("tokenizer.")}
    padding = {"tokenizer.ggml.tokens": b"[filler %d]", "tokenizer.ggml.token_type": UNUSED, "tokenizer.ggml.scores": 0.0}
    for key, (kind, value) in made.items():
        if key in padding:
            inner, items = value
            fill = padding[key]
            items = items + [fill % i if inner == 8 else fill for i in range(len(items), size)]
            value = (inner, items)
        metadata[key] = (kind, value)
    gguf_edit.write(source, path, metadata)


def strings(numbers, count):
    """Strings over the characters that the vocabularies can merge."""
    parts = ["a", "e", "s", "S", "T", "t", "é", "É", "e\u0301", "\u0301", "\u00a0", "½", "0", "1", "9", "19", "'s", "'RE", "'lL",
             " ", " ", "  ", "   ", "\n", "\r\n", "\n\n", "!", "./", "-", "$", "`", "_", "\x04", "aaaaa", "<|ctl|>", "<|ctl|><", "[usr]",
             "<unk>", "<|im_end|>", "<s>", "</s>", "abc", "abcabc", "中", "é中", "b", "c", "<", "▁", "😀", "<end_of_turn>", "<|endoftext|>", "z"]
    found = {"": None}
    while len(found) < count:
        found["".join(numbers.pick(parts) for _ in range(1 + numbers.below(14)))] = None
    return list(found)
