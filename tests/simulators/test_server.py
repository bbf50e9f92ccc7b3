"""The simulators as a whole: the control API, the program, the pictures, the forms."""

import io
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from PIL import Image
from starlette.requests import Request

from simulators.drawing import FORMATS, Format, Picture, draw
from simulators.faults import BadFaults
from simulators.multipart import Upload, form_of
from simulators.running import Simulators
from simulators.server import SIMULATORS, create_app

HTML = {"provider": "fal", "on": "submit", "effect": "html"}


@pytest.fixture
def control(simulators: Simulators) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{simulators.origin}/_control") as client:
        yield client


def submit(simulators: Simulators) -> httpx.Response:
    at = simulators.addresses["fal"]
    headers = {"Authorization": f"Key {at['key']}"}
    return httpx.post(f"{at['queue_url']}/fal-ai/flux/dev", json={"prompt": "x"}, headers=headers)


def test_faults_are_set_and_used_up(simulators: Simulators, control: httpx.Client) -> None:
    assert control.post("/faults", json=[HTML]).status_code == 204
    assert [each["effect"] for each in control.get("/faults").json()] == ["html"]
    assert submit(simulators).headers["content-type"].startswith("text/html")
    assert control.get("/faults").json() == []


def test_a_bad_list_leaves_the_old_one(control: httpx.Client) -> None:
    control.post("/faults", json=[HTML])
    refused = control.post("/faults", json=[{**HTML, "effect": "explode"}])
    assert refused.status_code == 400
    assert "0.effect" in refused.json()["error"]
    assert control.post("/faults", content=b"[").status_code == 400
    assert len(control.get("/faults").json()) == 1


def test_calls_tell_everything_but_the_key(simulators: Simulators, control: httpx.Client) -> None:
    submit(simulators)
    told = control.get("/calls")
    [call] = told.json()["calls"]
    assert (call["provider"], call["step"], call["method"]) == ("fal", "submit", "POST")
    assert (call["path"], call["query"], call["body"]) == ("/fal-queue/fal-ai/flux/dev", {}, {"prompt": "x"})
    assert call["headers"]["content-type"] == "application/json"
    assert simulators.addresses["fal"]["key"] not in told.text
    assert told.json()["paid"] == {simulator.slug: int(simulator.slug == "fal") for simulator in SIMULATORS}


@pytest.mark.parametrize(
    "wrong",
    [{"provider": "nobody"}, {}, [], {"provider": "fal", "queue_seconds": -1}, {"provider": "fal", "speed": 1}],
)
def test_a_pace_that_makes_no_sense(control: httpx.Client, wrong: object) -> None:
    assert control.post("/pace", json=wrong).status_code == 400


def test_reset_forgets_all_of_it(simulators: Simulators, control: httpx.Client) -> None:
    assert control.post("/pace", json={"provider": "fal", "queue_seconds": 3600}).status_code == 204
    assert simulators.stage.pace("fal").queue_seconds == 3600
    submit(simulators)
    control.post("/faults", json=[HTML])
    assert control.post("/reset").status_code == 204
    assert control.get("/calls").json() == {"calls": [], "paid": dict.fromkeys(simulators.stage.providers, 0)}
    assert control.get("/faults").json() == []
    assert simulators.stage.pace("fal").queue_seconds == 0


def test_the_program_says_where_it_is_and_ends_quietly(tmp_path: Path) -> None:
    faults = tmp_path / "faults.json"
    faults.write_text(json.dumps([HTML]))
    command = [sys.executable, "-W", "error", "-m", "simulators", "--port", "0", "--faults", str(faults)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        assert program.stdout and program.stderr
        addresses = json.loads(program.stdout.readline())
        at = addresses["fal"]
        headers = {"Authorization": f"Key {at['key']}"}
        answer = httpx.post(f"{at['queue_url']}/fal-ai/flux/dev", json={"prompt": "x"}, headers=headers)
        program.send_signal(signal.SIGINT)
        rest, errors = program.communicate(timeout=20)
    assert list(addresses) == [simulator.slug for simulator in SIMULATORS]
    assert answer.headers["content-type"].startswith("text/html")
    assert (program.returncode, rest, errors) == (0, "", "")


def test_the_program_refuses_bad_faults_before_it_serves(tmp_path: Path) -> None:
    faults = tmp_path / "faults.json"
    faults.write_text('[{"provider": "nobody", "on": "submit", "effect": "html"}]')
    command = [sys.executable, "-m", "simulators", "--faults", str(faults)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("simulators: no such provider: nobody")


def test_simulators_stop_and_start_again() -> None:
    simulators = Simulators(faults=[HTML])
    for _ in range(2):
        with simulators:
            assert httpx.get(f"{simulators.origin}/_control/faults").status_code == 200
        with pytest.raises(httpx.ConnectError):
            httpx.get(simulators.origin)
    simulators.stop()


def test_a_stop_cuts_short_what_is_under_way(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    slow = {"provider": "fal", "on": "submit", "effect": "delay", "seconds": 3600}
    with Simulators(faults=[slow]) as simulators, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(submit, simulators)
        while not simulators.calls("fal"):
            pass
        simulators.stop()
        assert isinstance(answer.exception(), httpx.TransportError) or answer.result().status_code == 500
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


def test_the_app_refuses_bad_faults() -> None:
    with pytest.raises(BadFaults, match="no such provider"):
        create_app(faults=[{**HTML, "provider": "nobody"}])


@pytest.mark.parametrize("output_format", FORMATS)
@pytest.mark.parametrize("size", [(1, 1), (64, 300), (1365, 768)])
def test_pictures_have_the_size_and_format_asked(output_format: Format, size: tuple[int, int]) -> None:
    content = draw(Picture("a prompt \ud800 日本", 3, 0, *size, format=output_format))
    drawn = Image.open(io.BytesIO(content))
    assert ((drawn.format or "").lower(), drawn.size) == (output_format, size)


def test_pictures_differ_by_prompt_seed_index_and_input() -> None:
    plain = ("a", 1, 0, 64, 64)
    others = [("b", 1, 0, 64, 64), ("a", 2, 0, 64, 64), ("a", 1, 1, 64, 64)]
    drawn = {draw(Picture(*each)) for each in (plain, *others)} | {draw(Picture(*plain, source="x"))}
    assert len(drawn) == 5
    draw.cache_clear()
    assert draw(Picture(*plain)) in drawn


def form(content: bytes, boundary: str = "b") -> Request:
    headers = [(b"content-type", f"multipart/form-data; boundary={boundary}".encode())]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": headers, "content": content})


def test_a_form_keeps_bytes_and_spelling() -> None:
    raw = (
        b'--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nk\xc3\xa4fer\r\n'
        b'--b\r\nContent-Disposition: form-data; name="image[]"; filename="a.png"\r\n'
        b"Content-Type: image/png\r\n\r\n\x00\r\n--\xff\r\n--b--\r\n"
    )
    read = form_of(form(raw), raw)
    assert read
    assert read.fields == {"prompt": ["käfer"]}
    assert read.files == {"image[]": [Upload("a.png", "image/png", b"\x00\r\n--\xff")]}


@pytest.mark.parametrize("raw", [b"", b"--b\r\n", b"nothing", b"--b\r\n\r\nno name\r\n--b--", b"--c\r\n\r\n--c--"])
def test_a_broken_form_is_none(raw: bytes) -> None:
    assert form_of(form(raw), raw) is None
