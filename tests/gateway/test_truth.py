"""What came is what is told: sizes and formats are read, what differs is marked, and strict mode refuses it."""

import re
from typing import Any

import httpx
import pytest

from simulators.running import Simulators
from tests.gateway.conftest import Start, everyone
from tests.gateway.counted import counted
from tests.gateway.drawn import asked, content_of, failed, opened, served
from tests.gateway.running import RunningGateway

STRICT = {"X-Easel-Strict": "true"}
SHAPES = ("replicate", "oxen")  # asked for a shape, these choose the size themselves
SIZES = ("fal", "lumenfall", "alibaba", "runware", "civitai")
MODELS = {"alibaba": "qwen-image-2"}


@pytest.fixture
def gateway(all_providers: RunningGateway) -> RunningGateway:
    return all_providers


@pytest.fixture
def keeping_nothing(start: Start, simulators: Simulators) -> RunningGateway:
    """URLs of providers are handed on."""
    return start(
        providers=everyone(simulators), models={"qwen-image": {"route": [*SHAPES, *SIZES]}}, storage={"keep": False}
    )


def at(slug: str, **more: Any) -> dict[str, Any]:
    return asked(
        model=f"{slug}/{MODELS.get(slug, 'qwen-image')}", **{"size": "1:1" if slug in SHAPES else "512x512", **more}
    )


def wrong(slug: str, effect: str = "wrong_size", on: str = "generate", times: int = 1) -> list[dict[str, Any]]:
    return [{"provider": slug, "on": on, "effect": effect, "times": times}]


def differing(gateway: RunningGateway, slug: str) -> float:
    return counted(gateway, "easel_images_differing_total", provider=slug, what="size")


@pytest.mark.parametrize("slug", SIZES)
def test_a_picture_of_another_size_is_told_as_it_is(gateway: RunningGateway, simulators: Simulators, slug: str) -> None:
    planned = gateway.http.post("/v1/images/plan", json=at(slug)).json()["candidates"][0]
    simulators.set_faults(wrong(slug))
    before = differing(gateway, slug)
    body = served(gateway.generate(at(slug)))
    [image] = body["data"]
    real = opened(content_of(image)).size
    assert (image["width"], image["height"]) == real != (planned["width"], planned["height"])
    assert body["size"] == f"{real[0]}x{real[1]}"
    assert body["metadata"]["differences"] == [
        {
            "index": 0,
            "what": "size",
            "planned": f"{planned['width']}x{planned['height']}",
            "got": f"{real[0]}x{real[1]}",
        }
    ]
    assert differing(gateway, slug) == before + 1
    assert simulators.paid(slug) == 1


@pytest.mark.parametrize("slug", SHAPES)
def test_a_size_that_nobody_planned_differs_from_nothing(
    gateway: RunningGateway, simulators: Simulators, slug: str
) -> None:
    simulators.set_faults(wrong(slug))
    body = served(gateway.generate(at(slug), headers=STRICT))
    assert body["metadata"]["differences"] == []
    assert (body["data"][0]["width"], body["data"][0]["height"]) == opened(content_of(body["data"][0])).size


@pytest.mark.parametrize("slug", [*SHAPES, *SIZES])
def test_a_picture_as_planned_differs_in_nothing(gateway: RunningGateway, slug: str) -> None:
    body = served(gateway.generate(at(slug), headers=STRICT))
    assert body["metadata"]["differences"] == []
    assert all("measured" not in image for image in body["data"])


def test_only_the_one_that_differs_is_marked(gateway: RunningGateway, simulators: Simulators) -> None:
    simulators.set_faults(wrong("fal"))
    body = served(gateway.generate(at("fal", n=3, seed=5)))
    [row] = body["metadata"]["differences"]
    sizes = [(image["width"], image["height"]) for image in body["data"]]
    assert [index for index, size in enumerate(sizes) if size != (512, 512)] == [row["index"]]


