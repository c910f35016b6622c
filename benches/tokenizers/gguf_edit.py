"""Reads the metadata of a GGUF file and writes a copy of the file with other metadata."""

import struct

SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
TEXT, ARRAY = 8, 9


class Reader:
    def __init__(self, file):
        self.file = file

    def number(self, kind):
        return struct.unpack("<" + kind, self.file.read(struct.calcsize(kind)))[0]

    def text(self):
        return self.file.read(self.number("Q"))

    def value(self, kind):
        if kind == TEXT:
            return self.text()
        if kind == ARRAY:
            inner, count = self.number("I"), self.number("Q")
            return (inner, [self.value(inner) for _ in range(count)])
        return self.number(SCALARS[kind])


def pack(kind, value):
    if kind == TEXT:
        return struct.pack("<Q", len(value)) + value
    if kind == ARRAY:
        inner, items = value
        return struct.pack("<IQ", inner, len(items)) + b"".join(pack(inner, item) for item in items)
    return struct.pack("<" + SCALARS[kind], value)


def read(path):
    """The metadata, {key: (kind, value)}, the tensors' descriptions and the offset of their data."""
    with open(path, "rb") as file:
        reader = Reader(file)
        assert file.read(4) == b"GGUF", f"{path} is no GGUF file"
        version, tensors, keys = reader.number("I"), reader.number("Q"), reader.number("Q")
        assert version == 3, f"{path} has version {version}"
        metadata = {}
        for _ in range(keys):
            key = reader.text().decode()
            kind = reader.number("I")
            metadata[key] = (kind, reader.value(kind))
        start = file.tell()
        for _ in range(tensors):
            reader.text()
            dimensions = reader.number("I")
            file.read(8 * dimensions + 4 + 8)
        end = file.tell()
        file.seek(start)
        described = file.read(end - start)
    return metadata, (tensors, described, aligned(end))


def aligned(offset):
    return (offset + 31) // 32 * 32


def write(source, path, metadata):
    """Writes the tensors of `source` to `path` with other metadata."""
    _, (tensors, described, data) = read(source)
    with open(source, "rb") as old, open(path, "wb") as new:
        new.write(b"GGUF" + struct.pack("<IQQ", 3, tensors, len(metadata)))
        for key, (kind, value) in metadata.items():
            new.write(pack(TEXT, key.encode()) + struct.pack("<I", kind) + pack(kind, value))
        new.write(described)
        new.write(b"\0" * (aligned(new.tell()) - new.tell()))
        old.seek(data)
        while chunk := old.read(1 << 22):
            new.write(chunk)
