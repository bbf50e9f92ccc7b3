"""What a call cost, once its answer is here."""

from normalizers.plan import Plan
from normalizers.price import dollars
from providers.base import Answer


def cost_of(answer: Answer, plan: Plan, images: int) -> int | None:
    """What the provider says, else its billing units at the table's price, else the planned price; micro-dollars."""
    price = plan.offer.price
    if answer.cost is not None:
        return dollars(answer.cost)
    if answer.units is not None and price.published and (price.per_megapixel or price.per_image):
        return round(answer.units * (price.per_megapixel or price.per_image))
    return None if plan.price is None else plan.price * images
