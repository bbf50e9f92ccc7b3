"""A form arrives in any pieces, holds any bytes, and is refused in words where it is none."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.api.form import read_body
from gateway.api.multipart import MAX_HEADER, MAX_PARTS, MultipartParser, Part, boundary_of
from gateway.errors import GatewayError, InvalidJson, InvalidValue, RequestTooLarge, UnsupportedMediaType
from gateway.flow.source_forms import PictureBytes
from tests.gateway.forms import BOUNDARY, MOST, Arriving, Field, multipart, part, read, text

# Pieces of which boundaries are made, so that what looks like one comes often.
TRICKY = st.lists(
    st.sampled_from([b"\r\n", b"--", BOUNDARY.encode()[:-1], b"\r", b"\n", b"-", b"\r\n--", b"\0", b"x", b"\xff"]),
    max_size=12,
).map(b"".join)


@settings(deadline=None)
@given(contents=st.lists(TRICKY, max_size=5), cuts=st.integers(1, 40))
def test_parts_come_out_as_they_went_in_however_the_body_is_cut(contents: list[bytes], cuts: int) -> None:
    body = multipart([Field(f"f{place}", content, "a.png") for place, content in enumerate(contents)])
    parser = MultipartParser(BOUNDARY.encode())
    for start in range(0, len(body), cuts):
        parser.feed(body[start : start + cuts])
    expected = [Part(f"f{place}", is_file=True, content=content) for place, content in enumerate(contents)]
    assert parser.finish() == expected


@settings(deadline=None)
@given(body=st.binary(max_size=300) | TRICKY, cuts=st.integers(1, 300))
def test_what_is_no_form_is_refused_and_nothing_else_is_raised(body: bytes, cuts: int) -> None:
    async def outcome() -> object:
        try:
            return await read(body, cuts=cuts)
        except InvalidValue as wrong:
            assert wrong.param == "body"
            return "refused"

    assert asyncio.run(outcome()) in ("refused", {})


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "ends before its last boundary"),
        (multipart([text("a", "1")])[:-6], "ends before its last boundary"),
        (multipart([text("a", "1")]).replace(b"\r\n", b"\n"), "its boundaries or the headers"),
        (b"hello" + multipart([text("a", "1")]), "its boundaries or the headers"),
        (f"--{BOUNDARY}\r\n\r\nno headers\r\n--{BOUNDARY}--".encode(), 'content-disposition: form-data; name="prompt"'),
        (f"--{BOUNDARY}\r\nContent-Disposition: form-data\r\n\r\nx\r\n--{BOUNDARY}--".encode(), "name="),
        (f'--{BOUNDARY}\r\nContent-Disposition: attachment; name="a"\r\n\r\nx\r\n--{BOUNDARY}--'.encode(), "name="),
        (multipart([text("a", "1")]).replace(b'name="a"', b'name="\xff"'), "not UTF-8"),
        (
            multipart([text("a", "1")]).replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\n\r\n"),
            "content-transfer-encoding",
        ),
        (multipart([text("a" * MAX_HEADER, "1")]), "its boundaries or the headers"),
        (multipart([text("a", "1")] * 10_000), f"more than {MAX_PARTS} parts"),
    ],
)
@pytest.mark.parametrize("cuts", [7, None])
async def test_what_is_wrong_with_a_form_is_said(body: bytes, told: str, cuts: int | None) -> None:
    with pytest.raises(InvalidValue) as caught:
        await read(body, cuts=cuts)
    assert told in caught.value.message
    assert (caught.value.status, caught.value.param) == (400, "body")


@pytest.mark.parametrize(
    "value", [f"1\r\n--{BOUNDARY}x", f"1\r\n--{BOUNDARY}-x", f"--{BOUNDARY}--", f"\n--{BOUNDARY}--\n"]
)
@pytest.mark.parametrize("cuts", [1, None])
async def test_what_only_looks_like_a_boundary_is_content(value: str, cuts: int | None) -> None:
    assert await read(multipart([text("a", value), text("b", "2")]), cuts=cuts) == {"a": value, "b": "2"}


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/form-data; boundary=abc", "abc"),
        ("Multipart/Form-Data; charset=utf-8; Boundary=abc", "abc"),
        ('multipart/form-data; boundary="a b:c"', "a b:c"),
        ('multipart/form-data; x="; boundary=no"; boundary=abc', "abc"),
        ("multipart/form-data;boundary=----WebKitFormBoundary7MA4", "----WebKitFormBoundary7MA4"),
        ("multipart/form-data", None),
        ("multipart/form-data; boundary=", None),
        ('multipart/form-data; boundary=""', None),
        ('multipart/form-data; boundary="a "', None),
        ("multipart/form-data; boundary=" + "a" * 71, None),
        ("multipart/form-data; boundary=a{b", None),
    ],
)
def test_the_boundary_is_read_and_must_be_legal(content_type: str, boundary: str | None) -> None:
    if boundary is not None:
        assert boundary_of(content_type) == boundary.encode()
        return
    with pytest.raises(InvalidValue, match="boundary of 1 to 70"):
        boundary_of(content_type)


async def test_file_names_are_ignored_whatever_they_are() -> None:
    names = ["a.png", "../../etc/passwd", "C:\\temp\\a.png", 'a\\"; name=\\"model', "ü.png", "a;name=model;.png"]
    got = await read(multipart([Field(f"image{place}", b"x", name) for place, name in enumerate(names)]))
    assert got == {f"image{place}": PictureBytes(b"x") for place in range(len(names))}


async def test_what_follows_the_last_boundary_means_nothing() -> None:
    assert await read(multipart([text("a", "1")]) + multipart([text("b", "2")]), cuts=5) == {"a": "1"}


async def test_the_whole_body_is_bounded() -> None:
    body = multipart([Field("image", b"x" * 65 * 1024 * 1024, "a.png")])
    arriving = Arriving([body[start : start + 2**20] for start in range(0, len(body), 2**20)])
    with pytest.raises(RequestTooLarge):
        await read_body([(b"content-type", f"multipart/form-data; boundary={BOUNDARY}".encode())], arriving, MOST)
    assert arriving.taken == 65, "no more is read than is needed to know"


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        (b"content-length", b"70000000", RequestTooLarge),
        (b"content-encoding", b"gzip", UnsupportedMediaType),
    ],
)
async def test_headers_alone_are_enough_to_refuse(name: bytes, value: bytes, error: type[GatewayError]) -> None:
    headers = [(b"content-type", f"multipart/form-data; boundary={BOUNDARY}".encode()), (name, value)]
    arriving = Arriving([b""])
    with pytest.raises(error):
        await read_body(headers, arriving, MOST)
    assert not arriving.taken


async def test_after_a_mistake_the_rest_is_read_so_that_the_client_sees_the_answer() -> None:
    pieces = [b"--x", *[part(text("a", "1"))] * (MAX_PARTS + 1), b"z" * 1000, b"z" * 1000]
    pieces[0] = b""
    arriving = Arriving(pieces)
    with pytest.raises(InvalidValue, match="parts"):
        await read_body([(b"content-type", f"multipart/form-data; boundary={BOUNDARY}".encode())], arriving, MOST)
    assert arriving.taken == len(pieces)


async def test_a_connection_that_closes_in_the_middle_is_no_request() -> None:
    async def closed() -> dict[str, str]:
        return {"type": "http.disconnect"}

    with pytest.raises(InvalidJson, match="closed"):
        await read_body([(b"content-type", f"multipart/form-data; boundary={BOUNDARY}".encode())], closed, MOST)


@pytest.mark.parametrize("media", ["text/plain", "multipart/mixed; boundary=x", "image/png"])
async def test_other_media_types_are_refused_and_told_what_works(media: str) -> None:
    with pytest.raises(UnsupportedMediaType, match="send multipart/form-data or application/json"):
        await read(b"{}", media)


async def test_json_is_read_as_ever() -> None:
    assert await read(b'{"prompt": "a fox"}', "application/json; charset=utf-8") == {"prompt": "a fox"}
    with pytest.raises(InvalidJson):
        await read(b"{", "application/json")
