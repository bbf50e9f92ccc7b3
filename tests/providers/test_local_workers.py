"""Real workers behind the dispatch: how they are is asked, calls wait here, and whoever dies or ends loses nothing."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio

from providers.account import Account
from providers.base import Call
from providers.errors import Kind, NotBegun
from providers.local import own, roster
from providers.local.adapter import Local
from tests.providers.failing import failure
from tests.providers.upstream import Reply, Upstream
from tests.workers.serving import Served, serve
from tests.workers.stepwise import STEPWISE, Stepwise
from workers.sketch.painter import Sketch

ANSWER = {"created": 1, "data": [{"b64_json": "AAAA"}]}
Make = Callable[..., Local]


def call(prompt: str, **more: Any) -> Call:
    return Call(f"req_{prompt}.0", "stepwise", "generate", {"prompt": prompt}, 1, "bytes", **more)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - plain attributes of other objects
            await asyncio.sleep(0.002)


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    monkeypatch.setattr(roster, "LOOK_EVERY", 0.05)
    monkeypatch.setattr(roster, "LOOK_PAUSE", 0.005)
    yield


@pytest_asyncio.fixture
async def stack() -> AsyncGenerator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


async def local_of(
    stack: AsyncExitStack, *urls: str, not_yet: Sequence[str] = ("unknown", "loading"), **settings: Any
) -> Local:
    """A dispatch that knows of each of its workers how it is."""
    local = Local(Account("", key=settings.pop("key", None)), urls, patience=settings.pop("patience", 0.2), **settings)
    stack.push_async_callback(local.close)
    local.start()
    await until(lambda: not any(each.state in not_yet for each in local.roster.workers.values()))
    return local


async def workers(stack: AsyncExitStack, count: int, **settings: Any) -> list[tuple[Served, Stepwise]]:
    made: list[tuple[Served, Stepwise]] = []
    for _ in range(count):
        engine = Stepwise()
        made.append((await stack.enter_async_context(serve(engine, **settings)), engine))
    return made


def begun(those: list[tuple[Served, Stepwise]]) -> list[str]:
    return [drawing.prompt for _served, engine in those for drawing in engine.asked]


async def test_what_a_worker_tells_is_heard(stack: AsyncExitStack) -> None:
    [(served, engine)] = await workers(stack, 1, key="secret")
    local = await local_of(stack, served.url, key="secret")
    [worker] = local.roster.workers.values()
    assert worker.status is not None and worker.status.engine == "stepwise"
    assert (worker.state, set(worker.status.models or ())) == ("ready", {"stepwise"})
    assert local.lacks("stepwise") is None
    assert local.lacks("other") == "no worker draws it now (none has it)"
    assert not local.expects("other")
    engine.let_go()
    assert len((await local.generate(call("fox"))).images) == 1


async def test_a_worker_that_wants_another_key_is_not_asked_to_draw(stack: AsyncExitStack) -> None:
    [(served, engine)] = await workers(stack, 1, key="secret")
    local = await local_of(stack, served.url)
    assert local.roster.workers[served.url].trouble == "it does not accept the gateway's key"
    assert (await failure(local.generate(call("fox")))).kind is Kind.BUSY
    assert engine.asked == []


async def test_a_worker_that_loads_is_no_candidate_and_says_how_far_it_is(stack: AsyncExitStack) -> None:
    engine = Stepwise()
    engine.loads.clear()
    served = await stack.enter_async_context(serve(engine))
    local = await local_of(stack, served.url, not_yet=["unknown"])
    await until(lambda: "50%" in (local.lacks("stepwise") or ""))
    assert local.lacks("stepwise") == "the worker that draws it is not ready yet: looking for the brush (50%)"
    engine.let_go()
    await until(lambda: local.lacks("stepwise") is None)
    assert len((await local.generate(call("fox"))).images) == 1


async def test_a_worker_that_learns_its_models_by_loading_may_be_the_one(stack: AsyncExitStack) -> None:
    engine = Stepwise(models=())
    engine.loads.clear()
    served = await stack.enter_async_context(serve(engine))
    local = await local_of(stack, served.url, not_yet=["unknown"])
    await until(lambda: "50%" in (local.lacks("stepwise") or ""))
    assert local.lacks("stepwise") == (
        "a worker is not ready yet, and what it draws is known when it has loaded: looking for the brush (50%)"
    )
    assert local.expects("stepwise")
    engine.models = (STEPWISE,)
    engine.let_go()
    await until(lambda: local.lacks("stepwise") is None)


async def test_more_than_a_worker_takes_waits_here_in_order_and_can_be_cancelled(stack: AsyncExitStack) -> None:
    [(served, engine)] = await workers(stack, 1)
    local = await local_of(stack, served.url)
    calls = [asyncio.create_task(local.generate(call(str(number)))) for number in range(6)]
    await until(lambda: len(local.dispatch.line) == 3 and served.worker.desk.waiting == 2)
    calls[4].cancel()
    await until(lambda: len(local.dispatch.line) == 2)
    engine.let_go()
    done = await asyncio.gather(*calls, return_exceptions=True)
    assert [isinstance(each, BaseException) for each in done] == [False] * 4 + [True, False]
    assert [drawing.prompt for drawing in engine.asked] == ["0", "1", "2", "3", "5"]


async def test_a_call_whose_deadline_comes_in_line_was_never_begun(stack: AsyncExitStack) -> None:
    [(served, engine)] = await workers(stack, 1)
    local = await local_of(stack, served.url)
    calls = [asyncio.create_task(local.generate(call(str(number)))) for number in range(3)]
    await until(lambda: served.worker.desk.waiting == 2)
    late = await failure(local.generate(call("late", deadline=local.clock() + 0.1)))
    assert isinstance(late, NotBegun) and not late.paid
    engine.let_go()
    await asyncio.gather(*calls)
    assert "late" not in begun([(served, engine)])


async def test_the_line_has_an_end(stack: AsyncExitStack) -> None:
    [(served, engine)] = await workers(stack, 1)
    local = await local_of(stack, served.url, most_waiting=1)
    calls = [asyncio.create_task(local.generate(call(str(number)))) for number in range(4)]
    await until(lambda: len(local.dispatch.line) == 1)
    assert (await failure(local.generate(call("more")))).kind is Kind.BUSY
    declined = local.declines(call("more"))
    assert declined is not None and declined.word == "full"
    engine.let_go()
    await asyncio.gather(*calls)


async def test_work_that_nobody_waits_for_yields_and_waits_for_an_idle_worker(stack: AsyncExitStack) -> None:
    those = await workers(stack, 1)
    local = await local_of(stack, those[0][0].url)
    background = [asyncio.create_task(local.generate(call(f"b{number}", waited_for=False))) for number in range(2)]
    await until(lambda: len(those[0][1].asked) == 1)
    interactive = [asyncio.create_task(local.generate(call(f"i{number}"))) for number in range(3)]
    await until(lambda: those[0][0].worker.desk.waiting == 2)
    assert len(local.dispatch.line) == 2, "the second of the background stands here, not in the worker's own line"
    those[0][1].let_go()
    await asyncio.gather(*background, *interactive)
    assert begun(those) == ["b0", "i0", "i1", "i2", "b1"]


async def test_work_for_which_somebody_waits_by_now_moves_up(stack: AsyncExitStack) -> None:
    those = await workers(stack, 1)
    local = await local_of(stack, those[0][0].url)
    calls = [asyncio.create_task(local.generate(call(f"b{number}", waited_for=False))) for number in range(4)]
    await until(lambda: len(those[0][1].asked) == 1 and len(local.dispatch.line) == 3)
    assert [local.in_line(f"req_b{number}") for number in range(5)] == [0, 1, 1, 1, 0]
    local.hurry("req_b2")
    assert local.standing().waiting == {"interactive": 0, "background": 2}, "a worker takes it beside what it draws"
    those[0][1].let_go()
    await asyncio.gather(*calls)
    assert begun(those) == ["b0", "b2", "b1", "b3"]


async def test_two_gateways_share_three_workers(stack: AsyncExitStack) -> None:
    those = await workers(stack, 3)
    urls = [served.url for served, _engine in those]
    first, second = await local_of(stack, *urls), await local_of(stack, *urls)
    calls = [asyncio.create_task(first.generate(call(f"a{number}"))) for number in range(9)]
    await until(lambda: all(served.worker.desk.waiting == 2 for served, _engine in those))
    await until(lambda: all(worker.told.taken == 3 for worker in second.roster.workers.values()))
    assert second.roster.workers[urls[0]].busy(second.clock()) > 0, "it sees what the other gateway has sent"
    theirs = [asyncio.create_task(second.generate(call(f"b{number}"))) for number in range(9)]
    await until(lambda: sum(served.worker.desk.waiting for served, _engine in those) == 9)
    assert len(second.dispatch.line) == 6, "one more at each worker, and the rest stands in its own line"
    for _served, engine in those:
        engine.let_go()
    assert len(await asyncio.gather(*calls, *theirs)) == 18
    assert sorted(begun(those)) == sorted([f"{who}{number}" for who in "ab" for number in range(9)])


async def test_a_worker_that_ends_hands_on_what_stands_in_line_there(stack: AsyncExitStack) -> None:
    those = await workers(stack, 1)
    local = await local_of(stack, those[0][0].url, patience=5)
    calls = [asyncio.create_task(local.generate(call(str(number)))) for number in range(3)]
    await until(lambda: those[0][0].worker.desk.waiting == 2)
    those += await workers(stack, 1)
    local.roster._add(those[1][0].url)  # pyright: ignore[reportPrivateUsage] - as if it had announced itself
    await until(lambda: local.roster.workers[those[1][0].url].state == "ready")
    those[1][1].let_go()
    those[0][0].worker.desk.drain()
    await until(lambda: local.roster.workers[those[0][0].url].state == "draining")
    await until(lambda: sum(each.done() for each in calls) == 2)
    assert not calls[0].done(), "what it has begun it finishes"
    those[0][1].let_go()
    await asyncio.gather(*calls)
    assert [len(engine.asked) for _served, engine in those] == [1, 2]


async def test_a_machine_that_falls_silent_has_lost_its_calls(
    stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its kernel tells nobody: only that it does not answer any more when it is asked how it is."""
    monkeypatch.setattr(own, "LOOK_SECONDS", 0.4)
    upstream, held = Upstream(), asyncio.Event()
    status: dict[str, Any] = {"ready": True, "models": [{"id": "stepwise"}]}
    silent = False
    upstream.script = lambda asked: (
        Reply(200, status, hold=held if silent else None) if asked.method == "GET" else Reply(200, ANSWER, hold=held)
    )
    await upstream.start()
    stack.push_async_callback(upstream.stop)
    [(served, engine)] = await workers(stack, 1)
    engine.let_go()
    local = await local_of(stack, upstream.url, served.url)
    local.roster.workers[served.url].rest(local.clock(), 0.5)
    drawing = asyncio.create_task(local.generate(call("fox")))
    await until(lambda: any(asked.method == "POST" for asked in upstream.asked))
    silent = True
    assert len((await drawing).images) == 1
    assert (local.roster.workers[upstream.url].state, local.roster.losses) == ("away", 1)
    assert engine.asked[0].prompt == "fox"


