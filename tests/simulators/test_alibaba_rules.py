"""The simulator takes and refuses what DashScope does (Model Studio docs, read 2026-11-21)."""

import base64
import io
from typing import Any

import httpx
import pytest
from PIL import Image

from simulators.running import Simulators
from tests.simulators.wire import WIRE

TEXT = "/services/aigc/text2image/image-synthesis"
MESSAGES = "/services/aigc/multimodal-generation/generation"
LATER = "/services/aigc/image-generation/generation"
ASYNC = {"X-DashScope-Async": "enable"}
URL = "https://example.com/a.png"


class DashScope:
    """A bare client: nothing is corrected on the way."""

    def __init__(self, simulators: Simulators) -> None:
        at = simulators.addresses["alibaba"]
        self.base = at["base_url"]
        self.headers = {"Authorization": f"Bearer {at['key']}"}

    def post(self, path: str, body: object = None, headers: dict[str, str] | None = None) -> httpx.Response:
        return WIRE.post(self.base + path, json=body, headers=self.headers | (headers or {}))

    def submit(self, **parameters: Any) -> httpx.Response:
        body = {"model": "qwen-image", "input": {"prompt": "a fox"}, "parameters": parameters}
        return self.post(TEXT, body, ASYNC)

    def say(self, model: str, *content: dict[str, Any], **parameters: Any) -> httpx.Response:
        said = [{"role": "user", "content": [*content, {"text": "a fox"}]}]
        return self.post(MESSAGES, {"model": model, "input": {"messages": said}, "parameters": parameters})

    def poll(self, task_id: str) -> dict[str, Any]:
        answer = WIRE.get(f"{self.base}/tasks/{task_id}", headers=self.headers)
        assert answer.status_code == 200
        return answer.json()["output"]

    def end(self, submitted: httpx.Response) -> dict[str, Any]:
        """What the task came to."""
        while (output := self.poll(task_of(submitted)))["task_status"] in ("PENDING", "RUNNING"):
            pass
        return output


@pytest.fixture
def dashscope(simulators: Simulators) -> DashScope:
    return DashScope(simulators)


def task_of(submitted: httpx.Response) -> str:
    assert submitted.status_code == 200, submitted.text
    assert submitted.json()["output"]["task_status"] == "PENDING"
    return submitted.json()["output"]["task_id"]


def code_of(answer: httpx.Response, status: int = 400) -> str:
    assert answer.status_code == status, answer.text
    told = answer.json()
    assert set(told) == {"request_id", "code", "message"}
    return told["code"]


def images_of(answer: httpx.Response) -> list[Image.Image]:
    assert answer.status_code == 200, answer.text
    [choice] = answer.json()["output"]["choices"]
    urls = [part["image"] for part in choice["message"]["content"]]
    return [Image.open(io.BytesIO(WIRE.get(url).content)) for url in urls]


def data_uri(width: int, height: int, format: str = "PNG") -> str:
    out = io.BytesIO()
    Image.new("RGB", (width, height)).save(out, format)
    return f"data:image/{format.lower()};base64," + base64.b64encode(out.getvalue()).decode()


LARGE = data_uri(400, 400)[: -len("AA==")] + "A" * (15 * 1024 * 1024)  # a picture with much behind its end


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("qwen-image", {"n": 2}, "num_images_per_prompt must be 1"),
    ("qwen-image-max", {"n": 2}, "num_images_per_prompt must be 1"),
    ("qwen-image", {"n": "1"}, "parameters.n"),
    ("qwen-image", {"size": "1328x1328"}, "Expected format: '<width>*<height>'"),
    ("qwen-image", {"size": "1024*1024"}, "size must be one of 1664*928"),
    ("qwen-image", {"size": "1140*1472"}, "size must be one of 1664*928"),
    ("qwen-image", {"seed": -1}, "parameters.seed"),
    ("qwen-image", {"seed": 2**31}, "parameters.seed"),
    ("qwen-image", {"watermark": "yes"}, "parameters.watermark"),
    ("qwen-image", {"prompt_extend": 1}, "parameters.prompt_extend"),
    ("qwen-image-2.0", {"n": 7}, "n must be from 1 to 6"),
    ("qwen-image-2.0", {"n": 0}, "parameters.n"),
    ("qwen-image-2.0", {"size": "511*512"}, "Image area must be between 262144"),
    ("qwen-image-2.0-pro", {"size": "2049*2048"}, "and 4194304"),
]


