"""`?dryRun=true` and POST /v1/images/plan: what a request would cost and send, at every candidate, spending nothing."""

from typing import Any

import pytest

from simulators.running import Simulators
from tests.gateway.conftest import Start
from tests.gateway.nothing_spent import error_of
from tests.gateway.running import FOX, RunningGateway

CANDIDATE = {
    "provider",
    "provider_name",
    "id",
    "available",
    "excluded",
    "calls",
    "parameters",
    "defaults",
    "cost",
    "cost_micros",
    "cost_currency",
    "cost_basis",
    "price",
    "width",
    "height",
    "fingerprint",
}


def planned(gateway: RunningGateway, **fields: Any) -> dict[str, dict[str, Any]]:
    """The candidates by provider, in route order."""
    answer = gateway.http.post("/openai/v1/images/plan", json={**FOX, **fields})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["object"], body["operation"]) == ("image.plan", "generate")
    assert all(set(candidate) == CANDIDATE for candidate in body["candidates"])
    return {candidate["provider"]: candidate for candidate in body["candidates"]}


def bodies_of(candidate: dict[str, Any]) -> list[dict[str, Any]]:
    return [call["body"] for call in candidate["calls"]]


def test_a_plan_is_what_is_then_sent(easel: RunningGateway, simulators: Simulators) -> None:
    fields: dict[str, Any] = {"size": "16:9", "n": 3, "seed": 5, "steps": 20, "output_format": "webp"}
    candidates = planned(easel, **fields)
    assert list(candidates) == ["fal", "lumenfall", "vllm-omni"]
    assert simulators.calls() == []
    for provider, candidate in candidates.items():
        answer = easel.generate(model=f"{provider}/qwen-image", headers={"X-Easel-Cache": "off"}, **fields)
        told = answer.json()
        sent = [call["body"] for call in simulators.calls(provider) if call["step"] in {"submit", "generate"}]
        upstreams = {body.pop("model") for body in sent if "model" in body}  # at fal it is part of the path
        assert upstreams <= {call["upstream"] for call in candidate["calls"]}
        by_seed = [sorted(bodies, key=lambda body: body["seed"]) for bodies in (sent, bodies_of(candidate))]
        assert by_seed[0] == by_seed[1]
        assert candidate["parameters"] == told["metadata"]["parameters"]
        assert candidate["defaults"] == told["metadata"]["defaults"]
        assert [call["seed"] for call in candidate["calls"]] == [body["seed"] for body in bodies_of(candidate)]
        assert sum(call["images"] for call in candidate["calls"]) == len(told["data"]) == 3
        assert f"{candidate['width']}x{candidate['height']}" == told["size"]


def test_a_candidate_that_cannot_serve_says_why(easel: RunningGateway, simulators: Simulators) -> None:
    candidates = planned(easel, loras=[{"path": "https://example.com/a.safetensors"}], size="1024x1024")
    assert candidates["fal"]["excluded"] is None
    lumenfall = candidates["lumenfall"]
    assert (lumenfall["available"], lumenfall["calls"], lumenfall["cost"]) == (True, [], None)
    assert (lumenfall["excluded"]["param"], lumenfall["excluded"]["code"]) == ("loras", "unsupported_parameter")
    assert "LoRA" in lumenfall["excluded"]["reason"]
    assert simulators.calls() == []


def test_a_provider_without_a_key_names_its_variable(start: Start) -> None:
    gateway = start(providers={"lumenfall": {}})
    candidates = planned(gateway)
    assert candidates["lumenfall"]["available"] is False
    assert candidates["lumenfall"]["excluded"]["code"] == "no_provider"
    assert "LUMENFALL_API_KEY" in candidates["lumenfall"]["excluded"]["reason"]
    assert [name for name, candidate in candidates.items() if candidate["available"]] == ["fal", "vllm-omni"]


def test_without_any_provider_a_plan_still_tells_and_a_picture_is_a_503(start: Start, simulators: Simulators) -> None:
    gateway = start(providers={"fal": {}, "lumenfall": {}, "vllm-omni": simulated_server("http://127.0.0.1:9/v1")})
    candidates = planned(gateway, model="flux-dev")
    assert "fal" in candidates
    assert not any(one["available"] for one in candidates.values())
    answer = gateway.generate(model="flux-dev")
    message = error_of(answer, 503, "no_provider")
    assert "FAL_KEY" in message
    assert answer.headers["x-should-retry"] == "false"
    dry = gateway.http.post("/v1/images/generations?dryRun=true", json={**FOX, "model": "flux-dev"})
    error_of(dry, 503, "no_provider")
    assert simulators.calls() == []


def simulated_server(base_url: str) -> dict[str, Any]:
    return {"kind": "openai_compatible", "base_url": base_url, "models": {"qwen-image": "q"}}


def test_what_is_wrong_everywhere_is_an_error_of_the_plan_too(easel: RunningGateway) -> None:
    answer = easel.http.post("/v1/images/plan", json={**FOX, "n": 0})
    error_of(answer, 400, "invalid_value", "n")
    only_edits = easel.http.post("/v1/images/plan", json={**FOX, "model": "qwen-image-edit"})
    assert only_edits.status_code == 200
    assert only_edits.json()["candidates"] == []


@pytest.mark.parametrize("query", ["dryRun=true", "dryRun=1", "dryRun=True", "api-version=2&dryRun=true"])
def test_a_dry_run_says_what_it_would_cost(easel: RunningGateway, simulators: Simulators, query: str) -> None:
    body: dict[str, Any] = {**FOX, "size": "1024x1024", "n": 2}
    answer = easel.http.post(f"/v1/images/generations?{query}", json=body)
    [price] = {candidate["cost_micros"] for name, candidate in planned(easel, **body).items() if name == "fal"}
    told = answer.json()
    [component] = told.pop("components")
    assert told == {
        "estimated": True,
        "model": "qwen-image",
        "provider": "fal",
        "total_cost_micros": price,
        "currency": "USD",
        "cost_basis": "estimated",
    }
    assert set(component) == {"type", "metric", "quantity", "billable_quantity", "unit_price", "total_cost"}
    assert component["total_cost"] == price
    assert component["metric"] in {"image", "megapixel", "max"}
    assert answer.headers["x-request-id"].startswith("req_")
    assert simulators.calls() == []


def test_what_nobody_can_price_is_null(easel: RunningGateway, simulators: Simulators) -> None:
    body = {**FOX, "model": "vllm-omni/qwen-image"}
    told = easel.http.post("/v1/images/generations?dryRun=true", json=body).json()
    assert told["total_cost_micros"] is None
    assert (told["components"][0]["metric"], told["components"][0]["unit_price"]) == ("unknown", None)
    assert planned(easel, **body)["vllm-omni"]["cost"] is None
    drawn = easel.generate(body)
    assert drawn.json()["metadata"]["cost"] is None
    assert "x-easel-cost" not in drawn.headers
    assert simulators.paid("vllm-omni") == 1


def test_a_dry_run_that_is_false_draws(easel: RunningGateway, simulators: Simulators) -> None:
    answer = easel.http.post("/v1/images/generations?dryRun=false", json={**FOX, "model": "vllm-omni/qwen-image"})
    assert len(answer.json()["data"]) == 1
    assert simulators.paid("vllm-omni") == 1
