"""What is known and what was drawn of the n pictures of a request, and the story of the calls that brought them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.errors import InvalidValue, RateLimited
from gateway.flow.attempt import Attempt
from gateway.flow.cost import NOTHING, Cost, CostBasis
from gateway.flow.order import Order
from gateway.flow.picture import Picture
from gateway.flow.usage import Usage
from normalizers.plan import Plan
from normalizers.rules import Decision
from providers.errors import Kind, ProviderError


def outcome_of(error: ProviderError) -> str:
    """For an attempt; nobody knows whether a call whose answer was lost was paid."""
    return "unknown" if error.kind is Kind.LOST else error.kind.value


@dataclass(frozen=True, slots=True)
class Found:
    """Pictures by their place among the n, and the plan whose they are."""

    plan: Plan
    pictures: Mapping[int, Picture]

    @property
    def whole(self) -> bool:
        return len(self.pictures) == self.plan.n

    @property
    def missing(self) -> list[int]:
        return [index for index in range(self.plan.n) if index not in self.pictures]


@dataclass(slots=True)
class Drawn:
    """`pictures` by their place among the n; `charges` add up what the calls cost; `no_room` says why candidates were
    passed over for their providers' limits.
    """

    plan: Plan
    pictures: dict[int, Picture] = field(default_factory=dict[int, Picture])
    attempts: list[Attempt] = field(default_factory=list[Attempt])
    errors: list[ProviderError] = field(default_factory=list[ProviderError])
    no_room: list[RateLimited | InvalidValue] = field(default_factory=list[RateLimited | InvalidValue])
    charges: Cost = NOTHING
    usage: Usage | None = None

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """The plan's; that about `n` says so where some of the pictures are another offer's."""
        others = Counter(each.provider for each in self.pictures.values() if each.offer != self.plan.offer.id)
        if not others:
            return self.plan.decisions
        told = ", ".join(f"{count} of {self.plan.n} pictures from {provider}" for provider, count in others.items())
        return tuple(
            row._replace(note=f"{row.note}; {told}" if row.note else told) if row.name == "n" else row
            for row in self.plan.decisions
        )

    @property
    def cost(self) -> int | None:
        """In micro-dollars; None as soon as one call's is unknown."""
        return self.charges.micros

    @property
    def cost_basis(self) -> CostBasis:
        return self.charges.basis

    def charge(self, cost: Cost) -> None:
        self.charges = self.charges.plus(cost)


def mixes(order: Order) -> bool:
    """Whether the pictures of one answer may come from several providers from the start."""
    return order.asked.fields.get("mix_providers") is True


def may_be_completed_elsewhere(order: Order) -> bool:
    """Whether a failover may draw what is missing beside what was made. Only an explicit `false` forbids it.

    Drawing all of them anew there would pay twice for those that were made.
    """
    return order.asked.fields.get("mix_providers") is not False
