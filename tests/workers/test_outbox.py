"""Words from other threads: all of them, in order, and few wakes."""

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from workers.outbox import Outbox


class Heard:
    """Ends the wait when `expected` words were called."""

    def __init__(self, expected: int) -> None:
        self.words: list[int] = []
        self.all = asyncio.Event()
        self._expected = expected

    def word(self, number: int) -> Callable[[], None]:
        return partial(self._hear, number)

    def _hear(self, number: int) -> None:
        self.words.append(number)
        if len(self.words) == self._expected:
            self.all.set()


async def test_what_is_only_mentioned_wakes_the_loop_once(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    outbox, heard, wakes = Outbox(loop), Heard(100), list[object]()
    wake = loop.call_soon_threadsafe

    def counted(call: Callable[..., object], *args: Any, **kwargs: Any) -> asyncio.Handle:
        wakes.append(call)
        return wake(call, *args, **kwargs)

    monkeypatch.setattr(loop, "call_soon_threadsafe", counted)

    def mention_all() -> None:
        for number in range(100):
            outbox.mention(heard.word(number))

    thread = threading.Thread(target=mention_all)
    thread.start()
    thread.join()  # the loop is kept busy meanwhile
    assert len(wakes) == 1
    await heard.all.wait()
    assert heard.words == list(range(100))


async def test_what_is_told_overtakes_nothing() -> None:
    outbox, heard = Outbox(asyncio.get_running_loop()), Heard(40)

    def talk() -> None:
        for number in range(40):
            (outbox.tell if number % 4 == 0 else outbox.mention)(heard.word(number))

    await asyncio.to_thread(talk)
    await heard.all.wait()
    assert heard.words == list(range(40))


async def test_words_after_a_silence_are_heard_too() -> None:
    outbox = Outbox(asyncio.get_running_loop())
    for _ in range(3):
        heard = Heard(1)
        await asyncio.to_thread(outbox.mention, heard.word(0))
        await heard.all.wait()


def test_a_closed_loop_is_told_nothing() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    outbox, heard = Outbox(loop), list[int]()
    outbox.tell(partial(heard.append, 1))
    outbox.mention(partial(heard.append, 2))
    assert heard == []
