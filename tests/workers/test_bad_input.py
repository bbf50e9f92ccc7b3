"""Hostile and mistaken requests: an error that names the field, nothing drawn, and a worker that lives on."""

import io
import json
from collections.abc import AsyncGenerator, AsyncIterator

import pytest
import pytest_asyncio

from tests.workers.serving import Served, serve
from tests.workers.stepwise import Stepwise
from workers.sketch.painter import Sketch

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one worker takes it all: that it lives on is the point

GOOD: dict[str, object] = {"prompt": "p", "size": "64x64", "num_inference_steps": 1}

WRONG: list[tuple[dict[str, object], str]] = [
    ({"prompt": None}, "prompt"),
    ({"prompt": ""}, "prompt"),
    ({"prompt": " \n"}, "prompt"),
    ({"prompt": 7}, "prompt"),
    ({"prompt": ["p"]}, "prompt"),
    ({"prompt": "a\0b"}, "prompt"),
    ({"prompt": "x" * 32001}, "prompt"),
    ({"model": 3}, "model"),
    ({"n": 0}, "n"),
    ({"n": 11}, "n"),
    ({"n": "two"}, "n"),
    ({"n": 1.0}, "n"),
    ({"n": True}, "n"),
    ({"size": "100000x10000"}, "size"),
    ({"size": "0x0"}, "size"),
    ({"size": "63x64"}, "size"),
    ({"size": "4097x64"}, "size"),
    ({"size": "1024*1024"}, "size"),
    ({"size": "1024x"}, "size"),
    ({"size": "64x64\n"}, "size"),
    ({"size": "٦٤x٦٤"}, "size"),
    ({"size": 64}, "size"),
    ({"seed": -1}, "seed"),
    ({"seed": 2**32}, "seed"),
    ({"seed": 10**40}, "seed"),
    ({"seed": "7"}, "seed"),
    ({"num_inference_steps": 0}, "num_inference_steps"),
    ({"num_inference_steps": 101}, "num_inference_steps"),
    ({"response_format": "url"}, "response_format"),
    ({"output_format": "bmp"}, "output_format"),
    ({"output_format": ["png"]}, "output_format"),
    ({"output_compression": 50}, "output_compression"),
    ({"output_format": "jpeg", "output_compression": 101}, "output_compression"),
    ({"stream": "yes"}, "stream"),
    ({"stream": True, "partial_images": 4}, "partial_images"),
    ({"partial_images": 1}, "partial_images"),
    ({"job_id": "a/b"}, "job_id"),
    ({"job_id": 5}, "job_id"),
    ({"negative_prompt": "rain"}, "negative_prompt"),
    ({"cfg_scale": 4}, "cfg_scale"),
    ({"guidance": 4}, "guidance"),
    ({"quality": "high"}, "quality"),
    ({"webhook_url": "http://example.com"}, "webhook_url"),
]

BROKEN = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"prompt"',
    b'{"prompt": NaN}',
    b'{"prompt": "p", "seed": NaN}',
    b'{"prompt": "p", "seed": Infinity}',
    b'{"prompt": "\\ud800"}',
    b'{"prompt": "\xff"}',
    b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sketch() -> AsyncGenerator[Served]:
    async with serve(Sketch()) as served:
        yield served


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def slow() -> AsyncGenerator[Served]:
    async with serve(Stepwise()) as served:
        yield served


@pytest.mark.parametrize(("wrong", "param"), WRONG, ids=lambda value: str(value)[:40])
async def test_a_wrong_value_is_refused_by_name(sketch: Served, wrong: dict[str, object], param: str) -> None:
    before = sketch.worker.desk.drawn
    status, answer = await sketch.post({**GOOD, **wrong})
    assert status == 400
    assert set(answer) == {"error"}
    assert set(answer["error"]) == {"message", "type", "param", "code"}
    assert answer["error"]["param"] == param
    assert answer["error"]["type"] == "invalid_request_error"
    assert sketch.worker.desk.drawn == before
    assert (await sketch.post(GOOD))[0] == 200


@pytest.mark.parametrize("broken", BROKEN, ids=lambda body: str(body)[:30])
async def test_what_is_no_json_object_is_refused(sketch: Served, broken: bytes) -> None:
    headers = {"content-type": "application/json"}
    async with sketch.http.post("/v1/images/generations", data=broken, headers=headers) as answer:
        assert answer.status == 400
        assert (await answer.json())["error"]["code"] == "invalid_json"
    assert (await sketch.post(GOOD))[0] == 200


@pytest.mark.parametrize("wrong", [{"cfg_scale": "4"}, {"cfg_scale": True}, {"guidance": -1}, {"guidance": 101}])
async def test_numbers_of_engines_that_take_them(slow: Served, wrong: dict[str, object]) -> None:
    status, answer = await slow.post({"prompt": "p", **wrong})
    assert (status, [answer["error"]["param"]]) == (400, list(wrong))


async def test_an_unknown_model_names_those_there_are(sketch: Served) -> None:
    status, answer = await sketch.post({**GOOD, "model": "flux"})
    assert (status, answer["error"]["code"]) == (404, "model_not_found")
    assert "sketch" in answer["error"]["message"]


@pytest.mark.parametrize("declared", [True, False])
async def test_a_huge_body_is_refused(sketch: Served, declared: bool) -> None:
    body = json.dumps({"prompt": "x" * 2**21}).encode()

    async def chunked() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 2**16):
            yield body[start : start + 2**16]

    headers = {"content-type": "application/json"}
    data = io.BytesIO(body) if declared else chunked()
    async with sketch.http.post("/v1/images/generations", data=data, headers=headers) as answer:
        assert answer.status == 413
        assert (await answer.json())["error"]["code"] == "request_too_large"
    assert (await sketch.post(GOOD))[0] == 200


async def test_only_json_is_taken(sketch: Served) -> None:
    """A web page can post text/plain to a loopback port without asking; it cannot post JSON."""
    async with sketch.http.post("/v1/images/generations", data=b'{"prompt": "p"}') as answer:
        assert answer.status == 415
        assert (await answer.json())["error"]["code"] == "unsupported_media_type"


async def test_unknown_routes_and_methods_answer_in_the_envelope(sketch: Served) -> None:
    status, answer = await sketch.get("/v1/nothing")
    assert (status, answer["error"]["code"]) == (404, "not_found")
    status, answer = await sketch.get("/v1/images/generations")
    assert (status, answer["error"]["code"]) == (405, "method_not_allowed")


async def test_a_header_that_is_no_id_names_no_job(sketch: Served) -> None:
    """Proxies put what they like into x-request-id."""
    status, answer = await sketch.post(GOOD, {"x-request-id": "a b"})
    assert status == 200
    assert answer["job_id"].startswith("job_")
