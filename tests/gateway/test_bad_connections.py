"""Bodies over the limit, broken off, sent in pieces or one behind the other: HTTP/1.1 by hand."""

import json

import pytest

from simulators.running import Simulators
from tests.gateway.conftest import Start
from tests.gateway.counted import counted
from tests.gateway.nothing_spent import assert_nothing_spent
from tests.gateway.running import FOX, RunningGateway
from tests.gateway.wire import Wire, head_of

BODY = json.dumps(FOX).encode()
MEGABYTE = 1024 * 1024
TOO_LARGE = {
    "message": "the body is larger than 1 MiB",
    "type": "invalid_request_error",
    "param": None,
    "code": "request_too_large",
}


def chunked(content: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(content), content)


@pytest.fixture
def small(start: Start) -> RunningGateway:
    """A gateway that takes bodies of one megabyte."""
    return start(server={"max_body_mb": 1})


def test_a_length_over_the_limit_is_refused_before_the_body_comes(
    small: RunningGateway, simulators: Simulators
) -> None:
    with Wire(small.url) as wire:
        wire.send(head_of("/v1/images/generations", f"content-length: {MEGABYTE + 1}"))
        assert wire.answer() == (413, {"error": TOO_LARGE})
    assert_nothing_spent(small, simulators)


def test_a_body_over_the_limit_is_refused_whole_and_in_chunks(small: RunningGateway, simulators: Simulators) -> None:
    padded = json.dumps({**FOX, "user": "x" * MEGABYTE}).encode()
    assert small.http.post("/v1/images/generations", content=padded).json() == {"error": TOO_LARGE}
    pieces = iter([padded[:1000], padded[1000:]])
    assert small.http.post("/v1/images/generations", content=pieces).json() == {"error": TOO_LARGE}
    with Wire(small.url) as wire:
        wire.send(head_of("/v1/images/generations", "transfer-encoding: chunked"))
        for _kilobytes_64 in range(17):
            wire.send(chunked(b" " * 65536))
        assert wire.answer() == (413, {"error": TOO_LARGE})  # and the body has not ended yet
    assert_nothing_spent(small, simulators)


def test_a_body_of_exactly_the_limit_is_served(small: RunningGateway) -> None:
    padded = BODY + b" " * (MEGABYTE - len(BODY))
    assert small.http.post("/v1/images/plan", content=padded).status_code == 200
    assert small.http.post("/v1/images/plan", content=padded + b" ").status_code == 413


def test_a_body_in_single_bytes_is_served(easel: RunningGateway) -> None:
    answer = easel.http.post("/v1/images/plan", content=(BODY[place : place + 1] for place in range(len(BODY))))
    assert answer.status_code == 200


@pytest.mark.parametrize("sent", [BODY, BODY[:20], b""], ids=["parses all the same", "cut", "nothing"])
def test_a_body_that_breaks_off_is_not_served(easel: RunningGateway, simulators: Simulators, sent: bytes) -> None:
    before = counted(easel, "easel_requests_total", code="invalid_json")
    with Wire(easel.url) as wire:
        wire.send(head_of("/v1/images/generations", f"content-length: {len(BODY) + 10}") + sent)
        wire.end_of_sending()
        assert b" 200 " not in wire.all_until_closed()
    while counted(easel, "easel_requests_in_flight") > 1:  # the one is the question itself
        pass
    assert counted(easel, "easel_requests_total", code="invalid_json") == before + 1
    assert_nothing_spent(easel, simulators)


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nhost easel\r\n\r\n",
        head_of("/v1/images/generations", "content-length: -5"),
        head_of("/v1/images/generations", "content-length: 5", "content-length: 50"),
        head_of("/v1/images/generations", "transfer-encoding: chunked") + b"zz\r\n",
    ],
    ids=["TLS", "no target", "no colon", "negative length", "two lengths", "chunk of zz"],
)
def test_what_is_no_http_ends_the_connection_only(easel: RunningGateway, simulators: Simulators, sent: bytes) -> None:
    with Wire(easel.url) as wire:
        wire.send(sent)
        wire.end_of_sending()
        assert b" 200 " not in wire.all_until_closed()
    assert_nothing_spent(easel, simulators)


def test_requests_one_behind_the_other_are_answered_in_order(easel: RunningGateway) -> None:
    bad = json.dumps({**FOX, "n": 0}).encode()
    with Wire(easel.url) as wire:
        wire.send(
            head_of("/v1/images/plan", f"content-length: {len(BODY)}")
            + BODY
            + head_of("/v1/images/plan", f"content-length: {len(bad)}")
            + bad
            + head_of("/v1/models/qwen-image", method="GET")
        )
        first, second, third = wire.answer(), wire.answer(), wire.answer()
    assert (first[0], first[1]["object"]) == (200, "image.plan")
    assert (second[0], second[1]["error"]["param"]) == (400, "n")
    assert (third[0], third[1]["id"]) == (200, "qwen-image")


def test_after_an_error_the_connection_still_serves(easel: RunningGateway) -> None:
    with Wire(easel.url) as wire:
        wire.send(head_of("/v1/images/generations", "content-length: 1") + b"{")
        assert wire.answer()[0] == 400
        wire.send(head_of("/healthz", method="GET"))
        assert wire.answer() == (200, {"status": "ok"})
