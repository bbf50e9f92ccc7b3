"""Strict mode, by header or by default: what would be left out, snapped or ignored is an error."""

from typing import Any

import pytest

from simulators.running import Simulators
from tests.gateway.conftest import Start
from tests.gateway.nothing_spent import error_of
from tests.gateway.running import RunningGateway

STRICT = {"X-Easel-Strict": "true"}

FORBIDDEN: dict[str, tuple[dict[str, Any], str]] = {
    "a dropped value": ({"model": "fal/qwen-image", "user": "ada"}, "user"),
    "a dropped spelling": ({"model": "fal/qwen-image", "quality": "high"}, "quality"),
    "an unknown field": ({"model": "vllm-omni/qwen-image", "brand_new": 1}, "brand_new"),
    "a snapped size": ({"model": "gpt-image-2", "size": "905x605"}, "size"),
    "a ratio beside a size": ({"size": "1024x1024", "aspect_ratio": "16:9"}, "aspect_ratio"),
    "a resolution beside a size": ({"size": "1024x1024", "resolution": "2K"}, "resolution"),
}


@pytest.mark.parametrize(("fields", "param"), FORBIDDEN.values(), ids=FORBIDDEN)
def test_strict_refuses_what_is_served_otherwise(
    easel: RunningGateway, simulators: Simulators, fields: dict[str, Any], param: str
) -> None:
    error_of(easel.generate(headers=STRICT, **fields), 400, "unsupported_parameter", param)
    assert simulators.calls() == []
    answer = easel.generate(headers={"X-Easel-Strict": "false"}, **fields)
    assert answer.status_code == 200
    [row] = [row for row in answer.json()["metadata"]["parameters"] if row["given_as"] == param]
    assert row["behavior"] in {"dropped", "converted"}
    assert row["note"]


def test_strict_says_why_and_what_works(easel: RunningGateway) -> None:
    dropped = easel.generate(headers=STRICT, model="fal/qwen-image", quality="high").json()["error"]["message"]
    assert "X-Easel-Strict forbids" in dropped
    assert "use num_inference_steps" in dropped
    snapped = easel.generate(headers=STRICT, model="gpt-image-2", size="905x605").json()["error"]["message"]
    assert "nearest that the provider draws: 992x672" in snapped


@pytest.mark.parametrize(
    "fields", [{}, {"size": "1024x1024"}, {"size": "16:9", "seed": 5, "steps": 20}, {"n": None}, {"fal": {"newer": 1}}]
)
def test_strict_serves_what_loses_nothing(easel: RunningGateway, fields: dict[str, Any]) -> None:
    assert easel.generate(headers=STRICT, **fields).status_code == 200


def test_strict_passes_on_to_a_provider_that_honours_it(easel: RunningGateway, simulators: Simulators) -> None:
    answer = easel.generate(headers=STRICT, user="ada")
    assert answer.json()["metadata"]["provider"] == "lumenfall"
    assert simulators.calls("fal") == []
    [call] = simulators.calls("lumenfall", "generate")
    assert call["body"]["user"] == "ada"


def test_strict_can_be_the_default_and_be_lifted(start: Start, simulators: Simulators) -> None:
    gateway = start(defaults={"strict": True})
    error_of(gateway.generate(aspect_ratio="1:1", size="1024x1024"), 400, "unsupported_parameter", "aspect_ratio")
    assert simulators.calls() == []
    lifted = gateway.generate(aspect_ratio="1:1", size="1024x1024", headers={"X-Easel-Strict": "false"})
    assert lifted.status_code == 200
