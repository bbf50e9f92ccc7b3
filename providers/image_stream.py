"""OpenAI's stream of pictures being drawn, as read by every adapter whose provider speaks it.

`image_generation.partial_image` and `.completed`, `image_edit.…` likewise, and an `error` (OpenAI API reference, Image
streaming, read 2026-11-21). Our own workers tell `….progress` too, and in `image_index` which of several pictures an
event is about; OpenAI streams one picture only.
"""

from collections.abc import Callable
from typing import cast

import orjson
import pybase64

from providers import data_uri, pictures_in_json
from providers.base import Answer, Call, Json, Partial, Progress, Ready, Watch
from providers.errors import Kind, ProviderError
from providers.event_stream import Event
from providers.http_answer import HttpAnswer
from providers.openai_images import Complaint, answer_in, read_error

Explain = Callable[[HttpAnswer, Call], ProviderError]

_EVENTS = frozenset({"image_generation", "image_edit"})
_FORMATS = frozenset({"png", "jpeg", "webp"})
_MOST_STEPS = 1_000_000

# An error in a stream comes without a status: the one that its code or type has elsewhere. OpenAI's types (API
# reference, error codes, read 2026-11-21), our worker's code.
_STATUS: dict[str, int] = {
    "job_cancelled": 499,
    "invalid_request_error": 400,
    "image_generation_user_error": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "rate_limit_error": 429,
    "service_unavailable_error": 503,
}


class ImageStream:
    """Hears the events of one call: `watch` is told of previews and steps, the finished pictures are kept.

    What cannot be read is passed over, so that a garbled preview does not lose a picture that is paid; only where none
    is finished in the end does it count. Steps are those of the whole call, one picture after the other.
    """

    def __init__(self, call: Call, watch: Watch, explain: Explain) -> None:
        self.call = call
        self.watch = watch
        self.explain = explain
        self._finished: dict[int, Json] = {}
        self._garbled = False

    def told(self, event: Event) -> bool:
        """Whether every picture of the call is here; raises what `explain` makes of an error."""
        body = _read(event)
        if body is None:
            self._garbled |= not event.data.startswith(b"[DONE]")  # some end like a chat
            body = {}
        kind = str(body.get("type") or event.name)
        if "error" in (event.name, kind) or body.get("error"):
            raise self._error(event)
        about, _, what = kind.rpartition(".")
        if about in _EVENTS:
            self._take(what, body)
        return len(self._finished) == self.call.images

    def answer(self, base_url: str) -> Answer:
        """What the plain route would have answered. Raises LOST where the stream ended before the pictures did."""
        if len(self._finished) < self.call.images:
            if self._garbled:
                raise ProviderError(Kind.BROKEN, "the provider's stream holds what cannot be read instead of a picture")
            raise ProviderError(Kind.LOST, "the provider's stream ended before its picture came")
        events = [self._finished[place] for place in sorted(self._finished)]
        answer = answer_in({**events[-1], "data": events}, base_url)
        if answer is None:
            raise ProviderError(Kind.BROKEN, "the provider's stream ended without a picture")
        return answer

    def _take(self, what: str, body: Json) -> None:
        place = _count(body.get("image_index", len(self._finished)), self.call.images - 1)
        if place is None:
            self._garbled = True
        elif what == "completed":
            self._finished[place] = body
            self._tell_ready(body, place)
        elif what == "partial_image" and (partial := self._partial(body, place)) is not None:
            self.watch(partial)
        elif what == "progress" and (progress := self._progress(body, place)) is not None:
            self.watch(progress)

    def _tell_ready(self, body: Json, place: int) -> None:
        """Unless it is the last one: the answer comes at once then."""
        if len(self._finished) == self.call.images or not body.get("b64_json"):
            return
        answer = answer_in({**body, "data": [body]}, "")
        if answer is not None:
            self.watch(Ready(answer.images[0], place))

    def _partial(self, body: Json, place: int) -> Partial | None:
        """None for one that was not asked for, or is no base64: it goes on to a browser as it is."""
        number = _count(body.get("partial_image_index"), self.call.partial_images - 1)
        try:
            base64 = data_uri.from_base64(body.get("b64_json")).base64
            if number is None or base64 is None:
                return None
            pybase64.b64decode(base64, validate=True)
        except ValueError:
            return None
        said = body.get("output_format")
        return Partial(base64, said if said in _FORMATS else "png", place, number)

    def _progress(self, body: Json, place: int) -> Progress | None:
        steps = _count(body.get("steps"), _MOST_STEPS)
        step = _count(body.get("step"), steps or 0)
        if not steps or step is None:
            return None
        return Progress(step=place * steps + step, steps=self.call.images * steps, place=place)

    def _error(self, event: Event) -> ProviderError:
        content = bytes(event.data)
        complaint = read_error(HttpAnswer(200, {}, content))
        return self.explain(HttpAnswer(_status(complaint), {}, content), self.call)


def _read(event: Event) -> Json | None:
    try:
        body: object = pictures_in_json.loads(event.data)
    except orjson.JSONDecodeError:
        return None
    return cast(Json, body) if isinstance(body, dict) else None


def _count(value: object, most: int) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most else None


def _status(complaint: Complaint | None) -> int:
    """Of an error that says no more than that it is one, 500; a code that is a status is that one."""
    words = (complaint.code, complaint.kind) if complaint is not None else ()
    for word in words:
        if word in _STATUS:
            return _STATUS[word]
        if len(word) == 3 and word.isdecimal() and word[0] in "45":
            return int(word)
    return 500
