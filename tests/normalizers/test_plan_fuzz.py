"""Whatever JSON comes, reading and planning end in a plan or in an error of ours that names a parameter."""

import math
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from normalizers.aliases import PAIRS, SPELLINGS
from normalizers.asked import Options, read_asked
from normalizers.errors import BadValue, Owned, Refused
from normalizers.offer import Offer
from normalizers.parameters import PARAMETERS
from normalizers.plan import plan
from tests.normalizers.offers import ALL_OFFERS, CATALOG

NAMES = [*PARAMETERS, *SPELLINGS, *PAIRS, *CATALOG.known.slugs, *CATALOG.known.fields, "num_images", "fal_webhook", "x"]
text = st.text(st.characters(), max_size=8) | st.sampled_from(["", "\0", "\ud800", "1024x768", "16:9", "1K", "auto"])
numbers = (
    st.integers()
    | st.integers(-5, 50)
    | st.floats()
    | st.sampled_from([10**400, -(10**30), 2**63, 2**64, math.nan, math.inf, -0.0, 1e308])
)
scalars = st.none() | st.booleans() | numbers | text
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(text | st.sampled_from(NAMES), inner, max_size=3)
        | st.fixed_dictionaries({"path": inner, "scale": inner})
        | st.fixed_dictionaries({"width": inner, "height": inner})
    ),
    max_leaves=6,
)
bodies = st.dictionaries(st.sampled_from(NAMES) | text, values, max_size=6)


def expect_plan_or_error(body: Any, offer: Offer, *, strict: bool) -> None:
    try:
        made = plan(read_asked(body), offer, Options(strict=strict), CATALOG.known)
    except (BadValue, Refused, Owned) as error:
        assert error.param
        assert error.reason
        f"{error}".encode()  # it can be sent: no half surrogate of the caller's comes back
        assert len(str(error)) < 1000
        return
    calls = made.calls()
    assert [index for call in calls for index in call.indexes] == list(range(made.n))
    orjson.dumps([call.payload for call in calls])
    orjson.dumps([row._asdict() for row in made.decisions])
    orjson.dumps([row._asdict() for row in made.defaults])
    assert repr(made)


@given(bodies, st.sampled_from(ALL_OFFERS), st.booleans())
@example({"size": {"width": 10**400, "height": 1}}, ALL_OFFERS[1], False)
@example({"resolution": 10**400}, ALL_OFFERS[1], False)
@example({"fal": {"loras": [{"path": "a", "scale": 10**400}]}}, ALL_OFFERS[1], False)
def test_bodies_with_a_prompt(body: dict[str, Any], offer: Offer, strict: bool) -> None:
    expect_plan_or_error({"model": "m", "prompt": "a fox", **body}, offer, strict=strict)


@given(values | bodies, st.sampled_from(ALL_OFFERS))
def test_any_json_at_all(body: Any, offer: Offer) -> None:
    expect_plan_or_error(body, offer, strict=False)


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("name", ["x", "loras", "image", "size", "fal", "control_nets", "svg"])
def test_a_deep_nest_is_an_error_and_no_recursion(name: str) -> None:
    with pytest.raises(BadValue) as wrong:
        read_asked({"model": "m", "prompt": "a fox", name: nested(100_000)})
    assert wrong.value.param == name


def test_thirty_levels_are_fine() -> None:
    expect_plan_or_error({"model": "m", "prompt": "a fox", "x": nested(30)}, ALL_OFFERS[1], strict=False)
    assert read_asked({"model": "m", "prompt": "a fox", "x": nested(30)}).fields["x"] == nested(30)
