"""What is repeated of a provider's words holds no key, no prompt and no picture."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from providers.errors import Kind
from providers.refusals import MAX_TEXT, kind_of_status, public_text, retry_after, texts_of

PROMPT = "a red fox jumps over the sleeping hound in the snow"


@pytest.mark.parametrize(
    ("said", "repeated"),
    [
        ("Invalid value: '1254x836'. Supported values are: '1024x1024'.", None),
        ("Incorrect API key provided: sk-proj-abcdef123456", "Incorrect API key provided: …"),
        ("bad key lmnfl_abc12345.secret99", "bad key …"),
        (f"flagged: {PROMPT!r}", "flagged: '…'"),
        ("flagged: 'over the sleeping hou…'", "flagged: '……'"),
        ("picture " + "iVBORw0KGgo" * 10, "picture …"),
        ("see data:image/png;base64,AAAA== here", "see … here"),
        ("two\nlines\x1b[31m", "two lines[31m"),
        (None, ""),
        ({"a": 1}, ""),
    ],
)
def test_public_text(said: object, repeated: str | None) -> None:
    assert public_text(said, hide=[PROMPT]) == (said if repeated is None else repeated)


def test_a_short_prompt_is_hidden_as_a_word() -> None:
    assert public_text("a cat concatenated", hide=["cat"]) == "a … concatenated"


def test_text_is_bounded() -> None:
    assert len(public_text("word " * 10_000)) == MAX_TEXT


@pytest.mark.parametrize("before", range(MAX_TEXT - len(PROMPT) - 4, MAX_TEXT + 4))
def test_an_echo_at_the_end_is_hidden(before: int) -> None:
    said = public_text("." * before + PROMPT + "!" * 50, hide=[PROMPT])
    assert len(said) <= MAX_TEXT
    assert set(said) <= set(".…!")


def test_what_hides_in_megabytes_is_not_looked_for() -> None:
    assert public_text("ab cd ef gx", hide=["ab cd ef gh " * 10_000]) == ""


def test_texts_of_a_payload() -> None:
    payload = {"prompt": "p", "n": 1, "loras": [{"path": "l"}], "x": {"y": ["z"]}}
    assert sorted(texts_of(payload)) == ["l", "p", "z"]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_retry_after_as_a_date_to_come() -> None:
    wish = retry_after({"retry-after": format_datetime(datetime.now(UTC) + timedelta(seconds=3000), usegmt=True)})
    assert wish is not None
    assert 2000 < wish <= 3000


@pytest.mark.parametrize("status", [500, 501, 502, 599])
def test_a_proxys_page_may_hide_a_picture_the_providers_own_word_does_not(status: int) -> None:
    assert kind_of_status(status, own_words=False) is Kind.LOST
    assert kind_of_status(status, own_words=True) is Kind.FAILED
