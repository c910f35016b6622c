"""Varied strings for comparing tokenizers: the same list on every run and every machine.

Nothing here is taken from a corpus: words are put together from syllables, code from patterns, other
scripts from ranges of letters, all by a fixed sequence of pseudo-random numbers.
"""

import hashlib

CONTROL = [
    "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<repo_name>", "<reponame>", "<file_sep>",
    "<bos>", "<eos>", "<unk>", "<pad>", "<start_of_turn>", "<end_of_turn>", "<unused7>", "<unused77>",
    "[multimodal]", "</s>", "<s>", "<0x0A>", "<0xE2>", "<table>", "</h1>", "<|im_", "im_end|>", "<mask>",
]
SYLLABLES = [
    "ba", "con", "der", "el", "fi", "gra", "ho", "in", "jo", "ka", "lo", "men", "no", "or", "per",
    "qui", "re", "sta", "ti", "un", "ver", "wi", "xe", "yo", "zi", "tion", "ing", "er", "ed", "ly", "s",
]
SCRIPTS = [
    (0x00C0, 0x017F), (0x0250, 0x02AF), (0x0370, 0x03FF), (0x0400, 0x045F), (0x0531, 0x0556),
    (0x05D0, 0x05EA), (0x0620, 0x064A), (0x064B, 0x0652), (0x0660, 0x0669), (0x0905, 0x0939),
    (0x093E, 0x094D), (0x0E01, 0x0E3A), (0x0E40, 0x0E4E), (0x10D0, 0x10F0), (0x1100, 0x1112),
    (0x1200, 0x1220), (0x13A0, 0x13C0), (0x1E00, 0x1EFF), (0x3041, 0x3096), (0x30A1, 0x30FA),
    (0x4E00, 0x4FFF), (0x9F00, 0x9FA5), (0xAC00, 0xAD00), (0xFF01, 0xFF5E), (0x1D400, 0x1D454),
    (0x10400, 0x1044F), (0x20000, 0x20100),
]
EMOJI = [
    "😀", "🎉", "👩‍💻", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇫🇷", "👍🏽", "❤️", "☺", "✈️", "🫠", "1️⃣",
]
SPACES = [" ", "  ", "   ", "\t", "\n", "\r\n", "\r", "\u00a0", "\u3000", "\u2003", "\u2028", "\u0085", "\u200b", "\x0b", "\x0c", "\u1680"]
BOUNDARY = [
    "\x00", "\x01", "\x04", "\x13", "\x1b", "\x7f", "\x80", "\u00ad", "\u07ff", "\u0800", "\ud7ff", "\ue000",
    "\ufdd0", "\ufeff", "\ufffd", "\uffff", "\U00010000", "\U0001ffff", "\U0003fffd", "\U00040000",
    "\U000effff", "\U000fffff", "\U0010ffff", "\u2581", "\u2581\u2581", "e\u0301", "n\u0303\u0323", "\u0301", "\u200d",
]
PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~«»“”‘’…–—¿¡§¶©®™€£¥°±×÷¬"
CONTRACTIONS = ["'s", "'S", "'t", "'re", "'RE", "'Ve", "'m", "'ll", "'lL", "'d", "’s", "'x", "'", "''", "'st", "'ſ"]
WORDS = [
    "the", "The", "THE", "of", "and", "model", "tokenizer", "iPhone", "HTTPServer", "camelCase", "snake_case",
    "SCREAMING_CASE", "kebab-case", "naïve", "Straße", "ÉCOLE", "œuvre", "ﬁsh", "Ⅷ", "x²", "½", "dž", "Dž",
]
CODE = [
    "def {a}({b}):\n    return {b} + {n}\n", "for (int {a} = 0; {a} < {n}; ++{a}) {{\n\t{b}[{a}] = {a};\n}}",
    "let mut {a}: Vec<{b}> = Vec::with_capacity({n});", "SELECT {a}, {b} FROM t WHERE id >= {n} -- x",
    "{{\"{a}\": [{n}, null, \"{b}\\n\"]}}", "<div class=\"{a}\">{b} &amp; {n}</div>", "if [ -z \"${a}\" ]; then {b}; fi",
    "{a}->{b}()->x({n}) != nullptr && !y", "# {a}\n\n* {b}\n* {n}\n\n```py\n{a} = {b}\n```\n", "https://{a}.example/{b}?q={n}&r=%20#z",
    "\\frac{{{a}}}{{{b}}} \\leq {n}", "{a}\t{b}\t{n}\r\n", "0x{n}f 1e-{n} {n}.{n} 1_000_{n} -{n}%", "@{a} #{b} $ {n}", "//{a}///{b}\n\n\n",
]


