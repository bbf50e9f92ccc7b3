"""Bad pictures and bad parameters get an error that names the parameter and what works, before anything is paid."""

import struct
import zlib
from typing import Any

import pytest

from simulators.running import Simulators
from tests.gateway.nothing_spent import error_of
from tests.gateway.photos import data_uri, mask, photo
from tests.gateway.running import RunningGateway

FOX = data_uri(photo())
GIF_BOMB = b"GIF89a" + struct.pack("<HH", 65535, 65535) + photo(format="GIF")[10:]


def png_of(width: int, height: int) -> bytes:
    """A PNG whose header promises so many pixels, and which holds next to nothing."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def edited(gateway: RunningGateway, fields: dict[str, Any], *, strict: bool = False) -> Any:
    headers = {"x-easel-strict": "true"} if strict else {}
    body = {"prompt": "make it snow", **fields}
    path = "edits" if "image" in fields or "images" in fields or "image_url" in fields else "generations"
    return gateway.http.post(f"/v1/images/{path}", json=body, headers=headers)


EDIT = "fal/qwen-image-edit"


BAD: list[tuple[dict[str, Any], str, str, str]] = [
    (
        {"model": "civitai/qwen-image", "image": [FOX] * 11},
        "unsupported_parameter",
        "image",
        "holds 11 pictures; 1 to 10 can be taken",
    ),
    ({"model": EDIT, "image": [FOX] * 17}, "invalid_value", "image", "at most 16 are taken"),
    (
        {"model": "openai/gpt-image-1.5", "image": FOX, "mask": data_uri(mask(320, 224))},
        "invalid_value",
        "mask",
        "is 320x224, and image is 640x448",
    ),
    ({"model": EDIT, "image": data_uri(GIF_BOMB, "image/gif")}, "invalid_value", "image", "65535"),
    ({"model": EDIT, "image": data_uri(png_of(50_000, 50_000))}, "invalid_value", "image", "50000x50000"),
    ({"model": EDIT, "image": data_uri(b"<html>")}, "invalid_value", "image", "png"),
    ({"model": EDIT, "image": "https://169.254.169.254/latest/meta-data/"}, "invalid_value", "image", "not public"),
    (
        {"model": EDIT, "images": [{"image_url": "http://127.0.0.1/x.png"}]},
        "invalid_value",
        "images[0].image_url",
        "",
    ),
    ({"model": EDIT, "images": [{"file_id": "file-1"}]}, "unsupported_parameter", "images[0].file_id", "image"),
    ({"model": EDIT}, "unsupported_parameter", "model", "does not draw from text alone"),
    (
        {"model": "civitai/qwen-image-2", "loras": [{"path": "urn:air:qwen:lora:civitai:1@2"}]},
        "unsupported_parameter",
        "loras",
        "",
    ),
    ({"model": "civitai/qwen-image", "version": "2511"}, "unsupported_parameter", "version", "latest, 2509, 2512"),
    (
        {"model": "civitai/qwen-image-2", "negative_prompt": "x" * 501},
        "unsupported_parameter",
        "negative_prompt",
        "at most 500",
    ),
    ({"model": "runware/qwen-image", "scheduler": "Eulr"}, "unsupported_parameter", "scheduler", "Euler"),
    ({"model": "civitai/qwen-image", "scheduler": "unheard/of"}, "unsupported_parameter", "scheduler", "euler"),
    ({"model": "alibaba/qwen-image-plus", "image": FOX}, "unsupported_parameter", "model", "qwen-image-edit"),
]


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: f"{bad[2]}-{bad[3][:24]}")
def test_it_is_refused_before_anything_is_paid(
    bad: tuple[dict[str, Any], str, str, str], all_providers: RunningGateway, simulators: Simulators
) -> None:
    fields, code, param, told = bad
    message = error_of(edited(all_providers, fields), 400, code, param)
    assert told in message
    assert simulators.calls() == []


def test_of_many_refusals_the_one_is_told_that_names_what_works(
    all_providers: RunningGateway, simulators: Simulators
) -> None:
    """fal, the first of the route, has no choice of sampler; Runware has."""
    answer = all_providers.generate(model="qwen-image", scheduler="Eulr")
    message = error_of(answer, 400, "unsupported_parameter", "scheduler")
    assert "at runware/qwen-image" in message
    assert "Euler" in message
    assert "also fal/qwen-image: scheduler" in message
    assert simulators.calls() == []


UNMENDABLE: list[tuple[dict[str, Any], str, str]] = [
    ({"scheduler": "unheard/of"}, "unsupported_parameter", "scheduler"),
    ({"n": 11}, "invalid_value", "n"),
    ({"fal": {"num_images": 2}}, "unsupported_parameter", "fal.num_images"),
    ({"cfg_scale": "much"}, "invalid_value", "cfg_scale"),
]


@pytest.mark.parametrize(("fields", "code", "param"), UNMENDABLE)
@pytest.mark.parametrize("route", ["edits", "edits?dryRun=true"])
def test_what_no_picture_would_mend_is_told_before_a_link_is_followed(
    fields: dict[str, Any], code: str, param: str, route: str, all_providers: RunningGateway
) -> None:
    body = {"model": EDIT, "prompt": "a hat", "image": "https://127.0.0.1/never-fetched.png", **fields}
    error_of(all_providers.http.post(f"/v1/images/{route}", json=body), 400, code, param)


def test_a_plan_that_has_no_candidate_follows_no_link(all_providers: RunningGateway) -> None:
    body = {"model": EDIT, "prompt": "a hat", "image": "https://127.0.0.1/never-fetched.png"}
    error_of(all_providers.http.post("/v1/images/plan", json=body), 400, "invalid_value", "image")
    planned = all_providers.http.post("/v1/images/plan", json={**body, "scheduler": "unheard/of"})
    assert [row["excluded"]["param"] for row in planned.json()["candidates"]] == ["scheduler"]


@pytest.mark.parametrize(
    ("fields", "param"), [({"size": "1000x1001"}, "size"), ({"width": 1000, "height": 1001}, "width")]
)
def test_a_refusal_that_a_picture_may_decide_waits_for_it(
    fields: dict[str, Any], param: str, all_providers: RunningGateway
) -> None:
    body = {"model": "runware/qwen-image-edit", "prompt": "a hat", **fields}
    unread, read = ({**body, "image": image} for image in ("https://127.0.0.1/x.png", FOX))
    assert edited(all_providers, unread, strict=True).json()["error"]["param"] == "image"
    assert edited(all_providers, read, strict=True).json()["error"]["param"] == param


def test_a_picture_for_one_provider_alone_leaves_the_others_out(all_providers: RunningGateway) -> None:
    body = {"model": "qwen-image-edit", "prompt": "a hat", "fal": {"image_url": FOX}}
    planned = all_providers.http.post("/v1/images/plan", json=body)
    rows = {row["provider"]: row["excluded"] for row in planned.json()["candidates"]}
    assert rows.pop("fal") is None
    assert rows.pop("local")["param"] is None, "there are no workers here"
    assert rows
    assert {row["param"] for row in rows.values()} == {"image"}


@pytest.mark.parametrize("field", ["weird", "fal", "prompt_template"])
@pytest.mark.parametrize("route", ["generations", "plan", "edits"])
def test_text_that_is_no_picture_is_bounded(
    field: str, route: str, all_providers: RunningGateway, simulators: Simulators
) -> None:
    text = "x" * 1_100_000
    body = {"model": EDIT if route == "edits" else "fal/qwen-image", "prompt": "a hat"}
    body |= {field: {"weird": [text]} if field == "fal" else text, **({"image": FOX} if route == "edits" else {})}
    answer = all_providers.http.post(f"/v1/images/{route}", json=body)
    assert "pictures go into image" in error_of(answer, 400, "invalid_value", field)
    assert simulators.calls() == []


def test_a_width_that_runware_does_not_draw_snaps_and_says_so(
    all_providers: RunningGateway, simulators: Simulators
) -> None:
    fields = {"model": "runware/qwen-image", "size": "1000x1000"}
    answer = edited(all_providers, fields)
    assert answer.status_code == 200, answer.text
    (row,) = (row for row in answer.json()["metadata"]["parameters"] if row["name"] == "size")
    assert row["sent"] in ({"width": 992, "height": 992}, {"width": 1008, "height": 1008})
    assert row["note"].startswith("nearest that the provider draws")
    simulators.reset()
    message = error_of(edited(all_providers, fields, strict=True), 400, "unsupported_parameter", "size")
    assert "nearest that the provider draws" in message
    assert simulators.calls() == []
