"""What came, held against what was planned: another size or format is told, counted and, in strict mode, an error.

Only what the plan knows is compared: a provider that chooses the size itself cannot differ from it.
"""

from typing import Any

from gateway.errors import NotAsPlanned
from gateway.flow.deliver import url_of
from gateway.flow.deps import Deps
from gateway.flow.drawn import Drawn
from gateway.flow.order import Order
from gateway.flow.picture import Picture
from gateway.store.records import Difference
from normalizers.fit import Pixels
from normalizers.plan import Plan


def differences(picture: Picture, came: Pixels | None, plan: Plan) -> tuple[Difference, ...]:
    """Empty for a picture that is as planned; `came` is its size in pixels before anything was done to it here."""
    return tuple(filter(None, (in_size(came, plan), in_format(picture, plan))))


def in_size(came: Pixels | None, plan: Plan) -> Difference | None:
    if came is None or plan.drawn is None or came == plan.drawn:
        return None
    return Difference("size", written(plan.drawn), written(came))


def in_format(picture: Picture, plan: Plan) -> Difference | None:
    """Of a picture that nobody here has seen only the ending of its URL says the format, which is no evidence."""
    planned = plan.finishing.format if plan.finishing else plan.offer.output.default
    if not picture.measured or picture.format == planned:
        return None
    return Difference("format", planned, picture.format)


def written(pixels: Pixels) -> str:
    return f"{pixels[0]}x{pixels[1]}"


def rows_of(drawn: Drawn) -> list[dict[str, Any]]:
    """`metadata.differences`."""
    return [
        {"index": index, **difference._asdict()}
        for index, picture in sorted(drawn.pictures.items())
        for difference in picture.differences
    ]


def hold_to_plan(order: Order, drawn: Drawn, at: Deps) -> None:
    """In strict mode. Raises NotAsPlanned, which hands over what is stored: it is paid and cannot be drawn better."""
    rows = rows_of(drawn)
    if not order.options.strict or not rows:
        return
    told = "; ".join(
        f"picture {row['index']} has the {row['what']} {row['got']} instead of {row['planned']}" for row in rows
    )
    kept = [url_of(picture, order, at) for _index, picture in sorted(drawn.pictures.items())]
    raise NotAsPlanned(
        f"{drawn.plan.offer.provider} drew something else than planned: {told}. What was drawn is paid and not drawn "
        "again; without X-Easel-Strict it is delivered",
        urls=[url for url in kept if url is not None],
        cost=drawn.cost,
    )
