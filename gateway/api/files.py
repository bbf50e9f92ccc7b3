"""GET /v1/images/files/{name}: a stored picture by its signed, expiring URL; no key needed."""

import re
import time
from typing import Literal
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

from gateway.api.asgi import Headers, header, is_known, send_answer
from gateway.errors import NotAllowed, NotFound, Overloaded, UrlExpired
from gateway.flow.deps import Deps
from gateway.store.pictures import PictureStoreError
from gateway.store.signing import Verdict, verify

RANGE = re.compile(rb"bytes=(\d{0,15})-(\d{0,15})", re.ASCII)


class Files:
    name = "files"

    def __init__(self, at: Deps) -> None:
        self.at = at

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.answer(scope, send)
        except PictureStoreError as wrong:
            raise Overloaded("the place where pictures are kept does not answer; try again in a moment") from wrong

    async def answer(self, scope: Scope, send: Send) -> None:
        name: str = scope["path_params"]["name"]
        team, left = self.admitted(name, scope)
        size = await self.at.pictures.head(team, name)
        if size is None:
            raise NotFound("this picture is no longer stored")
        etag = f'"{name.partition(".")[0]}"'.encode()
        headers = [
            (b"content-type", f"image/{name.rpartition('.')[2]}".encode()),
            (b"etag", etag),
            (b"accept-ranges", b"bytes"),
            (b"cache-control", f"private, max-age={left}, immutable".encode()),
            (b"content-security-policy", b"default-src 'none'; sandbox"),
            (b"x-content-type-options", b"nosniff"),
        ]
        if is_known(scope, etag):
            await send_answer(304, headers, b"", send)
            return
        wanted = wanted_range(header(scope, b"range"), size) if header(scope, b"if-range") in {b"", etag} else None
        if wanted == "unsatisfiable":
            await send_answer(416, [*headers, (b"content-range", f"bytes */{size}".encode())], b"", send)
            return
        if wanted is None:
            headers.append((b"content-length", str(size).encode()))
            await self.send_whole(team, name, headers, scope, send)
            return
        start, end = wanted
        headers.append((b"content-range", f"bytes {start}-{end - 1}/{size}".encode()))
        headers.append((b"content-length", str(end - start).encode()))
        body = b"" if scope["method"] == "HEAD" else await self.at.pictures.get_range(team, name, start, end)
        if body is None:
            raise NotFound("this picture is no longer stored")
        await send_answer(206, headers, body, send)

    async def send_whole(self, team: str, name: str, headers: Headers, scope: Scope, send: Send) -> None:
        """Chunk by chunk, as fast as the caller takes them."""
        if scope["method"] == "HEAD":
            await send_answer(200, headers, b"", send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        async for chunk in self.at.pictures.stream(team, name):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    def admitted(self, name: str, scope: Scope) -> tuple[str, int]:
        """The team whose picture it is, and for how many seconds more; raises for a URL that we did not sign."""
        query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        team, expires = query.get("team", ""), query.get("expires", "")
        now = time.time()
        verdict = verify(
            name,
            team=team,
            expires=expires,
            signature=query.get("signature", ""),
            keys=self.at.signing_keys,
            now=now,
        )
        if verdict is Verdict.EXPIRED:
            raise UrlExpired("this URL has expired; a repeated request gives a new one for the same picture")
        if verdict is Verdict.FORGED:
            raise NotAllowed("this URL was not signed by this gateway, or was changed")
        return team, int(int(expires) - now)


def wanted_range(value: bytes, size: int) -> tuple[int, int] | Literal["unsatisfiable"] | None:
    """`bytes=0-99` as (0, 100); None for the whole picture, also when several ranges are asked for."""
    found = RANGE.fullmatch(value.strip())
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        length = int(found[2])
        return (max(0, size - length), size) if length else "unsatisfiable"
    start = int(found[1])
    end = min(size, int(found[2]) + 1) if found[2] else size
    if start >= size:
        return "unsatisfiable"
    return (start, end) if end > start else None
