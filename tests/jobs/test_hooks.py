"""What a provider says is heard where the call is waited for, and forgotten where it is not."""

import asyncio
import weakref
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.flow.record import SentCall
from gateway.flow.stop import Stop
from gateway.jobs.hook_tokens import HookedCall, is_callable, token_of
from gateway.jobs.hooks import CHANNEL, HookDesk
from gateway.jobs.lost_calls import LostCalls
from gateway.store.database import DatabaseError, SQLite
from gateway.store.redis import RedisConnection
from normalizers.asked import Known
from normalizers.catalog import Catalog
from providers.abilities import Hook
from providers.base import Answer, Call, Image, Progress, Ticket
from providers.polling import follow
from tests.jobs.happening import job

KEYS = (b"a key of the tests",)
PUBLIC = "https://easel.example.com"
JOB = job(1)
SENT = SentCall(2, f"{JOB}.0", "fal", "fal/qwen-image", (0,), 0.0)
ELSEWHERE = SentCall(2, f"{JOB}.0", "openai", "openai/gpt-image-1", (0,), 0.0)
OWN = replace(SENT, own_key=True)
CALL = HookedCall("fal", JOB, 2)
OTHERS = (HookedCall("fal", JOB, 1), HookedCall("fal", job(2), 2), HookedCall("replicate", JOB, 2))


