"""One row of an offer's table becomes the rule of a parameter, if what it says fits the parameter's type."""

from typing import Any

from normalizers.checks import Check, Type, make_check, make_schema
from normalizers.convert import CONVERTERS, SPREAD, as_word
from normalizers.errors import TableError
from normalizers.offer import INT32
from normalizers.parameters import GATEWAY_FIELDS, PARAMETERS
from normalizers.rules import ABSENT, Rule
from normalizers.schema import Row


def make_rule(name: str, row: Row, path: str) -> Rule:
    """Raises TableError for what only the parameter's type can tell."""
    if name in GATEWAY_FIELDS:
        raise TableError(path, "is handled by the gateway alone and has no row")
    known = PARAMETERS.get(name)
    kind: Type = row.type or (known.type if known else "any")
    if wrong := unfit(name, kind, row):
        raise TableError(path, wrong)
    low, high = row.range or (INT32 if name == "seed" else (None, None))
    limits: dict[str, Any] = {
        "low": low,
        "high": high,
        "step": row.step,
        "words": row.enum,
        "max_length": row.max_length,
        "max_items": row.max_items,
    }
    limited = bool(row.type) or any(limit not in (None, []) for limit in limits.values())
    rule = Rule(
        how=row.how,
        to=(name,) if row.how == "passthrough" else tuple(filter(None, row.to.split("."))),
        sent_as=name if row.how == "passthrough" else row.to or None,
        check=make_check(kind, **limits) if limited and row.sends else None,
        convert=CONVERTERS.get(row.by),
        table=row.table,
        default=row.default,
        send=row.send,
        because=row.because,
        neutral=tuple(row.neutral),
        aside=row.aside,
        spread=row.by in SPREAD,
        schema={**(known.schema if known else {}), **make_schema(kind, **limits)},
    )
    for key, value in values_of(row, kind):
        checks: tuple[Check | None, ...] = (known.check if known else None, rule.check)
        if wrong := next((said for check in checks if check and (said := check(value))), None):
            raise TableError(f"{path}.{key}", f"{value!r} {wrong}")
    return rule


def values_of(row: Row, kind: Type) -> list[tuple[str, Any]]:
    """The values in our form that a row names, each of which must be a legal one; a lookup's words are legal ones."""
    values = [("enum", value) for value in row.enum]
    if row.by == "lookup":
        values += [("table", number_in(word) if kind in {"integer", "number"} else word) for word in row.table]
    if row.default is not ABSENT:
        values.append(("default", row.default))
    if row.send is not ABSENT and row.how != "converted":
        values.append(("send", row.send))
    return values


def number_in(word: str) -> Any:
    """The number that a lookup's word stands for; a word that stands for none is no legal value of a number."""
    try:
        return int(word) if word.isdecimal() else float(word)
    except ValueError:
        return word


def unfit(name: str, kind: Type, row: Row) -> str | None:
    """Limits that the type does not have, and a seed in another form than the number that is counted up."""
    limits = {"range": row.range, "step": row.step, "max_length": row.max_length, "max_items": row.max_items}
    for limit, kinds in LIMITED.items():
        if limits[limit] is not None and kind not in kinds:
            return f"`{limit}` is for {' and '.join(kinds)}, and this is {kind}"
    if row.by == "lookup" and row.default is not ABSENT and as_word(row.default) not in row.table:
        return f"the default {row.default!r} is not in the `table`"
    if name == "seed" and row.how == "converted":
        return "seeds are counted up, so they are sent as numbers"
    if name == "seed" and row.range and not all(isinstance(end, int) for end in row.range):
        return "`range` of a seed needs integers"
    return None


LIMITED: dict[str, tuple[Type, ...]] = {
    "range": ("integer", "number"),
    "step": ("integer", "number"),
    "max_length": ("string",),
    "max_items": ("array",),
}
