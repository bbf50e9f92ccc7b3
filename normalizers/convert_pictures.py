"""Converters of pictures: how many an offer takes, and in which convention its mask is."""

from collections.abc import Mapping
from typing import Any, cast

from normalizers.errors import CannotConvert
from normalizers.source import Prepare, Source

MASKS: dict[str, Prepare] = {"white": "mask_white", "black": "mask_black", "transparent": "mask_transparent"}


def picture(value: Any, table: Mapping[str, Any]) -> Source:
    """The caller's one picture."""
    found = pictures(value, {"max_items": 1, **table})
    return found[0]


def pictures(value: Any, table: Mapping[str, Any]) -> list[Source]:
    """The caller's pictures, at most `max_items` and at least `min_items` of them."""
    found = cast("list[Any]", value if isinstance(value, (list, tuple)) else [value])
    least, most = table.get("min_items", 1), table.get("max_items", len(found))
    if not least <= len(found) <= most:
        wanted = f"{least}" if least == most else f"{least} to {most}"
        raise CannotConvert(f"holds {len(found)} pictures; {wanted} can be taken")
    if not all(isinstance(source, Source) for source in found):
        raise CannotConvert("must be a picture; send it to /v1/images/edits")
    return list(found)


def mask(value: Any, table: Mapping[str, Any]) -> Source:
    """The caller's mask, to be repainted so that what is edited has the colour that the provider expects."""
    if not isinstance(value, Source):
        raise CannotConvert("must be a picture; send it to /v1/images/edits")
    return value.prepared(MASKS[table.get("edited", "transparent")])