class Provider:
    """Its jobs are done by the first look; its messages are what their body says."""

    name = "fal"

    async def submit(self, call: Call) -> Ticket:
        return Ticket(call.id)

    async def check(self, ticket: Ticket) -> Progress:
        del ticket
        return Progress(done=True)

    async def result(self, ticket: Ticket, call: Call) -> Answer:
        del ticket, call
        return Answer((Image(url="https://example.com/fox.png"),))

    async def cancel(self, ticket: Ticket) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to do."""

    async def read_hook(self, headers: Mapping[str, str], body: bytes, now: float) -> Hook:
        del headers, now
        return Hook("ticket", body.decode())

    def trace(self, hook: Hook, upstream: str) -> Ticket:
        del upstream
        return Ticket(hook.ticket)


def desk(database: SQLite, redis: RedisConnection) -> HookDesk:
    provider = Provider()
    lost = LostCalls(database, {"fal": provider}, Catalog({}, Known()))
    return HookDesk({"fal": provider, "replicate": provider}, lost, PUBLIC, KEYS, redis)


@pytest.fixture
async def alone(sqlite: SQLite, gone: RedisConnection) -> HookDesk:
    """Without Redis."""
    return desk(sqlite, gone)


@pytest.fixture
async def two(sqlite: SQLite, redis: RedisConnection) -> AsyncGenerator[tuple[HookDesk, HookDesk]]:
    """Two desks that hear each other."""
    pair = desk(sqlite, redis), desk(sqlite, redis)
    for each in pair:
        each.start()
    async with asyncio.timeout(20):
        while (await redis.command("PUBSUB", "NUMSUB", CHANNEL))[1] != 2:  # noqa: ASYNC110 - Redis does not call
            await asyncio.sleep(0.002)
    yield pair
    for each in pair:
        await each.close()


def hook(number: int = 1) -> Hook:
    return Hook("ticket", f"delivery {number}")


def bell(desk: HookDesk) -> asyncio.Event:
    event = desk.hint(JOB, SENT)
    assert event is not None
    return event


async def test_a_call_has_an_address_that_leads_back_to_it(alone: HookDesk) -> None:
    assert alone.url(JOB, SENT) == f"{PUBLIC}/v1/hooks/fal/{token_of(CALL, KEYS)}"
    assert alone.call("fal", token_of(CALL, KEYS)) == CALL
    assert alone.call("replicate", token_of(CALL, KEYS)) is None


async def test_accounts_whose_secrets_are_not_ours_are_not_asked_to_call(alone: HookDesk) -> None:
    assert (alone.url(JOB, OWN), alone.hint(JOB, OWN)) == (None, None)
    assert await alone.found(JOB, OWN, Stop(), 60) is None


async def test_other_providers_are_not_asked_to_call(alone: HookDesk) -> None:
    assert alone.url(JOB, ELSEWHERE) is None
    assert alone.hint(JOB, ELSEWHERE) is None
    assert alone.call("openai", token_of(HookedCall("openai", JOB, 2), KEYS)) is None
    assert await alone.found(JOB, ELSEWHERE, Stop(), 60) is None


async def test_a_message_is_heard_by_who_waits_for_its_call(alone: HookDesk) -> None:
    event = bell(alone)
    for number, other in enumerate(OTHERS):
        assert await alone.take(other, hook(number))
    assert not event.is_set()
    assert await alone.take(CALL, hook(7))
    assert event.is_set()


async def test_a_message_that_came_before_is_not_heard(alone: HookDesk) -> None:
    event = bell(alone)
    assert await alone.take(CALL, hook())
    event.clear()
    assert not await alone.take(CALL, hook())
    assert not event.is_set()
    assert await alone.take(CALL, hook(2))
    assert event.is_set()


async def test_nobody_waits_any_more(alone: HookDesk) -> None:
    event = bell(alone)
    alone.over(JOB, SENT)
    alone.over(JOB, SENT)
    assert await alone.take(CALL, hook())
    assert not event.is_set()


async def test_who_has_ended_without_a_word_is_forgotten(alone: HookDesk) -> None:
    event = weakref.ref(bell(alone))
    assert event() is None
    assert await alone.take(CALL, hook())


async def test_a_message_that_comes_before_its_ticket_is_not_missed(alone: HookDesk) -> None:
    """The ticket is looked at as soon as it is there: no pause has to be cut short."""
    assert await alone.take(CALL, hook())
    call = Call("req.0", "fal-ai/qwen-image", "generate", {}, 1, "url")
    async with asyncio.timeout(20):
        answer = await follow(Provider(), Ticket("ticket"), call, float("inf"), sleep=never, hint=bell(alone))
    assert len(answer.images) == 1


async def never(_seconds: float) -> None:
    await asyncio.Event().wait()


async def test_a_message_reaches_whichever_gateway_waits(two: tuple[HookDesk, HookDesk]) -> None:
    here, there = two
    event = bell(here)
    assert await there.take(CALL, hook())
    async with asyncio.timeout(20):
        await event.wait()
    assert not await here.take(CALL, hook())


async def test_what_else_is_said_on_the_channel_is_passed_over(
    two: tuple[HookDesk, HookDesk], redis: RedisConnection
) -> None:
    here, there = two
    event = bell(here)
    token = token_of(CALL, KEYS)
    for message in (b"", b"\xff", b"fal", b"fal x", f"replicate {token}".encode(), f"fal {token}x".encode()):
        await redis.command("PUBLISH", CHANNEL, message)
    other = here.hint(job(2), SENT)
    assert other is not None
    assert await there.take(HookedCall("fal", job(2), 2), hook())
    async with asyncio.timeout(20):
        await other.wait()
    assert not event.is_set()


async def test_a_message_that_cannot_be_made_use_of_may_come_again(gone: RedisConnection, tmp_path: Path) -> None:
    broken = SQLite(tmp_path / "without tables.db")
    away = desk(broken, gone)
    for _time in range(2):
        with pytest.raises(DatabaseError):
            await away.take(CALL, hook())
    event = bell(away)
    assert await away.take(CALL, hook())
    assert event.is_set()
    await broken.close()


async def test_a_lost_receipt_is_not_waited_for_once_the_job_is_to_stop(alone: HookDesk) -> None:
    stop = Stop()
    stop.give()
    async with asyncio.timeout(20):
        assert await alone.found(JOB, SENT, stop, 60) is None
        assert await alone.found(JOB, SENT, Stop(), 0) is None


@pytest.mark.parametrize("url", [PUBLIC, "http://127.0.0.1:8080", "http://localhost", "http://[::1]:8080"])
def test_addresses_that_providers_may_be_given(url: str) -> None:
    assert is_callable(url)


@pytest.mark.parametrize(
    "url", ["", "http://easel.example.com", "http://10.0.0.1", "https://u:p@example.com", "ftp://a"]
)
def test_addresses_that_they_may_not(url: str) -> None:
    assert not is_callable(url)
