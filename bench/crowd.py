"""Many jobs at once and many who listen to them: a process of its own, told by one JSON line and then word by word.

    (the crowd)   starts the jobs, evenly over the time that one takes; whenever one is over, the next one begins.
                  Says `running` when all of them run.
    listen        opens the streams, and says `listening`. A job's own streams are opened again with each next job.
    end           begins nothing more, waits until all is over, and says what was heard as one JSON line.

A job's own stream has to tell its whole life, from its acceptance to its picture; a team's has to tell every event.
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Awaitable
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar, cast

import uvloop

from bench.connection import Question
from bench.stream import JobStream, Stream, TeamStream

LIFE = ["accepted", "started", "image", "finished"]
CALLERS = 16  # connections on which jobs are begun
PATIENCE = 30.0  # seconds

AnyStream = TypeVar("AnyStream", bound=Stream)


@dataclass(frozen=True, slots=True)
class Crowd:
    """`job_streams` are shared out among the jobs; `seconds` is how long the provider takes for one."""

    port: int
    question: Question
    jobs: int
    job_streams: int
    team_streams: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Heard:
    """`most` jobs were under way at once. `faults` says what was not as it has to be, and how often."""

    jobs: int
    events: int
    most: int
    faults: dict[str, int] = field(default_factory=dict[str, int])


class Caller:
    """A connection for requests whose answers are short."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def ask(self, request: bytes) -> tuple[int, Any]:
        """The status and the JSON."""
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        return int(head[9:12]), json.loads(await self._reader.readexactly(length))


class Crowding:
    """One run of one crowd."""

    def __init__(self, crowd: Crowd) -> None:
        self.crowd = crowd
        self.callers = asyncio.Queue[Caller]()
        self.teams: list[TeamStream] = []
        self.faults = Counter[str]()
        self.listen = asyncio.Event()
        self.running, self.heard = asyncio.Event(), asyncio.Event()
        self.over = False
        self.number = crowd.question.first
        self.begun = self.ended = self.events = self.streams = self.most = self.last = 0

    async def run(self) -> Heard:
        for _ in range(CALLERS):
            self.callers.put_nowait(Caller(*await asyncio.open_connection("127.0.0.1", self.crowd.port)))
        places = [asyncio.create_task(self.place(number)) for number in range(self.crowd.jobs)]
        await self.say("running", self.running.wait())
        await asyncio.to_thread(sys.stdin.readline)
        self.listen.set()
        for _ in range(self.crowd.team_streams):
            self.teams.append(await self.opened(TeamStream("/v1/events", self.crowd.question.key)))
        await self.say("listening", self.heard.wait())
        await asyncio.to_thread(sys.stdin.readline)
        self.over = True
        await asyncio.gather(*places)
        await self.end_of_teams()
        return Heard(self.begun, self.events, self.most, dict(self.faults))

    async def say(self, word: str, when: Awaitable[object]) -> None:
        await when
        print(word, flush=True)

    async def place(self, number: int) -> None:
        """One job after the other."""
        streams = len(range(number, self.crowd.job_streams, self.crowd.jobs))
        await asyncio.sleep(number * self.crowd.seconds / self.crowd.jobs)
        while not self.over:
            job = await self.begin()
            if job is None:
                return
            await within(self.crowd.seconds + 0.25, self.listen.wait())
            if self.listen.is_set():
                await asyncio.gather(*(self.follow(job) for _ in range(streams)))
            self.ended += 1

    async def begin(self) -> str | None:
        self.number += 1
        request = self.crowd.question.request(self.number)
        caller = await self.callers.get()
        status, job = await caller.ask(request)
        self.callers.put_nowait(caller)
        if status != self.crowd.question.status:
            self.fault(f"a job was answered with {status}")
            return None
        self.begun += 1
        under_way = self.begun - self.ended
        self.most = max(self.most, under_way)
        if self.begun > self.crowd.jobs:  # the first is over, and followed by the next one
            self.running.set()
        return job["id"]

    async def follow(self, job: str) -> None:
        """A stream of the job's own, to its end."""
        stream = await self.opened(JobStream(f"/v1/jobs/{job}/events", self.crowd.question.key))
        self.streams += 1
        if self.streams >= self.crowd.job_streams:
            self.heard.set()
        in_time = await within(self.crowd.seconds + PATIENCE, stream.ended)
        stream.close()
        self.events += stream.events
        self.last = max(self.last, stream.last)
        result = cast("dict[str, Any]", stream.result or {})
        if not in_time or stream.types != LIFE or stream.disordered:
            self.fault(f"a job's stream told {stream.types}")
        elif result["id"] != job or result["status"] != "succeeded" or len(result["result"]["data"]) != 1:
            self.fault(f"a job's stream ended with {result['status']}")

    async def opened(self, stream: AnyStream) -> AnyStream:
        await asyncio.get_running_loop().create_connection(lambda: stream, "127.0.0.1", self.crowd.port)
        await within(PATIENCE, stream.begun)
        if stream.status != 200:
            self.fault(f"a stream was answered with {stream.status}")
        return stream

    async def end_of_teams(self) -> None:
        """Each has told of everything that happened: the last event is the end of the last job."""
        for _ in range(int(PATIENCE / 0.1)):
            if all(stream.last >= self.last for stream in self.teams):
                break
            await asyncio.sleep(0.1)
        for stream in self.teams:
            self.events += stream.events
            if stream.disordered or stream.last != self.last or stream.ended.done():
                self.fault("a team's stream left something out")
            stream.close()

    def fault(self, what: str) -> None:
        self.faults[what] += 1


async def within(seconds: float, awaitable: Awaitable[object]) -> bool:
    try:
        await asyncio.wait_for(awaitable, seconds)
    except TimeoutError:
        return False
    return True


async def main() -> None:
    told = cast(dict[str, Any], json.loads(sys.stdin.readline()))
    question = Question(**told.pop("question"))
    print(json.dumps(asdict(await Crowding(Crowd(question=question, **told)).run())), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
