"""What stands behind the `?` of an address. Whatever is wrong there is an InvalidValue that says what would work."""

import re
from urllib.parse import parse_qsl

from starlette.types import Scope

from gateway.errors import InvalidValue

WHOLE = re.compile(r"[0-9]{1,15}")
MOMENT = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?")
MOST_FIELDS = 100


class Query:
    """The fields of `known`; any other is a mistake, which a filter that is left out in silence would hide."""

    def __init__(self, scope: Scope, *known: str) -> None:
        self._fields: dict[str, list[str]] = {}
        try:
            given = parse_qsl(
                scope["query_string"].decode("ascii", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS
            )
        except ValueError:
            raise InvalidValue(f"the address has more than {MOST_FIELDS} parameters") from None
        for name, value in given:
            if name not in known:
                told = f"is not known here; there is {', '.join(known)}" if known else "is not known here"
                raise InvalidValue(f"{name[:100]}: {told}", param=name[:100])
            if "\0" in value:  # which Postgres takes in no text
                raise InvalidValue(f"{name}: holds a NUL character; send text without it", param=name)
            self._fields.setdefault(name, []).append(value)

    def word(self, name: str) -> str | None:
        """The one value; None where it is absent."""
        values = self._fields.get(name, [])
        if len(values) > 1:
            raise InvalidValue(f"{name}: is given {len(values)} times; give it once", param=name)
        return values[0] if values else None

    def words(self, name: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
        """Several, given one by one or with commas between them."""
        given = [word for value in self._fields.get(name, []) for word in value.split(",") if word]
        if wrong := [word for word in given if word not in allowed]:
            raise InvalidValue(f"{name}: {wrong[0][:100]} is none of {', '.join(allowed)}", param=name)
        return tuple(given)

    def whole(self, name: str, least: int, most: int, *, otherwise: int) -> int:
        """A whole number within bounds."""
        word = self.word(name)
        if word is None:
            return otherwise
        if not WHOLE.fullmatch(word) or not least <= int(word) <= most:
            told = f"must be a whole number from {least} to {most}, such as {max(least, min(most, 30))}"
            raise InvalidValue(f"{name}: {told}", param=name)
        return int(word)

    def moment(self, name: str) -> float | None:
        """Unix seconds."""
        word = self.word(name)
        if word is not None and not MOMENT.fullmatch(word):
            raise InvalidValue(f"{name}: must be Unix seconds, such as 1795236842", param=name)
        return None if word is None else float(word)
