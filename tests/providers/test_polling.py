"""A ticket is followed to its end: asked again through every hitch, never sent again."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import pytest

from providers import polling
from providers.base import Answer, Call, Image, Progress, Ticket
from providers.errors import Kind, ProviderError
from providers.polling import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    SHARE,
    STOP_SECONDS,
    UNKNOWN_CHECKS,
    WAIT_SECONDS,
    cancel_at_provider,
    follow,
)

Said = TypeVar("Said", Progress, Answer)
CALL = Call("req_1.1", "acme/paint", "generate", {"prompt": "x"}, 1, "url")
TICKET = Ticket("t1")
ANSWER = Answer((Image(url="https://cdn.example/a.png"),))


@dataclass
class Clock:
    """Time that passes only while somebody sleeps; whoever sleeps when `awakened` is given is awakened by it."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list[float])
    awakened: asyncio.Event | None = None

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if self.awakened is not None:
            self.awakened.set()
            await asyncio.Event().wait()
        self.now += seconds


class Queue:
    """Answers from two scripts; a check without a script is still waiting."""

    name = "acme"

    def __init__(
        self,
        checks: Sequence[Progress | Kind] = (),
        results: Sequence[Answer | Kind] = (),
        *,
        hang: asyncio.Event | None = None,
        cancel_fails: bool = False,
    ) -> None:
        self.checks = list(checks)
        self.results = list(results)
        self.hang = hang
        self.cancel_fails = cancel_fails
        self.cancelled: list[Ticket] = []

    async def submit(self, call: Call) -> Ticket:
        raise AssertionError("a ticket is never sent again")

    async def check(self, ticket: Ticket) -> Progress:
        assert ticket is TICKET
        if self.hang is not None and not self.cancelled:
            self.hang.set()
            await asyncio.Event().wait()
        return _told(self.checks.pop(0) if self.checks else Progress())

    async def result(self, ticket: Ticket, call: Call) -> Answer:
        assert call is CALL
        return _told(self.results.pop(0))

    async def cancel(self, ticket: Ticket) -> None:
        self.cancelled.append(ticket)
        if self.cancel_fails:
            raise ProviderError(Kind.BUSY, "no")

    async def close(self) -> None: ...


def _told(said: Said | Kind) -> Said:
    if isinstance(said, Kind):
        raise ProviderError(said, "scripted", retry_after=7.0 if said is Kind.RATE else None)
    return said


async def followed(
    queue: Queue,
    clock: Clock,
    seconds: float = 100.0,
    *,
    on_progress: Callable[[Progress], None] | None = None,
    hint: asyncio.Event | None = None,
    stop: asyncio.Event | None = None,
) -> Answer:
    return await follow(
        queue,
        TICKET,
        CALL,
        clock.now + seconds,
        clock=clock,
        sleep=clock.sleep,
        on_progress=on_progress,
        hint=hint,
        stop=stop,
    )


async def test_it_waits_longer_and_longer_until_the_job_is_done() -> None:
    clock, seen = Clock(), list[Progress]()
    queue = Queue([Progress(position=number) for number in range(20, 0, -1)] + [Progress(done=True)], [ANSWER])
    assert await followed(queue, clock, on_progress=seen.append) is ANSWER
    assert clock.slept[0] == FIRST_PAUSE
    assert clock.slept == sorted(clock.slept)
    assert clock.slept[-1] == pytest.approx(SHARE * (clock.now - clock.slept[-1] - 1000.0))  # pyright: ignore[reportUnknownMemberType] - pytest's own
    assert [each.position for each in seen[:3]] == [20, 19, 18]
    assert seen[-1].done


async def test_no_pause_is_longer_than_the_longest() -> None:
    clock = Clock()
    assert await followed(Queue([Progress()] * 80 + [Progress(done=True)], [ANSWER]), clock) is ANSWER
    assert clock.slept[-1] == LONGEST_PAUSE


class Waiting(Queue):
    """It can be asked to answer at the end."""

    def __init__(self, clock: Clock, looks: Sequence[tuple[float, Progress]]) -> None:
        super().__init__((), [ANSWER])
        self.clock = clock
        self.looks = list(looks)
        self.asked: list[float] = []

    async def wait(self, ticket: Ticket, seconds: float) -> Progress:
        assert ticket is TICKET
        self.asked.append(seconds)
        took, progress = self.looks.pop(0)
        self.clock.now += took
        return progress


