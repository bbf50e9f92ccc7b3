"""What a receiver gets can be verified with any secret in use, and with nothing that was altered."""

import base64
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from gateway.jobs.tries import Outcome
from gateway.jobs.webhooks import Webhooks, webhook
from gateway.store.database import SQLite
from gateway.store.deliveries import Claim
from gateway.store.sealing import Seal
from gateway.store.webhook_secrets import in_use, make_secret, rotate
from providers.guard import Guard
from tests.jobs.sending import FINISHED, SEAL, TEAM, add_job, job_json, webhooks
from tests.providers.cdn import names
from tests.receiver import Received, Receiver, Reply

FAR = 4_102_444_800.0


def claim(receiver: Receiver, url: str = "") -> Claim:
    return Claim("msg_1", "req_1", TEAM, "webhook", 0, url or f"{receiver.url}/hook?token=1", 1, FAR)


async def send(sender: Webhooks, receiver: Receiver) -> Received:
    assert await sender.send(claim(receiver)) == Outcome(204)
    return receiver.received[-1]


def verified(received: Received, secret: str) -> Any:
    return Webhook(secret).verify(received.body, dict(received.headers))


@pytest.fixture
async def guard(receiver: Receiver) -> AsyncGenerator[Guard]:
    guard = Guard([receiver.url])
    yield guard
    await guard.close()


@pytest.fixture
async def team(sqlite: SQLite) -> None:
    await sqlite.write(add_job, "req_1")


async def new_secret(database: SQLite, overlap: float, now: float) -> str:
    made, text = make_secret(TEAM, SEAL, now)
    await database.write(rotate, made, overlap)
    return text


@pytest.mark.usefixtures("team")
async def test_what_is_sent(sqlite: SQLite, guard: Guard, receiver: Receiver) -> None:
    secret = await new_secret(sqlite, 0, 1.0)
    received = await send(webhooks(sqlite, guard), receiver)
    assert (received.method, received.path, received.id) == ("POST", "/hook?token=1", "msg_1")
    assert received.headers["content-type"] == "application/json"
    assert verified(received, secret) == {
        "type": "image.job.succeeded",
        "timestamp": "2025-11-21T04:40:00Z",
        "data": await job_json(TEAM, "req_1"),
    }


@pytest.mark.usefixtures("team")
async def test_what_was_altered_is_refused(sqlite: SQLite, guard: Guard, receiver: Receiver) -> None:
    secret = await new_secret(sqlite, 0, 1.0)
    received = await send(webhooks(sqlite, guard), receiver)
    later = str(int(received.headers["webhook-timestamp"]) + 1)
    other = "whsec_" + base64.b64encode(b"0" * 32).decode()
    for altered in (
        Received("POST", "/", received.headers, received.body.replace(b"succeeded", b"failed")),
        Received("POST", "/", {**received.headers, "webhook-timestamp": later}, received.body),
        Received("POST", "/", {**received.headers, "webhook-id": "msg_2"}, received.body),
    ):
        with pytest.raises(WebhookVerificationError):
            verified(altered, secret)
    with pytest.raises(WebhookVerificationError):
        verified(received, other)


@pytest.mark.usefixtures("team")
async def test_each_secret_in_use_signs(sqlite: SQLite, guard: Guard, receiver: Receiver) -> None:
    ended, old = await new_secret(sqlite, 0, 1.0), await new_secret(sqlite, 0, 2.0)
    new = await new_secret(sqlite, FAR, 3.0)
    received = await send(webhooks(sqlite, guard), receiver)
    assert len(received.headers["webhook-signature"].split()) == 2
    assert verified(received, old) == verified(received, new)
    with pytest.raises(WebhookVerificationError):
        verified(received, ended)


@pytest.mark.usefixtures("team")
async def test_a_team_without_a_secret_signs_with_one_that_is_kept(
    sqlite: SQLite, guard: Guard, receiver: Receiver
) -> None:
    sender = webhooks(sqlite, guard)
    first, second = await send(sender, receiver), await send(sender, receiver)
    [made] = await sqlite.read(in_use, TEAM, 1.0)
    secret = SEAL.open(made.sealed, made.id)
    assert verified(first, secret) == verified(second, secret)


@pytest.mark.usefixtures("team")
async def test_a_secret_that_cannot_be_opened_sends_nothing(sqlite: SQLite, guard: Guard, receiver: Receiver) -> None:
    await new_secret(sqlite, 0, 1.0)
    outcome = await Webhooks(guard, sqlite, Seal(b"another key"), job_json).send(claim(receiver))
    assert outcome.error is not None
    assert "secrets.key" in outcome.error
    assert not outcome.over
    assert not receiver.received


@pytest.mark.usefixtures("team")
async def test_beside_a_secret_that_cannot_be_opened_others_sign(
    sqlite: SQLite, guard: Guard, receiver: Receiver
) -> None:
    await sqlite.write(rotate, make_secret(TEAM, Seal(b"another key"), 1.0)[0], 0)
    secret = await new_secret(sqlite, FAR, 2.0)
    received = await send(webhooks(sqlite, guard), receiver)
    assert len(received.headers["webhook-signature"].split()) == 1
    assert verified(received, secret)


async def test_a_job_that_was_deleted_is_told_to_nobody(sqlite: SQLite, guard: Guard, receiver: Receiver) -> None:
    async def gone(_team: str, _id: str) -> None:
        return None

    assert (await webhooks(sqlite, guard, gone).send(claim(receiver))).over
    assert not receiver.received


@pytest.mark.usefixtures("team")
@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (Reply(200), Outcome(200)),
        (Reply(302, {"location": "https://elsewhere.example/"}), Outcome(302, "it answered 302")),
        (Reply(404), Outcome(404, "it answered 404")),
        (Reply(410), Outcome(410, "it answered 410", over=True)),
        (Reply(429, {"retry-after": "17"}), Outcome(429, "it answered 429", retry_after=17.0)),
        (Reply(500), Outcome(500, "it answered 500")),
    ],
)
async def test_what_the_receiver_says(
    reply: Reply, outcome: Outcome, sqlite: SQLite, guard: Guard, receiver: Receiver
) -> None:
    receiver.replies = [reply]
    assert await webhooks(sqlite, guard).send(claim(receiver)) == outcome


@pytest.mark.usefixtures("team")
async def test_nobody_there(sqlite: SQLite, guard: Guard, receiver: Receiver) -> None:
    receiver.down()
    assert await webhooks(sqlite, guard).send(claim(receiver)) == Outcome(error="it could not be reached")


@pytest.mark.usefixtures("team")
async def test_an_address_is_checked_at_every_try(sqlite: SQLite, receiver: Receiver) -> None:
    """It was public when the job was accepted; since then its name leads to loopback."""
    guard = Guard(resolver=names(rebound_example=["127.0.0.1"]))
    sender = webhooks(sqlite, guard)
    for url in ("https://rebound.example/hook", f"{receiver.url}/hook", "https://127.0.0.1/hook"):
        outcome = await sender.send(claim(receiver, url))
        assert outcome.error is not None
        assert outcome.error.startswith("the address was refused: ")
        assert "example" not in outcome.error
    await guard.close()
    assert not receiver.received


def test_each_webhook_has_an_id_of_its_own() -> None:
    made = [webhook("https://a.example/", FINISHED) for _each in range(100)]
    assert len({each.id for each in made}) == 100
    assert all(each.id.startswith("msg_") and each.due == FINISHED for each in made)
