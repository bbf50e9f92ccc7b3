"""OpenAI's images answer and its errors, as read by every adapter whose provider speaks them."""

import re
from dataclasses import dataclass, replace
from typing import cast

from providers import data_uri, pictures_in_json
from providers.base import Answer, Image, Json
from providers.http_answer import HttpAnswer

_PIXELS = re.compile(r"(\d{1,5})[xX×*](\d{1,5})")
_MEDIA_TYPES = {"png": "image/png", "jpeg": "image/jpeg", "jpg": "image/jpeg", "webp": "image/webp"}
_KEPT = ("usage", "metadata")  # of the answer, into `Answer.extra`


def read_answer(answer: HttpAnswer, base_url: str) -> Answer:
    """The pictures of a 200; a relative URL is joined to `base_url`. Raises BROKEN where there is no picture."""
    read = answer_in(answer.json_object(pictures_in_json.loads), base_url)
    if read is None:
        raise answer.broken("the provider answered without a picture")
    return read


def answer_in(body: Json, base_url: str) -> Answer | None:
    """What the body of an answer says; None where it holds no picture, or one that is none."""
    items = body.get("data")
    found = cast(list[object], items) if isinstance(items, list) else []
    try:
        images = tuple(_image(cast(Json, item), body, base_url) for item in found if isinstance(item, dict))
    except ValueError:
        return None
    return Answer(images, extra={key: body[key] for key in _KEPT if body.get(key) is not None}) if images else None


def _image(item: Json, body: Json, base_url: str) -> Image:
    encoded = item.get("b64_json")
    image = data_uri.from_base64(encoded) if encoded else data_uri.from_url(item.get("url"), base_url)
    said = item.get("content_type") or item.get("mime_type") or _MEDIA_TYPES.get(str(body.get("output_format")))
    width, height = _pixels(item, body)
    revised, seed = item.get("revised_prompt"), item.get("seed")
    return replace(
        image,
        content_type=image.content_type or (said if isinstance(said, str) else None),
        width=width,
        height=height,
        seed=seed if isinstance(seed, int) else None,
        revised_prompt=revised if isinstance(revised, str) else None,
    )


def _pixels(item: Json, body: Json) -> tuple[int | None, int | None]:
    width, height = item.get("width"), item.get("height")
    if isinstance(width, int) and isinstance(height, int):
        return width, height
    return read_pixels(item.get("size") or body.get("size")) or (None, None)


def read_pixels(size: object) -> tuple[int, int] | None:
    """`1024x768` as (1024, 768); None for `auto` and all else."""
    found = _PIXELS.fullmatch(size) if isinstance(size, str) else None
    return (int(found[1]), int(found[2])) if found else None


@dataclass(frozen=True, slots=True)
class Complaint:
    """A provider's error in its own words: `code` and `kind` (OpenAI's `type`) in lower case, `""` where absent."""

    code: str = ""
    kind: str = ""
    param: str | None = None
    message: str = ""


def read_error(answer: HttpAnswer) -> Complaint | None:
    """The error in any of the shapes that OpenAI-like servers use; None where the body is none of them.

    `{"error": {message, type, param, code}}`, `{"error": "…"}`, `{"error": "…", "message": "…"}`,
    `{"detail": "…"}`, `{"detail": [{loc, msg, type}]}` and vLLM's flat `{"object": "error", message, type, code}`.
    """
    body = answer.error_object()
    error, detail = body.get("error"), body.get("detail")
    if isinstance(error, dict):
        return _complaint(cast(Json, error))
    if isinstance(error, str):
        message = body.get("message")
        return Complaint(code=error.lower(), message=message) if isinstance(message, str) else Complaint(message=error)
    if isinstance(detail, str):
        return Complaint(message=detail)
    if isinstance(detail, list):
        return _first_invalid(cast(list[object], detail))
    return _complaint(body) if isinstance(body.get("message"), str) else None


def _complaint(error: Json) -> Complaint:
    param = error.get("param")
    return Complaint(
        code=str(error.get("code") or "").lower(),
        kind=str(error.get("type") or "").lower(),
        param=param if isinstance(param, str) and param else None,
        message=str(error.get("message") or ""),
    )


def _first_invalid(details: list[object]) -> Complaint:
    """FastAPI's list: `loc` is `["body", "size"]`, of which the last word is the field."""
    for detail in details:
        if isinstance(detail, dict):
            entry = cast(Json, detail)
            loc = entry.get("loc")
            names = [part for part in cast(list[object], loc) if isinstance(part, str)] if isinstance(loc, list) else []
            return Complaint(
                kind=str(entry.get("type") or "").lower(),
                param=names[-1] if names and names[-1] != "body" else None,
                message=str(entry.get("msg") or ""),
            )
    return Complaint()