def test_a_difference_is_remembered_with_the_picture(gateway: RunningGateway, simulators: Simulators) -> None:
    simulators.set_faults(wrong("fal"))
    request = at("fal", seed=5)
    before = differing(gateway, "fal")
    first = served(gateway.generate(request))
    again = gateway.generate(request)
    assert again.headers["x-easel-cache"] == "hit"
    assert served(again)["metadata"]["differences"] == first["metadata"]["differences"] != []
    assert differing(gateway, "fal") == before + 1


def test_what_is_resized_here_says_what_it_was(gateway: RunningGateway, simulators: Simulators) -> None:
    """A picture of 64 × 64 pixels blown up to what was asked is not the one that was asked."""
    simulators.set_faults(wrong("alibaba"))
    body = served(gateway.generate(asked(model="alibaba/qwen-image", size="1000x1000", size_fit="exact")))
    assert (body["data"][0]["width"], body["data"][0]["height"]) == (1000, 1000)
    [row] = body["metadata"]["differences"]
    assert (row["what"], row["planned"]) == ("size", "1328x1328")
    assert row["got"] != "1328x1328"


def test_another_format_than_the_usual_one_is_marked(gateway: RunningGateway, simulators: Simulators) -> None:
    simulators.set_faults(wrong("fal", "wrong_type", on="download"))
    body = served(gateway.generate(at("fal")))
    real = opened(content_of(body["data"][0])).format or ""
    assert body["output_format"] == real.lower()
    expected = [{"index": 0, "what": "format", "planned": "png", "got": real.lower()}] if real != "PNG" else []
    assert body["metadata"]["differences"] == expected


# ---- Strict ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slug", SIZES)
def test_strict_refuses_it_and_hands_over_what_is_paid(
    gateway: RunningGateway, simulators: Simulators, slug: str
) -> None:
    simulators.set_faults(wrong(slug))
    answer = gateway.generate(at(slug), headers=STRICT)
    message = failed(answer, 502, "provider_error")
    assert re.search(r"picture 0 has the size \d+x\d+ instead of \d+x\d+", message)
    assert answer.headers["x-should-retry"] == "false"
    [kept] = answer.json()["data"]
    assert httpx.get(kept["url"]).status_code == 200
    assert simulators.paid(slug) == 1


def test_strict_loses_nothing_that_was_paid(gateway: RunningGateway, simulators: Simulators) -> None:
    simulators.set_faults(wrong("fal"))
    request = at("fal", seed=9)
    refused = gateway.generate(request, headers=STRICT)
    failed(refused, 502, "provider_error")
    assert refused.headers["x-easel-cost"] == "0.02"
    delivered = gateway.generate(request)
    assert delivered.headers["x-easel-cache"] == "hit"
    assert len(served(delivered)["metadata"]["differences"]) == 1
    assert simulators.paid("fal") == 1
    failed(gateway.generate(request, headers=STRICT), 502, "provider_error")
    assert simulators.paid("fal") == 1


# ---- Nobody has seen it ---------------------------------------------------------------------------------------------


def test_a_url_that_is_handed_on_says_that_nobody_has_seen_it(
    keeping_nothing: RunningGateway, simulators: Simulators
) -> None:
    body = served(keeping_nothing.generate(at("replicate")))
    [image] = body["data"]
    assert image["measured"] is False
    assert image["url"].startswith(f"{simulators.origin}/replicate-media/")
    assert body["metadata"]["differences"] == []
    seen = served(keeping_nothing.generate(at("replicate", response_format="b64_json")))
    assert "measured" not in seen["data"][0]


def test_a_size_that_the_provider_tells_is_compared_though_nobody_has_seen_it(
    keeping_nothing: RunningGateway, simulators: Simulators
) -> None:
    simulators.set_faults(wrong("fal"))
    body = served(keeping_nothing.generate(at("fal")))
    [image] = body["data"]
    assert image["measured"] is False
    [row] = body["metadata"]["differences"]
    assert row["got"] == f"{image['width']}x{image['height']}" != row["planned"]
