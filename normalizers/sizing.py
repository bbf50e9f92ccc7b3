"""The step that turns size, aspect_ratio and resolution into what the offer draws."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from normalizers.canvas import Shape, combine, read_ratio, read_size, read_tier
from normalizers.checks import is_type
from normalizers.draft import Draft, put_at
from normalizers.errors import Refused
from normalizers.fit import Canvas, Fitted, Pixels, fit, knows
from normalizers.rules import ABSENT, Default
from normalizers.source import pictures_in

EDGES = ("top", "right", "bottom", "left")
SIZE_PARAMETERS = ("size", "aspect_ratio", "resolution")


def choose_size(draft: Draft) -> tuple[Fitted, Pixels | None]:
    """What will be drawn, and the exact pixels that the gateway has to crop and resize to, if any."""
    canvas = canvas_of(draft)
    parts = {name: read_part(draft, name) for name in SIZE_PARAMETERS}
    shape = combine(parts["size"], parts["aspect_ratio"], parts["resolution"])
    if not knows(shape, canvas):
        raise Refused(
            draft.given["size"].as_, f"{shape.name} is no size of {draft.offer.id}; give one such as 1024x1024"
        )
    if shape.open and canvas.keeps_source and canvas.auto is None:
        draft.defaults.append(Default("size", None, "as the first picture", "provider"))
        return Fitted(None, ()), None
    if shape.open and canvas.default is None:
        return Fitted(None, ()), None
    wanted = Shape(auto=canvas.keeps_source, pixels=None if canvas.keeps_source else canvas.default)
    fitted = fit(wanted if shape.open else shape, canvas)
    if any(added_edges(draft).values()) and fitted.pixels != canvas.default:
        raise not_extended(draft, canvas, fitted)
    for wire, value in fitted.wire:
        put_at(draft.payload, wire, value)
    sent_as = "+".join(wire for wire, _value in fitted.wire) or None
    sent = fitted.wire[0][1] if len(fitted.wire) == 1 else dict(fitted.wire) or None
    if shape.open:
        draft.defaults.append(Default("size", sent_as, sent, "gateway"))
        return fitted, None
    exact = shape.pixels if fitted.snapped and draft.value("size_fit") == "exact" else None
    decide_size(draft, parts, fitted, (sent_as, sent), exact)
    return fitted, exact


def canvas_of(draft: Draft) -> Canvas:
    """The offer's, for an edit with the size of its first picture, scaled up where that is asked, as the default."""
    canvas = draft.offer.canvas
    source = next(iter(pictures_in(draft.value("image"))), None)
    if source is None:
        return canvas
    rule = draft.offer.rules["scale_factor"]
    usual = rule.default if rule.works and rule.default is not ABSENT else 1
    factor = (draft.value("scale_factor") if rule.works else None) or usual
    width, height = (round(side * factor) for side in source.pixels)
    added = added_edges(draft)
    width, height = width + added["left"] + added["right"], height + added["top"] + added["bottom"]
    return replace(canvas, default=(width, height), keeps_source=canvas.keeps_source or canvas.kind == "source")


def scale_factor(draft: Draft) -> float:
    """The asked one, else the offer's own; 1 where nothing is scaled up."""
    rule = draft.offer.rules["scale_factor"]
    usual = next((value for value in (rule.send, rule.default) if isinstance(value, (int, float))), 1)
    return (draft.value("scale_factor") or usual) if rule.works else 1


def added_edges(draft: Draft) -> dict[str, int]:
    """What outpainting adds on each side, in pixels."""
    given: dict[str, Any] = (draft.value("outpaint") or {}) if draft.offer.rules["outpaint"].works else {}
    return {edge: given[edge] if is_type(given.get(edge), "integer") else 0 for edge in EDGES}


def not_extended(draft: Draft, canvas: Canvas, fitted: Fitted) -> Refused:
    """Outpainting draws the very size of the picture and what is added to it, or another picture."""
    (width, height), (wide, high) = canvas.default or (0, 0), fitted.pixels or (0, 0)
    said = f"makes the picture {width}x{height}, and {draft.offer.id} would draw {wide}x{high}"
    return Refused(draft.given["outpaint"].as_, f"{said}; leave size out and add as much as makes a size that it takes")


def read_part(draft: Draft, name: str) -> Shape | None:
    entry = draft.given.get(name)
    if entry is None:
        return None
    read = {"size": read_size, "aspect_ratio": read_ratio, "resolution": read_tier}[name]
    return read(entry.value, entry.as_)


def decide_size(
    draft: Draft,
    parts: Mapping[str, Shape | None],
    fitted: Fitted,
    wire: tuple[str | None, Any],
    exact: Pixels | None,
) -> None:
    """A row each for size, aspect_ratio and resolution: used, or ignored beside a size that decides alone."""
    note = fitted.note
    if exact and fitted.pixels:
        drawn = f"{fitted.pixels[0]}x{fitted.pixels[1]}"
        note = f"drawn at {drawn}, then cropped and resized to {exact[0]}x{exact[1]}"
    for name, part in parts.items():
        if part is None:
            continue
        size = parts["size"]
        if name != "size" and size is not None and size.alone:
            ignore(draft, name, part)
            continue
        if fitted.snapped and draft.options.strict and not exact:
            raise Refused(draft.given[name].as_, f"cannot be met exactly at {draft.offer.id}; {note}")
        if wire[0] is None:
            draft.decide(name, "converted", note=note)
        else:
            draft.sent(name, *wire, note=note)


def ignore(draft: Draft, name: str, part: Shape) -> None:
    """A shape or scale beside a size that decides alone; `auto` asks for nothing, so it is no loss."""
    because = "size decides shape and scale"
    if part.auto:
        draft.decide(name, "dropped", note=because)
    else:
        draft.drop(name, because)
