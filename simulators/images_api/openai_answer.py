"""OpenAI's answers: the body with its pictures and its usage, and the errors."""

import time
import uuid
from collections.abc import Sequence
from typing import Any

from starlette.responses import Response

from simulators.drawing import Picture
from simulators.front import json_answer
from simulators.images_api.openai_rules import USER_ERROR, Refusal
from simulators.images_api.pictures import base64_of

PARTIAL_TOKENS = 100  # OpenAI docs, Image generation, Partial images cost, read 2026-11-21
_TOKENS = {"low": 272, "medium": 1056, "high": 4160, "xhigh": 6240, "max": 8320}

ERRORS: dict[int, tuple[str, str | None, str]] = {
    400: ("invalid_request_error", "invalid_value", "Invalid request."),
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    403: ("invalid_request_error", None, "Your organization must be verified to use this model."),
    404: ("invalid_request_error", "model_not_found", "The model does not exist or you do not have access to it."),
    429: ("rate_limit_error", "rate_limit_exceeded", "Rate limit reached for images per minute."),
    500: ("server_error", None, "The server had an error while processing your request."),
    503: ("service_unavailable_error", "server_is_overloaded", "The server is currently overloaded."),
}


def answered(response: Response) -> Response:
    """Every answer names its request."""
    response.headers["x-request-id"] = f"req_{uuid.uuid4().hex}"
    response.headers["openai-version"] = "2020-10-01"
    return response


def error(status: int, kind: str, code: str | None, message: str, param: str | None = None) -> Response:
    told = {"message": message, "type": kind, "param": param, "code": code}
    return answered(json_answer({"error": told}, status))


def refused(wrong: Refusal) -> Response:
    return error(400, wrong.kind, wrong.code, wrong.message, wrong.param)


def usual_error(status: int) -> Response:
    kind, code, message = ERRORS.get(status, ("server_error", None, "Error."))
    return error(status, kind, code, message)


def no_such_model(model: object) -> Response:
    text = f"The model `{model}` does not exist or you do not have access to it."
    return error(404, "invalid_request_error", "model_not_found", text)


def moderated() -> Response:
    text = "Your request was rejected by the safety system. safety_violations=[violence]"
    return error(400, USER_ERROR, "moderation_blocked", text)


def describe(fields: dict[str, Any], size: tuple[int, int]) -> dict[str, str]:
    """What was settled where the caller said `auto`."""
    background, quality = fields.get("background", "auto"), fields.get("quality", "auto")
    return {
        "background": "opaque" if background == "auto" else background,
        "output_format": fields.get("output_format", "png"),
        "quality": "high" if quality == "auto" else quality,
        "size": f"{size[0]}x{size[1]}",
    }


def usage(prompt: str, described: dict[str, str], pictures: int, inputs: int, partials: int = 0) -> dict[str, Any]:
    """`partials` is how many previews were shown."""
    text, images = max(1, len(prompt) // 4), 323 * inputs
    output = _TOKENS[described["quality"]] * pictures + PARTIAL_TOKENS * partials
    return {
        "input_tokens": text + images,
        "input_tokens_details": {"text_tokens": text, "image_tokens": images},
        "output_tokens": output,
        "output_tokens_details": {"text_tokens": 0, "image_tokens": output},
        "total_tokens": text + images + output,
    }


async def body(pictures: Sequence[Picture], described: dict[str, str], used: dict[str, Any]) -> Response:
    data = [{"b64_json": await base64_of(picture)} for picture in pictures]
    return answered(json_answer({"created": int(time.time()), "data": data, "usage": used, **described}))