async def test_a_provider_that_can_be_waited_for_is_not_asked_again_and_again() -> None:
    clock = Clock()
    queue = Waiting(clock, [(20.0, Progress()), (5.0, Progress(done=True))])
    assert await followed(queue, clock) is ANSWER
    assert queue.asked == [WAIT_SECONDS, WAIT_SECONDS]
    assert clock.slept == [0.0], "the wait itself was pause enough"


async def test_one_that_answers_at_once_instead_of_waiting_is_not_hammered() -> None:
    clock = Clock()
    queue = Waiting(clock, [(0.0, Progress()), (0.0, Progress()), (0.0, Progress(done=True))])
    assert await followed(queue, clock, seconds=5.0) is ANSWER
    assert clock.slept == [FIRST_PAUSE, FIRST_PAUSE]
    assert queue.asked[0] == 5.0, "no longer than until the deadline"


@pytest.mark.parametrize("kind", [Kind.BUSY, Kind.RATE, Kind.KEY, Kind.CREDIT, Kind.LOST, Kind.BROKEN])
async def test_a_hitch_while_asking_for_the_status_does_not_end_it(kind: Kind) -> None:
    clock = Clock()
    assert await followed(Queue([kind, kind, Progress(done=True)], [ANSWER]), clock) is ANSWER
    assert (clock.slept[0] == 7.0) == (kind is Kind.RATE), "a wish to wait is kept"


async def test_a_hitch_while_fetching_the_result_does_not_end_it() -> None:
    done = [Progress(done=True)] * 3
    assert await followed(Queue(list(done), [Kind.BUSY, Kind.RATE, ANSWER]), Clock()) is ANSWER


async def test_a_result_that_cannot_be_read_is_believed_only_when_repeated() -> None:
    done = [Progress(done=True)] * UNKNOWN_CHECKS
    almost = [Kind.BROKEN] * (UNKNOWN_CHECKS - 1)
    assert await followed(Queue(list(done), [*almost, ANSWER]), Clock()) is ANSWER
    with pytest.raises(ProviderError) as caught:
        await followed(Queue(list(done), [Kind.BROKEN] * UNKNOWN_CHECKS), Clock())
    assert caught.value.kind is Kind.BROKEN


@pytest.mark.parametrize("kind", [Kind.FAILED, Kind.MODERATED, Kind.BAD_REQUEST, Kind.CANCELLED])
async def test_the_providers_word_on_the_job_ends_it(kind: Kind) -> None:
    clock = Clock()
    with pytest.raises(ProviderError) as caught:
        await followed(Queue([Progress(done=True)], [kind]), clock)
    assert caught.value.kind is kind
    assert not clock.slept


async def test_unknown_is_believed_only_when_repeated() -> None:
    almost = [Kind.GONE] * (UNKNOWN_CHECKS - 1)
    assert await followed(Queue([*almost, Progress(), *almost, Progress(done=True)], [ANSWER]), Clock()) is ANSWER
    for queue in (
        Queue([Kind.GONE] * UNKNOWN_CHECKS),
        Queue([Progress(done=True)] * UNKNOWN_CHECKS, [Kind.GONE] * UNKNOWN_CHECKS),
    ):
        with pytest.raises(ProviderError) as caught:
            await followed(queue, Clock())
        assert caught.value.kind is Kind.GONE


async def test_past_the_deadline_the_ticket_stays_with_the_provider() -> None:
    clock, queue = Clock(), Queue()
    with pytest.raises(ProviderError) as caught:
        await followed(queue, clock, seconds=10.0)
    assert caught.value.kind is Kind.TIMEOUT
    assert caught.value.provider == "acme"
    assert abs(clock.now - 1010.0) < 1e-6, "it is asked until the last moment"
    assert not queue.cancelled


async def test_a_status_route_that_hangs_is_left_at_the_deadline() -> None:
    queue = Queue(hang=asyncio.Event())
    with pytest.raises(ProviderError) as caught:
        await followed(queue, Clock(), seconds=0.05)
    assert caught.value.kind is Kind.TIMEOUT


