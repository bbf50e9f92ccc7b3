"""The simulator refuses what Replicate refuses, and its predictions live as documented (read 2026-11-21)."""

import base64
import io
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from PIL import Image

from simulators.replicate.headers import BadHeader, cancel_after, seconds_to_wait
from simulators.replicate.models import MODELS
from simulators.replicate.predictions import Prediction, Predictions, begin
from simulators.running import Simulators
from simulators.stage import Pace, Stage

QWEN = "qwen/qwen-image"
URL = "https://example.com/a.png"
WIRE = httpx.Client()  # one for all: making one costs more than a request


@pytest.fixture(scope="module", autouse=True)
def hang_up() -> Iterator[None]:
    yield
    WIRE.close()


class Replicate:
    """A bare client: nothing is corrected on the way."""

    def __init__(self, simulators: Simulators) -> None:
        at = simulators.addresses["replicate"]
        self.base_url = at["base_url"]
        self.headers = {"Authorization": f"Bearer {at['key']}"}

    def post(self, path: str, body: object, **headers: str) -> httpx.Response:
        sent = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        return WIRE.post(f"{self.base_url}{path}", json=body, headers=sent)

    def create(self, model: str, given: dict[str, Any], **headers: str) -> httpx.Response:
        return self.post(f"/models/{model}/predictions", {"input": {"prompt": "x", **given}}, **headers)

    def get(self, url: str) -> httpx.Response:
        return WIRE.get(url, headers=self.headers)

    def draw(self, model: str, given: dict[str, Any]) -> list[Image.Image]:
        output = self.create(model, given, Prefer="wait").json()["output"]
        urls = [output] if isinstance(output, str) else output
        return [Image.open(io.BytesIO(WIRE.get(url).content)) for url in urls]


@pytest.fixture
def replicate(simulators: Simulators) -> Replicate:
    return Replicate(simulators)


def data_uri(width: int, height: int) -> str:
    out = io.BytesIO()
    Image.new("RGB", (width, height)).save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


WRONG: list[tuple[str, dict[str, Any], str, str]] = [
    (QWEN, {"num_inference_steps": 0}, "input.num_inference_steps", "number_gte"),
    (QWEN, {"num_inference_steps": 51}, "input.num_inference_steps", "number_lte"),
    (QWEN, {"num_inference_steps": 2.5}, "input.num_inference_steps", "invalid_type"),
    (QWEN, {"guidance": 10.1}, "input.guidance", "number_lte"),
    (QWEN, {"guidance": -1}, "input.guidance", "number_gte"),
    (QWEN, {"aspect_ratio": "21:9"}, "input.aspect_ratio", "enum"),
    (QWEN, {"image_size": "1024x1024"}, "input.image_size", "enum"),
    (QWEN, {"output_format": "jpeg"}, "input.output_format", "enum"),
    (QWEN, {"output_quality": 101}, "input.output_quality", "number_lte"),
    (QWEN, {"go_fast": "yes"}, "input.go_fast", "invalid_type"),
    (QWEN, {"seed": None}, "input.seed", "invalid_type"),
    (QWEN, {"image": "/etc/passwd"}, "input.image", "format"),
    (QWEN, {"strength": 1.1}, "input.strength", "number_lte"),
    (QWEN, {"extra_lora_weights": URL}, "input.extra_lora_weights", "invalid_type"),
    (QWEN, {"extra_lora_scale": ["1"]}, "input.extra_lora_scale.0", "invalid_type"),
    (QWEN, {"prompt": 7}, "input.prompt", "invalid_type"),
    ("qwen/qwen-image-edit", {}, "input", "required"),
    ("qwen/qwen-image-edit", {"image": [URL]}, "input.image", "invalid_type"),
    ("qwen/qwen-image-edit-plus", {"image": URL}, "input.image", "invalid_type"),
    ("qwen/qwen-image-2-pro", {"seed": 2**31}, "input.seed", "number_lte"),
    ("black-forest-labs/flux-schnell", {"num_inference_steps": 5}, "input.num_inference_steps", "number_lte"),
    ("black-forest-labs/flux-schnell", {"num_outputs": 5}, "input.num_outputs", "number_lte"),
    ("black-forest-labs/flux-schnell", {"megapixels": 1}, "input.megapixels", "invalid_type"),
    ("black-forest-labs/flux-dev", {"prompt_strength": 1.5}, "input.prompt_strength", "number_lte"),
    ("black-forest-labs/flux-kontext-pro", {"output_format": "webp"}, "input.output_format", "enum"),
]


@pytest.mark.parametrize(("model", "wrong", "field", "kind"), WRONG)
def test_every_bound(replicate: Replicate, model: str, wrong: dict[str, Any], field: str, kind: str) -> None:
    answer = replicate.create(model, wrong)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    body = answer.json()
    assert body["title"] == "Input validation failed"
    [entry] = body["invalid_fields"]
    assert (entry["field"], entry["type"]) == (field, kind)
    assert body["detail"] == f"- {field}: {entry['description']}\n"


