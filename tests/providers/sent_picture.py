"""A picture that a caller sent, as an adapter gets it: in its wire form."""

import base64
import io

import httpx
from PIL import Image

from normalizers.offer import Offer
from normalizers.source import pictures_in, with_pictures
from providers.base import Call
from tests.normalizers.offers import planned, with_picture


def png(width: int, height: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(out, "PNG")
    return out.getvalue()


def data_uri(width: int, height: int) -> str:
    return "data:image/png;base64," + base64.b64encode(png(width, height)).decode()


def fetched(url: str | None) -> bytes:
    """What lies at an address on this machine."""
    return httpx.get(url or "").content


def plainest_call(offer: Offer) -> tuple[Call, tuple[int, int] | None]:
    """The plainest request to an offer, with its pictures as data URIs, and the size that its plan promises."""
    made = planned(with_picture(offer), offer, prompted=offer.rules["prompt"].works)
    [call] = made.calls()
    forms = {source: data_uri(*source.pixels) for source in pictures_in(call.payload)}
    payload = with_pictures(call.payload, forms)
    return Call("req_1.1", offer.upstream, offer.operation, payload, 1, "url"), made.pixels
