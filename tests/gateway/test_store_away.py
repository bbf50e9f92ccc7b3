"""A full or lost disk: what was paid is not thrown away."""

import base64
from pathlib import Path

import pytest

from simulators.running import Simulators
from tests.gateway.conftest import Start
from tests.gateway.drawn import asked, served
from tests.gateway.running import RunningGateway


@pytest.fixture
def without_store(start: Start) -> RunningGateway:
    gateway = start()
    images = images_of(gateway)
    images.rename(images.with_name("gone"))
    images.write_bytes(b"a file where the folder was")
    return gateway


def images_of(gateway: RunningGateway) -> Path:
    return gateway.app.settings.server.data_dir / "images"


@pytest.mark.parametrize("response_format", ["url", "b64_json", "both"])
def test_a_picture_that_cannot_be_stored_is_answered_as_base64(
    without_store: RunningGateway, simulators: Simulators, response_format: str
) -> None:
    body = served(without_store.generate(asked(n=2, seed=1, response_format=response_format)))
    assert [base64.b64decode(image["b64_json"])[:4] for image in body["data"]] == [b"\x89PNG"] * 2
    assert [image.get("url") for image in body["data"]] == [None, None]
    assert simulators.paid("fal") == 2


def test_once_there_is_room_again_it_is_kept(without_store: RunningGateway, simulators: Simulators) -> None:
    large = asked(seed=1, size="1024x1024")  # too large for a record of its own
    served(without_store.generate(large))
    images = images_of(without_store)
    images.unlink()
    images.with_name("gone").rename(images)
    answers = [without_store.generate(large) for _each in range(2)]
    assert all(served(answer)["data"][0]["url"] for answer in answers)
    assert answers[1].headers["x-easel-cache"] == "hit"
