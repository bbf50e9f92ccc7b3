"""A request's whole way, over real sockets."""

import httpx

from gateway.flow.picture_header import sniff
from simulators.running import Simulators
from tests.gateway.running import RunningGateway


def test_a_picture_comes_back_as_a_signed_url(gateway: RunningGateway, simulators: Simulators) -> None:
    answer = gateway.generate(size="16:9", n=2)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert len(body["data"]) == 2
    picture = httpx.get(body["data"][0]["url"])
    header = sniff(picture.content)
    assert header is not None
    assert (header.width, header.height) == (1365, 768)
    assert body["metadata"]["provider"] == "fal"
    sent = simulators.calls("fal", "submit")
    assert [call["body"]["image_size"] for call in sent] == [{"width": 1365, "height": 768}]
    assert sent[0]["body"]["num_images"] == 2
