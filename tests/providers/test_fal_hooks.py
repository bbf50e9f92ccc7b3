"""fal's webhooks: what is signed by one of its keys, just now, is believed to be a hint; nothing else is.

The message that is signed, its headers and the set of keys: fal docs, Webhooks, read 2026-11-21.
"""

import asyncio
import base64
import hashlib
from collections.abc import AsyncGenerator, Sequence
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from providers.abilities import Hook, HookRefused, Hooks
from providers.account import Account
from providers.base import Call
from providers.fal.adapter import Fal
from providers.fal.hooks import KEEP_SECONDS
from providers.hook_body import MAX_BYTES
from providers.signing_keys import PAUSE_SECONDS
from tests.providers.upstream import Reply, Upstream

NOW = 1_795_000_000
TICKET = "764cabcf-b745-4b3e-ae38-1200304cf45b"
BODY = orjson.dumps({"request_id": TICKET, "gateway_request_id": TICKET, "status": "OK", "payload": {"images": []}})
KEY, OTHER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()


def published(*keys: Ed25519PrivateKey, more: Sequence[object] = ()) -> Reply:
    """The set of keys as fal shows it."""
    values = [base64.urlsafe_b64encode(key.public_key().public_bytes_raw()).rstrip(b"=").decode() for key in keys]
    return Reply(200, {"keys": [*more, *({"kty": "OKP", "crv": "Ed25519", "x": value} for value in values)]})


def headers(body: bytes = BODY, *, key: Ed25519PrivateKey = KEY, at: str = str(NOW)) -> dict[str, str]:
    request_id, user_id = TICKET, "github|4711"
    message = "\n".join((request_id, user_id, at, hashlib.sha256(body).hexdigest()))
    return {
        "x-fal-webhook-request-id": request_id,
        "x-fal-webhook-user-id": user_id,
        "x-fal-webhook-timestamp": at,
        "x-fal-webhook-signature": key.sign(message.encode()).hex(),
        "content-type": "application/json",
    }


@pytest_asyncio.fixture
async def fal(upstream: Upstream) -> AsyncGenerator[Fal]:
    upstream.script = lambda _asked: published(KEY)
    account = Account(f"{upstream.url}/run", "id:secret")
    adapter = Fal(account, queue_url=f"{upstream.url}/queue", rest_url=f"{upstream.url}/rest")
    yield adapter
    await adapter.close()


async def refusal(fal: Fal, sent: dict[str, str], body: bytes = BODY, now: float = NOW) -> str:
    with pytest.raises(HookRefused) as caught:
        await fal.read_hook(sent, body, now)
    return str(caught.value)


@pytest.mark.parametrize("webhook", [None, "https://easel.example/v1/hooks/fal/t", "https://a.example/?b=1&c=2+3%20#d"])
async def test_a_submission_names_the_webhook_only_where_there_is_one(
    webhook: str | None, upstream: Upstream, fal: Fal
) -> None:
    job = f"{upstream.url}/queue/fal-ai/qwen-image/requests/764c"
    urls = {"status_url": f"{job}/status", "response_url": job, "cancel_url": f"{job}/cancel"}
    upstream.script = lambda _asked: Reply(200, {"request_id": "764c", **urls})
    await fal.submit(Call("req_1.1", "fal-ai/qwen-image", "generate", {"prompt": "x"}, 1, "url", webhook=webhook))
    [asked] = upstream.asked
    sent = urlsplit(asked.path)
    assert (sent.path, asked.json) == ("/queue/fal-ai/qwen-image", {"prompt": "x"})
    assert parse_qs(sent.query) == ({"fal_webhook": [webhook]} if webhook else {})


async def test_what_fal_has_signed_names_its_ticket(upstream: Upstream, fal: Fal) -> None:
    assert isinstance(fal, Hooks)
    hook = await fal.read_hook(headers(), BODY, NOW)
    assert hook.ticket == TICKET
    failed = orjson.dumps({"request_id": TICKET, "status": "ERROR", "error": "Invalid status code: 422"})
    assert (await fal.read_hook(headers(failed), failed, NOW)).ticket == TICKET
    [asked] = upstream.asked
    assert (asked.method, asked.path) == ("GET", "/rest/.well-known/jwks.json"), "the keys are kept"


