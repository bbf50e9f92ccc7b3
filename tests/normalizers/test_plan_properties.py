"""What holds for every plan, whatever is asked of whichever offer."""

import itertools
import random
from collections.abc import Mapping
from typing import Any, get_args

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from normalizers.errors import NormalizerError
from normalizers.offer import Offer
from normalizers.plan import Plan
from normalizers.rules import How
from tests.normalizers.offers import ALL_OFFERS, GENERATE, OFFERS, planned, sent_at, with_picture

SIX_WORDS = get_args(How)

# Mostly legal values, so that most bodies become a plan; a few that only some offers take.
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "n": st.integers(1, 10),
    "seed": st.integers(0, 2**32 - 1) | st.just(2**31 - 2),
    "size": st.sampled_from(["1024x768", "16:9", "2K", "auto", "640*480", "1x14142", "3000x1000"])
    | st.builds("{}x{}".format, st.integers(1, 14_142), st.integers(1, 14_142)),
    "aspect_ratio": st.sampled_from(["16:9", "7:1", "1:1", "auto", "4:3"]),
    "resolution": st.sampled_from(["1K", "4k", 512, 0.25, "auto"]),
    "num_inference_steps": st.integers(1, 60),
    "cfg_scale": st.floats(0, 25),
    "guidance": st.floats(0, 25),
    "negative_prompt": st.sampled_from(["", " ", "blur"]),
    "output_format": st.sampled_from(["png", "jpeg", "jpg", "webp", "avif", "gif"]),
    "output_compression": st.integers(0, 100),
    "response_format": st.sampled_from(["url", "b64_json", "both", "base64"]),
    "size_fit": st.sampled_from(["nearest", "exact"]),
    "quality": st.sampled_from(["auto", "low", "high", "hd", "xhigh"]),
    "acceleration": st.sampled_from(["none", "regular", "high"]),
    "safety": st.sampled_from(["on", "off"]),
    "background": st.sampled_from(["auto", "opaque"]),
    "user": st.text(st.characters(codec="ascii", exclude_characters="\0"), max_size=5),
    "use_turbo": st.booleans(),
    "cache": st.sampled_from(["seeded", "always", "off"]),
    "fal": st.fixed_dictionaries({}, optional={"sync_mode": st.booleans(), "odd": st.integers(0, 9)}),
}
bodies = st.fixed_dictionaries({}, optional=VALUES).flatmap(lambda body: st.permutations(list(body.items())).map(dict))
offers = st.sampled_from(ALL_OFFERS)


def planned_or_skipped(body: dict[str, Any], offer: Offer) -> Plan:
    try:
        return planned(body, offer)
    except NormalizerError:
        assume(False)
        raise


@given(bodies, offers)
def test_every_parameter_has_one_decision_in_the_callers_order(body: dict[str, Any], offer: Offer) -> None:
    made = planned_or_skipped(body, offer)
    rows = [row for row in made.decisions if "." not in row.given_as]
    assert [row.given_as for row in rows] == ["prompt", *body]
    assert len({row.given_as for row in made.decisions}) == len(made.decisions)
    for row in made.decisions:
        assert row.behavior in SIX_WORDS
        assert row.behavior != "refused"
    for row in rows:
        assert row.asked == ({"prompt": "a fox"} | body)[row.given_as]
        assert row.behavior not in {"dropped"} or (row.sent_as is None and row.note)


@given(bodies, offers)
def test_no_call_holds_a_value_outside_the_offers_range(body: dict[str, Any], offer: Offer) -> None:
    made = planned_or_skipped(body, offer)
    for call in made.calls():
        for name, rule in offer.rules.items():
            value = sent_at(call.payload, ".".join(rule.to)) if rule.to else None
            if value is None:
                continue
            schema = rule.schema
            if rule.how in {"passthrough", "renamed"}:
                assert not rule.check or rule.check(value) is None
                assert schema.get("minimum", value) <= value <= schema.get("maximum", value), name
            elif rule.table:
                assert value in rule.table.values(), name
        if offer.count.to:
            assert sent_at(call.payload, offer.count.to) == len(call.indexes) <= offer.count.max
        if call.seed is not None:
            assert offer.seed_range[0] <= call.seed <= offer.seed_range[1]
            assert sent_at(call.payload, ".".join(offer.rules["seed"].to)) == call.seed
        if offer.output.to:
            words = [offer.output.words.get(known, known) for known in offer.output.native]
            assert sent_at(call.payload, offer.output.to) in words
        assert_legal_size(call.payload, offer)