def test_a_prompt_is_needed_and_every_mistake_is_listed(replicate: Replicate, simulators: Simulators) -> None:
    body = replicate.post(f"/models/{QWEN}/predictions", {"input": {"num_inference_steps": 99}}).json()
    assert body["detail"] == (
        "- input: prompt is required\n- input.num_inference_steps: Must be less than or equal to 50\n"
    )
    assert simulators.paid("replicate") == 0


@pytest.mark.parametrize(
    "right",
    [
        {"num_inference_steps": 1},
        {"num_inference_steps": 50},
        {"guidance": 0},
        {"guidance": 10},
        {"output_quality": 0},
        {"seed": 2**40},
        {"extra_lora_weights": [URL], "extra_lora_scale": [0.5]},
        {"num_outputs": 9, "unheard_of": True},
    ],
)
def test_edges_pass_and_unknown_keys_of_an_input_are_ignored(replicate: Replicate, right: dict[str, Any]) -> None:
    assert replicate.create(QWEN, right).status_code == 202


@pytest.mark.parametrize(
    ("body", "field", "kind"),
    [
        ({"input": {"prompt": "x"}, "inptu": 1}, "", "additional_property_not_allowed"),
        ({"input": {"prompt": "x"}, "version": "a"}, "", "additional_property_not_allowed"),
        ({"input": {"prompt": "x"}, "webhook": "http://example.com"}, "webhook", "format"),
        ({"input": {"prompt": "x"}, "webhook_events_filter": ["end"]}, "webhook_events_filter", "enum"),
        ({"input": "x"}, "input", "invalid_type"),
        ({}, "", "required"),
        ([], "", "invalid_type"),
    ],
)
def test_the_envelope_is_strict(replicate: Replicate, body: object, field: str, kind: str) -> None:
    answer = replicate.post(f"/models/{QWEN}/predictions", body)
    assert answer.status_code == 422
    assert [(entry["field"], entry["type"]) for entry in answer.json()["invalid_fields"]] == [(field, kind)]


@pytest.mark.parametrize("authorization", [None, "Bearer wrong", "Key {key}", "{key}"])
def test_a_token_is_needed(replicate: Replicate, simulators: Simulators, authorization: str | None) -> None:
    key = simulators.addresses["replicate"]["key"]
    headers = {"Authorization": authorization.format(key=key)} if authorization else {}
    answer = WIRE.post(f"{replicate.base_url}/models/{QWEN}/predictions", json={}, headers=headers)
    assert (answer.status_code, answer.json()["title"]) == (401, "Unauthenticated")


def test_official_models_run_by_name_and_others_by_version(replicate: Replicate) -> None:
    version = MODELS["stability-ai/sdxl"].version
    asked = {"input": {"prompt": "x"}}
    assert replicate.create("stability-ai/sdxl", {}).status_code == 404
    assert replicate.create("nobody/nothing", {}).status_code == 404
    assert replicate.create(QWEN, {}).json()["version"] == "hidden"
    for named in (version, f"stability-ai/sdxl:{version}", QWEN):
        assert replicate.post("/predictions", {"version": named, **asked}).status_code == 202
    for wrong in ("stability-ai/sdxl", "0" * 64, f"{QWEN}:{version}"):
        answer = replicate.post("/predictions", {"version": wrong, **asked})
        assert (answer.status_code, answer.json()["title"]) == (422, "Invalid version or not permitted")


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
def test_cancel_after_ends_it_before_or_while_it_runs(queue: float, drawing: float, status: str, paid: int) -> None:
    stage, clock = Stage({"replicate": MODELS}), Clock()  # pyright: ignore[reportArgumentType]  # only the name counts
    stage.set_pace("replicate", Pace(queue_seconds=queue, seconds_per_image=drawing))
    predictions = Predictions(stage, clock)
    made: Prediction = begin(MODELS[QWEN], {"prompt": "x"}, None, clock())
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
        (QWEN, {"image": data_uri(320, 200)}, (320, 200), "JPEG"),
        ("qwen/qwen-image-edit", {"image": data_uri(320, 200)}, (320, 200), "WEBP"),
        ("qwen/qwen-image-edit-plus", {"image": [URL], "aspect_ratio": "16:9"}, (1365, 768), "WEBP"),
        ("qwen/qwen-image-2-pro", {"size": "768*512"}, (768, 512), "PNG"),
        ("black-forest-labs/flux-schnell", {"aspect_ratio": "21:9"}, (1536, 640), "WEBP"),
        ("black-forest-labs/flux-dev", {"megapixels": "0.25"}, (512, 512), "WEBP"),
        ("black-forest-labs/flux-2-pro", {"width": 640, "output_format": "jpg"}, (640, 768), "JPEG"),
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
