"""Server-sent events: read whatever way they are cut, within bounds, as they come, and to the last one that counts."""

import asyncio
import gzip
import tracemalloc
from collections.abc import AsyncGenerator, Callable, Iterable
from functools import partial
from itertools import pairwise

import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from providers import pictures_in_json
from providers.errors import Kind, ProviderError
from providers.event_stream import MOST_LINES, Event, EventReader, Listener, TooMuch, listen
from providers.http import MAX_BYTES, Http
from tests.providers import failing
from tests.providers.upstream import Reply, Upstream

STREAM = {"content-type": "text/event-stream; charset=utf-8"}
FIRST, SECOND = b'event: a\ndata: {"n":1}\n\n', b'event: b\ndata: {"n":2}\n\n'

Make = Callable[..., Http]
failure = partial(failing.failure, provider="acme")


def read(
    pieces: Iterable[bytes], most_bytes: int = 10_000_000, most_event_bytes: int = 1_000_000
) -> list[tuple[str, bytes]]:
    reader = EventReader(most_bytes, most_event_bytes)
    found = [event for piece in pieces for event in reader.feed(piece)]
    return [(event.name, bytes(event.data)) for event in [*found, *reader.end()]]


@pytest.mark.parametrize(
    ("body", "events"),
    [
        (FIRST + SECOND, [("a", b'{"n":1}'), ("b", b'{"n":2}')]),
        (b"data: x\r\n\r\ndata: y\r\n\r\n", [("", b"x"), ("", b"y")]),
        (b"data: x\r\rdata: y\r\r", [("", b"x"), ("", b"y")]),
        (b"data:x\n\ndata:  y\n\n", [("", b"x"), ("", b" y")]),
        (b"data: one\ndata: two\n\n", [("", b"one\ntwo")]),
        (b"data:\n\n", [("", b"")]),
        (b": a comment\n\n:\n\nevent: a\ndata: x\n\n", [("a", b"x")]),
        (b"event: a\n\ndata: x\n\n", [("", b"x")]),
        (b"id: 7\nretry: 5\nnonsense\ndata: x\n\n", [("", b"x")]),
        (b"\n\n\r\n\n", []),
        (b"event: a\ndata: x\n", [("a", b"x")]),
        (b"event: a\ndata: x", [("a", b"x")]),
        (b"event: \xff\xfe\ndata: \xff\n\n", [("\ufffd\ufffd", b"\xff")]),
        (b"", []),
    ],
)
def test_what_a_body_says(body: bytes, events: list[tuple[str, bytes]]) -> None:
    assert read([body]) == events


LINES = [b"data: x", b"data: yy", b"event: a", b": c", b"", b"data: {}", b"other"]


@settings(deadline=None, max_examples=300)
@given(
    lines=st.lists(st.tuples(st.sampled_from(LINES), st.sampled_from([b"\n", b"\r\n", b"\r"])), max_size=12),
    cuts=st.lists(st.integers(0, 100), max_size=6),
)
def test_where_a_body_is_cut_changes_nothing(lines: list[tuple[bytes, bytes]], cuts: list[int]) -> None:
    body = b"".join(line + ending for line, ending in lines)
    at = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    pieces = [body[start:end] for start, end in pairwise(at)]
    assert read(pieces) == read([body])
    assert read([body[place : place + 1] for place in range(len(body))]) == read([body])


@pytest.mark.parametrize(
    ("pieces", "bounds"),
    [
        ([b"data: 1\n\n"] * 20, {"most_bytes": 100}),
        ([b"data: " + b"x" * 60] * 2, {"most_event_bytes": 100}),
        ([b"data: x\n"] * 101, {"most_event_bytes": 100}),
        ([b": " + b"x" * 60] * 2, {"most_event_bytes": 100}),
        ([b"\n" * (MOST_LINES + 1)], {}),
        ([b"\r" * (MOST_LINES + 1)], {}),
    ],
)
def test_there_are_bounds(pieces: list[bytes], bounds: dict[str, int]) -> None:
    with pytest.raises(TooMuch):
        read(pieces, **bounds)


def test_a_picture_is_gathered_once() -> None:
    text = b"QUFB" * 2_000_000
    body = b'event: a\ndata: {"b64_json":"' + text + b'","n":1}\n\n'
    reader = EventReader(len(body))
    tracemalloc.start()
    try:
        pieces = (body[start : start + 65_536] for start in range(0, len(body), 65_536))
        [event] = [event for piece in pieces for event in reader.feed(piece)]
        found = pictures_in_json.loads(event.data)
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(found["b64_json"], memoryview)
    assert (found["b64_json"] == text, found["n"]) == (True, 1)
    assert peak < 1.3 * len(body)


@pytest_asyncio.fixture
async def make(upstream: Upstream) -> AsyncGenerator[Make]:
    made: list[Http] = []

    def one(max_bytes: int = MAX_BYTES) -> Http:
        made.append(Http(f"{upstream.url}/v1", provider="acme", max_bytes=max_bytes))
        return made[-1]

    yield one
    for http in made:
        await http.close()


class Hearer:
    """Remembers what it was told, and has heard enough at the event called `last`."""

    def __init__(self, last: str = "") -> None:
        self.last = last
        self.heard: list[str] = []
        self.first = asyncio.Event()

    def told(self, event: Event) -> bool:
        self.heard.append(event.name)
        self.first.set()
        return event.name == self.last


