"""Simulated predictions live, wait, end and are forgotten as Replicate documents it (read 2026-11-21)."""

from typing import Any

import pytest

from simulators.replicate.headers import BadHeader, cancel_after, seconds_to_wait
from simulators.replicate.models import MODELS
from simulators.replicate.predictions import Prediction, Predictions, begin
from simulators.running import Simulators
from simulators.stage import Pace, Stage
from tests.simulators.replicate_wire import QWEN, Replicate, data_uri
from tests.simulators.wire import WIRE

URL = "https://example.com/a.png"


def test_a_prediction_passes_its_states(replicate: Replicate, simulators: Simulators) -> None:
    made = replicate.create(QWEN, {})
    told = made.json()
    assert (made.status_code, told["status"], told["output"], told["error"]) == (202, "starting", None, None)
    assert (len(told["id"]), told["data_removed"]) == (26, False)
    assert not {"started_at", "completed_at", "metrics"} & set(told)
    assert "preference-applied" not in made.headers
    assert (replicate.get(told["urls"]["get"]).json()["status"], simulators.paid("replicate")) == ("processing", 1)
    done = replicate.get(told["urls"]["get"]).json()
    assert (done["status"], len(done["output"]), set(done["metrics"])) == (
        "succeeded",
        1,
        {"predict_time", "total_time"},
    )
    assert replicate.get(f"{replicate.base_url}/predictions").json()["results"][0]["id"] == told["id"]


def test_a_wait_ends_with_the_output_while_the_status_lags_behind(replicate: Replicate) -> None:
    made = replicate.create(QWEN, {}, Prefer="wait=7")
    assert (made.status_code, made.headers["preference-applied"]) == (201, "wait=7")
    assert (made.json()["status"], len(made.json()["output"])) == ("processing", 1)
    assert replicate.get(made.json()["urls"]["get"]).json()["status"] == "succeeded"


def test_a_wait_that_is_too_short_leaves_it_running(replicate: Replicate, simulators: Simulators) -> None:
    simulators.set_pace("replicate", queue_seconds=3600)
    made = replicate.create(QWEN, {}, Prefer="wait=1")
    assert (made.status_code, made.json()["status"]) == (202, "starting")
    simulators.set_pace("replicate", queue_seconds=1e-9)
    assert replicate.get(made.json()["urls"]["get"]).json()["status"] == "succeeded"
    simulators.set_pace("replicate", queue_seconds=1e-9, seconds_per_image=1e-9)
    assert replicate.create(QWEN, {}, Prefer="wait").json()["status"] == "succeeded"


@pytest.mark.parametrize(
    ("headers", "wait"), [({}, None), ({"prefer": "wait"}, 60), ({"prefer": "wait=1"}, 1), ({"prefer": "wait=60"}, 60)]
)
def test_how_long_a_creation_is_held(headers: dict[str, str], wait: int | None) -> None:
    assert seconds_to_wait(headers) == wait


@pytest.mark.parametrize(
    ("text", "seconds"), [("30", 30), ("30s", 30), ("5m", 300), ("1h30m45s", 5445), ("5", 5), ("1h", 3600)]
)
def test_durations(text: str, seconds: float) -> None:
    assert cancel_after({"cancel-after": text}) == seconds


@pytest.mark.parametrize("text", ["4", "", "soon", "5 s", "-5", "1d"])
def test_durations_that_are_none(replicate: Replicate, text: str) -> None:
    with pytest.raises(BadHeader):
        cancel_after({"cancel-after": text})
    assert replicate.create(QWEN, {}, Cancel_After=text).status_code == 422


@pytest.mark.parametrize("prefer", ["wait=0", "wait=61", "wait=", "respond-async", "wait=x"])
def test_preferences_that_are_none(replicate: Replicate, simulators: Simulators, prefer: str) -> None:
    answer = replicate.create(QWEN, {}, Prefer=prefer)
    assert (answer.status_code, simulators.paid("replicate")) == (422, 0)


def test_cancelling_in_the_queue_costs_nothing_and_cancelling_twice_changes_nothing(
    replicate: Replicate, simulators: Simulators
) -> None:
    url = replicate.create(QWEN, {}).json()["urls"]["cancel"]
    for _ in range(2):
        cancelled = WIRE.post(url, headers=replicate.headers)
        assert (cancelled.status_code, cancelled.json()["status"]) == (200, "canceled")
    assert simulators.paid("replicate") == 0
    done = replicate.create(QWEN, {}, Prefer="wait").json()["urls"]
    assert replicate.get(done["get"]).json()["status"] == "succeeded"
    assert WIRE.post(done["cancel"], headers=replicate.headers).json()["status"] == "succeeded"
    assert replicate.get(f"{replicate.base_url}/predictions/nothing").status_code == 404


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("queue", "drawing", "status", "paid"),
    [(10, 10, "aborted", 0), (1, 10, "canceled", 1), (1, 3, "succeeded", 1)],
)
async def test_cancel_after_ends_it_before_or_while_it_runs(
    queue: float, drawing: float, status: str, paid: int
) -> None:
    stage, clock = Stage({"replicate": MODELS}), Clock()  # pyright: ignore[reportArgumentType]  # only the name counts
    stage.set_pace("replicate", Pace(queue_seconds=queue, seconds_per_image=drawing))
    predictions = Predictions(stage, clock)
    made: Prediction = await begin(MODELS[QWEN], {"prompt": "x"}, None, born=clock(), kept=lambda url: None)
    made.cancel_after = 5
    predictions.add(made)
    clock.now += 60
    found = predictions.find(made.id)
    assert found is made
    assert (made.status, stage.paid["replicate"]) == (status, paid)


