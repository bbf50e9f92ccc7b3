"""Whether it is worth while to read a request's pictures: what nobody can serve whatever they show is told at once."""

from gateway.flow.candidates import Exclusion, consider_one
from gateway.flow.deps import Deps
from gateway.flow.order import Order
from normalizers.aliases import PAIRS, SPELLINGS

# A refusal of these may rest on a picture's size or format.
SEEN = frozenset(
    {
        "image",
        "mask",
        "markup",
        "control_nets",
        "size",
        "aspect_ratio",
        "resolution",
        "outpaint",
        "mask_margin",
        "scale_factor",
    }
)


def is_hopeless(order: Order, at: Deps) -> bool:
    """Whether no offer can serve it, of which the pictures are stand-ins. Raises what no offer could mend."""
    considered = [consider_one(order, offer, at) for offer in order.found.offers]
    return all(isinstance(entry, Exclusion) and not rests_on_pictures(entry) for entry in considered)


def rests_on_pictures(excluded: Exclusion) -> bool:
    if excluded.param is None:
        return False
    name = excluded.param.rpartition(".")[2]
    meant = SPELLINGS[name].names if name in SPELLINGS else (name,)
    return name in PAIRS or excluded.offer.native.get(name) in SEEN or not SEEN.isdisjoint(meant)
