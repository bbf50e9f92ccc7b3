"""/openapi.yaml and /docs: the contract as it is written, and a page that shows it.

The page is Scalar's API reference, served from here alone: no other host is asked, and the content security policy
holds it to that.
"""

import asyncio
import gzip
import hashlib
from pathlib import Path

from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from gateway.api.asgi import header, is_known, send_answer
from gateway.errors import NotFound

HERE = Path(__file__).parent
STATIC = HERE / "static" / "docs"
JAVASCRIPT = b"text/javascript; charset=utf-8"

# Scalar writes its styles into the page, hence the inline styles; scripts come from files of ours alone.
POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    b"font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Document:
    """A file that is read at startup; `packed` is its gzip form, where that is how it is kept."""

    def __init__(self, name: str, content_type: bytes, content: bytes, *, packed: bool = False) -> None:
        self.name = name
        self._content = content
        self._packed = packed
        # Weak: the packed and the plain form are the same document.
        self._etag = f'W/"{hashlib.sha256(content).hexdigest()[:32]}"'.encode()
        self._headers = [
            (b"content-type", content_type),
            (b"etag", self._etag),
            (b"cache-control", b"no-cache"),
            (b"content-security-policy", POLICY),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
            (b"vary", b"accept-encoding"),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = list(self._headers)
        if is_known(scope, self._etag):
            await send_answer(304, headers, b"", send)
            return
        content = self._content
        if self._packed:
            if takes_gzip(header(scope, b"accept-encoding")):
                headers.append((b"content-encoding", b"gzip"))
            else:
                content = await asyncio.to_thread(gzip.decompress, content)
        headers.append((b"content-length", str(len(content)).encode()))
        await send_answer(200, headers, b"" if scope["method"] == "HEAD" else content, send)


class Assets:
    """The scripts of the page: `/docs/scalar.js` and `/docs/page.js`."""

    name = "docs"

    def __init__(self) -> None:
        self._assets = {
            "scalar.js": Document("docs", JAVASCRIPT, (STATIC / "scalar.js.gz").read_bytes(), packed=True),
            "page.js": Document("docs", JAVASCRIPT, (STATIC / "page.js").read_bytes()),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asset = self._assets.get(scope["path_params"]["asset"])
        if asset is None:
            raise NotFound(f"the page has no such file; it has {' and '.join(self._assets)}")
        await asset(scope, receive, send)


def routes() -> list[BaseRoute]:
    """`/openapi.yaml`, `/docs` and its scripts; none needs a key."""
    contract = Document("openapi", b"application/yaml", contract_file().read_bytes())
    page = Document("docs", b"text/html; charset=utf-8", (STATIC / "page.html").read_bytes())
    return [
        Route("/openapi.yaml", contract, methods=["GET"]),
        Route("/docs", page, methods=["GET"]),
        Route("/docs/{asset}", Assets(), methods=["GET"]),
    ]


def contract_file() -> Path:
    """In a wheel beside this module, in a checkout at its root."""
    packaged = HERE / "openapi.yaml"
    return packaged if packaged.is_file() else HERE.parents[1] / "openapi.yaml"


def takes_gzip(accepted: bytes) -> bool:
    """Whether `accept-encoding` names gzip (or everything) and does not forbid it by `q=0`."""
    weights: dict[str, bool] = {}
    for part in accepted.decode("latin-1").lower().split(","):
        coding, _semicolon, weight = part.partition(";")
        weights[coding.strip()] = weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return weights.get("gzip", weights.get("*", False))
