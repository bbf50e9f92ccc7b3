"""From the caller's spellings to canonical parameters, for one offer.

A native field of the offer beats a spelling; two spellings of one thing with different values are an error; a field
that nobody knows goes where the offer's table says.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, cast

from normalizers.aliases import PAIR_MEANS, PAIRS, SPELLINGS, WORDS
from normalizers.asked import Asked, Known, check_name
from normalizers.canvas import read_size
from normalizers.errors import BadValue, Owned, Refused
from normalizers.offer import Offer
from normalizers.parameters import GATEWAY_FIELDS, PARAMETERS, STRUCTURED
from normalizers.rules import Decision


class Given(NamedTuple):
    """One parameter: its value, and every spelling under which it came, with what was asked under each."""

    value: Any
    spelled: tuple[tuple[str, Any], ...]

    @property
    def as_(self) -> str:
        """The first spelling: errors name it."""
        return self.spelled[0][0]


class Resolved(NamedTuple):
    """`open` are unknown fields that go to the provider as they are; `decided` are fields with nothing more to do."""

    given: dict[str, Given]
    open: dict[str, Any]
    decided: list[Decision]


def resolve(asked: Asked, offer: Offer, known: Known, *, strict: bool = False) -> Resolved:
    """Raises BadValue, Owned, and in strict mode Refused for fields that would be left out."""
    found = Resolved({}, {}, [])
    for field, value in asked.fields.items():
        if value is None:
            found.decided.append(Decision(field, field, "dropped", None, note="null is the same as leaving it out"))
        elif field in offer.rules or field in PARAMETERS:
            add(found.given, field, value, field)
        elif field in known.slugs:
            of_provider(found, field, value, offer, known, strict=strict)
        elif field in PAIRS:
            add(found.given, *pair(field, asked.fields), asked=value)
        else:
            other_spelling(found, field, value, offer, known, strict=strict)
    return found


def add(given: dict[str, Given], name: str, value: Any, field: str, *, asked: Any = None) -> None:
    """Remember a parameter; the same thing said twice with different values is the caller's mistake."""
    spelled = (field, value if asked is None else asked)
    words = WORDS.get(name)
    if words and isinstance(value, str):
        value = words.get(value, value)
    before = given.get(name)
    if before is None:
        given[name] = Given(value, (spelled,))
        return
    if not same(name, before, value, field):
        raise BadValue(
            field, f"says something else than {before.as_}, which is the same parameter; give one of the two"
        )
    # Of 30 and 30.0 the second is kept: it is the one that may be of the wrong type.
    kept = value if isinstance(value, float) else before.value
    given[name] = Given(kept, (*before.spelled, spelled))


def same(name: str, before: Given, value: Any, field: str) -> bool:
    """Equal as JSON, where `true` is not 1; sizes by what they mean, so that 1024x768 is width 1024 and height 768."""
    if before.value == value and isinstance(before.value, bool) == isinstance(value, bool):
        return True
    return name == "size" and read_size(before.value, before.as_).means == read_size(value, field).means


def pair(field: str, fields: Mapping[str, Any]) -> tuple[str, Any, str]:
    """Two fields that mean one parameter together: width and height, a LoRA's weights and scale."""
    first, second = PAIRS[field]
    name = PAIR_MEANS[first, second]
    if fields.get(first) is None or (fields.get(second) is None and name == "size"):
        missing = first if fields.get(first) is None else second
        raise BadValue(field, f"goes together with {missing}; give both, or {name}")
    if name == "size":
        return name, {"width": fields[first], "height": fields[second]}, field
    scale = fields.get(second)
    return name, [{"path": fields[first], "scale": 1 if scale is None else scale}], field


def other_spelling(
    found: Resolved, field: str, value: Any, offer: Offer, known: Known, *, strict: bool, given_as: str = ""
) -> None:
    """A native wire name, a spelling of ours, a field of another offer, or one that nobody knows."""
    shown = given_as or field
    if (name := offer.native.get(field)) is not None:
        read = SPELLINGS[field].read if field in SPELLINGS and field not in offer.rules else None
        add(found.given, name, read(value) if read else value, shown, asked=value)
    elif spelling := SPELLINGS.get(field):
        name = next((name for name in spelling.names if honours(offer, name)), spelling.names[0])
        add(found.given, name, spelling.read(value) if spelling.read else value, shown, asked=value)
    elif field in offer.owned:
        raise owned(shown, field)
    elif field in known.fields and not (given_as and offer.unknown == "open"):
        found.decided.append(left_out(shown, value, who_knows(known.fields[field], offer), strict=strict))
    else:
        unknown_field(found, shown, field, value, offer, strict=strict)


def who_knows(providers: Iterable[str], offer: Offer) -> str:
    others = [f"another model of {name}" if name == offer.provider else name for name in providers]
    return f"only {', '.join(others)} knows it"


OWNED_INSTEAD = {
    "model": "name it at the top level",
    "num_images": "use n",
    "n": "give it at the top level",
}


def owned(shown: str, field: str) -> Owned:
    instead = OWNED_INSTEAD.get(field, "leave it out")
    return Owned(shown, f"is set by the gateway itself and cannot be sent; {instead}")


def honours(offer: Offer, name: str) -> bool:
    rule = offer.rules.get(name)
    return name in STRUCTURED or (rule is not None and rule.works)


def left_out(field: str, value: Any, because: str, *, strict: bool) -> Decision:
    if strict:
        raise forbidden_loss(field, because)
    return Decision(field, field, "dropped", value, note=because)


def forbidden_loss(field: str, because: str) -> Refused:
    """Strict mode: what would be left out is an error."""
    return Refused(field, f"would be left out ({because}), which X-Easel-Strict forbids; leave it out")


def unknown_field(found: Resolved, shown: str, field: str, value: Any, offer: Offer, *, strict: bool) -> None:
    match offer.unknown:
        case "open":
            if field in found.open:
                raise BadValue(shown, f"is given at the top level and for {offer.provider}; give one of the two")
            found.open[field] = value
            path = ".".join((*offer.open_at, field))
            note = "unknown to the gateway; sent on unchecked"
            found.decided.append(Decision(field, shown, "passthrough", value, path, value, note))
        case "ignored":
            because = f"nobody knows it, and {offer.provider} ignores unknown fields"
            found.decided.append(left_out(shown, value, because, strict=strict))
        case "rejected":
            raise Refused(shown, f"is unknown, and {offer.provider} rejects unknown fields; leave it out")


def of_provider(found: Resolved, slug: str, value: Any, offer: Offer, known: Known, *, strict: bool) -> None:
    """`{"fal": {…}}`: a provider's own fields, used only when it serves."""
    if not isinstance(value, dict):
        raise BadValue(slug, f"must be an object of {slug}'s own fields")
    if slug != offer.provider:
        found.decided.append(Decision(slug, slug, "dropped", value, note=f"used only when {slug} serves"))
        return
    found.decided.append(Decision(slug, slug, "passthrough", value, None, value, "its fields have rows of their own"))
    for field, inner in cast("dict[str, Any]", value).items():
        check_name(field, slug)
        shown = f"{slug}.{field}"
        if field in offer.owned or field == "model":
            raise owned(shown, field)
        if inner is None:
            continue
        if field in GATEWAY_FIELDS:
            raise BadValue(shown, "is the gateway's; give it at the top level")
        if field in offer.rules or field in PARAMETERS:
            add(found.given, field, inner, shown)
        else:
            other_spelling(found, field, inner, offer, known, strict=strict, given_as=shown)
