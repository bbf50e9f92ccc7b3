"""A plan in the making: what the caller gave, and the six words applied to it one parameter after the other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from normalizers.asked import Options
from normalizers.convert_messages import JOINED, join_messages
from normalizers.errors import BadValue, CannotConvert, Refused
from normalizers.offer import Offer
from normalizers.parameters import GATEWAY_FIELDS, PARAMETERS
from normalizers.resolve import Given, forbidden_loss
from normalizers.rules import Decision, Default, How, Rule, how_sent
from normalizers.source import Source, pictures_in, with_pictures

PICTURED = frozenset({"image", "mask", "markup", "control_nets"})


@dataclass(slots=True)
class Draft:
    """A plan in the making: one step after the other adds its part."""

    offer: Offer
    options: Options
    given: dict[str, Given]
    payload: dict[str, Any]
    aside: dict[str, Any] = field(default_factory=dict[str, Any])
    decided: dict[str, Decision] = field(default_factory=dict[str, Decision])
    defaults: list[Default] = field(default_factory=list[Default])
    wire: dict[str, tuple[str, Any]] = field(default_factory=dict[str, tuple[str, Any]])

    def value(self, name: str) -> Any:
        """What the caller gave, or None."""
        entry = self.given.get(name)
        return None if entry is None else entry.value

    def decide(
        self, name: str, behavior: How, sent_as: str | None = None, sent: Any = None, note: str | None = None
    ) -> None:
        """One row for each spelling under which the parameter came."""
        for given_as, asked in self.given[name].spelled:
            self.decided[given_as] = Decision(name, given_as, behavior, asked, sent_as, sent, note)

    def sent(self, name: str, sent_as: str | None, sent: Any, note: str | None = None) -> None:
        """It goes out: as it is, renamed or converted, told apart for each spelling under which it came."""
        for given_as, asked in self.given[name].spelled:
            how = how_sent(given_as, asked, sent_as, sent)
            self.decided[given_as] = Decision(name, given_as, how, asked, sent_as, sent, note)

    def drop(self, name: str, because: str) -> None:
        """Left out; in strict mode that is an error, so call it only for values that ask for something."""
        if self.options.strict:
            raise forbidden_loss(self.given[name].as_, because)
        self.decide(name, "dropped", note=because)


def one_parameter(draft: Draft, name: str, entry: Given) -> None:
    """Check what any provider would want, then apply the offer's row."""
    parameter = PARAMETERS.get(name)
    if parameter and (wrong := parameter.check(entry.value)):
        raise BadValue(entry.as_, wrong)
    rule = draft.offer.rules.get(name)
    if rule is not None:
        if name == "prompt":
            check_marker(draft.offer, entry)
        apply_rule(draft, name, entry, rule)
    elif name in GATEWAY_FIELDS and name != "response_format":
        draft.decide(name, "emulated")


def check_marker(offer: Offer, entry: Given) -> None:
    """Some servers read settings out of the prompt's text: a caller must not reach them that way."""
    for marker in offer.forbidden_in_prompt:
        if marker in entry.value:
            raise Refused(entry.as_, f"holds {marker}, which {offer.provider} would read as settings; leave it out")


def apply_rule(draft: Draft, name: str, entry: Given, rule: Rule) -> None:
    """One of the six words."""
    value = entry.value
    match rule.how:
        case "passthrough" | "renamed" | "converted":
            check_range(draft.offer, entry, rule)
            if name == "seed":
                return  # each call has its own: see count_and_seed
            sent = value if rule.convert is None else converted(draft.offer, entry, rule)
            note = None
            if name in PICTURED:
                sent = readable_pictures(draft, entry, sent)
                note = told_of(sent)
            send(draft, entry, rule, sent)
            draft.sent(name, rule.sent_as, sent, note)
        case "emulated":
            draft.decide(name, "emulated")
        case "dropped":
            if value == rule.default or value in rule.neutral:
                draft.decide(name, "dropped", note=rule.because)
            else:
                draft.drop(name, rule.because)
        case "refused":
            if value not in rule.neutral:
                raise Refused(entry.as_, f"cannot be honoured by {draft.offer.id}: {rule.because}")
            draft.decide(name, "dropped", note="asks for nothing that the provider does not do anyway")


def send(draft: Draft, entry: Given, rule: Rule, sent: Any) -> None:
    """Into the payload; where several parameters make up one message, each adds its part to it."""
    for path, part in wire_fields(rule, sent):
        if rule.convert in JOINED:
            put(draft.payload, path, join_messages(value_at(draft.payload, path) or [], part))
            continue
        claim(draft, entry, ".".join(path), part)
        put(draft.aside if rule.aside else draft.payload, path, part)


def wire_fields(rule: Rule, sent: Any) -> list[tuple[tuple[str, ...], Any]]:
    """Where a value goes: to the rule's field, or to each of those that a conversion names."""
    if not rule.spread:
        return [(rule.to, sent)]
    return [((*rule.to[:-1], name), part) for name, part in sent.items()]


def claim(draft: Draft, entry: Given, field: str, sent: Any) -> None:
    """Two parameters may share a wire field (OpenAI's moderation and our safety), but not with different values."""
    before = draft.wire.setdefault(field, (entry.as_, sent))
    if before[0] != entry.as_ and before[1] != sent:
        raise BadValue(entry.as_, f"says something else than {before[0]}; both are {field} there, give one of the two")


def check_range(offer: Offer, entry: Given, rule: Rule) -> None:
    if rule.check and (wrong := rule.check(entry.value)):
        raise Refused(entry.as_, f"{wrong} at {offer.id}")


def converted(offer: Offer, entry: Given, rule: Rule) -> Any:
    assert rule.convert is not None  # noqa: S101 - the caller has looked
    try:
        return rule.convert(entry.value, rule.table)
    except CannotConvert as wrong:
        raise Refused(entry.as_, f"{wrong} at {offer.id}") from wrong


def readable_pictures(draft: Draft, entry: Given, sent: Any) -> Any:
    """With pictures in a format that the offer reads. Raises Refused for one that it does not take."""
    offer = draft.offer
    forms: dict[Source, Source] = {}
    for source in pictures_in(sent):
        if wrong := offer.sources.unfit(source):
            raise Refused(entry.as_, f"{wrong} at {offer.id}")
        forms[source] = offer.sources.readable(source)
        if draft.options.strict and source.alpha and forms[source].prepare == "opaque":
            raise Refused(entry.as_, f"may be transparent, which {offer.id} does not take; send one without alpha")
    return with_pictures(sent, forms)


def told_of(sent: Any) -> str | None:
    """What is done to pictures that shows in them."""
    laid = any(source.alpha and source.prepare == "opaque" for source in pictures_in(sent))
    return "transparency is laid on white: the provider takes none" if laid else None


def value_at(payload: Mapping[str, Any], path: Sequence[str]) -> Any:
    """A wire field by its path, or None."""
    value: Any = payload
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    return value  # pyright: ignore[reportUnknownVariableType]


def put_at(payload: dict[str, Any], field: str, value: Any) -> None:
    """Set a wire field by its dotted name: `input.seed` is a field of the object `input`."""
    if "." in field:
        put(payload, field.split("."), value)
    else:
        payload[field] = value


def put(payload: dict[str, Any], path: Sequence[str], value: Any) -> None:
    """Set a wire field by its path: `("input", "seed")`."""
    for step in path[:-1]:
        inner = payload.get(step)
        payload[step] = payload = dict(inner) if isinstance(inner, dict) else {}  # pyright: ignore[reportUnknownArgumentType]
    payload[path[-1]] = value
