"""How long the plan of one request takes: ten parameters, an offer of fal's table, one core, no server.

The gateway plans inside its event loop, once for every offer of a model, so this time is every other request's too.
"""

import statistics
import time

from bench.scenarios import Figures
from normalizers.asked import Asked, Options
from normalizers.offer import Offer
from normalizers.plan import plan
from normalizers.tables import read_models
from providers.registry import HERE, ProviderSettings, offers_of

CALLS = 500
ROUNDS_PER_REPEAT = 7


def measure(repeats: int) -> Figures:
    """Microseconds for one plan: the median and the least over the rounds of `CALLS` different requests each."""
    offer = _offer()
    requests = [_ten_parameters(number) for number in range(CALLS)]
    options = Options(keep=False)
    rounds = [_microseconds(requests, offer, options) for _ in range(repeats * ROUNDS_PER_REPEAT)]
    figures = Figures("plan(request, offer)")
    figures.put("µs for ten parameters", "gateway", statistics.median(rounds))
    figures.put("µs for ten parameters, least", "gateway", min(rounds))
    return figures


def _microseconds(requests: list[Asked], offer: Offer, options: Options) -> float:
    began = time.perf_counter()
    for request in requests:
        plan(request, offer, options)
    return 1e6 * (time.perf_counter() - began) / len(requests)


def _offer() -> Offer:
    models = read_models((HERE / "models.toml").read_bytes(), "providers/models.toml")
    offers = offers_of(ProviderSettings("fal", "fal"), models)
    return next(offer for offer in offers if offer.model == "qwen-image" and offer.operation == "generate")


def _ten_parameters(number: int) -> Asked:
    """Sizes, seeds and prompts differ, so that nothing remembered from the last call answers this one."""
    return Asked(
        "qwen-image",
        {
            "prompt": f"a lighthouse at dusk, oil on canvas, study {number}",
            "negative_prompt": "people",
            "n": 2,
            "size": f"{1024 + number}x768",
            "seed": number,
            "num_inference_steps": 28,
            "cfg_scale": 4.0,
            "output_format": "jpeg",
            "response_format": "b64_json",
            "user": "ada",
        },
    )
