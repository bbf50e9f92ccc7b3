"""`easel serve` writes one JSON line a request, with its id, and never a prompt, a key, a URL or a picture."""

import json
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from simulators.running import Simulators
from tests.gateway.running import ADMIN_KEY, FOX

PROMPT = "sesame prompt that nobody may see"

FIELDS = {
    "event",
    "level",
    "timestamp",
    "request_id",
    "route",
    "status",
    "code",
    "ms",
    "team",
    "key",
    "model",
    "provider",
    "images",
    "cost_micros",
    "cache",
}

CONFIGURATION = """
[server]
data_dir = "{data_dir}"

[auth]
admin_key = "{admin_key}"

[providers.fal]
api_key = "{key}"
queue_url = "{queue_url}"
base_url = "{base_url}"

[providers.local]
workers = ["http://127.0.0.1:9"]
"""


@contextmanager
def served(simulators: Simulators, folder: Path) -> Generator[tuple[httpx.Client, Path]]:
    """A client of `easel serve`, and the file that its standard output goes to; ended in order."""
    fal = simulators.addresses["fal"]
    configuration = folder / "easel.toml"
    configuration.write_text(CONFIGURATION.format(data_dir=folder / "data", admin_key=ADMIN_KEY, **fal))
    output = folder / "log"
    command = [Path(sys.executable).with_name("easel"), "serve", "--port", "0", "--config", configuration]
    with (
        output.open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=subprocess.PIPE, text=True, cwd=folder) as process,
    ):
        assert process.stderr is not None
        said = next(line for line in process.stderr if line.startswith("listening on "))
        headers = {"authorization": f"Bearer {ADMIN_KEY}"}
        with httpx.Client(base_url=said.split()[-1], headers=headers, timeout=60) as client:
            yield client, output
        process.terminate()
        assert process.wait(60) == 0, process.stderr.read()


def test_one_line_a_request_and_nothing_that_is_secret(all_simulators: Simulators, tmp_path: Path) -> None:
    all_simulators.reset()
    with served(all_simulators, tmp_path) as (client, output):
        answers = requests(client, all_simulators)
    text = output.read_text()
    lines: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
    by_id = {line["request_id"]: line for line in lines if line["event"] == "request"}
    assert len(by_id) == len([line for line in lines if line["event"] == "request"]) == len(answers)
    for answer in answers:
        line = by_id[answer.headers["x-request-id"]]
        assert set(line) == FIELDS
        assert line["status"] == answer.status_code
        assert line["code"] == (answer.json()["error"]["code"] if answer.status_code >= 400 else None)
    drawn = by_id[answers[0].headers["x-request-id"]]
    assert (drawn["route"], drawn["model"], drawn["provider"]) == ("generations", "qwen-image", "fal")
    assert (drawn["images"], drawn["cache"]) == (2, "off")
    assert (drawn["team"], drawn["key"]) == ("default", "admin")
    assert drawn["cost_micros"] == round(answers[0].json()["metadata"]["cost"] * 1e6)
    picture: str = answers[1].json()["data"][0]["b64_json"]
    fal_key = all_simulators.addresses["fal"]["key"]
    for secret in (PROMPT, "sesame", ADMIN_KEY, "sk-wrong", fal_key, picture[:30], "http://", "signature", "no-such"):
        assert secret not in text


def requests(client: httpx.Client, simulators: Simulators) -> list[httpx.Response]:
    """Requests of every kind, each with something that must not be logged."""
    fox = {**FOX, "prompt": PROMPT, "size": "64x64"}
    drawn = client.post("/v1/images/generations", json={**fox, "n": 2, "negative_prompt": "sesame"})
    base64 = client.post("/v1/images/generations", json={**fox, "response_format": "b64_json", "user": "sesame"})
    fetched = client.get(drawn.json()["data"][0]["url"])
    simulators.set_faults([{"provider": "fal", "on": "submit", "effect": "moderated"}])
    ways: list[Callable[[], httpx.Response]] = [
        lambda: client.post("/v1/images/generations", json=fox),
        lambda: client.post("/v1/images/generations", json={**fox, "n": 0}),
        lambda: client.post("/v1/images/generations", json={**fox, "model": "no-such-sesame"}),
        lambda: client.post("/v1/images/generations", content=f'{{"prompt": "{PROMPT}"'),
        lambda: client.post("/v1/images/plan", json=fox),
        lambda: client.get("/v1/models", headers={"authorization": "Bearer sk-wrong"}),
        lambda: client.get(f"/sesame/{ADMIN_KEY}"),
        lambda: client.get("/v1/images/files/sesame.png?signature=sesame"),
    ]
    return [drawn, base64, fetched, *(way() for way in ways)]
