"""/metrics: counters move by what was done, and labels come from small fixed sets."""

import re

import httpx

from simulators.running import Simulators
from tests.gateway.conftest import Start
from tests.gateway.counted import counted, samples
from tests.gateway.running import ADMIN_KEY, FOX, RunningGateway

PROMPT = "sesame prompt that nobody may see"
SECRETS = (PROMPT, "sesame", ADMIN_KEY, "sk-wrong", "http", "iVBORw0", "signature", "req_", "no-such-model", "nowhere")


def test_counters_move_by_what_was_done(start: Start, simulators: Simulators) -> None:
    gateway = start()
    answer = gateway.generate(n=3, size="512x512", seed=5)
    size = sum(len(httpx.get(image["url"]).content) for image in answer.json()["data"])
    again = gateway.generate(n=3, size="512x512", seed=5)
    assert again.headers["x-easel-cache"] == "hit"
    assert counted(gateway, "easel_requests_total", route="generations", status="200", code="") == 2
    assert counted(gateway, "easel_request_seconds_count", route="generations") == 2
    assert counted(gateway, "easel_upstream_calls_total", provider="fal", outcome="ok") == simulators.paid("fal") == 3
    assert counted(gateway, "easel_upstream_seconds_count", provider="fal") == 3
    assert counted(gateway, "easel_images_total", provider="fal", model="qwen-image", cache="miss") == 3
    assert counted(gateway, "easel_images_total", provider="fal", model="qwen-image", cache="hit") == 3
    assert counted(gateway, "easel_cache_total", outcome="miss") == 1
    assert counted(gateway, "easel_cache_total", outcome="hit") == 1
    micros = round(answer.json()["metadata"]["cost"] * 1e6)
    assert counted(gateway, "easel_cost_micro_dollars_total", provider="fal", model="qwen-image") == micros > 0
    assert counted(gateway, "easel_bytes_total", direction="in") == size
    assert counted(gateway, "easel_bytes_total", direction="out") >= size
    assert counted(gateway, "easel_stage_seconds_count", stage="draw") == 2
    assert counted(gateway, "easel_stage_seconds_count", stage="download") == 3
    assert counted(gateway, "easel_upstream_in_flight", provider="fal") == 0
    assert counted(gateway, "easel_requests_in_flight") == 1  # this one
    assert counted(gateway, "easel_redis_up") == 1


def test_what_failed_is_counted_as_such(start: Start, simulators: Simulators) -> None:
    gateway = start()
    simulators.set_faults([{"provider": "fal", "on": "submit", "effect": "moderated"}])
    assert gateway.generate().status_code == 400
    assert gateway.generate(n=0).status_code == 400
    assert gateway.http.get("/nowhere").status_code == 404
    assert counted(gateway, "easel_upstream_calls_total", provider="fal", outcome="moderated") == 1
    assert counted(gateway, "easel_requests_total", status="400", code="content_policy_violation") == 1
    assert counted(gateway, "easel_requests_total", status="400", code="invalid_value") == 1
    assert counted(gateway, "easel_requests_total", route="none", status="404", code="not_found") == 1
    assert counted(gateway, "easel_images_total") == 0
    assert counted(gateway, "easel_cost_micro_dollars_total") == 0


def test_no_label_is_ever_a_callers_word(start: Start, simulators: Simulators) -> None:
    gateway = start()
    assert gateway.generate(prompt=PROMPT, size="64x64", response_format="b64_json").status_code == 200
    simulators.set_faults([{"provider": "fal", "on": "submit", "effect": "moderated"}])
    gateway.generate(prompt=PROMPT)
    before = set(samples(gateway))
    for number in range(30):
        gateway.generate(model=f"no-such-model-{number}", prompt=PROMPT)
        gateway.http.get(f"/nowhere/{number}")
        gateway.http.get(f"/v1/models/no-such-model-{number}")
        gateway.http.get(f"/v1/images/files/{number}.png?signature=x")
        gateway.http.request(f"SESAME{number}", "/v1/models")
        gateway.http.get("/v1/models", headers={"authorization": f"Bearer sk-wrong-{number}"})
    exposition = gateway.http.get("/metrics").text
    lines = [line for line in exposition.splitlines() if not line.startswith("#")]
    assert not [line for line in lines if any(secret in line for secret in SECRETS)]
    # 180 requests of the same few kinds: a handful of new series, however often they come.
    assert len({name for name, _labels in set(samples(gateway)) - before}) <= 6
    requests = {labels for name, labels in samples(gateway) if name == "easel_requests_total"}
    assert len(requests) <= 12
    names = {label for _name, labels in samples(gateway) for label, _value in labels}
    assert names <= {
        "route",
        "status",
        "code",
        "provider",
        "model",
        "cache",
        "outcome",
        "stage",
        "direction",
        "le",
        "reason",
        "what",
    }


def test_the_exposition_needs_no_key_and_says_what_it_is(easel: RunningGateway) -> None:
    easel.generate(FOX, model="vllm-omni/qwen-image", size="64x64")
    answer = httpx.get(f"{easel.url}/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    for name in re.findall(r"^# TYPE (\S+)", answer.text, re.MULTILINE):
        assert name.startswith("easel_")
        assert f"# HELP {name} " in answer.text
