"""Every scripted fault, as a caller meets it."""

import base64
import io
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from simulators.faults import BadFaults, load_faults, read_faults
from simulators.running import Simulators
from simulators.server import PROVIDERS
from tests.simulators.wire import WIRE

BODIES: dict[str, dict[str, Any]] = {
    "fal": {"prompt": "x", "image_size": "square"},
    "openai": {"model": "gpt-image-2", "prompt": "x", "size": "1024x1024"},
    "lumenfall": {"model": "qwen-image", "prompt": "x", "size": "512x512"},
    "vllm-omni": {"prompt": "x", "size": "512x512"},
    "sd-server": {"prompt": "x", "size": "512x512"},
}
EVERY = list(BODIES)
SCHEME = {"fal": "Key"}


def ask(simulators: Simulators, slug: str, **more: Any) -> httpx.Response:
    at = simulators.addresses[slug]
    url = at["base_url"] + ("/fal-ai/qwen-image" if slug == "fal" else "/images/generations")
    headers = {"Authorization": f"{SCHEME.get(slug, 'Bearer')} {at['key']}"}
    return WIRE.post(url, json={**BODIES[slug], **more}, headers=headers)


def pictures(answer: httpx.Response) -> list[bytes]:
    """The bytes of an answer's pictures, fetched where it points elsewhere."""
    told = answer.json()
    found: list[bytes] = []
    for each in told.get("images", told.get("data")):
        encoded = each.get("b64_json")
        found.append(base64.b64decode(encoded) if encoded else WIRE.get(each["url"]).content)
    return found


def fault(slug: str, effect: str, on: str = "generate", **more: Any) -> dict[str, Any]:
    return {"provider": slug, "on": on, "effect": effect, **more}


@pytest.mark.parametrize("slug", EVERY)
def test_without_faults_a_picture_comes(simulators: Simulators, slug: str) -> None:
    [content] = pictures(ask(simulators, slug))
    size = (1024, 1024) if slug == "openai" else (512, 512)
    assert Image.open(io.BytesIO(content)).size == size
    assert simulators.paid(slug) == 1


@pytest.mark.parametrize("slug", EVERY)
@pytest.mark.parametrize("status", [400, 429, 500, 503])
def test_a_status_is_the_providers_own_error_once(simulators: Simulators, slug: str, status: int) -> None:
    simulators.set_faults([fault(slug, "status", status=status)])
    answer = ask(simulators, slug)
    assert answer.status_code == status
    assert {"detail", "error"} & set(answer.json())
    assert "retry-after" not in answer.headers
    assert simulators.paid(slug) == 0
    assert ask(simulators, slug).status_code == 200


def test_a_status_may_have_a_body_and_headers(simulators: Simulators) -> None:
    simulators.set_faults(
        [
            fault("openai", "status", status=429, headers={"Retry-After": "7"}),
            fault("openai", "status", status=502, body="<html>bad gateway</html>"),
            fault("openai", "status", status=418, body={"tea": True}),
        ]
    )
    first, second, third = (ask(simulators, "openai") for _ in range(3))
    assert (first.headers["retry-after"], first.json()["error"]["code"]) == ("7", "rate_limit_exceeded")
    assert (second.status_code, second.text) == (502, "<html>bad gateway</html>")
    assert (third.status_code, third.json()) == (418, {"tea": True})


def test_fals_platform_errors(simulators: Simulators) -> None:
    simulators.set_faults([fault("fal", "status", status=status) for status in (429, 504, 503)])
    limited, late, broken = (ask(simulators, "fal") for _ in range(3))
    assert (limited.json()["type"], limited.headers["x-fal-needs-retry"]) == ("concurrent_requests_limit", "1")
    assert late.json()["error_type"] == late.headers["x-fal-error-type"] == "request_timeout"
    assert "x-fal-request-timeout-type" not in late.headers
    assert broken.json()["error_type"] == "runner_disconnected"
    assert broken.headers["x-fal-request-id"]


@pytest.mark.parametrize("slug", EVERY)
@pytest.mark.parametrize(("effect", "paid"), [("drop_before", 0), ("drop_after", 1)])
def test_a_dropped_connection(simulators: Simulators, slug: str, effect: str, paid: int) -> None:
    simulators.set_faults([fault(slug, effect)])
    with pytest.raises(httpx.TransportError):
        ask(simulators, slug)
    assert simulators.paid(slug) == paid
    assert len(simulators.calls(slug, "generate")) == 1


