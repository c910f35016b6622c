#!/usr/bin/env python3
"""A server whose times are known: the first token after --first-ms, each further one --gap-ms later, --tokens of them.

    benches/servers/scripted_server.py --port 18499
    benches/servers/judges.py --url http://127.0.0.1:18499 --model scripted --tokenizer FOLDER …

Load programs that measure it should say what it did, however fast the machine is. Chat completions alone, streamed, with
`usage` in the last chunk; requests wait for nothing but their own times.
"""

import argparse
import asyncio
import json


def event(fields: dict) -> bytes:
    whole = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "scripted", **fields}
    return b"data: " + json.dumps(whole).encode() + b"\n\n"


def choice(delta: dict, finish=None) -> dict:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


async def answer(given, asked: dict, writer: asyncio.StreamWriter):
    prompt = 4 + sum(len(str(message.get("content"))) // 4 for message in asked.get("messages", []))
    usage = {"prompt_tokens": prompt, "completion_tokens": given.tokens, "total_tokens": prompt + given.tokens}
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")

    # against the clock, so that a late wake-up does not add up
    clock = asyncio.get_running_loop()
    due = clock.time() + given.first_ms / 1e3
    for index in range(given.tokens):
        await asyncio.sleep(max(0.0, due - clock.time()))
        finish = "stop" if index + 1 == given.tokens else None
        writer.write(event(choice({"role": "assistant", "content": " word"}, finish)))
        await writer.drain()
        due += given.gap_ms / 1e3
    writer.write(event({"choices": [], "usage": usage}) + b"data: [DONE]\n\n")
    await writer.drain()


async def serve(given, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        lengths = [line.split(":", 1)[1] for line in head.split("\r\n") if line.lower().startswith("content-length:")]
        body = await reader.readexactly(int(lengths[0])) if lengths else b""
        if "/chat/completions" in head.split("\r\n")[0]:
            await answer(given, json.loads(body), writer)
        else:
            models = json.dumps({"object": "list", "data": [{"id": "scripted", "object": "model"}]}).encode()
            length = f"Content-Length: {len(models)}\r\n".encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n" + length + b"\r\n" + models)
            await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError, ValueError):
        pass
    finally:
        writer.close()


async def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=18499)
    parser.add_argument("--tokens", type=int, default=40)
    parser.add_argument("--first-ms", type=float, default=100.0)
    parser.add_argument("--gap-ms", type=float, default=20.0)
    given = parser.parse_args()
    server = await asyncio.start_server(lambda reader, writer: serve(given, reader, writer), "127.0.0.1", given.port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
