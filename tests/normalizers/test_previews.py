"""Previews of a picture that is still being drawn: who is asked for them, and what that does to the calls."""

from typing import Any

import pytest

from normalizers.rules import Decision
from tests.normalizers.offers import planned, row_of

WATCHED: dict[str, Any] = {"stream": True, "partial_images": 2}


def counts(body: dict[str, Any], offer: str) -> list[int]:
    return [len(call.indexes) for call in planned(body, offer).calls()]


@pytest.mark.parametrize("offer", ["openai/gpt-image-2", "local/sketch"])
def test_who_shows_previews_is_asked_for_them(offer: str) -> None:
    row = row_of(planned(WATCHED, offer), "partial_images")
    assert row == Decision("partial_images", "partial_images", "passthrough", 2, "partial_images", 2)


def test_who_shows_none_says_so() -> None:
    row = row_of(planned(WATCHED, "fal/qwen-image"), "partial_images")
    assert (row.behavior, row.sent_as, row.note) == (
        "emulated",
        None,
        "the provider shows no picture half done; its steps are told",
    )


@pytest.mark.parametrize("body", [{"stream": True}, {"stream": True, "partial_images": 0}, {"stream": False}])
def test_without_previews_nothing_changes(body: dict[str, Any]) -> None:
    asked = {**body, "n": 4}
    assert counts(asked, "openai/gpt-image-2") == [4]
    assert {row.behavior for row in planned(body, "openai/gpt-image-2").decisions if row.name in body} == {"emulated"}


def test_openai_streams_one_picture_a_call() -> None:
    made = planned({**WATCHED, "n": 3}, "openai/gpt-image-2")
    assert [call.payload["n"] for call in made.calls()] == [1, 1, 1]
    assert (row_of(made, "n").behavior, row_of(made, "n").sent) == ("emulated", [1, 1, 1])
    assert made.cost == planned({"n": 3}, "openai/gpt-image-2").cost
    assert made.fingerprint == planned({"n": 3}, "openai/gpt-image-2").fingerprint


def test_what_is_still_missing_is_split_likewise() -> None:
    made = planned({**WATCHED, "n": 4}, "openai/gpt-image-2")
    assert [call.indexes for call in made.calls([1, 3])] == [(1,), (3,)]


@pytest.mark.parametrize("offer", ["local/sketch", "fal/qwen-image"])
def test_others_draw_as_many_as_ever(offer: str) -> None:
    assert counts({**WATCHED, "n": 3}, offer) == counts({"n": 3}, offer) == [3]
