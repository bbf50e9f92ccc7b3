"""Edits through the whole gateway to DashScope's stand-in: at once, and as tasks."""

from typing import Any

import httpx
import pybase64
import pytest

from simulators.running import Simulators
from tests.gateway.conftest import Start
from tests.gateway.drawn import content_of, failed, opened, served
from tests.gateway.photos import data_uri, mask, photo
from tests.gateway.running import RunningGateway

PHOTO = data_uri(photo())
AT_ONCE = ("qwen-image-2", "qwen-image-2-pro", "qwen-image-2-edit", "qwen-image-edit-plus", "qwen-image-edit-max")
AS_TASKS = ("qwen-image-3", "qwen-image-3-pro")


def edit(gateway: RunningGateway, model: str, **fields: Any) -> httpx.Response:
    body = {"model": f"alibaba/{model}", "prompt": "make it snow", "image": PHOTO, "cache": "off", **fields}
    return gateway.http.post("/v1/images/edits", json=body)


def asked(simulators: Simulators) -> list[dict[str, Any]]:
    return [call["body"] for call in simulators.calls("alibaba") if call["step"] in ("submit", "generate")]


@pytest.mark.parametrize("model", [*AT_ONCE, *AS_TASKS])
def test_an_edit_with_two_pictures(model: str, all_providers: RunningGateway, simulators: Simulators) -> None:
    cat = photo(512, 512, "JPEG")
    pictures = [data_uri(cat, "image/jpeg"), PHOTO]
    body = served(edit(all_providers, model, image=pictures, n=2, negative_prompt="rain"))
    [sent] = asked(simulators)
    [message] = sent["input"]["messages"]
    *images, text = message["content"]
    assert [pybase64.b64decode(part["image"].partition(",")[2]) for part in images] == [cat, photo()], "as they came"
    assert text == {"text": "make it snow"}
    assert sent["parameters"] == {"size": "512*512", "n": 2, "negative_prompt": "rain", "prompt_extend": False}
    assert [opened(content_of(image)).size for image in body["data"]] == [(512, 512)] * 2
    assert body["metadata"]["executed_model"] == f"alibaba/{model}"
    assert simulators.paid("alibaba") == 2
    steps = {call["step"] for call in simulators.calls("alibaba")} - {"download"}
    assert steps == ({"submit", "status"} if model in AS_TASKS else {"generate"})


def test_the_first_edit_keeps_the_shape_and_draws_one_a_call(
    all_providers: RunningGateway, simulators: Simulators
) -> None:
    body = served(edit(all_providers, "qwen-image-edit", n=2))
    assert [sent["parameters"] for sent in asked(simulators)] == [{"n": 1}] * 2
    assert {opened(content_of(image)).size for image in body["data"]} == {(1224, 857)}
    [default] = [each for each in body["metadata"]["defaults"] if each["name"] == "size"]
    assert default == {"name": "size", "sent_as": None, "value": "as the first picture", "source": "provider"}


@pytest.mark.parametrize(
    ("fields", "param", "told"),
    [
        ({"image": [PHOTO] * 4}, "image", "1 to 3"),
        ({"image": data_uri(photo(380, 400))}, "image", "from 384 to 3072"),
        ({"mask": data_uri(mask())}, "mask", "takes no mask"),
        ({"size": "100x100"}, None, ""),
        ({"prompt": "x" * 801}, "prompt", "800"),
    ],
)
def test_what_dashscope_would_refuse_is_refused_before(
    fields: dict[str, Any], param: str | None, told: str, all_providers: RunningGateway, simulators: Simulators
) -> None:
    answer = edit(all_providers, "qwen-image-edit-plus", **fields)
    if param is None:
        assert served(answer)["data"][0]["width"] == 512, "the nearest that is drawn"
        return
    message = failed(answer, 400, "unsupported_parameter")
    assert (answer.json()["error"]["param"], told in message) == (param, True)
    assert not simulators.calls()


@pytest.mark.parametrize("model", ["qwen-image-2", "qwen-image-3"])
def test_a_blocked_edit_is_asked_nowhere_else(
    model: str, all_providers: RunningGateway, simulators: Simulators
) -> None:
    step = "submit" if model in AS_TASKS else "generate"
    simulators.set_faults([{"provider": "alibaba", "on": step, "effect": "moderated"}])
    failed(edit(all_providers, model), 400, "content_policy_violation")
    assert len(asked(simulators)) == 1
    assert simulators.paid("alibaba") == 0


@pytest.mark.parametrize("model", ["qwen-image-2", "qwen-image-3"])
def test_a_lost_answer_to_an_edit_is_paid_at_most_once(
    model: str, all_providers: RunningGateway, simulators: Simulators
) -> None:
    step = "submit" if model in AS_TASKS else "generate"
    simulators.set_faults([{"provider": "alibaba", "on": step, "effect": "drop_after"}])
    answer = edit(all_providers, model)
    assert answer.status_code == 502
    assert answer.headers["x-should-retry"] == "false"
    assert simulators.paid("alibaba") == 1


def test_out_of_credit_the_next_provider_edits(start: Start, simulators: Simulators) -> None:
    providers = {
        name: {"api_key": simulators.addresses[name]["key"], "base_url": simulators.addresses[name]["base_url"]}
        for name in ("runware", "alibaba")
    }
    gateway = start(providers=providers, models={"qwen-image-edit-plus": {"route": ["alibaba", "runware"]}})
    overdue = {"code": "Arrearage", "message": "overdue"}
    fault = {"provider": "alibaba", "on": "generate", "effect": "status", "status": 400, "body": overdue}
    simulators.set_faults([fault])
    body = served(
        gateway.http.post(
            "/v1/images/edits",
            data={"model": "qwen-image-edit-plus", "prompt": "make it snow"},
            files={"image[]": ("a.png", photo(), "image/png")},
        )
    )
    assert [attempt["provider"] for attempt in body["metadata"]["attempts"]] == ["alibaba", "runware"]
    assert (simulators.paid("alibaba"), simulators.paid("runware")) == (0, 1)
