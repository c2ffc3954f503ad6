"""Receive alerts over HTTP from apprise's `json://`: `messages` holds (title, body), `refuse` makes it answer 500."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class AlertReceiver:
    def __init__(self) -> None:
        self.messages: list[tuple[str, str]] = []
        self.refuse = False
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if not receiver.refuse:
                    receiver.messages.append((message["title"], message["message"]))
                self.send_response(500 if receiver.refuse else 200)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"json://ann:a-password-of-alerts@127.0.0.1:{self._server.server_port}/hook"

    def take(self) -> list[tuple[str, str]]:
        taken, self.messages = self.messages, []
        return taken

    def __enter__(self) -> "AlertReceiver":
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
