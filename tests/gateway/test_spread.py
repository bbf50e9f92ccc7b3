"""n is n: split over calls whichever way a provider needs it, with the seeds s+i, and told as it was done."""

from typing import Any

import pytest

from simulators.running import Simulators
from tests.gateway.conftest import Start
from tests.gateway.drawn import asked, content_of, each, failed, served
from tests.gateway.running import RunningGateway

OFFERS: dict[str, dict[str, Any]] = {
    "one": {"count": {"to": "n", "max": 1, "seeds": "unknown"}},
    "three": {"count": {"to": "n", "max": 3, "seeds": "increments"}},
}


@pytest.fixture
def split(start: Start, simulators: Simulators) -> RunningGateway:
    """vLLM-Omni as three servers: drawing one picture a call, three a call with seeds that count up, and ten."""
    address = simulators.addresses["vllm-omni"]
    common = {
        "kind": "openai_compatible",
        "dialect": "vllm-omni",
        "base_url": address["base_url"],
        "api_key": address["key"],
        "models": {"qwen-image": "Qwen/Qwen-Image"},
    }
    return start(
        providers={name: {**common, "offers": {"qwen-image": offer}} for name, offer in OFFERS.items()},
        models={"qwen-image": {}},
    )


def sent(simulators: Simulators, count: str) -> list[tuple[int | None, int]]:
    """The seed and the number of pictures of every call, by seed."""
    calls = simulators.calls(step="submit") or simulators.calls(step="generate")
    return sorted((call["body"].get("seed"), call["body"][count]) for call in calls)


def test_eight_over_a_native_four(easel: RunningGateway, simulators: Simulators) -> None:
    body = served(easel.generate(asked(n=8)))
    assert [call["body"]["num_images"] for call in simulators.calls("fal", "submit")] == [4, 4]
    assert (len(body["data"]), simulators.paid("fal")) == (8, 8)
    assert len({content_of(image) for image in body["data"]}) == 8
    assert [(attempt["outcome"], attempt["images"]) for attempt in body["metadata"]["attempts"]] == [("ok", 4)] * 2
    [row] = [row for row in body["metadata"]["parameters"] if row["name"] == "n"]
    assert (row["behavior"], row["sent"]) == ("emulated", [4, 4])


def test_with_a_seed_each_picture_has_its_own(easel: RunningGateway, simulators: Simulators) -> None:
    body = served(easel.generate(asked(n=8, seed=100)))
    assert sent(simulators, "num_images") == [(seed, 1) for seed in range(100, 108)]
    assert each(body, "seed") == list(range(100, 108))
    assert len({content_of(image) for image in body["data"]}) == 8
    assert simulators.paid("fal") == 8
    assert body["metadata"]["cost"] == 0.16


@pytest.mark.parametrize(
    ("provider", "calls"),
    [
        ("one", [(seed, 1) for seed in range(7, 15)]),
        ("three", [(7, 3), (10, 3), (13, 2)]),
        ("vllm-omni", [(seed, 1) for seed in range(7, 15)]),
    ],
)
def test_every_split_sends_the_same_seeds(
    split: RunningGateway, simulators: Simulators, provider: str, calls: list[tuple[int, int]]
) -> None:
    body = served(split.generate(asked(n=8, seed=7, model=f"{provider}/qwen-image")))
    assert sent(simulators, "n") == calls
    assert each(body, "seed") == list(range(7, 15))
    assert simulators.paid("vllm-omni") == 8


def test_without_a_seed_a_native_one_is_eight_calls(split: RunningGateway, simulators: Simulators) -> None:
    body = served(split.generate(asked(n=8, model="one/qwen-image")))
    assert [call["body"]["n"] for call in simulators.calls("vllm-omni", "generate")] == [1] * 8
    assert len({content_of(image) for image in body["data"]}) == 8


def test_a_batch_that_counts_up_is_resumed_where_it_is_missing(split: RunningGateway, simulators: Simulators) -> None:
    body = asked(seed=7, model="three/qwen-image")
    served(split.generate({**body, "seed": 9}))
    answer = served(split.generate(body, n=5))
    assert sent(simulators, "n") == [(7, 2), (9, 1), (10, 2)]
    assert each(answer, "cache") == ["miss", "miss", "hit", "miss", "miss"]


def test_the_seed_wraps_at_the_end_of_the_range(easel: RunningGateway, simulators: Simulators) -> None:
    last = 2**32 - 1
    body = served(easel.generate(asked(n=3, seed=last)))
    assert sent(simulators, "num_images") == [(0, 1), (1, 1), (last, 1)]
    assert each(body, "seed") == [last, 0, 1]


def test_one_of_eight_that_cannot_be_drawn_names_itself(easel: RunningGateway, simulators: Simulators) -> None:
    simulators.set_faults([{"provider": "fal", "on": "result", "effect": "not_a_picture"}])
    body = asked(n=8, seed=1, model="fal/qwen-image")
    answer = easel.generate(body)
    assert "1 of 8 pictures are missing" in failed(answer, 502, "provider_error")
    assert answer.headers["x-should-retry"] == "false"
    assert simulators.paid("fal") == 8
    again = served(easel.generate(body))
    assert sorted(each(again, "cache")) == ["hit"] * 7 + ["miss"]
    assert simulators.paid("fal") == 9