async def test_a_replay_is_the_same_delivery_and_another_try_of_fals_is_not(fal: Fal) -> None:
    other = BODY.replace(b"OK", b"ERROR")
    read = [
        await fal.read_hook(sent, body, NOW)
        for sent, body in (
            (headers(), BODY),
            (headers(), BODY),
            ({**headers(), "x-fal-webhook-signature": headers()["x-fal-webhook-signature"].upper()}, BODY),
            (headers(at=str(NOW + 1)), BODY),
            (headers(other), other),
        )
    ]
    first, replay, respelt, again, changed = (hook.delivery for hook in read)
    assert first == replay == respelt
    assert len({first, again, changed}) == 3


async def test_an_altered_body_is_refused(fal: Fal) -> None:
    assert "signature" in await refusal(fal, headers(), BODY + b" ")
    assert "signature" in await refusal(fal, headers(), BODY.replace(b"OK", b"ok"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-fal-webhook-request-id", "764cabcf-b745-4b3e-ae38-1200304cf45c"),
        ("x-fal-webhook-user-id", "github|4712"),
        ("x-fal-webhook-timestamp", str(NOW + 1)),
        ("x-fal-webhook-signature", "0" * 128),
        ("x-fal-webhook-signature", headers(key=OTHER)["x-fal-webhook-signature"]),
    ],
)
async def test_an_altered_header_is_refused(name: str, value: str, fal: Fal) -> None:
    assert "signature" in await refusal(fal, {**headers(), name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-fal-webhook-request-id", ""),
        ("x-fal-webhook-request-id", "a\nb"),
        ("x-fal-webhook-user-id", "a\nb"),
        ("x-fal-webhook-user-id", "x" * 300),
        ("x-fal-webhook-timestamp", "soon"),
        ("x-fal-webhook-timestamp", f"{NOW}.0"),
        ("x-fal-webhook-timestamp", f"0{NOW}"),
        ("x-fal-webhook-timestamp", f" {NOW}"),
        ("x-fal-webhook-timestamp", "٣" * 10),
        ("x-fal-webhook-signature", "ab"),
        ("x-fal-webhook-signature", "zz" * 64),
        ("x-fal-webhook-signature", " ".join(["ab"] * 64)),
    ],
)
async def test_a_malformed_header_is_refused_by_its_name(name: str, value: str, upstream: Upstream, fal: Fal) -> None:
    assert name in await refusal(fal, {**headers(), name: value})
    assert not upstream.asked, "nothing is asked for what cannot be good"


@pytest.mark.parametrize("name", [name for name in headers() if name.startswith("x-fal")])
async def test_a_missing_header_is_refused_by_its_name(name: str, fal: Fal) -> None:
    assert name in await refusal(fal, {key: value for key, value in headers().items() if key != name})


@pytest.mark.parametrize("away", [-301, 301, 86_400])
async def test_another_time_than_now_is_refused(away: int, upstream: Upstream, fal: Fal) -> None:
    assert "seconds" in await refusal(fal, headers(), now=NOW + away)
    assert not upstream.asked


@pytest.mark.parametrize("away", [-300, 300])
async def test_five_minutes_are_now(away: int, fal: Fal) -> None:
    assert (await fal.read_hook(headers(), BODY, NOW + away)).ticket == TICKET


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"x" * (MAX_BYTES + 1), "larger"),
        (b"<html>", "JSON"),
        (b"[]", "object"),
        (b"", "JSON"),
        (b"{}", "request_id"),
        (orjson.dumps({"request_id": 7}), "request_id"),
        (orjson.dumps({"request_id": "../x"}), "request_id"),
    ],
)
async def test_a_body_of_no_use_is_refused_although_it_is_signed(body: bytes, why: str, fal: Fal) -> None:
    assert why in await refusal(fal, headers(body), body)


async def test_any_key_of_the_set_may_have_signed(upstream: Upstream, fal: Fal) -> None:
    odd = [7, {"kty": "RSA", "n": "x"}, {"kty": "OKP", "crv": "Ed25519"}, {"kty": "OKP", "crv": "Ed25519", "x": "é"}]
    upstream.script = lambda _asked: published(OTHER, KEY, more=odd)
    assert (await fal.read_hook(headers(), BODY, NOW)).ticket == TICKET
    assert (await fal.read_hook(headers(key=OTHER), BODY, NOW)).ticket == TICKET


