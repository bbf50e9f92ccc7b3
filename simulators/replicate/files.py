"""Replicate's files: uploaded ahead, and then named by their URL in an input.

Source: Replicate's OpenAPI 1.0.0-a1 (files.create and its like), read 2026-11-21. Who may fetch `urls.get` is not said
there: here the models may, and whoever has the token.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from urllib.parse import urlsplit

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulators.faults import PictureEffect
from simulators.front import Front, json_answer, origin
from simulators.inputs import NotLoaded
from simulators.multipart import form_of, is_form
from simulators.replicate.errors import Invalid, problem, refused
from simulators.uploads import UploadedFile, Uploads

PATH = "/replicate/v1/files"
KEEP_SECONDS = 86_400.0
MOST_BYTES = 100 * 1024 * 1024
LONGEST_NAME = 255  # bytes


class Files:
    """What the routes do, and the files."""

    def __init__(self) -> None:
        self._uploads = Uploads(KEEP_SECONDS)

    def routes(self, front: Front) -> list[Route]:
        one = PATH + "/{file_id}"
        return [
            front.route(PATH, ["POST"], "upload", self.create),
            front.route(PATH, ["GET"], None, self.listed),
            front.route(one, ["GET"], None, self.get),
            front.route(one, ["DELETE"], None, self.delete),
        ]

    def content_at(self, url: str) -> bytes | None:
        """What the file of that URL holds; None for a URL of somewhere else. Raises NotLoaded."""
        path = urlsplit(url).path
        if not path.startswith(PATH + "/"):
            return None
        file = self._uploads.find(path.removeprefix(PATH + "/"))
        if file is None:
            raise NotLoaded
        return file.content

    async def create(self, request: Request, effect: PictureEffect | None) -> Response:
        del effect
        form = form_of(request, await request.body()) if is_form(request) else None
        [upload] = (form.files.get("content", []) if form else [])[:1] or [None]
        if form is None or upload is None:
            return refused([Invalid("required", "", "content is required")])
        if len(upload.content) > MOST_BYTES:
            return problem(413)
        named = form.fields.get("filename", [upload.filename])[0]
        kind = form.fields.get("type", [upload.content_type])[0]
        metadata = _object(form.fields.get("metadata", ["{}"])[0])
        if len(named.encode()) > LONGEST_NAME or metadata is None:
            field = "filename" if metadata is not None else "metadata"
            return refused([Invalid("format", field, "Does not match the schema")])
        file = self._uploads.keep(upload.content, kind, named)
        return json_answer(_told(file, request, metadata), 201)

    async def listed(self, request: Request, effect: PictureEffect | None) -> Response:
        del effect
        results = [_told(file, request) for file in self._uploads.newest_first()[:100]]
        return json_answer({"previous": None, "next": None, "results": results})

    async def get(self, request: Request, effect: PictureEffect | None) -> Response:
        del effect
        file = self._uploads.find(request.path_params["file_id"])
        return json_answer(_told(file, request)) if file else problem(404)

    async def delete(self, request: Request, effect: PictureEffect | None) -> Response:
        del effect
        return Response(status_code=204) if self._uploads.remove(request.path_params["file_id"]) else problem(404)


def _told(file: UploadedFile, request: Request, metadata: dict[str, Any] | None = None) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "id": file.name,
        "name": file.filename,
        "content_type": file.content_type,
        "size": len(file.content),
        "etag": hashlib.md5(file.content, usedforsecurity=False).hexdigest(),
        "checksums": {
            "sha256": hashlib.sha256(file.content).hexdigest(),
            "md5": hashlib.md5(file.content, usedforsecurity=False).hexdigest(),
        },
        "metadata": metadata or {},
        "created_at": _stamp(now),
        "expires_at": _stamp(now + timedelta(seconds=KEEP_SECONDS)),
        "urls": {"get": f"{origin(request)}{PATH}/{file.name}"},
    }


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _object(text: str) -> dict[str, Any] | None:
    try:
        read: object = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return cast("dict[str, Any]", read) if isinstance(read, dict) else None
