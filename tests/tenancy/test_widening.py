"""No key reaches further than the one that made it, whatever either says."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.store.bounds import Bounds
from gateway.tenancy.caller import Rights
from gateway.tenancy.widening import LIMITS, ROLES, Reach, covers, inherited, wider

# Few letters, so that names, patterns and parts of them meet.
NAMES = st.text("ab/", min_size=1, max_size=6)
PATTERN = st.text("ab/*", min_size=1, max_size=6)
PATTERNS = st.none() | st.lists(PATTERN, min_size=1, max_size=3).map(tuple)
LIMIT = st.none() | st.integers(1, 3)
BUDGETS = st.just((None, None)) | st.tuples(st.integers(0, 3), st.sampled_from(["day", "month", "total"]))


@st.composite
def reaches(draw: st.DrawFn) -> Reach:
    micros, period = draw(BUDGETS)
    limits: dict[str, Any] = {name: draw(LIMIT) for name in LIMITS}
    bounds = Bounds(draw(PATTERNS), draw(PATTERNS), **limits, budget_micros=micros, budget_period=period)
    return Reach(draw(st.sampled_from(ROLES)), draw(st.none() | st.integers(1, 3)), bounds)


def rights(reach: Reach) -> Rights:
    return Rights(reach.bounds.models, reach.bounds.providers)


def most(limit: float | None) -> float:
    return float("inf") if limit is None else limit


@given(maker=reaches(), wanted=reaches(), model=NAMES, provider=st.text("ab", min_size=1, max_size=3))
def test_what_is_not_wider_allows_nothing_that_the_maker_may_not(
    maker: Reach, wanted: Reach, model: str, provider: str
) -> None:
    if wider(wanted, maker):
        return
    assert not rights(wanted).allow(model, provider) or rights(maker).allow(model, provider)
    for name in LIMITS:
        assert most(getattr(wanted.bounds, name)) <= most(getattr(maker.bounds, name))
    assert most(wanted.bounds.budget_micros) <= most(maker.bounds.budget_micros)
    assert maker.bounds.budget_micros is None or wanted.bounds.budget_period == maker.bounds.budget_period
    assert most(wanted.expires) <= most(maker.expires)
    assert ROLES.index(wanted.role) <= ROLES.index(maker.role)


@given(mine=PATTERNS, its=PATTERNS, filled=st.text("ab/c", max_size=3))
def test_patterns_cover_what_they_say_they_cover(
    mine: tuple[str, ...] | None, its: tuple[str, ...] | None, filled: str
) -> None:
    """Each name that a covered pattern matches is matched: here with something in place of its stars."""
    if covers(mine, its) and its is not None:
        assert all(Rights(mine).allow(pattern.replace("*", filled), "none") for pattern in its)


@given(maker=reaches())
def test_who_says_nothing_gets_what_the_maker_has(maker: Reach) -> None:
    assert wider(Reach("user", maker.expires, inherited(maker)), maker) == ()
    assert wider(maker, maker) == ()


@given(maker=reaches(), wanted=reaches(), made=reaches())
def test_no_chain_of_makers_reaches_further_than_its_first(maker: Reach, wanted: Reach, made: Reach) -> None:
    if not wider(wanted, maker) and not wider(made, wanted):
        assert wider(made, maker) == ()


@pytest.mark.parametrize(
    ("mine", "its", "covered"),
    [
        (("flux-*",), ("flux-dev", "flux-*", "flux-2-*"), True),
        (("flux-*",), ("flux*",), False),
        (("flux-*",), ("*",), False),
        (("flux-*",), None, False),
        (None, ("*",), True),
        (("fal/*",), ("fal/qwen-image",), True),
        (("fal/*",), ("qwen-image",), False),
        (("a*c",), ("a*b*c",), True),
        (("a*b*c",), ("a*c",), False),
        (("flux-dev", "qwen-*"), ("qwen-image", "flux-dev"), True),
    ],
)
def test_a_list_within_a_list(mine: tuple[str, ...] | None, its: tuple[str, ...] | None, *, covered: bool) -> None:
    assert covers(mine, its) is covered


@pytest.mark.parametrize(
    ("field", "more"),
    [
        ("models", {"models": ("*",)}),
        ("providers", {"providers": None}),
        ("requests_per_minute", {"requests_per_minute": 61}),
        ("images_per_minute", {"images_per_minute": None}),
        ("megapixels_per_minute", {"megapixels_per_minute": 60.5}),
        ("max_concurrent_images", {"max_concurrent_images": 61}),
        ("budget_usd", {"budget_micros": 61}),
        ("budget_usd", {"budget_micros": None, "budget_period": None}),
        ("budget_period", {"budget_micros": 1, "budget_period": "day"}),
    ],
)
def test_the_field_that_is_wider_is_named(field: str, more: dict[str, Any]) -> None:
    bounds = Bounds(("flux-*",), ("fal",), 60, 60, 60.0, 60, 60, "month")
    maker = Reach("team_admin", 100.0, bounds)
    assert wider(replace(maker, bounds=replace(bounds, **more)), maker) == (field,)


def test_role_and_expiry_are_named() -> None:
    maker = Reach("team_admin", 100.0)
    assert wider(Reach("admin", None), maker) == ("role", "expires_at")
    assert wider(Reach("user", 101.0), maker) == ("expires_at",)
