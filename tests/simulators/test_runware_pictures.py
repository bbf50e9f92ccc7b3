"""What Runware's stand-in takes and refuses of the pictures that are sent to it, with its own client and without."""

import base64
import io
import uuid
from typing import Any

import httpx
import pytest
from PIL import Image
from runware import Runware, RunwareError

from simulators.running import Simulators
from tests.simulators.wire import WIRE

SIZE: dict[str, Any] = {"width": 512, "height": 384}


def picture(width: int, height: int, format: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), (200, 30, 30)).save(out, format)
    return out.getvalue()


def data_uri(width: int, height: int, format: str = "PNG") -> str:
    return f"data:image/{format.lower()};base64," + base64.b64encode(picture(width, height, format)).decode()


class Sender:
    """A bare client: nothing is corrected on the way."""

    def __init__(self, simulators: Simulators) -> None:
        self.at = simulators.addresses["runware"]

    def send(self, task_type: str, **more: Any) -> httpx.Response:
        task = {"taskType": task_type, "taskUUID": str(uuid.uuid4()), **more}
        return WIRE.post(self.at["base_url"], json=[task], headers={"Authorization": f"Bearer {self.at['key']}"})

    def draw(self, model: str = "runware:108@1", **more: Any) -> httpx.Response:
        return self.send("imageInference", model=model, positivePrompt="a fox", outputFormat="PNG", **more)

    def upload(self, image: str) -> str:
        answer = self.send("imageUpload", image=image)
        assert answer.status_code == 200, answer.text
        [told] = answer.json()["data"]
        assert told["taskType"] == "imageUpload"
        return told["imageUUID"]


@pytest.fixture
def sender(simulators: Simulators) -> Sender:
    return Sender(simulators)


def drawn(answer: httpx.Response) -> Image.Image:
    assert answer.status_code == 200, answer.text
    [result] = answer.json()["data"]
    return Image.open(io.BytesIO(WIRE.get(result["imageURL"]).content))


def complaint(answer: httpx.Response) -> tuple[str, Any]:
    assert answer.status_code == 400, answer.text
    [error] = answer.json()["errors"]
    return error["code"], error["parameter"]


def test_a_picture_is_sent_in_four_ways_and_changes_what_is_drawn(sender: Sender) -> None:
    uri = data_uri(512, 384)
    ways = [uri, uri.partition(",")[2], sender.upload(uri), "https://example.com/a.png"]
    made = [drawn(sender.draw(inputs={"seedImage": way}, seed=7, **SIZE)).tobytes() for way in ways]
    assert made[0] == made[1] == made[2], "they are the same picture"
    assert made[3] != made[0] != drawn(sender.draw(seed=7, **SIZE)).tobytes()


def test_what_was_drawn_there_can_be_named_as_well(sender: Sender) -> None:
    [result] = sender.draw(**SIZE).json()["data"]
    assert sender.draw(inputs={"seedImage": result["imageUUID"]}, **SIZE).status_code == 200


def test_an_upload_costs_nothing_and_is_kept_at_2048_pixels(sender: Sender, simulators: Simulators) -> None:
    large = sender.upload(data_uri(4096, 1024, "JPEG"))
    assert simulators.paid("runware") == 0
    edit = sender.draw("runware:108@20", inputs={"referenceImages": [large]})
    assert drawn(edit).size == (2048, 512), "without a size that of the first picture"


@pytest.mark.parametrize(
    ("image", "code"),
    [
        (None, "missingImage"),
        ("", "missingImage"),
        ("c64351d5-4c59-42f7-95e1-eace013eddab", "invalidImage"),
        ("data:image/png;base64,AAAA", "invalidImage"),
        ("data:image/png,AAAA", "invalidImage"),
        ("no base64!", "invalidImage"),
        ("ftp://example.com/a.png", "invalidImage"),
        (data_uri(8, 8, "AVIF"), "invalidImage"),
    ],
)
def test_an_upload_is_refused(sender: Sender, image: str | None, code: str) -> None:
    assert complaint(sender.send("imageUpload", image=image)) == (code, "image")
    assert complaint(sender.send("imageUpload", image=data_uri(8, 8), name="a.png")) == ("unsupportedParameter", "name")


