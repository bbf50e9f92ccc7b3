"""fal's storage: a picture sent ahead, whose URL then stands in an input.

An upload is initiated with our key, and its signed address takes the file without one (@fal-ai/client and fal-client
1.0.3, storage, read 2026-11-21).
"""

import time

from providers.base import Json
from providers.errors import ProviderError, unpaid
from providers.fal.explain import explain
from providers.guard import Guard
from providers.http import Http
from providers.http_answer import HttpAnswer

EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/gif": "gif", "image/avif": "avif"}
KEEP = '{"expiration_duration_seconds":86400}'  # a job may wait long; the caller's picture need not stay for ever
MAX_URL = 8192  # characters


class Storage:
    """`http` carries our key to fal's REST address; `guard` sends the file to wherever fal points, and no key."""

    def __init__(self, http: Http, guard: Guard) -> None:
        self.http = http
        self.guard = guard

    async def keep(self, content: bytes, content_type: str) -> str:
        """The URL under which fal's models find the picture. Raises ProviderError; nothing is paid by it."""
        until = time.monotonic() + self.http.timeout
        try:
            upload_url, file_url = await self._initiate(content_type)
            await self.guard.put(upload_url, content, content_type, deadline=until)
        except ProviderError as error:
            error.provider = self.http.provider
            raise unpaid(error) from error.__cause__
        return file_url

    async def _initiate(self, content_type: str) -> tuple[str, str]:
        body = {"file_name": f"picture.{EXTENSIONS.get(content_type, 'bin')}", "content_type": content_type}
        answer = await self.http.post(
            "/storage/upload/initiate?storage_type=fal-cdn-v3",
            json=body,
            headers={"x-fal-object-lifecycle-preference": KEEP},
        )
        if answer.status >= 300:
            raise explain(answer, None, "submission")
        reply = answer.json_object()
        return _url(reply, "upload_url", answer), _url(reply, "file_url", answer)

    async def close(self) -> None:
        await self.http.close()
        await self.guard.close()


def _url(reply: Json, name: str, answer: HttpAnswer) -> str:
    url = reply.get(name)
    if not isinstance(url, str) or not url.startswith(("https://", "http://")) or len(url) > MAX_URL:
        raise answer.broken(f"fal's storage answered without {name}")
    return url