@pytest.mark.parametrize(("model", "wrong", "words"), WRONG)
def test_every_bound(
    dashscope: DashScope, simulators: Simulators, model: str, wrong: dict[str, Any], words: str
) -> None:
    answer = dashscope.say(model, **wrong)
    assert code_of(answer) == "InvalidParameter"
    assert words in answer.json()["message"]
    if model == "qwen-image":
        assert words in dashscope.submit(**wrong).json()["message"]
    assert simulators.paid("alibaba") == 0


@pytest.mark.parametrize(
    ("model", "right", "sizes"),
    [
        ("qwen-image", {}, [(1664, 928)]),
        ("qwen-image", {"size": "928*1664", "n": 1, "seed": 2**31 - 1}, [(928, 1664)]),
        ("qwen-image-plus", {"size": "1472*1104"}, [(1472, 1104)]),
        ("qwen-image-2.0", {"size": "512*512", "n": 2, "seed": 0}, [(512, 512)] * 2),
        ("qwen-image-2.0-pro", {}, [(2048, 2048)]),
        ("qwen-image-2.0-pro", {"size": "4096*1024", "unheard_of": True}, [(4096, 1024)]),
    ],
)
def test_edges_and_unknown_parameters_pass(
    dashscope: DashScope, simulators: Simulators, model: str, right: dict[str, Any], sizes: list[tuple[int, int]]
) -> None:
    answer = dashscope.say(model, **right)
    assert [image.size for image in images_of(answer)] == sizes
    assert answer.json()["usage"] == {"image_count": len(sizes), "width": sizes[0][0], "height": sizes[0][1]}
    assert simulators.paid("alibaba") == len(sizes)


@pytest.mark.parametrize(
    ("model", "images", "parameters", "size"),
    [
        ("qwen-image-edit", [data_uri(600, 400)], {}, (1254, 836)),
        ("qwen-image-edit-plus", [URL, data_uri(400, 400)], {"n": 1}, (1024, 1024)),
        ("qwen-image-edit-plus", [URL] * 3, {"size": "512*2048"}, (512, 2048)),
        ("qwen-image-2.0", [URL], {"size": "1024*1024"}, (1024, 1024)),
        ("qwen-image-2.0-pro", [data_uri(400, 400, "WEBP")] * 3, {"size": "512*512", "n": 1}, (512, 512)),
        ("qwen-image-3.0", [data_uri(3072, 384, "JPEG")], {}, (2896, 362)),
    ],
)
def test_an_edit(
    dashscope: DashScope, model: str, images: list[str], parameters: dict[str, Any], size: tuple[int, int]
) -> None:
    answer = dashscope.say(model, *({"image": image} for image in images), **parameters)
    assert [image.size for image in images_of(answer)] == [size]


@pytest.mark.parametrize(
    ("model", "images", "parameters", "code"),
    [
        ("qwen-image-edit", [], {}, "InvalidParameter"),
        ("qwen-image-edit", [URL] * 4, {}, "InvalidParameter"),
        ("qwen-image-edit", [URL], {"size": "1024*1024"}, "InvalidParameter"),
        ("qwen-image-edit-plus", [URL], {"size": "511*1024"}, "InvalidParameter"),
        ("qwen-image-max", [URL], {}, "InvalidParameter"),
        ("qwen-image-2.0", ["oss://a/b.png"], {}, "InvalidURL"),
        ("qwen-image-2.0", ["data:image/png;base64,AAAA"], {}, "InvalidImageFormat"),
        ("qwen-image-2.0", [data_uri(383, 500)], {}, "InvalidImageResolution"),
        ("qwen-image-2.0", [data_uri(3073, 500)], {}, "InvalidImageResolution"),
        ("qwen-image-2.0", [data_uri(400, 400, "AVIF")], {}, "InvalidImageFormat"),
        ("qwen-image-2.0", [LARGE], {}, "BadRequest.TooLarge"),
        ("qwen-image-3.0", [URL], {"prompt_extend_mode": "agent"}, "InvalidParameter"),
        ("qwen-image-3.0", [URL], {"size": "4608*512"}, "InvalidParameter"),
        ("qwen-image-3.0", [URL] * 4, {}, "InvalidParameter"),
    ],
)
def test_an_edit_is_refused(
    dashscope: DashScope, model: str, images: list[str], parameters: dict[str, Any], code: str
) -> None:
    assert code_of(dashscope.say(model, *({"image": image} for image in images), **parameters)) == code