async def test_a_caller_that_is_cancelled_leaves_the_ticket_with_the_provider() -> None:
    hanging = asyncio.Event()
    queue = Queue(hang=hanging)
    task = asyncio.create_task(followed(queue, Clock(), stop=asyncio.Event(), hint=asyncio.Event()))
    await hanging.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not queue.cancelled


async def test_a_caller_that_is_cancelled_in_the_moment_of_a_hint_is_cancelled_all_the_same() -> None:
    hanging, stop = asyncio.Event(), asyncio.Event()
    queue = Queue(hang=hanging)
    task = asyncio.create_task(followed(queue, Clock(), stop=stop))
    await hanging.wait()
    stop.set()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not queue.cancelled


async def test_a_wait_that_is_cut_short_leaves_no_cancellation_behind() -> None:
    hint, stop = asyncio.Event(), asyncio.Event()
    queue = Queue([Progress(), Progress(done=True)], [ANSWER])
    task = asyncio.create_task(followed(queue, Clock(awakened=hint), hint=hint, stop=stop))
    assert await task is ANSWER
    assert task.cancelling() == 0


async def test_a_wish_beyond_the_deadline_is_met_by_half() -> None:
    clock = Clock()
    queue = Queue([Kind.RATE, Kind.RATE, Progress(done=True)], [ANSWER])
    assert await followed(queue, clock, seconds=10.0) is ANSWER  # the script asks for seven seconds, twice
    assert clock.slept == [7.0, 1.5]


async def test_a_hint_cuts_a_pause_short() -> None:
    hint = asyncio.Event()
    clock = Clock(awakened=hint)
    assert await followed(Queue([Progress(), Progress(done=True)], [ANSWER]), clock, hint=hint) is ANSWER
    assert clock.slept == [FIRST_PAUSE]
    assert not hint.is_set()


async def test_after_a_hint_pauses_are_whole_again() -> None:
    class Dozing(Clock):
        """Asleep for some turns of the loop; the first time for ever."""

        async def sleep(self, seconds: float) -> None:
            self.slept.append(seconds)
            if len(self.slept) == 1:
                hint.set()
                await asyncio.Event().wait()
            for _turn in range(5):
                await asyncio.sleep(0)
            self.now += seconds

    clock, hint = Dozing(), asyncio.Event()
    assert await followed(Queue([*[Progress()] * 4, Progress(done=True)], [ANSWER]), clock, hint=hint) is ANSWER
    assert len(clock.slept) == 4
    assert abs(clock.now - 1000.0 - sum(clock.slept[1:])) < 1e-6


async def test_a_hint_that_comes_during_a_look_is_followed_by_another_at_once() -> None:
    clock, hint = Clock(), asyncio.Event()
    queue = Queue([Progress(position=1), Progress(done=True)], [ANSWER])
    assert await followed(queue, clock, on_progress=lambda seen: hint.set() if seen.position else None, hint=hint)
    assert not clock.slept


async def test_a_hint_that_was_there_before_is_met_by_the_first_look() -> None:
    clock, hint = Clock(), asyncio.Event()
    hint.set()
    assert await followed(Queue([Progress(), Progress(done=True)], [ANSWER]), clock, hint=hint) is ANSWER
    assert clock.slept == [FIRST_PAUSE]


class Holding(Waiting):
    """Its first wait lasts until it is given up, which `event` brings about."""

    def __init__(self, clock: Clock, event: asyncio.Event, looks: Sequence[tuple[float, Progress]]) -> None:
        super().__init__(clock, looks)
        self.event = event
        self.given_up = False

    async def wait(self, ticket: Ticket, seconds: float) -> Progress:
        if self.given_up:
            return await super().wait(ticket, seconds)
        self.event.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.given_up = True
        raise AssertionError("nobody sets that event")


async def test_a_hint_cuts_a_long_wait_short() -> None:
    clock, hint = Clock(), asyncio.Event()
    queue = Holding(clock, hint, [(0.0, Progress(done=True))])
    assert await followed(queue, clock, hint=hint) is ANSWER
    assert queue.given_up
    assert not clock.slept


