"""Pictures that callers send are bounded in what they take together; a sender that stops is not waited for."""

import json

from gateway.flow.room import FREE_BYTES
from simulators.running import Simulators
from tests.gateway.conftest import Start
from tests.gateway.nothing_spent import assert_nothing_spent, error_of
from tests.gateway.photos import data_uri, photo
from tests.gateway.running import FOX, RunningGateway
from tests.gateway.until import until
from tests.gateway.wire import Wire, head_of

MEGABYTE = 1024 * 1024
EDIT = {"model": "qwen-image-edit", "prompt": "a red hat"}
LARGE = json.dumps({**EDIT, "image": "A" * (MEGABYTE * 3 // 4)}).encode()


def held(gateway: RunningGateway) -> int:
    assert gateway.app.deps is not None
    return gateway.app.deps.room.held


def test_large_bodies_wait_elsewhere_while_others_are_coming_in(start: Start, simulators: Simulators) -> None:
    gateway = start(server={"max_held_mb": 1})
    with Wire(gateway.url) as slow:
        slow.send(head_of("/v1/images/edits", f"content-length: {len(LARGE)}") + LARGE[:-1])
        until(lambda: held(gateway) == len(LARGE) - 1 - FREE_BYTES)
        for route in ("edits", "variations", "generations", "plan", "edits?dryRun=true"):
            refused = gateway.http.post(f"/v1/images/{route}", content=LARGE)
            assert "1 MiB" in error_of(refused, 503, "overloaded")
            assert refused.headers["retry-after"] == "1"
        assert gateway.http.post("/v1/images/plan", json={**EDIT, "image": data_uri(photo())}).status_code == 200
        slow.send(LARGE[-1:])
        status, told = slow.answer()
        assert (status, told["error"]["param"]) == (400, "image")
    assert held(gateway) == 0
    error_of(gateway.http.post("/v1/images/edits", content=LARGE), 400, "invalid_value", "image")
    assert_nothing_spent(gateway, simulators)


def test_a_body_that_is_alone_is_read_however_large(start: Start) -> None:
    gateway = start(server={"max_held_mb": 1})
    padded = json.dumps({**FOX, "style": "x"}).encode() + b" " * (3 * MEGABYTE)
    assert gateway.http.post("/v1/images/plan", content=padded).status_code == 200
    assert held(gateway) == 0


def test_a_body_that_stops_is_given_up_at_the_deadline(start: Start, simulators: Simulators) -> None:
    gateway = start(server={"deadline": 1})
    with Wire(gateway.url) as slow:
        slow.send(head_of("/v1/images/edits", f"content-length: {len(LARGE)}") + LARGE[:-1])
        status, told = slow.answer()
        assert (status, told["error"]["code"], told["error"]["param"]) == (400, "invalid_value", "body")
    assert held(gateway) == 0
    assert simulators.calls() == []
