"""A picture that a provider flagged is not delivered, cached, drawn again or asked for elsewhere; its cost is told."""

from typing import Any

import pytest

from simulators.running import Simulators
from tests.gateway.conftest import Start, everyone
from tests.gateway.drawn import asked, failed, served
from tests.gateway.running import RunningGateway
from tests.gateway.test_truth import at

# | provider | model that draws four in one call | what one picture of four costs, in millionths of a dollar: all made |
BATCHES = {
    "fal": ("fal/qwen-image", 80_000),
    "replicate": ("replicate/flux-schnell", 9_000),  # three were made, and three are paid
    "runware": ("runware/qwen-image", None),
    "civitai": ("civitai/qwen-image", None),
}


@pytest.fixture
def gateway(all_providers: RunningGateway) -> RunningGateway:
    return all_providers


def submissions(simulators: Simulators, slug: str) -> int:
    return len(simulators.calls(slug, "submit"))


@pytest.mark.parametrize("slug", BATCHES)
@pytest.mark.parametrize("effect", ["nsfw", "nsfw_one"])
def test_one_of_four_is_enough(gateway: RunningGateway, simulators: Simulators, slug: str, effect: str) -> None:
    model, micros = BATCHES[slug]
    simulators.set_faults([{"provider": slug, "on": "submit", "effect": effect}])
    more: dict[str, Any] = {"safety": "on"} if slug == "runware" else {}
    answer = gateway.generate(asked(model=model, n=4, size="1024x1024", **more))
    message = failed(answer, 400, "content_policy_violation")
    flagged = 4 if effect == "nsfw" and slug != "replicate" else 1
    assert f"{flagged} of 4 pictures" in message
    assert submissions(simulators, slug) == 1
    told = answer.headers["x-easel-cost"]
    assert f"costs {told} dollars" in message
    if micros is not None:
        assert round(float(told) * 1e6) == micros


@pytest.mark.parametrize("slug", BATCHES)
def test_it_is_asked_of_nobody_else(start: Start, simulators: Simulators, slug: str) -> None:
    model = BATCHES[slug][0].partition("/")[2]
    gateway = start(providers=everyone(simulators), models={model: {"route": [slug, "fal", "runware"]}})
    simulators.set_faults([{"provider": slug, "on": "submit", "effect": "nsfw", "times": -1}])
    more: dict[str, Any] = {"safety": "on"} if slug == "runware" else {}
    failed(gateway.generate(asked(model=model, size="512x512", **more)), 400, "content_policy_violation")
    assert {call["provider"] for call in simulators.calls()} == {slug}
    assert submissions(simulators, slug) == 1


def test_it_is_not_cached_and_the_others_are(gateway: RunningGateway, simulators: Simulators) -> None:
    simulators.set_faults([{"provider": "fal", "on": "submit", "effect": "nsfw"}])
    request = at("fal", n=4, seed=5)
    message = failed(gateway.generate(request), 400, "content_policy_violation")
    assert "1 of 4 pictures" in message
    assert (simulators.paid("fal"), len(simulators.calls("fal", "submit"))) == (4, 4)
    again = gateway.generate(request)
    assert len(served(again)["data"]) == 4
    assert again.headers["x-easel-cache"] == "partial"
    assert simulators.paid("fal") == 5  # the three that were paid before are not drawn again


def test_with_urls_handed_on_a_flagged_one_is_not(start: Start, simulators: Simulators) -> None:
    gateway = start(providers=everyone(simulators), storage={"keep": False})
    simulators.set_faults([{"provider": "fal", "on": "submit", "effect": "nsfw_one"}])
    answer = gateway.generate(at("fal", n=4))
    assert "1 of 4 pictures" in failed(answer, 400, "content_policy_violation")
    assert simulators.origin not in answer.text
