"""Whatever a provider answers, the caller gets his picture or an error in words, and nothing of what is secret."""

import base64
import io
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image

from tests.gateway.hostile import HostileProvider, Told, gateway_before
from tests.gateway.running import RunningGateway

PROMPT = "the quick brown fox of a secret campaign in the snow"


def picture(width: int = 64) -> bytes:
    output = io.BytesIO()
    Image.effect_noise((width, width), 90).save(output, "PNG")
    return output.getvalue()


PICTURE = picture()
ENCODED = base64.b64encode(PICTURE).decode()


@pytest.fixture(scope="module")
def provider() -> Iterator[HostileProvider]:
    with HostileProvider() as running:
        yield running


@pytest.fixture(scope="module")
def keeping(provider: HostileProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    with gateway_before(provider, tmp_path_factory.mktemp("keeping"), "lumenfall") as gateway:
        yield gateway


@pytest.fixture(scope="module")
def passing(provider: HostileProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    data_dir = tmp_path_factory.mktemp("passing")
    with gateway_before(provider, data_dir, "lumenfall", storage={"keep": False}) as gateway:
        yield gateway


@pytest.fixture(params=["keeping", "passing"])
def gateway(request: pytest.FixtureRequest) -> RunningGateway:
    return request.getfixturevalue(request.param)


def asked(**more: Any) -> dict[str, Any]:
    return {"model": "own", "prompt": PROMPT, "response_format": "b64_json", **more}


@pytest.mark.parametrize(
    "usage",
    [
        {"input_tokens": 2**64 - 1},
        {"input_tokens": -1, "total_tokens": "many"},
        {"input_tokens": {"text": {"deep": {"deeper": 1}}}},
        "much",
    ],
)
def test_no_usage_costs_the_picture(gateway: RunningGateway, provider: HostileProvider, usage: Any) -> None:
    provider.told = Told({"data": [{"b64_json": ENCODED}], "usage": usage})
    answer = gateway.generate(asked(n=2, seed=hash(repr(usage)) % 10_000))
    assert answer.status_code == 200, answer.text
    assert [base64.b64decode(image["b64_json"]) for image in answer.json()["data"]] == [PICTURE, PICTURE]


@pytest.mark.parametrize("cost", [1e300, 1e9, -5, "1", True, None, [1]])
def test_an_absurd_cost_is_no_cost(gateway: RunningGateway, provider: HostileProvider, cost: Any) -> None:
    provider.told = Told({"data": [{"b64_json": ENCODED}], "metadata": {"cost": cost}})
    answer = gateway.generate(asked())
    assert answer.status_code == 200, answer.text
    assert answer.json()["metadata"]["cost"] is None


@pytest.mark.parametrize(
    "text",
    [
        ENCODED[: len(ENCODED) // 4 * 4] + '"},',
        ENCODED[:600] + "!" * 40,
        ENCODED + "\\",
        ENCODED + "====",
    ],
)
def test_text_that_is_no_base64_is_no_picture(gateway: RunningGateway, provider: HostileProvider, text: str) -> None:
    provider.told = Told({"data": [{"b64_json": text}]})
    answer = gateway.generate(asked())
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "provider_error"), answer.text
    assert answer.headers["x-should-retry"] == "false"


def test_bytes_that_are_no_text_are_no_picture(gateway: RunningGateway, provider: HostileProvider) -> None:
    provider.told = Told(b'{"data":[{"b64_json":"' + ENCODED[:3000].encode() + b"\xff\n\x01" + b'"}]}')
    answer = gateway.generate(asked())
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "provider_error"), answer.text


def test_base64_in_lines_is_a_picture(gateway: RunningGateway, provider: HostileProvider) -> None:
    provider.told = Told({"data": [{"b64_json": base64.encodebytes(PICTURE).decode()}]})
    answer = gateway.generate(asked())
    assert answer.status_code == 200, answer.text
    assert answer.json()["data"][0]["b64_json"] == ENCODED


@pytest.mark.parametrize("param", ["sk-upstream-secret", PROMPT, "A" * 5000, "acme_secret_field"])
def test_a_param_that_was_never_sent_is_not_repeated(
    gateway: RunningGateway, provider: HostileProvider, param: str
) -> None:
    provider.told = Told({"error": {"message": "no", "type": "invalid", "param": param, "code": "x"}}, 400)
    answer = gateway.generate(asked())
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["param"] is None
    assert param not in answer.text


@pytest.mark.parametrize("wait", ["Fri, 31 Dec 9999 23:59:59 -2300", "Fri, 31 Dec 9999 23:59:59 GMT", "nan", "9" * 400])
def test_an_absurd_wait_is_no_fault_of_ours(gateway: RunningGateway, provider: HostileProvider, wait: str) -> None:
    provider.told = Told({"error": {"message": "busy"}}, 429, {"retry-after": wait})
    answer = gateway.generate(asked())
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "provider_error"), answer.text
    assert int(answer.headers.get("retry-after", "1")) <= 60
