"""Replicate's files: a picture sent ahead, whose URL then stands in an input (its OpenAPI 1.0.0-a1, read 2026-11-21).

A file is gone after 24 hours; data URIs are advised up to 256 kB only.
"""

from typing import Any, cast

from providers.base import Json, Part
from providers.errors import ProviderError, unpaid
from providers.http import Http
from providers.multipart import encode
from providers.replicate.explain import explain

EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/gif": "gif", "image/avif": "avif"}


async def keep(http: Http, content: bytes, content_type: str) -> str:
    """The URL of the file, which Replicate's models may read. Raises ProviderError; nothing is paid by it."""
    name = f"picture.{EXTENSIONS.get(content_type, 'bin')}"
    form = encode({"content": Part(content, content_type, name)})
    try:
        answer = await http.post_content("/files", content=form.body, content_type=form.content_type)
        if answer.status >= 300:
            raise explain(answer, None, "submission")
        return http.follow(_address(answer.json_object()))
    except ProviderError as error:
        raise unpaid(error) from error.__cause__


def _address(file: Json) -> str:
    """`urls.get`; where that is missing, something that cannot be followed."""
    urls: object = file.get("urls")
    return str(cast("dict[str, Any]", urls).get("get")) if isinstance(urls, dict) else ""
