"""Civitai's own client for Node against the stand-in; the scenarios are in tests/sdk/civitai.cjs."""

import json
from typing import Any

from simulators.running import Simulators
from tests.sdk.node import HERE, run_script


def scenario(simulators: Simulators, name: str) -> Any:
    told = simulators.addresses["civitai"]
    origin = told["base_url"].removesuffix("/v2/consumer")
    return run_script("civitai.cjs", origin, told["key"], name)


def test_the_lock_file_names_the_client() -> None:
    lock = json.loads((HERE / "package-lock.json").read_text())
    assert lock["packages"]["node_modules/@civitai/client"]["version"] == "0.2.0-beta.86"


def test_a_picture_from_submission_to_its_bytes(simulators: Simulators) -> None:
    seen = scenario(simulators, "picture")
    assert seen["statuses"] == [202, 202, 200]
    assert (seen["image"]["width"], seen["image"]["height"], seen["image"]["available"]) == (512, 384, True)
    assert (seen["type"], bytes(seen["begins"])) == ("image/png", b"\x89PNG")
    assert simulators.paid("civitai") == 1


def test_an_edit_of_an_uploaded_picture(simulators: Simulators) -> None:
    seen = scenario(simulators, "edit")
    assert seen["blob"]["available"] is True
    assert (seen["status"], seen["workflow"]["status"]) == (200, "succeeded")
    assert seen["workflow"]["steps"][0]["input"]["images"] == [seen["blob"]["url"]]
    [image] = seen["workflow"]["steps"][0]["output"]["images"]
    assert (image["width"], image["height"]) == (64, 64), "the smallest that there is"


def test_a_preview_of_the_price(simulators: Simulators) -> None:
    assert scenario(simulators, "preview") == {"status": "unassigned", "cost": 18}
    assert simulators.paid("civitai") == 0


def test_a_cancellation(simulators: Simulators) -> None:
    assert scenario(simulators, "cancel") == {"canceled": 204, "status": "canceled"}


def test_a_refusal_with_its_reason(simulators: Simulators) -> None:
    seen = scenario(simulators, "refused")
    assert seen["status"] == 400
    assert "version must be one of" in seen["error"]["errors"]["steps[0].input.version"][0]