def test_data_are_removed_after_an_hour(replicate: Replicate, simulators: Simulators) -> None:
    told = replicate.create(QWEN, {}, Prefer="wait").json()
    done = replicate.get(told["urls"]["get"]).json()
    assert WIRE.get(done["output"][0]).status_code == 200
    simulators.set_pace("replicate", keep_seconds=0)
    later = replicate.get(told["urls"]["get"]).json()
    assert (later["status"], later["output"], later["input"], later["data_removed"]) == ("succeeded", None, {}, True)
    assert WIRE.get(replicate.create(QWEN, {}, Prefer="wait").json()["output"][0]).status_code == 404


@pytest.mark.parametrize(
    ("model", "given", "size", "output_format"),
    [
        (QWEN, {}, (1365, 768), "JPEG"),
        (QWEN, {"aspect_ratio": "3:4", "output_format": "png"}, (887, 1182), "PNG"),
        (QWEN, {"image": data_uri(320, 200)}, (1365, 768), "JPEG"),
        ("qwen/qwen-image-edit", {"image": data_uri(320, 200)}, (320, 200), "WEBP"),
        ("qwen/qwen-image-edit-plus", {"image": [URL], "aspect_ratio": "16:9"}, (1365, 768), "WEBP"),
        ("qwen/qwen-image-2-pro", {"size": "768*512"}, (768, 512), "PNG"),
        ("black-forest-labs/flux-schnell", {"aspect_ratio": "21:9"}, (1536, 640), "WEBP"),
        ("black-forest-labs/flux-dev", {"megapixels": "0.25"}, (512, 512), "WEBP"),
        ("black-forest-labs/flux-2-pro", {"width": 640, "height": 768}, (1024, 1024), "WEBP"),
        (
            "black-forest-labs/flux-2-pro",
            {"aspect_ratio": "custom", "width": 640, "height": 768, "output_format": "jpg"},
            (640, 768),
            "JPEG",
        ),
        ("black-forest-labs/flux-kontext-pro", {"input_image": data_uri(64, 48)}, (64, 48), "PNG"),
    ],
)
def test_sizes_and_formats(
    replicate: Replicate, model: str, given: dict[str, Any], size: tuple[int, int], output_format: str
) -> None:
    [drawn] = replicate.draw(model, given)
    assert (drawn.size, drawn.format) == (size, output_format)


def test_the_same_seed_gives_the_same_pictures(replicate: Replicate) -> None:
    def drawn(**given: Any) -> list[bytes]:
        asked = {"num_outputs": 2, "megapixels": "0.25", **given}
        return [picture.tobytes() for picture in replicate.draw("black-forest-labs/flux-schnell", asked)]

    assert drawn(seed=5) == drawn(seed=5) != drawn(seed=6)
    assert drawn() != drawn()
    assert len(set(drawn(seed=5))) == 2


@pytest.mark.parametrize(
    ("effect", "error"),
    [("moderated", "(E005)"), ("nsfw", "NSFW content detected"), ("failed", "(E1000)")],
)
def test_failures_are_predictions_that_failed(
    replicate: Replicate, simulators: Simulators, effect: str, error: str
) -> None:
    simulators.set_faults([{"provider": "replicate", "on": "submit", "effect": effect}])
    made = replicate.create(QWEN, {}, Prefer="wait")
    assert (made.status_code, made.json()["status"], made.json()["output"]) == (201, "failed", None)
    assert error in made.json()["error"]
    assert simulators.paid("replicate") == 0


@pytest.mark.parametrize(
    ("model", "given"),
    [(QWEN, {"image": "data:image/png;base64,AAAA"}), ("qwen/qwen-image-2-pro", {"size": "9999*9999"})],
)
def test_inputs_that_no_model_can_draw_fail_later(replicate: Replicate, model: str, given: dict[str, Any]) -> None:
    made = replicate.create(model, given, Prefer="wait").json()
    assert (made["status"], made["error"]) == ("failed", "cannot identify image file")


def test_a_flagged_one_of_several_is_left_out(replicate: Replicate, simulators: Simulators) -> None:
    simulators.set_faults([{"provider": "replicate", "on": "submit", "effect": "nsfw"}])
    told = replicate.create("black-forest-labs/flux-schnell", {"num_outputs": 3}, Prefer="wait").json()
    assert (len(told["output"]), told["error"], simulators.paid("replicate")) == (2, None, 2)


@pytest.mark.parametrize(
    ("status", "text"),
    [(402, "insufficient credit"), (429, "resets in ~30s"), (503, "went wrong"), (404, "could not be found")],
)
def test_scripted_errors_look_like_replicates(
    replicate: Replicate, simulators: Simulators, status: int, text: str
) -> None:
    simulators.set_faults([{"provider": "replicate", "on": "submit", "effect": "status", "status": status}])
    answer = replicate.create(QWEN, {})
    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert text in answer.json()["detail"]
