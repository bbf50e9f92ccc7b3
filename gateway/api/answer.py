"""What a request came to, as OpenAI's images response with our metadata.

Base64 is never copied into a JSON encoder: the answer is a list of buffers, of which the pictures are views.
"""

import time
from typing import Any

import orjson

from gateway.flow.deliver import Delivered
from gateway.flow.deps import Deps
from gateway.flow.pipeline import Served
from gateway.flow.truth import rows_of
from gateway.rows.plans import in_dollars, rows
from normalizers.price import as_dollars

Buffer = bytes | memoryview


def images_answer(served: Served, at: Deps) -> list[Buffer]:
    """The body, in pieces to be sent one after the other."""
    first = served.images[0].picture
    head: dict[str, Any] = {"created": int(time.time()), "output_format": first.format}
    if first.width and first.height:
        head["size"] = f"{first.width}x{first.height}"
    if served.drawn.usage:
        head["usage"] = served.drawn.usage
    head["metadata"] = metadata(served, at)
    pieces: list[Buffer] = [orjson.dumps(head)[:-1], b',"data":[']
    for place, image in enumerate(served.images):
        if place:
            pieces.append(b",")
        pieces.extend(image_pieces(image))
    pieces.append(b"]}")
    return pieces


def image_pieces(image: Delivered) -> list[Buffer]:
    picture = image.picture
    item: dict[str, Any] = {
        "seed": picture.seed,
        "width": picture.width,
        "height": picture.height,
        "content_type": picture.content_type,
        "provider": picture.provider,
        "cache": picture.cache,
    }
    if not picture.measured:
        item["measured"] = False
    if image.url is not None:
        item["url"] = image.url
    if picture.revised_prompt is not None:
        item["revised_prompt"] = picture.revised_prompt
    encoded = orjson.dumps(item)
    if image.base64 is None:
        return [encoded]
    return [encoded[:-1] + b',"b64_json":"', image.base64, b'"}']


def metadata(served: Served, at: Deps) -> dict[str, Any]:
    plan, drawn = served.plan, served.drawn
    return {
        "request_id": served.order.id,
        "model": served.order.found.entry.facts.id,
        "executed_model": plan.offer.id,
        "provider": plan.offer.provider,
        "provider_name": at.titles[plan.offer.provider],
        "cost": in_dollars(drawn.cost),
        "cost_currency": "USD",
        "cost_basis": drawn.cost_basis,
        "cache": served.cache,
        "attempts": [attempt.row() for attempt in drawn.attempts],
        "defaults": rows(plan.defaults),
        "parameters": rows(drawn.decisions),
        "differences": rows_of(drawn),
    }


def answer_headers(served: Served) -> list[tuple[bytes, bytes]]:
    """The `X-Easel-*` headers."""
    plan = served.plan
    headers = [
        (b"x-easel-provider", plan.offer.provider.encode()),
        (b"x-easel-model", served.order.found.entry.facts.id.encode()),
        (b"x-easel-cache", served.cache.encode()),
    ]
    if served.drawn.cost is not None:
        headers.append((b"x-easel-cost", as_dollars(served.drawn.cost).encode()))
    return headers
