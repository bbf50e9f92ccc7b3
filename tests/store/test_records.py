"""The cache of pictures: what goes in comes out, in one exchange, and what is damaged is a miss."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.store.records import INLINE_BYTES, Difference, Record, Records, decode, encode, record_key
from gateway.store.redis import RedisConnection

STORED = Record("fal", "fal/qwen-image", "png", "image/png", 1024, 768, 1763700000, seed=7, hash="a" * 64)
INLINE = replace(STORED, hash=None, content=bytes(range(256)), revised_prompt="a fox, “quoted”")
LINKED = replace(STORED, hash=None, seed=None, url="https://v3.fal.media/files/a.png")
DIFFERS = replace(STORED, differences=(Difference("size", "1365x768", "1360x768"), Difference("format", "png", "jpeg")))


async def calls(redis: RedisConnection, command: str) -> int:
    """How often Redis has been given this command."""
    stats = await redis.command("INFO", "commandstats")
    found = re.search(rb"cmdstat_%s:calls=(\d+)" % command.encode(), stats)
    return int(found[1]) if found else 0


async def test_many_are_read_in_one_exchange_in_the_order_asked(redis: RedisConnection) -> None:
    records = Records(redis)
    assert await records.put_many("default", {"f:1": DIFFERS, "f:2": INLINE, "f:3": LINKED}, ttl=60)
    before, single = await calls(redis, "mget"), await calls(redis, "get")
    assert await records.get_many("default", ["f:3", "none", "f:1", "f:2"]) == [LINKED, None, DIFFERS, INLINE]
    assert await calls(redis, "mget") == before + 1
    assert await calls(redis, "get") == single


async def test_it_is_kept_under_the_team_for_its_time(redis: RedisConnection) -> None:
    records = Records(redis)
    key = record_key("f" * 32, 42)
    await records.put_many("ada", {key: STORED}, ttl=60)
    assert await redis.command("KEYS", "*") == [b"easel:img:{ada}:" + b"f" * 32 + b":42"]
    assert 0 < await redis.command("TTL", f"easel:img:{{ada}}:{key}") <= 60
    assert await records.get_many("bob", [key]) == [None]


async def test_small_pictures_are_kept_as_they_are_and_large_ones_are_not(redis: RedisConnection) -> None:
    records = Records(redis)
    large = replace(STORED, content=b"x" * (INLINE_BYTES + 1))
    nowhere = replace(large, hash=None)
    assert await records.put_many("default", {"inline": INLINE, "large": large, "nowhere": nowhere}, ttl=60)
    raw = await redis.command("GET", "easel:img:{default}:inline")
    assert raw.endswith(bytes(range(256)))
    assert await records.get_many("default", ["large", "nowhere"]) == [STORED, None]


async def test_a_damaged_value_is_a_miss_and_counted(redis: RedisConnection) -> None:
    records = Records(redis)
    await redis.command("SET", "easel:img:{default}:bad", b"\x01\x00\x00\x00\x09nonsense!")
    await records.put_many("default", {"good": STORED}, ttl=60)
    assert await records.get_many("default", ["bad", "good"]) == [None, STORED]
    assert records.damaged == 1


async def test_a_value_of_another_type_is_a_miss(redis: RedisConnection) -> None:
    records = Records(redis)
    await redis.command("LPUSH", "easel:img:{default}:list", "x")
    assert await records.get_many("default", ["list"]) == [None]
    assert redis.up


async def test_what_is_deleted_is_gone(redis: RedisConnection) -> None:
    records = Records(redis)
    await records.put_many("default", {"a": STORED, "b": LINKED}, ttl=60)
    assert await records.delete("default", ["a"])
    assert await records.get_many("default", ["a", "b"]) == [None, LINKED]


async def test_nothing_asked_is_nothing_sent(gone: RedisConnection) -> None:
    records = Records(gone)
    assert await records.get_many("default", []) == []
    assert await records.put_many("default", {}, ttl=60)
    assert await records.delete("default", [])


async def test_without_redis_everything_is_a_miss(gone: RedisConnection) -> None:
    records = Records(gone)
    assert await records.get_many("default", ["a", "b"]) == [None, None]
    assert not await records.put_many("default", {"a": STORED}, ttl=60)
    assert not await records.delete("default", ["a"])


@pytest.mark.parametrize("record", [STORED, INLINE, LINKED, replace(STORED, content=b"")])
def test_every_cut_of_a_value_is_refused(record: Record) -> None:
    value = encode(record)
    assert value is not None
    assert decode(value) == record
    assert all(decode(value[:length]) is None for length in range(len(value)))
    assert decode(value + b"x") is None


@given(st.binary(max_size=200))
def test_no_value_makes_reading_fail(value: bytes) -> None:
    decode(value)
    decode(b"\x01" + len(value).to_bytes(4, "big") + value)


@given(st.integers(0, 200), st.integers(0, 255))
def test_a_changed_byte_gives_a_well_typed_record_or_none(at: int, byte: int) -> None:
    value = encode(STORED) or b""
    at %= len(value)
    read = decode(value[:at] + bytes([byte]) + value[at + 1 :])
    assert read is None or (isinstance(read.hash, str | None) and type(read.width) is int)
