"""The adapter against the stand-in: whatever goes wrong on the way, a picture is paid once, and made if it can be."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest
import pytest_asyncio

from providers.base import Call
from providers.errors import Kind
from providers.runware.adapter import Runware
from simulators.running import Simulators
from tests.normalizers.offers import planned
from tests.providers.failing import failure
from tests.providers.simulated import (
    RECOVERED,
    account_at,
    downloaded,
    drawn,
    drawn_in_the_end,
    followed,
    refused_key,
)


def call(call_id: str, n: int = 2, **more: Any) -> Call:
    """A call as the tables plan it."""
    [made] = planned({"size": "512x384", "n": n, **more}, "runware/qwen-image").calls()
    return Call(call_id, "runware:108@1", "generate", made.payload, n, "url")


@pytest_asyncio.fixture
async def runware(simulators: Simulators) -> AsyncGenerator[Runware]:
    adapter = Runware(account_at(simulators, "runware"), lag=(0, 0, 0))
    yield adapter
    await adapter.close()


async def test_from_submission_to_the_bytes(runware: Runware, simulators: Simulators, call_id: str) -> None:
    answer = await drawn(runware, call(call_id, output_format="webp", seed=None))
    assert answer.cost == pytest.approx(2 * 0.0014)  # pyright: ignore[reportUnknownMemberType]  # pytest's own
    contents = {picture.content for picture in await downloaded(simulators, answer)}
    assert [content[8:12] for content in contents] == [b"WEBP", b"WEBP"]
    [sent] = simulators.calls("runware", "submit")
    assert sent["body"][0]["deliveryMethod"] == "async"


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
    assert ((await failure(drawn_in_the_end(runware, call(call_id)))).kind, simulators.paid("runware")) == outcome


async def test_a_task_that_runware_forgot_is_gone_and_may_have_been_paid(
    runware: Runware, simulators: Simulators, call_id: str
) -> None:
    wanted = call(call_id)
    ticket = await runware.submit(wanted)
    simulators.set_pace("runware", keep_seconds=0)
    error = await failure(followed(runware, ticket, wanted))
    assert (error.kind, error.paid, error.again) == (Kind.GONE, True, False)


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
    await refused_key(Runware(account_at(simulators, "runware", key="wrong")), call(call_id))
    wanted = call(call_id)
    wanted.payload["width"] = 1000
    error = await failure(runware.submit(wanted))
    assert (error.kind, error.param) == (Kind.BAD_REQUEST, "width")
    assert simulators.paid("runware") == 0
