"""`easel generate` against a stand-in: what is sent, where the files are, what is said."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import FakeGateway, easel

GENERATIONS = "/v1/images/generations"
PNG = b"\x89PNG\r\n\x1a\nnobody looks inside"


def row(name: str, behavior: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "given_as": name, "behavior": behavior, "asked": None, "sent_as": None, "sent": None} | more


def answer(*pictures: dict[str, Any], parameters: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    metadata = {
        "request_id": "req_1",
        "executed_model": "fal/qwen-image",
        "provider": "fal",
        "provider_name": "fal.ai",
        "cost": 0.04,
        "cost_basis": "estimated",
        "cache": "partial",
        "parameters": parameters or [],
    }
    return {"created": 1, "data": list(pictures), "output_format": "png", "metadata": metadata}


def picture(**more: Any) -> dict[str, Any]:
    return {"content_type": "image/png", **more}


def test_options_become_a_request_in_openais_words(tmp_path: Path) -> None:
    encoded = base64.b64encode(PNG).decode()
    with FakeGateway({GENERATIONS: (200, answer(picture(b64_json=encoded)))}) as fake:
        options = "-m flux-dev -s 16:9 -n 2 --seed 7 --aspect-ratio 3:2 --resolution 1K --format webp --steps 20"
        done = easel(
            *("generate", "a fox", *options.split(), "--cfg", "4.5", "--quality", "low", "--negative", "rain"),
            *("--set", 'loras=[{"path": "x"}]', "--set", "style=vivid", "--strict", "-o", tmp_path),
            env=fake.env(),
        )
    assert done.returncode == 0, done.stderr
    [sent] = fake.sent
    assert sent.method == "POST"
    assert sent.body == {
        "model": "flux-dev",
        "prompt": "a fox",
        "size": "16:9",
        "n": 2,
        "seed": 7,
        "aspect_ratio": "3:2",
        "resolution": "1K",
        "output_format": "webp",
        "negative_prompt": "rain",
        "num_inference_steps": 20,
        "cfg_scale": 4.5,
        "quality": "low",
        "loras": [{"path": "x"}],
        "style": "vivid",
    }
    assert sent.headers["authorization"] == "Bearer ek_mine"
    assert sent.headers["x-easel-strict"] == "true"


def test_what_is_not_given_is_not_sent(tmp_path: Path) -> None:
    with FakeGateway({GENERATIONS: (200, answer())}) as fake:
        easel("generate", "a fox", "-o", tmp_path, env=fake.env())
    assert fake.sent[0].body == {"model": "qwen-image", "prompt": "a fox"}
    assert "x-easel-strict" not in fake.sent[0].headers


def test_files_hold_the_bytes_and_are_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "req_1-1.png").write_text("mine")
    encoded = base64.b64encode(PNG + b"1").decode()
    with FakeGateway({"/p.png": (200, PNG + b"2")}) as fake:
        fake.answers[GENERATIONS] = (200, answer(picture(b64_json=encoded), picture(url=f"{fake.url}/p.png")))
        done = easel("generate", "a fox", "-o", tmp_path, env=fake.env())
    assert (tmp_path / "req_1-1.png").read_text() == "mine"
    assert (tmp_path / "req_1-1-2.png").read_bytes() == PNG + b"1"
    assert (tmp_path / "req_1-2.png").read_bytes() == PNG + b"2"
    assert done.stdout.splitlines()[:2] == [str(tmp_path / "req_1-1-2.png"), str(tmp_path / "req_1-2.png")]
    assert "authorization" not in fake.sent[1].headers, "whoever keeps a picture must not see the key"


def test_a_request_id_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    told = answer(picture(b64_json=base64.b64encode(PNG).decode()))
    told["metadata"]["request_id"] = "../../out"
    with FakeGateway({GENERATIONS: (200, told)}) as fake:
        easel("generate", "a fox", "-o", tmp_path / "in", env=fake.env())
    assert [file.name for file in tmp_path.rglob("*.png")] == ["out-1.png"]
    assert (tmp_path / "in" / "out-1.png").exists()


def test_only_what_was_not_plain_is_told_unless_all_is_asked_for(tmp_path: Path) -> None:
    rows = [
        row("prompt", "passthrough"),
        row("size", "converted", asked="16:9", sent_as="image_size", sent={"width": 1365}, note="nearest \x1b[31m[b]"),
    ]
    with FakeGateway({GENERATIONS: (200, answer(parameters=rows))}) as fake:
        told = easel("generate", "a fox", "-o", tmp_path, env=fake.env()).stdout
        everything = easel("generate", "a fox", "-o", tmp_path, "--explain", env=fake.env()).stdout
    assert "fal.ai · fal/qwen-image · $0.04 (estimated)" in told
    assert "cache: partial" in told
    [shown] = [line for line in told.splitlines() if "converted" in line]
    assert shown.split()[:3] == ["size", "16:9", "converted"]
    assert '{"width": 1365}' in shown
    assert "[31m[b]" in shown and "\x1b" not in shown, "what others wrote is text, neither markup nor control codes"
    assert "prompt" not in told
    assert "prompt" in everything


def test_json_has_the_files_in_place_of_the_bytes(tmp_path: Path) -> None:
    with FakeGateway({GENERATIONS: (200, answer(picture(b64_json=base64.b64encode(PNG).decode())))}) as fake:
        done = easel("generate", "a fox", "-o", tmp_path, "--json", env=fake.env())
    told = json.loads(done.stdout)
    assert told["data"] == [{"content_type": "image/png", "file": str(tmp_path / "req_1-1.png")}]
    assert told["metadata"]["cost"] == 0.04


def test_an_error_is_one_line_with_parameter_and_request(tmp_path: Path) -> None:
    error = {"message": "size: is 0 wide", "type": "invalid_request_error", "param": "size", "code": "invalid_value"}
    with FakeGateway({GENERATIONS: (400, {"error": error})}) as fake:
        done = easel("generate", "a fox", "-o", tmp_path, env=fake.env())
    assert done.returncode == 1
    assert done.stderr.strip() == "easel: size: is 0 wide (invalid_value, parameter size, request req_fake)"
    assert done.stdout == ""


@pytest.mark.parametrize("told", [(502, b"<html>"), (200, b"<html>"), (200, []), (500, {"error": "words"})])
def test_an_answer_that_is_none_of_a_gateways_is_said_so(tmp_path: Path, told: tuple[int, Any]) -> None:
    with FakeGateway({GENERATIONS: told}) as fake:
        done = easel("generate", "a fox", "-o", tmp_path, env=fake.env())
    assert done.returncode == 1
    assert "did not answer as a gateway does" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        ({"b64_json": "%%%"}, "not base64"),
        ({}, "without its bytes"),
        ({"url": "ftp://127.0.0.1/x"}, "could not be read"),
        ({"url": "{url}/gone.png"}, "answered 404"),
    ],
)
def test_a_picture_that_cannot_be_had_is_an_error_and_leaves_no_file(
    tmp_path: Path, broken: dict[str, str], complaint: str
) -> None:
    with FakeGateway() as fake:
        told = {name: value.replace("{url}", fake.url) for name, value in broken.items()}
        fake.answers[GENERATIONS] = (200, answer(picture(**told)))
        done = easel("generate", "a fox", "-o", tmp_path, env=fake.env())
    assert done.returncode == 1
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_no_gateway_is_said_with_what_to_do(tmp_path: Path) -> None:
    done = easel("generate", "a fox", "-o", tmp_path, env={"EASEL_URL": "http://127.0.0.1:9"})
    assert done.returncode == 1
    assert done.stderr.strip() == "easel: no gateway answers at http://127.0.0.1:9; start one with `easel serve`"


@pytest.mark.parametrize("entry", ["novalue", "=1", "prompt=other"])
def test_a_wrong_set_is_refused_before_anything_is_sent(tmp_path: Path, entry: str) -> None:
    with FakeGateway() as fake:
        done = easel("generate", "a fox", "-o", tmp_path, "--set", entry, env=fake.env())
    assert done.returncode == 2
    assert fake.sent == []
