"""A scripted model server on the loopback interface: OpenAI's chat completions and Anthropic's messages.

What it answers depends on the model's name alone: `example-plain`, `example-without-usage`, `example-busy` (429).
Usage is the same everywhere: 100 prompt tokens of which a cache served 40, 20 answer tokens of which 5 reasoned; of
Anthropic's messages, which count cached tokens apart, 5 + 400 read + 100 written, and 20.
"""
import http.server
import json
import socketserver
import threading

USAGE = {
    "prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120,
    "prompt_tokens_details": {"cached_tokens": 40},
    "completion_tokens_details": {"reasoning_tokens": 5},
}
MESSAGE_USAGE = {"input_tokens": 5, "cache_read_input_tokens": 400, "cache_creation_input_tokens": 100, "output_tokens": 20}
WORDS = ["It ", "is ", "noon."]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        model = request.get("model", "")
        if "busy" in model:
            return self.answer(429, {"error": {"message": "too many requests", "type": "rate_limit", "code": "busy"}})
        if self.path.endswith("/messages"):
            return self.message(request)
        if request.get("stream"):
            return self.stream(request)
        self.answer(200, {
            "id": "c1", "object": "chat.completion", "created": 1, "model": model, "usage": USAGE,
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "".join(WORDS)}}],
        })

    def message(self, request):
        self.answer(200, {
            "id": "m1", "type": "message", "role": "assistant", "model": request["model"], "stop_reason": "end_turn",
            "content": [{"type": "text", "text": "".join(WORDS)}], "usage": MESSAGE_USAGE,
        })

    def stream(self, request):
        def chunk(choices, **more):
            body = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": request["model"], "choices": choices}
            return f"data: {json.dumps({**body, **more})}\n\n".encode()

        pieces = [chunk([{"index": 0, "delta": {"role": "assistant", "content": word}, "finish_reason": None}]) for word in WORDS]
        pieces.append(chunk([{"index": 0, "delta": {}, "finish_reason": "stop"}]))
        if (request.get("stream_options") or {}).get("include_usage") and "without-usage" not in request["model"]:
            pieces.append(chunk([], usage=USAGE))
        pieces.append(b"data: [DONE]\n\n")
        self.send(200, "text/event-stream", b"".join(pieces))

    def answer(self, status, body):
        self.send(status, "application/json", json.dumps(body).encode())

    def send(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


def start():
    """Starts it in this process; gives its address."""
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"


if __name__ == "__main__":
    print(start(), flush=True)
    threading.Event().wait()
