"""What servers of another make call the fields of a call, and which values they take: `foreign.toml`, read once."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, cast

from pydantic import TypeAdapter

from normalizers.offer import Operation
from providers.base import Part
from providers.placing import holds_marker

_SIZE = re.compile(r"(\d{1,5})x(\d{1,5})")


@dataclass(frozen=True, slots=True)
class Row:
    """What a server makes of one field; `foreign.toml` says what each of these means."""

    to: str = ""
    range: tuple[float, float] | None = None
    sides: tuple[int, int] | None = None
    among: tuple[str, ...] = ()
    words: Mapping[str, str] = field(default_factory=dict[str, str])
    formats: tuple[str, ...] = ()
    because: str = ""
    neutral: tuple[Any, ...] = ()

    def takes(self, value: Any) -> bool:
        """Whether the value is one that the server takes."""
        if self.range is not None:
            return isinstance(value, (int, float)) and self.range[0] <= value <= self.range[1]
        if self.sides is not None:
            shape = _SIZE.fullmatch(value) if isinstance(value, str) else None
            return shape is not None and all(self.sides[0] <= int(side) <= self.sides[1] for side in shape.groups())
        if self.formats:
            parts = cast("list[object]", value) if isinstance(value, list) else [value]
            return all(isinstance(part, Part) and part.content_type in self.formats for part in parts)
        if self.words or self.among:
            return isinstance(value, str) and (value in self.words or value in self.among)
        return True


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one make of server is asked: `operations` has the route of each, `edit_fields` what those with pictures have
    otherwise. `seeded`: one that is sent no seed always draws the same; `in_prompt`: it reads what OpenAI's API has no
    field for out of the prompt.
    """

    name: str
    source: str
    checked: date
    health: str
    most: int
    names_model: bool
    fields: Mapping[str, Row]
    operations: Mapping[str, str]
    edit_fields: Mapping[str, Row]
    seeded: bool = False
    in_prompt: bool = False

    def row(self, name: str, operation: Operation) -> Row | None:
        own = self.edit_fields.get(name) if operation != "generate" else None
        return own or self.fields.get(name)

    def takes(self, name: str, value: Any, row: Row) -> bool:
        """Whether the field may go there: a prompt that would be read as parameters may not."""
        hidden = self.in_prompt and name == "prompt" and holds_marker(str(value))
        return not hidden and row.takes(value)


@cache
def dialects() -> Mapping[str, Dialect]:
    """By name."""
    document = tomllib.loads((Path(__file__).parent / "foreign.toml").read_text())
    rows = TypeAdapter(tuple[Dialect, ...]).validate_python(document["dialect"])
    return {row.name: row for row in rows}
