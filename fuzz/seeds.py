#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets: small files of our own making, one of each kind that a parser reads.

    python3 fuzz/seeds.py

The same files every time, so that a change to them is seen. What a fuzzer finds is added by hand, as tests are.
"""

import gzip
import json
import pathlib
import struct

HERE = pathlib.Path(__file__).parent / "seeds"


def put(target, name, content):
    path = HERE / target / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def gguf_text(text):
    return struct.pack("<Q", len(text.encode())) + text.encode()


def gguf(entries, tensors, version=3, counts=None):
    """A GGUF file: entries of (key, kind, bytes), tensors of (name, shape, type, bytes)."""
    tensor_count, entry_count = counts or (len(tensors), len(entries))
    out = b"GGUF" + struct.pack("<IQQ", version, tensor_count, entry_count)
    for key, kind, value in entries:
        out += gguf_text(key) + struct.pack("<I", kind) + value
    offset, data = 0, b""
    for name, shape, kind, content in tensors:
        out += gguf_text(name) + struct.pack("<I", len(shape))
        out += b"".join(struct.pack("<Q", side) for side in shape) + struct.pack("<IQ", kind, offset)
        content += b"\0" * (-len(content) % 32)
        offset += len(content)
        data += content
    return out + b"\0" * (-len(out) % 32) + data


def write_gguf():
    text = lambda value: (8, gguf_text(value))
    entries = [
        ("general.architecture", *text("llama")),
        ("general.name", *text("a tiny model")),
        ("llama.block_count", 4, struct.pack("<I", 1)),
        ("llama.context_length", 4, struct.pack("<I", 64)),
        ("llama.embedding_length", 4, struct.pack("<I", 32)),
        ("llama.rope.freq_base", 6, struct.pack("<f", 1e4)),
        ("tokenizer.ggml.tokens", 9, struct.pack("<IQ", 8, 2) + gguf_text("a") + gguf_text("b")),
        ("tokenizer.ggml.token_type", 9, struct.pack("<IQ", 5, 2) + struct.pack("<ii", 1, 1)),
    ]
    tensors = [
        ("token_embd.weight", (32, 2), 8, bytes(2 * 34)),
        ("output_norm.weight", (32,), 0, bytes(128)),
    ]
    put("gguf", "tiny.gguf", gguf(entries, tensors))
    put("gguf", "old-version.gguf", gguf(entries[:1], [], version=2))
    put("gguf", "many-promised.gguf", gguf(entries[:1], [], counts=(1 << 60, 1 << 60)))
    endless = struct.pack("<IQ", 9, 1 << 40) + struct.pack("<IQ", 9, 1 << 40)
    put("gguf", "lists-of-lists.gguf", gguf([("general.tags", 9, endless)], []))
    put("gguf", "magic-alone.gguf", b"GGUF")
    put("gguf", "huge-shape.gguf", gguf(entries[:1], [("a", (1 << 62, 1 << 62), 2, b"")]))


def write_safetensors():
    def file(header, data=b"", length=None):
        text = json.dumps(header).encode()
        return struct.pack("<Q", len(text) if length is None else length) + text + data

    good = {"__metadata__": {"format": "pt"}, "a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}}
    put("safetensors", "good.safetensors", file(good, bytes(16)))
    put("safetensors", "cut.safetensors", file(good, bytes(7)))
    put("safetensors", "long-header.safetensors", file(good, length=1 << 62))
    backwards = {"a": {"dtype": "BF16", "shape": [1 << 40, 1 << 40], "data_offsets": [1 << 63, 3]}}
    put("safetensors", "backwards.safetensors", file(backwards))
    deep = b"[" * 4000
    put("safetensors", "deep.safetensors", struct.pack("<Q", len(deep)) + deep)


def write_tokenizers():
    model = {
        "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
        "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
        "vocab": {"a": 0, "b": 1, "ab": 2, "<s>": 3}, "merges": ["a b"],
    }
    special = {"id": 3, "content": "<s>", "single_word": False, "lstrip": False, "rstrip": False,
               "normalized": False, "special": True}
    whole = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [special], "normalizer": None,
             "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
             "post_processor": None, "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True,
                                                 "use_regex": True}, "model": model}
    put("tokenizer", "bpe.json", json.dumps(whole))
    put("tokenizer", "unigram.json", json.dumps({**whole, "model": {
        "type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0.0], ["a", -1.5], ["ab", -1e308]], "byte_fallback": False}}))
    put("tokenizer", "pairs.json", json.dumps({**whole, "model": {**model, "merges": [["a", "b"], ["ab", "zz"]]}}))
    put("tokenizer", "split.json", json.dumps({**whole, "pre_tokenizer": {
        "type": "Split", "pattern": {"Regex": "(a+)+b|\\p{L}+"}, "behavior": "Isolated", "invert": False}}))
    tenfold = {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 10}
    put("tokenizer", "grows.json", json.dumps({**whole, "normalizer": {"type": "Sequence", "normalizers": [tenfold] * 10}}))
    put("tokenizer", "short-part.json", json.dumps({**whole, "model": {**model, "continuing_subword_prefix": "##"}}))
    text, token = {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "<s>", "type_id": 0}}
    put("tokenizer", "repeats.json", json.dumps({**whole, "post_processor": {
        "type": "TemplateProcessing", "single": [token, text, text], "pair": [text],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [3], "tokens": ["<s>"]}}}}))
    put("tokenizer_config", "usual.json", json.dumps({
        "bos_token": "<s>", "eos_token": {"content": "</s>"}, "add_bos_token": True,
        "chat_template": "{% for m in messages %}{{ m.content }}{% endfor %}", "model_max_length": 1e30}))
    put("tokenizer_config", "templates.json", json.dumps({
        "chat_template": [{"name": "default", "template": "{{ messages }}"}, {"name": "tools", "template": "{%"}]}))


def write_templates():
    put("chat_template", "plain.jinja", "{% for m in messages %}<|{{ m['role'] }}|>{{ m.content | trim }}{% endfor %}"
        "{% if add_generation_prompt %}<|assistant|>{% endif %}")
    put("chat_template", "refuses.jinja",
        "{% if messages[0].role != 'user' %}{{ raise_exception('Roles must alternate') }}{% endif %}{{ bos_token }}")
    put("chat_template", "endless.jinja",
        "{% for a in range(99999) %}{% for b in range(99999) %}{{ 'x' * 9999 }}{% endfor %}{% endfor %}")
    put("chat_template", "grows.jinja", "{% set ns = namespace(s='ab') %}{% for i in range(64) %}"
        "{% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ ns.s | length }}")
    put("chat_template", "reaches-out.jinja", "{% include '/etc/passwd' %}{{ ''.__class__.__mro__ }}")
    put("chat_template", "wide.jinja", "{{ '{:>99999999999999}'.format('x') }}{{ '%9999999999d' | format(1) }}")
    put("chat_template", "joins.jinja", "{% set s='a'*1000000 %}{% set l=[s]*10000 %}{{ ''.join(l)|length }}{{ l ~ l }}")
    put("chat_template", "parts.jinja", "{% set s=','*2000000 %}{{ s.split(',')|length }}{{ s.splitlines() }}")
    put("chat_template", "constants.jinja", "{{ ['a'] * 99999 ~ '' }}{{ ['a'] * 99999 in 'a' }}")
    put("chat_template", "fields.jinja", "{% set s='a'*1000000 %}{{ ('{0}'*100000).format(s) }}{{ ('%s'*9999)|format(s) }}")
    put("chat_template", "calls-itself.jinja", "{% macro f(n) %}{{ f(n) }}{% endmacro %}{{ f(1) }}")


def write_texts():
    put("manifest", "usual.toml", 'name = "m"\ntitle = "M"\nlicense = { name = "MIT", url = "https://example.org" }\n'
        'full_precision = "full"\ncompare = ["full", "q8_0"]\n[[variant]]\nname = "full"\n'
        'source = [{ kind = "path", path = "m.gguf" }]\n[[variant]]\nname = "q8_0"\n'
        'source = [{ kind = "quantize", recipe = "Q8_0" }]\n')
    put("manifest", "leaves.toml", 'name = "../../m"\ntitle = ""\nfull_precision = "x"\ncompare = ["y"]\n[[variant]]\n'
        'name = "x"\nsource = [{ kind = "hub", repo = "../..", revision = "/", files = [{ path = "../../a" }] }]\n')
    put("manifest", "circle.toml", 'name = "m"\ntitle = "M"\nfull_precision = "a"\ncompare = ["a"]\n[[variant]]\n'
        'name = "a"\nsource = [{ kind = "expand", from = "b" }]\n[[variant]]\nname = "b"\n'
        'source = [{ kind = "expand", from = "a" }]\n')

    put("settings", "usual.toml", '[policy]\nmargin = 0.02\n[prices]\ncurrency = "EUR"\nelectricity = 0.3\n'
        '[sources.electricity-maps]\nbase_url = "http://example.org"\n')
    put("settings", "numbers.toml", "[policy]\nmargin = nan\nconfidence = 1e999\n[prices]\nelectricity = -0\n")
    put("settings", "deep.toml", "a = " + "[" * 500)

    put("prompt_set", "lines.jsonl", '{"id":"a","prompt":"Say t1.","grader":"contains","answer":"t1","max_tokens":16}\n'
        '{"id":"b","prompt":"Which?","choices":["x","y"],"grader":"choice","answer":"x"}\n')
    put("prompt_set", "messages.jsonl", '{"messages":[{"role":"system","content":"s"},{"role":"user","content":"u"}]}\n')
    put("prompt_set", "table.csv", 'id,prompt,answer\n1,"a ""quoted"" one",b\n2,c,d\n')
    put("prompt_set", "blanks.csv", "\r\nsep=;\nid;prompt\r\n1;a\r\n" + " \n" * 8 + ";" * 1200 + '\n2;"open')
    put("prompt_set", "list.json", '[{"question":"q","options":["a","b"],"answer":1},{"instruction":"i","output":"o"}]')
    put("prompt_set", "pattern.jsonl", '{"prompt":"p","grader":"regex","answer":"(a*)*{99999}"}\n')

    for number, answer in enumerate([
        '{"license_info":"CC","unix_seconds":[1,2],"price":[10.5,-3],"unit":"EUR / MWh"}',
        '{"data":[{"start_timestamp":1,"end_timestamp":3600000,"marketprice":42.1,"unit":"Eur/MWh"}]}',
        '{"zone":"DE","history":[{"carbonIntensity":300,"datetime":"2026-01-01T00:00:00.000Z"}]}',
        '<Publication_MarketDocument><TimeSeries><Period><Point><position>1</position></Point></Period></TimeSeries>',
        "timestamp,price\n2026-01-01T00:00Z,0.1\n",
        '{"data":{"gpuTypes":[{"id":"x","displayName":"H200","securePrice":3.5,"communityPrice":null}]}}',
        '{"offers":[{"gpu_name":"H100","num_gpus":1,"dph_total":2.1}]}',
        '{"data":[{"id":"m","pricing":{"prompt":"0.0000001","completion":"1e-7"},"context_length":8192}]}',
        '{"Items":[{"retailPrice":1.2,"armSkuName":"x","unitOfMeasure":"1 Hour"}],"NextPageLink":"http://x"}',
        "[" * 3000,
        '{"price":[1e999,"NaN",null,true]}',
        "\ufeff\u202e",
    ]):
        put("price_source", f"source-{number:02}.txt", bytes([number]) + answer.encode())

    put("plug_answer", "shelly.json", '{"switch:0":{"id":0,"apower":12.5},"switch:1":{"id":1,"apower":0.0}}')
    put("plug_answer", "shelly-first.json", '{"meters":[{"power":1e308,"is_valid":true},{"power":-1}]}')
    put("plug_answer", "tasmota.json", '{"StatusSNS":{"ENERGY":{"Power":[1,2,"3"]}}}')
    put("prometheus", "rapl.txt", 'node_rapl_package_joules_total{index="0",path="/sys"} 1.5e5\n'
        'node_rapl_package_joules_total 12 1700000000000\nscaph_host_power_microwatts{zone="package"} 3e6\n')
    put("prometheus", "zones.txt", "".join(
        f'node_rapl_package_joules_total{{cpu="{cpu}",zone="{zone}",path="/sys/intel-rapl:{cpu}"}} {cpu}\n'
        for cpu in range(3) for zone in ["package", "core", "dram"]))
    put("prometheus", "broken.txt", 'node_rapl_package_joules_total{a="\\"\\n\\\\",b= NaN\nscaph_host_power_microwatts{')

    put("sse", "chat.txt", b"\x04data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: [DONE]\n\n")
    put("sse", "line-ends.txt", b"\x00\xef\xbb\xbfevent: error\rdata: a\r\ndata:b\n\n: comment\r\r\nid: 1\n\n")
    put("sse", "no-end.txt", b"\xffdata: " + b"x" * 3000)

    for number in range(11):
        put("kernels_packing", f"type-{number:02}.bin", bytes([number]) + bytes((7 * i + number) % 256 for i in range(600)))


def write_shared():
    """What many machines share: stores, and the tables of prices and revenue."""
    put("dated_prices", "changes.toml", '[[prices]]\nmodel = "gpt*"\nfrom = 2026-11-01\nto = 2026-11-14\n'
        'input_per_million = "2.5"\ncached_input_per_million = 0.25\noutput_per_million = 10\ncurrency = "USD"\nsource = "list"\n'
        '[[prices]]\nmodel = "gpt*"\nfrom = 2026-11-15\ninput_per_million = 2\noutput_per_million = 8\ncurrency = "USD"\n'
        'source = "list"\n')
    put("dated_prices", "patterns.toml", "".join(
        f'[[prices]]\nmodel = "{"*a" * 40}{number}*"\ninput_per_million = 1e{number}\noutput_per_million = -0\ncurrency = "XXX"\n'
        'source = ""\n' for number in range(8)))
    put("revenue", "usual.toml", '[[revenue]]\nservice = "chat"\nper_inference = 0.002\ncurrency = "USD"\n'
        '[[revenue]]\nservice = "search"\nper_inference = "79228162514264337593543950335"\ncurrency = "EUR"\n')
    put("revenue", "twice.toml", '[[revenue]]\nservice = "a"\nper_inference = 1e-30\ncurrency = "USD"\n' * 2)

    piece = {"bytes": 20, "sha256": "a" * 64}
    stored = {"bytes": 20, "sha256": "0" * 64, "pieces": [piece]}
    manifest = {"schema": "infercost.manifest/1", "run": "20261129-101500-ab12", "started_at": "2026-11-29T10:15:00Z",
                "finished": True, "header": stored, "spans": {**stored, "bytes": 40, "pieces": [piece, piece]}}
    put("store_manifest", "usual.json", json.dumps(manifest))
    put("store_manifest", "sums.json", json.dumps({**manifest, "spans": {
        **stored, "pieces": [{**piece, "bytes": (1 << 64) - 1}, {**piece, "bytes": 21}]}}))
    put("store_manifest", "newer.json", json.dumps({**manifest, "schema": "infercost.manifest/2", "run": "../../x"}))

    path = "inferences/day=2026-11-29/model=tiny%2Fq8_0/traces-0"
    file = {"path": path + ".parquet", "object": path + "." + "a" * 16 + ".parquet", "bytes": 10, "sha256": "a" * 64}
    entry = {"schema": "infercost.tables-log/1", "number": 7, "source": "traces", "source_bytes": 5, "files": [file]}
    put("tables_log", "usual.json", json.dumps(entry))
    put("tables_log", "empty.json", json.dumps({**entry, "source_bytes": None, "files": []}))
    put("tables_log", "leads-out.json", json.dumps({**entry, "files": [
        file, {**file, "path": "inferences/../../x.parquet", "object": "inferences/../../x." + "a" * 16 + ".parquet"}]}))
    put("tables_log", "deep.json", '{"schema":"infercost.tables-log/1","files":' + "[" * 500)


def write_traces():
    span = {"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "name": "chat m",
            "startTimeUnixNano": "1700000000000000000", "endTimeUnixNano": 1700000001000000000, "kind": "SPAN_KIND_CLIENT",
            "attributes": [
                {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
                {"key": "gen_ai.request.model", "value": {"stringValue": "m"}},
                {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "12"}},
                {"key": "gen_ai.usage.output_tokens", "value": {"intValue": 7}},
                {"key": "list", "value": {"arrayValue": {"values": [{"doubleValue": 0.5}, {"boolValue": True}]}}},
                {"key": "map", "value": {"kvlistValue": {"values": [{"key": "a", "value": {"bytesValue": "AA=="}}]}}},
            ], "status": {"code": 2, "message": "x"}, "events": [{"timeUnixNano": "1", "name": "e"}]}
    line = json.dumps({"resourceSpans": [{"resource": {"attributes": []}, "scopeSpans": [{"scope": {"name": "s"},
                                                                                       "spans": [span]}]}]})
    deep = {"stringValue": "x"}
    for _ in range(100):
        deep = {"arrayValue": {"values": [deep]}}
    nested = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [
        {**span, "attributes": [{"key": "a", "value": deep}]}]}]}]})
    for target in ["otlp_json", "foreign_trace"]:
        put(target, "line.json", line)
        put(target, "nested.json", nested)
        put(target, "ids.json", line.replace("b7ad6b7169203331", "t61rcWkgMzE=").replace("17000000", "-9"))
    put("foreign_trace", "compressed.gz", gzip.compress(line.encode(), mtime=0))
    put("foreign_trace", "bomb.gz", gzip.compress(b" " * (1 << 20), mtime=0))
    put("foreign_trace", "damaged-values.json", '{\n"a":1}\n' + '{"resourceSpans":5}\n' * 3 + '{"resourceSpans":[{}')
    put("foreign_trace", "observations.json", json.dumps({"userId": "u", "trace": {"sessionId": "s"}, "observations": [
        1, "a", {"id": "a", "type": "GENERATION", "startTime": "2026-01-01T00:00:00Z"}, {"id": []}]}))
    put("foreign_trace", "rows.csv", 'id,traceId,type,startTime\n1,t,GENERATION,2026-01-01T00:00:00Z\n\n"2\n",,\n \n \n3,"')
    put("foreign_trace", "jaeger.json", json.dumps({"data": [{"traceID": "1", "spans": [
        {"traceID": "1", "spanID": "2", "operationName": "chat", "startTime": 1, "duration": 2,
         "tags": [{"key": "gen_ai.request.model", "type": "string", "value": "m"}], "references": []}]}]}))
    put("foreign_trace", "message.bin", bytes.fromhex("0a2a12280a0012240a100af7651916cd43dd8448eb211c80319c1208b7ad6b71692033312a0663686174206d"))
    put("foreign_trace", "sdk.json", json.dumps({"name": "chat", "context": {"trace_id": "0x1", "span_id": "0x2"},
                                                 "attributes": {"gen_ai.request.model": "m"}, "start_time": "2026-01-01T00:00:00Z"}))

    recorded = next(HERE.parents[1].glob("traces/sample/*/spans.jsonl"))
    (HERE.parents[1] / "benches/fuzz/run.json").write_bytes((recorded.parent / "run.json").read_bytes())
    sample = recorded.read_text().splitlines(keepends=True)
    kinds = {}
    for line in sample:
        kind = line.split('"infercost.record","value":{"stringValue":"', 1)[1].split('"', 1)[0]
        kinds.setdefault(kind, line)
    # a run's last line, which holds every variant, is long
    short = [line for line in kinds.values() if len(line) < 6000]
    put("run", "each-record.jsonl", "".join(short))
    put("run", "cut.jsonl", "".join(short)[:-40])
    put("run", "twice.jsonl", short[0] * 2)
    put("run", "of-others.jsonl", json.dumps({"resourceSpans": []}) + "\n\n" + nested + "\n")


write_gguf()
write_safetensors()
write_tokenizers()
write_templates()
write_texts()
write_shared()
write_traces()