def test_the_pictures_and_their_order_change_what_is_drawn(dashscope: DashScope) -> None:
    one, other = {"image": data_uri(400, 400)}, {"image": data_uri(400, 401)}
    made = [
        images_of(dashscope.say("qwen-image-edit-max", *content, seed=7, size="512*512"))[0].tobytes()
        for content in ([one, other], [other, one], [one], [one, other])
    ]
    assert made[0] == made[3]
    assert len(set(made)) == 3


def test_messages_are_taken_as_a_task_too(dashscope: DashScope, simulators: Simulators) -> None:
    said = [{"role": "user", "content": [{"image": data_uri(400, 400)}, {"text": "a fox"}]}]
    body = {"model": "qwen-image-3.0", "input": {"messages": said}, "parameters": {"n": 2, "seed": 7}}
    output = dashscope.end(dashscope.post(LATER, body, ASYNC))
    assert (output["task_status"], output["finished"]) == ("SUCCEEDED", True)
    [choice] = output["choices"]
    urls = [part["image"] for part in choice["message"]["content"]]
    assert [Image.open(io.BytesIO(WIRE.get(url).content)).size for url in urls] == [(1024, 1024)] * 2
    assert simulators.paid("alibaba") == 2
    simulators.set_faults([{"provider": "alibaba", "on": "submit", "effect": "moderated"}])
    output = dashscope.end(dashscope.post(LATER, body, ASYNC))
    assert (output["task_status"], output["code"]) == ("FAILED", "DataInspectionFailed")
    assert code_of(dashscope.post(LATER, body), 403) == "AccessDenied"
    for model in ("qwen-image-edit", "qwen-image-2.0"):
        answer = dashscope.post(LATER, {**body, "model": model, "parameters": {}}, ASYNC)
        assert code_of(answer, 403) == "AccessDenied"
    assert simulators.paid("alibaba") == 2


def test_what_is_missing_has_a_code_of_its_own(dashscope: DashScope) -> None:
    assert code_of(dashscope.post(MESSAGES, {"input": {}})) == "BadRequest.EmptyModel"
    assert code_of(dashscope.post(MESSAGES, {"model": "qwen-image"})) == "BadRequest.EmptyInput"
    assert code_of(dashscope.post(MESSAGES, [])) == "InvalidParameter"
    assert code_of(dashscope.post(MESSAGES, {"model": "qwen-image", "input": {"prompt": "x"}})) == "InvalidParameter"
    assert code_of(dashscope.say("qwen-imago"), 404) == "ModelNotFound"
    two = {"role": "user", "content": [{"text": "x"}, {"text": "y"}]}
    assert (
        code_of(dashscope.post(MESSAGES, {"model": "qwen-image", "input": {"messages": [two]}})) == "InvalidParameter"
    )


def test_sync_and_async_are_not_mixed(dashscope: DashScope) -> None:
    text = {"model": "qwen-image", "input": {"prompt": "x"}}
    answer = dashscope.post(TEXT, text)
    assert code_of(answer, 403) == "AccessDenied"
    assert "synchronous calls" in answer.json()["message"]
    for path, body in ((MESSAGES, text), (TEXT, {**text, "model": "qwen-image-max"})):
        answer = dashscope.post(path, body, ASYNC)
        assert code_of(answer, 403) == "AccessDenied"
        assert "asynchronous calls" in answer.json()["message"]


def test_a_key_of_another_region_is_refused(dashscope: DashScope) -> None:
    dashscope.headers = {"Authorization": "Bearer sk-beijing"}
    assert code_of(dashscope.submit(), 401) == "InvalidApiKey"
    dashscope.headers = {}
    assert dashscope.submit().json()["message"] == "No API-key provided."


def test_a_task_goes_its_way(dashscope: DashScope, simulators: Simulators) -> None:
    task_id = task_of(dashscope.submit(seed=7, prompt_extend=False))
    seen = [dashscope.poll(task_id) for _ in range(4)]
    assert [output["task_status"] for output in seen] == ["PENDING", "RUNNING", "SUCCEEDED", "SUCCEEDED"]
    assert seen[1]["task_metrics"] == {"TOTAL": 1, "SUCCEEDED": 0, "FAILED": 0}
    [result] = seen[-1]["results"]
    assert (result["orig_prompt"], result["actual_prompt"]) == ("a fox", "a fox")
    assert "Expires=" in result["url"]
    assert Image.open(io.BytesIO(WIRE.get(result["url"]).content)).size == (1664, 928)
    assert simulators.paid("alibaba") == 1


