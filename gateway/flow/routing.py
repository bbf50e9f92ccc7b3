"""In which order the candidates of a request are asked, and what is remembered of their providers for that."""

import random
import time
from collections.abc import Callable, Mapping, Sequence

from gateway.flow.drawn import Found
from gateway.flow.health import Health
from gateway.flow.latency import Latencies
from gateway.flow.places import Places
from gateway.flow.retries import RetryBudget
from gateway.settings_tables import Route
from normalizers.offer import Offer
from normalizers.plan import Plan
from providers.registry import ProviderSettings

PRIORITY = Route()
UNBOUNDED = 1_000_000  # calls


class Routing:
    """What one process knows about its providers. Chance comes from `chance`, moments from `clock` (monotonic)."""

    def __init__(
        self,
        routes: Mapping[str, Route],
        places: Mapping[str, int] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        chance: random.Random | None = None,
    ) -> None:
        self._routes = routes
        self.chance = chance or random.Random()  # noqa: S311 - spreads load, guards nothing
        self.clock = clock
        self.health = Health(self.now)
        self.retries = RetryBudget(self.now)
        self.latencies = Latencies(self.now)
        self.places = Places(places or {})

    def now(self) -> float:
        """A moment as `health` means it: when a call began, say."""
        return self.clock()

    def in_order(self, model: str, candidates: Sequence[Found]) -> list[Found]:
        """By the model's policy; who may be asked at all is `health`'s to say. Candidates come in route order."""
        route = self._routes.get(model, PRIORITY)
        if len(candidates) == 1 or route.policy == "priority":
            return list(candidates)
        match route.policy:
            case "cheapest":
                return sorted(candidates, key=lambda each: price_of(each.plan, len(each.missing)))
            case "fastest":
                return self._fastest(candidates)
            case "weighted":
                return sorted(candidates, key=lambda each: self._moment(weight_of(route, each.plan)))

    def expected(
        self, model: str, plans: Sequence[Plan], health_of: Callable[[Offer], Health] | None = None
    ) -> list[Plan]:
        """The order that a request would meet now, those in trouble last; `weighted` by falling weight.

        `health_of` is the health of the accounts that it would use; ours without it.
        """
        route = self._routes.get(model, PRIORITY)

        def of(offer: Offer) -> Health:
            return self.health if health_of is None else health_of(offer)

        def wish(plan: Plan) -> tuple[float, float]:
            match route.policy:
                case "priority":
                    return 0, 0
                case "cheapest":
                    return price_of(plan, plan.n)
                case "fastest":
                    return self._speed(plan)
                case "weighted":
                    return 0, -weight_of(route, plan)

        healthy = [plan for plan in plans if of(plan.offer).trouble(plan.offer) is None]
        rest = [plan for plan in plans if plan not in healthy]
        return sorted(healthy, key=wish) + sorted(rest, key=lambda plan: of(plan.offer).badness(plan.offer))

    def forget(self) -> None:
        """Start anew, as after a start of the process."""
        self.health.forget()
        self.retries.forget()
        self.latencies.forget()

    def _fastest(self, candidates: Sequence[Found]) -> list[Found]:
        """Those of which nothing is known first, but only one request at a time tries each of them."""
        ordered = sorted(candidates, key=lambda each: self._speed(each.plan))
        first = ordered[0].plan.offer
        if self.latencies.unexplored(first):
            self.latencies.explore(first)
        return ordered

    def _speed(self, plan: Plan) -> tuple[int, float]:
        median = self.latencies.median(plan.offer)
        if median is not None:
            return 1, median
        return (0 if self.latencies.unexplored(plan.offer) else 2), 0.0

    def _moment(self, weight: float) -> float:
        """When a clock that strikes `weight` times a second first strikes: the earliest is each in turn as often as
        its weight says, and so is the next one among the rest.
        """
        return self.chance.expovariate(weight) if weight > 0 else float("inf")


def price_of(plan: Plan, pictures: int) -> tuple[bool, int]:
    """Sorts by price in micro-dollars, unknown ones last."""
    return plan.price is None, 0 if plan.price is None else plan.price * pictures


def weight_of(route: Route, plan: Plan) -> float:
    return route.weights.get(plan.offer.provider, 1.0)


def places_of(providers: Mapping[str, ProviderSettings]) -> dict[str, int]:
    """Calls at once by provider. Local workers have a line of their own, in which nobody is before his turn."""
    return {
        name: UNBOUNDED if provider.kind == "local" else provider.max_concurrency
        for name, provider in providers.items()
    }
