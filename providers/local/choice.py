"""Which worker draws a call: the one that will be done with it first, as far as can be said. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

LORA_SECONDS = 2.0  # what it takes, about, to load a LoRA that is not there
MODEL_SECONDS = 20.0  # or another model


@dataclass(frozen=True, slots=True)
class Chance:
    """What one worker has to offer. Seconds are those of its device: `busy` until it could begin, `seconds` the call's
    own, `loading` what has to be loaded first. `room` is for how many calls more; `idle` one is begun at once, with no
    other waiting there. `turns` is how many calls it has had.
    """

    worker: str
    busy: float
    seconds: float
    loading: float = 0.0
    room: int = 1
    idle: bool = True
    turns: int = 0


def best(chances: Iterable[Chance], *, waited_for: bool, avoid: Sequence[str] = ()) -> Chance | None:
    """None where nobody has room. What nobody waits for goes to a worker only that begins it at once.

    One of `avoid` is taken when there is no other.
    """
    open_to_it = [each for each in chances if each.room > 0 and (waited_for or each.idle)]
    preferred = [each for each in open_to_it if each.worker not in avoid]
    return min(
        preferred or open_to_it, key=lambda each: (each.busy + each.loading + each.seconds, each.turns), default=None
    )


def loading_seconds(*, loras_missing: int, model_missing: bool) -> float:
    return loras_missing * LORA_SECONDS + model_missing * MODEL_SECONDS


def predicted_wait(chances: Sequence[Chance], ahead: float) -> float | None:
    """Seconds until a call is begun, with so many seconds of others' calls before it; None where there is no worker.

    All of it is worked off by all workers side by side; with nobody ahead, one of them takes it as it is.
    """
    if not chances:
        return None
    least = min(each.busy for each in chances)
    if not ahead and any(each.idle and each.room > 0 for each in chances):
        return 0.0
    return max(least, (sum(each.busy for each in chances) + ahead) / len(chances))
