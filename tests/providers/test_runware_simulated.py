"""The adapter against the stand-in: whatever goes wrong on the way, a picture is paid once, and made if it can be."""

import time
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import pytest_asyncio

from providers.base import Answer, Call
from providers.errors import Kind, ProviderError
from providers.guard import Guard
from providers.polling import follow
from providers.runware.adapter import Runware
from simulators.running import Simulators
from tests.normalizers.offers import planned
from tests.providers.simulated import account_at

ATTEMPTS = 3  # as the gateway tries a call whose failure cost nothing


def call(call_id: str, n: int = 2, **more: Any) -> Call:
    """A call as the tables plan it."""
    [made] = planned({"size": "512x384", "n": n, **more}, "runware/qwen-image").calls()
    return Call(call_id, "runware:108@1", "generate", made.payload, n, "url")


@pytest_asyncio.fixture
async def runware(simulators: Simulators) -> AsyncGenerator[Runware]:
    adapter = Runware(account_at(simulators, "runware"), lag=(0, 0, 0))
    yield adapter
    await adapter.close()


async def drawn(runware: Runware, call: Call) -> Answer:
    return await follow(runware, await runware.submit(call), call, time.monotonic() + 30)


async def drawn_in_the_end(runware: Runware, call: Call) -> Answer:
    """Tried again as the gateway does."""
    for left in reversed(range(ATTEMPTS)):
        try:
            return await drawn(runware, call)
        except ProviderError as error:
            if not left or not error.again or error.paid:
                raise
    raise AssertionError


async def test_from_submission_to_the_bytes(runware: Runware, simulators: Simulators, call_id: str) -> None:
    answer = await drawn(runware, call(call_id, output_format="webp", seed=None))
    assert answer.cost == pytest.approx(2 * 0.0014)  # pyright: ignore[reportUnknownMemberType]  # pytest's own
    guard = Guard([simulators.origin])
    contents: set[bytes] = set()
    for image in answer.images:
        assert image.url is not None
        picture = await guard.fetch(image.url, max_bytes=10_000_000, deadline=time.monotonic() + 10)
        assert picture.content[8:12] == b"WEBP"
        contents.add(picture.content)
    await guard.close()
    assert len(contents) == 2
    [sent] = simulators.calls("runware", "submit")
    assert sent["body"][0]["deliveryMethod"] == "async"


@pytest.fixture
def call_id(request: pytest.FixtureRequest) -> str:
    """The simulator keeps ids over a test's end, as Runware does."""
    return f"req_{request.node.name}.0"


RECOVERED: list[dict[str, Any]] = [
    {"on": "submit", "effect": "drop_before"},
    {"on": "submit", "effect": "drop_after"},
    {"on": "submit", "effect": "html"},
    {"on": "submit", "effect": "status", "status": 502, "body": "<html>"},
    {"on": "submit", "effect": "status", "status": 504, "body": "<html>"},
    {"on": "submit", "effect": "status", "status": 500},
    {"on": "submit", "effect": "status", "status": 503},
    {"on": "submit", "effect": "status", "status": 429, "times": 2},
    {"on": "submit", "effect": "failed"},
    {"on": "submit", "effect": "failed", "times": 2},
    {"on": "status", "effect": "drop_before", "times": 2},
    {"on": "status", "effect": "drop_after", "times": 2},
    {"on": "status", "effect": "html", "times": 2},
    {"on": "status", "effect": "status", "status": 401},
    {"on": "status", "effect": "status", "status": 500, "times": 2},
    {"on": "status", "effect": "status", "status": 503, "times": 2},
    {"on": "status", "effect": "status", "status": 404},
    {"on": "result", "effect": "drop_before", "times": 2},
    {"on": "result", "effect": "drop_after", "times": 2},
    {"on": "result", "effect": "html", "times": 2},
    {"on": "result", "effect": "status", "status": 500, "times": 2},
    {"on": "result", "effect": "status", "status": 429},
]


