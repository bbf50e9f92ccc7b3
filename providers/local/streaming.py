"""How a worker is asked to tell what it is doing (`workers/stream.py`)."""

from providers.base import Call, Json

SILENCE_SECONDS = 60.0  # a worker sends a comment where it has had nothing to tell for 15


def as_stream(body: Json, call: Call) -> Json:
    """The body of a request whose every step is told, with the previews that somebody waits for."""
    return {**body, "stream": True, "partial_images": call.partial_images}
