"""Limits in Redis: all of a request's or none, exactly as many as fit, and what a holder leaves behind runs out."""

import asyncio
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.store.limits import LEASE, SECOND, WINDOW, Lease, Places, Rate, SharedLimits, Taken, name_of
from gateway.store.redis import RedisConnection, connect
from gateway.tenancy.local_limits import LocalLimits

START = 1_790_000_000 * SECOND  # a moment of this decade, in microseconds: beyond what a Lua number prints exactly
A, B, C = (name_of("requests", f"key:key_{letter}") for letter in "abc")
POOL = name_of("concurrent", "team:team_1")


class Buckets:
    """GCRA told otherwise: a bucket for each rate, which leaks `most` a minute and holds `most`. Exact."""

    def __init__(self) -> None:
        self.levels: dict[str, tuple[Fraction, int]] = {}
        self.holders: dict[str, dict[str, int]] = {}

    def level(self, rate: Rate, moment: int) -> Fraction:
        filled, when = self.levels.get(rate.name, (Fraction(0), moment))
        return max(Fraction(0), filled - Fraction(rate.most) * (moment - when) / WINDOW)

    def fits(self, rates: Sequence[Rate], places: Sequence[Places], members: Sequence[str], moment: int) -> bool:
        for each in self.holders.values():
            for member in [member for member, until in each.items() if until <= moment]:
                del each[member]
        has_rates = all(self.level(rate, moment) + Fraction(rate.cost) <= Fraction(rate.most) for rate in rates)
        return has_rates and all(len(self.holders.get(each.name, {})) + len(members) <= each.most for each in places)

    def take(self, rates: Sequence[Rate], places: Sequence[Places], members: Sequence[str], moment: int) -> bool:
        if not self.fits(rates, places, members, moment):
            return False
        for rate in rates:
            self.levels[rate.name] = (self.level(rate, moment) + Fraction(rate.cost), moment)
        for each in places:
            self.holders.setdefault(each.name, {}).update(dict.fromkeys(members, moment + LEASE))
        return True


MOSTS = {A: 10, B: 6, C: 60}  # of which a part of a minute is a whole number of microseconds
STEP = st.tuples(
    st.integers(0, 30 * SECOND),  # after the one before
    st.dictionaries(st.sampled_from(sorted(MOSTS)), st.integers(1, 6), min_size=1),
    st.integers(0, 3),  # places
)


@given(st.lists(STEP, min_size=1, max_size=25))
def test_redis_and_memory_answer_as_a_leaking_bucket_would(
    valkey_url: str, tmp_path_factory: pytest.TempPathFactory, trace: list[tuple[int, dict[str, int], int]]
) -> None:
    async def play() -> None:
        redis = await connect(valkey_url, tmp_path_factory.getbasetemp(), limit=5.0)
        await redis.command("FLUSHALL")
        shared, buckets = SharedLimits(redis), Buckets()
        local = LocalLimits(lambda name: len(buckets.holders.get(name, {})))
        moment = START
        for number, (after, costs, count) in enumerate(trace):
            moment += after
            rates = [Rate(name, cost, MOSTS[name]) for name, cost in costs.items()]
            places = [Places(POOL, 4)] if count else []
            members = [f"req_{number}/{index}" for index in range(count)]
            buckets.fits(rates, places, members, moment)  # who has run out is gone, for memory to be told
            in_memory = local.take(rates, places, len(members), moment)
            in_redis = await shared.take(rates, places, members, moment=moment)
            assert in_redis is not None
            assert in_redis == in_memory
            assert buckets.take(rates, places, members, moment) == (in_redis.refused is None)
            assert all(0 <= owed <= WINDOW for owed in in_redis.used)
        await redis.close()

    asyncio.run(play())


@pytest.fixture
def shared(redis: RedisConnection) -> SharedLimits:
    return SharedLimits(redis)


async def taken(shared: SharedLimits, rates: Sequence[Rate], moment: int = START) -> Taken:
    answer = await shared.take(rates, (), (), moment=moment)
    assert answer is not None
    return answer


async def contents(redis: RedisConnection) -> dict[bytes, bytes]:
    names: list[bytes] = sorted(await redis.command("KEYS", "*"))
    return {name: await redis.command("DUMP", name) for name in names}


@pytest.mark.parametrize("most", [1, 7, 10, 999, 1_000_003])
async def test_a_limit_that_is_full_has_room_for_one_more_when_it_says_so(shared: SharedLimits, most: int) -> None:
    whole = Rate(A, most, most)
    assert (await taken(shared, [whole])).refused is None
    full = await taken(shared, [Rate(A, 1, most)])
    assert full.refused == 0
    assert 0 < full.wait <= WINDOW // most + 1
    assert (await taken(shared, [Rate(A, 1, most)], START + full.wait - 1)).refused == 0
    assert (await taken(shared, [Rate(A, 1, most)], START + full.wait)).refused is None


async def test_one_by_one_exactly_as_many_fit_at_once(shared: SharedLimits) -> None:
    for most in (1, 7, 13, 60):
        name = f"{A}{most}"
        answers = [await taken(shared, [Rate(name, 1, most)]) for _ in range(most + 3)]
        assert [answer.refused for answer in answers] == [None] * most + [0] * 3


async def test_all_or_none(shared: SharedLimits, redis: RedisConnection) -> None:
    full, open_ = Rate(A, 1, 1), Rate(B, 3, 100)
    await taken(shared, [full])
    before = await contents(redis)
    refused = await shared.take([open_, full], [Places(POOL, 5)], ["req_1/0"], moment=START)
    assert refused is not None
    assert (refused.refused, refused.wait) == (1, WINDOW)
    assert await contents(redis) == before
    refused = await shared.take([open_], [Places(POOL, 2)], ["req_1/0", "req_1/1", "req_1/2"], moment=START)
    assert refused == Taken(1, SECOND, (0, 0))
    assert await contents(redis) == before


