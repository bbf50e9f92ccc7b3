"""Which workers there are, and how each is: those of the configuration, and those that announce themselves."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from providers.local.peer import Away, Peer
from providers.local.worker import Worker

LOOK_EVERY = 2.0  # seconds
LOOK_PAUSE = 0.1  # at least, between two looks that events have brought about
MOST_MISSES = 2  # looks in a row that bring no answer mean that nobody is there
LINGER_SECONDS = 10.0  # a worker that answers although its lease is gone is believed for so long
MOST_ANNOUNCED = 1000

Open = Callable[[str], Peer]
"""A worker at an address that was announced. Raises ValueError for one that is not accepted."""


class Roster:
    """`changed` is called whenever a worker may have room that had none, or has gone. `clock` is monotonic."""

    def __init__(
        self,
        peers: Iterable[Peer],
        open_announced: Open,
        changed: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.workers = {peer.url: Worker(peer) for peer in peers}
        self.rejected: dict[str, str] = {}  # addresses that were announced, and why they are not asked
        self.losses = 0
        self._open = open_announced
        self._changed = changed
        self._clock = clock
        self._unannounced: dict[str, float] = {}  # since when nothing is heard of a worker that had announced itself
        self._looking: dict[str, asyncio.Task[None]] = {}
        self._started = False

    def __repr__(self) -> str:
        return f"<Roster of {len(self.workers)} workers>"

    def start(self) -> None:
        """They are asked how they are from now on, on the loop that runs."""
        self._started = True
        for worker in self.workers.values():
            self._watch(worker)

    async def close(self) -> None:
        for task in self._looking.values():
            task.cancel()
        await asyncio.gather(*self._looking.values(), return_exceptions=True)
        self._looking.clear()
        for worker in self.workers.values():
            await worker.peer.close()

    def announced(self, urls: Sequence[str]) -> None:
        """All that are announced now. Who is no longer among them is asked at once whether it is there."""
        now, there = self._clock(), set(urls[:MOST_ANNOUNCED])
        self.rejected = {url: why for url, why in self.rejected.items() if url in there}
        for url in there - self.rejected.keys():
            known = self.workers.get(url)
            if known is None:
                self._add(url)
            elif known.announced:
                self._unannounced.pop(url, None)
                if known.leaving:
                    known.leaving = False
                    self._changed()
        for url, worker in self.workers.items():
            if worker.announced and url not in there and url not in self._unannounced:
                self._unannounced[url] = now
                worker.changed.set()

    async def look(self, worker: Worker) -> None:
        """Asks one how it is; returns when that is known."""
        asked = self._clock()
        try:
            status = await worker.peer.look()
        except Away as away:
            self._missed(worker, away)
        else:
            worker.misses = 0
            worker.said(status, asked, self._clock())
        self._settle(worker)
        self._changed()

    def _add(self, url: str) -> None:
        try:
            worker = self.workers[url] = Worker(self._open(url), announced=True)
        except ValueError as wrong:
            self.rejected[url] = str(wrong)
            return
        if self._started:
            self._watch(worker)
        self._changed()

    def _missed(self, worker: Worker, away: Away) -> None:
        """One whose lease is gone as well is not waited for again."""
        worker.misses += away.silent
        dead = away.silent and (worker.misses >= MOST_MISSES or worker.url in self._unannounced)
        if dead or not away.silent:
            worker.trouble = away.why
        if dead:
            worker.lose()

    def _settle(self, worker: Worker) -> None:
        """What becomes of one whose lease is gone: it stays as long as it has calls of ours."""
        since = self._unannounced.get(worker.url)
        if since is None:
            return
        worker.leaving = worker.trouble is not None or self._clock() - since >= LINGER_SECONDS
        over = worker.leaving or worker.told.draining
        if over and not worker.sent:
            del self.workers[worker.url], self._unannounced[worker.url]

    def _watch(self, worker: Worker) -> None:
        self._looking[worker.url] = asyncio.create_task(self._keep_looking(worker), name="worker status")

    async def _keep_looking(self, worker: Worker) -> None:
        while self.workers.get(worker.url) is worker:
            worker.changed.clear()
            await self.look(worker)
            if worker.url not in self.workers:
                break
            await asyncio.sleep(LOOK_PAUSE)
            try:
                async with asyncio.timeout(LOOK_EVERY - LOOK_PAUSE):
                    await worker.changed.wait()
            except TimeoutError:
                continue
        self._looking.pop(worker.url, None)
        await worker.peer.close()


def usable(workers: Mapping[str, Worker]) -> list[Worker]:
    return [worker for worker in workers.values() if worker.usable]
