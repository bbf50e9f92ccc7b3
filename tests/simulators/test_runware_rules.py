"""The simulator refuses what Runware refuses (its page of Qwen-Image and its documents, read 2026-11-21)."""

import base64
import io
import uuid
from typing import Any

import httpx
import pytest
from PIL import Image

from simulators.running import Simulators
from tests.simulators.wire import WIRE

QWEN = "runware:108@1"


def task(**more: Any) -> dict[str, Any]:
    return {
        "taskType": "imageInference",
        "taskUUID": str(uuid.uuid4()),
        "model": QWEN,
        "positivePrompt": "a lighthouse",
        "width": 512,
        "height": 384,
        **more,
    }


class Runware:
    """A bare client: nothing is corrected on the way."""

    def __init__(self, simulators: Simulators) -> None:
        self.at = simulators.addresses["runware"]
        self.headers = {"Authorization": f"Bearer {self.at['key']}"}

    def send(self, *tasks: Any) -> httpx.Response:
        return WIRE.post(self.at["base_url"], json=list(tasks), headers=self.headers)

    def draw(self, **more: Any) -> list[dict[str, Any]]:
        answer = self.send(task(**more))
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def ask(self, task_uuid: str) -> httpx.Response:
        return self.send({"taskType": "getResponse", "taskUUID": task_uuid})

    def submit(self, **more: Any) -> str:
        [told] = self.draw(deliveryMethod="async", **more)
        assert set(told) == {"taskType", "taskUUID"}
        return told["taskUUID"]


@pytest.fixture
def runware(simulators: Simulators) -> Runware:
    return Runware(simulators)


LORA = {"model": "civitai:120096@135931"}
GUIDE = {"model": "runware:36@1", "guideImage": "https://example.com/edges.png"}
WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"width": 1000}, "invalidWidth", "width"),
    ({"width": 112}, "invalidWidth", "width"),
    ({"height": 2064}, "invalidHeight", "height"),
    ({"height": 512.0}, "invalidHeight", "height"),
    ({"positivePrompt": ""}, "invalidPositivePrompt", "positivePrompt"),
    ({"positivePrompt": "x" * 32_001}, "invalidPositivePrompt", "positivePrompt"),
    ({"negativePrompt": ""}, "invalidNegativePrompt", "negativePrompt"),
    ({"steps": 51}, "invalidSteps", "steps"),
    ({"steps": 0}, "invalidSteps", "steps"),
    ({"CFGScale": 0.9}, "invalidCFGScale", "CFGScale"),
    ({"CFGScale": 20.1}, "invalidCFGScale", "CFGScale"),
    ({"CFGScale": 7.505}, "invalidCFGScale", "CFGScale"),
    ({"seed": -1}, "invalidSeed", "seed"),
    ({"seed": 2**63}, "invalidSeed", "seed"),
    ({"numberResults": 21}, "invalidNumberResults", "numberResults"),
    ({"outputFormat": "png"}, "invalidOutputFormat", "outputFormat"),
    ({"outputQuality": 19}, "invalidOutputQuality", "outputQuality"),
    ({"outputQuality": 100}, "invalidOutputQuality", "outputQuality"),
    ({"outputType": "url"}, "invalidOutputType", "outputType"),
    ({"ttl": 59}, "invalidTtl", "ttl"),
    ({"scheduler": "euler"}, "invalidScheduler", "scheduler"),
    ({"safety": {"mode": "full"}}, "invalidMode", "safety.mode"),
    ({"lora": []}, "invalidLora", "lora"),
    ({"lora": [{**LORA, "weight": 4.1}]}, "invalidWeight", "lora.0.weight"),
    ({"lora": [{"model": "https://example.com/a"}]}, "invalidModel", "lora.0.model"),
    ({"controlNet": [{**GUIDE, "startStepPercentage": 50, "endStepPercentage": 50}]}, "invalid0", "controlNet.0"),
    ({"controlNet": [{**GUIDE, "controlMode": "hard"}]}, "invalidControlMode", "controlNet.0.controlMode"),
    (
        {"acceleratorOptions": {"teaCacheDistance": 1.1}},
        "invalidTeaCacheDistance",
        "acceleratorOptions.teaCacheDistance",
    ),
    ({"maskMargin": 31}, "invalidMaskMargin", "maskMargin"),
    ({"inputs": {"strength": 1.01}}, "invalidStrength", "inputs.strength"),
    ({"strength": 0.5}, "unsupportedParameter", "strength"),
    ({"num_images": 2}, "unsupportedParameter", "num_images"),
    ({"taskUUID": "7"}, "invalidTaskUUID", "taskUUID"),
    ({"taskUUID": str(uuid.uuid1())}, "invalidTaskUUID", "taskUUID"),
    ({"taskUUID": None}, "missingTaskUUID", "taskUUID"),
    ({"taskType": None}, "missingTaskType", "taskType"),
    ({"taskType": "videoInference"}, "unsupportedTaskType", "taskType"),
]


