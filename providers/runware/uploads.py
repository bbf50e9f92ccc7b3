"""Pictures that are kept at Runware for tasks to name (Runware docs, Image Upload, read 2026-11-21)."""

import asyncio
import uuid

from pybase64 import b64encode_as_string

from providers.errors import ProviderError, unpaid
from providers.http import Http
from providers.runware.explain import refusal
from providers.runware.reply import complaints, results

ON_LOOP_BYTES = 4 * 1024 * 1024  # encoded in about a millisecond


async def upload(http: Http, content: bytes, content_type: str) -> str:
    """The UUID of the picture there, which lives for 30 days after its last use. Raises ProviderError."""
    large = len(content) > ON_LOOP_BYTES
    encoded = await asyncio.to_thread(b64encode_as_string, content) if large else b64encode_as_string(content)
    uri = f"data:{content_type};base64,{encoded}"
    task = {"taskType": "imageUpload", "taskUUID": str(uuid.uuid4()), "image": uri}
    try:
        return await _uploaded(http, task)
    except ProviderError as error:
        raise unpaid(error) from error.__cause__


async def _uploaded(http: Http, task: dict[str, str]) -> str:
    answer = await http.post(http.base_url, json=[task])
    body = answer.error_object()
    found = complaints(body)
    if answer.status >= 300 or found:
        raise refusal(answer, found, None)
    told: list[object] = [item.get("imageUUID") for item in results(body) if item.get("taskUUID") == task["taskUUID"]]
    for name in told:
        if isinstance(name, str) and _is_uuid(name):
            return name
    raise answer.broken("Runware took the picture without saying its id")


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
