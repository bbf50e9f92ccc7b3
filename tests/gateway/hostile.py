"""A provider on a real socket that answers whatever a test wants."""

import http.server
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import orjson

from gateway.settings import read_settings
from tests.gateway.running import ADMIN_KEY, RunningGateway


@dataclass
class Told:
    """What it answers to every call; `body` is bytes or becomes JSON."""

    body: Any = b"{}"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


class HostileProvider:
    """A server of OpenAI's images API; `told` is answered, `calls` are the bodies that it was sent."""

    def __init__(self) -> None:
        self.told = Told()
        self.calls: list[Any] = []
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                provider.calls.append(orjson.loads(self.rfile.read(int(self.headers["content-length"]))))
                told = provider.told
                body = told.body if isinstance(told.body, bytes) else orjson.dumps(told.body)
                self.send_response(told.status)
                for name, value in {"content-length": str(len(body)), **told.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing is printed into the tests' output."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def gateway_before(provider: HostileProvider, data_dir: Any, dialect: str, **tables: Any) -> RunningGateway:
    """A gateway whose model `own` is drawn by that provider alone."""
    own = {
        "kind": "openai_compatible",
        "dialect": dialect,
        "base_url": provider.url,
        "api_key": "sk-upstream-secret",
        "models": {"own": "upstream/own"},
    }
    settings = {"server": {"data_dir": data_dir}, "auth": {"admin_key": ADMIN_KEY}, "providers": {"acme": own}}
    return RunningGateway(read_settings(None, {**settings, **tables}))
