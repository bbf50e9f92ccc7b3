"""F: Starlette, the aiohttp client, orjson and pybase64, the fast parts that a gateway may use too."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson
import pybase64
from blake3 import blake3
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.proxies.serve import Options, serve

JSON = {"content-type": "application/json"}


def build(options: Options) -> Starlette:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None]:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:
            app.state.client = client
            yield

    async def generate(request: Request) -> Response:
        client: aiohttp.ClientSession = request.app.state.client
        asked: dict[str, Any] = orjson.loads(await request.body())
        asked["image_size"] = asked.pop("size")
        url = f"{options.upstream}/v1/images/generations"
        async with client.post(url, data=orjson.dumps(asked), headers=JSON) as answer:
            told: dict[str, Any] = orjson.loads(await answer.read())
        if options.keep:
            for image in told["data"]:
                await keep(image, client)
        return Response(orjson.dumps(told), answer.status, media_type="application/json")

    async def keep(image: dict[str, str], client: aiohttp.ClientSession) -> None:
        url = image.get("url")
        content = await download(client, url) if url else pybase64.b64decode(image["b64_json"], validate=True)
        name = write(content)
        if url:
            image["url"] = f"http://127.0.0.1/files/{name}"

    async def download(client: aiohttp.ClientSession, url: str) -> bytes:
        async with client.get(url) as answer:
            return await answer.read()

    def write(content: bytes) -> str:
        assert options.keep
        name = f"{blake3(content).hexdigest()}.png"
        (options.keep / name).write_bytes(content)
        return name

    return Starlette(routes=[Route("/v1/images/generations", generate, methods=["POST"])], lifespan=lifespan)


if __name__ == "__main__":
    serve(build)
