"""Replicate's webhooks: what is signed with our account's secret, just now, is believed to be a hint; nothing else is.

The signature: Replicate docs, Verify webhooks, read 2026-11-21; the known one is of the tests of its Python client.
"""

import base64
import hashlib
import hmac
import time
from collections.abc import AsyncGenerator

import orjson
import pytest
import pytest_asyncio

from providers.abilities import HookRefused, Hooks
from providers.account import Account
from providers.base import Call
from providers.hook_body import MAX_BYTES
from providers.replicate.adapter import Replicate
from providers.signing_keys import PAUSE_SECONDS
from tests.providers.upstream import Reply, Upstream

SECRET, OTHER = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_" + base64.b64encode(b"another secret").decode()
MESSAGE = "msg_p5jXN8AQM9LWM0D4loKWxJek"
TICKET = "q3k7v0x9rdrm80cs1abcde2f34"
BODY = orjson.dumps({"id": TICKET, "status": "succeeded", "output": ["https://replicate.delivery/a.webp"]})


def signature(secret: str, message_id: str, at: str, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = hmac.new(key, f"{message_id}.{at}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(signed.digest()).decode()}"


def headers(
    body: bytes = BODY, *, secret: str = SECRET, message_id: str = MESSAGE, at: str | None = None
) -> dict[str, str]:
    at = at or str(int(time.time()))
    signed = signature(secret, message_id, at, body)
    return {"webhook-id": message_id, "webhook-timestamp": at, "webhook-signature": signed}


@pytest_asyncio.fixture
async def replicate(upstream: Upstream) -> AsyncGenerator[Replicate]:
    upstream.script = lambda _asked: Reply(200, {"key": SECRET})
    adapter = Replicate(Account(f"{upstream.url}/v1", "r8_secret"))
    yield adapter
    await adapter.close()


async def refusal(replicate: Replicate, sent: dict[str, str], body: bytes = BODY, *, now: float | None = None) -> str:
    with pytest.raises(HookRefused) as caught:
        await replicate.read_hook(sent, body, time.time() if now is None else now)
    return str(caught.value)


async def ticket(replicate: Replicate, sent: dict[str, str], body: bytes = BODY, later: float = 0.0) -> str:
    return (await replicate.read_hook(sent, body, time.time() + later)).ticket


def test_the_known_signature() -> None:
    signed = signature(SECRET, MESSAGE, "1614265330", b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("upstream_id", ["qwen/qwen-image", "acme/paint:" + "a" * 64])
async def test_a_submission_names_the_webhook_only_where_there_is_one(
    upstream_id: str, upstream: Upstream, replicate: Replicate
) -> None:
    upstream.script = lambda _asked: Reply(202, {"id": TICKET, "status": "starting"})
    url = "https://easel.example/v1/hooks/replicate/t"
    for webhook in (None, url):
        await replicate.submit(Call("req_1.1", upstream_id, "generate", {"prompt": "x"}, 1, "url", webhook=webhook))
    silent, watched = (asked.json for asked in upstream.asked)
    assert not {"webhook", "webhook_events_filter"} & set(silent)
    assert watched == {**silent, "webhook": url, "webhook_events_filter": ["completed"]}


async def test_what_replicate_has_signed_names_its_ticket(upstream: Upstream, replicate: Replicate) -> None:
    assert isinstance(replicate, Hooks)
    assert await ticket(replicate, headers()) == TICKET
    assert await ticket(replicate, headers()) == TICKET
    [asked] = upstream.asked
    assert (asked.method, asked.path) == ("GET", "/v1/webhooks/default/secret"), "the secret is kept"
    assert asked.headers["authorization"] == "Bearer r8_secret"


async def test_one_good_signature_among_several_is_enough(replicate: Replicate) -> None:
    sent = headers()
    signed = sent["webhook-signature"]
    assert await ticket(replicate, {**sent, "webhook-signature": f"v1,AAAA v2,x {signed}"}) == TICKET


async def test_a_replay_is_the_same_delivery_and_another_try_of_replicates_is_not(replicate: Replicate) -> None:
    now = int(time.time())
    other = BODY.replace(b"succeeded", b"failed")
    sent = headers(at=str(now))
    read = [
        await replicate.read_hook(each, body, now)
        for each, body in (
            (sent, BODY),
            (sent, BODY),
            ({**sent, "webhook-signature": f"v1,AAAA {sent['webhook-signature']}"}, BODY),
            (headers(at=str(now - 1)), BODY),
            (headers(other, at=str(now)), other),
        )
    ]
    first, replay, respelt, again, changed = (hook.delivery for hook in read)
    assert first == replay == respelt
    assert len({first, again, changed}) == 3


async def test_an_altered_body_is_refused(replicate: Replicate) -> None:
    for altered in (BODY + b" ", BODY.replace(b"succeeded", b"failed"), b"\xff" + BODY):
        assert "signature" in await refusal(replicate, headers(), altered)


async def test_an_altered_header_is_refused(replicate: Replicate) -> None:
    now = int(time.time())
    sent = headers(at=str(now))
    for name, value in (
        ("webhook-id", "msg_other"),
        ("webhook-timestamp", str(now - 1)),
        ("webhook-signature", signature(OTHER, MESSAGE, str(now), BODY)),
        ("webhook-signature", sent["webhook-signature"].replace("v1,", "v2,")),
        ("webhook-signature", "v1"),
        ("webhook-signature", "v1,a,b"),
        ("webhook-signature", "v1,%%%"),
    ):
        assert "signature" in await refusal(replicate, {**sent, name: value}), (name, value)


async def test_a_malformed_or_missing_header_is_refused_by_its_name(upstream: Upstream, replicate: Replicate) -> None:
    sent = headers()
    for name, value in (
        ("webhook-id", ""),
        ("webhook-id", "msg_1.2"),
        ("webhook-timestamp", "soon"),
        ("webhook-timestamp", sent["webhook-timestamp"] + ".5"),
        ("webhook-timestamp", "0" + sent["webhook-timestamp"]),
        ("webhook-timestamp", "nan"),
        ("webhook-signature", ""),
        ("webhook-signature", "v1,é"),
        ("webhook-signature", "v1,AAAA " * 1000),
    ):
        assert name in await refusal(replicate, {**sent, name: value}), (name, value)
    for name in sent:
        assert name in await refusal(replicate, {key: value for key, value in sent.items() if key != name})
    assert not upstream.asked


async def test_a_body_cannot_be_cut_out_of_a_signed_one(replicate: Replicate) -> None:
    """What is signed is `id.timestamp.body`: a prompt may hold something that looks like the end of it."""
    now = str(int(time.time()))
    inner = orjson.dumps({"id": "stolen"}).decode()
    whole = f'{{"id":"{TICKET}","input":{{"prompt":"x.{now}.{inner}'.encode()
    sent = headers(whole, at=now)
    shifted = f"{MESSAGE}.{now}.{whole.decode().removesuffix(f'.{now}.{inner}')}"
    assert sent["webhook-signature"] == signature(SECRET, shifted, now, inner.encode())
    assert "webhook-id" in await refusal(replicate, {**sent, "webhook-id": shifted}, inner.encode())


@pytest.mark.parametrize("away", [-302, 302])
async def test_another_time_than_now_is_refused(away: int, upstream: Upstream, replicate: Replicate) -> None:
    assert "seconds" in await refusal(replicate, headers(), now=time.time() + away)
    assert "seconds" in await refusal(replicate, headers(at=str(int(time.time()) + away)))
    assert not upstream.asked


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"x" * (MAX_BYTES + 1), "larger"),
        (b"<html>", "JSON"),
        (b"[]", "object"),
        (b"", "JSON"),
        (b"{}", "id"),
        (orjson.dumps({"id": None}), "id"),
        (orjson.dumps({"id": "../account"}), "id"),
    ],
)
async def test_a_body_of_no_use_is_refused_although_it_is_signed(body: bytes, why: str, replicate: Replicate) -> None:
    assert why in await refusal(replicate, headers(body), body)


