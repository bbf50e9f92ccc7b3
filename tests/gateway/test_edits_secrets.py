"""Whatever fails around an edit: no prompt, key or picture is told in an error, logged, or counted under."""

import random
from collections.abc import Iterator
from typing import Any, NamedTuple

import pybase64
import pytest
from PIL import Image
from structlog.testing import capture_logs

from gateway.logs import without_details
from simulators.running import Simulators
from simulators.server import PROVIDERS
from tests.gateway.photos import data_uri, encoded, mask, photo
from tests.gateway.running import ADMIN_KEY, RunningGateway

PROMPT = "sesame, a prompt that nobody else may read"
NOISE = random.Random(7).randbytes(3 * 200 * 200)  # noqa: S311 - test data
LARGE = encoded(Image.frombytes("RGB", (200, 200), NOISE), "PNG")  # larger than the prompts that are searched for
EDITORS = ["fal", "replicate", "runware", "civitai", "alibaba", "oxen", "lumenfall"]
WINDOW = 24  # characters of a picture's base64


class Secret(NamedTuple):
    """A picture as text, of which no run of `WINDOW` characters may be seen but what every png begins with."""

    text: str

    def is_in(self, told: str) -> bool:
        parts = (self.text[at : at + WINDOW] for at in range(64, len(self.text) - WINDOW, WINDOW))
        return any(part in told for part in parts)


PICTURES = [Secret(pybase64.b64encode(content).decode()) for content in (photo(), LARGE, mask())]


@pytest.fixture(autouse=True)
def nothing_is_told(
    all_providers: RunningGateway, simulators: Simulators, caplog: pytest.LogCaptureFixture
) -> Iterator[None]:
    """Neither in the log nor in the metrics, once the test is over."""
    with capture_logs() as lines:
        yield
    logged = [without_details(None, "", line) for line in lines]
    assert any(line["event"] == "request" for line in logged)
    assert_no_secret(f"{logged} {caplog.text} {all_providers.http.get('/metrics').text}", simulators)


def assert_no_secret(text: str, simulators: Simulators) -> None:
    keys = [ADMIN_KEY, *(address["key"] for address in simulators.addresses.values())]
    assert [key for key in keys if key in text] == []
    assert "sesame" not in text
    assert not any(picture.is_in(text) for picture in PICTURES), text[:3000]


def echoing(picture: bytes, key: str) -> dict[str, Any]:
    """An error in every provider's form that repeats all that it was sent."""
    said = f"Cannot read {data_uri(picture)} ({pybase64.b64encode(picture).decode()}) of {key} for {PROMPT}"
    item = {
        "loc": ["body", "image_url"],
        "msg": said,
        "message": said,
        "type": "value_error",
        "code": "x",
        "input": said,
    }
    return {
        "detail": [item],
        "error": item,
        "errors": [item],
        "message": said,
        "title": said,
        "code": "InvalidParameter",
    }


POINTS = [(slug, step) for slug in EDITORS for step in sorted(PROVIDERS[slug].steps & {"generate", "submit", "upload"})]


@pytest.mark.parametrize("content", [photo(), LARGE], ids=["small", "large"])
@pytest.mark.parametrize(("slug", "step"), POINTS)
def test_a_provider_that_repeats_what_it_was_sent(
    slug: str, step: Any, content: bytes, all_providers: RunningGateway, simulators: Simulators
) -> None:
    body = {"model": f"{slug}/qwen-image-edit", "prompt": PROMPT, "image": data_uri(content)}
    for status in (422, 500):
        repeated = echoing(content, simulators.addresses[slug]["key"])
        fault = {"provider": slug, "on": step, "effect": "status", "status": status, "body": repeated, "times": 1}
        simulators.set_faults([fault])
        answer = all_providers.forget_trouble().http.post("/v1/images/edits", json=body)
        assert_no_secret(answer.text if answer.status_code >= 400 else "", simulators)


BAD: list[dict[str, Any]] = [
    {"n": PROMPT},
    {"size": PROMPT},
    {"image": PROMPT},
    {"image": f"https://127.0.0.1/{PROMPT}?{ADMIN_KEY}"},
    {"image": f"data:image/png;base64,{PROMPT}"},
    {"image": [{"b64_json": PICTURES[0].text, "url": PROMPT}]},
    {"image": data_uri(photo()[:-20])},
    {"mask": PICTURES[0].text[:-4]},
    {"mask": data_uri(mask(10, 10))},
    {"scheduler": PICTURES[0].text[:90]},
    {"loras": [{"path": PICTURES[0].text}]},
    {"fal": PICTURES[0].text},
    {"fal": {"image_url": PICTURES[1].text[:-8]}},
    {"strength": data_uri(photo())},
    {"weird": [data_uri(LARGE)] * 9},
]


@pytest.mark.parametrize("fields", BAD, ids="-".join)
@pytest.mark.parametrize("route", ["edits", "variations", "generations", "plan"])
def test_a_request_that_is_wrong(route: str, fields: dict[str, Any], all_providers: RunningGateway) -> None:
    body = {"model": "fal/qwen-image-edit", "prompt": PROMPT, "image": PICTURES[0].text, **fields}
    as_json = all_providers.http.post(f"/v1/images/{route}", json=body)
    files = {"image": ("sesame.png", photo()), "mask": (f"{ADMIN_KEY}.png", photo()[:-30])}
    as_form = all_providers.http.post(f"/v1/images/{route}", data={"model": body["model"], "n": PROMPT}, files=files)
    assert as_form.status_code == (415 if route == "generations" else 400)
    for answer in (as_json, as_form):
        assert answer.status_code in (200, 400, 415)
        assert answer.status_code == 200 or len(answer.content) < 2000, "an error repeats no picture"
