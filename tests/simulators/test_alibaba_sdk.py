"""DashScope's own SDK draws against the simulator: as a task, and at once."""

import base64
import io
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import dashscope
import httpx
import pytest
from dashscope.aigc.image_generation import ImageGeneration
from dashscope.aigc.image_synthesis import AioImageSynthesis
from dashscope.api_entities.dashscope_response import Message
from PIL import Image

from simulators.running import Simulators

# The SDK's annotations say less than it returns.
SDK: Any = dashscope
ASYNCIO: Any = AioImageSynthesis
LATER: Any = ImageGeneration


def data_uri(width: int, height: int) -> str:
    out = io.BytesIO()
    Image.new("RGB", (width, height)).save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


PICTURE = data_uri(600, 400)


@pytest.fixture(scope="module", autouse=True)
def hang_up() -> Iterator[None]:
    yield
    SDK.close_shared_sync_session()


@pytest.fixture
def options(simulators: Simulators, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The key; the address is a setting of the whole SDK, as polling takes none of its own.

    It waits seconds between two polls, so a task is done at the first.
    """
    at = simulators.addresses["alibaba"]
    monkeypatch.setattr(dashscope, "base_http_api_url", at["base_url"])
    simulators.set_pace("alibaba", seconds_per_image=1e-9)
    return {"api_key": at["key"]}


def size_of(url: str) -> tuple[int, int]:
    return Image.open(io.BytesIO(httpx.get(url).content)).size


def test_a_task_is_followed_to_its_picture(options: dict[str, Any], simulators: Simulators) -> None:
    answer = SDK.ImageSynthesis.call(
        model="qwen-image-plus", prompt="a fox", negative_prompt="blur", size="928*1664", n=1, seed=7, **options
    )
    assert (answer.status_code, answer.output.task_status) == (HTTPStatus.OK, "SUCCEEDED")
    assert size_of(answer.output.results[0].url) == (928, 1664)
    assert answer.usage.image_count == 1
    [submitted] = simulators.calls("alibaba", "submit")
    assert submitted["path"] == "/alibaba/api/v1/services/aigc/text2image/image-synthesis"
    assert submitted["headers"]["x-dashscope-async"] == "enable"
    assert submitted["body"]["input"] == {"prompt": "a fox", "negative_prompt": "blur"}
    assert submitted["body"]["parameters"] == {"size": "928*1664", "n": 1, "seed": 7}
    assert simulators.paid("alibaba") == 1


def test_submit_fetch_cancel(options: dict[str, Any], simulators: Simulators) -> None:
    simulators.set_pace("alibaba", queue_seconds=3600)
    task = SDK.ImageSynthesis.async_call(model="qwen-image", prompt="a fox", **options)
    assert SDK.ImageSynthesis.fetch(task, **options).output.task_status == "PENDING"
    assert SDK.ImageSynthesis.cancel(task, **options).status_code == HTTPStatus.OK
    assert SDK.ImageSynthesis.fetch(task, **options).output.task_status == "CANCELED"
    late = SDK.ImageSynthesis.cancel(task, **options)
    assert (late.status_code, late.code) == (HTTPStatus.BAD_REQUEST, "UnsupportedOperation")
    assert simulators.paid("alibaba") == 0


def test_a_task_that_fails_is_told_inside_an_ok(options: dict[str, Any], simulators: Simulators) -> None:
    simulators.set_faults([{"provider": "alibaba", "on": "submit", "effect": "moderated"}])
    answer = SDK.ImageSynthesis.call(model="qwen-image", prompt="a fox", **options)
    assert answer.status_code == HTTPStatus.OK
    assert (answer.output.task_status, answer.output.code) == ("FAILED", "DataInspectionFailed")


def test_a_message_is_answered_with_pictures(options: dict[str, Any], simulators: Simulators) -> None:
    answer = SDK.MultiModalConversation.call(
        model="qwen-image-2.0",
        messages=[{"role": "user", "content": [{"text": "a fox"}]}],
        size="640*512",
        n=2,
        watermark=False,
        **options,
    )
    assert answer.status_code == HTTPStatus.OK
    [choice] = answer.output.choices
    assert [size_of(part["image"]) for part in choice.message.content] == [(640, 512)] * 2
    [sent] = simulators.calls("alibaba", "generate")
    assert sent["body"]["input"]["messages"] == [{"role": "user", "content": [{"text": "a fox"}]}]
    assert "x-dashscope-async" not in sent["headers"]
    assert simulators.paid("alibaba") == 2


def test_an_edit_at_once(options: dict[str, Any], simulators: Simulators) -> None:
    said = [{"role": "user", "content": [{"image": PICTURE}, {"image": PICTURE}, {"text": "swap them"}]}]
    answer = SDK.MultiModalConversation.call(model="qwen-image-edit-plus", messages=said, n=2, **options)
    assert answer.status_code == HTTPStatus.OK, answer.message
    [choice] = answer.output.choices
    assert [size_of(part["image"]) for part in choice.message.content] == [(1254, 836)] * 2
    [sent] = simulators.calls("alibaba", "generate")
    assert sent["body"]["input"]["messages"] == said
    assert simulators.paid("alibaba") == 2


def test_an_edit_as_a_task(options: dict[str, Any], simulators: Simulators) -> None:
    message = Message(role="user", content=[{"image": PICTURE}, {"text": "paint it blue"}])
    submitted = LATER.async_call(model="qwen-image-3.0", messages=[message], n=1, size="600*512", **options)
    answer = LATER.wait(submitted, **options)
    assert (answer.status_code, answer.output.task_status) == (HTTPStatus.OK, "SUCCEEDED")
    assert size_of(answer.output.choices[0].message.content[0]["image"]) == (600, 512)
    [sent] = simulators.calls("alibaba", "submit")
    assert sent["path"] == "/alibaba/api/v1/services/aigc/image-generation/generation"
    assert sent["headers"]["x-dashscope-async"] == "enable"
    assert simulators.paid("alibaba") == 1


def test_a_picture_that_is_refused(options: dict[str, Any], simulators: Simulators) -> None:
    said = [{"role": "user", "content": [{"image": "data:image/png;base64,AAAA"}, {"text": "swap them"}]}]
    answer = SDK.MultiModalConversation.call(model="qwen-image-edit", messages=said, **options)
    assert (answer.status_code, answer.code) == (HTTPStatus.BAD_REQUEST, "InvalidImageFormat")
    assert simulators.paid("alibaba") == 0


def test_errors_are_read(options: dict[str, Any]) -> None:
    wrong = SDK.ImageSynthesis.async_call(model="qwen-image", prompt="a fox", n=2, **options)
    assert (wrong.status_code, wrong.code) == (HTTPStatus.BAD_REQUEST, "InvalidParameter")
    assert wrong.message == "num_images_per_prompt must be 1"
    stranger = SDK.ImageSynthesis.async_call(model="qwen-image", prompt="a fox", **{**options, "api_key": "sk-x"})
    assert (stranger.status_code, stranger.code) == (HTTPStatus.UNAUTHORIZED, "InvalidApiKey")


async def test_the_asyncio_half(options: dict[str, Any], simulators: Simulators) -> None:
    answer = await ASYNCIO.call(model="qwen-image", prompt="a fox", size="1328*1328", **options)
    await SDK.close_shared_aio_session()
    assert answer.output.task_status == "SUCCEEDED"
    assert size_of(answer.output.results[0]["url"]) == (1328, 1328)
    assert {call["path"][-1] for call in simulators.calls("alibaba", "status")} == {"/"}, "it asks in a way of its own"
