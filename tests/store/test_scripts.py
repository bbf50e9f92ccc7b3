"""A Lua script goes over the wire once; a Redis that forgot it (a restart, a flush) is told again."""

from gateway.store.redis import RedisConnection

SCRIPT = "return {KEYS[1], ARGV[1]}"


async def evals(redis: RedisConnection) -> int:
    stats = await redis.command("INFO", "commandstats")
    return int(stats.partition(b"cmdstat_eval:calls=")[2].partition(b",")[0] or 0)


async def test_a_script_is_sent_once_and_again_when_it_was_forgotten(redis: RedisConnection) -> None:
    await redis.command("CONFIG", "RESETSTAT")
    for _again in range(3):
        assert await redis.script(SCRIPT, ["key"], ["value"]) == [b"key", b"value"]
    assert await evals(redis) == 1
    await redis.command("SCRIPT", "FLUSH")
    assert await redis.script(SCRIPT, ["key"], ["value"]) == [b"key", b"value"]
    assert await evals(redis) == 2
    assert redis.failures == 0


async def test_a_script_that_fails_is_refused_and_redis_stays_up(redis: RedisConnection) -> None:
    for _again in range(2):
        assert await redis.script("return redis.call('INCR')", [], [], otherwise="refused") == "refused"
    assert redis.up


async def test_without_redis_there_is_the_other_answer(gone: RedisConnection) -> None:
    assert await gone.script(SCRIPT, ["key"], ["value"], otherwise="nothing") == "nothing"
