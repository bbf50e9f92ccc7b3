"""fal's schemas, written down once for the stand-in and once as our tables: each field has a row that says the same."""

from typing import Any

import pytest

from normalizers.offer import Offer
from normalizers.rules import ABSENT, Rule
from simulators.fal.endpoints import ENDPOINTS
from tests.normalizers.offers import OFFERS

FAL = [offer for offer in OFFERS.values() if offer.provider == "fal"]


def settled(offer: Offer) -> set[str]:
    """Fields that canvas, count and output fill, and those that no caller may set."""
    return {*offer.canvas.to, offer.output.to, offer.count.to, *offer.owned}


def sent(offer: Offer) -> dict[str, Rule]:
    return {rule.to[0]: rule for rule in offer.rules.values() if rule.works}


def default_of(rule: Rule) -> Any:
    """On the wire."""
    return rule.convert(rule.default, rule.table) if rule.convert else rule.default


@pytest.mark.parametrize("offer", FAL, ids=repr)
def test_every_field_has_a_row_with_its_range_and_default(offer: Offer) -> None:
    rules, fields = sent(offer), ENDPOINTS[offer.upstream].input.model_fields
    assert set(rules) <= set(fields)
    assert set(fields) - set(rules) <= settled(offer)
    for name, field in fields.items():
        rule = rules.get(name)
        if rule is None:
            continue
        limits = {key: getattr(limit, key) for limit in field.metadata for key in ("ge", "le") if hasattr(limit, key)}
        if limits:
            assert (rule.schema["minimum"], rule.schema["maximum"]) == (limits["ge"], limits["le"]), name
        if rule.default is not ABSENT and field.default is not None and rule.send is ABSENT:
            assert default_of(rule) == field.default, name


@pytest.mark.parametrize("offer", FAL, ids=repr)
def test_as_many_pictures_a_call_as_the_schema_allows(offer: Offer) -> None:
    field = ENDPOINTS[offer.upstream].input.model_fields.get(offer.count.to)
    most = [limit.le for limit in field.metadata if hasattr(limit, "le")] if field else [1]
    assert most == [offer.count.max]
