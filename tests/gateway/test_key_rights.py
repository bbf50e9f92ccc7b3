"""What a key may use is asked of the model that is meant, on every images route, before anything is fetched or sent."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from simulators.running import Simulators
from tests.gateway.drawn import asked, failed, served
from tests.gateway.photos import data_uri, photo
from tests.gateway.running import FOX, RunningGateway
from tests.gateway.tenants import Json, bearing, change_team, made_key, make_key, make_team

Post = Callable[[RunningGateway, str, str], httpx.Response]

NOWHERE = "https://127.0.0.1:1/picture.png"  # no picture may come from there: fetching it would be another error


def as_json(route: str, **fields: Any) -> Post:
    def post(gateway: RunningGateway, key: str, model: str) -> httpx.Response:
        return gateway.http.post(route, json={**FOX, "model": model, **fields}, headers=bearing(key))

    return post


def as_form(route: str) -> Post:
    def post(gateway: RunningGateway, key: str, model: str) -> httpx.Response:
        files = {"image": ("photo.png", photo(), "image/png")}
        data = {"model": model, "prompt": "a fox"}
        return gateway.http.post(route, data=data, files=files, headers=bearing(key))

    return post


def as_url_form(route: str) -> Post:
    def post(gateway: RunningGateway, key: str, model: str) -> httpx.Response:
        return gateway.http.post(route, data={"model": model, "prompt": "a fox"}, headers=bearing(key))

    return post


ROUTES: dict[str, Post] = {
    "generations": as_json("/v1/images/generations"),
    "generations, other prefix": as_json("/openai/v1/images/generations"),
    "generations, async": as_json("/v1/images/generations", webhook_url=None),
    "generations, stream": as_json("/v1/images/generations", stream=True),
    "dry run": as_json("/v1/images/generations?dryRun=true"),
    "edits": as_json("/v1/images/edits", image=NOWHERE),
    "edits, data": as_json("/v1/images/edits", image=data_uri(photo())),
    "edits, strength": as_json("/v1/images/edits", image=NOWHERE, strength=0.5),
    "edits, dry run": as_json("/v1/images/edits?dryRun=true", image=NOWHERE),
    "edits, form": as_form("/v1/images/edits"),
    "edits, form, dry run": as_form("/v1/images/edits?dryRun=true"),
    "edits, no picture": as_url_form("/v1/images/edits"),
    "variations": as_json("/v1/images/variations", image=NOWHERE),
    "variations, form": as_form("/v1/images/variations"),
    "plan": as_json("/v1/images/plan"),
    "plan, picture": as_json("/v1/images/plan", image=NOWHERE),
    "plan, form": as_form("/v1/images/plan"),
    "plan, guide": as_json("/v1/images/plan", control_nets=[{"model": "canny", "image": NOWHERE}]),
}


@pytest.mark.parametrize("route", ROUTES)
def test_a_model_that_is_not_on_the_list_is_refused_before_anything_happens(
    all_providers: RunningGateway, simulators: Simulators, route: str
) -> None:
    key = make_key(all_providers, models=["flux-*", "fal/qwen-image-2512"])
    for model in ("qwen-image", "fal/qwen-image", "  qwen-image ", "qwen-image-edit"):
        answer = ROUTES[route](all_providers, key, model)
        told = failed(answer, 403, "not_allowed")
        assert answer.json()["error"]["param"] == "model"
        assert "flux-*" in told
    assert simulators.calls() == []


@pytest.mark.parametrize("model", ["qwen-image", "fal/qwen-image", "openai/gpt-image-1-mini", "gpt-image-1-mini"])
def test_a_model_on_the_list_may_be_meant_in_each_of_its_ways(easel: RunningGateway, model: str) -> None:
    """By its public id or with a provider; and a list may name either."""
    for models in (["qwen-image", "gpt-image-1-mini"], ["*/qwen-image", "openai/*"], ["q*", "*-mini"]):
        key = make_key(easel, models=models)
        answer = easel.http.post("/v1/images/plan", json={**FOX, "model": model}, headers=bearing(key))
        assert answer.status_code == 200, answer.text


def excluded(answer: httpx.Response) -> dict[str, str | None]:
    """Why each provider would not be asked."""
    rows: list[Json] = served(answer)["candidates"]
    return {row["provider"]: row["excluded"] and row["excluded"]["code"] for row in rows}


def test_the_plan_says_which_providers_are_not_for_this_key(easel: RunningGateway) -> None:
    key = make_key(easel, providers=["lumen*"])
    answer = easel.http.post("/v1/images/plan", json=FOX, headers=bearing(key))
    assert excluded(answer) == {"lumenfall": None, "fal": "not_allowed", "vllm-omni": "not_allowed"}
    rows = {row["provider"]: row for row in answer.json()["candidates"]}
    assert rows["fal"]["available"] is True
    assert rows["fal"]["excluded"] == {
        "param": "model",
        "code": "not_allowed",
        "reason": "this key may not use fal/qwen-image",
    }


def test_only_allowed_providers_are_asked_also_when_they_fail(easel: RunningGateway, simulators: Simulators) -> None:
    key = make_key(easel, providers=["lumenfall"])
    body = served(easel.generate(asked(), headers=bearing(key)))
    assert body["metadata"]["provider"] == "lumenfall"
    simulators.set_faults([{"provider": "lumenfall", "on": "generate", "effect": "status", "status": 400}])
    answer = easel.generate(asked(), headers=bearing(key))
    assert answer.status_code >= 400
    assert {call["provider"] for call in simulators.calls()} == {"lumenfall"}


def test_a_provider_cannot_be_forced_past_the_list(easel: RunningGateway, simulators: Simulators) -> None:
    key = make_key(easel, providers=["lumenfall"])
    failed(easel.generate(asked(model="fal/qwen-image"), headers=bearing(key)), 403, "not_allowed")
    failed(easel.generate(asked(model="gpt-image-1-mini"), headers=bearing(key)), 403, "not_allowed")
    assert simulators.calls() == []


def test_what_the_allowed_provider_refuses_is_told_of_it_alone(easel: RunningGateway) -> None:
    """fal may not be used, so that only what lumenfall says is of any use."""
    key = make_key(easel, providers=["vllm-omni"])
    answer = easel.generate(asked(background="transparent"), headers=bearing(key))
    failed(answer, 400, "unsupported_parameter")
    assert answer.json()["error"]["param"] == "background"


def test_an_operation_that_only_others_offer_is_not_allowed(all_providers: RunningGateway) -> None:
    """Its model may be used, but not by whoever does this with it."""
    models = {row["id"]: row for row in all_providers.http.get("/v1/models").json()["data"]}
    drawing = {row["provider"] for row in models["qwen-image"]["providers"] if row["operation"] == "generate"}
    editing = {row["provider"] for row in models["qwen-image"]["providers"] if row["operation"] != "generate"}
    if not drawing - editing or not editing:
        pytest.skip("everybody who draws with it also edits")
    key = make_key(all_providers, providers=sorted(drawing - editing))
    answer = as_json("/v1/images/variations", image=data_uri(photo()))(all_providers, key, "qwen-image")
    failed(answer, 403, "not_allowed")


def test_a_teams_list_holds_beside_its_keys(easel: RunningGateway, simulators: Simulators) -> None:
    team = make_team(easel, models=["qwen-*"])
    wide, narrow = make_key(easel, team["id"]), make_key(easel, team["id"], providers=["openai"], models=["gpt-*"])
    assert easel.generate(asked(), headers=bearing(wide)).status_code == 200
    simulators.reset()
    for model in ("gpt-image-1-mini", "qwen-image"):
        failed(easel.generate(asked(model=model), headers=bearing(narrow)), 403, "not_allowed")
    change_team(easel, team["id"], models=["gpt-*"])
    failed(easel.generate(asked(), headers=bearing(wide)), 403, "not_allowed")
    assert simulators.calls() == []


def test_a_key_sees_the_models_that_it_may_use(easel: RunningGateway) -> None:
    everything = {row["id"] for row in easel.http.get("/v1/models").json()["data"]}
    key = make_key(easel, models=["qwen-image", "openai/gpt-image-1*"], providers=["fal", "openai"])
    data = easel.http.get("/v1/models", headers=bearing(key)).json()["data"]
    shown = {row["id"]: {offer["provider"] for offer in row["providers"]} for row in data}
    assert shown["qwen-image"] == {"fal"}
    assert {*shown} == {id for id in everything if id.startswith("gpt-image-1")} | {"qwen-image"}
    for id in ("qwen-image", "fal/qwen-image", "openai/gpt-image-1-mini"):
        assert easel.http.get(f"/v1/models/{id}", headers=bearing(key)).status_code == 200
    told = {
        failed(easel.http.get(f"/v1/models/{id}", headers=bearing(key)), 404, "model_not_found").replace(id, "ID")
        for id in ("flux-dev", "lumenfall/qwen-image", "no-such-model", "qwen-imag")
    }
    assert len(told) == 1, "what it may not use is told as what is not there"


def test_an_admins_own_team_may_be_bounded_too(easel: RunningGateway) -> None:
    try:
        change_team(easel, "default", providers=["lumenfall"])
        failed(easel.generate(asked(model="fal/qwen-image")), 403, "not_allowed")
    finally:
        change_team(easel, "default", providers=None)
    assert easel.generate(asked(model="fal/qwen-image")).status_code == 200


def test_a_keys_defaults_hold_where_the_request_says_nothing(easel: RunningGateway) -> None:
    key = made_key(easel, strict=True, response_format="b64_json")
    failed(
        easel.generate(asked(quality="high", model="fal/qwen-image"), headers=key.headers), 400, "unsupported_parameter"
    )
    lax = {**key.headers, "x-easel-strict": "false"}
    [image] = served(easel.generate(asked(quality="high", model="fal/qwen-image"), headers=lax))["data"]
    assert set(image) & {"url", "b64_json"} == {"b64_json"}
    [image] = served(easel.generate(asked(response_format="url"), headers=key.headers))["data"]
    assert set(image) & {"url", "b64_json"} == {"url"}
    plain = make_key(easel, key.team, response_format="url", strict=False)
    [image] = served(easel.generate(asked(model="gpt-image-1-mini", size="1024x1024"), headers=bearing(plain)))["data"]
    assert "url" in image


def test_a_key_may_have_every_request_drawn_anew(easel: RunningGateway, simulators: Simulators) -> None:
    """Also one that an SDK sends again: the first one's picture is then paid, and another one too."""
    for join, drawn in ((True, 1), (False, 2)):
        simulators.reset()
        key = made_key(easel, join_retries=join)
        body = asked(model="fal/qwen-image")
        for tries in ("0", "1"):
            answer = easel.generate(body, headers={**key.headers, "x-stainless-retry-count": tries})
            assert answer.status_code == 200, answer.text
        assert simulators.paid("fal") == drawn
