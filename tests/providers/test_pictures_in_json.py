"""Base64 is cut out of an answer without changing what the answer says."""

import base64
from typing import Any, cast

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers import data_uri
from providers.pictures_in_json import SHORT, loads

PICTURE = base64.b64encode(b"\x89PNG" + bytes(range(256)) * 8).decode()


def plain(value: Any) -> Any:
    """The document with every memoryview as the text that stood there."""
    if isinstance(value, memoryview):
        return bytes(cast("memoryview[int]", value)).decode()
    if isinstance(value, dict):
        return {key: plain(each) for key, each in cast(dict[str, Any], value).items()}
    if isinstance(value, list):
        return [plain(each) for each in cast(list[Any], value)]
    return value


long_text = st.text(alphabet="ABCab01+/=", min_size=SHORT, max_size=SHORT + 40)
odd_text = st.sampled_from(
    [
        '"b64_json":"',
        '\\"b64_json\\":\\"',
        '{"b64_json":"' + "A" * SHORT + '"}',
        "b64_json",
        '"',
        "\\",
        "\\\\",
        ":",
        "é\u2028",
    ]
)
texts: st.SearchStrategy[str] = st.one_of(
    st.text(max_size=20), odd_text, long_text, st.tuples(odd_text, long_text).map("".join)
)
keys = st.one_of(st.sampled_from(["b64_json", "url", 'x"b64_json', "b64_json\\"]), st.text(max_size=5))
documents: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=12,
)


@given(documents, st.sampled_from([0, orjson.OPT_INDENT_2]))
def test_it_says_what_orjson_says(document: Any, option: int) -> None:
    body = orjson.dumps(document, option=option)
    assert plain(loads(body)) == document


@given(st.binary(max_size=60).map(lambda noise: noise + b'"b64_json":"' + b"A" * SHORT + b'"' + noise[::-1]))
def test_broken_json_raises_and_nothing_else(body: bytes) -> None:
    try:
        expected = orjson.loads(body)
    except orjson.JSONDecodeError:
        with pytest.raises(orjson.JSONDecodeError):
            loads(body)
    else:
        assert plain(loads(body)) == expected


def test_pictures_are_slices_of_the_body() -> None:
    body = orjson.dumps({"data": [{"b64_json": PICTURE}, {"b64_json": PICTURE[::-1]}]})
    first, second = loads(body)["data"]
    assert isinstance(first["b64_json"], memoryview)
    assert first["b64_json"].obj is body
    assert bytes(first["b64_json"]).decode() == PICTURE
    assert bytes(second["b64_json"]).decode() == PICTURE[::-1]


def test_a_prompt_that_echoes_the_key_is_not_a_picture() -> None:
    echo = '","b64_json":"' + "A" * 2 * SHORT + '","x":"'
    body = orjson.dumps({"data": [{"revised_prompt": echo, "b64_json": PICTURE}]})
    item = loads(body)["data"][0]
    assert item["revised_prompt"] == echo
    assert bytes(item["b64_json"]).decode() == PICTURE


@pytest.mark.parametrize("value", [None, 7, [], {"b64_json": None}, "short", ""])
def test_other_values_stay(value: Any) -> None:
    assert loads(orjson.dumps({"b64_json": value})) == {"b64_json": value}


def test_escapes_inside_are_left_to_the_parser() -> None:
    slashes = "A/" * SHORT
    body = ('{"b64_json" : "' + slashes.replace("/", "\\/") + '"}').encode()
    assert loads(body) == {"b64_json": slashes}


def test_deep_nesting_does_not_exhaust_the_stack() -> None:
    depth = 1000
    body = b"[" * depth + b'{"b64_json":"' + PICTURE.encode() + b'"}' + b"]" * depth
    document = loads(body)
    for _ in range(depth):
        document = document[0]
    assert bytes(document["b64_json"]).decode() == PICTURE


def test_another_key() -> None:
    uri = "data:image/png;base64," + PICTURE
    document = loads(orjson.dumps({"images": [{"url": uri}]}), key="url")
    image = data_uri.from_url(document["images"][0]["url"], "https://fal.example")
    assert (image.content_type, image.url) == ("image/png", None)
    assert isinstance(image.base64, memoryview)
    assert bytes(image.base64).decode() == PICTURE


def test_data_uris() -> None:
    assert data_uri.from_base64("data:image/webp;base64,AAAA").base64 == b"AAAA"
    assert data_uri.from_base64("AAAA").content_type is None
    assert data_uri.from_url("data:image/svg+xml,%3Csvg/%3E", "").content == b"<svg/>"
    assert data_uri.decode(data_uri.split("data:;base64,AAAA"), 3) == b"\0\0\0"
    for wrong in ("data:image/png;base64", "", None, 7, "data:image/png;base64,"):
        with pytest.raises(ValueError, match=r"it is|data:"):
            data_uri.from_base64(wrong)
    for uri in ("data:;base64,AAA", "data:;base64,AA-A", "data:;base64,AAAAAAAA", "data:,abcd"):
        with pytest.raises(ValueError):
            data_uri.decode(data_uri.split(uri), 3)


def test_urls_of_an_answer() -> None:
    base = "http://127.0.0.1:30000/v1"
    assert data_uri.from_url("https://cdn.example/a.png?b=c", base).url == "https://cdn.example/a.png?b=c"
    assert data_uri.from_url("/v1/images/1/content", base).url == "http://127.0.0.1:30000/v1/images/1/content"
    for wrong in ("file:///etc/passwd", "ftp://x/y", "", "javascript:alert(1)", None):
        with pytest.raises(ValueError, match="it is"):
            data_uri.from_url(wrong, base)
