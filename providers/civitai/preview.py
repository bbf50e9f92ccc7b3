"""What a workflow would cost: `whatif` draws and charges nothing (Civitai docs, Payments, read 2026-11-21)."""

from typing import cast

from providers.amounts import amount
from providers.base import Call, Json, Money
from providers.civitai.explain import refusal
from providers.civitai.reply import MOST_BUZZ
from providers.http import Http


async def preview(http: Http, call: Call) -> Money:
    """Buzz for all pictures of the call, whether the account has them or not. Raises `ProviderError`.

    It goes without an `externalId`: a submission under the same one would be answered with the preview.
    """
    body = {"steps": [{"$type": "imageGen", "input": call.payload}]}
    answer = await http.post("/workflows?whatif=true", json=body)
    if answer.status >= 300:
        raise refusal(answer, call)
    cost = answer.json_object().get("cost")
    total = amount(cast("Json", cost).get("total"), MOST_BUZZ) if isinstance(cost, dict) else None
    if total is None:
        raise answer.broken("Civitai named no price")
    return Money(total, "BUZZ")
