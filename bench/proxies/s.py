"""S: Starlette, the stock httpx client and the standard library's json and base64, as most proxies are written."""

import base64
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from blake3 import blake3
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from bench.proxies.serve import Options, serve

Client = httpx.AsyncClient  # noqa: TID251 - the stock client is what S measures


def build(options: Options) -> Starlette:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None]:
        async with Client(timeout=60) as client:
            app.state.client = client
            yield

    async def generate(request: Request) -> JSONResponse:
        client: Client = request.app.state.client
        asked: dict[str, Any] = await request.json()
        asked["image_size"] = asked.pop("size")
        answer = await client.post(f"{options.upstream}/v1/images/generations", json=asked)
        told: dict[str, Any] = answer.json()
        if options.keep:
            for image in told["data"]:
                await keep(image, client)
        return JSONResponse(told, answer.status_code)

    async def keep(image: dict[str, str], client: Client) -> None:
        url = image.get("url")
        content = (await client.get(url)).content if url else base64.b64decode(image["b64_json"])
        name = write(content)
        if url:
            image["url"] = f"http://127.0.0.1/files/{name}"

    def write(content: bytes) -> str:
        assert options.keep
        name = f"{blake3(content).hexdigest()}.png"
        (options.keep / name).write_bytes(content)
        return name

    return Starlette(routes=[Route("/v1/images/generations", generate, methods=["POST"])], lifespan=lifespan)


if __name__ == "__main__":
    serve(build)
