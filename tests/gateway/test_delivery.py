"""URL or base64: as asked, else as configured, else as the model's family does; with and without a store of ours."""

import base64
from pathlib import Path
from typing import Any

import httpx
import pytest

from simulators.running import Simulators
from tests.gateway.conftest import Start
from tests.gateway.drawn import asked, content_of, each, failed, opened, served
from tests.gateway.running import RunningGateway

FORMS = ("url", "b64_json")
GPT = {"model": "gpt-image-1.5", "size": "1024x1024"}


def forms(body: dict[str, Any]) -> list[str]:
    """In which of the two a picture came; all pictures of an answer are alike."""
    [found] = {tuple(form for form in FORMS if form in image) for image in body["data"]}
    return list(found)


@pytest.mark.parametrize("model", [{}, {"model": "vllm-omni/qwen-image"}, GPT], ids=["fal", "vllm-omni", "gpt"])
@pytest.mark.parametrize(("wish", "got"), [("url", ["url"]), ("b64_json", ["b64_json"]), ("both", list(FORMS))])
def test_as_asked(easel: RunningGateway, model: dict[str, str], wish: str, got: list[str]) -> None:
    body = served(easel.generate(asked(seed=1, n=2, response_format=wish, **model)))
    assert forms(body) == got
    if wish == "both":
        for image in body["data"]:
            assert content_of({"url": image["url"]}) == content_of({"b64_json": image["b64_json"]})
    assert len({content_of(image) for image in body["data"]}) == 2


def test_nothing_asked_is_as_the_family_does(easel: RunningGateway) -> None:
    assert forms(served(easel.generate(asked()))) == ["url"]
    assert forms(served(easel.generate(asked(**GPT)))) == ["b64_json"]
    assert forms(served(easel.generate(asked(**{**GPT, "model": "openai/gpt-image-1.5"})))) == ["b64_json"]


@pytest.mark.parametrize(("configured", "got"), [("b64_json", ["b64_json"]), ("both", list(FORMS))])
def test_nothing_asked_is_as_configured(start: Start, configured: str, got: list[str]) -> None:
    gateway = start(defaults={"response_format": configured})
    assert forms(served(gateway.generate(asked()))) == got
    assert forms(served(gateway.generate(asked(**GPT)))) == ["b64_json"]
    assert forms(served(gateway.generate(asked(response_format="url")))) == ["url"]


@pytest.fixture
def passing_on(start: Start) -> RunningGateway:
    """A gateway that stores no pictures."""
    return start(storage={"keep": False})


def kept(gateway: RunningGateway) -> list[Path]:
    return [path for path in (gateway.app.settings.server.data_dir / "images").rglob("*") if path.is_file()]


def test_a_providers_url_is_passed_on_as_it_is(passing_on: RunningGateway, simulators: Simulators) -> None:
    body = asked(seed=1)
    drawn = served(passing_on.generate(body))
    assert drawn["data"][0]["url"].startswith(f"{simulators.origin}/fal-media/")
    assert simulators.calls("fal", "download") == []  # nobody here has looked at it
    known = passing_on.generate(body)
    assert known.headers["x-easel-cache"] == "hit"
    assert each(served(known), "url") == each(drawn, "url")
    assert opened(content_of(drawn["data"][0])).size == (64, 64)
    assert (simulators.paid("fal"), kept(passing_on)) == (1, [])


def test_base64_without_a_store_is_known_when_it_is_small(passing_on: RunningGateway, simulators: Simulators) -> None:
    body = asked(seed=1, response_format="b64_json")
    first, second = (served(passing_on.generate(body)) for _time in range(2))
    assert [answer["metadata"]["cache"] for answer in (first, second)] == ["miss", "hit"]
    assert each(first, "b64_json") == each(second, "b64_json")
    assert (simulators.paid("fal"), kept(passing_on)) == (1, [])


def test_both_without_a_store_are_the_providers_url_and_its_bytes(
    passing_on: RunningGateway, simulators: Simulators
) -> None:
    body = asked(seed=1, response_format="both")
    for outcome in ("miss", "hit"):
        answer = served(passing_on.generate(body))
        assert (forms(answer), answer["metadata"]["cache"]) == (list(FORMS), outcome)
        [image] = answer["data"]
        assert image["url"].startswith(f"{simulators.origin}/fal-media/")
        assert httpx.get(image["url"]).content == base64.b64decode(image["b64_json"])
    assert simulators.paid("fal") == 1


def test_a_large_one_without_a_store_is_drawn_again(passing_on: RunningGateway, simulators: Simulators) -> None:
    body = asked(seed=1, response_format="b64_json", size="4096x4096")
    first, second = (served(passing_on.generate(body)) for _time in range(2))
    assert len(base64.b64decode(first["data"][0]["b64_json"])) > 64 * 1024
    assert [answer["metadata"]["cache"] for answer in (first, second)] == ["miss", "miss"]
    assert (simulators.paid("fal"), kept(passing_on)) == (2, [])


def test_a_provider_that_gives_no_urls_answers_base64_unless_a_url_was_asked(
    passing_on: RunningGateway, simulators: Simulators
) -> None:
    body = asked(seed=1, model="vllm-omni/qwen-image")
    assert forms(served(passing_on.generate(body))) == ["b64_json"]
    message = failed(passing_on.generate(body, response_format="url"), 400, "unsupported_parameter")
    assert "b64_json" in message
    assert simulators.paid("vllm-omni") == 1


def test_a_picture_that_is_reworked_has_no_url_without_a_store(
    passing_on: RunningGateway, simulators: Simulators
) -> None:
    body = asked(seed=1, model="fal/qwen-image", output_format="avif")
    picture = served(passing_on.generate(body))
    assert forms(picture) == ["b64_json"]
    assert opened(content_of(picture["data"][0])).format == "AVIF"
    failed(passing_on.generate(body, response_format="url"), 400, "unsupported_parameter")
    assert simulators.paid("fal") == 1


def test_url_and_base64_without_a_store_are_two_forms_of_knowing(
    passing_on: RunningGateway, simulators: Simulators
) -> None:
    body = asked(seed=1)
    assert forms(served(passing_on.generate(body))) == ["url"]
    other = served(passing_on.generate(body, response_format="b64_json"))
    assert (forms(other), other["metadata"]["cache"]) == (["b64_json"], "miss")
    assert simulators.paid("fal") == 2


def test_the_public_url_begins_the_urls(start: Start) -> None:
    gateway = start(server={"public_url": "https://pictures.example/easel/"})
    url: str = served(gateway.generate(asked()))["data"][0]["url"]
    assert url.startswith("https://pictures.example/easel/v1/images/files/")
    got = httpx.get(url.replace("https://pictures.example/easel", gateway.url))
    assert opened(got.content).size == (64, 64)


def test_the_host_header_has_no_say_in_the_urls(easel: RunningGateway) -> None:
    answer = easel.generate(asked(), headers={"host": "evil.example", "x-forwarded-host": "evil.example"})
    assert served(answer)["data"][0]["url"].startswith(f"{easel.url}/v1/images/files/")
