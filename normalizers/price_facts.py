"""What the price of a plan's pictures depends on, read from what the plan sends."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, cast

from normalizers.checks import is_type
from normalizers.draft import Draft
from normalizers.fit import Pixels
from normalizers.limits import fit_free
from normalizers.price import LEFT_OUT, Facts, exact, word
from normalizers.rules import ABSENT
from normalizers.source import pictures_in


def facts_of(draft: Draft, pixels: Pixels | None) -> Facts:
    """`pixels` is what the provider draws, where a size is sent.

    What the caller left out has the value that the provider gives it.
    """
    price = draft.offer.price
    prompt: object = draft.value("prompt") if price.tokens else None
    return Facts(
        pixels=pixels or kept(draft),
        steps=number(value_at(draft, "num_inference_steps")) if price.at_steps or price.per_step else None,
        sources=how_many(draft.value("image")),
        prompt=len(prompt.encode(errors="replace")) if isinstance(prompt, str) else 0,
        words={name: word_of(draft, name) for name in price.names},
    )


def kept(draft: Draft) -> Pixels | None:
    """What an edit draws that is sent no size: about its first picture's."""
    canvas = draft.offer.canvas
    source = next(iter(pictures_in(draft.value("image"))), None)
    if source is None or not canvas.keeps_source:
        return None
    return fit_free(source.pixels, canvas.limits) if canvas.kind == "free" else source.pixels


def word_of(draft: Draft, name: str) -> str:
    value = value_at(draft, name)
    return LEFT_OUT if value is ABSENT else word(value)


def value_at(draft: Draft, name: str) -> Any:
    """What goes out for a parameter, in the provider's own words; ABSENT where nothing does and no default is known."""
    rule = draft.offer.rules.get(name)
    if rule is None or not rule.works:
        return ABSENT
    for sent in (draft.payload, draft.aside):
        value = at(sent, rule.to)
        if value is not ABSENT:
            return value
    return rule.default


def at(payload: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    place: Any = payload
    for step in path:
        if not isinstance(place, Mapping) or step not in place:
            return ABSENT
        place = cast("Mapping[str, Any]", place)[step]
    return place


def number(value: object) -> Fraction | None:
    return exact(cast("float", value)) if is_type(value, "number") else None


def how_many(pictures: object) -> int:
    if pictures is None:
        return 0
    return len(cast("list[object]", pictures)) if isinstance(pictures, list) else 1