async def test_told_to_stop_it_cancels_once_and_passes_on_the_providers_word() -> None:
    stop = asyncio.Event()
    queue = Queue([Progress(), Progress(), Progress(done=True)], [Kind.CANCELLED])
    with pytest.raises(ProviderError) as caught:
        await followed(queue, Clock(), on_progress=lambda _seen: stop.set(), stop=stop)
    assert (caught.value.kind, caught.value.message) == (Kind.CANCELLED, "scripted")
    assert queue.cancelled == [TICKET]


async def test_told_to_stop_before_the_first_look_it_cancels_all_the_same() -> None:
    stop = asyncio.Event()
    stop.set()
    queue = Queue([Progress(done=True)], [Kind.CANCELLED])
    with pytest.raises(ProviderError):
        await followed(queue, Clock(), stop=stop)
    assert queue.cancelled == [TICKET]


@pytest.mark.parametrize("cancel_fails", [True, False])
async def test_an_answer_that_comes_although_it_was_stopped_is_returned(cancel_fails: bool) -> None:
    stop = asyncio.Event()
    queue = Queue([Progress(), Progress(), Progress(done=True)], [ANSWER], cancel_fails=cancel_fails)
    assert await followed(queue, Clock(), on_progress=lambda _seen: stop.set(), stop=stop) is ANSWER
    assert queue.cancelled == [TICKET]


@pytest.mark.parametrize(("seconds", "followed_for"), [(100.0, STOP_SECONDS), (2.0, 2.0)])
async def test_a_stopped_job_without_an_end_may_have_been_paid(seconds: float, followed_for: float) -> None:
    clock, stop, queue = Clock(), asyncio.Event(), Queue()
    with pytest.raises(ProviderError) as caught:
        await followed(queue, clock, seconds, on_progress=lambda _seen: stop.set(), stop=stop)
    assert (caught.value.kind, caught.value.paid, caught.value.provider) == (Kind.CANCELLED, True, "acme")
    assert "may have been paid" in caught.value.message
    assert abs(clock.now - 1000.0 - followed_for) < 1e-6
    assert queue.cancelled == [TICKET]


@pytest.mark.parametrize("kind", [Kind.FAILED, Kind.MODERATED, Kind.BROKEN, Kind.GONE])
async def test_a_stopped_job_is_not_tried_again_whatever_its_end(kind: Kind) -> None:
    stop = asyncio.Event()
    stop.set()
    with pytest.raises(ProviderError) as caught:
        await followed(Queue([Progress(done=True)] * UNKNOWN_CHECKS, [kind] * UNKNOWN_CHECKS), Clock(), stop=stop)
    assert (caught.value.kind, caught.value.again) == (Kind.CANCELLED, False)


async def test_to_stop_cuts_a_pause_and_a_long_wait_short() -> None:
    stop = asyncio.Event()
    clock, queue = Clock(awakened=stop), Queue([Progress(), Progress(done=True)], [ANSWER])
    assert await followed(queue, clock, stop=stop) is ANSWER
    assert (clock.slept, queue.cancelled) == ([FIRST_PAUSE], [TICKET])
    clock, stop = Clock(), asyncio.Event()
    holding = Holding(clock, stop, [(0.0, Progress(done=True))])
    assert await followed(holding, clock, stop=stop) is ANSWER
    assert (holding.asked, holding.cancelled) == ([STOP_SECONDS], [TICKET])


async def test_to_stop_cuts_a_status_route_that_hangs_short() -> None:
    stop = asyncio.Event()
    queue = Queue([Progress(done=True)], [ANSWER], hang=stop)
    assert await followed(queue, Clock(), stop=stop) is ANSWER
    assert queue.cancelled == [TICKET]


async def test_a_cancellation_that_hangs_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    class Deaf(Queue):
        async def cancel(self, ticket: Ticket) -> None:
            self.cancelled.append(ticket)
            await asyncio.Event().wait()

    monkeypatch.setattr(polling, "CANCEL_SECONDS", 0.01)
    queue = Deaf()
    async with asyncio.timeout(10.0):
        await cancel_at_provider(queue, TICKET)
    assert queue.cancelled == [TICKET]
