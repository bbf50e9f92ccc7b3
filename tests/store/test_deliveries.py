"""Deliveries are claimed by one, come due again when nobody wrote what came of them, and are fair to receivers."""

import asyncio

import pytest

from gateway.store.database import Database
from gateway.store.deliveries import EACH, Claim, Tried, claim_due, due, give_back, origin_of, redeliver, settle
from gateway.store.entries import Delivery, DeliveryKind
from tests.jobs.sending import add_job, row_of

HOLD: dict[DeliveryKind, float] = {"webhook": 30.0, "upload": 90.0}


def hook(number: int, url: str = "https://a.example/hook", due: float = 100.0) -> Delivery:
    return Delivery(f"msg_{number}", "webhook", url, due=due)


async def claimed(database: Database, now: float, limit: int = 32) -> list[Claim]:
    return list(await database.write(due, now, limit, HOLD))


async def test_what_is_due_is_claimed_once_and_again_when_the_claim_has_lapsed(database: Database) -> None:
    await database.write(add_job, "req_1", hook(1, due=100))
    assert await claimed(database, 99.9) == []
    [claim] = await claimed(database, 100)
    assert (claim.id, claim.url, claim.tries, claim.due) == ("msg_1", "https://a.example/hook", 1, 130)
    assert await claimed(database, 129.9) == []
    [again] = await claimed(database, 130)
    assert (again.id, again.tries, again.due) == ("msg_1", 2, 160)


async def test_each_kind_is_held_as_long_as_it_takes(database: Database) -> None:
    sent = (hook(1), Delivery("upl_1", "upload", "https://s.example/a?sig=1", due=100, place=3))
    await database.write(add_job, "req_1", *sent)
    claims, following = await database.write(claim_due, 100, 32, HOLD)
    assert {(claim.kind, claim.place, claim.due) for claim in claims} == {("webhook", 0, 130), ("upload", 3, 190)}
    assert following == 130


async def test_what_came_of_it(database: Database) -> None:
    for number in range(3):
        await database.write(add_job, f"req_{number}", hook(number, f"https://{number}.example/hook?token=1"))
    one, two, three = sorted(await claimed(database, 100), key=lambda claim: claim.id)
    assert await database.write(settle, one, Tried(101.0, 204))
    assert await database.write(settle, two, Tried(102.0, 500, "it answered 500", again=107.0))
    assert await database.write(settle, three, Tried(103.0, None, "it could not be reached"))
    rows = [await row_of(database, f"req_{number}") for number in range(3)]
    assert [(row.state, row.last_at, row.last_status, row.last_error) for row in rows] == [
        ("delivered", 101.0, 204, None),
        ("pending", 102.0, 500, "it answered 500"),
        ("failed", 103.0, None, "it could not be reached"),
    ]
    assert all(row.url.endswith("?token=1") for row in rows), "it may be sent anew"
    assert await claimed(database, 106.9) == []
    [again] = await claimed(database, 1000)
    assert (again.id, again.tries) == ("msg_1", 2)


async def test_a_result_that_comes_too_late_changes_nothing(database: Database) -> None:
    await database.write(add_job, "req_1", hook(1))
    [lapsed] = await claimed(database, 100)
    [claim] = await claimed(database, 200)
    assert not await database.write(settle, lapsed, Tried(201.0, None, "it could not be reached"))
    assert (await row_of(database, "req_1")).state == "pending"
    assert await database.write(settle, claim, Tried(202.0, 200))
    assert not await database.write(settle, claim, Tried(203.0, None, "late"))
    assert (await row_of(database, "req_1")).state == "delivered"


async def test_what_is_given_back_is_due_at_once_and_was_no_try(database: Database) -> None:
    await database.write(add_job, "req_1", hook(1))
    first = await claimed(database, 100)
    await database.write(give_back, first, 101.0)
    [again] = await claimed(database, 101)
    assert again.tries == 1
    await database.write(give_back, first, 102.0)
    assert await claimed(database, 102) == [], "what is another's by now cannot be given back"


async def test_a_receiver_that_is_dead_leaves_room_for_others(database: Database) -> None:
    for number in range(50):
        await database.write(add_job, f"dead_{number}", hook(number, f"https://Dead.example?job={number}", 50.0))
    await database.write(add_job, "req_1", hook(100, "https://dead.example.org/hook", 99.0))
    await database.write(add_job, "req_2", hook(101, "https://b.example:8443/hook", 100.0))
    claims = await claimed(database, 100, limit=8)
    assert [origin_of(claim.url) for claim in claims].count("https://dead.example") == EACH
    assert {claim.job for claim in claims} > {"req_1", "req_2"}
    assert await database.write(due, 100, 8, HOLD, {"https://dead.example": EACH}) == ()
    assert len(await database.write(due, 100, 8, HOLD, {"https://dead.example": EACH - 1})) == 1


async def test_no_more_than_there_is_room_for_and_the_longest_due_first(database: Database) -> None:
    for number in range(6):
        await database.write(add_job, f"req_{number}", hook(number, f"https://{number}.example/", 90.0 - number))
    assert {claim.id for claim in await claimed(database, 100, limit=2)} == {"msg_5", "msg_4"}


async def test_sent_anew_under_its_id_with_all_its_tries(database: Database) -> None:
    upload = Delivery("upl_1", "upload", "https://s.example/a?sig=1", due=100)
    await database.write(add_job, "req_1", hook(1), upload)
    await database.write(add_job, "req_2", team="other")
    for claim in await claimed(database, 100):
        await database.write(settle, claim, Tried(101.0, 410, "it answered 410"))
    assert await database.write(redeliver, "other", "req_1", 200.0) is None
    assert await database.write(redeliver, "other", "req_2", 200.0) is None
    assert await database.write(redeliver, "default", "req_3", 200.0) is None
    assert await claimed(database, 200) == []
    assert await database.write(redeliver, "default", "req_1", 200.0) == "msg_1"
    [again] = await claimed(database, 200)
    assert (again.id, again.tries) == ("msg_1", 1)


async def test_a_result_from_before_it_was_sent_anew_does_not_end_it(database: Database) -> None:
    await database.write(add_job, "req_1", hook(1))
    [claim] = await claimed(database, 100)
    await database.write(redeliver, "default", "req_1", 101.0)
    assert not await database.write(settle, claim, Tried(102.0, 200))
    assert [each.id for each in await claimed(database, 102)] == ["msg_1"]


@pytest.mark.parametrize("tried", [Tried(101.0, 200), Tried(101.0, 403, "it answered 403")])
async def test_a_presigned_address_is_forgotten_when_it_is_over(tried: Tried, database: Database) -> None:
    await database.write(add_job, "req_1", Delivery("upl_1", "upload", "https://s.example/a?sig=1", due=100))
    [claim] = await claimed(database, 100)
    assert "sig" not in repr(claim)
    await database.write(settle, claim, tried)
    assert (await row_of(database, "req_1")).url == "https://s.example/a"


async def test_processes_that_look_at_once_claim_each_delivery_once(database: Database) -> None:
    for number in range(20):
        await database.write(add_job, f"req_{number}", hook(number, f"https://{number}.example/"))
    looks = await asyncio.gather(*(database.write(due, 100, 20, HOLD) for _each in range(5)))
    ids = [claim.id for look in looks for claim in look]
    assert len(ids) == len(set(ids)) == 20
