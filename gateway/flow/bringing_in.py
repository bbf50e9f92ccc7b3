"""What a call brought: its pictures taken in one by one, what it cost, and what that says of its provider."""

from gateway.flow.attempt import Attempt
from gateway.flow.cost import cost_of
from gateway.flow.deps import Deps
from gateway.flow.drawn import Drawn
from gateway.flow.finish import CannotFinish
from gateway.flow.intake import take_in
from gateway.flow.order import Order
from gateway.flow.record import SentCall
from gateway.flow.together import together
from gateway.flow.usage import add_usage
from normalizers.plan import Plan
from providers.base import Answer, Image
from providers.errors import Kind, ProviderError


async def bring_in(
    answer: Answer, sent: SentCall, order: Order, drawn: Drawn, at: Deps, *, plan: Plan, started: float
) -> None:
    """What its pictures are and cost is added to `drawn`. One that cannot be used takes none of the others with it.

    `started` is an instant of the routing's clock. The call is over when its pictures are safe.
    """
    images = answer.images[: len(sent.indexes)]
    cost = cost_of(answer, plan, len(images))
    drawn.charge(cost)
    drawn.usage = add_usage(drawn.usage, answer.extra.get("usage"))
    pairs = zip(images, sent.indexes, strict=False)
    if all(await together([take_one(image, index, order, drawn, at, plan=plan) for image, index in pairs])):
        order.reach.health(plan.offer).succeeded(plan.offer, started)
    else:
        order.reach.health(plan.offer).failed(plan.offer, Kind.BROKEN, started)
    made = sum(index in drawn.pictures for index in sent.indexes)
    order.record.ended(sent, "done", images=made, cost=cost)
    note(drawn, plan, "ok", made, at.routing.now() - started)


def note(drawn: Drawn, plan: Plan, outcome: str, images: int, seconds: float) -> None:
    drawn.attempts.append(Attempt(plan.offer.provider, outcome, images, round(seconds * 1000)))


async def take_one(image: Image, index: int, order: Order, drawn: Drawn, at: Deps, *, plan: Plan) -> bool:
    """False when what came speaks against the provider. A picture that came before the answer is there already."""
    if index in drawn.pictures:
        return True
    try:
        picture = await take_in(image, plan, plan.seed_for(index), order, at)
    except ProviderError as error:
        error.provider = error.provider or plan.offer.provider
        drawn.errors.append(error)
        return error.kind is not Kind.BROKEN or isinstance(error.__cause__, CannotFinish)
    drawn.pictures[index] = picture
    order.record.pictured(index, picture, plan)
    return True