def assert_legal_size(payload: Mapping[str, Any], offer: Offer) -> None:
    """Read back from the wire."""
    canvas = offer.canvas
    value = sent_at(payload, canvas.to[0]) if canvas.to else None
    if value is None or value == canvas.auto:
        return
    if canvas.kind == "ratios":
        assert value in canvas.ratios
        assert all(payload[field] in canvas.tiers for field in canvas.to[1:])
        return
    if canvas.form == "fields":
        pixels = (value, payload[canvas.to[1]])
    elif isinstance(value, dict):
        pixels = (value["width"], value["height"])  # pyright: ignore[reportUnknownVariableType]
    elif value in canvas.names:
        pixels = canvas.names[value]
    else:
        width, _, height = value.replace("*", "x").partition("x")
        pixels = (int(width), int(height))
    if canvas.kind == "pixels":
        assert pixels in canvas.pixels
    else:
        assert canvas.limits.legal(*pixels)  # pyright: ignore[reportUnknownArgumentType]


@given(bodies, offers, st.data())
def test_a_subset_of_the_pictures_is_covered_once_whatever_the_split(
    body: dict[str, Any], offer: Offer, data: st.DataObject
) -> None:
    made = planned_or_skipped(body, offer)
    wanted = sorted(data.draw(st.sets(st.integers(0, made.n - 1))))
    calls = made.calls(wanted)
    assert [index for call in calls for index in call.indexes] == wanted
    for call in calls:
        assert 1 <= len(call.indexes) <= offer.count.max
        if made.seed is None:
            assert call.seed is None
            continue
        # What the provider draws with: counting up within a batch is the only thing a batch is used for.
        assert len(call.indexes) == 1 or offer.count.seeds == "increments"
        for place, index in enumerate(call.indexes):
            assert call.seed is not None
            assert call.seed + place == made.seed_for(index)
            assert call.seed + place <= offer.seed_range[1]


@given(bodies, offers, st.randoms())
def test_planning_twice_gives_the_same_and_key_order_does_not_matter(
    body: dict[str, Any], offer: Offer, shuffle: random.Random
) -> None:
    made = planned_or_skipped(body, offer)
    assert planned(body, offer) == made
    items = list(body.items())
    shuffle.shuffle(items)
    other = planned(dict(items), offer)
    assert other.fingerprint == made.fingerprint
    assert other.calls() == made.calls()
    assert sorted(map(repr, other.decisions)) == sorted(map(repr, made.decisions))


@pytest.mark.parametrize("offer", [*GENERATE])
@pytest.mark.parametrize(
    "field", [("n", 3), ("seed", 77), ("user", "ada"), ("safety_identifier", "x"), ("cache", "off")]
)
def test_what_does_not_change_the_picture_does_not_change_the_fingerprint(offer: str, field: tuple[str, Any]) -> None:
    assert planned(dict([field]), offer).fingerprint == planned({}, offer).fingerprint


CHANGES: list[dict[str, Any]] = [
    {},
    {"prompt": "a wolf"},
    {"negative_prompt": "blur"},
    {"size": "1024x768"},
    {"size": "auto"},
    {"num_inference_steps": 12},
    {"cfg_scale": 7},
    {"acceleration": "high"},
    {"safety": "off"},
    {"output_format": "jpeg"},
    {"output_format": "webp"},
    {"output_format": "jpeg", "output_compression": 50},
    {"output_format": "jpeg", "output_compression": 60},
    {"loras": [{"path": "a"}]},
    {"loras": [{"path": "a", "scale": 2}]},
    {"odd": 1},
    {"odd": "1"},
    {"odd": True},
    {"odd": [1, 2]},
    {"odd": [2, 1]},
]


def test_what_changes_the_picture_changes_the_fingerprint() -> None:
    prints = [planned(body, "fal/qwen-image").fingerprint for body in CHANGES]
    assert len(set(prints)) == len(prints)
    assert all(len(print_) == 32 for print_ in prints)


def test_offers_do_not_share_fingerprints() -> None:
    prints = [planned(with_picture(offer), offer).fingerprint for offer in OFFERS.values()]
    assert len(set(prints)) == len(prints)


def test_a_call_can_be_changed_without_changing_the_next() -> None:
    first, second = planned({"n": 2, "seed": 5}, "fal/qwen-image").calls()
    first.payload["prompt"] = "changed"
    assert second.payload["prompt"] == "a fox"


def test_seeds_are_counted_up_modulo_the_offers_range() -> None:
    made = planned({"n": 4, "seed": 2**32 - 2}, "fal/qwen-image")
    assert [call.payload["seed"] for call in made.calls()] == [2**32 - 2, 2**32 - 1, 0, 1]
    sketch = planned({"n": 4, "seed": 2**32 - 2}, "local/sketch")
    assert [(call.indexes, call.payload["seed"], call.payload["n"]) for call in sketch.calls()] == [
        ((0, 1), 2**32 - 2, 2),
        ((2, 3), 0, 2),
    ]


def test_every_pair_of_keys_in_any_order() -> None:
    """The rows of neighbours do not depend on who comes first."""
    pairs = [("steps", 20), ("size", "16:9"), ("n", 3), ("seed", 4), ("fal", {"use_turbo": True}), ("odd", None)]
    prints = {planned(dict(order), "fal/qwen-image").fingerprint for order in itertools.permutations(pairs)}
    assert len(prints) == 1