async def test_events_are_told_as_they_come(upstream: Upstream, make: Make) -> None:
    go, hearer = asyncio.Event(), Hearer()
    upstream.replies = [Reply(200, FIRST + SECOND, STREAM, hold=go, pause=len(FIRST))]
    asking = asyncio.create_task(make().post("/x", json={"stream": True}, listener=Listener(hearer.told)))
    await hearer.first.wait()
    assert (hearer.heard, asking.done()) == (["a"], False)
    go.set()
    answer = await asking
    assert (answer.status, answer.streamed, answer.content, hearer.heard) == (200, True, b"", ["a", "b"])
    assert upstream.asked[0].json == {"stream": True}


async def test_a_form_is_listened_to_as_well(upstream: Upstream, make: Make) -> None:
    hearer = Hearer()
    upstream.replies = [Reply(200, FIRST, STREAM)]
    listener = Listener(hearer.told)
    answer = await make().post_content("/x", content=b"a", content_type="text/x", listener=listener)
    assert (answer.streamed, hearer.heard) == (True, ["a"])


async def test_after_the_last_event_nothing_is_waited_for(upstream: Upstream, make: Make) -> None:
    hearer = Hearer(last="a")
    upstream.replies = [Reply(200, FIRST + SECOND, STREAM, hold=asyncio.Event(), pause=len(FIRST)), Reply(200, {})]
    http = make()
    assert (await http.post("/x", json={}, listener=Listener(hearer.told))).streamed
    assert hearer.heard == ["a"]
    await http.post("/x", json={})
    assert upstream.connections == 2, "what is still to come on the first connection belongs to nobody"


async def test_a_stream_read_to_its_end_gives_its_connection_back(upstream: Upstream, make: Make) -> None:
    upstream.replies = [Reply(200, FIRST + SECOND, STREAM), Reply(200, {})]
    http = make()
    await http.post("/x", json={}, listener=Listener(Hearer().told))
    await http.post("/x", json={})
    assert upstream.connections == 1


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, {"ok": 1}),
        Reply(400, FIRST, STREAM),
        Reply(200, gzip.compress(FIRST), {**STREAM, "content-encoding": "gzip"}),
    ],
)
async def test_what_is_no_stream_comes_whole(reply: Reply, upstream: Upstream, make: Make) -> None:
    hearer = Hearer()
    upstream.replies = [reply]
    answer = await make().post("/x", json={}, listener=Listener(hearer.told))
    assert (answer.streamed, hearer.heard) == (False, [])
    assert answer.content in (b'{"ok":1}', FIRST)


async def test_nobody_listens_and_the_stream_is_a_body(upstream: Upstream, make: Make) -> None:
    upstream.replies = [Reply(200, FIRST, STREAM)]
    assert (await make().post("/x", json={})).content == FIRST


async def test_a_stream_that_breaks_off_is_lost(upstream: Upstream, make: Make) -> None:
    hearer = Hearer()
    upstream.replies = [Reply(200, FIRST + SECOND, STREAM, cut=len(FIRST) + 10)]
    error = await failure(make().post("/x", json={}, listener=Listener(hearer.told)))
    assert (error.kind, hearer.heard) == (Kind.LOST, ["a"])


async def test_silence_is_lost_and_so_is_the_end_of_patience(upstream: Upstream, make: Make) -> None:
    never = asyncio.Event()
    upstream.script = lambda asked: Reply(200, FIRST + SECOND, STREAM, hold=never, pause=len(FIRST))
    silent = await failure(make().post("/x", json={}, listener=Listener(Hearer().told, idle=0.05)))
    assert (silent.kind, "silent" in silent.message) == (Kind.LOST, True)
    assert not isinstance(silent.__cause__, TimeoutError)
    slow = await failure(make().post("/x", json={}, listener=Listener(Hearer().told, idle=60), within=0.1))
    assert (slow.kind, isinstance(slow.__cause__, TimeoutError)) == (Kind.LOST, True)


async def test_whoever_goes_on_speaking_is_heard_for_as_long_as_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, passed = asyncio.get_running_loop(), 0.0
    real = loop.time
    monkeypatch.setattr(loop, "time", lambda: real() + passed)

    async def comments() -> AsyncGenerator[bytes]:
        nonlocal passed
        for _ in range(10):
            passed += 40.0
            yield b": still here\n\n"
            await asyncio.sleep(0)  # a timer that is due strikes here
        yield FIRST

    hearer = Hearer()
    await listen(comments(), Listener(hearer.told, idle=60.0), 1000)
    assert hearer.heard == ["a"]


async def test_a_stream_may_be_as_many_answers_long_as_is_allowed(upstream: Upstream, make: Make) -> None:
    upstream.script = lambda asked: Reply(200, FIRST + SECOND, STREAM)
    http = make(max_bytes=len(FIRST))
    error = await failure(http.post("/x", json={}, listener=Listener(Hearer().told)))
    assert (error.kind, "too large" in error.message) == (Kind.BROKEN, True)
    assert (await http.post("/x", json={}, listener=Listener(Hearer().told, times=2))).streamed


async def test_what_the_listener_raises_ends_it(upstream: Upstream, make: Make) -> None:
    def refuse(_event: Event) -> bool:
        raise ProviderError(Kind.MODERATED, "blocked")

    upstream.replies = [Reply(200, FIRST + SECOND, STREAM, hold=asyncio.Event(), pause=len(FIRST))]
    assert (await failure(make().post("/x", json={}, listener=Listener(refuse)))).kind is Kind.MODERATED