@pytest.mark.parametrize(("wrong", "code", "parameter"), WRONG)
def test_every_bound_of_qwen_image(
    runware: Runware, simulators: Simulators, wrong: dict[str, Any], code: str, parameter: str
) -> None:
    answer = runware.send(task(**wrong))
    assert (answer.status_code, "data" in answer.json()) == (400, False)
    [error] = answer.json()["errors"]
    assert (error["code"], error["parameter"]) == (code, parameter)
    assert error["message"] and error["documentation"]
    assert simulators.paid("runware") == 0


@pytest.mark.parametrize("name", ["positivePrompt", "width", "height", "model"])
def test_what_is_needed(runware: Runware, name: str) -> None:
    body = task()
    del body[name]
    [error] = runware.send(body).json()["errors"]
    assert error["code"] == f"missing{name[0].upper()}{name[1:]}"


def test_cross_field_rules_name_every_field(runware: Runware) -> None:
    body = task(model="alibaba:qwen-image@2.0")
    del body["height"]
    assert runware.send(body).json()["errors"][0]["parameter"] == ["width", "height"]


@pytest.mark.parametrize(
    "right",
    [
        {"steps": 50, "CFGScale": 1, "scheduler": "DPM++ 2M Karras", "negativePrompt": "blurry"},
        {"seed": 2**63 - 1, "outputQuality": 20, "ttl": 60, "safety": {"checkContent": True, "mode": "fast"}},
        {"lora": [{**LORA, "weight": -4, "transformer": "high"}], "controlNet": [{**GUIDE, "endStep": 20}]},
        {"inputs": {"seedImage": "https://example.com/a.png", "strength": 0}, "outpaint": {"top": 64}},
        {"acceleratorOptions": {"teaCache": True, "cacheStartStepPercentage": 0, "cacheEndStepPercentage": 100}},
        {"advancedFeatures": {"ultralytics": {"confidence": 0.5, "steps": 100}}, "settings": {"trueCFGScale": 4.5}},
    ],
)
def test_edges_pass(runware: Runware, right: dict[str, Any]) -> None:
    assert len(runware.draw(**right)) == 1


@pytest.mark.parametrize("body", [b"{", b"{}", b"[]", b"[7]", b""])
def test_a_body_is_an_array_of_tasks(runware: Runware, body: bytes) -> None:
    answer = WIRE.post(runware.at["base_url"], content=body, headers=runware.headers)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "invalidRequest")


@pytest.mark.parametrize("authorization", [None, "Bearer wrong", "Key {key}", "{key}"])
def test_a_key_is_needed(runware: Runware, authorization: str | None) -> None:
    headers = {"Authorization": authorization.format(key=runware.at["key"])} if authorization else {}
    answer = WIRE.post(runware.at["base_url"], json=[task()], headers=headers)
    [error] = answer.json()["errors"]
    assert (answer.status_code, error["code"], error["parameter"]) == (401, "invalidApiKey", "apiKey")


