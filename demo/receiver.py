"""A backend in a few lines: prints the callbacks that come to http://127.0.0.1:8003, and ends after the last one."""

import json
from http.server import BaseHTTPRequestHandler, HTTPServer


class Receiver(BaseHTTPRequestHandler):
    """Answers every callback with 200."""

    last = False

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        print(body["status"], body.get("progress"), body.get("message") or body.get("error_message"), flush=True)
        self.send_response(200)
        self.end_headers()
        Receiver.last = body["status"] != "processing"

    def log_request(self, *_: object) -> None:
        """Print nothing but the callbacks."""


with HTTPServer(("127.0.0.1", 8003), Receiver) as server:
    while not Receiver.last:
        server.handle_request()