def test_an_extended_prompt_is_told(dashscope: DashScope) -> None:
    [result] = dashscope.end(dashscope.submit())["results"]
    assert result["orig_prompt"] == "a fox"
    assert result["actual_prompt"] != "a fox"


@pytest.mark.parametrize(("effect", "code"), [("moderated", "DataInspectionFailed"), ("failed", "InternalError.Algo")])
def test_a_task_fails_with_status_200_and_costs_nothing(
    dashscope: DashScope, simulators: Simulators, effect: str, code: str
) -> None:
    simulators.set_faults([{"provider": "alibaba", "on": "submit", "effect": effect}])
    output = dashscope.end(dashscope.submit())
    assert (output["task_status"], output["code"]) == ("FAILED", code)
    assert output["task_metrics"]["FAILED"] == 1
    assert "results" not in output
    simulators.set_faults([{"provider": "alibaba", "on": "generate", "effect": effect}])
    assert code_of(dashscope.say("qwen-image-max"), 400 if effect == "moderated" else 500) == code
    assert simulators.paid("alibaba") == 0


def test_only_a_waiting_task_can_be_cancelled(dashscope: DashScope, simulators: Simulators) -> None:
    task_id = task_of(dashscope.submit())
    assert dashscope.post(f"/tasks/{task_id}/cancel").status_code == 200
    assert dashscope.poll(task_id)["task_status"] == "CANCELED"
    assert simulators.paid("alibaba") == 0
    submitted = dashscope.submit()
    dashscope.end(submitted)
    for late in (task_of(submitted), task_id, "nothing-of-the-kind"):
        assert code_of(dashscope.post(f"/tasks/{late}/cancel")) == "UnsupportedOperation"
    assert simulators.paid("alibaba") == 1


def test_a_task_that_is_unknown_or_expired_is_told_with_status_200(
    dashscope: DashScope, simulators: Simulators
) -> None:
    assert dashscope.poll("nothing-of-the-kind") == {"task_id": "nothing-of-the-kind", "task_status": "UNKNOWN"}
    submitted = dashscope.submit()
    dashscope.end(submitted)
    simulators.set_pace("alibaba", keep_seconds=0)
    assert dashscope.poll(task_of(submitted))["task_status"] == "UNKNOWN"


def test_a_pace_is_kept(dashscope: DashScope, simulators: Simulators) -> None:
    simulators.set_pace("alibaba", queue_seconds=3600)
    task_id = task_of(dashscope.submit())
    assert {dashscope.poll(task_id)["task_status"] for _ in range(3)} == {"PENDING"}
    simulators.set_pace("alibaba", seconds_per_image=3600)
    assert {dashscope.poll(task_id)["task_status"] for _ in range(3)} == {"RUNNING"}


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "InvalidParameter"),
        (403, "AccessDenied"),
        (429, "Throttling.RateQuota"),
        (500, "InternalError"),
        (503, "ModelUnavailable"),
    ],
)
def test_scripted_statuses_have_dashscopes_codes(
    dashscope: DashScope, simulators: Simulators, status: int, code: str
) -> None:
    simulators.set_faults([{"provider": "alibaba", "on": "submit", "effect": "status", "status": status}])
    assert code_of(dashscope.submit(), status) == code


def test_an_overdue_account_is_a_fault_with_a_body(dashscope: DashScope, simulators: Simulators) -> None:
    body = {"code": "Arrearage", "message": "Access denied, please make sure your account is in good standing."}
    fault = {"provider": "alibaba", "on": "submit", "effect": "status", "status": 400, "body": body}
    simulators.set_faults([fault])
    assert dashscope.submit().json() == body


def test_an_empty_answer_and_a_spoilt_picture(dashscope: DashScope, simulators: Simulators) -> None:
    simulators.set_faults([{"provider": "alibaba", "on": "submit", "effect": "empty"}])
    assert dashscope.end(dashscope.submit())["results"] == []
    simulators.set_faults([{"provider": "alibaba", "on": "generate", "effect": "wrong_size"}])
    assert images_of(dashscope.say("qwen-image"))[0].size == (832, 464)
