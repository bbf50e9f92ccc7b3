"""A payload as a form: the names that OpenAI's clients give, and bytes that come out as they went in."""

from typing import Any

import pytest

from providers import multipart
from providers.base import Part
from tests.providers.forms import files_of, parts_of, texts_of

FOX = Part(b"\x89PNG\r\n\x1a\n\x00fox", "image/png", "picture.png")
OWL = Part(b"RIFF....WEBPowl", "image/webp", "picture.webp")


def sent(payload: dict[str, Any], **how: Any) -> tuple[list[tuple[str, str]], list[tuple[str, bytes]]]:
    parts = parts_of(*multipart.encode(payload, **how))
    return texts_of(parts), [(name, content) for name, _file, _type, content in files_of(parts)]


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        ("a fox", [("x", "a fox")]),
        ("", [("x", "")]),
        ("Füchse\r\n--und 狐", [("x", "Füchse\r\n--und 狐")]),
        (3, [("x", "3")]),
        (0.75, [("x", "0.75")]),
        (True, [("x", "true")]),
        (False, [("x", "false")]),
        (None, []),
        ([], []),
        ({}, []),
        (["a", 2], [("x[]", "a"), ("x[]", "2")]),
        ({"model": "m", "reasoning": {"effort": "low"}}, [("x[model]", "m"), ("x[reasoning][effort]", "low")]),
        ([{"path": "p", "scale": 1}], [("x[][path]", "p"), ("x[][scale]", "1")]),
    ],
)
def test_values_as_text(value: Any, texts: list[tuple[str, str]]) -> None:
    assert sent({"image": FOX, "x": value}) == (texts, [("image", FOX.content)])


@pytest.mark.parametrize(
    ("value", "files"),
    [
        (FOX, [("image", FOX.content)]),
        ([FOX], [("image", FOX.content)]),
        ([FOX, OWL], [("image[]", FOX.content), ("image[]", OWL.content)]),
    ],
)
def test_pictures_as_parts(value: Any, files: list[tuple[str, bytes]]) -> None:
    assert sent({"image": value}) == ([], files)


def test_a_repeated_name() -> None:
    payload = {"image": [FOX, OWL], "tags": ["a", "b"]}
    assert sent(payload, repeat=frozenset({"image"})) == (
        [("tags[]", "a"), ("tags[]", "b")],
        [("image", FOX.content), ("image", OWL.content)],
    )


def test_text_comes_first_and_files_say_what_they_are() -> None:
    parts = parts_of(*multipart.encode({"image": [FOX, OWL], "mask": FOX, "prompt": "x", "n": 2}))
    assert [part.name for part in parts] == ["prompt", "n", "image[]", "image[]", "mask"]
    assert files_of(parts)[1] == ("image[]", "picture.webp", "image/webp", OWL.content)


def test_a_name_cannot_start_another_part() -> None:
    hostile = 'a"\r\n\r\nx\r\n--b'
    [part] = parts_of(*multipart.encode({hostile: "1"}))
    assert part.name == "a%22%0D%0A%0D%0Ax%0D%0A--b"


def test_no_content_ends_a_part() -> None:
    """A boundary is drawn anew for each form, so that nothing sent earlier can hold the next one."""
    first, second = (multipart.encode({"image": FOX}) for _ in range(2))
    assert first.content_type != second.content_type
    nested = Part(first.body, "image/png", "picture.png")
    assert sent({"image": nested}) == ([], [("image", first.body)])


@pytest.mark.parametrize(
    ("payload", "found"),
    [
        ({"prompt": "x", "n": 1}, False),
        ({"image": FOX}, True),
        ({"image": [FOX]}, True),
        ({"input": {"images": [{"image": FOX}]}}, True),
        ({"image": ["data:image/png;base64,AAAA"]}, False),
    ],
)
def test_which_payloads_are_forms(payload: dict[str, Any], found: bool) -> None:
    assert multipart.has_parts(payload) is found


def test_a_value_without_text_is_refused() -> None:
    with pytest.raises(TypeError, match="bytes"):
        multipart.encode({"image": FOX, "x": b"raw"})