def test_defaults_and_what_is_told_only_when_asked(runware: Runware) -> None:
    [plain] = runware.draw()
    assert set(plain) == {"taskType", "taskUUID", "imageUUID", "imageURL", "seed"}
    picture = Image.open(io.BytesIO(WIRE.get(plain["imageURL"]).content))
    assert (picture.format, picture.size) == ("JPEG", (512, 384))
    [more] = runware.draw(includeCost=True, safety={"checkContent": True}, width=1024, height=768)
    assert (more["cost"], more["NSFWContent"]) == (0.0058, False)


def test_results_share_the_task_and_differ_in_seed(runware: Runware, simulators: Simulators) -> None:
    results = runware.draw(numberResults=3, seed=7, outputFormat="PNG", outputType="base64Data")
    assert len({each["taskUUID"] for each in results}) == 1
    assert len({each["imageUUID"] for each in results}) == 3
    assert [each["seed"] for each in results] == [7, 8, 9]
    contents = [base64.b64decode(each["imageBase64Data"], validate=True) for each in results]
    assert len(set(contents)) == 3
    [second] = runware.draw(seed=8, outputFormat="PNG", outputType="dataURI")
    assert second["imageDataURI"] == "data:image/png;base64," + results[1]["imageBase64Data"]
    assert simulators.paid("runware") == 4


def test_tasks_of_one_array_fail_for_themselves(runware: Runware, simulators: Simulators) -> None:
    good, bad = task(), task(width=1000)
    answer = runware.send(bad, good)
    assert answer.status_code == 200
    assert [each["taskUUID"] for each in answer.json()["data"]] == [good["taskUUID"]]
    assert [each["taskUUID"] for each in answer.json()["errors"]] == [bad["taskUUID"]]
    assert simulators.paid("runware") == 1


@pytest.mark.parametrize("method", ["sync", "async"])
def test_an_id_is_used_once(runware: Runware, simulators: Simulators, method: str) -> None:
    body = task(deliveryMethod=method)
    assert runware.send(body).status_code == 200
    again = runware.send(body)
    assert (again.status_code, again.json()["errors"][0]["code"]) == (400, "conflictTaskUUID")
    assert simulators.paid("runware") == 1


def test_a_refused_task_does_not_use_its_id(runware: Runware) -> None:
    body = task(width=1000)
    assert runware.send(body).status_code == 400
    assert runware.send({**body, "width": 1024}).status_code == 200


def test_a_task_is_polled_until_all_results_are_there(runware: Runware) -> None:
    task_uuid = runware.submit(numberResults=2)
    words = [[each["status"] for each in runware.ask(task_uuid).json()["data"]] for _ in range(3)]
    assert words == [["processing"] * 2, ["success", "processing"], ["success"] * 2]
    first, second = (runware.ask(task_uuid).json()["data"] for _ in range(2))
    assert first == second
    assert {each["taskUUID"] for each in first} == {task_uuid}


def test_what_nobody_knows(runware: Runware) -> None:
    answer = runware.ask(str(uuid.uuid4()))
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (404, "taskNotFound")
    [error] = runware.send(task(model="runware:1@1")).json()["errors"]
    assert error["code"] == "modelNotFound"


def test_with_a_pace_time_brings_the_results(runware: Runware, simulators: Simulators) -> None:
    simulators.set_pace("runware", queue_seconds=3600)
    task_uuid = runware.submit()
    assert {runware.ask(task_uuid).json()["data"][0]["status"] for _ in range(5)} == {"processing"}
    simulators.set_pace("runware", queue_seconds=0.0, seconds_per_image=1e-9)
    assert runware.ask(task_uuid).json()["data"][0]["status"] == "success"


def test_results_and_pictures_expire(runware: Runware, simulators: Simulators) -> None:
    task_uuid = runware.submit()
    simulators.set_pace("runware", keep_seconds=0)
    assert runware.ask(task_uuid).status_code == 404
    [late] = runware.draw()
    assert WIRE.get(late["imageURL"]).status_code == 404