class Numbers:
    """Pseudo-random numbers that depend on nothing but the seed."""

    def __init__(self, seed):
        self.seed, self.count, self.bytes = seed.encode(), 0, b""

    def below(self, limit):
        if len(self.bytes) < 4:
            self.bytes = hashlib.sha256(self.seed + self.count.to_bytes(8, "little")).digest()
            self.count += 1
        value, self.bytes = int.from_bytes(self.bytes[:4], "little"), self.bytes[4:]
        return value % limit

    def pick(self, items):
        return items[self.below(len(items))]


def word(numbers):
    if numbers.below(4) == 0:
        return numbers.pick(WORDS)
    text = "".join(numbers.pick(SYLLABLES) for _ in range(1 + numbers.below(3)))
    return [text, text, text.capitalize(), text.upper()][numbers.below(4)]


def number(numbers):
    return str(numbers.below(10 ** (1 + numbers.below(9))))


def prose(numbers):
    parts = []
    for _ in range(2 + numbers.below(7)):
        parts.append(word(numbers))
        if numbers.below(6) == 0:
            parts.append(numbers.pick(CONTRACTIONS))
        if numbers.below(8) == 0:
            parts.append(numbers.pick(",.;:!?-"))
        parts.append(" " if numbers.below(12) else numbers.pick(SPACES))
    return "".join(parts)


def code(numbers):
    return numbers.pick(CODE).format(a=word(numbers), b=word(numbers), n=number(numbers))


def digits(numbers):
    parts = []
    for _ in range(1 + numbers.below(5)):
        parts.append(number(numbers))
        parts.append(numbers.pick([" ", ",", ".", "/", "-", ":", "", "٣", "½", "  ", "\n", "x", "१२", "Ⅳ"]))
    return "".join(parts)


def script(numbers):
    parts = []
    for _ in range(1 + numbers.below(4)):
        first, last = numbers.pick(SCRIPTS)
        parts.extend(chr(first + numbers.below(last - first + 1)) for _ in range(1 + numbers.below(6)))
        parts.append(numbers.pick(["", " ", " ", "، ", "。", "-", "a", "7"]))
    return "".join(parts)


def emoji(numbers):
    return "".join(
        numbers.pick(EMOJI) if numbers.below(2) else numbers.pick([" ", word(numbers), "!", "  "])
        for _ in range(1 + numbers.below(6))
    )


def blanks(numbers):
    parts = []
    for _ in range(1 + numbers.below(5)):
        parts.append(numbers.pick(SPACES) * (1 + numbers.below(9)))
        if numbers.below(3):
            parts.append(numbers.pick([word(numbers), number(numbers), ".", "()", "é", "中"]))
    return "".join(parts)


def control(numbers):
    parts = []
    for _ in range(1 + numbers.below(5)):
        parts.append(numbers.pick([numbers.pick(CONTROL), numbers.pick(CONTROL), word(numbers), numbers.pick(SPACES)]))
    return "".join(parts)


def boundary(numbers):
    return "".join(
        numbers.pick([numbers.pick(BOUNDARY), numbers.pick(BOUNDARY), word(numbers), numbers.pick(SPACES), "7"])
        for _ in range(1 + numbers.below(6))
    )


def punctuation(numbers):
    return "".join(
        numbers.pick([numbers.pick(PUNCTUATION), numbers.pick(PUNCTUATION) * 3, " ", word(numbers), "\n", numbers.pick(CONTRACTIONS)])
        for _ in range(1 + numbers.below(8))
    )


def anything(numbers):
    text = ""
    while len(text) < 12:
        point = numbers.below(0x3000) if numbers.below(3) else numbers.below(0x110000)
        if not 0xD800 <= point <= 0xDFFF:
            text += chr(point)
    return text


FIXED = ["", " ", "  ", "\n", "a", " a", "Hello, world!", "\u2581", "\u2581a", " \u2581 a", "a" * 200, " " * 70, "\n" * 45, "=" * 90, "ab" * 60, "🙂" * 20]


def strings():
    """2,200 strings, none twice."""
    makers = [prose, prose, code, code, digits, script, script, emoji, blanks, control, boundary, punctuation, anything]
    numbers = Numbers("infercost tokenizers 1")
    found = dict.fromkeys(FIXED)
    while len(found) < 2200:
        # Surrogates cannot be written as UTF-8.
        text = makers[numbers.below(len(makers))](numbers)
        if not any(0xD800 <= ord(c) <= 0xDFFF for c in text):
            found[text] = None
    return list(found)


if __name__ == "__main__":
    made = strings()
    print(len(made), "strings,", sum(len(s.encode()) for s in made), "bytes")
