#!/usr/bin/env python3
"""Serves a model with mistral.rs's engine behind OpenAI's streamed chat API, through the Python package mistralrs.

For machines without the `mistralrs` program: the package has the engine and no server, so the HTTP around it is this file's.

    python3 benches/servers/mistralrs_server.py -m model.gguf --port 1234
    python3 benches/servers/mistralrs_server.py -m smollm2 --port 1234      # a safetensors folder (hf_folder.py)

Installs nothing: `pip install mistralrs` brings the engine. It runs until it is stopped (SIGTERM, Ctrl-C).
"""

import argparse
import http.server
import json
import os
import socketserver
import sys
import threading


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Serve a model with mistral.rs's engine.")
    parser.add_argument("-m", "--model", required=True, help="GGUF file, or folder with safetensors")
    parser.add_argument("--port", type=int, default=1234, help="port on the loopback address")
    parser.add_argument("--alias", help="name under which the model is served [default: the file's or folder's]")
    parser.add_argument("-np", "--parallel", type=int, default=4, help="requests answered side by side")
    return parser.parse_args()


def load(given: argparse.Namespace):
    import mistralrs

    if os.path.isdir(given.model):
        which = mistralrs.Which.Plain(model_id=given.model)
    else:
        folder, name = os.path.split(os.path.abspath(given.model))
        which = mistralrs.Which.GGUF(quantized_model_id=folder, quantized_filename=name)
    # no prefix cache: a prompt that comes again is read again
    return mistralrs.Runner(which=which, max_seqs=given.parallel, prefix_cache_n=0, token_source="none")


def chunk_object(chunk, model: str) -> dict:
    choices = []
    for choice in chunk.choices:
        delta = {"content": choice.delta.content}
        if choice.delta.reasoning_content:
            delta["reasoning_content"] = choice.delta.reasoning_content
        choices.append({"index": choice.index, "delta": delta, "finish_reason": choice.finish_reason})
    found = {"id": chunk.id, "object": "chat.completion.chunk", "created": chunk.created, "model": model, "choices": choices}
    if chunk.usage is not None:
        usage = chunk.usage
        found["usage"] = {"prompt_tokens": usage.prompt_tokens, "completion_tokens": usage.completion_tokens,
                          "total_tokens": usage.total_tokens}
    return found


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    runner = None
    name = ""
    # the package lends its engine to one thread at a time; answers stream side by side
    asking = threading.Lock()

    def log_message(self, *given):
        pass

    def whole(self, status: int, found: dict):
        body = json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path.rstrip("/").endswith("/models"):
            self.whole(200, {"object": "list", "data": [{"id": self.name, "object": "model", "owned_by": "mistralrs"}]})
        else:
            self.whole(404, {"error": {"message": "not found"}})

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        if not self.path.endswith("/chat/completions"):
            return self.whole(404, {"error": {"message": "not found"}})
        import mistralrs

        request = mistralrs.ChatCompletionRequest(
            messages=asked["messages"], model="default", stream=True,
            max_tokens=asked.get("max_tokens") or asked.get("max_completion_tokens"),
            temperature=asked.get("temperature"), top_p=asked.get("top_p"), top_k=asked.get("top_k"))
        try:
            with self.asking:
                chunks = self.runner.send_chat_completion_request(request)
        except Exception as error:
            return self.whole(500, {"error": {"message": str(error)}})

        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in chunks:
            self.piece(f"data: {json.dumps(chunk_object(chunk, self.name))}\n\n")
        self.piece("data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def piece(self, text: str):
        body = text.encode()
        self.wfile.write(b"%x\r\n%b\r\n" % (len(body), body))
        self.wfile.flush()


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    # as many as a load test opens at once
    request_queue_size = 128


def main() -> int:
    given = arguments()
    if not os.path.exists(given.model):
        print(f"no such file or folder: {given.model}", file=sys.stderr)
        return 1
    try:
        Handler.runner = load(given)
    except ImportError:
        print("the package mistralrs is not here: pip install mistralrs", file=sys.stderr)
        return 1
    Handler.name = given.alias or os.path.splitext(os.path.basename(os.path.normpath(given.model)))[0]
    server = Server(("127.0.0.1", given.port), Handler)
    print(f"listening on http://127.0.0.1:{server.server_address[1]}/v1", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