@pytest.mark.parametrize("slug", EVERY)
def test_html_with_200(simulators: Simulators, slug: str) -> None:
    simulators.set_faults([fault(slug, "html")])
    answer = ask(simulators, slug)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("slug", EVERY)
def test_an_empty_list(simulators: Simulators, slug: str) -> None:
    simulators.set_faults([fault(slug, "empty")])
    answer = ask(simulators, slug)
    assert (answer.status_code, pictures(answer)) == (200, [])


@pytest.mark.parametrize("slug", EVERY)
def test_a_wrong_size(simulators: Simulators, slug: str) -> None:
    simulators.set_faults([fault(slug, "wrong_size")])
    [content] = pictures(ask(simulators, slug))
    assert Image.open(io.BytesIO(content)).size == ((512, 512) if slug == "openai" else (256, 256))


@pytest.mark.parametrize("slug", EVERY)
def test_bytes_that_are_no_picture(simulators: Simulators, slug: str) -> None:
    simulators.set_faults([fault(slug, "not_a_picture")])
    [content] = pictures(ask(simulators, slug))
    assert content.startswith(b"This is")


@pytest.mark.parametrize("slug", EVERY)
def test_a_million_megapixels(simulators: Simulators, slug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100_000_000)
    simulators.set_faults([fault(slug, "huge")])
    [content] = pictures(ask(simulators, slug))
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = (int.from_bytes(content[at : at + 4]) for at in (16, 20))
    assert width * height == 10**12
    with pytest.raises(Image.DecompressionBombError):
        Image.open(io.BytesIO(content))


@pytest.mark.parametrize("slug", EVERY)
def test_a_type_that_lies(simulators: Simulators, slug: str) -> None:
    simulators.set_faults([fault(slug, "wrong_type")])
    answer = ask(simulators, slug)
    [content] = pictures(answer)
    assert Image.open(io.BytesIO(content)).format == "JPEG"
    claimed = answer.json()["images"][0]["content_type"] if slug == "fal" else answer.json()["output_format"]
    assert claimed.removeprefix("image/") == "png"


@pytest.mark.parametrize(
    ("slug", "status", "word"),
    [
        ("fal", 422, "content_policy_violation"),
        ("openai", 400, "moderation_blocked"),
        ("lumenfall", 400, "CONTENT_POLICY_VIOLATION"),
    ],
)
def test_moderated(simulators: Simulators, slug: str, status: int, word: str) -> None:
    simulators.set_faults([fault(slug, "moderated")])
    answer = ask(simulators, slug)
    assert answer.status_code == status
    assert word in answer.text
    assert simulators.paid(slug) == 0


@pytest.mark.parametrize("slug", EVERY)
def test_failed(simulators: Simulators, slug: str) -> None:
    simulators.set_faults([fault(slug, "failed")])
    assert ask(simulators, slug).status_code == (502 if slug == "lumenfall" else 500)
    assert simulators.paid(slug) == 0


def test_nsfw_is_flagged_and_black(simulators: Simulators) -> None:
    simulators.set_faults([fault("fal", "nsfw")])
    answer = ask(simulators, "fal", num_images=2)
    assert answer.status_code == 200
    assert answer.json()["has_nsfw_concepts"] == [True, True]
    assert Image.open(io.BytesIO(pictures(answer)[0])).getextrema() == ((0, 0),) * 3


def test_a_delay_goes_with_another_fault(simulators: Simulators) -> None:
    simulators.set_faults([fault("openai", "delay", seconds=0.001), fault("openai", "status", status=503)])
    assert ask(simulators, "openai").status_code == 503
    assert ask(simulators, "openai").status_code == 200