@pytest.mark.parametrize("fault", RECOVERED, ids=repr)
async def test_every_picture_is_made_and_paid_exactly_once(
    fault: dict[str, Any], runware: Runware, simulators: Simulators, call_id: str
) -> None:
    simulators.set_faults([{"provider": "runware", **fault}])
    answer = await drawn_in_the_end(runware, call(call_id))
    assert len({image.url for image in answer.images}) == 2
    assert simulators.paid("runware") == 2


async def test_an_accepted_task_is_never_sent_again(runware: Runware, simulators: Simulators, call_id: str) -> None:
    simulators.set_faults(
        [{"provider": "runware", "on": on, "effect": "drop_after", "times": 2} for on in ("submit", "status")]
    )
    assert len((await drawn(runware, call(call_id))).images) == 2
    assert len(simulators.calls("runware", "submit")) == 1
    assert simulators.paid("runware") == 2


async def test_another_process_finds_the_task_of_the_first(
    runware: Runware, simulators: Simulators, call_id: str
) -> None:
    second = Runware(account_at(simulators, "runware"))
    first = await drawn(runware, call(call_id))
    again = await drawn(second, call(call_id))
    await second.close()
    assert [image.url for image in again.images] == [image.url for image in first.images]
    assert simulators.paid("runware") == 2


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"effect": "moderated"}, (Kind.MODERATED, 0)),
        ({"effect": "failed", "times": -1}, (Kind.FAILED, 0)),
        ({"effect": "empty"}, (Kind.BROKEN, 2)),
        ({"effect": "drop_before", "times": -1}, (Kind.LOST, 0)),
        ({"effect": "status", "status": 401}, (Kind.KEY, 0)),
        ({"effect": "status", "status": 402}, (Kind.CREDIT, 0)),
    ],
    ids=repr,
)
async def test_what_cannot_be_helped(
    fault: dict[str, Any], outcome: tuple[Kind, int], runware: Runware, simulators: Simulators, call_id: str
) -> None:
    simulators.set_faults([{"provider": "runware", "on": "submit", **fault}])
    with pytest.raises(ProviderError) as caught:
        await drawn_in_the_end(runware, call(call_id))
    assert (caught.value.kind, simulators.paid("runware")) == outcome


async def test_a_task_that_runware_forgot_is_gone_and_may_have_been_paid(
    runware: Runware, simulators: Simulators, call_id: str
) -> None:
    wanted = call(call_id)
    ticket = await runware.submit(wanted)
    simulators.set_pace("runware", keep_seconds=0)
    with pytest.raises(ProviderError) as caught:
        await follow(runware, ticket, wanted, time.monotonic() + 30)
    assert (caught.value.kind, caught.value.paid, caught.value.again) == (Kind.GONE, True, False)


async def test_one_of_a_batch_that_fails_is_left_out_and_one_that_is_blocked_is_flagged(
    runware: Runware, simulators: Simulators, call_id: str
) -> None:
    for effect, expected in (("failed", [False]), ("moderated", [False, True])):
        simulators.reset()
        simulators.set_faults([{"provider": "runware", "on": "result", "effect": effect}])
        answer = await drawn(runware, call(f"{call_id}.{effect}"))
        assert [image.flagged for image in answer.images] == expected
        assert simulators.paid("runware") == 1


async def test_a_flagged_picture_says_so(runware: Runware, simulators: Simulators, call_id: str) -> None:
    simulators.set_faults([{"provider": "runware", "on": "submit", "effect": "nsfw"}])
    answer = await drawn(runware, call(call_id, safety="on"))
    assert [image.flagged for image in answer.images] == [True, True]
    assert simulators.calls("runware", "submit")[0]["body"][0]["safety"] == {"checkContent": True}


async def test_a_wrong_key_and_a_wrong_value(runware: Runware, simulators: Simulators, call_id: str) -> None:
    stranger = Runware(account_at(simulators, "runware", key="wrong"))
    with pytest.raises(ProviderError) as caught:
        await stranger.submit(call(call_id))
    await stranger.close()
    assert caught.value.kind is Kind.KEY
    wanted = call(call_id)
    wanted.payload["width"] = 1000
    with pytest.raises(ProviderError) as caught:
        await runware.submit(wanted)
    assert (caught.value.kind, caught.value.param) == (Kind.BAD_REQUEST, "width")
    assert simulators.paid("runware") == 0