async def test_forged_messages_do_not_make_us_ask_more_than_once_a_minute(
    upstream: Upstream, replicate: Replicate
) -> None:
    for _each in range(20):
        assert "signature" in await refusal(replicate, headers(secret=OTHER))
    assert len(upstream.asked) == 1
    for _each in range(20):
        await refusal(replicate, headers(secret=OTHER), now=time.time() + PAUSE_SECONDS)
    assert len(upstream.asked) == 2


async def test_a_new_secret_is_found_by_its_first_message(upstream: Upstream, replicate: Replicate) -> None:
    assert await ticket(replicate, headers()) == TICKET
    upstream.script = lambda _asked: Reply(200, {"key": OTHER})
    assert await ticket(replicate, headers(secret=OTHER), later=PAUSE_SECONDS) == TICKET
    assert "signature" in await refusal(replicate, headers())


@pytest.mark.parametrize(
    "reply",
    [
        Reply(401, {"title": "Unauthenticated"}),
        Reply(200, b"<html>"),
        Reply(200, {}),
        Reply(200, {"key": 7}),
        Reply(200, {"key": ""}),
        Reply(200, {"key": "whsec_"}),
        Reply(200, {"key": "whsec_a"}),
        Reply(drop=True),
    ],
)
async def test_without_a_secret_a_message_is_refused_and_it_is_asked_for_later(
    reply: Reply, upstream: Upstream, replicate: Replicate
) -> None:
    upstream.script = lambda _asked: reply
    assert "cannot be had" in await refusal(replicate, headers())
    asked = len(upstream.asked)
    assert "cannot be had" in await refusal(replicate, headers())
    assert len(upstream.asked) == asked
    upstream.script = lambda _asked: Reply(200, {"key": SECRET})
    assert await ticket(replicate, headers(), later=PAUSE_SECONDS) == TICKET
