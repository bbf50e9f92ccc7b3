"""A form's text becomes the value that JSON would have held: numbers, booleans, lists, nested objects."""

import asyncio
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.api.form import MAX_TEXT, MAX_URL_ENCODED
from gateway.errors import InvalidValue, RequestTooLarge
from gateway.flow.source_forms import PictureBytes
from tests.gateway.forms import Field, multipart, read, text

ONE, TWO = PictureBytes(b"\x89PNG one"), PictureBytes(b"\x89PNG two")


def file(name: str, picture: PictureBytes = ONE) -> Field:
    return Field(name, picture.content, "a.png")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([file("image")], {"image": ONE}),
        ([file("image"), file("image", TWO)], {"image": [ONE, TWO]}),
        ([file("image[]")], {"image": [ONE]}),
        ([file("image[]"), file("image[]", TWO)], {"image": [ONE, TWO]}),
        ([file("image[1]", TWO), file("image[0]")], {"image": [ONE, TWO]}),
        ([file("image[10]", TWO), file("image[9]")], {"image": [ONE, TWO]}),
        ([file("images"), file("images", TWO)], {"images": [ONE, TWO]}),
        ([file("images[]")], {"images": [ONE]}),
        ([file("image[]"), file("mask", TWO)], {"image": [ONE], "mask": TWO}),
        ([file("mask_image")], {"mask_image": ONE}),
        ([file("ref_images[]"), file("files[]")], {"ref_images[]": [ONE], "files[]": [ONE]}),
        ([text("url[]", "https://a.example/1.png")], {"url": ["https://a.example/1.png"]}),
        ([text("image", "https://a.example/1.png"), file("image")], {"image": ["https://a.example/1.png", ONE]}),
        ([text("image", '[{"image_url": "https://a.example"}]')], {"image": [{"image_url": "https://a.example"}]}),
        ([Field("image", ONE.content)], {"image": ONE}),  # bytes without a file name
        ([Field("mask", b"", "")], {"mask": None}),  # what a browser sends for a file field left empty
        ([text("image", "")], {"image": None}),
        ([text("image", "null")], {"image": None}),
        ([file("fal[image_url]")], {"fal": {"image_url": ONE}}),
        ([file("control_nets[0][image]"), text("control_nets[0][weight]", "0.5")], {
            "control_nets": [{"image": ONE, "weight": 0.5}]
        }),
    ],
)  # fmt: skip
async def test_pictures_in_every_spelling(fields: list[Field], expected: dict[str, Any]) -> None:
    assert await read(multipart(fields)) == expected


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("n", "2", 2),
        ("n", "two", "two"),
        ("n", "2.0", "2.0"),
        ("n", "", None),
        ("n", "null", None),
        ("n", "9" * 30, "9" * 30),
        ("samples", "2", 2),
        ("seed", "-7", -7),
        ("width", "512", 512),
        ("cfg_scale", "3.5", 3.5),
        ("cfg_scale", "4", 4),
        ("guidance_scale", "1e1", 10.0),
        ("strength", ".5", 0.5),
        ("strength", "nan", "nan"),
        ("strength", "inf", "inf"),
        ("strength", "1_0", "1_0"),
        ("lora_scale", "0.8", 0.8),
        ("stream", "true", True),
        ("stream", "False", False),
        ("stream", "1", "1"),
        ("mix_providers", "null", None),
        ("enable_safety_checker", "false", False),
        ("prompt_extend", "on", "on"),
        ("safety", "on", "on"),
        ("prompt", "7", "7"),
        ("prompt", "null", "null"),
        ("prompt", "", None),
        ("model", "007", "007"),
        ("size", "1024x1024", "1024x1024"),
        ("size", "auto", "auto"),
        ("quality", "high", "high"),
        ("user", "42", "42"),
        ("loras", '[{"path": "a", "scale": 1}]', [{"path": "a", "scale": 1}]),
        ("loras", "[not json", "[not json"),
        ("loras", "[" + "0," * 20_000 + "0]", "[" + "0," * 20_000 + "0]"),
        ("outpaint", '{"top": 8}', {"top": 8}),
        ("something_else", "1", "1"),
        ("something_else", "null", "null"),
        ("something_else", "true", "true"),
    ],
)
async def test_text_is_read_as_its_parameters_type(name: str, value: str, expected: Any) -> None:
    got = await read(multipart([text(name, value)]))
    assert got == {name: expected}
    assert type(got[name]) is type(expected)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            [("svg[model]", "m"), ("svg[reasoning][effort]", "low")],
            {"svg": {"model": "m", "reasoning": {"effort": "low"}}},
        ),
        (
            [("loras[][path]", "a"), ("loras[][path]", "b"), ("loras[][scale]", "0.5"), ("loras[][scale]", "1")],
            {"loras": [{"path": "a", "scale": 0.5}, {"path": "b", "scale": 1}]},
        ),
        (
            [("loras[][path]", "a"), ("loras[][scale]", "0.5"), ("loras[][path]", "b"), ("loras[][scale]", "1")],
            {"loras": [{"path": "a", "scale": 0.5}, {"path": "b", "scale": 1}]},
        ),
        ([("loras[0][path]", "a"), ("loras[0][scale]", "2"), ("loras[1][path]", "b")], {
            "loras": [{"path": "a", "scale": 2}, {"path": "b"}]
        }),
        ([("fal[num_inference_steps]", "8"), ("fal[use_turbo]", "true")], {
            "fal": {"num_inference_steps": 8, "use_turbo": "true"}
        }),
        ([("outpaint[top]", "8"), ("outpaint[left]", "x")], {"outpaint": {"top": 8, "left": "x"}}),
        ([("stop[]", "a"), ("stop[]", "b")], {"stop": ["a", "b"]}),
        ([("stop[]", "a")], {"stop": ["a"]}),
        ([("n", "1"), ("n", "2")], {"n": [1, 2]}),  # which its check refuses
        ([("a]b", "1"), ("[x]", "2"), ("c[d", "3"), ("", "4")], {"a]b": "1", "[x]": "2", "c[d": "3", "": "4"}),
    ],
)  # fmt: skip
async def test_nested_names(fields: list[tuple[str, str]], expected: dict[str, Any]) -> None:
    assert await read(multipart([text(name, value) for name, value in fields])) == expected


