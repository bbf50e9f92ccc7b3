"""What a provider charges is what the caller is told, in every currency and way of billing."""

from typing import Any

import pytest

from simulators.running import Simulators
from tests.gateway.conftest import Start, everyone
from tests.gateway.drawn import asked, served
from tests.gateway.running import RunningGateway


@pytest.fixture
def gateway(all_providers: RunningGateway) -> RunningGateway:
    return all_providers


# | provider and model | request | dollars | what they rest on |
COSTS: dict[str, tuple[str, dict[str, Any], float, str]] = {
    "fal's billable units: begun megapixels": ("fal/qwen-image", {"n": 2, "size": "1040x1024"}, 0.08, "estimated"),
    "fal's price a picture": ("fal/qwen-image-2", {"n": 2, "size": "1024x1024"}, 0.07, "published"),
    "Runware says it": ("runware/qwen-image", {"n": 2, "size": "1024x768"}, 0.0116, "charged"),
    "DashScope's pictures, in yuan": ("alibaba/qwen-image-2", {"n": 2, "size": "1024x1024"}, 0.07196, "published"),
    "Civitai's workflow, in Buzz": ("civitai/qwen-image", {"n": 4, "size": "1024x1024"}, 0.072, "charged"),
    "Lumenfall says it": ("lumenfall/qwen-image", {"size": "1024x1024"}, 0.02, "charged"),
    "Replicate's price a picture": ("replicate/flux-schnell", {"n": 3, "size": "1024x1024"}, 0.009, "published"),
    "Replicate publishes none": ("replicate/qwen-image", {"size": "1024x1024"}, 0.03, "estimated"),
    "OpenAI's tokens": ("openai/gpt-image-1.5", {"n": 2, "size": "1024x1024", "quality": "low"}, 0.017428, "published"),
}


@pytest.mark.parametrize(("model", "request_", "dollars", "basis"), COSTS.values(), ids=COSTS)
def test_what_is_charged_is_told(
    gateway: RunningGateway, model: str, request_: dict[str, Any], dollars: float, basis: str
) -> None:
    answer = gateway.generate(asked(model=model, prompt="a fox in the snow", cache="off", **request_))
    told = served(answer)["metadata"]
    assert (told["cost"], told["cost_basis"]) == (dollars, basis)
    assert answer.headers.get("x-easel-cost") == f"{dollars:.6f}".rstrip("0")


def test_a_price_of_the_users_own_wins_over_the_table_but_not_over_the_bill(
    start: Start, simulators: Simulators
) -> None:
    own = everyone(simulators)
    own["civitai"] |= {"prices": {"qwen-image": {"per_image": 1}}}
    own["fal"] |= {"prices": {"qwen-image-2": {"per_image": 0.01}}}
    gateway = start(providers=own, models={"qwen-image": {"route": ["civitai"]}})
    dry = gateway.http.post("/v1/images/generations?dryRun=true", json=asked(model="civitai/qwen-image")).json()
    assert (dry["total_cost_micros"], dry["cost_basis"]) == (1_000_000, "configured")
    billed = served(gateway.generate(asked(model="civitai/qwen-image", size="1024x1024")))["metadata"]
    assert (billed["cost"], billed["cost_basis"]) == (0.018, "charged")
    counted = served(gateway.generate(asked(model="fal/qwen-image-2", size="1024x1024")))["metadata"]
    assert (counted["cost"], counted["cost_basis"]) == (0.01, "configured")


def test_the_price_of_a_server_of_the_users_is_unknown(easel: RunningGateway) -> None:
    told = served(easel.generate(asked(model="vllm-omni/qwen-image")))["metadata"]
    assert (told["cost"], told["cost_basis"]) == (None, "unknown")


def test_what_comes_from_the_cache_costs_nothing(gateway: RunningGateway) -> None:
    request = asked(model="runware/qwen-image", seed=3)
    assert served(gateway.generate(request))["metadata"]["cost"] > 0
    answer = gateway.generate(request)
    assert answer.headers["x-easel-cache"] == "hit"
    told = served(answer)["metadata"]
    assert (told["cost"], told["cost_basis"]) == (0, "charged")


@pytest.mark.parametrize("slug", ["fal", "runware", "alibaba", "civitai"])
def test_an_estimate_is_not_below_the_bill(gateway: RunningGateway, slug: str) -> None:
    model = "qwen-image-2" if slug == "alibaba" else "qwen-image"
    request = asked(model=f"{slug}/{model}", n=2, size="1000x600")
    planned = gateway.http.post("/v1/images/generations?dryRun=true", json=request).json()["total_cost_micros"]
    assert served(gateway.generate(request))["metadata"]["cost"] * 1e6 <= planned
