"""Random schedules of faults over several providers, and of requests that meet them."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hypothesis import strategies as st

from simulators.faults import Fault
from simulators.server import PROVIDERS

ROUTE = ("fal", "runware", "vllm-omni")  # a queue, a submission under an id of ours, a single exchange
POLICIES: dict[str, dict[str, Any]] = {
    "qwen-image": {"policy": "priority"},
    "flux-schnell": {"policy": "cheapest"},
    "flux-dev": {"policy": "fastest"},
    "qwen-image-2512": {"policy": "weighted", "weights": {"fal": 0, "runware": 2}},
}
ASKING = {"submit", "generate"}
STEPS = {
    "fal": ("submit", "status", "result", "download"),
    "runware": ("submit", "result", "download"),
    "vllm-omni": ("generate",),
}
# A status that comes after the job was taken is a proxy's: in the provider's own words it would be about the job.
PROXY = {"body": "upstream error"}
EFFECTS: list[dict[str, Any]] = [
    {"effect": "status", "status": 429, "headers": {"retry-after": "0"}},
    {"effect": "status", "status": 429, "headers": {"retry-after": "3600"}},
    {"effect": "status", "status": 500},
    {"effect": "status", "status": 502, **PROXY},
    {"effect": "status", "status": 503},
    {"effect": "status", "status": 401},
    {"effect": "html"},
    {"effect": "drop_before"},
    {"effect": "drop_after"},
    {"effect": "moderated"},
    {"effect": "nsfw"},
    {"effect": "failed"},
    {"effect": "empty"},
    {"effect": "wrong_size"},
    {"effect": "not_a_picture"},
]
# What is paid and cannot be delivered; with a seed a call is of one picture, so one strike loses no more.
LOSING = {"drop_after", "moderated", "nsfw", "empty", "not_a_picture"}
# A wish of an hour would hold a picture that is made until its deadline, and a refused key the ticket.
NOT_AFTER = (1, 5)
# What the providers themselves say of a job that they charge for: it is redrawn in good faith.
NOT_ON_RESULT = {"failed"}


def possible() -> list[dict[str, Any]]:
    """Every fault that its provider can show."""
    found: list[dict[str, Any]] = []
    for provider, steps in STEPS.items():
        for step in steps:
            for number, effect in enumerate(EFFECTS):
                asking = step in ASKING
                if not asking and (number in NOT_AFTER or (step == "result" and effect["effect"] in NOT_ON_RESULT)):
                    continue
                told = {"provider": provider, "on": step, **(effect if asking else {**PROXY, **effect})}
                if effect["effect"] != "status":
                    told.pop("body", None)
                try:
                    fault = Fault.model_validate(told)
                except ValueError:
                    continue
                if PROVIDERS[provider].objection(fault) is None:
                    found.append(told)
    return found


FAULTS = possible()


class Wave(NamedTuple):
    """Equal requests at once. `hang_up`: nobody waits for the answers."""

    copies: int
    hang_up: bool
    repeated: bool  # the same request as in the wave before, not a new one


@dataclass(frozen=True)
class Schedule:
    """What is asked, how often, and what goes wrong meanwhile. `forced` names a provider."""

    model: str
    n: int
    seed: int | None
    mix: bool | None
    cache: str | None
    forced: str | None
    waves: tuple[Wave, ...]
    faults: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    @property
    def shared(self) -> bool:
        """Whether equal requests at the same moment are drawn once; the gateway's own policy is `seeded`."""
        return self.cache == "always" or (self.cache is None and self.seed is not None)

    @property
    def completed(self) -> bool:
        """Whether the same request, sent again, draws only what is missing, whoever drew the rest."""
        one_hand = self.forced is not None or self.mix is True
        return one_hand and self.shared and self.seed is not None and all(wave.repeated for wave in self.waves)

    def body(self, prompt: str) -> dict[str, Any]:
        given = {"seed": self.seed, "mix_providers": self.mix, "cache": self.cache}
        model = f"{self.forced}/{self.model}" if self.forced else self.model
        asked = {"model": model, "prompt": prompt, "n": self.n, "size": "128x128"}
        return {**asked, **{name: value for name, value in given.items() if value is not None}}


def leading(provider: str, step: str, effect: str, status: int = 500) -> dict[str, Any]:
    """The fault of that name."""
    named = (provider, step, effect)
    found = [fault for fault in FAULTS if (fault["provider"], fault["on"], fault["effect"]) == named]
    return next(fault for fault in found if fault.get("status", 500) == status)


# Where a picture may be lost, paid twice, or sought elsewhere in vain: one of them strikes in each schedule.
LEADING = [
    leading("fal", "submit", "drop_after"),
    leading("fal", "submit", "moderated"),
    leading("fal", "submit", "status", 401),
    leading("fal", "result", "nsfw"),
    leading("fal", "download", "not_a_picture"),
    leading("runware", "submit", "drop_after"),
    leading("runware", "result", "not_a_picture"),
    leading("vllm-omni", "generate", "drop_after"),
    leading("vllm-omni", "generate", "status", 503),
    leading("vllm-omni", "generate", "empty"),
]


def others(fault: dict[str, Any]) -> bool:
    """Those that do not take seconds: a download, and a search for a lost task, are repeated with pauses."""
    searched = fault["provider"] == "runware" and fault["effect"] in {"html", "drop_before"}
    return not searched and not (fault["on"] == "download" and fault["effect"] in {"status", "html"})


def struck(fault: dict[str, Any], times: int) -> dict[str, Any]:
    return {**fault, "times": times}


@st.composite
def schedules(draw: st.DrawFn, first: dict[str, Any]) -> Schedule:
    """Most requests have a seed, so that what was made can be found again."""
    provider: str = first["provider"]
    wave = st.builds(
        Wave,
        copies=st.sampled_from([1, 1, 2, 3]),
        hang_up=st.sampled_from([False, False, True]),
        repeated=st.sampled_from([True, True, False]),
    )
    more = st.builds(struck, st.sampled_from([*filter(others, FAULTS)]), st.integers(1, 3))
    return Schedule(
        model=draw(st.sampled_from(list(POLICIES))),
        n=draw(st.integers(1, 5)),
        seed=draw(st.sampled_from([0, 41, 2**31 - 10, None])),
        mix=draw(st.sampled_from([None, True, False])),
        cache=draw(st.sampled_from([None, None, "always", "off"])),
        forced=draw(st.sampled_from([provider, None if provider == ROUTE[0] else provider, None])),
        waves=tuple(draw(st.lists(wave, min_size=1, max_size=2))),
        faults=[struck(first, draw(st.integers(1, 2))), *draw(st.lists(more, max_size=3))],
    )