def test_times(simulators: Simulators) -> None:
    simulators.set_faults([fault("fal", "status", times=2), fault("fal", "html", times=-1)])
    answers = [ask(simulators, "fal") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [500, 500, 200, 200]
    assert "html" in answers[3].headers["content-type"]


@pytest.mark.parametrize(
    ("effect", "found"),
    [("not_a_picture", b"This is"), ("huge", b"\x89PNG"), ("empty", b""), ("html", b"<!doctype html>")],
)
def test_a_download_goes_wrong(simulators: Simulators, effect: str, found: bytes) -> None:
    [image] = ask(simulators, "fal").json()["images"]
    simulators.set_faults([fault("fal", effect, on="download")])
    first = WIRE.get(image["url"])
    assert first.status_code == 200
    assert first.content.startswith(found) and (found or not first.content)
    assert Image.open(io.BytesIO(WIRE.get(image["url"]).content)).size == (512, 512)


def test_a_download_is_refused_dropped_or_of_another_type(simulators: Simulators) -> None:
    [image] = ask(simulators, "lumenfall").json()["data"]
    simulators.set_faults(
        [fault("lumenfall", effect, on="download", status=404) for effect in ("status", "drop_before", "wrong_type")]
    )
    assert WIRE.get(image["url"]).status_code == 404
    with pytest.raises(httpx.TransportError):
        WIRE.get(image["url"])
    lying = WIRE.get(image["url"])
    assert (lying.headers["content-type"], Image.open(io.BytesIO(lying.content)).format) == ("image/png", "JPEG")


def queued(simulators: Simulators) -> tuple[dict[str, Any], dict[str, str]]:
    at = simulators.addresses["fal"]
    headers = {"Authorization": f"Key {at['key']}"}
    return WIRE.post(f"{at['queue_url']}/fal-ai/qwen-image", json=BODIES["fal"], headers=headers).json(), headers


def test_faults_along_fals_queue(simulators: Simulators) -> None:
    simulators.set_faults(
        [
            fault("fal", "status", on="status", status=503),
            fault("fal", "status", on="cancel", status=500),
            fault("fal", "failed", on="result"),
            fault("fal", "html", on="result"),
        ]
    )
    told, headers = queued(simulators)
    looks = [WIRE.get(told["status_url"], headers=headers) for _ in range(4)]
    assert [look.status_code for look in looks] == [503, 202, 202, 200]
    assert WIRE.put(told["cancel_url"], headers=headers).status_code == 500
    assert WIRE.get(told["response_url"], headers=headers).json()["detail"][0]["type"] == "internal_server_error"
    assert WIRE.get(told["response_url"], headers=headers).headers["content-type"].startswith("text/html")
    assert len(WIRE.get(told["response_url"], headers=headers).json()["images"]) == 1


@pytest.mark.parametrize("on", ["submit", "generate"])
def test_a_failed_job_is_completed_with_an_error(simulators: Simulators, on: str) -> None:
    simulators.set_faults([fault("fal", "failed", on=on)])
    told, headers = queued(simulators)
    done = [WIRE.get(told["status_url"], headers=headers).json() for _ in range(3)][-1]
    assert (done["status"], done["error_type"]) == ("COMPLETED", "internal_server_error")
    assert WIRE.get(told["response_url"], headers=headers).status_code == 500


def test_a_submit_whose_answer_is_lost_was_accepted(simulators: Simulators) -> None:
    simulators.set_faults([fault("fal", "drop_after", on="submit")])
    with pytest.raises(httpx.TransportError):
        queued(simulators)
    assert simulators.paid("fal") == 1


@pytest.mark.parametrize(
    ("listed", "told"),
    [
        ({}, "list"),
        ([{"provider": "fal"}], r"0\.on: .*; 0\.effect: "),
        ([fault("fal", "explode")], "0.effect"),
        ([fault("fal", "html", times=0)], "times is -1"),
        ([fault("fal", "html", when="now")], "0.when"),
        ([fault("nobody", "html")], "no such provider: nobody"),
        ([fault("fal", "huge", on="cancel")], "huge cannot happen on cancel"),
        ([fault("fal", "status", status=200)], "0.status"),
        ([fault("openai", "html", on="submit")], "openai has no submit"),
        ([fault("vllm-omni", "moderated")], "vllm-omni never answers moderated"),
        ([fault("vllm-omni", "stream_cut")], "vllm-omni streams nothing"),
        ([fault("fal", "stream_stall", on="submit")], "stream_stall can happen on generate only"),
    ],
)
def test_a_list_that_makes_no_sense_is_refused(listed: object, told: str) -> None:
    with pytest.raises(BadFaults, match=told):
        read_faults(listed, PROVIDERS)


def test_faults_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    path.write_text('[{"provider": "fal", "on": "submit", "effect": "html"}]')
    assert [each.effect for each in load_faults(path, PROVIDERS)] == ["html"]
    path.write_text("[")
    with pytest.raises(BadFaults, match="not JSON"):
        load_faults(path, PROVIDERS)