SEED = {"seedImage": data_uri(512, 384)}
WRONG: list[tuple[dict[str, Any], str, Any]] = [
    ({"inputs": {"seedImage": "AAAA"}}, "invalidSeedImage", "inputs.seedImage"),
    ({"inputs": {**SEED, "maskImage": "AAAA"}}, "invalidMaskImage", "inputs.maskImage"),
    ({"inputs": {"maskImage": data_uri(8, 8)}}, "missingSeedImage", "inputs.seedImage"),
    ({"outpaint": {"top": 16}}, "missingSeedImage", "inputs.seedImage"),
    (
        {"inputs": {**SEED, "maskImage": data_uri(384, 384)}},
        "incompatibleParameters",
        ["inputs.seedImage", "inputs.maskImage"],
    ),
    ({"inputs": SEED, "outpaint": {"left": 64}}, "incompatibleParameters", ["outpaint", "width", "height"]),
    ({"inputs": {"referenceImages": [data_uri(8, 8)]}}, "unsupportedParameter", "inputs.referenceImages"),
    (
        {"controlNet": [{"model": "runware:36@1", "guideImage": "c64351d5-4c59-42f7-95e1-eace013eddab"}]},
        "invalidGuideImage",
        "controlNet.0.guideImage",
    ),
]


@pytest.mark.parametrize(("wrong", "code", "parameter"), WRONG)
def test_pictures_that_cannot_be_used(
    sender: Sender, simulators: Simulators, wrong: dict[str, Any], code: str, parameter: Any
) -> None:
    assert complaint(sender.draw(**SIZE, **wrong)) == (code, parameter)
    assert simulators.paid("runware") == 0


@pytest.mark.parametrize(
    "right",
    [
        {**SIZE, "inputs": {**SEED, "maskImage": data_uri(256, 192), "strength": 1}, "maskMargin": 32},
        {"width": 576, "height": 400, "inputs": SEED, "outpaint": {"left": 64, "bottom": 16}},
        {**SIZE, "controlNet": [{"model": "runware:36@1", "guideImage": data_uri(64, 64), "weight": -4}]},
    ],
)
def test_pictures_that_can(sender: Sender, right: dict[str, Any]) -> None:
    assert drawn(sender.draw(**right)).size == (right["width"], right["height"])


def test_an_edit_needs_its_pictures(sender: Sender) -> None:
    assert complaint(sender.draw("runware:108@20")) == ("missingInputs", "inputs")
    assert complaint(sender.draw("runware:108@20", inputs={"referenceImages": []}))[0] == "invalidReferenceImages"
    without = sender.draw("runware:108@22", inputs={"referenceImages": [data_uri(64, 64)]})
    assert complaint(without) == ("missingWidth", "width")
    bad = [data_uri(64, 64), "AAAA"]
    answer = sender.draw("runware:108@22", inputs={"referenceImages": bad}, **SIZE)
    assert complaint(answer) == ("invalidReferenceImages", "inputs.referenceImages.1")


def test_a_failing_upload_is_a_step_of_its_own(sender: Sender, simulators: Simulators) -> None:
    simulators.set_faults([{"provider": "runware", "on": "upload", "effect": "status", "status": 503}])
    assert sender.draw(**SIZE).status_code == 200
    answer = sender.send("imageUpload", image=data_uri(8, 8))
    assert (answer.status_code, answer.json()["errors"][0]["taskType"]) == (503, "imageUpload")


async def test_its_own_client_uploads_edits_and_is_told_what_is_wrong(simulators: Simulators) -> None:
    at = simulators.addresses["runware"]
    async with Runware(api_key=at["key"], transport="rest", http_base_url=at["base_url"], max_retries=0) as client:
        [uploaded] = [dict(each) for each in await client.image_upload({"image": data_uri(512, 384)})]
        task: dict[str, Any] = {"model": "runware:108@22", "positivePrompt": "make it blue", "deliveryMethod": "sync"}
        inputs = {"referenceImages": [uploaded["imageUUID"], data_uri(64, 64)]}
        [result] = await client.run({**task, **SIZE, "inputs": inputs})
        with pytest.raises(RunwareError) as caught:
            await client.run({**task, **SIZE, "inputs": {"referenceImages": ["AAAA"]}})
    assert uuid.UUID(result["imageUUID"])
    assert (caught.value.code, caught.value.parameter) == ("validation", "inputs.referenceImages.0")
    assert [call["step"] for call in simulators.calls("runware")] == ["upload", "generate", "generate"]
    assert simulators.paid("runware") == 1