@pytest.mark.parametrize(
    ("names", "param", "told"),
    [
        (["svg", "svg[model]"], "svg", "both as a value and with svg[…]"),
        (["loras[][path]", "loras[][path]", "loras[][scale]"], "loras", "number its items: loras[0][…]"),
        (["loras[][a][]", "loras[][a][]"], "loras", "number its items"),
        (["loras[]", "loras[0]"], "loras", "mixes loras[] with"),
        (["loras[][path]", "loras[0][path]"], "loras", "mixes loras[] with"),
        (["a[b]", "a[b][c]"], "a[b]", "both as a value"),
        (["a[b][c][d][e][f][g][h]"], "a[b][c][d][e][f][g][h]", "more than 6 brackets"),
    ],
)
async def test_names_that_contradict_each_other(names: list[str], param: str, told: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        await read(multipart([text(name, "1") for name in names]))
    assert caught.value.param == param
    assert told in caught.value.message


KEYS = st.text("abcdefgh_", min_size=1, max_size=6)
LEAVES = st.text("xyz ü0[]", min_size=1, max_size=8)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.dictionaries(KEYS, inner, min_size=1, max_size=3) | st.lists(inner, min_size=1, max_size=3),
    max_leaves=8,
)


def numbered(value: Any, name: str) -> list[tuple[str, str]]:
    """The names under which a nested value is written when its items are numbered."""
    if isinstance(value, str):
        return [(name, value)]
    keys: Any = list(cast("dict[str, Any]", value)) if isinstance(value, dict) else range(len(value))
    return [found for key in keys for found in numbered(value[key], f"{name}[{key}]")]


@settings(deadline=None)
@given(value=st.dictionaries(KEYS, VALUES, min_size=1, max_size=3))
def test_numbered_names_bring_back_any_value(value: dict[str, Any]) -> None:
    unknown = {f"q_{key}": inner for key, inner in value.items()}  # no parameter's name, so its text stays text
    written = [found for key, inner in unknown.items() for found in numbered(inner, key)]
    if any(name.count("[") > 6 for name, _value in written):
        return
    got = asyncio.run(read(multipart([text(name, leaf) for name, leaf in written])))
    assert as_text(got) == as_text(unknown)


def as_text(value: Any) -> Any:
    """Some of the made-up keys are parameters within others: `n` would be a number."""
    if isinstance(value, dict):
        return {key: as_text(inner) for key, inner in value.items()}  # pyright: ignore[reportUnknownVariableType]
    return [as_text(inner) for inner in value] if isinstance(value, list) else str(value)  # pyright: ignore[reportUnknownVariableType]


ROWS = st.lists(st.tuples(LEAVES, LEAVES), min_size=1, max_size=6)


@settings(deadline=None)
@given(rows=ROWS, by_key=st.booleans())
def test_lists_of_objects_come_back_whether_sent_by_key_or_by_item(rows: list[tuple[str, str]], by_key: bool) -> None:
    first = [text("q[][a]", a) for a, _b in rows]
    second = [text("q[][b]", b) for _a, b in rows]
    mixed = [field for pair in zip(first, second, strict=True) for field in pair]
    got = asyncio.run(read(multipart([*first, *second] if by_key else mixed)))
    assert got == {"q": [{"a": a, "b": b} for a, b in rows]}


async def test_text_has_to_be_utf_8_and_of_a_sensible_length() -> None:
    with pytest.raises(InvalidValue, match="prompt: is not UTF-8"):
        await read(multipart([Field("prompt", b"\xfc")]))
    with pytest.raises(InvalidValue, match="prompt: has more than"):
        await read(multipart([Field("prompt", b"x" * (MAX_TEXT + 1))]))
    base64 = "A" * (MAX_TEXT + 1)
    assert await read(multipart([text("image", base64)])) == {"image": base64}


async def test_url_encoded_forms_are_read_alike() -> None:
    content = b"prompt=ein+F%C3%BCchs&n=2&loras%5B%5D%5Bpath%5D=a&image=https%3A%2F%2Fa.example%2F1.png&user="
    assert await read(content, "application/x-www-form-urlencoded") == {
        "prompt": "ein Füchs",
        "n": 2,
        "loras": [{"path": "a"}],
        "image": "https://a.example/1.png",
        "user": None,
    }


@pytest.mark.parametrize("content", [b"a=1&" * 257, b"prompt=%FF", "prompt=ü".encode()])
async def test_url_encoded_forms_are_bounded_and_utf_8(content: bytes) -> None:
    with pytest.raises(InvalidValue, match="no URL-encoded form"):
        await read(content, "application/x-www-form-urlencoded")
    with pytest.raises(RequestTooLarge):
        await read(b"a" * (MAX_URL_ENCODED + 1), "application/x-www-form-urlencoded")
