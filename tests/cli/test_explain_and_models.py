"""`easel explain` and `easel models`: from a gateway, and from the tables without one."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.cli.running import ADMIN_KEY, FakeGateway, easel, served

PLAN = "/v1/images/plan"


def candidate(**more: Any) -> dict[str, Any]:
    told: dict[str, Any] = {
        "provider": "fal",
        "provider_name": "fal.ai",
        "id": "fal/qwen-image",
        "available": True,
        "excluded": None,
        "calls": [{"upstream": "fal-ai/qwen-image", "images": 1, "seed": None, "body": {}}],
        "parameters": [],
        "defaults": [],
        "cost": 0.02,
        "cost_basis": "estimated",
    }
    return told | more


def test_explain_asks_for_a_plan_and_shows_each_provider(tmp_path: Path) -> None:
    rows = [
        {"name": "size", "given_as": "size", "behavior": "converted", "asked": "16:9", "sent_as": "image_size"}
        | {"sent": {"width": 1365, "height": 768}, "note": "nearest"}
    ]
    left_out = {"param": "loras", "code": "unsupported_parameter", "reason": "takes no LoRAs"}
    plan = {"candidates": [candidate(parameters=rows), candidate(id="lumenfall/qwen-image", excluded=left_out)]}
    with FakeGateway({PLAN: (200, plan)}) as fake:
        done = easel("explain", "-s", "16:9", "--strict", env=fake.env())
    assert done.returncode == 0, done.stderr
    assert fake.sent[0].body["size"] == "16:9"
    assert fake.sent[0].headers["x-easel-strict"] == "true"
    assert "fal/qwen-image · fal.ai · 1 call to fal-ai/qwen-image · $0.02 (estimated)" in done.stdout
    assert "excluded: loras: takes no LoRAs" in done.stdout
    [shown] = [line for line in done.stdout.splitlines() if "converted" in line]
    assert shown.split() == [
        "size",
        "16:9",
        "converted",
        "image_size",
        '{"width":',
        "1365,",
        '"height":',
        "768}",
        "nearest",
    ]


def test_explain_works_from_the_tables(tmp_path: Path) -> None:
    done = easel("explain", "--offline", "-s", "16:9", "-n", "2", "--seed", "4", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "fal/qwen-image · fal.ai · 2 calls to fal-ai/qwen-image" in done.stdout
    assert "not configured" in done.stdout


def test_a_gateway_that_was_named_is_not_replaced_by_the_tables(tmp_path: Path) -> None:
    done = easel("explain", env={"EASEL_URL": "http://127.0.0.1:9"}, cwd=tmp_path)
    assert done.returncode == 1
    assert "no gateway answers at http://127.0.0.1:9" in done.stderr
    assert done.stdout == ""


def test_what_nobody_could_draw_is_an_error_offline_too(tmp_path: Path) -> None:
    done = easel("explain", "--offline", "-n", "11", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("easel: n: ")
    unknown = easel("models", "--offline", "qwen-imgae", cwd=tmp_path)
    assert unknown.returncode == 1
    assert "did you mean qwen-image" in unknown.stderr


def test_models_lists_and_shows_a_matrix(tmp_path: Path) -> None:
    listed = easel("models", "--offline", env={"FAL_KEY": "k"}, cwd=tmp_path)
    [line] = [line for line in listed.stdout.splitlines() if line.split()[:1] == ["qwen-image"]]
    assert "✓ fal, lumenfall" in line
    shown = easel("models", "qwen-image", "--offline", cwd=tmp_path).stdout
    [line] = [line for line in shown.splitlines() if line.startswith(" guidance ")]
    assert "refused" in line


def test_tables_and_gateway_agree(tmp_path: Path) -> None:
    """Offline answers are the gateway's, as far as they go."""
    question = ["explain", "a fox", "-s", "3:2", "--format", "webp", "--json"]
    with served(tmp_path / "data", "--simulate") as running:
        env = {"EASEL_URL": running.url, "EASEL_API_KEY": ADMIN_KEY}
        online = {each["id"]: each for each in json.loads(easel("models", "--json", env=env).stdout)}
        plans = json.loads(easel(*question, env=env).stdout)["candidates"]
    offline = json.loads(easel("models", "--json", "--offline", cwd=tmp_path).stdout)
    for model in offline:
        agree(model, online[model["id"]], except_for={"available", "providers"})
        theirs = {(offer["id"], offer["operation"]): offer for offer in online[model["id"]]["providers"]}
        for offer in model["providers"]:
            agree(
                offer,
                theirs[offer["id"], offer["operation"]],
                except_for={"available", "parameters", "n"} | {"output_formats"},
            )
            for name, rule in offer["parameters"].items():
                agree(rule, theirs[offer["id"], offer["operation"]]["parameters"][name], except_for=set())
    made = {each["id"]: each for each in plans}
    for each in json.loads(easel(*question, "--offline", cwd=tmp_path).stdout)["candidates"]:
        excluded = made[each["id"]]["excluded"]
        nobody_there = excluded is not None and excluded["code"] == "no_provider"  # which only a gateway can tell
        agree(each, made[each["id"]], except_for=set(each) - {"id"} if nobody_there else {"available"})


def agree(offline: dict[str, Any], online: dict[str, Any], *, except_for: Iterable[str] = ()) -> None:
    for name, value in offline.items():
        if name not in except_for:
            assert online[name] == value