async def test_a_key_of_another_kind_signs_nothing(upstream: Upstream, fal: Fal) -> None:
    [row] = published(OTHER).body["keys"]
    upstream.script = lambda _asked: published(KEY, more=[{**row, "crv": "X25519"}, {**row, "kty": "EC"}])
    assert "signature" in await refusal(fal, headers(key=OTHER))


async def test_forged_messages_do_not_make_us_ask_more_than_once_a_minute(upstream: Upstream, fal: Fal) -> None:
    forged = headers(key=OTHER)
    for moment in range(20):
        assert "signature" in await refusal(fal, forged, now=NOW + moment)
    assert len(upstream.asked) == 1
    later = NOW + int(PAUSE_SECONDS) + 1
    for moment in range(20):
        await refusal(fal, forged, now=later + moment)
    assert len(upstream.asked) == 2
    assert (await fal.read_hook(headers(), BODY, later)).ticket == TICKET


async def test_a_new_key_is_found_by_its_first_message(upstream: Upstream, fal: Fal) -> None:
    await fal.read_hook(headers(), BODY, NOW)
    upstream.script = lambda _asked: published(KEY, OTHER)
    assert "signature" in await refusal(fal, headers(key=OTHER), now=NOW + 1)
    later = NOW + int(PAUSE_SECONDS) + 1
    assert (await fal.read_hook(headers(key=OTHER), BODY, later)).ticket == TICKET
    assert (await fal.read_hook(headers(), BODY, later)).ticket == TICKET
    assert len(upstream.asked) == 2


async def test_a_withdrawn_key_is_believed_for_a_day_at_most(upstream: Upstream, fal: Fal) -> None:
    await fal.read_hook(headers(), BODY, NOW)
    upstream.script = lambda _asked: published(OTHER)
    tomorrow = NOW + int(KEEP_SECONDS) - 1
    assert (await fal.read_hook(headers(at=str(tomorrow)), BODY, tomorrow)).ticket == TICKET
    assert "signature" in await refusal(fal, headers(at=str(tomorrow + 1)), now=tomorrow + 1)


async def test_many_first_messages_ask_for_the_keys_once(upstream: Upstream, fal: Fal) -> None:
    read = await asyncio.gather(*(fal.read_hook(headers(), BODY, NOW) for _each in range(10)))
    assert read == [Hook(TICKET, read[0].delivery)] * 10
    assert len(upstream.asked) == 1


@pytest.mark.parametrize(
    "reply",
    [
        Reply(500, {"detail": "no"}),
        Reply(200, b"<html>"),
        Reply(200, []),
        Reply(200, {"keys": {}}),
        Reply(200, {"keys": []}),
        Reply(200, {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}]}),
        Reply(drop=True),
    ],
)
async def test_without_keys_a_message_is_refused_and_keys_are_asked_for_later(
    reply: Reply, upstream: Upstream, fal: Fal
) -> None:
    upstream.script = lambda _asked: reply
    assert "cannot be had" in await refusal(fal, headers())
    asked = len(upstream.asked)
    assert "cannot be had" in await refusal(fal, headers())
    assert len(upstream.asked) == asked
    upstream.script = lambda _asked: published(KEY)
    later = NOW + int(PAUSE_SECONDS)
    assert (await fal.read_hook(headers(), BODY, later)).ticket == TICKET


async def test_the_keys_that_are_known_serve_on_while_new_ones_cannot_be_had(upstream: Upstream, fal: Fal) -> None:
    await fal.read_hook(headers(), BODY, NOW)
    upstream.script = lambda _asked: Reply(503)
    later = NOW + int(PAUSE_SECONDS)
    assert "signature" in await refusal(fal, headers(key=OTHER), now=later)
    assert (await fal.read_hook(headers(), BODY, later)).ticket == TICKET
    assert len(upstream.asked) == 2


async def test_nothing_of_a_message_is_shown(fal: Fal) -> None:
    for name in headers():
        assert "secret" not in await refusal(fal, {**headers(), name: "very\nsecret"}, b"secret")