async def test_it_names_the_limit_that_takes_longest_and_how_all_stand(shared: SharedLimits) -> None:
    await taken(shared, [Rate(A, 10, 10), Rate(B, 1, 2)])
    answer = await taken(shared, [Rate(A, 1, 10), Rate(B, 2, 2), Rate(C, 1, 60)])
    assert answer == Taken(1, WINDOW // 2, (WINDOW, WINDOW // 2, 0))


async def test_what_is_given_back_may_be_taken_again_and_nothing_is_won_by_it(shared: SharedLimits) -> None:
    await taken(shared, [Rate(A, 5, 5)])
    await taken(shared, [Rate(A, -2, 5)])
    assert (await taken(shared, [Rate(A, 2, 5)])).refused is None
    assert (await taken(shared, [Rate(A, 1, 5)])).refused == 0
    await taken(shared, [Rate(A, -500, 5)])
    assert (await taken(shared, [Rate(A, 5, 5)])).refused is None
    assert (await taken(shared, [Rate(A, 1, 5)])).refused == 0


async def test_looking_takes_nothing(shared: SharedLimits, redis: RedisConnection) -> None:
    assert await taken(shared, [Rate(A, 0, 5)]) == Taken(None, 0, (0,))
    assert await contents(redis) == {}
    await taken(shared, [Rate(A, 5, 5)])
    assert await taken(shared, [Rate(A, 0, 5)], START + SECOND) == Taken(None, 0, (WINDOW - SECOND,))


@pytest.mark.parametrize("left", ["", "nonsense", "nan", "inf", str(START + 1000 * WINDOW), "-1", "1e400"])
async def test_whatever_stands_there_nobody_waits_longer_than_a_minute(
    shared: SharedLimits, redis: RedisConnection, left: str
) -> None:
    await redis.command("SET", A, left)
    answer = await taken(shared, [Rate(A, 1, 1)])
    assert answer.refused is None or 0 < answer.wait <= WINDOW
    assert (await taken(shared, [Rate(A, 1, 1)], START + 2 * WINDOW)).refused is None


async def test_places_of_a_holder_that_is_silent_run_out(shared: SharedLimits, redis: RedisConnection) -> None:
    pool = [Places(POOL, 2)]
    assert await shared.take((), pool, ["req_1/0", "req_1/1"], moment=START) == Taken(None, 0, (2,))
    full = await shared.take((), pool, ["req_2/0"], moment=START + LEASE - 1)
    assert full == Taken(0, SECOND, (2,))
    held = Lease((POOL,), ("req_1/0",))
    assert await shared.renew([held], moment=START + LEASE - 1)
    assert await shared.take((), pool, ["req_2/0"], moment=START + LEASE) == Taken(None, 0, (2,))
    await shared.release([held])
    assert await shared.take((), pool, ["req_3/0"], moment=START + LEASE) == Taken(None, 0, (2,))
    assert 0 < await redis.command("PTTL", POOL) <= LEASE // 1000


async def test_what_was_lost_is_there_again_when_it_is_renewed(shared: SharedLimits, redis: RedisConnection) -> None:
    other = name_of("concurrent", "key:key_1")
    held = [Lease((POOL, other), ("req_1/0", "req_1/1")), Lease((POOL,), ("req_2/0",))]
    assert await shared.renew(held)
    assert sorted(await redis.command("ZRANGE", POOL, 0, -1)) == [b"req_1/0", b"req_1/1", b"req_2/0"]
    assert await redis.command("ZRANGE", other, 0, -1) == [b"req_1/0", b"req_1/1"]


async def test_who_waits_longer_keeps_the_place_as_long(shared: SharedLimits, redis: RedisConnection) -> None:
    hour = 3600 * SECOND
    await shared.take((), [Places(POOL, 2)], ["req_1/0"], lease=hour)
    await shared.take((), [Places(POOL, 2)], ["req_2/0"])
    assert await redis.command("PTTL", POOL) > LEASE // 1000
    assert await shared.take((), [Places(POOL, 2)], ["req_3/0"]) == Taken(0, SECOND, (2,))


async def test_the_clock_is_that_of_redis(shared: SharedLimits, redis: RedisConnection) -> None:
    answer = await shared.take([Rate(A, 1, 10)], (), ())
    assert answer == Taken(None, 0, (WINDOW // 10,))
    seconds, _micros = await redis.command("TIME")
    assert abs(int(await redis.command("GET", A)) - int(seconds) * SECOND - WINDOW // 10) < 5 * SECOND


async def test_two_hundred_at_once_from_two_processes(valkey_url: str, redis: RedisConnection, tmp_path: Path) -> None:
    other = await connect(valkey_url, tmp_path, limit=5.0)
    takers = [SharedLimits(redis), SharedLimits(other)]
    rates, pool = [Rate(A, 1, 10), Rate(B, 2, 1000)], [Places(POOL, 100)]
    answers = await asyncio.gather(
        *(takers[each % 2].take(rates, pool, [f"req_{each}/0"], moment=START) for each in range(200))
    )
    assert sum(answer is not None and answer.refused is None for answer in answers) == 10
    assert await redis.command("ZCARD", POOL) == 10
    assert int(await redis.command("GET", B)) == START + 10 * 2 * WINDOW // 1000
    await other.close()


async def test_with_redis_away_nobody_can_say(gone: RedisConnection) -> None:
    shared = SharedLimits(gone)
    assert await shared.take([Rate(A, 1, 10)], (), ()) is None
    assert not await shared.renew([Lease((POOL,), ("req_1/0",))])
    await shared.release([Lease((POOL,), ("req_1/0",))])
