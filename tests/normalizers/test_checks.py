"""What a value may be: steps, long enums, and fields that come after one another."""

from typing import Any

import pytest

from normalizers.checks import make_check, make_schema
from normalizers.errors import TableError
from tests.normalizers.offers import made_up, planned, refusal

WORDS = [f"DPM++ {number}M" for number in range(30)] + ["Euler", "Euler a"]


@pytest.mark.parametrize(("value", "step"), [(0.29, 0.01), (-3.99, 0.01), (0, 0.01), (7.5, 0.1), (96, 16), (1e9, 1)])
def test_a_multiple_of_a_step_passes_however_it_is_rounded(value: float, step: float) -> None:
    assert make_check("number", step=step)(value) is None


@pytest.mark.parametrize(
    ("value", "step", "near"), [(0.505, 0.01, "0.5"), (0.333, 0.01, "0.33"), (100, 16, "96"), (7.57, 0.1, "7.6")]
)
def test_what_is_between_two_steps_is_told_one_of_them(value: float, step: float, near: str) -> None:
    assert make_check("number", step=step)(value) == f"must be a multiple of {step}, such as {near}"
    assert make_schema("number", step=step)["multipleOf"] == step


def test_of_many_words_the_nearest_are_named() -> None:
    said = make_check("string", words=WORDS)("euler")
    assert said is not None
    assert said.startswith("must be one of Euler, Euler a, DPM++ 0M, ")
    assert said.endswith("and 12 others, which /v1/models lists")
    assert make_check("string", words=WORDS[:3])("x") == "must be one of DPM++ 0M, DPM++ 1M, DPM++ 2M"


def test_a_row_may_have_a_step() -> None:
    offer = made_up(params='strength = { how = "passthrough", range = [0, 1], step = 0.01 }')
    assert planned({"strength": 0.29}, offer).payload["strength"] == 0.29
    assert "such as 0.33" in refusal({"strength": 0.333}, offer).reason
    with pytest.raises(TableError, match="`step` is for integer and number"):
        made_up(params='user = { how = "passthrough", step = 2 }')


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        ({"start": 5, "end": 6}, None),
        ({"start": 5}, None),
        ({"end": 1}, None),
        ({"start": 5, "end": 5}, "end that must be greater than its start"),
        ({"weight": 0.005}, "must be a multiple of 0.01"),
    ],
)
def test_fields_within_an_object(value: dict[str, Any], wrong: str | None) -> None:
    table = '{ start = { type = "integer" }, end = { type = "integer", after = "start" }, weight = { step = 0.01 } }'
    row = f'extra = {{ how = "converted", to = "extra", by = "checked_object", type = "object", table = {table} }}'
    offer = made_up(params=row)
    if wrong is None:
        assert planned({"extra": value}, offer).payload["extra"] == value
    else:
        assert wrong in refusal({"extra": value}, offer).reason
