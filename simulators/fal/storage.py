"""fal's storage: files sent ahead, whose URLs then stand in an input. Under `/fal-rest/…` and `/fal-cdn/…`.

Two ways, as fal's clients take them (fal-client 1.0.3 and @fal-ai/client, storage, read 2026-11-21): a token and one
POST to the CDN; or an upload that is initiated, whose signed address takes one PUT without any key. Uploads in parts
(fal-client: above 100 MiB) are not played.
"""

import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from urllib.parse import urlsplit

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulators.drawing import draw
from simulators.fal.errors import model_failure
from simulators.fal.run import SLUG
from simulators.faults import PictureEffect
from simulators.front import Front, json_answer, origin
from simulators.inputs import NotLoaded
from simulators.stage import Stage
from simulators.uploads import UploadedFile, Uploads

KEEP_SECONDS = 7 * 86_400.0  # fal docs, FAQ: at least seven days
MOST_BYTES = 100 * 1024 * 1024
STORAGE_TYPES = ("gcs", "fal-cdn-v3")
PENDING_KEPT = 1_024
FILES = "/fal-cdn/files/"


@dataclass(frozen=True, slots=True)
class Pending:
    """An upload that was initiated: the signature covers the content type."""

    content_type: str
    filename: str
    signature: str = field(default_factory=lambda: secrets.token_hex(16))


class Storage:
    """What its routes do, and the files that it holds."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._uploads = Uploads(KEEP_SECONDS)
        self._pending: OrderedDict[str, Pending] = OrderedDict()
        self._names: dict[str, str] = {}  # of an initiated upload: the file that it became
        self._token = secrets.token_hex(16)

    def routes(self, api: Front, cdn: Front) -> list[Route]:
        """`api` asks for fal's key, `cdn` for none: each upload there is signed or carries a token."""
        return [
            api.route("/fal-rest/storage/upload/initiate", ["POST"], "upload", self.initiate),
            api.route("/fal-rest/storage/auth/token", ["POST"], None, self.token),
            cdn.route("/fal-cdn/files/upload", ["POST"], "upload", self.upload),
            cdn.route("/fal-cdn/signed/{name}", ["PUT"], "upload", self.put),
            cdn.route(FILES + "{name}", ["GET"], None, self.file),
        ]

    def content_at(self, url: str) -> bytes | None:
        """What lies at a URL of this storage, or of a picture drawn here; None for other URLs. Raises NotLoaded."""
        path = urlsplit(url).path
        if path.startswith(f"/{SLUG}-media/"):
            picture = self._stage.kept(SLUG, path.rpartition("/")[2])
            return draw(picture) if picture else None
        if not path.startswith(FILES):
            return None
        file = self._file(path.removeprefix(FILES))
        if file is None:
            raise NotLoaded
        return file.content

    def _file(self, name: str) -> UploadedFile | None:
        return self._uploads.find(self._names.get(name, name))

    async def initiate(self, request: Request, effect: PictureEffect | None) -> Response:
        del effect
        body = _object(await request.body())
        missing = [name for name in ("file_name", "content_type") if not isinstance(body.get(name), str)]
        if missing:
            return model_failure(422, "missing", "Field required", ["body", missing[0]]).answer()
        if request.query_params.get("storage_type") not in STORAGE_TYPES:
            return model_failure(422, "literal_error", "Unknown storage type", ["query", "storage_type"]).answer()
        name, pending = secrets.token_hex(12), Pending(body["content_type"], body["file_name"])
        self._pending[name] = pending
        while len(self._pending) > PENDING_KEPT:
            self._pending.popitem(last=False)
        at = f"{origin(request)}/fal-cdn/signed/{name}?signature={pending.signature}"
        return json_answer({"upload_url": at, "file_url": f"{origin(request)}{FILES}{name}"})

    async def put(self, request: Request, effect: PictureEffect | None) -> Response:
        del effect
        name = request.path_params["name"]
        pending = self._pending.get(name)
        if pending is None or request.query_params.get("signature") != pending.signature:
            return Response("SignatureDoesNotMatch", 403, media_type="text/plain")
        if request.headers.get("content-type") != pending.content_type:
            return Response("SignatureDoesNotMatch", 403, media_type="text/plain")
        self._names[name] = self._uploads.keep(await request.body(), pending.content_type, pending.filename).name
        del self._pending[name]
        return Response()

    async def token(self, request: Request, effect: PictureEffect | None) -> Response:
        del effect
        if request.query_params.get("storage_type") != "fal-cdn-v3":
            return model_failure(422, "literal_error", "Unknown storage type", ["query", "storage_type"]).answer()
        expires = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        at = f"{origin(request)}/fal-cdn"
        return json_answer({"token": self._token, "token_type": "Bearer", "base_url": at, "expires_at": expires})

    async def upload(self, request: Request, effect: PictureEffect | None) -> Response:
        del effect
        if request.headers.get("authorization") != f"Bearer {self._token}":
            return json_answer({"detail": "invalid token"}, 401)
        content = await request.body()
        if len(content) > MOST_BYTES:
            return json_answer({"detail": "the file is too large for one request"}, 413)
        kind = request.headers.get("content-type", "application/octet-stream")
        file = self._uploads.keep(content, kind, request.headers.get("x-fal-file-name", "upload.bin"))
        return json_answer({"access_url": f"{origin(request)}{FILES}{file.name}"})

    async def file(self, request: Request, effect: PictureEffect | None) -> Response:
        del effect
        file = self._file(request.path_params["name"])
        if file is None:
            return Response("Not Found", 404, media_type="text/plain")
        return Response(file.content, media_type=file.content_type)


def _object(raw: bytes) -> dict[str, Any]:
    try:
        body: object = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    return cast("dict[str, Any]", body) if isinstance(body, dict) else {}
