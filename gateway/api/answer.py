"""What a request came to, as OpenAI's images response with our metadata.

Base64 is never copied into a JSON encoder: the answer is a list of buffers, of which the pictures are views.
"""

from collections.abc import Mapping, Sequence

import orjson

from gateway.flow.deliver import Delivered
from gateway.jobs.answers import KeptPicture, Told

Buffer = bytes | memoryview


def images_answer(told: Told, images: Sequence[Delivered]) -> list[Buffer]:
    """The body, in pieces to be sent one after the other."""
    pieces: list[Buffer] = [orjson.dumps(told.head)[:-1], b',"data":[']
    for place, (kept, image) in enumerate(zip(told.images, images, strict=True)):
        if place:
            pieces.append(b",")
        pieces.extend(image_pieces(kept, image))
    pieces.append(b"]}")
    return pieces


def image_pieces(kept: KeptPicture, image: Delivered) -> list[Buffer]:
    encoded = orjson.dumps(kept.fields if image.url is None else {**kept.fields, "url": image.url})
    if image.base64 is None:
        return [encoded]
    return [encoded[:-1] + b',"b64_json":"', image.base64, b'"}']


def as_headers(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