async def test_who_no_longer_announces_itself_is_asked_and_left_when_it_is_gone(stack: AsyncExitStack) -> None:
    local = Local(Account(""), announced=True, patience=0.05)
    stack.push_async_callback(local.close)
    local.start()
    gone = socket.create_server(("127.0.0.1", 0))
    dead = f"http://127.0.0.1:{gone.getsockname()[1]}"
    gone.close()
    [(served, engine)] = await workers(stack, 1)
    engine.let_go()
    local.announced([served.url, dead, "http://10.1.2.3:80", "nonsense"])
    assert set(local.roster.workers) == {served.url, dead}
    assert set(local.roster.rejected) == {"http://10.1.2.3:80", "nonsense"}, "plain http only where it is allowed"
    await until(lambda: local.roster.workers[served.url].state == "ready")
    assert len((await local.generate(call("fox"))).images) == 1
    local.announced([])
    await until(lambda: dead not in local.roster.workers)
    assert served.url in local.roster.workers, "it answers: a Redis that was started anew says nothing about it"
    served.worker.desk.drain()
    await until(lambda: not local.roster.workers)
    assert (await failure(local.generate(call("owl")))).kind is Kind.BUSY


async def test_of_thirty_workers_each_draws(stack: AsyncExitStack) -> None:
    local = Local(Account(""), announced=True)
    stack.push_async_callback(local.close)
    local.start()
    those, over = list[Served](), asyncio.Event()

    async def one() -> None:
        async with serve(Sketch()) as served:
            those.append(served)
            await over.wait()

    serving = [asyncio.create_task(one()) for _ in range(30)]
    stack.push_async_callback(asyncio.wait, serving)
    stack.callback(over.set)
    await until(lambda: len(those) == 30)
    local.announced([served.url for served in those])
    await until(lambda: sum(worker.state == "ready" for worker in local.roster.workers.values()) == 30)
    payload = {"prompt": "fox", "size": "64x64", "num_inference_steps": 1}
    calls = [Call(f"req_{number}.0", "sketch", "generate", payload, 1, "bytes") for number in range(60)]
    assert len(await asyncio.gather(*map(local.generate, calls))) == 60
    assert sum(served.worker.desk.drawn for served in those) == 60
    assert all(served.worker.desk.drawn for served in those)
