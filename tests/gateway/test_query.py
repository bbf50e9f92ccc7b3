"""What stands behind the `?` is read, or refused with what would work."""

import pytest

from gateway.api.query import Query
from gateway.errors import InvalidValue


def query(text: str, *known: str) -> Query:
    return Query({"query_string": text.encode()}, *known)


def read(text: str, known: str) -> object:
    found = query(text, known)
    match known:
        case "wait":
            return found.whole("wait", 0, 600, otherwise=7)
        case "status":
            return found.words("status", ("queued", "running"))
        case "created_from":
            return found.moment("created_from")
        case _:
            return found.word(known)


def refused(text: str, known: str) -> InvalidValue:
    with pytest.raises(InvalidValue) as wrong:
        read(text, known)
    return wrong.value


@pytest.mark.parametrize(
    ("text", "known", "value"),
    [
        ("", "wait", 7),
        ("wait=0", "wait", 0),
        ("wait=600", "wait", 600),
        ("wait=007", "wait", 7),
        ("", "status", ()),
        ("status=queued", "status", ("queued",)),
        ("status=queued,running", "status", ("queued", "running")),
        ("status=queued&status=running", "status", ("queued", "running")),
        ("", "created_from", None),
        ("created_from=1795236842.5", "created_from", 1795236842.5),
        ("model=fal%2Fqwen-image", "model", "fal/qwen-image"),
        ("model=", "model", ""),
    ],
)
def test_what_is_understood(text: str, known: str, value: object) -> None:
    assert read(text, known) == value


@pytest.mark.parametrize("wait", ["-1", "1e9", "601", "1.5", "", "x", "٣", "1" * 400, " 1", "0x1", "nan", "wait=3"])
def test_a_wait_that_nobody_waits(wait: str) -> None:
    wrong = refused(f"wait={wait}", "wait")
    assert (wrong.status, wrong.code, wrong.param) == (400, "invalid_value", "wait")
    assert wrong.message == "wait: must be a whole number from 0 to 600, such as 30"


@pytest.mark.parametrize(
    ("text", "known", "message"),
    [
        ("wait=1&wait=2", "wait", "wait: is given 2 times; give it once"),
        ("status=queued,done", "status", "status: done is none of queued, running"),
        ("created_from=yesterday", "created_from", "created_from: must be Unix seconds, such as 1795236842"),
        ("created_from=-5", "created_from", "created_from: must be Unix seconds, such as 1795236842"),
        ("statsu=queued", "status", "statsu: is not known here; there is status"),
        ("&".join(f"x{number}=1" for number in range(101)), "status", "the address has more than 100 parameters"),
    ],
)
def test_what_is_refused(text: str, known: str, message: str) -> None:
    assert refused(text, known).message == message


def test_nothing_is_known_where_nothing_is_asked() -> None:
    with pytest.raises(InvalidValue, match="after: is not known here"):
        query("after=7")


def test_what_no_database_takes_in_a_text() -> None:
    assert "NUL" in refused("model=a%00b", "model").message
