"""A request through the whole gateway to Runware's stand-in: what is sent, what comes back, what it costs."""

from typing import Any

import pytest

from gateway.settings import read_settings
from simulators.running import Simulators
from tests.gateway.conftest import Start
from tests.gateway.drawn import asked, content_of, each, failed, opened, served
from tests.gateway.running import RunningGateway


@pytest.fixture
def runware(start: Start, simulators: Simulators) -> RunningGateway:
    told = simulators.addresses["runware"]
    return start(
        providers={"runware": {"api_key": told["key"], "base_url": told["base_url"]}},
        models={"qwen-image": {"route": ["runware"]}},
    )


def submitted(simulators: Simulators) -> list[dict[str, Any]]:
    return [call["body"][0] for call in simulators.calls("runware", "submit")]


def test_four_pictures_are_one_task(runware: RunningGateway, simulators: Simulators) -> None:
    body = served(runware.generate(asked(n=4, size="256x192", steps=28, cfg_scale=7.5, output_format="webp")))
    [sent] = submitted(simulators)
    assert {name: sent[name] for name in ("width", "height", "steps", "CFGScale", "outputFormat", "numberResults")} == {
        "width": 256,
        "height": 192,
        "steps": 28,
        "CFGScale": 7.5,
        "outputFormat": "WEBP",
        "numberResults": 4,
    }
    pictures = [opened(content_of(image)) for image in body["data"]]
    assert [(picture.format, picture.size) for picture in pictures] == [("WEBP", (256, 192))] * 4
    assert len({picture.tobytes() for picture in pictures}) == 4
    assert each(body, "provider") == ["runware"] * 4
    assert body["metadata"]["cost"] == 0.0016
    assert body["metadata"]["executed_model"] == "runware/qwen-image"
    assert simulators.paid("runware") == 4


def test_with_a_seed_each_picture_has_its_own_task_and_id(runware: RunningGateway, simulators: Simulators) -> None:
    body = served(runware.generate(asked(n=3, seed=40, size="128x128")))
    assert each(body, "seed") == [40, 41, 42]
    assert sorted(sent["seed"] for sent in submitted(simulators)) == [40, 41, 42]
    assert len({sent["taskUUID"] for sent in submitted(simulators)}) == 3
    assert served(runware.generate(asked(n=1, size="128x128")))["data"][0]["seed"] >= 0


def test_a_size_off_the_step_is_reported_and_strictly_refused(runware: RunningGateway, simulators: Simulators) -> None:
    body = asked(size="1000x1000")
    refused = runware.generate(body, headers={"X-Easel-Strict": "true"})
    assert "1008x1008" in failed(refused, 400, "unsupported_parameter")
    assert not simulators.calls("runware")
    [row] = [row for row in served(runware.generate(body))["metadata"]["parameters"] if row["name"] == "size"]
    assert row["note"] == "nearest that the provider draws: 1008x1008"


@pytest.mark.parametrize("on", ["submit", "status", "result"])
def test_a_lost_answer_costs_no_second_picture(runware: RunningGateway, simulators: Simulators, on: str) -> None:
    simulators.set_faults([{"provider": "runware", "on": on, "effect": "drop_after"}])
    assert len(served(runware.generate(asked(size="128x128")))["data"]) == 1
    assert (len(submitted(simulators)), simulators.paid("runware")) == (1, 1)


def test_one_blocked_picture_of_a_batch_is_a_moderation_error(runware: RunningGateway, simulators: Simulators) -> None:
    simulators.set_faults([{"provider": "runware", "on": "result", "effect": "moderated"}])
    failed(runware.generate(asked(n=2, size="128x128")), 400, "content_policy_violation")
    assert len(submitted(simulators)) == 1


def test_one_failed_picture_of_a_batch_is_asked_for_again_under_another_id(
    runware: RunningGateway, simulators: Simulators
) -> None:
    simulators.set_faults([{"provider": "runware", "on": "result", "effect": "failed"}])
    assert len(served(runware.generate(asked(n=3, size="128x128")))["data"]) == 3
    first, second = submitted(simulators)
    assert first["taskUUID"] != second["taskUUID"]
    assert (first["numberResults"], second["numberResults"], simulators.paid("runware")) == (3, 1, 3)


def test_its_key_has_its_usual_variable_and_its_address_a_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNWARE_API_KEY", "rw-key")
    told = read_settings(None, {}).provider_settings()["runware"]
    assert (told.api_key, told.configured, told.title) == ("rw-key", True, "Runware")
