"""A provider may answer anything: the caller gets an error that says so, nothing is paid twice, the gateway lives."""

import base64
import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from simulators.running import Simulators
from tests.gateway.conftest import simulated_settings
from tests.gateway.drawn import asked, content_of, each, failed, opened, served
from tests.gateway.running import RunningGateway
from tests.gateway.scripted_provider import Hostile, Reply

MEGABYTE = 1024 * 1024
METADATA = "http://169.254.169.254/latest/meta-data/"
MODELS = {"qwen-image": "Qwen/Qwen-Image"}


def picture(format: str = "png", size: tuple[int, int] = (64, 64)) -> bytes:
    output = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(output, format.upper())
    return output.getvalue()


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Hostile, Hostile]]:
    with Hostile() as hostile, Hostile() as neighbour:
        yield hostile, neighbour


@pytest.fixture
def hostile(servers: tuple[Hostile, Hostile]) -> Hostile:
    return servers[0].reset()


@pytest.fixture
def neighbour(servers: tuple[Hostile, Hostile]) -> Hostile:
    """Somebody else's server on this machine, which no provider may make us call."""
    neighbour = servers[1].reset()
    neighbour.pictures["/secret"] = Reply(picture(), content_type="image/png")
    return neighbour


@pytest.fixture(scope="module")
def shared(
    servers: tuple[Hostile, Hostile], all_simulators: Simulators, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    """It asks the hostile provider first, and has an honest one behind it."""
    url = f"{servers[0].url}/v1"
    settings = simulated_settings(
        all_simulators,
        tmp_path_factory.mktemp("hostile"),
        providers={"hostile": {"kind": "openai_compatible", "dialect": "openai", "base_url": url, "models": MODELS}},
        models={"qwen-image": {"route": ["hostile", "vllm-omni"]}},
        jobs={"deadline": 20},
    )
    with RunningGateway(settings) as running:
        yield running


@pytest.fixture
def gateway(shared: RunningGateway, simulators: Simulators) -> RunningGateway:
    assert not simulators.calls()
    return shared.forget_trouble()


def stored(gateway: RunningGateway) -> set[Path]:
    images = gateway.app.settings.server.data_dir / "images"
    return {path for path in images.rglob("*") if path.is_file()}


def refused(gateway: RunningGateway, hostile: Hostile, simulators: Simulators, **more: Any) -> str:
    """The message of a 502 after which nothing was sent again, nothing stored, and the next request is served."""
    before = stored(gateway)
    answer = gateway.generate(asked(seed=1, **more))
    message = failed(answer, 502, "provider_error")
    assert answer.headers["x-should-retry"] == "false"
    assert len(hostile.asked) == 1
    assert simulators.calls() == []
    assert stored(gateway) == before
    assert "hostile" in message
    served(gateway.generate(asked(model="vllm-omni/qwen-image")))
    return message


PAGE = b"<!doctype html><html><head><title>Just a moment...</title></head></html>"
ANSWERS: dict[str, Reply] = {
    "html": Reply(PAGE, content_type="text/html"),
    "nothing": Reply(b""),
    "half of JSON": Reply(b'{"data": [{"b64_json": "iVBO'),
    "a list": Reply([{"url": "https://example.com/a.png"}]),
    "a deep nest": Reply(b'{"data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "not UTF-8": Reply(b'{"data": "\xff\xfe"}'),
    "empty list": Reply({"data": []}),
    "no list": Reply({"data": {"url": "https://example.com/a.png"}}),
    "words for pictures": Reply({"data": ["https://example.com/a.png"]}),
    "null": Reply({"data": [{"url": None, "b64_json": None}]}),
    "a number for a URL": Reply({"data": [{"url": 7}]}),
    "a file": Reply({"data": [{"url": "file:///etc/passwd"}]}),
    "javascript": Reply({"data": [{"url": "javascript:alert(1)"}]}),
    "a URL of two lines": Reply({"data": [{"url": "https://example.com/a.png\r\nx: y"}]}),
    "damaged base64": Reply({"data": [{"b64_json": "!!!!"}]}),
    "a sentence": Reply({"data": [{"b64_json": encoded(b"This is a sentence, and not a picture.")}]}),
    "a page as picture": Reply({"data": [{"b64_json": encoded(PAGE)}]}),
    "a drawing in SVG": Reply({"data": [{"b64_json": encoded(b"<svg xmlns='http://www.w3.org/2000/svg'/>")}]}),
    "a redirect": Reply(b"", 302, headers={"location": METADATA}),
    "64 MB and more": Reply(b" " * MEGABYTE, repeat=70),
    "a packed bomb": Reply(gzip.compress(b" " * (70 * MEGABYTE), 1), headers={"content-encoding": "gzip"}),
}


@pytest.mark.parametrize("reply", ANSWERS.values(), ids=ANSWERS)
def test_answers_that_hold_no_picture(
    gateway: RunningGateway, hostile: Hostile, simulators: Simulators, reply: Reply
) -> None:
    hostile.answer = lambda _body: reply
    message = refused(gateway, hostile, simulators)
    assert "Just a moment" not in message
    assert "<html" not in message


TARGETS = [
    METADATA,
    "http://127.0.0.1:{port}/secret",
    "http://localhost:{port}/secret",
    "https://localhost/secret",
    "http://[::1]:{port}/secret",
    "http://2130706433:{port}/secret",
    "http://0x7f.1:{port}/secret",
    "ftp://127.0.0.1/secret",
    "//127.0.0.1:{port}/secret",
]


@pytest.mark.parametrize("aim", [(target, way) for target in TARGETS for way in ("direct", "redirected")], ids=" ".join)
def test_picture_urls_lead_nowhere_else(
    gateway: RunningGateway, hostile: Hostile, neighbour: Hostile, simulators: Simulators, aim: tuple[str, str]
) -> None:
    url = aim[0].format(port=neighbour.url.rpartition(":")[2])
    shown = f"{hostile.url}/here.png" if aim[1] == "redirected" else url
    hostile.pictures["/here.png"] = Reply(b"", 302, headers={"location": url})
    hostile.answer = lambda _body: Reply({"data": [{"url": shown}]})
    refused(gateway, hostile, simulators)
    assert neighbour.fetched == []


def test_a_provider_leads_nobody_to_another_providers_host(
    gateway: RunningGateway, hostile: Hostile, simulators: Simulators
) -> None:
    """The configuration trusts that host, for the pictures of the provider that it names there."""
    hostile.answer = lambda _body: Reply({"data": [{"url": f"{simulators.origin}/fal-media/secret.png"}]})
    assert "refused" in refused(gateway, hostile, simulators)


PICTURES: dict[str, Reply] = {
    "html": Reply(PAGE, content_type="image/png"),
    "nothing": Reply(b"", content_type="image/png"),
    "half a picture": Reply(picture()[:20], content_type="image/png"),
    "no end": Reply(b"\x89PNG\r\n\x1a\n" + b"\x00" * MEGABYTE, repeat=70, content_type="image/png"),
    "too long": Reply(picture(), content_type="image/png", headers={"content-length": str(65 * MEGABYTE)}),
    "a packed bomb": Reply(gzip.compress(b" " * (70 * MEGABYTE), 1), headers={"content-encoding": "gzip"}),
    "gone": Reply(b"", 410),
    "redirects for ever": Reply(b"", 302, headers={"location": "/here.png"}),
}


@pytest.mark.parametrize("reply", PICTURES.values(), ids=PICTURES)
def test_pictures_that_are_none(
    gateway: RunningGateway, hostile: Hostile, simulators: Simulators, reply: Reply
) -> None:
    hostile.pictures["/here.png"] = reply
    hostile.answer = lambda _body: Reply({"data": [{"url": f"{hostile.url}/here.png"}]})
    refused(gateway, hostile, simulators)


@pytest.mark.parametrize("wish", [{}, {"output_format": "webp"}], ids=["as it is", "finished"])
@pytest.mark.parametrize(("provider", "step"), [("fal", "download"), ("vllm-omni", "generate")])
def test_a_million_megapixels_are_not_decoded(
    easel: RunningGateway, simulators: Simulators, provider: str, step: str, wish: dict[str, str]
) -> None:
    simulators.set_faults([{"provider": provider, "on": step, "effect": "huge"}])
    message = failed(easel.generate(asked(model=f"{provider}/qwen-image", **wish)), 502, "provider_error")
    assert "1,000,000 megapixels" in message
    assert simulators.paid(provider) == 1
    assert easel.http.get("/healthz").status_code == 200


@pytest.mark.parametrize("wish", [None, "png", "webp"])
def test_a_wrong_content_type_deceives_nobody(easel: RunningGateway, simulators: Simulators, wish: str | None) -> None:
    """What claims to be a PNG is a JPEG: it is delivered as the JPEG that it is, or as the format that was asked."""
    simulators.set_faults([{"provider": "fal", "on": "download", "effect": "wrong_type"}])
    body = served(easel.generate(asked(seed=1, **({"output_format": wish} if wish else {}))))
    truth = wish or "jpeg"
    content = content_of(body["data"][0])
    assert opened(content).format == truth.upper()
    assert each(body, "content_type") == [f"image/{truth}"]
    assert body["output_format"] == truth


def test_fewer_pictures_than_asked_are_asked_for_again(gateway: RunningGateway, hostile: Hostile) -> None:
    hostile.answer = lambda body: Reply({"data": [{"b64_json": encoded(picture(size=(body["n"], 9)))}]})
    body = served(gateway.generate(asked(n=3)))
    assert [sent["n"] for sent in hostile.asked] == [3, 2, 1]
    assert each(body, "width") == [3, 2, 1]
    assert [row["images"] for row in body["metadata"]["attempts"]] == [1, 1, 1]


def test_more_pictures_than_asked_are_left_out(gateway: RunningGateway, hostile: Hostile) -> None:
    hostile.answer = lambda _body: Reply({"data": [{"b64_json": encoded(picture(size=(9 + i, 9)))} for i in range(5)]})
    assert each(served(gateway.generate(asked(n=2))), "width") == [9, 10]


def test_nonsense_beside_a_good_picture_harms_nothing(gateway: RunningGateway, hostile: Hostile) -> None:
    nonsense = {"seed": "seven", "width": -1, "height": "x", "content_type": ["a"], "revised_prompt": {"a": 1}}
    around = {"usage": {"input_tokens": "many", "x": [1]}, "metadata": {"cost": -5}, "size": 7, "created": "now"}
    hostile.answer = lambda _body: Reply({"data": [{"b64_json": encoded(picture()), **nonsense}], **around})
    body = served(gateway.generate(asked(seed=1)))
    assert (each(body, "width"), each(body, "seed"), each(body, "content_type")) == ([64], [1], ["image/png"])
    assert "revised_prompt" not in body["data"][0]
