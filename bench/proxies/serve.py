"""Serves a bare proxy the way the gateway is served: uvicorn, uvloop, httptools, one process, no access log."""

import argparse
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.applications import Starlette


@dataclass(frozen=True, slots=True)
class Options:
    """`upstream` is the address to forward to; with `keep` the pictures are written into that folder."""

    upstream: str
    keep: Path | None


def serve(build: Callable[[Options], Starlette]) -> None:
    """Reads `--upstream` and `--keep`, serves, and prints `listening on http://H:P` on stderr."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--upstream", default="")
    parser.add_argument("--keep", type=Path)
    told = parser.parse_args()
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    config = uvicorn.Config(
        build(Options(told.upstream, told.keep)),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
        lifespan="on",
    )
    print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}", file=sys.stderr, flush=True)
    uvicorn.Server(config).run(sockets=[listener])
