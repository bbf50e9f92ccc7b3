"""What happens to one parameter on one offer, in six words.

passthrough   it is sent as it is
renamed       it is sent under another name
converted     it is sent in another form
emulated      the gateway does it around the call
dropped       it has no effect on the picture there; left out, with a reason
refused       without it the picture would be another one; an error
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from normalizers.checks import Check
from normalizers.convert import Converter

How = Literal["passthrough", "renamed", "converted", "emulated", "dropped", "refused"]


class Absent:
    """No value at all, which is not the same as null."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = Absent()


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of an offer's table.

    `to` is the path of the wire field (empty when nothing is sent) and `sent_as` the same in one word, `default` what
    the provider does when the field is absent, `send` what the gateway sends then, `neutral` the values of a dropped
    or refused parameter that ask for nothing special; `aside` marks a field that does not change the picture; `spread`
    a conversion into several fields, named together in `sent_as`; `schema` is the JSON Schema of a legal value.
    """

    how: How
    to: tuple[str, ...] = ()
    sent_as: str | None = None
    check: Check | None = None
    convert: Converter | None = None
    table: Mapping[str, Any] = field(default_factory=dict[str, Any])
    default: Any = ABSENT
    send: Any = ABSENT
    because: str = ""
    neutral: tuple[Any, ...] = ()
    aside: bool = False
    spread: bool = False
    schema: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def works(self) -> bool:
        """The offer does something about this parameter."""
        return self.how not in {"dropped", "refused"}


class Decision(NamedTuple):
    """What happened to one field of the request; the rows of `metadata.parameters`."""

    name: str
    given_as: str
    behavior: How
    asked: Any
    sent_as: str | None = None
    sent: Any = None
    note: str | None = None


class Default(NamedTuple):
    """What became of a parameter that the caller left out; the rows of `metadata.defaults`."""

    name: str
    sent_as: str | None
    value: Any
    source: Literal["gateway", "provider"]


def how_sent(given_as: str, asked: Any, sent_as: str | None, sent: Any) -> How:
    """Seen from the caller: the same value in the same field, the same value in another, or another form."""
    if asked != sent or type(asked) is not type(sent):
        return "converted"
    same = given_as == sent_as or given_as.rpartition(".")[2] == (sent_as or "").rpartition(".")[2]
    return "passthrough" if same else "renamed"
